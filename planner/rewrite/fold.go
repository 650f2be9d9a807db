package rewrite

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Fold computes what is constant and removes filters that always hold. Only
// immutable functions are folded: a plan outlives the statement's time.
func Fold(n plan.Node) plan.Node {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		n = plan.MapExprs(n, func(e expr.Expr) expr.Expr { return foldAround(e) })
		switch n := n.(type) {
		case *plan.Filter:
			if v, null, ok := constBool(n.Cond); ok {
				if v && !null {
					return n.In
				}
				return plan.NewValues(n.Cols, nil)
			}
		case *plan.Join:
			if v, null, ok := constBool(n.Residual); ok && v && !null {
				c := *n
				c.Residual = nil
				return &c
			}
		}
		return n
	})
}

// foldAround folds e; columns keep it from being constant, nothing else does.
func foldAround(e expr.Expr) expr.Expr {
	return expr.Fold(&funcs.Ctx{}, e, funcs.Immutable)
}

func constBool(e expr.Expr) (val, null, ok bool) {
	c, ok := e.(*expr.Const)
	if !ok || c.Typ.OID != types.OIDBool {
		return false, false, false
	}
	return c.Val.I != 0, c.Val.Null, true
}
