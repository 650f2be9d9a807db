package state

import (
	"bytes"
	"fmt"
	"testing"
)

// TestPacks: what is put into a pack comes out of it, and one that is cut short is
// damaged or has less, but nothing else.
func TestPacks(t *testing.T) {
	p := Packer{Slice: 1000}
	type entry struct {
		key      string
		to       uint64
		versions string
	}
	var want []entry
	for i := range uint64(200) {
		e := entry{fmt.Sprintf("%s%03d", bytes.Repeat([]byte("k"), int(i/100)*200), i/2), 100 + i*3, fmt.Sprint("v", i)}
		want = append(want, e)
		p.Add([]byte(e.key), e.to, []byte(e.versions))
	}
	last, to, pack, ok := p.Take()
	if end := want[len(want)-1]; !ok || string(last) != end.key || to != end.to {
		t.Fatalf("the pack ends with %s at %d", last, to)
	}
	pack = bytes.Clone(pack)
	for n := range len(pack) + 1 {
		r, i := ReadPack(1000, pack[:n]), 0
		for ; r.Next(); i++ {
			if got := (entry{string(r.Key), r.To, string(r.Versions)}); got != want[i] {
				t.Fatalf("entry %d is %v, want %v", i, got, want[i])
			}
		}
		if n == len(pack) && (i != len(want) || r.Damaged()) {
			t.Errorf("the pack has %d entries (damaged %v), want %d", i, r.Damaged(), len(want))
		}
	}
	if _, _, _, ok := p.Take(); ok {
		t.Error("a pack that was taken is there again")
	}
}
