package connector

import (
	"context"
	"sync"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/vec"
)

// backlog is what a sink has still to write: updates of whole epochs, taken from
// a subscription as they come, so that a slow writer never fills the engine's
// feed. Beyond its bound it keeps only count; the updates are then read again
// from the engine's history. Updates of the past wait where they are instead.
type backlog struct {
	max  int64
	past exec.Epoch // updates up to here are read from history
	// patience is spillAfter, but in tests.
	patience time.Duration
	room     chan struct{} // has a token when something was taken

	mu     sync.Mutex
	queue  []exec.Update
	bytes  int64
	epochs int64 // waiting, in the queue or spilled
	rows   int64
	oldest exec.Epoch // of what waits, 0 = nothing
	newest exec.Epoch
	spill  bool // updates have been dropped: the queue is of no more use
	err    error
	signal chan struct{} // has a token when there may be something new
	// behind is what the subscription has not given yet; nil before it began.
	behind func() (epochs, rows int64)
	// idle says whether the subscription has given all that there is; nil before it began.
	idle func() (exec.Epoch, bool)
}

func newBacklog(max int64) *backlog {
	return &backlog{max: max, patience: spillAfter, room: make(chan struct{}, 1), signal: make(chan struct{}, 1)}
}

// follow takes in updates until the subscription ends.
func (b *backlog) follow(ctx context.Context, sub *exec.Subscription) {
	b.mu.Lock()
	b.idle, b.behind = sub.Idle, sub.Behind
	b.mu.Unlock()
	for {
		if b.waitRoom(ctx) != nil {
			return
		}
		updates, done, err := sub.Next(ctx)
		b.mu.Lock()
		for i := range updates {
			b.add(updates[i])
		}
		if err != nil || done {
			b.err = err
		}
		b.mu.Unlock()
		wake(b.signal)
		if err != nil || done {
			return
		}
	}
}

// spillAfter is how long live updates wait for a writer that takes nothing before
// they are dropped and only counted. A writer that is merely slow takes some in
// time; then they wait in the engine's feed, which has a bound of its own.
const spillAfter = time.Second

// waitRoom waits until there is room for more.
func (b *backlog) waitRoom(ctx context.Context) error {
	var late <-chan time.Time
	for {
		b.mu.Lock()
		full, past := b.bytes >= b.max, b.newest <= b.past
		b.mu.Unlock()
		if !full {
			return nil
		}
		if !past && late == nil {
			t := time.NewTimer(b.patience)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-b.room:
		case <-late:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (b *backlog) add(u exec.Update) {
	if u.Rows == nil && !u.Snapshot {
		return
	}
	b.epochs++
	b.newest = u.Epoch
	if b.oldest == 0 {
		b.oldest = u.Epoch
	}
	size := int64(64)
	if u.Rows != nil {
		b.rows += int64(u.Rows.N)
		size += batchBytes(u.Rows)
	}
	if b.bytes >= b.max && u.Epoch > b.past || b.spill {
		b.queue, b.bytes, b.spill = nil, 0, true
		return
	}
	b.queue, b.bytes = append(b.queue, u), b.bytes+size
}

// stood notes rows of a snapshot, which do not come through the subscription.
func (b *backlog) stood(at exec.Epoch, rows int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epochs, b.rows, b.oldest = b.epochs+1, b.rows+rows, at
}

// wake puts a token into c if it has none.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take returns updates of whole epochs, about bytesMax, once there are any.
// spilled: some have been dropped, and must be read again.
func (b *backlog) take(bytesMax int64) (out []exec.Update, spilled bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spill {
		return nil, true, b.err
	}
	var bytes int64
	for len(b.queue) > 0 && (len(out) == 0 || bytes < bytesMax) {
		u := b.queue[0]
		b.queue = b.queue[1:]
		size := int64(64)
		if u.Rows != nil {
			size += batchBytes(u.Rows)
		}
		bytes += size
		out = append(out, u)
	}
	b.bytes -= bytes
	wake(b.room)
	if len(b.queue) == 0 {
		b.queue = nil
	}
	if len(out) == 0 {
		err = b.err
	}
	return out, false, err
}

// partly notes that rows of an update that was taken are durable outside, or were
// before.
func (b *backlog) partly(rows int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows -= rows
}

// wrote notes that updates that were taken are durable outside.
func (b *backlog) wrote(us []exec.Update) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, u := range us {
		b.epochs--
		if u.Rows != nil {
			b.rows -= int64(u.Rows.N)
		}
	}
	b.oldest = 0
	switch {
	case len(b.queue) > 0:
		b.oldest = b.queue[0].Epoch
	case b.epochs > 0:
		b.oldest = us[len(us)-1].Epoch
	}
}

// full reports whether waiting longer would gain nothing.
func (b *backlog) full(bytesMax int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes >= bytesMax || b.spill || b.err != nil
}

// unseen reports whether there is more than what waits here: the subscription still
// reads.
func (b *backlog) unseen() bool {
	b.mu.Lock()
	idle := b.idle
	b.mu.Unlock()
	if idle == nil {
		return true
	}
	_, ok := idle()
	return !ok
}

func (b *backlog) waiting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) > 0 || b.spill || b.err != nil
}

// lag is what waits: here, and where the subscription reads. oldest is of what
// waits here.
func (b *backlog) lag() (epochs, rows int64, oldest exec.Epoch) {
	b.mu.Lock()
	epochs, rows, oldest = b.epochs, b.rows, b.oldest
	behind := b.behind
	b.mu.Unlock()
	if behind != nil {
		e, r := behind()
		epochs, rows = epochs+e, rows+r
	}
	return epochs, rows, oldest
}

// batchBytes is the memory that a batch holds, roughly.
func batchBytes(b *vec.Batch) int64 {
	n := int64(len(b.Weights)) * 8
	for _, c := range b.Cols {
		n += int64(len(c.Bools)) + int64(len(c.Ints)+len(c.Floats))*8 + int64(len(c.Off))*4 + int64(len(c.Data))
	}
	return n
}
