package types

import (
	"math"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// addMonths moves a local time by months; a day beyond the end of the month
// becomes its last.
func addMonths(ts int64, months int32) (int64, error) {
	c := breakDown(ts)
	m := c.year*12 + int64(c.month-1) + int64(months)
	c.year = floorDiv64(m, 12)
	c.month = int(m-c.year*12) + 1
	c.day = min(c.day, daysInMonth(c.year, c.month))
	return c.timestamp()
}

// addPlain adds µs and checks the range.
func addPlain(ts, usec int64) (int64, error) {
	out, ok := addInt64(ts, usec)
	if !ok && usec != 0 {
		return 0, errTimestampRange()
	}
	return checkTimestamp(out)
}

// TimestampAdd adds months, then days, then the time.
func TimestampAdd(ts int64, iv IntervalValue) (int64, error) {
	return TimestamptzAdd(ts, iv, time.UTC)
}

// TimestamptzAdd is TimestampAdd for instants: months and days keep the local
// time of day in loc, whatever the length of those days.
func TimestamptzAdd(ts int64, iv IntervalValue, loc *time.Location) (int64, error) {
	if infinite(ts) {
		return ts, nil
	}
	var err error
	if iv.Months != 0 {
		if ts, err = addMonths(ts+int64(zoneOffset(ts, loc))*usecSec, iv.Months); err != nil {
			return 0, err
		}
		ts = localToUTC(ts, loc)
	}
	if iv.Days != 0 {
		days, usec := splitTimestamp(ts + int64(zoneOffset(ts, loc))*usecSec)
		if ts, err = joinTimestamp(days+int64(iv.Days), usec); err != nil {
			return 0, err
		}
		ts = localToUTC(ts, loc)
	}
	return addPlain(ts, iv.Micros)
}

// TimestampSub is a - b in days and time.
func TimestampSub(a, b int64) (IntervalValue, error) {
	if infinite(a) || infinite(b) {
		return IntervalValue{}, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
	}
	d := a - b
	if (a >= b) != (d >= 0) {
		return IntervalValue{}, errIntervalRange()
	}
	return JustifyHours(IntervalValue{Micros: d})
}

// TimestampAge is age(a, b): the difference by calendar fields.
func TimestampAge(a, b int64) (IntervalValue, error) { return TimestamptzAge(a, b, time.UTC) }

// TimestamptzAge is age of instants, by the fields that loc shows.
func TimestamptzAge(a, b int64, loc *time.Location) (IntervalValue, error) {
	if infinite(a) || infinite(b) {
		return IntervalValue{}, errTimestampRange()
	}
	x := breakDown(a + int64(zoneOffset(a, loc))*usecSec)
	y := breakDown(b + int64(zoneOffset(b, loc))*usecSec)
	neg := a < b
	if neg {
		x, y = y, x
	}
	months := (x.year-y.year)*12 + int64(x.month-y.month)
	days, usec := x.day-y.day, x.usec-y.usec
	if usec < 0 {
		usec += usecDay
		days--
	}
	for days < 0 {
		// The month borrowed from is that of the earlier time.
		days += daysInMonth(y.year, y.month)
		months--
	}
	iv := IntervalValue{int32(months), int32(days), usec}
	if neg {
		iv = IntervalValue{-iv.Months, -iv.Days, -iv.Micros}
	}
	return iv, nil
}

// TimeAdd adds the time part of iv around the clock.
func TimeAdd(t int64, iv IntervalValue) int64 {
	v := t + iv.Micros%usecDay
	return v - floorDiv64(v, usecDay)*usecDay
}

// DateAdd adds days.
func DateAdd(date, days int64) (int64, error) {
	if infinite(date) {
		return date, nil
	}
	if days > math.MaxInt32 || days < math.MinInt32 {
		return 0, errDateRange()
	}
	return checkDate(date + days)
}

// DateSub is a - b in days.
func DateSub(a, b int64) (int64, error) {
	if infinite(a) || infinite(b) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite dates")
	}
	return a - b, nil
}

// DateToTimestamp is midnight of a date.
func DateToTimestamp(date int64) (int64, error) { return DateToTimestamptz(date, time.UTC) }

// DateToTimestamptz is midnight of a date in loc.
func DateToTimestamptz(date int64, loc *time.Location) (int64, error) {
	if infinite(date) {
		return date, nil
	}
	if date >= timestampEnd/usecDay || date < timestampMin/usecDay {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range for timestamp")
	}
	return checkTimestamp(localToUTC(date*usecDay, loc))
}

// TimestampToDate drops the time.
func TimestampToDate(ts int64) int64 {
	if infinite(ts) {
		return ts
	}
	return floorDiv64(ts, usecDay)
}

// TimestampToTimestamptz is ts AT TIME ZONE loc: the instant when clocks in loc
// show ts.
func TimestampToTimestamptz(ts int64, loc *time.Location) (int64, error) {
	if infinite(ts) {
		return ts, nil
	}
	return checkTimestamp(localToUTC(ts, loc))
}

// TimestamptzToTimestamp is what clocks in loc show at the instant ts.
func TimestamptzToTimestamp(ts int64, loc *time.Location) (int64, error) {
	if infinite(ts) {
		return ts, nil
	}
	return checkTimestamp(ts + int64(zoneOffset(ts, loc))*usecSec)
}

// IntervalAtZone is the zone of AT TIME ZONE interval; positive is east.
func IntervalAtZone(iv IntervalValue) (*time.Location, error) {
	if iv.Months != 0 || iv.Days != 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "interval time zone \"%s\" must not include months or days",
			appendInterval(nil, iv, IntervalPostgres))
	}
	return FixedZone(int(iv.Micros / usecSec)), nil
}

// DateBin moves ts back to the start of its stride, counted from origin.
func DateBin(stride IntervalValue, ts, origin int64) (int64, error) {
	if infinite(ts) {
		return ts, nil
	}
	if infinite(origin) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "origin out of range")
	}
	if stride.Months != 0 {
		return 0, sqlerr.New(sqlerr.FeatureNotSupported, "timestamps cannot be binned into intervals containing months or years")
	}
	size, ok1 := mulInt64(int64(stride.Days), usecDay)
	size, ok2 := addInt64(size, stride.Micros)
	if !ok1 || !ok2 && stride.Micros != 0 {
		return 0, errIntervalRange()
	}
	if size <= 0 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "stride must be greater than zero")
	}
	diff := ts - origin
	if (ts >= origin) != (diff >= 0) {
		return 0, errTimestampRange()
	}
	return checkTimestamp(ts - (diff - floorDiv64(diff, size)*size))
}

// MakeDate is make_date; a negative year is BC.
func MakeDate(year, month, day int) (int64, error) {
	bad := func() error {
		return sqlerr.New(sqlerr.DatetimeFieldOverflow, "date field value out of range: %d-%02d-%02d", year, month, day)
	}
	y := int64(year)
	if y < 0 {
		y++
	} else if y == 0 {
		return 0, bad()
	}
	if month < 1 || month > 12 || day < 1 || day > daysInMonth(y, month) {
		return 0, bad()
	}
	if y > 6000000 || y < -6000 {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", year, month, day)
	}
	d := civilToDate(y, month, day)
	if _, err := checkDate(d); err != nil {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "date out of range: %d-%02d-%02d", year, month, day)
	}
	return d, nil
}

// MakeTime is make_time.
func MakeTime(hour, minute int, sec float64) (int64, error) {
	usec := math.RoundToEven(sec * usecSec)
	if hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(usec >= 0 && usec <= 60*usecSec) || hour == 24 && (minute > 0 || usec > 0) {
		return 0, sqlerr.New(sqlerr.DatetimeFieldOverflow, "time field value out of range: %d:%02d:%02g", hour, minute, sec)
	}
	return int64(hour)*usecHour + int64(minute)*usecMin + int64(usec), nil
}

// MakeTimestamp is make_timestamp.
func MakeTimestamp(year, month, day, hour, minute int, sec float64) (int64, error) {
	d, err := MakeDate(year, month, day)
	if err != nil {
		return 0, err
	}
	t, err := MakeTime(hour, minute, sec)
	if err != nil {
		return 0, err
	}
	return joinTimestamp(d, t)
}

// MakeTimestamptz is make_timestamptz, the fields being local to loc.
func MakeTimestamptz(year, month, day, hour, minute int, sec float64, loc *time.Location) (int64, error) {
	ts, err := MakeTimestamp(year, month, day, hour, minute, sec)
	if err != nil {
		return 0, err
	}
	return checkTimestamp(localToUTC(ts, loc))
}
