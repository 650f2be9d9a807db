package expr_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Every example of the scalar tables gives the result it says.
func TestScalarExamples(t *testing.T) {
	dump := os.Getenv("TARN_DUMP_EXAMPLES") // file to write them to, for psql
	var lines []string
	for _, name := range funcs.Names() {
		for _, o := range funcs.Overloads(name) {
			if o.Doc == "" {
				t.Errorf("%s: no doc", name)
			}
			if o.Example == "" {
				continue
			}
			text, want, ok := strings.Cut(o.Example, " → ")
			if !ok {
				t.Errorf("%s: example without an arrow: %s", name, o.Example)
				continue
			}
			lines = append(lines, o.Example)
			got, err := textOf(text)
			if err != nil {
				t.Errorf("%s: %v", text, err)
			} else if got != want {
				t.Errorf("%s: %q, not %q", text, got, want)
			}
		}
	}
	if dump != "" {
		os.WriteFile(dump, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
	}
}

// aggregate runs an aggregate over rows given as "f(x, 'sep') over (v), (v)".
func aggregate(t *testing.T, text string) (string, error) {
	callText, rowsText, _ := strings.Cut(text, " over ")
	name, argText, _ := strings.Cut(strings.TrimSuffix(callText, ")"), "(")
	var vals []expr.Expr
	for _, r := range strings.Split(strings.TrimSuffix(strings.TrimPrefix(rowsText, "("), ")"), "), (") {
		e, err := read(r, nil)
		if err != nil {
			return "", err
		}
		if c, ok := e.(*expr.Const); ok && c.Val.Null {
			e = &expr.Const{Typ: types.Unknown, Val: types.NullDatum}
		}
		vals = append(vals, e)
	}
	var ts []types.Type
	for _, v := range vals {
		ts = append(ts, v.Type())
	}
	typ, err := funcs.CommonType("VALUES", ts)
	if err != nil {
		return "", err
	}
	star := argText == "*"
	in := &vec.Batch{N: len(vals)}
	if !star {
		var ds []types.Datum
		for _, v := range vals {
			d, err := expr.EvalDatum(nil, v)
			if err != nil {
				return "", err
			}
			ds = append(ds, d)
		}
		in.Cols = append(in.Cols, vec.FromDatums(typ, ds))
		if _, sep, ok := strings.Cut(argText, ", "); ok {
			in.Cols = append(in.Cols, vec.Flatten(vec.ConstVec(types.Text, types.String(strings.Trim(sep, "'")), in.N)))
		}
	}
	args := make([]types.Type, len(in.Cols))
	for i, c := range in.Cols {
		args[i] = c.Type
	}
	a, err := funcs.ResolveAgg(name, args, star, false)
	if err != nil {
		return "", err
	}
	b := vec.NewBuilder(a.Ret, 1)
	switch a.Class {
	case funcs.Invertible:
		acc := a.NewAccum(a.ArgTypes)
		// Once through a stored image, so that it is tested too.
		acc.Reset(1)
		acc.Add(make([]int32, in.N), in.Cols, nil)
		image := acc.Append(nil, 0)
		acc.Reset(1)
		if rest := acc.Load(0, image); len(rest) != 0 {
			t.Errorf("%s: %d bytes of the image left", text, len(rest))
		}
		if err := acc.Final(0, b); err != nil {
			return "", err
		}
	case funcs.Holistic:
		order := sorted(in)
		if err := a.Collect(in.Select(order), b); err != nil {
			return "", err
		}
	default:
		order := sorted(in)
		v := vec.Gather(in.Cols[0], order)
		n := v.N
		for n > 0 && v.IsNull(n-1) {
			n--
		}
		at := 0
		if a.Last {
			at = n - 1
		}
		b.Append(v, at)
	}
	v := b.Finish()
	if v.N != 1 {
		t.Errorf("%s: %d values", text, v.N)
	}
	if v.IsNull(0) {
		return "NULL", nil
	}
	return string(types.AppendText(nil, v.Datum(0), a.Ret, nil)), nil
}

// sorted orders by value, NULLs last.
func sorted(b *vec.Batch) []int32 {
	sel := make([]int32, b.N)
	for i := range sel {
		sel[i] = int32(i)
	}
	v := b.Cols[0]
	less := func(i, j int32) bool {
		if v.IsNull(int(i)) || v.IsNull(int(j)) {
			return !v.IsNull(int(i)) && v.IsNull(int(j))
		}
		return types.Compare(v.Datum(int(i)), v.Datum(int(j)), v.Type) < 0
	}
	for i := range sel {
		for j := i; j > 0 && less(sel[j], sel[j-1]); j-- {
			sel[j], sel[j-1] = sel[j-1], sel[j]
		}
	}
	return sel
}

func TestAggregateExamples(t *testing.T) {
	for _, a := range funcs.AllAggregates() {
		if a.Doc == "" {
			t.Errorf("%s: no doc", a.Name)
		}
		if a.Example == "" {
			continue
		}
		text, want, _ := strings.Cut(a.Example, " → ")
		got, err := aggregate(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
}
