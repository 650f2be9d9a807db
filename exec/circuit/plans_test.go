package circuit

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Random plans over a world's scans.

func op(name string, l, r expr.Expr) expr.Expr {
	lt := l.Type()
	f, err := funcs.ResolveOp(name, &lt, r.Type())
	if err != nil {
		panic(err)
	}
	return &expr.Call{Fn: f.Overload, Args: []expr.Expr{l, r}, Typ: f.Ret}
}

func constInt(v int64) expr.Expr { return &expr.Const{Typ: types.Int8, Val: types.Int(v)} }

// colsOf are n's columns of a type.
func colsOf(n plan.Node, oid uint32) []int {
	var out []int
	for i, c := range n.Columns() {
		if c.Type.OID == oid {
			out = append(out, i)
		}
	}
	return out
}

func (w *world) pick(cols []int) int { return cols[w.IntN(len(cols))] }

func (w *world) filter(in plan.Node) plan.Node {
	ints := colsOf(in, types.OIDInt8)
	if len(ints) == 0 {
		return in
	}
	return plan.NewFilter(in, op("<", plan.Ref(in, w.pick(ints)), constInt(w.Int64N(4))))
}

// shape projects to (int8, text), with an expression now and then.
func (w *world) shape(in plan.Node) plan.Node {
	var es []expr.Expr
	if ints := colsOf(in, types.OIDInt8); len(ints) > 0 {
		e := expr.Expr(plan.Ref(in, w.pick(ints)))
		if w.maybe(3) {
			e = op("+", e, constInt(1))
		}
		es = append(es, e)
	} else {
		es = append(es, constInt(7))
	}
	if ts := colsOf(in, types.OIDText); len(ts) > 0 {
		es = append(es, plan.Ref(in, w.pick(ts)))
	} else {
		es = append(es, &expr.Const{Typ: types.Text, Val: types.String("k")})
	}
	return plan.NewProject(in, es, []string{"x", "y"})
}

func (w *world) divide(in plan.Node) plan.Node {
	ints := colsOf(in, types.OIDInt8)
	if len(ints) == 0 {
		return in
	}
	es := plan.Refs(in)
	names := make([]string, len(es)+1)
	for i := range es {
		names[i] = in.Columns()[i].Name
	}
	names[len(es)] = "q"
	return plan.NewProject(in, append(es, op("/", constInt(12), plan.Ref(in, w.pick(ints)))), names)
}

func (w *world) join(l, r plan.Node, kind plan.JoinKind) plan.Node {
	j := plan.NewJoin(kind, l, r)
	for _, oid := range []uint32{types.OIDInt8, types.OIDText} {
		lc, rc := colsOf(l, oid), colsOf(r, oid)
		if len(lc) > 0 && len(rc) > 0 && !w.maybe(3) {
			j.LeftKeys, j.RightKeys = append(j.LeftKeys, w.pick(lc)), append(j.RightKeys, w.pick(rc))
		}
	}
	lc, rc := colsOf(l, types.OIDInt8), colsOf(r, types.OIDInt8)
	if len(lc) > 0 && len(rc) > 0 && w.maybe(2) {
		right := plan.Ref(r, w.pick(rc))
		right.Idx += len(l.Columns())
		j.Residual = op("<", plan.Ref(l, w.pick(lc)), right)
	}
	j.NullEqual = w.maybe(4)
	plan.Derive(j)
	return j
}

func (w *world) notIn(l, r plan.Node) plan.Node {
	j := plan.NewJoin(plan.Anti, l, r)
	j.NullAware = true
	lc, rc := colsOf(l, types.OIDInt8), colsOf(r, types.OIDInt8)
	if len(lc) == 0 || len(rc) == 0 {
		return l
	}
	for range 1 + w.IntN(2) {
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, w.pick(lc)), append(j.RightKeys, w.pick(rc))
	}
	plan.Derive(j)
	return j
}

func (w *world) single(l, r plan.Node) plan.Node {
	kind := plan.Left
	if w.maybe(3) {
		kind = plan.Inner
	}
	j := w.join(l, r, kind).(*plan.Join)
	j.Single = true
	plan.Derive(j)
	return j
}

func (w *world) agg(name string, in plan.Node, args ...int) (plan.AggCall, bool) {
	var ts []types.Type
	for _, c := range args {
		ts = append(ts, in.Columns()[c].Type)
	}
	r, err := funcs.ResolveAgg(name, ts, len(args) == 0, false)
	if err != nil {
		return plan.AggCall{}, false
	}
	return plan.AggCall{Fn: r.Agg, Args: args, Filter: -1, Type: r.Ret}, true
}

func (w *world) aggregate(in plan.Node, classes ...funcs.Class) plan.Node {
	if len(in.Columns()) == 0 {
		in = w.shape(in)
	}
	var groupBy []int
	for i, c := range in.Columns() {
		if w.maybe(3) && !c.Type.IsArray() {
			groupBy = append(groupBy, i)
		}
	}
	if w.maybe(6) {
		groupBy = nil
	}
	var calls []plan.AggCall
	for range 1 + w.IntN(3) {
		name := []string{"count", "sum", "min", "max", "array_agg", "*"}[w.IntN(6)]
		arg := w.IntN(len(in.Columns()))
		var a plan.AggCall
		var ok bool
		switch {
		case name == "*":
			a, ok = w.agg("count", in)
		case name == "sum" && in.Columns()[arg].Type.OID != types.OIDInt8:
		default:
			a, ok = w.agg(name, in, arg)
		}
		if !ok || in.Columns()[arg].Type.IsArray() {
			continue
		}
		if ok = len(classes) == 0; !ok {
			for _, c := range classes {
				ok = ok || c == a.Fn.Class
			}
		}
		if !ok {
			continue
		}
		a.Distinct = name != "*" && w.maybe(3)
		if bs := colsOf(in, types.OIDBool); len(bs) > 0 && w.maybe(3) {
			a.Filter = w.pick(bs)
		}
		if name == "array_agg" && !a.Distinct && w.maybe(2) {
			if ints := colsOf(in, types.OIDInt8); len(ints) > 0 {
				a.OrderBy = []plan.Order{{Col: w.pick(ints), Desc: w.maybe(2), NullsFirst: w.maybe(2)}}
			}
		}
		calls = append(calls, a)
	}
	return plan.NewAggregate(in, groupBy, calls, nil)
}

func (w *world) topN(in plan.Node) plan.Node {
	n := &plan.TopN{In: in, Limit: int64(1 + w.IntN(3)), RankCol: w.maybe(2), RankKind: uint8(w.IntN(3))}
	if w.maybe(5) {
		n.Limit = -1
	}
	if w.maybe(3) {
		n.Offset = w.Int64N(3)
	}
	cols := len(in.Columns())
	for range w.IntN(3) {
		n.Partition = append(n.Partition, w.IntN(cols))
	}
	for range 1 + w.IntN(2) {
		n.OrderBy = append(n.OrderBy, plan.Order{Col: w.IntN(cols), Desc: w.maybe(2), NullsFirst: w.maybe(2)})
	}
	return plan.NewTopN(n, "rank")
}

func (w *world) setOp(l, r plan.Node) plan.Node {
	kind := []plan.SetOpKind{plan.Union, plan.Intersect, plan.Except}[w.IntN(3)]
	return plan.NewSetOp(kind, kind == plan.Union || w.maybe(2), w.shape(l), w.shape(r))
}

// temporal keeps rows within one or two bounds of their time column.
func (w *world) temporal(in plan.Node) plan.Node {
	bounds := []plan.Bound{{Col: 4, Unit: 1 + w.Int64N(2), Add: w.Int64N(20) - 10, Until: w.maybe(2)}}
	if w.maybe(2) {
		bounds = append(bounds, plan.Bound{Col: 4, Unit: 1, Add: w.Int64N(20) - 10, Until: !bounds[0].Until})
	}
	return plan.NewTemporal(in, bounds)
}

func (w *world) tumble(in plan.Node) plan.Node {
	ts := colsOf(in, types.OIDTimestamptz)
	if len(ts) == 0 {
		return in
	}
	size := int64(4 + w.IntN(4)*2)
	slide := size
	if w.maybe(2) {
		slide = []int64{2, size / 2, size + 3}[w.IntN(3)]
	}
	return plan.NewTumble(in, w.pick(ts), size, slide, w.Int64N(3))
}

// tree is a random plan.
func (w *world) tree(depth int) plan.Node {
	if depth == 0 {
		if len(w.scans) > 0 && w.maybe(2) {
			return w.scans[w.IntN(len(w.scans))]
		}
		return w.scan(w.maybe(3))
	}
	in := w.tree(depth - 1)
	switch w.IntN(11) {
	case 0:
		return w.filter(in)
	case 1:
		return w.shape(in)
	case 2, 3:
		return w.join(w.shape(in), w.shape(w.tree(depth-1)), plan.JoinKind(w.IntN(6)))
	case 4, 5:
		return w.aggregate(in)
	case 6:
		return plan.NewDistinct(w.shape(in))
	case 7:
		return w.setOp(in, w.tree(depth-1))
	case 8:
		return w.topN(w.shape(in))
	case 9:
		return w.divide(w.shape(in))
	}
	return w.tumble(in)
}
