package exec

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/storage/journal"
)

// TestChunks: a transaction of more rows than a chunk holds is whole after a crash,
// from the journal and from segments; it does not stand in one frame.
func TestChunks(t *testing.T) {
	d := &db{t: t, host: &fakeHost{}, fs: vfs.NewCrashableMem(), chunk: 1000}
	d.clock.Store(1_000_000)
	d.open()
	for _, def := range []string{"stream 16401", "table 16400", "view 16402 over 16401", "view 16403 over 16400"} {
		d.create(def)
	}
	var kvw []int64
	for i := range int64(500) {
		kvw = append(kvw, i, i%7, 1)
	}
	b := rows(kvw...)
	b.Weights = nil
	var txn Txn
	for lo := 0; lo < b.N; lo += 100 { // as COPY gives them
		part := b.Slice(lo, lo+100)
		txn.Writes = append(txn.Writes, Write{Object: streamID, Rows: part}, Write{Object: tableID, Rows: part})
	}
	d.commit(&txn)
	d.insert(streamID, 1000, 1, 1)
	want := []string{d.read(scanPlan(streamID), 0), d.read(scanPlan(tableID), 0), d.read(viewScan(viewID), 0), d.read(viewScan(tviewID), 0)}
	chunked := false
	frames := d.e.journal.ReadFrom(0)
	defer frames.Close()
	for {
		f, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f == nil {
			break
		}
		size := 0
		for _, en := range f.Entries {
			chunked = chunked || en.Kind == journal.KindCommit
			size += len(en.Payload)
		}
		if size > 1000 {
			t.Fatalf("a frame has %d bytes", size)
		}
	}
	if !chunked {
		t.Fatal("no chunks")
	}
	for i := range 3 {
		fs := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
		d.close()
		d.fs = fs
		d.open()
		for n, got := range []string{d.read(scanPlan(streamID), 0), d.read(scanPlan(tableID), 0), d.read(viewScan(viewID), 0), d.read(viewScan(tviewID), 0)} {
			if got != want[n] {
				t.Fatalf("round %d: got  %s\nwant %s", i, got, want[n])
			}
		}
		if i == 1 {
			d.settle()
		}
	}
	d.close()
}
