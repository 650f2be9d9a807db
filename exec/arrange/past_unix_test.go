//go:build unix

package arrange

import (
	"context"
	"encoding/binary"
	"testing"
)

// BenchmarkSought looks keys up as of an epoch with many slices of packs behind it:
// the work that a look-up has in slices that have nothing of the key.
func BenchmarkSought(b *testing.B) {
	checkpoints, each := uint64(sizes(40, 360)[0]), uint64(sizes(1000, 20_000)[0])
	s := NewSpace(Options{Store: benchStore(b), PackVersions: 1})
	defer s.Close()
	t := s.Table(1, TableOptions{History: HistoryKeep, RetainMicros: -1})
	epoch := uint64(0)
	put := func(x, n uint64) {
		epoch++
		s.Begin(epoch)
		k := &Keys{}
		for i := range n {
			k.Append(binary.BigEndian.AppendUint64([]byte{1}, x+i*7*13))
		}
		refs := make([]Ref, n)
		if err := t.Lookup(k, nil, refs); err != nil {
			b.Fatal(err)
		}
		for i := range refs {
			if _, err := t.Put(k, i, refs[i], binary.BigEndian.AppendUint64(make([]byte, 16), epoch)); err != nil {
				b.Fatal(err)
			}
		}
	}
	write := func() {
		if err := s.Freeze().Write(context.Background(), nil); err != nil {
			b.Fatal(err)
		}
	}
	put(1, each)
	put(3, each)
	write()
	for range checkpoints {
		put(0, each) // of keys with history in each
		put(4, 1)
		write()
	}
	put(3, each)
	put(2, each) // new
	write()
	for _, c := range []struct {
		name string
		key  uint64
		e    uint64
	}{{"unchanged", 1, 2}, {"hot", 0, 10}, {"changed early and late", 3, 2}, {"new", 2, 2}, {"absent", 5, 2}, {"early and late, in the middle", 3, checkpoints}} {
		b.Run(c.name, func(b *testing.B) {
			before := cpuNanos(b)
			for i := range b.N {
				key := binary.BigEndian.AppendUint64([]byte{1}, c.key+uint64(i)*7919%each*7*13)
				if _, _, err := t.Get(key, Hash(key), c.e, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuNanos(b)-before)/float64(b.N)/1e3, "CPU-µs/look-up")
		})
	}
}
