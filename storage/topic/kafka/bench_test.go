package kafka

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BenchmarkWalk is the way from a fetched megabyte to columns: checksums,
// decompression, copying.
func BenchmarkWalk(b *testing.B) {
	for _, size := range []int{100, 250} {
		for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
			b.Run(fmt.Sprintf("%d bytes/%s", size, name), func(b *testing.B) {
				raw, n := batches(b, size, codec)
				w := newWalker()
				b.ReportAllocs()
				b.SetBytes(int64(n * size))
				from := cpuSeconds(b)
				for b.Loop() {
					whole, after, _, err := scan(raw, 0)
					if err != nil {
						b.Fatal(err)
					}
					c, cols := &chunk{raw: whole, after: after, limit: noLimit}, newColumns(0, false)
					cols.grow(w.expect(c, pollBytes))
					for len(c.raw) > 0 {
						if err := w.step(c, cols); err != nil {
							b.Fatal(err)
						}
					}
					if r := cols.records(after); r.N() != n {
						b.Fatal(r.N())
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/(cpuSeconds(b)-from), "records/CPU-s")
			})
		}
	}
}

// cpuSeconds is what this process has used of the processors, by itself.
func cpuSeconds(b *testing.B) float64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// batches makes ten batches of 100 kB.
func batches(b *testing.B, size int, codec kgo.CompressionCodec) (raw []byte, n int) {
	b.Helper()
	comp, err := kgo.DefaultCompressor(codec)
	if err != nil {
		b.Fatal(err)
	}
	for range 10 {
		m := made{base: int64(n)}
		for i := range 100_000 / size {
			v := fmt.Sprintf(`{"id":%d,"account":%d,"kind":"deposit","amount":%d.%02d,"at":%d}`, n+i, (n+i)*7919%1_000_003, i%9973, i%100, 1_790_000_000_000+13*(n+i))
			m.records = append(m.records, kmsg.Record{OffsetDelta: int32(i), TimestampDelta64: int64(i), Value: fmt.Appendf(nil, "%-*s", size, v)})
		}
		var records []byte
		for _, r := range m.records {
			r.Length = int32(len(r.AppendTo(nil)) - 1)
			records = r.AppendTo(records)
		}
		out := records
		if comp != nil {
			var used kgo.CompressionCodecType
			if out, used = comp.Compress(new(bytes.Buffer), records); used != 0 {
				m.attrs = int16(used)
			}
		}
		batch := kmsg.RecordBatch{FirstOffset: m.base, Magic: 2, Attributes: m.attrs, LastOffsetDelta: int32(len(m.records) - 1), NumRecords: int32(len(m.records)), Records: out}
		raw = append(raw, seal(batch.AppendTo(nil))...)
		n += len(m.records)
	}
	return raw, n
}
