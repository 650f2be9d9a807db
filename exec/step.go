package exec

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// delta is what one epoch did to one relation.
type delta struct {
	batches []*vec.Batch // stored layout
	errs    []zset.Error // of a view, for the views that read it
	// Streams: late flags and the position of the first row, by batch.
	late  [][]bool
	first []int64
}

// step applies a durable epoch: base relations first, then every live view in
// order of dependence, then the feeds. When it returns, the epoch is applied.
func (e *Engine) step(ep Epoch, in inputs, setup *Setup) error {
	e.space.Begin(ep)
	deltas := make(map[uint64]*delta, len(in))
	for _, id := range in.ids() {
		rel := e.relation(id)
		if rel == nil {
			continue // dropped by a later change of the same journal (recovery)
		}
		d := &delta{}
		deltas[id] = d
		if rel.kind == tableRelation {
			b, err := rel.applyTable(ep, in.batches(id))
			if err != nil {
				return err
			}
			if b != nil {
				d.batches = []*vec.Batch{b}
			}
			continue
		}
		before := rel.next
		for _, x := range in[id] {
			if x.rows == nil {
				rel.replayCuts(x.cuts)
				continue
			}
			d.batches = append(d.batches, x.rows)
			d.late = append(d.late, x.late)
			for _, l := range x.late {
				if l {
					rel.late.Add(1)
				}
			}
			d.first = append(d.first, rel.next)
			rel.next += int64(x.rows.N)
		}
		if !rel.moveParts(ep, in[id]) && rel.rowtime >= 0 {
			for _, x := range in[id] {
				rel.mark.observe(x.rows.Cols[rel.rowtime], int64(ep))
			}
		}
		rel.partitioned.Store(len(rel.parts) > 0)
		rel.end.Store(rel.next)
		if rel.next == before {
			continue
		}
		rel.lastIn = int64(ep)
		if rel.rowtime < 0 {
			rel.mark.value = int64(ep)
		}
	}
	for _, id := range in.ids() {
		if err := e.applyShared(id, deltas[id]); err != nil {
			return err
		}
	}
	if e.wanted == nil {
		e.findWanted()
	}
	for _, r := range e.runners {
		if err := r.step(ep, deltas); err != nil {
			return err
		}
		if err := e.applyShared(r.rel.id, deltas[r.rel.id]); err != nil {
			return err
		}
	}
	if setup != nil {
		if err := setup.commit(); err != nil {
			return err
		}
	}
	if e.behinds > 0 {
		e.sealed = append(e.sealed, ep)
	} else {
		e.sealed = nil
	}
	e.publishMarks()
	e.publish(ep, deltas)
	e.setAlarm()
	e.setApplied(ep)
	e.stats.epochs.Add(1)
	return nil
}

// findWanted finds whose deltas are read: where nobody does, a view need not
// compute its own.
func (e *Engine) findWanted() {
	e.wanted = map[uint64]bool{}
	for _, r := range e.runners {
		for _, s := range r.scans {
			e.wanted[s.Object] = true
		}
	}
	e.feedMu.Lock()
	for _, f := range e.feeds {
		for _, s := range f.scans {
			e.wanted[s.Object] = true
		}
	}
	e.feedMu.Unlock()
	for _, r := range e.runners {
		r.rel.view.SetWanted(e.wanted[r.rel.id])
	}
}

// ids are the relations with input, in order.
func (in inputs) ids() []uint64 { return slices.Sorted(maps.Keys(in)) }

func (in inputs) batches(id uint64) []*vec.Batch {
	out := make([]*vec.Batch, len(in[id]))
	for i, x := range in[id] {
		out[i] = x.rows
	}
	return out
}

// runner is a live view: its circuit and where its output goes.
type runner struct {
	e           *Engine
	rel         *relation
	def         ViewDef
	fingerprint uint64
	from        Epoch // first epoch that it answers for
	circ        *circuit.Circuit
	scans       []*plan.Scan
	env         operator.Step // what does not change from step to step
	mark        int64         // watermark of the last step
	clocked     bool          // time alone may change it
	sharing     *sharing
	detached    *detached // loop only; nil: live
	relies      bool      // on a stream that is read through
	behind      *behind   // nil: it is where the live group is
	settles     Epoch     // loop only: it is live with a checkpoint of this epoch; 0 = it is
	// endPursuit and pursuitEnded are those of its pursuit; nil = it has had none.
	endPursuit   context.CancelFunc
	pursuitEnded chan struct{}
	tried        chan struct{} // closed when its pursuit has tried once
	ready        chan struct{} // closed when it is live or has failed
	state        atomic.Pointer[viewState]

	rowsIn, nanos atomic.Int64
}

// step runs an epoch through the view; its delta goes into deltas for those
// that read it.
func (r *runner) step(ep Epoch, deltas map[uint64]*delta) error {
	began := time.Now()
	s := r.env
	s.Epoch, s.Time = ep, int64(ep)
	s.Watermark = r.e.minWatermark(r.scans)
	touched := s.Watermark != r.mark
	if r.clocked && !touched {
		next, err := r.circ.Next()
		if err != nil {
			return err
		}
		touched = next <= s.Time
	}
	for i, scan := range r.scans {
		d := deltas[scan.Object]
		if d == nil {
			continue
		}
		touched = true
		if err := r.pushDelta(&s, i, d); err != nil {
			return err
		}
	}
	if !touched {
		return nil
	}
	r.mark = s.Watermark
	defer func() { r.nanos.Add(int64(time.Since(began))) }()
	if err := r.circ.Flush(&s, r.rel.view); err != nil {
		return err
	}
	out, err := r.rel.view.Commit(ep)
	if err != nil {
		return err
	}
	d := &delta{}
	if out.Batch != nil {
		d.batches = []*vec.Batch{out.Batch}
	}
	if !r.def.SkipErrors {
		d.errs = out.Errors
	}
	if len(d.batches)+len(d.errs) > 0 {
		deltas[r.rel.id] = d
	}
	return nil
}

// pushDelta pushes what an epoch did to the relation of scan i. Errors of a view are
// errors of the views that read it: what they hold misses its rows.
func (r *runner) pushDelta(s *operator.Step, i int, d *delta) error {
	if len(d.errs) > 0 {
		if err := r.rel.view.Errors(d.errs); err != nil {
			return err
		}
	}
	for j := range d.batches {
		if b := d.cut(r.scans[i], j, s.Epoch); b.N > 0 {
			r.rowsIn.Add(int64(b.N))
			if err := r.circ.Push(s, i, b, r.rel.view); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut is batch j as a scan wants it.
func (d *delta) cut(scan *plan.Scan, j int, ep Epoch) *vec.Batch {
	b := d.batches[j]
	var position, epoch *vec.Vec
	if d.first != nil {
		for _, f := range scan.Fields {
			switch f {
			case plan.FieldPosition:
				position = sequence(d.first[j], b.N)
			case plan.FieldEpoch:
				epoch = repeat(int64(ep), b.N)
			}
		}
	}
	b = scanColumns(scan, b, position, epoch)
	if scan.DropLate && d.late != nil && d.late[j] != nil {
		b = dropMarked(b, d.late[j])
	}
	return b
}

// dropMarked leaves out the marked rows.
func dropMarked(b *vec.Batch, marked []bool) *vec.Batch {
	sel := make([]int32, 0, b.N)
	for i, m := range marked {
		if !m {
			sel = append(sel, int32(i))
		}
	}
	return b.Select(sel)
}

func sequence(first int64, n int) *vec.Vec {
	v := &vec.Vec{Type: types.Int8, N: n, Ints: make([]int64, n)}
	for i := range v.Ints {
		v.Ints[i] = first + int64(i)
	}
	return v
}

func repeat(x int64, n int) *vec.Vec {
	v := &vec.Vec{Type: types.Int8, N: n, Ints: make([]int64, n)}
	for i := range v.Ints {
		v.Ints[i] = x
	}
	return v
}

// minWatermark is the least watermark of the streams below scans, through views;
// noWatermark where there is none. Relations without event time do not count.
func (e *Engine) minWatermark(scans []*plan.Scan) int64 {
	w, _ := e.watermarkOver(scans)
	return w
}

func (e *Engine) watermarkOver(scans []*plan.Scan) (low int64, any bool) {
	low = noWatermark
	for _, s := range scans {
		if w, ok := e.watermarkOf(s.Object); ok && (!any || w < low) {
			low, any = w, true
		}
	}
	return low, any
}

func (e *Engine) watermarkOf(id uint64) (w int64, ok bool) {
	rel := e.relation(id)
	switch {
	case rel == nil || rel.kind == tableRelation:
		return noWatermark, false
	case rel.kind == streamRelation:
		return rel.mark.value, true
	}
	return e.watermarkOver(rel.run.scans)
}

// publish hands the epoch's deltas to the feeds.
func (e *Engine) publish(ep Epoch, deltas map[uint64]*delta) {
	e.feedMu.Lock()
	defer e.feedMu.Unlock()
	for i := 0; i < len(e.feeds); i++ {
		f := e.feeds[i]
		c := Change{Epoch: ep, Watermark: e.minWatermark(f.scans), Deltas: make([]*delta, len(f.scans))}
		any := f.progress
		for j, s := range f.scans {
			if d := deltas[s.Object]; d != nil {
				c.Deltas[j], any = d, true
			}
		}
		if !any && c.Watermark == f.mark {
			continue
		}
		f.mark = c.Watermark
		f.due.Store(noAlarm) // until the reader has come to this epoch
		if !f.push(c) {
			e.feeds = append(e.feeds[:i], e.feeds[i+1:]...)
			e.wanted = nil
			i--
		}
	}
}
