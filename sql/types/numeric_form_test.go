package types

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/apd/v3"
)

// Columns hold narrow values up to all of an int64, beyond the 18 digits that a
// single value keeps. Every function gives for such a one what it gives for
// the same value in the wide form.
func TestNumericForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	values := []int64{0, 1, -1, 9, 10, narrowLimit - 1, narrowLimit, -narrowLimit, math.MaxInt64, math.MinInt64, math.MinInt64 + 1,
		4660046610375530309, 7540113804746346429, 999999999999999999, 5e18}
	for range 60 {
		values = append(values, int64(rng.Uint64())>>rng.IntN(63))
	}
	two := map[string]func(a, b Datum) (Datum, error){"+": NumericAdd, "-": NumericSub, "*": NumericMul, "/": NumericDiv, "div": NumericDivTrunc, "%": NumericRem}
	one := map[string]func(a Datum) Datum{
		"neg": NumericNeg, "abs": NumericAbs, "sign": NumericSign, "ceil": NumericCeil, "floor": NumericFloor, "trim": NumericTrimScale,
		"round": func(a Datum) Datum { return NumericRound(a, 2) }, "trunc": func(a Datum) Datum { return NumericTrunc(a, 3) },
		"round -2": func(a Datum) Datum { return NumericRound(a, -2) }, "round 20": func(a Datum) Datum { return NumericRound(a, 20) },
	}
	text := func(d Datum, err error) string {
		if err != nil {
			return err.Error()
		}
		return string(appendNumericText(nil, d))
	}
	for _, v := range values {
		a := Datum{I: v, Scale: int32(rng.IntN(19))}
		x := wideForm(a)
		where := fmt.Sprintf("%de-%d", a.I, a.Scale)
		if got, want := text(a, nil), text(x, nil); got != want {
			t.Errorf("%s: text %s, wide %s", where, got, want)
		}
		for name, f := range one {
			if got, want := text(f(a), nil), text(f(x), nil); got != want {
				t.Errorf("%s(%s): %s, wide %s", name, where, got, want)
			}
		}
		if hashNumeric(a) != hashNumeric(x) {
			t.Errorf("%s: the forms hash apart", where)
		}
		if compareNumeric(a, x) != 0 || numericSign(a) != numericSign(x) {
			t.Errorf("%s: the forms compare apart", where)
		}
		if string(appendNumericBinary(nil, a)) != string(appendNumericBinary(nil, x)) {
			t.Errorf("%s: the forms are sent apart", where)
		}
		if NumericToFloat(a) != NumericToFloat(x) {
			t.Errorf("%s: float %v, wide %v", where, NumericToFloat(a), NumericToFloat(x))
		}
		for _, to := range []Type{Int2, Int4, Int8} {
			i, err := NumericToInt(a, to)
			j, werr := NumericToInt(x, to)
			if i != j || (err == nil) != (werr == nil) {
				t.Errorf("%s::%s: %d %v, wide %d %v", where, to, i, err, j, werr)
			}
		}
		for _, to := range []Type{NumericOf(18, 2), NumericOf(20, 0), NumericOf(38, 10), NumericOf(5, 4)} {
			if got, want := text(numericApplyMod(a, to)), text(numericApplyMod(x, to)); got != want {
				t.Errorf("%s::%s: %s, wide %s", where, to, got, want)
			}
		}
		for _, w := range values {
			b := Datum{I: w, Scale: int32(rng.IntN(19))}
			y := wideForm(b)
			for name, f := range two {
				want := text(f(x, y))
				for _, got := range []string{text(f(a, b)), text(f(a, y)), text(f(x, b))} {
					if got != want {
						t.Errorf("%s %s %de-%d: %s, wide %s", where, name, b.I, b.Scale, got, want)
					}
				}
			}
			if compareNumeric(a, b) != compareNumeric(x, y) {
				t.Errorf("%s and %de-%d compare apart", where, b.I, b.Scale)
			}
		}
	}
}

func wideForm(d Datum) Datum {
	var x apd.Decimal
	x.SetFinite(d.I, -d.Scale)
	return Datum{S: string(AppendNumeric(nil, &x)), Scale: -1}
}
