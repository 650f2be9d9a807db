package connector

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec"
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
			v := make([]byte, 200)
			for i := range v {
				v[i] = 'a' + byte(i%26)
			}
			for i := range b.N {
				w.cl.Produce(context.Background(), &kgo.Record{Topic: "in", Partition: int32(i % 4), Value: []byte(value(i, string(v)))}, nil)
			}
			if err := w.cl.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
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
