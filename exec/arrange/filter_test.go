package arrange

import (
	"context"
	"encoding/binary"
	"math/rand"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/state"
)

// TestFilters: a key that packs have nothing of is not sought in them, as long as there
// is memory for filters; with memory for a few checkpoints the others are sought, and
// what has filters and what has none is answered alike.
func TestFilters(t *testing.T) {
	const checkpoints, some = 100, 300
	for _, memory := range []int64{0, 5_000, 20_000, 1 << 40} {
		rng := rand.New(rand.NewSource(3))
		store, err := state.Open("db", vfs.NewMem(), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSpace(Options{Store: store, Budget: NewBudget(32 * memory), Parts: 2, heap: raceEnabled, PackVersions: 1})
		table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
		key := func(x int) []byte { return binary.BigEndian.AppendUint64([]byte{1}, uint64(x)) }
		began := map[int][]uint64{}
		for e := uint64(1); e <= checkpoints; e++ {
			s.Begin(e)
			n := some
			if e%10 == 0 {
				n *= 4 // more than there is memory for, perhaps
			}
			for x := range n {
				if n == some {
					x = rng.Intn(2 * some)
				}
				if c := began[x]; len(c) > 0 && c[len(c)-1] == e {
					continue
				}
				k, refs := &Keys{}, make([]Ref, 1)
				k.Append(key(x))
				if err := table.Lookup(k, nil, refs); err != nil {
					t.Fatal(err)
				}
				if _, err := table.Put(k, 0, refs[0], binary.BigEndian.AppendUint64(nil, e)); err != nil {
					t.Fatal(err)
				}
				began[x] = append(began[x], e)
			}
			if err := s.Freeze().Write(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
		}
		it, err := store.NewIter()
		if err != nil {
			t.Fatal(err)
		}
		sought := 0
		for x := 1 << 20; x < 1<<20+1000; x++ {
			look := past{t: table, it: it, key: key(x), e: 1}
			if err := look.search(0); err != nil || look.ok {
				t.Fatalf("%v, %v", look.ok, err)
			}
			sought += look.sought
		}
		each := sought / 1000
		if memory == 0 && each < checkpoints-5 || memory > 20_000 && each > 2 {
			t.Errorf("with memory for %d bytes %d slices are sought", memory, each)
		}
		held := int64(0)
		for _, f := range table.packFilters() {
			held += f.bytes()
		}
		if held > memory {
			t.Errorf("filters take %d of %d bytes", held, memory)
		}
		for x, c := range began {
			for _, e := range []uint64{1, 2, 9, 10, 11, 50, 51, 52, 98, 99} {
				want := uint64(0)
				for _, b := range c {
					if b <= e {
						want = b
					}
				}
				if want == c[len(c)-1] {
					continue // it stands
				}
				look := past{t: table, it: it, key: key(x), e: e}
				if err := look.search(0); err != nil {
					t.Fatal(err)
				}
				if look.ok != (want != 0) || look.ok && binary.BigEndian.Uint64(look.val) != want {
					t.Fatalf("with memory for %d bytes key %d as of %d: %x, want %d", memory, x, e, look.val, want)
				}
			}
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
