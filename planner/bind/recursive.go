package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// recursive binds a query of WITH RECURSIVE that names itself.
func (b *binder) recursive(c *cte) (plan.Node, error) {
	q, name := c.def.Stmt.(*ast.Query), c.def.Name
	if b.opt.Standing {
		return nil, unsupported(c.def.Pos, "a recursive query that is maintained").
			WithHint("SELECT can run it; for a view, expand the steps that are needed into joins.")
	}
	u, ok := q.Body.(*ast.SetOp)
	if !ok || u.Op != "UNION" {
		return nil, invalidRecursion(c.def.Pos, "recursive query \"%s\" does not have the form non-recursive-term UNION [ALL] recursive-term", name)
	}
	if len(q.OrderBy) > 0 {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "ORDER BY in a recursive query is not implemented").At(q.OrderBy[0].X.Position())
	}
	if q.Limit != nil || q.Offset != nil {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "LIMIT and OFFSET in a recursive query are not implemented").At(q.Body.Position()).
			WithHint("Put them into the query that reads it.")
	}
	ctes, err := b.with(q.With, c.s, c.outer)
	if err != nil {
		return nil, err
	}
	if namesBody(u.Left, name) {
		return nil, invalidRecursion(u.Left.Position(), "recursive reference to query \"%s\" must not appear within its non-recursive term", name)
	}
	side, err := b.setOpSide(u.Left, c.s, ctes)
	if err != nil {
		return nil, err
	}
	if err := b.settleNode(side, u.Left.Position()); err != nil {
		return nil, err
	}
	first, err := rename(side.limited(), c.def.Columns, name, c.def.Pos)
	if err != nil {
		return nil, err
	}
	b.recursions++
	c.working = plan.NewWorking(b.recursions, name, first)
	defer func() { c.working = nil }()
	if side, err = b.setOpSide(u.Right, c.s, ctes); err != nil {
		return nil, err
	}
	if c.uses != 1 {
		return nil, invalidRecursion(c.usedAt, "recursive reference to query \"%s\" must not appear more than once", name)
	}
	step, err := b.likeFirst(name, first, side.limited(), u)
	if err != nil {
		return nil, err
	}
	if err := linear(step, c, u); err != nil {
		return nil, err
	}
	return plan.NewRecursive(first, step, c.working, u.All), nil
}

// likeFirst gives the recursive term the types of the first, which alone decides
// them.
func (b *binder) likeFirst(name string, first, step plan.Node, u *ast.SetOp) (plan.Node, error) {
	if len(first.Columns()) != len(step.Columns()) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "each UNION query must have the same number of columns").At(u.Right.Position())
	}
	ts := make([]types.Type, len(first.Columns()))
	for i, f := range first.Columns() {
		ts[i] = f.Type
		t, err := funcs.CommonType("UNION", []types.Type{f.Type, step.Columns()[i].Type})
		if err != nil {
			return nil, at(err, itemPos(u.Right, i))
		}
		if t.OID != f.Type.OID {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "recursive query \"%s\" column %d has type %s in non-recursive term but type %s overall", name, i+1, f.Type, t).
				At(itemPos(u.Left, i)).WithHint("Cast the output of the non-recursive term to the correct type.")
		}
	}
	return b.retype(step, ts, types.CastImplicit, u.Pos)
}

// linear refuses steps that look at the last rows as a whole: what such a step
// makes of some rows would depend on those before.
func linear(n plan.Node, c *cte, u *ast.SetOp) error {
	w := c.working
	refuse := func(what string) error {
		return invalidRecursion(c.usedAt, "recursive reference to query \"%s\" must not appear within %s", w.Name, what)
	}
	for n != plan.Node(w) {
		var next plan.Node
		for _, in := range n.Inputs() { // a right side too: it asks for each row of the left one
			if next == nil && reads(in, w) {
				next = in
			}
		}
		if next == nil { // in an expression of a form that is not a plan
			return refuse("a subquery")
		}
		switch n := n.(type) {
		case *plan.Filter, *plan.Project, *plan.Tumble, *plan.Unnest:
		case *plan.Distinct:
			if u.All {
				return unsupported(c.usedAt, "DISTINCT in the recursive term of UNION ALL").WithHint("Use UNION, which gives each row once.")
			}
		case *plan.Aggregate:
			return invalidRecursion(u.Right.Position(), "aggregate functions are not allowed in a recursive query's recursive term")
		case *plan.Join:
			outer := n.Kind == plan.Full || n.Kind == plan.Left && next == n.Right || n.Kind == plan.Right && next == n.Left
			if outer {
				return refuse("an outer join")
			}
			if (n.Kind == plan.Semi || n.Kind == plan.Anti) && next == n.Right {
				return refuse("a subquery")
			}
		case *plan.SetOp:
			if n.Kind != plan.Union {
				return refuse("INTERSECT or EXCEPT")
			}
			return unsupported(c.usedAt, "a UNION in a recursive term")
		default: // TopN, another recursion
			return unsupported(c.usedAt, "this form of recursive term").WithHint("Window functions and LIMIT cannot look at the rows of a round.")
		}
		n = next
	}
	return nil
}

func reads(n plan.Node, w *plan.Working) bool {
	found := false
	plan.Walk(n, func(n plan.Node) { found = found || n == plan.Node(w) })
	return found
}

func namesBody(q ast.QueryBody, name string) bool {
	return namesRelation(&ast.Query{Body: q}, name)
}

func invalidRecursion(pos int, format string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.InvalidRecursion, format, args...).At(pos)
}

// pushRecursive gives the rows of each round the outer values of the rows that
// they were made of.
func (u *pusher) pushRecursive(p *plan.Recursive) (plan.Node, bool) {
	first, ok := u.push(p.First)
	if !ok {
		return nil, false
	}
	if u.working == nil {
		u.working = map[int]*plan.Working{}
	}
	w := plan.NewWorking(p.ID, p.Name, first)
	u.working[p.ID] = w
	step, ok := u.push(p.Step)
	delete(u.working, p.ID)
	if !ok {
		return nil, false
	}
	return plan.NewRecursive(first, step, w, p.All), true
}
