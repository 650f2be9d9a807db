package journal

import (
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Readers beside the appender see a prefix of the durable frames, in order.
func TestTailing(t *testing.T) {
	j := mustOpen(t, Config{FS: vfs.NewMem(), Dir: "journal", FileBytes: 2000})
	const n = 500
	done := make(chan error, 3)
	for range 3 {
		go func() {
			r := j.ReadFrom(1)
			defer r.Close()
			for want := uint64(1); want <= n; {
				f, err := r.Next()
				if err != nil {
					if sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
						err = nil // truncated from under a slow reader
					}
					done <- err
					return
				}
				if f == nil {
					runtime.Gosched()
					continue
				}
				if !sameFrame(f, testFrame(want, "0123456789")) {
					done <- errEntry
					return
				}
				want++
			}
			done <- nil
		}()
	}
	for e := uint64(1); e <= n; e++ {
		if err := j.Append(testFrame(e, "0123456789")); err != nil {
			t.Fatal(err)
		}
		if e%100 == 0 {
			if err := j.Truncate(e - 90); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
