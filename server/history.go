package server

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/sql/vec"
)

// histories are where streams that are read through read their records again. The
// engine asks for them while it recovers, before it can be asked itself.
type histories struct {
	define func(*catalog.Snapshot, *catalog.Object) (connector.SourceDef, error)
	engine atomic.Pointer[exec.Engine]

	mu   sync.Mutex
	open map[uint64]*history
	// leaves are the streams of which reading leaves out what is gone (on_gap).
	leaves map[uint64]bool
}

// leaveOut notes what a source is defined to do where records are gone.
func (h *histories) leaveOut(def *connector.SourceDef) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leaves == nil {
		h.leaves = map[uint64]bool{}
	}
	h.leaves[def.ID] = def.OnGap == connector.SkipGap
}

// of is the history of a stream. Nothing is resolved or connected to before it is
// asked: making a relation must not depend on a secret or a cluster.
func (h *histories) of(snap *catalog.Snapshot, o *catalog.Object) exec.Outside {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = map[uint64]*history{}
	}
	x := &history{all: h, snap: snap, o: o}
	h.open[o.ID] = x
	return x
}

// again is the history of a stream that has been altered; it is the stream's once
// commit is called. Those who still read the old one can do so until all is closed.
func (h *histories) again(snap *catalog.Snapshot, o *catalog.Object) (out exec.Outside, commit func()) {
	x := &history{all: h, snap: snap, o: o}
	return x, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		x.older = h.open[o.ID]
		h.open[o.ID] = x
	}
}

// drop closes the history of a stream that is gone.
func (h *histories) drop(id uint64) {
	h.mu.Lock()
	x := h.open[id]
	delete(h.open, id)
	delete(h.leaves, id)
	h.mu.Unlock()
	if x != nil {
		x.close()
	}
}

// close closes all of them.
func (h *histories) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.open {
		x.close()
	}
}

func (h *histories) offsets(id uint64) map[int32]int64 {
	if e := h.engine.Load(); e != nil {
		return e.Offsets(id)
	}
	return nil
}

// history is exec.Outside of one stream.
type history struct {
	all  *histories
	snap *catalog.Snapshot
	o    *catalog.Object
	// older is that of the stream before it was altered.
	older *history

	mu  sync.Mutex
	out *connector.Outside
}

func (x *history) outside() (*connector.Outside, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.out == nil {
		def, err := x.all.define(x.snap, x.o)
		if err != nil {
			return nil, err
		}
		x.out = connector.NewOutside(def, x.all.offsets)
	}
	return x.out, nil
}

func (x *history) close() {
	if x.older != nil {
		x.older.close()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.out != nil {
		x.out.Close()
		x.out = nil
	}
}

// LeavesOut implements exec.Outside.
func (x *history) LeavesOut() bool {
	x.all.mu.Lock()
	defer x.all.mu.Unlock()
	return x.all.leaves[x.o.ID]
}

// Start implements exec.Outside.
func (x *history) Start(ctx context.Context, partition int32) (int64, error) {
	out, err := x.outside()
	if err != nil {
		return 0, err
	}
	return out.Start(ctx, partition)
}

// Read implements exec.Outside.
func (x *history) Read(ctx context.Context, partition int32, from, to int64, columns []int, yield func(*vec.Batch, []int64) error) error {
	out, err := x.outside()
	if err != nil {
		return err
	}
	return out.Read(ctx, partition, from, to, columns, yield)
}
