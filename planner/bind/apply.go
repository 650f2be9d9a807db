package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
)

// row is what the expressions of one query level are computed over at a point of
// its binding. Subqueries join their columns to it on the right, so positions
// once given stay good.
type row struct {
	node  plan.Node
	scope *scope
	// up gives the value of a column of the scope's FROM clause over node, once
	// grouping has changed the row; nil: the columns are still where they were.
	up func(o *outer) (expr.Expr, error)
}

// values maps outer columns of r's scope to expressions over r.
func (r *row) values(refs []*outer) ([]expr.Expr, error) {
	out := make([]expr.Expr, len(refs))
	for i, o := range refs {
		switch {
		case o.Idx < 0: // made by compareAll
			out[i] = r.scope.extra[-1-o.Idx]
		case r.up != nil:
			e, err := r.up(o)
			if err != nil {
				return nil, err
			}
			out[i] = e
		default:
			out[i] = &expr.Column{Idx: o.Idx, Typ: o.Typ, Name: o.Name}
		}
	}
	return out, nil
}

func (r *row) add(e expr.Expr, name string) *expr.Column {
	names := make([]string, 0, len(r.node.Columns())+1)
	for _, c := range r.node.Columns() {
		names = append(names, c.Name)
	}
	r.node = plan.NewProject(r.node, append(plan.Refs(r.node), e), append(names, name))
	return plan.Ref(r.node, len(r.node.Columns())-1)
}

// filter keeps the rows of r for which cond is true; subqueries that are
// conditions of their own become semi and anti joins.
func (r *row) filter(cond expr.Expr) error {
	var rest []expr.Expr
	for _, c := range expr.Conjuncts(cond) {
		done, err := r.filterSubquery(c)
		if err != nil {
			return err
		}
		if done {
			continue
		}
		if hasSubquery(c) {
			width := len(r.node.Columns())
			if c, err = r.lower(c); err != nil {
				return err
			}
			n := plan.NewFilter(r.node, c)
			// The columns that only the condition needed go again, so that
			// SELECT * over this row stays what it was.
			r.node = plan.NewProject(n, plan.Refs(n)[:width], nil)
			continue
		}
		rest = append(rest, c)
	}
	if len(rest) > 0 {
		r.node = plan.NewFilter(r.node, expr.Conjunction(rest))
	}
	return nil
}

func (r *row) filterSubquery(c expr.Expr) (done bool, err error) {
	negated := false
	for {
		n, ok := c.(*expr.Not)
		if !ok {
			break
		}
		negated, c = !negated, n.In
	}
	s, ok := c.(*subquery)
	if !ok {
		return false, nil
	}
	for _, l := range s.left {
		if hasSubquery(l) {
			return false, nil
		}
	}
	kind := plan.Semi
	var on func([]expr.Expr) expr.Expr
	switch {
	case s.kind == subExists:
		if negated {
			kind = plan.Anti
		}
	case (s.kind == subIn || s.kind == subAny) && !negated:
		on = func(cols []expr.Expr) expr.Expr { return s.compare(s.left, cols) }
	case s.kind == subIn && len(s.left) == 1 && len(outers(s.plan, nil)) == 0 && len(appendOuters(nil, s.left[0], nil)) == 0:
		j := plan.NewJoin(plan.Anti, r.node, s.plan)
		j.NullAware = true
		j.Residual = s.compare(s.left, shifted(plan.Refs(s.plan), len(r.node.Columns())))
		plan.Derive(j)
		r.node = j
		return true, nil
	case s.kind == subAll && !negated || (s.kind == subAny || s.kind == subIn) && negated:
		kind = plan.Anti
		on = func(cols []expr.Expr) expr.Expr {
			return &expr.IsTrue{In: s.compare(s.left, cols), Want: s.kind == subAll, Negated: true}
		}
	case s.kind == subAll:
		on = func(cols []expr.Expr) expr.Expr { return &expr.Not{In: s.compare(s.left, cols)} }
	default:
		return false, nil
	}
	_, err = r.join(kind, s.plan, on, false, s.pos)
	return true, err
}

func shifted(es []expr.Expr, by int) []expr.Expr {
	return each(es, func(e expr.Expr) expr.Expr { return shift(e, by) })
}

// shift moves e's own columns, not those of enclosing queries.
func shift(e expr.Expr, by int) expr.Expr {
	if by == 0 {
		return e
	}
	return replace(e, func(e expr.Expr) expr.Expr {
		if c, ok := e.(*expr.Column); ok {
			return &expr.Column{Idx: c.Idx + by, Typ: c.Typ, Name: c.Name}
		}
		return nil
	})
}

// join joins p, which may refer to r's row, to r. on builds the condition from
// p's columns as seen over the joined row. It returns those columns.
func (r *row) join(kind plan.JoinKind, p plan.Node, on func([]expr.Expr) expr.Expr, single bool, pos int) ([]expr.Expr, error) {
	refs := outers(p, r.scope)
	vals, err := r.values(refs)
	if err != nil {
		return nil, err
	}
	nl := len(r.node.Columns())
	finish := func(right plan.Node, conds, cols []expr.Expr) []expr.Expr {
		if on != nil {
			if c := on(cols); c != nil {
				conds = append(conds, c)
			}
		}
		j := plan.NewJoin(kind, r.node, right)
		j.Single = single
		j.Residual = expr.Conjunction(conds)
		plan.Derive(j)
		r.node = j
		return cols
	}
	if len(refs) == 0 {
		return finish(p, nil, shifted(plan.Refs(p), nl)), nil
	}
	if base, exprs, conds, ok := peel(p, r.scope); ok {
		into := func(e expr.Expr) expr.Expr { return substitute(shift(e, nl), r.scope, refs, vals) }
		if kind == plan.Left {
			base, exprs = markMatches(base, exprs, r.scope)
		}
		return finish(base, each(conds, into), each(exprs, into)), nil
	}
	n, strict, err := unnest(r.node, r.scope, refs, vals, p, pos)
	if err != nil {
		return nil, err
	}
	w := len(p.Columns())
	var conds []expr.Expr
	for i, v := range vals {
		conds = append(conds, sameValue(v, shift(plan.Ref(n, w+i), nl), strict))
	}
	return finish(n, conds, shifted(plan.Refs(n)[:w], nl)), nil
}

// peel takes projections and filters off p down to a plan that does not depend
// on scope: its columns as expressions over that plan, and the conditions.
func peel(p plan.Node, of *scope) (base plan.Node, exprs, conds []expr.Expr, ok bool) {
	exprs = plan.Refs(p)
	for depends(p, of) {
		switch n := p.(type) {
		case *plan.Project:
			exprs, conds = below(exprs, n.Exprs), below(conds, n.Exprs)
			p = n.In
		case *plan.Filter:
			conds = append(expr.Conjuncts(n.Cond), conds...)
			p = n.In
		default:
			return nil, nil, nil, false
		}
	}
	return p, exprs, conds, true
}

// below rewrites es over a projection to its input.
func below(es, with []expr.Expr) []expr.Expr {
	return each(es, func(e expr.Expr) expr.Expr {
		return replace(e, func(e expr.Expr) expr.Expr {
			if c, ok := e.(*expr.Column); ok {
				return with[c.Idx]
			}
			return nil
		})
	})
}

// markMatches makes expressions that an outer join's right side gives NULL where
// there is no match, even if they would not be NULL over NULL columns.
func markMatches(base plan.Node, exprs []expr.Expr, of *scope) (plan.Node, []expr.Expr) {
	mark := -1
	add := plan.Refs(base)
	names := make([]string, len(add))
	for i, c := range base.Columns() {
		names[i] = c.Name
	}
	out := make([]expr.Expr, len(exprs))
	for i, e := range exprs {
		if c, ok := e.(*expr.Column); ok {
			out[i] = c
			continue
		}
		if len(appendOuters(nil, e, of)) == 0 {
			out[i] = &expr.Column{Idx: len(add), Typ: e.Type()}
			add, names = append(add, e), append(names, "")
			continue
		}
		if mark < 0 {
			mark = len(add)
			add, names = append(add, boolConst(true)), append(names, "matched")
		}
		out[i] = &expr.Case{Whens: []expr.Expr{&expr.Column{Idx: mark, Typ: types.Bool, Name: "matched"}}, Thens: []expr.Expr{e}, Typ: e.Type()}
	}
	if len(add) == len(base.Columns()) {
		return base, out
	}
	return plan.NewProject(base, add, names), out
}

func boolConst(v bool) *expr.Const { return &expr.Const{Typ: types.Bool, Val: types.Boolean(v)} }
