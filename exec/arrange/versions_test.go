package arrange

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/state"
)

// TestDeepChain changes one key in each of very many epochs and reads it as of
// any, from memory and from the store, also after a checkpoint that failed.
func TestDeepChain(t *testing.T) {
	const epochs = 20_000
	for _, tombstones := range []bool{false, true} {
		rng := rand.New(rand.NewSource(5))
		store, err := state.Open("db", vfs.NewMem(), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSpace(Options{Store: store, Parts: 2, heap: raceEnabled})
		table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
		k := &Keys{}
		k.Append([]byte("hot"))
		refs := make([]Ref, 1)
		alive := make([]bool, epochs+1)
		for e := uint64(1); e <= epochs; e++ {
			s.Begin(e)
			if err := table.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			if tombstones && rng.Intn(4) == 0 {
				err = table.Delete(k, 0, refs[0])
			} else {
				alive[e] = true
				_, err = table.Put(k, 0, refs[0], binary.BigEndian.AppendUint64(nil, e))
			}
			if err != nil {
				t.Fatal(err)
			}
			if e%4000 == 0 && e < epochs {
				fails := errors.New("stopped")
				if e%8000 != 0 {
					fails = nil
				}
				s.opts.Stop = func(string) error { return fails }
				if err := s.Freeze().Write(context.Background(), nil); !errors.Is(err, fails) {
					t.Fatal(err)
				}
			}
		}
		hash := Hash([]byte("hot"))
		for range 3000 {
			e := 1 + uint64(rng.Intn(epochs))
			got, ok, err := table.Get([]byte("hot"), hash, e, nil)
			if err != nil || ok != alive[e] || ok && binary.BigEndian.Uint64(got) != e {
				t.Fatalf("as of %d: %x, %v, %v", e, got, ok, err)
			}
		}
		steps := 0
		p := table.parts[s.Part(hash)].Load()
		for v := prevOf(p.lookup(hash<<p.shift, []byte("hot"))); versionFrom(v) > epochs-3000; steps++ {
			v = older(v, epochs-3000)
		}
		if steps > 60 {
			t.Errorf("%d steps to a version 3000 back", steps)
		}
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWarmUp opens a table whose rows are all in the store: looking up a part of
// them brings in the rest, and answers stay what they are meanwhile and after.
func TestWarmUp(t *testing.T) {
	const n = 40_000
	fs := vfs.NewMem()
	open := func() (*state.Store, *Space, *Table) {
		store, err := state.Open("db", fs, state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := NewSpace(Options{Store: store, Parts: 4, heap: raceEnabled})
		return store, s, s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
	}
	store, s, table := open()
	epoch := uint64(0)
	change := func(keys []uint64, del bool) {
		epoch++
		s.Begin(epoch)
		k := &Keys{}
		for _, x := range keys {
			k.Append(intKey(nil, x))
		}
		refs := make([]Ref, len(keys))
		if err := table.Lookup(k, nil, refs); err != nil {
			t.Fatal(err)
		}
		for i := range keys {
			var err error
			if del {
				err = table.Delete(k, i, refs[i])
			} else {
				_, err = table.Put(k, i, refs[i], binary.BigEndian.AppendUint64(nil, epoch))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i)
	}
	change(all, false)      // epoch 1
	change(all[:100], true) // epoch 2
	write := func() {
		if err := s.Freeze().Write(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	write()
	s.Close()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store, s, table = open()
	complete := func() bool {
		for i := range table.parts {
			if p := table.parts[i].Load(); p == nil || !p.complete {
				return false
			}
		}
		return true
	}
	at := map[uint64]uint64{} // key → epoch in which it was changed here
	rng := rand.New(rand.NewSource(1))
	for i := 0; i < 30; i++ {
		var keys []uint64
		for _, x := range rng.Perm(n - 100)[:500] {
			keys = append(keys, uint64(x+100))
		}
		change(keys, false)
		for _, x := range keys {
			at[x] = epoch
		}
		if i == 10 {
			write()
		}
	}
	if !complete() {
		t.Fatal("the table has not been read in")
	}
	check := func(key, e, want uint64) {
		t.Helper()
		x := intKey(nil, key)
		got, ok, err := table.Get(x, Hash(x), e, nil)
		if err != nil || ok != (want != 0) || ok && binary.BigEndian.Uint64(got) != want {
			t.Fatalf("key %d as of %d: %x, %v, %v; want %d", key, e, got, ok, err, want)
		}
	}
	for _, x := range rng.Perm(n)[:2000] {
		key := uint64(x)
		now := uint64(1)
		if key < 100 {
			now = 0
		} else if e, ok := at[key]; ok {
			now = e
		}
		check(key, epoch, now)
		check(key, 1, 1)
	}
	check(n+5, epoch, 0)
	s.Close()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestScanOrder: a scan after few changes comes in order of the key, from memory,
// from the store, and from both.
func TestScanOrder(t *testing.T) {
	store, err := state.Open("db", vfs.NewMem(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSpace(Options{Store: store, Parts: 4, heap: raceEnabled})
	table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
	rng := rand.New(rand.NewSource(3))
	live := map[uint64]bool{}
	for e := uint64(1); e <= 40; e++ {
		s.Begin(e)
		k, refs := &Keys{}, make([]Ref, 1)
		for range 20 {
			x := uint64(rng.Intn(500))
			k.Reset()
			k.Append(intKey(nil, x))
			if err := table.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			if live[x] = rng.Intn(3) > 0; live[x] {
				_, err = table.Put(k, 0, refs[0], []byte{1})
			} else {
				err = table.Delete(k, 0, refs[0])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if e%7 == 0 {
			if err := s.Freeze().Write(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
		}
		var last []byte
		want, got := 0, 0
		for _, l := range live {
			if l {
				want++
			}
		}
		if err := table.Scan(e, nil, func(key, _ []byte) error {
			if got++; bytes.Compare(last, key) >= 0 {
				t.Fatalf("epoch %d: %x comes after %x", e, key, last)
			}
			last = append(last[:0], key...)
			return nil
		}); err != nil || got != want {
			t.Fatalf("epoch %d: %d rows, want %d (%v)", e, got, want, err)
		}
	}
	s.Close()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestChangesBesideWriter: changes up to an epoch are the same while later epochs
// are written.
func TestChangesBesideWriter(t *testing.T) {
	s := NewSpace(Options{Parts: 2, heap: raceEnabled})
	table := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
	const keys, epochs = 64, 400
	write := func(e uint64) {
		s.Begin(e)
		k, refs := &Keys{}, make([]Ref, 1)
		for x := range uint64(keys) {
			k.Reset()
			k.Append(intKey(nil, x))
			if err := table.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			if _, err := table.Put(k, 0, refs[0], binary.BigEndian.AppendUint64(nil, e)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var done atomic.Uint64
	write(1)
	done.Store(1)
	stopped := make(chan error, 1)
	go func() {
		for {
			to := done.Load()
			if to == epochs {
				stopped <- nil
				return
			}
			from, seen := to-min(to-1, 3), 0
			err := table.Changes(from, to, func(e uint64, key, old, is []byte) error {
				seen++
				if len(old) != 8 || len(is) != 8 || binary.BigEndian.Uint64(old) != e-1 || binary.BigEndian.Uint64(is) != e {
					return fmt.Errorf("epoch %d: %x goes from %x to %x", e, key, old, is)
				}
				return nil
			})
			if err == nil && seen != keys*int(to-from) {
				err = fmt.Errorf("%d changes in (%d, %d]", seen, from, to)
			}
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	for e := uint64(2); e <= epochs; e++ {
		write(e)
		done.Store(e)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	s.Close()
}
