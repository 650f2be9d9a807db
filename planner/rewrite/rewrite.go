// Package rewrite turns a bound plan into the plan that is built: one pass per
// file, each from plan to plan with the same rows and the same columns in the
// same order.
//
// Invariants
//   - A pass never looks at data or statistics: same text and catalog, same plan.
//   - Plans are not changed in place; parts that stay are shared.
//   - Output columns of the root keep their positions, names and types.
package rewrite

import (
	"github.com/tarndb/tarn/planner/plan"
)

// Pass is one rewriting of a whole plan.
type Pass struct {
	Name string
	Run  func(plan.Node) plan.Node
}

// Passes are the passes in the order in which they run.
func Passes() []Pass {
	return []Pass{
		{"fold", Fold},
		{"merge projects", MergeProjects},
		{"push filters", PushFilters},
		{"order joins", OrderJoins},
		{"join keys", JoinKeys},
		{"break ties", BreakTies},
		{"prune columns", Prune},
		{"merge projects again", MergeProjects},
		{"fold again", Fold},
		{"distinct", Distinct},
	}
}

// All runs every pass.
func All(n plan.Node) plan.Node {
	cols := n.Columns()
	for _, p := range Passes() {
		n = p.Run(n)
	}
	return named(n, cols)
}

// named gives the root back its output names, which passes inside do not keep.
func named(n plan.Node, cols []plan.Column) plan.Node {
	same := true
	for i, c := range n.Columns() {
		same = same && c == cols[i]
	}
	if same {
		return n
	}
	if p, ok := n.(*plan.Project); ok {
		c := *p
		c.Cols = cols
		return &c
	}
	return n
}
