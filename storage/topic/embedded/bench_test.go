package embedded

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/topic"
)

// narrowRows is what a COPY of a narrow stream brings: a key, an id, an amount
// and a time.
func narrowRows(rng *rand.Rand, n int) *topic.Rows {
	ts := []types.Type{types.Int8, types.Int4, types.NumericOf(18, 2), types.Timestamptz}
	cols := make([]*vec.Vec, len(ts))
	for c, t := range ts {
		b := vec.NewBuilder(t, n)
		for i := range n {
			switch c {
			case 0:
				b.Int(rng.Int64N(1_000_000))
			case 1:
				b.Int(rng.Int64N(10_000))
			case 2:
				b.Numeric(rng.Int64N(1_000_000), 2)
			default:
				b.Int(800_000_000_000_000 + int64(i)*1000)
			}
		}
		cols[c] = b.Finish()
	}
	return &topic.Rows{Batch: &vec.Batch{N: n, Cols: cols}}
}

func BenchmarkAppend(b *testing.B) {
	const n = 10_000
	rows := narrowRows(rand.New(rand.NewPCG(1, 1)), n)
	fs, dir := vfs.Default, b.TempDir()
	j, _, err := journal.Open(journal.Config{FS: fs, Dir: dir + "/journal"}, 0, nil)
	if err != nil {
		b.Fatal(err)
	}
	l, err := Open(Config{FS: fs, Dir: dir + "/topics"}, j)
	if err != nil {
		b.Fatal(err)
	}
	tp, err := l.Create(testTopic)
	if err != nil {
		b.Fatal(err)
	}
	epoch := uint64(0)
	var payload []byte
	b.Run("rows=10000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			epoch++
			payload = AppendPayload(payload[:0], rows)
			f := &journal.Frame{Epoch: epoch, Time: int64(epoch), Entries: []journal.Entry{{Kind: journal.KindData, Object: testTopic, Payload: payload}}}
			if err := j.Append(f); err != nil {
				b.Fatal(err)
			}
			if err := l.Apply(f); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		b.ReportMetric(float64(len(payload))/n, "B/row")
	})
	b.Run("settle", func(b *testing.B) {
		before, _ := tp.Bounds(0)
		for b.Loop() {
			if err := l.Settle(epoch); err != nil {
				b.Fatal(err)
			}
		}
		settled := int64(0)
		for _, s := range tp.Segments() {
			settled += s.Bytes
		}
		b.ReportMetric(float64(before.End)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		b.ReportMetric(float64(settled)/float64(before.End), "B/row")
	})
	b.Run("read", func(b *testing.B) {
		rows := 0
		for b.Loop() {
			if err := tp.Read(0, topic.Scan{Columns: []int{0, 2}}, func(r *topic.Rows) error {
				rows += r.Batch.N
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
}

// The benchmark runs once, so that it does not rot.
func TestBenchmarks(t *testing.T) {
	old := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("test.benchtime", old) }()
	if r := testing.Benchmark(BenchmarkAppend); r.N == 0 {
		t.Fatal("a benchmark failed")
	}
}
