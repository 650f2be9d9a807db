package topic

import "github.com/tarndb/tarn/sql/vec"

// Records is consecutive records of one partition of a topic outside Tarn, as
// bytes that no format has looked at yet. It is immutable once handed on.
type Records struct {
	Partition int32
	// Offset of each record: growing, with gaps where control records stood or
	// compaction has been.
	Offset []int64
	// Time is each record's timestamp, µs since 2000-01-01 UTC.
	Time []int64
	// Key and Value are bytea columns; NULL: the record has none.
	Key, Value *vec.Vec
	// Headers is nil unless they were asked for and some record has any: a bytea
	// column, each value as AppendHeader makes it; NULL: none.
	Headers *vec.Vec
	// Next is the offset after the last one that has been looked at: reading goes on
	// there. It may be greater than Offset[N-1]+1, also where N is 0.
	Next int64
}

// N is the number of records.
func (r *Records) N() int { return len(r.Offset) }

// Slice is records [lo, hi); Next is that of the last of them.
func (r *Records) Slice(lo, hi int) *Records {
	if lo == 0 && hi == r.N() {
		return r
	}
	out := &Records{Partition: r.Partition, Offset: r.Offset[lo:hi], Time: r.Time[lo:hi], Key: r.Key.Slice(lo, hi), Value: r.Value.Slice(lo, hi), Next: r.Next}
	if r.Headers != nil {
		out.Headers = r.Headers.Slice(lo, hi)
	}
	if hi < r.N() {
		out.Next = r.Offset[hi]
	}
	return out
}
