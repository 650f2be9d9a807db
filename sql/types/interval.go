package types

// IntervalValue is a decoded interval. The three parts are independent: a month
// has no fixed number of days, a day no fixed number of hours.
type IntervalValue struct {
	Months int32
	Days   int32
	Micros int64
}

// IntervalDatum makes an interval Datum.
func IntervalDatum(iv IntervalValue) Datum { return Datum{S: string(AppendInterval(nil, iv))} }
