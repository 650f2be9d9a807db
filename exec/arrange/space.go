package arrange

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/tarndb/tarn/storage/state"
)

// Options of a Space.
type Options struct {
	Store  *state.Store // nil: memory only (one-shot queries)
	Budget *Budget      // nil: unbounded
	Parts  int          // a power of two; default 64
	// EpochTime gives the logical time of an epoch, µs; nondecreasing, safe for
	// concurrent use. It decides when history expires; nil: never.
	EpochTime func(epoch uint64) int64
	// Stop, if not nil, is called at each step of a checkpoint; an error from it
	// ends the checkpoint there (crash tests).
	Stop func(step string) error

	// PackVersions: how many versions of a table go into packs; 0 = packVersions
	PackVersions int

	heap       bool  // rows on the Go heap, where the race detector sees them
	sliceBytes int64 // when a slice of history is full; 0 = sliceBytes
}

// Space is a set of arrangements under one budget and one checkpoint.
type Space struct {
	opts  Options
	store *state.Store
	pool  *pool
	shift uint8

	epoch uint64        // of the writes in progress
	gen   uint32        // generation of rows that change now
	ckpt  atomic.Uint64 // epoch of the store's checkpoint, as far as this Space knows

	mu      sync.Mutex // the set of arrangements, pins
	byID    map[uint64]*arrangement
	dropped []uint64
	cold    []*arrangement // tables that are being read in
	closing []*arrangement // dropped while a checkpoint was reading them
	flight  *Frozen
	pins    map[uint64]int    // history: epoch → holders
	expired map[uint64]uint64 // retention class → first kept bucket

	sliceMu sync.Mutex
	slices  map[uint64][]state.Slice // retention class → slices in the store
	sliced  map[uint64]int64         // retention class → bytes in its newest slice

	scanMu sync.Mutex
	scans  map[uint64]struct{}
	pinned atomic.Int32  // scans in progress
	pinSeq atomic.Uint64 // numbers scans
	// turn is held for reading while a scan takes its picture of memory and store,
	// and for writing while a checkpoint enters the store and leaves memory.
	turn    sync.RWMutex
	loads   atomic.Int64           // ns: time spent on reading rows of tables
	starved atomic.Bool            // over budget and nothing clean
	written atomic.Pointer[Frozen] // a checkpoint that is to be settled
}

type kind uint8

const (
	kindTable kind = iota
	kindMulti
	kindOrdered
)

// arrangement is what the three kinds share.
type arrangement struct {
	s       *Space
	id      uint64
	kind    kind
	header  uintptr
	tracked bool // changes are listed, for checkpoints or for scans
	history bool
	retain  retention
	known   bool // the store has nothing of it
	err     error
	parts   []atomic.Pointer[part]
	count   atomic.Int64
	frozenN int64 // count as of the last Freeze
	warm    warmth
	filters atomic.Pointer[[]*packFilter] // of its packs, oldest first
}

// NewSpace returns an empty Space, or one over what opts.Store holds.
func NewSpace(opts Options) *Space {
	if opts.Parts == 0 {
		opts.Parts = 64
	}
	if opts.sliceBytes == 0 {
		opts.sliceBytes = sliceBytes
	}
	if opts.PackVersions == 0 {
		opts.PackVersions = packVersions
	}
	return &Space{
		opts: opts, store: opts.Store, gen: 1,
		pool:  &pool{budget: opts.Budget, hard: opts.Store == nil, heap: opts.heap},
		shift: uint8(bits.Len(uint(opts.Parts)) - 1),
		byID:  map[uint64]*arrangement{}, pins: map[uint64]int{},
		scans: map[uint64]struct{}{}, expired: map[uint64]uint64{},
		slices: map[uint64][]state.Slice{}, sliced: map[uint64]int64{},
	}
}

// Parts is the number of parts.
func (s *Space) Parts() int { return s.opts.Parts }

// Part returns the part of a hash.
func (s *Space) Part(hash uint64) int { return int(hash >> 1 >> (63 - s.shift)) }

// Begin starts an epoch: all writes until the next Begin belong to it. Epochs ascend.
func (s *Space) Begin(epoch uint64) {
	s.settle()
	s.epoch = epoch
	s.warmUp()
	if s.store != nil && s.opts.Budget.over() {
		s.evictAll()
	}
}

func (s *Space) open(id uint64, k kind, o TableOptions) *arrangement {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.byID[id]; a != nil {
		return a
	}
	a := &arrangement{
		s: s, id: id, kind: k, header: rowHeader, known: true,
		tracked: s.store != nil, parts: make([]atomic.Pointer[part], s.opts.Parts),
	}
	if k == kindTable && o.History == HistoryKeep {
		a.history, a.tracked, a.header = true, true, rowHeaderHist
		a.retain = retentionOf(o.RetainMicros)
	}
	if s.store != nil {
		a.openStore()
	}
	s.byID[id] = a
	return a
}

// openStore learns what the store has of the arrangement.
func (a *arrangement) openStore() {
	start := a.storeStart()
	empty, err := a.s.store.Empty(start)
	if err != nil {
		a.err = err
	}
	a.known = empty
	read := func(key []byte) (n, epoch uint64) {
		v, ok, err := a.s.store.Get(key, nil)
		if err != nil {
			a.err = err
		}
		if !ok || len(v) != 16 {
			return 0, 0
		}
		return binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])
	}
	n, epoch := read(state.CountKey(nil, a.id))
	a.count.Store(int64(n))
	if epoch > a.s.ckpt.Load() {
		a.s.ckpt.Store(epoch)
	}
	if a.history {
		if _, seen := a.s.expired[a.retain.class]; !seen {
			a.s.expired[a.retain.class], _ = read(state.ExpiredKey(nil, a.retain.class))
			if err := a.s.findSlices(a.retain); err != nil {
				a.err = err
			}
		}
		// What was deleted entirely may still have history.
		a.known = a.known && epoch == 0
	}
}

func (a *arrangement) storeStart() []byte {
	switch a.kind {
	case kindMulti:
		return state.MultiStart(nil, a.id)
	case kindOrdered:
		return state.OrderedStart(nil, a.id)
	}
	return state.RowKey(nil, a.id, nil)
}

// part returns part i, made on first use: most parts of most arrangements of a
// small database never have a row.
func (a *arrangement) part(i int) *part {
	if p := a.parts[i].Load(); p != nil {
		return p
	}
	s := a.s
	p := &part{shift: s.shift, header: a.header, complete: a.known, mem: arena{pool: s.pool}}
	p.histFloor = s.ckpt.Load()
	p.slots.hashOf = func(r uintptr) uint64 { return p.h(Hash(rowKey(r, p.header))) }
	if a.kind == kindOrdered {
		p.ord = &orderedPart{}
	}
	if !a.parts[i].CompareAndSwap(nil, p) {
		return a.parts[i].Load()
	}
	return p
}

func (a *arrangement) each(fn func(p *part)) {
	for i := range a.parts {
		if p := a.parts[i].Load(); p != nil {
			fn(p)
		}
	}
}

// all returns the arrangements by id.
func (s *Space) all() []*arrangement {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*arrangement, 0, len(s.byID))
	for _, a := range s.byID {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out
}

// inFlight reports that a checkpoint may still read what is frozen. Only called
// where Freeze and settle cannot run.
func (s *Space) inFlight() bool { return s.flight != nil }

// Drop removes an arrangement, in memory now, in the store with the next
// checkpoint. No scan of it may be in progress.
func (s *Space) Drop(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byID[id]
	if a == nil {
		return
	}
	delete(s.byID, id)
	if s.store != nil {
		s.dropped = append(s.dropped, id)
	}
	if s.flight != nil {
		s.closing = append(s.closing, a)
		return
	}
	a.close()
}

func (a *arrangement) close() {
	a.each(func(p *part) {
		p.lock.Lock()
		p.slots.close(a.s.pool)
		p.entries.close(a.s.pool)
		p.mem.close()
		if p.ord != nil {
			p.ord.close(a.s)
		}
		for _, l := range [...]versionLog{p.log, p.frozenLog} {
			for _, c := range l.chunks {
				a.s.pool.releaseLog(c)
			}
		}
		for _, b := range p.limbo {
			if b.class == classLog {
				a.s.pool.releaseLog(b.addr)
			}
		}
		p.log, p.frozenLog = versionLog{}, versionLog{}
		p.dirty, p.frozen, p.retired, p.limbo = nil, nil, nil, nil
		p.lock.Unlock()
	})
}

// Budget is what the space takes its memory from, nil if it is unbounded.
func (s *Space) Budget() *Budget { return s.opts.Budget }

// NeedCheckpoint reports that memory is over the budget and only a checkpoint
// can relieve it.
func (s *Space) NeedCheckpoint() bool { return s.starved.Load() && s.opts.Budget.over() }

// Bytes is the memory held by the Space.
func (s *Space) Bytes() int64 { return s.pool.mapped.Load() }

// Pin holds back the history that a read at epoch e needs, until release is called.
func (s *Space) Pin(e uint64) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pins[e]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pins[e]--; s.pins[e] <= 0 {
			delete(s.pins, e)
		}
	}
}

// startScan keeps blocks that are freed from now on readable until endScan.
func (s *Space) startScan() uint64 {
	s.scanMu.Lock()
	defer s.scanMu.Unlock()
	n := s.pinSeq.Add(1)
	s.scans[n] = struct{}{}
	s.pinned.Store(int32(len(s.scans)))
	return n
}

func (s *Space) endScan(n uint64) {
	s.scanMu.Lock()
	defer s.scanMu.Unlock()
	delete(s.scans, n)
	s.pinned.Store(int32(len(s.scans)))
}

func (s *Space) oldestPin() uint64 {
	s.scanMu.Lock()
	defer s.scanMu.Unlock()
	oldest := uint64(math.MaxUint64)
	for n := range s.scans {
		oldest = min(oldest, n)
	}
	return oldest
}

// Close returns all memory. Nothing of the Space may be used after it; a
// checkpoint in progress must have ended.
func (s *Space) Close() {
	s.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byID {
		a.each(func(p *part) {
			if p.ord != nil {
				p.ord.close(s)
			}
		})
	}
	s.byID, s.closing = map[uint64]*arrangement{}, nil
	s.pool.close()
}
