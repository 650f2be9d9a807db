package exec

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestWatermarkSurvives: a stream's event time is the same after a restart, from
// the checkpoint alone, from rows in the journal, and from an idle stream's mark.
func TestWatermarkSurvives(t *testing.T) {
	d := openDB(t, vfs.NewCrashableMem())
	d.create("timed 16399")
	d.create("view 16402 over 16399")
	scan := scanPlan(timedID)
	mark := func() int64 { return d.e.watermarkFor(scan) }
	d.insert(timedID, 1, 3_000_000, 1)
	d.read(viewScan(viewID), 0)
	if mark() != 2_000_000 {
		t.Fatalf("watermark is %d", mark())
	}
	crash := func() { // without a checkpoint
		t.Helper()
		fs := d.fs.(*vfs.MemFS)
		d.fs = fs.CrashClone(vfs.CrashCloneCfg{})
		d.close()
		d.open()
	}
	for _, reopen := range []func(){crash, func() { d.close(); d.open() }, crash} {
		before := mark()
		reopen()
		if mark() != before {
			t.Fatalf("watermark is %d after a restart, was %d", mark(), before)
		}
	}
	// The stream is idle for a second: its time goes with the wall clock.
	before := mark()
	d.clock.Add(20_000_000)
	for began := time.Now(); mark() == before; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the idle stream's watermark stands still")
		}
	}
	idle := mark()
	crash()
	if mark() < idle {
		t.Fatalf("watermark is %d after a restart, was %d", mark(), idle)
	}
	d.close()
}

// TestJoinSurvives: a view that was built beside the live group answers for the
// same epochs after a crash as before it.
func TestJoinSurvives(t *testing.T) {
	d := openDB(t, vfs.NewCrashableMem())
	d.create("stream 16401")
	kvw := make([]int64, 0, 3*sliceRows)
	for k := range sliceRows {
		kvw = append(kvw, int64(k%3), 1, 1)
	}
	d.insert(streamID, kvw...)
	d.create("view 16402 over 16401")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := d.e.WaitView(ctx, viewID, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	epochs := []Epoch{d.e.Applied(), d.insert(streamID, 1, 100, 1), d.insert(streamID, 2, 200, 1)}
	var before []string
	for _, ep := range epochs {
		d.read(viewScan(viewID), 0)
		before = append(before, d.read(viewScan(viewID), ep))
	}
	crashed := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	d.close()
	d.fs = crashed
	d.open()
	if err := d.e.WaitView(ctx, viewID, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	for i, ep := range epochs {
		d.want(d.read(viewScan(viewID), ep), before[i])
	}
	d.close()
}

// TestCloseGivesUp: a last checkpoint that takes too long is given up without an
// error, and the next start has everything.
func TestCloseGivesUp(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	d.create("table 16400")
	d.create("view 16402 over 16400")
	d.insert(tableID, 1, 10, 1)
	d.close()
	var e *Engine
	stop := func(step string) error {
		if step == "written" {
			<-e.writing.Done()
		}
		return nil
	}
	open := func() {
		t.Helper()
		var err error
		e, err = Open(Config{FS: d.fs, Dir: "db", Host: d.host, Now: func() int64 { return d.clock.Add(1000) },
			CheckpointEvery: -1, CloseWait: time.Millisecond, Stop: stop})
		if err != nil {
			t.Fatal(err)
		}
		d.e = e
	}
	open()
	before := e.Status().Checkpoint
	d.insert(tableID, 2, 20, 1)
	d.close()
	open()
	if now := e.Status().Checkpoint; now != before {
		t.Errorf("the checkpoint is of epoch %d, was of %d", now, before)
	}
	d.want(d.read(viewScan(viewID), 0), "1 1 10; 2 1 20")
	d.close()
}
