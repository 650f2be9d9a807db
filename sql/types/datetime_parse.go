package types

import (
	"strings"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// The reader of date/time texts goes through a string once and sorts what it
// finds into these fields; sense is made of them at the end.
type dateScan struct {
	in  string
	t   Type
	env *Env

	nums      [3]dateNum // unlabelled numbers in order of appearance
	numN      int
	month     int // named month, 0 = none
	monthAt   int // numbers seen before it
	doy       int
	date      int64 // a complete date, if hasDate
	hasDate   bool
	bc        bool
	hasTime   bool
	usec      int64
	pm        byte // 'a', 'p' or 0
	zone      *time.Location
	special   string
	stickyISO bool // a T stood before the time
}

type dateNum struct {
	v      int64
	digits int
}

func (p *dateScan) bad() error {
	// PostgreSQL shortens the names of the types without time zone here.
	name := strings.TrimSuffix(p.t.Base().String(), " without time zone")
	return sqlerr.New(sqlerr.InvalidDatetimeFormat, "invalid input syntax for type %s: \"%s\"", name, p.in)
}

func (p *dateScan) field() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", p.in)
}

// fieldOrder is the error for a month or day that another date order may fit.
func (p *dateScan) fieldOrder() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date/time field value out of range: \"%s\"", p.in).
		WithHint("Perhaps you need a different \"datestyle\" setting.")
}

func (p *dateScan) displacement() error {
	return sqlerr.New(sqlerr.InvalidTimeZoneDisplacement, "time zone displacement out of range: \"%s\"", p.in)
}

var monthNames = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
var dayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// nameIndex finds a month or day by its first three letters or more; 0 = none.
func nameIndex(names []string, word string) int {
	if len(word) < 3 {
		return 0
	}
	for i, n := range names {
		if n == word || n[:3] == word {
			return i + 1
		}
		switch word { // the four- and five-letter abbreviations that PostgreSQL knows
		case "sept", "tues", "weds", "thur", "thurs":
			if n[:3] == word[:3] {
				return i + 1
			}
		}
	}
	return 0
}

func (p *dateScan) scan() error {
	s := p.in
	for i := 0; i < len(s); {
		c := s[i]
		n, err := 0, error(nil)
		switch {
		case isSpace(c) || c == ',':
			n = 1
		case isDigit(c):
			n, err = p.number(s[i:])
		case isLetter(c):
			n, err = p.word(s[i:])
		case c == '+' || c == '-':
			n, err = p.signed(s[i:])
		case c == '/' || c == '.':
			// Left over between the parts of a date such as 5/Jan/2024.
			if p.numN == 0 && p.month == 0 || p.hasTime {
				return p.bad()
			}
			n = 1
		default:
			return p.bad()
		}
		if err != nil {
			return err
		}
		i += n
	}
	return nil
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digitRun(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// number reads what starts with a digit: a time, a date, a bare number.
func (p *dateScan) number(s string) (int, error) {
	end := digitRun(s, 0)
	switch {
	case end < len(s) && s[end] == ':':
		return p.clock(s)
	case p.stickyISO && !p.hasTime:
		return p.packedTime(s, end)
	case p.dateDone() && !p.hasTime && (end == 6 || end == 4):
		return p.packedTime(s, end)
	case !p.hasDate && p.numN == 0 && p.month == 0 && end >= 6 && (end == len(s) || s[end] != '-' && s[end] != '/'):
		return end, p.packedDate(s[:end])
	case !p.hasDate && end < len(s) && (s[end] == '-' || s[end] == '/' || s[end] == '.'):
		if n, ok, err := p.dayOfYear(s, end); ok {
			return n, err
		}
	}
	if p.hasDate || p.numN == len(p.nums) || end > 9 {
		return 0, p.bad()
	}
	v := atoi(s[:end])
	p.nums[p.numN] = dateNum{v, end}
	p.numN++
	// A separator belongs to the date, unless an offset follows a complete one.
	if end < len(s) && !p.dateDone() && (s[end] == '-' || s[end] == '/' || s[end] == '.') {
		end++
		if end == len(s) || !isDigit(s[end]) && !isLetter(s[end]) {
			return 0, p.bad()
		}
	}
	return end, nil
}

func (p *dateScan) dateDone() bool {
	return p.hasDate || p.numN == 3 || p.month > 0 && p.numN == 2
}

func atoi(s string) (v int64) {
	for i := 0; i < len(s) && i < 18; i++ {
		v = v*10 + int64(s[i]-'0')
	}
	return v
}

// dayOfYear reads yyyy-ddd and yyyy.ddd.
func (p *dateScan) dayOfYear(s string, end int) (int, bool, error) {
	if end < 4 || p.numN != 0 || p.month != 0 || s[end] == '/' {
		return 0, false, nil
	}
	stop := digitRun(s, end+1)
	if stop-end-1 != 3 || stop < len(s) && (s[stop] == '-' || s[stop] == '.') {
		return 0, false, nil
	}
	y, doy := atoi(s[:end]), int(atoi(s[end+1:stop]))
	if doy < 1 || doy > 366 || doy == 366 && !isLeap(y) {
		return 0, true, p.field()
	}
	p.nums[0], p.numN = dateNum{y, end}, 1
	p.doy = doy
	p.date, p.hasDate = civilToDate(y, 1, 1)+int64(doy-1), true
	return stop, true, nil
}

// packedDate reads yyyymmdd and yymmdd.
func (p *dateScan) packedDate(s string) error {
	n := len(s)
	if n > 11 {
		return p.field()
	}
	y := atoi(s[:n-4])
	if n == 6 {
		y = twoDigitYear(y)
	}
	p.nums = [3]dateNum{{y, max(n-4, 4)}, {atoi(s[n-4 : n-2]), 2}, {atoi(s[n-2:]), 2}}
	p.numN = 3
	return nil
}

// packedTime reads hhmmss[.f], hhmm and hh.
func (p *dateScan) packedTime(s string, end int) (int, error) {
	var h, m, sec int64
	switch end {
	case 6:
		sec = atoi(s[4:6])
		fallthrough
	case 4:
		m = atoi(s[2:4])
		fallthrough
	case 2:
		h = atoi(s[:2])
	default:
		return 0, p.bad()
	}
	usec := int64(0)
	if end == 6 && end < len(s) && s[end] == '.' {
		usec, end = fraction(s, end)
	}
	return end, p.setTime(h, m, sec, usec)
}

// fraction reads .ddd at s[i] as µs, rounded.
func fraction(s string, i int) (usec int64, end int) {
	end = digitRun(s, i+1)
	d := s[i+1 : end]
	usec = atoi(d[:min(len(d), 6)])
	for k := len(d); k < 6; k++ {
		usec *= 10
	}
	if len(d) > 6 && d[6] >= '5' {
		usec++
	}
	return usec, end
}

// clock reads h:m[:s[.f]].
func (p *dateScan) clock(s string) (int, error) {
	i := digitRun(s, 0)
	h := atoi(s[:i])
	j := digitRun(s, i+1)
	if j == i+1 || j > i+3 || i > 6 {
		return 0, p.bad()
	}
	m, sec, usec := atoi(s[i+1:j]), int64(0), int64(0)
	if j < len(s) && s[j] == ':' {
		k := digitRun(s, j+1)
		if k == j+1 || k > j+3 {
			return 0, p.bad()
		}
		sec, j = atoi(s[j+1:k]), k
		if j < len(s) && s[j] == '.' {
			usec, j = fraction(s, j)
		}
	}
	return j, p.setTime(h, m, sec, usec)
}

func (p *dateScan) setTime(h, m, sec, usec int64) error {
	if p.hasTime {
		return p.bad()
	}
	if m > 59 || sec > 60 || h > 24 || h == 24 && (m > 0 || sec > 0 || usec > 0) {
		return p.field()
	}
	p.hasTime = true
	p.usec = h*usecHour + m*usecMin + sec*usecSec + usec
	return nil
}

// word reads what starts with a letter: months, days, zones, special values.
func (p *dateScan) word(s string) (int, error) {
	n := 0
	for n < len(s) && isLetter(s[n]) {
		n++
	}
	w := strings.ToLower(s[:n])
	if n < len(s) && s[n] == '.' && nameIndex(monthNames, w) > 0 {
		n++
	}
	switch w {
	case "now", "today", "tomorrow", "yesterday", "epoch", "infinity", "allballs":
		if p.special != "" || p.hasDate || p.numN > 0 {
			return 0, p.bad()
		}
		p.special = w
		return n, nil
	case "t":
		if !p.hasDate && p.numN == 0 || p.hasTime {
			return 0, p.bad()
		}
		p.stickyISO = true
		return n, nil
	case "am", "pm":
		if !p.hasTime {
			return 0, p.bad()
		}
		p.pm = w[0]
		return n, nil
	case "bc", "ad":
		p.bc = w == "bc"
		return n, nil
	case "at", "on":
		return n, nil
	case "j", "jd":
		return p.julian(s, n)
	}
	if m := nameIndex(monthNames, w); m > 0 && !p.hasDate {
		if p.month > 0 {
			return 0, p.bad()
		}
		p.month, p.monthAt = m, p.numN
		if n < len(s) && (s[n] == '-' || s[n] == '/') && n+1 < len(s) && isDigit(s[n+1]) {
			n++
		}
		return n, nil
	}
	if nameIndex(dayNames, w) > 0 {
		return n, nil
	}
	return p.zoneName(s, n)
}

func (p *dateScan) julian(s string, n int) (int, error) {
	end := digitRun(s, n)
	if end == n || end-n > 10 || p.dateDone() {
		return 0, p.bad()
	}
	p.date, p.hasDate = atoi(s[n:end])-julianEpoch, true
	return end, nil
}

func (p *dateScan) zoneName(s string, n int) (int, error) {
	if p.zone != nil {
		return 0, p.bad()
	}
	// A full name goes on with / _ - + and digits; an abbreviation ends here,
	// and an offset behind it (UTC+3) belongs to it.
	end := n
	for end < len(s) && (isLetter(s[end]) || isDigit(s[end]) || strings.IndexByte("/_-+:", s[end]) >= 0) {
		end++
	}
	loc, err := LoadZone(s[:end])
	if err != nil {
		if n == end && !strings.Contains(s[:end], "/") && !p.hasTime && !p.dateDone() {
			return 0, p.bad()
		}
		if strings.Contains(s[:end], "/") {
			return 0, sqlerr.New(sqlerr.InvalidParameterValue, "time zone \"%s\" not recognized", strings.ToLower(s[:end]))
		}
		return 0, p.bad()
	}
	p.zone = loc
	return end, nil
}

// signed reads an offset, -infinity, or the dash in Jan-5-2024.
func (p *dateScan) signed(s string) (int, error) {
	if len(s) > 8 && strings.EqualFold(s[1:9], "infinity") && p.special == "" {
		p.special = "infinity"
		if s[0] == '-' {
			p.special = "-infinity"
		}
		return 9, nil
	}
	if s[0] == '-' && !p.hasTime && !p.dateDone() {
		return 1, nil
	}
	if !p.hasTime && !p.dateDone() || p.zone != nil {
		return 0, p.bad()
	}
	off, n, ok := scanOffset(s)
	if !ok {
		return 0, p.bad()
	}
	if off >= 16*3600 || off <= -16*3600 {
		return 0, p.displacement()
	}
	p.zone = FixedZone(off)
	return n, nil
}

func twoDigitYear(y int64) int64 {
	if y < 70 {
		return y + 2000
	}
	return y + 1900
}

// resolveDate makes a date of the numbers and the named month.
func (p *dateScan) resolveDate() error {
	if p.hasDate {
		if p.bc && p.doy == 0 {
			return p.bad()
		}
		return nil
	}
	var y, m, d dateNum
	switch {
	case p.month > 0 && p.numN == 2:
		m = dateNum{int64(p.month), 2}
		a, b := p.nums[0], p.nums[1]
		if a.digits > 2 || p.env.DateOrder == YMD && b.digits <= 2 {
			y, d = a, b
		} else {
			d, y = a, b
		}
	case p.month == 0 && p.numN == 3:
		a, b, c := p.nums[0], p.nums[1], p.nums[2]
		switch {
		case a.digits > 2 || p.env.DateOrder == YMD:
			y, m, d = a, b, c
		case p.env.DateOrder == DMY:
			d, m, y = a, b, c
		default:
			m, d, y = a, b, c
		}
	default:
		return p.bad()
	}
	if d.digits > 2 || m.digits > 2 {
		return p.fieldOrder()
	}
	if y.digits <= 2 && !p.bc {
		y.v = twoDigitYear(y.v)
	}
	if y.v == 0 {
		return p.field()
	}
	if p.bc {
		y.v = 1 - y.v
	}
	if m.v < 1 || m.v > 12 || d.v < 1 || d.v > 31 {
		return p.fieldOrder()
	}
	if d.v > int64(daysInMonth(y.v, int(m.v))) {
		return p.field()
	}
	p.date, p.hasDate = civilToDate(y.v, int(m.v), int(d.v)), true
	return nil
}

// resolve applies am/pm and makes the date if one was given.
func (p *dateScan) resolve(needDate bool) error {
	if p.pm != 0 {
		h := p.usec / usecHour
		switch {
		case h > 12:
			return p.field()
		case p.pm == 'p' && h != 12:
			p.usec += 12 * usecHour
		case p.pm == 'a' && h == 12:
			p.usec -= 12 * usecHour
		}
	}
	if needDate || p.numN > 0 || p.month > 0 {
		return p.resolveDate()
	}
	return nil
}

// parseStamp reads a date with an optional time: the local days and µs, the zone
// if one is named, or a special value.
func parseStamp(s string, t Type, env *Env) (p *dateScan, err error) {
	p = &dateScan{in: s, t: t, env: env.orDefault()}
	if len(s) > 128 {
		return p, p.bad()
	}
	if err := p.scan(); err != nil {
		return p, err
	}
	switch p.special {
	case "":
		return p, p.resolve(true)
	case "now":
		if p.hasTime {
			return p, p.bad()
		}
		p.zone = time.UTC
		p.date, p.usec = splitTimestamp(p.env.Now)
	case "epoch":
		p.zone, p.date, p.usec = time.UTC, -epochUnix/86400, 0
	case "today", "tomorrow", "yesterday":
		now := p.env.Now + int64(zoneOffset(p.env.Now, p.env.loc()))*usecSec
		p.date, _ = splitTimestamp(now)
		switch p.special {
		case "tomorrow":
			p.date++
		case "yesterday":
			p.date--
		}
		p.special = ""
		return p, p.resolve(false)
	case "allballs":
		return p, p.bad()
	}
	return p, nil
}

func (p *dateScan) infinity() (int64, bool) {
	switch p.special {
	case "infinity":
		return posInfinity, true
	case "-infinity":
		return negInfinity, true
	}
	return 0, false
}

func parseDate(s string, env *Env) (int64, error) {
	if d, ok := scanISODate(s); ok && len(s) == 10 {
		return d, nil
	}
	p, err := parseStamp(s, Date, env)
	if err != nil {
		return 0, err
	}
	if v, ok := p.infinity(); ok {
		return v, nil
	}
	d := p.date
	if p.special == "now" {
		d, _ = splitTimestamp(p.env.Now + int64(zoneOffset(p.env.Now, p.env.loc()))*usecSec)
	}
	if d < dateMin || d > dateMax {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: \"%s\"", s)
	}
	return d, nil
}

// parseTimestamp reads timestamp and timestamptz.
func parseTimestamp(s string, t Type, env *Env) (int64, error) {
	p, err := parseStamp(s, t, env)
	if err != nil {
		return 0, err
	}
	if v, ok := p.infinity(); ok {
		return v, nil
	}
	rangeErr := func() error {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range: \"%s\"", s)
	}
	if p.date > timestampEnd/usecDay+1 || p.date < timestampMin/usecDay-1 {
		return 0, rangeErr()
	}
	ts := p.date*usecDay + p.usec
	switch {
	case t.OID == OIDTimestamptz && p.zone != nil:
		ts = localToUTC(ts, p.zone)
	case t.OID == OIDTimestamptz:
		ts = localToUTC(ts, p.env.loc())
	case p.special == "now":
		ts += int64(zoneOffset(ts, p.env.loc())) * usecSec
	}
	if t.Mod >= 0 {
		ts = roundMicros(ts, int(t.Mod))
	}
	if ts < timestampMin || ts >= timestampEnd {
		return 0, rangeErr()
	}
	return ts, nil
}

func parseTime(s string, t Type, env *Env) (int64, error) {
	p := &dateScan{in: s, t: t, env: env.orDefault()}
	if len(s) > 128 {
		return 0, p.bad()
	}
	// A time needs no date, so packed digits are a time at once.
	trimmed := trimSpace(s)
	if n := digitRun(trimmed, 0); n == 4 || n == 6 {
		if n == len(trimmed) || trimmed[n] != '-' && trimmed[n] != '/' {
			p.stickyISO = true
		}
	}
	if trimmed != "" && trimmed[0]|0x20 == 't' && len(trimmed) > 1 && isDigit(trimmed[1]) {
		p.stickyISO, p.in = true, trimmed[1:]
	}
	if err := p.scan(); err != nil {
		return 0, err
	}
	p.in = s
	switch p.special {
	case "now":
		_, p.usec = splitTimestamp(p.env.Now + int64(zoneOffset(p.env.Now, p.env.loc()))*usecSec)
	case "allballs":
		p.usec = 0
	case "":
		if !p.hasTime {
			return 0, p.bad()
		}
		if err := p.resolve(false); err != nil {
			return 0, err
		}
	default:
		return 0, p.bad()
	}
	v := p.usec
	if t.Mod >= 0 {
		v = roundMicros(v, int(t.Mod))
	}
	return v, nil
}

// scanISODate reads yyyy-mm-dd at the start of s.
func scanISODate[S string | []byte](s S) (int64, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9} {
		if !isDigit(s[i]) {
			return 0, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	y, m, d := int64(two(0)*100+two(2)), two(5), two(8)
	if y == 0 || m < 1 || m > 12 || d < 1 || d > daysInMonth(y, m) {
		return 0, false
	}
	return civilToDate(y, m, d), true
}

// scanISO reads yyyy-mm-dd{T| }hh:mm:ss[.f] at the start of s; n is the length.
func scanISO[S string | []byte](s S) (ts int64, n int, ok bool) {
	if len(s) < 19 {
		return 0, 0, false
	}
	days, ok := scanISODate(s)
	if !ok || s[10] != ' ' && s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, 0, false
	}
	for _, i := range [...]int{11, 12, 14, 15, 17, 18} {
		if !isDigit(s[i]) {
			return 0, 0, false
		}
	}
	two := func(i int) int64 { return int64(s[i]-'0')*10 + int64(s[i+1]-'0') }
	h, m, sec := two(11), two(14), two(17)
	if h > 23 || m > 59 || sec > 59 {
		return 0, 0, false
	}
	ts = days*usecDay + h*usecHour + m*usecMin + sec*usecSec
	n = 19
	if n < len(s) && s[n] == '.' {
		unit := int64(usecSec / 10)
		for n++; n < len(s) && isDigit(s[n]); n++ {
			if unit == 0 {
				return 0, 0, false // needs rounding
			}
			ts += int64(s[n]-'0') * unit
			unit /= 10
		}
	}
	return ts, n, true
}

// ParseTimestamptzISO reads the one form that data has most of the time:
// yyyy-mm-dd hh:mm:ss[.ffffff] followed by Z or an offset ±hh[:mm]. With
// ok = false the text needs ParseText.
func ParseTimestamptzISO(b []byte) (int64, bool) { return scanISOZone(b) }

func scanISOZone[S string | []byte](s S) (int64, bool) {
	ts, n, ok := scanISO(s)
	if !ok || n >= len(s) {
		return 0, false
	}
	switch c := s[n]; {
	case c == 'Z' && n+1 == len(s):
		return ts, true
	case c == '+' || c == '-':
		rest := len(s) - n
		if rest != 3 && rest != 6 || !isDigit(s[n+1]) || !isDigit(s[n+2]) {
			return 0, false
		}
		off := int64(s[n+1]-'0')*10 + int64(s[n+2]-'0')
		off *= usecHour
		if rest == 6 {
			if s[n+3] != ':' || !isDigit(s[n+4]) || !isDigit(s[n+5]) || s[n+4] > '5' {
				return 0, false
			}
			off += (int64(s[n+4]-'0')*10 + int64(s[n+5]-'0')) * usecMin
		}
		if off >= 16*usecHour {
			return 0, false
		}
		if c == '-' {
			off = -off
		}
		return ts - off, true
	}
	return 0, false
}
