package connector

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// BenchmarkSource reads JSON records of (id, v) into a stream of the engine's own
// or one that is read through; the cluster in the process takes its share of the time.
func BenchmarkSource(b *testing.B) {
	for _, kind := range []string{"stream", "outside"} {
		b.Run(kind, func(b *testing.B) {
			w := newWorld(b, map[string]int32{"in": 4})
			id := uint64(streamID)
			if kind == "outside" {
				id = outsideID
				w.commit(&exec.Txn{Catalog: []byte(fmt.Sprint("outside ", outsideID))})
			}
			w.fill(b, "in", 4)
			def := w.source("in")
			def.ID = id
			b.ResetTimer()
			w.start(def)
			w.until("all rows", func() bool { st, _ := w.m.Source(id); return st.Rows == int64(b.N) })
			b.StopTimer()
			st, _ := w.m.Source(id)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(b.N)/float64(st.Txns), "rows/txn")
		})
	}
}

// BenchmarkCopy reads records of (id, v) into a stream that is read through and
// writes them to another topic, with a real broker if there is TARN_KAFKA.
func BenchmarkCopy(b *testing.B) {
	prefix := fmt.Sprintf("b%d-", time.Now().UnixNano())
	topics := map[string]int32{prefix + "in": 4, prefix + "out": 4}
	var w *world
	if os.Getenv("TARN_KAFKA") != "" {
		w = newWorldOn(b, kafkatest.Shared(b).Plain, topics)
	} else {
		w = newWorld(b, topics)
	}
	w.history(prefix + "in")
	w.commit(&exec.Txn{Catalog: []byte(fmt.Sprint("outside ", outsideID))})
	w.fill(b, prefix+"in", 4)
	def, sink := w.source(prefix+"in"), w.appendSink(prefix+"out")
	def.ID, def.ReadThrough = outsideID, true
	sink.Name, sink.Plan, sink.CommitInterval = prefix+"a", scan(outsideID), 0
	w.startSink(sink)
	w.state(sinkA, Running)
	b.ResetTimer()
	began := cpu()
	w.start(def)
	w.until("all rows", func() bool { k, _ := w.m.Sink(sinkA); return k.Rows == int64(b.N) })
	b.StopTimer()
	k, _ := w.m.Sink(sinkA)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.N)/(cpu()-began).Seconds(), "rows/cpu-s")
	b.ReportMetric(float64(b.N)/float64(k.Txns), "rows/txn")
}

// fill writes b.N records of some 230 bytes.
func (w *world) fill(b *testing.B, topic string, partitions int) {
	v := make([]byte, 200)
	for i := range v {
		v[i] = 'a' + byte(i%26)
	}
	for i := range b.N {
		w.cl.Produce(context.Background(), &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: []byte(value(i, string(v)))}, nil)
	}
	if err := w.cl.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// cpu is what the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
