package types

import (
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

const (
	minSigDigits    = 16   // digits that division and functions give at least
	maxDisplayScale = 1000 // scale that they give at most
)

// NumericAdd returns a + b with the larger scale of the two.
func NumericAdd(a, b Datum) (Datum, error) { return addSub(a, b, false) }

// NumericSub returns a - b with the larger scale of the two.
func NumericSub(a, b Datum) (Datum, error) { return addSub(a, b, true) }

func addSub(a, b Datum, sub bool) (Datum, error) {
	if a.Scale >= 0 && b.Scale >= 0 {
		scale := max(a.Scale, b.Scale)
		x, ok1 := rescaleInt(a.I, a.Scale, scale, false)
		y, ok2 := rescaleInt(b.I, b.Scale, scale, false)
		if ok1 && ok2 {
			r, over := x+y, int64(0)
			if sub {
				r = x - y
				over = (x ^ y) & (x ^ r)
			} else {
				over = (x ^ r) & (y ^ r)
			}
			if over >= 0 { // what columns hold may have all of an int64's digits
				return NumericFromUnscaled(r, scale), nil
			}
		}
	}
	if isSpecial(a) || isSpecial(b) {
		if sub {
			b = NumericNeg(b)
		}
		return addSpecial(a, b), nil
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	if sub {
		y.Negative = !y.Negative
	}
	addDecimal(&x, &x, &y)
	return numericResult(&x)
}

// addDecimal sets d = x + y exactly; y is spoiled.
func addDecimal(d, x, y *apd.Decimal) {
	scale := -int(min(x.Exponent, y.Exponent))
	rescale(y, scale, false)
	neg, negY := x.Negative, y.Negative
	if d != x {
		d.Set(x)
	}
	rescale(d, scale, false)
	if neg {
		d.Coeff.Neg(&d.Coeff)
	}
	if negY {
		d.Coeff.Sub(&d.Coeff, &y.Coeff)
	} else {
		d.Coeff.Add(&d.Coeff, &y.Coeff)
	}
	d.Negative = d.Coeff.Sign() < 0
	d.Coeff.Abs(&d.Coeff)
}

func addSpecial(a, b Datum) Datum {
	an, ai := NumericSpecial(a)
	bn, bi := NumericSpecial(b)
	switch {
	case an || bn || ai*bi < 0:
		return numericNaN
	case ai != 0:
		return signedInf(ai)
	}
	return signedInf(bi)
}

// NumericMul returns a × b, exact: the scales add up.
func NumericMul(a, b Datum) (Datum, error) {
	if a.Scale >= 0 && b.Scale >= 0 && a.Scale+b.Scale <= narrowDigits {
		hi, lo := bits.Mul64(absInt(a.I), absInt(b.I))
		if hi == 0 && lo < narrowLimit {
			v := int64(lo)
			if (a.I < 0) != (b.I < 0) {
				v = -v
			}
			return Datum{I: v, Scale: a.Scale + b.Scale}, nil
		}
	}
	an, ai := NumericSpecial(a)
	bn, bi := NumericSpecial(b)
	if an || bn {
		return numericNaN, nil
	}
	if ai != 0 || bi != 0 {
		return signedInf(numericSign(a) * numericSign(b)), nil // Inf × 0 is NaN
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	x.Coeff.Mul(&x.Coeff, &y.Coeff)
	x.Exponent += y.Exponent
	x.Negative = x.Negative != y.Negative
	return numericResult(&x)
}

// leadDigit returns the position (in groups of four digits) of the first
// non-zero group of d, and that group: what PostgreSQL's scale rules look at.
func leadDigit(x *apd.Decimal) (weight, first int) {
	if x.Coeff.Sign() == 0 {
		return 0, 0
	}
	n := int(x.NumDigits())
	top := n - 1 + int(x.Exponent) // power of ten of the first digit
	weight = floorDiv(top, 4)
	keep := top - 4*weight + 1
	if x.Coeff.IsUint64() {
		v := x.Coeff.Uint64()
		for ; n > keep; n-- {
			v /= 10
		}
		for ; n < keep; n++ {
			v *= 10
		}
		return weight, int(v)
	}
	var q apd.BigInt
	q.Quo(&x.Coeff, pow10Big(n-keep))
	return weight, int(q.Int64())
}

// leadNarrow is leadDigit of a narrow numeric.
func leadNarrow(d Datum) (weight, first int) {
	v := absInt(d.I)
	if v == 0 {
		return 0, 0
	}
	n := 1
	for n <= narrowDigits && v >= uint64(pow10[n]) {
		n++
	}
	top := n - 1 - int(d.Scale)
	weight = floorDiv(top, 4)
	keep := top - 4*weight + 1
	if n > keep {
		return weight, int(v / uint64(pow10[n-keep]))
	}
	return weight, int(v) * int(pow10[keep-n])
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// divScale is the scale of a quotient: at least 16 significant digits.
func divScale(w1, f1, w2, f2, s1, s2 int) int {
	q := w1 - w2
	if f1 <= f2 {
		q--
	}
	return min(max(minSigDigits-q*4, s1, s2, 0), maxDisplayScale)
}

// clampScale applies the display limits to a result scale that shows at least
// the inputs' scales.
func clampScale(scale int, inputs ...int) int {
	for _, s := range inputs {
		scale = max(scale, s)
	}
	return min(max(scale, 0), maxDisplayScale)
}

// NumericDiv returns a / b with the scale that PostgreSQL chooses.
func NumericDiv(a, b Datum) (Datum, error) {
	if isSpecial(a) || isSpecial(b) {
		return divSpecial(a, b)
	}
	if numericSign(b) == 0 {
		return Datum{}, errDivZero()
	}
	if a.Scale >= 0 && b.Scale >= 0 {
		w1, f1 := leadNarrow(a)
		w2, f2 := leadNarrow(b)
		if d, ok := divNarrow(a, b, divScale(w1, f1, w2, f2, int(a.Scale), int(b.Scale))); ok {
			return d, nil
		}
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	w1, f1 := leadDigit(&x)
	w2, f2 := leadDigit(&y)
	scale := divScale(w1, f1, w2, f2, -int(x.Exponent), -int(y.Exponent))
	quoDecimal(&x, &y, scale, true)
	return numericResult(&x)
}

// divNarrow divides by 128-bit arithmetic.
func divNarrow(a, b Datum, scale int) (Datum, bool) {
	shift := scale + int(b.Scale) - int(a.Scale)
	if shift < 0 || shift > narrowDigits {
		return Datum{}, false
	}
	den := absInt(b.I)
	hi, lo := bits.Mul64(absInt(a.I), uint64(pow10[shift]))
	if hi >= den {
		return Datum{}, false
	}
	q, r := bits.Div64(hi, lo, den)
	if r >= den-r {
		q++
	}
	if q >= narrowLimit || scale > narrowDigits {
		return Datum{}, false
	}
	v := int64(q)
	if (a.I < 0) != (b.I < 0) {
		v = -v
	}
	return Datum{I: v, Scale: int32(scale)}, true
}

// quoDecimal sets x = x / y to scale digits, rounded half away from zero or cut.
func quoDecimal(x, y *apd.Decimal, scale int, round bool) {
	shift := scale + int(x.Exponent) - int(y.Exponent)
	den := &y.Coeff
	if shift >= 0 {
		x.Coeff.Mul(&x.Coeff, pow10Big(shift))
	} else {
		den = new(apd.BigInt).Mul(den, pow10Big(-shift))
	}
	var rem apd.BigInt
	x.Coeff.QuoRem(&x.Coeff, den, &rem)
	if round {
		rem.Add(&rem, &rem)
		if rem.Cmp(den) >= 0 {
			x.Coeff.Add(&x.Coeff, &bigPow10[0])
		}
	}
	x.Exponent = -int32(scale)
	x.Negative = x.Negative != y.Negative && x.Coeff.Sign() != 0
}

func errDivZero() error { return sqlerr.New(sqlerr.DivisionByZero, "division by zero") }

func divSpecial(a, b Datum) (Datum, error) {
	an, ai := NumericSpecial(a)
	bn, bi := NumericSpecial(b)
	switch {
	case an || bn:
		return numericNaN, nil
	case ai != 0 && bi != 0:
		return numericNaN, nil
	case ai != 0:
		s := numericSign(b)
		if s == 0 {
			return Datum{}, errDivZero()
		}
		return signedInf(ai * s), nil
	}
	return Datum{}, nil // finite / Inf is 0
}

// NumericDivTrunc is div(a, b): the quotient cut to an integer.
func NumericDivTrunc(a, b Datum) (Datum, error) {
	if isSpecial(a) || isSpecial(b) {
		return divSpecial(a, b)
	}
	if numericSign(b) == 0 {
		return Datum{}, errDivZero()
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	quoDecimal(&x, &y, 0, false)
	return numericResult(&x)
}

// NumericRem is mod(a, b): the sign is a's, the scale the larger of the two.
func NumericRem(a, b Datum) (Datum, error) {
	an, ai := NumericSpecial(a)
	bn, bi := NumericSpecial(b)
	switch {
	case an || bn:
		return numericNaN, nil
	case ai != 0:
		if bi == 0 && numericSign(b) == 0 {
			return Datum{}, errDivZero()
		}
		return numericNaN, nil
	case bi != 0:
		return a, nil
	case numericSign(b) == 0:
		return Datum{}, errDivZero()
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	scale := -int(min(x.Exponent, y.Exponent))
	rescale(&x, scale, false)
	rescale(&y, scale, false)
	x.Coeff.Rem(&x.Coeff, &y.Coeff)
	x.Negative = x.Negative && x.Coeff.Sign() != 0
	return numericResult(&x)
}

// NumericNeg returns -a.
func NumericNeg(a Datum) Datum {
	if a.Scale >= 0 {
		if a.I == math.MinInt64 {
			var x apd.Decimal
			NumericToDecimal(a, &x)
			x.Negative = false
			return DecimalToDatum(&x)
		}
		a.I = -a.I
		return a
	}
	if len(a.S) == 0 {
		return a
	}
	flip := [...]byte{imageNegative, imagePositive, imageNaN, imageNegInf, imageInf}
	if int(a.S[0]) >= len(flip) || numericSign(a) == 0 {
		return a
	}
	a.S = string(flip[a.S[0]]) + a.S[1:]
	return a
}

// NumericAbs returns |a|.
func NumericAbs(a Datum) Datum {
	if numericSign(a) < 0 {
		return NumericNeg(a)
	}
	return a
}

// NumericSign returns -1, 0 or 1, NaN for NaN.
func NumericSign(a Datum) Datum {
	if nan, _ := NumericSpecial(a); nan {
		return a
	}
	return Int(int64(numericSign(a)))
}

// NumericRound rounds half away from zero to scale digits, which may be negative.
func NumericRound(a Datum, scale int) Datum { return rescaleDatum(a, scale, true) }

// NumericTrunc cuts to scale digits, which may be negative.
func NumericTrunc(a Datum, scale int) Datum { return rescaleDatum(a, scale, false) }

func rescaleDatum(a Datum, scale int, round bool) Datum {
	if isSpecial(a) {
		return a
	}
	scale = min(max(scale, -numericIntMax), numericScaleMax)
	if a.Scale >= 0 && scale >= 0 && scale <= narrowDigits {
		if v, ok := rescaleInt(a.I, a.Scale, int32(scale), round); ok {
			return NumericFromUnscaled(v, int32(scale))
		}
	}
	var x apd.Decimal
	NumericToDecimal(a, &x)
	rescale(&x, scale, round)
	return DecimalToDatum(&x)
}

// NumericCeil returns the smallest integer ≥ a.
func NumericCeil(a Datum) Datum { return integral(a, 1) }

// NumericFloor returns the largest integer ≤ a.
func NumericFloor(a Datum) Datum { return integral(a, -1) }

func integral(a Datum, dir int) Datum {
	if isSpecial(a) {
		return a
	}
	t := NumericTrunc(a, 0)
	if c := compareNumeric(a, t); c == dir {
		t, _ = NumericAdd(t, Int(int64(dir)))
	}
	return t
}

// NumericScale returns the digits after the point; ok = false for NaN and ±Inf.
func NumericScale(a Datum) (scale int, ok bool) {
	if a.Scale >= 0 {
		return int(a.Scale), true
	}
	var x apd.Decimal
	NumericToDecimal(a, &x)
	return -int(x.Exponent), x.Form == apd.Finite
}

// NumericMinScale returns the digits after the point that a needs.
func NumericMinScale(a Datum) (scale int, ok bool) {
	return NumericScale(NumericTrimScale(a))
}

// NumericTrimScale drops trailing zeros after the point.
func NumericTrimScale(a Datum) Datum {
	if isSpecial(a) {
		return a
	}
	if a.Scale >= 0 {
		for a.Scale > 0 && a.I%10 == 0 {
			a.I /= 10
			a.Scale--
		}
		return a
	}
	var x apd.Decimal
	NumericToDecimal(a, &x)
	var q, r apd.BigInt
	ten := apd.NewBigInt(10)
	for x.Exponent < 0 {
		q.QuoRem(&x.Coeff, ten, &r)
		if r.Sign() != 0 {
			break
		}
		x.Coeff.Set(&q)
		x.Exponent++
	}
	return DecimalToDatum(&x)
}

// compareNumeric orders numerics: NaN is greatest, scales do not matter.
func compareNumeric(a, b Datum) int {
	if a.Scale >= 0 && b.Scale >= 0 {
		return compareNarrow(a.I, a.Scale, b.I, b.Scale)
	}
	an, ai := NumericSpecial(a)
	bn, bi := NumericSpecial(b)
	switch {
	case an || bn:
		return boolInt(an) - boolInt(bn)
	case ai != 0 || bi != 0:
		return cmpInt(int64(ai), int64(bi))
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	return x.Cmp(&y)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareNarrow aligns the scales in 128 bits.
func compareNarrow(x int64, xs int32, y int64, ys int32) int {
	if xs == ys || x < 0 != (y < 0) {
		return cmpInt(x, y)
	}
	neg := x < 0
	var xm, ym int64 = 1, 1
	if xs < ys {
		xm = pow10[min(ys-xs, narrowDigits)]
	} else {
		ym = pow10[min(xs-ys, narrowDigits)]
	}
	xh, xl := bits.Mul64(absInt(x), uint64(xm))
	yh, yl := bits.Mul64(absInt(y), uint64(ym))
	c := cmpUint(xh, yh)
	if c == 0 {
		c = cmpUint(xl, yl)
	}
	if neg {
		return -c
	}
	return c
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
