package connector

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// twin is a second server with a copy of w's folder, on the same cluster.
func (w *world) twin() *world {
	w.t.Helper()
	x := &world{t: w.t, addrs: w.addrs, past: w.past, fs: w.fs.CrashClone(vfs.CrashCloneCfg{}), cfg: w.cfg, cl: w.cl}
	x.clock.Store(w.clock.Load() + 500)
	x.cfg.Now = x.now
	x.open()
	w.t.Cleanup(func() { x.m.Close(); _ = x.e.Close() })
	return x
}

func (w *world) writtenTo(topic string) string {
	var got []string
	for _, r := range w.readBack(topic) {
		got = append(got, fmt.Sprint(r.ID))
	}
	return strings.Join(got, " ")
}

// TestTwin: two servers with the same folder follow the same source and write to the
// same topic. One of them goes on, the other one stops and says why; no record is in
// the topic twice.
func TestTwin(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1, "out": 1})
	w.start(w.source("in"))
	w.startSink(w.appendSink("out"))
	w.produce("in", 0, value(0, "a"))
	w.until("the record", func() bool { return w.writtenTo("out") == "0" })
	x := w.twin()
	x.start(x.source("in"))
	x.startSink(x.appendSink("out"))
	x.state(sinkA, Running)
	for i := 1; i < 6; i++ {
		w.produce("in", 0, value(i, "a"))
		w.until("both servers have read it", func() bool { return len(w.rows(streamID)) > i && len(x.rows(streamID)) > i })
	}
	halted := func(w *world) bool {
		k, _ := w.m.Sink(sinkA)
		return k.State == Failed && strings.Contains(k.Error, "taken over")
	}
	w.until("one of the sinks stops", func() bool { return halted(w) || halted(x) })
	w.until("the records", func() bool { return w.writtenTo("out") == "0 1 2 3 4 5" })
	if halted(w) && halted(x) {
		t.Error("both have stopped")
	}
	if halted(w) {
		w, x = x, w
	}
	w.m.Close()
	if err := x.m.Resume(sinkA); err != nil {
		t.Fatal(err)
	}
	x.state(sinkA, Running)
}

// TestOlderFolder: a folder that is older than what its sink has written does not
// write it again.
func TestOlderFolder(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1, "out": 1})
	w.start(w.source("in"))
	w.startSink(w.appendSink("out"))
	w.produce("in", 0, value(0, "a"))
	w.until("the record", func() bool { return w.writtenTo("out") == "0" })
	x := w.twin()
	w.produce("in", 0, value(1, "b"), value(2, "c"))
	w.until("the records", func() bool { return w.writtenTo("out") == "0 1 2" })
	w.m.Close()
	x.startSink(x.appendSink("out"))
	x.state(sinkA, Failed)
	if k, _ := x.m.Sink(sinkA); !strings.Contains(k.Error, "older") {
		t.Errorf("the sink says %q", k.Error)
	}
	x.start(x.source("in"))
	x.wantRows(streamID, "0 a", "1 b", "2 c")
	if got := x.writtenTo("out"); got != "0 1 2" {
		t.Errorf("in the topic: %s", got)
	}
}
