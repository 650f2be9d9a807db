package arrange

import (
	"sync/atomic"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Budget is the one account of memory outside the Go heap and of large buffers
// on it: slabs of all spaces, and what others reserve (sorts, decode queues,
// subscriptions, COPY staging). It is safe for concurrent use; nil is unbounded.
//
// State with a store behind it may fill the budget, and overruns it where changes come
// faster than checkpoints. A quarter is there for the others whatever state has taken:
// a server whose views do not fit into memory still answers queries.
type Budget struct {
	limit    int64
	used     atomic.Int64
	reserved atomic.Int64 // of used: by Reserve
}

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Reserve takes n bytes, or nothing and fails with 53200.
func (b *Budget) Reserve(n int64) error {
	if b == nil {
		return nil
	}
	reserved, used := b.reserved.Add(n), b.used.Add(n)
	if used > b.limit && reserved > b.limit/4 {
		b.Release(n)
		return sqlerr.New(sqlerr.OutOfMemory, "out of memory").
			WithDetail("%d of %d bytes are in use, %d more were asked for.", used-n, b.limit, n).
			WithHint("Raise --memory, or narrow the query.")
	}
	return nil
}

// Release gives n bytes back that Reserve took.
func (b *Budget) Release(n int64) {
	if b != nil {
		b.reserved.Add(-n)
		b.used.Add(-n)
	}
}

// Used is the number of bytes taken.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	return b.used.Load()
}

// Limit is the size of the budget, 0 = unbounded.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return b.limit
}

// take accounts n bytes even beyond the limit: state with a store behind it
// overruns for as long as a checkpoint takes and is then evicted.
func (b *Budget) take(n int64) {
	if b != nil {
		b.used.Add(n)
	}
}

// give gives n bytes back that take took.
func (b *Budget) give(n int64) {
	if b != nil {
		b.used.Add(-n)
	}
}

// ample reports that a quarter of the budget is left.
func (b *Budget) ample() bool { return b == nil || b.used.Load() < b.limit/4*3 }

// room reports that n bytes more leave a quarter of the budget.
func (b *Budget) room(n int64) bool { return b == nil || b.used.Load()+n < b.limit/4*3 }

// over reports that the budget is overrun.
func (b *Budget) over() bool { return b != nil && b.used.Load() > b.limit }
