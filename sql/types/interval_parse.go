package types

import (
	"math"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

type intervalUnit uint8

const (
	unitNone intervalUnit = iota
	unitMicro
	unitMilli
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitQuarter
	unitYear
	unitDecade
	unitCentury
	unitMillennium
)

var intervalUnits = map[string]intervalUnit{
	"us": unitMicro, "usec": unitMicro, "usecs": unitMicro, "useconds": unitMicro, "usecond": unitMicro, "microsecond": unitMicro, "microseconds": unitMicro, "microsecon": unitMicro,
	"ms": unitMilli, "msec": unitMilli, "msecs": unitMilli, "mseconds": unitMilli, "msecond": unitMilli, "millisecond": unitMilli, "milliseconds": unitMilli, "millisecon": unitMilli,
	"s": unitSecond, "sec": unitSecond, "secs": unitSecond, "second": unitSecond, "seconds": unitSecond,
	"m": unitMinute, "min": unitMinute, "mins": unitMinute, "minute": unitMinute, "minutes": unitMinute,
	"h": unitHour, "hr": unitHour, "hrs": unitHour, "hour": unitHour, "hours": unitHour,
	"d": unitDay, "day": unitDay, "days": unitDay,
	"w": unitWeek, "week": unitWeek, "weeks": unitWeek,
	"mon": unitMonth, "mons": unitMonth, "month": unitMonth, "months": unitMonth,
	"qtr": unitQuarter, "quarter": unitQuarter,
	"y": unitYear, "yr": unitYear, "yrs": unitYear, "year": unitYear, "years": unitYear,
	"dec": unitDecade, "decs": unitDecade, "decade": unitDecade, "decades": unitDecade,
	"c": unitCentury, "cent": unitCentury, "century": unitCentury, "centuries": unitCentury,
	"mil": unitMillennium, "mils": unitMillennium, "millennia": unitMillennium, "millennium": unitMillennium,
}

// intervalSum collects the parts of an interval and notes overflow once.
type intervalSum struct {
	months, days, micros int64
	over                 bool
}

func (s *intervalSum) add(to *int64, v, unit int64) {
	p, ok := mulInt64(v, unit)
	if !ok {
		s.over = true
	}
	if *to, ok = addInt64(*to, p); !ok {
		s.over = true
	}
}

// addFloat adds a fraction of a unit in µs, rounded.
func (s *intervalSum) addMicros(f float64) {
	f = math.RoundToEven(f)
	if !(math.Abs(f) < 9.2e18) {
		s.over = true
		return
	}
	s.add(&s.micros, int64(f), 1)
}

// fracDays adds a part of a day, in days; whole days stay days.
func (s *intervalSum) fracDays(f float64) {
	whole := math.Trunc(f)
	s.add(&s.days, int64(whole), 1)
	s.addMicros((f - whole) * usecDay)
}

// unit adds v + f (|f| < 1) of the unit: fractions go down to the next unit.
func (s *intervalSum) unit(u intervalUnit, v int64, f float64) {
	years := func(n int64) {
		s.add(&s.months, v, 12*n)
		s.add(&s.months, int64(math.RoundToEven(f*float64(12*n))), 1)
	}
	switch u {
	case unitMicro:
		s.add(&s.micros, v, 1)
		s.addMicros(f)
	case unitMilli:
		s.add(&s.micros, v, 1000)
		s.addMicros(f * 1000)
	case unitSecond:
		s.add(&s.micros, v, usecSec)
		s.addMicros(f * usecSec)
	case unitMinute:
		s.add(&s.micros, v, usecMin)
		s.addMicros(f * usecMin)
	case unitHour:
		s.add(&s.micros, v, usecHour)
		s.addMicros(f * usecHour)
	case unitDay:
		s.add(&s.days, v, 1)
		s.addMicros(f * usecDay)
	case unitWeek:
		s.add(&s.days, v, 7)
		s.fracDays(f * 7)
	case unitMonth:
		s.add(&s.months, v, 1)
		s.fracDays(f * 30)
	case unitQuarter:
		s.add(&s.months, v, 3)
		s.add(&s.months, int64(math.RoundToEven(f*3)), 1)
	case unitYear:
		years(1)
	case unitDecade:
		years(10)
	case unitCentury:
		years(100)
	case unitMillennium:
		years(1000)
	}
}

func (s *intervalSum) value(neg bool) (iv IntervalValue, ok bool) {
	if neg {
		if s.micros == math.MinInt64 {
			return iv, false
		}
		s.months, s.days, s.micros = -s.months, -s.days, -s.micros
	}
	iv = IntervalValue{int32(s.months), int32(s.days), s.micros}
	return iv, !s.over && int64(iv.Months) == s.months && int64(iv.Days) == s.days
}

func errIntervalSyntax(in string) error {
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input syntax for type interval: \"%s\"", in)
}

// parseInterval reads an interval of type t (whose fields say what a bare
// number means) and applies t's modifier.
func parseInterval(in string, t Type, env *Env) (IntervalValue, error) {
	if len(in) > 1024 {
		return IntervalValue{}, errIntervalSyntax(in)
	}
	s := strings.ToLower(trimSpace(in))
	var sum intervalSum
	neg, ok := false, false
	if strings.HasPrefix(s, "p") {
		ok = isoInterval(s[1:], &sum)
	} else {
		neg, ok = tokenInterval(s, t, env.orDefault(), &sum)
	}
	if !ok && !sum.over {
		return IntervalValue{}, errIntervalSyntax(in)
	}
	iv, ok := sum.value(neg)
	if !ok {
		return iv, sqlerr.New(sqlerr.IntervalFieldOverflow, "interval field value out of range: \"%s\"", in)
	}
	return iv.applyMod(t.Mod)
}

// scanQuantity reads [sign]digits[.digits] as an integer and a fraction, both
// with the sign.
func scanQuantity(s string) (v int64, f float64, neg bool, n int, ok bool) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	start := i
	i = digitRun(s, i)
	end := i
	if i < len(s) && s[i] == '.' {
		j := digitRun(s, i+1)
		if j > i+1 {
			f, _ = strconv.ParseFloat("0"+s[i:j], 64)
		}
		i = j
	}
	if i == start || i == start+1 && s[start] == '.' {
		return 0, 0, neg, 0, false
	}
	if end > start {
		var err error
		if v, err = strconv.ParseInt(s[start:end], 10, 64); err != nil {
			return math.MaxInt64, 0, neg, i, true
		}
	}
	if neg {
		v, f = -v, -f
	}
	return v, f, neg, i, true
}

// isoInterval reads what follows P: 1Y2M3DT4H5M6S, 2W, or 0001-02-03T04:05:06.
func isoInterval(s string, sum *intervalSum) bool {
	if s == "" {
		return false
	}
	inTime, any := false, false
	for s != "" {
		if s[0] == 't' {
			if inTime {
				return false
			}
			inTime, any, s = true, true, s[1:]
			continue
		}
		if inTime && strings.IndexByte(s, ':') > 0 {
			n, ok := intervalClock(s, false, sum)
			return ok && n == len(s)
		}
		v, f, _, n, ok := scanQuantity(s)
		if !ok {
			return false
		}
		rest := s[n:]
		if rest == "" || rest[0] == '-' && !inTime {
			if strings.Count(s, "-") >= 1 && !any {
				n, ok := isoDashes(s, sum)
				if !ok {
					return false
				}
				s, any = s[n:], true
				continue
			}
			return false
		}
		var u intervalUnit
		switch c := rest[0]; {
		case c == 'y' && !inTime:
			u = unitYear
		case c == 'm' && !inTime:
			u = unitMonth
		case c == 'w' && !inTime:
			u = unitWeek
		case c == 'd' && !inTime:
			u = unitDay
		case c == 'h' && inTime:
			u = unitHour
		case c == 'm' && inTime:
			u = unitMinute
		case c == 's' && inTime:
			u = unitSecond
		default:
			return false
		}
		sum.unit(u, v, f)
		s, any = rest[1:], true
	}
	return any
}

// isoDashes reads yyyy-mm-dd of the alternative ISO format.
func isoDashes(s string, sum *intervalSum) (int, bool) {
	units := []intervalUnit{unitYear, unitMonth, unitDay}
	i := 0
	for k, u := range units {
		v, f, _, n, ok := scanQuantity(s[i:])
		if !ok {
			return 0, false
		}
		sum.unit(u, v, f)
		i += n
		if k == 2 || i == len(s) || s[i] != '-' {
			break
		}
		i++
	}
	return i, i == len(s) || s[i] == 't'
}

// intervalClock reads [sign]h:m[:s[.f]] or m:s.f; minSec: two parts are minutes
// and seconds.
func intervalClock(s string, minSec bool, sum *intervalSum) (int, bool) {
	i, neg := 0, false
	if s[0] == '-' || s[0] == '+' {
		neg, i = s[0] == '-', 1
	}
	var part [3]int64
	n, usec := 0, int64(0)
	for ; n < 3; n++ {
		end := digitRun(s, i)
		if end == i && n < 2 || end-i > 18 {
			return 0, false
		}
		part[n] = atoi(s[i:end])
		i = end
		if i < len(s) && s[i] == '.' {
			usec, i = fraction(s, i)
			n++
			minSec = minSec || n == 2
			break
		}
		if i == len(s) || s[i] != ':' {
			n++
			break
		}
		i++
	}
	h, m, sec := part[0], part[1], part[2]
	if n == 2 && minSec {
		h, m, sec = 0, part[0], part[1]
	}
	if n < 2 {
		return 0, false
	}
	if m > 59 && !(n == 2 && minSec && m < 60) || sec > 60 {
		sum.over = true
	}
	sign := int64(1)
	if neg {
		sign = -1
	}
	sum.add(&sum.micros, sign*h, usecHour)
	sum.add(&sum.micros, sign*(m*usecMin+sec*usecSec+usec), 1)
	return i, true
}

// tokenInterval reads PostgreSQL's verbose form: numbers with units, times,
// year-month pairs, in any order; @ is noise and ago negates.
func tokenInterval(s string, t Type, env *Env, sum *intervalSum) (neg, ok bool) {
	low := IntervalSecond
	minSec := false
	if t.OID == OIDInterval && t.Mod >= 0 {
		fields, _ := intervalMod(t.Mod)
		if f := lowestField(fields); f != 0 {
			low = f
		}
		minSec = fields == IntervalMinute|IntervalSecond
	}
	// In the SQL standard's style a leading sign counts for all fields.
	allNeg := env.IntervalStyle == IntervalSQLStandard && strings.HasPrefix(s, "-") && !strings.ContainsAny(s[1:], "+-@")
	if allNeg {
		s = s[1:]
	}
	any, ago := false, false
	// Each unit may come once; a time counts as seconds.
	var seen uint32
	once := func(u intervalUnit) bool {
		dup := seen&(1<<u) != 0
		seen |= 1 << u
		return !dup
	}
	for i := 0; i < len(s); {
		c := s[i]
		if isSpace(c) || c == '@' || c == ',' {
			i++
			continue
		}
		if isLetter(c) {
			n := i
			for n < len(s) && isLetter(s[n]) {
				n++
			}
			if s[i:n] != "ago" || trimSpace(s[n:]) != "" {
				return false, false
			}
			ago, i = true, n
			continue
		}
		end := i
		for end < len(s) && !isSpace(s[end]) && !isLetter(s[end]) && s[end] != ',' && (end == i || s[end] != '+' && (s[end] != '-' || isDigit(s[end-1]))) {
			end++
		}
		word := s[i:end]
		dash := strings.LastIndexByte(word, '-')
		switch {
		case strings.IndexByte(word, ':') >= 0:
			n, ok := intervalClock(word, minSec, sum)
			if !ok || n != len(word) || !once(unitSecond) {
				return false, sum.over
			}
			i, any = end, true
			continue
		case dash > 0:
			if !yearMonth(word, dash, sum) || !once(unitMonth) {
				return false, false
			}
			i, any = end, true
			continue
		}
		v, f, _, n, ok := scanQuantity(s[i:])
		if !ok {
			return false, false
		}
		i += n
		any = true
		u, n, ok := unitAt(s[i:])
		if !ok {
			return false, false
		}
		i += n
		if u == unitNone {
			switch low {
			case IntervalYear:
				u = unitYear
			case IntervalMonth:
				u = unitMonth
			case IntervalDay:
				u = unitDay
			case IntervalHour:
				u = unitHour
			case IntervalMinute:
				u = unitMinute
			default:
				u = unitSecond
			}
			// A number before a time is days: '1 02:03:04'.
			if low != IntervalDay && low != IntervalMonth && low != IntervalYear && clockFollows(s[i:]) {
				u = unitDay
			}
		}
		if !once(u) {
			return false, false
		}
		sum.unit(u, v, f)
	}
	return ago != allNeg, any
}

func clockFollows(s string) bool {
	s = strings.TrimLeft(s, " \t")
	for i := 0; i < len(s); i++ {
		if s[i] == ':' {
			return i > 0
		}
		if !isDigit(s[i]) && !(i == 0 && (s[i] == '-' || s[i] == '+')) {
			return false
		}
	}
	return false
}

// unitAt reads a unit name after blanks; unitNone if there is none.
func unitAt(s string) (u intervalUnit, n int, ok bool) {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	n = i
	for n < len(s) && isLetter(s[n]) {
		n++
	}
	if n == i || s[i:n] == "ago" {
		return unitNone, 0, true
	}
	u, ok = intervalUnits[s[i:n]]
	return u, n, ok && u != unitQuarter // a field to extract, but no unit
}

// yearMonth reads y-m.
func yearMonth(w string, dash int, sum *intervalSum) bool {
	head, neg := w[:dash], false
	if head[0] == '-' || head[0] == '+' {
		neg, head = head[0] == '-', head[1:]
	}
	y, err1 := strconv.ParseInt(head, 10, 32)
	m, err2 := strconv.ParseInt(w[dash+1:], 10, 32)
	if err1 != nil || err2 != nil || y < 0 {
		return false
	}
	if m > 11 || m < 0 {
		sum.over = true
		return true
	}
	if neg {
		y, m = -y, -m
	}
	sum.add(&sum.months, y, 12)
	sum.add(&sum.months, m, 1)
	return true
}
