package exec

import (
	"sort"

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
// window depends on it.
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
		at := asOf(s, ep)
		line, err := e.moves([]*plan.Scan{s}, at)
		if err != nil {
			return 0, err
		}
		if w := line.at(at); len(line) > 0 && (!any || w < low) {
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

// timeline is how the watermarks of some streams moved: per stream, in order.
type timeline [][]move

type move struct {
	epoch Epoch
	to    int64
}

// moves replays the streams below scans, through views, up to an epoch.
func (e *Engine) moves(scans []*plan.Scan, upTo Epoch) (timeline, error) {
	var out timeline
	for _, s := range scans {
		rel := e.relation(s.Object)
		switch {
		case rel == nil || rel.kind == tableRelation:
		case rel.kind == streamRelation:
			moves, err := rel.moves(upTo)
			if err != nil {
				return nil, err
			}
			out = append(out, moves)
		default:
			below, err := e.moves(rel.run.scans, upTo)
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
		}
	}
	return out, nil
}

// at is the least watermark at an epoch.
func (t timeline) at(ep Epoch) int64 {
	low := int64(noWatermark)
	for i, moves := range t {
		n := sort.Search(len(moves), func(k int) bool { return moves[k].epoch > ep })
		if n == 0 {
			return noWatermark
		}
		if w := moves[n-1].to; i == 0 || w < low {
			low = w
		}
	}
	return low
}

// moves replays a stream's event time up to an epoch.
func (r *relation) moves(upTo Epoch) ([]move, error) { return r.movesBetween(0, upTo, noWatermark) }

// movesBetween replays a stream's event time over the epochs in (after, upTo],
// from where it was at after.
func (r *relation) movesBetween(after, upTo Epoch, start int64) (out []move, err error) {
	if upTo == 0 {
		return nil, nil
	}
	kept, err := r.kept(after, upTo)
	if err != nil || r.partitioned.Load() {
		return kept, err // they are all
	}
	defer func() { out = mergeMoves(out, kept) }()
	w := watermark{delay: r.mark.delay, ahead: r.mark.ahead, value: start}
	note := func(ep Epoch, before int64) {
		if w.value == before {
			return
		}
		if n := len(out); n > 0 && out[n-1].epoch == ep {
			out = out[:n-1]
		}
		out = append(out, move{ep, w.value})
	}
	read := topic.Scan{After: after, UpTo: upTo, Types: r.types, Columns: []int{max(r.rowtime, 0)}}
	if r.outside != nil {
		err = r.outside.eachCut(&read, func(cuts []cutRow) error { // without event time
			for _, c := range cuts {
				if before := w.value; c.rows > 0 {
					w.value = int64(c.epoch)
					note(c.epoch, before)
				}
			}
			return nil
		})
		return out, err
	}
	if err := r.fromStart(&read); err != nil {
		return nil, err
	}
	err = r.topic.Read(0, read, func(rows *topic.Rows) error {
		lo := 0
		for _, run := range rows.Epochs {
			hi, before := lo+run.Rows, w.value
			if r.rowtime >= 0 {
				w.observe(rows.Slice(lo, hi).Batch.Cols[0], int64(run.Epoch))
			} else {
				w.value = int64(run.Epoch)
			}
			note(run.Epoch, before)
			lo = hi
		}
		return nil
	})
	return out, err
}
