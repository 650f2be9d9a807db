package kafka

import (
	"math/bits"
	"sync"

	"github.com/tarndb/tarn/storage/topic"
)

// What is kept of columns that were given back. Fresh memory for every record has to
// be cleared, and is cold.
const (
	spareMax      = 16       // columns
	spareBytesMax = 16 << 20 // of their values
)

// room is how much to have for size bytes of values, in steps, so that what was given
// back fits what comes. Under load all are as large as Poll makes them.
func room(size int) int {
	switch {
	case size > 2*pollBytes:
		return size
	case size > pollBytes/4:
		return 2 * pollBytes
	}
	return 1 << bits.Len(uint(max(size, 1<<10)-1))
}

// spare is columns that nobody reads any more.
type spare struct {
	mu    sync.Mutex
	cols  []*columns
	bytes int
}

// take returns empty columns: the smallest that hold size bytes of values, else fresh
// ones.
func (s *spare) take(partition int32, headers bool, size int) *columns {
	size = room(size)
	s.mu.Lock()
	defer s.mu.Unlock()
	best := -1
	for i, c := range s.cols {
		if n := cap(c.value.data); n >= size && (best < 0 || n < cap(s.cols[best].value.data)) {
			best = i
		}
	}
	fresh := newColumns(partition, headers)
	if best < 0 {
		fresh.value.data = make([]byte, 0, size)
		return fresh
	}
	old := s.remove(best)
	fresh.offset, fresh.time = old.offset[:0], old.time[:0]
	fresh.key.off, fresh.key.data = old.key.off[:1], old.key.data[:0]
	fresh.value.off, fresh.value.data = old.value.off[:1], old.value.data[:0]
	return fresh
}

func (s *spare) put(c *columns) {
	n := cap(c.value.data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+n > spareBytesMax {
		return
	}
	if len(s.cols) == spareMax { // the smallest goes
		at := 0
		for i, o := range s.cols {
			if cap(o.value.data) < cap(s.cols[at].value.data) {
				at = i
			}
		}
		if cap(s.cols[at].value.data) >= n {
			return
		}
		s.remove(at)
	}
	s.bytes += n
	s.cols = append(s.cols, c)
}

func (s *spare) remove(i int) *columns {
	c := s.cols[i]
	s.bytes -= cap(c.value.data)
	s.cols[i] = s.cols[len(s.cols)-1]
	s.cols = s.cols[:len(s.cols)-1]
	return c
}

// Recycle gives the memory of whole Records that Poll returned back, for those to
// come. Nobody may look at them, or at what shares their memory, from then on.
func (r *Reader) Recycle(recs *topic.Records) {
	if recs.Key.Off == nil || recs.Value.Off == nil {
		return
	}
	r.spare.put(&columns{offset: recs.Offset, time: recs.Time,
		key: byteColumn{off: recs.Key.Off, data: recs.Key.Data}, value: byteColumn{off: recs.Value.Off, data: recs.Value.Data}})
}
