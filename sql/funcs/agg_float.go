package funcs

import (
	"math"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// floatAccum sums floats exactly and rounds once, so that neither order nor
// retraction can be seen in the result. Image: exactSum's.
type floatAccum struct {
	avg    bool
	single bool // the result is float4
	sums   []exactSum
}

var _ Accum = (*floatAccum)(nil)

func (a *floatAccum) Reset(groups int) {
	if cap(a.sums) < groups {
		a.sums = make([]exactSum, groups)
		return
	}
	a.sums = a.sums[:groups]
	for i := range a.sums {
		a.sums[i].reset()
	}
}

func (a *floatAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	for i, g := range group {
		if !v.IsNull(i) {
			a.sums[g].add(v.Floats[i], weightAt(weights, i))
		}
	}
}

func (a *floatAccum) Load(g int, image []byte) []byte { return a.sums[g].load(image) }
func (a *floatAccum) Append(dst []byte, g int) []byte { return a.sums[g].append(dst) }
func (a *floatAccum) Final(g int, out *vec.Builder) error {
	s := &a.sums[g]
	if s.n == 0 {
		out.Null()
		return nil
	}
	f := s.float64()
	if a.avg {
		f = s.mean()
	}
	if a.single {
		f = float64(float32(f))
	}
	if math.IsInf(f, 0) && s.pinf == 0 && s.inf == 0 {
		return errFloatOver
	}
	out.Float(f)
	return nil
}

// mean divides the exact sum where it is finite.
func (s *exactSum) mean() float64 {
	f := s.float64()
	if !math.IsInf(f, 0) {
		return f / float64(s.n)
	}
	if s.pinf != 0 || s.inf != 0 {
		return f
	}
	return ratioFloat(s.big(), s.n)
}

func floatAggs(name string, avg bool) []Agg {
	row := func(t, ret types.Type, single bool, ex string) Agg {
		doc := "Sum of the values that are not NULL, exact and rounded once."
		if avg {
			doc = "Mean of the values that are not NULL, from their exact sum."
		}
		return Agg{Name: name, Args: ts(t), Ret: ret, SkipNulls: true, Doc: doc, Example: ex,
			NewAccum: func([]types.Type) Accum { return &floatAccum{avg: avg, single: single} }}
	}
	if avg {
		return []Agg{row(types.Float4, types.Float8, false, ""), row(types.Float8, types.Float8, false, "")}
	}
	return []Agg{row(types.Float4, types.Float4, true, ""), row(types.Float8, types.Float8, false, "")}
}
