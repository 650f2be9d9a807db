package exec

import (
	"cmp"
	"time"

	"github.com/tarndb/tarn/exec/zset"
)

// ViewStatus is what sys.views says of a view.
type ViewStatus struct {
	State         string // live, catching up, error
	LagEpochs     int64
	LagSeconds    float64
	Rows          int64
	StateBytes    int64
	RowsIn        int64
	RowsPerSecond float64 // since the server started
	CPUSeconds    float64
	LastError     string
}

// ViewStatus returns the status of a live view.
func (e *Engine) ViewStatus(id uint64) (ViewStatus, bool) {
	rel := e.relation(id)
	if rel == nil || rel.run == nil {
		return ViewStatus{}, false
	}
	st := ViewStatus{State: "live", Rows: rel.view.Rows(), StateBytes: rel.view.Bytes()}
	st.RowsIn, st.CPUSeconds = rel.run.rowsIn.Load(), float64(rel.run.nanos.Load())/1e9
	if up := float64(e.cfg.Now()-e.opened) / 1e6; up > 0 {
		st.RowsPerSecond = float64(st.RowsIn) / up
	}
	if behind := int64(e.acked.Load()) - int64(e.applied.Load()); behind > 0 {
		st.LagSeconds = float64(behind) / 1e6
		st.LagEpochs = 1
	}
	switch vs := rel.run.state.Load(); {
	case vs.err != nil:
		st.State, st.LastError = "error", vs.err.Error()
		return st, true
	case vs.waits != nil:
		st.State, st.LastError = "waiting", vs.waits.Error()
		return st, true
	case vs.building:
		st.State = "catching up"
		return st, true
	}
	if errs, err := rel.view.ErrorsAt(e.applied.Load(), 1); err == nil && len(errs) > 0 {
		st.State, st.LastError = "error", errs[0].Err.Message
	}
	return st, true
}

// ViewFailure is why a view cannot be read now, apart from rows that fail; nil: it can.
func (e *Engine) ViewFailure(id uint64) error {
	rel := e.relation(id)
	if rel == nil || rel.run == nil {
		return nil
	}
	st := rel.run.state.Load()
	return cmp.Or(st.err, st.waits)
}

// StreamStatus is what sys.streams says of a stream.
type StreamStatus struct {
	Rows, First  int64
	Watermark    int64
	HasWatermark bool
	Late         int64 // late records since the server started
}

// StreamStatus returns the status of a stream.
func (e *Engine) StreamStatus(id uint64) (StreamStatus, bool) {
	rel := e.relation(id)
	if rel == nil || rel.topic == nil {
		return StreamStatus{}, false
	}
	b, err := rel.topic.Bounds(0)
	if err != nil {
		return StreamStatus{}, false
	}
	st := StreamStatus{Rows: b.End - b.Start, First: b.Start, Late: rel.late.Load()}
	if marks := e.marks.Load(); marks != nil && rel.rowtime >= 0 {
		st.Watermark, st.HasWatermark = marks.of[id]
		st.HasWatermark = st.HasWatermark && st.Watermark != noWatermark
	}
	return st, true
}

// Size is the number of rows of a table or view, and the memory they take.
func (e *Engine) Size(id uint64) (rows, bytes int64) {
	rel := e.relation(id)
	if rel == nil || rel.view == nil {
		return 0, 0
	}
	return rel.view.Rows(), rel.view.Bytes()
}

// ViewErrors are the live errors of a view.
func (e *Engine) ViewErrors(id uint64) ([]zset.Error, error) {
	rel := e.relation(id)
	if rel == nil || rel.view == nil {
		return nil, nil
	}
	return rel.view.ErrorsAt(e.applied.Load(), 0)
}

// History is the earliest epoch that a relation answers for, and the one since
// which its answers cover all records.
func (e *Engine) History(id uint64) (earliest, completeFrom Epoch) {
	rel := e.relation(id)
	if rel == nil || rel.view == nil {
		return 0, 0
	}
	earliest = rel.view.Horizon()
	if rel.run != nil {
		earliest = max(earliest, rel.run.from)
	}
	return earliest, 0
}

// Since is the least epoch after which a stream still has all its records; what
// came before has expired, if there was anything.
func (e *Engine) Since(id uint64) Epoch {
	rel := e.relation(id)
	if rel == nil || rel.topic == nil {
		return 0
	}
	b, err := rel.topic.Bounds(0)
	if err != nil || b.CompleteFrom == 0 {
		return 0
	}
	return b.CompleteFrom - 1
}

// FeedStatus is what waits for one subscription.
type FeedStatus struct{ Bytes, Epochs int64 }

// Feeds are the subscriptions that run.
func (e *Engine) Feeds() []FeedStatus {
	e.feedMu.Lock()
	defer e.feedMu.Unlock()
	var out []FeedStatus
	for _, f := range e.feeds {
		f.mu.Lock()
		if !f.closed && f.err == nil {
			out = append(out, FeedStatus{f.bytes, int64(len(f.queue))})
		}
		f.mu.Unlock()
	}
	return out
}

// Status is what sys.engine says.
type Status struct {
	Applied, Acked           Epoch
	Checkpoint               Epoch // of the newest durable one
	CheckpointTime           time.Duration
	CheckpointPause          time.Duration
	MemoryBytes, MemoryLimit int64
	JournalBytes             int64
	Epochs, Checkpoints      int64
	// Debt is about how long a start after a crash would step what no checkpoint has;
	// Waiting writers wait for it to be less, Waited is how long all of them have.
	Debt, Waited time.Duration
	Waiting      int64
}

// Status returns the engine's figures.
func (e *Engine) Status() Status {
	e.ck.mu.Lock()
	ck := e.ck.epoch
	e.ck.mu.Unlock()
	applied := e.applied.Load()
	return Status{Applied: applied, Acked: max(e.acked.Load(), applied), Checkpoint: ck,
		CheckpointTime: time.Duration(e.stats.checkpointNanos.Load()), CheckpointPause: time.Duration(e.stats.checkpointPause.Load()),
		MemoryBytes: e.budget.Used(), MemoryLimit: e.budget.Limit(),
		JournalBytes: e.journal.Bytes(), Epochs: e.stats.epochs.Load(), Checkpoints: e.stats.checkpoints.Load(),
		Debt: e.debt.total(), Waited: time.Duration(e.debt.waited.Load()), Waiting: int64(e.debt.waiting.Load())}
}
