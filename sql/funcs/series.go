package funcs

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// CheckSeries refuses bounds and steps of generate_series that no number of rows
// would reach: NaN and the infinities. (Times have their own ends.)
func CheckSeries(t types.Type, start, stop, step types.Datum) error {
	if t.OID != types.OIDNumeric {
		return nil
	}
	for _, v := range []struct {
		what  string
		value types.Datum
	}{{"start", start}, {"stop", stop}, {"step", step}} {
		switch nan, inf := types.NumericSpecial(v.value); {
		case nan:
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s value cannot be NaN", v.what)
		case inf != 0:
			return sqlerr.New(sqlerr.InvalidParameterValue, "%s value cannot be infinity", v.what)
		}
	}
	return nil
}
