package state

import (
	"sync"
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

// slowFS keeps a compaction from writing more than its first bytes before the store
// is being closed.
type slowFS struct {
	vfs.FS
	begun chan struct{}
	once  *sync.Once
	s     **Store
}

func (f *slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err != nil || c != compacts {
		return file, err
	}
	return &slowFile{file, f}, nil
}

func (f *slowFS) Unwrap() vfs.FS { return f.FS }

type slowFile struct {
	vfs.File
	fs *slowFS
}

func (f *slowFile) Write(p []byte) (int, error) {
	f.fs.once.Do(func() { close(f.fs.begun) })
	for !(*f.fs.s).ending.Load() {
		time.Sleep(time.Millisecond)
	}
	return f.File.Write(p)
}

// TestCloseEndsCompactions: closing does not wait for a compaction to write all that
// it would have, and the store is as before it.
func TestCloseEndsCompactions(t *testing.T) {
	mem := vfs.NewMem()
	var s *Store
	fs := &slowFS{FS: mem, begun: make(chan struct{}), once: &sync.Once{}, s: &s}
	s, err := Open("db", fs, Options{Held: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		put(t, s, 0, 50_000, string(rune('a'+i)))
	}
	s.Release()
	<-fs.begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open("db", mem, Options{Held: true}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if m := s.Metrics(); m.L0Sublevels != 9 {
		t.Errorf("the compaction has run to its end: %+v", m)
	}
	v, ok, err := s.Get(RowKey(nil, 1, []byte("049999")), nil)
	if err != nil || !ok || v[0] != 'j' {
		t.Errorf("%q %v %v", v, ok, err)
	}
}
