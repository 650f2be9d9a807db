package connector

import (
	"context"
	"fmt"
	"math/rand"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/exec"
)

// TestReadThroughFaults: whatever brokers do while a source begins, reads, and has
// its history read again (errors of partitions, answers without records though there
// are some, partitions that they do not tell of, no answer for a while, leaders that
// move, partitions that are added), a stream that is read through has each record
// once, and a sink that followed it has them in the stream's order.
func TestReadThroughFaults(t *testing.T) {
	for seed := range seeds(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { faultRun(t, seed) })
	}
}

func faultRun(t *testing.T, seed int64) {
	c, err := kfake.NewCluster(kfake.NumBrokers(3))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := newWorldOn(t, c.ListenAddrs(), map[string]int32{"in": 3, "out": 1})
	w.kafka = c
	w.commit(&exec.Txn{Catalog: []byte(fmt.Sprint("outside ", outsideID))})
	def := w.source("in")
	def.ID, def.Name, def.ReadThrough = outsideID, "o", true
	sink := w.appendSink("out")
	sink.Plan = scan(outsideID)
	adm := kadm.NewClient(w.cl)
	rng := rand.New(rand.NewSource(seed))
	partitions, count := int32(3), 0
	var want []string
	for life := range 6 {
		var faults []func()
		empty, hidden := false, int32(-1)
		w.start(def)
		w.startSink(sink)
		for range 6 {
			switch rng.Intn(6) {
			case 0:
				key := []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.OffsetForLeaderEpoch}[rng.Intn(4)]
				e := []*kerr.Error{kerr.NotLeaderForPartition, kerr.KafkaStorageError, kerr.UnknownTopicOrPartition, kerr.UnknownServerError}[rng.Intn(4)]
				faults = append(faults, c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: e, Count: 1 + rng.Intn(4), When: ofInput}).Remove)
			case 1:
				if !empty { // too many in succession are taken for a hole
					faults, empty = append(faults, w.emptyAnswers(1+rng.Intn(6))), true
				}
			case 2:
				if hidden < 0 {
					hidden = int32(rng.Intn(int(partitions)))
					faults = append(faults, w.leaveOut("in", hidden))
				}
			case 3:
				faults = append(faults, w.silence(1+rng.Intn(2)))
			case 4:
				_ = c.MoveTopicPartition("in", int32(rng.Intn(int(partitions))), int32(rng.Intn(3)))
			case 5:
				if partitions == 6 {
					continue
				}
				for _, back := range faults {
					back()
				}
				faults, hidden = nil, -1
				partitions++
				if r, err := adm.UpdatePartitions(context.Background(), int(partitions), "in"); err != nil || r.Error() != nil {
					t.Fatal(err, r.Error())
				}
				w.cl.Close()
				w.cl = newClient(t, c.ListenAddrs()) // knows it
				adm = kadm.NewClient(w.cl)
			}
			for _, p := range rng.Perm(int(partitions))[:2] {
				if int32(p) == hidden {
					continue // the producer hears no more of it
				}
				var vs []string
				for range 1 + rng.Intn(20) {
					vs = append(vs, value(count, "x"))
					want = append(want, fmt.Sprint(count, " x"))
					count++
				}
				w.produce("in", int32(p), vs...)
			}
			end := time.Now().Add(time.Duration(rng.Intn(60)) * time.Millisecond)
			w.until("a while", func() bool { return time.Now().After(end) })
		}
		for _, back := range faults {
			back()
		}
		if life < 5 && rng.Intn(2) == 0 {
			w.crash()
		} else if life < 5 {
			w.m.StopSource(outsideID)
			w.m.StopSink(sinkA)
		}
	}
	w.until("all records", func() bool {
		st, _ := w.m.Source(outsideID)
		if st.State == AtGap { // a leader that moved behind old metadata may look like one that has lost records
			_ = w.m.Resume(outsideID)
		}
		return st.State == Running && st.Lag == 0 && len(st.Partitions) == int(partitions)
	})
	ep, err := w.e.WaitFresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	rows := w.readAll(ep, outsideID)
	got := slices.Sorted(slices.Values(rows))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	w.until("the sink", func() bool { return len(w.readBack("out")) >= len(rows) })
	out := w.readBack("out")
	if len(out) != len(rows) {
		t.Fatalf("%d records in the topic, want %d", len(out), len(rows))
	}
	for i, r := range rows {
		if s := fmt.Sprint(out[i].ID, " ", out[i].V); s != r {
			t.Fatalf("record %d is %s, want %s", i, s, r)
		}
	}
}

// ofInput is requests that have to do with the topic of the source.
func ofInput(r kmsg.Request) bool {
	m, ok := r.(*kmsg.MetadataRequest)
	return !ok || len(m.Topics) == 1 && m.Topics[0].Topic != nil && *m.Topics[0].Topic == "in"
}

// emptyAnswers lets brokers answer some fetches without records although there are.
func (w *world) emptyAnswers(n int) (back func()) {
	left := atomic.Int64{}
	left.Store(int64(n))
	w.kafka.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if left.Add(-1) < 0 {
			w.kafka.DropControl()
			return nil, nil, false
		}
		w.kafka.KeepControl()
		q := req.(*kmsg.FetchRequest)
		resp := q.ResponseKind().(*kmsg.FetchResponse)
		for _, t := range q.Topics {
			rt := kmsg.NewFetchResponseTopic()
			rt.Topic, rt.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.HighWatermark, rp.LastStableOffset = p.Partition, p.FetchOffset+3, p.FetchOffset+3
				rt.Partitions = append(rt.Partitions, rp)
			}
			resp.Topics = append(resp.Topics, rt)
		}
		return resp, nil, true
	})
	return func() { left.Store(0) }
}

// silence closes the connections of some fetches instead of answering.
func (w *world) silence(n int) (back func()) {
	left := atomic.Int64{}
	left.Store(int64(n))
	w.kafka.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		if left.Add(-1) < 0 {
			w.kafka.DropControl()
			return nil, nil, false
		}
		w.kafka.KeepControl()
		return nil, fmt.Errorf("gone"), true
	})
	return func() { left.Store(0) }
}
