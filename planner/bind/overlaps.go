package bind

import (
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// overlaps binds (start, end) OVERLAPS (start, end); an interval as an end counts
// from the start.
func (x *exprs) overlaps(e *ast.Binary) (expr.Expr, error) {
	var args []expr.Expr
	for i, side := range []ast.Expr{e.L, e.R} {
		row, ok := side.(*ast.Row)
		if !ok || len(row.Fields) != 2 {
			return nil, sqlerr.New(sqlerr.SyntaxError, "wrong number of parameters on %s side of OVERLAPS expression", []string{"left", "right"}[i]).At(e.Pos)
		}
		from, err := x.bind(row.Fields[0])
		if err != nil {
			return nil, err
		}
		to, err := x.bind(row.Fields[1])
		if err != nil {
			return nil, err
		}
		if x.typeOf(to).OID == types.OIDInterval {
			if to, err = x.operator("+", from, to, e.Pos); err != nil {
				return nil, err
			}
		}
		args = append(args, from, to)
	}
	return x.named("overlaps", args, e.Pos)
}
