package connector

import (
	"context"
	"sync"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/planner/plan"
)

// feed is a running subscription and what has come of it.
type feed struct {
	*backlog
	sub *exec.Subscription
	end context.CancelFunc
	all sync.WaitGroup
}

// subscribe begins to follow the query behind what is written: with a snapshot if there is
// none yet, or if only parts of one are there.
func (k *sink) subscribe(ctx context.Context, at progress) error {
	k.unsubscribe()
	k.begins, k.due = at, nil
	o := exec.SubscribeOptions{Ctx: k.def.Ctx, Snapshot: at.none || at.parts > 0, AsIs: true}
	switch {
	case at.parts > 0:
		o.From = &at.epoch
	case !at.none:
		o.After = &at.epoch
		if err := k.hold(at.epoch); err != nil {
			return terminal(err)
		}
		if err := k.releaseSnapshot(); err != nil {
			return err
		}
	default:
		if _, err := k.m.engine.WaitFresh(ctx); err != nil {
			return err
		}
	}
	var due *standing
	if o.Snapshot && k.ofOneRelation() {
		var err error
		if due, err = k.standingNow(ctx, at); err != nil {
			return terminal(err)
		}
		o.Snapshot, o.From, o.After = false, nil, &due.epoch
	}
	subCtx, cancel := context.WithCancel(k.m.ctx) // it outlives the life, if that fails
	sub, past, err := k.open(ctx, subCtx, cancel, o)
	if err != nil {
		cancel()
		return terminal(err)
	}
	k.written = at.epoch
	f := &feed{backlog: newBacklog(k.m.cfg.SinkBytes), sub: sub, end: cancel}
	f.past = past
	if k.due = due; due != nil {
		f.stood(due.epoch, due.rows)
	}
	f.all.Go(func() { f.follow(subCtx, sub) })
	k.feed = f
	k.mu.Lock()
	k.backlog = f.backlog
	k.mu.Unlock()
	return nil
}

// subscribeFirst begins to follow a stream before the target is open, if nothing is known to be
// written: to open it takes a new cluster seconds, and what has come meanwhile would have
// to be read, and decoded, once more. If the target then knows a position, settle
// begins anew behind it.
func (k *sink) subscribeFirst(ctx context.Context) error {
	if _, ok := k.ofOneStream(); !ok || k.feed != nil || k.counts.begun || k.def.NoSnapshot {
		return nil
	}
	if _, begun := k.begunAt(); begun {
		return nil
	}
	return k.subscribe(ctx, progress{none: true})
}

// open begins a subscription. What is known when it begins is its past.
func (k *sink) open(ctx, subCtx context.Context, cancel context.CancelFunc, o exec.SubscribeOptions) (*exec.Subscription, exec.Epoch, error) {
	defer context.AfterFunc(ctx, cancel)()
	if stream, ok := k.ofOneStream(); ok && o.Snapshot && o.From == nil {
		// All records of a stream, epoch by epoch, are its snapshot without being in
		// memory at once.
		first := max(k.m.engine.Since(stream), 1)
		o.Snapshot, o.After = false, &first
	}
	past := k.m.engine.Applied()
	sub, err := k.m.engine.Subscribe(subCtx, k.def.Plan, o)
	return sub, past, err
}

// standingNow is the rows of which the sink's snapshot is made, kept until it is
// written: those of the snapshot that was begun, if one was.
func (k *sink) standingNow(ctx context.Context, at progress) (*standing, error) {
	if at.parts == 0 {
		var err error
		if at.epoch, err = k.m.engine.WaitFresh(ctx); err != nil {
			return nil, err
		}
		if err := k.holdSnapshot(at.epoch); err != nil {
			return nil, err
		}
	}
	return k.stands(ctx, at.epoch)
}

// ofOneRelation reports whether the query takes the rows of one table or view one by
// one, whatever the time is, so that those that stand can be read apart from what
// comes after them.
func (k *sink) ofOneRelation() bool {
	n := k.def.Plan
	for {
		switch x := n.(type) {
		case *plan.Scan:
			return x.Kind != plan.Stream && x.Kind != plan.System && x.SystemTime == nil && x.EventTime == nil
		case *plan.Filter, *plan.Project:
			n = n.Inputs()[0]
		default:
			return false
		}
	}
}

// ofOneStream is the stream whose records the query takes one by one, if it does.
func (k *sink) ofOneStream() (id uint64, ok bool) {
	n := k.def.Plan
	for {
		switch x := n.(type) {
		case *plan.Scan:
			return x.Object, x.Kind == plan.Stream
		case *plan.Filter, *plan.Project:
			n = n.Inputs()[0]
		default:
			return 0, false
		}
	}
}

func (k *sink) unsubscribe() {
	if k.feed == nil {
		return
	}
	k.feed.end()
	k.feed.all.Wait()
	k.feed.sub.Close()
	k.feed, k.doubt = nil, nil
	k.mu.Lock()
	k.backlog = nil
	k.mu.Unlock()
}

// begunAt is the epoch that was held for the sink; ok false: it has never written.
func (k *sink) begunAt() (at exec.Epoch, ok bool) {
	names := map[string]bool{}
	for _, id := range scanned(k.def.Plan) {
		names[k.holdName(id)] = true
	}
	for _, h := range k.m.engine.Holds() {
		if names[h.Name] && (!ok || h.After < at) {
			at, ok = h.After, true
		}
	}
	return at, ok
}

// hold keeps what the sink needs to resume after an epoch.
func (k *sink) hold(after exec.Epoch) error {
	for _, id := range scanned(k.def.Plan) {
		if err := k.m.engine.Hold(k.holdName(id), id, after); err != nil {
			return err
		}
	}
	k.held, k.heldAt = after, time.Now()
	return nil
}

func (k *sink) holdName(object uint64) string { return holdPrefix(k.def.ID) + itoa(object) }

func holdPrefix(sink uint64) string { return "sink " + itoa(sink) + " " }

// scanned are the relations that a plan reads.
func scanned(root plan.Node) []uint64 {
	var out []uint64
	seen := map[uint64]bool{}
	var walk func(n plan.Node)
	walk = func(n plan.Node) {
		if s, ok := n.(*plan.Scan); ok && !seen[s.Object] {
			seen[s.Object] = true
			out = append(out, s.Object)
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	walk(root)
	return out
}
