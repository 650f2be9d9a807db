package exec

import (
	"context"
	"sync"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// rowKey names a row of a table by its encoded key.
type rowKey struct {
	table uint64
	key   string
}

// Locks are the row locks of open transactions: an UPDATE or DELETE takes the
// rows it changes, so that a second writer waits for the first and then looks
// again (READ COMMITTED). They live in memory only; a crash ends all
// transactions anyway.
type Locks struct {
	mu      sync.Mutex
	holders map[rowKey]*Owner
}

// Owner is one transaction as a holder of locks. It is used by one goroutine.
type Owner struct {
	held     []rowKey
	waitsFor *Owner        // guarded by Locks.mu
	done     chan struct{} // closed when the owner lets go
}

// NewLocks returns an empty lock table.
func NewLocks() *Locks { return &Locks{holders: make(map[rowKey]*Owner)} }

// NewOwner returns an owner that holds nothing.
func NewOwner() *Owner { return &Owner{done: make(chan struct{})} }

// Lock takes the rows for o, waiting for other holders one at a time. waited is
// true if it had to: then what the caller has read may be old. A cycle of
// waiters is 40P01 for the one that closes it.
func (l *Locks) Lock(ctx context.Context, o *Owner, table uint64, keys []string) (waited bool, err error) {
	for _, k := range keys {
		rk := rowKey{table, k}
		for {
			l.mu.Lock()
			h := l.holders[rk]
			if h == nil {
				l.holders[rk] = o
				o.held = append(o.held, rk)
			}
			if h == nil || h == o {
				l.mu.Unlock()
				break
			}
			for w := h; w != nil; w = w.waitsFor {
				if w == o {
					l.mu.Unlock()
					return waited, sqlerr.New(sqlerr.DeadlockDetected, "deadlock detected").
						WithHint("Retry the transaction; take rows in the same order in all transactions.")
				}
			}
			o.waitsFor = h
			done := h.done
			l.mu.Unlock()
			waited = true
			select {
			case <-done:
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
			l.mu.Lock()
			o.waitsFor = nil
			l.mu.Unlock()
			if err != nil {
				return waited, err
			}
		}
	}
	return waited, nil
}

// Release lets go of everything o holds and wakes those who wait for it. o may
// be used again.
func (l *Locks) Release(o *Owner) {
	if len(o.held) == 0 {
		return
	}
	l.mu.Lock()
	for _, rk := range o.held {
		delete(l.holders, rk)
	}
	o.held = o.held[:0]
	close(o.done)
	o.done = make(chan struct{})
	l.mu.Unlock()
}
