package exec

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestFailedViewStaysFailed: a view whose building has failed half-way says so after a
// restart, too. What there is of its state must not pass for the view.
func TestFailedViewStaysFailed(t *testing.T) {
	mem := vfs.NewMem()
	var broken atomic.Bool
	c := &crashDB{db: &db{t: t, fs: errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && strings.HasSuffix(op.Path, "2.seg") && op.Kind.ReadOrWrite() == errorfs.OpIsRead {
			return syscall.EIO
		}
		return nil
	}))}}
	c.clock.Store(1_000_000)
	c.open()
	c.create("stream 16401")
	kvw := make([]int64, 0, 3*sliceRows)
	for k := range sliceRows {
		kvw = append(kvw, int64(k%3), 1, 1)
	}
	for range 2 { // a segment each
		c.insert(streamID, kvw...)
		if err := c.checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	broken.Store(true)
	c.create("view 16402 over 16401")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	wait := func() error { return c.e.WaitView(ctx, viewID, func(int64, int64) {}) }
	if err := wait(); !sqlerr.HasCode(err, sqlerr.IOError) {
		t.Fatalf("the view was built: %v", err)
	}
	broken.Store(false)
	c.close() // with a checkpoint
	c.open()
	if err := wait(); !sqlerr.HasCode(err, sqlerr.IOError) || !strings.Contains(err.Error(), "could not be built") {
		t.Errorf("after a restart: %v, %s", err, c.read(viewScan(viewID), 0))
	}
	c.create("drop 16402")
	c.create("view 16404 over 16401")
	if err := c.e.WaitView(ctx, lateViewID, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	c.want(c.read(viewScan(lateViewID), 0), "0 21846 21846; 1 21846 21846; 2 21844 21844")
	c.close()
}
