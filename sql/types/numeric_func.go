package types

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Roots, powers and logarithms: the result scale follows PostgreSQL's rules
// (about 16 significant digits, at least the inputs' scales); the value is
// computed with guard digits and rounded once.

const guardDigits = 12

func contextFor(digits int) *apd.Context {
	c := apd.BaseContext.WithPrecision(uint32(max(digits, 1) + guardDigits))
	c.Traps = 0
	c.MaxExponent, c.MinExponent = apd.MaxExponent, apd.MinExponent
	return c
}

// finish rounds the result of a context operation to the scale.
func finish(x *apd.Decimal, scale int) (Datum, error) {
	if x.Form != apd.Finite {
		return Datum{}, errNumericOverflow()
	}
	if int(x.Exponent) > numericIntMax || x.Coeff.Sign() != 0 && x.NumDigits()+int64(x.Exponent) > numericIntMax {
		return Datum{}, errNumericOverflow()
	}
	roundDecimal(x, scale)
	return numericResult(x)
}

// NumericSqrt returns the square root, exactly rounded.
func NumericSqrt(a Datum) (Datum, error) {
	nan, inf := NumericSpecial(a)
	switch {
	case nan || inf > 0:
		return a, nil
	case numericSign(a) < 0:
		return Datum{}, sqlerr.New(sqlerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	}
	var x apd.Decimal
	NumericToDecimal(a, &x)
	weight, _ := leadDigit(&x)
	sweight := (weight+1)*4/2 - 1
	scale := clampScale(minSigDigits-sweight, -int(x.Exponent))
	// √(c × 10^e) = √(c × 10^(e+2s)) × 10^-s
	shift := 2*scale + int(x.Exponent)
	if shift >= 0 {
		x.Coeff.Mul(&x.Coeff, pow10Big(shift))
	} else {
		x.Coeff.Quo(&x.Coeff, pow10Big(-shift))
	}
	var root, sq apd.BigInt
	root.Sqrt(&x.Coeff)
	sq.Mul(&root, &root)
	sq.Sub(&x.Coeff, &sq)
	if sq.Cmp(&root) > 0 { // n > r² + r means that n is beyond (r + ½)²
		root.Add(&root, &bigPow10[0])
	}
	x.Coeff.Set(&root)
	x.Exponent = -int32(scale)
	return numericResult(&x)
}

// NumericExp returns e^a.
func NumericExp(a Datum) (Datum, error) {
	nan, inf := NumericSpecial(a)
	switch {
	case nan || inf > 0:
		return a, nil
	case inf < 0:
		return Datum{}, nil
	}
	var x, r apd.Decimal
	NumericToDecimal(a, &x)
	val := NumericToFloat(a) * 0.434294481903252
	if val >= 6000*0.434294481903252 { // PostgreSQL's bound
		return Datum{}, errNumericOverflow()
	}
	weight := int(min(max(val, -2000), 2000))
	scale := clampScale(minSigDigits-weight, -int(x.Exponent))
	if val < -float64(scale)-2 {
		r.SetFinite(0, 0)
		return finish(&r, scale)
	}
	contextFor(int(val)+scale+8).Exp(&r, &x)
	return finish(&r, scale)
}

// lnWeight estimates the decimal position of the first digit of ln(x).
func lnWeight(x *apd.Decimal) int {
	if x.Coeff.Sign() == 0 || x.Negative {
		return 0
	}
	f, _ := x.Float64()
	if f >= 0.9 && f <= 1.1 {
		var d, one apd.Decimal
		one.SetFinite(1, 0)
		one.Negative = true
		y := *x
		d.Set(&y)
		addDecimal(&d, &d, &one)
		if d.Coeff.Sign() == 0 {
			return 0
		}
		w, first := leadDigit(&d)
		return w*4 + int(math.Log10(float64(first)))
	}
	n := x.NumDigits()
	ln := (float64(n) + float64(x.Exponent)) * math.Ln10
	lead := leadFloat(x, n)
	ln += math.Log(lead)
	return int(math.Log10(math.Abs(ln)))
}

// leadFloat returns the first digits of x as a fraction 0.ddd.
func leadFloat(x *apd.Decimal, n int64) float64 {
	var c apd.BigInt
	c.Set(&x.Coeff)
	if n > 17 {
		c.Quo(&c, pow10Big(int(n-17)))
		n = 17
	}
	return float64(c.Uint64()) / math.Pow(10, float64(n))
}

func checkLog(a Datum) error {
	switch s := numericSign(a); {
	case s < 0:
		return sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of a negative number")
	case s == 0 && !isSpecial(a):
		return sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of zero")
	}
	return nil
}

// NumericLn returns the natural logarithm.
func NumericLn(a Datum) (Datum, error) {
	if err := checkLog(a); err != nil {
		return Datum{}, err
	}
	if isSpecial(a) {
		return a, nil
	}
	var x, r apd.Decimal
	NumericToDecimal(a, &x)
	w := lnWeight(&x)
	scale := clampScale(minSigDigits-w, -int(x.Exponent))
	contextFor(scale+max(w, 0)+4).Ln(&r, &x)
	return finish(&r, scale)
}

// NumericLog returns the logarithm of a to the base.
func NumericLog(base, a Datum) (Datum, error) {
	bn, bi := NumericSpecial(base)
	an, ai := NumericSpecial(a)
	if bn || an {
		return numericNaN, nil
	}
	for _, d := range []Datum{base, a} {
		if numericSign(d) < 0 && (ai != 0 || bi != 0) {
			return Datum{}, checkLog(d)
		}
	}
	for _, d := range []Datum{base, a} {
		if err := checkLog(d); err != nil {
			return Datum{}, err
		}
	}
	switch {
	case bi != 0 && ai != 0:
		return numericNaN, nil
	case bi != 0:
		return Datum{}, nil
	case ai != 0:
		return numericInf, nil
	}
	var x, y, lx, ly apd.Decimal
	NumericToDecimal(base, &x)
	NumericToDecimal(a, &y)
	wx, wy := lnWeight(&x), lnWeight(&y)
	scale := clampScale(minSigDigits-(wy-wx), -int(x.Exponent), -int(y.Exponent))
	c := contextFor(scale + max(wy-wx, 0) + max(-wx, 0) + max(-wy, 0) + 8)
	c.Ln(&lx, &x)
	c.Ln(&ly, &y)
	if lx.IsZero() {
		return Datum{}, errDivZero()
	}
	c.Quo(&ly, &ly, &lx)
	return finish(&ly, scale)
}

// NumericPower returns a^b.
func NumericPower(a, b Datum) (Datum, error) {
	if isSpecial(a) || isSpecial(b) {
		return powerSpecial(a, b)
	}
	sa, sb := numericSign(a), numericSign(b)
	if sa == 0 && sb < 0 {
		return Datum{}, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	}
	whole := compareNumeric(NumericTrunc(b, 0), b) == 0
	if sa < 0 && !whole {
		return Datum{}, sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
	}
	var x, y apd.Decimal
	NumericToDecimal(a, &x)
	NumericToDecimal(b, &y)
	if whole {
		if n, err := NumericToInt(b, Int4); err == nil {
			return powerInt(&x, n, -int(y.Exponent))
		}
	}
	return powerReal(&x, &y, whole)
}

func powerInt(x *apd.Decimal, n int64, expScale int) (Datum, error) {
	scale := clampScale(minSigDigits, -int(x.Exponent))
	var r apd.Decimal
	switch {
	case n == 0:
		r.SetFinite(1, 0)
		return finish(&r, scale)
	case n == 1:
		return finish(x, scale)
	case n == -1:
		r.SetFinite(1, 0)
		quoDecimal(&r, x, scale, true)
		return numericResult(&r)
	case n == 2:
		r.Coeff.Mul(&x.Coeff, &x.Coeff)
		r.Exponent = 2 * x.Exponent
		return finish(&r, scale)
	case x.Coeff.Sign() == 0:
		return finish(&r, scale)
	}
	digits := (float64(x.NumDigits()+int64(x.Exponent)) + math.Log10(leadFloat(x, x.NumDigits()))) * float64(n)
	if digits > numericIntMax+1 {
		return Datum{}, errNumericOverflow()
	}
	if digits < -float64(scale)-2 {
		r.SetFinite(0, 0)
		return finish(&r, scale)
	}
	neg := x.Negative && n%2 != 0
	x.Negative = false
	prec := int(digits) + scale + 12
	powDecimal(&r, x, absInt(n), prec)
	if n < 0 {
		one := apd.New(1, 0)
		contextFor(prec).Quo(&r, one, &r)
	}
	r.Negative = neg
	return finish(&r, scale)
}

// powDecimal sets r = x^n by squaring with at least prec digits kept.
func powDecimal(r, x *apd.Decimal, n uint64, prec int) {
	c := contextFor(max(prec, 20) + 10)
	base := new(apd.Decimal).Set(x)
	r.SetFinite(1, 0)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			c.Mul(r, r, base)
		}
		if n > 1 {
			c.Mul(base, base, base)
		}
	}
}

func powerReal(x, y *apd.Decimal, whole bool) (Datum, error) {
	var r apd.Decimal
	if x.Coeff.Sign() == 0 {
		return finish(&r, minSigDigits)
	}
	neg := false
	if x.Negative {
		// A negative base needs an integer exponent; its parity gives the sign.
		t := *y
		truncDecimal(&t, 0)
		neg = t.Coeff.Bit(0) == 1
		x.Negative = false
	}
	n := x.NumDigits()
	lnBase := float64(n+int64(x.Exponent))*math.Ln10 + math.Log(leadFloat(x, n))
	exp, _ := y.Float64()
	// PostgreSQL estimates from a logarithm of about 8 digits; its rounding shows
	// where the estimate decides about a digit.
	unit := math.Pow(10, float64(8-lnWeight(x)))
	val := math.Round(math.Round(lnBase*unit)*exp) / unit
	if math.Abs(val) > 2000*3.01 {
		if val > 0 {
			return Datum{}, errNumericOverflow()
		}
		return finish(&r, maxDisplayScale)
	}
	val *= 0.434294481903252
	scale := clampScale(minSigDigits-int(val), -int(x.Exponent), -int(y.Exponent))
	c := contextFor(int(math.Abs(val)) + scale + int(max(0, y.NumDigits()+int64(y.Exponent))) + 8)
	var ln apd.Decimal
	c.Ln(&ln, x)
	c.Mul(&ln, &ln, y)
	c.Exp(&r, &ln)
	r.Negative = neg && r.Coeff.Sign() != 0
	return finish(&r, scale)
}

func powerSpecial(a, b Datum) (Datum, error) {
	an, ai := NumericSpecial(a)
	bn, bi := NumericSpecial(b)
	one := Int(1)
	switch {
	case an:
		if !bn && numericSign(b) == 0 {
			return one, nil
		}
		return numericNaN, nil
	case bn:
		if compareNumeric(a, one) == 0 {
			return one, nil
		}
		return numericNaN, nil
	case compareNumeric(a, one) == 0:
		return one, nil
	case numericSign(b) == 0:
		return one, nil
	case numericSign(a) == 0 && numericSign(b) < 0:
		return Datum{}, sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	case bi != 0:
		c := compareNumeric(NumericAbs(a), one)
		switch {
		case c == 0:
			return one, nil
		case (c > 0) == (bi > 0):
			return numericInf, nil
		}
		return Datum{}, nil
	}
	// ±Inf to a finite power.
	if ai < 0 {
		var y apd.Decimal
		NumericToDecimal(b, &y)
		if compareNumeric(NumericTrunc(b, 0), b) != 0 {
			return Datum{}, sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
		}
		truncDecimal(&y, 0)
		if y.Coeff.Bit(0) == 1 && numericSign(b) > 0 {
			return numericNegInf, nil
		}
	}
	if numericSign(b) < 0 {
		return Datum{}, nil
	}
	return numericInf, nil
}
