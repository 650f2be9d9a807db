package connector

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
)

// TestChanges: what updates come to under each envelope. Rows are "op id v (before)".
func TestChanges(t *testing.T) {
	us := []exec.Update{
		{Epoch: 1, Snapshot: true, Rows: pairs(1, "a", 1, 2, "b", 1)},
		{Epoch: 2, Rows: pairs(1, "a", -1, 1, "c", 1, 3, "x", 1)},
		{Epoch: 3},
		{Epoch: 4, Rows: pairs(2, "b", -1, 3, "x", -1, 4, "d", 2)},
		{Epoch: 5, Rows: pairs(1, "c", -1, 1, "e", 1)},
	}
	debezium := &SinkDef{}
	debezium.Spec.Envelope, debezium.Spec.PK = format.Debezium, []int{0}
	keyless := &SinkDef{}
	keyless.Spec.Envelope = format.Debezium
	upsert := &SinkDef{}
	upsert.Spec.Envelope, upsert.Spec.PK = format.Upsert, []int{0}
	for _, c := range []struct {
		name string
		def  *SinkDef
		us   []exec.Update
		want string
	}{
		{"append", &SinkDef{}, us[:1], "put 1 a @1; put 2 b @1"},
		{"append twice", &SinkDef{}, []exec.Update{{Epoch: 4, Rows: pairs(4, "d", 2)}}, "put 4 d @4; put 4 d @4"},
		{"append, retractions left out", &SinkDef{DropRetractions: true}, us, "put 1 a @1; put 2 b @1; put 1 c @2; put 3 x @2; put 4 d @4; put 4 d @4; put 1 e @5"},
		{"upsert: last states", upsert, us, "put 1 e @5; put 4 d @4"},
		{"upsert: keys that stood before", upsert, us[1:], "put 1 e @5; delete 2 b @4; put 4 d @4"},
		{"debezium: each change", debezium, us[1:], "put 1 c (1 a) @2; put 3 x @2; delete 2 b (2 b) @4; delete 3 x (3 x) @4; put 4 d @4; put 1 e (1 c) @5"},
		{"debezium without a key", keyless, us[1:2], "delete 1 a (1 a) @2; put 1 c @2; put 3 x @2"},
		{"nothing", upsert, us[2:3], ""},
	} {
		got, err := c.def.changes(c.us)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s := showChanges(got); s != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, s, c.want)
		}
	}
	if _, err := (&SinkDef{}).changes(us); err == nil {
		t.Error("an append-only sink takes a retraction")
	}
}

func showChanges(c *changes) string {
	if c.rows == nil {
		return ""
	}
	var out []string
	for i := range c.rows.N {
		op, before := "put", ""
		if c.ops != nil && c.ops[i] == format.Delete {
			op = "delete"
		}
		if c.before != nil && c.before.Weights[i] > 0 {
			before = fmt.Sprintf(" (%d %s)", c.before.Cols[0].Ints[i], c.before.Cols[1].Bytes(i))
		}
		out = append(out, fmt.Sprintf("%s %d %s%s @%d", op, c.rows.Cols[0].Ints[i], c.rows.Cols[1].Bytes(i), before, c.epoch[i]))
	}
	return strings.Join(out, "; ")
}

// TestDebeziumSink: the records of a change stream, with the row before.
func TestDebeziumSink(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.upsert(1, "a", 1)
	def := w.upsertSink("out")
	def.Spec.Envelope = format.Debezium
	w.startSink(def)
	w.state(sinkB, Running)
	w.upsert(1, "b", 1)
	w.caughtUp(sinkB, w.upsert(1, "", -1))
	got := w.written("out", 4)
	got = regexp.MustCompile(`"source":\{.*?\}`).ReplaceAllString(got, `"source":S`)
	got = regexp.MustCompile(`"ts_ms":\d+`).ReplaceAllString(got, `"ts_ms":T`)
	want := `{"id":1}={"before":null,"after":{"id":1,"v":"a"},"source":S,"op":"r","ts_ms":T} {"id":1}={"before":{"id":1,"v":"a"},"after":{"id":1,"v":"b"},"source":S,"op":"u","ts_ms":T} {"id":1}={"before":{"id":1,"v":"b"},"after":null,"source":S,"op":"d","ts_ms":T} {"id":1}=`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestPartitionColumn: a column says where a record goes; what is no partition
// stops the sink with a reason.
func TestPartitionColumn(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 3})
	def := w.appendSink("out")
	def.Partition = 0
	w.startSink(def)
	w.caughtUp(sinkA, w.insert(2, "c", 0, "a", 1, "b", 2, "d"))
	var got []string
	for _, r := range w.readBack("out") {
		got = append(got, r.V)
	}
	if s := strings.Join(got, ""); s != "abcd" {
		t.Errorf("by partition: %s", s)
	}
	w.insert(-1, "x")
	w.state(sinkA, Failed)
}

// TestRedriveCrash: a crash around a redrive's transaction leaves each letter a
// letter or a row, never both and never neither.
func TestRedriveCrash(t *testing.T) {
	for _, point := range []string{"journal: before sync", "journal: after sync"} {
		w := newWorld(t, map[string]int32{"in": 1})
		w.produce("in", 0, `{"id":"no","v":"a"}`, `{"id":"no","v":"b"}`)
		w.start(w.source("in"))
		w.until("letters", func() bool { return strings.Count(w.letters(), "/") == 2 })
		w.m.StopSource(streamID)
		def := w.source("in")
		def.Spec.NullOnError, def.Spec.Columns[0].NotNull = true, false
		w.start(def)
		stop := func(p string) error {
			if p == point {
				return fmt.Errorf("killed")
			}
			return nil
		}
		w.stop.Store(&stop)
		if _, err := w.m.Redrive(context.Background(), streamID, nil); err == nil {
			t.Fatal("the redrive was not killed")
		}
		w.crash()
		rows, letters := len(w.rows(streamID)), strings.Count(w.letters(), "/")
		if rows+letters != 2 || rows != 0 && rows != 2 {
			t.Errorf("killed %s: %d rows and %d letters", point, rows, letters)
		}
		w.start(def)
		if _, err := w.m.Redrive(context.Background(), streamID, nil); err != nil {
			t.Fatal(err)
		}
		w.wantRows(streamID, "- a", "- b")
		if got := w.letters(); got != "" {
			t.Errorf("letters %s", got)
		}
	}
}
