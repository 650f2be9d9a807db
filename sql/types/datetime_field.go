package types

import (
	"math"
	"strings"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Fields that only extract knows, after the interval units.
const (
	fieldDow intervalUnit = iota + unitMillennium + 1
	fieldIsoDow
	fieldDoy
	fieldIsoYear
	fieldJulian
	fieldEpoch
	fieldZone
	fieldZoneHour
	fieldZoneMinute
)

var extraFields = map[string]intervalUnit{
	"dow": fieldDow, "isodow": fieldIsoDow, "doy": fieldDoy, "isoyear": fieldIsoYear, "julian": fieldJulian, "jd": fieldJulian, "j": fieldJulian,
	"epoch": fieldEpoch, "timezone": fieldZone, "timezone_h": fieldZoneHour, "timezone_hour": fieldZoneHour,
	"timezone_m": fieldZoneMinute, "timezone_minute": fieldZoneMinute,
}

func fieldNamed(name string) (intervalUnit, bool) {
	name = strings.ToLower(name)
	if u, ok := intervalUnits[name]; ok {
		return u, true
	}
	u, ok := extraFields[name]
	return u, ok
}

func errField(name string, t Type) error {
	name = strings.ToLower(name)
	if _, ok := fieldNamed(name); ok {
		return sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type %s", name, t.Base())
	}
	return sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", name, t.Base())
}

// errTruncField: date_trunc does not even know the fields that only extract has,
// but for the zone's.
func errTruncField(name string, t Type) error {
	if u, ok := fieldNamed(name); ok && u > unitMillennium && u < fieldZone {
		return sqlerr.New(sqlerr.InvalidParameterValue, "unit \"%s\" not recognized for type %s", strings.ToLower(name), t)
	}
	return errField(name, t)
}

// TimestampTrunc is date_trunc for timestamp.
func TimestampTrunc(field string, ts int64) (int64, error) {
	if infinite(ts) {
		return ts, nil
	}
	u, ok := fieldNamed(field)
	if !ok || u > unitMillennium {
		return 0, errTruncField(field, Timestamp)
	}
	return truncLocal(u, ts)
}

// TimestamptzTrunc is date_trunc for timestamptz, in loc.
func TimestamptzTrunc(field string, ts int64, loc *time.Location) (int64, error) {
	if infinite(ts) {
		return ts, nil
	}
	u, ok := fieldNamed(field)
	if !ok || u > unitMillennium {
		return 0, errTruncField(field, Timestamptz)
	}
	off := int64(zoneOffset(ts, loc)) * usecSec
	local, err := truncLocal(u, ts+off)
	if err != nil {
		return 0, err
	}
	if u >= unitDay { // the start may lie in another half of the year
		return checkTimestamp(localToUTC(local, loc))
	}
	return checkTimestamp(local - off)
}

func truncLocal(u intervalUnit, ts int64) (int64, error) {
	floor := func(unit int64) (int64, error) { return ts - (ts - floorDiv64(ts, unit)*unit), nil }
	switch u {
	case unitMicro:
		return ts, nil
	case unitMilli:
		return floor(1000)
	case unitSecond:
		return floor(usecSec)
	case unitMinute:
		return floor(usecMin)
	case unitHour:
		return floor(usecHour)
	case unitDay:
		return floor(usecDay)
	}
	days, _ := splitTimestamp(ts)
	if u == unitWeek {
		return joinTimestamp(days-int64(isoDow(days)-1), 0)
	}
	y, m, _ := dateToCivil(days)
	switch u {
	case unitMonth:
	case unitQuarter:
		m = (m-1)/3*3 + 1
	default:
		m = 1
		y = truncYear(u, y)
	}
	return joinTimestamp(civilToDate(y, m, 1), 0)
}

// truncYear gives the first year of a decade, century or millennium; centuries
// start with year 1.
func truncYear(u intervalUnit, y int64) int64 {
	switch u {
	case unitDecade:
		return floorDiv64(y, 10) * 10
	case unitCentury:
		return floorDiv64(y-1, 100)*100 + 1
	case unitMillennium:
		return floorDiv64(y-1, 1000)*1000 + 1
	}
	return y
}

// IntervalTrunc is date_trunc for interval.
func IntervalTrunc(field string, iv IntervalValue) (IntervalValue, error) {
	u, ok := fieldNamed(field)
	if !ok || u > unitMillennium {
		return iv, errTruncField(field, Interval)
	}
	cut := func(unit int64) { iv.Micros = iv.Micros / unit * unit }
	months := func(n int32) { iv = IntervalValue{Months: iv.Months / n * n} }
	switch u {
	case unitWeek:
		return iv, sqlerr.New(sqlerr.FeatureNotSupported, "unit \"%s\" not supported for type interval", strings.ToLower(field)).
			WithDetail("Months usually have fractional weeks.")
	case unitMilli:
		cut(1000)
	case unitSecond:
		cut(usecSec)
	case unitMinute:
		cut(usecMin)
	case unitHour:
		cut(usecHour)
	case unitDay:
		iv.Micros = 0
	case unitMonth:
		months(1)
	case unitQuarter:
		months(3)
	case unitYear:
		months(12)
	case unitDecade:
		months(120)
	case unitCentury:
		months(1200)
	case unitMillennium:
		months(12000)
	}
	return iv, nil
}

// dow is 0 for Sunday, isoDow 1 for Monday … 7 for Sunday. 2000-01-01 was a
// Saturday.
func dow(days int64) int { return int((days+6)%7+7) % 7 }

func isoDow(days int64) int { return (dow(days)+6)%7 + 1 }

// isoWeek returns ISO 8601's year and week: week 1 has the year's first Thursday.
func isoWeek(days int64) (year int64, week int) {
	thursday := days - int64(isoDow(days)) + 4
	year, _, _ = dateToCivil(thursday)
	return year, int(thursday-civilToDate(year, 1, 1))/7 + 1
}

// isoWeekStart is the Monday of a year's week.
func isoWeekStart(year int64, week int) int64 {
	jan4 := civilToDate(year, 1, 4)
	return jan4 - int64(isoDow(jan4)-1) + int64(week-1)*7
}

// DatePart is date_part: extract as float8. A date is a timestamp to it.
func DatePart(field string, d Datum, t Type, env *Env) (Datum, error) {
	if t.OID == OIDDate {
		ts, err := DateToTimestamp(d.I)
		if err != nil {
			return Datum{}, err
		}
		d, t = Int(ts), Timestamp
	}
	n, err := Extract(field, d, t, env)
	if err != nil || n.Null {
		return n, err
	}
	return Float(NumericToFloat(n)), nil
}

// Extract is extract(field FROM d), a numeric; NULL for a field that infinity
// does not have. t is date, time, timestamp, timestamptz or interval.
func Extract(field string, d Datum, t Type, env *Env) (Datum, error) {
	u, ok := fieldNamed(field)
	if !ok {
		return Datum{}, errField(field, t)
	}
	var out Datum
	switch t.OID {
	case OIDInterval:
		out, ok = extractInterval(u, DecodeInterval(d.S))
	case OIDTime:
		out, ok = extractTime(u, d.I)
		if u == fieldEpoch {
			out, ok = NumericFromUnscaled(d.I, 6), true
		}
	case OIDDate, OIDTimestamp, OIDTimestamptz:
		out, ok = extractStamp(u, d.I, t, env)
	default:
		ok = false
	}
	if !ok {
		return Datum{}, errField(field, t)
	}
	return out, nil
}

func extractTime(u intervalUnit, usec int64) (Datum, bool) {
	switch u {
	case unitMicro:
		return Int(usec % usecMin), true
	case unitMilli:
		return NumericFromUnscaled(usec%usecMin, 3), true
	case unitSecond:
		return NumericFromUnscaled(usec%usecMin, 6), true
	case unitMinute:
		return Int(usec / usecMin % 60), true
	case unitHour:
		return Int(usec / usecHour), true
	}
	return Datum{}, false
}

func extractInterval(u intervalUnit, iv IntervalValue) (Datum, bool) {
	if d, ok := extractTime(u, iv.Micros); ok {
		return d, true
	}
	m := int64(iv.Months)
	switch u {
	case unitDay:
		return Int(int64(iv.Days)), true
	case unitMonth:
		return Int(m % 12), true
	case unitQuarter:
		return Int(m%12/3 + 1), true
	case unitYear:
		return Int(m / 12), true
	case unitDecade:
		return Int(m / 120), true
	case unitCentury:
		return Int(m / 1200), true
	case unitMillennium:
		return Int(m / 12000), true
	case fieldEpoch:
		// A year is 365.25 days here, a month 30.
		secs := (m/12*1461 + m%12*120 + int64(iv.Days)*4) * (86400 / 4)
		sum, err := NumericAdd(Datum{I: secs}, NumericFromUnscaled(iv.Micros, 6))
		return sum, err == nil
	}
	return Datum{}, false
}

func extractStamp(u intervalUnit, v int64, t Type, env *Env) (Datum, bool) {
	isDate := t.OID == OIDDate
	if isDate && (u < unitDay || u >= fieldZone) || t.OID != OIDTimestamptz && u >= fieldZone && !infinite(v) {
		return Datum{}, false
	}
	if infinite(v) {
		switch u {
		case unitYear, unitDecade, unitCentury, unitMillennium, fieldIsoYear, fieldJulian, fieldEpoch:
			return signedInf(boolInt(v > 0)*2 - 1), true
		}
		return NullDatum, true
	}
	if isDate && u == fieldEpoch {
		return Int(v*86400 + epochUnix), true
	}
	if !isDate && u == fieldEpoch {
		if v > math.MaxInt64+unixEpoch {
			d, err := NumericAdd(NumericFromUnscaled(v, 6), Datum{I: epochUnix})
			return d, err == nil
		}
		return NumericFromUnscaled(v-unixEpoch, 6), true
	}
	days, usec := v, int64(0)
	if !isDate {
		off := 0
		if t.OID == OIDTimestamptz {
			off = zoneOffset(v, env.loc())
		}
		switch u {
		case fieldZone:
			return Int(int64(off)), true
		case fieldZoneHour:
			return Int(int64(off / 3600)), true
		case fieldZoneMinute:
			return Int(int64(off / 60 % 60)), true
		}
		days, usec = splitTimestamp(v + int64(off)*usecSec)
		if d, ok := extractTime(u, usec); ok {
			return d, true
		}
		if u == fieldJulian {
			frac, err := NumericDiv(Int(usec), Int(usecDay))
			if err != nil {
				return Datum{}, false
			}
			d, err := NumericAdd(Int(days+julianEpoch), frac)
			return d, err == nil
		}
	}
	return extractDay(u, days)
}

// yearShown has no year 0: 1 BC is -1.
func yearShown(y int64) int64 {
	if y <= 0 {
		return y - 1
	}
	return y
}

func extractDay(u intervalUnit, days int64) (Datum, bool) {
	y, m, d := dateToCivil(days)
	switch u {
	case unitDay:
		return Int(int64(d)), true
	case unitWeek:
		_, w := isoWeek(days)
		return Int(int64(w)), true
	case unitMonth:
		return Int(int64(m)), true
	case unitQuarter:
		return Int(int64((m-1)/3 + 1)), true
	case unitYear:
		return Int(yearShown(y)), true
	case unitDecade:
		return Int(floorDiv64(y, 10)), true
	case unitCentury:
		return Int(yearGroup(y, 100)), true
	case unitMillennium:
		return Int(yearGroup(y, 1000)), true
	case fieldDow:
		return Int(int64(dow(days))), true
	case fieldIsoDow:
		return Int(int64(isoDow(days))), true
	case fieldDoy:
		return Int(days - civilToDate(y, 1, 1) + 1), true
	case fieldIsoYear:
		iso, _ := isoWeek(days)
		return Int(yearShown(iso)), true
	case fieldJulian:
		return Int(days + julianEpoch), true
	}
	return Datum{}, false
}

// yearGroup numbers centuries and millennia from 1, those BC from -1.
func yearGroup(y, n int64) int64 {
	if y > 0 {
		return (y + n - 1) / n
	}
	return -((n - 1 - (y - 1)) / n)
}
