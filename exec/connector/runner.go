package connector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// State is what a connector is doing, as sys.sources and sys.sinks show it.
type State string

// The states. A connector that retries comes back by itself; one that waits at a
// gap, has stopped or has failed needs RESUME or a new definition.
const (
	Starting State = "starting"
	Running  State = "running"
	Paused   State = "paused"
	Retrying State = "retrying"
	AtGap    State = "gap"
	Stopped  State = "stopped"
	Failed   State = "error"
)

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 5 * time.Second
)

// halt is an error after which trying again would come to the same.
type halt struct {
	state State
	err   error
}

func (h *halt) Error() string { return h.err.Error() }
func (h *halt) Unwrap() error { return h.err }

// byUser is the reason of PAUSE to hold a connector.
const byUser = "user"

// runner runs lives of a connector, one after the other, until it is stopped. All
// that a life has learned and that is not durable dies with it.
type runner struct {
	log *slog.Logger
	now func() int64
	end context.CancelFunc
	all sync.WaitGroup

	mu    sync.Mutex
	wake  chan struct{} // has a token when something has changed: holds, RESUME
	holds map[string]bool
	life  context.CancelFunc // ends the current life, nil = none
	state State
	err   error
	since int64 // µs, of the state
	fails int   // lives that failed one after the other
}

func newRunner(log *slog.Logger, now func() int64, paused bool) *runner {
	r := &runner{log: log, now: now, wake: make(chan struct{}, 1), holds: map[string]bool{}, state: Starting, since: now()}
	if paused {
		r.holds[byUser], r.state = true, Paused
	}
	return r
}

// start runs lives until stop. Parent's end is like stop.
func (r *runner) start(parent context.Context, life func(context.Context) error) {
	ctx, cancel := context.WithCancel(parent)
	r.end = cancel
	r.all.Go(func() { r.run(ctx, life) })
}

// stop ends the current life and waits for it.
func (r *runner) stop() {
	r.end()
	r.all.Wait()
}

func (r *runner) run(ctx context.Context, life func(context.Context) error) {
	for ctx.Err() == nil {
		if r.held() {
			r.set(Paused, nil)
			r.sleep(ctx, -1)
			continue
		}
		lifeCtx, cancel := context.WithCancel(ctx)
		r.begin(cancel)
		err := guard(func() error { return life(lifeCtx) })
		cancel()
		r.begin(nil)
		var h *halt
		switch {
		case ctx.Err() != nil:
			return
		case r.held(): // which ended it
		case errors.As(err, &h):
			r.set(h.state, h.err)
			r.log.Warn("connector waits", "state", h.state, "err", h.err)
			r.sleep(ctx, -1)
			r.set(Starting, nil)
		default:
			d := r.failed(err)
			r.sleep(ctx, d)
		}
	}
}

// guard turns a panic inside f into an error, so that one connector's fault is
// not the server's end.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &halt{Failed, fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return f()
}

// sleep waits for d (negative: without end) or for a change.
func (r *runner) sleep(ctx context.Context, d time.Duration) {
	var over <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-r.wake:
	case <-over:
	case <-ctx.Done():
	}
}

func (r *runner) begin(cancel context.CancelFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = cancel
	if cancel != nil && len(r.holds) > 0 {
		cancel()
	}
}

// failed notes the end of a life and returns how long to wait for the next.
func (r *runner) failed(err error) time.Duration {
	r.set(Retrying, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	d := min(backoffMin<<min(r.fails, 10), backoffMax)
	if r.fails++; r.fails == 1 {
		r.log.Warn("connector tries again", "err", err)
	}
	return d
}

// works notes that the life does what it is there for.
func (r *runner) works() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = 0
	if r.state != Running {
		r.state, r.err, r.since = Running, nil, r.now()
	}
}

func (r *runner) set(s State, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != s {
		r.state, r.since = s, r.now()
	}
	r.err = err
}

func (r *runner) held() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.holds) > 0
}

// hold ends the current life and lets none begin until the reason is gone.
func (r *runner) hold(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds[reason] = true
	if r.life != nil {
		r.life()
	}
	wake(r.wake)
}

// release takes a reason to hold away.
func (r *runner) release(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.holds, reason)
	wake(r.wake)
}

// advice is what a connector that waits for somebody waits for, "" = nothing.
func (r *runner) advice() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return ""
	}
	return sqlerr.From(r.err).Hint
}

// condition is the state as users see it.
func (r *runner) condition() (s State, text string, since int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		text = sqlerr.From(r.err).Message
	}
	return r.state, text, r.since
}
