package funcs

import (
	"math"
	"math/rand/v2"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func mathRows() []Overload {
	f8, f1, f2 := types.Float8, ts(types.Float8), ts(types.Float8, types.Float8)
	one := func(name string, f func(float64) (float64, *sqlerr.Error), doc, ex string) Overload {
		return fn(name, f1, f8, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			r, err := f(a[0].F)
			if err != nil {
				return types.NullDatum, err
			}
			if math.IsInf(r, 0) && !math.IsInf(a[0].F, 0) {
				return types.NullDatum, errFloatOver
			}
			return types.Float(r), nil
		}, doc, ex)
	}
	total := func(f func(float64) float64) func(float64) (float64, *sqlerr.Error) {
		return func(x float64) (float64, *sqlerr.Error) { return f(x), nil }
	}
	within := func(lo, hi float64, f func(float64) float64) func(float64) (float64, *sqlerr.Error) {
		return func(x float64) (float64, *sqlerr.Error) {
			if x < lo || x > hi {
				return 0, errInputRange
			}
			return f(x), nil
		}
	}
	inf := math.Inf(1)
	noInf := func(f func(float64) float64) func(float64) (float64, *sqlerr.Error) {
		return within(-math.MaxFloat64, math.MaxFloat64, f)
	}
	logOf := func(f func(float64) float64) func(float64) (float64, *sqlerr.Error) {
		return func(x float64) (float64, *sqlerr.Error) {
			switch {
			case x == 0:
				return 0, errLogZero
			case x < 0:
				return 0, errLogNeg
			}
			return f(x), nil
		}
	}
	sqrt := func(x float64) (float64, *sqlerr.Error) {
		if x < 0 {
			return 0, errSqrtNeg
		}
		return math.Sqrt(x), nil
	}
	rows := []Overload{
		one("sqrt", sqrt, "Square root.", "sqrt(4::float8) → 2"),
		one("|/", sqrt, "Square root.", "|/ 25.0::float8 → 5"),
		one("cbrt", total(math.Cbrt), "Cube root.", "cbrt(27.0) → 3"),
		one("||/", total(math.Cbrt), "Cube root.", "||/ 64.0::float8 → 4"),
		one("exp", total(math.Exp), "e to the power.", "exp(0::float8) → 1"),
		one("ln", logOf(math.Log), "Natural logarithm.", "ln(1::float8) → 0"),
		one("log", logOf(math.Log10), "Logarithm to base 10.", "log(100::float8) → 2"),
		one("log10", logOf(math.Log10), "Logarithm to base 10.", "log10(1000::float8) → 3"),
		one("ceil", total(math.Ceil), "Least integer not below the value.", "ceil(1.2::float8) → 2"),
		one("ceiling", total(math.Ceil), "The same as ceil.", "ceiling(1.2::float8) → 2"),
		one("floor", total(math.Floor), "Greatest integer not above the value.", "floor(1.8::float8) → 1"),
		one("round", total(math.RoundToEven), "Nearest integer; halves to even.", "round(2.5::float8) → 2"),
		one("trunc", total(math.Trunc), "Cut off towards zero.", "trunc(-1.8::float8) → -1"),
		one("sign", total(signFloat), "-1, 0 or 1.", "sign(-8.4::float8) → -1"),
		one("degrees", total(func(x float64) float64 { return x / (math.Pi / 180) }), "Radians to degrees.", "degrees(pi()) → 180"),
		one("radians", total(func(x float64) float64 { return x * (math.Pi / 180) }), "Degrees to radians.", "radians(0) → 0"),
		one("sin", noInf(math.Sin), "Sine.", "sin(0) → 0"),
		one("cos", noInf(math.Cos), "Cosine.", "cos(0) → 1"),
		one("tan", noInf(math.Tan), "Tangent.", "tan(0) → 0"),
		one("cot", noInf(func(x float64) float64 { return 1 / math.Tan(x) }), "Cotangent.", ""),
		one("asin", within(-1, 1, math.Asin), "Inverse sine.", "asin(0) → 0"),
		one("acos", within(-1, 1, math.Acos), "Inverse cosine.", "acos(1) → 0"),
		one("atan", total(math.Atan), "Inverse tangent.", "atan(0) → 0"),
		one("sinh", total(math.Sinh), "Hyperbolic sine.", "sinh(0) → 0"),
		one("cosh", total(math.Cosh), "Hyperbolic cosine.", "cosh(0) → 1"),
		one("tanh", total(math.Tanh), "Hyperbolic tangent.", "tanh(0) → 0"),
		one("asinh", total(math.Asinh), "Inverse hyperbolic sine.", "asinh(0) → 0"),
		one("acosh", within(1, inf, math.Acosh), "Inverse hyperbolic cosine.", "acosh(1) → 0"),
		one("atanh", within(-1, 1, math.Atanh), "Inverse hyperbolic tangent.", "atanh(0) → 0"),
		one("sind", noInf(sind), "Sine of degrees.", "sind(0) → 0"),
		one("cosd", noInf(cosd), "Cosine of degrees.", "cosd(0) → 1"),
		one("tand", noInf(func(x float64) float64 { return quotient(sind(x), cosd(x)) }), "Tangent of degrees.", "tand(45) → 1"),
		one("cotd", noInf(func(x float64) float64 { return quotient(cosd(x), sind(x)) }), "Cotangent of degrees.", "cotd(45) → 1"),
		one("asind", within(-1, 1, func(x float64) float64 { return exactDegrees(math.Asin(x)) }), "Inverse sine, in degrees.", "asind(0.5) → 30"),
		one("acosd", within(-1, 1, func(x float64) float64 { return exactDegrees(math.Acos(x)) }), "Inverse cosine, in degrees.", "acosd(0.5) → 60"),
		one("atand", total(func(x float64) float64 { return exactDegrees(math.Atan(x)) }), "Inverse tangent, in degrees.", "atand(1) → 45"),
		fn("atan2d", f2, f8, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Float(exactDegrees(math.Atan2(a[0].F, a[1].F))), nil
		}, "Inverse tangent of the quotient, in degrees.", "atan2d(1, 0) → 90"),
		fn("atan2", f2, f8, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Float(math.Atan2(a[0].F, a[1].F)), nil
		},
			"Inverse tangent of the quotient.", "atan2(0, 1) → 0"),
		fn("power", f2, f8, powerFloat, "Power.", "power(9.0::float8, 3) → 729"),
		fn("pow", f2, f8, powerFloat, "The same as power.", "pow(2::float8, 10) → 1024"),
		fn("^", f2, f8, powerFloat, "Power.", "2 ^ 3 → 8"),
		kern("pi", nil, f8, func(_ *Ctx, n int, _ []*vec.Vec) *vec.Vec { return vec.ConstVec(f8, types.Float(math.Pi), n) },
			"The number π.", "pi() → 3.141592653589793"),
		{Name: "random", Ret: f8, Volatility: Volatile, Kernel: randomKernel, Doc: "A random number from 0 up to 1."},
		fn("width_bucket", ts(f8, f8, f8, types.Int4), types.Int4, widthBucket,
			"Number of the bucket, of count equal ones from low to high, that holds the value.", "width_bucket(5.35::float8, 0.024, 10.06, 5) → 3"),
		fn("width_bucket", ts(types.Numeric, types.Numeric, types.Numeric, types.Int4), types.Int4, widthBucketNumeric,
			"Number of the bucket, of count equal ones from low to high, that holds the value.", "width_bucket(5.35, 0.024, 10.06, 5) → 3"),
	}
	return append(rows, integerRows()...)
}

func signFloat(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

func powerFloat(_ *Ctx, a []types.Datum) (types.Datum, error) {
	x, y := a[0].F, a[1].F
	switch {
	case x == 0 && y < 0:
		return types.NullDatum, errPowerZero
	case x < 0 && !math.IsInf(x, 0) && y != math.Floor(y) && !math.IsInf(y, 0) && y == y:
		return types.NullDatum, errPowerNeg
	}
	r := math.Pow(x, y)
	if math.IsInf(x, 0) || math.IsInf(y, 0) {
		return types.Float(r), nil
	}
	switch {
	case math.IsInf(r, 0):
		return types.NullDatum, errFloatOver
	case r == 0 && x != 0:
		return types.NullDatum, errFloatUnder
	}
	return types.Float(r), nil
}

func randomKernel(_ *Ctx, n int, _ []*vec.Vec) *vec.Vec {
	out := &vec.Vec{Type: types.Float8, N: n, Floats: make([]float64, n)}
	for i := range out.Floats {
		out.Floats[i] = rand.Float64()
	}
	return out
}

func widthBucket(_ *Ctx, a []types.Datum) (types.Datum, error) {
	x, lo, hi, n := a[0].F, a[1].F, a[2].F, a[3].I
	bad := func(what string) (types.Datum, error) {
		return types.NullDatum, sqlerr.New(sqlerr.InvalidArgumentForWidth, "%s", what)
	}
	switch {
	case n <= 0:
		return bad("count must be greater than zero")
	case x != x || lo != lo || hi != hi:
		return bad("operand, lower bound, and upper bound cannot be NaN")
	case math.IsInf(lo, 0) || math.IsInf(hi, 0):
		return bad("lower and upper bounds must be finite")
	case lo == hi:
		return bad("lower bound cannot equal upper bound")
	}
	if lo > hi { // counted downwards
		x, lo, hi = -x, -lo, -hi
	}
	switch {
	case x < lo:
		return types.Int(0), nil
	case x >= hi && n == math.MaxInt32:
		return types.NullDatum, sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
	case x >= hi:
		return types.Int(n + 1), nil
	}
	part := (x - lo) / (hi - lo)
	if math.IsInf(hi-lo, 0) {
		part = (x/2 - lo/2) / (hi/2 - lo/2)
	}
	return types.Int(min(int64(part*float64(n))+1, n)), nil
}

func widthBucketNumeric(c *Ctx, a []types.Datum) (types.Datum, error) {
	return widthBucket(c, []types.Datum{types.Float(types.NumericToFloat(a[0])), types.Float(types.NumericToFloat(a[1])),
		types.Float(types.NumericToFloat(a[2])), a[3]})
}

// integerRows are the functions and bit operators of integers.
func integerRows() []Overload {
	var out []Overload
	for _, t := range arithInts {
		lo, _, rangeErr := intLimits(t)
		ex := func(s string) string {
			if t == types.Int4 {
				return s
			}
			return ""
		}
		two := func(name string, f func(a, b int64) int64, doc, e string) Overload {
			return kern(name, ts(t, t), t, func(_ *Ctx, n int, a []*vec.Vec) *vec.Vec {
				v := &vec.Vec{Type: t, N: n, Ints: make([]int64, n)}
				sl, sr := step(a[0]), step(a[1])
				for i := range n {
					v.Ints[i] = f(a[0].Ints[i&sl], a[1].Ints[i&sr])
				}
				return v
			}, doc, ex(e))
		}
		shift := func(name string, f func(a int64, b uint) int64, doc, e string) Overload {
			bits := uint(t.Len() * 8)
			return kern(name, ts(t, types.Int4), t, func(_ *Ctx, n int, a []*vec.Vec) *vec.Vec {
				v := &vec.Vec{Type: t, N: n, Ints: make([]int64, n)}
				sl, sr := step(a[0]), step(a[1])
				for i := range n {
					v.Ints[i] = truncInt(t, f(a[0].Ints[i&sl], uint(a[1].Ints[i&sr])&(max(bits, 32)-1)))
				}
				return v
			}, doc, ex(e))
		}
		out = append(out, cheap(
			kern("mod", ts(t, t), t, modKernel(t), "Remainder, with the sign of the dividend.", ex("mod(9, 4) → 1")),
			two("&", func(a, b int64) int64 { return a & b }, "Bitwise and.", "91 & 15 → 11"),
			two("|", func(a, b int64) int64 { return a | b }, "Bitwise or.", "32 | 3 → 35"),
			two("#", func(a, b int64) int64 { return a ^ b }, "Bitwise exclusive or.", "17 # 5 → 20"),
			kern("~", ts(t), t, ints1(t, func(a int64) int64 { return ^a }), "Bitwise not.", ex("~ 1 → -2")),
			shift("<<", func(a int64, b uint) int64 { return a << b }, "Shift left.", "1 << 4 → 16"),
			shift(">>", func(a int64, b uint) int64 { return a >> b }, "Shift right.", "8 >> 2 → 2"),
		)...)
		if t == types.Int2 {
			continue
		}
		out = append(out,
			fn("gcd", ts(t, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				g := gcd(a[0].I, a[1].I)
				if g == lo {
					return types.NullDatum, rangeErr
				}
				return types.Int(max(g, -g)), nil
			}, "Greatest common divisor.", ex("gcd(1071, 462) → 21")),
			fn("lcm", ts(t, t), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				g := gcd(a[0].I, a[1].I)
				if a[0].I == 0 || a[1].I == 0 {
					return types.Int(0), nil
				}
				h, l := mulSigned(a[0].I/g, a[1].I)
				l = max(l, -l)
				if h != 0 && h != -1 || l < 0 || outside([]int64{l}, lo, ^lo) {
					return types.NullDatum, rangeErr
				}
				return types.Int(l), nil
			}, "Least common multiple.", ex("lcm(1071, 462) → 23562")),
		)
	}
	return out
}

func gcd(a, b int64) int64 {
	for b != 0 {
		if b == -1 {
			return 1
		}
		a, b = b, a%b
	}
	return a
}

// truncInt cuts v to t's width.
func truncInt(t types.Type, v int64) int64 {
	switch t.OID {
	case types.OIDInt2:
		return int64(int16(v))
	case types.OIDInt4:
		return int64(int32(v))
	}
	return v
}
