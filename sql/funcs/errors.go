package funcs

import "github.com/tarndb/tarn/sql/sqlerr"

// Errors that kernels raise by row; shared, so that raising one costs nothing.
var (
	errDivZero      = sqlerr.New(sqlerr.DivisionByZero, "division by zero")
	errInt2Range    = sqlerr.New(sqlerr.NumericValueOutOfRange, "smallint out of range")
	errInt4Range    = sqlerr.New(sqlerr.NumericValueOutOfRange, "integer out of range")
	errInt8Range    = sqlerr.New(sqlerr.NumericValueOutOfRange, "bigint out of range")
	errFloatOver    = sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	errFloatUnder   = sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
	errSqrtNeg      = sqlerr.New(sqlerr.InvalidArgumentForPower, "cannot take square root of a negative number")
	errLogZero      = sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of zero")
	errLogNeg       = sqlerr.New(sqlerr.InvalidArgumentForLog, "cannot take logarithm of a negative number")
	errPowerZero    = sqlerr.New(sqlerr.InvalidArgumentForPower, "zero raised to a negative power is undefined")
	errPowerNeg     = sqlerr.New(sqlerr.InvalidArgumentForPower, "a negative number raised to a non-integer power yields a complex result")
	errInputRange   = sqlerr.New(sqlerr.NumericValueOutOfRange, "input is out of range")
	errTimestamp    = sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp out of range")
	errTimestampNaN = sqlerr.New(sqlerr.DatetimeFieldOverflow, "timestamp cannot be NaN")
	errSubstrNeg    = sqlerr.New("22011", "negative substring length not allowed")
	errLengthLimit  = sqlerr.New(sqlerr.ProgramLimitExceeded, "requested length too large")
)

// textBytesMax bounds a text value, as PostgreSQL's 1 GB does.
const textBytesMax = 1<<30 - 1
