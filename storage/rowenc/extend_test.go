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

// TestGrown: columns whose types become wider, some of them added before, between
// columns that are added: images of all ages are read as what they were written as.
func TestGrown(t *testing.T) {
	wider := map[uint32][]types.Type{types.OIDInt2: {types.Int4, types.Int8}, types.OIDInt4: {types.Int8}, types.OIDFloat4: {types.Float8}}
	start := []types.Type{types.Int2, types.Int4, types.Float4, types.Text, types.Numeric, types.Int2}
	for seed := range int64(300) {
		rng := rand.New(rand.NewPCG(uint64(seed), 2))
		base := rng.IntN(4)
		var ts []types.Type
		for range base {
			ts = append(ts, start[rng.IntN(len(start))])
		}
		var grown []Grown
		var images [][]byte
		var want [][]types.Datum
		for range 6 {
			const n = 5
			cols := make([]*vec.Vec, len(ts))
			rows := make([][]types.Datum, n)
			for c := range cols {
				b := vec.NewBuilder(ts[c], n)
				for i := range n {
					d := randDatum(rng, ts[c])
					b.Datum(d)
					rows[i] = append(rows[i], d)
				}
				cols[c] = b.Finish()
			}
			want = append(want, rows...)
			var k Keys
			NewGrownCodec(ts, base, grown).Encode(&k, cols, n)
			images = append(images, k.Slices(nil)...)
			ts = append([]types.Type(nil), ts...)
			if c := rng.IntN(len(ts) + 1); c < len(ts) && wider[ts[c].OID] != nil {
				to := wider[ts[c].OID][rng.IntN(len(wider[ts[c].OID]))]
				if !Widens(ts[c], to) || Widens(to, ts[c]) {
					t.Fatalf("%s does not widen to %s", ts[c], to)
				}
				grown = append(grown, Grown{Column: c, Was: ts[c], Columns: len(ts)})
				ts[c] = to
			} else {
				ts = append(ts, start[rng.IntN(len(start))])
			}
		}
		codec := NewGrownCodec(ts, base, grown)
		for _, fields := range [][]int{nil, {rng.IntN(len(ts))}, {len(ts) - 1, 0}} {
			got, err := codec.Decode(images, fields)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for k, v := range got {
				c := k
				if fields != nil {
					c = fields[k]
				}
				if v.Type != ts[c] {
					t.Fatalf("seed %d: column %d is read as %s, not %s", seed, c, v.Type, ts[c])
				}
				for i := range images {
					w := types.NullDatum
					if c < len(want[i]) {
						w = want[i][c]
					}
					if g := v.Datum(i); g.Null != w.Null || !g.Null && types.Compare(g, w, ts[c]) != 0 {
						t.Fatalf("seed %d, row %d, column %d (%s): got %v, want %v", seed, i, c, ts[c], g, w)
					}
				}
			}
		}
		cut := images[len(images)-1]
		for n := range cut {
			_, _ = codec.Decode([][]byte{cut[:n]}, nil)
		}
	}
}
