package circuit

import (
	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
)

// Index names an arrangement that circuits of the live group share: the rows of a
// relation by key. Two circuits that join the same relation on the same key need
// one.
//
// Only a Scan that feeds a Join directly, or through a projection to plain columns,
// has one; with a filter or an expression in between the contents are the
// circuit's own. Whoever keeps it brings it to the end of an epoch before the
// circuits step (operator.Join knows). Circuits outside the live group share
// nothing: they are at another epoch.
type Index struct {
	Relation uint64
	Fields   []int // columns of the relation, as the join gets them
	Key      []int // places in Fields, in the key's order
	Types    []types.Type
}

// Registry finds or makes a shared arrangement; nil: this one is not shared. It is
// asked in the order of the plan's traversal. have: only one that is there already.
type Registry func(x Index, have bool) *arrange.Multi

// share asks for the shared sides of a join.
func (c *Circuit) share(n *plan.Join) (shared [2]*arrange.Multi) {
	if c.env.Registry == nil || n.NullEqual || n.NullAware || n.Single || len(n.LeftKeys) == 0 {
		return shared
	}
	var xs [2]*Index
	xs[0], xs[1] = indexOf(n.Left, n.LeftKeys), indexOf(n.Right, n.RightKeys)
	switch { // with a condition beside the keys, matches are counted by row, as rows come into the side
	case n.Kind == plan.Inner:
	case n.Residual == nil && (n.Kind == plan.Semi || n.Kind == plan.Anti):
		xs[1] = nil // of the right side only counts are kept
	case n.Residual != nil && n.Kind == plan.Full:
		return shared
	case n.Residual != nil && n.Kind == plan.Right:
		xs[1] = nil
	case n.Residual != nil:
		xs[0] = nil
	}
	if n.Kind == plan.Inner {
		for i, x := range xs {
			if x != nil {
				shared[i] = c.env.Registry(*x, false)
			}
		}
		return shared
	}
	for _, have := range []bool{true, false} { // one side: the one that is there, else the left
		for i, x := range xs {
			if x == nil {
				continue
			}
			if shared[i] = c.env.Registry(*x, have); shared[i] != nil {
				return shared
			}
		}
	}
	return shared
}

// indexOf is the index that a join's input could be, nil if it is none.
func indexOf(n plan.Node, key []int) *Index {
	x := &Index{Key: key, Types: typesOf(n)}
	var pick []int
	if p, ok := n.(*plan.Project); ok {
		for _, e := range p.Exprs {
			col, ok := e.(*expr.Column)
			if !ok {
				return nil
			}
			pick = append(pick, col.Idx)
		}
		n = p.In
	}
	s, ok := n.(*plan.Scan)
	if !ok || s.Kind == plan.System || s.DropLate || s.EventTime != nil || s.SystemTime != nil {
		return nil
	}
	x.Relation, x.Fields = s.Object, s.Fields
	if pick != nil {
		x.Fields = make([]int, len(pick))
		for i, p := range pick {
			x.Fields[i] = s.Fields[p]
		}
	}
	for _, f := range x.Fields {
		if f < 0 { // a hidden column
			return nil
		}
	}
	return x
}
