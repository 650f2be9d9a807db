package funcs

import (
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Numeric arithmetic. Narrow columns are computed as integers with one scale
// for the column; a batch in which a result does not fit is computed again
// value by value in the wide form.

func numericRows() []Overload {
	two := ts(types.Numeric, types.Numeric)
	one := ts(types.Numeric)
	n := types.Numeric
	rows := cheap(
		kern("+", two, n, numericAddSub(addInts, types.NumericAdd), "Addition.", "1.10 + 2.2 → 3.30"),
		kern("-", two, n, numericAddSub(subInts, types.NumericSub), "Subtraction.", "1.10 - 2.2 → -1.10"),
		kern("*", two, n, numericMul, "Multiplication.", "1.10 * 2.2 → 2.420"),
		kern("-", one, n, numericNeg, "Negation.", "- 1.50 → -1.50"),
		kern("+", one, n, same, "The value itself.", ""),
	)
	num2 := func(f func(a, b types.Datum) (types.Datum, error)) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return f(a[0], a[1]) }
	}
	num1 := func(f func(a types.Datum) types.Datum) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return f(a[0]), nil }
	}
	num1e := func(f func(a types.Datum) (types.Datum, error)) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return f(a[0]) }
	}
	scaled := func(f func(a types.Datum, scale int) types.Datum) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return f(a[0], int(a[1].I)), nil }
	}
	unscaled := func(f func(a types.Datum, scale int) types.Datum) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) { return f(a[0], 0), nil }
	}
	withInt := ts(types.Numeric, types.Int4)
	return append(rows,
		fn("/", two, n, num2(types.NumericDiv), "Division.", "7.0 / 2 → 3.5000000000000000"),
		fn("%", two, n, num2(types.NumericRem), "Remainder, with the sign of the dividend.", "-7.5 % 2 → -1.5"),
		fn("mod", two, n, num2(types.NumericRem), "Remainder, with the sign of the dividend.", "mod(7.5, 2) → 1.5"),
		fn("div", two, n, num2(types.NumericDivTrunc), "Quotient, cut off towards zero.", "div(9, 4) → 2"),
		fn("^", two, n, num2(types.NumericPower), "Power.", "2.0 ^ 3 → 8.0000000000000000"),
		fn("power", two, n, num2(types.NumericPower), "Power.", ""),
		fn("pow", two, n, num2(types.NumericPower), "Power.", ""),
		fn("abs", one, n, num1(types.NumericAbs), "Absolute value.", "abs(-1.5) → 1.5"),
		fn("@", one, n, num1(types.NumericAbs), "Absolute value.", ""),
		fn("sign", one, n, num1(types.NumericSign), "-1, 0 or 1.", "sign(-8.4) → -1"),
		fn("ceil", one, n, num1(types.NumericCeil), "Least integer not below the value.", "ceil(-42.8) → -42"),
		fn("ceiling", one, n, num1(types.NumericCeil), "The same as ceil.", ""),
		fn("floor", one, n, num1(types.NumericFloor), "Greatest integer not above the value.", "floor(-42.8) → -43"),
		fn("round", one, n, unscaled(types.NumericRound), "Nearest integer, halves away from zero.", "round(42.5) → 43"),
		fn("round", withInt, n, scaled(types.NumericRound), "Rounded to a number of decimals, halves away from zero.", "round(42.4382, 2) → 42.44"),
		fn("trunc", one, n, unscaled(types.NumericTrunc), "Cut off towards zero.", "trunc(-42.8) → -42"),
		fn("trunc", withInt, n, scaled(types.NumericTrunc), "Cut off after a number of decimals.", "trunc(42.4382, 2) → 42.43"),
		fn("sqrt", one, n, num1e(types.NumericSqrt), "Square root.", "sqrt(2.0) → 1.414213562373095"),
		fn("exp", one, n, num1e(types.NumericExp), "e to the power.", ""),
		fn("ln", one, n, num1e(types.NumericLn), "Natural logarithm.", ""),
		fn("log", one, n, num1e(func(a types.Datum) (types.Datum, error) { return types.NumericLog(types.NumericFromInt(10), a) }),
			"Logarithm to base 10.", "log(100.0) → 2.0000000000000000"),
		fn("log10", one, n, num1e(func(a types.Datum) (types.Datum, error) { return types.NumericLog(types.NumericFromInt(10), a) }),
			"Logarithm to base 10.", ""),
		fn("log", two, n, num2(types.NumericLog), "Logarithm of the second argument to the base of the first.", "log(2.0, 64.0) → 6.0000000000000000"),
		fn("scale", one, types.Int4, numericScale(types.NumericScale), "Digits after the point.", "scale(8.410) → 3"),
		fn("min_scale", one, types.Int4, numericScale(types.NumericMinScale), "Digits after the point that are needed.", "min_scale(8.410) → 2"),
		fn("trim_scale", one, n, num1(types.NumericTrimScale), "Without trailing zeros after the point.", "trim_scale(8.410) → 8.41"),
	)
}

func numericScale(f func(types.Datum) (int, bool)) func(*Ctx, []types.Datum) (types.Datum, error) {
	return func(_ *Ctx, a []types.Datum) (types.Datum, error) {
		s, ok := f(a[0])
		if !ok {
			return types.NullDatum, nil
		}
		return types.Int(int64(s)), nil
	}
}

// numericAddSub brings both sides to the larger scale.
func numericAddSub(op intLoop, wide func(a, b types.Datum) (types.Datum, error)) Kernel {
	general := numericWide(wide)
	return func(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
		l, r := a[0], a[1]
		if l.Scale < 0 || r.Scale < 0 {
			return general(c, n, a)
		}
		scale := max(l.Scale, r.Scale)
		x, ok1 := rescaled(c, l.Ints, scale-l.Scale)
		y, ok2 := rescaled(c, r.Ints, scale-r.Scale)
		if !ok1 || !ok2 {
			return general(c, n, a)
		}
		out := &vec.Vec{Type: types.Numeric, N: n, Ints: c.Scratch.Ints(n), Scale: scale}
		if op.run(out.Ints, x, y, l.Const, r.Const) {
			return general(c, n, a)
		}
		return out
	}
}

// narrowScaleMax is the largest scale that narrow results take.
const narrowScaleMax = 18

var numericMulWide = numericWide(types.NumericMul)

func numericMul(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
	l, r := a[0], a[1]
	if l.Scale < 0 || r.Scale < 0 || l.Scale+r.Scale > narrowScaleMax {
		return numericMulWide(c, n, a)
	}
	out := &vec.Vec{Type: types.Numeric, N: n, Ints: c.Scratch.Ints(n), Scale: l.Scale + r.Scale}
	if mulInts.run(out.Ints, l.Ints, r.Ints, l.Const, r.Const) {
		return numericMulWide(c, n, a)
	}
	return out
}

func numericNeg(c *Ctx, n int, a []*vec.Vec) *vec.Vec {
	v := a[0]
	if v.Scale >= 0 {
		out := &vec.Vec{Type: types.Numeric, N: n, Ints: c.Scratch.Ints(n), Scale: v.Scale}
		zero := []int64{0}
		if !subInts.run(out.Ints, zero, v.Ints, true, false) {
			return out
		}
	}
	return byDatum(func(_ *Ctx, a []types.Datum) (types.Datum, error) { return types.NumericNeg(a[0]), nil })(types.Numeric)(c, n, a)
}

func numericWide(f func(a, b types.Datum) (types.Datum, error)) Kernel {
	return byDatum(func(_ *Ctx, a []types.Datum) (types.Datum, error) { return f(a[0], a[1]) })(types.Numeric)
}
