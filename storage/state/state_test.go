package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

func put(t *testing.T, s *Store, from, to int, tag string) {
	t.Helper()
	g := s.NewIngest()
	for i := from; i < to; i++ {
		if err := g.Set(RowKey(nil, 1, fmt.Appendf(nil, "%06d", i)), fmt.Appendf(nil, "%s-%d-%s", tag, i, strings.Repeat("x", 40))); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// TestSplit holds what Pebble demands of Split: prefixes order keys before
// suffixes do, also for shortened keys.
func TestSplit(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var keys [][]byte
	for range 600 {
		k := make([]byte, rng.Intn(4))
		for i := range k {
			k[i] = []byte{0, 1, 0xFF}[rng.Intn(3)]
		}
		id := uint64(rng.Intn(2))
		switch rng.Intn(4) {
		case 0:
			keys = append(keys, append(MultiKey(nil, id, k), byte(rng.Intn(256))))
		case 1:
			keys = append(keys, AppendEpoch(HistoryKey(nil, 1, Slice{Bucket: id, From: id}, id, k), uint64(rng.Intn(3))))
		case 2:
			keys = append(keys, OrderedKey(nil, id, k))
		default:
			x := AppendEpoch(HistoryKey(nil, 1, Slice{Bucket: id, From: id}, id, k), 1)
			keys = append(keys, x[:1+rng.Intn(len(x)-1)])
		}
	}
	sort.Slice(keys, func(i, j int) bool { return bytes.Compare(keys[i], keys[j]) < 0 })
	for i := range keys {
		for j := range keys[i:] {
			a, b := keys[i], keys[i+j]
			pa, pb := a[:split(a)], b[:split(b)]
			if bytes.Compare(pa, pb) > 0 {
				t.Fatalf("%x < %x but their prefixes are not", a, b)
			}
			if split(pa) != len(pa) {
				t.Fatalf("prefix %x of %x is not its own prefix", pa, a)
			}
		}
	}
}

func TestIngestIsAtomicAndOrdered(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open("db", fs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 0, 1000, "a")
	it, err := s.NewIter()
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 500, 1500, "b")
	g := s.NewIngest()
	if err := g.DeleteRange(RowKey(nil, 1, []byte("000100")), RowKey(nil, 1, []byte("000200"))); err != nil {
		t.Fatal(err)
	}
	if err := g.Delete(RowKey(nil, 1, []byte("000700"))); err != nil {
		t.Fatal(err)
	}
	if err := g.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
	// The iterator still sees the first checkpoint.
	n := 0
	_, v, ok, err := it.Range(RowKey(nil, 1, nil), RowKey(nil, 2, nil))
	for ; ok; _, v, ok, err = it.Next() {
		if v[0] != 'a' {
			t.Fatalf("%q", v)
		}
		n++
	}
	if err != nil || n != 1000 {
		t.Fatal(n, err)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		for key, want := range map[string]string{"000099": "a", "000100": "", "000199": "", "000200": "a", "000500": "b", "000700": "", "001499": "b", "001500": ""} {
			v, ok, err := s.Get(RowKey(nil, 1, []byte(key)), nil)
			if err != nil || ok != (want != "") || ok && string(v[:1]) != want {
				t.Fatalf("round %d: %s: %q %v %v", round, key, v, ok, err)
			}
		}
		if rep, err := s.Verify(context.Background()); err != nil || len(rep.Damaged) > 0 || rep.Rows != 1399 {
			t.Fatalf("%+v %v", rep, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open("db", fs, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
}

// TestDamage flips one byte of a data block: reading it is XX001 with the file's
// name, never an absent key.
func TestDamage(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open("db", fs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 0, 5000, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	for _, n := range names {
		if strings.HasSuffix(n, ".sst") {
			file = n
		}
	}
	f, err := fs.OpenReadWrite("db/"+file, "test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xA5, 0x5A, 0xA5}, 3000); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if s, err = Open("db", fs, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	failed := 0
	for i := range 5000 {
		v, ok, err := s.Get(RowKey(nil, 1, fmt.Appendf(nil, "%06d", i)), nil)
		switch {
		case err != nil:
			failed++
			if !sqlerr.HasCode(err, sqlerr.DataCorrupted) || !strings.Contains(err.Error(), file) {
				t.Fatalf("%v does not name %s", err, file)
			}
		case !ok || !strings.HasPrefix(string(v), fmt.Sprintf("a-%d-", i)):
			t.Fatalf("key %d: %q %v", i, v, ok)
		}
	}
	if failed == 0 {
		t.Fatal("no read noticed the damage")
	}
	rep, err := s.Verify(context.Background())
	if err != nil || len(rep.Damaged) != 1 || rep.Damaged[0].File != file {
		t.Fatalf("%+v %v", rep, err)
	}
}

// TestCut: what a checkpoint writes apart from all others is never compacted, though
// the rest of it overlaps with them.
func TestCut(t *testing.T) {
	s, err := Open("db", vfs.NewMem(), Options{Held: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewSource(1))
	val := make([]byte, 1<<10)
	for e := uint64(1); e <= 5; e++ {
		g := s.NewIngest()
		for i := range uint64(10) {
			if err := g.Set(binary.BigEndian.AppendUint64(RowKey(nil, 1, nil), i), val); err != nil {
				t.Fatal(err)
			}
		}
		for i := range uint64(4) { // too little to be a file
			if err := errors.Join(g.Cut(4<<10), g.Set(binary.BigEndian.AppendUint64(RowKey(nil, 2, nil), i), val)); err != nil {
				t.Fatal(err)
			}
		}
		for part := range uint64(2) {
			if err := g.Cut(3000 << 10); err != nil {
				t.Fatal(err)
			}
			for i := range uint64(3000) {
				rng.Read(val)
				key := binary.BigEndian.AppendUint64(nil, i)
				if err := g.Set(AppendEpoch(HistoryKey(nil, 1, Slice{Bucket: part, From: e}, 7, key), 1), val); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(g.Finish(), g.Commit(context.Background())); err != nil {
			t.Fatal(err)
		}
	}
	if l := s.db.Metrics().Levels[0]; l.TablesCount != 4 || l.TablesSize > 1<<20 {
		t.Errorf("%d files of %d bytes wait for compaction, want 4 small ones", l.TablesCount, l.TablesSize)
	}
}
