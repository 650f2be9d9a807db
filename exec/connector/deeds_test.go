package connector

import (
	"fmt"
	"testing"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// TestTableWrites: what rows keep stays beside them however batches are put
// together, and what a truncation removes is not written.
func TestTableWrites(t *testing.T) {
	ints := func(vs ...int64) *vec.Batch {
		b := vec.NewBuilder(types.Int8, len(vs))
		for _, v := range vs {
			b.Int(v)
		}
		return &vec.Batch{N: len(vs), Cols: []*vec.Vec{b.Finish()}}
	}
	k := []int32{0}
	for _, c := range []struct {
		name    string
		batches []*vec.Batch
		deeds   []deeds
		want    string
	}{
		{"nothing kept", []*vec.Batch{ints(1, 2)}, []deeds{{ops: []format.Op{format.Put, format.Delete}}}, "[1 2] [1 -1] [] false"},
		{"kept in the middle one", []*vec.Batch{ints(1), ints(2, 3), ints(4)}, []deeds{{}, {keep: [][]int32{nil, k}}, {}}, "[1 2 3 4] [1 1 1 1] [[] [] [0] []] false"},
		{"behind a truncation", []*vec.Batch{ints(1), ints(2, 0, 4)}, []deeds{{keep: [][]int32{k}}, {ops: []format.Op{format.Put, format.Truncate, format.Put}, keep: [][]int32{k, nil, k}}}, "[4] [1] [[0]] true"},
		{"before a truncation", []*vec.Batch{ints(1), ints(0), ints(4)}, []deeds{{keep: [][]int32{k}}, {ops: []format.Op{format.Truncate}}, {}}, "[4] [1] [] true"},
		{"a truncation alone", []*vec.Batch{ints(0)}, []deeds{{ops: []format.Op{format.Truncate}}}, "[] [] [] true"},
	} {
		ws := tableWrites(7, c.batches, c.deeds)
		if len(ws) != 1 {
			t.Fatalf("%s: %d writes", c.name, len(ws))
		}
		w := ws[0]
		var values, weights []int64
		if w.Rows != nil {
			values, weights = w.Rows.Cols[0].Ints, w.Rows.Weights
		}
		if got := fmt.Sprint(values, weights, w.Keep, w.Truncate); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	d := deeds{ops: []format.Op{format.Put, format.Delete}, keep: [][]int32{k, nil}}.slice(1, 2)
	if fmt.Sprint(d) != "{[1] [[]]}" {
		t.Errorf("a slice: %v", d)
	}
}
