package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

func (b *binder) setOp(q *ast.SetOp, parent *scope, ctes *cteList) (plan.Node, error) {
	if err := b.enter(q.Pos); err != nil {
		return nil, err
	}
	defer b.leave()
	sides := make([]*bound, 2)
	for i, body := range []ast.QueryBody{q.Left, q.Right} {
		s, err := b.setOpSide(body, parent, ctes)
		if err != nil {
			return nil, err
		}
		sides[i] = s
	}
	l, r := sides[0].limited(), sides[1].limited()
	if len(l.Columns()) != len(r.Columns()) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "each %s query must have the same number of columns", q.Op).At(q.Right.Position())
	}
	ts := make([]types.Type, len(l.Columns()))
	for i := range ts {
		t, err := funcs.CommonType(q.Op, []types.Type{l.Columns()[i].Type, r.Columns()[i].Type})
		if err != nil {
			return nil, at(err, itemPos(q.Right, i))
		}
		ts[i] = t
	}
	l, err := b.retype(l, ts, types.CastImplicit, q.Pos)
	if err != nil {
		return nil, err
	}
	if r, err = b.retype(r, ts, types.CastImplicit, q.Pos); err != nil {
		return nil, err
	}
	switch q.Op {
	case "UNION":
		ins := []plan.Node{l, r}
		if u, ok := l.(*plan.SetOp); ok && u.Kind == plan.Union {
			ins = append(append([]plan.Node(nil), u.Ins...), r)
		}
		var n plan.Node = plan.NewSetOp(plan.Union, true, ins...)
		if !q.All {
			n = plan.NewDistinct(n)
		}
		return n, nil
	case "INTERSECT":
		return plan.NewSetOp(plan.Intersect, q.All, l, r), nil
	}
	return plan.NewSetOp(plan.Except, q.All, l, r), nil
}

func (b *binder) setOpSide(q ast.QueryBody, parent *scope, ctes *cteList) (*bound, error) {
	if p, ok := q.(*ast.Query); ok {
		return b.openQuery(p, parent, ctes)
	}
	return b.body(q, nil, parent, ctes)
}

func itemPos(q ast.QueryBody, i int) int {
	switch q := q.(type) {
	case *ast.Select:
		if i < len(q.Items) {
			return q.Items[i].X.Position()
		}
	case *ast.Values:
		if len(q.Rows) > 0 && i < len(q.Rows[0]) {
			return q.Rows[0][i].Position()
		}
	}
	return q.Position()
}

// retype casts n's columns to ts. Open literals of a projection or VALUES are
// read as the type.
func (b *binder) retype(n plan.Node, ts []types.Type, ctx types.CastContext, pos int) (plan.Node, error) {
	cast := func(es []expr.Expr) ([]expr.Expr, bool, error) {
		out, changed := make([]expr.Expr, len(es)), false
		for i, e := range es {
			c, err := b.coerce(e, ts[i], ctx, pos)
			if err != nil {
				return nil, false, err
			}
			out[i] = c
			changed = changed || c != e
		}
		return out, changed, nil
	}
	switch n := n.(type) {
	case *plan.Project:
		es, changed, err := cast(n.Exprs)
		if err != nil || !changed {
			return n, err
		}
		return plan.NewProject(n.In, es, plan.ColumnNames(n)), nil
	case *plan.Values:
		rows := make([][]expr.Expr, len(n.Rows))
		for i, r := range n.Rows {
			es, _, err := cast(r)
			if err != nil {
				return nil, err
			}
			rows[i] = es
		}
		cols := append([]plan.Column(nil), n.Cols...)
		for i := range cols {
			cols[i].Type = ts[i]
		}
		return plan.NewValues(cols, rows), nil
	}
	es, changed, err := cast(plan.Refs(n))
	if err != nil || !changed {
		return n, err
	}
	return plan.NewProject(n, es, plan.ColumnNames(n)), nil
}

// settleNode gives columns of open type the type text.
func (b *binder) settleNode(q *bound, pos int) error {
	ts := make([]types.Type, len(q.node.Columns()))
	open := false
	for i, c := range q.node.Columns() {
		ts[i] = c.Type
		if c.Type.OID == types.OIDUnknown {
			ts[i], open = types.Text, true
		}
	}
	if !open {
		return nil
	}
	n, err := b.retype(q.node, ts, types.CastImplicit, pos)
	q.node = n
	return err
}
