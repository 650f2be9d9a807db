package rowenc

import (
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// TestExtended: images of a schema are read by the codecs of the schemas that it
// grows into, the columns that came later being NULL, and images of all ages lie
// side by side.
func TestExtended(t *testing.T) {
	all := []types.Type{types.Bool, types.Int2, types.Int4, types.Int8, types.Float8, types.Numeric, types.Text, types.JSONB, types.UUID, types.Interval, types.Timestamptz, types.Oid}
	for seed := range int64(300) {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		base := rng.IntN(5)
		ts := make([]types.Type, base+rng.IntN(5))
		for i := range ts {
			ts[i] = all[rng.IntN(len(all))]
		}
		newest := NewExtendedCodec(ts, base)
		var images [][]byte
		var want []types.Datum // len(ts) a row
		for width := base; width <= len(ts); width++ {
			const n = 7
			cols := make([]*vec.Vec, width)
			for c := range cols {
				b := vec.NewBuilder(ts[c], n)
				for range n {
					b.Datum(randDatum(rng, ts[c]))
				}
				cols[c] = b.Finish()
			}
			var k Keys
			NewExtendedCodec(ts[:width], base).Encode(&k, cols, n)
			images = append(images, k.Slices(nil)...)
			for i := range n {
				for c := range ts {
					if c < width {
						want = append(want, cols[c].Datum(i))
					} else {
						want = append(want, types.NullDatum)
					}
				}
			}
		}
		got, err := newest.Decode(images, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for i := range images {
			for c := range ts {
				g, w := got[c].Datum(i), want[i*len(ts)+c]
				if g.Null != w.Null || !g.Null && types.Compare(g, w, ts[c]) != 0 {
					t.Fatalf("seed %d, row %d, column %d (%s): got %v, want %v", seed, i, c, ts[c], g, w)
				}
			}
		}
		for c := range ts { // one alone
			one, err := newest.Decode(images, []int{c})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i := range images {
				if g, w := one[0].Datum(i), got[c].Datum(i); g.Null != w.Null || !g.Null && types.Compare(g, w, ts[c]) != 0 {
					t.Fatalf("seed %d: column %d alone differs", seed, c)
				}
			}
		}
		if len(ts) > base { // damaged ones are errors, not panics
			cut := images[len(images)-1]
			for n := range cut {
				_, _ = newest.Decode([][]byte{cut[:n]}, nil)
			}
		}
	}
}

func FuzzExtended(f *testing.F) {
	c := NewExtendedCodec([]types.Type{types.Text, types.Numeric, types.Text, types.Numeric}, 2)
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = c.Decode([][]byte{data, data}, nil) })
}
