package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

func (x *exprs) inner(q *ast.Query) (*bound, error) {
	return x.query(q, x.s, x.ctes())
}

func (x *exprs) ctes() *cteList {
	for s := x.s; s != nil; s = s.parent {
		if s.ctes != nil {
			return s.ctes
		}
	}
	return nil
}

func (x *exprs) subquery(e *ast.Subquery) (expr.Expr, error) {
	q, err := x.inner(e.Query)
	if err != nil {
		return nil, err
	}
	switch e.Kind {
	case ast.SubqueryExists:
		return &subquery{Const: typed(types.Bool), kind: subExists, plan: q.limited(), pos: e.Pos}, nil
	case ast.SubqueryArray:
		return x.arraySubquery(e, q)
	}
	p := q.limited()
	if len(p.Columns()) != 1 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "subquery must return only one column").At(e.Pos)
	}
	return &subquery{Const: typed(p.Columns()[0].Type), kind: subScalar, plan: p, pos: e.Pos}, nil
}

// arraySubquery is ARRAY(SELECT …): array_agg in the order of the query, the
// empty array for no rows.
func (x *exprs) arraySubquery(e *ast.Subquery, q *bound) (expr.Expr, error) {
	if q.visible != 1 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "subquery must return only one column").At(e.Pos)
	}
	n := q.top()
	t := n.Columns()[0].Type
	agg, err := funcs.ResolveAgg("array_agg", []types.Type{t}, false, false)
	if err != nil {
		return nil, at(err, e.Pos)
	}
	a := plan.NewAggregate(n, nil, []plan.AggCall{{Fn: agg.Agg, Args: []int{0}, Filter: -1, OrderBy: q.order, Type: agg.Ret}}, []string{"array"})
	empty := &expr.ArrayOf{Typ: agg.Ret}
	v := &expr.Coalesce{Args: []expr.Expr{plan.Ref(a, 0), empty}, Typ: agg.Ret}
	p := plan.NewProject(a, []expr.Expr{v}, []string{"array"})
	return &subquery{Const: typed(agg.Ret), kind: subArray, plan: p, pos: e.Pos}, nil
}

func (x *exprs) inQuery(e *ast.InQuery) (expr.Expr, error) {
	s, err := x.comparison(e.X, e.Query, "=", e.Pos)
	if err != nil {
		return nil, err
	}
	s.kind = subIn
	if e.Not {
		return &expr.Not{In: s}, nil
	}
	return s, nil
}

// comparison binds left op (query) for IN, ANY and ALL.
func (x *exprs) comparison(l ast.Expr, query *ast.Query, op string, pos int) (*subquery, error) {
	left, err := x.bind(l)
	if err != nil {
		return nil, err
	}
	q, err := x.inner(query)
	if err != nil {
		return nil, err
	}
	p := q.limited()
	lefts := []expr.Expr{left}
	if r, ok := left.(*expr.RowOf); ok {
		lefts = r.Args
	}
	switch n := len(p.Columns()); {
	case n > len(lefts):
		return nil, sqlerr.New(sqlerr.SyntaxError, "subquery has too many columns").At(pos)
	case n < len(lefts):
		return nil, sqlerr.New(sqlerr.SyntaxError, "subquery has too few columns").At(pos)
	}
	// Once to find the types and their errors; later joins build it again over
	// other positions, with the same operators.
	for i := range lefts {
		c, err := x.operator(op, lefts[i], plan.Ref(p, i), pos)
		if err != nil {
			return nil, err
		}
		if call, ok := c.(*expr.Call); ok && lefts[i].Type().OID == types.OIDUnknown {
			lefts[i] = call.Args[0]
		}
	}
	compare := func(l, r []expr.Expr) expr.Expr {
		if len(l) == 1 {
			return x.mustOp(op, l[0], r[0])
		}
		return x.mustOp(op, &expr.RowOf{Args: l}, &expr.RowOf{Args: r})
	}
	return &subquery{Const: typed(types.Bool), kind: subAny, plan: p, left: lefts, compare: compare, pos: pos}, nil
}

func (x *exprs) quantified(e *ast.Quantified) (expr.Expr, error) {
	if e.Query != nil {
		s, err := x.comparison(e.X, e.Query, e.Op.Name, e.Pos)
		if err != nil {
			return nil, err
		}
		switch {
		case e.All && e.Op.Name == "<>":
			s.kind, s.compare = subIn, func(l, r []expr.Expr) expr.Expr {
				if len(l) == 1 {
					return x.mustOp("=", l[0], r[0])
				}
				return x.mustOp("=", &expr.RowOf{Args: l}, &expr.RowOf{Args: r})
			}
			return &expr.Not{In: s}, nil
		case e.All:
			s.kind = subAll
		case e.Op.Name == "=":
			s.kind = subIn
		}
		return s, nil
	}
	l, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	a, err := x.bind(e.Array)
	if err != nil {
		return nil, err
	}
	at0 := x.typeOf(a)
	elem := types.ElemOf(at0)
	if at0.OID == types.OIDUnknown {
		// A literal or parameter: an array of what stands on the left.
		if elem = base(x.typeOf(l)); elem.OID == types.OIDUnknown {
			elem = types.Text
		}
		if a, err = x.coerce(a, types.ArrayOf(elem), types.CastImplicit, e.Array.Position()); err != nil {
			return nil, err
		}
	} else if !at0.IsArray() {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL (array) requires array on right side").At(e.Pos)
	}
	res, err := funcs.ResolveOp(e.Op.Name, ptr(x.typeOf(l)), base(elem))
	if err != nil {
		return nil, at(err, e.Pos)
	}
	if res.Ret.OID != types.OIDBool {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "op ANY/ALL (array) requires operator to yield boolean").At(e.Pos)
	}
	if l, err = x.coerce(l, res.ArgTypes[0], types.CastImplicit, e.X.Position()); err != nil {
		return nil, err
	}
	if want := res.ArgTypes[1]; want.OID != elem.OID {
		if a, err = x.coerce(a, types.ArrayOf(want), types.CastImplicit, e.Array.Position()); err != nil {
			return nil, err
		}
	}
	return &expr.AnyOf{Left: l, Array: a, Op: res.Overload, All: e.All}, nil
}
