package connector

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/vec"
)

// TestSnapshotParts: the rows that stand when a sink begins are written in several
// transactions, and none is missed or written twice wherever it dies, while the
// rows go on changing.
func TestSnapshotParts(t *testing.T) {
	kills := map[string]int{}
	for seed := range seeds(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { snapshotRun(t, seed, kills) })
	}
	t.Logf("kills: %v", kills)
	for _, p := range []string{"sink: before write", "sink: after write"} {
		if kills[p] == 0 && !t.Failed() {
			t.Errorf("nothing was ever killed at %q", p)
		}
	}
}

func snapshotRun(t *testing.T, seed int64, kills map[string]int) {
	w := newWorld(t, map[string]int32{"out": 1, "state": 2})
	rng := rand.New(rand.NewSource(seed))
	history := map[int][]string{} // values that each row has had
	put := func(id int) exec.Epoch {
		v := fmt.Sprintf("v%d", len(history[id]))
		history[id] = append(history[id], v)
		return w.upsert(id, v, 1)
	}
	var all []any
	for id := range 300 {
		all = append(all, id, "v0", 1)
		history[id] = []string{"v0"}
	}
	w.upsert(all...)
	plain, upsert, stream, table := w.appendSink("out"), w.upsertSink("state"), w.appendSink(""), w.upsertSink("")
	plain.Plan, plain.DropRetractions = scan(tableID), true
	stream.ID, stream.Name, stream.Plan, stream.DropRetractions, stream.Into = sinkB+1, "c", scan(tableID), true, intoStream
	table.ID, table.Name, table.Into, table.IntoTable = sinkB+2, "d", intoTable, true
	sinks := []*SinkDef{&plain, &upsert, &stream, &table}
	for life := range 6 {
		var killed atomic.Bool
		countdown := int64(1 + rng.Intn(40))
		stop := func(p string) error {
			if !strings.HasPrefix(p, "sink:") { // the test goes on writing
				return nil
			}
			if killed.Load() || atomic.AddInt64(&countdown, -1) == 0 {
				if !killed.Swap(true) {
					kills[p]++
				}
				return errors.New("killed")
			}
			return nil
		}
		if life < 5 {
			w.stop.Store(&stop)
		}
		for _, def := range sinks {
			def.BatchBytes = 600 // about ten parts
			w.startSink(*def)
		}
		for range rng.Intn(5) {
			put(rng.Intn(310))
		}
		if life == 5 {
			break
		}
		w.until("a kill", func() bool {
			done := true
			for _, k := range w.m.Sinks() {
				done = done && k.Position != 0 && k.LagEpochs == 0
			}
			return killed.Load() || done
		})
		killed.Store(true) // nothing goes out any more that the image would not know of
		image := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: randv2.New(randv2.NewPCG(uint64(seed), uint64(life)))})
		w.m.Close()
		_ = w.e.Close()
		w.fs = image
		w.stop.Store(nil)
		w.open()
	}
	ep := put(5)
	for _, def := range sinks {
		w.caughtUp(def.ID, ep)
	}
	if k, _ := w.m.Sink(sinkA); k.LagRows != 0 {
		t.Errorf("%d rows wait", k.LagRows)
	}
	w.wantRows(intoTable, w.rows(tableID)...)
	got := map[int][]string{}
	for _, r := range w.readBack("out") {
		got[r.ID] = append(got[r.ID], r.V)
	}
	checkHistory(t, "out", history, got)
	got = map[int][]string{}
	for _, row := range w.rows(intoStream) {
		var id int
		var v string
		fmt.Sscan(row, &id, &v)
		got[id] = append(got[id], v)
	}
	checkHistory(t, "the stream", history, got)
	last := map[int]string{}
	for _, r := range w.readBack("state") {
		last[r.ID] = r.V
	}
	for id, vs := range history {
		if last[id] != vs[len(vs)-1] {
			t.Errorf("state: row %d is %q, want %q", id, last[id], vs[len(vs)-1])
		}
	}
	if h := w.e.Holds(); len(h) != 4 {
		t.Errorf("holds %+v", h)
	}
}

// checkHistory: what was written of each row is its values from some one on, each
// once and in order.
func checkHistory(t *testing.T, where string, history, got map[int][]string) {
	t.Helper()
	for id, vs := range history {
		g := got[id]
		if len(g) == 0 || len(g) > len(vs) || strings.Join(g, " ") != strings.Join(vs[len(vs)-len(g):], " ") {
			t.Errorf("%s: row %d has had %q, got %q", where, id, vs, g)
		}
	}
}

// TestSnapshotTransactions: a large snapshot is no large transaction, and a reader
// of committed records sees it grow.
func TestSnapshotTransactions(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	var all []any
	for id := range 1000 {
		all = append(all, id, strings.Repeat("x", 100), 1)
	}
	w.upsert(all...)
	def := w.upsertSink("out")
	def.BatchBytes = 20_000
	w.startSink(def)
	w.until("the snapshot", func() bool { k, _ := w.m.Sink(sinkB); return k.Rows == 1000 && k.LagEpochs == 0 })
	k, _ := w.m.Sink(sinkB)
	if k.Txns < 5 || k.Txns > 10 {
		t.Errorf("%d transactions", k.Txns)
	}
	w.caughtUp(sinkB, w.upsert(1, "y", 1))
	if n := len(w.readBack("out")); n != 1001 {
		t.Errorf("%d records", n)
	}
}

// TestTooLarge: a record that the topic does not take stops the sink, and its
// status says which row it is; it goes on where it stopped when the topic takes it.
func TestTooLarge(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.startSink(w.upsertSink("out"))
	w.caughtUp(sinkB, w.upsert(1, "a", 1))
	w.upsert(7, strings.Repeat("x", 3_000_000), 1)
	w.state(sinkB, Failed)
	k, _ := w.m.Sink(sinkB)
	if want := `the row (id)=(7) of sink "b" takes 3000181 bytes as a record, more than topic "out" takes, which is 1048588`; k.Error != want || k.LastError != want {
		t.Errorf("got  %s\nand  %s\nwant %s", k.Error, k.LastError, want)
	}
	limit := "4000000"
	if _, err := kadm.NewClient(w.cl).AlterTopicConfigs(context.Background(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, "out"); err != nil {
		t.Fatal(err)
	}
	if err := w.m.Resume(sinkB); err != nil {
		t.Fatal(err)
	}
	w.caughtUp(sinkB, w.upsert(2, "b", 1))
	if got := w.readBack("out"); len(got) != 3 || len(got[1].V) != 3_000_000 || got[2].ID != 2 {
		t.Errorf("%d records", len(got))
	}
}

// watched is an engine that notes what is asked of it.
type watched struct {
	Engine
	reads, snapshots atomic.Int64
}

func (w *watched) Read(ctx context.Context, root plan.Node, o exec.ReadOptions, emit func(*vec.Batch) error) error {
	w.reads.Add(1)
	return w.Engine.Read(ctx, root, o, emit)
}

func (w *watched) Subscribe(ctx context.Context, root plan.Node, o exec.SubscribeOptions) (*exec.Subscription, error) {
	if o.Snapshot {
		w.snapshots.Add(1)
	}
	return w.Engine.Subscribe(ctx, root, o)
}

// TestSnapshotBounded: rows that stand are not in memory all at once, and what comes
// while they are written follows them.
func TestSnapshotBounded(t *testing.T) {
	w := newWorld(t, map[string]int32{"out": 1})
	w.m.Close()
	e := &watched{Engine: w.e}
	cfg := w.cfg
	cfg.SinkBytes, cfg.Stop = 20_000, w.stopAt
	w.m = NewManager(e, cfg)
	var all []any
	for id := range 1000 {
		all = append(all, id, strings.Repeat("x", 100), 1)
	}
	w.upsert(all...)
	def := w.appendSink("out")
	def.Plan, def.DropRetractions, def.BatchBytes = scan(tableID), true, 5_000
	meanwhile := func(p string) error {
		if p == "sink: after write" {
			w.stop.Store(nil)
			w.upsert(1, "y", 1, 1000, "z", 1)
		}
		return nil
	}
	w.stop.Store(&meanwhile)
	w.startSink(def)
	w.until("all rows", func() bool { return len(w.readBack("out")) >= 1002 })
	seen := map[string]int{}
	got := w.readBack("out")
	for i, r := range got {
		seen[fmt.Sprint(r.ID, r.V)]++
		if i < 1000 && r.V != strings.Repeat("x", 100) {
			t.Errorf("record %d is %v", i, r)
		}
	}
	if len(got) != 1002 || len(seen) != 1002 {
		t.Errorf("%d records, %d different ones", len(got), len(seen))
	}
	if n := e.reads.Load(); n < 5 || n > passes+1 {
		t.Errorf("the rows were read %d times", n)
	}
	if e.snapshots.Load() != 0 {
		t.Error("a subscription began with all rows")
	}
	w.until("no lag", func() bool { k, _ := w.m.Sink(sinkA); return k.LagRows == 0 && k.LagEpochs == 0 })
}
