package journal

import (
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// TestTruncateFails: a file that could not be removed is removed before any later
// one, so that what is left can always be opened.
func TestTruncateFails(t *testing.T) {
	mem := vfs.NewMem()
	fail := 0 // the removal that fails
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove {
			if fail--; fail == 0 {
				return syscall.EIO
			}
		}
		return nil
	}))
	cfg := Config{FS: fs, Dir: "j", FileBytes: 200}
	none := func(*Frame) error { return nil }
	j, _, err := Open(cfg, 0, none)
	if err != nil {
		t.Fatal(err)
	}
	for ep := uint64(1); ep <= 60; ep++ {
		f := &Frame{Epoch: ep, Time: int64(ep), Entries: []Entry{{Kind: KindData, Object: 1, Payload: make([]byte, 60)}}}
		if err := j.Append(f); err != nil {
			t.Fatal(err)
		}
		if ep%10 == 0 {
			fail = int(ep / 20)
			if err := j.Truncate(ep - 5); fail == 0 && err == nil {
				t.Fatalf("epoch %d: the failure was swallowed", ep)
			}
			again, _, err := Open(Config{FS: mem, Dir: "j", FileBytes: 200}, 0, none)
			if err != nil {
				t.Fatalf("epoch %d: %v", ep, err)
			}
			again.Close()
		}
	}
	j.Close()
}
