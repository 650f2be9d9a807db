//go:build unix

package arrange

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"syscall"
	"testing"
)

func cpuNanos(tb testing.TB) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		tb.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkHistory changes rows of a table with history, 10,000 an epoch, with a
// checkpoint after each third time that a row has changed: what a view costs COPY, but
// for the aggregates. It reports CPU a changed row, compactions included.
func BenchmarkHistory(b *testing.B) {
	const perEpoch, some = 10_000, 250
	for _, n := range sizes(20_000, 1_000_000) {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			s := NewSpace(Options{Store: benchStore(b)})
			defer s.Close()
			t := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
			rng, epoch, since := rand.New(rand.NewSource(1)), uint64(1e15), 0
			refs, changes := make([]Ref, some), make([]Change, 0, some)
			keys := make([]Keys, perEpoch/some)
			vals := make([]byte, 0, 16*some)
			round := func(next func() int) {
				for i := range keys {
					k := &keys[i]
					k.Reset()
					for range some {
						k.Append(binary.BigEndian.AppendUint64([]byte{1}, uint64(next())))
					}
				}
				epoch += 10_000
				s.Begin(epoch)
				for i := range keys {
					k := &keys[i]
					if err := t.Lookup(k, nil, refs); err != nil {
						b.Fatal(err)
					}
					changes, vals = changes[:0], vals[:0]
					for j, r := range refs {
						x := uint64(0)
						if r != 0 {
							x = binary.LittleEndian.Uint64(t.Value(r))
						}
						at := len(vals)
						vals = binary.LittleEndian.AppendUint64(vals, x+uint64(j))
						changes = append(changes, Change{j, vals[at:]})
					}
					if err := t.Update(k, refs, changes); err != nil {
						b.Fatal(err)
					}
				}
				if since += perEpoch; since >= 3*n {
					since = 0
					if err := s.Freeze().Write(context.Background(), nil); err != nil {
						b.Fatal(err)
					}
				}
			}
			at := 0
			for range n / perEpoch {
				round(func() int { at++; return at - 1 })
			}
			before := cpuNanos(b)
			b.ResetTimer()
			for range b.N {
				k := rng.Intn(n)
				round(func() int { k = (k + 7919) % n; return k }) // a key once an epoch
			}
			b.ReportMetric(float64(cpuNanos(b)-before)/float64(b.N*perEpoch), "CPU-ns/row")
			b.ReportMetric(float64(s.Bytes())/float64(n), "slab-B/key")
		})
	}
}
