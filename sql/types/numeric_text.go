package types

import (
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func trimSpace(s string) string {
	for len(s) > 0 && isSpace(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func errSyntax(t Type, s string) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", t.Base(), s)
}

// scanNarrow reads [sign]digits[.digits] that fits a narrow numeric.
func scanNarrow[S string | []byte](s S) (v int64, scale int32, ok bool) {
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, i = s[0] == '-', 1
	}
	digits, point := 0, -1
	for ; i < len(s); i++ {
		c := s[i]
		if c-'0' > 9 {
			if c != '.' || point >= 0 {
				return 0, 0, false
			}
			point = i
			continue
		}
		v = v*10 + int64(c-'0')
		digits++
		if digits > narrowDigits {
			// Leading zeros do not count, but they are rare enough for the slow path.
			return 0, 0, false
		}
	}
	if digits == 0 {
		return 0, 0, false
	}
	if point >= 0 {
		scale = int32(len(s) - 1 - point)
	}
	if neg {
		v = -v
	}
	return v, scale, true
}

// ParseNumericNarrow reads a plain decimal without blanks or exponent into the
// narrow form, rounded for the modifier mod of numeric(p, s) (-1 = none). With
// ok = false the text needs ParseText, which also tells what is wrong with it.
func ParseNumericNarrow(b []byte, mod int32) (v int64, scale int32, ok bool) {
	v, scale, ok = scanNarrow(b)
	if !ok || mod < 4 {
		return v, scale, ok
	}
	p, s, _ := NumericMod(Type{OIDNumeric, mod})
	if s < 0 || s > narrowDigits {
		return 0, 0, false
	}
	v, ok = rescaleInt(v, scale, int32(s), true)
	if ok && p < narrowDigits && absInt(v) >= uint64(pow10[p]) {
		return 0, 0, false
	}
	return v, int32(s), ok
}

func parseNumeric(s string, t Type) (Datum, error) {
	if v, scale, ok := scanNarrow(s); ok {
		return numericApplyMod(Datum{I: v, Scale: scale}, t)
	}
	d, err := parseNumericSlow(s)
	if err != nil {
		return d, err
	}
	return numericApplyMod(d, t)
}

func parseNumericSlow(in string) (Datum, error) {
	s := trimSpace(in)
	neg, signed := false, false
	if s != "" && (s[0] == '-' || s[0] == '+') {
		neg, signed, s = s[0] == '-', true, s[1:]
	}
	if s == "" {
		return Datum{}, errSyntax(Numeric, in)
	}
	if s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z' {
		switch strings.ToLower(s) {
		case "nan":
			if !signed {
				return numericNaN, nil
			}
		case "inf", "infinity":
			if neg {
				return numericNegInf, nil
			}
			return numericInf, nil
		}
		return Datum{}, errSyntax(Numeric, in)
	}
	digits := make([]byte, 0, len(s))
	i, scale, point := 0, 0, false
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case isDigit(c):
			digits = append(digits, c)
			if point {
				scale++
			}
			continue
		case c == '.' && !point:
			point = true
			continue
		}
		break
	}
	if len(digits) == 0 {
		return Datum{}, errSyntax(Numeric, in)
	}
	exp := 0
	if i < len(s) {
		if s[i]|0x20 != 'e' {
			return Datum{}, errSyntax(Numeric, in)
		}
		e, err := strconv.ParseInt(s[i+1:], 10, 32)
		if err != nil {
			if n, ok := err.(*strconv.NumError); ok && n.Err == strconv.ErrRange {
				return Datum{}, errNumericOverflow()
			}
			return Datum{}, errSyntax(Numeric, in)
		}
		exp = int(e)
	}
	text := strings.TrimLeft(string(digits), "0")
	scale -= exp
	if scale > numericScaleMax || text != "" && len(text)-scale > numericIntMax {
		return Datum{}, errNumericOverflow()
	}
	var d apd.Decimal
	if text != "" {
		if _, ok := d.Coeff.SetString(text, 10); !ok {
			return Datum{}, errSyntax(Numeric, in)
		}
		d.Negative = neg
		d.Exponent = -int32(scale)
	} else if scale > 0 {
		d.Exponent = -int32(scale)
	}
	if d.Exponent > 0 {
		d.Coeff.Mul(&d.Coeff, pow10Big(int(d.Exponent)))
		d.Exponent = 0
	}
	return DecimalToDatum(&d), nil
}

// appendNarrow writes v × 10^-scale.
func appendNarrow(dst []byte, v int64, scale int32) []byte {
	if scale == 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	u := absInt(v)
	if v < 0 {
		dst = append(dst, '-')
	}
	var buf [24]byte
	i := len(buf)
	for n := int32(0); u > 0 || n <= scale; n++ {
		if n == scale {
			i--
			buf[i] = '.'
		}
		i--
		buf[i] = byte('0' + u%10)
		u /= 10
	}
	return append(dst, buf[i:]...)
}

func appendNumericText(dst []byte, d Datum) []byte {
	if d.Scale >= 0 && d.Scale <= narrowDigits {
		return appendNarrow(dst, d.I, d.Scale)
	}
	nan, inf := NumericSpecial(d)
	switch {
	case nan:
		return append(dst, "NaN"...)
	case inf > 0:
		return append(dst, "Infinity"...)
	case inf < 0:
		return append(dst, "-Infinity"...)
	}
	var x apd.Decimal
	NumericToDecimal(d, &x)
	return appendDecimal(dst, &x)
}

// appendDecimal writes a finite decimal with exponent ≤ 0.
func appendDecimal(dst []byte, x *apd.Decimal) []byte {
	if x.Negative {
		dst = append(dst, '-')
	}
	scale, start := -int(x.Exponent), len(dst)
	dst = x.Coeff.Append(dst, 10)
	if scale <= 0 {
		return dst
	}
	n := len(dst) - start
	if n <= scale { // 0.00…
		pad := scale + 1 - n
		for range pad {
			dst = append(dst, '0')
		}
		copy(dst[start+pad:], dst[start:start+n])
		for i := range pad {
			dst[start+i] = '0'
		}
	}
	dst = append(dst, 0)
	at := len(dst) - 1 - scale
	copy(dst[at+1:], dst[at:len(dst)-1])
	dst[at] = '.'
	return dst
}

// parseFloatLoose reads what appendNumericText writes.
func parseFloatLoose(b []byte) float64 {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

// numericFromFloat makes the numeric PostgreSQL makes of a double (15
// significant digits) or, with digits = 6, of a float4.
func numericFromFloat(f float64, digits int) Datum {
	switch {
	case math.IsNaN(f):
		return numericNaN
	case math.IsInf(f, 1):
		return numericInf
	case math.IsInf(f, -1):
		return numericNegInf
	}
	var buf [40]byte
	// %.15g drops trailing zeros, and so must this.
	text := strconv.AppendFloat(buf[:0], f, 'e', digits-1, 64)
	mant, exp, _ := strings.Cut(string(text), "e")
	if strings.IndexByte(mant, '.') >= 0 {
		mant = strings.TrimRight(strings.TrimRight(mant, "0"), ".")
	}
	d, err := parseNumericSlow(mant + "e" + exp)
	if err != nil {
		return numericNaN
	}
	return d
}
