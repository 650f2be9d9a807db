package exec

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Change is what one epoch did to the relations of a feed.
type Change struct {
	Epoch     Epoch
	Watermark int64
	Deltas    []*delta // one per relation of the feed, nil = unchanged; shared, read-only
}

// Feed is a queue of the changes of some relations, filled by the engine's loop
// and read by one goroutine (a subscription). It holds references to the batches
// that the live group made anyway. A reader that falls behind by more than the
// feed's bound is cut off; it never holds the loop up.
type Feed struct {
	scans    []*plan.Scan
	progress bool // epochs without changes are wanted, too
	max      int64
	mark     int64 // watermark of the last push; the loop's
	// due is when time alone will change what the reader computes, as far as it has
	// read; it then needs an epoch, with or without changes.
	due atomic.Int64

	mu     sync.Mutex
	queue  []Change
	bytes  int64
	err    error
	signal chan struct{} // has one token while there may be something to read
	closed bool
	empty  bool // all that was queued has been worked on, and nothing has come since
}

func newFeed(scans []*plan.Scan, progress bool, max int64) *Feed {
	f := &Feed{scans: scans, progress: progress, max: max, signal: make(chan struct{}, 1)}
	f.due.Store(noAlarm)
	return f
}

// push adds an epoch; false means that the feed is gone and can be forgotten.
func (f *Feed) push(c Change) bool {
	var size int64
	for _, d := range c.Deltas {
		if d != nil {
			for _, b := range d.batches {
				size += BatchBytes(b)
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.err != nil {
		return false
	}
	if f.bytes+size > f.max {
		f.queue, f.bytes = nil, 0
		f.err = sqlerr.New(sqlerr.ConfigurationLimitExceeded, "subscription is too slow: more than %d MiB of changes are waiting for it", f.max>>20).
			WithHint("Read faster, subscribe to fewer rows, or resume with AS OF the last epoch you have seen.")
	} else {
		f.empty = false
		f.queue = append(f.queue, c)
		f.bytes += size + 64
	}
	f.wake()
	return f.err == nil
}

func (f *Feed) fail(err error) {
	f.mu.Lock()
	if f.err == nil {
		f.err = err
	}
	f.wake()
	f.mu.Unlock()
}

func (f *Feed) wake() {
	select {
	case f.signal <- struct{}{}:
	default:
	}
}

// Next waits for changes and returns all that are waiting, oldest first.
func (f *Feed) Next(ctx context.Context) ([]Change, error) {
	for {
		f.mu.Lock()
		out, err := f.queue, f.err
		f.queue, f.bytes = nil, 0
		f.empty = len(out) == 0 && err == nil
		f.mu.Unlock()
		if len(out) > 0 || err != nil {
			return out, err
		}
		select {
		case <-f.signal:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Close ends the feed; the loop forgets it at its next change.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed, f.queue, f.bytes = true, nil, 0
	f.mu.Unlock()
}

// BatchBytes is the memory that b holds, roughly.
func BatchBytes(b *vec.Batch) int64 {
	n := int64(len(b.Weights)) * 8
	for _, c := range b.Cols {
		n += int64(len(c.Valid))*8 + int64(len(c.Bools)) + int64(len(c.Ints)+len(c.Floats))*8 + int64(len(c.Off))*4
		if c.Type.Phys() == types.PhysBytes && c.N > 0 {
			n += int64(c.Off[c.N] - c.Off[0])
		} else {
			n += int64(len(c.Data))
		}
	}
	return n
}
