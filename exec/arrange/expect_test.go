package arrange

import (
	"context"
	"testing"
)

// TestExpect: rows that are announced are in memory when they are looked up, each
// once and as the store has them, however many of them there are; what has changed
// since in memory stays.
func TestExpect(t *testing.T) {
	const rows = 40_000
	store := benchStore(t)
	s := NewSpace(Options{Store: store, Parts: 8})
	s.Begin(1)
	tab := s.Table(1, TableOptions{History: HistoryKeep})
	fill(t, tab, rows)
	if err := s.Freeze().Write(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	some := func(n int) *Keys { // every so many, in no order, each twice, and as many that are absent
		k := &Keys{}
		k.Reset()
		for i := range n {
			key := intKey(nil, uint64(i*7919%n*(rows/n)))
			k.Append(key)
			k.Append(append(key, 1))
			k.Append(key)
		}
		return k
	}
	for _, c := range []struct {
		name     string
		expected int
		loaded   int64
		limit    int64
	}{
		{"by seeks", rows / 100, rows / 100, 1 << 30},
		{"some of all that is read", rows / 5, rows / 5, 1 << 30},
		{"all", rows, rows, 1 << 30},
		{"no room", rows, 0, 2 << 20},
	} {
		b := NewBudget(c.limit)
		s := NewSpace(Options{Store: store, Budget: b, Parts: 8})
		tab := s.Table(1, TableOptions{History: HistoryKeep})
		s.Begin(2)
		k := &Keys{}
		k.Append(intKey(nil, 0))
		k.Append(intKey(nil, uint64(rows/100*100)))
		refs := make([]Ref, 2)
		if err := tab.Lookup(k, nil, refs); err != nil {
			t.Fatal(err)
		}
		if _, err := tab.Put(k, 0, refs[0], []byte("changed")); err != nil {
			t.Fatal(err)
		}
		before := inMemory(tab)
		if err := tab.Expect(some(c.expected), 3); err != nil {
			t.Fatal(err)
		}
		if got := inMemory(tab) - before; c.loaded == 0 && got != 0 || c.loaded > 0 && got != c.loaded-1 {
			t.Errorf("%s: %d rows were read, expected %d", c.name, got, c.loaded)
		}
		if tab.Cold() != (c.loaded < rows) {
			t.Errorf("%s: cold: %v", c.name, tab.Cold())
		}
		for i := range uint64(rows) {
			key := intKey(nil, i)
			v, ok, err := tab.Get(key, Hash(key), 2, nil)
			if err != nil || !ok || i == 0 && string(v) != "changed" || i > 0 && (len(v) != 24 || v[0] != byte(i+1)) {
				t.Fatalf("%s: row %d is %q, %v, %v", c.name, i, v, ok, err)
			}
		}
		s.Close()
	}
}

// inMemory is how many rows of a table are in memory.
func inMemory(t *Table) (n int64) {
	t.each(func(p *part) { n += int64(p.slots.n) })
	return n
}
