package expr_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func benchBatch(n int, t types.Type) (*vec.Batch, map[string]*expr.Column) {
	r := rand.New(rand.NewPCG(1, 2))
	b := &vec.Batch{N: n}
	cols := map[string]*expr.Column{}
	for c := range 3 {
		v := &vec.Vec{Type: t, N: n, Ints: make([]int64, n), Valid: vec.NewBitmap(n, true)}
		if t.OID == types.OIDNumeric {
			v.Scale = 2
		}
		for i := range v.Ints {
			v.Ints[i] = r.Int64N(1000)
			if r.IntN(10) == 0 {
				v.Valid.Clear(i)
			}
		}
		name := string(rune('a' + c))
		cols[name] = &expr.Column{Idx: c, Typ: t, Name: name}
		b.Cols = append(b.Cols, v)
	}
	return b, cols
}

func mustRead(tb testing.TB, s string, cols map[string]*expr.Column) expr.Expr {
	e, err := read(s, cols)
	if err != nil {
		tb.Fatalf("%s: %v", s, err)
	}
	return e
}

func mustCompile(tb testing.TB, es []expr.Expr, b *vec.Batch) *expr.Program {
	in := make([]types.Type, len(b.Cols))
	for i, c := range b.Cols {
		in[i] = c.Type
	}
	p, err := expr.Compile(es, in)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Filter and three expressions over columns with NULLs, as an operator runs them.
func BenchmarkFilterProject(bm *testing.B) {
	for _, x := range []struct {
		name string
		t    types.Type
	}{{"int8", types.Int8}, {"numeric", types.NumericOf(18, 2)}} {
		bm.Run(fmt.Sprintf("type=%s", x.name), func(bm *testing.B) {
			b, cols := benchBatch(vec.BatchRows, x.t)
			cond := mustCompile(bm, []expr.Expr{mustRead(bm, "a > b", cols)}, b)
			proj := mustCompile(bm, []expr.Expr{mustRead(bm, "a + b", cols), mustRead(bm, "a * 3 - c", cols), mustRead(bm, "b < c", cols)}, b)
			bm.ReportAllocs()
			for bm.Loop() {
				sel, _ := cond.EvalFilter(nil, b)
				proj.EvalRows(nil, b, sel)
			}
			bm.ReportMetric(float64(b.N)*float64(bm.N)/bm.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
	bm.Run("raw", func(bm *testing.B) {
		b, _ := benchBatch(vec.BatchRows, types.Int8)
		x, y, z := b.Cols[0], b.Cols[1], b.Cols[2]
		for bm.Loop() {
			o1, o2, o3 := make([]int64, 0, b.N), make([]int64, 0, b.N), make([]bool, 0, b.N)
			v1, v2, v3 := vec.NewBitmap(b.N, false), vec.NewBitmap(b.N, false), vec.NewBitmap(b.N, false)
			for i := range b.N {
				if x.Valid.Get(i) && y.Valid.Get(i) && x.Ints[i] > y.Ints[i] {
					k := len(o1)
					v1.Set(k)
					if z.Valid.Get(i) {
						v2.Set(k)
						v3.Set(k)
					}
					o1 = append(o1, x.Ints[i]+y.Ints[i])
					o2 = append(o2, x.Ints[i]*3-z.Ints[i])
					o3 = append(o3, y.Ints[i] < z.Ints[i])
				}
			}
			if len(o2) != len(o3) {
				bm.Fatal("rows are lost")
			}
		}
		bm.ReportMetric(float64(b.N)*float64(bm.N)/bm.Elapsed().Seconds()/1e6, "Mrows/s")
	})
}

// Narrow numerics stay within twice the time of int8.
func BenchmarkArithmetic(bm *testing.B) {
	for _, text := range []string{"a + b", "a - b", "a * b", "a * 7", "a < b", "a + b * 2 - c"} {
		for _, t := range []types.Type{types.Int4, types.Int8, types.NumericOf(18, 2)} {
			bm.Run(fmt.Sprintf("expr=%s/type=%s", text, t), func(bm *testing.B) {
				b, cols := benchBatch(vec.BatchRows, t)
				p := mustCompile(bm, []expr.Expr{mustRead(bm, text, cols)}, b)
				for bm.Loop() {
					p.Eval(nil, b)
				}
				bm.ReportMetric(float64(b.N)*float64(bm.N)/bm.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

// Expressions with branches: CASE with cheap and with costly parts.
func BenchmarkCase(bm *testing.B) {
	b, cols := benchBatch(vec.BatchRows, types.Int8)
	for _, then := range []string{"a + 1", "length(a::text)"} {
		e := &expr.Case{Whens: []expr.Expr{mustRead(bm, "a > b", cols)}, Else: cols["c"], Typ: types.Int8}
		th := mustRead(bm, then, cols)
		if th.Type() != types.Int8 {
			th = &expr.Cast{In: th, To: types.Int8}
		}
		e.Thens = []expr.Expr{th}
		bm.Run("then="+then, func(bm *testing.B) {
			p := mustCompile(bm, []expr.Expr{e}, b)
			for bm.Loop() {
				p.Eval(nil, b)
			}
			bm.ReportMetric(float64(b.N)*float64(bm.N)/bm.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// The benchmarks run, at their smallest, so that they do not rot.
func TestBenchmarksRun(t *testing.T) {
	if testing.Short() {
		t.Skip()
	}
	for _, typ := range []types.Type{types.Int8, types.NumericOf(18, 2)} {
		b, cols := benchBatch(64, typ)
		p := mustCompile(t, []expr.Expr{mustRead(t, "a > b", cols), mustRead(t, "a + b * 2 - c", cols)}, b)
		if sel, errs := p.EvalFilter(nil, b); len(sel) == 0 || len(errs) > 0 {
			t.Errorf("%d rows, %d errors", len(sel), len(errs))
		}
	}
}
