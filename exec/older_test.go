package exec

import (
	"context"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/funcs"
)

// TestOlder: a resumed subscription to a stream reads what it missed bit by bit,
// and gives each epoch whole and once, the live ones behind them.
func TestOlder(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	d.create("stream 16401")
	var want []Epoch
	first := d.insert(streamID, 0, 0, 1)
	const perEpoch, n = 10_000, 20
	some := make([]int64, 0, 3*perEpoch)
	for i := range int64(perEpoch) {
		some = append(some, i, i, 1)
	}
	for range n {
		b := rows(some...)
		b.Weights = nil
		want = append(want, d.commit(&Txn{Writes: []Write{{Object: streamID, Rows: b}, {Object: streamID, Rows: b}}}))
	}
	for _, upTo := range []*Epoch{nil, &want[12]} {
		sub, err := d.e.Subscribe(context.Background(), scanPlan(streamID), SubscribeOptions{Ctx: &funcs.Ctx{}, After: &first, UpTo: upTo})
		if err != nil {
			t.Fatal(err)
		}
		expect := slices.Clone(want)
		if upTo != nil {
			expect = expect[:12]
		}
		if upTo == nil {
			expect = append(expect, d.insert(streamID, 1, 1, 1))
		}
		var got []Epoch
		bits := 0
		for len(got) < len(expect) {
			us, _, err := sub.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			bits++
			for _, u := range us {
				got = append(got, u.Epoch)
				if u.Epoch <= want[n-1] && u.Rows.N != perEpoch { // equal rows are one with weight 2
					t.Errorf("epoch %d has %d rows, want %d", u.Epoch, u.Rows.N, perEpoch)
				}
			}
		}
		if !slices.Equal(got, expect) {
			t.Errorf("epochs %v, want %v", got, expect)
		}
		if bits < 2 {
			t.Error("all of the past was read at once")
		}
		if upTo != nil {
			if _, done, err := sub.Next(context.Background()); !done || err != nil {
				t.Errorf("done %v, err %v at the end", done, err)
			}
		}
		sub.Close()
	}
}
