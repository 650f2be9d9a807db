package state

import (
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestRoom: while the disk has no room for the store's MANIFEST a checkpoint
// waits, reads go on, and it enters when there is room.
func TestRoom(t *testing.T) {
	var full atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && describes(op.Path) && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	}))
	s, err := Open("db", fs, Options{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(val string) error {
		g := s.NewIngest()
		if err := g.Set([]byte("key"), []byte(val)); err != nil {
			return err
		}
		return g.Commit(context.Background())
	}
	want := func(val string) {
		t.Helper()
		got, _, err := s.Get([]byte("key"), nil)
		if err != nil || string(got) != val {
			t.Fatalf("got %q, %v, wanted %q", got, err, val)
		}
	}
	if err := put("old"); err != nil {
		t.Fatal(err)
	}
	full.Store(true)
	done := make(chan error, 1)
	go func() { done <- put("new") }()
	for began := time.Now(); !s.Full(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("nobody waits for room")
		}
	}
	want("old")
	full.Store(false)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want("new")
	if s.Full() {
		t.Error("the store is still full")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
