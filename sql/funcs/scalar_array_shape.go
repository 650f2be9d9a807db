package funcs

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// arrayShapeRows are functions of the shape of arrays.
func arrayShapeRows() []Overload {
	i4, i4s := types.Int4, types.ArrayOf(types.Int4)
	fill := func(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
		if a[1].Null || len(a) > 2 && a[2].Null {
			return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "dimension array or low bound array cannot be null")
		}
		lower := types.Array{}
		if len(a) > 2 {
			lower = arrs[2]
		}
		return arrayFill(in[0], a[0], arrs[1], lower, len(a) > 2)
	}
	return []Overload{
		arrayFn("array_dims", ts(anyArray), types.Text, false, func(_ []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			x := arrs[0]
			if len(x.Dims) == 0 {
				return types.NullDatum, nil
			}
			var b strings.Builder
			for i, n := range x.Dims {
				fmt.Fprintf(&b, "[%d:%d]", x.Lower[i], x.Lower[i]+n-1)
			}
			return types.String(b.String()), nil
		}, "Bounds of the dimensions, as text.", "array_dims('{{1,2,3},{4,5,6}}'::int[]) → [1:2][1:3]"),
		arrayFn("array_fill", ts(anyElement, i4s), anyArray, true, fill, "An array of copies of a value, of the given lengths.", "array_fill(11, '{2,3}'::int[]) → {{11,11,11},{11,11,11}}"),
		arrayFn("array_fill", ts(anyElement, i4s, i4s), anyArray, true, fill, "An array of copies of a value, of the given lengths and lower bounds.", "array_fill(7, '{3}'::int[], '{2}'::int[]) → [2:4]={7,7,7}"),
		arrayFn("trim_array", ts(anyArray, i4), anyArray, false, func(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
			x := arrs[0]
			size := int64(0)
			if len(x.Dims) > 0 {
				size = int64(x.Dims[0])
			}
			if a[1].I < 0 || a[1].I > size {
				return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "number of elements to trim must be between 0 and %d", size)
			}
			if a[1].I == size {
				return arrayDatum(types.ElemOf(in[0]), nil), nil
			}
			keep := x.Dims[0] - int32(a[1].I)
			x.Elems = x.Elems[:len(x.Elems)/int(x.Dims[0])*int(keep)]
			x.Dims = append([]int32{keep}, x.Dims[1:]...)
			x.Lower = make([]int32, len(x.Dims))
			for i := range x.Lower {
				x.Lower[i] = 1
			}
			return types.ArrayDatum(&x), nil
		}, "Without the last elements of the first dimension.", "trim_array('{1,2,3,4,5,6}'::int[], 2) → {1,2,3,4}"),
	}
}

// arrayElemsMax bounds what array_fill makes.
const arrayElemsMax = 1 << 24

func arrayFill(elem types.Type, value types.Datum, dims, lower types.Array, withLower bool) (types.Datum, error) {
	if len(dims.Dims) > 1 || len(lower.Dims) > 1 {
		return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "wrong number of array subscripts").WithDetail("Dimension array must be one dimensional.")
	}
	if withLower && len(lower.Elems) != len(dims.Elems) {
		return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "wrong number of array subscripts").WithDetail("Low bound array has different size than dimensions array.")
	}
	if len(dims.Elems) > 6 {
		return types.NullDatum, sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (6)", len(dims.Elems))
	}
	out := types.Array{Elem: elem}
	n := int64(1)
	for i, d := range dims.Elems {
		if d.Null || withLower && lower.Elems[i].Null {
			return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "dimension values cannot be null")
		}
		if d.I < 0 {
			return types.NullDatum, sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", arrayElemsMax)
		}
		low := int64(1)
		if withLower {
			low = lower.Elems[i].I
		}
		out.Dims, out.Lower = append(out.Dims, int32(d.I)), append(out.Lower, int32(low))
		if n *= d.I; n > arrayElemsMax {
			return types.NullDatum, sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", arrayElemsMax)
		}
	}
	if n == 0 || len(out.Dims) == 0 {
		return arrayDatum(elem, nil), nil
	}
	out.Elems = make([]types.Datum, n)
	for i := range out.Elems {
		out.Elems[i] = value
	}
	return types.ArrayDatum(&out), nil
}

// ArrayElement is a[i][j]…: NULL where there is no such element.
func ArrayElement(x types.Array, index []int64) types.Datum {
	if len(index) != len(x.Dims) {
		return types.NullDatum
	}
	at := int64(0)
	for k, i := range index {
		i -= int64(x.Lower[k])
		if i < 0 || i >= int64(x.Dims[k]) {
			return types.NullDatum
		}
		at = at*int64(x.Dims[k]) + i
	}
	return x.Elems[at]
}

// ArraySlice is a[lo:hi]…, bounds within the array's own; what is outside is empty.
// Dimensions without bounds are taken whole.
func ArraySlice(x types.Array, lo, hi []int64) types.Array {
	none := types.Array{Elem: x.Elem}
	if len(lo) > len(x.Dims) || len(x.Dims) == 0 {
		return none
	}
	out := types.Array{Elem: x.Elem}
	from := make([]int64, len(x.Dims))
	for k := range x.Dims {
		first, last := int64(x.Lower[k]), int64(x.Lower[k]+x.Dims[k]-1)
		if k < len(lo) {
			first, last = max(first, lo[k]), min(last, hi[k])
		}
		if first > last {
			return none
		}
		from[k] = first - int64(x.Lower[k])
		out.Dims, out.Lower = append(out.Dims, int32(last-first+1)), append(out.Lower, 1)
	}
	var take func(k int, at int64)
	take = func(k int, at int64) {
		for i := range int64(out.Dims[k]) {
			next := at*int64(x.Dims[k]) + from[k] + i
			if k+1 < len(x.Dims) {
				take(k+1, next)
			} else {
				out.Elems = append(out.Elems, x.Elems[next])
			}
		}
	}
	take(0, 0)
	return out
}
