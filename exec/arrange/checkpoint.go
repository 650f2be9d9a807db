package arrange

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"sort"

	"github.com/tarndb/tarn/storage/state"
)

// A checkpoint is Freeze (between epochs: swaps lists), Write (beside running:
// sorts, writes files, enters the store in one step). While Write runs, and until
// the next Begin or Freeze, a frozen row is never changed nor freed: it is read
// without locks.

// Frozen is a set of changes on its way to the store.
type Frozen struct {
	s       *Space
	epoch   uint64
	gen     uint32 // the last one that is frozen
	arrs    []*arrangement
	dropped []uint64
	expire  []expiry
	filled  map[uint64][]uint64 // history buckets by class
}

type expiry struct{ class, first, until uint64 }

// Freeze ends the set of changes of a checkpoint. It is called between epochs,
// not before the Write of the last one has returned; writers may go on as soon
// as it returns.
func (s *Space) Freeze() *Frozen {
	if s.store == nil {
		return &Frozen{s: s}
	}
	s.settle()
	f := &Frozen{s: s, epoch: s.epoch, gen: s.gen, arrs: s.all(), filled: map[uint64][]uint64{}}
	for _, a := range f.arrs {
		a.frozenN = a.count.Load()
		a.each(func(p *part) {
			p.lock.Lock()
			if p.frozen == nil && p.frozenVersions == nil {
				p.frozen, p.dirty = p.dirty, nil
				p.frozenVersions, p.versions = p.versions, nil
			} else {
				a.refreeze(p)
			}
			p.lock.Unlock()
		})
	}
	s.gen++
	s.mu.Lock()
	defer s.mu.Unlock()
	f.dropped, s.dropped = s.dropped, nil
	f.expire = s.expiries(f.arrs)
	s.flight = f
	return f
}

// refreeze joins the changes of a checkpoint that failed with those since. Rows
// that were superseded meanwhile are no longer current and leave the list.
func (a *arrangement) refreeze(p *part) {
	gone := map[uintptr]bool{}
	for _, r := range p.retired {
		gone[r] = true
	}
	for _, r := range p.versions {
		gone[r] = true
	}
	joined := p.frozen[:0:0]
	for _, list := range [...][]uintptr{p.frozen, p.dirty} {
		for _, r := range list {
			if r != 0 && !gone[r] {
				joined = append(joined, r)
			}
		}
	}
	for _, r := range p.retired {
		p.free(a.s, r, a.classOf(r))
	}
	p.retired = nil
	p.frozen, p.dirty = joined, nil
	p.frozenVersions, p.versions = append(p.frozenVersions, p.versions...), nil
}

// expiries says which buckets may go now. s.mu is held.
func (s *Space) expiries(arrs []*arrangement) []expiry {
	if s.opts.EpochTime == nil {
		return nil
	}
	var out []expiry
	seen := map[uint64]bool{}
	oldest := uint64(math.MaxUint64)
	for e := range s.pins {
		oldest = min(oldest, e)
	}
	for _, a := range arrs {
		r := a.retain
		if !a.history || r.keep < 0 || seen[r.class] || s.store == nil {
			continue
		}
		seen[r.class] = true
		until := uint64(max(s.opts.EpochTime(s.epoch)-r.keep, 0) / r.width)
		if oldest != math.MaxUint64 {
			until = min(until, s.bucket(r, oldest))
		}
		if first := s.expired[r.class]; until > first {
			out = append(out, expiry{r.class, first, until})
			s.expired[r.class] = until
		}
	}
	slices.SortFunc(out, func(a, b expiry) int { return cmp.Compare(a.class, b.class) })
	return out
}

func (s *Space) stop(step string) error {
	if s.opts.Stop == nil {
		return nil
	}
	return s.opts.Stop(step)
}

// Write makes the frozen changes and meta durable, all or nothing. It may run
// beside writers. After an error the changes are part of the next Freeze.
func (f *Frozen) Write(ctx context.Context, meta map[string][]byte) error {
	s := f.s
	if s.store == nil {
		return nil
	}
	g := s.store.NewIngest()
	err := f.build(ctx, g, meta)
	if err == nil {
		err = g.Finish()
	}
	if err == nil {
		err = s.stop("written")
	}
	if err == nil {
		s.turn.Lock()
		if err = g.Commit(ctx); err == nil {
			if err = s.stop("ingested"); err == nil {
				f.release()
			}
		}
		s.turn.Unlock()
	}
	if err != nil {
		g.Abort()
		s.mu.Lock()
		s.dropped = append(f.dropped, s.dropped...)
		for _, x := range f.expire {
			// The range deletion is repeated with the next one.
			s.expired[x.class] = x.first
		}
		s.mu.Unlock()
		for _, a := range f.arrs {
			a.each(func(p *part) { p.tombs = nil })
		}
		return err
	}
	return s.stop("released")
}

func (f *Frozen) build(ctx context.Context, g *state.Ingest, meta map[string][]byte) error {
	names := make([]string, 0, len(meta))
	for n := range meta {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if err := g.Set(state.MetaKey(nil, n), meta[n]); err != nil {
			return err
		}
	}
	for _, a := range f.arrs {
		if a.kind == kindTable {
			n := binary.BigEndian.AppendUint64(nil, uint64(a.frozenN))
			n = binary.BigEndian.AppendUint64(n, f.epoch)
			if err := g.Set(state.CountKey(nil, a.id), n); err != nil {
				return err
			}
		}
	}
	for _, x := range f.expire {
		until := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, x.until), f.epoch)
		if err := g.Set(state.ExpiredKey(nil, x.class), until); err != nil {
			return err
		}
	}
	for k, write := range []writeArrangement{f.writeRows, f.writeEntries, f.writeOrdered} {
		if err := f.writeKind(ctx, g, kind(k), write); err != nil {
			return err
		}
	}
	return f.writeHistory(ctx, g)
}

type writeArrangement func(ctx context.Context, g *state.Ingest, a *arrangement) error

// writeKind writes the arrangements of one kind in order of id, dropped ones as
// range deletions in their places.
func (f *Frozen) writeKind(ctx context.Context, g *state.Ingest, k kind, write writeArrangement) error {
	dropped := slices.Clone(f.dropped)
	slices.Sort(dropped)
	for _, a := range append(slices.Clone(f.arrs), nil) {
		for len(dropped) > 0 && (a == nil || dropped[0] < a.id) {
			gone := arrangement{id: dropped[0], kind: k}
			dropped = dropped[1:]
			lo := gone.storeStart()
			if err := g.DeleteRange(lo, state.After(nil, lo)); err != nil {
				return err
			}
		}
		if a == nil || a.kind != k {
			continue
		}
		if err := write(ctx, g, a); err != nil {
			return err
		}
		if err := f.s.stop("arrangement"); err != nil {
			return err
		}
	}
	return nil
}

// sorted is one frozen row with the first bytes of what it is sorted by.
type sorted struct {
	prefix uint64
	r      uintptr
}

// gather returns what is frozen of an arrangement, in the order that compare gives
// to rows of equal prefix, and notes the dead for settle.
func gather(a *arrangement, dead func(r uintptr) bool, prefix func(r uintptr) uint64, compare func(x, y uintptr) int) []sorted {
	n := 0
	a.each(func(p *part) { n += len(p.frozen) })
	out := make([]sorted, 0, n)
	a.each(func(p *part) {
		for _, r := range p.frozen {
			if r == 0 {
				continue
			}
			out = append(out, sorted{prefix(r), r})
			if dead(r) {
				p.tombs = append(p.tombs, r)
			}
		}
	})
	sortRows(out, compare)
	return out
}

func sortRows(rows []sorted, compare func(x, y uintptr) int) {
	slices.SortFunc(rows, func(x, y sorted) int {
		if x.prefix != y.prefix {
			if x.prefix < y.prefix {
				return -1
			}
			return 1
		}
		return compare(x.r, y.r)
	})
}

// yieldEvery is after how many rows the writer lets others run: a checkpoint has
// seconds to spare, a step has not.
const yieldEvery = 2048

func yield(ctx context.Context, i int) error {
	if i%yieldEvery != yieldEvery-1 {
		return nil
	}
	runtime.Gosched()
	return ctx.Err()
}

func (f *Frozen) writeRows(ctx context.Context, g *state.Ingest, a *arrangement) error {
	rows := gather(a,
		func(r uintptr) bool { return rowFlags(r)&flagDeleted != 0 },
		func(r uintptr) uint64 { return prefixOf(rowKey(r, a.header)) },
		func(x, y uintptr) int { return bytes.Compare(rowKey(x, a.header), rowKey(y, a.header)) })
	if err := f.s.stop("sorted"); err != nil {
		return err
	}
	var key, val []byte
	for i, e := range rows {
		key = state.RowKey(key[:0], a.id, rowKey(e.r, a.header))
		var err error
		switch {
		case rowFlags(e.r)&flagDeleted != 0:
			if rowFlags(e.r)&flagBase == 0 {
				continue // came and went between two checkpoints
			}
			err = g.Delete(key)
		case a.history:
			val = append(binary.AppendUvarint(val[:0], rowEpoch(e.r)), rowVal(e.r, a.header)...)
			err = g.Set(key, val)
		default:
			err = g.Set(key, rowVal(e.r, a.header))
		}
		if err == nil {
			err = yield(ctx, i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeHistory writes the versions of all tables, by class, bucket, table, key
// and end.
func (f *Frozen) writeHistory(ctx context.Context, g *state.Ingest) error {
	type group struct {
		class, bucket uint64
		a             *arrangement // nil: the bucket itself expires, or a dropped table's rows go
		rows          []sorted
		until         []byte
		start         []byte
	}
	var groups []*group
	gone := map[uint64]uint64{}
	for _, x := range f.expire {
		gone[x.class] = x.until
		lo, hi := state.BucketStart(nil, x.class, x.first), state.BucketStart(nil, x.class, x.until)
		groups = append(groups, &group{class: x.class, start: lo, until: hi})
	}
	for _, id := range f.dropped {
		lo := state.HistoryStart(nil, math.MaxUint64, 0, id)
		groups = append(groups, &group{class: math.MaxUint64, start: lo, until: state.After(nil, lo)})
	}
	for _, a := range f.arrs {
		if !a.history {
			continue
		}
		byBucket := map[uint64]*group{}
		a.each(func(p *part) {
			for _, r := range p.frozenVersions {
				if rowFlags(r)&flagDeleted != 0 {
					continue
				}
				b := f.s.bucket(a.retain, *rowValidTo(r))
				if b < gone[a.retain.class] {
					continue
				}
				x := byBucket[b]
				if x == nil {
					x = &group{class: a.retain.class, bucket: b, a: a, start: state.HistoryStart(nil, a.retain.class, b, a.id)}
					byBucket[b] = x
					groups = append(groups, x)
					f.filled[a.retain.class] = append(f.filled[a.retain.class], b)
				}
				x.rows = append(x.rows, sorted{r: r})
			}
		})
	}
	slices.SortFunc(groups, func(x, y *group) int { return bytes.Compare(x.start, y.start) })
	var key, val []byte
	for _, x := range groups {
		if x.a == nil {
			if err := g.DeleteRange(x.start, x.until); err != nil {
				return err
			}
			continue
		}
		h := x.a.header
		for i := range x.rows {
			k := rowKey(x.rows[i].r, h)
			key = state.HistoryKey(key[:0], 0, 0, 0, k)
			x.rows[i].prefix = prefixOf(key[25:])
		}
		sortRows(x.rows, func(a, b uintptr) int {
			ka, kb := rowKey(a, h), rowKey(b, h)
			if c := compareSized(ka, kb); c != 0 {
				return c
			}
			return cmp.Compare(*rowValidTo(a), *rowValidTo(b))
		})
		for i, e := range x.rows {
			key = state.HistoryKey(key[:0], x.class, x.bucket, x.a.id, rowKey(e.r, h))
			key = state.AppendEpoch(key, *rowValidTo(e.r))
			val = append(binary.AppendUvarint(val[:0], rowEpoch(e.r)), rowVal(e.r, h)...)
			if err := g.Set(key, val); err != nil {
				return err
			}
			if err := yield(ctx, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareSized orders as uvarint(len) bytes does.
func compareSized(a, b []byte) int {
	if len(a) != len(b) {
		x := binary.AppendUvarint(nil, uint64(len(a)))
		y := binary.AppendUvarint(nil, uint64(len(b)))
		return bytes.Compare(x, y)
	}
	return bytes.Compare(a, b)
}

// A checkpoint that is in the store leaves memory in two steps. release runs in
// the checkpoint's goroutine and only frees what no writer can reach; settle runs
// between epochs and changes what writers read without a lock.

// release frees the versions that the store now has.
func (f *Frozen) release() {
	s := f.s
	for class, filled := range f.filled {
		s.addBuckets(class, filled, 0)
	}
	for _, x := range f.expire {
		s.addBuckets(x.class, nil, x.until)
	}
	s.committed = f.gen
	s.ckpt.Store(f.epoch)
	for _, a := range f.arrs {
		a.each(func(p *part) {
			p.lock.Lock()
			p.histFloor = f.epoch
			versions := p.frozenVersions
			p.frozen, p.frozenVersions = nil, nil
			p.lock.Unlock()
			for len(versions) > 0 {
				n := min(len(versions), 256)
				p.lock.Lock()
				for _, r := range versions[:n] {
					p.free(s, r, rowClass(r))
				}
				p.lock.Unlock()
				versions = versions[n:]
			}
		})
	}
	s.written.Store(f)
}

// settle makes clean what the last checkpoint wrote, removes what stands for the
// absence of a key, and frees rows that were superseded while they were written.
func (s *Space) settle() {
	f := s.written.Swap(nil)
	if f == nil {
		return
	}
	for _, a := range f.arrs {
		a.each(func(p *part) {
			p.lock.Lock()
			p.clean = f.gen
			switch a.kind {
			case kindTable:
				a.settleRows(p)
			case kindMulti:
				a.settleEntries(p)
			case kindOrdered:
				a.settleOrdered(p)
			}
			for _, r := range p.retired {
				p.free(s, r, a.classOf(r))
			}
			p.retired, p.tombs = nil, nil
			p.lock.Unlock()
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.closing {
		a.close()
	}
	s.closing, s.flight = nil, nil
	s.starved.Store(false)
}

func (a *arrangement) settleRows(p *part) {
	for _, r := range p.tombs {
		h := Hash(rowKey(r, p.header)) << p.shift
		if p.slots.has(h, r) {
			p.slots.removeAt(p.slots.find(h, r))
			p.free(a.s, r, rowClass(r))
		}
	}
}

func (a *arrangement) classOf(r uintptr) uint8 {
	if a.kind == kindTable {
		return rowClass(r)
	}
	return entryClass(r)
}
