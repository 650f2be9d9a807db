package arrange

import (
	"bytes"
	"fmt"
	"testing"
)

// TestLines: rows of a table with history that fit into a line of the cache lie in one,
// whatever else the part has; what that leaves over is used.
func TestLines(t *testing.T) {
	s := NewSpace(Options{Parts: 1, heap: raceEnabled})
	defer s.Close()
	table := s.Table(1, TableOptions{History: HistoryKeep})
	s.Begin(1)
	rows := 0
	for i := range 3000 {
		k, refs := &Keys{}, make([]Ref, 1)
		k.Reset()
		k.Append(fmt.Appendf(nil, "%08d", i))
		if err := table.Lookup(k, nil, refs); err != nil {
			t.Fatal(err)
		}
		val := bytes.Repeat([]byte{1}, []int{8, 60, 16, 24, 100}[i%5])
		r, err := table.Put(k, 0, refs[0], val)
		if err != nil {
			t.Fatal(err)
		}
		if len(val) <= 24 {
			rows++
			if uintptr(r)%lineBytes != 0 {
				t.Fatalf("row %d with %d bytes lies at %x", i, len(val), uintptr(r))
			}
		}
	}
	p := table.parts[0].Load()
	if most := int64(3000 * 8); rows == 0 || p.mem.idle > most {
		t.Errorf("%d bytes are between lines, at most %d expected", p.mem.idle, most)
	}
}
