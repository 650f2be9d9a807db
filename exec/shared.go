package exec

import (
	"context"
	"slices"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Views of the live group that join the same relation on the same key share one
// arrangement of it (circuit.Index). The loop keeps it: as soon as the relation's
// change of an epoch is known, before a view that reads it steps. It lives as long
// as some view uses it.
//
// A view that is built beside the live group is at another epoch and has its sides
// to itself, for good.

// sharedFirst is the ordinal of a relation's first shared arrangement; those below
// are of its own circuit.
const sharedFirst = 1 << 11

// sharedIndex is one such arrangement.
type sharedIndex struct {
	sharedMeta
	types []types.Type // as those who use it know them
	index *operator.Index
	rows  *arrange.Multi
	users int
}

// sharedMeta is what a checkpoint says of it. Ordinals are not used again.
type sharedMeta struct {
	Relation uint64
	Ordinal  int
	Fields   []int
	Key      []int
}

func (x *sharedIndex) id() uint64 { return stateID(x.Relation, sharedFirst+x.Ordinal) }

func (x *sharedIndex) open(e *Engine, def circuit.Index) {
	if x.rows == nil {
		x.types, x.rows = def.Types, e.space.Multi(x.id())
		x.index = operator.NewIndex(def.Types, def.Key, x.rows)
	}
}

// sharing answers what one view's circuit asks while it is built, and remembers it.
type sharing struct {
	e       *Engine
	ep      Epoch
	answers []int // ordinals; -1: not shared
	used    []*sharedIndex
	lost    bool // what a restored circuit had is not there
}

// fresh shares what is there, and begins what may be shared from now on.
func (s *sharing) fresh(def circuit.Index, have bool) *arrange.Multi {
	x := s.find(def)
	if x == nil && !have {
		x = s.begin(def)
	}
	return s.answer(x)
}

func (s *sharing) answer(x *sharedIndex) *arrange.Multi {
	if x == nil {
		s.answers = append(s.answers, -1)
		return nil
	}
	x.users++
	s.answers, s.used = append(s.answers, x.Ordinal), append(s.used, x)
	return x.rows
}

func (s *sharing) find(def circuit.Index) *sharedIndex {
	for _, x := range s.e.shared {
		if x.Relation == def.Relation && slices.Equal(x.Fields, def.Fields) && slices.Equal(x.Key, def.Key) && (x.rows == nil || sameTypes(x.types, def.Types)) {
			return x
		}
	}
	return nil
}

// sameTypes: a column may have become wider since an arrangement was begun.
func sameTypes(a, b []types.Type) bool {
	return slices.EqualFunc(a, b, func(x, y types.Type) bool { return x.OID == y.OID })
}

// apply takes rows in. Those that do not fit the types are errors of the views that
// read them (circuit.Push), and no rows here either.
func (x *sharedIndex) apply(b *vec.Batch) error {
	fit, _ := circuit.Fit(x.types, b)
	if fit == nil {
		return nil
	}
	return x.index.Apply(fit)
}

// begin makes an arrangement of what the relation holds at the epoch; nil if it
// cannot be shared.
func (s *sharing) begin(def circuit.Index) *sharedIndex {
	rel := s.e.relation(def.Relation)
	if rel == nil || rel.run != nil && rel.run.answers() != nil || s.e.sharedNext[def.Relation] >= 1<<12-sharedFirst {
		return nil
	}
	x := &sharedIndex{sharedMeta: sharedMeta{Relation: def.Relation, Ordinal: s.e.sharedNext[def.Relation], Fields: def.Fields, Key: def.Key}}
	s.e.sharedNext[def.Relation]++
	x.open(s.e, def)
	scan := &plan.Scan{Object: def.Relation, Name: rel.name, Fields: def.Fields, RowtimeCol: -1}
	if err := s.e.scanAt(context.Background(), scan, s.ep, x.apply); err != nil {
		s.e.log.Warn("an arrangement cannot be shared", "relation", rel.name, "err", err)
		s.e.space.Drop(x.id())
		return nil
	}
	s.e.shared = append(s.e.shared, x)
	return x
}

// again gives a restored circuit what it had.
func (s *sharing) again(answers []int) circuit.Registry {
	return func(def circuit.Index, _ bool) *arrange.Multi {
		n := len(s.answers)
		if n >= len(answers) || answers[n] < 0 {
			return s.answer(nil)
		}
		for _, x := range s.e.shared {
			if x.Relation == def.Relation && x.Ordinal == answers[n] {
				x.open(s.e, def)
				return s.answer(x)
			}
		}
		s.lost = true // an empty side of its own would be a wrong answer
		return s.answer(nil)
	}
}

// unshare ends a view's use of shared arrangements.
func (e *Engine) unshare(r *runner) {
	for _, x := range r.sharing.used {
		if x.users--; x.users == 0 {
			e.space.Drop(x.id())
			e.shared = slices.DeleteFunc(e.shared, func(y *sharedIndex) bool { return x == y })
		}
	}
	r.sharing.used = nil
}

// applyShared brings the arrangements of a relation up to date.
func (e *Engine) applyShared(id uint64, d *delta) error {
	if d == nil {
		return nil
	}
	for _, x := range e.shared {
		if x.Relation != id {
			continue
		}
		for _, b := range d.batches {
			if err := x.apply(&vec.Batch{N: b.N, Cols: pickColumns(b.Cols, x.Fields), Weights: b.Weights}); err != nil {
				return err
			}
		}
	}
	return nil
}

// historyRows is how many records of streams a plan reads.
func (e *Engine) historyRows(n plan.Node) (rows int64) {
	scans, _, _ := scansOf(n)
	for _, s := range scans {
		if rel := e.relation(s.Object); rel != nil && rel.kind == streamRelation {
			if b, err := rel.topic.Bounds(0); err == nil {
				rows += b.End - b.Start
			}
		}
	}
	return rows
}
