package exec

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestRetainUnderNewView: a view that is created while a checkpoint is written reads
// records that the stream need not keep any longer. A crash before the next
// checkpoint replays its CREATE, which must find them: what the view answers has been
// seen.
func TestRetainUnderNewView(t *testing.T) {
	const shortID = 16397
	for name, old := range map[string]int64{"in its epoch": 3, "beside the live group": 2 * sliceRows} {
		t.Run(name, func(t *testing.T) {
			c := &crashDB{db: &db{t: t, fs: vfs.NewCrashableMem()}}
			c.clock.Store(1_000_000)
			c.open()
			c.create("short 16397")
			kvw := make([]int64, 0, 3*old)
			for k := range old {
				kvw = append(kvw, k%3, 1, 1)
			}
			c.insert(shortID, kvw...)
			if err := c.checkpoint(); err != nil { // the records are in a segment
				t.Fatal(err)
			}
			c.clock.Add(2 * minute)
			c.insert(shortID, 1, 5, 1)
			held, resume := make(chan struct{}), make(chan struct{})
			c.stop = func(point string) error {
				if point == "written" {
					close(held)
					<-resume
				}
				return nil
			}
			running, err := c.begin()
			if err != nil {
				t.Fatal(err)
			}
			<-held
			c.stop = nil
			c.create("view 16402 over 16397")
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			ready := func() {
				t.Helper()
				if err := c.e.WaitView(ctx, viewID, func(int64, int64) {}); err != nil {
					t.Fatal(err)
				}
			}
			ready()
			before := c.read(viewScan(viewID), 0)
			close(resume)
			<-running
			settle := func() {
				t.Helper()
				if err := c.e.onLoop(ctx, func() error { c.e.cutJournal(); return nil }); err != nil {
					t.Fatal(err)
				}
			}
			settle()
			crashed := c.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
			c.close()
			c.fs = crashed
			c.open()
			ready()
			c.want(c.read(viewScan(viewID), 0), before)

			// The next checkpoint holds the view, so nobody needs them now.
			c.insert(shortID, 1, 5, 1)
			if err := c.checkpoint(); err != nil {
				t.Fatal(err)
			}
			b, err := c.e.relation(shortID).topic.Bounds(0)
			if err != nil || b.Start != old {
				t.Errorf("the stream begins at %d (%v), want %d", b.Start, err, old)
			}
			c.close()
		})
	}
}
