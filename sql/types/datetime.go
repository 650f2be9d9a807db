package types

import (
	"math"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Dates are days and timestamps microseconds since 2000-01-01, in the proleptic
// Gregorian calendar; year 0 is 1 BC.
const (
	usecSec  = 1_000_000
	usecMin  = 60 * usecSec
	usecHour = 60 * usecMin
	usecDay  = 24 * usecHour

	epochUnix   = 946684800 // 2000-01-01 in Unix seconds
	unixEpoch   = -epochUnix * usecSec
	julianEpoch = 2451545 // Julian day of 2000-01-01

	dateMin      = -julianEpoch // 4714-11-24 BC
	dateMax      = 2147483493 - julianEpoch
	timestampMin = -211813488000000000
	timestampEnd = 9223371331200000000 // 294277-01-01

	negInfinity = math.MinInt64
	posInfinity = math.MaxInt64
)

func infinite(v int64) bool { return v == negInfinity || v == posInfinity }

func floorDiv64(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// civilToDate converts year, month, day to days since 2000-01-01; month and day
// may be out of range by a little. The calendar repeats every 400 years.
func civilToDate(y int64, m, d int) int64 {
	if m > 12 || m < 1 {
		y += floorDiv64(int64(m-1), 12)
		m = (m-1)%12 + 1
		if m < 1 {
			m += 12
		}
	}
	if m <= 2 {
		y--
	}
	era := floorDiv64(y, 400)
	yoe := y - era*400
	mp := int64((m + 9) % 12)
	doy := (153*mp+2)/5 + int64(d) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 730425
}

// dateToCivil is the inverse of civilToDate.
func dateToCivil(days int64) (y int64, m, d int) {
	z := days + 730425
	era := floorDiv64(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

func isLeap(y int64) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func daysInMonth(y int64, m int) int {
	switch m {
	case 2:
		if isLeap(y) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// splitTimestamp cuts a finite timestamp into days and µs of the day.
func splitTimestamp(ts int64) (days, usec int64) {
	days = floorDiv64(ts, usecDay)
	return days, ts - days*usecDay
}

// civil is a broken-down time; year is astronomical (0 = 1 BC).
type civil struct {
	year       int64
	month, day int
	usec       int64 // of the day
}

func breakDown(ts int64) civil {
	days, usec := splitTimestamp(ts)
	y, m, d := dateToCivil(days)
	return civil{y, m, d, usec}
}

func errTimestampRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
}

func errDateRange() error { return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range") }

func errIntervalRange() error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "interval out of range")
}

// timestamp puts the parts together again.
func (c civil) timestamp() (int64, error) {
	return joinTimestamp(civilToDate(c.year, c.month, c.day), c.usec)
}

func joinTimestamp(days, usec int64) (int64, error) {
	if days > timestampEnd/usecDay || days < timestampMin/usecDay {
		return 0, errTimestampRange()
	}
	ts, ok := addInt64(days*usecDay, usec)
	if !ok || ts < timestampMin || ts >= timestampEnd {
		return 0, errTimestampRange()
	}
	return ts, nil
}

func checkTimestamp(ts int64) (int64, error) {
	if ts < timestampMin || ts >= timestampEnd {
		return 0, errTimestampRange()
	}
	return ts, nil
}

func checkDate(d int64) (int64, error) {
	if d < dateMin || d > dateMax {
		return 0, errDateRange()
	}
	return d, nil
}

func addInt64(a, b int64) (int64, bool) {
	c := a + b
	return c, (c > a) == (b > 0)
}

func mulInt64(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	c := a * b
	return c, c/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
}

// TimestampOfTime converts a Go time to a timestamptz, rounded down to µs.
func TimestampOfTime(t time.Time) int64 {
	return (t.Unix()-epochUnix)*usecSec + int64(t.Nanosecond()/1000)
}

// TimeOfTimestamp converts a finite timestamptz to a Go time in UTC.
func TimeOfTimestamp(ts int64) time.Time {
	s := floorDiv64(ts, usecSec)
	return time.Unix(s+epochUnix, (ts-s*usecSec)*1000).UTC()
}

// roundMicros rounds to p digits after the point, half away from zero.
func roundMicros(v int64, p int) int64 {
	if p >= maxTimePrecision || p < 0 {
		return v
	}
	unit := pow10[maxTimePrecision-p]
	if v >= 0 {
		return (v + unit/2) / unit * unit
	}
	return -((-v + unit/2) / unit * unit)
}
