package rewrite

import (
	"math"
	"slices"
	"time"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// A condition on now() in a query that is maintained says from when or until when
// a row belongs to it. Such conditions travel through the passes as ordinary ones,
// so that they are pushed down as far as they hold; Temporal, which runs last,
// turns them into operators of their own.

// clocks are the functions that give the time of the statement; the value says
// whether what they give depends on the time zone.
var clocks = map[string]bool{
	"now": false, "current_timestamp": false, "transaction_timestamp": false, "statement_timestamp": false, "mz_now": false,
	"localtimestamp": true, "current_date": true,
}

// ReadsClock reports whether e asks for the time.
func ReadsClock(e expr.Expr) bool {
	found := false
	expr.Walk(e, func(e expr.Expr) bool {
		if c, ok := e.(*expr.Call); ok {
			if _, clock := clocks[c.Fn.Name]; clock {
				found = true
			}
		}
		return !found
	})
	return found
}

// A clockCondition is: the row belongs to the result from, or until, X + Add.
type clockCondition struct {
	X     expr.Expr // µs, or days if Days
	Days  bool
	Add   int64 // of X's unit
	Until bool
	// Finite: X stands in a difference, which an infinite time does not have.
	Finite bool
}

// ClockConditions reads a comparison of columns with now(), moved by a constant.
// env gives the time zone. ok is false where the moments at which the condition
// changes do not follow from the row alone.
func ClockConditions(e expr.Expr, env *types.Env) (cs []clockCondition, ok bool) {
	c, ok := e.(*expr.Call)
	if !ok || len(c.Args) != 2 || !slices.Contains([]string{"<", "<=", ">", ">=", "="}, c.Fn.Name) {
		return nil, false
	}
	x, clock, op := c.Args[0], c.Args[1], c.Fn.Name
	if ReadsClock(x) {
		x, clock, op = clock, x, turned(op)
	}
	if ReadsClock(x) {
		return nil, false
	}
	finite := clock.Type().OID == types.OIDInterval
	if x, clock, op, ok = difference(x, clock, op); !ok {
		return nil, false
	}
	shift, ok := shiftOf(clock, env)
	days := clock.Type().OID == types.OIDDate
	if !ok || x.Type().OID != clock.Type().OID && !(isStamp(x.Type()) && isStamp(clock.Type())) {
		return nil, false
	}
	// x op now + shift: the border is at x - shift.
	until := func(more int64) { cs = append(cs, clockCondition{x, days, more - shift, true, finite}) }
	from := func(more int64) { cs = append(cs, clockCondition{x, days, more - shift, false, finite}) }
	switch op {
	case ">":
		until(0)
	case ">=":
		until(1)
	case "<":
		from(1)
	case "<=":
		from(0)
	case "=":
		from(0)
		until(1)
	}
	return cs, true
}

func turned(op string) string {
	switch op {
	case "<":
		return ">"
	case "<=":
		return ">="
	case ">":
		return "<"
	case ">=":
		return "<="
	}
	return op
}

func isStamp(t types.Type) bool { return t.OID == types.OIDTimestamp || t.OID == types.OIDTimestamptz }

// difference turns a condition on now() - x, an interval, into one on x. Other
// conditions stay what they are.
func difference(x, clock expr.Expr, op string) (expr.Expr, expr.Expr, string, bool) {
	sub, ok := clock.(*expr.Call)
	if !ok || sub.Typ.OID != types.OIDInterval {
		return x, clock, op, true
	}
	width, ok := constant(x)
	if !ok || sub.Fn.Name != "-" || len(sub.Args) != 2 || !isStamp(sub.Args[0].Type()) || ReadsClock(sub.Args[0]) == ReadsClock(sub.Args[1]) {
		return nil, nil, "", false
	}
	iv := types.DecodeInterval(width.Val.S)
	if width.Val.Null || iv.Months != 0 { // a month is 30 days in a comparison, as a difference it is none
		return nil, nil, "", false
	}
	// The difference of two times is days of 24 hours, whatever the zone.
	micros := iv.Micros + int64(iv.Days)*dayMicros
	if ReadsClock(sub.Args[0]) { // w op now - x  ⇔  x op now - w
		return sub.Args[1], &moved{sub.Args[0], -micros}, op, true
	}
	return sub.Args[0], &moved{sub.Args[1], micros}, turned(op), true // w op x - now  ⇔  x turned(op) now + w
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// moved is a clock moved by µs.
type moved struct {
	expr.Expr
	by int64
}

// shiftOf is how far e is from now(), in µs or, for a date, in days since the day
// of now(). ok is false where that is not the same at all times.
func shiftOf(e expr.Expr, env *types.Env) (int64, bool) {
	if m, ok := e.(*moved); ok {
		shift, ok := shiftOf(m.Expr, env)
		return shift + m.by, ok
	}
	if !shifts(e, fixedZone(env)) {
		return 0, false
	}
	at := *env
	at.Now = 0 // midnight, so that the day's distance is a whole one
	c, ok := expr.Fold(&funcs.Ctx{Env: &at}, e, funcs.Stable).(*expr.Const)
	if !ok || c.Val.Null || c.Val.I == math.MaxInt64 || c.Val.I == math.MinInt64 {
		return 0, false
	}
	return c.Val.I, true
}

// shifts reports whether e is the time moved by a constant. Where the zone has
// summer time, days have not all the same length, and months never have.
func shifts(e expr.Expr, utc bool) bool {
	switch e := e.(type) {
	case *expr.Cast:
		plain := isStamp(e.To) && e.To.Mod < 0 && isStamp(e.In.Type()) || e.To.OID == types.OIDDate // no rounding but to days, once
		return utc && plain && shifts(e.In, utc)
	case *expr.Call:
		if local, clock := clocks[e.Fn.Name]; clock {
			return utc || !local
		}
		if len(e.Args) != 2 || e.Fn.Name != "+" && e.Fn.Name != "-" {
			return false
		}
		t, by := e.Args[0], e.Args[1]
		if e.Fn.Name == "+" && ReadsClock(by) {
			t, by = by, t
		}
		c, ok := constant(by)
		if !ok || c.Val.Null || !shifts(t, utc) {
			return false
		}
		if c.Typ.OID != types.OIDInterval {
			return t.Type().OID == types.OIDDate && e.Typ.OID == types.OIDDate // date ± days
		}
		iv := types.DecodeInterval(c.Val.S)
		// A date and an interval make a timestamp of midnight: that moves in steps.
		return isStamp(t.Type()) && iv.Months == 0 && (iv.Days == 0 || utc)
	}
	return false
}

func constant(e expr.Expr) (*expr.Const, bool) {
	c, ok := foldAround(e).(*expr.Const)
	return c, ok
}

// fixedZone reports whether local time is UTC.
func fixedZone(env *types.Env) bool {
	return env.TimeZone == nil || env.TimeZone == time.UTC || env.TimeZone.String() == "UTC" || env.TimeZone.String() == "Etc/UTC"
}

// Temporal makes operators of conditions on now(). What cannot be maintained, and
// was not seen when the query was bound, is the expression returned.
func Temporal(n plan.Node, env *types.Env) (_ plan.Node, refused expr.Expr) {
	n = plan.Transform(n, func(n plan.Node) plan.Node {
		switch n := n.(type) {
		case *plan.Filter:
			timed, rest := partClock(expr.Conjuncts(n.Cond))
			if len(timed) == 0 {
				return n
			}
			var in plan.Node = n.In
			if len(rest) > 0 {
				in = plan.NewFilter(in, expr.Conjunction(rest))
			}
			if t := temporal(in, timed, env); t != nil {
				return t
			}
		case *plan.Join: // an inner join took the condition in, since it names both sides
			timed, rest := partClock(expr.Conjuncts(n.Residual))
			if len(timed) == 0 || n.Kind != plan.Inner {
				return n
			}
			c := *n
			c.Residual = expr.Conjunction(rest)
			plan.Derive(&c)
			if t := temporal(&c, timed, env); t != nil {
				return t
			}
		}
		return n
	})
	plan.Walk(n, func(n plan.Node) {
		for _, e := range plan.Exprs(n) {
			if ReadsClock(e) {
				refused = e
			}
		}
	})
	return n, refused
}

func partClock(conds []expr.Expr) (timed, rest []expr.Expr) {
	for _, c := range conds {
		if ReadsClock(c) {
			timed = append(timed, c)
		} else {
			rest = append(rest, c)
		}
	}
	return timed, rest
}

// temporal keeps the rows of in while conds hold; nil if they cannot be read.
func temporal(in plan.Node, conds []expr.Expr, env *types.Env) plan.Node {
	width := len(in.Columns())
	exprs := plan.Refs(in)
	var bounds []plan.Bound
	for _, e := range conds {
		cs, ok := ClockConditions(e, env)
		if !ok {
			return nil
		}
		for _, c := range cs {
			col := len(exprs)
			if ref, ok := c.X.(*expr.Column); ok {
				col = ref.Idx
			} else {
				exprs = append(exprs, c.X)
			}
			b := plan.Bound{Col: col, Add: c.Add, Unit: 1, Until: c.Until, Finite: c.Finite}
			if c.Days {
				b.Unit = dayMicros
			}
			bounds = append(bounds, b)
		}
	}
	if len(exprs) == width {
		return plan.NewTemporal(in, bounds)
	}
	t := plan.NewTemporal(plan.NewProject(in, exprs, append(plan.ColumnNames(in), make([]string, len(exprs)-width)...)), bounds)
	return plan.NewProject(t, plan.Refs(t)[:width], plan.ColumnNames(in))
}
