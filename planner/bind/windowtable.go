package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// windowTable binds TUMBLE(t, time, size [, offset]) and HOP(t, time, slide,
// size [, offset]): the columns of t, then window_start and window_end.
func (b *binder) windowTable(t *ast.FuncTable, call *ast.Func, hop bool, s *scope) (*item, error) {
	args, err := windowArgs(call, hop)
	if err != nil {
		return nil, err
	}
	in, name, err := b.windowInput(args.data, s)
	if err != nil {
		return nil, err
	}
	col, err := timeColumn(in, args.time)
	if err != nil {
		return nil, err
	}
	size, err := b.duration(args.size, "window size")
	if err != nil {
		return nil, err
	}
	slide, offset := size, int64(0)
	if hop {
		if slide, err = b.duration(args.slide, "window slide"); err != nil {
			return nil, err
		}
	}
	if args.offset != nil {
		if offset, err = b.interval(args.offset); err != nil {
			return nil, err
		}
	}
	n := plan.NewTumble(in.node, col, size, slide, offset)
	// Like a function's result, it goes by the name of its input.
	alias := t.Alias
	return aliased(n, alias, name, t.Pos)
}

type windowArgList struct {
	data, time, size, slide, offset ast.Expr
}

// windowArgs sorts positional and named arguments.
func windowArgs(call *ast.Func, hop bool) (a windowArgList, err error) {
	order := []*ast.Expr{&a.data, &a.time, &a.size, &a.offset}
	name := "TUMBLE"
	if hop {
		name, order = "HOP", []*ast.Expr{&a.data, &a.time, &a.slide, &a.size, &a.offset}
	}
	byName := map[string]*ast.Expr{"data": &a.data, "timecol": &a.time, "size": &a.size, "slide": &a.slide, "offset": &a.offset}
	for i, arg := range call.Args {
		to := (*ast.Expr)(nil)
		switch {
		case arg.Name != "":
			if to = byName[arg.Name]; to == nil || !hop && arg.Name == "slide" {
				return a, unsupported(arg.Pos, "argument %q of %s", arg.Name, name)
			}
		case i < len(order):
			to = order[i]
		default:
			return a, sqlerr.New(sqlerr.UndefinedFunction, "%s takes at most %d arguments", name, len(order)).At(arg.Pos)
		}
		*to = arg.Value
	}
	if a.data == nil || a.time == nil || a.size == nil || hop && a.slide == nil {
		form := "TUMBLE(table, time_column, size [, offset])"
		if hop {
			form = "HOP(table, time_column, slide, size [, offset])"
		}
		return a, sqlerr.New(sqlerr.SyntaxError, "%s needs more arguments", name).At(call.Pos).WithHint("Write %s.", form)
	}
	return a, nil
}

// windowInput binds the first argument: a relation's name, TABLE t, or a query.
func (b *binder) windowInput(e ast.Expr, s *scope) (*item, string, error) {
	var name ast.Name
	switch e := e.(type) {
	case *ast.ColumnRef:
		name = ast.Name{Pos: e.Pos, Parts: e.Parts}
	case *ast.TableArg:
		if len(e.PartitionBy) > 0 {
			return nil, "", unsupported(e.Pos, "PARTITION BY of a window function's table")
		}
		if e.Query != nil {
			it, err := b.windowQuery(e.Query, s)
			return it, "", err
		}
		name = e.Name
	case *ast.Subquery:
		it, err := b.windowQuery(e.Query, s)
		return it, "", err
	default:
		return nil, "", sqlerr.New(sqlerr.SyntaxError, "the first argument of a window function must be a relation or a query").At(e.Position())
	}
	it, err := b.relation(&ast.Relation{Pos: name.Pos, Name: name}, s)
	return it, name.Base(), err
}

func (b *binder) windowQuery(q *ast.Query, s *scope) (*item, error) {
	return b.derived(&ast.Derived{Pos: q.Pos, Query: q}, b.visibleTo(false, nil, s), s)
}

func timeColumn(in *item, e ast.Expr) (int, error) {
	var ref *ast.ColumnRef
	switch e := e.(type) {
	case *ast.ColumnRef:
		ref = e
	case *ast.Descriptor:
		if len(e.Columns) == 1 {
			ref = &ast.ColumnRef{Pos: e.Columns[0].Pos, Parts: []string{e.Columns[0].Name}}
		}
	}
	if ref == nil || ref.Star {
		return 0, sqlerr.New(sqlerr.SyntaxError, "the time of a window function must be a column").At(e.Position())
	}
	v, _, err := (&scope{from: in}).lookup(ref)
	if err != nil {
		return 0, err
	}
	c, ok := v.(*expr.Column)
	if !ok || c.Typ.OID != types.OIDTimestamptz && c.Typ.OID != types.OIDTimestamp {
		return 0, sqlerr.New(sqlerr.DatatypeMismatch, "the time of a window must be a column of type timestamp or timestamptz, not %s", base(v.Type())).At(ref.Pos)
	}
	return c.Idx, nil
}

// interval evaluates a constant interval to µs.
func (b *binder) interval(e ast.Expr) (int64, error) {
	x := &exprs{binder: b, where: "INTERVAL"}
	if d, ok := e.(*ast.Duration); ok {
		num, ok := d.Value.(*ast.Number)
		if !ok {
			return 0, sqlerr.New(sqlerr.SyntaxError, "a duration must be a number and a unit").At(d.Pos)
		}
		e = &ast.String{Pos: d.Pos, Value: num.Text + " " + d.Unit}
	}
	v, err := x.bind(e)
	if err != nil {
		return 0, err
	}
	if v, err = b.coerce(v, types.Interval, types.CastImplicit, e.Position()); err != nil {
		return 0, err
	}
	if !expr.IsConst(v) || hasSubquery(v) {
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "the interval must be a constant").At(e.Position())
	}
	d, err := expr.EvalDatum(&funcs.Ctx{Env: b.env}, v)
	if err != nil {
		return 0, at(sqlerr.From(err), e.Position())
	}
	if d.Null {
		return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "the interval must not be null").At(e.Position())
	}
	iv := types.DecodeInterval(d.S)
	if iv.Months != 0 {
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "an interval of months has no fixed length").At(e.Position()).
			WithHint("Use days, hours, minutes or seconds.")
	}
	return int64(iv.Days)*86400e6 + iv.Micros, nil
}

func (b *binder) duration(e ast.Expr, what string) (int64, error) {
	us, err := b.interval(e)
	if err == nil && us <= 0 {
		err = sqlerr.New(sqlerr.InvalidParameterValue, "%s must be positive", what).At(e.Position())
	}
	return us, err
}

// streamWindow applies ksqlDB's WINDOW clause: windows over the rowtime of the
// one stream in FROM, grouped by.
func (l *selection) streamWindow() error {
	w := l.sel.Window
	if w == nil {
		return nil
	}
	if w.Kind == "SESSION" {
		return unsupported(w.Pos, "a session window")
	}
	if w.Timezone != nil || w.Grace != nil || w.Retention != nil {
		return unsupported(w.Pos, "TIMEZONE, GRACE PERIOD or RETENTION of a window")
	}
	col := l.r.node.Props().Watermark
	if col < 0 {
		return sqlerr.New(sqlerr.FeatureNotSupported, "WINDOW needs a stream with a watermark in FROM").At(w.Pos).
			WithHint("Declare it with the stream, or name the column: FROM TUMBLE(stream, column, INTERVAL '1 hour').")
	}
	size, err := l.duration(w.Size, "window size")
	if err != nil {
		return err
	}
	slide, offset := size, int64(0)
	if w.Advance != nil {
		if slide, err = l.duration(w.Advance, "window advance"); err != nil {
			return err
		}
	}
	if w.Offset != nil {
		if offset, err = l.interval(w.Offset); err != nil {
			return err
		}
	}
	n := plan.NewTumble(l.r.node, col, size, slide, offset)
	width := len(l.r.node.Columns())
	t := &tableRef{}
	for i, name := range []string{"window_start", "window_end"} {
		t.cols = append(t.cols, named{name, plan.Ref(n, width+i)})
	}
	from := *l.s.from
	from.node = n
	from.tables = append(append([]*tableRef(nil), from.tables...), t)
	from.star = append(append([]named(nil), from.star...), t.cols...)
	from.star = append(from.star, named{"windowstart", t.cols[0].e}, named{"windowend", t.cols[1].e})
	l.s.from, l.r.node = &from, n
	q := *l.sel
	for _, name := range []string{"window_start", "window_end"} {
		q.GroupBy = append(append([]ast.GroupItem(nil), q.GroupBy...), ast.GroupItem{X: &ast.ColumnRef{Parts: []string{name}}})
	}
	l.sel = &q
	return nil
}
