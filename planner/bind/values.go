package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// values binds VALUES: columns take the common type of their rows.
func (b *binder) values(q *ast.Values, parent *scope, ctes *cteList) (plan.Node, error) {
	s := &scope{parent: parent, ctes: ctes}
	x := &exprs{binder: b, s: s, where: "VALUES"}
	rows := make([][]expr.Expr, len(q.Rows))
	for i, r := range q.Rows {
		if len(r) != len(q.Rows[0]) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "VALUES lists must all be the same length").At(r[0].Position())
		}
		var err error
		if rows[i], err = x.list(r); err != nil {
			return nil, err
		}
	}
	cols := make([]plan.Column, len(q.Rows[0]))
	for c := range cols {
		es, pos := make([]expr.Expr, len(rows)), make([]int, len(rows))
		for i := range rows {
			es[i], pos[i] = rows[i][c], q.Rows[i][c].Position()
		}
		open := true
		for _, e := range es {
			open = open && b.typeOf(e).OID == types.OIDUnknown
		}
		t := types.Unknown
		if !open {
			var err error
			if es, t, err = b.unify("VALUES", es, pos); err != nil {
				return nil, err
			}
		}
		for i := range rows {
			rows[i][c] = es[i]
		}
		cols[c] = plan.Column{Name: "column" + itoa(c+1), Type: t}
	}
	return b.valuesNode(cols, rows, s)
}

// valuesNode makes a Values, or where rows hold subqueries a union of one-row
// projections that they are joined to.
func (b *binder) valuesNode(cols []plan.Column, rows [][]expr.Expr, s *scope) (plan.Node, error) {
	plain := true
	for _, r := range rows {
		for _, e := range r {
			plain = plain && !hasSubquery(e)
		}
	}
	if plain {
		return plan.NewValues(cols, rows), nil
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	ins := make([]plan.Node, len(rows))
	for i, exprs := range rows {
		r := &row{node: oneRow(), scope: s}
		out := make([]expr.Expr, len(exprs))
		for k, e := range exprs {
			var err error
			if out[k], err = r.lower(e); err != nil {
				return nil, err
			}
		}
		ins[i] = plan.NewProject(r.node, out, names)
	}
	if len(ins) == 1 {
		return ins[0], nil
	}
	return plan.NewSetOp(plan.Union, true, ins...), nil
}

// oneRow is the relation of a SELECT without FROM: a row that holds nothing of
// interest (a column all the same, since batches without columns are awkward).
func oneRow() plan.Node {
	return plan.NewValues([]plan.Column{{Name: "", Type: types.Bool}}, [][]expr.Expr{{boolConst(true)}})
}
