package exec

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/rowenc"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// recovered is what a start has done before it could answer, and how long each part
// of it took.
type recovered struct {
	began time.Time
	last  time.Time // when the part before ended

	store   time.Duration // opening the store
	journal time.Duration // reading the journal and verifying it
	catalog time.Duration // restoring the checkpoint's relations
	steps   time.Duration // stepping what the checkpoint has not
	decode  time.Duration // waiting for it to be read and decoded

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
		"steps", r.steps, "decode", r.decode, "epochs", r.epochs, "rows", r.rows, "bytes", r.bytes)
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
	frames := e.journal.ReadFrom(0)
	defer frames.Close()
	for {
		began := time.Now()
		f, err := frames.Next()
		what.decode += time.Since(began)
		if err != nil || f == nil {
			e.acked.Store(e.last)
			return err
		}
		if err := e.replay(f, m.Epoch, what); err != nil {
			return fmt.Errorf("epoch %d: %w", f.Epoch, err)
		}
	}
}

// replay takes one journal frame in again.
func (e *Engine) replay(f *journal.Frame, checkpoint Epoch, what *recovered) error {
	if f.Epoch <= checkpoint {
		return e.topics.Apply(f) // only what has not settled
	}
	began := time.Now()
	what.epochs++
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
	what.count(f, in)
	what.decode += time.Since(began)
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
