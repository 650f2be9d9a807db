package funcs

import (
	"math"
	"math/big"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// ratioFloat is v × 2^-1074 / n, rounded once.
func ratioFloat(v *big.Int, n int64) float64 {
	den := new(big.Int).Lsh(big.NewInt(n), 1074)
	f, _ := new(big.Rat).SetFrac(v, den).Float64()
	return f
}

// statKind is which of the four statistics of spread is asked for.
type statKind struct{ sample, root bool }

func statsAggs() []Agg {
	exampleType := map[bool]types.Type{false: types.Int4, true: types.Numeric}
	var out []Agg
	for _, s := range []struct {
		name, doc, example string
		kind               statKind
	}{
		{"var_pop", "Population variance.", "var_pop(x) over (1), (3) → 1.00000000000000000000", statKind{false, false}},
		{"var_samp", "Sample variance.", "var_samp(x) over (1), (3) → 2.0000000000000000", statKind{true, false}},
		{"variance", "The same as var_samp.", "", statKind{true, false}},
		{"stddev_pop", "Population standard deviation.", "stddev_pop(x) over (1.5), (3.25), (7) → 2.2943166496560341", statKind{false, true}},
		{"stddev_samp", "Sample standard deviation.", "stddev_samp(x) over (123456.5), (3.25), (0.00007) → 71276.7053123373", statKind{true, true}},
		{"stddev", "The same as stddev_samp.", "", statKind{true, true}},
	} {
		for _, t := range []types.Type{types.Int2, types.Int4, types.Int8, types.Numeric, types.Float4, types.Float8} {
			ret := types.Numeric
			newAccum := func([]types.Type) Accum { return &numericStats{kind: s.kind} }
			if t.Phys() == types.PhysFloat {
				ret = types.Float8
				newAccum = func([]types.Type) Accum { return &floatStats{kind: s.kind} }
			}
			a := Agg{Name: s.name, Args: ts(t), Ret: ret, SkipNulls: true, Doc: s.doc, NewAccum: newAccum}
			if t == exampleType[s.kind.root] {
				a.Example = s.example
			}
			out = append(out, a)
		}
	}
	return out
}

// numericStats keeps the exact sums of the values and of their squares. Image:
// both sums' images.
type numericStats struct {
	kind    statKind
	sum, sq numericAccum
}

var _ Accum = (*numericStats)(nil)

func (a *numericStats) Reset(groups int) {
	a.sum.Reset(groups)
	a.sq.Reset(groups)
}

func (a *numericStats) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	if v.Type.Phys() == types.PhysInt {
		c := *v
		c.Type, c.Scale = types.Numeric, 0
		v = &c
	}
	a.sum.Add(group, []*vec.Vec{v}, weights)
	var c Ctx
	sq := *numericMul(&c, v.N, []*vec.Vec{v, v})
	sq.Valid = v.Valid
	a.sq.Add(group, []*vec.Vec{&sq}, weights)
}

func (a *numericStats) Load(g int, image []byte) []byte { return a.sq.Load(g, a.sum.Load(g, image)) }
func (a *numericStats) Append(dst []byte, g int) []byte { return a.sq.Append(a.sum.Append(dst, g), g) }

func (a *numericStats) Final(g int, out *vec.Builder) error {
	x, x2 := a.sum.whole(g), a.sq.whole(g)
	n := x.nan + x.pinf + x.inf
	for _, s := range x.scales {
		n += s.n
	}
	if n == 0 || a.kind.sample && n == 1 {
		out.Null()
		return nil
	}
	if x.nan+x.pinf+x.inf > 0 {
		out.Datum((&numericExt{nan: 1}).value())
		return nil
	}
	// (n·Σx² - (Σx)²) / (n·(n-1)), the numerator exact.
	num := new(big.Int).Mul(&x2.sum, big.NewInt(n))
	sq := new(big.Int).Mul(&x.sum, &x.sum)
	scale := max(x2.at, 2*x.at)
	num.Mul(num, bigPow10(scale-x2.at))
	sq.Mul(sq, bigPow10(scale-2*x.at))
	num.Sub(num, sq)
	if num.Sign() <= 0 {
		out.Numeric(0, 0)
		return nil
	}
	m := n
	if a.kind.sample {
		m--
	}
	den := numericFromBig(new(big.Int).Mul(big.NewInt(n), big.NewInt(m)), 0)
	d, err := types.NumericDiv(numericFromBig(num, scale), den)
	if err != nil {
		return err
	}
	if a.kind.root {
		d = rootSameScale(d)
	}
	out.Datum(d)
	return nil
}

// rootSameScale is the square root with as many decimals as d, rounded.
func rootSameScale(d types.Datum) types.Datum {
	var x apd.Decimal
	types.NumericToDecimal(d, &x)
	scale := max(-x.Exponent, 0)
	n := x.Coeff.MathBigInt()
	n.Mul(n, bigPow10(x.Exponent+2*scale)) // d × 10^(2·scale)
	r := new(big.Int).Sqrt(n)
	if n.Sub(n, new(big.Int).Mul(r, r)).Cmp(r) > 0 {
		r.Add(r, big.NewInt(1))
	}
	return numericFromBig(r, scale)
}

// floatStats keeps exact sums of the values and of their squares; a square's
// two halves are exact, but for what lies below the least float64.
type floatStats struct {
	kind    statKind
	sum, sq []exactSum
}

var _ Accum = (*floatStats)(nil)

func (a *floatStats) Reset(groups int) {
	a.sum, a.sq = resetSlice(a.sum, groups), resetSlice(a.sq, groups)
}

func (a *floatStats) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	for i, g := range group {
		if v.IsNull(i) {
			continue
		}
		x, w := v.Floats[i], weightAt(weights, i)
		a.sum[g].add(x, w)
		a.sq[g].addProduct(x, x, w)
	}
}

func (a *floatStats) Load(g int, image []byte) []byte { return a.sq[g].load(a.sum[g].load(image)) }
func (a *floatStats) Append(dst []byte, g int) []byte { return a.sq[g].append(a.sum[g].append(dst)) }

func (a *floatStats) Final(g int, out *vec.Builder) error {
	s, q := &a.sum[g], &a.sq[g]
	if s.n == 0 || a.kind.sample && s.n == 1 {
		out.Null()
		return nil
	}
	if s.nan+s.pinf+s.inf > 0 {
		out.Float(math.NaN())
		return nil
	}
	if q.pinf > 0 {
		return errFloatOver
	}
	n := big.NewInt(s.n)
	x := s.big()
	num := new(big.Int).Mul(q.big(), n)
	num.Lsh(num, 1074)
	num.Sub(num, new(big.Int).Mul(x, x))
	m := s.n
	if a.kind.sample {
		m--
	}
	den := new(big.Int).Mul(n, big.NewInt(m))
	den.Lsh(den, 2148)
	f, _ := new(big.Rat).SetFrac(num, den).Float64()
	if f < 0 {
		f = 0
	}
	if a.kind.root {
		f = math.Sqrt(f)
	}
	out.Float(f)
	return nil
}
