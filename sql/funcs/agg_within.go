package funcs

import (
	"math"
	"strconv"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// withinAggs are the ordered-set aggregates: f(direct) WITHIN GROUP (ORDER BY x).
// Their arguments are the direct ones, then x; their rows come in the order of x.
func withinAggs() []Agg {
	const cont, disc = "The value at a fraction of the ordered values, interpolated.", "The first of the ordered values at or behind a fraction of them."
	floats := types.ArrayOf(types.Float8)
	row := func(name, doc string, ret types.Type, at pick, args ...types.Type) Agg {
		return Agg{Name: name, Args: args, Ret: ret, Within: true, Class: Holistic, SkipNulls: true, Doc: doc,
			Collect: func(rows *vec.Batch, out *vec.Builder) error { return within(rows, out, at) }}
	}
	return []Agg{
		row("percentile_cont", cont, types.Float8, percentileCont, types.Float8, types.Float8),
		row("percentile_cont", cont, types.Interval, percentileCont, types.Float8, types.Interval),
		row("percentile_cont", cont+" One for each fraction.", floats, percentileCont, floats, types.Float8),
		row("percentile_cont", cont+" One for each fraction.", types.ArrayOf(types.Interval), percentileCont, floats, types.Interval),
		row("percentile_disc", disc, anyElement, percentileDisc, types.Float8, anyElement),
		row("percentile_disc", disc+" One for each fraction.", anyArray, percentileDisc, floats, anyElement),
		row("mode", "The most frequent value, the first in order of several.", anyElement, nil, anyElement),
	}
}

// ranked are the values of a group in order, each with how many stand before it and with it.
type ranked struct {
	v    *vec.Vec
	rows []int32
	upTo []int64
}

// at is the value of number n, from 0.
func (r *ranked) at(n int64) types.Datum {
	lo, hi := 0, len(r.rows)-1
	for lo < hi {
		if mid := (lo + hi) / 2; r.upTo[mid] > n {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return datumAt(r.v, int(r.rows[lo]))
}

// pick is the value at fraction p of n ordered values.
type pick func(r *ranked, n int64, p float64) (types.Datum, error)

func within(rows *vec.Batch, out *vec.Builder, at pick) error {
	r := &ranked{v: rows.Cols[len(rows.Cols)-1]}
	n := int64(0)
	for i := range rows.N {
		if r.v.IsNull(i) {
			continue
		}
		n += rows.Weight(i)
		r.rows, r.upTo = append(r.rows, int32(i)), append(r.upTo, n)
	}
	if n == 0 || len(rows.Cols) > 1 && rows.Cols[0].IsNull(int(r.rows[0])) {
		out.Null()
		return nil
	}
	if at == nil {
		out.Datum(r.mode())
		return nil
	}
	direct := rows.Cols[0]
	first := datumAt(direct, int(r.rows[0]))
	if !direct.Type.IsArray() {
		d, err := fraction(r, n, first.F, at)
		if err == nil {
			out.Datum(d)
		}
		return err
	}
	fractions, err := types.DecodeArray(first.S)
	if err != nil {
		return err
	}
	a := types.Array{Elem: types.Type{OID: r.v.Type.OID, Mod: -1}, Dims: fractions.Dims, Lower: fractions.Lower}
	for _, p := range fractions.Elems {
		d := types.NullDatum
		if !p.Null {
			if d, err = fraction(r, n, p.F, at); err != nil {
				return err
			}
		}
		a.Elems = append(a.Elems, d)
	}
	out.Bytes(types.AppendArray(nil, &a))
	return nil
}

func fraction(r *ranked, n int64, p float64, at pick) (types.Datum, error) {
	if !(p >= 0 && p <= 1) {
		return types.NullDatum, sqlerr.New(sqlerr.NumericValueOutOfRange, "percentile value %s is not between 0 and 1", strconv.FormatFloat(p, 'g', 6, 64))
	}
	return at(r, n, p)
}

func percentileDisc(r *ranked, n int64, p float64) (types.Datum, error) {
	return r.at(max(int64(math.Ceil(p*float64(n)))-1, 0)), nil
}

func percentileCont(r *ranked, n int64, p float64) (types.Datum, error) {
	place := p * float64(n-1)
	lo := r.at(int64(math.Floor(place)))
	if math.Floor(place) == math.Ceil(place) {
		return lo, nil
	}
	hi, part := r.at(int64(math.Ceil(place))), place-math.Floor(place)
	if r.v.Type.Phys() == types.PhysFloat {
		return types.Float(lo.F + part*(hi.F-lo.F)), nil
	}
	from := types.DecodeInterval(lo.S)
	d, err := types.IntervalSub(types.DecodeInterval(hi.S), from)
	if err == nil {
		d, err = types.IntervalMul(d, part)
	}
	if err == nil {
		d, err = types.IntervalAdd(d, from)
	}
	return types.IntervalDatum(d), err
}

// mode is the first of the values that occur most often.
func (r *ranked) mode() types.Datum {
	var best types.Datum
	most, start := int64(0), 0
	for i := range r.rows {
		if types.Compare(datumAt(r.v, int(r.rows[start])), datumAt(r.v, int(r.rows[i])), r.v.Type) != 0 {
			start = i
		}
		before := int64(0)
		if start > 0 {
			before = r.upTo[start-1]
		}
		if n := r.upTo[i] - before; n > most {
			most, best = n, datumAt(r.v, int(r.rows[start]))
		}
	}
	return best
}
