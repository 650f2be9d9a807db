package state

import (
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestFatal: a write to the MANIFEST that fails is told to whoever ends the process, with
// a code and what to do, and what had been in the store is there afterwards.
func TestFatal(t *testing.T) {
	mem := vfs.NewCrashableMem()
	var broken atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && strings.Contains(op.Path, "MANIFEST") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.EIO
		}
		return nil
	}))
	told := make(chan error, 1)
	s, err := Open("db", fs, Options{Fatal: func(err error) {
		told <- err
		runtime.Goexit() // it must not return
	}})
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, 0, 10, "a")
	broken.Store(true)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		put(t, s, 10, 20, "b")
		t.Error("it goes on")
	}()
	<-ended
	select {
	case err := <-told:
		if !sqlerr.HasCode(err, sqlerr.IOError) || !strings.Contains(err.Error(), "MANIFEST") {
			t.Errorf("it was told %v", err)
		}
	default:
		t.Fatal("nobody was told")
	}
	image := mem.CrashClone(vfs.CrashCloneCfg{})
	if s, err = Open("db", image, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, ok, err := s.Get(RowKey(nil, 1, []byte("000005")), nil); !ok || err != nil {
		t.Errorf("what was there is gone: %v", err)
	}
}
