package format

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// What the encodings with a binary schema (Avro, Protobuf) share: the kinds that
// values have on the wire, and the cell that puts them into a column.

// wireKind is what a schema says a value is.
type wireKind uint8

const (
	kindNone     wireKind = iota // no scalar
	kindBool                     // raw.i: 0, 1
	kindInt                      // raw.i: 32 bits
	kindLong                     // raw.i
	kindUint                     // raw.i: the bits of an uint64
	kindFloat                    // raw.f: 32 bits
	kindDouble                   // raw.f
	kindText                     // raw.b
	kindBytes                    // raw.b
	kindDecimal                  // raw.b: two's complement, most significant first; the scale is the schema's
	kindDate                     // raw.i: days since 1970-01-01
	kindTime                     // raw.i: µs since midnight
	kindStamp                    // raw.i: µs since 1970-01-01 00:00 on the wall
	kindInstant                  // raw.i: µs since 1970-01-01 00:00 UTC
	kindUUIDText                 // raw.b: hex digits and hyphens
	kindUUID                     // raw.b: 16 bytes
	kindInterval                 // raw.b: types.AppendInterval's image
)

// raw is a value as it came off the wire; which part holds it the kind says.
type raw struct {
	i int64
	f float64
	b []byte
}

const (
	numericNarrow      = 1_000_000_000_000_000_000 // narrow numerics are below it
	numericNarrowScale = 18
)

// naturalType is the SQL type that holds every value of a kind.
func naturalType(k wireKind, precision, scale int) types.Type {
	switch k {
	case kindBool:
		return types.Bool
	case kindInt:
		return types.Int4
	case kindLong:
		return types.Int8
	case kindUint:
		return types.Numeric
	case kindFloat:
		return types.Float4
	case kindDouble:
		return types.Float8
	case kindText:
		return types.Text
	case kindBytes:
		return types.Bytea
	case kindDecimal:
		if precision > 0 && precision <= 1000 && scale >= 0 {
			return types.NumericOf(precision, scale)
		}
		return types.Numeric
	case kindDate:
		return types.Date
	case kindTime:
		return types.Time
	case kindStamp:
		return types.Timestamp
	case kindInstant:
		return types.Timestamptz
	case kindUUIDText, kindUUID:
		return types.UUID
	case kindInterval:
		return types.Interval
	}
	return types.JSONB
}

// cellHow is the way from a kind to a column: a short one, or the SQL cast.
type cellHow uint8

const (
	howCast    cellHow = iota
	howRange           // raw.i + add, between lo and hi
	howBool            //
	howFloat           //
	howText            // at most max bytes (more: cast)
	howBytes           //
	howDecimal         // same scale, absolute value below hi (more: cast)
	howJSON            // to_jsonb of the value
	howCount           // a number that counts units of time: as then has it
)

// cell puts the values of one kind into a column of one type.
type cell struct {
	kind    wireKind
	scale   int32 // kindDecimal
	how     cellHow
	natural types.Type
	to      types.Type
	add     int64
	lo, hi  int64
	max     int
	count   timeCount
	then    *cell
	// unavailable is the text that stands for a value left out, "": none.
	unavailable string
}

// newCell finds the way from a kind to a type; ok = false: there is none. count is
// what plain numbers count that become times.
func newCell(k wireKind, scale int, to types.Type, count timeCount) (*cell, bool) {
	c := &cell{kind: k, scale: int32(scale), natural: naturalType(k, 0, 0), to: to}
	if as := countedKind(k, to); as != kindNone {
		c.how, c.count = howCount, count
		var ok bool
		c.then, ok = newCell(as, 0, to, count)
		return c, ok
	}
	if (to.OID == types.OIDJSONB || to.OID == types.OIDJSON) && k != kindText {
		c.how = howJSON
		return c, true
	}
	if types.CastKind(c.natural, types.Type{OID: to.OID, Mod: -1}) == types.CastNone {
		return nil, false
	}
	c.shortcut()
	return c, true
}

// countedKind is what a plain number is that becomes a time: days since 1970, or
// units since midnight or 1970, as for JSON.
func countedKind(k wireKind, to types.Type) wireKind {
	if k != kindInt && k != kindLong {
		return kindNone
	}
	switch to.OID {
	case types.OIDDate:
		return kindDate
	case types.OIDTime:
		return kindTime
	case types.OIDTimestamp, types.OIDTimestamptz:
		return kindInstant
	}
	return kindNone
}

// counted turns a number of units into that of then.
func (c *cell) counted(v raw) raw {
	u := c.count
	if c.then.kind == kindDate {
		return v
	}
	if c.then.kind == kindTime && u == countGuess {
		u = countMicro
	}
	us, ok := u.microsOf(v.i)
	if !ok {
		us = math.MinInt64 // out of every range
	}
	v.i = us
	return v
}

func (c *cell) shortcut() {
	to := c.to
	intRange := func(bits int) {
		c.how, c.lo, c.hi = howRange, -1<<(bits-1), 1<<(bits-1)-1
	}
	switch c.kind {
	case kindInt, kindLong:
		switch to.OID {
		case types.OIDInt2:
			intRange(16)
		case types.OIDInt4:
			intRange(32)
		case types.OIDInt8:
			intRange(64)
		}
	case kindUint:
		if to.OID == types.OIDInt8 { // above 2^63 the bits are negative
			c.how, c.lo, c.hi = howRange, 0, math.MaxInt64
		}
	case kindDate:
		if to.OID == types.OIDDate {
			c.how, c.add, c.lo, c.hi = howRange, -days1970, dateFirst+days1970, dateLast+days1970
		}
	case kindTime:
		if to.OID == types.OIDTime && to.Mod < 0 {
			c.how, c.lo, c.hi = howRange, 0, microsOfDay
		}
	case kindStamp, kindInstant:
		// An instant on the wall of a session without a zone is UTC's.
		if (to.OID == types.OIDTimestamp || to.OID == types.OIDTimestamptz) && (to.Mod < 0 || to.Mod >= 6) {
			c.how, c.add, c.lo, c.hi = howRange, -unixMicros2000, timestampFirst+unixMicros2000, math.MaxInt64
		}
	case kindBool:
		if to.OID == types.OIDBool {
			c.how = howBool
		}
	case kindFloat, kindDouble:
		if to.OID == types.OIDFloat8 || to.OID == types.OIDFloat4 && c.kind == kindFloat {
			c.how = howFloat
		}
	case kindText:
		switch {
		case to.OID == types.OIDText, to.OID == types.OIDVarchar && to.Mod < 0:
			c.how, c.max = howText, math.MaxInt
		case to.OID == types.OIDVarchar:
			if n, ok := types.CharMod(to); ok {
				c.how, c.max = howText, n
			}
		}
	case kindBytes:
		if to.OID == types.OIDBytea {
			c.how = howBytes
		}
	case kindUUID, kindInterval:
		if to.OID == c.natural.OID && to.Mod < 0 {
			c.how = howBytes
		}
	case kindDecimal:
		if to.OID != types.OIDNumeric || c.scale < 0 || c.scale > numericNarrowScale {
			return
		}
		if to.Mod < 0 {
			c.how, c.hi = howDecimal, numericNarrow
		} else if p, s, ok := types.NumericMod(to); ok && int32(s) == c.scale {
			c.how, c.hi = howDecimal, numericNarrow
			if p < 18 {
				c.hi = 1
				for range p {
					c.hi *= 10
				}
			}
		}
	}
}

// put appends v. After an error, which is one of a value that does not fit,
// nothing has been appended.
func (c *cell) put(b *vec.Builder, v raw) error {
	switch c.how {
	case howRange:
		if v.i >= c.lo && v.i <= c.hi {
			b.Int(v.i + c.add)
			return nil
		}
	case howBool:
		b.Bool(v.i != 0)
		return nil
	case howFloat:
		b.Float(v.f)
		return nil
	case howText:
		if len(v.b) <= c.max && validText(v.b) {
			b.Bytes(v.b)
			return nil
		}
	case howBytes:
		b.Bytes(v.b)
		return nil
	case howDecimal:
		if x, ok := smallDecimal(v.b); ok && x < c.hi && x > -c.hi {
			b.Numeric(x, c.scale)
			return nil
		}
	case howCount:
		return c.then.put(b, c.counted(v))
	}
	d, err := c.datum(v)
	if err == nil {
		b.Datum(d)
	}
	return err
}

// datum is v as a value of the column's type.
func (c *cell) datum(v raw) (types.Datum, error) {
	if c.how == howCount {
		return c.then.datum(c.counted(v))
	}
	if c.how == howJSON {
		j, err := appendRawJSON(nil, c.kind, c.scale, v)
		return types.String(string(j)), err
	}
	if c.unavailable != "" && isJSON(c.to) && string(v.b) == c.unavailable {
		v.b = []byte(jsonString(c.unavailable))
	}
	d, err := naturalDatum(c.kind, c.scale, v)
	if err != nil {
		return d, err
	}
	if c.natural.OID != c.to.OID {
		if d, err = types.Cast(d, c.natural, types.Type{OID: c.to.OID, Mod: -1}, nil); err != nil {
			return d, err
		}
	}
	return types.CoerceTypmod(d, c.to, false)
}

// naturalDatum is v as a value of its kind's natural type.
func naturalDatum(k wireKind, scale int32, v raw) (types.Datum, error) {
	switch k {
	case kindBool:
		return types.Boolean(v.i != 0), nil
	case kindInt, kindLong:
		return types.Int(v.i), nil
	case kindUint:
		if v.i >= 0 {
			return types.NumericFromInt(v.i), nil
		}
		var x apd.Decimal
		x.Coeff.SetUint64(uint64(v.i))
		return types.DecimalToDatum(&x), nil
	case kindFloat, kindDouble:
		return types.Float(v.f), nil
	case kindText:
		if !validText(v.b) {
			return types.Datum{}, errText(v.b)
		}
		return types.String(string(v.b)), nil
	case kindUUIDText:
		return types.ParseText(string(v.b), types.UUID, nil)
	case kindBytes, kindInterval:
		return types.String(string(v.b)), nil
	case kindUUID:
		if len(v.b) != 16 {
			return types.Datum{}, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "a uuid has 16 bytes, not %d", len(v.b))
		}
		return types.String(string(v.b)), nil
	case kindDecimal:
		return decimalDatum(v.b, scale)
	case kindDate:
		if v.i < dateFirst+days1970 || v.i > dateLast+days1970 {
			return types.Datum{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range")
		}
		return types.Int(v.i - days1970), nil
	case kindTime:
		if v.i < 0 || v.i > microsOfDay {
			return types.Datum{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time out of range")
		}
		return types.Int(v.i), nil
	case kindStamp, kindInstant:
		if v.i < timestampFirst+unixMicros2000 {
			return types.Datum{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
		}
		return types.Int(v.i - unixMicros2000), nil
	}
	return types.NullDatum, nil
}

// validText reports what a text column can hold: UTF-8 without zero bytes.
func validText(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(b); i += 8 {
		// A byte of 0 borrows from its top bit, one beyond ASCII has it.
		x := binary.LittleEndian.Uint64(b[i:])
		if (x|(x-ones))&tops != 0 {
			return utf8.Valid(b[i:]) && bytes.IndexByte(b[i:], 0) < 0
		}
	}
	for _, c := range b[i:] {
		if c-1 >= 0x7f {
			return utf8.Valid(b[i:]) && bytes.IndexByte(b[i:], 0) < 0
		}
	}
	return true
}

func errText(b []byte) error {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 || r == 0 {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x%02x", b[i])
		}
		i += n
	}
	return nil
}

// smallDecimal reads a two's complement number of at most 8 bytes.
func smallDecimal(b []byte) (int64, bool) {
	switch {
	case len(b) == 0:
		return 0, true
	case len(b) > 8:
		return 0, false
	}
	var buf [8]byte
	if b[0]&0x80 != 0 {
		buf = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(buf[8-len(b):], b)
	return int64(binary.BigEndian.Uint64(buf[:])), true
}

const decimalBytesMax = 54_500 // of the largest numeric

func decimalDatum(b []byte, scale int32) (types.Datum, error) {
	if x, ok := smallDecimal(b); ok && scale >= 0 {
		return types.NumericFromUnscaled(x, scale), nil
	}
	if len(b) > decimalBytesMax {
		return types.Datum{}, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
	}
	var x apd.Decimal
	x.Exponent = -scale
	if len(b) > 0 && b[0]&0x80 != 0 {
		flipped := make([]byte, len(b))
		for i, c := range b {
			flipped[i] = ^c
		}
		x.Coeff.SetBytes(flipped)
		x.Coeff.Add(&x.Coeff, apd.NewBigInt(1))
		x.Negative = true
	} else {
		x.Coeff.SetBytes(b)
	}
	return types.DecimalToDatum(&x), nil
}
