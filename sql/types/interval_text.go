package types

import "strconv"

func appendInterval(dst []byte, iv IntervalValue, style IntervalStyle) []byte {
	switch style {
	case IntervalISO8601:
		return appendIntervalISO(dst, iv)
	case IntervalSQLStandard:
		return appendIntervalSQL(dst, iv)
	case IntervalPostgresVerbose:
		return appendIntervalVerbose(dst, iv)
	}
	return appendIntervalPostgres(dst, iv)
}

// clockParts splits µs of one sign.
func clockParts(usec int64) (neg bool, h, m, sec, frac uint64) {
	u := absInt(usec)
	return usec < 0, u / usecHour, u / usecMin % 60, u / usecSec % 60, u % usecSec
}

// appendIntervalPostgres: a sign is repeated for a positive part that follows a
// negative one.
func appendIntervalPostgres(dst []byte, iv IntervalValue) []byte {
	start, wasNeg := len(dst), false
	part := func(v int64, unit string) {
		if v == 0 {
			return
		}
		if len(dst) > start {
			dst = append(dst, ' ')
		}
		if wasNeg && v > 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, v, 10)
		dst = append(dst, unit...)
		if v != 1 {
			dst = append(dst, 's')
		}
		wasNeg = v < 0
	}
	part(int64(iv.Months/12), " year")
	part(int64(iv.Months%12), " mon")
	part(int64(iv.Days), " day")
	if iv.Micros == 0 && len(dst) > start {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ' ')
	}
	neg, h, m, s, f := clockParts(iv.Micros)
	if neg {
		dst = append(dst, '-')
	} else if wasNeg {
		dst = append(dst, '+')
	}
	return appendClock(dst, h, m, s, f, 2)
}

func appendClock(dst []byte, h, m, s, f uint64, width int) []byte {
	dst = appendPad(dst, int(h), width)
	dst = append(dst, ':')
	dst = append2(dst, int(m))
	dst = append(dst, ':')
	dst = append2(dst, int(s))
	return appendFraction(dst, int(f))
}

func appendIntervalISO(dst []byte, iv IntervalValue) []byte {
	if iv == (IntervalValue{}) {
		return append(dst, "PT0S"...)
	}
	dst = append(dst, 'P')
	part := func(v int64, unit byte) {
		if v != 0 {
			dst = strconv.AppendInt(dst, v, 10)
			dst = append(dst, unit)
		}
	}
	part(int64(iv.Months/12), 'Y')
	part(int64(iv.Months%12), 'M')
	part(int64(iv.Days), 'D')
	if iv.Micros == 0 {
		return dst
	}
	dst = append(dst, 'T')
	part(iv.Micros/usecHour, 'H')
	part(iv.Micros/usecMin%60, 'M')
	if rest := iv.Micros % usecMin; rest != 0 {
		if rest < 0 {
			dst, rest = append(dst, '-'), -rest
		}
		dst = strconv.AppendInt(dst, rest/usecSec, 10)
		dst = appendFraction(dst, int(rest%usecSec))
		dst = append(dst, 'S')
	}
	return dst
}

func appendIntervalSQL(dst []byte, iv IntervalValue) []byte {
	hasMonth, hasDay := iv.Months != 0, iv.Days != 0 || iv.Micros != 0
	neg := iv.Months < 0 || iv.Days < 0 || iv.Micros < 0
	pos := iv.Months > 0 || iv.Days > 0 || iv.Micros > 0
	tn, h, m, s, f := clockParts(iv.Micros)
	sign := func(n bool) byte {
		if n {
			return '-'
		}
		return '+'
	}
	y, mon := absInt(int64(iv.Months))/12, absInt(int64(iv.Months))%12
	d := absInt(int64(iv.Days))
	switch {
	case !hasMonth && !hasDay:
		return append(dst, '0')
	case neg && pos || hasMonth && hasDay: // mixed: all parts, each with its sign
		dst = append(dst, sign(iv.Months < 0))
		dst = strconv.AppendUint(dst, y, 10)
		dst = append(dst, '-')
		dst = strconv.AppendUint(dst, mon, 10)
		dst = append(dst, ' ', sign(iv.Days < 0))
		dst = strconv.AppendUint(dst, d, 10)
		dst = append(dst, ' ', sign(tn))
		return appendClock(dst, h, m, s, f, 1)
	}
	if neg {
		dst = append(dst, '-')
	}
	if hasMonth {
		dst = strconv.AppendUint(dst, y, 10)
		dst = append(dst, '-')
		return strconv.AppendUint(dst, mon, 10)
	}
	if iv.Days != 0 {
		dst = strconv.AppendUint(dst, d, 10)
		dst = append(dst, ' ')
	}
	return appendClock(dst, h, m, s, f, 1)
}

// appendIntervalVerbose: the first part decides whether the whole is "ago".
func appendIntervalVerbose(dst []byte, iv IntervalValue) []byte {
	dst = append(dst, '@')
	first, ago := true, false
	part := func(v int64, frac int64, unit string) {
		if v == 0 && frac == 0 {
			return
		}
		if first {
			ago = v < 0 || frac < 0
			first = false
		}
		dst = append(dst, ' ')
		if ago {
			v, frac = -v, -frac
		}
		one := v == 1 && frac == 0
		if v < 0 || frac < 0 {
			dst, v, frac = append(dst, '-'), -v, -frac
		}
		dst = strconv.AppendInt(dst, v, 10)
		dst = appendFraction(dst, int(frac))
		dst = append(dst, unit...)
		if !one {
			dst = append(dst, 's')
		}
	}
	part(int64(iv.Months/12), 0, " year")
	part(int64(iv.Months%12), 0, " mon")
	part(int64(iv.Days), 0, " day")
	part(iv.Micros/usecHour, 0, " hour")
	part(iv.Micros/usecMin%60, 0, " min")
	part(iv.Micros/usecSec%60, iv.Micros%usecSec, " sec")
	if first {
		dst = append(dst, " 0"...)
	}
	if ago {
		dst = append(dst, " ago"...)
	}
	return dst
}
