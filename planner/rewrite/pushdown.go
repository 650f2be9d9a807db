package rewrite

import (
	"slices"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// PushFilters moves conditions as far down as they hold: through projections,
// into join sides and join conditions, below aggregates on group columns, into
// set operations and windows. Outer joins whose padded rows a condition drops
// become inner ones, and a condition on a rank becomes a top-N.
func PushFilters(n plan.Node) plan.Node { return push(n, nil) }

// keep puts what could not be pushed above n.
func keep(n plan.Node, preds []expr.Expr) plan.Node {
	if len(preds) == 0 {
		return n
	}
	return plan.NewFilter(n, expr.Conjunction(preds))
}

// push returns n filtered by preds, which are over n's columns.
func push(n plan.Node, preds []expr.Expr) plan.Node {
	switch n := n.(type) {
	case *plan.Filter:
		return push(n.In, append(expr.Conjuncts(n.Cond), preds...))
	case *plan.Project:
		return pushProject(n, preds)
	case *plan.Join:
		return pushJoin(n, preds)
	case *plan.Aggregate:
		down, stay := split(preds, func(cols []int) bool { return len(n.GroupBy) > 0 && len(cols) > 0 && within(cols, 0, len(n.GroupBy)) })
		for i, e := range down {
			down[i] = expr.RemapColumns(e, n.GroupBy)
		}
		return keep(plan.WithInputs(n, []plan.Node{push(n.In, down)}), stay)
	case *plan.Distinct:
		return plan.WithInputs(n, []plan.Node{push(n.In, preds)})
	case *plan.SetOp:
		ins := make([]plan.Node, len(n.Ins))
		for i, in := range n.Ins {
			ins[i] = push(in, slices.Clone(preds))
		}
		return plan.WithInputs(n, ins)
	case *plan.TopN:
		return pushTopN(n, preds)
	case *plan.Tumble:
		return pushInput(n, n.In, preds)
	case *plan.Unnest:
		return pushInput(n, n.In, preds)
	case *plan.Final:
		return pushFinal(n, preds)
	case *plan.Sort:
		if n.Limit == nil && n.Offset == nil {
			return plan.WithInputs(n, []plan.Node{push(n.In, preds)})
		}
		return keep(plan.WithInputs(n, []plan.Node{push(n.In, nil)}), preds)
	}
	return keep(n, preds)
}

// split parts preds by the columns that they use; volatile ones never move.
func split(preds []expr.Expr, goes func(cols []int) bool) (down, stay []expr.Expr) {
	for _, e := range preds {
		if expr.MaxVolatility(e) != funcs.Volatile && goes(expr.ColumnsUsed(e)) {
			down = append(down, e)
		} else {
			stay = append(stay, e)
		}
	}
	return down, stay
}

// within reports whether all cols lie in [from, to).
func within(cols []int, from, to int) bool {
	for _, c := range cols {
		if c < from || c >= to {
			return false
		}
	}
	return true
}

// pushInput pushes past a node that only adds columns behind its input's.
func pushInput(n, in plan.Node, preds []expr.Expr) plan.Node {
	down, stay := split(preds, func(cols []int) bool { return within(cols, 0, len(in.Columns())) })
	return keep(plan.WithInputs(n, []plan.Node{push(in, down)}), stay)
}

func pushProject(n *plan.Project, preds []expr.Expr) plan.Node {
	down, stay := split(preds, func(cols []int) bool {
		for _, c := range cols {
			if expr.MaxVolatility(n.Exprs[c]) == funcs.Volatile {
				return false
			}
		}
		return true
	})
	for i, e := range down {
		down[i] = expr.Substitute(e, n.Exprs)
	}
	return keep(plan.WithInputs(n, []plan.Node{push(n.In, down)}), stay)
}

func pushFinal(n *plan.Final, preds []expr.Expr) plan.Node {
	groups := len(n.Cols)
	if a, ok := n.In.(*plan.Aggregate); ok {
		groups = len(a.GroupBy)
	}
	down, stay := split(preds, func(cols []int) bool { return len(cols) > 0 && within(cols, 0, groups) })
	return keep(plan.WithInputs(n, []plan.Node{push(n.In, down)}), stay)
}

func pushJoin(n *plan.Join, preds []expr.Expr) plan.Node {
	lw := len(n.Left.Columns())
	all := lw + len(n.Right.Columns())
	kind := simplify(n, preds, lw, all)
	var left, right, on, stay []expr.Expr
	conds := expr.Conjuncts(n.Residual)
	if kind == plan.Inner {
		conds = append(conds, preds...)
		preds = nil
	}
	isLeft := func(cols []int) bool { return len(cols) > 0 && within(cols, 0, lw) }
	isRight := func(cols []int) bool { return len(cols) > 0 && within(cols, lw, all) }
	on = conds
	var d []expr.Expr
	if kind == plan.Inner || kind == plan.Right || kind == plan.Semi {
		d, on = split(on, isLeft)
		left = append(left, d...)
	}
	if kind != plan.Right && kind != plan.Full && !n.NullAware {
		d, on = split(on, isRight)
		right = append(right, d...)
	}
	stay = preds
	if kind == plan.Left || kind == plan.Semi || kind == plan.Anti {
		d, stay = split(stay, isLeft)
		left = append(left, d...)
	}
	if kind == plan.Right {
		d, stay = split(stay, isRight)
		right = append(right, d...)
	}
	for i, e := range right {
		right[i] = expr.ShiftColumns(e, -lw)
	}
	c := *n
	c.Kind = kind
	c.Left, c.Right = push(n.Left, left), push(n.Right, right)
	c.Residual = expr.Conjunction(on)
	plan.Derive(&c)
	return keep(&c, stay)
}

// simplify returns the kind that n can have under preds: padded rows that a
// condition drops need not be made.
func simplify(n *plan.Join, preds []expr.Expr, lw, all int) plan.JoinKind {
	rejects := func(from, to int) bool {
		for _, e := range preds {
			if rejectsNull(e, func(c int) bool { return c >= from && c < to }) {
				return true
			}
		}
		return false
	}
	kind := n.Kind
	if n.Single {
		return kind
	}
	if kind == plan.Full {
		noLeftPad, noRightPad := rejects(0, lw), rejects(lw, all)
		switch {
		case noLeftPad && noRightPad:
			return plan.Inner
		case noLeftPad:
			return plan.Left
		case noRightPad:
			return plan.Right
		}
	}
	if kind == plan.Left && rejects(lw, all) || kind == plan.Right && rejects(0, lw) {
		return plan.Inner
	}
	return kind
}

// rejectsNull reports whether e cannot be true where all columns of side are NULL.
func rejectsNull(e expr.Expr, side func(int) bool) bool {
	switch e := e.(type) {
	case *expr.And:
		return slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return rejectsNull(a, side) })
	case *expr.Or:
		return !slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return !rejectsNull(a, side) })
	case *expr.IsNull:
		return e.Negated && nullOf(e.In, side)
	case *expr.IsTrue:
		return !e.Negated && nullOf(e.In, side)
	}
	return nullOf(e, side)
}

// nullOf reports whether e is NULL where all columns of side are.
func nullOf(e expr.Expr, side func(int) bool) bool {
	switch e := e.(type) {
	case *expr.Column:
		return side(e.Idx)
	case *expr.Const:
		return e.Val.Null
	case *expr.Call:
		return !e.Fn.NotStrict && slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return nullOf(a, side) })
	case *expr.Cast:
		return nullOf(e.In, side)
	case *expr.Not:
		return nullOf(e.In, side)
	case *expr.In:
		return nullOf(e.Left, side)
	case *expr.And:
		return len(e.Args) > 0 && !slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return !nullOf(a, side) })
	case *expr.Or:
		return len(e.Args) > 0 && !slices.ContainsFunc(e.Args, func(a expr.Expr) bool { return !nullOf(a, side) })
	}
	return false
}

func pushTopN(n *plan.TopN, preds []expr.Expr) plan.Node {
	down, stay := split(preds, func(cols []int) bool {
		return len(cols) > 0 && !slices.ContainsFunc(cols, func(c int) bool { return !slices.Contains(n.Partition, c) })
	})
	c := *n
	if n.RankCol && n.Offset == 0 && n.LimitE == nil && n.OffsetE == nil {
		rest := stay[:0:0]
		for _, e := range stay {
			limit, exact, ok := rankLimit(e, len(n.Cols)-1)
			if ok && (c.Limit < 0 || limit < c.Limit) {
				c.Limit = limit
			}
			if !ok || !exact {
				rest = append(rest, e)
			}
		}
		stay = rest
	}
	c.In = push(n.In, down)
	plan.Derive(&c)
	return keep(&c, stay)
}

// rankLimit reads rank <= n, rank < n, rank = n: the greatest rank that e lets
// through, and whether that is all that e says.
func rankLimit(e expr.Expr, rank int) (limit int64, exact, ok bool) {
	call, isCall := e.(*expr.Call)
	if !isCall || len(call.Args) != 2 {
		return 0, false, false
	}
	op := call.Fn.Name
	a, b := call.Args[0], call.Args[1]
	if _, isConst := uncast(a).(*expr.Const); isConst {
		a, b = b, a
		op = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "="}[op]
	}
	col, isCol := uncast(a).(*expr.Column)
	c, isConst := uncast(b).(*expr.Const)
	if !isCol || !isConst || col.Idx != rank || c.Val.Null || !isInteger(c.Typ) {
		return 0, false, false
	}
	switch op {
	case "<=":
		return max(c.Val.I, 0), true, true
	case "<":
		return max(c.Val.I-1, 0), true, true
	case "=":
		return max(c.Val.I, 0), c.Val.I == 1, true
	}
	return 0, false, false
}

func isInteger(t types.Type) bool {
	return t.OID == types.OIDInt8 || t.OID == types.OIDInt4 || t.OID == types.OIDInt2
}

// uncast looks through casts between integers, which keep the value.
func uncast(e expr.Expr) expr.Expr {
	if c, ok := e.(*expr.Cast); ok && isInteger(c.To) && isInteger(c.In.Type()) {
		return c.In
	}
	return e
}
