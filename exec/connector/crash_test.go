package connector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	randv2 "math/rand/v2"
	"os"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// TestExactlyOnce kills the engine at random steps and lets the cluster fail at
// random requests, many times. In the end each record is a row once, in order,
// the bad ones are letters, and each row is in the sinks' topics once, in order.
func TestExactlyOnce(t *testing.T) {
	kills := map[string]int{}
	for seed := range seeds(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			crashRun(t, newWorld(t, map[string]int32{"in": 2, "keyed": 2, "out": 1, "state": 2}), seed, "", kills)
		})
	}
	t.Logf("kills: %v", kills)
	for _, p := range []string{"sink: before write", "sink: after write", "journal: before sync", "journal: after sync"} {
		if kills[p] == 0 && !t.Failed() {
			t.Errorf("nothing was ever killed at %q", p)
		}
	}
}

func seeds(n int64) int64 {
	if os.Getenv("TARN_FULL") != "" {
		return 20 * n
	}
	return n
}

// crashPoints are those aimed at; "" is whichever comes, "broker" is a request that
// the cluster fails.
var crashPoints = []string{"", "sink: before write", "sink: after write", "journal: before sync", "journal: after sync", "broker", "broker"}

// failing are requests that the cluster fails now and then.
var failing = []kmsg.Key{kmsg.Fetch, kmsg.Produce, kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.InitProducerID, kmsg.OffsetFetch, kmsg.ListOffsets, kmsg.Metadata}

// notOfTheTest is requests that are not those of the test's own producer.
func notOfTheTest(r kmsg.Request) bool {
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		return r.TransactionID != nil
	case *kmsg.InitProducerIDRequest:
		return r.TransactionalID != nil
	case *kmsg.MetadataRequest:
		return len(r.Topics) > 0 && (r.Topics[0].Topic == nil || *r.Topics[0].Topic == "out" || *r.Topics[0].Topic == "state")
	}
	return true
}

// crashRun is lives of w that end with a crash, and one that does not. The names
// of its topics begin with prefix.
func crashRun(t *testing.T, w *world, seed int64, prefix string, kills map[string]int) {
	rng := rand.New(rand.NewSource(seed))
	in, keyed, outTopic, stateTopic := prefix+"in", prefix+"keyed", prefix+"out", prefix+"state"
	var want [2][]string      // rows of each partition, in order
	state := map[int]string{} // of the table
	bad, next := 0, [2]int{}  // bad records so far, next offset of each partition
	for life := range 8 {
		last := life == 7
		var killed atomic.Bool
		point, countdown := crashPoints[(int(seed)*7+life)%len(crashPoints)], int64(1+rng.Intn(8))
		if point == "" {
			countdown *= 8
		}
		stop := func(p string) error {
			if killed.Load() || p == point && atomic.AddInt64(&countdown, -1) == 0 || point == "" && atomic.AddInt64(&countdown, -1) == 0 {
				if !killed.Swap(true) {
					kills[p]++
				}
				return errors.New("killed")
			}
			return nil
		}
		var fault *kfake.FaultHandle
		switch {
		case last:
		case point == "broker" && w.kafka == nil:
		case point == "broker":
			key := failing[rng.Intn(len(failing))]
			err := []*kerr.Error{kerr.RequestTimedOut, kerr.NotLeaderForPartition, kerr.UnknownServerError, nil}[rng.Intn(4)]
			fault = w.kafka.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: err, Count: 1 + rng.Intn(3), When: notOfTheTest})
		default:
			w.stop.Store(&stop)
		}
		for _, def := range []SourceDef{w.source(in), w.tableSource(keyed)} {
			w.start(def)
		}
		a, b := w.appendSink(outTopic), w.upsertSink(stateTopic)
		a.Name, b.Name = prefix+"a", prefix+"b"
		into := w.upsertSink("")
		into.ID, into.Name, into.Into, into.IntoTable = sinkB+1, "c", intoTable, true
		for _, def := range []SinkDef{a, b, into} {
			w.startSink(def)
		}
		for range 20 + rng.Intn(40) {
			p := rng.Intn(2)
			if rng.Intn(10) == 0 {
				w.produce(in, int32(p), "bad")
				bad++
			} else {
				id := p*1_000_000 + next[p]
				w.produce(in, int32(p), value(id, "x"))
				want[p] = append(want[p], fmt.Sprint(id, " x"))
			}
			next[p]++
			k := rng.Intn(12)
			if v := fmt.Sprint(rng.Intn(5)); rng.Intn(4) == 0 {
				w.put(keyed, int32(k%2), k, "")
				delete(state, k)
			} else {
				w.put(keyed, int32(k%2), k, v)
				state[k] = v
			}
		}
		if last {
			break
		}
		end := time.Now().Add(time.Duration(20+rng.Intn(150)) * time.Millisecond)
		for !killed.Load() && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
		if fault != nil {
			kills["broker"] += min(fault.Hits(), 1)
			fault.Remove()
		}
		killed.Store(true) // nothing goes out any more that the image would not know of
		image := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: randv2.New(randv2.NewPCG(uint64(seed), uint64(life)))})
		w.m.Close()
		_ = w.e.Close()
		w.fs = image
		w.stop.Store(nil)
		w.open()
	}

	w.until("all records", func() bool { return len(w.rows(streamID)) >= len(want[0])+len(want[1]) })
	rows := w.rows(streamID)
	var got [2][]string
	for _, r := range rows {
		p := 0
		if strings.HasPrefix(r, "1000") && len(r) == len("1000000 x") {
			p = 1
		}
		got[p] = append(got[p], r)
	}
	for p := range want {
		if strings.Join(got[p], ";") != strings.Join(want[p], ";") {
			t.Errorf("seed %d: partition %d has rows\n%s, want\n%s", seed, p, got[p], want[p])
		}
	}
	w.until("all letters", func() bool { return strings.Count(w.letters(), "/") >= bad })
	if n := strings.Count(w.letters(), "/"); n != bad {
		t.Errorf("seed %d: %d letters, want %d", seed, n, bad)
	}
	var table []string
	for k, v := range state {
		table = append(table, fmt.Sprint(k, " ", v))
	}
	sort.Strings(table)
	w.wantRows(tableID, table...)
	w.wantRows(intoTable, table...)

	w.until("the topic", func() bool { return len(w.readBack(outTopic)) >= len(rows) })
	out := w.readBack(outTopic)
	if len(out) != len(rows) {
		t.Errorf("seed %d: %d records in the topic, want %d", seed, len(out), len(rows))
	}
	for i := range min(len(out), len(rows)) {
		if s := fmt.Sprintf("%d %s", out[i].ID, out[i].V); s != rows[i] {
			t.Fatalf("seed %d: record %d is %s, want %s", seed, i, s, rows[i])
		}
	}
	folded := func() string {
		m := map[string]string{}
		for _, r := range w.readBack(stateTopic) {
			if m[r.key] = fmt.Sprint(r.ID, " ", r.V); r.gone {
				delete(m, r.key)
			}
		}
		var out []string
		for _, v := range m {
			out = append(out, v)
		}
		sort.Strings(out)
		return strings.Join(out, "; ")
	}
	w.until("the topic of the table (got "+folded()+")", func() bool { return folded() == strings.Join(table, "; ") })
}

// record is one that a sink has written.
type record struct {
	ID   int
	V    string
	key  string
	gone bool
}

// readBack is all committed records of a topic, partition by partition.
func (w *world) readBack(name string) []record {
	w.t.Helper()
	c, err := kafka.Open(w.brokers())
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	ps, _, err := c.Partitions(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []record
	for _, p := range ps {
		err := c.ReadRange(context.Background(), name, kafka.TopicID{}, p.ID, p.Start, p.End, false, func(r *topic.Records) error {
			for i := range r.N() {
				x := record{key: string(bytesAt(r.Key, i)), gone: r.Value.IsNull(i)}
				if !x.gone {
					if err := json.Unmarshal(r.Value.Bytes(i), &x); err != nil {
						return err
					}
				}
				out = append(out, x)
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}
