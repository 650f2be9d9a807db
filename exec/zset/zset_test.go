package zset

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func randomBatch(r *rand.Rand, n int) *vec.Batch {
	b := NewBuilder([]types.Type{types.Int8, types.Text, types.Numeric}, nil)
	for range n {
		x, y, z := types.Int(r.Int64N(3)), types.String([]string{"", "a", "b"}[r.IntN(3)]), types.Datum{I: r.Int64N(2) * 10, Scale: 1}
		if r.IntN(5) == 0 {
			x = types.NullDatum
		}
		if err := b.Datums(r.Int64N(5)-2, x, y, z); err != nil {
			panic(err)
		}
	}
	return b.Batch()
}

func sums(bs ...*vec.Batch) map[string]int64 {
	out := map[string]int64{}
	for _, b := range bs {
		if b == nil {
			continue
		}
		for i := range b.N {
			k := ""
			for _, c := range b.Cols {
				k += fmt.Sprintf("%+v ", c.Datum(i))
			}
			if out[k] += b.Weight(i); out[k] == 0 {
				delete(out, k)
			}
		}
	}
	return out
}

// A consolidated batch has the sums of what went in, one entry per row, none zero.
func TestConsolidate(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		a, b := randomBatch(r, 1+r.IntN(30)), randomBatch(r, 1+r.IntN(30))
		want := sums(a, b)
		got := ConsolidateAll([]*vec.Batch{a, b})
		if fmt.Sprint(sums(got)) != fmt.Sprint(want) {
			t.Fatalf("seed %d: got %v, want %v", seed, sums(got), want)
		}
		if got == nil {
			continue
		}
		if got.N != len(want) {
			t.Fatalf("seed %d: %d entries for %d rows", seed, got.N, len(want))
		}
		if zero := Apply(got, Negate(got)); zero != nil {
			t.Fatalf("seed %d: a collection less itself has %d rows", seed, zero.N)
		}
		first := RetractionsFirst(got)
		for i := 1; i < first.N; i++ {
			if first.Weight(i-1) > 0 && first.Weight(i) < 0 {
				t.Fatalf("seed %d: a retraction follows an insertion", seed)
			}
		}
		if fmt.Sprint(sums(first)) != fmt.Sprint(want) {
			t.Fatalf("seed %d: retractions first changed the sums", seed)
		}
	}
}

// Values that are equal but display differently are different rows.
func TestConsolidateExact(t *testing.T) {
	b := NewBuilder([]types.Type{types.Numeric}, nil)
	for _, d := range []types.Datum{{I: 1}, {I: 10, Scale: 1}, {I: 1}} {
		if err := b.Datums(1, d); err != nil {
			t.Fatal(err)
		}
	}
	if got := Consolidate(b.Batch()); got.N != 2 {
		t.Errorf("got %d rows, want 2", got.N)
	}
}

func TestConsolidateErrors(t *testing.T) {
	e := func(row string, w int64) Error {
		return Error{Err: sqlerr.New(sqlerr.DivisionByZero, "division by zero"), Row: row, Weight: w}
	}
	got := ConsolidateErrors([]Error{e("b", 1), e("a", 2), e("b", -1), e("a", 1), e("c", 1)})
	if len(got) != 2 || got[0].Row != "a" || got[0].Weight != 3 || got[1].Row != "c" {
		t.Errorf("got %+v", got)
	}
}

// Keys get dense numbers in the order of first appearance, across growth.
func TestIndex(t *testing.T) {
	var x Index
	for range 2 {
		x.Reset(0)
		for i := range 10_000 {
			key := []byte(fmt.Sprint(i % 5000))
			if id := x.Add(key); int(id) != i%5000 {
				t.Fatalf("key %s has id %d", key, id)
			}
		}
		if x.Len() != 5000 || string(x.Key(4321)) != "4321" || x.Find([]byte("none"), 1) != -1 {
			t.Fatal("wrong index")
		}
	}
}
