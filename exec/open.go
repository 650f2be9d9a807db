package exec

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/rowenc"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/state"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Folders inside Config.Dir.
const (
	journalDir = "journal"
	stateDir   = "state"
	topicsDir  = "topics"
)

// Open opens the database in cfg.Dir, or makes an empty one, and recovers: the
// newest checkpoint is opened, not loaded, and the frames after it are stepped
// again. When it returns, reads are exact for everything acknowledged before.
func Open(cfg Config) (e *Engine, err error) {
	cfg = cfg.withDefaults()
	e = &Engine{
		cfg: cfg, log: cfg.Log, locks: NewLocks(),
		submit: make(chan *pending, 1024), requests: make(chan *request), truncate: make(chan Epoch, 1),
		closing: make(chan struct{}), stopped: make(chan struct{}), failed: make(chan error, 1),
		waiters: make(chan struct{}), holds: map[string]*hold{},
	}
	e.life, e.endLife = context.WithCancel(context.Background())
	e.opened = cfg.Now()
	e.alarm = time.NewTimer(time.Hour)
	e.due.Store(noAlarm)
	e.rels.Store(&map[uint64]*relation{})
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := segment.SyncDir(cfg.FS, cfg.FS.PathDir(cfg.Dir)); err != nil {
		return nil, err
	}
	dir := func(name string) string { return cfg.FS.PathJoin(cfg.Dir, name) }
	if e.store, err = state.Open(dir(stateDir), cfg.FS, state.Options{}); err != nil {
		return nil, err
	}
	e.budget = arrange.NewBudget(cfg.MemoryBytes)
	e.space = arrange.NewSpace(arrange.Options{Store: e.store, Budget: e.budget,
		EpochTime: func(ep uint64) int64 { return int64(ep) }, Stop: cfg.Stop})
	m, image, err := e.loadMeta()
	if err != nil {
		return nil, err
	}
	jcfg := journal.Config{FS: cfg.FS, Dir: dir(journalDir), Log: cfg.Log, Stop: cfg.Stop, FileBytes: cfg.JournalFileBytes}
	var rec journal.Recovery
	if e.journal, rec, err = journal.Open(jcfg, 0, func(*journal.Frame) error { return nil }); err != nil {
		return nil, err
	}
	e.txns = rec.LastTxn
	if m != nil && rec.LastEpoch != 0 && m.Epoch > rec.LastEpoch {
		return nil, errAhead(m.Epoch, rec.LastEpoch)
	}
	tcfg := embedded.Config{FS: cfg.FS, Dir: dir(topicsDir), Log: cfg.Log, Stop: cfg.Stop}
	if e.topics, err = embedded.Open(tcfg, e.journal); err != nil {
		return nil, err
	}
	if err := segment.SyncDir(cfg.FS, cfg.Dir); err != nil { // the folders in it
		return nil, err
	}
	if err := e.recover(m, image); err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	e.setAlarm()
	all, awaited := e.leftBehind()
	go e.run()
	e.pursueAll(all, awaited)
	return e, nil
}

// recover restores the checkpoint's relations and steps the frames after it.
func (e *Engine) recover(m *meta, image []byte) error {
	if m == nil {
		var id [8]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		m = &meta{Timeline: hex.EncodeToString(id[:])}
	}
	e.sharedNext = m.SharedNext
	if e.sharedNext == nil {
		e.sharedNext = map[uint64]int{}
	}
	for _, x := range m.Shared {
		e.shared = append(e.shared, &sharedIndex{sharedMeta: x})
	}
	e.timeline, e.ck.epoch, e.ck.begun, e.last = m.Timeline, m.Epoch, m.Epoch, m.Epoch
	e.recovering = true
	defer func() { e.recovering = false }()
	e.space.Begin(max(m.Epoch, 1))
	setup := &Setup{e: e, epoch: m.Epoch, restored: m}
	if err := e.cfg.Host.Restore(setup, image); err != nil {
		return err
	}
	for id, r := range *e.rels.Load() {
		switch r.kind {
		case tableRelation:
			r.nextRow = m.Tables[id].NextRow
			r.source.move(m.Tables[id].Offsets)
		case streamRelation:
			s := m.Streams[id]
			r.source.move(s.Offsets)
			for p, at := range s.Resets {
				r.source.setReset(p, at)
			}
			r.next, r.lastIn = s.Next, s.LastIn
			r.end.Store(s.Next)
			r.late.Store(s.Late)
			r.mark.value, r.parts = s.mark(), s.Parts
			r.partitioned.Store(len(r.parts) > 0)
		}
	}
	if err := setup.commit(); err != nil {
		return err
	}
	for name, h := range m.Holds {
		e.rehold(name, h.Object, h.After)
	}
	e.publishMarks()
	e.setApplied(m.Epoch)
	frames := e.journal.ReadFrom(0)
	defer frames.Close()
	for {
		f, err := frames.Next()
		if err != nil || f == nil {
			e.acked.Store(e.last)
			return err
		}
		if err := e.replay(f, m.Epoch); err != nil {
			return fmt.Errorf("epoch %d: %w", f.Epoch, err)
		}
	}
}

// replay takes one journal frame in again.
func (e *Engine) replay(f *journal.Frame, checkpoint Epoch) error {
	if f.Epoch <= checkpoint {
		return e.topics.Apply(f) // only what has not settled
	}
	var setup *Setup
	in := inputs{}
	var joins []uint64
	var moved offsets
	for i := range f.Entries {
		en := &f.Entries[i]
		switch en.Kind {
		case journal.KindCatalog:
			setup = &Setup{e: e, epoch: f.Epoch}
			if err := e.cfg.Host.Apply(setup, f.Epoch, en.Payload); err != nil {
				return err
			}
		case journal.KindData:
			if err := e.replayData(en, in); err != nil {
				return err
			}
		case journal.KindCommit:
			err := e.journal.ReadTxn(en.Txn, func(chunk []journal.Entry) error {
				for i := range chunk {
					if err := e.replayData(&chunk[i], in); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		case journal.KindOffsets:
			cuts, err := decodeCuts(en.Object, en.Payload)
			if err != nil {
				return err
			}
			for i := range cuts {
				moved.set(&cuts[i])
			}
			if rel := e.relation(en.Object); rel != nil && rel.outside == nil {
				takeTops(&in, rel, cuts)
			}
		case journal.KindMeta:
			if len(en.Payload) == 0 {
				joins = append(joins, en.Object)
			} else if err := e.replayMeta(en.Object, en.Payload); err != nil {
				return err
			}
		case journal.KindWatermark:
			mark, err := decodeMark(en.Payload)
			if err != nil {
				return err
			}
			if rel := e.relation(en.Object); rel != nil {
				rel.mark.value = mark
			}
		default:
			return sqlerr.New(sqlerr.DataCorrupted, "unknown journal entry kind %d", en.Kind)
		}
	}
	if err := e.topics.Apply(f); err != nil {
		return err
	}
	e.last = f.Epoch
	e.moveSources(moved)
	if err := e.step(f.Epoch, in, setup); err != nil {
		return err
	}
	for _, id := range joins {
		e.replayJoin(id, f.Epoch)
	}
	return nil
}

// replayData takes rows in again.
func (e *Engine) replayData(en *journal.Entry, in inputs) error {
	rel := e.relation(en.Object &^ marksBit)
	if rel == nil {
		return nil
	}
	if en.Object != rel.id {
		return e.openMoves(rel)
	}
	x, err := rel.decode(en.Payload)
	if err == nil {
		in[rel.id] = append(in[rel.id], x)
	}
	return err
}

// decode is a journal payload as the rows that were admitted.
func (r *relation) decode(payload []byte) (input, error) {
	if r.outside != nil {
		rows, err := embedded.DecodePayload(payload, &topic.Scan{Types: cutColumns, Rowtime: true})
		if err != nil {
			return input{}, err
		}
		cuts, err := cutRowsOf(rows)
		return input{cuts: cuts, tops: topsOfCuts(cuts)}, err
	}
	if r.kind == streamRelation {
		rows, err := embedded.DecodePayload(payload, &topic.Scan{Types: r.types, Rowtime: true})
		if err != nil {
			return input{}, err
		}
		return input{rows: rows.Batch, late: rows.Late, rowtime: rows.Rowtime}, nil
	}
	b, err := rowenc.DecodeBatch(payload)
	if err != nil {
		return input{}, err
	}
	if len(b.Cols) != len(r.types) {
		return input{}, sqlerr.New(sqlerr.DataCorrupted, "rows of table %q have %d columns, it has %d", r.name, len(b.Cols), len(r.types))
	}
	for i, c := range b.Cols {
		c.Type = r.types[i]
	}
	if r.bag {
		for i, n := range b.Cols[len(b.Cols)-1].Ints {
			if b.Weight(i) > 0 {
				r.nextRow = max(r.nextRow, n+1)
			}
		}
	}
	return input{rows: b}, nil
}

// Close stops the loop, writes a last checkpoint, and closes the files.
func (e *Engine) Close() error {
	e.once.Do(func() { close(e.closing) })
	<-e.stopped
	e.endLife()
	e.pursuits.Wait()
	full := !e.waitUnlessFull()
	if e.dead == nil && !full {
		e.checkpoint()
		full = !e.waitUnlessFull()
	}
	if full {
		_ = e.journal.Close() // it holds everything; the store's writer cannot be stopped
		return sqlerr.New(sqlerr.DiskFull, "the last checkpoint could not be written").
			WithHint("Free disk space; the next start reads what is missing from the journal.")
	}
	if e.dead == nil {
		e.cutJournal()
	}
	e.feedMu.Lock()
	for _, f := range e.feeds {
		f.fail(errShutdown())
	}
	e.feedMu.Unlock()
	err := e.journal.Close()
	e.space.Close()
	if cerr := e.store.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = e.ck.err
	}
	return err
}
