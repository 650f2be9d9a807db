package arrange

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/state"
)

// TestSlicesSought: a key that changed a few times is found in a few of very many
// slices, in packs or not, and so is one that changes in each.
func TestSlicesSought(t *testing.T) {
	const checkpoints, keys = 300, 40
	for _, packs := range []int{1, packVersions} {
		store, err := state.Open("db", vfs.NewMem(), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSpace(Options{Store: store, Parts: 2, heap: raceEnabled, sliceBytes: 1, PackVersions: packs})
		table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
		changed := func(x, e uint64) bool { return e == 1 || e%(1+x*x*x*x) == 0 } // 0: in each epoch
		refs := make([]Ref, 1)
		key := func(x uint64) []byte { return binary.BigEndian.AppendUint64([]byte{1}, x) }
		last := [keys][]uint64{}
		change := func(e, x uint64) {
			k := &Keys{}
			k.Append(key(x))
			if err := table.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			if _, err := table.Put(k, 0, refs[0], binary.BigEndian.AppendUint64(nil, e)); err != nil {
				t.Fatal(err)
			}
		}
		for e := uint64(1); e <= checkpoints; e++ {
			s.Begin(e)
			for x := range uint64(keys) {
				if changed(x, e) || e == checkpoints { // all in the last
					change(e, x)
					last[x] = append(last[x], e)
				}
			}
			if err := s.Freeze().Write(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(s.slicesFrom(table.retain, 0)); n < checkpoints-10 {
			t.Fatalf("there are %d slices", n)
		}
		for _, x := range []uint64{0, 1, 2, 3, 4, 5, keys - 1} {
			for e := uint64(1); e < checkpoints; e += 7 {
				it, err := store.NewIter()
				if err != nil {
					t.Fatal(err)
				}
				want, changes := uint64(0), 0
				for _, c := range last[x] {
					if c <= e {
						want = c
					} else {
						changes++
					}
				}
				look := past{t: table, it: it, key: key(x), e: e}
				if err := look.search(checkpoints); err != nil {
					t.Fatal(err)
				}
				if !look.ok || binary.BigEndian.Uint64(look.val) != want {
					t.Fatalf("key %d as of %d: %x, want %x", x, e, look.val, want)
				}
				// Where it changes often it is found early, else late: 52 is three times the
				// root of the number of slices.
				if look.sought > min(4*changes+4, 52) {
					t.Errorf("key %d as of %d, which has changed %d times since: %d slices are sought", x, e, changes, look.sought)
				}
				if err := it.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
