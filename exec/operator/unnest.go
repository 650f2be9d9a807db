package operator

import (
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Unnest emits each row once per element of its array, the element appended, and
// with Ordinality its position from 1. Outer keeps rows without elements.
type Unnest struct {
	Array      *expr.Program
	Elem       types.Type
	Ordinality bool
	Outer      bool
	Blank      []int // columns of the input that come out as NULL
}

// unnestBytes bounds what a batch repeats of its rows.
const unnestBytes = 8 << 20

var _ Operator = (*Unnest)(nil)

// Push emits b's rows with their elements.
func (u *Unnest) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	arrays, failed := u.Array.Eval(s.Ctx, b)
	errs := rowErrors(nil, failed, b)
	bad := map[int32]bool{}
	for _, f := range failed {
		bad[f.Row] = true
	}
	kept := &vec.Batch{N: b.N, Cols: append([]*vec.Vec(nil), b.Cols...), Weights: b.Weights}
	for _, c := range u.Blank {
		kept.Cols[c] = vec.FromDatums(b.Cols[c].Type, nulls(b.N))
	}
	var sel []int32
	repeated := 0 // bytes
	elems := vec.NewBuilder(u.Elem, b.N)
	ord := vec.NewBuilder(types.Int8, 0)
	flush := func() error {
		if len(sel) == 0 {
			return nil
		}
		o := kept.Select(sel)
		o.Cols = append(o.Cols, elems.Finish())
		if u.Ordinality {
			o.Cols = append(o.Cols, ord.Finish())
		}
		sel, repeated = sel[:0], 0
		return out.Batch(o)
	}
	for i := range b.N {
		if bad[int32(i)] {
			continue
		}
		var arr types.Array
		if !arrays[0].IsNull(i) {
			var err error
			if arr, err = types.DecodeArray(string(arrays[0].Bytes(i))); err != nil {
				errs = append(errs, zset.Error{Err: sqlerr.From(err), Row: rowKey(b, i), Weight: b.Weight(i)})
				continue
			}
		}
		if len(arr.Elems) == 0 && u.Outer {
			sel = append(sel, int32(i))
			elems.Null()
			if u.Ordinality {
				ord.Null()
			}
		}
		size := rowBytes(kept, i)
		for k, d := range arr.Elems {
			sel = append(sel, int32(i))
			elems.Datum(d)
			if u.Ordinality {
				ord.Int(int64(k + 1))
			}
			if repeated += size; len(sel) >= vec.BatchRows || repeated >= unnestBytes {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	if len(errs) > 0 {
		if err := out.Errors(errs); err != nil {
			return err
		}
	}
	return flush()
}

// Flush does nothing: rows go through as they come.
func (u *Unnest) Flush(*Step, Emit) error { return nil }

func nulls(n int) []types.Datum {
	out := make([]types.Datum, n)
	for i := range out {
		out[i] = types.NullDatum
	}
	return out
}

// rowBytes is the size of what row i holds outside of fixed widths.
func rowBytes(b *vec.Batch, i int) (n int) {
	for _, c := range b.Cols {
		if c.Type.Phys() == types.PhysBytes && !c.IsNull(i) {
			n += len(c.Bytes(i))
		}
	}
	return n
}
