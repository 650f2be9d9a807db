package types

import "encoding/binary"

// IntervalValue is a decoded interval. The three parts are independent: a month
// has no fixed number of days, a day no fixed number of hours.
type IntervalValue struct {
	Months int32
	Days   int32
	Micros int64
}

const intervalSize = 16

// IntervalDatum makes an interval Datum.
func IntervalDatum(iv IntervalValue) Datum { return Datum{S: string(AppendInterval(nil, iv))} }

// AppendInterval appends the 16-byte image: months, days, µs, big-endian.
func AppendInterval(dst []byte, iv IntervalValue) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(iv.Months))
	dst = binary.BigEndian.AppendUint32(dst, uint32(iv.Days))
	return binary.BigEndian.AppendUint64(dst, uint64(iv.Micros))
}

// DecodeInterval reads an image; a damaged one gives the zero interval.
func DecodeInterval[S string | []byte](s S) (iv IntervalValue) {
	if len(s) != intervalSize {
		return iv
	}
	u32 := func(i int) uint32 {
		return uint32(s[i])<<24 | uint32(s[i+1])<<16 | uint32(s[i+2])<<8 | uint32(s[i+3])
	}
	return IntervalValue{int32(u32(0)), int32(u32(4)), int64(u32(8))<<32 | int64(u32(12))}
}

// span is the length that order and equality go by: a month is 30 days, a day
// 24 hours. It takes 128 bits: days that fit, and the µs left of the day.
func (iv IntervalValue) span() (days, micros int64) {
	days = int64(iv.Months)*30 + int64(iv.Days) + floorDiv64(iv.Micros, usecDay)
	return days, iv.Micros - floorDiv64(iv.Micros, usecDay)*usecDay
}

func compareInterval(a, b IntervalValue) int {
	ad, am := a.span()
	bd, bm := b.span()
	if c := cmpInt(ad, bd); c != 0 {
		return c
	}
	return cmpInt(am, bm)
}

// applyMod cuts iv to the fields of an interval type and rounds it.
func (iv IntervalValue) applyMod(mod int32) (IntervalValue, error) {
	if mod < 0 {
		return iv, nil
	}
	fields, prec := intervalMod(mod)
	switch low := lowestField(fields); low {
	case 0, IntervalSecond:
	case IntervalYear:
		iv.Months = iv.Months / 12 * 12
		iv.Days, iv.Micros = 0, 0
	case IntervalMonth:
		iv.Days, iv.Micros = 0, 0
	case IntervalDay:
		iv.Micros = 0
	case IntervalHour:
		iv.Micros = iv.Micros / usecHour * usecHour
	case IntervalMinute:
		iv.Micros = iv.Micros / usecMin * usecMin
	}
	if prec != intervalFullPrec {
		// Guard the rounding step near the ends of the range.
		if iv.Micros > posInfinity-usecSec || iv.Micros < negInfinity+usecSec {
			return iv, errIntervalRange()
		}
		iv.Micros = roundMicros(iv.Micros, prec)
	}
	return iv, nil
}

func lowestField(fields int) int {
	if fields == intervalAllFields {
		return 0
	}
	for _, f := range []int{IntervalSecond, IntervalMinute, IntervalHour, IntervalDay, IntervalMonth, IntervalYear} {
		if fields&f != 0 {
			return f
		}
	}
	return 0
}
