package copytext

import (
	"time"

	"github.com/tarndb/tarn/sql/types"
)

const (
	usecSec = 1_000_000
	usecMin = 60 * usecSec
	usecDay = 24 * 60 * usecMin
)

// two reads two digits; negative if they are not.
func two(b []byte) int {
	h, l := b[0]-'0', b[1]-'0'
	if h > 9 || l > 9 {
		return -1
	}
	return int(h)*10 + int(l)
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince2000 counts days in the Gregorian calendar; years that begin in March
// have their leap day last.
func daysSince2000(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	return int64(y*365 + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1 - 730425)
}

// timestamp reads yyyy-mm-dd hh:mm:ss[.ffffff][zone]; a T may stand for the
// blank, and the zone is Z, ±hh, ±hhmm or ±hh:mm.
func (c *column) timestamp(b []byte) bool {
	if len(b) < 19 || b[10] != ' ' && b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return false
	}
	days, ok := c.date(b)
	hh, mm, ss := two(b[11:]), two(b[14:]), two(b[17:])
	if !ok || hh|mm|ss < 0 || hh > 23 || mm > 59 || ss > 59 {
		return false
	}
	ts := days*usecDay + int64(hh*60+mm)*usecMin + int64(ss)*usecSec
	i := 19
	if i < len(b) && b[i] == '.' {
		unit := int64(usecSec)
		for i++; i < len(b) && b[i]-'0' <= 9; i++ {
			unit /= 10 // 0 after the sixth digit, which must be rounded
			ts += int64(b[i]-'0') * unit
		}
		if unit == 0 || i == 20 {
			return false
		}
	}
	if i < len(b) {
		minutes, ok := zoneOffset(b[i:])
		if !ok || c.kind != kindTimestamptz {
			return false
		}
		c.b.Int(ts - int64(minutes)*usecMin)
		return true
	}
	if c.kind == kindTimestamptz && c.zone != time.UTC {
		var err error
		if ts, err = types.TimestampToTimestamptz(ts, c.zone); err != nil {
			return false
		}
	}
	c.b.Int(ts)
	return true
}

// zoneOffset reads a zone in minutes east of Greenwich.
func zoneOffset(b []byte) (minutes int, ok bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) < 3 || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, m := two(b[1:]), 0
	switch {
	case len(b) == 3:
	case len(b) == 5:
		m = two(b[3:])
	case len(b) == 6 && b[3] == ':':
		m = two(b[4:])
	default:
		return 0, false
	}
	if h < 0 || h > 14 || m < 0 || m > 59 {
		return 0, false
	}
	if minutes = h*60 + m; b[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}
