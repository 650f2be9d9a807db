package exec

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
)

// The loop is the engine's one writer. It groups what transactions ask for into
// an epoch, makes the frame durable, tells the writers, and steps the live group:
//
//	Commit ─► submit ─► gather ─► admit (constraints, numbers) ─► journal, fsync
//	       ◄─ acknowledge ◄───────────────────────────────────────────┘
//	                          step: tables, streams, views, feeds ─► applied
//
// While it syncs and steps, the next transactions queue up: a loaded system
// forms large epochs by itself.

const (
	// epochTxnsMax and epochBytesMax bound one epoch.
	epochTxnsMax  = 4096
	epochBytesMax = 16 << 20
)

// pending is a transaction that waits for its epoch.
type pending struct {
	txn   *Txn
	bytes int64
	done  chan outcome
}

type outcome struct {
	epoch Epoch
	err   error
}

// request is work that must run on the loop, at an epoch boundary.
type request struct {
	run  func() error
	done chan error
}

// Commit makes txn durable and visible, all in one epoch, and returns it. When
// it returns without error the rows survive a crash; views follow within the
// same step (WaitApplied). An error means that nothing of txn was kept, unless
// it is 58030 or 57P01, where the outcome is unknown.
func (e *Engine) Commit(ctx context.Context, txn *Txn) (Epoch, error) {
	p := &pending{txn: txn, done: make(chan outcome, 1)}
	for _, w := range txn.Writes {
		if w.Rows != nil {
			p.bytes += BatchBytes(w.Rows)
		}
	}
	if err := e.payDebt(ctx, p.bytes); err != nil {
		return 0, err
	}
	select {
	case e.submit <- p:
	case <-e.closing:
		return 0, errShutdown()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	// From here on the loop decides; it answers every transaction it has taken.
	select {
	case o := <-p.done:
		return o.epoch, o.err
	case <-e.stopped:
	}
	select {
	case o := <-p.done:
		return o.epoch, o.err
	default: // it came into the queue after the loop had ended
		return 0, errShutdown()
	}
}

// onLoop runs f on the loop at an epoch boundary.
func (e *Engine) onLoop(ctx context.Context, f func() error) error {
	r := &request{run: f, done: make(chan error, 1)}
	select {
	case e.requests <- r:
	case <-e.closing:
		return errShutdown()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-r.done:
		return err
	case <-e.stopped:
		return errShutdown()
	}
}

func errShutdown() error {
	return sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")
}

// run is the loop's goroutine.
func (e *Engine) run() {
	defer close(e.stopped)
	timer := time.NewTicker(e.tick())
	defer timer.Stop()
	always := make(chan struct{}) // ready whenever it is asked
	close(always)
	for {
		var spare chan struct{}
		if len(e.backfills) > 0 {
			spare = always
		}
		select {
		case <-spare:
			e.backfill()
		case p := <-e.submit:
			e.epochOf(e.gather(p))
		case r := <-e.requests:
			e.serve(r)
		case <-timer.C:
			e.onTimer()
		case <-e.alarm.C:
			e.ring()
		case ep := <-e.truncate:
			e.cutJournalAt(ep)
		case <-e.ck.ended:
			if e.needCheckpoint() {
				e.checkpoint()
			}
		case <-e.closing:
			e.drain()
			return
		}
		if e.dead != nil {
			e.refuse()
			return
		}
	}
}

// tick is how often the loop looks at what depends on time alone.
func (e *Engine) tick() time.Duration { return 250 * time.Millisecond }

// serve runs a request; a panic in it is its error, not the server's end.
func (e *Engine) serve(r *request) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("panic in a request", "panic", p, "stack", string(debug.Stack()))
			r.done <- sqlerr.New(sqlerr.InternalError, "internal error: %v", p)
		}
	}()
	r.done <- r.run()
}

// drain answers what is already waiting and ends.
func (e *Engine) drain() {
	for {
		select {
		case p := <-e.submit:
			e.epochOf(e.gather(p))
		case r := <-e.requests:
			e.serve(r)
		default:
			return
		}
	}
}

// refuse answers everything with the reason why the engine has stopped.
func (e *Engine) refuse() {
	for {
		select {
		case p := <-e.submit:
			p.done <- outcome{err: e.dead}
		case r := <-e.requests:
			r.done <- e.dead
		case <-e.closing:
			return
		}
	}
}

// gather takes what waits beside first, up to the bounds of one epoch. A catalog
// change has an epoch of its own, so that what follows is bound to its outcome.
func (e *Engine) gather(first *pending) []*pending {
	group := append(e.group[:0], first)
	bytes := first.bytes
	for first.txn.Catalog == nil && len(group) < epochTxnsMax && bytes < epochBytesMax {
		select {
		case p := <-e.submit:
			if p.txn.Catalog != nil {
				e.epochOf(group)
				return append(e.group[:0], p)
			}
			group = append(group, p)
			bytes += p.bytes
			continue
		default:
		}
		break
	}
	e.group = group
	return group
}

// epochOf runs one epoch for a group of transactions, and lets go of them.
func (e *Engine) epochOf(group []*pending) {
	defer clear(group)
	if e.dead != nil {
		for _, p := range group {
			p.done <- outcome{err: e.dead}
		}
		return
	}
	ep := e.nextEpoch()
	ad := newAdmission(e, ep)
	accepted := group[:0:0]
	for _, p := range group {
		if err := ad.admit(p.txn); err != nil {
			p.done <- outcome{err: err}
			continue
		}
		accepted = append(accepted, p)
	}
	if len(accepted) == 0 {
		return
	}
	if err := ad.markMoves(); err != nil {
		ad.rollback()
		for _, p := range accepted {
			p.done <- outcome{err: err}
		}
		return
	}
	frame, err := e.append(ep, ad.entries)
	if err != nil {
		ad.rollback()
		for _, p := range accepted {
			p.done <- outcome{err: err}
		}
		return
	}
	e.last = ep
	e.acked.Store(ep)
	e.moveSources(ad.cuts)
	ad.restart()
	if err := e.topics.Apply(frame); err != nil {
		e.die("topics", err)
		for _, p := range accepted {
			p.done <- outcome{epoch: ep} // it is durable
		}
		return
	}
	if ad.setup == nil { // a catalog change is answered when it has taken effect
		for _, p := range accepted {
			p.done <- outcome{epoch: ep}
		}
		accepted = nil
	}
	began := time.Now()
	err = guard("step", func() error { return e.step(ep, ad.inputs, ad.setup) })
	e.countStep(time.Since(began))
	if err != nil {
		e.die("step", err)
	}
	for _, p := range accepted {
		p.done <- outcome{epoch: ep, err: err}
	}
	if e.space.NeedCheckpoint() {
		e.checkpoint()
	}
}

// seal makes an epoch without rows: entries say what else it holds. An error means
// that there is none; what fails after it is durable stops the engine.
func (e *Engine) seal(entries []journal.Entry) (Epoch, error) {
	ep := e.nextEpoch()
	frame := journal.Frame{Epoch: ep, Time: int64(ep), Entries: entries}
	if err := e.journal.Append(&frame); err != nil {
		return 0, err
	}
	e.last = ep
	e.acked.Store(ep)
	if err := e.topics.Apply(&frame); err != nil {
		e.die("topics", err)
		return ep, nil
	}
	for _, en := range entries {
		if rel := e.relation(en.Object); en.Kind == journal.KindWatermark && rel != nil {
			if mark, err := decodeMark(en.Payload); err == nil {
				rel.mark.value = mark
			}
		}
	}
	if err := guard("step", func() error { return e.step(ep, nil, nil) }); err != nil {
		e.die("step", err)
	}
	return ep, nil
}

// nextEpoch is the wall clock, or one past the last epoch, or past what was read
// as of, where that is later.
func (e *Engine) nextEpoch() Epoch { return max(Epoch(e.cfg.Now()), e.last+1, e.passed+1) }

// die stops the engine: after a failure in the middle of a step memory and
// journal no longer agree, and only recovery makes them agree again.
func (e *Engine) die(where string, err error) {
	e.log.Error("the engine stops; restart to recover", "in", where, "err", err)
	if e.dead != nil {
		return
	}
	e.debt.failing.Store(true)
	e.dead = sqlerr.New(sqlerr.SystemError, "the engine has stopped: %s: %v", where, err).
		WithHint("Restart the server: everything acknowledged is in the journal.")
	e.failed <- e.dead
}

// guard turns a panic inside f into an error.
func guard(where string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: panic: %v\n%s", where, p, debug.Stack())
		}
	}()
	return f()
}
