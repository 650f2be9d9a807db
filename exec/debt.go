package exec

import (
	"context"
	"sync/atomic"
	"time"
)

// What no durable checkpoint has, a start after a crash has to step again: that is the
// engine's debt, as an estimate of the time that it takes. Checkpoints begin when it
// has grown by so much, whatever the clock says; and where they cannot keep up with
// what comes in, writers of much wait until one is whole. So a start takes a few
// seconds at most, however fast rows came and however large the state is.

const (
	// replayRow is what it costs to have a row in memory again that is to be changed:
	// of ten million rows those that were wanted took 0.3 to 0.6 µs each on two cores.
	replayRow = 500 * time.Nanosecond
	// Under load checkpoints begin before CheckpointEvery has passed: after replayLeast
	// of debt, or where writing one takes longer than that, after as much as it took, so
	// that steps get their share of the cores; but not after more than replayMost. What
	// comes while one is written is on top.
	replayLeast = 1500 * time.Millisecond
	replayMost  = 2 * time.Second
	// debtMost is the debt at which writers wait, by default. Those of fewer bytes than
	// debtSmall only wait at twice as much: it takes a great many of them to get there.
	debtMost  = 3 * time.Second
	debtSmall = 64 << 10
	// debtLook is after how much stepping the rows that have changed are counted.
	debtLook = 50 * time.Millisecond
	// debtEvery is how often a writer that waits looks at the debt.
	debtEvery = 5 * time.Millisecond
)

type debt struct {
	// Of steps since the newest checkpoint began; the loop's own. loads is what the space
	// had spent on reading rows when the last one ended.
	steps, looked, loads time.Duration

	older atomic.Int64 // ns: what the checkpoint in progress has, or the one that failed
	newer atomic.Int64 // ns: what has come since it began
	// failing: the last checkpoint has failed, or there will be no more. Nobody waits for
	// the next one then.
	failing atomic.Bool

	waiting atomic.Int32
	waited  atomic.Int64 // ns, of all writers
}

// total is the debt.
func (d *debt) total() time.Duration { return time.Duration(d.older.Load() + d.newer.Load()) }

// begin notes that a checkpoint holds everything so far.
func (d *debt) begin() {
	d.steps, d.looked = 0, 0
	d.older.Add(d.newer.Swap(0))
}

// end notes that the checkpoint is durable, or has failed.
func (d *debt) end(err error) {
	if err == nil {
		d.older.Store(0)
	}
	d.failing.Store(err != nil)
}

// countStep adds to the debt what took so long to step. What it has read of tables
// counts by rows instead: a start reads all that it needs at once.
func (e *Engine) countStep(took time.Duration) {
	d := &e.debt
	loads := e.space.Loads()
	took -= loads - d.loads
	d.loads = loads
	if d.steps += max(took, 0); d.steps-d.looked >= debtLook {
		e.countDebt()
	}
}

// countDebt brings the debt up to date.
func (e *Engine) countDebt() {
	d := &e.debt
	if d.steps > d.looked {
		d.looked = d.steps
		d.newer.Store(int64(d.steps + time.Duration(e.space.Changed())*replayRow))
	}
}

// debtBegins is the debt after which the next checkpoint begins.
func (e *Engine) debtBegins() time.Duration {
	last := time.Duration(e.stats.checkpointNanos.Load())
	most := e.cfg.CheckpointEvery
	if e.cfg.DebtMost > 0 {
		most = min(most, e.cfg.DebtMost/2) // or nobody would end the waiting
	}
	return min(max(replayLeast, last), replayMost, most)
}

// owes reports that a transaction of so many bytes has to wait.
func (e *Engine) owes(bytes int64) bool {
	most := e.cfg.DebtMost
	if most < 0 || e.cfg.CheckpointEvery <= 0 {
		return false
	}
	if bytes < debtSmall {
		most *= 2
	}
	// What a full disk refuses, the journal says.
	return e.debt.total() >= most && !e.debt.failing.Load() && !e.store.Full()
}

// payDebt waits until a transaction of so many bytes may come.
func (e *Engine) payDebt(ctx context.Context, bytes int64) error {
	if bytes == 0 || !e.owes(bytes) {
		return nil
	}
	d := &e.debt
	began := time.Now()
	d.waiting.Add(1)
	defer func() {
		d.waiting.Add(-1)
		d.waited.Add(int64(time.Since(began)))
	}()
	look := time.NewTicker(debtEvery)
	defer look.Stop()
	for e.owes(bytes) {
		select {
		case <-look.C:
		case <-e.closing:
			return errShutdown()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
