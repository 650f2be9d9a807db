package bind

import (
	"slices"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// viewBody binds the query of a view, whose EMIT clause stands apart.
func (b *binder) viewBody(q *ast.Query, emit *ast.Emit) (plan.Node, error) {
	if emit != nil && emit.Final {
		was := b.final
		b.final = true
		defer func() { b.final = was }()
	}
	out, err := b.query(q, nil, nil)
	if err != nil {
		return nil, err
	}
	n := out.limited()
	if emit == nil || !emit.Final {
		return n, nil
	}
	delay := int64(0)
	if emit.Interval != nil {
		if delay, err = b.interval(emit.Interval); err != nil {
			return nil, err
		}
	}
	return b.emitFinal(n, delay, emit.Pos)
}

// emitFinal puts Final where the windows of n's rows are complete: above the
// aggregate that groups by window, or where a window's columns come through.
func (b *binder) emitFinal(n plan.Node, delay int64, pos int) (plan.Node, error) {
	if !hasWatermark(n) {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "EMIT FINAL needs a stream with a watermark").At(pos).
			WithHint("Declare it with the stream: WATERMARK FOR column AS column - INTERVAL '10 seconds'.")
	}
	out, ok := b.placeFinal(n, delay)
	if !ok {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "EMIT FINAL needs a window").At(pos).
			WithHint("Read FROM TUMBLE(stream, column, INTERVAL '1 minute') and group by window_start or window_end, so that it is known when a row is final.")
	}
	return out, nil
}

func hasWatermark(n plan.Node) bool {
	found := false
	plan.Walk(n, func(n plan.Node) {
		if s, ok := n.(*plan.Scan); ok && s.Kind == plan.Stream && s.RowtimeCol >= 0 {
			found = true
		}
	})
	return found
}

func (b *binder) placeFinal(n plan.Node, delay int64) (plan.Node, bool) {
	switch n := n.(type) {
	case *plan.Aggregate:
		return b.finalAggregate(n, delay)
	case *plan.Filter:
		in, ok := b.placeFinal(n.In, delay)
		return plan.WithInputs(n, []plan.Node{in}), ok
	case *plan.Project:
		in, ok := b.placeFinal(n.In, delay)
		if !ok {
			return n, false
		}
		return plan.WithInputs(n, []plan.Node{in}), true
	case *plan.SetOp:
		if n.Kind != plan.Union {
			return n, false
		}
		ins := make([]plan.Node, len(n.Ins))
		for i, in := range n.Ins {
			f, ok := b.placeFinal(in, delay)
			if !ok {
				return n, false
			}
			ins[i] = f
		}
		return plan.WithInputs(n, ins), true
	}
	for i := range n.Columns() {
		if t, end := plan.WindowColumn(n, i); t != nil && end && timeBounded(t) {
			return b.final1(plan.NewFinal(n, i, delay)), true
		}
	}
	return n, false
}

// final1 adds, at an event time x, that the window has ended by x.
func (b *binder) final1(f *plan.Final) plan.Node {
	if b.eventTime == nil {
		return f
	}
	end := plan.Ref(f, f.WindowEnd)
	x := &expr.Const{Typ: types.Timestamptz, Val: types.Int(*b.eventTime)}
	if end.Typ.OID == types.OIDTimestamp {
		x = &expr.Const{Typ: types.Timestamp, Val: types.Int(*b.eventTime)}
	}
	return plan.NewFilter(f, b.mustOp("<=", end, x))
}

// timeBounded reports whether the window's time is the column that the watermark
// bounds.
func timeBounded(t *plan.Tumble) bool { return t.In.Props().Watermark == t.Time }

// finalAggregate closes groups by the end of their window. Grouped by its start
// alone, the end is grouped by as well: a window of fixed size has one end.
func (b *binder) finalAggregate(a *plan.Aggregate, delay int64) (plan.Node, bool) {
	start, end := -1, -1
	var tumble *plan.Tumble
	for i, g := range a.GroupBy {
		t, isEnd := plan.WindowColumn(a.In, g)
		if t == nil || !timeBounded(t) {
			continue
		}
		tumble = t
		if isEnd {
			end = i
		} else {
			start = i
		}
	}
	if tumble == nil {
		return a, false
	}
	width := len(a.Cols)
	if end < 0 {
		in, at := withWindowEnd(a.In, a.GroupBy[start])
		if at < 0 {
			return a, false
		}
		end = len(a.GroupBy)
		a = plan.NewAggregate(in, append(slices.Clone(a.GroupBy), at), a.Aggs, aggNames(a))
	}
	c := *a
	c.WindowEnd = end
	plan.Derive(&c)
	out := b.final1(plan.NewFinal(&c, end, delay))
	if len(c.Cols) == width {
		return out, true
	}
	var keep []expr.Expr
	for i := range c.Cols {
		if i != end {
			keep = append(keep, plan.Ref(out, i))
		}
	}
	return plan.NewProject(out, keep, nil), true
}

// withWindowEnd returns n with the end of the window whose start is column i as
// a further column at the returned position; -1 if it cannot be reached.
func withWindowEnd(n plan.Node, i int) (plan.Node, int) {
	switch n := n.(type) {
	case *plan.Tumble:
		if i == len(n.Cols)-2 {
			return n, i + 1
		}
	case *plan.Project:
		c, ok := n.Exprs[i].(*expr.Column)
		if !ok {
			return n, -1
		}
		in, at := withWindowEnd(n.In, c.Idx)
		if at < 0 {
			return n, -1
		}
		return plan.NewProject(in, append(slices.Clone(n.Exprs), plan.Ref(in, at)), append(plan.ColumnNames(n), "window_end")), len(n.Exprs)
	case *plan.Filter:
		in, at := withWindowEnd(n.In, i)
		if at < 0 || len(in.Columns()) != len(n.In.Columns()) && at != len(in.Columns())-1 {
			return n, -1
		}
		return plan.NewFilter(in, n.Cond), at
	case *plan.Join:
		// The end is a column of the same Tumble below: find it as it comes out.
		t, _ := plan.WindowColumn(n, i)
		for k := range n.Cols {
			if t2, end := plan.WindowColumn(n, k); t2 == t && end {
				return n, k
			}
		}
	}
	return n, -1
}
