package exec

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/topic"
)

// A reader that lives longer than its connection, a sink, must find what has
// changed since it was last here, be it days ago. A hold keeps that: superseded
// rows of a table or view, records of a stream. It is durable when Hold returns.
// That it has moved on, or forward, is not: after a crash a hold may ask for more
// than is needed, never for less.

// hold is one hold.
type hold struct {
	Object  uint64
	After   Epoch  // changes of later epochs are kept
	release func() // of the history
}

// Held is a hold as others see it.
type Held struct {
	Name   string
	Object uint64
	After  Epoch
}

// metaEntry is the payload of a KindMeta entry after its version byte. An entry
// without payload is the join of a view.
type metaEntry struct {
	Hold    string `json:",omitempty"`
	After   Epoch  `json:",omitempty"`
	Release string `json:",omitempty"`
}

const metaEntryVersion = 1

// Hold keeps what a subscription of an object that resumes after an epoch needs,
// under a name, until it is moved or released, over restarts, too. The same name
// again moves it. It is an error (72000) if something of it is gone already.
func (e *Engine) Hold(name string, object uint64, after Epoch) error {
	if e.moveHold(name, object, after) {
		return nil
	}
	return e.onLoop(context.Background(), func() error {
		rel := e.relation(object)
		if rel == nil {
			return errGone()
		}
		h := &hold{Object: object, After: after, release: e.space.Pin(after)}
		old := e.putHold(name, h)
		// Only now that it stands nothing more can go.
		err := rel.keeps(after)
		if err == nil {
			err = e.sealMeta(object, metaEntry{Hold: name, After: after})
		}
		if err != nil {
			e.putHold(name, old)
			old = h
		}
		if old != nil {
			old.release()
		}
		return err
	})
}

// Release ends a hold. One that is not there is none.
func (e *Engine) Release(name string) error {
	return e.onLoop(context.Background(), func() error {
		e.holdMu.Lock()
		h := e.holds[name]
		e.holdMu.Unlock()
		if h == nil {
			return nil
		}
		if err := e.sealMeta(h.Object, metaEntry{Release: name}); err != nil {
			return err
		}
		e.unhold(name)
		return nil
	})
}

// Holds are the holds that stand, by name.
func (e *Engine) Holds() []Held {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	var out []Held
	for _, name := range slices.Sorted(maps.Keys(e.holds)) {
		out = append(out, Held{name, e.holds[name].Object, e.holds[name].After})
	}
	return out
}

// moveHold moves a hold forward; false: there is none, or it would move back.
func (e *Engine) moveHold(name string, object uint64, after Epoch) bool {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	h := e.holds[name]
	if h == nil || h.Object != object || after < h.After {
		return false
	}
	if after > h.After {
		release := h.release
		h.After, h.release = after, e.space.Pin(after)
		release()
	}
	return true
}

// putHold puts a hold, or none, in the place of the one of its name.
func (e *Engine) putHold(name string, h *hold) (old *hold) {
	e.holdMu.Lock()
	defer e.holdMu.Unlock()
	old = e.holds[name]
	if e.holds[name] = h; h == nil {
		delete(e.holds, name)
	}
	return old
}

// rehold puts a hold that a checkpoint or the journal knows.
func (e *Engine) rehold(name string, object uint64, after Epoch) {
	if e.relation(object) == nil {
		return
	}
	if old := e.putHold(name, &hold{Object: object, After: after, release: e.space.Pin(after)}); old != nil {
		old.release()
	}
}

func (e *Engine) unhold(name string) {
	if old := e.putHold(name, nil); old != nil {
		old.release()
	}
}

// dropHolds ends the holds of a dropped relation.
func (e *Engine) dropHolds(object uint64) {
	for _, h := range e.Holds() {
		if h.Object == object {
			e.unhold(h.Name)
		}
	}
}

// heldAfter is the least epoch after which a stream's records are held; e.holdMu
// is.
func (e *Engine) heldAfter(object uint64) (after Epoch, any bool) {
	for _, h := range e.holds {
		if h.Object == object && (!any || h.After < after) {
			after, any = h.After, true
		}
	}
	return after, any
}

// keeps fails if changes after an epoch are gone already.
func (r *relation) keeps(after Epoch) error {
	if r.kind != streamRelation {
		return r.answers(after)
	}
	b, err := r.topic.Bounds(0)
	if err == nil && after+1 < b.CompleteFrom {
		err = topic.TooOld("stream \""+r.name+"\"", b.Start)
	}
	return err
}

// sealMeta makes an entry durable in an epoch of its own.
func (e *Engine) sealMeta(object uint64, m metaEntry) error {
	payload, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = e.seal([]journal.Entry{{Kind: journal.KindMeta, Object: object, Payload: append([]byte{metaEntryVersion}, payload...)}})
	return err
}

// replayMeta takes a journalled entry in again.
func (e *Engine) replayMeta(object uint64, payload []byte) error {
	if payload[0] != metaEntryVersion {
		return sqlerr.New(sqlerr.FeatureNotSupported, "the journal has an entry of version %d, this release reads %d", payload[0], metaEntryVersion).
			WithHint("Start the newer release that wrote the folder.")
	}
	var m metaEntry
	if err := json.Unmarshal(payload[1:], &m); err != nil {
		return sqlerr.New(sqlerr.DataCorrupted, "a journalled entry is damaged: %v", err)
	}
	if m.Release != "" {
		e.unhold(m.Release)
	}
	if m.Hold != "" {
		e.rehold(m.Hold, object, m.After)
	}
	return nil
}
