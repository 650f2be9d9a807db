package planner

import (
	"slices"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
)

// Carry makes a stateless plan also give a field of its stream, as a column behind
// or among the others: the one at index at. ok is false where the plan is not
// stateless.
func Carry(n plan.Node, field int, col plan.Column) (out plan.Node, at int, ok bool) {
	if !Stateless(n) {
		return n, 0, false
	}
	out, at = carry(n, field, col)
	return out, at, true
}

func carry(n plan.Node, field int, col plan.Column) (plan.Node, int) {
	switch n := n.(type) {
	case *plan.Scan:
		if at := slices.Index(n.Fields, field); at >= 0 {
			return n, at
		}
		c := *n
		c.Fields, c.Cols = append(slices.Clone(n.Fields), field), append(slices.Clone(n.Cols), col)
		return &c, len(n.Fields)
	case *plan.Filter:
		c, at := *n, 0
		c.In, at = carry(n.In, field, col)
		c.Cols = c.In.Columns()
		return &c, at
	case *plan.Project:
		c, at := *n, 0
		c.In, at = carry(n.In, field, col)
		c.Exprs = append(slices.Clone(n.Exprs), &expr.Column{Idx: at, Typ: col.Type, Name: col.Name})
		c.Cols = append(slices.Clone(n.Cols), col)
		return &c, len(n.Exprs)
	}
	return n, 0
}
