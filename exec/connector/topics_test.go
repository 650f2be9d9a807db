package connector

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestStart: where a source begins, and that it begins there also if it has died
// before its first record.
func TestStart(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		start Start
		want  string
	}{
		{"earliest", Start{Mode: Earliest}, "0 a; 1 a; 2 a; 3 a"},
		{"latest", Start{Mode: Latest}, "3 a"},
		{"timestamp", Start{Mode: AtTime, Time: at.Add(time.Minute).UnixMicro() - pgEpoch}, "1 a; 2 a; 3 a"},
		{"timestamp after the end", Start{Mode: AtTime, Time: at.Add(time.Hour).UnixMicro() - pgEpoch}, "3 a"},
		{"offsets", Start{Mode: AtOffsets, Offsets: map[int32]int64{0: 2}}, "2 a; 3 a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]int32{"in": 1})
			for i := range 3 {
				r := &kgo.Record{Topic: "in", Value: []byte(value(i, "a")), Timestamp: at.Add(time.Duration(i) * time.Minute)}
				if err := w.cl.ProduceSync(context.Background(), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			def := w.source("in")
			def.Start = c.start
			if c.name == "latest" { // it never sees a record in its first life
				w.start(def)
				w.until("the first cut", func() bool { return len(w.e.Offsets(streamID)) > 0 })
				w.crash()
			}
			if c.name != "latest" {
				w.start(def)
				w.until("the first cut", func() bool { return len(w.e.Offsets(streamID)) > 0 })
				w.m.StopSource(streamID)
			}
			w.produce("in", 0, value(3, "a"))
			w.start(def)
			w.wantRows(streamID, strings.Split(c.want, "; ")...)
		})
	}
}

// pgEpoch is 2000-01-01 UTC in Unix µs.
const pgEpoch = 946_684_800_000_000

// TestNewPartitions: partitions that are added are read from their beginning,
// whatever the startup mode, whether the source runs then or not.
func TestNewPartitions(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, value(0, "old"))
	def := w.source("in")
	def.Start.Mode = Latest
	w.start(def)
	w.until("the first cut", func() bool { return len(w.e.Offsets(streamID)) > 0 })
	adm := kadm.NewClient(w.cl)
	add := func(n int) {
		if _, err := adm.UpdatePartitions(context.Background(), n, "in"); err != nil {
			t.Fatal(err)
		}
		w.cl.PurgeTopicsFromClient("in") // which has the old number of partitions
	}
	add(2)
	w.produce("in", 1, value(1, "a"))
	w.wantRows(streamID, "1 a")
	w.m.StopSource(streamID)
	add(3)
	w.produce("in", 2, value(2, "b"))
	w.start(def)
	w.wantRows(streamID, "1 a", "2 b")
}

// TestGap: records that retention has removed are a state, and not passed over
// unless somebody says so.
func TestGap(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, value(0, "a"), value(1, "b"))
	w.start(w.source("in"))
	w.wantRows(streamID, "0 a", "1 b")
	w.m.StopSource(streamID)
	w.produce("in", 0, value(2, "c"), value(3, "d"), value(4, "e"))
	if err := w.kafka.DeleteRecords("in", 0, 4); err != nil {
		t.Fatal(err)
	}
	def := w.source("in")
	w.start(def)
	w.state(streamID, AtGap)
	if st, _ := w.m.Source(streamID); !strings.Contains(st.Error, "offset 2") {
		t.Errorf("error %q", st.Error)
	}
	w.wantRows(streamID, "0 a", "1 b")
	w.m.StopSource(streamID)
	def.OnGap = SkipGap
	w.start(def)
	w.wantRows(streamID, "0 a", "1 b", "4 e")
}

// TestRecreated: another topic of the same name is a gap too, also if it happened
// while nobody looked and it is longer than the old one.
func TestRecreated(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 2})
	w.produce("in", 0, value(0, "a"))
	w.start(w.source("in"))
	w.wantRows(streamID, "0 a")
	w.m.StopSource(streamID)
	if err := w.kafka.DeleteTopic("in"); err != nil {
		t.Fatal(err)
	}
	w.createTopic("in", 1)
	w.cl.PurgeTopicsFromClient("in")
	w.produce("in", 0, value(1, "b"), value(2, "c"))
	def := w.source("in")
	w.start(def)
	w.state(streamID, AtGap)
	w.m.StopSource(streamID)
	w.crash()
	def.OnGap = SkipGap
	w.start(def)
	w.wantRows(streamID, "0 a", "1 b", "2 c")
	w.m.StopSource(streamID)
	w.crash()
	w.start(w.source("in"))
	w.produce("in", 0, value(3, "d"))
	w.wantRows(streamID, "0 a", "1 b", "2 c", "3 d")
}

// TestPause: a paused source reads nothing, a resumed one what it has missed.
func TestPause(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	def := w.source("in")
	def.Paused = true
	w.start(def)
	w.state(streamID, Paused)
	w.produce("in", 0, value(0, "a"))
	if got := w.rows(streamID); len(got) > 0 || len(w.e.Offsets(streamID)) > 0 {
		t.Errorf("a paused source has read %q", got)
	}
	if err := w.m.Resume(streamID); err != nil {
		t.Fatal(err)
	}
	w.wantRows(streamID, "0 a")
	if err := w.m.Pause(streamID); err != nil {
		t.Fatal(err)
	}
	w.state(streamID, Paused)
	w.produce("in", 0, value(1, "b"))
	if err := w.m.Resume(streamID); err != nil {
		t.Fatal(err)
	}
	w.wantRows(streamID, "0 a", "1 b")
}

// TestTable: puts and tombstones by key.
func TestTable(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 2})
	w.put("in", 0, 1, "a")
	w.put("in", 1, 2, "b")
	w.start(w.tableSource("in"))
	w.wantRows(tableID, "1 a", "2 b")
	w.put("in", 0, 1, "c")
	w.put("in", 0, 3, "d")
	w.put("in", 0, 3, "")
	w.put("in", 1, 2, "")
	w.wantRows(tableID, "1 c")
	w.crash()
	w.put("in", 0, 1, "e")
	w.start(w.tableSource("in"))
	w.wantRows(tableID, "1 e")
}

// TestNoTopic: a topic that does not exist yet is waited for.
func TestNoTopic(t *testing.T) {
	w := newWorld(t, nil)
	w.start(w.source("later"))
	w.state(streamID, Retrying)
	if st, _ := w.m.Source(streamID); !strings.Contains(st.Error, `topic "later" does not exist`) {
		t.Errorf("error %q", st.Error)
	}
	w.createTopic("later", 1)
	w.produce("later", 0, value(0, "a"))
	w.wantRows(streamID, "0 a")
	w.state(streamID, Running)
}

// TestGroup: the group tarn-<source> says how far the source is.
func TestGroup(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, value(0, "a"), value(1, "b"))
	w.start(w.source("in"))
	adm := kadm.NewClient(w.cl)
	w.until("the group's offset", func() bool {
		os, err := adm.FetchOffsets(context.Background(), "tarn-s")
		if err != nil {
			return false
		}
		o, ok := os.Lookup("in", 0)
		return ok && o.At == 2
	})
}

// TestLimiter: rows per second hold over time, and a pause brings no burst.
func TestLimiter(t *testing.T) {
	b := bucket{perSecond: 100}
	now := time.Unix(0, 0)
	begin := now
	for range 50 {
		now = now.Add(b.take(now, b.chunk()))
	}
	if d := now.Sub(begin); d < 4900*time.Millisecond || d > 5*time.Second {
		t.Errorf("500 rows at 100 rows/s take %v", d)
	}
	now = now.Add(time.Hour)
	begin = now
	for range 10 {
		now = now.Add(b.take(now, b.chunk()))
	}
	if d := now.Sub(begin); d < 800*time.Millisecond {
		t.Errorf("100 rows at 100 rows/s after a pause take %v", d)
	}
	if none := (bucket{}); none.take(now, 1<<20) != 0 || none.chunk() < 1<<20 {
		t.Error("no limit is none")
	}
}

// TestBackPressure: what is on its way is bounded; while nothing is committed
// nothing more is polled.
func TestBackPressure(t *testing.T) {
	p := newPipeline(1000)
	ctx, cancel := context.WithCancel(context.Background())
	if err := p.gate.acquire(ctx, 5000); err != nil {
		t.Fatal(err) // one that is larger than all must pass
	}
	waited := make(chan error)
	go func() { waited <- p.gate.acquire(ctx, 1) }()
	select {
	case <-waited:
		t.Fatal("the gate lets more in than it may")
	case <-time.After(10 * time.Millisecond):
	}
	p.gate.release(5000)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
	if err := p.gate.acquire(ctx, 1000); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := p.gate.acquire(ctx, 1); err == nil {
		t.Error("a gate that is closed and cancelled lets in")
	}
}

// TestMetrics: the figures can be scraped.
func TestMetrics(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1, "out": 1})
	w.m.Close()
	reg := prometheus.NewRegistry()
	w.cfg.Metrics = reg
	w.m = NewManager(w.e, w.cfg)
	w.produce("in", 0, value(0, "a"), "bad")
	w.start(w.source("in"))
	w.startSink(w.appendSink("out"))
	w.wantRows(streamID, "0 a")
	w.until("the sink", func() bool { k, _ := w.m.Sink(sinkA); return k.Rows == 1 })
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got[f.GetName()] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{"source_records_total": 2, "source_rows_total": 1, "source_dead_letters_total": 1,
		"source_dead_letters": 1, "source_running": 1, "source_lag_records": 0, "sink_rows_total": 1, "sink_running": 1, "sink_lag_epochs": 0} {
		if v, ok := got["tarn_connector_"+name]; !ok || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
		}
	}
}
