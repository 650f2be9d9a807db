package funcs

import (
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// factorialMax is the greatest argument whose factorial is a numeric.
const factorialMax = 32177

// numericWholeRows are functions of whole numbers of any size.
func numericWholeRows() []Overload {
	nu := types.Numeric
	return []Overload{
		fn("gcd", ts(nu, nu), nu, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return numericGCD(a[0], a[1], false) }, "Greatest common divisor.", "gcd(8.40, 2.1) → 2.10"),
		fn("lcm", ts(nu, nu), nu, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return numericGCD(a[0], a[1], true) }, "Least common multiple.", "lcm(1.5, 2) → 6.0"),
		fn("factorial", ts(types.Int8), nu, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			switch n := a[0].I; {
			case n < 0:
				return types.NullDatum, sqlerr.New(sqlerr.NumericValueOutOfRange, "factorial of a negative number is undefined")
			case n > factorialMax:
				return types.NullDatum, sqlerr.New(sqlerr.NumericValueOutOfRange, "value overflows numeric format")
			default:
				f := new(big.Int).MulRange(1, n)
				return types.DecimalToDatum(apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(f), 0)), nil
			}
		}, "Product of the numbers up to it.", "factorial(5) → 120"),
	}
}

// numericGCD works on the digits of both at one scale.
func numericGCD(a, b types.Datum, multiple bool) (types.Datum, error) {
	for _, d := range []types.Datum{a, b} {
		if nan, inf := types.NumericSpecial(d); nan || inf != 0 {
			return types.Cast(types.String("NaN"), types.Text, types.Numeric, nil)
		}
	}
	var x, y apd.Decimal
	types.NumericToDecimal(a, &x)
	types.NumericToDecimal(b, &y)
	scale := min(x.Exponent, y.Exponent)
	m, n := digitsAt(&x, scale), digitsAt(&y, scale)
	g := new(big.Int).GCD(nil, nil, m, n)
	if multiple && g.Sign() != 0 {
		g.Mul(m, new(big.Int).Div(n, g))
	}
	return types.DecimalToDatum(apd.NewWithBigInt(new(apd.BigInt).SetMathBigInt(g), scale)), nil
}

// digitsAt is the absolute value of d as a number of units of 10^scale.
func digitsAt(d *apd.Decimal, scale int32) *big.Int {
	v := new(big.Int).Set(d.Coeff.MathBigInt())
	return v.Mul(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.Exponent-scale)), nil))
}
