package funcs

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func sumAggs() []Agg {
	row := func(t, ret types.Type, newAccum func([]types.Type) Accum, example string) Agg {
		return Agg{Name: "sum", Args: ts(t), Ret: ret, SkipNulls: true, NewAccum: newAccum,
			Doc: "Sum of the values that are not NULL; NULL if there are none.", Example: example}
	}
	ints := func(final intFinal) func([]types.Type) Accum {
		return func([]types.Type) Accum { return &intAccum{final: final} }
	}
	numerics := func([]types.Type) Accum { return &numericAccum{} }
	intervals := func([]types.Type) Accum { return &intervalAccum{} }
	return append(floatAggs("sum", false),
		row(types.Int2, types.Int8, ints(sumToInt8), ""),
		row(types.Int4, types.Int8, ints(sumToInt8), "sum(x) over (1), (NULL), (3) → 4"),
		row(types.Int8, types.Numeric, ints(sumToNumeric), ""),
		row(types.Numeric, types.Numeric, numerics, "sum(x) over (1.5), (NULL), (2.25) → 3.75"),
		row(types.Interval, types.Interval, intervals, ""),
	)
}

func avgAggs() []Agg {
	row := func(t, ret types.Type, newAccum func([]types.Type) Accum, example string) Agg {
		return Agg{Name: "avg", Args: ts(t), Ret: ret, SkipNulls: true, NewAccum: newAccum,
			Doc: "Mean of the values that are not NULL; NULL if there are none.", Example: example}
	}
	ints := func([]types.Type) Accum { return &intAccum{final: avgToNumeric} }
	numerics := func([]types.Type) Accum { return &numericAccum{avg: true} }
	intervals := func([]types.Type) Accum { return &intervalAccum{avg: true} }
	return append(floatAggs("avg", true),
		row(types.Int2, types.Numeric, ints, ""),
		row(types.Int4, types.Numeric, ints, "avg(x) over (1), (NULL), (4) → 2.5000000000000000"),
		row(types.Int8, types.Numeric, ints, ""),
		row(types.Numeric, types.Numeric, numerics, "avg(x) over (1.5), (NULL), (2.5) → 2.0000000000000000"),
		row(types.Interval, types.Interval, intervals, ""),
	)
}

// intFinal makes the result from an exact sum and the number of values (not 0).
type intFinal func(sum int128, n int64, out *vec.Builder) error

func sumToInt8(sum int128, _ int64, out *vec.Builder) error {
	v, ok := sum.int64()
	if !ok {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "bigint out of range")
	}
	out.Int(v)
	return nil
}

func sumToNumeric(sum int128, _ int64, out *vec.Builder) error {
	out.Datum(numericFrom128(sum, 0))
	return nil
}

func avgToNumeric(sum int128, n int64, out *vec.Builder) error {
	d, err := types.NumericDiv(numericFrom128(sum, 0), types.NumericFromInt(n))
	if err != nil {
		return err
	}
	out.Datum(d)
	return nil
}

// intAccum sums integers in 128 bits. Image: the number of values that are not
// NULL, then the sum; both signed varints.
type intAccum struct {
	final intFinal
	n     []int64
	sum   []int128
}

var _ Accum = (*intAccum)(nil)

func (a *intAccum) Reset(groups int) {
	a.n, a.sum = resetSlice(a.n, groups), resetSlice(a.sum, groups)
}

func (a *intAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	countRows(a.n, group, v.Valid, weights)
	sumInts(a.sum, group, v.Ints, v.Valid, weights)
}

// sumInts adds the valid rows of xs to their groups' sums.
func sumInts(sum []int128, group []int32, xs []int64, valid vec.Bitmap, weights []int64) {
	xs = xs[:len(group)]
	switch {
	case weights == nil && valid == nil:
		for i, g := range group {
			sum[g].add(xs[i])
		}
	case weights == nil:
		for i, g := range group {
			// The mask is 0 for NULL, which adds nothing.
			sum[g].add(xs[i] & -int64(valid[i>>6]>>(uint(i)&63)&1))
		}
	default:
		for i, g := range group {
			w := weights[i]
			if valid != nil && !valid.Get(i) {
				continue
			}
			switch w {
			case 1:
				sum[g].add(xs[i])
			default:
				sum[g].addMul(xs[i], w)
			}
		}
	}
}

func (a *intAccum) Load(g int, image []byte) []byte {
	n, image := takeVarint(image)
	a.n[g] += n
	s, image := takeInt128(image)
	a.sum[g].add128(s)
	return image
}

func (a *intAccum) Append(dst []byte, g int) []byte {
	return appendInt128(binary.AppendVarint(dst, a.n[g]), a.sum[g])
}

func (a *intAccum) Final(g int, out *vec.Builder) error {
	if a.n[g] == 0 {
		out.Null()
		return nil
	}
	return a.final(a.sum[g], a.n[g], out)
}
