package exec

import (
	"maps"

	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// A relation gets columns at its end in an epoch of its own. Nothing that is stored
// is written again: segments, journal entries and images of rows from before have
// fewer columns, and the ones that are missing read as NULL. Standing queries name
// columns by position, so that they go on as they are. Where a column gets a type
// that takes more bytes, what was stored before reads as the same number, and a
// standing query goes on with the type that it knows: a row beyond its range is an
// error of that query (circuit.Fit).

// AlterTable gives a table the columns and names of def from this epoch on. Its
// first columns must lie as those that it has (circuit.View.Extended).
func (s *Setup) AlterTable(def TableDef) error {
	old := s.e.relation(def.ID)
	if old == nil || old.kind != tableRelation || len(def.Types) < old.width() {
		return errAlter(def.Name)
	}
	r := old.again()
	r.define(&def)
	r.view = old.view.Extended(r.types, r.key, def.base(), def.Grown)
	s.replace(old, r)
	return nil
}

// AlterStream is AlterTable for streams.
func (s *Setup) AlterStream(def StreamDef) error {
	old := s.e.relation(def.ID)
	if old == nil || old.kind != streamRelation || len(def.Types) < old.width() || (old.outside == nil) != (def.Outside == nil) {
		return errAlter(def.Name)
	}
	r := old.again()
	r.name, r.columns, r.types = def.Name, def.Columns, def.Types
	if def.Outside != nil {
		r.outside = old.outside.with(old.outside.ctx)
		r.outside.name, r.outside.types, r.outside.out = def.Name, def.Types, def.Outside
		r.outside.end, r.outside.source = &r.end, &r.source
		r.topic = r.outside
	}
	s.replace(old, r)
	return nil
}

func errAlter(name string) error {
	return sqlerr.New(sqlerr.InternalError, "relation %q cannot be altered in this way", name)
}

// replace puts a relation in the place of one; a change that is not kept puts the
// old one back.
func (s *Setup) replace(old, now *relation) {
	s.e.setRelation(now.id, now)
	s.undo = append(s.undo, func() { s.e.setRelation(old.id, old) })
}

// Offsets is where the source of an object goes on at the epoch of the change.
func (s *Setup) Offsets(object uint64) map[int32]int64 { return s.e.Offsets(object) }

// again is a relation with all that r is at the moment. It is for the loop.
func (r *relation) again() *relation {
	n := &relation{
		id: r.id, kind: r.kind, name: r.name, types: r.types, columns: r.columns, base: r.base, rowtime: r.rowtime, view: r.view,
		key: r.key, keyName: r.keyName, created: r.created, bag: r.bag, nextRow: r.nextRow,
		topic: r.topic, log: r.log, outside: r.outside, mark: r.mark, parts: r.parts, idle: r.idle, lastIn: r.lastIn,
		next: r.next, retain: r.retain, run: r.run,
	}
	n.partitioned.Store(r.partitioned.Load())
	n.moved.Store(r.moved.Load())
	n.end.Store(r.end.Load())
	n.late.Store(r.late.Load())
	r.source.mu.Lock()
	n.source.next, n.source.resets = maps.Clone(r.source.next), maps.Clone(r.source.resets)
	r.source.mu.Unlock()
	return n
}

// define sets what of a table depends on its columns.
func (r *relation) define(def *TableDef) {
	r.name, r.columns, r.types, r.base = def.Name, def.Columns, def.Types, def.base()
	r.key, r.keyName, r.bag = def.Key, def.KeyName, len(def.Key) == 0
	if r.bag {
		r.types = append(append([]types.Type(nil), def.Types...), types.Int8)
		r.columns = append(append([]string(nil), def.Columns...), "_row")
		r.key = []int{len(def.Types)}
	}
}

// base is how many columns the table began with.
func (d *TableDef) base() int {
	if d.Base > 0 {
		return d.Base
	}
	return len(d.Types)
}

func (d *StreamDef) base() int {
	if d.Base > 0 {
		return d.Base
	}
	return len(d.Types)
}

// extended is the view of a restored table with columns that came later.
func (r *relation) extended(v *circuit.View, def *TableDef) *circuit.View {
	if def.base() == len(def.Types) && def.Grown == nil {
		return v
	}
	return v.Extended(r.types, r.key, def.base(), def.Grown)
}

// width is the number of columns without a bag's row number.
func (r *relation) width() int {
	if r.bag {
		return len(r.types) - 1
	}
	return len(r.types)
}

// widen gives rows that were made before the relation got its newest columns those
// columns, as NULLs. Changes of a bag have row numbers at their end; new rows of one
// (numbered false) have not.
func (r *relation) widen(rows *vec.Batch, numbered bool) *vec.Batch {
	have, want := len(rows.Cols), r.width()
	var number []*vec.Vec
	if r.bag && numbered {
		number, have = rows.Cols[have-1:], have-1
	}
	if have >= want {
		return rows
	}
	out := *rows
	out.Cols = append([]*vec.Vec(nil), rows.Cols[:have]...)
	for c := have; c < want; c++ {
		b := vec.NewBuilder(r.types[c], rows.N)
		for range rows.N {
			b.Null()
		}
		out.Cols = append(out.Cols, b.Finish())
	}
	out.Cols = append(out.Cols, number...)
	return &out
}

// typed gives rows of a writer who knew narrower types of the columns those of now.
func (r *relation) typed(rows *vec.Batch) *vec.Batch {
	out := rows
	for i, v := range rows.Cols {
		if i >= len(r.types) || v.Type.OID == r.types[i].OID || !rowenc.Widens(v.Type, r.types[i]) {
			continue
		}
		if out == rows {
			c := *rows
			c.Cols = append([]*vec.Vec(nil), rows.Cols...)
			out = &c
		}
		w := *v
		w.Type = r.types[i]
		out.Cols[i] = &w
	}
	return out
}

// fitted fits rows of a writer who knew the relation before it got its newest
// columns. Only new rows of a bag come without weights; of changes, which have row
// numbers, nobody could tell that their columns are old ones, and a source that is
// read through would not give these rows again.
func (r *relation) fitted(rows *vec.Batch) (*vec.Batch, error) {
	rows = r.typed(rows)
	switch have := len(rows.Cols); {
	case r.kind == viewRelation, r.width() == r.base, have >= len(r.types), have < r.base, r.bag && have == r.width() && rows.Weights == nil:
		return rows, nil
	case r.outside != nil, r.bag && rows.Weights != nil:
		return nil, sqlerr.New(sqlerr.SerializationFailure, "could not serialize access: relation %q has been altered", r.name)
	}
	return r.widen(rows, false), nil
}
