package bind

import (
	"github.com/tarndb/tarn/planner/rewrite"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// timedCondition binds a condition in which, where the query is maintained, now()
// may stand: each part that asks for the time must say from when or until when a
// row belongs to the result.
func (x *exprs) timedCondition(e ast.Expr, where string) (expr.Expr, error) {
	if !x.opt.Standing || x.eventTime != nil {
		return x.condition(e, where)
	}
	before := x.timed
	x.timed = true
	cond, err := x.condition(e, where)
	x.timed = before
	if err != nil {
		return nil, err
	}
	for _, c := range expr.Conjuncts(cond) {
		if !rewrite.ReadsClock(c) {
			continue
		}
		if x.final {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "now() is not supported in a query with EMIT FINAL").At(clockPosition(c)).
				WithHint("A final row is never taken back; leave out EMIT FINAL, or now().")
		}
		if _, ok := rewrite.ClockConditions(c, x.env); !ok {
			return nil, refuseClock(c)
		}
	}
	return cond, nil
}

func refuseClock(e expr.Expr) error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "this condition on the time is not supported in a query that is maintained").At(clockPosition(e)).
		WithHint("Compare a column with now(), less or plus a constant interval of days, hours, minutes or seconds, and join such conditions with AND. " +
			"Months have no fixed length, nor have days in a time zone with summer time; write hours there.")
}

// clockPosition is where e asks for the time.
func clockPosition(e expr.Expr) (pos int) {
	expr.Walk(e, func(e expr.Expr) bool {
		if c, ok := e.(*expr.Call); ok && clockFuncs[c.Fn.Name] && pos == 0 {
			pos = c.Pos
		}
		return pos == 0
	})
	return pos
}

// Maintained makes operators of the conditions on now() in the plan of a query
// that is maintained.
func (q *Query) Maintained(opt Options) error {
	root, refused := rewrite.Temporal(q.Root, newBinder(opt).env)
	if refused != nil {
		return refuseClock(refused)
	}
	q.Root = root
	return nil
}
