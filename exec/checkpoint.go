package exec

import (
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// metaKey is where a checkpoint describes itself in the store.
const metaKey = "engine"

// metaCatalog is the catalog image of the same epoch.
const metaCatalog = "catalog"

// meta is what a checkpoint holds beside the arrangements. JSON: small, rare, and
// readable in a dump.
type meta struct {
	Version  int
	Epoch    Epoch
	Timeline string
	Tables   map[uint64]tableMeta
	Streams  map[uint64]streamMeta
	Views    map[uint64]viewMeta
	Shared   []sharedMeta `json:",omitempty"`
	// SharedNext: per relation, the ordinal of its next shared arrangement.
	SharedNext map[uint64]int  `json:",omitempty"`
	Holds      map[string]hold `json:",omitempty"`
}

type tableMeta struct {
	NextRow int64
	Offsets map[int32]int64 `json:",omitempty"` // where its source goes on
}

type streamMeta struct {
	Next      int64 // position of the next record
	Watermark int64
	LastIn    int64
	Late      int64              // records so far
	Offsets   map[int32]int64    `json:",omitempty"` // where its source goes on
	Resets    map[int32]int64    `json:",omitempty"` // positions at which partitions began anew
	Parts     map[int32]partMark `json:",omitempty"` // clocks of partitions
	Outside   bool               `json:",omitempty"` // its topic holds cuts
}

type viewMeta struct {
	// Fingerprint of the plan whose state was stored: another plan (of another
	// release) must not read it.
	Fingerprint uint64
	Watermark   int64
	From        Epoch // first epoch that the view answers for
	Shared      []int `json:",omitempty"` // ordinals of shared arrangements as its joins ask, -1 = its own
	// Detached: it was still being built.
	Detached *detached `json:",omitempty"`
	// Failed: it could not be built; what there is of its state is of no use.
	Failed *failure `json:",omitempty"`
	// Behind: it stands at an earlier epoch than the checkpoint.
	Behind *behind `json:",omitempty"`
}

// mark is the watermark of the stream at the checkpoint.
func (s streamMeta) mark() int64 {
	if s.Watermark != 0 || s.Next > 0 {
		return s.Watermark
	}
	return noWatermark
}

const metaVersion = 3

// checkpoints is the state of checkpointing; the loop's, but for what the writer
// goroutine hands back under mu.
type checkpoints struct {
	last    time.Time
	epoch   Epoch // of the newest durable checkpoint
	begun   Epoch // of the newest one that has begun
	running chan struct{}
	ended   chan struct{} // gets a value when one has ended

	mu  sync.Mutex
	err error // of the last attempt
}

// checkpoint freezes what has changed and writes it beside the loop. done, if not
// nil, is called on the writer's goroutine. It does nothing while one is running.
func (e *Engine) checkpoint() {
	if e.ck.running != nil {
		select {
		case <-e.ck.running:
			e.ck.running = nil
		default:
			return
		}
	}
	ep := e.applied.Load()
	if ep == e.ck.epoch {
		return
	}
	m, err := json.Marshal(e.meta(ep))
	if err != nil {
		e.die("checkpoint", err)
		return
	}
	started := time.Now()
	e.ck.last, e.ck.begun = started, ep
	frozen := e.space.Freeze()
	e.debt.begin()
	values := map[string][]byte{metaKey: m, metaCatalog: e.cfg.Host.Image()}
	e.stats.checkpointPause.Store(int64(time.Since(started)))
	done := make(chan struct{})
	e.ck.running = done
	go func() {
		defer func() {
			close(done)
			select {
			case e.ck.ended <- struct{}{}:
			default:
			}
		}()
		err := guard("checkpoint", func() error { return frozen.Write(e.writing, values) })
		e.debt.end(err)
		written := time.Since(started)
		if err == nil {
			err = e.settle(ep)
		}
		e.ck.mu.Lock()
		e.ck.err = err
		if err == nil {
			e.ck.epoch = ep
		}
		e.ck.mu.Unlock()
		e.stats.checkpoints.Add(1)
		e.stats.checkpointNanos.Store(int64(time.Since(started)))
		e.log.Debug("checkpoint", "epoch", ep, "written", written, "settled", time.Since(started)-written, "err", err)
		if err != nil && e.writing.Err() == nil {
			e.log.Warn("checkpoint failed; it will be tried again", "err", err)
		}
	}()
}

// settle moves what streams have in the journal up to ep into segments and cuts
// the journal there: the checkpoint at ep holds all other state.
func (e *Engine) settle(ep Epoch) error {
	if err := e.topics.Settle(ep); err != nil {
		return err
	}
	select {
	case <-e.closing: // there is no hurry with that
	default:
		if err := e.topics.Maintain(); err != nil {
			return err
		}
		e.retain(ep)
	}
	// Truncation is the loop's: the journal has one writer.
	select {
	case e.truncate <- ep:
	default:
	}
	return nil
}

// waitUnlessFull waits for the running checkpoint; false: it waits for room on the
// disk.
func (e *Engine) waitUnlessFull() bool {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for e.ck.running != nil {
		select {
		case <-e.ck.running:
			e.ck.running = nil
		case <-look.C:
			if e.store.Full() {
				return false
			}
		}
	}
	return true
}

// meta describes the state at ep.
func (e *Engine) meta(ep Epoch) *meta {
	m := &meta{Version: metaVersion, Epoch: ep, Timeline: e.timeline,
		Tables: map[uint64]tableMeta{}, Streams: map[uint64]streamMeta{}, Views: map[uint64]viewMeta{}, SharedNext: maps.Clone(e.sharedNext)}
	for _, x := range e.shared {
		m.Shared = append(m.Shared, x.sharedMeta)
	}
	e.holdMu.Lock()
	for name, h := range e.holds {
		if m.Holds == nil {
			m.Holds = map[string]hold{}
		}
		m.Holds[name] = hold{Object: h.Object, After: h.After}
	}
	e.holdMu.Unlock()
	for id, r := range *e.rels.Load() {
		switch r.kind {
		case tableRelation:
			m.Tables[id] = tableMeta{NextRow: r.nextRow, Offsets: r.source.all()}
		case streamRelation:
			m.Streams[id] = streamMeta{Next: r.next, Watermark: r.mark.value, LastIn: r.lastIn, Late: r.late.Load(), Offsets: r.source.all(), Resets: r.source.allResets(), Parts: r.parts, Outside: r.outside != nil}
		case viewRelation:
			v := viewMeta{Fingerprint: r.run.fingerprint, Watermark: r.run.mark, From: r.run.from, Shared: r.run.sharing.answers}
			if err := r.run.state.Load().err; err != nil {
				v.Failed = newFailure(err)
			}
			if d := r.run.detached; d != nil {
				c := *d
				c.Next = append([]int64(nil), d.Next...)
				v.Detached = &c
			}
			if b := r.run.behind; b != nil {
				c := *b
				v.Behind = &c
			}
			m.Views[id] = v
		}
	}
	return m
}

// loadMeta reads what the newest checkpoint says of itself; nil: there is none.
func (e *Engine) loadMeta() (m *meta, catalog []byte, err error) {
	b, ok, err := e.store.Meta(metaKey)
	if err != nil || !ok {
		return nil, nil, err
	}
	m = &meta{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, nil, sqlerr.New(sqlerr.DataCorrupted, "the checkpoint's description is damaged: %v", err)
	}
	if m.Version != metaVersion {
		return nil, nil, sqlerr.New(sqlerr.FeatureNotSupported, "the folder was written by another version (checkpoint format %d, this binary reads %d)", m.Version, metaVersion)
	}
	catalog, ok, err = e.store.Meta(metaCatalog)
	if err == nil && !ok {
		err = sqlerr.New(sqlerr.DataCorrupted, "the checkpoint has no catalog")
	}
	return m, catalog, err
}
