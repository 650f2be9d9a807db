package funcs

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// intervalAccum sums the three parts of intervals apart. Image: the number of
// values and the sums of months, days and µs, varints.
type intervalAccum struct {
	avg             bool
	n, months, days []int64
	micros          []int128
}

var _ Accum = (*intervalAccum)(nil)

func (a *intervalAccum) Reset(groups int) {
	a.n, a.months, a.days = resetSlice(a.n, groups), resetSlice(a.months, groups), resetSlice(a.days, groups)
	a.micros = resetSlice(a.micros, groups)
}

func (a *intervalAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	for i, g := range group {
		if v.IsNull(i) {
			continue
		}
		iv, w := types.DecodeInterval(stringAt(v, i)), weightAt(weights, i)
		a.n[g] += w
		a.months[g] += int64(iv.Months) * w
		a.days[g] += int64(iv.Days) * w
		a.micros[g].addMul(iv.Micros, w)
	}
}

func (a *intervalAccum) Load(g int, image []byte) []byte {
	for _, p := range []*int64{&a.n[g], &a.months[g], &a.days[g]} {
		v, rest := takeVarint(image)
		*p += v
		image = rest
	}
	us, image := takeInt128(image)
	a.micros[g].add128(us)
	return image
}

func (a *intervalAccum) Append(dst []byte, g int) []byte {
	for _, v := range []int64{a.n[g], a.months[g], a.days[g]} {
		dst = binary.AppendVarint(dst, v)
	}
	return appendInt128(dst, a.micros[g])
}

func (a *intervalAccum) Final(g int, out *vec.Builder) error {
	if a.n[g] == 0 {
		out.Null()
		return nil
	}
	us, ok := a.micros[g].int64()
	iv := types.IntervalValue{Months: int32(a.months[g]), Days: int32(a.days[g]), Micros: us}
	if !ok || int64(iv.Months) != a.months[g] || int64(iv.Days) != a.days[g] {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
	}
	if a.avg {
		var err error
		if iv, err = types.IntervalDiv(iv, float64(a.n[g])); err != nil {
			return err
		}
	}
	out.Datum(types.IntervalDatum(iv))
	return nil
}
