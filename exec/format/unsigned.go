package format

import (
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// openUnsigned notes the columns whose numbers Debezium has written as long: of
// bigint unsigned, from 2^63 on they are negative in its records.
func (d *decoder) openUnsigned(mode string) error {
	switch mode = strings.ToLower(mode); mode {
	case "", "precise":
		return nil
	case "long":
	default:
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for parameter \"bigint.unsigned.handling.mode\": %q", mode).
			WithHint("It must be long or precise.")
	}
	for i, c := range d.spec.Columns {
		if p, s, ok := types.NumericMod(c.Type); c.From == FromValue && c.Type.OID == types.OIDNumeric && (!ok || s == 0 && p >= 20) {
			d.unsigned = append(d.unsigned, i)
		}
	}
	return nil
}

// makeUnsigned adds 2^64 to what is negative.
func (d *decoder) makeUnsigned(images ...[]*vec.Vec) {
	for _, image := range images {
		for _, c := range d.unsigned {
			if image[c] != nil {
				image[c] = unsigned(image[c])
			}
		}
	}
}

func unsigned(in *vec.Vec) *vec.Vec {
	var x, sum, span apd.Decimal
	span.SetInt64(1 << 32)
	span.Coeff.Mul(&span.Coeff, &span.Coeff)
	out := vec.NewBuilder(in.Type, in.N)
	changed := false
	for i := range in.N {
		if in.IsNull(i) {
			out.Null()
			continue
		}
		types.NumericToDecimal(in.Datum(i), &x)
		if !x.Negative || x.Form != apd.Finite {
			out.Append(in, i)
			continue
		}
		changed = true
		if _, err := apd.BaseContext.WithPrecision(60).Add(&sum, &x, &span); err != nil {
			out.Append(in, i)
			continue
		}
		out.Datum(types.DecimalToDatum(&sum))
	}
	if !changed {
		return in
	}
	return out.Finish()
}
