package exec

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// pursuit brings one view to where the live group is, beside the loop: it reads, and
// asks the loop to step. While the records are out of reach it tries again.
//
// It reads history up to an epoch boundary; what comes after that boundary is
// queued for it meanwhile (Feed), so that it arrives however fast the stream is.

const (
	pauseMin = 100 * time.Millisecond
	pauseMax = 5 * time.Second
)

// errAgain: the feed has overflowed while history was read; there is less left now.
var errAgain = errors.New("try again at once")

// broken is an error that left the view's state unfit to go on.
type broken struct{ err error }

func (b broken) Error() string { return b.err.Error() }
func (b broken) Unwrap() error { return b.err }

// pursue starts the pursuit of a view. The loop calls it, or Open.
func (e *Engine) pursue(r *runner) {
	e.pursuits.Add(1)
	var life context.Context
	life, r.endPursuit = context.WithCancel(e.life)
	ended := make(chan struct{})
	r.pursuitEnded = ended
	go func() {
		defer e.pursuits.Done()
		defer close(ended)
		e.keepTrying(life, r)
	}()
}

// leftBehind are the views that recovery has left to be brought up to date; awaited
// those that were live before.
func (e *Engine) leftBehind() (all, awaited []*runner) {
	for _, rel := range *e.rels.Load() {
		if r := rel.run; r != nil && r.relies && (r.detached != nil || r.behind != nil) && r.state.Load().err == nil {
			all = append(all, r)
			if r.behind != nil || r.detached.JoinAt > 0 { // else it was being built
				awaited = append(awaited, r)
			}
		}
	}
	return all, awaited
}

// pursueAll starts what recovery has left to do, and waits for it as long as nothing
// stands in the way, but not for long.
func (e *Engine) pursueAll(all, awaited []*runner) {
	for _, r := range all {
		e.pursue(r)
	}
	late := time.NewTimer(max(e.cfg.CatchUpWait, 0))
	defer late.Stop()
	for _, r := range awaited {
		select {
		case <-r.ready:
		case <-r.tried:
		case <-late.C:
			return
		}
	}
}

// stopPursuit ends a view's pursuit, and waits until it reads nothing any more. It
// runs on the loop, before what the pursuit may be reading is dropped.
func (r *runner) stopPursuit() {
	if r.endPursuit != nil {
		r.endPursuit()
		<-r.pursuitEnded
	}
}

func (e *Engine) keepTrying(ctx context.Context, r *runner) {
	tried := false
	attempted := func() {
		if !tried {
			close(r.tried)
			tried = true
		}
	}
	defer attempted()
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		err := guard("pursuit", func() error { return e.bring(ctx, r) })
		for errors.Is(err, errAgain) {
			err = guard("pursuit", func() error { return e.bring(ctx, r) })
		}
		var b broken
		switch {
		case err == nil || ctx.Err() != nil:
			return
		// A view that has been there waits also for records that are gone: somebody may
		// decide to leave them out.
		case errors.As(err, &b) || sqlerr.HasCode(err, sqlerr.SnapshotTooOld) && r.detached != nil && r.detached.JoinAt == 0:
			_ = e.onLoop(ctx, func() error {
				if e.relation(r.rel.id) != r.rel {
					return nil
				}
				return r.fail(err)
			})
			return
		case e.relation(r.rel.id) != r.rel:
			return // dropped
		}
		st := *r.state.Load()
		if st.waits == nil {
			e.log.Warn("view waits for records from outside", "view", r.def.Name, "err", err)
		}
		st.waits = err
		r.state.Store(&st)
		attempted()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// bring is one attempt.
func (e *Engine) bring(ctx context.Context, r *runner) error {
	for _, s := range r.scans {
		if rel := e.relation(s.Object); rel != nil && rel.run != nil {
			if err := rel.run.await(ctx); err != nil {
				return err
			}
		}
	}
	if r.detached != nil {
		if err := e.readTables(ctx, r); err != nil {
			return err
		}
		// Most of it without a queue beside it.
		upTo := e.applied.Load()
		if r.detached.JoinAt > 0 {
			upTo = r.detached.JoinAt
		}
		if err := e.readHistory(ctx, r, upTo); err != nil {
			return err
		}
		if r.detached.JoinAt == 0 {
			return e.joinBeside(ctx, r)
		}
		if err := e.joinPast(ctx, r); err != nil {
			return err
		}
	}
	if err := e.bringTo(ctx, r, e.applied.Load()); err != nil {
		return err
	}
	feed, cut, err := e.follow(ctx, r)
	if err != nil {
		return err
	}
	defer feed.Close()
	if err := e.bringTo(ctx, r, cut); err != nil {
		return err
	}
	return e.onView(ctx, r, func() error {
		changes, err := feed.take()
		if err != nil {
			return err
		}
		err = r.back(func() error {
			for i := range changes {
				if err := r.stepChange(&changes[i]); err != nil {
					return broken{err}
				}
			}
			return nil
		})
		if err == nil {
			r.rejoin()
		}
		return err
	})
}

// await waits until a view is live; it is an error if that takes more than one
// attempt.
func (r *runner) await(ctx context.Context) error {
	select {
	case <-r.ready:
		return r.answers()
	default:
	}
	select {
	case <-r.ready:
		return r.answers()
	case <-r.tried:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-r.ready:
	default:
		if st := r.state.Load(); st.waits == nil {
			return fmt.Errorf("relation %q is not live yet", r.def.Name)
		}
	}
	return r.answers()
}

// onView runs f on the loop unless the view has been dropped.
func (e *Engine) onView(ctx context.Context, r *runner, f func() error) error {
	return e.onLoop(ctx, func() error {
		if e.relation(r.rel.id) != r.rel {
			return errGone()
		}
		return guard("pursuit", f)
	})
}

// follow queues what happens to a view's relations from an epoch boundary on.
func (e *Engine) follow(ctx context.Context, r *runner) (feed *Feed, cut Epoch, err error) {
	feed = newFeed(r.scans, r.clocked, e.cfg.FeedBytesMax)
	err = e.onView(ctx, r, func() error {
		cut = e.applied.Load()
		e.feedMu.Lock()
		e.feeds = append(e.feeds, feed)
		e.wanted = nil
		e.feedMu.Unlock()
		return nil
	})
	return feed, cut, err
}

// take gives what is queued, without waiting.
func (f *Feed) take() ([]Change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.queue
	f.queue, f.bytes = nil, 0
	if f.err != nil {
		return nil, errAgain
	}
	return out, nil
}

// bringTo steps a view through what it has missed up to an epoch.
func (e *Engine) bringTo(ctx context.Context, r *runner, to Epoch) error {
	for r.behind.At < to {
		var sealed []Epoch
		if r.clocked {
			if err := e.onView(ctx, r, func() error { sealed = append(sealed, e.sealed...); return nil }); err != nil {
				return err
			}
		}
		m, err := e.collect(ctx, r, to, sealed)
		if err != nil {
			return err
		}
		if err := e.onView(ctx, r, func() error { return breaks(r.goThrough(m)) }); err != nil {
			return err
		}
	}
	return nil
}

func breaks(err error) error {
	if err != nil {
		return broken{err}
	}
	return nil
}
