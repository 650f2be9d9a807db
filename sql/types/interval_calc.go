package types

import "math"

// MakeInterval is make_interval.
func MakeInterval(years, months, weeks, days, hours, mins int, secs float64) (IntervalValue, error) {
	var s intervalSum
	s.add(&s.months, int64(years), 12)
	s.add(&s.months, int64(months), 1)
	s.add(&s.days, int64(weeks), 7)
	s.add(&s.days, int64(days), 1)
	s.add(&s.micros, int64(hours), usecHour)
	s.add(&s.micros, int64(mins), usecMin)
	s.addMicros(secs * usecSec)
	return s.result()
}

func (s *intervalSum) result() (IntervalValue, error) {
	iv, ok := s.value(false)
	if !ok {
		return IntervalValue{}, errIntervalRange()
	}
	return iv, nil
}

// IntervalAdd adds part by part.
func IntervalAdd(a, b IntervalValue) (IntervalValue, error) { return combine(a, b, 1) }

// IntervalSub subtracts part by part.
func IntervalSub(a, b IntervalValue) (IntervalValue, error) { return combine(a, b, -1) }

// IntervalNeg changes all signs.
func IntervalNeg(a IntervalValue) (IntervalValue, error) { return combine(IntervalValue{}, a, -1) }

func combine(a, b IntervalValue, sign int64) (IntervalValue, error) {
	s := intervalSum{months: int64(a.Months), days: int64(a.Days), micros: a.Micros}
	s.add(&s.months, int64(b.Months), sign)
	s.add(&s.days, int64(b.Days), sign)
	s.add(&s.micros, b.Micros, sign)
	return s.result()
}

// roundMicro cuts float noise: to the µs of a number of seconds or days.
func roundMicro(f float64) float64 { return math.RoundToEven(f*1e6) / 1e6 }

// IntervalMul multiplies each part; fractions of months become days (30 to the
// month), fractions of days time.
func IntervalMul(a IntervalValue, f float64) (IntervalValue, error) {
	return scaleInterval(a, func(v float64) float64 { return v * f })
}

// IntervalDiv divides as IntervalMul multiplies.
func IntervalDiv(a IntervalValue, f float64) (IntervalValue, error) {
	if f == 0 {
		return IntervalValue{}, errDivZero()
	}
	return scaleInterval(a, func(v float64) float64 { return v / f })
}

func scaleInterval(a IntervalValue, scale func(float64) float64) (IntervalValue, error) {
	months, days := scale(float64(a.Months)), scale(float64(a.Days))
	if !(math.Abs(months) < 1<<31) || !(math.Abs(days) < 1<<31) {
		return IntervalValue{}, errIntervalRange()
	}
	wholeMonths, wholeDays := math.Trunc(months), math.Trunc(days)
	monthDays := roundMicro((months - wholeMonths) * 30)
	secs := roundMicro((days - wholeDays + monthDays - math.Trunc(monthDays)) * 86400)
	if math.Abs(secs) >= 86400 {
		n := math.Trunc(secs / 86400)
		wholeDays += n
		secs -= n * 86400
	}
	wholeDays += math.Trunc(monthDays)
	usec := math.RoundToEven(scale(float64(a.Micros)) + secs*usecSec)
	if !(math.Abs(wholeDays) < 1<<31) || !(math.Abs(usec) < 9.223372036854775e18) {
		return IntervalValue{}, errIntervalRange()
	}
	return IntervalValue{int32(wholeMonths), int32(wholeDays), int64(usec)}, nil
}

// JustifyHours turns 24 hours into days, all with one sign.
func JustifyHours(a IntervalValue) (IntervalValue, error) {
	days := int64(a.Days) + a.Micros/usecDay
	usec := a.Micros % usecDay
	if days > 0 && usec < 0 {
		usec += usecDay
		days--
	} else if days < 0 && usec > 0 {
		usec -= usecDay
		days++
	}
	return (&intervalSum{months: int64(a.Months), days: days, micros: usec}).result()
}

// JustifyDays turns 30 days into months, all with one sign.
func JustifyDays(a IntervalValue) (IntervalValue, error) {
	months := int64(a.Months) + int64(a.Days/30)
	days := int64(a.Days % 30)
	if months > 0 && days < 0 {
		days += 30
		months--
	} else if months < 0 && days > 0 {
		days -= 30
		months++
	}
	return (&intervalSum{months: months, days: days, micros: a.Micros}).result()
}

// JustifyInterval does both and gives all parts the sign of the whole.
func JustifyInterval(a IntervalValue) (IntervalValue, error) {
	days := int64(a.Days) + a.Micros/usecDay
	usec := a.Micros % usecDay
	months := int64(a.Months) + days/30
	days %= 30
	if months > 0 && (days < 0 || days == 0 && usec < 0) {
		days += 30
		months--
	} else if months < 0 && (days > 0 || days == 0 && usec > 0) {
		days -= 30
		months++
	}
	if days > 0 && usec < 0 {
		usec += usecDay
		days--
	} else if days < 0 && usec > 0 {
		usec -= usecDay
		days++
	}
	return (&intervalSum{months: months, days: days, micros: usec}).result()
}
