package arrange

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/storage/state"
)

// Sizes are small in unit tests; TARN_BENCH=full gives those of the design.
func sizes(small int, full ...int) []int {
	if os.Getenv("TARN_BENCH") == "full" {
		return full
	}
	return []int{small}
}

const batchRows = 4096

func intKey(dst []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0x80), n^1<<63)
}

// randomBatches makes batches of random 9-byte keys below n.
func randomBatches(n, count int) []*Keys {
	rng := rand.New(rand.NewSource(1))
	out := make([]*Keys, count)
	for b := range out {
		k := &Keys{}
		k.Reset()
		var buf []byte
		for range batchRows {
			buf = intKey(buf[:0], uint64(rng.Intn(n)))
			k.Data = append(k.Data, buf...)
			k.Off = append(k.Off, uint32(len(k.Data)))
		}
		k.HashAll()
		out[b] = k
	}
	return out
}

func fill(tb testing.TB, t *Table, n int) {
	val := make([]byte, 24)
	refs := make([]Ref, batchRows)
	k := &Keys{}
	var buf []byte
	for from := 0; from < n; from += batchRows {
		k.Reset()
		for i := from; i < min(from+batchRows, n); i++ {
			buf = intKey(buf[:0], uint64(i))
			k.Data = append(k.Data, buf...)
			k.Off = append(k.Off, uint32(len(k.Data)))
		}
		k.HashAll()
		upsert(tb, t, k, refs, val)
	}
}

func upsert(tb testing.TB, t *Table, k *Keys, refs []Ref, val []byte) {
	if err := t.Lookup(k, nil, refs); err != nil {
		tb.Fatal(err)
	}
	for i := range k.Len() {
		if refs[i] != 0 {
			copy(val, t.Value(refs[i]))
		}
		val[0]++
		if _, err := t.Put(k, i, refs[i], val); err != nil {
			tb.Fatal(err)
		}
	}
}

func benchStore(tb testing.TB) *state.Store {
	st, err := state.Open(tb.TempDir(), nil, state.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { st.Close() })
	return st
}

func BenchmarkUpdate(b *testing.B) {
	for _, n := range sizes(10_000, 1_000_000, 10_000_000) {
		for _, stored := range []bool{false, true} {
			b.Run(fmt.Sprintf("keys=%d/store=%v", n, stored), func(b *testing.B) {
				o := Options{}
				if stored {
					o.Store = benchStore(b)
				}
				s := NewSpace(o)
				defer s.Close()
				t := s.Table(1, TableOptions{})
				s.Begin(1)
				fill(b, t, n)
				batches := randomBatches(n, 256)
				refs, val := make([]Ref, batchRows), make([]byte, 24)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					// Lookups need distinct keys only where rows come and go.
					upsert(b, t, batches[i%len(batches)], refs, val)
					i++
				}
				b.ReportMetric(float64(b.N)*batchRows/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range sizes(10_000, 1_000_000, 10_000_000) {
		s := NewSpace(Options{})
		t := s.Table(1, TableOptions{})
		s.Begin(1)
		fill(b, t, n)
		batches := randomBatches(n, 256)
		b.Run(fmt.Sprintf("batch/keys=%d", n), func(b *testing.B) {
			refs := make([]Ref, batchRows)
			i := 0
			for b.Loop() {
				if err := t.Lookup(batches[i%len(batches)], nil, refs); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(b.N)*batchRows/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run(fmt.Sprintf("get/keys=%d", n), func(b *testing.B) {
			var dst []byte
			i := 0
			for b.Loop() {
				k := batches[i/batchRows%len(batches)]
				dst, _, _ = t.Get(k.Key(i%batchRows), k.Hash[i%batchRows], 1, dst[:0])
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		s.Close()
	}
}

func BenchmarkMulti(b *testing.B) {
	for _, n := range sizes(10_000, 1_000_000) {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			s := NewSpace(Options{})
			defer s.Close()
			l, r := s.Multi(1), s.Multi(2)
			s.Begin(1)
			k := &Keys{}
			heads := make([]Ref, batchRows)
			var buf []byte
			found, i := 0, 0
			val := make([]byte, 16)
			for b.Loop() {
				if i == 2*n {
					b.StopTimer()
					s.Drop(1)
					s.Drop(2)
					l, r, i = s.Multi(1), s.Multi(2), 0
					b.StartTimer()
				}
				// Insert into one side, probe the other; each key once on each side.
				a, o := l, r
				if i >= n {
					a, o = r, l
				}
				k.Reset()
				for j := i; j < min(i+batchRows, (i/n+1)*n); j++ {
					x := uint64(j%n) * 0x9E3779B1 % uint64(n)
					buf = intKey(buf[:0], x)
					k.Data = append(k.Data, buf...)
					k.Off = append(k.Off, uint32(len(k.Data)))
				}
				k.HashAll()
				if err := a.Lookup(k, nil, heads); err != nil {
					b.Fatal(err)
				}
				for j := range k.Len() {
					binary.LittleEndian.PutUint64(val, uint64(i+j))
					if _, _, _, err := a.Add(k, j, heads[j], val, 1); err != nil {
						b.Fatal(err)
					}
				}
				if err := o.Lookup(k, nil, heads); err != nil {
					b.Fatal(err)
				}
				for j := range k.Len() {
					o.Each(heads[j], func([]byte, int64) bool { found++; return true })
				}
				i += k.Len()
			}
			b.ReportMetric(float64(b.N)*batchRows/b.Elapsed().Seconds(), "rows/s")
			runtime.KeepAlive(found)
		})
	}
}

func BenchmarkOrdered(b *testing.B) {
	for _, groups := range sizes(100, 1, 1_000, 1_000_000) {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			s := NewSpace(Options{})
			defer s.Close()
			o := s.Ordered(1)
			s.Begin(1)
			rng := rand.New(rand.NewSource(1))
			var g, k []byte
			n := 0
			for b.Loop() {
				g = intKey(g[:0], uint64(rng.Intn(groups)))
				k = intKey(k[:0], uint64(rng.Intn(1_000_000)))
				h := Hash(g)
				if _, _, err := o.Add(g, h, k, nil, 1); err != nil {
					b.Fatal(err)
				}
				if _, _, _, _, err := o.First(g, h); err != nil {
					b.Fatal(err)
				}
				n++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkCheckpoint writes checkpoints of n dirty keys beside updates.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range sizes(20_000, 1_000_000) {
		b.Run(fmt.Sprintf("dirty=%d", n), func(b *testing.B) {
			st := benchStore(b)
			s := NewSpace(Options{Store: st})
			defer s.Close()
			t := s.Table(1, TableOptions{})
			epoch := uint64(1)
			s.Begin(epoch)
			fill(b, t, n)
			batches := randomBatches(n, 64)
			refs, val := make([]Ref, batchRows), make([]byte, 24)
			var pause, settle, write time.Duration
			beside := 0
			b.ResetTimer()
			for range b.N {
				epoch++
				s.Begin(epoch)
				fill(b, t, n)
				at := time.Now()
				f := s.Freeze()
				pause = max(pause, time.Since(at))
				epoch++
				s.Begin(epoch)
				done := make(chan error, 1)
				at = time.Now()
				go func() { done <- f.Write(context.Background(), nil) }()
				for i := 0; ; i++ {
					select {
					case err := <-done:
						if err != nil {
							b.Fatal(err)
						}
					default:
						upsert(b, t, batches[i%len(batches)], refs, val)
						beside += batchRows
						continue
					}
					break
				}
				write += time.Since(at)
				epoch++
				at = time.Now()
				s.Begin(epoch)
				settle = max(settle, time.Since(at))
			}
			b.ReportMetric(float64(pause.Microseconds()), "freeze-µs")
			b.ReportMetric(float64(settle.Microseconds()), "settle-µs")
			b.ReportMetric(float64(b.N*n)/write.Seconds(), "rows/s")
			b.ReportMetric(float64(beside)/write.Seconds(), "beside-rows/s")
			b.ReportMetric(float64(st.Metrics().L0Sublevels), "l0-sublevels")
		})
	}
}

func rss() int64 {
	data, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(data))
	if len(f) < 2 {
		return 0
	}
	n, _ := strconv.ParseInt(f[1], 10, 64)
	return n * int64(os.Getpagesize())
}

func BenchmarkMemory(b *testing.B) {
	for _, n := range sizes(100_000, 10_000_000) {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			for range b.N {
				runtime.GC()
				before := rss()
				s := NewSpace(Options{Store: benchStore(b)})
				t := s.Table(1, TableOptions{})
				s.Begin(1)
				fill(b, t, n)
				dirty := rss() - before
				if err := s.Freeze().Write(context.Background(), nil); err != nil {
					b.Fatal(err)
				}
				s.Begin(2)
				runtime.GC()
				b.ReportMetric(float64(dirty)/float64(n), "RSS-B/key-dirty")
				b.ReportMetric(float64(rss()-before)/float64(n), "RSS-B/key")
				b.ReportMetric(float64(s.Bytes())/float64(n), "slab-B/key")
				s.Close()
			}
		})
	}
}

// BenchmarkAsOf reads one key with n versions, and n keys with two, at random
// depths, against reading the latest.
func BenchmarkAsOf(b *testing.B) {
	for _, n := range sizes(2_000, 1_000_000) {
		s := NewSpace(Options{Store: benchStore(b)})
		t := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
		k := &Keys{}
		k.Reset()
		k.Append(intKey(nil, 7))
		refs := make([]Ref, batchRows)
		e := uint64(0)
		for range n {
			e++
			s.Begin(e)
			upsert(b, t, k, refs[:1], make([]byte, 24))
			if e%200_000 == 0 {
				if err := s.Freeze().Write(context.Background(), nil); err != nil {
					b.Fatal(err)
				}
			}
		}
		wide := s.Table(2, TableOptions{History: HistoryKeep, RetainMicros: -1})
		fill(b, wide, n)
		e++
		s.Begin(e)
		fill(b, wide, n)
		if err := s.Freeze().Write(context.Background(), nil); err != nil {
			b.Fatal(err)
		}
		s.Begin(e + 1)
		batches := randomBatches(n, 64)
		rng := rand.New(rand.NewSource(1))
		get := func(name string, t *Table, key func(i int) ([]byte, uint64), at func() uint64) {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				var dst []byte
				i := 0
				for b.Loop() {
					k, h := key(i)
					var ok bool
					var err error
					if dst, ok, err = t.Get(k, h, at(), dst[:0]); err != nil || !ok {
						b.Fatal(ok, err)
					}
					i++
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
		one := func(int) ([]byte, uint64) { return k.Key(0), k.Hash[0] }
		many := func(i int) ([]byte, uint64) {
			x := batches[i/batchRows%len(batches)]
			return x.Key(i % batchRows), x.Hash[i%batchRows]
		}
		latest := func() uint64 { return e }
		get("one/latest", t, one, latest)
		get("one/asof", t, one, func() uint64 { return 1 + uint64(rng.Int63n(int64(n))) })
		get("many/latest", wide, many, latest)
		get("many/asof", wide, many, func() uint64 { return e - 1 })
		s.Close()
		cold := NewSpace(Options{Store: s.store})
		wide = cold.Table(2, TableOptions{History: HistoryKeep, RetainMicros: -1})
		get("cold/latest", wide, many, latest)
		get("cold/asof", wide, many, func() uint64 { return e - 1 })
		cold.Close()
	}
}
