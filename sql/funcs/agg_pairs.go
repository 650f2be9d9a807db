package funcs

import (
	"math"
	"math/big"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// pairAggs are the statistics of pairs (y, x) of which neither is NULL.
func pairAggs() []Agg {
	var out []Agg
	for _, s := range []struct {
		name, doc string
		value     func(*pairSums) (float64, bool)
	}{
		{"corr", "Coefficient of correlation of y and x.", func(s *pairSums) (float64, bool) {
			return overRoot(s.sxy, s.sxx, s.syy)
		}},
		{"covar_pop", "Population covariance of y and x.", func(s *pairSums) (float64, bool) { return s.mean(s.sxy, s.n) }},
		{"covar_samp", "Sample covariance of y and x.", func(s *pairSums) (float64, bool) { return s.mean(s.sxy, s.n-1) }},
		{"regr_intercept", "Where the line of least squares meets the axis of y.", (*pairSums).intercept},
		{"regr_r2", "Square of the coefficient of correlation.", (*pairSums).r2},
		{"regr_slope", "Slope of the line of least squares.", func(s *pairSums) (float64, bool) {
			return ratio(s.sxy, s.sxx)
		}},
		{"regr_sxx", "Sum of the squares of x's distances from its mean.", func(s *pairSums) (float64, bool) { return s.mean(s.sxx, 1) }},
		{"regr_sxy", "Sum of the products of both distances from the means.", func(s *pairSums) (float64, bool) { return s.mean(s.sxy, 1) }},
		{"regr_syy", "Sum of the squares of y's distances from its mean.", func(s *pairSums) (float64, bool) { return s.mean(s.syy, 1) }},
	} {
		out = append(out, Agg{Name: s.name, Args: ts(types.Float8, types.Float8), Ret: types.Float8, SkipNulls: true, Doc: s.doc,
			NewAccum: func([]types.Type) Accum { return &pairAccum{value: s.value} }})
	}
	for k, name := range []string{"regr_avgx", "regr_avgy"} {
		out = append(out, Agg{Name: name, Args: ts(types.Float8, types.Float8), Ret: types.Float8, SkipNulls: true,
			Doc: "Mean of " + name[len("regr_avg"):] + ".", NewAccum: func([]types.Type) Accum { return &pairAccum{mean: 1 + k} }})
	}
	return append(out, Agg{Name: "regr_count", Args: ts(types.Float8, types.Float8), Ret: types.Int8, SkipNulls: true,
		Doc: "Number of pairs of which neither is NULL.", NewAccum: func([]types.Type) Accum { return &pairAccum{} }})
}

// pairAccum keeps exact sums of x, y, and of the products of the two. Image: the
// five sums' images.
type pairAccum struct {
	mean  int                             // 1 of x, 2 of y
	value func(*pairSums) (float64, bool) // of others; nil: the count
	sums  [5][]exactSum                   // x, y, xx, yy, xy
}

var _ Accum = (*pairAccum)(nil)

// Reset makes room for groups.
func (a *pairAccum) Reset(groups int) {
	for k := range a.sums {
		a.sums[k] = resetSlice(a.sums[k], groups)
	}
}

// Add adds rows of (y, x).
func (a *pairAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	for i, g := range group {
		if args[0].IsNull(i) || args[1].IsNull(i) {
			continue
		}
		y, x, w := args[0].Floats[i], args[1].Floats[i], weightAt(weights, i)
		a.sums[0][g].add(x, w)
		a.sums[1][g].add(y, w)
		a.sums[2][g].addProduct(x, x, w)
		a.sums[3][g].addProduct(y, y, w)
		a.sums[4][g].addProduct(x, y, w)
	}
}

// addProduct adds x·y in two halves, exact but for what lies below the least float64.
func (s *exactSum) addProduct(x, y float64, w int64) {
	hi := x * y
	s.add(hi, w)
	if lo := math.FMA(x, y, -hi); lo != 0 && lo == lo && !math.IsInf(lo, 0) {
		s.add(lo, w)
	}
}

// Load adds a state image to group g.
func (a *pairAccum) Load(g int, image []byte) []byte {
	for k := range a.sums {
		image = a.sums[k][g].load(image)
	}
	return image
}

// Append appends group g's image.
func (a *pairAccum) Append(dst []byte, g int) []byte {
	for k := range a.sums {
		dst = a.sums[k][g].append(dst)
	}
	return dst
}

// Final appends group g's value.
func (a *pairAccum) Final(g int, out *vec.Builder) error {
	x, y := &a.sums[0][g], &a.sums[1][g]
	switch {
	case a.value == nil && a.mean == 0:
		out.Int(x.n)
		return nil
	case x.n == 0:
		out.Null()
		return nil
	case a.mean > 0:
		out.Float(a.sums[a.mean-1][g].mean())
		return nil
	}
	if x.nan+x.pinf+x.inf+y.nan+y.pinf+y.inf > 0 {
		out.Float(math.NaN())
		return nil
	}
	for k := range a.sums {
		if a.sums[k][g].pinf+a.sums[k][g].inf > 0 {
			return errFloatOver
		}
	}
	f, ok := a.value(a.pairs(g))
	switch {
	case !ok:
		out.Null()
	case math.IsInf(f, 0):
		return errFloatOver
	default:
		out.Float(f)
	}
	return nil
}

// pairSums are the exact sums of n pairs, the last three of distances from the means.
type pairSums struct {
	n                   int64
	x, y, sxx, syy, sxy *big.Rat
}

func (a *pairAccum) pairs(g int) *pairSums {
	unit := new(big.Int).Lsh(big.NewInt(1), 1074)
	sum := func(k int) *big.Rat { return new(big.Rat).SetFrac(a.sums[k][g].big(), unit) }
	s := &pairSums{n: a.sums[0][g].n, x: sum(0), y: sum(1)}
	// Σ(x-x̄)(y-ȳ) = Σxy - Σx·Σy/n
	centred := func(k int, p, q *big.Rat) *big.Rat {
		m := new(big.Rat).Mul(p, q)
		m.Quo(m, new(big.Rat).SetInt64(s.n))
		return m.Sub(sum(k), m)
	}
	s.sxx, s.syy, s.sxy = centred(2, s.x, s.x), centred(3, s.y, s.y), centred(4, s.x, s.y)
	return s
}

func (s *pairSums) mean(v *big.Rat, n int64) (float64, bool) {
	if n <= 0 {
		return 0, false
	}
	f, _ := new(big.Rat).Quo(v, new(big.Rat).SetInt64(n)).Float64()
	return f, true
}

func ratio(a, b *big.Rat) (float64, bool) {
	if b.Sign() == 0 {
		return 0, false
	}
	f, _ := new(big.Rat).Quo(a, b).Float64()
	return f, true
}

// overRoot is a / sqrt(p·q), false if either is 0.
func overRoot(a, p, q *big.Rat) (float64, bool) {
	if p.Sign() == 0 || q.Sign() == 0 {
		return 0, false
	}
	square := new(big.Rat).Mul(a, a)
	f, _ := square.Quo(square, new(big.Rat).Mul(p, q)).Float64()
	return math.Copysign(math.Sqrt(f), float64(a.Sign())), true
}

// r2 is 1 for pairs on a level line, unknown on an upright one.
func (s *pairSums) r2() (float64, bool) {
	switch {
	case s.sxx.Sign() == 0:
		return 0, false
	case s.syy.Sign() == 0:
		return 1, true
	}
	return ratio(new(big.Rat).Mul(s.sxy, s.sxy), new(big.Rat).Mul(s.sxx, s.syy))
}

// intercept is (Σy - Σx·sxy/sxx) / n.
func (s *pairSums) intercept() (float64, bool) {
	if s.sxx.Sign() == 0 {
		return 0, false
	}
	m := new(big.Rat).Quo(s.sxy, s.sxx)
	m.Mul(m, s.x)
	return s.mean(m.Sub(s.y, m), s.n)
}
