package expr

import (
	"math"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// castKernel returns the kernel of a cast, and whether it is cheap. Frequent
// pairs have loops of their own; the rest goes value by value through types.Cast.
func castKernel(from, to types.Type, explicit bool) (funcs.Kernel, bool) {
	switch {
	case from == to, relabels(from, to):
		return func(_ *funcs.Ctx, _ int, a []*vec.Vec) *vec.Vec { return a[0] }, true
	case isInt(from) && isInt(to):
		return intToInt(to), true
	case isInt(from) && to.OID == types.OIDFloat8:
		return intToFloat, true
	case isInt(from) && to == types.Numeric:
		return func(_ *funcs.Ctx, _ int, a []*vec.Vec) *vec.Vec {
			v := *a[0]
			v.Type, v.Scale = to, 0
			return &v
		}, true
	case (isInt(from) || from.OID == types.OIDNumeric) && to.OID == types.OIDNumeric:
		return toNumericMod(from, to, explicit), true
	case from.OID == types.OIDNumeric && to.OID == types.OIDFloat8:
		return numericToFloat(from), true
	}
	return castByDatum(from, to, explicit), false
}

// numericToFloat divides narrow values by their power of ten: one correctly
// rounded division where both are exact, which is up to 2^53 and 10^22.
func numericToFloat(from types.Type) funcs.Kernel {
	general := castByDatum(from, types.Float8, true)
	return func(c *funcs.Ctx, n int, a []*vec.Vec) *vec.Vec {
		v := a[0]
		if v.Scale < 0 || v.Scale > 18 || !allWithin(v.Ints, 1<<53) {
			return general(c, n, a)
		}
		out := &vec.Vec{Type: types.Float8, N: n, Floats: make([]float64, n)}
		by := float64(pow10(v.Scale))
		for i, x := range v.Ints[:n] {
			out.Floats[i] = float64(x) / by
		}
		return out
	}
}

func pow10(n int32) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

func allWithin(xs []int64, limit int64) bool {
	within := true
	for _, x := range xs {
		within = within && x < limit && x > -limit
	}
	return within
}

// toNumericMod brings narrow values to the target's scale, rounding halves away
// from zero, and goes value by value where one does not fit the precision.
func toNumericMod(from, to types.Type, explicit bool) funcs.Kernel {
	general := castByDatum(from, to, explicit)
	p, s, ok := types.NumericMod(to)
	if !ok || p > 18 || s < 0 || s > p {
		return general
	}
	limit := pow10(int32(p))
	return func(c *funcs.Ctx, n int, a []*vec.Vec) *vec.Vec {
		v := a[0]
		up := int32(s) - v.Scale
		if v.Scale < 0 || up < -18 {
			return general(c, n, a)
		}
		out := &vec.Vec{Type: to, N: n, Scale: int32(s), Ints: v.Ints[:n]}
		switch {
		case up > 0:
			m := pow10(up)
			if !allWithin(v.Ints, limit/m+1) {
				return general(c, n, a)
			}
			out.Ints = make([]int64, n)
			for i, x := range v.Ints[:n] {
				out.Ints[i] = x * m
			}
		case up < 0:
			m := pow10(-up)
			out.Ints = make([]int64, n)
			for i, x := range v.Ints[:n] {
				q, r := x/m, x%m
				switch {
				case r >= m-r:
					q++
				case -r >= m+r:
					q--
				}
				out.Ints[i] = q
			}
		}
		if !allWithin(out.Ints, limit) {
			return general(c, n, a)
		}
		return out
	}
}

func isInt(t types.Type) bool {
	return t.OID == types.OIDInt2 || t.OID == types.OIDInt4 || t.OID == types.OIDInt8
}

// relabels reports whether the cast leaves every value as it is.
func relabels(from, to types.Type) bool {
	if from.OID == to.OID && to.Mod == -1 {
		return true
	}
	plainText := func(t types.Type) bool { return t.OID == types.OIDText || t.OID == types.OIDVarchar }
	return plainText(from) && plainText(to) && to.Mod == -1
}

func intRange(t types.Type) (lo, hi int64, err *sqlerr.Error) {
	switch t.OID {
	case types.OIDInt2:
		return math.MinInt16, math.MaxInt16, sqlerr.New(sqlerr.NumericValueOutOfRange, "smallint out of range")
	case types.OIDInt4:
		return math.MinInt32, math.MaxInt32, sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
	}
	return math.MinInt64, math.MaxInt64, nil
}

func intToInt(to types.Type) funcs.Kernel {
	lo, hi, err := intRange(to)
	return func(c *funcs.Ctx, _ int, a []*vec.Vec) *vec.Vec {
		if err != nil {
			for i, x := range a[0].Ints {
				if x < lo || x > hi {
					c.Fail(i, err)
				}
			}
		}
		v := *a[0]
		v.Type = to
		return &v
	}
}

func intToFloat(_ *funcs.Ctx, _ int, a []*vec.Vec) *vec.Vec {
	v := *a[0]
	v.Type, v.Ints, v.Floats = types.Float8, nil, make([]float64, len(a[0].Ints))
	for i, x := range a[0].Ints {
		v.Floats[i] = float64(x)
	}
	return &v
}

func castByDatum(from, to types.Type, explicit bool) funcs.Kernel {
	return func(c *funcs.Ctx, n int, a []*vec.Vec) *vec.Vec {
		b := vec.NewBuilder(to, n)
		for i := range n {
			if a[0].IsNull(i) {
				b.Null()
				continue
			}
			d, err := castDatum(a[0].Datum(i), from, to, explicit, c.Env)
			if err != nil {
				c.Fail(i, sqlerr.From(err))
				b.Null()
				continue
			}
			b.Datum(d)
		}
		return b.Finish()
	}
}

// castDatum casts one value and fits it into the target's modifier.
func castDatum(d types.Datum, from, to types.Type, explicit bool, env *types.Env) (types.Datum, error) {
	if from.OID != to.OID {
		var err error
		if d, err = types.Cast(d, from, types.Type{OID: to.OID, Mod: -1}, env); err != nil {
			return d, err
		}
	}
	if to.Mod != -1 {
		return types.CoerceTypmod(d, to, explicit)
	}
	return d, nil
}

// castVolatility: text forms of times depend on the session, and so does what
// lies between timestamptz and the types without a zone.
func castVolatility(from, to types.Type) funcs.Volatility {
	if from.OID == to.OID {
		return funcs.Immutable
	}
	sessionBound := func(t types.Type) bool {
		switch t.OID {
		case types.OIDTimestamptz, types.OIDTimestamp, types.OIDDate, types.OIDTime, types.OIDInterval,
			types.OIDRegclass, types.OIDRegproc, types.OIDRegtype, types.OIDRegnamespace, types.OIDRegrole:
			return true
		}
		return false
	}
	if from.OID == types.OIDTimestamptz || to.OID == types.OIDTimestamptz {
		return funcs.Stable
	}
	if sessionBound(from) && sessionBound(to) {
		return funcs.Immutable
	}
	if sessionBound(from) || sessionBound(to) {
		return funcs.Stable
	}
	return funcs.Immutable
}
