package rowenc

import (
	"encoding/binary"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// This file holds the types whose keys need their value taken apart: wide
// numerics, intervals, bpchar, and what is made of other values (arrays,
// records: keynested.go; jsonb: keyjson.go).

const (
	dayMicros        = 24 * 60 * 60 * 1000 * 1000
	intervalImageLen = 16
	// opaque marks an image that could not be taken apart; it orders by its bytes
	// after all others, and comes back as it was.
	opaque = 0xFE
)

// plainBytes: the key is the bytes themselves.
func plainBytes(t types.Type) bool {
	switch t.OID {
	case types.OIDBpchar, types.OIDJSONB, types.OIDRecord:
		return false
	}
	return t.Phys() == types.PhysBytes && !t.IsArray()
}

func appendNumericImage(dst, img []byte, m Mode) []byte {
	var d apd.Decimal
	if types.DecodeNumeric(img, &d) != nil {
		return append(dst, numNaN) // damaged before it came here; NaN at least decodes
	}
	dst = appendDecimal(dst, &d)
	if m == Exact && d.Form == apd.Finite {
		dst = appendScale(dst, max(-d.Exponent, 0))
	}
	return dst
}

func appendDecimal(dst []byte, d *apd.Decimal) []byte {
	switch {
	case d.Form == apd.Infinite && d.Negative:
		return append(dst, numNegInf)
	case d.Form == apd.Infinite:
		return append(dst, numInf)
	case d.Form != apd.Finite:
		return append(dst, numNaN)
	case d.IsZero():
		return append(dst, numZero)
	case d.Coeff.IsInt64():
		x := d.Coeff.Int64()
		if d.Negative {
			x = -x
		}
		return appendNumericInt(dst, x, -d.Exponent)
	}
	s := d.Coeff.Append(nil, 10)
	dst = appendNumericHead(dst, d.Negative, int64(len(s))+int64(d.Exponent))
	for len(s) > 1 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	for len(s) > 0 {
		k := min(len(s), groupDigits)
		g := uint64(0)
		for _, c := range s[:k] {
			g = g*10 + uint64(c-'0')
		}
		s = s[k:]
		dst = appendGroup(dst, g*pow10[groupDigits-k], len(s) > 0, d.Negative)
	}
	return dst
}

// readNumericScale reads a numeric key with, in Exact mode, its display scale.
func readNumericScale(n *numberKey, key []byte, m Mode, mask byte) (rest []byte, scale int32, err error) {
	rest, err = readNumeric(n, key, mask)
	if err != nil || m != Exact || n.class == numNaN || n.class == numInf || n.class == numNegInf {
		return rest, 0, err
	}
	if len(rest) < 2 {
		return nil, 0, corrupt("numeric cut short")
	}
	scale = int32(rest[0]^mask)<<8 | int32(rest[1]^mask)
	return rest[2:], scale, nil
}

// expMagnitudeMax bounds what a damaged exponent can make decoding allocate;
// PostgreSQL's numeric has at most 131072 digits before and 16383 after the point.
const expMagnitudeMax = 1 << 18

// appendImage appends the wide image with at least min digits after the point.
func (n *numberKey) appendImage(dst []byte, min int32) []byte {
	var d apd.Decimal
	switch n.class {
	case numNaN:
		d.Form = apd.NaN
	case numInf, numNegInf:
		d.Form, d.Negative = apd.Infinite, n.class == numNegInf
	case numZero:
		d.Exponent = -min
	default:
		n.decimal(&d, min)
	}
	return types.AppendNumeric(dst, &d)
}

func (n *numberKey) decimal(d *apd.Decimal, min int32) {
	coef, group := new(big.Int), new(big.Int)
	for _, g := range n.groups {
		coef.Mul(coef, group.SetUint64(pow10[groupDigits]))
		coef.Add(coef, group.SetUint64(g))
	}
	e := n.exp - groupDigits*int64(len(n.groups))
	if e > expMagnitudeMax || e < -expMagnitudeMax {
		d.Form = apd.NaN
		return
	}
	ten, r := big.NewInt(10), new(big.Int)
	for e < -int64(min) {
		q, rem := new(big.Int).QuoRem(coef, ten, r)
		if rem.Sign() != 0 || coef.Sign() == 0 {
			break
		}
		coef, e = q, e+1
	}
	if up := e + int64(min); up > 0 {
		coef.Mul(coef, new(big.Int).Exp(ten, big.NewInt(up), nil))
		e = -int64(min)
	}
	d.Coeff.SetMathBigInt(coef)
	d.Exponent, d.Negative = int32(e), n.class == numNeg
}

// putInterval writes the key of an interval: the days it counts for (a month is
// 30 days, as in SQL comparison) and the microseconds beyond them; Exact adds
// the image.
func putInterval(dst, img []byte, m Mode) {
	iv := types.DecodeInterval(string(img))
	days := int64(iv.Months)*30 + int64(iv.Days) + iv.Micros/dayMicros
	micros := iv.Micros % dayMicros
	if micros < 0 {
		days, micros = days-1, micros+dayMicros
	}
	binary.BigEndian.PutUint64(dst, uint64(days)^signBit)
	binary.BigEndian.PutUint64(dst[8:], uint64(micros))
	if m == Exact {
		clear(dst[16:][:intervalImageLen])
		copy(dst[16:][:intervalImageLen], img)
	}
}

func appendIntervalOfKey(dst, key []byte, m Mode) []byte {
	if m == Exact {
		return append(dst, key[16:16+intervalImageLen]...)
	}
	days := int64(binary.BigEndian.Uint64(key) ^ signBit)
	micros := int64(binary.BigEndian.Uint64(key[8:]))
	if days < 0 && micros > 0 {
		days, micros = days+1, micros-dayMicros
	}
	months := int64(0)
	if days != int64(int32(days)) {
		months, days = days/30, days%30
	}
	return types.AppendInterval(dst, types.IntervalValue{Months: int32(months), Days: int32(days), Micros: micros})
}

// appendDatum appends the ascending key of d, which is not NULL.
func appendDatum(dst []byte, d types.Datum, t types.Type, m Mode) []byte {
	switch t.Phys() {
	case types.PhysBool:
		return append(dst, notNull+byte(d.I))
	case types.PhysInt:
		return binary.BigEndian.AppendUint64(append(dst, notNull), uint64(d.I)^signBit)
	case types.PhysFloat:
		return binary.BigEndian.AppendUint64(append(dst, notNull), floatKey(d.F, m))
	case types.PhysNumeric:
		if d.Scale < 0 {
			return appendNumericImage(dst, []byte(d.S), m)
		}
		dst = appendNumericInt(dst, d.I, d.Scale)
		if m == Exact {
			dst = appendScale(dst, d.Scale)
		}
		return dst
	}
	switch {
	case t.OID == types.OIDUUID || t.OID == types.OIDInterval:
		at, w := len(dst), keyWidth(t, m)
		dst = append(dst, make([]byte, w)...)
		dst[at] = notNull
		if t.OID == types.OIDUUID {
			copy(dst[at+1:], d.S)
		} else {
			putInterval(dst[at+1:], []byte(d.S), m)
		}
		return dst
	case t.OID == types.OIDBpchar:
		return appendBpchar(dst, []byte(d.S), m)
	case t.OID == types.OIDJSONB:
		return appendWhole(appendJSON(dst, d.S), d.S, m)
	case t.OID == types.OIDRecord:
		if out, ok := appendRecord(dst, d.S); ok {
			return appendWhole(out, d.S, m)
		}
		return appendBytesKey(append(dst, opaque), []byte(d.S))
	case t.IsArray():
		if out, ok := appendArray(dst, d.S); ok {
			return appendWhole(out, d.S, m)
		}
		return appendBytesKey(append(dst, opaque), []byte(d.S))
	}
	return appendBytesKey(append(dst, notNull), []byte(d.S))
}

// appendWhole makes a key of many parts Exact: their canonical keys decide the
// order, so what else is in the value can only come after all of them.
func appendWhole(dst []byte, img string, m Mode) []byte {
	if m == Exact {
		dst = appendBytesKey(dst, []byte(img))
	}
	return dst
}

// readWhole: the value that followed the parts, if the key is Exact.
func readWhole(d types.Datum, rest []byte, m Mode, mask byte) (types.Datum, []byte, error) {
	if m != Exact {
		return d, rest, nil
	}
	s, rest, err := bytesKey(nil, rest, mask)
	return types.String(string(s)), rest, err
}

// readDatum reads a value that is not NULL from the front of key.
func readDatum(key []byte, t types.Type, m Mode, mask byte) (d types.Datum, rest []byte, err error) {
	if len(key) == 0 {
		return d, nil, corrupt("key cut short")
	}
	if t.Phys() == types.PhysNumeric || keyWidth(t, m) > 0 {
		ord := Order{Desc: mask != 0}
		if key[0] == ord.null() {
			return d, nil, corrupt("bad marker in key")
		}
		keys := [][]byte{key}
		v, err := decodeKeyColumn(keys, t, m, ord)
		if err != nil {
			return d, nil, err
		}
		return v.Datum(0), keys[0], nil
	}
	first := key[0] ^ mask
	switch {
	case first == opaque:
		s, rest, err := bytesKey(nil, key[1:], mask)
		return types.String(string(s)), rest, err
	case t.OID == types.OIDJSONB:
		if d, rest, err = readJSON(key, mask); err != nil {
			return d, nil, err
		}
		return readWhole(d, rest, m, mask)
	case first != notNull:
		return d, nil, corrupt("bad marker %#x in key", key[0])
	case t.OID == types.OIDBpchar:
		return readBpchar(key[1:], t, m, mask)
	case t.OID == types.OIDRecord:
		if d, rest, err = readRecord(key[1:], mask); err != nil {
			return d, nil, err
		}
		return readWhole(d, rest, m, mask)
	case t.IsArray():
		if d, rest, err = readArray(key[1:], t, mask); err != nil {
			return d, nil, err
		}
		return readWhole(d, rest, m, mask)
	}
	s, rest, err := bytesKey(nil, key[1:], mask)
	return types.String(string(s)), rest, err
}

// appendBpchar: trailing spaces do not count; Exact adds how many there were.
func appendBpchar(dst, s []byte, m Mode) []byte {
	n := len(s)
	for n > 0 && s[n-1] == ' ' {
		n--
	}
	dst = appendBytesKey(append(dst, notNull), s[:n])
	if m == Exact {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)-n))
	}
	return dst
}

// spacesMax is varchar's and bpchar's greatest length.
const spacesMax = 10485760

func readBpchar(key []byte, t types.Type, m Mode, mask byte) (d types.Datum, rest []byte, err error) {
	s, rest, err := bytesKey(nil, key, mask)
	if err != nil {
		return d, nil, err
	}
	pad := 0
	if m == Exact {
		u, after, err := maskedUint32(rest, mask)
		if err != nil || u > spacesMax {
			return d, nil, corrupt("bad length of bpchar")
		}
		pad, rest = int(u), after
	} else if t.Mod >= 4 {
		// Lengths count characters, not bytes.
		pad = min(int(t.Mod)-4, spacesMax)
		for _, c := range s {
			if c&0xC0 != 0x80 {
				pad--
			}
		}
	}
	for ; pad > 0; pad-- {
		s = append(s, ' ')
	}
	return types.String(string(s)), rest, nil
}

func maskedUint32(key []byte, mask byte) (uint32, []byte, error) {
	if len(key) < 4 {
		return 0, nil, corrupt("key cut short")
	}
	u := binary.BigEndian.Uint32(key)
	if mask != 0 {
		u = ^u
	}
	return u, key[4:], nil
}

// datumAppender serves the types that have no faster way.
func datumAppender(m Mode) appender {
	return func(dst []byte, v *vec.Vec, i int) []byte { return appendDatum(dst, v.Datum(i), v.Type, m) }
}
