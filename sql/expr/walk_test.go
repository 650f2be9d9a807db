package expr_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func TestRewriting(t *testing.T) {
	_, cols := randBatch(rand.New(rand.NewPCG(1, 1)), 1)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 8))
		parts := map[byte]func() expr.Expr{}
		for _, k := range []byte("bint") {
			parts[k] = func() expr.Expr { return mustRead(t, randExpr(r, k, 2), cols) }
		}
		e := wrap(r, parts)
		same := expr.Map(e, func(e expr.Expr) expr.Expr { return e })
		if same != e {
			t.Fatalf("seed %d: Map with the identity made a new expression", seed)
		}
		moved := expr.ShiftColumns(e, 10)
		used := expr.ColumnsUsed(e)
		for i := range used {
			used[i] += 10
		}
		if !slices.Equal(expr.ColumnsUsed(moved), used) {
			t.Fatalf("seed %d: shifted columns %v, not %v", seed, expr.ColumnsUsed(moved), used)
		}
		if !expr.Equal(expr.ShiftColumns(moved, -10), e) || len(used) > 0 && expr.Equal(moved, e) {
			t.Fatalf("seed %d: Equal is wrong about %s", seed, expr.Print(e))
		}
	}
}

func TestPrint(t *testing.T) {
	_, cols := randBatch(rand.New(rand.NewPCG(1, 1)), 1)
	for _, c := range []struct{ in, want string }{
		{"(i0 + i1) * 2", "(i0 + i1) * 2"},
		{"i0 - (i1 - 3)", "i0 - (i1 - 3)"},
		{"i0 + 1 < i1 AND (b0 OR i0 = 3)", "i0 + 1 < i1 AND (b0 OR i0 = 3)"},
		{"t0 LIKE 'it''s%'", "t0 LIKE 'it''s%'"},
		{"upper(t0) || 'x'", "upper(t0) || 'x'"},
		{"(i0 + 1)::int8", "(i0 + 1)::bigint"},
		{"n0 > 1.50", "n0 > 1.50"},
		{"date '2024-01-02' + i0", "'2024-01-02'::date + i0"},
	} {
		if got := expr.Print(mustRead(t, c.in, cols)); got != c.want {
			t.Errorf("%s: printed %s", c.in, got)
		}
	}
	e := &expr.Case{Whens: []expr.Expr{cols["b0"]}, Thens: []expr.Expr{cols["i0"]}, Typ: types.Int4}
	if got := expr.Print(&expr.IsNull{In: e, Negated: true}); got != "CASE WHEN b0 THEN i0 END IS NOT NULL" {
		t.Error(got)
	}
}

// The fast casts of narrow numerics agree with the one that goes value by value.
func TestNumericCasts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 300 {
		scale := int32(r.IntN(5))
		b := vec.NewBuilder(types.Numeric, 20)
		for range 20 {
			b.Numeric(r.Int64N(4_000_000)-2_000_000, scale)
		}
		batch := &vec.Batch{N: 20, Cols: []*vec.Vec{b.Finish()}}
		col := &expr.Column{Typ: types.Numeric}
		p := 4 + r.IntN(6)
		for _, to := range []types.Type{types.NumericOf(p, r.IntN(4)), types.Float8} {
			got, _ := mustCompile(t, []expr.Expr{&expr.Cast{In: col, To: to}}, batch).Eval(nil, batch)
			for i := range batch.N {
				d := batch.Cols[0].Datum(i)
				want, err := types.Cast(d, types.Numeric, types.Type{OID: to.OID, Mod: -1}, nil)
				if err == nil && to.Mod != -1 {
					want, err = types.CoerceTypmod(want, to, false)
				}
				if err != nil {
					if !got[0].IsNull(i) {
						t.Fatalf("%v to %s: no error, want %v", d, to, err)
					}
					continue
				}
				if g := got[0].Datum(i); g.Null || !types.Equal(g, want, to) {
					t.Fatalf("%v to %s: %v, not %v", d, to, g, want)
				}
			}
		}
	}
}
