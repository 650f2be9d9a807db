package format

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// timeCount is what a number counts that stands for a time.
type timeCount uint8

const (
	countMilli timeCount = iota
	countMicro
	countNano
	countSecond
	// countGuess: by its size, as a time between 1973 and 5138 has in only one unit.
	countGuess
)

var timeModes = []string{"milli", "micro", "nano", "second", "guess_number_unit"}

func timeCountOf(options map[string]string) timeCount {
	for u, name := range timeModes {
		if name == options["timestamp.handling.mode"] {
			return timeCount(u)
		}
	}
	return countMilli
}

// microsOf is the number of µs that v units are, and whether they fit.
func (u timeCount) microsOf(v int64) (int64, bool) {
	if u == countGuess {
		switch size := max(v, -v); {
		case size < 100_000_000_000:
			u = countSecond
		case size < 100_000_000_000_000:
			u = countMilli
		case size < 100_000_000_000_000_000:
			u = countMicro
		default:
			u = countNano
		}
	}
	factor := int64(1)
	switch u {
	case countNano:
		return floorDiv(v, 1000), true
	case countMilli:
		factor = 1000
	case countSecond:
		factor = 1_000_000
	}
	us := v * factor
	return us, us/factor == v
}

const (
	// The range of timestamps, µs since 2000-01-01, and of dates, days since then.
	timestampFirst = -211813488000000000
	timestampEnd   = 9223371331200000000
	dateFirst      = -2451545
	dateLast       = 2147483493 - 2451545
	days1970       = 10957 // from 1970-01-01 to 2000-01-01
	microsOfDay    = 86_400_000_000
)

// stampOf makes a timestamp of a number since 1970.
func (u timeCount) stampOf(v int64) (int64, bool) {
	us, ok := u.microsOf(v)
	if !ok || us < timestampFirst+unixMicros2000 {
		return 0, false
	}
	us -= unixMicros2000
	return us, us < timestampEnd
}

func (c *converter) times(out *rows, col int, b block) {
	to := &out.cols[col]
	zoned := c.t.OID == types.OIDTimestamptz
	free := c.t.Mod < 0
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		t := b.tokens[i]
		if free && zoned && (t.kind == tokString || t.kind == tokText) {
			if v, ok := c.minute.parse(b.data[t.start:t.end]); ok {
				to.Int(v)
				continue
			}
		}
		if free && t.kind == tokInt {
			if v, ok := shortInt(b.data[t.start:t.end]); ok {
				if v, ok = c.unit.stampOf(v); ok {
					to.Int(v)
					continue
				}
			}
		}
		c.slow(out, col, b, row, t)
	}
}

// isoMinute is the minute of the instant read last: the next is most often of the same.
type isoMinute struct {
	text [16]byte // 2024-05-01T12:34
	at   int64    // its begin
}

// parse is types.ParseTimestamptzISO.
func (m *isoMinute) parse(b []byte) (int64, bool) {
	if len(b) < 20 || b[len(b)-1] != 'Z' {
		return types.ParseTimestamptzISO(b)
	}
	if m.text[0] != 0 && string(b[:16]) == string(m.text[:]) {
		if us, ok := isoSeconds(b[16 : len(b)-1]); ok {
			return m.at + us, true
		}
		return types.ParseTimestamptzISO(b)
	}
	v, ok := types.ParseTimestamptzISO(b)
	if ok {
		if us, ok := isoSeconds(b[16 : len(b)-1]); ok {
			copy(m.text[:], b)
			m.at = v - us
		}
	}
	return v, ok
}

// isoSeconds reads :56 or :56.789, of up to six digits after the point, as µs.
func isoSeconds(b []byte) (int64, bool) {
	if len(b) < 3 || b[0] != ':' || b[1]-'0' > 5 || b[2]-'0' > 9 {
		return 0, false
	}
	us := (int64(b[1]-'0')*10 + int64(b[2]-'0')) * 1_000_000
	if len(b) == 3 {
		return us, true
	}
	if b[3] != '.' || len(b) > 10 {
		return 0, false
	}
	if len(b) == 7 && b[4]-'0' <= 9 && b[5]-'0' <= 9 && b[6]-'0' <= 9 { // as most have
		return us + (int64(b[4]-'0')*100+int64(b[5]-'0')*10+int64(b[6]-'0'))*1000, true
	}
	unit := int64(100_000)
	for _, c := range b[4:] {
		if c-'0' > 9 {
			return 0, false
		}
		us += int64(c-'0') * unit
		unit /= 10
	}
	return us, true
}

// timeNumber converts a number: dates are days since 1970, the others units
// since 1970 or midnight.
func (c *converter) timeNumber(raw []byte) (types.Datum, error) {
	d, err := c.exact(raw, types.Numeric)
	if err != nil {
		return d, err
	}
	u := c.unit
	if c.t.OID == types.OIDDate {
		return c.dateNumber(raw, d)
	}
	// A fraction is dropped after the µs: count in the smallest unit.
	if u == countSecond || u == countMilli {
		var factor int64 = 1000
		if u == countSecond {
			factor = 1_000_000
		}
		if d, err = types.NumericMul(d, types.NumericFromInt(factor)); err != nil {
			return d, err
		}
		u = countMicro
	}
	v, err := types.NumericToInt(types.NumericTrunc(d, 0), types.Int8)
	if err != nil {
		return types.NullDatum, c.outOfRange(raw)
	}
	var ok bool
	if c.t.OID == types.OIDTime {
		if u == countGuess {
			u = countMicro
		}
		if v, ok = u.microsOf(v); !ok || v < 0 || v > microsOfDay {
			return types.NullDatum, c.outOfRange(raw)
		}
	} else if v, ok = u.stampOf(v); !ok {
		return types.NullDatum, c.outOfRange(raw)
	}
	return types.CoerceTypmod(types.Int(v), c.t, false)
}

func (c *converter) dateNumber(raw []byte, d types.Datum) (types.Datum, error) {
	v, err := types.NumericToInt(d, types.Int8)
	if err != nil || v-days1970 < dateFirst || v > dateLast {
		return types.NullDatum, c.outOfRange(raw)
	}
	return types.Int(v - days1970), nil
}

func (c *converter) outOfRange(raw []byte) error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "%s out of range: \"%s\"", c.t.Base(), excerpt(raw))
}

// movesWithClock reports texts such as 'now' and 'today', which would mean
// something else whenever they are decoded.
func movesWithClock(raw []byte) bool {
	if len(raw) > 32 {
		return false // those words stand alone, or with a time of day
	}
	word := 0 // letters in a row
	for i := 0; i <= len(raw); i++ {
		if i < len(raw) && raw[i]|0x20 >= 'a' && raw[i]|0x20 <= 'z' {
			word++
			continue
		}
		if word >= 3 && isClockWord(raw[i-word:i]) {
			return true
		}
		word = 0
	}
	return false
}

func isClockWord(w []byte) bool {
	for _, known := range [...]string{"now", "today", "tomorrow", "yesterday"} {
		if len(w) == len(known) && strings.EqualFold(view(w), known) {
			return true
		}
	}
	return false
}
