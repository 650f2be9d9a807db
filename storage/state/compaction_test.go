package state

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestHeld: compactions that are due wait until they are released, and then run one
// after the other until nothing is due.
func TestHeld(t *testing.T) {
	s, err := Open("db", vfs.NewMem(), Options{Held: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 10 {
		put(t, s, 0, 1000, string(rune('a'+i)))
	}
	m := s.Metrics()
	waits, _ := s.compactions.db.GetWaitingCompaction()
	if m.L0Sublevels != 9 || m.Compacted != 0 || !waits {
		t.Fatalf("%+v, a compaction waits: %v", m, waits)
	}
	s.Release()
	for began := time.Now(); s.Metrics().L0Sublevels > 2; time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%+v", s.Metrics())
		}
	}
	put(t, s, 0, 1000, "z")
	if v, ok, err := s.Get(RowKey(nil, 1, []byte("000999")), nil); err != nil || !ok || v[0] != 'z' {
		t.Fatalf("%q %v %v", v, ok, err)
	}
}
