package arrange

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/state"
)

// TestHistoryOfManyBuckets: keys of all lengths change in epochs of many buckets
// between checkpoints, some of which fail, and each version is found as of its
// epochs, one by one and all of a key together; whether checkpoints fill slices
// or not, and whether they write packs or not.
func TestHistoryOfManyBuckets(t *testing.T) {
	for _, size := range []int64{1, 8 << 10, sliceBytes} {
		for _, packs := range []int{1, 220, packVersions} {
			t.Run(fmt.Sprint(size, "/", packs), func(t *testing.T) { historyOfManyBuckets(t, size, packs) })
		}
	}
}

func historyOfManyBuckets(t *testing.T, size int64, packs int) {
	const epochs, every, retain = 600, 20, 1000e6
	seed := rand.Int63()
	rng := rand.New(rand.NewSource(seed))
	store, err := state.Open("db", vfs.NewMem(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	second := func(e uint64) int64 { return int64(e) * 1e6 } // a bucket is 31 of them
	s := NewSpace(Options{Store: store, Parts: 4, EpochTime: second, heap: raceEnabled, sliceBytes: size, PackVersions: packs})
	defer s.Close()
	table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: retain})
	stands := map[string][][]byte{} // key → its value by epoch
	var names []string
	for i := range 40 {
		name := string(bytes.Repeat([]byte{byte('a' + i%7)}, 1+i%20)) + fmt.Sprint(i)
		names = append(names, name)
		stands[name] = make([][]byte, epochs+1)
	}
	for e := uint64(1); e <= epochs; e++ {
		s.Begin(e)
		k, refs := &Keys{}, make([]Ref, 1)
		for _, name := range names {
			stands[name][e] = stands[name][e-1]
			if rng.Intn(4) > 0 {
				continue
			}
			k.Reset()
			k.Append([]byte(name))
			if err := table.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			if rng.Intn(5) == 0 {
				stands[name][e] = nil
				err = table.Delete(k, 0, refs[0])
			} else {
				val := binary.BigEndian.AppendUint64(bytes.Repeat([]byte{1}, rng.Intn(100)), e)
				stands[name][e] = val
				_, err = table.Put(k, 0, refs[0], val)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if e%every == 0 && rng.Intn(3) > 0 {
			var fails error
			if rng.Intn(3) == 0 {
				fails = errors.New("stopped")
			}
			s.opts.Stop = func(string) error { return fails }
			if err := s.Freeze().Write(context.Background(), nil); !errors.Is(err, fails) {
				t.Fatal(err)
			}
		}
	}
	slices := len(s.slicesFrom(table.retain, 0))
	if most := epochs / every; size == 1 && slices < most/4 || size == sliceBytes && packs == packVersions && slices > most {
		t.Errorf("%d checkpoints at most have %d slices", most, slices)
	}
	for _, name := range names {
		key := []byte(name)
		for e := uint64(1); e <= epochs; e++ {
			got, ok, err := table.Get(key, Hash(key), e, nil)
			if want := stands[name][e]; err != nil || ok != (want != nil) || !bytes.Equal(got, want) {
				t.Fatalf("%s as of %d: %x, want %x (%v, seed %d)", name, e, got, want, err, seed)
			}
		}
		versions, err := table.Versions(key)
		if err != nil {
			t.Fatal(err)
		}
		e := uint64(1)
		for _, v := range versions {
			to := v.To
			if to == 0 {
				to = epochs + 1
			}
			for ; e < v.From; e++ {
				if stands[name][e] != nil {
					t.Fatalf("%s has no version of %d (seed %d)", name, e, seed)
				}
			}
			for ; e < to; e++ {
				if !bytes.Equal(stands[name][e], v.Val) {
					t.Fatalf("%s is another at %d (seed %d)", name, e, seed)
				}
			}
		}
	}
}

// TestHistoryOfThePast: a table that lags behind the others is written in epochs
// before the checkpoint in the store; the next one has its history whole, also if one
// in between has failed.
func TestHistoryOfThePast(t *testing.T) {
	for _, fails := range []error{nil, errors.New("stopped")} {
		store, err := state.Open("db", vfs.NewMem(), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSpace(Options{Store: store, Parts: 2, heap: raceEnabled})
		table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
		k, refs := &Keys{}, make([]Ref, 1)
		k.Append([]byte("key"))
		put := func(e uint64) {
			s.Begin(e)
			if err := table.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			if _, err := table.Put(k, 0, refs[0], binary.BigEndian.AppendUint64(nil, e)); err != nil {
				t.Fatal(err)
			}
		}
		write := func(fails error) {
			s.Begin(100)
			s.opts.Stop = func(string) error { return fails }
			if err := s.Freeze().Write(context.Background(), nil); !errors.Is(err, fails) {
				t.Fatal(err)
			}
		}
		const last = 90
		for e := uint64(1); e <= last; e++ {
			put(e)
			switch e {
			case 10, 70:
				write(nil)
			case 40, 80:
				write(fails)
			}
		}
		write(nil)
		for e := uint64(1); e < last; e++ {
			got, ok, err := table.Get([]byte("key"), k.Hash[0], e, nil)
			if err != nil || !ok || binary.BigEndian.Uint64(got) != e {
				t.Fatalf("as of %d: %x, %v, %v", e, got, ok, err)
			}
		}
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
