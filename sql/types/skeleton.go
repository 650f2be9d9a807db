package types

import (
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

var errTODO = sqlerr.New(sqlerr.FeatureNotSupported, "not implemented yet")

// Text and binary forms.

// Images.

// Numeric arithmetic, PostgreSQL's result scales.

// Order.

// Casts.

// Date and time.

func TimestampAdd(ts int64, iv IntervalValue) (int64, error)                       { return 0, errTODO }
func TimestamptzAdd(ts int64, iv IntervalValue, loc *time.Location) (int64, error) { return 0, errTODO }
func TimestampSub(a, b int64) (IntervalValue, error)                               { return IntervalValue{}, errTODO }
func TimestampAge(a, b int64) (IntervalValue, error)                               { return IntervalValue{}, errTODO }
func TimestamptzAge(a, b int64, loc *time.Location) (IntervalValue, error) {
	return IntervalValue{}, errTODO
}
func TimeAdd(t int64, iv IntervalValue) int64                                    { return 0 }
func DateAdd(date int64, days int64) (int64, error)                              { return 0, errTODO }
func DateSub(a, b int64) (int64, error)                                          { return 0, errTODO }
func DateToTimestamp(date int64) (int64, error)                                  { return 0, errTODO }
func DateToTimestamptz(date int64, loc *time.Location) (int64, error)            { return 0, errTODO }
func TimestampToDate(ts int64) int64                                             { return 0 }
func TimestampToTimestamptz(ts int64, loc *time.Location) (int64, error)         { return 0, errTODO }
func TimestamptzToTimestamp(ts int64, loc *time.Location) (int64, error)         { return 0, errTODO }
func IntervalAtZone(iv IntervalValue) (*time.Location, error)                    { return nil, errTODO }
func TimestampTrunc(field string, ts int64) (int64, error)                       { return 0, errTODO }
func TimestamptzTrunc(field string, ts int64, loc *time.Location) (int64, error) { return 0, errTODO }
func IntervalTrunc(field string, iv IntervalValue) (IntervalValue, error) {
	return IntervalValue{}, errTODO
}
func DateBin(stride IntervalValue, ts, origin int64) (int64, error)             { return 0, errTODO }
func Extract(field string, d Datum, t Type, env *Env) (Datum, error)            { return Datum{}, errTODO }
func DatePart(field string, d Datum, t Type, env *Env) (Datum, error)           { return Datum{}, errTODO }
func MakeDate(year, month, day int) (int64, error)                              { return 0, errTODO }
func MakeTime(hour, min int, sec float64) (int64, error)                        { return 0, errTODO }
func MakeTimestamp(year, month, day, hour, min int, sec float64) (int64, error) { return 0, errTODO }
func MakeTimestamptz(year, month, day, hour, min int, sec float64, loc *time.Location) (int64, error) {
	return 0, errTODO
}
func MakeInterval(years, months, weeks, days, hours, mins int, secs float64) (IntervalValue, error) {
	return IntervalValue{}, errTODO
}
func IntervalAdd(a, b IntervalValue) (IntervalValue, error)         { return IntervalValue{}, errTODO }
func IntervalSub(a, b IntervalValue) (IntervalValue, error)         { return IntervalValue{}, errTODO }
func IntervalNeg(a IntervalValue) (IntervalValue, error)            { return IntervalValue{}, errTODO }
func IntervalMul(a IntervalValue, f float64) (IntervalValue, error) { return IntervalValue{}, errTODO }
func IntervalDiv(a IntervalValue, f float64) (IntervalValue, error) { return IntervalValue{}, errTODO }
func JustifyHours(a IntervalValue) (IntervalValue, error)           { return IntervalValue{}, errTODO }
func JustifyDays(a IntervalValue) (IntervalValue, error)            { return IntervalValue{}, errTODO }
func JustifyInterval(a IntervalValue) (IntervalValue, error)        { return IntervalValue{}, errTODO }

// Patterns.

func ToChar(d Datum, t Type, pattern string, env *Env) (string, error) { return "", errTODO }
func ToDate(s, pattern string) (int64, error)                          { return 0, errTODO }
func ToTimestamp(s, pattern string, env *Env) (int64, error)           { return 0, errTODO }
func ToNumber(s, pattern string) (Datum, error)                        { return Datum{}, errTODO }

