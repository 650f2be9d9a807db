package bind

import (
	"fmt"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// overArgs binds the arguments of a function over a window, and gives it its type.
func (x *exprs) overArgs(w *window, e *ast.Func) error {
	o := w.over
	args, pos, err := x.args(e)
	if err != nil {
		return err
	}
	if funcs.IsAggregate(o.name) {
		rowsAsObjects(o.name, args)
		res, err := funcs.ResolveAgg(o.name, x.typesOf(args), e.Star, false)
		if err != nil {
			return at(err, e.Pos)
		}
		o.agg, w.Typ = res.Agg, res.Ret
		for i, a := range args {
			if a, err = x.coerce(a, res.ArgTypes[i], types.CastImplicit, pos[i]); err != nil {
				return err
			}
			o.args = append(o.args, a)
		}
		if e.Filter != nil {
			f := *x
			f.where = "FILTER"
			o.filter, err = f.condition(e.Filter, "FILTER")
		}
		return err
	}
	switch o.name {
	case "percent_rank", "cume_dist":
		w.Typ = types.Float8
		return nil
	case "ntile":
		w.Typ = types.Int4
		a, err := x.coerce(args[0], types.Int4, types.CastImplicit, pos[0])
		o.args = []expr.Expr{a}
		return err
	}
	if len(args) > 2 { // lag(value, offset, default)
		both, t, err := x.unify("LAG", []expr.Expr{args[0], args[2]}, []int{pos[0], pos[2]})
		if err != nil {
			return at(err, e.Pos)
		}
		args[0], args[2], w.Typ = both[0], both[1], t
	} else {
		if args[0], err = x.settle(args[0], pos[0]); err != nil {
			return err
		}
		w.Typ = base(args[0].Type())
	}
	if len(args) > 1 {
		if args[1], err = x.coerce(args[1], types.Int4, types.CastImplicit, pos[1]); err != nil {
			return err
		}
	}
	o.args = args
	return nil
}

// frame binds the frame of a window; without one it ends with the current row's peers.
func (x *exprs) frame(o *over, spec *ast.WindowSpec, orderBy []sortKey) (funcs.WindowFrame, error) {
	out := funcs.WindowFrame{Start: funcs.WindowBound{Unbounded: true}}
	f := spec.Frame
	if f == nil {
		return out, nil
	}
	bad := func(format string, args ...any) (funcs.WindowFrame, error) {
		return out, sqlerr.New(sqlerr.WindowingError, format, args...).At(f.Pos)
	}
	switch f.Mode {
	case "ROWS":
		out.Mode = funcs.FrameRows
	case "GROUPS":
		out.Mode = funcs.FrameGroups
		if len(orderBy) == 0 {
			return bad("GROUPS mode requires an ORDER BY clause")
		}
	}
	switch f.Exclude {
	case "CURRENT ROW", "GROUP", "TIES":
		out.Exclude = f.Exclude
	}
	start, end := f.Start.Kind, f.End.Kind
	if end == "" {
		end = "CURRENT ROW"
	}
	switch {
	case start == "UNBOUNDED FOLLOWING":
		return bad("frame start cannot be UNBOUNDED FOLLOWING")
	case end == "UNBOUNDED PRECEDING":
		return bad("frame end cannot be UNBOUNDED PRECEDING")
	case start == "CURRENT ROW" && end == "PRECEDING":
		return bad("frame starting from current row cannot have preceding rows")
	case start == "FOLLOWING" && (end == "PRECEDING" || end == "CURRENT ROW"):
		return bad("frame starting from following row cannot have preceding rows")
	}
	for i, b := range []struct {
		kind   string
		offset ast.Expr
		to     *funcs.WindowBound
	}{{start, f.Start.Offset, &out.Start}, {end, f.End.Offset, &out.End}} {
		*b.to = funcs.WindowBound{Following: b.kind == "FOLLOWING", Offset: b.kind == "FOLLOWING" || b.kind == "PRECEDING"}
		b.to.Unbounded = !b.to.Offset && b.kind != "CURRENT ROW"
		if !b.to.Offset {
			continue
		}
		if err := x.offset(o, i, out.Mode, b.offset, b.to.Following, orderBy); err != nil {
			return out, err
		}
	}
	return out, nil
}

// offset binds the offset of a bound; in FrameRange what it makes of the key.
func (x *exprs) offset(o *over, i int, mode funcs.FrameMode, e ast.Expr, following bool, orderBy []sortKey) error {
	v, err := x.bind(e)
	if err != nil {
		return err
	}
	if has(v, func(e expr.Expr) bool { _, ok := e.(*expr.Column); return ok }) {
		return sqlerr.New(sqlerr.InvalidColumnReference, "argument of %s must not contain variables", map[funcs.FrameMode]string{
			funcs.FrameRange: "RANGE", funcs.FrameRows: "ROWS", funcs.FrameGroups: "GROUPS"}[mode]).At(e.Position())
	}
	if mode != funcs.FrameRange {
		o.bounds[i], err = x.coerce(v, types.Int8, types.CastImplicit, e.Position())
		return err
	}
	if len(orderBy) != 1 {
		return sqlerr.New(sqlerr.WindowingError, "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column").At(e.Position())
	}
	key := orderBy[0]
	op := "-"
	if following != key.desc {
		op = "+"
	}
	switch key.e.Type().OID {
	case types.OIDDate, types.OIDTimestamp, types.OIDTimestamptz, types.OIDTime, types.OIDInterval:
		if v, err = x.coerce(v, types.Interval, types.CastImplicit, e.Position()); err != nil {
			return err
		}
	}
	if negative(v) {
		return sqlerr.New(sqlerr.InvalidPrecedingOrFollowingSize, "invalid preceding or following size in window function").At(e.Position())
	}
	limit, err := x.operator(op, key.e, v, e.Position())
	if err != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "RANGE with offset PRECEDING/FOLLOWING is not supported for column type %s and offset type %s",
			base(key.e.Type()), base(x.typeOf(v))).At(e.Position()).WithHint("Cast the offset value to an appropriate type.")
	}
	o.bounds[i] = limit
	o.keys[i], err = x.coerce(key.e, limit.Type(), types.CastImplicit, e.Position())
	return err
}

// negative reports whether e is a constant below zero.
func negative(e expr.Expr) bool {
	c, ok := e.(*expr.Const)
	if !ok || c.Val.Null {
		return false
	}
	switch c.Typ.OID {
	case types.OIDInt2, types.OIDInt4, types.OIDInt8:
		return c.Val.I < 0
	case types.OIDFloat8:
		return c.Val.F < 0
	case types.OIDNumeric:
		return types.Compare(c.Val, types.NumericFromInt(0), types.Numeric) < 0
	}
	return false
}

// overs computes the functions over windows that do more than number rows. Those of
// the same window are one aggregate over its partitions, whose value has the rows
// with the functions' values behind them; at takes the columns. Each window makes a
// row of its own, so that what is found before is moved along.
func (l *selection) overs(all []*window, at []expr.Expr) error {
	done := make([]bool, len(all))
	for i, w := range all {
		if w.over == nil || done[i] {
			continue
		}
		var group []*window
		var places []int
		for k := i; k < len(all); k++ {
			if o := all[k]; o.over != nil && sameList(o.partition, w.partition) && sameKeys(o.orderBy, w.orderBy) {
				group, places, done[k] = append(group, o), append(places, k), true
			}
		}
		cols, err := l.overWindow(group)
		if err != nil {
			return err
		}
		for k, p := range places {
			at[p] = cols[k]
		}
	}
	return nil
}

func (l *selection) overWindow(group []*window) ([]expr.Expr, error) {
	width := len(l.r.node.Columns())
	names := plan.ColumnNames(l.r.node)
	column := func(e expr.Expr) (int, error) {
		e, err := l.r.lower(e)
		if err != nil {
			return 0, err
		}
		if c, ok := e.(*expr.Column); ok {
			return c.Idx, nil
		}
		return l.r.add(e, "").Idx, nil
	}
	optional := func(e expr.Expr) (int, error) {
		if e == nil {
			return -1, nil
		}
		return column(e)
	}
	w := &funcs.Window{}
	var partition []int
	var order []plan.Order
	for _, e := range group[0].partition {
		c, err := column(e)
		if err != nil {
			return nil, err
		}
		partition = append(partition, c)
	}
	for _, k := range group[0].orderBy {
		c, err := column(k.e)
		if err != nil {
			return nil, err
		}
		order = append(order, plan.Order{Col: c, Desc: k.desc, NullsFirst: k.nullsFirst})
		w.OrderBy = append(w.OrderBy, funcs.WindowOrder{Col: c, Type: k.e.Type(), Desc: k.desc})
	}
	for _, g := range group {
		o := g.over
		call := funcs.WindowCall{Name: o.name, Agg: o.agg, Ret: g.Typ, Frame: o.frame}
		var err error
		for _, a := range o.args {
			c, err := column(a)
			if err != nil {
				return nil, err
			}
			call.Args = append(call.Args, c)
		}
		if call.Filter, err = optional(o.filter); err != nil {
			return nil, err
		}
		for i, b := range []*funcs.WindowBound{&call.Frame.Start, &call.Frame.End} {
			if b.Col, err = optional(o.bounds[i]); err == nil {
				b.Key, err = optional(o.keys[i])
			}
			if err != nil {
				return nil, err
			}
		}
		w.Calls = append(w.Calls, call)
	}
	// All columns are arguments, so that the rows come out whole.
	in := l.r.node
	w.Width = width
	call := plan.AggCall{Filter: -1, OrderBy: order, Type: types.ArrayOf(types.Record)}
	var args []types.Type
	for i, c := range in.Columns() {
		call.Args, args = append(call.Args, i), append(args, c.Type)
	}
	name := "window"
	for _, c := range w.Calls {
		f := c.Name
		if c.Agg != nil {
			f = c.Agg.Name
		}
		name += fmt.Sprintf(" %s%v", f, c.Args)
		if c.Filter >= 0 {
			name += fmt.Sprintf(" filter %d", c.Filter)
		}
		if c.Frame != (funcs.WindowFrame{Start: funcs.WindowBound{Unbounded: true, Col: -1, Key: -1}, End: funcs.WindowBound{Col: -1, Key: -1}}) {
			name += fmt.Sprintf(" frame %v", c.Frame)
		}
	}
	call.Fn = w.Aggregate(name, args)
	n := plan.NewAggregate(in, partition, []plan.AggCall{call}, nil)
	u := plan.NewUnnest(n, plan.Ref(n, len(partition)), "row", false, false)
	record := plan.Ref(u, len(u.Columns())-1)
	var exprs []expr.Expr
	for i := range width {
		exprs = append(exprs, field(record, i, names[i], args[i]))
	}
	for i, c := range w.Calls {
		exprs, names = append(exprs, field(record, width+i, c.Name, c.Ret)), append(names, c.Name)
	}
	p := plan.NewProject(u, exprs, names)
	for i, c := range in.Columns()[:width] {
		p.Cols[i].Table, p.Cols[i].Attnum = c.Table, c.Attnum
	}
	l.r.node = p
	return plan.Refs(p)[width:], nil
}
