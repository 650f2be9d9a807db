package funcs

import (
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// numericAccum sums numerics exactly. Nearly always every value of a group has
// one scale and the sum fits 128 bits; what does not is in ext.
//
// The result's display scale is the largest among the values summed, so values
// are counted by scale: when the last of a scale is retracted, no trace stays.
//
// Image: header uvarint (number of scales << 1 | special), for each scale,
// ascending: uvarint scale, varint count; then, if there are scales, the sum at
// the largest as a 128-bit varint, or, if flag bit 0 of a byte before it says so,
// as sign and bytes; if special: counts of NaN, +infinity, -infinity as varints.
type numericAccum struct {
	avg   bool
	scale int32 // of n and sum
	fixed bool  // scale is decided
	n     []int64
	sum   []int128
	ext   []*numericExt
	d     apd.Decimal
}

// numericExt is what a group has beside the common case.
type numericExt struct {
	scales         []scaleCount // other scales, ascending
	sum            big.Int      // at scale at
	at             int32
	nan, pinf, inf int64
}

type scaleCount struct {
	scale int32
	n     int64
}

var _ Accum = (*numericAccum)(nil)

func (a *numericAccum) Reset(groups int) {
	a.fixed = false
	a.n, a.sum, a.ext = resetSlice(a.n, groups), resetSlice(a.sum, groups), resetSlice(a.ext, groups)
}

func (a *numericAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	if v.Valid != nil && v.Valid.CountN(v.N) == 0 {
		return // the scale of a column without values means nothing
	}
	if v.Scale >= 0 && (!a.fixed || a.scale == v.Scale) {
		a.scale, a.fixed = v.Scale, true
		countRows(a.n, group, v.Valid, weights)
		sumInts(a.sum, group, v.Ints, v.Valid, weights)
		return
	}
	for i, g := range group {
		if v.IsNull(i) {
			continue
		}
		if w := weightAt(weights, i); v.Scale >= 0 {
			a.extOf(g).add(big.NewInt(v.Ints[i]), v.Scale, w)
		} else {
			a.addWide(a.extOf(g), v, i, w)
		}
	}
}

func (a *numericAccum) extOf(g int32) *numericExt {
	if a.ext[g] == nil {
		a.ext[g] = &numericExt{}
	}
	return a.ext[g]
}

func (a *numericAccum) addWide(x *numericExt, v *vec.Vec, i int, w int64) {
	d := datumAt(v, i)
	types.NumericToDecimal(d, &a.d)
	switch a.d.Form {
	case apd.Infinite:
		if a.d.Negative {
			x.inf += w
		} else {
			x.pinf += w
		}
		return
	case apd.NaN, apd.NaNSignaling:
		x.nan += w
		return
	}
	c := a.d.Coeff.MathBigInt()
	scale := -a.d.Exponent
	if scale < 0 {
		c.Mul(c, bigPow10(-scale))
		scale = 0
	}
	if a.d.Negative {
		c.Neg(c)
	}
	x.add(c, scale, w)
}

func bigPow10(n int32) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// add adds v × 10^-scale, w times. v is used up.
func (x *numericExt) add(v *big.Int, scale int32, w int64) {
	if w != 1 {
		v.Mul(v, big.NewInt(w))
	}
	x.addSum(v, scale)
	x.count(scale, w)
}

func (x *numericExt) addSum(v *big.Int, scale int32) {
	switch {
	case scale > x.at:
		x.sum.Mul(&x.sum, bigPow10(scale-x.at))
		x.at = scale
	case scale < x.at:
		v.Mul(v, bigPow10(x.at-scale))
	}
	x.sum.Add(&x.sum, v)
}

func (x *numericExt) count(scale int32, w int64) {
	i, ok := slices.BinarySearchFunc(x.scales, scale, func(c scaleCount, s int32) int { return int(c.scale - s) })
	if !ok {
		x.scales = slices.Insert(x.scales, i, scaleCount{scale, 0})
	}
	x.scales[i].n += w
	if x.scales[i].n == 0 {
		x.scales = slices.Delete(x.scales, i, i+1)
	}
}

func (a *numericAccum) Load(g int, image []byte) []byte {
	h, k := binary.Uvarint(image)
	image = image[k:]
	if h == 0 {
		return image
	}
	if h == 1<<1 {
		// One scale: straight into the fast sums if the scale is theirs.
		s, k := binary.Uvarint(image)
		n, rest := takeVarint(image[k:])
		if rest[0] == 0 && (!a.fixed || a.scale == int32(s)) {
			a.scale, a.fixed = int32(s), true
			a.n[g] += n
			sum, rest := takeInt128(rest[1:])
			a.sum[g].add128(sum)
			return rest
		}
	}
	return a.extOf(int32(g)).load(h, image)
}

func (x *numericExt) load(h uint64, image []byte) []byte {
	var top int32
	for range h >> 1 {
		s, k := binary.Uvarint(image)
		n, rest := takeVarint(image[k:])
		x.count(int32(s), n)
		top, image = int32(s), rest
	}
	if h>>1 > 0 {
		flag := image[0]
		image = image[1:]
		if flag == 0 {
			var s int128
			s, image = takeInt128(image)
			x.addSum(s.big(), top)
		} else {
			n, k := binary.Uvarint(image)
			v := new(big.Int).SetBytes(image[k : k+int(n)])
			if flag == 2 {
				v.Neg(v)
			}
			image = image[k+int(n):]
			x.addSum(v, top)
		}
	}
	if h&1 != 0 {
		for _, p := range []*int64{&x.nan, &x.pinf, &x.inf} {
			var n int64
			n, image = takeVarint(image)
			*p += n
		}
	}
	return image
}

// whole returns group g in the general form: the scales in use, ascending, and
// the sum at the largest.
func (a *numericAccum) whole(g int) (x numericExt) {
	if e := a.ext[g]; e != nil {
		x.scales = slices.Clone(e.scales)
		x.sum.Set(&e.sum)
		x.at, x.nan, x.pinf, x.inf = e.at, e.nan, e.pinf, e.inf
	}
	if a.n[g] != 0 {
		x.count(a.scale, a.n[g])
	}
	if a.sum[g] != (int128{}) {
		x.addSum(a.sum[g].big(), a.scale)
	}
	top := int32(0)
	if n := len(x.scales); n > 0 {
		top = x.scales[n-1].scale
	}
	switch {
	case top > x.at:
		x.addSum(new(big.Int), top)
	case top < x.at:
		// What had more digits has been retracted: they are zero now.
		x.sum.Quo(&x.sum, bigPow10(x.at-top))
		x.at = top
	}
	return x
}

func (a *numericAccum) Append(dst []byte, g int) []byte {
	if a.ext[g] == nil {
		if a.n[g] == 0 {
			return append(dst, 0)
		}
		dst = append(dst, 1<<1)
		dst = binary.AppendUvarint(dst, uint64(a.scale))
		dst = binary.AppendVarint(dst, a.n[g])
		return appendInt128(append(dst, 0), a.sum[g])
	}
	x := a.whole(g)
	special := uint64(0)
	if x.nan != 0 || x.pinf != 0 || x.inf != 0 {
		special = 1
	}
	dst = binary.AppendUvarint(dst, uint64(len(x.scales))<<1|special)
	for _, s := range x.scales {
		dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(s.scale)), s.n)
	}
	if len(x.scales) > 0 {
		dst = appendBigSum(dst, &x.sum)
	}
	if special != 0 {
		dst = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(dst, x.nan), x.pinf), x.inf)
	}
	return dst
}

func appendBigSum(dst []byte, v *big.Int) []byte {
	if v.BitLen() <= 126 {
		var lo, hi big.Int
		lo.And(v, new(big.Int).SetUint64(^uint64(0)))
		hi.Rsh(v, 64)
		return appendInt128(append(dst, 0), int128{lo.Uint64(), hi.Int64()})
	}
	flag := byte(1)
	if v.Sign() < 0 {
		flag = 2
	}
	b := v.Bytes()
	dst = binary.AppendUvarint(append(dst, flag), uint64(len(b)))
	return append(dst, b...)
}

func (a *numericAccum) Final(g int, out *vec.Builder) error {
	var sum types.Datum
	var n int64
	if a.ext[g] == nil {
		if n = a.n[g]; n == 0 {
			out.Null()
			return nil
		}
		sum = numericFrom128(a.sum[g], a.scale)
	} else {
		x := a.whole(g)
		for _, s := range x.scales {
			n += s.n
		}
		n += x.nan + x.pinf + x.inf
		if n == 0 && len(x.scales) == 0 {
			out.Null()
			return nil
		}
		sum = x.value()
	}
	if a.avg {
		d, err := types.NumericDiv(sum, types.NumericFromInt(n))
		if err != nil {
			return err
		}
		sum = d
	}
	out.Datum(sum)
	return nil
}

func (x *numericExt) value() types.Datum {
	var d apd.Decimal
	switch {
	case x.nan > 0 || x.pinf > 0 && x.inf > 0:
		d.Form = apd.NaN
	case x.pinf > 0:
		d.Form = apd.Infinite
	case x.inf > 0:
		d.Form, d.Negative = apd.Infinite, true
	default:
		return numericFromBig(&x.sum, x.at)
	}
	return types.DecimalToDatum(&d)
}
