package funcs

import (
	"math/bits"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// byteRows look at single bytes and bits; bits count from the lowest of each byte.
func byteRows() []Overload {
	by, i4, i8 := types.Bytea, types.Int4, types.Int8
	within := func(n, size int64) error {
		if n < 0 || n >= size {
			return sqlerr.New(sqlerr.ArraySubscriptError, "index %d out of valid range, 0..%d", n, size-1)
		}
		return nil
	}
	return []Overload{
		fn("get_byte", ts(by, i4), i4, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			if err := within(a[1].I, int64(len(a[0].S))); err != nil {
				return types.NullDatum, err
			}
			return types.Int(int64(a[0].S[a[1].I])), nil
		}, "A byte as a number.", `get_byte('\x1234567890'::bytea, 4) → 144`),
		fn("set_byte", ts(by, i4, i4), by, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			if err := within(a[1].I, int64(len(a[0].S))); err != nil {
				return types.NullDatum, err
			}
			b := []byte(a[0].S)
			b[a[1].I] = byte(a[2].I)
			return types.String(string(b)), nil
		}, "With one byte changed.", `set_byte('\x1234567890'::bytea, 4, 64) → \x1234567840`),
		fn("get_bit", ts(by, i8), i4, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			if err := within(a[1].I, int64(len(a[0].S))*8); err != nil {
				return types.NullDatum, err
			}
			return types.Int(int64(a[0].S[a[1].I/8] >> (a[1].I % 8) & 1)), nil
		}, "A bit as a number.", `get_bit('\x1234567890'::bytea, 30) → 1`),
		fn("set_bit", ts(by, i8, i4), by, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			if err := within(a[1].I, int64(len(a[0].S))*8); err != nil {
				return types.NullDatum, err
			}
			if a[2].I != 0 && a[2].I != 1 {
				return types.NullDatum, sqlerr.New(sqlerr.InvalidParameterValue, "new bit must be 0 or 1")
			}
			b := []byte(a[0].S)
			at := a[1].I % 8
			b[a[1].I/8] = b[a[1].I/8]&^(1<<at) | byte(a[2].I)<<at
			return types.String(string(b)), nil
		}, "With one bit changed.", `set_bit('\x1234567890'::bytea, 30, 0) → \x1234563890`),
		fn("bit_count", ts(by), i8, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			n := 0
			for i := range len(a[0].S) {
				n += bits.OnesCount8(a[0].S[i])
			}
			return types.Int(int64(n)), nil
		}, "Number of bits that are set.", `bit_count('\x1234567890'::bytea) → 15`),
	}
}
