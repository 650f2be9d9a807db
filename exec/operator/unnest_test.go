package operator

import (
	"testing"

	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// unnestSink counts rows and the bytes that batches repeat of the input.
type unnestSink struct {
	rows, bytesMax int
	notNull        bool
}

func (s *unnestSink) Batch(b *vec.Batch) error {
	s.rows += b.N
	s.bytesMax = max(s.bytesMax, len(b.Cols[0].Data))
	s.notNull = s.notNull || !b.Cols[0].IsNull(0)
	return nil
}

func (s *unnestSink) Errors([]zset.Error) error { return nil }

// A long array is not repeated for each of its elements without a bound, and not
// at all where nobody needs it.
func TestUnnestRepeats(t *testing.T) {
	const n = 20_000
	a := types.Array{Elem: types.Int4, Dims: []int32{n}, Lower: []int32{1}, Elems: make([]types.Datum, n)}
	for i := range a.Elems {
		a.Elems[i] = types.Int(int64(i))
	}
	in := &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(types.Int4Array, []types.Datum{types.ArrayDatum(&a)})}}
	for _, blank := range [][]int{nil, {0}} {
		p, err := expr.Compile([]expr.Expr{&expr.Column{Typ: types.Int4Array}}, []types.Type{types.Int4Array})
		if err != nil {
			t.Fatal(err)
		}
		u := &Unnest{Array: p, Elem: types.Int4, Blank: blank}
		var out unnestSink
		if err := u.Push(&Step{Ctx: &funcs.Ctx{}}, 0, in, &out); err != nil {
			t.Fatal(err)
		}
		if out.rows != n {
			t.Errorf("blank %v: %d rows, want %d", blank, out.rows, n)
		}
		if limit := unnestBytes + len(in.Cols[0].Data); out.bytesMax > limit {
			t.Errorf("blank %v: a batch repeats %d bytes, more than %d", blank, out.bytesMax, limit)
		}
		if (blank == nil) != out.notNull {
			t.Errorf("blank %v: the array comes out: %v", blank, out.notNull)
		}
	}
}
