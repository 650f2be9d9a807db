// Package exec is the engine: it makes transactions durable, steps the standing
// queries, and answers reads. One goroutine, the loop, does everything that
// changes state; readers run beside it on completed epochs.
//
// Invariants
//   - One journal frame is one epoch. Nothing of an epoch is visible before its
//     frame is durable, and after a crash the same frames give the same state.
//   - All live circuits step an epoch together; the applied epoch moves when all
//     have, so a read at it is exact for one cut of all inputs.
//   - A writer is acknowledged after the fsync and before the step; a read with
//     strict freshness waits until what was acknowledged is applied.
//
// The engine sees plans, never SQL text or the catalog: the Host above it turns
// catalog changes into relations (Setup).
package exec

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/state"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Engine is one running database.
type Engine struct {
	cfg     Config
	log     *slog.Logger
	journal *journal.Journal
	store   *state.Store
	topics  *embedded.Log
	budget  *arrange.Budget
	space   *arrange.Space // of the live group
	locks   *Locks

	submit   chan *pending
	requests chan *request
	closing  chan struct{} // closed by Close
	stopped  chan struct{} // closed when the loop has ended
	truncate chan Epoch    // the journal may be cut up to here
	failed   chan error    // gets the reason when the engine dies
	once     sync.Once

	acked   atomic.Uint64 // newest durable epoch
	applied atomic.Uint64 // newest epoch that all of the live group has
	rels    atomic.Pointer[map[uint64]*relation]
	marks   atomic.Pointer[marks] // of the applied epoch
	due     atomic.Int64          // µs: when time alone changes something, or noAlarm
	tempDir string                // for what spills

	waitMu  sync.Mutex
	waiters chan struct{} // closed and replaced when applied moves

	// life ends with the engine; pursuits are the goroutines that bring views up to date.
	life     context.Context
	endLife  context.CancelFunc
	pursuits sync.WaitGroup
	// writing ends when Close has no more time for checkpoints.
	writing    context.Context
	endWriting context.CancelFunc

	holdMu sync.Mutex // also keeps records of streams from going while it is held
	holds  map[string]*hold
	// readers are views whose reading of history no checkpoint holds whole, by id.
	readers map[uint64]*reader

	feedMu sync.Mutex
	feeds  []*Feed

	// The loop's own.
	timeline string
	alarm    *time.Timer
	opened   int64 // µs
	last     Epoch
	passed   Epoch  // all later epochs have greater numbers
	txns     uint64 // of the newest transaction that was written in chunks
	dead     error
	group    []*pending
	runners  []*runner // live, in order of dependence
	// backfills are the detached views, in turn.
	backfills  []*runner
	shared     []*sharedIndex
	sharedNext map[uint64]int // per relation: ordinal of the next one
	// wanted: whose deltas somebody reads, a view or a feed; nil = to be found anew.
	wanted map[uint64]bool
	// behinds is how many views are behind, sealed the epochs since the first was.
	behinds    int
	sealed     []Epoch
	recovering bool
	ck         checkpoints
	debt       debt
	stats      stats
}

// Applied is the newest epoch that reads can be exact for.
func (e *Engine) Applied() Epoch { return e.applied.Load() }

// ReserveMemory takes bytes of the budget, or fails with 53200.
func (e *Engine) ReserveMemory(bytes int64) error { return e.budget.Reserve(bytes) }

// ReleaseMemory gives back what ReserveMemory took.
func (e *Engine) ReleaseMemory(bytes int64) { e.budget.Release(bytes) }

// Locks are the row locks of open transactions.
func (e *Engine) Locks() *Locks { return e.locks }

// Failed gets the reason if the engine has to stop.
func (e *Engine) Failed() <-chan error { return e.failed }

// Fresh is the epoch to read at if everything acknowledged is applied, so that
// there is nothing to wait for.
func (e *Engine) Fresh() (ep Epoch, ok bool) {
	acked := e.acked.Load()
	ep = e.applied.Load()
	return ep, ep >= acked && !e.overdue()
}

// WaitFresh waits until everything acknowledged before the call is applied, and
// returns the epoch to read at.
func (e *Engine) WaitFresh(ctx context.Context) (Epoch, error) {
	if err := e.catchUp(ctx); err != nil {
		return 0, err
	}
	return e.WaitApplied(ctx, e.acked.Load())
}

// WaitApplied waits until epoch ep is applied and returns the newest applied one.
func (e *Engine) WaitApplied(ctx context.Context, ep Epoch) (Epoch, error) {
	for {
		if now := e.applied.Load(); now >= ep {
			return now, nil
		}
		e.waitMu.Lock()
		w := e.waiters
		e.waitMu.Unlock()
		if now := e.applied.Load(); now >= ep {
			return now, nil
		}
		select {
		case <-w:
		case <-e.stopped:
			return 0, errShutdown()
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// Pass makes ep a time of the past: no later epoch will be numbered ep or less, so
// that what a read as of ep sees never changes. It returns the newest applied
// epoch. ep must not lie after the wall clock.
func (e *Engine) Pass(ctx context.Context, ep Epoch) (Epoch, error) {
	if now := e.applied.Load(); now >= ep {
		return now, nil
	}
	// An epoch that is being made durable may have a smaller number.
	var newest Epoch
	err := e.onLoop(ctx, func() error {
		e.passed, newest = max(e.passed, ep), e.applied.Load()
		return nil
	})
	return newest, err
}

func (e *Engine) setApplied(ep Epoch) {
	e.applied.Store(ep)
	e.waitMu.Lock()
	close(e.waiters)
	e.waiters = make(chan struct{})
	e.waitMu.Unlock()
}
