package types

import (
	"strconv"
	"strings"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// charTime is what to_char writes from: broken-down fields of a timestamp or an
// interval.
type charTime struct {
	year            int64
	month, day      int64
	hour, min, sec  int64
	usec            int64
	days            int64 // date, for week fields
	offset          int
	zone            string
	interval, hasTZ bool
}

// ToChar is to_char for timestamps, dates, times, intervals and numbers.
func ToChar(d Datum, t Type, pattern string, env *Env) (string, error) {
	var c charTime
	switch t.OID {
	case OIDInterval:
		iv := DecodeInterval(d.S)
		c = charTime{year: int64(iv.Months / 12), month: int64(iv.Months % 12), day: int64(iv.Days),
			hour: iv.Micros / usecHour, min: iv.Micros / usecMin % 60, sec: iv.Micros / usecSec % 60, usec: iv.Micros % usecSec, interval: true}
	case OIDTime:
		return ToChar(IntervalDatum(IntervalValue{Micros: d.I}), Interval, pattern, env)
	case OIDDate, OIDTimestamp, OIDTimestamptz:
		v := d.I
		if infinite(v) {
			return "", nil
		}
		if t.OID == OIDDate {
			v *= usecDay
		}
		if t.OID == OIDTimestamptz {
			name, off := time.Unix(floorDiv64(v, usecSec)+epochUnix, 0).In(env.loc()).Zone()
			c.zone, c.offset, c.hasTZ = name, off, true
			v += int64(off) * usecSec
		}
		b := breakDown(v)
		c.year, c.month, c.day, c.days = b.year, int64(b.month), int64(b.day), floorDiv64(v, usecDay)
		c.hour, c.min, c.sec, c.usec = b.usec/usecHour, b.usec/usecMin%60, b.usec/usecSec%60, b.usec%usecSec
	default:
		return numberToChar(d, t, pattern)
	}
	var dst []byte
	for _, n := range datePattern(pattern) {
		if n.key == "" {
			dst = append(dst, n.literal...)
			continue
		}
		var err error
		if dst, err = c.append(dst, n); err != nil {
			return "", err
		}
	}
	return string(dst), nil
}

// number writes v zero-padded to width, the sign apart.
func (c *charTime) number(dst []byte, n patternNode, v int64, width int) []byte {
	if v < 0 {
		dst, v = append(dst, '-'), -v
	}
	start := len(dst)
	if n.fill {
		width = 1
	}
	dst = appendPad(dst, int(v), width)
	if n.th != 0 {
		dst = append(dst, ordinal(string(dst[start:]), n.th == 'T')...)
	}
	return dst
}

func (c *charTime) name(dst []byte, n patternNode, name string, width int) []byte {
	dst = append(dst, likeCase(name, n.key)...)
	for i := len(name); i < width && !n.fill; i++ {
		dst = append(dst, ' ')
	}
	return dst
}

func (c *charTime) append(dst []byte, n patternNode) ([]byte, error) {
	if c.interval {
		switch strings.ToUpper(n.key) {
		case "DAY", "DY", "D", "ID", "TZ", "TZH", "TZM", "OF", "BC", "AD", "B.C.", "A.D.":
			return dst, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid format specification for an interval value").
				WithHint("Intervals are not tied to specific calendar dates.")
		}
	}
	year := c.year
	if year <= 0 && !c.interval {
		year = 1 - year
	}
	iso, week := int64(0), 0
	if n.key[0] == 'I' && !c.interval {
		iso, week = isoWeek(c.days)
		if iso <= 0 {
			iso = 1 - iso
		}
	}
	doy := func() int64 { return c.days - civilToDate(c.year, 1, 1) + 1 }
	h12 := func() int64 {
		if c.hour%12 == 0 {
			return 12
		}
		return c.hour % 12
	}
	switch n.key {
	case "HH24":
		return c.number(dst, n, c.hour, 2), nil
	case "HH", "HH12":
		return c.number(dst, n, h12(), 2), nil
	case "MI":
		return c.number(dst, n, c.min, 2), nil
	case "SS":
		return c.number(dst, n, c.sec, 2), nil
	case "MS":
		return c.number(dst, n, c.usec/1000, 3), nil
	case "US":
		return c.number(dst, n, c.usec, 6), nil
	case "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		p := int(n.key[2] - '0')
		return c.number(dst, n, c.usec/pow10[6-p], p), nil
	case "SSSS", "SSSSS":
		return c.number(dst, n, c.hour*3600+c.min*60+c.sec, 1), nil
	case "YYYY":
		return c.number(dst, n, year, 4), nil
	case "YYY":
		return c.number(dst, n, year%1000, 3), nil
	case "YY":
		return c.number(dst, n, year%100, 2), nil
	case "Y":
		return c.number(dst, n, year%10, 1), nil
	case "Y,YYY":
		dst = strconv.AppendInt(dst, year/1000, 10)
		return appendPad(append(dst, ','), int(year%1000), 3), nil
	case "IYYY":
		return c.number(dst, n, iso, 4), nil
	case "IYY":
		return c.number(dst, n, iso%1000, 3), nil
	case "IY":
		return c.number(dst, n, iso%100, 2), nil
	case "I":
		return c.number(dst, n, iso%10, 1), nil
	case "MM":
		return c.number(dst, n, c.month, 2), nil
	case "DD":
		return c.number(dst, n, c.day, 2), nil
	case "DDD":
		return c.number(dst, n, doy(), 3), nil
	case "IDDD":
		return c.number(dst, n, c.days-isoWeekStart(c.isoYear(), 1)+1, 3), nil
	case "D":
		return c.number(dst, n, int64(dow(c.days))+1, 1), nil
	case "ID":
		return c.number(dst, n, int64(isoDow(c.days)), 1), nil
	case "W":
		return c.number(dst, n, (c.day-1)/7+1, 1), nil
	case "WW":
		return c.number(dst, n, (doy()-1)/7+1, 2), nil
	case "IW":
		return c.number(dst, n, int64(week), 2), nil
	case "Q":
		if c.month == 0 {
			return dst, nil
		}
		return c.number(dst, n, (c.month-1)/3+1, 1), nil
	case "CC":
		if c.interval {
			return c.number(dst, n, c.year/100, 2), nil
		}
		return c.number(dst, n, yearGroup(c.year, 100), 2), nil
	case "J":
		return c.number(dst, n, c.days+julianEpoch, 1), nil
	case "TZH", "OF":
		sign, off := byte('+'), c.offset
		if off < 0 {
			sign, off = '-', -off
		}
		dst = append(dst, sign)
		dst = appendPad(dst, off/3600, 2)
		if n.key == "OF" && off%3600 != 0 {
			dst = appendPad(append(dst, ':'), off/60%60, 2)
		}
		return dst, nil
	case "TZM":
		return appendPad(dst, max(c.offset, -c.offset)/60%60, 2), nil
	case "TZ", "tz":
		if !c.hasTZ {
			return dst, nil
		}
		z := c.zone
		if n.key == "tz" {
			z = strings.ToLower(z)
		}
		return append(dst, z...), nil
	}
	switch strings.ToUpper(n.key) {
	case "MONTH":
		if c.month < 1 {
			return dst, nil
		}
		return c.name(dst, n, monthNames[c.month-1], 9), nil
	case "MON":
		if c.month < 1 {
			return dst, nil
		}
		return append(dst, likeCase(monthNames[c.month-1][:3], n.key)...), nil
	case "DAY":
		return c.name(dst, n, dayNames[dow(c.days)], 9), nil
	case "DY":
		return append(dst, likeCase(dayNames[dow(c.days)][:3], n.key)...), nil
	case "RM":
		if c.month < 1 {
			return dst, nil
		}
		return c.name(dst, n, romanMonths[c.month-1], 4), nil
	case "AM", "PM", "A.M.", "P.M.":
		m := "am"
		if c.hour%24 >= 12 {
			m = "pm"
		}
		return append(dst, meridian(m, n.key)...), nil
	case "BC", "AD", "B.C.", "A.D.":
		m := "ad"
		if c.year <= 0 {
			m = "bc"
		}
		return append(dst, meridian(m, n.key)...), nil
	}
	return dst, nil
}

func (c *charTime) isoYear() int64 {
	y, _ := isoWeek(c.days)
	return y
}

// meridian writes am or bc with the dots and the case of the keyword.
func meridian(m, key string) string {
	if strings.IndexByte(key, '.') >= 0 {
		m = m[:1] + "." + m[1:] + "."
	}
	return likeCase(m, key)
}
