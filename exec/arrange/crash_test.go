package arrange

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/state"
)

// TestCrash stops checkpoints at each step, keeps a random part of what was not
// synced, and opens what is left: it is the checkpoint before or the new one,
// with all its rows, and nothing in between.
func TestCrash(t *testing.T) {
	crashed := errors.New("crashed")
	steps := map[string]bool{}
	for seed := range int64(60) {
		rng := rand.New(rand.NewSource(seed))
		w := &world{t: t, rng: rng, fs: vfs.NewCrashableMem(), budget: NewBudget(1 << 30), parts: 4, m: newModel()}
		w.open()
		before := w.m.clone()
		checkpoint := func(stop func(string) error) error {
			w.s.opts.Stop = stop
			return w.s.Freeze().Write(context.Background(), map[string][]byte{"epoch": binary.BigEndian.AppendUint64(nil, w.m.epoch)})
		}
		for range 1 + rng.Intn(3) {
			for range 5 {
				w.step()
			}
			w.check(checkpoint(nil))
			before = w.m.clone()
		}
		for range 1 + rng.Intn(8) {
			w.step()
		}
		n, at := 1+rng.Intn(12), ""
		disk := w.fs.(*vfs.MemFS)
		var image *vfs.MemFS
		snap := func() {
			image = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.Intn(101), RNG: randV2(seed)})
		}
		err := checkpoint(func(step string) error {
			if n--; n == 0 {
				at = step
				snap()
				return crashed
			}
			return nil
		})
		if image == nil {
			w.check(err)
			at = "done"
			snap()
		}
		steps[at] = true
		w.s.Close()
		w.check(w.store.Close())

		after := w.m
		w.fs, w.m = image, before
		if at == "ingested" || at == "released" || at == "done" {
			w.m = after
		}
		w.m = w.m.clone()
		w.open()
		w.counts()
		w.read()
		w.versions()
		for range 3 {
			w.step()
			w.read()
		}
		w.close()
	}
	for _, s := range []string{"sorted", "arrangement", "written", "ingested"} {
		if !steps[s] {
			t.Errorf("no crash at step %q", s)
		}
	}
}

// TestFailedCheckpoint goes on after checkpoints that failed.
func TestFailedCheckpoint(t *testing.T) {
	full := sqlerr.New(sqlerr.DiskFull, "no space left")
	for seed := range int64(20) {
		rng := rand.New(rand.NewSource(seed))
		w := &world{t: t, rng: rng, fs: vfs.NewMem(), budget: NewBudget(1 << 30), parts: 4, m: newModel()}
		w.open()
		for range 12 {
			for range 1 + rng.Intn(4) {
				w.step()
				w.read()
			}
			fail := rng.Intn(2) == 0
			w.s.opts.Stop = func(step string) error {
				if fail && (step == "written" || step == "sorted" && rng.Intn(3) == 0) {
					return full
				}
				return nil
			}
			f := w.s.Freeze()
			durable := w.m.clone()
			w.step() // what is frozen changes before it is written
			err := f.Write(context.Background(), map[string][]byte{"epoch": binary.BigEndian.AppendUint64(nil, durable.epoch)})
			if fail != (err != nil) {
				t.Fatal(err)
			}
			w.read()
			w.counts()
			if err == nil && rng.Intn(3) == 0 {
				w.close()
				w.m = durable
				w.open()
				w.counts()
				w.versions()
			}
		}
		w.close()
	}
}

func TestBudget(t *testing.T) {
	b := NewBudget(1 << 20)
	s := NewSpace(Options{Budget: b})
	tab := s.Table(1, TableOptions{})
	s.Begin(1)
	k, refs := &Keys{}, make([]Ref, 1)
	var err error
	for i := 0; err == nil && i < 1<<20; i++ {
		k.Reset()
		k.Append([]byte(fmt.Sprint(i)))
		if err = tab.Lookup(k, nil, refs); err == nil {
			_, err = tab.Put(k, 0, refs[0], make([]byte, 100))
		}
	}
	if !sqlerr.HasCode(err, sqlerr.OutOfMemory) {
		t.Fatalf("got %v, want 53200", err)
	}
	s.Close()
	if b.Used() != 0 {
		t.Fatalf("%d bytes remain in use", b.Used())
	}
}

// TestRelieve changes twenty times the budget between two checkpoints: what others need
// is there all the same, and once the store has it memory comes back.
func TestRelieve(t *testing.T) {
	store, err := state.Open("db", vfs.NewMem(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	b := NewBudget(1 << 20)
	s := NewSpace(Options{Store: store, Budget: b, Parts: 8})
	defer s.Close()
	tab, multi, order := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1}), s.Multi(2), s.Ordered(3)
	const n = 40_000
	k, refs := &Keys{}, make([]Ref, n)
	for i := range n {
		k.Append(intKey(nil, uint64(i)))
	}
	s.Begin(1)
	if err := tab.Lookup(k, nil, refs); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := tab.Put(k, i, refs[i], make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := order.Add(k.Key(i), k.Hash[i], []byte("x"), []byte("y"), 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := multi.Lookup(k, nil, refs); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, _, _, err := multi.Add(k, i, refs[i], []byte("x"), 1); err != nil {
			t.Fatal(err)
		}
	}
	s.Relieve()
	if b.Used() < 10*b.Limit() {
		t.Fatalf("%d bytes in use before the checkpoint", b.Used())
	}
	if err := b.Reserve(b.Limit() / 4); err != nil {
		t.Errorf("a quarter of the budget: %v", err)
	}
	if err := b.Reserve(1); !sqlerr.HasCode(err, sqlerr.OutOfMemory) {
		t.Errorf("more than a quarter: %v, want 53200", err)
	}
	b.Release(b.Limit() / 4)
	if err := s.Freeze().Write(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	s.Relieve()
	if b.Used() > b.Limit() {
		t.Errorf("%d bytes in use, of %d", b.Used(), b.Limit())
	}
	s.Begin(2)
	if err := tab.Lookup(k, nil, refs); err != nil {
		t.Fatal(err)
	}
	for i, r := range refs {
		if r == 0 || len(tab.Value(r)) != 100 {
			t.Fatalf("key %d is gone", i)
		}
	}
}

// TestEviction keeps ten times the budget, reading and writing all of it.
func TestEviction(t *testing.T) {
	store, err := state.Open("db", vfs.NewMem(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	b := NewBudget(2 << 20)
	s := NewSpace(Options{Store: store, Budget: b, Parts: 8})
	defer s.Close()
	tab := s.Table(1, TableOptions{})
	const n, rounds = 100_000, 4
	k, refs := &Keys{}, make([]Ref, 512)
	peak := int64(0)
	epoch := uint64(0)
	for round := range rounds {
		for from := 0; from < n; from += 512 {
			epoch++
			s.Begin(epoch)
			k.Reset()
			for i := from; i < min(from+512, n); i++ {
				k.Append(intKey(nil, uint64(i)))
			}
			if err := tab.Lookup(k, nil, refs); err != nil {
				t.Fatal(err)
			}
			val := make([]byte, 128)
			for i := range k.Len() {
				if (refs[i] != 0) != (round > 0) || round > 0 && tab.Value(refs[i])[0] != byte(round) {
					t.Fatalf("round %d: key %d: %v", round, from+i, refs[i])
				}
				val[0] = byte(round + 1)
				if _, err := tab.Put(k, i, refs[i], val); err != nil {
					t.Fatal(err)
				}
			}
			peak = max(peak, s.Bytes())
			if s.NeedCheckpoint() {
				if err := s.Freeze().Write(context.Background(), nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if tab.Len() != n {
		t.Fatalf("%d rows, want %d", tab.Len(), n)
	}
	if peak > b.Limit()*3/2 {
		t.Errorf("peak of %d bytes with a budget of %d", peak, b.Limit())
	}
}

func TestExpiry(t *testing.T) {
	store, err := state.Open("db", vfs.NewMem(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	// Epochs are microseconds, as the engine has them.
	const second, start = int64(1e6), uint64(1_700_000_000_000_000)
	at := func(e uint64) uint64 { return start + e*uint64(second) }
	s := NewSpace(Options{Store: store, EpochTime: func(e uint64) int64 { return int64(e) }})
	defer s.Close()
	tab := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: 64 * second})
	k, refs := &Keys{}, make([]Ref, 1)
	k.Reset()
	k.Append([]byte("a"))
	put := func(e uint64) {
		s.Begin(at(e))
		if err := tab.Lookup(k, nil, refs); err != nil {
			t.Fatal(err)
		}
		if _, err := tab.Put(k, 0, refs[0], fmt.Append(nil, e)); err != nil {
			t.Fatal(err)
		}
		if e%10 == 0 {
			if err := s.Freeze().Write(context.Background(), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(now uint64) {
		t.Helper()
		h := max(tab.Horizon(), start+1)
		for e := (h - start + 999_999) / 1_000_000; e <= now; e++ {
			v, ok, err := tab.Get([]byte("a"), Hash([]byte("a")), at(e), nil)
			if e > 0 && (err != nil || !ok || string(v) != fmt.Sprint(e)) {
				t.Fatalf("as of %d at %d (horizon %d): %q %v %v", e, now, h, v, ok, err)
			}
		}
	}
	release := func() {}
	for e := uint64(1); e <= 300; e++ {
		put(e)
		if e%7 == 0 {
			check(e)
		}
		switch e {
		case 200:
			release = s.Pin(at(150))
		case 250:
			if h := tab.Horizon(); h > at(150) {
				t.Fatalf("horizon %d is past the pin", h)
			}
			release()
		}
	}
	if h := tab.Horizon(); h < at(230) || h > at(300-64) {
		t.Fatalf("horizon %d", h)
	}
	_, _, err = tab.Get([]byte("a"), Hash([]byte("a")), at(100), nil)
	if !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatalf("got %v, want 72000", err)
	}
	vs, err := tab.Versions([]byte("a"))
	if err != nil || len(vs) > 75 {
		t.Fatalf("%d versions are kept, %v", len(vs), err)
	}
}

func TestDrop(t *testing.T) {
	store, err := state.Open("db", vfs.NewMem(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := NewSpace(Options{Store: store})
	defer s.Close()
	for id := uint64(1); id <= 3; id++ {
		s.Begin(id)
		fill(t, s.Table(id, TableOptions{History: HistoryKeep, RetainMicros: -1}), 1000)
	}
	for e := uint64(4); e < 8; e++ {
		s.Begin(e)
		fill(t, s.Table(3, TableOptions{History: HistoryKeep}), 1000)
		if e == 6 {
			s.Drop(2)
		}
		if err := s.Freeze().Write(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
	}
	for id := uint64(1); id <= 3; id++ {
		empty, err := store.Empty(state.RowKey(nil, id, nil))
		if err != nil || empty != (id == 2) {
			t.Fatalf("rows of %d: empty %v, %v", id, empty, err)
		}
	}
}
