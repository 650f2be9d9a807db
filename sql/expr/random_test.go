package expr_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// randExpr writes a random expression of type bool, int ("i"), numeric ("n"),
// float ("f") or text ("t") over columns b0 i0 i1 n0 f0 t0.
func randExpr(r *rand.Rand, kind byte, depth int) string {
	sub := func(k byte) string { return randExpr(r, k, depth-1) }
	pick := func(ss ...string) string { return ss[r.IntN(len(ss))] }
	if depth == 0 {
		switch kind {
		case 'b':
			return pick("b0", "true", "NULL::bool")
		case 'i':
			return pick("i0", "i1", "0", "7", "2000000000")
		case 'n':
			return pick("n0", "1.25", "0.5")
		case 'f':
			return pick("f0", "0.5::float8", "1.0::float8")
		}
		return pick("t0", "'12'::text", "'x'::text")
	}
	switch kind {
	case 'b':
		k := pick("i", "n", "f", "t")[0]
		return pick(
			fmt.Sprintf("(%s %s %s)", sub(k), pick("=", "<>", "<", "<=", ">", ">="), sub(k)),
			fmt.Sprintf("(%s AND %s)", sub('b'), sub('b')),
			fmt.Sprintf("(%s OR %s)", sub('b'), sub('b')),
			fmt.Sprintf("(%s LIKE '%%1%%')", sub('t')))
	case 'i':
		return pick(
			fmt.Sprintf("(%s %s %s)", sub('i'), pick("+", "-", "*", "/", "%"), sub('i')),
			fmt.Sprintf("length(%s)", sub('t')), fmt.Sprintf("(%s)::int4", sub('t')), fmt.Sprintf("abs(%s)", sub('i')))
	case 'n':
		return pick(fmt.Sprintf("(%s %s %s)", sub('n'), pick("+", "-", "*", "/"), sub('n')),
			fmt.Sprintf("round(%s, 1)", sub('n')), fmt.Sprintf("(%s)::numeric", sub('i')))
	case 'f':
		return pick(fmt.Sprintf("(%s %s %s)", sub('f'), pick("+", "-", "*", "/"), sub('f')), fmt.Sprintf("(%s)::float8", sub('i')))
	}
	return pick(fmt.Sprintf("(%s || %s)", sub('t'), sub('t')), fmt.Sprintf("(%s)::text", sub('i')), fmt.Sprintf("upper(%s)", sub('t')))
}

// wrap puts the nodes around that have no syntax in the small reader.
func wrap(r *rand.Rand, parts map[byte]func() expr.Expr) expr.Expr {
	i, b := parts['i'], parts['b']
	switch r.IntN(8) {
	case 0:
		return &expr.Case{Whens: []expr.Expr{b(), b()}, Thens: []expr.Expr{i(), i()}, Else: i(), Typ: types.Int4}
	case 1:
		return &expr.Case{Whens: []expr.Expr{b()}, Thens: []expr.Expr{parts['n']()}, Else: parts['n'](), Typ: types.Numeric}
	case 2:
		return &expr.Coalesce{Args: []expr.Expr{i(), i(), i()}, Typ: types.Int4}
	case 3:
		return &expr.MinMax{Args: []expr.Expr{i(), i()}, Greatest: r.IntN(2) == 0, Typ: types.Int4}
	case 4:
		return &expr.In{Left: i(), List: []types.Datum{types.Int(1), types.Int(7)}, HasNull: r.IntN(2) == 0, Negated: r.IntN(2) == 0}
	case 5:
		return &expr.IsTrue{In: &expr.Not{In: b()}, Want: true, Negated: r.IntN(2) == 0}
	case 6:
		t := types.Int4
		eq, _ := funcs.ResolveOp("=", &t, t)
		if r.IntN(2) == 0 {
			return &expr.NullIf{Left: i(), Right: i(), Eq: eq.Overload}
		}
		return &expr.Distinct{Left: i(), Right: i(), Eq: eq.Overload, Negated: r.IntN(2) == 0}
	}
	return &expr.IsNull{In: i()}
}

func randBatch(r *rand.Rand, n int) (*vec.Batch, map[string]*expr.Column) {
	b, cols := &vec.Batch{N: n}, map[string]*expr.Column{}
	for i, c := range []struct {
		name string
		t    types.Type
	}{{"b0", types.Bool}, {"i0", types.Int4}, {"i1", types.Int4}, {"n0", types.Numeric}, {"f0", types.Float8}, {"t0", types.Text}} {
		bl := vec.NewBuilder(c.t, n)
		for range n {
			switch {
			case r.IntN(5) == 0:
				bl.Null()
			case c.t == types.Bool:
				bl.Bool(r.IntN(2) == 0)
			case c.t == types.Int4:
				bl.Int([]int64{0, 1, -1, 7, 1 << 30, -1 << 31}[r.IntN(6)])
			case c.t == types.Numeric:
				bl.Numeric(r.Int64N(500)-100, 2)
			case c.t == types.Float8:
				bl.Float([]float64{0, 1, -2.5, 1e308}[r.IntN(4)])
			default:
				bl.String([]string{"", "x", "1", "12", "héé"}[r.IntN(5)])
			}
		}
		b.Cols = append(b.Cols, bl.Finish())
		cols[c.name] = &expr.Column{Idx: i, Typ: c.t, Name: c.name}
	}
	return b, cols
}

// A batch of n rows gives what n batches of one row give, errors included, and so
// do the rows that a filter left: the value of a row never depends on the rows
// beside it. Results stay as they are while the program goes on working.
func TestBatchEqualsRows(t *testing.T) {
	errs := 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 3))
		b, cols := randBatch(r, 1+r.IntN(130))
		parts := map[byte]func() expr.Expr{}
		for _, k := range []byte("bint") {
			parts[k] = func() expr.Expr { return mustRead(t, randExpr(r, k, r.IntN(4)), cols) }
		}
		es := []expr.Expr{parts["bint"[r.IntN(4)]](), wrap(r, parts), wrap(r, parts)}
		p := mustCompile(t, es, b)
		got, gotErrs := p.Eval(nil, b)
		byRow := map[int32]string{}
		for i, e := range gotErrs {
			if i > 0 && gotErrs[i-1].Row >= e.Row {
				t.Fatalf("seed %d: errors out of order", seed)
			}
			byRow[e.Row] = e.Err.Error()
		}
		errs += len(gotErrs)
		text := func() string {
			var s []string
			for _, e := range es {
				s = append(s, expr.Print(e))
			}
			return strings.Join(s, "\n  ")
		}
		cond := mustCompile(t, []expr.Expr{mustRead(t, randExpr(r, 'b', 3), cols)}, b)
		sel, condErrs := cond.EvalFilter(nil, b)
		selected, failed := map[int32]bool{}, map[int32]bool{}
		for _, s := range sel {
			selected[s] = true
		}
		for _, e := range condErrs {
			failed[e.Row] = true
		}
		part, partErrs := p.EvalRows(nil, b, sel)
		for k, row := range sel {
			msg := ""
			if len(partErrs) > 0 && partErrs[0].Row == int32(k) {
				msg, partErrs = partErrs[0].Err.Error(), partErrs[1:]
			}
			if msg != byRow[row] {
				t.Fatalf("seed %d row %d: error %q, selected %q\n  %s", seed, row, byRow[row], msg, text())
			}
			for c := range es {
				g, w := part[c].Datum(k), got[c].Datum(int(row))
				if msg == "" && (g.Null != w.Null || !g.Null && !types.Equal(g, w, es[c].Type())) {
					t.Fatalf("seed %d row %d column %d: %+v, selected %+v\n  %s", seed, row, c, w, g, text())
				}
			}
		}
		for i := range b.N {
			one := b.Slice(i, i+1)
			want, wantErrs := p.Eval(nil, one)
			msg := ""
			if len(wantErrs) > 0 {
				msg = wantErrs[0].Err.Error()
			}
			if byRow[int32(i)] != msg {
				t.Fatalf("seed %d row %d: error %q, alone %q\n  %s", seed, i, byRow[int32(i)], msg, text())
			}
			for k := range es {
				g, w := got[k].Datum(i), want[k].Datum(0)
				if msg == "" && (g.Null != w.Null || !g.Null && !types.Equal(g, w, es[k].Type())) {
					t.Fatalf("seed %d row %d column %d: %+v, alone %+v\n  %s", seed, i, k, g, w, text())
				}
			}
			s1, e1 := cond.EvalFilter(nil, one)
			if (len(s1) == 1) != selected[int32(i)] || (len(e1) == 1) != failed[int32(i)] {
				t.Fatalf("seed %d row %d: filter differs alone", seed, i)
			}
		}
	}
	if errs == 0 {
		t.Error("no expression failed: the test does not test errors")
	}
}

// Folding changes neither values nor which rows fail.
func TestFoldKeepsMeaning(t *testing.T) {
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 4))
		b, cols := randBatch(r, 40)
		e := mustRead(t, randExpr(r, "bint"[r.IntN(4)], 3), cols)
		f := expr.Fold(nil, e, funcs.Immutable)
		x, ex := mustCompile(t, []expr.Expr{e}, b).Eval(nil, b)
		y, ey := mustCompile(t, []expr.Expr{f}, b).Eval(nil, b)
		if len(ex) != len(ey) {
			t.Fatalf("seed %d: %s: %d errors, folded %s: %d", seed, expr.Print(e), len(ex), expr.Print(f), len(ey))
		}
		bad := map[int]bool{}
		for _, e := range ex {
			bad[int(e.Row)] = true
		}
		for i := range b.N {
			g, w := x[0].Datum(i), y[0].Datum(i)
			if !bad[i] && (g.Null != w.Null || !g.Null && !types.Equal(g, w, e.Type())) {
				t.Fatalf("seed %d: %s and folded %s differ", seed, expr.Print(e), expr.Print(f))
			}
		}
	}
}

// A branch that is not taken raises no error.
func TestGuardedBranches(t *testing.T) {
	b, cols := randBatch(rand.New(rand.NewPCG(9, 9)), 500)
	guard := &expr.Case{Whens: []expr.Expr{mustRead(t, "i0 <> 0", cols)}, Thens: []expr.Expr{mustRead(t, "7 / i0", cols)}, Typ: types.Int4}
	parse := &expr.Case{Whens: []expr.Expr{mustRead(t, "t0 ~ '^[0-9]+$'", cols)}, Thens: []expr.Expr{mustRead(t, "t0::int4", cols)}, Typ: types.Int4}
	and := mustRead(t, "i0 <> 0 AND 7 / i0 > 0", cols)
	or := mustRead(t, "i0 = 0 OR 7 / i0 > 0", cols)
	if _, errs := mustCompile(t, []expr.Expr{guard, parse, and, or}, b).Eval(nil, b); len(errs) > 0 {
		t.Errorf("%d errors, first %v", len(errs), errs[0].Err)
	}
	if _, errs := mustCompile(t, []expr.Expr{mustRead(t, "7 / i0 > 0 AND i0 <> 0", cols)}, b).Eval(nil, b); len(errs) == 0 {
		t.Error("the left side of AND is always evaluated")
	}
}

// x = ANY (array) gives the same as a constant, which is looked up, and as a
// parameter, whose elements are compared.
func TestAnyOf(t *testing.T) {
	eq, _ := funcs.ResolveOp("=", &types.Int4, types.Int4)
	arrayType := types.ArrayOf(types.Int4)
	for _, c := range []struct{ x, array, want string }{
		{"1", "{1,2}", "t"}, {"3", "{1,2}", "f"}, {"3", "{1,NULL}", "NULL"}, {"1", "{1,NULL}", "t"},
		{"NULL", "{1}", "NULL"}, {"NULL", "{}", "f"}, {"1", "{}", "f"}, {"1", "NULL", "NULL"},
	} {
		x := &expr.Const{Typ: types.Int4, Val: types.NullDatum}
		if c.x != "NULL" {
			x.Val, _ = types.ParseText(c.x, types.Int4, nil)
		}
		arr := types.NullDatum
		if c.array != "NULL" {
			arr, _ = types.ParseText(c.array, arrayType, nil)
		}
		for _, array := range []expr.Expr{&expr.Const{Typ: arrayType, Val: arr}, &expr.Param{N: 1, Typ: arrayType}} {
			d, err := expr.EvalDatum(&funcs.Ctx{Params: []types.Datum{arr}}, &expr.AnyOf{Left: x, Array: array, Op: eq.Overload})
			got := "NULL"
			if !d.Null {
				got = string(types.AppendText(nil, d, types.Bool, nil))
			}
			if err != nil || got != c.want {
				t.Errorf("%s = ANY (%s): %s, %v; want %s", c.x, c.array, got, err, c.want)
			}
		}
	}
}
