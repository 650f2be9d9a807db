package types

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// patternTime collects what to_timestamp finds.
type patternTime struct {
	year, month, day, doy      int64
	hour, min, sec, usec       int64
	iso, isoWk, isoDay, julian int64
	hasYear, hasISO, h12       bool
	bc, pm, am                 bool
	offset                     int64
	hasOffset                  bool
	secs                       int64
	hasSecs                    bool
}

// ToDate is to_date.
func ToDate(s, pattern string) (int64, error) {
	p, err := parsePattern(s, pattern)
	if err != nil {
		return 0, err
	}
	d, err := p.date(s)
	if err != nil {
		return 0, err
	}
	return checkDate(d)
}

// ToTimestamp is to_timestamp(text, text): a timestamptz.
func ToTimestamp(s, pattern string, env *Env) (int64, error) {
	p, err := parsePattern(s, pattern)
	if err != nil {
		return 0, err
	}
	d, err := p.date(s)
	if err != nil {
		return 0, err
	}
	h := p.hour
	if p.h12 || p.am || p.pm {
		if p.h12 && (h < 1 || h > 12) {
			return 0, sqlerr.New(sqlerr.InvalidDatetimeFormat, "hour \"%d\" is invalid for the 12-hour clock", h).
				WithHint("Use the 24-hour clock, or give an hour between 1 and 12.")
		}
		if p.pm && h < 12 {
			h += 12
		} else if !p.pm && p.h12 && h == 12 {
			h = 0
		} else if p.am && h == 12 {
			h = 0
		}
	}
	if h > 23 || p.min > 59 || p.sec > 59 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s)
	}
	usec := h*usecHour + p.min*usecMin + p.sec*usecSec + p.usec
	if p.hasSecs {
		usec = p.secs*usecSec + p.usec
	}
	ts, err := joinTimestamp(d, usec)
	if err != nil {
		return 0, err
	}
	if p.hasOffset {
		return checkTimestamp(ts - p.offset*usecSec)
	}
	return checkTimestamp(localToUTC(ts, env.loc()))
}

func (p *patternTime) date(s string) (int64, error) {
	bad := func() error {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", s)
	}
	if p.julian > 0 {
		return p.julian - julianEpoch, nil
	}
	if p.hasISO {
		return isoWeekStart(p.iso, int(max(p.isoWk, 1))) + max(p.isoDay, 1) - 1, nil
	}
	y := p.year
	if !p.hasYear {
		y = 0 // PostgreSQL's default is 1 BC
	}
	if p.bc {
		if y > 0 {
			y = 1 - y
		}
	} else if p.hasYear && y < 0 {
		y++
	}
	if y > 6_000_000 || y < -6_000 {
		return 0, bad()
	}
	if p.doy > 0 {
		if p.doy > 366 || p.doy == 366 && !isLeap(y) {
			return 0, bad()
		}
		return civilToDate(y, 1, 1) + p.doy - 1, nil
	}
	m, d := max(p.month, 1), max(p.day, 1)
	if m > 12 || d > int64(daysInMonth(y, int(m))) {
		return 0, bad()
	}
	return civilToDate(y, int(m), int(d)), nil
}

// fieldWidth is how many digits a numeric field takes when the next field
// follows without a separator.
func fieldWidth(key string) int {
	switch key {
	case "HH24", "HH12", "HH", "MI", "SS", "MM", "DD", "WW", "IW", "YY", "IY", "CC", "TZH", "TZM":
		return 2
	case "DDD", "IDDD", "MS", "YYY", "IYY":
		return 3
	case "YYYY", "IYYY":
		return 4
	case "US":
		return 6
	case "SSSS", "SSSSS":
		return 5
	case "J":
		return 7
	case "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		return int(key[2] - '0')
	}
	return 1
}

func parsePattern(s, pattern string) (*patternTime, error) {
	p := &patternTime{}
	nodes := datePattern(pattern)
	i := 0
	for k, n := range nodes {
		if n.key == "FX" {
			continue
		}
		if n.key == "" {
			i = skipLiteral(s, i, n.literal)
			continue
		}
		for i < len(s) && isSpace(s[i]) {
			i++
		}
		if i >= len(s) {
			break
		}
		if end, ok, err := p.word(s, i, n); ok || err != nil {
			if err != nil {
				return p, err
			}
			i = end
			continue
		}
		// Digits run on when no digit can belong to the next field.
		width := fieldWidth(n.key)
		if n.fill || k+1 == len(nodes) || nodes[k+1].key == "" && !isDigit(nodes[k+1].literal[0]) {
			width = 18
		}
		neg := false
		if s[i] == '-' || s[i] == '+' {
			neg = s[i] == '-'
			i++
		}
		end := i
		for end < len(s) && isDigit(s[end]) && end-i < width {
			end++
		}
		if n.key == "Y,YYY" {
			if j := digitRun(s, i); j+4 <= len(s) && s[j] == ',' {
				p.year, p.hasYear = atoi(s[i:j])*1000+atoi(s[j+1:j+4]), true
				i = j + 4
				continue
			}
		}
		if end == i {
			return p, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid value \"%s\" for \"%s\"", s[i:min(len(s), i+fieldWidth(n.key))], n.key).
				WithDetail("Value must be an integer.")
		}
		v := atoi(s[i:end])
		if neg {
			v = -v
		}
		p.set(n.key, v, end-i)
		i = end
		if n.th != 0 && i+2 <= len(s) && isLetter(s[i]) {
			i += 2
		}
	}
	return p, nil
}

// skipLiteral passes over pattern text: a separator matches any separators, other
// characters any character.
func skipLiteral(s string, i int, lit string) int {
	for k := 0; k < len(lit); k++ {
		switch c := lit[k]; {
		case isLetter(c) || isDigit(c) || c >= 0x80:
			if i < len(s) {
				i++
			}
		default:
			for i < len(s) && isSpace(s[i]) {
				i++
			}
			if i < len(s) && !isLetter(s[i]) && !isDigit(s[i]) && !isSpace(c) && s[i] < 0x80 {
				i++
			} else if i < len(s) && isSpace(c) && !isLetter(s[i]) && !isDigit(s[i]) && s[i] != '-' && s[i] != '+' {
				i++
			}
		}
	}
	return i
}

// word reads the fields that are not plain numbers.
func (p *patternTime) word(s string, i int, n patternNode) (end int, ok bool, err error) {
	oneOf := func(names []string, short bool) (int, int) {
		best, at := 0, -1
		for k, name := range names {
			if short {
				name = name[:3]
			}
			if len(s)-i >= len(name) && strings.EqualFold(s[i:i+len(name)], name) && len(name) > best {
				best, at = len(name), k
			}
		}
		return best, at
	}
	bad := func() (int, bool, error) {
		end := i
		for end < len(s) && !isSpace(s[end]) {
			end++
		}
		return 0, false, sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid value \"%s\" for \"%s\"", s[i:end], n.key).
			WithDetail("The given value did not match any of the allowed values for this field.")
	}
	switch key := strings.ToUpper(n.key); key {
	case "MONTH", "MON":
		size, at := oneOf(monthNames, key == "MON")
		if at < 0 {
			return bad()
		}
		p.month = int64(at + 1)
		return i + size, true, nil
	case "DAY", "DY":
		size, at := oneOf(dayNames, key == "DY")
		if at < 0 {
			return bad()
		}
		return i + size, true, nil
	case "RM":
		size, at := oneOf(romanMonths[:], false)
		if at < 0 {
			return bad()
		}
		p.month = int64(at + 1)
		return i + size, true, nil
	case "AM", "PM", "A.M.", "P.M.":
		size, at := oneOf([]string{"am", "pm", "a.m.", "p.m."}, false)
		if at < 0 {
			return bad()
		}
		p.pm = at%2 == 1
		p.am = !p.pm
		return i + size, true, nil
	case "BC", "AD", "B.C.", "A.D.":
		size, at := oneOf([]string{"bc", "ad", "b.c.", "a.d."}, false)
		if at < 0 {
			return bad()
		}
		p.bc = at%2 == 0
		return i + size, true, nil
	case "TZH":
		sign := int64(1)
		if s[i] == '-' || s[i] == '+' {
			if s[i] == '-' {
				sign = -1
			}
			i++
		}
		end := i
		for end < len(s) && end < i+2 && isDigit(s[end]) {
			end++
		}
		p.offset, p.hasOffset = sign*atoi(s[i:end])*3600, true
		return end, true, nil
	case "TZM":
		end := i
		for end < len(s) && end < i+2 && isDigit(s[end]) {
			end++
		}
		m := atoi(s[i:end]) * 60
		if p.offset < 0 {
			m = -m
		}
		p.offset, p.hasOffset = p.offset+m, true
		return end, true, nil
	case "TZ", "OF":
		return 0, false, sqlerr.New(sqlerr.FeatureNotSupported, "formatting field \"%s\" is only supported in to_char", n.key)
	}
	return 0, false, nil
}

// set stores a numeric field read from n digits.
func (p *patternTime) set(key string, v int64, n int) {
	scaled := func(digits int) int64 { // a fraction such as MS '5' is 500 ms
		for ; n < digits; n++ {
			v *= 10
		}
		for ; n > digits; n-- {
			v /= 10
		}
		return v
	}
	switch key {
	case "HH24":
		p.hour = v
	case "HH", "HH12":
		p.hour, p.h12 = v, true
	case "MI":
		p.min = v
	case "SS":
		p.sec = v
	case "MS":
		p.usec += scaled(3) * 1000
	case "US":
		p.usec += scaled(6)
	case "FF1", "FF2", "FF3", "FF4", "FF5", "FF6":
		p.usec += scaled(6)
	case "SSSS", "SSSSS":
		p.secs, p.hasSecs = v, true
	case "YYYY":
		p.year, p.hasYear = v, true
	case "YYY", "YY", "Y":
		p.year, p.hasYear = nearYear(v, n), true
	case "IYYY":
		p.iso, p.hasISO = v, true
	case "IYY", "IY", "I":
		p.iso, p.hasISO = nearYear(v, n), true
	case "MM":
		p.month = v
	case "DD":
		p.day = v
	case "DDD":
		p.doy = v
	case "IDDD":
		p.isoWk, p.isoDay = (v-1)/7+1, (v-1)%7+1
	case "IW":
		p.isoWk = v
	case "ID":
		p.isoDay = v
	case "WW":
		p.doy = (v-1)*7 + 1
	case "W":
		p.day = (v-1)*7 + 1
	case "J":
		p.julian = v
	}
}

// nearYear completes a year of fewer than four digits to the one nearest 2020.
func nearYear(v int64, digits int) int64 {
	switch {
	case v < 0 || digits >= 4:
		return v
	case v < 70:
		return v + 2000
	case v < 100:
		return v + 1900
	case v < 520:
		return v + 2000
	case v < 1000:
		return v + 1000
	}
	return v
}
