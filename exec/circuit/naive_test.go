package circuit

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The naive evaluator: every plan node over whole collections, row by row, with
// nothing kept from step to step. It is what incremental results must sum to.

type row []types.Datum

// naive evaluates plans over the current contents of the scans. fails counts
// run-time errors by message.
type naive struct {
	in        map[*plan.Scan][]row
	watermark int64
	time      int64
	fails     map[string]int64
}

func text(d types.Datum) string {
	if d.Null {
		return "~"
	}
	return fmt.Sprintf("%d/%v/%q/%d", d.I, d.F, d.S, d.Scale)
}

func (r row) String() string {
	parts := make([]string, len(r))
	for i, d := range r {
		parts[i] = text(d)
	}
	return strings.Join(parts, " ")
}

// within says whether all bounds of a row hold at a time.
func within(r row, bounds []plan.Bound, now int64) bool {
	for _, b := range bounds {
		d := r[b.Col]
		if d.Null || (now < d.I*b.Unit+b.Add*b.Unit) != b.Until {
			return false
		}
	}
	return true
}

func (e *naive) eval(n plan.Node) []row {
	switch n := n.(type) {
	case *plan.Scan:
		return e.in[n]
	case *plan.Values:
		var out []row
		for _, r := range n.Rows {
			var o row
			for _, x := range r {
				o = append(o, x.(*expr.Const).Val)
			}
			out = append(out, o)
		}
		return out
	case *plan.Series:
		of := func(x expr.Expr) int64 { return x.(*expr.Const).Val.I }
		var out []row
		for at, step := of(n.From), of(n.Step); step > 0 && at <= of(n.To) || step < 0 && at >= of(n.To); at += step {
			out = append(out, row{types.Int(at)})
		}
		return out
	case *plan.Filter:
		return e.filter(e.eval(n.In), n.Cond, typesOf(n.In))
	case *plan.Project:
		return e.project(n)
	case *plan.Tumble:
		return e.tumble(n)
	case *plan.Unnest:
		return e.unnest(n)
	case *plan.Join:
		return e.join(n)
	case *plan.Aggregate:
		return e.aggregate(n)
	case *plan.Distinct:
		return distinct(e.eval(n.In))
	case *plan.SetOp:
		return e.setOp(n)
	case *plan.TopN:
		return e.topN(n)
	case *plan.Temporal:
		var out []row
		for _, r := range e.eval(n.In) {
			if within(r, n.Bounds, e.time) {
				out = append(out, r)
			}
		}
		return out
	case *plan.Final:
		var out []row
		for _, r := range e.eval(n.In) {
			if !r[n.WindowEnd].Null && r[n.WindowEnd].I+n.Delay <= e.watermark {
				out = append(out, r)
			}
		}
		return out
	}
	panic(fmt.Sprintf("naive: %T", n))
}

func batchOf(ts []types.Type, rows []row) *vec.Batch {
	b := &vec.Batch{N: len(rows)}
	for c, t := range ts {
		ds := make([]types.Datum, len(rows))
		for i, r := range rows {
			ds[i] = r[c]
		}
		b.Cols = append(b.Cols, vec.FromDatums(t, ds))
	}
	return b
}

func rowsOf(b *vec.Batch) []row {
	out := make([]row, b.N)
	for i := range out {
		for _, c := range b.Cols {
			out[i] = append(out[i], c.Datum(i))
		}
	}
	return out
}

// value computes one expression over one row; ok is false if it fails.
func (e *naive) value(x expr.Expr, ts []types.Type, r row) (types.Datum, bool) {
	p, err := expr.Compile([]expr.Expr{x}, ts)
	if err != nil {
		panic(err)
	}
	cols, errs := p.Eval(&funcs.Ctx{Env: types.NewEnv()}, batchOf(ts, []row{r}))
	if len(errs) > 0 {
		e.fails[errs[0].Err.Message]++
		return types.NullDatum, false
	}
	return cols[0].Datum(0), true
}

func (e *naive) filter(in []row, cond expr.Expr, ts []types.Type) []row {
	var out []row
	for _, r := range in {
		if d, ok := e.value(cond, ts, r); ok && !d.Null && d.I != 0 {
			out = append(out, r)
		}
	}
	return out
}

func (e *naive) project(n *plan.Project) []row {
	var out []row
next:
	for _, r := range e.eval(n.In) {
		var o row
		for _, x := range n.Exprs {
			d, ok := e.value(x, typesOf(n.In), r)
			if !ok {
				continue next
			}
			o = append(o, d)
		}
		out = append(out, o)
	}
	return out
}

func (e *naive) tumble(n *plan.Tumble) []row {
	var out []row
	for _, r := range e.eval(n.In) {
		if r[n.Time].Null {
			continue
		}
		at := r[n.Time].I
		for start := at - n.Size - n.Slide; start <= at; start++ {
			if d := start - n.Offset; d%n.Slide == 0 && start <= at && at < start+n.Size {
				out = append(out, append(append(row{}, r...), types.Int(start), types.Int(start+n.Size)))
			}
		}
	}
	return out
}

func (e *naive) unnest(n *plan.Unnest) []row {
	var out []row
	for _, r := range e.eval(n.In) {
		d, _ := e.value(n.Array, typesOf(n.In), r)
		var elems []types.Datum
		if !d.Null {
			a, err := types.DecodeArray(d.S)
			if err != nil {
				panic(err)
			}
			elems = a.Elems
		}
		add := func(x, ord types.Datum) {
			o := append(append(row{}, r...), x)
			if n.Ordinality {
				o = append(o, ord)
			}
			out = append(out, o)
		}
		for i, x := range elems {
			add(x, types.Int(int64(i+1)))
		}
		if len(elems) == 0 && n.Outer {
			add(types.NullDatum, types.NullDatum)
		}
	}
	return out
}

func nulls(n int) row {
	r := make(row, n)
	for i := range r {
		r[i] = types.NullDatum
	}
	return r
}

func (e *naive) join(n *plan.Join) []row {
	left, right := e.eval(n.Left), e.eval(n.Right)
	lt, rt := typesOf(n.Left), typesOf(n.Right)
	both := append(append([]types.Type{}, lt...), rt...)
	matched := make([]bool, len(right))
	var out []row
	for _, l := range left {
		var hits []int
		unknown := false
		for i, r := range right {
			state := 1 // true
			for k := range n.LeftKeys {
				a, b := l[n.LeftKeys[k]], r[n.RightKeys[k]]
				switch {
				case a.Null || b.Null:
					if n.NullEqual && a.Null && b.Null {
						continue
					}
					if n.NullAware && state == 1 {
						state = 2 // unknown
					} else if !n.NullAware {
						state = 0
					}
				case !types.Equal(a, b, lt[n.LeftKeys[k]]):
					state = 0
				}
				if state == 0 {
					break
				}
			}
			if state != 0 && n.Residual != nil {
				d, ok := e.value(n.Residual, both, append(append(row{}, l...), r...))
				if !ok || d.Null || d.I == 0 {
					state = 0
				}
			}
			if state == 2 {
				unknown = true
			}
			if state == 1 {
				hits = append(hits, i)
				matched[i] = true
			}
		}
		if n.Single && len(hits) > 1 {
			e.fails["more than one row returned by a subquery used as an expression"]++
			continue
		}
		switch n.Kind {
		case plan.Semi:
			if len(hits) > 0 {
				out = append(out, l)
			}
		case plan.Anti:
			if len(hits) == 0 && !unknown {
				out = append(out, l)
			}
		default:
			for _, i := range hits {
				out = append(out, append(append(row{}, l...), right[i]...))
			}
			if len(hits) == 0 && (n.Kind == plan.Left || n.Kind == plan.Full) {
				out = append(out, append(append(row{}, l...), nulls(len(rt))...))
			}
		}
	}
	if n.Kind == plan.Right || n.Kind == plan.Full {
		for i, r := range right {
			if !matched[i] {
				out = append(out, append(nulls(len(lt)), r...))
			}
		}
	}
	return out
}

func distinct(in []row) []row {
	seen := map[string]bool{}
	var out []row
	for _, r := range in {
		if !seen[r.String()] {
			seen[r.String()] = true
			out = append(out, r)
		}
	}
	return out
}

func (e *naive) setOp(n *plan.SetOp) []row {
	if n.Kind == plan.Union {
		var out []row
		for _, in := range n.Ins {
			out = append(out, e.eval(in)...)
		}
		return out
	}
	count := map[string]int{}
	for _, r := range e.eval(n.Ins[1]) {
		count[r.String()]++
	}
	seen := map[string]bool{}
	var out []row
	for _, r := range e.eval(n.Ins[0]) {
		k := r.String()
		has := count[k] > 0
		if n.All {
			count[k]--
		} else if seen[k] {
			continue
		}
		seen[k] = true
		if has == (n.Kind == plan.Intersect) {
			out = append(out, r)
		}
	}
	return out
}

// compareBy orders rows by the keys only.
func compareBy(by []plan.Order, ts []types.Type, a, b row) int {
	for _, o := range by {
		x, y := a[o.Col], b[o.Col]
		c := 0
		switch {
		case x.Null && y.Null:
		case x.Null || y.Null:
			if c = 1; x.Null == o.NullsFirst {
				c = -1
			}
		default:
			if c = types.Compare(x, y, ts[o.Col]); o.Desc {
				c = -c
			}
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func allOf(ts []types.Type) []plan.Order {
	out := make([]plan.Order, len(ts))
	for i := range out {
		out[i].Col = i
	}
	return out
}

func sortRows(rows []row, by []plan.Order, ts []types.Type) {
	by = append(append([]plan.Order{}, by...), allOf(ts)...)
	sort.SliceStable(rows, func(i, j int) bool { return compareBy(by, ts, rows[i], rows[j]) < 0 })
}

func (e *naive) topN(n *plan.TopN) []row {
	ts := typesOf(n.In)
	parts := map[string][]row{}
	for _, r := range e.eval(n.In) {
		var k row
		for _, c := range n.Partition {
			k = append(k, r[c])
		}
		parts[k.String()] = append(parts[k.String()], r)
	}
	var out []row
	for _, rows := range parts {
		sortRows(rows, n.OrderBy, ts)
		rank, dense := int64(0), int64(0)
		for i, r := range rows {
			if i == 0 || compareBy(n.OrderBy, ts, rows[i-1], r) != 0 {
				rank = int64(i + 1)
				dense++
			}
			at := int64(i + 1)
			switch n.RankKind {
			case 1:
				at = rank
			case 2:
				at = dense
			}
			if at <= n.Offset || n.Limit >= 0 && at > n.Offset+n.Limit {
				continue
			}
			o := append(row{}, r...)
			if n.RankCol {
				o = append(o, types.Int(at))
			}
			out = append(out, o)
		}
	}
	return out
}

func (e *naive) aggregate(n *plan.Aggregate) []row {
	ts := typesOf(n.In)
	keys := map[string]row{}
	groups := map[string][]row{}
	if len(n.GroupBy) == 0 {
		keys[""], groups[""] = row{}, nil
	}
	for _, r := range e.eval(n.In) {
		k := row{}
		for _, c := range n.GroupBy {
			k = append(k, r[c])
		}
		keys[k.String()] = k
		groups[k.String()] = append(groups[k.String()], r)
	}
	var out []row
next:
	for k, key := range keys {
		o := append(row{}, key...)
		for _, a := range n.Aggs {
			d, fail := naiveAgg(a, groups[k], ts)
			if fail != "" {
				e.fails[fail]++
				continue next
			}
			o = append(o, d)
		}
		out = append(out, o)
	}
	return out
}

func naiveAgg(a plan.AggCall, in []row, ts []types.Type) (types.Datum, string) {
	var rows []row
	for _, r := range in {
		if a.Filter >= 0 && (r[a.Filter].Null || r[a.Filter].I == 0) {
			continue
		}
		skip := false
		for _, c := range a.Args {
			skip = skip || r[c].Null && a.Fn.SkipNulls
		}
		if !skip {
			rows = append(rows, r)
		}
	}
	arg := func(r row) row {
		o := row{}
		for _, c := range a.Args {
			o = append(o, r[c])
		}
		return o
	}
	if a.Distinct {
		seen := map[string]bool{}
		var keep []row
		for _, r := range rows {
			if k := arg(r).String(); !seen[k] {
				seen[k] = true
				keep = append(keep, r)
			}
		}
		rows = keep
	}
	if a.Fn.Name == "count" {
		return types.Int(int64(len(rows))), ""
	}
	if a.Fn.Name == "array_agg" {
		if len(rows) == 0 {
			return types.NullDatum, ""
		}
		by := append([]plan.Order{}, a.OrderBy...)
		by = append(by, plan.Order{Col: a.Args[0]})
		sort.SliceStable(rows, func(i, j int) bool { return compareBy(by, ts, rows[i], rows[j]) < 0 })
		arr := &types.Array{Elem: ts[a.Args[0]], Dims: []int32{int32(len(rows))}, Lower: []int32{1}}
		for _, r := range rows {
			arr.Elems = append(arr.Elems, r[a.Args[0]])
		}
		return types.String(string(types.AppendArray(nil, arr))), ""
	}
	if len(rows) == 0 {
		return types.NullDatum, ""
	}
	best := rows[0][a.Args[0]]
	sum := int64(0)
	for _, r := range rows {
		d := r[a.Args[0]]
		sum += d.I
		c := types.Compare(d, best, ts[a.Args[0]])
		if a.Fn.Name == "min" && c < 0 || a.Fn.Name == "max" && c > 0 {
			best = d
		}
	}
	switch {
	case a.Fn.Name != "sum":
		return best, ""
	case a.Type.OID == types.OIDNumeric:
		return types.NumericFromInt(sum), ""
	}
	return types.Int(sum), ""
}
