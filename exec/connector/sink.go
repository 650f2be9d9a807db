package connector

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// target is where a sink writes: a topic outside, or a relation of the engine.
type target interface {
	// open gets ready to write and returns the progress of the last write that is
	// durable there. Whoever wrote before cannot any more.
	open(ctx context.Context) (progress, error)
	// write makes changes and the progress that they are durable together. After an
	// error the outcome is unknown until open.
	write(ctx context.Context, us []exec.Update, to progress) error
	close()
}

// sink follows a query and brings a target to where it is, epoch by epoch.
//
// What it does not know after a failure it asks the target: a life begins with
// open, and a batch that was in doubt is dropped if the position is behind it,
// and written again if it is not.
type sink struct {
	*runner
	m   *Manager
	def SinkDef

	mu      sync.Mutex
	backlog *backlog
	counts  sinkCounts

	// The life's.
	feed    *feed
	begins  progress      // with parts: where the snapshot that is being written goes on
	due     *standing     // what is to be written first
	doubt   []exec.Update // the batch whose outcome is not known
	written exec.Epoch    // position of the last batch that is known to be durable
	owner   *owner
	held    exec.Epoch // what the engine keeps for the sink
	heldAt  time.Time
}

type sinkCounts struct {
	rows, bytes, txns, errors int64
	position                  exec.Epoch
	begun                     bool // position is one
	lastError                 string
	writeNanos                int64
}

func newSink(m *Manager, def SinkDef) *sink {
	setDefault(&def.CommitInterval, 100*time.Millisecond)
	setDefault(&def.BatchBytes, 8<<20)
	setDefault(&def.MaxLag, time.Hour)
	if def.Ctx == nil {
		def.Ctx = &funcs.Ctx{}
	}
	return &sink{runner: newRunner(m.cfg.Log.With("sink", def.Name), m.cfg.Now, def.Paused), m: m, def: def}
}

// stop ends the sink's life and its subscription.
func (k *sink) stop() {
	k.runner.stop()
	k.unsubscribe()
}

func (k *sink) live(ctx context.Context) error {
	err := k.attempt(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	k.mu.Lock()
	k.counts.errors++
	k.counts.lastError = sqlerr.From(err).Message
	k.mu.Unlock()
	switch {
	case errors.As(err, new(*halt)):
		k.unsubscribe()
	case k.behind() > k.def.MaxLag:
		switch k.def.OnLag {
		case StopSink:
			k.unsubscribe()
			if err := k.m.release(k.def.ID); err != nil { // else the history would grow for it
				k.log.Warn("what a stopped sink held is not free yet", "err", err)
			}
			return &halt{Stopped, sqlerr.New(sqlerr.ConfigurationLimitExceeded, "the sink is more than %s behind and has stopped: %v", k.def.MaxLag, err).
				WithHint("RESUME goes on where it stopped, as long as the history that it needs is kept.")}
		case HoldSources:
			k.m.holdSources(k.def.Sources, k.def.ID, true)
		}
	}
	return err
}

// behind is how long the oldest change has waited.
func (k *sink) behind() time.Duration {
	if k.feed == nil {
		return 0
	}
	_, _, oldest := k.feed.lag()
	if oldest == 0 {
		return 0
	}
	return time.Duration(k.m.cfg.Now()-int64(oldest)) * time.Microsecond
}

func (k *sink) attempt(ctx context.Context) error {
	t, err := k.newTarget()
	if err != nil {
		return terminal(err)
	}
	defer t.close()
	if err := k.subscribeFirst(ctx); err != nil {
		return err
	}
	at, err := t.open(ctx)
	if err != nil {
		return terminal(err)
	}
	if err := k.owner.finds(&k.def, at, k.m.begun); err != nil {
		return err
	}
	if held, ok := k.begunAt(); at.none && ok {
		// The cluster forgets positions that are not renewed, or its topic was deleted.
		if k.def.Spec.Envelope != format.Upsert {
			return &halt{Failed, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "topic %q no longer knows how far the sink has written it", k.def.Topic).
				WithHint("DROP SINK and CREATE SINK begin anew, with a snapshot.")}
		}
		at = progress{epoch: held} // to write the last states of keys again changes nothing
	}
	if at.none && k.def.NoSnapshot {
		if at.epoch, err = k.first(ctx, t); err != nil {
			return err
		}
		at.none = false
	}
	if at.parts == 0 {
		k.noteAt(at.epoch, !at.none)
	}
	if err := k.settle(ctx, t, at); err != nil {
		return err
	}
	k.works()
	last := time.Time{}
	for {
		if k.due != nil {
			if err := k.snapshot(ctx, t, k.due); err != nil {
				return err
			}
			last = time.Now()
		}
		idle, err := k.pause(ctx, last.Add(k.def.CommitInterval))
		if err != nil {
			return err
		}
		if idle {
			if err := k.renew(ctx, t); err != nil {
				return err
			}
			continue
		}
		us, spilled, err := k.feed.take(k.def.BatchBytes)
		switch {
		case spilled, sqlerr.HasCode(err, sqlerr.ConfigurationLimitExceeded):
			// Too slow for what happens: go on from the engine's history.
			if err := k.subscribe(ctx, progress{epoch: k.written, none: !k.counts.begun}); err != nil {
				return err
			}
		case err != nil:
			k.unsubscribe()
			return terminal(err)
		case len(us) == 0: // the query has ended, which it does not by itself
			k.unsubscribe()
			return errAgain
		default:
			last = time.Now()
			if us[0].Snapshot {
				if err := k.snapshot(ctx, t, k.ofUpdate(us[0])); err != nil {
					return err
				}
				if us = us[1:]; len(us) == 0 {
					continue
				}
			}
			if err := k.write(ctx, t, us); err != nil {
				return err
			}
		}
	}
}

// terminal makes errors that trying again does not cure a halt.
func terminal(err error) error {
	switch code := sqlerr.CodeOf(err); {
	case code == sqlerr.UndefinedTable, code == sqlerr.SnapshotTooOld:
		return &halt{Failed, err}
	case code == sqlerr.FeatureNotSupported, code[:2] == "22", code[:2] == "23", code[:2] == "54", code[:2] == "42" && code != sqlerr.InsufficientPrivilege && code != sqlerr.UndefinedObject:
		return &halt{Failed, err}
	}
	return err
}

// first makes the beginning of a sink without a snapshot durable, so that nothing
// is missed or doubled if it dies before its first change.
func (k *sink) first(ctx context.Context, t target) (exec.Epoch, error) {
	at := k.def.Since
	if at == 0 {
		var err error
		if at, err = k.m.engine.WaitFresh(ctx); err != nil {
			return 0, err
		}
	}
	return at, terminal(k.writeTo(ctx, t, nil, progress{epoch: at}))
}

// writeTo writes, and takes in that it did.
func (k *sink) writeTo(ctx context.Context, t target, us []exec.Update, to progress) error {
	k.owner.tries(to)
	err := t.write(ctx, us, to)
	if err == nil {
		k.owner.is(to)
	}
	return err
}

// settle brings the sink's own knowledge to the target's progress.
func (k *sink) settle(ctx context.Context, t target, at progress) error {
	doubt := k.doubt
	if k.feed == nil || at.parts > 0 || len(doubt) == 0 && at.epoch != k.written {
		k.doubt = nil
		return k.subscribe(ctx, at)
	}
	if len(doubt) == 0 {
		return nil
	}
	end := doubt[len(doubt)-1].Epoch
	switch {
	case !at.none && at.epoch == end: // it was written after all
		k.doubt, k.written = nil, at.epoch
		k.feed.wrote(doubt)
		return nil
	case at.epoch == k.written:
		return k.write(ctx, t, doubt)
	}
	k.doubt = nil
	return k.subscribe(ctx, at)
}

// renew moves the position of a sink that has nothing to write to where the engine
// is: clusters forget positions that are a week old, and what is held for the sink
// holds the history of everything else up, too.
func (k *sink) renew(ctx context.Context, t target) error {
	at, ok := k.feed.sub.Idle()
	if !ok || at <= k.written || k.feed.waiting() {
		return nil
	}
	if err := k.writeTo(ctx, t, nil, progress{epoch: at}); err != nil {
		return err
	}
	k.written = at
	k.noteAt(at, true)
	return k.hold(at)
}

// pause waits until there is something to write and it is due, or the sink has
// been idle for long.
func (k *sink) pause(ctx context.Context, due time.Time) (idle bool, err error) {
	for !k.feed.waiting() {
		t := time.NewTimer(k.m.cfg.RenewEvery)
		select {
		case <-k.feed.signal:
			t.Stop()
		case <-t.C:
			return k.counts.begun, nil
		case <-ctx.Done():
			t.Stop()
			return false, context.Cause(ctx)
		}
	}
	for d := time.Until(due); d > 0 && !k.feed.full(k.def.BatchBytes); d = time.Until(due) {
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-k.feed.signal:
		case <-ctx.Done():
			t.Stop()
			return false, context.Cause(ctx)
		}
		t.Stop()
	}
	return false, nil
}

func (k *sink) write(ctx context.Context, t target, us []exec.Update) error {
	position := us[len(us)-1].Epoch
	k.doubt = us
	if err := k.put(ctx, t, us, progress{epoch: position}); err != nil {
		return err
	}
	k.doubt, k.written = nil, position
	k.feed.wrote(us)
	k.noteAt(position, true)
	if k.def.OnLag == HoldSources {
		k.m.holdSources(k.def.Sources, k.def.ID, false)
	}
	if k.held == 0 || time.Since(k.heldAt) >= time.Second {
		return k.hold(position)
	}
	return nil
}

func (k *sink) noteAt(position exec.Epoch, begun bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counts.position, k.counts.begun = position, begun
}

func (k *sink) note(us []exec.Update, took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range us {
		if b := us[i].Rows; b != nil {
			k.counts.rows += int64(b.N)
			k.counts.bytes += batchBytes(b)
		}
	}
	k.counts.txns++
	k.counts.writeNanos += int64(took)
	k.counts.lastError = ""
}

func (k *sink) newTarget() (target, error) {
	if k.def.Into != 0 {
		return &relationTarget{engine: k.m.engine, def: &k.def}, nil
	}
	return newTopicTarget(&k.def)
}

// changes are what updates come to, by the sink's envelope.
func (d *SinkDef) changes(us []exec.Update) (*changes, error) {
	switch d.Spec.Envelope {
	case format.Upsert:
		return netted(us, d.Spec.PK, false), nil
	case format.Debezium:
		return changed(us, d.Spec.PK), nil
	}
	return appended(us, d.DropRetractions)
}
