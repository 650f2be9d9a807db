package funcs

import (
	"fmt"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// sumOf is an accumulator of sum over a type.
func sumOf(tb testing.TB, t types.Type) Accum {
	for _, a := range sumAggs() {
		if a.Args[0].OID == t.OID {
			return a.NewAccum([]types.Type{t})
		}
	}
	tb.Fatalf("no sum of %s", t)
	return nil
}

// sumStep is a step of an aggregate: a batch is added, the groups' states are
// read, written back, and made results.
func sumStep(tb testing.TB, a Accum, v *vec.Vec, group []int32, groups int, images [][]byte) *vec.Vec {
	a.Reset(groups)
	a.Add(group, []*vec.Vec{v}, nil)
	out := vec.NewBuilder(v.Type, groups)
	for g := range groups {
		if len(images[g]) > 0 {
			a.Load(g, images[g])
		}
		images[g] = a.Append(images[g][:0], g)
		if err := a.Final(g, out); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Finish()
}

func sumInput(t types.Type) *vec.Vec {
	v := &vec.Vec{Type: t, N: vec.BatchRows, Ints: make([]int64, vec.BatchRows), Valid: vec.NewBitmap(vec.BatchRows, true)}
	if t.OID == types.OIDNumeric {
		v.Scale = 2
	}
	for i := range v.Ints {
		v.Ints[i] = int64(i * 7919 % 100_000)
		if i%10 == 0 {
			v.Valid.Clear(i)
		}
	}
	return v
}

// Sums of narrow numerics stay within twice the time of int8's, with few and with
// many rows a group.
func BenchmarkSumStep(b *testing.B) {
	for _, groups := range []int{1, 100, vec.BatchRows} {
		for _, t := range []types.Type{types.Int4, types.Int8, types.NumericOf(18, 2)} {
			b.Run(fmt.Sprintf("groups=%d/type=%s", groups, t), func(b *testing.B) {
				v, a, images := sumInput(t), sumOf(b, t), make([][]byte, groups)
				group := make([]int32, v.N)
				for i := range group {
					group[i] = int32(i * 31 % groups)
				}
				for b.Loop() {
					sumStep(b, a, v, group, groups, images)
				}
				b.ReportMetric(float64(v.N)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}

// The benchmark runs, and both types come to the same sum.
func TestSumsAgree(t *testing.T) {
	group := make([]int32, vec.BatchRows)
	var got [2]*vec.Vec
	for i, typ := range []types.Type{types.Int8, types.NumericOf(18, 2)} {
		images := make([][]byte, 1)
		a, v := sumOf(t, typ), sumInput(typ)
		sumStep(t, a, v, group, 1, images)
		got[i] = sumStep(t, a, v, group, 1, images)
	}
	if got[0].Ints[0] != got[1].Ints[0] || got[1].Scale != 2 || got[0].Ints[0] == 0 {
		t.Errorf("int8 %v, numeric %v with scale %d", got[0].Ints, got[1].Ints, got[1].Scale)
	}
}
