package connector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

const sinkA, sinkB = 17000, 17001

// pairs makes rows of (id, v, weight).
func pairs(idvw ...any) *vec.Batch {
	id, v := vec.NewBuilder(types.Int8, 0), vec.NewBuilder(types.Text, 0)
	b := &vec.Batch{}
	for i := 0; i < len(idvw); i += 3 {
		id.Int(int64(idvw[i].(int)))
		v.String(idvw[i+1].(string))
		b.Weights = append(b.Weights, int64(idvw[i+2].(int)))
		b.N++
	}
	b.Cols = []*vec.Vec{id.Finish(), v.Finish()}
	return b
}

func (w *world) insert(idv ...any) exec.Epoch {
	w.t.Helper()
	var all []any
	for i := 0; i < len(idv); i += 2 {
		all = append(all, idv[i], idv[i+1], 1)
	}
	b := pairs(all...)
	b.Weights = nil
	return w.commit(&exec.Txn{Writes: []exec.Write{{Object: streamID, Rows: b}}})
}

// upsert puts rows into the table; a weight of -1 deletes.
func (w *world) upsert(idvw ...any) exec.Epoch {
	w.t.Helper()
	return w.commit(&exec.Txn{Writes: []exec.Write{{Object: tableID, Upsert: true, Rows: pairs(idvw...)}}})
}

// appendSink follows the stream, upsertSink the table.
func (w *world) appendSink(topic string) SinkDef {
	return SinkDef{ID: sinkA, Name: "a", Plan: scan(streamID), Kafka: w.brokers(), Topic: topic, Partition: -1, CommitInterval: time.Millisecond,
		Spec: format.Spec{Topic: topic, Value: format.Encoding{Name: "json"}, Envelope: format.Plain, Columns: pairSpec()}}
}

func (w *world) upsertSink(topic string) SinkDef {
	d := w.appendSink(topic)
	d.ID, d.Name, d.Plan = sinkB, "b", scan(tableID)
	d.Spec.Envelope, d.Spec.PK, d.Spec.Key = format.Upsert, []int{0}, format.Encoding{Name: "json"}
	return d
}

func pairSpec() []format.Column {
	return []format.Column{{Name: "id", Type: types.Int8}, {Name: "v", Type: types.Text}}
}

func (w *world) startSink(def SinkDef) {
	w.t.Helper()
	if err := w.m.StartSink(def); err != nil {
		w.t.Fatal(err)
	}
}

// caughtUp waits until a sink has written what was committed up to ep.
func (w *world) caughtUp(id uint64, ep exec.Epoch) {
	w.t.Helper()
	w.until("the sink", func() bool { k, _ := w.m.Sink(id); return k.Position >= ep && k.LagEpochs == 0 })
}

// written are the committed records of a topic, keys with values.
func (w *world) written(topic string, n int) string {
	w.t.Helper()
	var out []string
	for _, r := range w.consume(topic, n) {
		s := string(r.Value)
		if r.Key != nil {
			s = string(r.Key) + "=" + s
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// TestAppendSink: a snapshot, then each new row once, through restarts.
func TestAppendSink(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.insert(1, "a", 2, "b")
	w.startSink(w.appendSink("out"))
	w.state(sinkA, Running)
	w.insert(3, "c")
	w.caughtUp(sinkA, w.insert(4, "d", 4, "d"))
	w.m.StopSink(sinkA)
	w.insert(5, "e")
	w.startSink(w.appendSink("out"))
	w.caughtUp(sinkA, w.insert(6, "f"))
	w.crash()
	w.startSink(w.appendSink("out"))
	ep := w.insert(7, "g")
	w.caughtUp(sinkA, ep)
	want := `{"id":1,"v":"a"} {"id":2,"v":"b"} {"id":3,"v":"c"} {"id":4,"v":"d"} {"id":4,"v":"d"} {"id":5,"v":"e"} {"id":6,"v":"f"} {"id":7,"v":"g"}`
	if got := w.written("out", 8); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	rs := w.consume("out", 8)
	if got := header(rs[7], epochHeader); got != fmt.Sprint(ep) {
		t.Errorf("epoch header %s, want %d", got, ep)
	}
}

// TestNoSnapshot: only what comes after the sink, also if it dies before its
// first record.
func TestNoSnapshot(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.insert(1, "a")
	def := w.appendSink("out")
	def.NoSnapshot = true
	w.startSink(def)
	w.state(sinkA, Running)
	w.m.StopSink(sinkA)
	w.insert(2, "b")
	w.startSink(def)
	w.caughtUp(sinkA, w.insert(3, "c"))
	if got := w.written("out", 2); got != `{"id":2,"v":"b"} {"id":3,"v":"c"}` {
		t.Errorf("got %s", got)
	}
}

// TestUpsertSink: the topic has the last state of each key of each batch, and a
// tombstone for keys that have gone.
func TestUpsertSink(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.upsert(1, "a", 1, 2, "b", 1)
	def := w.upsertSink("out")
	w.startSink(def)
	w.state(sinkB, Running)
	w.until("the snapshot", func() bool { k, _ := w.m.Sink(sinkB); return k.Txns == 1 })
	if err := w.m.Pause(sinkB); err != nil {
		t.Fatal(err)
	}
	w.state(sinkB, Paused)
	w.upsert(1, "a2", 1)
	w.upsert(1, "a3", 1, 3, "c", 1)
	w.upsert(3, "", -1, 4, "d", 1)
	w.upsert(2, "", -1)
	w.until("all that waits", func() bool { k, _ := w.m.Sink(sinkB); return k.LagEpochs == 4 })
	if err := w.m.Resume(sinkB); err != nil {
		t.Fatal(err)
	}
	w.until("the rest", func() bool { k, _ := w.m.Sink(sinkB); return k.Txns == 2 })
	got := w.written("out", 5)
	want := `{"id":1}={"id":1,"v":"a"} {"id":2}={"id":2,"v":"b"} {"id":1}={"id":1,"v":"a3"} {"id":4}={"id":4,"v":"d"} {"id":2}=`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAppendOnly: a sink that can only append says so when a row changes, and
// leaves retractions out if it is told to.
func TestAppendOnly(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	def := w.appendSink("out")
	def.Plan = scan(tableID)
	w.startSink(def)
	w.state(sinkA, Running)
	w.caughtUp(sinkA, w.upsert(1, "a", 1))
	w.upsert(1, "b", 1)
	w.state(sinkA, Failed)
	w.m.StopSink(sinkA)
	def.DropRetractions = true
	w.startSink(def)
	w.caughtUp(sinkA, w.upsert(2, "c", 1))
	if got := w.written("out", 3); got != `{"id":1,"v":"a"} {"id":1,"v":"b"} {"id":2,"v":"c"}` {
		t.Errorf("got %s", got)
	}
}

// TestSinkInto: a stream and a table of the engine are targets like topics.
func TestSinkInto(t *testing.T) {
	w := newWorld(t, nil)
	w.insert(1, "a")
	w.upsert(1, "a", 1, 2, "b", 1)
	a, b := w.appendSink(""), w.upsertSink("")
	a.Into, b.Into, b.IntoTable = intoStream, intoTable, true
	w.startSink(a)
	w.startSink(b)
	w.wantRows(intoStream, "1 a")
	w.wantRows(intoTable, "1 a", "2 b")
	w.insert(2, "b")
	w.upsert(2, "", -1, 3, "c", 1)
	w.wantRows(intoStream, "1 a", "2 b")
	w.wantRows(intoTable, "1 a", "3 c")
	w.crash()
	w.insert(3, "c")
	w.upsert(1, "z", 1)
	w.startSink(a)
	w.startSink(b)
	w.wantRows(intoStream, "1 a", "2 b", "3 c")
	w.wantRows(intoTable, "1 z", "3 c")
}

// TestSinkCreatesTopic: as asked for, once.
func TestSinkCreatesTopic(t *testing.T) {
	w := newWorld(t, nil)
	def := w.upsertSink("made")
	def.Create = &TopicDef{Partitions: 3, Replication: 1, Config: map[string]string{"cleanup.policy": "compact"}}
	for _, v := range []string{"a", "b"} {
		w.startSink(def)
		w.caughtUp(sinkB, w.upsert(1, v, 1))
		w.m.StopSink(sinkB)
	}
	info := w.kafka.TopicInfo("made")
	if policy := info.Configs["cleanup.policy"]; len(w.kafka.PartitionInfos("made")) != 3 || policy == nil || *policy != "compact" {
		t.Errorf("topic %+v", info)
	}
}

// TestHoldIsKept: what a stopped sink needs stays although it would have expired.
func TestHoldIsKept(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.upsert(1, "a", 1)
	w.startSink(w.upsertSink("out"))
	w.until("the snapshot", func() bool { k, _ := w.m.Sink(sinkB); return k.Txns == 1 })
	w.m.StopSink(sinkB)
	w.upsert(1, "b", 1)
	w.clock.Add(int64(time.Hour / time.Microsecond))
	w.upsert(2, "c", 1)
	w.crash()
	w.upsert(1, "", -1)
	w.startSink(w.upsertSink("out"))
	w.caughtUp(sinkB, w.upsert(3, "d", 1))
	got := w.written("out", 4)
	if want := `{"id":1}={"id":1,"v":"a"} {"id":1}= {"id":2}={"id":2,"v":"c"} {"id":3}={"id":3,"v":"d"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if err := w.m.DropSink(sinkB); err != nil {
		t.Fatal(err)
	}
	if h := w.e.Holds(); len(h) != 0 {
		t.Errorf("holds %+v", h)
	}
}

// TestIdleSink: a sink with nothing to write follows the engine all the same, so
// that it holds no history up, and it misses nothing by it.
func TestIdleSink(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.m.Close()
	w.cfg.RenewEvery = time.Millisecond
	w.m = NewManager(w.e, w.cfg)
	w.startSink(w.upsertSink("out"))
	w.caughtUp(sinkB, w.upsert(1, "a", 1))
	for i := range 5 {
		ep := w.insert(i, "elsewhere")
		w.until("the hold", func() bool { h := w.e.Holds(); return len(h) == 1 && h[0].After >= ep })
		w.caughtUp(sinkB, w.upsert(1, fmt.Sprint("a", i), 1))
	}
	ep := w.insert(9, "elsewhere")
	w.until("the hold", func() bool { return w.e.Holds()[0].After >= ep })
	w.crash()
	w.startSink(w.upsertSink("out"))
	w.caughtUp(sinkB, w.upsert(2, "b", 1))
	if got := w.readBack("out"); len(got) != 7 || got[6].ID != 2 {
		t.Errorf("got %+v", got)
	}
}
