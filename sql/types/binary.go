package types

import (
	"encoding/binary"
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

func errBinary(format string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidBinaryRepresentation, format, args...)
}

func errBinaryLen(t Type) error {
	return errBinary("incorrect binary data format for type %s", t)
}

// ParseBinary is t's receive function; t's modifier is applied.
func ParseBinary(b []byte, t Type) (Datum, error) {
	if n := t.Len(); n > 0 && n <= 16 && len(b) != n && t.OID != OIDVoid {
		return Datum{}, errBinaryLen(t)
	}
	switch t.OID {
	case OIDBool:
		return Boolean(b[0] != 0), nil
	case OIDChar:
		return Int(int64(int8(b[0]))), nil
	case OIDInt2:
		return Int(int64(int16(binary.BigEndian.Uint16(b)))), nil
	case OIDInt4:
		return Int(int64(int32(binary.BigEndian.Uint32(b)))), nil
	case OIDInt8:
		return Int(int64(binary.BigEndian.Uint64(b))), nil
	case OIDOid, OIDRegclass, OIDRegproc, OIDRegtype, OIDRegnamespace, OIDRegrole:
		return Int(int64(binary.BigEndian.Uint32(b))), nil
	case OIDFloat4:
		return Float(float64(math.Float32frombits(binary.BigEndian.Uint32(b)))), nil
	case OIDFloat8:
		return Float(math.Float64frombits(binary.BigEndian.Uint64(b))), nil
	case OIDDate:
		return binaryDate(int32(binary.BigEndian.Uint32(b)))
	case OIDTime:
		v := int64(binary.BigEndian.Uint64(b))
		if v < 0 || v > usecDay {
			return Datum{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time out of range")
		}
		return CoerceTypmod(Int(v), t, false)
	case OIDTimestamp, OIDTimestamptz:
		v := int64(binary.BigEndian.Uint64(b))
		if !infinite(v) {
			if _, err := checkTimestamp(v); err != nil {
				return Datum{}, err
			}
		}
		return CoerceTypmod(Int(v), t, false)
	case OIDInterval:
		iv := IntervalValue{
			Micros: int64(binary.BigEndian.Uint64(b)),
			Days:   int32(binary.BigEndian.Uint32(b[8:])),
			Months: int32(binary.BigEndian.Uint32(b[12:])),
		}
		iv, err := iv.applyMod(t.Mod)
		return IntervalDatum(iv), err
	case OIDUUID:
		return Datum{S: string(b)}, nil
	case OIDNumeric:
		return binaryNumeric(b, t)
	case OIDText, OIDVarchar, OIDBpchar, OIDName, OIDJSON, OIDUnknown:
		return ParseText(string(b), t, nil)
	case OIDBytea:
		return Datum{S: string(b)}, nil
	case OIDJSONB:
		if len(b) == 0 || b[0] != 1 {
			v := 0
			if len(b) > 0 {
				v = int(b[0])
			}
			return Datum{}, sqlerr.New(sqlerr.InternalError, "unsupported jsonb version number %d", v)
		}
		return ParseText(string(b[1:]), t, nil)
	case OIDVoid:
		return Datum{}, nil
	case OIDRecord:
		return binaryRecord(b, 0)
	}
	if t.IsArray() {
		return binaryArray(b, t, 0)
	}
	return Datum{}, sqlerr.New(sqlerr.UndefinedFunction, "no binary input function available for type %s", t)
}

// AppendBinary is t's send function. d must not be NULL.
func AppendBinary(dst []byte, d Datum, t Type) []byte {
	switch t.OID {
	case OIDBool, OIDChar:
		return append(dst, byte(d.I))
	case OIDInt2:
		return binary.BigEndian.AppendUint16(dst, uint16(d.I))
	case OIDInt4, OIDOid, OIDRegclass, OIDRegproc, OIDRegtype, OIDRegnamespace, OIDRegrole:
		return binary.BigEndian.AppendUint32(dst, uint32(d.I))
	case OIDInt8, OIDTime, OIDTimestamp, OIDTimestamptz:
		return binary.BigEndian.AppendUint64(dst, uint64(d.I))
	case OIDDate:
		v := int32(min(max(d.I, math.MinInt32), math.MaxInt32))
		return binary.BigEndian.AppendUint32(dst, uint32(v))
	case OIDFloat4:
		if math.IsNaN(d.F) {
			return binary.BigEndian.AppendUint32(dst, 0x7fc00000)
		}
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(float32(d.F)))
	case OIDFloat8:
		if math.IsNaN(d.F) { // Go's NaN has another payload
			return binary.BigEndian.AppendUint64(dst, 0x7ff8<<48)
		}
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(d.F))
	case OIDInterval:
		iv := DecodeInterval(d.S)
		dst = binary.BigEndian.AppendUint64(dst, uint64(iv.Micros))
		dst = binary.BigEndian.AppendUint32(dst, uint32(iv.Days))
		return binary.BigEndian.AppendUint32(dst, uint32(iv.Months))
	case OIDNumeric:
		return appendNumericBinary(dst, d)
	case OIDJSONB:
		return append(append(dst, 1), d.S...)
	case OIDVoid:
		return dst
	case OIDRecord:
		return appendRecordBinary(dst, d.S)
	}
	if t.IsArray() {
		return appendArrayBinary(dst, d.S, t)
	}
	return append(dst, d.S...)
}

// The wire's infinite dates are the ends of 32 bits.
func binaryDate(v int32) (Datum, error) {
	switch v {
	case math.MinInt32:
		return Int(negInfinity), nil
	case math.MaxInt32:
		return Int(posInfinity), nil
	}
	if _, err := checkDate(int64(v)); err != nil {
		return Datum{}, err
	}
	return Int(int64(v)), nil
}

const (
	numericWireNeg    = 0x4000
	numericWireNaN    = 0xc000
	numericWireInf    = 0xd000
	numericWireNegInf = 0xf000

	infScale = 0x20 // what PostgreSQL happens to send as the scale of infinities
)

// binaryNumeric reads groups of four decimal digits: count, weight of the first
// group, sign, display scale, groups.
func binaryNumeric(b []byte, t Type) (Datum, error) {
	if len(b) < 8 {
		return Datum{}, errBinary("insufficient data left in message")
	}
	n, weight := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:])))
	sign, scale := binary.BigEndian.Uint16(b[4:]), int(binary.BigEndian.Uint16(b[6:]))
	if len(b) != 8+2*n {
		if len(b) < 8+2*n {
			return Datum{}, errBinary("insufficient data left in message")
		}
		return Datum{}, errBinaryLen(t)
	}
	switch sign {
	case numericWireNaN:
		return numericNaN, nil
	case numericWireInf, numericWireNegInf:
		inf := numericInf
		if sign == numericWireNegInf {
			inf = numericNegInf
		}
		return numericApplyMod(inf, t)
	case 0, numericWireNeg:
	default:
		return Datum{}, errBinary("invalid sign in external \"numeric\" value")
	}
	if scale > numericScaleMax {
		return Datum{}, errBinary("invalid scale in external \"numeric\" value")
	}
	digits := make([]byte, 0, 4*n+1)
	for i := range n {
		g := int(int16(binary.BigEndian.Uint16(b[8+2*i:])))
		if g < 0 || g > 9999 {
			return Datum{}, errBinary("invalid digit in external \"numeric\" value")
		}
		digits = appendPad(digits, g, 4)
	}
	var x apd.Decimal
	if n > 0 {
		x.Coeff.SetString(string(digits), 10)
	}
	x.Exponent = int32(4 * (weight + 1 - n))
	truncDecimal(&x, scale) // digits beyond the display scale are not part of the value
	x.Negative = sign == numericWireNeg && x.Coeff.Sign() != 0
	d, err := numericResult(&x)
	if err != nil {
		return d, err
	}
	return numericApplyMod(d, t)
}

func appendNumericBinary(dst []byte, d Datum) []byte {
	head := func(n, weight int, sign uint16, scale int) {
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		dst = binary.BigEndian.AppendUint16(dst, uint16(weight))
		dst = binary.BigEndian.AppendUint16(dst, sign)
		dst = binary.BigEndian.AppendUint16(dst, uint16(scale))
	}
	nan, inf := NumericSpecial(d)
	switch {
	case nan:
		head(0, 0, numericWireNaN, 0)
		return dst
	case inf > 0:
		head(0, 0, numericWireInf, infScale)
		return dst
	case inf < 0:
		head(0, 0, numericWireNegInf, infScale)
		return dst
	}
	var x apd.Decimal
	NumericToDecimal(d, &x)
	scale := -int(x.Exponent)
	// Pad to whole groups behind the point, then in front.
	var buf [64]byte
	text := x.Coeff.Append(buf[:0], 10)
	for range (4 - scale%4) % 4 {
		text = append(text, '0')
	}
	lead := (4 - len(text)%4) % 4
	var groups [64]uint16
	gs := groups[:0]
	for i := -lead; i < len(text); i += 4 {
		g := 0
		for k := i; k < i+4; k++ {
			g *= 10
			if k >= 0 {
				g += int(text[k] - '0')
			}
		}
		gs = append(gs, uint16(g))
	}
	weight := len(gs) - (scale+3)/4 - 1
	for len(gs) > 0 && gs[0] == 0 {
		gs = gs[1:]
		weight--
	}
	for len(gs) > 0 && gs[len(gs)-1] == 0 {
		gs = gs[:len(gs)-1]
	}
	if len(gs) == 0 {
		weight = 0
	}
	sign := uint16(0)
	if x.Negative {
		sign = numericWireNeg
	}
	head(len(gs), weight, sign, scale)
	for _, g := range gs {
		dst = binary.BigEndian.AppendUint16(dst, g)
	}
	return dst
}
