package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Decorrelation: a plan p that refers to the row of an enclosing query becomes a
// plan without such references whose rows carry, behind p's columns, the values
// of the outer columns that they belong to. It is then joined on those values
// (Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015).
//
// Two forms are tried in order:
//   - bound: where conditions equate every outer column with an inner expression,
//     that expression is the value. Rows exist for values nobody asks for, which
//     the join drops; no further join is needed.
//   - domain: the distinct values asked for are crossed in at the leaves. Always
//     right, at the price of keeping the domain.

// outers lists the columns of scope that p's expressions refer to, each once, in
// the order of first use.
func outers(p plan.Node, of *scope) []*outer {
	var out []*outer
	plan.Walk(p, func(n plan.Node) {
		for _, e := range plan.Exprs(n) {
			out = appendOuters(out, e, of)
		}
	})
	return out
}

// appendOuters adds the outer columns in e; of nil means those of any scope.
func appendOuters(out []*outer, e expr.Expr, of *scope) []*outer {
	walk(e, func(e expr.Expr) bool {
		o, ok := e.(*outer)
		if !ok || of != nil && o.of != of {
			return true
		}
		for _, have := range out {
			if have.of == o.of && have.Idx == o.Idx {
				return true
			}
		}
		out = append(out, o)
		return true
	})
	return out
}

func depends(p plan.Node, of *scope) bool { return len(outers(p, of)) > 0 }

// pusher moves the outer columns refs of one scope into a plan.
type pusher struct {
	of   *scope
	refs []*outer
	// domain holds the values asked for; nil: the bound form.
	domain plan.Node
	// working stand for those of recursive queries that are being pushed into, by
	// ID: their rows carry the values already.
	working map[int]*plan.Working
}

func (u *pusher) depends(p plan.Node) bool {
	found := depends(p, u.of)
	if len(u.working) > 0 {
		plan.Walk(p, func(n plan.Node) {
			w, ok := n.(*plan.Working)
			found = found || ok && u.working[w.ID] != nil
		})
	}
	return found
}

// push returns p with the values of refs behind its columns; ok is false where
// the form at hand does not apply.
func (u *pusher) push(p plan.Node) (plan.Node, bool) {
	if !u.depends(p) {
		if u.domain == nil {
			return nil, false
		}
		return plan.NewJoin(plan.Inner, p, u.domain), true
	}
	width := len(p.Columns())
	switch p := p.(type) {
	case *plan.Filter:
		return u.pushFilter(p)
	case *plan.Project:
		in, ok := u.push(p.In)
		if !ok {
			return nil, false
		}
		at := len(p.In.Columns())
		return u.project(in, each(p.Exprs, func(e expr.Expr) expr.Expr { return u.subst(e, at) }), p.Cols, at), true
	case *plan.Unnest:
		in, ok := u.push(p.In)
		if !ok {
			return nil, false
		}
		at, extra := len(p.In.Columns()), width-len(p.In.Columns())
		n := plan.NewUnnest(in, u.subst(p.Array, at), p.Cols[at].Name, p.Ordinality, p.Outer)
		return u.tail(n, p.Cols, at, extra), true
	case *plan.Tumble:
		in, ok := u.push(p.In)
		if !ok {
			return nil, false
		}
		return u.tail(plan.NewTumble(in, p.Time, p.Size, p.Slide, p.Offset), p.Cols, len(p.In.Columns()), 2), true
	case *plan.Values:
		return u.pushValues(p)
	case *plan.Join:
		return u.pushJoin(p)
	case *plan.Aggregate:
		return u.pushAggregate(p)
	case *plan.Distinct:
		in, ok := u.push(p.In)
		if !ok {
			return nil, false
		}
		return plan.NewDistinct(in), true
	case *plan.SetOp:
		ins := make([]plan.Node, len(p.Ins))
		for i := range p.Ins {
			in, ok := u.push(p.Ins[i])
			if !ok {
				return nil, false
			}
			ins[i] = in
		}
		return plan.NewSetOp(p.Kind, p.All, ins...), true
	case *plan.TopN:
		in, ok := u.push(p.In)
		if !ok {
			return nil, false
		}
		c := *p
		at := len(p.In.Columns())
		c.In, c.Partition = in, append(append([]int(nil), p.Partition...), u.positions(at)...)
		n := plan.NewTopN(&c, p.Cols[width-1].Name)
		return u.tail(n, p.Cols, at, width-at), true
	case *plan.Recursive:
		return u.pushRecursive(p)
	case *plan.Working:
		return u.working[p.ID], true
	}
	return nil, false
}

// positions are those of the outer values in a row whose own columns end at at.
func (u *pusher) positions(at int) []int {
	out := make([]int, len(u.refs))
	for i := range out {
		out[i] = at + i
	}
	return out
}

func (u *pusher) values(at int) []expr.Expr {
	out := make([]expr.Expr, len(u.refs))
	for i, r := range u.refs {
		out[i] = &expr.Column{Idx: at + i, Typ: r.Typ, Name: r.Name}
	}
	return out
}

// subst replaces the outer columns in e by the values that start at at.
func (u *pusher) subst(e expr.Expr, at int) expr.Expr {
	return substitute(e, u.of, u.refs, u.values(at))
}

// substitute replaces the columns refs of scope in e by vals.
func substitute(e expr.Expr, of *scope, refs []*outer, vals []expr.Expr) expr.Expr {
	return replace(e, func(e expr.Expr) expr.Expr {
		o, ok := e.(*outer)
		if !ok || o.of != of {
			return nil
		}
		for i, r := range refs {
			if r.Idx == o.Idx {
				return vals[i]
			}
		}
		return nil
	})
}

// project computes exprs over in and keeps the outer values, which start at at.
func (u *pusher) project(in plan.Node, exprs []expr.Expr, cols []plan.Column, at int) plan.Node {
	names := make([]string, 0, len(exprs)+len(u.refs))
	for i := range exprs {
		names = append(names, cols[i].Name)
	}
	for _, r := range u.refs {
		names = append(names, r.Name)
	}
	n := plan.NewProject(in, append(exprs, u.values(at)...), names)
	for i := range cols {
		n.Cols[i].Table, n.Cols[i].Attnum = cols[i].Table, cols[i].Attnum
	}
	return n
}

// tail reorders own[0:at], values, own[at:at+extra] to own, values.
func (u *pusher) tail(n plan.Node, cols []plan.Column, at, extra int) plan.Node {
	if extra == 0 {
		return n
	}
	exprs := make([]expr.Expr, 0, at+extra)
	for i := range at + extra {
		from := i
		if i >= at {
			from += len(u.refs)
		}
		exprs = append(exprs, plan.Ref(n, from))
	}
	return u.project(n, exprs, cols, at)
}

func (u *pusher) pushFilter(p *plan.Filter) (plan.Node, bool) {
	at := len(p.In.Columns())
	if u.domain != nil || u.depends(p.In) {
		in, ok := u.push(p.In)
		if !ok {
			return nil, false
		}
		return plan.NewFilter(in, u.subst(p.Cond, at)), true
	}
	bound := make([]expr.Expr, len(u.refs))
	var rest []expr.Expr
	for _, c := range expr.Conjuncts(p.Cond) {
		if k, e := u.equates(c); k >= 0 && bound[k] == nil {
			bound[k] = e
			continue
		}
		rest = append(rest, u.subst(c, at))
	}
	for _, e := range bound {
		if e == nil {
			return nil, false
		}
	}
	names := make([]string, 0, at+len(bound))
	for _, c := range p.In.Columns() {
		names = append(names, c.Name)
	}
	for _, r := range u.refs {
		names = append(names, r.Name)
	}
	var n plan.Node = plan.NewProject(p.In, append(plan.Refs(p.In), bound...), names)
	if len(rest) > 0 {
		n = plan.NewFilter(n, expr.Conjunction(rest))
	}
	return n, true
}

// equates finds which outer column the condition c makes equal to an expression
// over the inner row; -1 if none.
func (u *pusher) equates(c expr.Expr) (int, expr.Expr) {
	call, ok := c.(*expr.Call)
	if !ok || call.Fn.Name != "=" || len(call.Args) != 2 {
		return -1, nil
	}
	for side := range 2 {
		o, ok := call.Args[side].(*outer)
		e := call.Args[1-side]
		if !ok || o.of != u.of || o.Typ.OID != e.Type().OID || len(appendOuters(nil, e, u.of)) > 0 {
			continue
		}
		for k, r := range u.refs {
			if r.Idx == o.Idx {
				return k, e
			}
		}
	}
	return -1, nil
}

func (u *pusher) pushValues(p *plan.Values) (plan.Node, bool) {
	if u.domain == nil {
		return nil, false
	}
	ins := make([]plan.Node, len(p.Rows))
	for i, row := range p.Rows {
		ins[i] = u.project(u.domain, each(row, func(e expr.Expr) expr.Expr { return u.subst(e, 0) }), p.Cols, 0)
	}
	if len(ins) == 1 {
		return ins[0], true
	}
	return plan.NewSetOp(plan.Union, true, ins...), true
}

// matches is the condition that the outer values at a and at b are the same.
func (u *pusher) matches(a, b int) expr.Expr {
	var conds []expr.Expr
	va, vb := u.values(a), u.values(b)
	for i := range u.refs {
		conds = append(conds, sameValue(va[i], vb[i], u.domain == nil))
	}
	return expr.Conjunction(conds)
}

// sameValue is a = b where NULLs need no match, else a IS NOT DISTINCT FROM b.
func sameValue(a, b expr.Expr, strict bool) expr.Expr {
	eq, err := funcs.ResolveOp("=", ptr(a.Type()), b.Type())
	if err != nil || eq.Overload == nil {
		// Types without equality cannot be correlated on; the comparison fails
		// when the plan is built.
		eq.Overload = &funcs.Overload{Name: "="}
	}
	if strict {
		return &expr.Call{Fn: eq.Overload, Args: []expr.Expr{a, b}, Typ: types.Bool}
	}
	return &expr.Distinct{Left: a, Right: b, Eq: eq.Overload, Negated: true}
}

func ptr[T any](v T) *T { return &v }

func (u *pusher) pushJoin(p *plan.Join) (plan.Node, bool) {
	if p.NullAware {
		return nil, false
	}
	lw, rw, k := len(p.Left.Columns()), len(p.Right.Columns()), len(u.refs)
	ldep, rdep := u.depends(p.Left), u.depends(p.Right)
	cdep := p.Residual != nil && len(appendOuters(nil, p.Residual, u.of)) > 0
	semi := p.Kind == plan.Semi || p.Kind == plan.Anti
	pushLeft := ldep || (cdep && !rdep) || semi || p.Kind == plan.Left || p.Kind == plan.Full || p.Kind == plan.Right && ldep
	pushRight := rdep || p.Kind == plan.Right || p.Kind == plan.Full
	l, r := p.Left, p.Right
	var ok bool
	if pushLeft {
		if l, ok = u.push(l); !ok {
			return nil, false
		}
	}
	if pushRight {
		if r, ok = u.push(r); !ok {
			return nil, false
		}
	}
	j := plan.NewJoin(p.Kind, l, r)
	j.Single = p.Single
	lk := 0
	if pushLeft {
		lk = k
	}
	shift := func(e expr.Expr) expr.Expr {
		return replace(e, func(e expr.Expr) expr.Expr {
			if c, ok := e.(*expr.Column); ok {
				if c.Idx >= lw {
					return &expr.Column{Idx: c.Idx + lk, Typ: c.Typ, Name: c.Name}
				}
				return c
			}
			return nil
		})
	}
	from := lw // where the residual finds the outer values
	if !pushLeft {
		from = lw + rw
	}
	var conds []expr.Expr
	if p.Residual != nil {
		conds = append(conds, u.subst(shift(p.Residual), from))
	}
	for i := range p.LeftKeys {
		a, b := plan.Ref(p.Left, p.LeftKeys[i]), plan.Ref(p.Right, p.RightKeys[i])
		conds = append(conds, sameValue(a, &expr.Column{Idx: b.Idx + lw + lk, Typ: b.Typ, Name: b.Name}, !p.NullEqual))
	}
	if pushLeft && pushRight {
		conds = append(conds, u.matches(lw, lw+k+rw))
	}
	j.Residual = expr.Conjunction(conds)
	plan.Derive(j)
	if semi {
		return j, true
	}
	exprs := make([]expr.Expr, 0, lw+rw+k)
	names := make([]string, 0, lw+rw+k)
	for i := range lw + rw {
		at := i
		if i >= lw {
			at += lk
		}
		exprs, names = append(exprs, plan.Ref(j, at)), append(names, p.Cols[i].Name)
	}
	for i, ref := range u.refs {
		var e expr.Expr
		switch {
		case p.Kind == plan.Full:
			e = &expr.Coalesce{Args: []expr.Expr{plan.Ref(j, lw+i), plan.Ref(j, lw+k+rw+i)}, Typ: ref.Typ}
		case pushLeft && p.Kind != plan.Right:
			e = plan.Ref(j, lw+i)
		default:
			e = plan.Ref(j, lw+lk+rw+i)
		}
		exprs, names = append(exprs, e), append(names, ref.Name)
	}
	return plan.NewProject(j, exprs, names), true
}

func (u *pusher) pushAggregate(p *plan.Aggregate) (plan.Node, bool) {
	if len(p.GroupBy) == 0 && u.domain == nil {
		return nil, false // a group that got no rows would be missing
	}
	at := len(p.In.Columns())
	var in plan.Node
	ok := false
	if in, ok = u.push(p.In); !ok {
		return nil, false
	}
	agg := plan.NewAggregate(in, append(append([]int(nil), p.GroupBy...), u.positions(at)...), p.Aggs, aggNames(p))
	g, k, na := len(p.GroupBy), len(u.refs), len(p.Aggs)
	if g > 0 {
		return u.tail(agg, p.Cols, g, na), true
	}
	// One row for each value asked for, also where it has no input.
	j := plan.NewJoin(plan.Left, u.domain, agg)
	j.Residual = u.matches(0, k)
	plan.Derive(j)
	exprs := make([]expr.Expr, na)
	for i, a := range p.Aggs {
		exprs[i] = emptyDefault(a, plan.Ref(j, 2*k+i))
	}
	return u.project(j, exprs, p.Cols, 0), true
}

func aggNames(p *plan.Aggregate) []string {
	out := make([]string, len(p.Aggs))
	for i := range out {
		out[i] = p.Cols[len(p.GroupBy)+i].Name
	}
	return out
}

// emptyDefault gives e, the result of a, the value it has over no rows.
func emptyDefault(a plan.AggCall, e expr.Expr) expr.Expr {
	if a.Fn.Name != "count" {
		return e
	}
	zero := &expr.Const{Typ: types.Int8, Val: types.Int(0)}
	return &expr.Coalesce{Args: []expr.Expr{e, zero}, Typ: types.Int8}
}

// unnest makes p independent of scope: bound if possible, else over domain,
// which computes vals over r.
func unnest(r plan.Node, of *scope, refs []*outer, vals []expr.Expr, p plan.Node, pos int) (node plan.Node, strict bool, err error) {
	u := &pusher{of: of, refs: refs}
	if n, ok := u.push(p); ok {
		return n, true, nil
	}
	names := make([]string, len(refs))
	for i, o := range refs {
		names[i] = o.Name
	}
	u.domain = plan.NewDistinct(plan.NewProject(r, vals, names))
	if n, ok := u.push(p); ok {
		return n, false, nil
	}
	return nil, false, sqlerr.New(sqlerr.FeatureNotSupported, "this form of correlated subquery is not supported").At(pos).
		WithHint("Write the subquery as a join.")
}
