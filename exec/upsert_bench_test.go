package exec

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// BenchmarkUpsert is batches of 10,000 rows over a million keys into a table.
func BenchmarkUpsert(b *testing.B) {
	host := &fakeHost{}
	clock := int64(1_000_000)
	e, err := Open(Config{FS: vfs.NewMem(), Dir: "db", Host: host, Now: func() int64 { clock += 1000; return clock }, CheckpointEvery: -1, Workers: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	ctx := context.Background()
	if _, err := e.Commit(ctx, &Txn{Catalog: []byte("table 16400")}); err != nil {
		b.Fatal(err)
	}
	const n = 10_000
	x, offset := uint64(1), int64(0)
	for b.Loop() {
		rows := &vec.Batch{N: n, Cols: []*vec.Vec{{Type: types.Int8, N: n, Ints: make([]int64, n)}, {Type: types.Int8, N: n, Ints: make([]int64, n)}}}
		for i := range n {
			x = x*6364136223846793005 + 1442695040888963407
			rows.Cols[0].Ints[i], rows.Cols[1].Ints[i] = int64(x>>44), int64(x>>20)
		}
		txn := &Txn{Writes: []Write{{Object: 16400, Rows: rows, Upsert: true}}, Cuts: []Cut{{Object: 16400, From: offset, To: offset + n, Rows: n}}}
		if _, err := e.Commit(ctx, txn); err != nil {
			b.Fatal(err)
		}
		offset += n
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "rows/s")
}
