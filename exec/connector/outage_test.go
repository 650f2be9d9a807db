package connector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// refuse lets the cluster refuse some requests until the returned function is called.
func (w *world) refuse(keys ...kmsg.Key) func() {
	h := w.kafka.Fault(kfake.Fault{Keys: keys, Err: kerr.InvalidRequest, Count: -1, When: notOfTheTest})
	return h.Remove
}

// TestOutage: a cluster that takes nothing delays nobody; what waits can be seen,
// is bounded in memory, and arrives once and in order when the cluster is back.
func TestOutage(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.m.Close()
	w.cfg.SinkBytes = 2000
	w.m = NewManager(w.e, w.cfg)
	w.startSink(w.appendSink("out"))
	w.caughtUp(sinkA, w.insert(0, "a"))
	back := w.refuse(kmsg.Produce)
	var want []string
	for i := range 100 {
		w.insert(i+1, "x")
		want = append(want, fmt.Sprintf(`{"id":%d,"v":"x"}`, i+1))
	}
	w.until("the backlog", func() bool {
		k, _ := w.m.Sink(sinkA)
		return k.LagEpochs == 100 && k.LagRows == 100 && k.LagSeconds > 0 && k.LastError != ""
	})
	w.state(sinkA, Retrying)
	w.m.mu.Lock()
	k := w.m.sinks[sinkA]
	w.m.mu.Unlock()
	k.mu.Lock()
	b := k.backlog
	k.mu.Unlock()
	b.mu.Lock()
	if b.bytes > 2000+100 { // and the last update
		t.Errorf("%d bytes wait in memory", b.bytes)
	}
	b.mu.Unlock()
	back()
	if err := w.m.Resume(sinkA); err != nil { // it does not wait for the next attempt then
		t.Fatal(err)
	}
	w.until("the rest", func() bool { k, _ := w.m.Sink(sinkA); return k.LagEpochs == 0 && k.Rows >= 101 })
	if got := w.written("out", 101); got != `{"id":0,"v":"a"} `+strings.Join(want, " ") {
		t.Errorf("got %s", got)
	}
	if n := len(w.readBack("out")); n != 101 {
		t.Errorf("%d records", n)
	}
}

// TestLateOpen: a sink follows its stream before its topic can be opened, so that what
// comes meanwhile need not be read from history; it is written once.
func TestLateOpen(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.insert(0, "a")
	back := w.refuse(kmsg.InitProducerID)
	w.startSink(w.appendSink("out"))
	w.until("its backlog", func() bool { k, _ := w.m.Sink(sinkA); return k.LagRows == 1 && k.LastError != "" })
	w.insert(1, "b", 2, "c")
	w.until("what comes meanwhile", func() bool { k, _ := w.m.Sink(sinkA); return k.LagRows == 3 })
	w.m.mu.Lock()
	k := w.m.sinks[sinkA]
	w.m.mu.Unlock()
	k.mu.Lock()
	waits := k.backlog
	k.mu.Unlock()
	back()
	if err := w.m.Resume(sinkA); err != nil {
		t.Fatal(err)
	}
	w.caughtUp(sinkA, w.insert(3, "d"))
	k.mu.Lock()
	if k.backlog != waits {
		t.Error("it has subscribed once more")
	}
	k.mu.Unlock()
	if got, want := w.written("out", 4), `{"id":0,"v":"a"} {"id":1,"v":"b"} {"id":2,"v":"c"} {"id":3,"v":"d"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestUnknownOutcome: a transaction whose answer is lost is neither lost nor
// written twice, whether it took effect or not.
func TestUnknownOutcome(t *testing.T) {
	for _, c := range []struct {
		name string
		key  kmsg.Key
		err  *kerr.Error
	}{
		{"records refused", kmsg.Produce, kerr.InvalidRequest},
		{"position refused", kmsg.TxnOffsetCommit, kerr.InvalidRequest},
		{"end refused", kmsg.EndTxn, kerr.InvalidRequest},
		{"end done, answer lost", kmsg.EndTxn, kerr.RequestTimedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]int32{"out": 1})
			w.startSink(w.appendSink("out"))
			w.caughtUp(sinkA, w.insert(0, "a"))
			h := w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{c.key}, Err: c.err, When: notOfTheTest})
			w.insert(1, "b")
			w.caughtUp(sinkA, w.insert(2, "c"))
			if h.Hits() != 1 {
				t.Fatalf("%d requests failed", h.Hits())
			}
			var got []int
			for _, r := range w.readBack("out") {
				got = append(got, r.ID)
			}
			if fmt.Sprint(got) != "[0 1 2]" {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestFenced: a second sink of the same name takes over; the first one's
// transactions never count.
func TestFenced(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.startSink(w.appendSink("out"))
	w.caughtUp(sinkA, w.insert(0, "a"))
	def := w.appendSink("out")
	zombie, err := newTopicTarget(&def)
	if err != nil {
		t.Fatal(err)
	}
	defer zombie.close()
	at, err := zombie.open(context.Background())
	if err != nil || at.none {
		t.Fatal(at, err)
	}
	w.caughtUp(sinkA, w.insert(1, "b")) // it is fenced, and takes the name back
	err = zombie.write(context.Background(), []exec.Update{{Epoch: at.epoch + 1, Rows: pairs(9, "z", 1)}}, progress{epoch: at.epoch + 1})
	if !sqlerr.HasCode(err, sqlerr.ObjectInUse) {
		t.Errorf("the zombie's write: %v", err)
	}
	if got := w.readBack("out"); len(got) != 2 || got[1].ID != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestHungCluster: a cluster that answers nothing, rather than refusing, is found out
// no later than the sink has to stop.
func TestHungCluster(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.m.Close()
	w.cfg.WriteTimeout, w.cfg.LateTimeout = time.Hour, 100*time.Millisecond
	w.m = NewManager(w.e, w.cfg)
	def := w.appendSink("out")
	def.MaxLag, def.OnLag = time.Millisecond, StopSink
	w.startSink(def)
	w.state(sinkA, Running)
	h := w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: -1, When: notOfTheTest})
	w.insert(0, "a")
	w.state(sinkA, Stopped)
	h.Remove()
	if err := w.m.Resume(sinkA); err != nil {
		t.Fatal(err)
	}
	w.until("the record", func() bool { return w.writtenTo("out") == "0" })
}

// TestLag: a sink that is too far behind stops, or holds its sources, as it is told.
func TestLag(t *testing.T) {
	for _, choice := range []OnLag{StopSink, HoldSources} {
		w := newWorld(t, map[string]int32{"in": 1, "out": 1})
		w.start(w.source("in"))
		def := w.appendSink("out")
		def.MaxLag, def.OnLag, def.Sources = time.Millisecond, choice, []uint64{streamID}
		w.startSink(def)
		w.state(sinkA, Running)
		back := w.refuse(kmsg.Produce)
		w.produce("in", 0, value(0, "a"))
		if choice == StopSink {
			w.state(sinkA, Stopped)
			w.state(streamID, Running)
			w.produce("in", 0, value(1, "b"))
			w.wantRows(streamID, "0 a", "1 b")
		} else {
			w.state(streamID, Paused)
			w.produce("in", 0, value(1, "b"))
			if got := w.rows(streamID); len(got) != 1 {
				t.Errorf("a held source has read on: %q", got)
			}
		}
		back()
		if err := w.m.Resume(sinkA); err != nil {
			t.Fatal(err)
		}
		w.until("the rest", func() bool { return len(w.readBack("out")) == 2 })
		w.state(streamID, Running)
	}
}

// TestForgotten: a cluster that has forgotten a sink's position does not get
// everything again: the sink says so. One whose records are last states goes on.
func TestForgotten(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1, "state": 1})
	w.startSink(w.appendSink("out"))
	w.startSink(w.upsertSink("state"))
	w.caughtUp(sinkA, w.insert(0, "a"))
	w.caughtUp(sinkB, w.upsert(0, "a", 1))
	w.until("the holds", func() bool { return len(w.e.Holds()) == 2 })
	w.m.StopSink(sinkA)
	w.m.StopSink(sinkB)
	for _, group := range []string{"a-17000", "b-17001"} {
		req := kmsg.NewPtrDeleteGroupsRequest()
		req.Groups = []string{"tarn-sink-" + group}
		if _, err := req.RequestWith(context.Background(), w.cl); err != nil {
			t.Fatal(err)
		}
	}
	w.insert(1, "b")
	w.upsert(1, "b", 1)
	w.startSink(w.appendSink("out"))
	w.startSink(w.upsertSink("state"))
	w.state(sinkA, Failed)
	w.until("the last state", func() bool {
		got := w.readBack("state")
		return len(got) > 1 && got[len(got)-1].ID == 1
	})
	if got := w.readBack("out"); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestSourceOutage: a source whose cluster is away says so, and goes on by itself.
func TestSourceOutage(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.start(w.source("in"))
	w.produce("in", 0, value(0, "a"))
	w.wantRows(streamID, "0 a")
	back := w.refuse(kmsg.Fetch)
	w.produce("in", 0, value(1, "b"))
	w.state(streamID, Retrying)
	back()
	w.wantRows(streamID, "0 a", "1 b")
	w.state(streamID, Running)
}

// TestDDL: a schema change in the feed takes effect between the records before
// and behind it, and its failure stops the source there.
func TestDDL(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	def := w.source("in")
	l := &sourceLife{s: newSource(w.m, def), def: &def, at: map[int32]int64{}}
	recs, dec := decodedRows(5)
	dec.DDL = []format.DDL{{Record: 2, Text: "ALTER TABLE t ADD c int"}, {Record: 2, Text: "ALTER TABLE t ADD d int"}}
	dec.Rows, dec.Record = dec.Rows.Select([]int32{0, 1, 3, 4}), []int32{0, 1, 3, 4}
	pc := &piece{recs: recs, dec: dec}
	seen := 0
	def.OnDDL = func(_ context.Context, d format.DDL) (*format.Spec, error) {
		seen = len(w.rows(streamID))
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "no")
	}
	err := l.commitAll(context.Background(), []*piece{pc})
	if h, ok := err.(*halt); !ok || h.state != Stopped || seen != 2 {
		t.Fatalf("%v after %d rows", err, seen)
	}
	def.OnDDL = func(_ context.Context, d format.DDL) (*format.Spec, error) { s := def.Spec; return &s, nil }
	if err := l.commitAll(context.Background(), []*piece{{recs: recs.Slice(2, 5), dec: &format.Decoded{
		Rows: dec.Rows.Select([]int32{2, 3}), Record: []int32{1, 2}, DDL: []format.DDL{{Record: 0}, {Record: 0}}}}}); err != errAgain {
		t.Fatalf("%v", err)
	}
	if got := w.e.Offsets(streamID)[0]; got != 3 || len(w.rows(streamID)) != 2 {
		t.Errorf("the source stands at %d with rows %q", got, w.rows(streamID))
	}
}

// decodedRows are n records with a row each.
func decodedRows(n int) (*topic.Records, *format.Decoded) {
	r := &topic.Records{Next: int64(n)}
	key, val := vec.NewBuilder(types.Bytea, n), vec.NewBuilder(types.Bytea, n)
	d := &format.Decoded{}
	var rows []any
	for i := range n {
		r.Offset, r.Time = append(r.Offset, int64(i)), append(r.Time, 0)
		key.Null()
		val.String(value(i, "x"))
		rows = append(rows, i, "x", 1)
		d.Record = append(d.Record, int32(i))
	}
	r.Key, r.Value, d.Rows = key.Finish(), val.Finish(), pairs(rows...)
	d.Rows.Weights = nil
	return r, d
}

// TestLagOfHistory: what a sink is behind is counted also while it reads history,
// and before it could begin.
func TestLagOfHistory(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1, "state": 1})
	w.m.Close()
	w.cfg.SinkBytes = 500 // few are taken in at a time
	w.m = NewManager(w.e, w.cfg)
	for i := range 200 {
		w.insert(i, "x", i, "y")
	}
	w.upsert(1, "a", 1, 2, "b", 1)
	lag := func(id uint64) string {
		k, _ := w.m.Sink(id)
		return fmt.Sprintf("%v %d epochs %d rows", k.LagKnown, k.LagEpochs, k.LagRows)
	}
	away := w.refuse(kmsg.InitProducerID)
	w.startSink(w.appendSink("out"))
	w.startSink(w.upsertSink("state"))
	w.state(sinkA, Retrying)
	w.state(sinkB, Retrying)
	// What has been committed may still have to be stepped.
	w.until("the lag before they begin", func() bool { return lag(sinkA) == "true 200 epochs 400 rows" && lag(sinkB) == "true 1 epochs 2 rows" })
	full := w.refuse(kmsg.Produce)
	away()
	if err := w.m.Resume(sinkA); err != nil {
		t.Fatal(err)
	}
	w.until("a write", func() bool {
		k, _ := w.m.Sink(sinkA)
		return k.State == Retrying && k.LastError != "" && w.follows(sinkA)
	})
	w.until("the lag of history", func() bool { return lag(sinkA) == "true 200 epochs 400 rows" })
	w.insert(200, "x")
	w.until("the lag", func() bool { return lag(sinkA) == "true 201 epochs 401 rows" })
	full()
	if err := w.m.Resume(sinkA); err != nil {
		t.Fatal(err)
	}
	w.caughtUp(sinkA, w.insert(201, "x"))
	w.until("no lag", func() bool { return lag(sinkA) == "true 0 epochs 0 rows" })
	if n := len(w.readBack("out")); n != 402 {
		t.Errorf("%d records", n)
	}
}

// follows reports whether a sink has a subscription.
func (w *world) follows(id uint64) bool {
	w.m.mu.Lock()
	k := w.m.sinks[id]
	w.m.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.backlog != nil
}

// TestLagOfTopic: the lag of a sink that reads a stream whose records are in Kafka
// is known without them.
func TestLagOfTopic(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1, "out": 1})
	w.commit(&exec.Txn{Catalog: []byte(fmt.Sprint("outside ", outsideID))})
	def := w.source("in")
	def.ID, def.ReadThrough = outsideID, true
	w.produce("in", 0, value(1, "a"), "bad", value(2, "b"))
	w.start(def)
	w.until("the rows", func() bool { return len(w.rows(outsideID)) == 2 })
	away := w.refuse(kmsg.InitProducerID)
	sink := w.appendSink("out")
	sink.Plan = scan(outsideID)
	w.startSink(sink)
	w.state(sinkA, Retrying)
	k, _ := w.m.Sink(sinkA)
	if !k.LagKnown || k.LagEpochs < 1 || k.LagEpochs > 2 || k.LagRows != 2 {
		t.Errorf("%+v", k)
	}
	away()
	if err := w.m.Resume(sinkA); err != nil {
		t.Fatal(err)
	}
	w.until("the records", func() bool { k, _ := w.m.Sink(sinkA); return k.Rows == 2 && k.LagRows == 0 && k.LagEpochs == 0 })
}
