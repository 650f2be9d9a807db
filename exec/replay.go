package exec

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/rowenc"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// onlyRows reports that a frame changes no relations and is no larger than it looks.
func onlyRows(f *journal.Frame) bool {
	return !slices.ContainsFunc(f.Entries, func(en journal.Entry) bool {
		return en.Kind != journal.KindData && en.Kind != journal.KindOffsets && en.Kind != journal.KindWatermark
	})
}

// lookahead is epochs that have been read and are still to be stepped: what they will
// look up is read into memory all at once, since one after the other would each seek
// its few keys everywhere in the store.
type lookahead struct {
	e      *Engine
	what   *recovered
	epochs []*replayed
	bytes  int64
}

// lookaheadBytes bounds the rows in it.
const lookaheadBytes = 128 << 20

// take reads a frame's rows and steps what has come together when there is enough.
func (w *lookahead) take(f *journal.Frame) error {
	began := time.Now()
	r, err := w.e.read(f)
	if err != nil {
		return err
	}
	w.what.decode += time.Since(began)
	w.epochs = append(w.epochs, r)
	for _, xs := range r.in {
		for i := range xs {
			if xs[i].rows != nil {
				w.bytes += BatchBytes(xs[i].rows)
			}
		}
	}
	if w.bytes < min(lookaheadBytes, w.e.cfg.MemoryBytes/16) {
		return nil
	}
	return w.step()
}

// step steps what has come together.
func (w *lookahead) step() error {
	began := time.Now()
	if err := w.e.expect(w.epochs); err != nil {
		return err
	}
	w.what.load += time.Since(began)
	for _, r := range w.epochs {
		if err := w.e.apply(r, w.what); err != nil {
			return fmt.Errorf("epoch %d: %w", r.f.Epoch, err)
		}
	}
	clear(w.epochs)
	w.epochs, w.bytes = w.epochs[:0], 0
	return nil
}

// expect tells tables and live views of the rows of epochs to come.
func (e *Engine) expect(epochs []*replayed) error {
	rows := map[uint64][]*vec.Batch{}
	for _, r := range epochs {
		for _, id := range r.in.ids() {
			for _, x := range r.in[id] {
				if x.rows != nil {
					rows[id] = append(rows[id], x.rows)
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if rel := e.relation(id); rel != nil && rel.kind == tableRelation {
			if err := rel.view.Expect(&operator.Step{Workers: e.cfg.Workers}, rows[id]); err != nil {
				return err
			}
		}
	}
	for _, r := range e.runners {
		s := r.env
		for i, scan := range r.scans {
			bs := rows[scan.Object]
			if len(bs) == 0 {
				continue
			}
			// Positions and late marks matter little: these rows are only announced.
			d := delta{batches: bs, first: make([]int64, len(bs))}
			if e.relation(scan.Object).kind == tableRelation {
				d.first = nil
			}
			cut := make([]*vec.Batch, len(bs))
			for j := range bs {
				cut[j] = d.cut(scan, j, 0)
			}
			if err := r.circ.Expect(&s, i, cut, r.rel.view); err != nil {
				return err
			}
		}
	}
	return nil
}

// replayed is a frame that has been read.
type replayed struct {
	f     *journal.Frame
	setup *Setup
	in    inputs
	joins []uint64
	moved offsets
}

// replay takes one journal frame in again.
func (e *Engine) replay(f *journal.Frame, what *recovered) error {
	began := time.Now()
	r, err := e.read(f)
	if err != nil {
		return err
	}
	what.decode += time.Since(began)
	return e.apply(r, what)
}

// read decodes a frame. Of what it does only a catalog change takes effect.
func (e *Engine) read(f *journal.Frame) (*replayed, error) {
	r := &replayed{f: f, in: inputs{}}
	for i := range f.Entries {
		if err := r.entry(e, &f.Entries[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *replayed) entry(e *Engine, en *journal.Entry) error {
	switch en.Kind {
	case journal.KindCatalog:
		r.setup = &Setup{e: e, epoch: r.f.Epoch}
		return e.cfg.Host.Apply(r.setup, r.f.Epoch, en.Payload)
	case journal.KindData:
		return e.replayData(en, r.in)
	case journal.KindCommit:
		return e.journal.ReadTxn(en.Txn, func(chunk []journal.Entry) error {
			for i := range chunk {
				if err := e.replayData(&chunk[i], r.in); err != nil {
					return err
				}
			}
			return nil
		})
	case journal.KindOffsets:
		cuts, err := decodeCuts(en.Object, en.Payload)
		if err != nil {
			return err
		}
		for i := range cuts {
			r.moved.set(&cuts[i])
		}
		if rel := e.relation(en.Object); rel != nil && rel.outside == nil {
			takeTops(&r.in, rel, cuts)
		}
	case journal.KindMeta:
		if len(en.Payload) == 0 {
			r.joins = append(r.joins, en.Object)
			return nil
		}
		return e.replayMeta(en.Object, en.Payload)
	case journal.KindWatermark: // apply
	default:
		return sqlerr.New(sqlerr.DataCorrupted, "unknown journal entry kind %d", en.Kind)
	}
	return nil
}

// apply steps an epoch again.
func (e *Engine) apply(r *replayed, what *recovered) error {
	began := time.Now()
	f := r.f
	for i := range f.Entries {
		en := &f.Entries[i]
		if rel := e.relation(en.Object); en.Kind == journal.KindWatermark && rel != nil {
			mark, err := decodeMark(en.Payload)
			if err != nil {
				return err
			}
			rel.mark.value = mark
		}
	}
	if err := e.topics.Apply(f); err != nil {
		return err
	}
	what.count(f, r.in)
	what.decode += time.Since(began)
	e.last = f.Epoch
	e.moveSources(r.moved)
	began = time.Now()
	if err := e.step(f.Epoch, r.in, r.setup); err != nil {
		return err
	}
	e.countStep(time.Since(began))
	for _, id := range r.joins {
		if err := e.replayJoin(id, f.Epoch); err != nil {
			return err
		}
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
