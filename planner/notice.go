package planner

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// growthNotice is the notice for a standing query that keeps state which grows
// with a stream for ever; nil if it keeps none such. It names the first operator
// from the top and the clause that would bound it.
func growthNotice(n plan.Node) *sqlerr.Error {
	if e := growthHere(n); e != nil {
		return e
	}
	for _, in := range n.Inputs() {
		if e := growthNotice(in); e != nil {
			return e
		}
	}
	return nil
}

func growthHere(n plan.Node) *sqlerr.Error {
	what, hint := "", ""
	switch n := n.(type) {
	case *plan.Join:
		if plan.Grows(n.Left) && plan.Grows(n.Right) {
			what, hint = "a join keeps every row of both streams", "Aggregate one side by a window (FROM TUMBLE(…) … EMIT FINAL) before the join, or join with a table."
		}
	case *plan.Aggregate:
		switch {
		case n.WindowEnd >= 0 || !plan.Grows(n.In) || len(n.GroupBy) == 0:
		case windowed(n):
			what, hint = "a group is kept for every window", "EMIT FINAL gives each window once and forgets it."
		}
	case *plan.Distinct:
		if plan.Grows(n.In) {
			what, hint = "DISTINCT keeps every row of a stream", "Group by a window (FROM TUMBLE(…)) and EMIT FINAL."
		}
	case *plan.TopN:
		if n.Limit < 0 && n.LimitE == nil && plan.Grows(n.In) {
			what, hint = "numbering rows keeps every row of a stream", "Keep the first rows only: WHERE row_number <= 10 around it."
		}
	}
	if what == "" {
		return nil
	}
	return (&sqlerr.Error{Code: "00000", Message: "state of this query grows without bound: " + what}).WithHint("%s", hint)
}

// windowed reports whether a grouping column comes from a window function.
func windowed(a *plan.Aggregate) bool {
	found := false
	plan.Walk(a.In, func(n plan.Node) {
		if _, ok := n.(*plan.Tumble); ok {
			found = true
		}
	})
	return found
}
