package arrange

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/state"
)

// TestExpiredLeavesDisk: history that is no longer kept is gone from the list of slices
// and from the disk, in packs or not, and what is kept is answered as it stood, also
// after a restart; what is not is refused.
func TestExpiredLeavesDisk(t *testing.T) {
	if raceEnabled {
		t.Skip("nothing in it runs beside anything else")
	}
	const keys, keep, epochs = 500, 64, 400 // a bucket is two epochs
	for _, packs := range []int{1, packVersions} {
		t.Run(fmt.Sprint(packs), func(t *testing.T) {
			seed := rand.Int63()
			rng := rand.New(rand.NewSource(seed))
			fs := vfs.NewMem()
			var store *state.Store
			var s *Space
			var table *Table
			open := func() {
				var err error
				if store, err = state.Open("db", fs, state.Options{}); err != nil {
					t.Fatal(err)
				}
				s = NewSpace(Options{Store: store, Parts: 4, heap: raceEnabled, sliceBytes: 1 << 10, PackVersions: packs,
					EpochTime: func(e uint64) int64 { return int64(e) * 1e6 }})
				table = s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: keep * 1e6})
			}
			shut := func() {
				s.Close()
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
			}
			open()
			stands := make([][keys]uint64, epochs+1)
			key := func(x int) []byte { return binary.BigEndian.AppendUint64([]byte{1}, uint64(x)) }
			most := int64(0)
			for e := uint64(1); e <= epochs; e++ {
				s.Begin(e)
				stands[e] = stands[e-1]
				for x := range keys {
					if e > 1 && rng.Intn(1+x%20) > 0 {
						continue
					}
					k, refs := &Keys{}, make([]Ref, 1)
					k.Append(key(x))
					if err := table.Lookup(k, nil, refs); err != nil {
						t.Fatal(err)
					}
					var err error
					if stands[e][x] = e; rng.Intn(5) == 0 {
						stands[e][x] = 0
						err = table.Delete(k, 0, refs[0])
					} else {
						val := make([]byte, 200)
						rng.Read(val)
						_, err = table.Put(k, 0, refs[0], binary.BigEndian.AppendUint64(val, e))
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Freeze().Write(context.Background(), nil); err != nil {
					t.Fatal(err)
				}
				if e == 2*keep {
					most = store.Metrics().Bytes
				}
				if rng.Intn(60) == 0 {
					shut()
					open()
				}
			}
			shut()
			open()
			defer shut()
			if n := len(s.slicesFrom(table.retain, 0)); n > keep+6 {
				t.Errorf("there are %d slices", n)
			}
			for until := time.Now().Add(10 * time.Second); store.Metrics().Bytes > 2*most; {
				if time.Now().After(until) {
					t.Fatalf("%d bytes on disk, %d when the oldest were to go", store.Metrics().Bytes, most)
				}
			}
			if err := table.answers(epochs - keep - 8); err == nil {
				t.Error("what has expired is answered")
			}
			for e := uint64(epochs - keep); e <= epochs; e++ {
				for x := range keys {
					got, ok, err := table.Get(key(x), Hash(key(x)), e, nil)
					want := stands[e][x]
					if err != nil || ok != (want != 0) || ok && binary.BigEndian.Uint64(got[200:]) != want {
						t.Fatalf("key %d as of %d: %x, want %d (%v, seed %d)", x, e, got, want, err, seed)
					}
				}
			}
		})
	}
}
