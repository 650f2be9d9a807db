package server

import (
	"context"
	"sync"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// supervisor keeps the connectors that run in step with the catalog: it compares
// what is with what should be whenever the catalog has changed. It is a goroutine
// of its own because a connector that is stopped may be waiting for the engine's
// loop, on which the catalog changes.
type supervisor struct {
	s       *Server
	manager *connector.Manager
	wake    chan struct{}
	stop    chan struct{}
	all     sync.WaitGroup

	mu      sync.Mutex
	done    uint64        // version of the catalog that the connectors are in step with
	changed chan struct{} // closed and replaced whenever done moves
	running map[uint64]*catalog.Object
	failed  map[uint64]*sqlerr.Error // why a connector could not be started
	writers map[uint64]*writer       // that INSERT writes with, by relation
}

func newSupervisor(s *Server, m *connector.Manager) *supervisor {
	v := &supervisor{s: s, manager: m, wake: make(chan struct{}, 1), stop: make(chan struct{}), changed: make(chan struct{}),
		running: map[uint64]*catalog.Object{}, failed: map[uint64]*sqlerr.Error{}, writers: map[uint64]*writer{}}
	v.step()
	for _, id := range m.HeldFor() {
		if o := s.host.Snapshot().ByID(id); o == nil || o.Kind != catalog.Sink {
			if err := m.DropSink(id); err != nil {
				s.cfg.Log.Warn("what a dropped sink held is not free yet", "sink", id, "err", err)
			}
		}
	}
	v.all.Go(v.run)
	return v
}

// notify says that the catalog has changed. It does not wait.
func (v *supervisor) notify() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *supervisor) run() {
	for {
		select {
		case <-v.wake:
			v.step()
		case <-v.stop:
			return
		}
	}
}

// close stops all connectors.
func (v *supervisor) close() {
	close(v.stop)
	v.all.Wait()
	v.manager.Close()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range v.writers {
		w.client.Close()
	}
}

// step brings the connectors in step with the catalog.
func (v *supervisor) step() {
	snap := v.s.host.Snapshot()
	wanted := map[uint64]*catalog.Object{}
	for _, o := range snap.Objects() {
		if o.IsSource() || o.Kind == catalog.Sink {
			wanted[o.ID] = o
		}
	}
	v.mu.Lock()
	running := make(map[uint64]*catalog.Object, len(v.running))
	for id, o := range v.running {
		running[id] = o
	}
	v.mu.Unlock()
	for id, o := range running {
		if now := wanted[id]; now == nil {
			v.end(o)
		} else if now != o && !v.onlyTold(o, now) && !v.onlyPaused(o, now) {
			v.halt(o)
		}
	}
	for _, o := range snap.Objects() { // sources before the sinks that they feed
		if wanted[o.ID] != nil {
			v.begin(snap, o)
		}
	}
	v.mu.Lock()
	v.done = snap.Version
	close(v.changed)
	v.changed = make(chan struct{})
	v.mu.Unlock()
}

// begin starts a connector unless it runs.
func (v *supervisor) begin(snap *catalog.Snapshot, o *catalog.Object) {
	v.mu.Lock()
	runs := v.running[o.ID] != nil
	v.mu.Unlock()
	if runs {
		return
	}
	err := guarded(func() error {
		if o.Kind == catalog.Sink {
			def, err := v.s.sinkDef(snap, o)
			if err != nil {
				return err
			}
			return v.manager.StartSink(def)
		}
		def, err := v.s.sourceDef(snap, o)
		if err != nil {
			return err
		}
		v.s.host.history.leaveOut(&def)
		return v.manager.StartSource(def)
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running[o.ID] = o
	delete(v.failed, o.ID)
	if err != nil {
		v.failed[o.ID] = sqlerr.From(err)
		v.s.cfg.Log.Error("connector cannot be started", "name", o.Name, "err", err)
	}
}

// halt stops a connector that will go on with another definition.
func (v *supervisor) halt(o *catalog.Object) {
	if o.Kind == catalog.Sink {
		v.manager.StopSink(o.ID)
	} else {
		v.manager.StopSource(o.ID)
	}
	v.forget(o.ID)
}

// end stops a connector for good.
func (v *supervisor) end(o *catalog.Object) {
	if o.Kind == catalog.Sink {
		if err := v.manager.DropSink(o.ID); err != nil {
			v.s.cfg.Log.Warn("what a dropped sink held is not free yet", "sink", o.Name, "err", err)
		}
	} else {
		v.manager.StopSource(o.ID)
	}
	v.forget(o.ID)
}

func (v *supervisor) forget(id uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.running, id)
	delete(v.failed, id)
	if w := v.writers[id]; w != nil {
		w.client.Close()
		delete(v.writers, id)
	}
}

// onlyPaused handles the change from old to now where nothing differs but PAUSE
// and RESUME.
func (v *supervisor) onlyPaused(old, now *catalog.Object) bool {
	a, b := *old, *now
	if a.Connector.Paused == b.Connector.Paused {
		return false
	}
	x := *a.Connector
	x.Paused = b.Connector.Paused
	a.Connector = &x
	if string(catalog.EncodeChanges([]catalog.Change{{Object: &a}})) != string(catalog.EncodeChanges([]catalog.Change{{Object: &b}})) {
		return false
	}
	var err error
	if x.Paused {
		err = v.manager.Pause(now.ID)
	} else {
		err = v.manager.Resume(now.ID)
	}
	if err != nil {
		return false // it did not run: start it
	}
	v.mu.Lock()
	v.running[now.ID] = now
	v.mu.Unlock()
	return true
}

// wait waits until the connectors are in step with a version of the catalog.
func (v *supervisor) wait(ctx context.Context, version uint64) error {
	for {
		v.mu.Lock()
		done, changed := v.done, v.changed
		v.mu.Unlock()
		if done >= version {
			return nil
		}
		select {
		case <-changed:
		case <-v.stop:
			return sqlerr.New("57P01", "the server is shutting down")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// failure is why a connector could not be started, nil if it was.
func (v *supervisor) failure(id uint64) *sqlerr.Error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.failed[id]
}

// writer writes rows to the topic of a relation.
type writer struct {
	client *kafka.Client
	mu     sync.Mutex // of enc, which is for one at a time
	enc    format.Encoder
}

// writer is what INSERT writes to a relation's topic with. It lasts as long as the
// relation's definition: connections and schemas are not asked for each time.
func (v *supervisor) writer(snap *catalog.Snapshot, o *catalog.Object) (*writer, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w := v.writers[o.ID]; w != nil {
		return w, nil
	}
	cl, err := v.s.clusterOf(snap, o.Connector)
	if err != nil {
		return nil, err
	}
	w := &writer{}
	if w.enc, err = format.NewEncoder(specOf(written(o), cl.registry)); err != nil {
		return nil, err
	}
	if w.client, err = kafka.Open(cl.kafka); err != nil {
		return nil, err
	}
	v.writers[o.ID] = w
	return w, nil
}

// resume lets a connector try again that waits for somebody; one that could not
// be started is started anew.
func (v *supervisor) resume(o *catalog.Object) error {
	if v.failure(o.ID) == nil {
		return v.manager.Resume(o.ID)
	}
	v.forget(o.ID)
	v.notify()
	return nil
}
