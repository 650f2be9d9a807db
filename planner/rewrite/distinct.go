package rewrite

import (
	"github.com/tarndb/tarn/planner/plan"
)

// Distinct removes DISTINCT over rows that are unique anyway, and under the
// right side of semi and anti joins, which do not count.
func Distinct(n plan.Node) plan.Node {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.Distinct:
			if len(n.In.Props().Keys) > 0 {
				return n.In
			}
			if d, ok := n.In.(*plan.Distinct); ok {
				return d
			}
		case *plan.Join:
			if n.Kind != plan.Semi && n.Kind != plan.Anti {
				return n
			}
			if d, ok := n.Right.(*plan.Distinct); ok {
				return plan.WithInputs(n, []plan.Node{n.Left, d.In})
			}
		}
		return n
	})
}
