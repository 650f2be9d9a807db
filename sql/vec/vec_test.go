package vec

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tarndb/tarn/sql/types"
)

var testTypes = []types.Type{types.Bool, types.Int8, types.Float8, types.Numeric, types.Text}

// randDatum makes a value or NULL; numerics have several scales and both forms.
func randDatum(r *rand.Rand, t types.Type, nulls bool) types.Datum {
	if nulls && r.IntN(4) == 0 {
		return types.NullDatum
	}
	switch t.Phys() {
	case types.PhysBool:
		return types.Boolean(r.IntN(2) == 0)
	case types.PhysInt:
		return types.Int(r.Int64N(100) - 50)
	case types.PhysFloat:
		return types.Float(float64(r.IntN(100)) / 4)
	case types.PhysNumeric:
		if r.IntN(20) == 0 {
			return types.Datum{I: r.Int64N(1000), Scale: int32(r.IntN(3))}
		}
		return types.Datum{I: r.Int64N(1000), Scale: 2}
	}
	return types.String("héllo wörld"[:r.IntN(6)*2%11])
}

func randDatums(r *rand.Rand, t types.Type, n int) []types.Datum {
	nulls := r.IntN(2) == 0
	out := make([]types.Datum, n)
	for i := range out {
		out[i] = randDatum(r, t, nulls)
	}
	return out
}

func sameDatums(t *testing.T, what string, v *Vec, want []types.Datum) {
	t.Helper()
	if v.N != len(want) {
		t.Fatalf("%s: %d rows, not %d", what, v.N, len(want))
	}
	for i, w := range want {
		got := v.Datum(i)
		if got.Null != w.Null || !w.Null && !types.Equal(got, w, v.Type) {
			t.Fatalf("%s of %s: row %d is %+v, not %+v", what, v.Type, i, got, w)
		}
	}
}

// Build, Gather, Compress, Slice, Concat, Pick and Flatten do to columns what the same
// steps do to slices of values.
func TestColumnsAreLists(t *testing.T) {
	var used Arena
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var arena *Arena // nil: fresh memory
		if seed%2 == 0 {
			arena = &used
			arena.Settle(nil)
		}
		for _, typ := range testTypes {
			ds := randDatums(r, typ, r.IntN(300))
			v := FromDatums(typ, ds)
			sameDatums(t, "build", v, ds)

			sel, want := make([]int32, r.IntN(200)), []types.Datum{}
			for i := range sel {
				sel[i] = int32(r.IntN(len(ds)+1)) - 1
				if sel[i] < 0 {
					want = append(want, types.NullDatum)
				} else {
					want = append(want, ds[sel[i]])
				}
			}
			sameDatums(t, "gather", Gather(v, sel), want)

			mask, some, kept := NewBitmap(len(ds), false), []int32{}, []types.Datum{}
			share := 1 + r.IntN(4)
			for i := range ds {
				if r.IntN(share) == 0 {
					mask.Set(i)
					some, kept = append(some, int32(i)), append(kept, ds[i])
				}
			}
			sameDatums(t, "compress", arena.Compress(v, some, mask), kept)

			lo := r.IntN(len(ds) + 1)
			hi := lo + r.IntN(len(ds)-lo+1)
			part := v.Slice(lo, hi)
			sameDatums(t, "slice", part, ds[lo:hi])

			more := randDatums(r, typ, r.IntN(100))
			w := FromDatums(typ, more)
			all := ConcatVecs([]*Vec{part, w, v})
			sameDatums(t, "concat", all, slices.Concat(ds[lo:hi], more, ds))
			h := HashColumns([]*Vec{all}, all.N)
			parts := slices.Concat(HashColumns([]*Vec{part}, part.N), HashColumns([]*Vec{w}, w.N), HashColumns([]*Vec{v}, v.N))
			if !slices.Equal(h, parts) {
				t.Fatalf("seed %d: hashes of %s depend on the batch", seed, typ)
			}

			from, row, picked := make([]int32, 50), make([]int32, 50), make([]types.Datum, 50)
			for i := range from {
				from[i] = int32(r.IntN(3)) - 1
				src := ds
				if from[i] == 1 {
					src = more
				}
				if from[i] < 0 || len(src) == 0 {
					from[i], picked[i] = -1, types.NullDatum
					continue
				}
				row[i] = int32(r.IntN(len(src)))
				picked[i] = src[row[i]]
			}
			sameDatums(t, "pick", Pick(typ, []*Vec{v, w}, from, row), picked)

			d := randDatum(r, typ, true)
			sameDatums(t, "flatten", Flatten(ConstVec(typ, d, 70)), slices.Repeat([]types.Datum{d}, 70))
		}
	}
}

// What a kept column refers to is not lent again, be it a part of what was lent.
func TestArenaKeeps(t *testing.T) {
	var a Arena
	kept := &Vec{Type: types.Int8, N: 3, Ints: a.Ints(10)[4:7], Valid: a.Bits(70)}
	lost := a.Ints(10)
	copy(kept.Ints, []int64{1, 2, 3})
	a.Settle([]*Vec{kept})
	again := [][]int64{a.Ints(10), a.Ints(10), a.Ints(10)}
	for _, xs := range again {
		for i := range xs {
			xs[i] = -1
		}
	}
	for i := range a.Bits(70) {
		a.Bits(70)[i] = 7
	}
	if !slices.Equal(kept.Ints, []int64{1, 2, 3}) || kept.Valid.Count() != 0 {
		t.Errorf("a kept column became %v, %v", kept.Ints, kept.Valid)
	}
	if lost[0] != -1 {
		t.Error("memory that nobody kept is not used again")
	}
}

func TestBitmap(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		in := make([]bool, r.IntN(300))
		var at []int32
		for i := range in {
			if in[i] = r.IntN(2) == 0; in[i] {
				at = append(at, int32(i))
			}
		}
		b := PackBools(in)
		if got := UnpackBools(b, len(in)); !slices.Equal(got, in) {
			t.Fatalf("seed %d: unpack %v, not %v", seed, got, in)
		}
		if got := b.Positions(len(in)); !slices.Equal(got, at) {
			t.Fatalf("seed %d: positions %v, not %v", seed, got, at)
		}
		if got := Not(b).Positions(len(in)); len(got) != len(in)-len(at) || b.CountN(len(in)) != len(at) {
			t.Fatalf("seed %d: count", seed)
		}
	}
}

func BenchmarkGather(b *testing.B) {
	v := &Vec{Type: types.Int8, N: BatchRows, Ints: make([]int64, BatchRows), Valid: NewBitmap(BatchRows, true)}
	v.Valid.Clear(7)
	sel := make([]int32, BatchRows/2)
	for i := range sel {
		sel[i] = int32(2 * i)
	}
	for b.Loop() {
		Gather(v, sel)
	}
	b.ReportMetric(float64(len(sel)*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
