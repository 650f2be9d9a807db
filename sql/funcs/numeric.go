package funcs

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
)

// numericFrom128 is v × 10^-scale.
func numericFrom128(v int128, scale int32) types.Datum {
	if x, ok := v.int64(); ok && scale <= 18 {
		return types.Datum{I: x, Scale: scale}
	}
	return numericFromBig(v.big(), scale)
}

func numericFromBig(v *big.Int, scale int32) types.Datum {
	var d apd.Decimal
	d.Coeff.SetMathBigInt(v)
	if v.Sign() < 0 {
		d.Negative = true
		d.Coeff.Neg(&d.Coeff)
	}
	d.Exponent = -scale
	return types.DecimalToDatum(&d)
}
