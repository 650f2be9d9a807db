package types

import "time"

// appendPad writes v with at least width digits.
func appendPad(dst []byte, v, width int) []byte {
	var buf [20]byte
	i := len(buf)
	for u := uint64(v); u > 0 || width > 0; width-- {
		i--
		buf[i] = byte('0' + u%10)
		u /= 10
	}
	return append(dst, buf[i:]...)
}

func append2(dst []byte, v int) []byte {
	return append(dst, byte('0'+v/10%10), byte('0'+v%10))
}

// appendInfinity writes the infinities of date and timestamps.
func appendInfinity(dst []byte, v int64) []byte {
	if v == posInfinity {
		return append(dst, "infinity"...)
	}
	return append(dst, "-infinity"...)
}

func appendCivilDate(dst []byte, y int64, m, d int) []byte {
	if y <= 0 {
		y = 1 - y
	}
	dst = appendPad(dst, int(y), 4)
	dst = append(dst, '-')
	dst = append2(dst, m)
	dst = append(dst, '-')
	return append2(dst, d)
}

func appendDate(dst []byte, days int64) []byte {
	if infinite(days) {
		return appendInfinity(dst, days)
	}
	y, m, d := dateToCivil(days)
	dst = appendCivilDate(dst, y, m, d)
	if y <= 0 {
		dst = append(dst, " BC"...)
	}
	return dst
}

// appendFraction writes .ffffff without trailing zeros.
func appendFraction(dst []byte, usec int) []byte {
	if usec == 0 {
		return dst
	}
	dst = append(dst, '.')
	dst = appendPad(dst, usec, 6)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func appendTime(dst []byte, usec int64) []byte {
	sec := int(usec / usecSec)
	dst = append2(dst, sec/3600)
	dst = append(dst, ':')
	dst = append2(dst, sec/60%60)
	dst = append(dst, ':')
	dst = append2(dst, sec%60)
	return appendFraction(dst, int(usec%usecSec))
}

func appendTimestamp(dst []byte, ts int64) []byte { return appendStamp(dst, ts, ' ', noOffset) }

func appendTimestamptz(dst []byte, ts int64, loc *time.Location) []byte {
	if infinite(ts) {
		return appendInfinity(dst, ts)
	}
	off := zoneOffset(ts, loc)
	return appendStamp(dst, ts+int64(off)*usecSec, ' ', off)
}

const noOffset = -1 << 30

// appendStamp writes a local time; sep is ' ' or 'T', offset the zone to show
// (noOffset: none).
func appendStamp(dst []byte, ts int64, sep byte, offset int) []byte {
	if infinite(ts) {
		return appendInfinity(dst, ts)
	}
	c := breakDown(ts)
	dst = appendCivilDate(dst, c.year, c.month, c.day)
	dst = append(dst, sep)
	dst = appendTime(dst, c.usec)
	if offset != noOffset {
		dst = appendOffset(dst, offset)
	}
	if c.year <= 0 {
		dst = append(dst, " BC"...)
	}
	return dst
}
