package exec

import (
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Records of a stream may go when the stream need not keep them any longer, nobody
// holds them, and no start can ask for them again. A start reads again what a new
// view has read since the newest checkpoint began, or is still to read: if that were
// gone, the view would hold less than it was seen to hold.

// reader is a view that reads the history of streams, until a checkpoint has all that
// it made of it.
type reader struct {
	streams map[uint64]*relation
	done    Epoch // its state is whole in checkpoints from this epoch on; 0 = in none yet
}

// reads keeps the history of the streams that a view reads from going.
func (e *Engine) reads(r *runner) {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	e.readers[r.def.ID] = &reader{streams: e.streamsBelow(r.scans)}
}

// hasRead says that a view has joined the live group at an epoch.
func (e *Engine) hasRead(r *runner, ep Epoch) {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	if x := e.readers[r.def.ID]; x != nil {
		x.done = ep
	}
}

// readsNoMore is for a view that is gone.
func (e *Engine) readsNoMore(r *runner) {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	delete(e.readers, r.def.ID)
}

// retain drops segments that are older than their stream keeps, after the checkpoint
// of ep.
func (e *Engine) retain(ep Epoch) {
	e.holdMu.Lock()
	for id, x := range e.readers {
		if x.done != 0 && x.done <= ep {
			delete(e.readers, id)
		}
	}
	e.holdMu.Unlock()
	for _, r := range *e.rels.Load() {
		if r.kind != streamRelation || r.retain < 0 || int64(ep) < r.retain {
			continue
		}
		if err := e.retainStream(r, ep-uint64(r.retain)); err != nil {
			e.log.Warn("retention", "stream", r.name, "err", err)
		}
	}
}

// retainStream drops a stream's segments of epochs before limit that nobody holds.
func (e *Engine) retainStream(r *relation, limit Epoch) error {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	for _, x := range e.readers {
		if x.streams[r.id] != nil {
			return nil
		}
	}
	if after, held := e.heldAfter(r.id); held {
		limit = min(limit, after+1)
	}
	if t := r.moved.Load(); t != nil {
		if err := retainBefore(t, limit); err != nil {
			return err
		}
	}
	if err := retainBefore(r.log, limit); err != nil {
		return err
	}
	return e.retainKept(r)
}

// retainBefore drops the segments of a topic that end before an epoch.
func retainBefore(t *embedded.Topic, limit Epoch) error {
	_, err := t.Retain(func(s segment.Info) bool { return s.LastEpoch < limit })
	return err
}
