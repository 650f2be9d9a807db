package vec

import (
	"testing"

	"github.com/tarndb/tarn/sql/types"
)

// A value that is taken off again has never been there, NULL or not.
func TestPop(t *testing.T) {
	for _, c := range []struct {
		t    types.Type
		a, b types.Datum
	}{
		{types.Bool, types.Boolean(true), types.Boolean(false)}, {types.Int8, types.Int(1), types.Int(2)}, {types.Float8, types.Float(1), types.Float(2)},
		{types.Text, types.String("abc"), types.String("d")}, {types.Numeric, types.NumericFromInt(1), types.NumericFromInt(2)},
		{types.Numeric, types.NumericFromInt(1), types.NumericFromUnscaled(25, 1)}, // widened
	} {
		for _, gone := range []types.Datum{c.b, types.NullDatum} {
			b := NewBuilder(c.t, 0)
			b.Datum(c.a)
			b.Datum(gone)
			b.Pop()
			b.Datum(c.b)
			b.Null()
			b.Pop()
			b.Datum(c.a)
			v := b.Finish()
			if v.N != 3 || !types.Equal(v.Datum(0), c.a, c.t) || !types.Equal(v.Datum(1), c.b, c.t) || !types.Equal(v.Datum(2), c.a, c.t) {
				t.Errorf("%s after %v: %v %v %v", c.t, gone, v.Datum(0), v.Datum(1), v.Datum(2))
			}
		}
	}
}

// TestOpen: values appended together stand beside others, NULLs too.
func TestOpen(t *testing.T) {
	for nulls := range 3 {
		one, many := NewBuilder(types.Text, 0), NewBuilder(types.Text, 0)
		for i := range 200 {
			if i%70 < nulls {
				one.Null()
				many.Null()
			}
			data, off := many.Open()
			for j := range i % 5 {
				x := []byte("abcdefgh"[:(i+j)%8])
				one.Bytes(x)
				data = append(data, x...)
				off = append(off, uint32(len(data)))
			}
			many.Close(data, off, i%5)
		}
		if one.Len() != many.Len() {
			t.Fatalf("%d values, want %d", many.Len(), one.Len())
		}
		a, b := one.Finish(), many.Finish()
		for i := range a.N {
			if a.Datum(i) != b.Datum(i) {
				t.Fatalf("%d nulls: value %d is %v, want %v", nulls, i, b.Datum(i), a.Datum(i))
			}
		}
	}
}
