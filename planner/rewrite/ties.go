package rewrite

import (
	"slices"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// BreakTies adds what decides where ORDER BY does not, so that the answer is the
// same in every mode: the position of the record in its stream, the row number in
// a table without a key, the key of a table or view that has one. It holds for
// LIMIT, row_number() and aggregates that depend on order, where the input is
// one relation; over joins and groups the value of the whole row decides.
func BreakTies(n plan.Node) plan.Node {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.TopN:
			return breakTopN(n)
		case *plan.Aggregate:
			return breakAggregate(n)
		}
		return n
	})
}

// arrival returns n with the columns behind its own that give the order of
// arrival, and their positions; nil if n has none.
func arrival(n plan.Node) (plan.Node, []int) {
	switch n := n.(type) {
	case *plan.Scan:
		return scanArrival(n)
	case *plan.Filter:
		in, at := arrival(n.In)
		if at == nil {
			return n, nil
		}
		return plan.NewFilter(in, n.Cond), at
	case *plan.Project:
		in, at := arrival(n.In)
		if at == nil {
			return n, nil
		}
		exprs, names := slices.Clone(n.Exprs), make([]string, len(n.Cols))
		for i, c := range n.Cols {
			names[i] = c.Name
		}
		var out []int
		for _, a := range at {
			out = append(out, len(exprs))
			exprs, names = append(exprs, plan.Ref(in, a)), append(names, in.Columns()[a].Name)
		}
		return plan.NewProject(in, exprs, names), out
	}
	return n, nil
}

func scanArrival(n *plan.Scan) (plan.Node, []int) {
	if n.Kind == plan.System {
		return n, nil
	}
	if n.Kind == plan.Stream || n.Kind == plan.Table && !n.Keyed {
		c := *n
		c.Fields = append(slices.Clone(n.Fields), plan.FieldPosition)
		c.Cols = append(slices.Clone(n.Cols), plan.Column{Name: "_position", Type: types.Int8})
		c.P.Keys = append(slices.Clone(n.P.Keys), []int{len(n.Fields)})
		return &c, []int{len(n.Fields)}
	}
	if len(n.P.Keys) == 0 { // no key, or not all of it is read
		return n, nil
	}
	return n, n.P.Keys[0]
}

// more are the columns of at by which order does not order yet.
func more(order []plan.Order, at []int) []plan.Order {
	out := slices.Clone(order)
	for _, c := range at {
		if !slices.ContainsFunc(order, func(o plan.Order) bool { return o.Col == c }) {
			out = append(out, plan.Order{Col: c})
		}
	}
	return out
}

func breakTopN(n *plan.TopN) plan.Node {
	if n.RankKind != 0 {
		return n // equal ranks are the point of rank() and dense_rank()
	}
	in, at := arrival(n.In)
	if at == nil {
		return n
	}
	c := *n
	c.In, c.OrderBy = in, more(n.OrderBy, at)
	name := n.Cols[len(n.Cols)-1].Name
	out := plan.NewTopN(&c, name)
	w := len(n.In.Columns())
	if len(in.Columns()) == w {
		return out
	}
	exprs, names := plan.Refs(out)[:w:w], make([]string, 0, len(n.Cols))
	if n.RankCol {
		exprs = append(exprs, plan.Ref(out, len(out.Cols)-1))
	}
	for _, col := range n.Cols {
		names = append(names, col.Name)
	}
	return plan.NewProject(out, exprs, names)
}

// orderedAggs are the aggregates whose result depends on the order of rows.
var orderedAggs = map[string]bool{"array_agg": true, "string_agg": true, "jsonb_agg": true, "json_agg": true, "json_object_agg": true}

func breakAggregate(n *plan.Aggregate) plan.Node {
	depends := func(a plan.AggCall) bool {
		return a.Fn.Class == funcs.Holistic && orderedAggs[a.Fn.Name] && !a.Distinct
	}
	if !slices.ContainsFunc(n.Aggs, depends) {
		return n
	}
	in, at := arrival(n.In)
	if at == nil {
		return n
	}
	aggs := slices.Clone(n.Aggs)
	names := make([]string, len(aggs))
	for i, a := range aggs {
		names[i] = n.Cols[len(n.GroupBy)+i].Name
		if depends(a) {
			aggs[i].OrderBy = more(a.OrderBy, at)
		}
	}
	out := plan.NewAggregate(in, n.GroupBy, aggs, names)
	out.WindowEnd = n.WindowEnd
	plan.Derive(out)
	return plan.Named(out, n.Cols)
}
