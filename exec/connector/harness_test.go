package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// Relations of the tests: a stream and a table of (id, v), such a stream and table
// to write into, and a stream that is read through.
const (
	streamID, tableID, intoStream, intoTable, outsideID = 16400, 16401, 16402, 16403, 16404
)

var pair = []plan.Column{{Name: "id", Type: types.Int8}, {Name: "v", Type: types.Text}}

// host keeps relation definitions as its catalog.
type host struct {
	defs    []string
	outside exec.Outside
}

func (h *host) Image() []byte { b, _ := json.Marshal(h.defs); return b }

func (h *host) Restore(s *exec.Setup, image []byte) error {
	h.defs = nil
	if image == nil {
		return nil
	}
	var defs []string
	if err := json.Unmarshal(image, &defs); err != nil {
		return err
	}
	for _, d := range defs {
		if err := h.create(s, d); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) Apply(s *exec.Setup, _ exec.Epoch, change []byte) error {
	return h.create(s, string(change))
}

func (h *host) create(s *exec.Setup, def string) error {
	var kind string
	var id uint64
	fmt.Sscanf(def, "%s %d", &kind, &id)
	s.OnCommit(func() { h.defs = append(h.defs, def) })
	cols := pair
	if kind == "letters" {
		cols = LetterColumns
	}
	var names []string
	var ts []types.Type
	for _, c := range cols {
		names, ts = append(names, c.Name), append(ts, c.Type)
	}
	switch kind {
	case "stream":
		return s.CreateStream(exec.StreamDef{ID: id, Name: "s", Types: ts, Columns: names, Rowtime: -1, RetainMicros: -1})
	case "outside":
		return s.CreateStream(exec.StreamDef{ID: id, Name: "o", Types: ts, Columns: names, Rowtime: -1, RetainMicros: -1, Outside: h.outside})
	case "table":
		return s.CreateTable(exec.TableDef{ID: id, Name: "t", Types: ts, Columns: names, Key: []int{0}, KeyName: "t_pkey", Rowtime: -1, RetainMicros: 1000})
	case "letters":
		return s.CreateTable(exec.TableDef{ID: id, Name: "dead_letters", Types: ts, Columns: names, Key: []int{0, 1, 2}, KeyName: "dead_letters_pkey", Rowtime: -1})
	}
	return nil
}

// world is a Kafka cluster, an engine and a manager, which can crash.
type world struct {
	t     testing.TB
	kafka *kfake.Cluster // nil: a real one
	addrs []string
	fs    *vfs.MemFS
	host  *host
	e     *exec.Engine
	m     *Manager
	clock atomic.Int64
	cfg   Config
	cl    *kgo.Client // for the test's own records
	stop  atomic.Pointer[func(point string) error]
	past  string // topic that outsideID reads its history from
	// change, if set, makes of the source of that topic what it is defined as now.
	change func(*SourceDef)
}

func (w *world) history(topic string) {
	w.past = topic
	w.crash()
}

func newWorld(t testing.TB, topics map[string]int32) *world {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := newWorldOn(t, c.ListenAddrs(), topics)
	w.kafka = c
	return w
}

// newWorldOn is a world with a cluster that runs.
func newWorldOn(t testing.TB, addrs []string, topics map[string]int32) *world {
	t.Helper()
	w := &world{t: t, addrs: addrs, past: "in", fs: vfs.NewCrashableMem()}
	w.clock.Store(1_000_000_000)
	w.cfg = Config{Now: w.now, PartitionsEvery: 20 * time.Millisecond, GroupEvery: 20 * time.Millisecond, WriteTimeout: 10 * time.Second}
	w.cl = newClient(t, addrs)
	for name, n := range topics {
		w.createTopic(name, n)
	}
	w.open()
	t.Cleanup(func() { w.m.Close(); _ = w.e.Close() })
	for _, def := range []string{fmt.Sprint("letters ", exec.DeadLettersID), fmt.Sprint("stream ", streamID), fmt.Sprint("table ", tableID),
		fmt.Sprint("stream ", intoStream), fmt.Sprint("table ", intoTable)} {
		w.commit(&exec.Txn{Catalog: []byte(def)})
	}
	return w
}

func newClient(t testing.TB, addrs []string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (w *world) now() int64 { return w.clock.Add(1000) }

func (w *world) open() {
	w.t.Helper()
	def := w.source(w.past)
	def.ID, def.ReadThrough = outsideID, true
	if w.change != nil {
		w.change(&def)
	}
	out := NewOutside(def, func(id uint64) map[int32]int64 {
		if w.e == nil {
			return nil
		}
		return w.e.Offsets(id)
	})
	w.t.Cleanup(out.Close)
	w.host = &host{outside: out}
	e, err := exec.Open(exec.Config{FS: w.fs, Dir: "db", Host: w.host, Now: w.now, CheckpointEvery: -1, Workers: 1, MemoryBytes: 64 << 20, Stop: w.stopAt})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := w.cfg
	cfg.Stop = w.stopAt
	w.e, w.m = e, NewManager(e, cfg)
}

func (w *world) stopAt(point string) error {
	if f := w.stop.Load(); f != nil {
		return (*f)(point)
	}
	return nil
}

// crash loses all that was not synced, and all connectors, and opens again.
func (w *world) crash() {
	w.t.Helper()
	image := w.fs.CrashClone(vfs.CrashCloneCfg{})
	w.m.Close()
	_ = w.e.Close()
	w.fs = image
	w.stop.Store(nil)
	w.open()
}

func (w *world) createTopic(name string, partitions int32) {
	w.t.Helper()
	c, err := kafka.Open(w.brokers())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.CreateTopic(context.Background(), name, partitions, 1, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) brokers() kafka.Config { return kafka.Config{Brokers: w.addrs} }

func (w *world) commit(txn *exec.Txn) exec.Epoch {
	w.t.Helper()
	ep, err := w.e.Commit(context.Background(), txn)
	if err != nil {
		w.t.Fatal(err)
	}
	return ep
}

// produce writes values to a partition.
func (w *world) produce(topic string, partition int32, values ...string) {
	w.t.Helper()
	var rs []*kgo.Record
	for _, v := range values {
		rs = append(rs, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)})
	}
	if err := w.cl.ProduceSync(context.Background(), rs...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// put writes a keyed record; an empty value is a tombstone.
func (w *world) put(topic string, partition int32, key int, value string) {
	w.t.Helper()
	r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(fmt.Sprintf(`{"id":%d}`, key))}
	if value != "" {
		r.Value = []byte(fmt.Sprintf(`{"id":%d,"v":%q}`, key, value))
	}
	if err := w.cl.ProduceSync(context.Background(), r).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// source is a plain source of (id, v) in JSON.
func (w *world) source(topic string) SourceDef {
	return SourceDef{ID: streamID, Name: "s", Kafka: w.brokers(), Topic: topic,
		Spec: format.Spec{Topic: topic, Value: format.Encoding{Name: "json"}, Envelope: format.Plain, Columns: []format.Column{
			{Name: "id", Type: types.Int8, NotNull: true}, {Name: "v", Type: types.Text}}}}
}

// tableSource is an upsert source of (id, v).
func (w *world) tableSource(topic string) SourceDef {
	d := w.source(topic)
	d.ID, d.Name, d.Table = tableID, "t", true
	d.Spec.Envelope, d.Spec.PK, d.Spec.Key = format.Upsert, []int{0}, format.Encoding{Name: "json"}
	return d
}

// scan reads the relation whole.
func scan(id uint64) *plan.Scan {
	cols, kind := pair, plan.Stream
	if id == exec.DeadLettersID {
		cols = LetterColumns
	}
	if id == tableID || id == intoTable || id == exec.DeadLettersID {
		kind = plan.Table
	}
	s := &plan.Scan{Object: id, Kind: kind, RowtimeCol: -1, Keyed: kind == plan.Table}
	s.Cols = cols
	for i := range cols {
		s.Fields = append(s.Fields, i)
	}
	return s
}

// rows are the rows of a relation, as text, in order of arrival (streams) or sorted.
func (w *world) rows(id uint64) []string {
	w.t.Helper()
	ep, err := w.e.WaitFresh(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	out := w.readAll(ep, id)
	if id != streamID && id != intoStream {
		sort.Strings(out)
	}
	return out
}

// readAll is the rows of a relation as of an epoch, in the order in which they come.
func (w *world) readAll(ep exec.Epoch, id uint64) []string {
	w.t.Helper()
	out, err := w.tryRead(ep, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) tryRead(ep exec.Epoch, id uint64) ([]string, error) {
	var out []string
	err := w.e.Read(context.Background(), scan(id), exec.ReadOptions{Epoch: ep, Ctx: &funcs.Ctx{}}, func(b *vec.Batch) error {
		for i := range b.N {
			var cells []string
			for _, c := range b.Cols {
				if c.IsNull(i) {
					cells = append(cells, "-")
					continue
				}
				cells = append(cells, string(types.AppendText(nil, c.Datum(i), c.Type, nil)))
			}
			out = append(out, strings.Join(cells, " "))
		}
		return nil
	})
	return out, err
}

// readAt reads a relation as of an epoch.
func (w *world) readAt(ep exec.Epoch, id uint64) error {
	return w.e.Read(context.Background(), scan(id), exec.ReadOptions{Epoch: ep, Ctx: &funcs.Ctx{}}, func(*vec.Batch) error { return nil })
}

// letters are the standing letters as "partition/offset code attempts".
func (w *world) letters() string {
	w.t.Helper()
	var out []string
	err := readLetters(context.Background(), w.e, func(b *vec.Batch, i int) {
		l := letterAt(b, i)
		out = append(out, fmt.Sprintf("%d/%d %s %d", l.at.Partition, l.at.Offset, l.code, l.attempts))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	end := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s; sources %+v, sinks %+v", what, w.m.Sources(), w.m.Sinks())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (w *world) wantRows(id uint64, want ...string) {
	w.t.Helper()
	w.until(fmt.Sprintf("rows %q (got %q)", want, w.rows(id)), func() bool { return strings.Join(w.rows(id), "; ") == strings.Join(want, "; ") })
}

func (w *world) start(def SourceDef) {
	w.t.Helper()
	if err := w.m.StartSource(def); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) state(id uint64, want State) {
	w.t.Helper()
	w.until(fmt.Sprintf("state %s", want), func() bool {
		if s, ok := w.m.Source(id); ok {
			return s.State == want
		}
		k, _ := w.m.Sink(id)
		return k.State == want
	})
}

func value(id int, v string) string { return fmt.Sprintf(`{"id":%d,"v":%q}`, id, v) }
