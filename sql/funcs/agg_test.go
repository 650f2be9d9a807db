package funcs

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// aggValue makes a value for an aggregate's argument.
func aggValue(r *rand.Rand, t types.Type) types.Datum {
	if r.IntN(5) == 0 {
		return types.NullDatum
	}
	switch t.OID {
	case types.OIDBool:
		return types.Boolean(r.IntN(2) == 0)
	case types.OIDNumeric:
		switch r.IntN(12) {
		case 0:
			return types.Datum{I: r.Int64N(1e6), Scale: int32(r.IntN(6))}
		case 1:
			d, _ := types.ParseText([]string{"NaN", "Infinity", "-Infinity", "123456789012345678901234567890.123", "-1e30"}[r.IntN(5)], t, nil)
			return d
		}
		return types.Datum{I: r.Int64() >> r.IntN(60), Scale: 2}
	case types.OIDInterval:
		return types.IntervalDatum(types.IntervalValue{Months: int32(r.IntN(9)), Days: int32(r.IntN(99)) - 50, Micros: r.Int64N(1e12) - 5e11})
	}
	switch t.Phys() {
	case types.PhysInt:
		if t.OID == types.OIDInt8 {
			return types.Int(int64(r.Uint64()) >> r.IntN(64))
		}
		return types.Int(r.Int64N(60000) - 30000)
	case types.PhysFloat:
		f := math.Float64frombits(r.Uint64())
		if t.OID == types.OIDFloat4 || r.IntN(4) > 0 {
			f = float64(float32(r.NormFloat64()))
		}
		return types.Float(f)
	}
	return types.String("x")
}

// testAccum drives an accumulator as the operator does: batches with weights,
// state kept as an image between them.
type testAccum struct {
	acc   Accum
	image []byte
}

func (a *testAccum) step(v []*vec.Vec, w []int64, n int) {
	a.acc.Reset(3)
	group := make([]int32, n)
	for i := range group {
		group[i] = 1
	}
	a.acc.Add(group, v, w)
	if a.image != nil {
		a.acc.Load(1, a.image)
	}
	a.image = a.acc.Append(nil, 1)
}

func (a *testAccum) final(ret types.Type) string {
	b := vec.NewBuilder(ret, 1)
	if err := a.acc.Final(1, b); err != nil {
		return err.Error()
	}
	v := b.Finish()
	if v.IsNull(0) {
		return "NULL"
	}
	return string(types.AppendText(nil, v.Datum(0), ret, nil))
}

// A history with retractions, in any batches, gives the value of the rows that
// remain, and the same state image.
func TestRetractionLeavesNoTrace(t *testing.T) {
	for _, a := range AllAggregates() {
		if a.Class != Invertible || len(a.Args) > 1 {
			continue
		}
		typ := types.Int4
		if len(a.Args) == 1 && a.Args[0] != anyT {
			typ = a.Args[0]
		}
		t.Run(fmt.Sprintf("%s(%s)", a.Name, typ), func(t *testing.T) {
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 5))
				var live []types.Datum
				hist := testAccum{acc: a.NewAccum([]types.Type{typ})}
				for range 1 + r.IntN(6) {
					b := vec.NewBuilder(typ, 8)
					var w []int64
					for range r.IntN(20) {
						if len(live) > 0 && r.IntN(2) == 0 {
							k := r.IntN(len(live))
							b.Datum(live[k])
							w = append(w, -1)
							live = append(live[:k], live[k+1:]...)
							continue
						}
						d, n := aggValue(r, typ), 1+r.IntN(2)
						b.Datum(d)
						w = append(w, int64(n))
						for range n {
							live = append(live, d)
						}
					}
					v := b.Finish()
					hist.step([]*vec.Vec{v}, w, v.N)
				}
				fresh := testAccum{acc: a.NewAccum([]types.Type{typ})}
				fresh.step([]*vec.Vec{vec.FromDatums(typ, live)}, nil, len(live))
				if got, want := hist.final(a.Ret), fresh.final(a.Ret); got != want {
					t.Fatalf("seed %d: %s after retractions, %s from %d rows", seed, got, want, len(live))
				}
				if string(hist.image) != string(fresh.image) {
					t.Fatalf("seed %d: images differ:\n%x\n%x", seed, hist.image, fresh.image)
				}
			}
		})
	}
}

func TestInt128(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 5000 {
		x, y := int64(r.Uint64())>>r.IntN(64), int64(r.Uint64())>>r.IntN(64)
		var a int128
		a.addMul(x, y)
		a.add(y)
		want := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
		want.Add(want, big.NewInt(y))
		if a.big().Cmp(want) != 0 {
			t.Fatalf("%d·%d+%d = %s, not %s", x, y, y, a.big(), want)
		}
		b, rest := takeInt128(append(appendInt128(nil, a), 'x'))
		if b != a || string(rest) != "x" {
			t.Fatalf("%v comes back as %v, %q", a, b, rest)
		}
	}
}

// The float sum is the exact sum rounded once, as arithmetic of rationals says.
func TestExactSum(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 6))
		var s exactSum
		want := new(big.Rat)
		for range 1 + r.IntN(8) {
			f := math.Float64frombits(r.Uint64())
			switch r.IntN(3) {
			case 0:
				f = r.NormFloat64()
			case 1:
				f = math.Float64frombits(r.Uint64N(1 << 54)) // around the subnormals
			}
			if math.IsNaN(f) || math.IsInf(f, 0) {
				continue
			}
			s.add(f, 1)
			want.Add(want, new(big.Rat).SetFloat64(f))
		}
		w, _ := want.Float64()
		if got := s.float64(); got != w {
			t.Fatalf("seed %d: %v, not %v", seed, got, w)
		}
		var c exactSum
		if rest := c.load(s.append(nil)); len(rest) != 0 || c.float64() != w {
			t.Fatalf("seed %d: the image gives %v, not %v", seed, c.float64(), w)
		}
	}
}

// count and sum of a key together stay small: they are most of a view's memory.
func TestStateImagesAreSmall(t *testing.T) {
	count, sum := &countAccum{}, &numericAccum{}
	v := &vec.Vec{Type: types.Numeric, Scale: 2, N: 1, Ints: []int64{1_000_000_00}}
	count.Reset(1)
	sum.Reset(1)
	for range 1000 {
		count.Add([]int32{0}, []*vec.Vec{v}, nil)
		sum.Add([]int32{0}, []*vec.Vec{v}, nil)
	}
	if n := len(sum.Append(count.Append(nil, 0), 0)); n > 24 {
		t.Errorf("%d bytes", n)
	}
}

func BenchmarkSum(b *testing.B) {
	for _, t := range []types.Type{types.Int4, types.Int8, types.NumericOf(18, 2), types.Float8} {
		b.Run("type="+t.String(), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			n := vec.BatchRows
			v := &vec.Vec{Type: t, N: n, Ints: make([]int64, n), Floats: make([]float64, n), Scale: 2}
			group := make([]int32, n)
			for i := range group {
				group[i], v.Ints[i], v.Floats[i] = int32(r.IntN(1000)), r.Int64N(10000), r.Float64()
			}
			a, err := ResolveAgg("sum", []types.Type{t}, false, false)
			if err != nil {
				b.Fatal(err)
			}
			acc := a.NewAccum(a.ArgTypes)
			for b.Loop() {
				acc.Reset(1000)
				acc.Add(group, []*vec.Vec{v}, nil)
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
