package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// lower replaces the subqueries in e by columns that it joins to r.
func (r *row) lower(e expr.Expr) (expr.Expr, error) {
	if !hasSubquery(e) {
		return e, nil
	}
	var failed error
	out := replace(e, func(e expr.Expr) expr.Expr {
		s, ok := e.(*subquery)
		if !ok || failed != nil {
			return nil
		}
		v, err := r.value(s)
		if err != nil {
			failed = err
			return s
		}
		return v
	})
	return out, failed
}

// value joins subquery s to r and returns its value.
func (r *row) value(s *subquery) (expr.Expr, error) {
	left := make([]expr.Expr, len(s.left))
	for i, l := range s.left {
		var err error
		if left[i], err = r.lower(l); err != nil {
			return nil, err
		}
	}
	switch s.kind {
	case subScalar:
		return r.scalar(s.plan, s.Typ, s.pos)
	case subArray:
		return r.scalar(s.plan, s.Typ, s.pos)
	case subExists:
		return r.exists(s)
	}
	if s.kind == subIn && len(left) == 1 && len(outers(s.plan, nil)) == 0 {
		return r.in(s, left[0])
	}
	return r.compareAll(s, left)
}

// in is the three-valued left IN (plan) for a plan of its own: a mark joined by
// equality says true; whether the rest is false or NULL depends on there being
// rows, and NULLs among them.
func (r *row) in(s *subquery, left expr.Expr) (expr.Expr, error) {
	col := plan.Ref(s.plan, 0)
	found := plan.NewDistinct(plan.NewFilter(s.plan, &expr.IsNull{In: col, Negated: true}))
	right := plan.NewProject(found, []expr.Expr{plan.Ref(found, 0), boolConst(true)}, []string{"value", "found"})
	nl := len(r.node.Columns())
	j := plan.NewJoin(plan.Left, r.node, right)
	j.Residual = s.compare([]expr.Expr{left}, []expr.Expr{shift(plan.Ref(right, 0), nl)})
	plan.Derive(j)
	mark := plan.Ref(j, nl+1)
	countAll, err := funcs.ResolveAgg("count", nil, true, false)
	if err != nil {
		return nil, err
	}
	count, err := funcs.ResolveAgg("count", []types.Type{col.Typ}, false, false)
	if err != nil {
		return nil, err
	}
	counts := plan.NewAggregate(s.plan, nil, []plan.AggCall{
		{Fn: countAll.Agg, Filter: -1, Type: types.Int8},
		{Fn: count.Agg, Args: []int{0}, Filter: -1, Type: types.Int8},
	}, []string{"rows", "known"})
	all := plan.NewJoin(plan.Inner, j, counts)
	r.node = all
	rows, known := plan.Ref(all, nl+2), plan.Ref(all, nl+3)
	gt, err := funcs.ResolveOp(">", ptr(types.Int8), types.Int8)
	if err != nil {
		return nil, err
	}
	more := func(a, b expr.Expr) expr.Expr {
		return &expr.Call{Fn: gt.Overload, Args: []expr.Expr{a, b}, Typ: types.Bool}
	}
	zero := &expr.Const{Typ: types.Int8, Val: types.Int(0)}
	open := &expr.And{Args: []expr.Expr{more(rows, zero), &expr.Or{Args: []expr.Expr{&expr.IsNull{In: left}, more(rows, known)}}}}
	return &expr.Case{
		Whens: []expr.Expr{mark, open},
		Thens: []expr.Expr{boolConst(true), &expr.Const{Typ: types.Bool, Val: types.NullDatum}},
		Else:  boolConst(false),
		Typ:   types.Bool,
	}, nil
}

// exists joins a mark to the rows for which the subquery has rows.
func (r *row) exists(s *subquery) (expr.Expr, error) {
	refs := outers(s.plan, r.scope)
	vals, err := r.values(refs)
	if err != nil {
		return nil, err
	}
	n, strict := s.plan, true
	if len(refs) > 0 {
		if n, strict, err = unnest(r.node, r.scope, refs, vals, s.plan, s.pos); err != nil {
			return nil, err
		}
	}
	w := len(s.plan.Columns())
	keys, names := []expr.Expr{}, []string{}
	for i, o := range refs {
		keys, names = append(keys, plan.Ref(n, w+i)), append(names, o.Name)
	}
	var right plan.Node
	if len(keys) == 0 {
		right = plan.NewDistinct(plan.NewProject(n, []expr.Expr{boolConst(true)}, []string{"exists"}))
	} else {
		right = plan.NewDistinct(plan.NewProject(n, keys, names))
		right = plan.NewProject(right, append(plan.Refs(right), boolConst(true)), append(names, "exists"))
	}
	nl := len(r.node.Columns())
	j := plan.NewJoin(plan.Left, r.node, right)
	var conds []expr.Expr
	for i, v := range vals {
		conds = append(conds, sameValue(v, shift(plan.Ref(right, i), nl), strict))
	}
	j.Residual = expr.Conjunction(conds)
	plan.Derive(j)
	r.node = j
	return &expr.IsNull{In: plan.Ref(j, nl+len(keys)), Negated: true}, nil
}

// scalar joins p's one column to r; no row is NULL, several are an error.
func (r *row) scalar(p plan.Node, t types.Type, pos int) (expr.Expr, error) {
	exprs, base := plan.Refs(p), p
	for {
		n, ok := base.(*plan.Project)
		if !ok {
			break
		}
		exprs, base = below(exprs, n.Exprs), n.In
	}
	agg, ok := base.(*plan.Aggregate)
	if !ok || len(agg.GroupBy) > 0 {
		cols, err := r.join(plan.Left, p, nil, !plan.Unique(p, nil), pos)
		if err != nil {
			return nil, err
		}
		return cols[0], nil
	}
	// One row whatever the input: what is computed over it is computed behind the
	// join, where aggregates over nothing have got their values.
	nl := len(r.node.Columns())
	refs := outers(agg, r.scope)
	vals, err := r.values(refs)
	if err != nil {
		return nil, err
	}
	cols := make([]expr.Expr, len(agg.Aggs))
	if len(refs) == 0 {
		r.node = plan.NewJoin(plan.Inner, r.node, agg)
		for i := range cols {
			cols[i] = plan.Ref(r.node, nl+i)
		}
	} else {
		in, strict, err := unnest(r.node, r.scope, refs, vals, agg.In, pos)
		if err != nil {
			return nil, err
		}
		w := len(agg.In.Columns())
		u := pusher{of: r.scope, refs: refs}
		grouped := plan.NewAggregate(in, u.positions(w), agg.Aggs, aggNames(agg))
		j := plan.NewJoin(plan.Left, r.node, grouped)
		var conds []expr.Expr
		for i, v := range vals {
			conds = append(conds, sameValue(v, shift(plan.Ref(grouped, i), nl), strict))
		}
		j.Residual = expr.Conjunction(conds)
		plan.Derive(j)
		r.node = j
		for i, a := range agg.Aggs {
			cols[i] = emptyDefault(a, plan.Ref(j, nl+len(refs)+i))
		}
	}
	value := below(exprs, cols)[0]
	more := appendOuters(nil, value, r.scope)
	mv, err := r.values(more)
	if err != nil {
		return nil, err
	}
	return substitute(value, r.scope, more, mv), nil
}

// compareAll is the three-valued value of left op ANY/ALL (plan): true (ALL:
// false) if some row decides it, else NULL if some row leaves it open.
func (r *row) compareAll(s *subquery, left []expr.Expr) (expr.Expr, error) {
	ins := make([]expr.Expr, len(left))
	for i, l := range left {
		// The left side becomes a column of this row that the subquery refers to.
		r.scope.extra = append(r.scope.extra, l)
		ins[i] = &outer{Column: expr.Column{Idx: -len(r.scope.extra), Typ: l.Type(), Name: "left"}, of: r.scope, pos: s.pos}
	}
	cmp := plan.NewProject(s.plan, []expr.Expr{s.compare(ins, plan.Refs(s.plan))}, []string{"compared"})
	name, decisive := "bool_or", true
	if s.kind == subAll {
		name, decisive = "bool_and", false
	}
	decide, err := funcs.ResolveAgg(name, []types.Type{types.Bool}, false, false)
	if err != nil {
		return nil, err
	}
	countAll, err := funcs.ResolveAgg("count", nil, true, false)
	if err != nil {
		return nil, err
	}
	count, err := funcs.ResolveAgg("count", []types.Type{types.Bool}, false, false)
	if err != nil {
		return nil, err
	}
	agg := plan.NewAggregate(cmp, nil, []plan.AggCall{
		{Fn: decide.Agg, Args: []int{0}, Filter: -1, Type: types.Bool},
		{Fn: countAll.Agg, Filter: -1, Type: types.Int8},
		{Fn: count.Agg, Args: []int{0}, Filter: -1, Type: types.Int8},
	}, []string{name, "rows", "known"})
	open, err := funcs.ResolveOp(">", ptr(types.Int8), types.Int8)
	if err != nil {
		return nil, err
	}
	value := &expr.Case{
		Whens: []expr.Expr{
			&expr.IsTrue{In: plan.Ref(agg, 0), Want: decisive},
			&expr.Call{Fn: open.Overload, Args: []expr.Expr{plan.Ref(agg, 1), plan.Ref(agg, 2)}, Typ: types.Bool},
		},
		Thens: []expr.Expr{boolConst(decisive), &expr.Const{Typ: types.Bool, Val: types.NullDatum}},
		Else:  boolConst(!decisive),
		Typ:   types.Bool,
	}
	return r.scalar(plan.NewProject(agg, []expr.Expr{value}, []string{"compared"}), types.Bool, s.pos)
}

// noSubquery is the error for places that cannot hold subqueries.
func noSubquery(e expr.Expr, where string) error {
	var err error
	walk(e, func(e expr.Expr) bool {
		if s, ok := e.(*subquery); ok && err == nil {
			err = sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in %s", where).At(s.pos)
		}
		return err == nil
	})
	return err
}
