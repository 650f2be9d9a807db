package exec

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/storage/topic"
)

// marks are the watermarks of streams and of the views over them at an epoch, for
// those who read beside the loop.
type marks struct {
	epoch Epoch
	of    map[uint64]int64
}

// publishMarks makes the watermarks of this epoch known to readers.
func (e *Engine) publishMarks() {
	m := &marks{epoch: e.last, of: make(map[uint64]int64, len(*e.rels.Load()))}
	for id := range *e.rels.Load() {
		if w, ok := e.watermarkOf(id); ok {
			m.of[id] = w
		}
	}
	e.marks.Store(m)
}

// watermarks reads what the loop last published; any goroutine may ask.
func (e *Engine) watermarks(scans []*plan.Scan) (low int64, any bool) {
	low = noWatermark
	m := e.marks.Load()
	if m == nil {
		return low, false
	}
	for _, s := range scans {
		if w, ok := m.of[s.Object]; ok && (!any || w < low) {
			low, any = w, true
		}
	}
	return low, any
}

// scansOf are the scans below a plan, whether a window closes above them, and the
// event time that is asked for.
func scansOf(root plan.Node) (scans []*plan.Scan, closes bool, event *int64) {
	plan.Walk(root, func(n plan.Node) {
		switch n := n.(type) {
		case *plan.Scan:
			scans = append(scans, n)
			if n.EventTime != nil {
				event = n.EventTime
			}
		case *plan.Final:
			closes = true
		}
	})
	return scans, closes, event
}

// watermarkFor is the newest watermark of the streams below a plan.
func (e *Engine) watermarkFor(root plan.Node) int64 {
	scans, _, event := scansOf(root)
	w, any := e.watermarks(scans)
	if event != nil && any { // windows that end by the event time asked for
		w = min(w, *event)
	}
	return w
}

// watermarkAt is the watermark of the streams below a plan as it was at an epoch.
// Of the past it is found by reading what had come by then, and only where a
// window depends on it; that an idle stream's time went with the wall clock
// (IDLE TIMEOUT) is not seen in its records and does not count.
func (e *Engine) watermarkAt(root plan.Node, ep Epoch) (int64, error) {
	scans, closes, event := scansOf(root)
	m, past := e.marks.Load(), false
	for _, s := range scans {
		past = past || m != nil && asOf(s, ep) < m.epoch
	}
	if !closes || !past {
		return e.watermarkFor(root), nil
	}
	low, any := int64(noWatermark), false
	for _, s := range scans {
		w, ok, err := e.markAt(s.Object, asOf(s, ep))
		if err != nil {
			return 0, err
		}
		if ok && (!any || w < low) {
			low, any = w, true
		}
	}
	if event != nil && any {
		low = min(low, *event)
	}
	return low, nil
}

// asOf is the epoch at which a scan reads: its own AS OF SYSTEM TIME goes before ep.
func asOf(s *plan.Scan, ep Epoch) Epoch {
	if s.SystemTime != nil {
		return min(ep, Epoch(max(*s.SystemTime, 0)))
	}
	return ep
}

// markAt is the watermark of a relation at an epoch; ok is false for tables.
func (e *Engine) markAt(id uint64, ep Epoch) (low int64, ok bool, err error) {
	rel := e.relation(id)
	low = noWatermark
	switch {
	case rel == nil || rel.kind == tableRelation:
		return low, false, nil
	case rel.kind == streamRelation:
		low, err = rel.markAt(ep)
		return low, true, err
	}
	for _, s := range rel.run.scans {
		w, any, err := e.markAt(s.Object, ep)
		if err != nil {
			return 0, false, err
		}
		if any && (!ok || w < low) {
			low, ok = w, true
		}
	}
	return low, ok, nil
}

// markAt replays a stream's rowtimes up to an epoch.
func (r *relation) markAt(ep Epoch) (int64, error) {
	w := watermark{delay: r.mark.delay, ahead: r.mark.ahead, value: noWatermark}
	if ep == 0 {
		return w.value, nil
	}
	read := topic.Scan{UpTo: ep, Types: r.types, Columns: []int{max(r.rowtime, 0)}}
	err := r.topic.Read(0, read, func(rows *topic.Rows) error {
		lo := 0
		for _, run := range rows.Epochs {
			if hi := lo + run.Rows; r.rowtime >= 0 {
				w.observe(rows.Slice(lo, hi).Batch.Cols[0], int64(run.Epoch))
				lo = hi
			} else {
				w.value = int64(run.Epoch)
			}
		}
		return nil
	})
	return w.value, err
}
