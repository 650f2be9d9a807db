package exec

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tarndb/tarn/storage/journal"
)

// recovered is what a start has done before it could answer, and how long each part
// of it took.
type recovered struct {
	began time.Time
	last  time.Time // when the part before ended

	store   time.Duration // opening the store
	journal time.Duration // reading the journal and verifying it
	catalog time.Duration // restoring the checkpoint's relations
	steps   time.Duration // stepping what the checkpoint has not; of that:
	decode  time.Duration // reading the frames
	load    time.Duration // reading the rows that they change from the store

	epochs, rows, bytes int64 // that were stepped; bytes as the journal has them
}

// lap is the time since the last lap.
func (r *recovered) lap() time.Duration {
	now := time.Now()
	d := now.Sub(r.last)
	r.last = now
	return d
}

// count adds an epoch that is stepped.
func (r *recovered) count(f *journal.Frame, in inputs) {
	r.epochs++
	for i := range f.Entries {
		r.bytes += int64(len(f.Entries[i].Payload))
	}
	for _, xs := range in {
		for i := range xs {
			r.rows += int64(xs[i].count())
		}
	}
}

// report logs it: after a crash this is what an operator wants to know.
func (r *recovered) report(e *Engine) {
	e.log.Info("recovered", "took", r.last.Sub(r.began), "store", r.store, "journal", r.journal, "catalog", r.catalog,
		"steps", r.steps, "decode", r.decode, "load", r.load, "epochs", r.epochs, "rows", r.rows, "bytes", r.bytes)
}

// recover restores the checkpoint's relations and steps the frames after it.
func (e *Engine) recover(m *meta, image []byte, what *recovered) error {
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
	what.catalog = what.lap()
	w := lookahead{e: e, what: what}
	frames := e.journal.ReadFrom(0)
	defer frames.Close()
	met := false // what the checkpoint has seen is in
	for {
		began := time.Now()
		f, err := frames.Next()
		what.decode += time.Since(began)
		if err == nil && !met && (f == nil || f.Epoch > m.Epoch) {
			met, err = true, e.gapInStreams()
		}
		switch {
		case err != nil:
			return err
		case f == nil:
			if err := w.step(); err != nil {
				return err
			}
			e.acked.Store(e.last)
			return nil
		case f.Epoch <= m.Epoch:
			err = e.topics.Apply(f) // only what has not settled
		case !onlyRows(f):
			if err = w.step(); err == nil {
				err = e.replay(f, what)
			}
		default:
			frames.Keep()
			err = w.take(f)
		}
		if err != nil {
			return fmt.Errorf("epoch %d: %w", f.Epoch, err)
		}
	}
}
