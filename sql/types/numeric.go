package types

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// A numeric is narrow (an int64 of at most 18 digits and a scale of at most 18)
// or wide (an image). Every result is made narrow where it fits, but equal
// values may still come in both forms, so comparisons must not look at images.

const (
	narrowDigits    = 18
	narrowLimit     = 1_000_000_000_000_000_000 // narrow values are below it
	numericScaleMax = 16383                     // dscale of any value
	numericIntMax   = 131072                    // digits before the point
)

// First byte of a wide image; finite ones go on with the scale as a uvarint and
// the coefficient's big-endian bytes.
const (
	imagePositive = iota
	imageNegative
	imageNaN
	imageInf
	imageNegInf
)

var (
	numericNaN    = Datum{Scale: -1, S: string([]byte{imageNaN})}
	numericInf    = Datum{Scale: -1, S: string([]byte{imageInf})}
	numericNegInf = Datum{Scale: -1, S: string([]byte{imageNegInf})}
)

var pow10 = func() (p [19]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// bigPow10 caches the powers that scales in daily use need.
var bigPow10 = func() []apd.BigInt {
	p := make([]apd.BigInt, 80)
	p[0].SetInt64(1)
	ten := apd.NewBigInt(10)
	for i := 1; i < len(p); i++ {
		p[i].Mul(&p[i-1], ten)
	}
	return p
}()

// pow10Big returns 10^n, not to be changed.
func pow10Big(n int) *apd.BigInt {
	if n < len(bigPow10) {
		return &bigPow10[n]
	}
	return new(apd.BigInt).Exp(apd.NewBigInt(10), apd.NewBigInt(int64(n)), nil)
}

// AppendNumeric appends the wide image of d. One value with one scale has one
// image; a positive exponent is multiplied out, as PostgreSQL has no negative
// scale of values.
func AppendNumeric(dst []byte, d *apd.Decimal) []byte {
	switch d.Form {
	case apd.Infinite:
		if d.Negative {
			return append(dst, imageNegInf)
		}
		return append(dst, imageInf)
	case apd.NaN, apd.NaNSignaling:
		return append(dst, imageNaN)
	}
	coeff, scale := &d.Coeff, 0
	if d.Exponent > 0 {
		coeff = new(apd.BigInt).Mul(coeff, pow10Big(int(d.Exponent)))
	} else {
		scale = -int(d.Exponent)
	}
	sign := byte(imagePositive)
	if d.Negative && coeff.Sign() != 0 {
		sign = imageNegative
	}
	dst = append(dst, sign)
	dst = binary.AppendUvarint(dst, uint64(scale))
	if coeff.IsUint64() {
		v := coeff.Uint64()
		for n := (bits.Len64(v) + 7) / 8 * 8; n > 0; n -= 8 {
			dst = append(dst, byte(v>>(n-8)))
		}
		return dst
	}
	return append(dst, coeff.Bytes()...)
}

// DecodeNumeric sets d to the value of a wide image.
func DecodeNumeric(b []byte, d *apd.Decimal) error {
	if len(b) == 0 {
		return errNumericImage
	}
	d.Form, d.Negative, d.Exponent = apd.Finite, false, 0
	switch b[0] {
	case imageNaN:
		d.Form = apd.NaN
		d.Coeff.SetInt64(0)
		return nil
	case imageInf, imageNegInf:
		d.Form, d.Negative = apd.Infinite, b[0] == imageNegInf
		d.Coeff.SetInt64(0)
		return nil
	case imagePositive, imageNegative:
	default:
		return errNumericImage
	}
	scale, n := binary.Uvarint(b[1:])
	if n <= 0 || scale > 1<<20 {
		return errNumericImage
	}
	b, d.Negative, d.Exponent = b[1+n:], b[0] == imageNegative, -int32(scale)
	if len(b) <= 8 {
		var v uint64
		for _, c := range b {
			v = v<<8 | uint64(c)
		}
		d.Coeff.SetUint64(v)
		return nil
	}
	d.Coeff.SetBytes(b)
	return nil
}

var errNumericImage = sqlerr.New(sqlerr.DataCorrupted, "malformed numeric image")

// NumericToDecimal sets out to a numeric that is not NULL; a damaged image
// gives NaN.
func NumericToDecimal(d Datum, out *apd.Decimal) {
	if d.Scale >= 0 {
		out.SetFinite(d.I, -d.Scale)
		return
	}
	if DecodeNumeric([]byte(d.S), out) != nil {
		out.Form = apd.NaN
	}
}

// DecimalToDatum makes the numeric of d, narrow if it fits.
func DecimalToDatum(d *apd.Decimal) Datum {
	if d.Form == apd.Finite && d.Exponent <= 0 && d.Exponent >= -narrowDigits && d.Coeff.IsInt64() {
		if v := d.Coeff.Int64(); v < narrowLimit && v > -narrowLimit {
			if d.Negative {
				v = -v
			}
			return Datum{I: v, Scale: -d.Exponent}
		}
	}
	if d.Form == apd.Finite && d.Exponent > 0 && d.Exponent <= narrowDigits {
		var full apd.Decimal
		full.Negative = d.Negative
		full.Coeff.Mul(&d.Coeff, pow10Big(int(d.Exponent)))
		return DecimalToDatum(&full)
	}
	return Datum{S: string(AppendNumeric(nil, d)), Scale: -1}
}

// numericResult is DecimalToDatum with PostgreSQL's limits on the result.
func numericResult(d *apd.Decimal) (Datum, error) {
	if d.Form == apd.Finite {
		if d.Exponent < -numericScaleMax {
			roundDecimal(d, numericScaleMax)
		}
		// The bit length bounds the digits from above cheaply.
		if d.Coeff.BitLen() > 300_000 || d.Exponent > numericIntMax {
			if d.Coeff.Sign() != 0 && d.NumDigits()+int64(d.Exponent) > numericIntMax {
				return Datum{}, errNumericOverflow()
			}
		}
	}
	return DecimalToDatum(d), nil
}

func errNumericOverflow() error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
}

// NumericSpecial returns the special value of a wide image: NaN, ±Inf.
func NumericSpecial(d Datum) (nan bool, inf int) {
	if d.Scale >= 0 || len(d.S) == 0 {
		return false, 0
	}
	switch d.S[0] {
	case imageNaN:
		return true, 0
	case imageInf:
		return false, 1
	case imageNegInf:
		return false, -1
	}
	return false, 0
}

// isSpecial reports NaN and the infinities.
func isSpecial(d Datum) bool {
	nan, inf := NumericSpecial(d)
	return nan || inf != 0
}

func signedInf(sign int) Datum {
	switch {
	case sign > 0:
		return numericInf
	case sign < 0:
		return numericNegInf
	}
	return numericNaN
}

// numericSign is -1, 0 or +1; NaN counts as 0.
func numericSign(d Datum) int {
	if d.Scale >= 0 {
		switch {
		case d.I > 0:
			return 1
		case d.I < 0:
			return -1
		}
		return 0
	}
	if len(d.S) == 0 {
		return 0
	}
	switch d.S[0] {
	case imageInf:
		return 1
	case imageNegInf, imageNegative:
		return -1
	case imageNaN:
		return 0
	}
	_, n := binary.Uvarint([]byte(d.S[1:]))
	if n > 0 && len(d.S) > 1+n {
		return 1
	}
	return 0
}

// roundDecimal rounds d half away from zero to scale digits (which may be
// negative) and pads it to them.
func roundDecimal(d *apd.Decimal, scale int) { rescale(d, scale, true) }

// truncDecimal cuts d to scale digits and pads it to them.
func truncDecimal(d *apd.Decimal, scale int) { rescale(d, scale, false) }

func rescale(d *apd.Decimal, scale int, round bool) {
	if d.Form != apd.Finite {
		return
	}
	drop := -int(d.Exponent) - scale
	switch {
	case drop == 0:
	case drop < 0:
		d.Coeff.Mul(&d.Coeff, pow10Big(-drop))
	case int64(drop) > d.NumDigits()+1:
		d.Coeff.SetInt64(0)
	default:
		var rem apd.BigInt
		div := pow10Big(drop)
		d.Coeff.QuoRem(&d.Coeff, div, &rem)
		if round {
			rem.Add(&rem, &rem)
			if rem.Cmp(div) >= 0 {
				d.Coeff.Add(&d.Coeff, &bigPow10[0])
			}
		}
	}
	d.Exponent = -int32(scale)
	if scale < 0 { // a value's scale is never negative
		d.Coeff.Mul(&d.Coeff, pow10Big(-scale))
		d.Exponent = 0
	}
	if d.Coeff.Sign() == 0 {
		d.Negative = false
	}
}

// rescaleInt is rescale for narrow values; ok = false if the result is not narrow.
func rescaleInt(v int64, from, to int32, round bool) (int64, bool) {
	if from == to {
		return v, true
	}
	if from < to {
		if to-from > narrowDigits {
			return 0, v == 0
		}
		hi, lo := bits.Mul64(absInt(v), uint64(pow10[to-from]))
		if hi != 0 || lo >= narrowLimit {
			return 0, false
		}
		if v < 0 {
			return -int64(lo), true
		}
		return int64(lo), true
	}
	drop := from - to
	if drop > narrowDigits {
		return 0, true
	}
	div := pow10[drop]
	q, r := v/div, v%div
	if round && absInt(r) >= uint64(div)-absInt(r) {
		if v < 0 {
			q--
		} else {
			q++
		}
	}
	return q, true
}

func absInt(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// NumericFromInt makes the numeric v with scale 0.
func NumericFromInt(v int64) Datum {
	if v < narrowLimit && v > -narrowLimit {
		return Datum{I: v}
	}
	var d apd.Decimal
	d.SetFinite(v, 0)
	return DecimalToDatum(&d)
}

// NumericFromUnscaled makes v × 10^-scale; scale ≥ 0.
func NumericFromUnscaled(v int64, scale int32) Datum {
	if v < narrowLimit && v > -narrowLimit && scale <= narrowDigits {
		return Datum{I: v, Scale: scale}
	}
	var d apd.Decimal
	d.SetFinite(v, -scale)
	return DecimalToDatum(&d)
}

// NumericToFloat rounds to the nearest double; too large values give ±Inf.
func NumericToFloat(d Datum) float64 {
	if d.Scale >= 0 {
		// Both operands are exact below 2^53 and 10^22, so one division rounds once.
		if d.I > -1<<53 && d.I < 1<<53 {
			return float64(d.I) / float64(pow10[d.Scale])
		}
	} else if nan, inf := NumericSpecial(d); nan {
		return math.NaN()
	} else if inf != 0 {
		return math.Inf(inf)
	}
	var buf [64]byte
	return parseFloatLoose(appendNumericText(buf[:0], d))
}

// NumericToInt rounds half away from zero to the integer type t.
func NumericToInt(d Datum, t Type) (int64, error) {
	v, ok := d.I, true
	switch nan, inf := NumericSpecial(d); {
	case nan:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert NaN to %s", t)
	case inf != 0:
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "cannot convert infinity to %s", t)
	case d.Scale > 0:
		v, _ = rescaleInt(d.I, d.Scale, 0, true)
	case d.Scale < 0:
		var x apd.Decimal
		NumericToDecimal(d, &x)
		roundDecimal(&x, 0)
		if x.Negative {
			x.Coeff.Neg(&x.Coeff)
		}
		v, ok = 0, x.Coeff.IsInt64()
		if ok {
			v = x.Coeff.Int64()
		}
	}
	if !ok || !intFits(v, t) {
		return 0, errIntRange(t)
	}
	return v, nil
}

func intFits(v int64, t Type) bool {
	switch t.OID {
	case OIDInt2:
		return v == int64(int16(v))
	case OIDInt4:
		return v == int64(int32(v))
	case OIDOid, OIDRegclass, OIDRegtype, OIDRegproc, OIDRegnamespace, OIDRegrole:
		return v == int64(uint32(v))
	}
	return true
}

// errIntRange is what arithmetic and casts say; input functions also quote the value.
func errIntRange(t Type) error {
	name := t.String()
	if t.OID == OIDOid {
		name = "OID"
	}
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "%s out of range", name)
}

// numericApplyMod rounds d to the scale of numeric(p, s) and checks p.
func numericApplyMod(d Datum, t Type) (Datum, error) {
	p, s, ok := NumericMod(t)
	if !ok {
		return d, nil
	}
	if nan, inf := NumericSpecial(d); nan {
		return d, nil
	} else if inf != 0 {
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow").
			WithDetail("A field with precision %d, scale %d cannot hold an infinite value.", p, s)
	}
	if d.Scale >= 0 && s >= 0 && s <= narrowDigits {
		if v, ok := rescaleInt(d.I, d.Scale, int32(s), true); ok {
			if p < narrowDigits && absInt(v) >= uint64(pow10[p]) {
				return d, errNumericField(p, s)
			}
			return Datum{I: v, Scale: int32(s)}, nil
		}
	}
	var x apd.Decimal
	NumericToDecimal(d, &x)
	roundDecimal(&x, s)
	if x.Coeff.Sign() != 0 && x.NumDigits()+int64(x.Exponent) > int64(p-s) {
		return d, errNumericField(p, s)
	}
	return DecimalToDatum(&x), nil
}

func errNumericField(p, s int) error {
	e := sqlerr.New(sqlerr.NumericValueOutOfRange, "numeric field overflow")
	if p == s {
		return e.WithDetail("A field with precision %d, scale %d must round to an absolute value less than 1.", p, s)
	}
	return e.WithDetail("A field with precision %d, scale %d must round to an absolute value less than 10^%d.", p, s, p-s)
}
