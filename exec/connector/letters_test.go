package connector

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// TestBadRecords: a record that cannot be read is a letter, its neighbours are
// rows, and nothing is counted twice after a crash.
func TestBadRecords(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1, "dlq": 1})
	w.produce("in", 0, value(1, "a"), `{"id":"x"}`, value(2, "b"), `nonsense`, `{"v":"no id"}`, value(3, "c"))
	def := w.source("in")
	def.DeadLetterTopic = "dlq"
	w.start(def)
	w.wantRows(streamID, "1 a", "2 b", "3 c")
	want := "0/1 22P02 1; 0/3 22P02 1; 0/4 23502 1"
	if got := w.letters(); got != want {
		t.Errorf("letters %s, want %s", got, want)
	}
	w.until("the counts", func() bool { st, _ := w.m.Source(streamID); return st.Txns > 0 && st.Lag == 0 })
	st, _ := w.m.Source(streamID)
	if st.Letters != 3 || st.LettersNow != 3 || st.Records != 6 || st.LetterTopicError != "" {
		t.Errorf("status %+v", st)
	}
	w.crash()
	w.produce("in", 0, value(4, "d"))
	w.start(def)
	w.wantRows(streamID, "1 a", "2 b", "3 c", "4 d")
	if got := w.letters(); got != want {
		t.Errorf("letters after the crash %s, want %s", got, want)
	}
	var copies []string
	for _, r := range w.consume("dlq", 3) {
		copies = append(copies, fmt.Sprintf("%s %s", r.Value, header(r, "tarn.offset")))
	}
	if got := strings.Join(copies, "; "); got != `{"id":"x"} 1; nonsense 3; {"v":"no id"} 4` {
		t.Errorf("dead_letter_topic has %s", got)
	}
}

// TestStopOnError: on_error = 'stop' commits what was before the bad record, and
// waits there until the choice is another.
func TestStopOnError(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, value(1, "a"), value(2, "b"), `nonsense`, value(3, "c"))
	def := w.source("in")
	def.OnError = StopSource
	w.start(def)
	w.state(streamID, Stopped)
	w.wantRows(streamID, "1 a", "2 b")
	if st, _ := w.m.Source(streamID); !strings.Contains(st.Error, "in[0]@2") {
		t.Errorf("the state does not say where: %q", st.Error)
	}
	if got := w.letters(); got != "" {
		t.Errorf("letters %s", got)
	}
	w.m.StopSource(streamID)
	def.OnError = KeepLetter
	w.start(def)
	w.wantRows(streamID, "1 a", "2 b", "3 c")
}

// TestConstraints: rows that break the relation's own constraints are letters of
// exactly their records, whether they are found beside the engine or by it.
func TestConstraints(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1, "keyed": 1})
	def := w.source("in")
	def.Verify = func(rows *vec.Batch) []BadRow {
		var out []BadRow
		for i, id := range rows.Cols[0].Ints[:rows.N] {
			if id%10 == 7 {
				out = append(out, BadRow{i, sqlerr.New(sqlerr.CheckViolation, "no sevens")})
			}
		}
		return out
	}
	var want []string
	for i := range 30 {
		w.produce("in", 0, value(i, "x"))
		if i%10 != 7 {
			want = append(want, fmt.Sprint(i, " x"))
		}
	}
	w.start(def)
	w.wantRows(streamID, want...)
	if got := w.letters(); got != "0/17 23514 1; 0/27 23514 1; 0/7 23514 1" {
		t.Errorf("letters %s", got)
	}

	// The engine refuses a NULL key; the decoder is not told that it must not be.
	keyed := w.tableSource("keyed")
	keyed.Spec.Envelope, keyed.Spec.PK, keyed.Spec.Key = format.Plain, nil, format.Encoding{}
	keyed.Spec.Columns = []format.Column{{Name: "id", Type: types.Int8}, {Name: "v", Type: types.Text}}
	want = nil
	for i := range 64 {
		if i == 20 || i == 21 || i == 50 {
			w.produce("keyed", 0, `{"v":"no id"}`)
			continue
		}
		w.produce("keyed", 0, value(100+i, "x"))
		want = append(want, fmt.Sprint(100+i, " x"))
	}
	w.start(keyed)
	w.wantRows(tableID, want...)
	if got := w.letters(); !strings.HasPrefix(got, "0/17 23514 1; 0/20 23502 1; 0/21 23502 1; 0/27 23514 1; 0/50 23502 1;") {
		t.Errorf("letters %s", got)
	}
}

// TestRedrive: letters become rows once when the definition has been corrected;
// what fails again stays and counts.
func TestRedrive(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 2})
	w.produce("in", 0, value(1, "a"), `{"id":"no","v":"seven"}`, `nonsense`)
	w.produce("in", 1, `{"id":"no","v":"eight"}`)
	w.start(w.source("in"))
	w.until("letters", func() bool { return w.letters() == "0/1 22P02 1; 0/2 22P02 1; 1/0 22P02 1" })
	r, err := w.m.Redrive(context.Background(), streamID, nil)
	if err != nil || r != (Redriven{Failed: 3}) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.m.StopSource(streamID)
	def := w.source("in")
	def.Spec.Value.Options = map[string]string{}
	def.Spec.NullOnError, def.Spec.Columns[0].NotNull = true, false
	w.start(def)
	r, err = w.m.Redrive(context.Background(), streamID, []LetterKey{{0, 1}, {0, 2}})
	if err != nil || r != (Redriven{Letters: 1, Rows: 1, Failed: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.crash()
	w.start(def)
	if got := w.letters(); got != "0/2 22P02 3; 1/0 22P02 2" {
		t.Errorf("letters %s", got)
	}
	if r, err = w.m.Redrive(context.Background(), streamID, nil); err != nil || r != (Redriven{Letters: 1, Rows: 1, Failed: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = w.m.Redrive(context.Background(), streamID, nil); err != nil || r != (Redriven{Failed: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.wantRows(streamID, "1 a", "- seven", "- eight")
}

// TestLetterBounds: the oldest letters go when there are too many, too large or
// too old ones, also of those that were there before a restart.
func TestLetterBounds(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.m.Close()
	w.cfg.LettersMax = 3
	w.m = NewManager(w.e, w.cfg)
	for i := range 5 {
		w.produce("in", 0, fmt.Sprint("bad", i))
	}
	w.start(w.source("in"))
	w.until("three letters", func() bool { return w.letters() == "0/2 22P02 1; 0/3 22P02 1; 0/4 22P02 1" })
	w.crash()
	w.start(w.source("in"))
	w.produce("in", 0, "bad5")
	w.until("three letters", func() bool { return w.letters() == "0/3 22P02 1; 0/4 22P02 1; 0/5 22P02 1" })
	w.until("the counts", func() bool { st, _ := w.m.Source(streamID); return st.Txns > 0 })
	st, _ := w.m.Source(streamID)
	if st.LettersNow != 3 || st.LettersExpired != 1 {
		t.Errorf("status %+v", st)
	}
	w.clock.Add((31 * 24 * time.Hour).Microseconds())
	w.until("no letters", func() bool { return w.letters() == "" })
}

// TestLongLetter: of a record that is too long the letter has the place only, and
// redriving reads it from the topic, as long as it is there.
func TestLongLetter(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.m.Close()
	w.cfg.LetterRecordBytes = 20
	w.m = NewManager(w.e, w.cfg)
	w.produce("in", 0, "short and bad", `{"id":"no","v":"a long one"}`, `{"id":"no","v":"another long one"}`)
	w.start(w.source("in"))
	w.until("letters", func() bool { return w.letters() == "0/0 22P02 1; 0/1 54000 1; 0/2 54000 1" })
	if r, err := w.m.Redrive(context.Background(), streamID, nil); err != nil || r.Failed != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	w.m.StopSource(streamID)
	def := w.source("in")
	def.Spec.NullOnError, def.Spec.Columns[0].NotNull = true, false
	w.start(def)
	if r, err := w.m.Redrive(context.Background(), streamID, []LetterKey{{0, 1}}); err != nil || r.Letters != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	w.wantRows(streamID, "- a long one")
	if err := w.kafka.DeleteRecords("in", 0, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := w.m.Redrive(context.Background(), streamID, []LetterKey{{0, 2}}); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Errorf("redrive of a record that is gone: %v", err)
	}
	if got := w.letters(); got != "0/0 22P02 2; 0/2 54000 2" {
		t.Errorf("letters %s", got)
	}
}

// TestLettersDeleted: letters that a user deletes count no more.
func TestLettersDeleted(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, "bad", "worse")
	w.start(w.source("in"))
	now := func(n int64) func() bool {
		return func() bool { st, _ := w.m.Source(streamID); return st.LettersNow == n }
	}
	w.until("two letters", now(2))
	var all []letter
	if err := readLetters(context.Background(), w.e, func(b *vec.Batch, i int) { all = append(all, letterAt(b, i)) }); err != nil {
		t.Fatal(err)
	}
	w.commit(&exec.Txn{Writes: []exec.Write{{Object: exec.DeadLettersID, Rows: letterRows(all[:1], func(int) int64 { return -1 })}}})
	w.until("one letter", now(1))
	w.produce("in", 0, "worst")
	w.until("two letters", now(2))
}

// consume reads n committed records of a topic.
func (w *world) consume(topic string, n int) []*kgo.Record {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.addrs...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n {
		f := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			w.t.Fatalf("%d of %d records of %s", len(out), n, topic)
		}
		out = append(out, f.Records()...)
	}
	return out
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
