package exec

import (
	"context"
	"math"
	"time"
)

// alarm wakes the loop when time alone changes a standing query: a row's time has
// come or passed (operator.Clocked). The loop then seals an epoch without rows, so
// that a replay does the same at the same epochs.
//
// A read that must be fresh does not wait for the alarm: it has the epoch sealed.

// noAlarm: nothing waits for a time.
const noAlarm = math.MaxInt64

// setAlarm finds the next such time. The loop calls it after each step.
func (e *Engine) setAlarm() {
	due := int64(noAlarm)
	for _, r := range e.runners {
		if r.clocked {
			next, err := r.circ.Next()
			if err != nil {
				e.die("alarm", err)
				return
			}
			due = min(due, next)
		}
	}
	e.feedMu.Lock()
	for _, f := range e.feeds {
		due = min(due, f.due.Load())
	}
	e.feedMu.Unlock()
	e.due.Store(due)
	if due != noAlarm {
		wait := min(max(due-e.cfg.Now(), 0), int64(time.Hour/time.Microsecond))
		e.alarm.Reset(time.Duration(wait) * time.Microsecond)
	}
}

// ring seals an epoch if something is due. It runs on the loop.
func (e *Engine) ring() {
	if e.dead != nil {
		return
	}
	if e.due.Load() > e.cfg.Now() {
		e.setAlarm()
		return
	}
	if _, err := e.seal(nil); err != nil {
		e.log.Warn("could not seal an epoch for what is due", "err", err)
		e.alarm.Reset(time.Second)
	}
}

// overdue reports whether the views are behind the clock.
func (e *Engine) overdue() bool {
	due := e.due.Load()
	return due != noAlarm && due <= e.cfg.Now()
}

// catchUp has what is due done now.
func (e *Engine) catchUp(ctx context.Context) error {
	if !e.overdue() {
		return nil
	}
	return e.onLoop(ctx, func() error {
		if e.overdue() {
			e.ring()
		}
		return nil
	})
}
