package copytext

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unsafe"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// kind is a type as far as reading its common texts without allocation goes.
type kind uint8

const (
	kindOther kind = iota // types.ParseText
	kindInt
	kindNumeric
	kindFloat
	kindBool
	kindText
	kindTimestamp
	kindTimestamptz
	kindDate
	kindUUID
)

// column reads the fields of one column. What it cannot read for sure, be it
// rare or wrong, it leaves to types.ParseText, which makes the errors.
type column struct {
	Column
	kind   kind
	lo, hi int64 // kindInt, kindNumeric: the values that fit
	scale  int32 // kindNumeric: of the type, -1 = of each value
	bytes  int   // kindText: texts of at most this length fit
	bits   int   // kindFloat
	zone   *time.Location

	forceNotNull, forceNull bool

	b vec.Builder

	// The last date that was read: rows next to each other often share it.
	lastDate [10]byte
	lastDays int64
}

const narrowDigits = 18

var pow10 = [narrowDigits + 1]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

func newColumn(c Column, env *types.Env) column {
	col := column{Column: c, zone: time.UTC}
	if env != nil && env.TimeZone != nil {
		col.zone = env.TimeZone
	}
	switch c.Type.OID {
	case types.OIDInt8:
		col.kind, col.lo, col.hi = kindInt, math.MinInt64, math.MaxInt64
	case types.OIDInt4:
		col.kind, col.lo, col.hi = kindInt, math.MinInt32, math.MaxInt32
	case types.OIDInt2:
		col.kind, col.lo, col.hi = kindInt, math.MinInt16, math.MaxInt16
	case types.OIDNumeric:
		col.numeric()
	case types.OIDFloat8:
		col.kind, col.bits = kindFloat, 64
	case types.OIDFloat4:
		col.kind, col.bits = kindFloat, 32
	case types.OIDBool:
		col.kind = kindBool
	case types.OIDText:
		col.kind, col.bytes = kindText, math.MaxInt
	case types.OIDVarchar:
		col.kind, col.bytes = kindText, math.MaxInt
		if c.Type.Mod >= 4 {
			col.bytes = int(c.Type.Mod) - 4
		}
	case types.OIDTimestamp:
		col.stamp(kindTimestamp)
	case types.OIDTimestamptz:
		col.stamp(kindTimestamptz)
	case types.OIDDate:
		col.kind = kindDate
	case types.OIDUUID:
		col.kind = kindUUID
	}
	return col
}

func (c *column) numeric() {
	c.kind, c.scale, c.hi = kindNumeric, -1, math.MaxInt64
	if c.Type.Mod < 4 {
		return
	}
	p, s, ok := types.NumericMod(c.Type)
	if !ok || s < 0 || s > narrowDigits {
		c.kind = kindOther
		return
	}
	c.scale = int32(s)
	c.hi = pow10[min(p, narrowDigits)] - 1
}

func (c *column) stamp(k kind) {
	if c.Type.Mod < 0 || c.Type.Mod >= 6 {
		c.kind = k
	}
}

// scanField reads the field at the start of b, up to delim or the end of b. It
// returns the field's length, or -1 if it has read nothing.
func (c *column) scanField(b []byte, delim byte) int {
	switch c.kind {
	case kindInt:
		v, n := scanInt(b)
		if n < 0 || n < len(b) && b[n] != delim || v < c.lo || v > c.hi {
			return -1
		}
		c.b.Int(v)
		return n
	case kindNumeric:
		v, point, n := scanDecimal(b)
		if n < 0 || n < len(b) && b[n] != delim || !c.decimal(v, point) {
			return -1
		}
		return n
	}
	return -1
}

// value reads a whole field.
func (c *column) value(b []byte) bool {
	switch c.kind {
	case kindInt, kindNumeric:
		return len(b) > 0 && c.scanField(b, b[0]) == len(b)
	case kindFloat:
		return c.float(b)
	case kindBool:
		return c.bool(b)
	case kindText:
		if len(b) > c.bytes {
			return false
		}
		c.b.Bytes(b)
		return true
	case kindTimestamp, kindTimestamptz:
		return c.timestamp(b)
	case kindDate:
		if len(b) != 10 {
			return false
		}
		days, ok := c.date(b)
		if ok {
			c.b.Int(days)
		}
		return ok
	case kindUUID:
		return c.uuid(b)
	}
	return false
}

// scanInt reads a sign and at most 18 digits; n is how long they are, -1 if
// there are none or more.
func scanInt(b []byte) (v int64, n int) {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	first := i
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int64(c)
	}
	if i == first || i-first > narrowDigits {
		return 0, -1
	}
	if first == 1 {
		v = -v
	}
	return v, i
}

// scanDecimal is scanInt for numbers that may have a point; point is the number
// of digits after it.
func scanDecimal(b []byte) (v int64, point int32, n int) {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	first, dot := i, -1
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c > 9 {
			if b[i] != '.' || dot >= 0 {
				break
			}
			dot = i
			continue
		}
		v = v*10 + int64(c)
	}
	digits := i - first
	if dot >= 0 {
		digits--
		point = int32(i - dot - 1)
	}
	if digits == 0 || digits > narrowDigits {
		return 0, 0, -1
	}
	if first == 1 {
		v = -v
	}
	return v, point, i
}

// decimal takes v × 10^-point, unless it must be rounded or does not fit.
func (c *column) decimal(v int64, point int32) bool {
	scale := c.scale
	switch {
	case scale < 0:
		scale = point
	case point > scale:
		return false
	case point < scale:
		f := pow10[scale-point]
		if limit := c.hi / f; v > limit || v < -limit {
			return false
		}
		v *= f
	}
	if v > c.hi || v < -c.hi {
		return false
	}
	c.b.Numeric(v, scale)
	return true
}

func (c *column) float(b []byte) bool {
	for _, x := range b {
		if x-'0' > 9 && x != '.' && x != '-' && x != '+' && x|0x20 != 'e' {
			return false
		}
	}
	// ParseFloat keeps nothing of the string but in its error, which is dropped.
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), c.bits)
	if err != nil || f == 0 && len(b) > 1 {
		return false // 0 may have underflowed
	}
	c.b.Float(f)
	return true
}

func (c *column) bool(b []byte) bool {
	switch string(b) {
	case "t", "true", "1":
		c.b.Bool(true)
	case "f", "false", "0":
		c.b.Bool(false)
	default:
		return false
	}
	return true
}

// uuid reads the form with four hyphens.
func (c *column) uuid(b []byte) bool {
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	var u [16]byte
	for i, k := 0, 0; i < 36; i += 2 {
		if b[i] == '-' {
			i++
		}
		hi, lo := hexValue(b[i]), hexValue(b[i+1])
		if hi < 0 || lo < 0 {
			return false
		}
		u[k] = byte(hi<<4 | lo)
		k++
	}
	c.b.Bytes(u[:])
	return true
}

// date reads yyyy-mm-dd in days since 2000-01-01.
func (c *column) date(b []byte) (days int64, ok bool) {
	if bytes.Equal(b[:10], c.lastDate[:]) {
		return c.lastDays, true
	}
	y1, y2, m, d := two(b), two(b[2:]), two(b[5:]), two(b[8:])
	y := y1*100 + y2
	if y1|y2|m|d < 0 || b[4] != '-' || b[7] != '-' || y == 0 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	copy(c.lastDate[:], b)
	c.lastDays = daysSince2000(y, m, d)
	return c.lastDays, true
}
