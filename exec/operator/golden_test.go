package operator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// kv are the columns of all inputs in the goldens.
var kv = []types.Type{types.Text, types.Int8}

func aggCallOf(name string, args ...int) plan.AggCall {
	var ts []types.Type
	for _, c := range args {
		ts = append(ts, kv[c])
	}
	r, err := funcs.ResolveAgg(name, ts, len(args) == 0, false)
	if err != nil {
		panic(err)
	}
	return plan.AggCall{Fn: r.Agg, Args: args, Filter: -1, Type: r.Ret}
}

func divide() *Map {
	t := types.Int8
	f, err := funcs.ResolveOp("/", &t, t)
	if err != nil {
		panic(err)
	}
	k, v := &expr.Column{Idx: 0, Typ: types.Text}, &expr.Column{Idx: 1, Typ: types.Int8}
	p, err := expr.Compile([]expr.Expr{k, &expr.Call{Fn: f.Overload, Args: []expr.Expr{&expr.Const{Typ: t, Val: types.Int(12)}, v}, Typ: f.Ret}}, kv)
	if err != nil {
		panic(err)
	}
	return &Map{Exprs: p}
}

func joinOf(kind plan.JoinKind) func(*States) Operator {
	return func(s *States) Operator {
		return NewJoin(JoinSpec{Kind: kind, Types: [2][]types.Type{kv, kv}, Keys: [2][]int{{0}, {0}}}, s)
	}
}

// golden are the operators that testdata drives, by the name of their file.
var golden = map[string]func(*States) Operator{
	"map":       func(*States) Operator { return divide() },
	"union":     func(*States) Operator { return Union{} },
	"tumble":    func(*States) Operator { return &Tumble{Time: 1, Size: 10, Slide: 5, Type: types.Int8} },
	"join_left": joinOf(plan.Left),
	"semi":      joinOf(plan.Semi),
	"anti":      joinOf(plan.Anti),
	"single": func(s *States) Operator {
		return NewSingle(JoinSpec{Kind: plan.Left, Types: [2][]types.Type{kv, kv}, Keys: [2][]int{{0}, {0}}}, s)
	},
	"not_in": func(s *States) Operator {
		return NewNotIn(JoinSpec{Kind: plan.Anti, Types: [2][]types.Type{kv, kv}, Keys: [2][]int{{0}, {0}}}, s)
	},
	"aggregate": func(s *States) Operator {
		return NewAggregate(AggregateSpec{Input: kv, GroupBy: []int{0}, Aggs: []plan.AggCall{aggCallOf("count"), aggCallOf("min", 1)}}, s)
	},
	"aggregate_global": func(s *States) Operator {
		return NewAggregate(AggregateSpec{Input: kv, Aggs: []plan.AggCall{aggCallOf("count"), aggCallOf("max", 1)}}, s)
	},
	"aggregate_closing": func(s *States) Operator {
		return NewAggregate(AggregateSpec{Input: kv, GroupBy: []int{1}, Aggs: []plan.AggCall{aggCallOf("count")}, Closes: true}, s)
	},
	"distinct": func(s *States) Operator { return NewCounts(kv, kv, DistinctCopies, s) },
	"except":   func(s *States) Operator { return NewCounts(kv, kv, ExceptCopies, s) },
	"topn": func(s *States) Operator {
		return NewTopN(TopNSpec{Types: kv, Partition: []int{0}, OrderBy: []plan.Order{{Col: 1, Desc: true}}, Limit: 2, RankCol: true}, s)
	},
	"temporal": func(s *States) Operator {
		return NewTemporal(kv, []plan.Bound{{Col: 1, Unit: 1}, {Col: 1, Unit: 1, Add: 5, Until: true}}, s)
	},
	"final": func(s *States) Operator { return NewFinal(kv, 1, 5, s) },
}

// printer writes what an operator emits, as it comes.
type printer struct{ strings.Builder }

func (p *printer) Batch(b *vec.Batch) error {
	for i := range b.N {
		var vals []string
		for _, c := range b.Cols {
			d := c.Datum(i)
			switch {
			case d.Null:
				vals = append(vals, "NULL")
			case c.Type.Phys() == types.PhysInt:
				vals = append(vals, strconv.FormatInt(d.I, 10))
			default:
				vals = append(vals, d.S)
			}
		}
		fmt.Fprintf(p, "%+d [%s]\n", b.Weight(i), strings.Join(vals, " "))
	}
	return nil
}

func (p *printer) Errors(errs []zset.Error) error {
	for _, e := range errs {
		fmt.Fprintf(p, "%+d error %s %s\n", e.Weight, e.Err.Code, e.Err.Message)
	}
	return nil
}

// TestGolden runs testdata: each case is an epoch. A line of input is a weight
// and the two values; those after "right" go to the second port.
func TestGolden(t *testing.T) {
	seen := map[string]bool{}
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		name := path[strings.LastIndexByte(path, '/')+1:]
		seen[name] = true
		make, ok := golden[name]
		if !ok {
			t.Fatalf("no operator for %s", path)
		}
		space := arrange.NewSpace(arrange.Options{})
		id := uint64(0)
		op := make(&States{Space: space, Next: func() uint64 { id++; return id }})
		s := &Step{Watermark: math.MinInt64, Ctx: &funcs.Ctx{Env: types.NewEnv()}, Workers: 1}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.Epoch++
			space.Begin(s.Epoch)
			if d.HasArg("watermark") {
				d.ScanArgs(t, "watermark", &s.Watermark)
			}
			if d.HasArg("time") {
				d.ScanArgs(t, "time", &s.Time)
			}
			p := &printer{}
			for port, b := range inputOf(t, d.Input) {
				if b.N > 0 {
					if err := op.Push(s, port, b, p); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := op.Flush(s, p); err != nil {
				t.Fatal(err)
			}
			return p.String()
		})
	})
	for name := range golden {
		if !seen[name] {
			t.Errorf("operator %s has no golden file", name)
		}
	}
}

func inputOf(t *testing.T, text string) [2]*vec.Batch {
	var bs [2]*zset.Builder
	for i := range bs {
		bs[i] = zset.NewBuilder(kv, nil)
	}
	port := 0
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
			continue
		case f[0] == "right":
			port = 1
			continue
		case len(f) != 3:
			t.Fatalf("bad line %q", line)
		}
		w, err := strconv.ParseInt(f[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		k, v := types.String(f[1]), types.NullDatum
		if f[1] == "NULL" {
			k = types.NullDatum
		}
		if f[2] != "NULL" {
			n, err := strconv.ParseInt(f[2], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			v = types.Int(n)
		}
		if err := bs[port].Datums(w, k, v); err != nil {
			t.Fatal(err)
		}
	}
	var out [2]*vec.Batch
	for i := range bs {
		if out[i] = bs[i].Batch(); out[i] == nil {
			out[i] = &vec.Batch{}
		}
	}
	return out
}
