package exec

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// The records of a stream that is read through come over a network that may be
// gone. So a view that rests on such a stream, also through other views, is never
// stepped by recovery: it stays behind, at the epoch of its checkpoint, and is
// brought up to date by a goroutine of its own (pursuit.go) as soon as the records
// can be had. It goes through the epochs that it has missed one by one, so that its
// history, and what a sink takes from it, are those of before the crash.
//
//   - What it needs of other relations comes from their history, which is pinned.
//   - Its rows get the epochs that they had. Where a checkpoint of a later epoch has
//     come in between, the history on disk is complete only with the next one; the
//     view answers from then on.
//   - A new view over such a stream is built in the same way, beside the loop.

// behind is how far a view is that stands before the live group. The loop writes
// it; the view's pursuit reads it between its own requests to the loop.
type behind struct {
	At      Epoch            // the view holds everything up to here
	Marks   map[uint64]int64 // the watermarks of the streams below it at that epoch
	since   Epoch            // At, when this process began
	release func()           // of the history pinned at At
}

// relies reports whether scans rest on a stream that is read through.
func (e *Engine) relies(scans []*plan.Scan) bool {
	return slices.ContainsFunc(scans, func(s *plan.Scan) bool {
		rel := e.relation(s.Object)
		return rel != nil && (rel.outside != nil || rel.run != nil && e.relies(rel.run.scans))
	})
}

// outsideRows is how many rows of streams that are read through a view has before
// it.
func (r *runner) outsideRows() (rows int64) {
	for i, scan := range r.scans {
		if rel := r.e.relation(scan.Object); rel != nil && rel.outside != nil && r.detached != nil {
			if b, err := rel.topic.Bounds(0); err == nil {
				rows += max(b.End-max(r.detached.Next[i], b.Start), 0)
			}
		}
	}
	return rows
}

// stayBehind leaves a restored view where its checkpoint was.
func (e *Engine) stayBehind(r *runner, vm *viewMeta, m *meta) {
	b := vm.Behind
	if b == nil {
		b = &behind{At: m.Epoch, Marks: map[uint64]int64{}}
		for id := range e.streamsBelow(r.scans) {
			b.Marks[id] = m.Streams[id].mark()
		}
	}
	b.since, b.release = b.At, e.space.Pin(b.At)
	r.behind = b
	e.behinds++
	e.reads(r)
}

// streamsBelow are the streams that scans rest on.
func (e *Engine) streamsBelow(scans []*plan.Scan) map[uint64]*relation {
	out := map[uint64]*relation{}
	for _, s := range scans {
		switch rel := e.relation(s.Object); {
		case rel == nil:
		case rel.kind == streamRelation:
			out[rel.id] = rel
		case rel.run != nil:
			maps.Copy(out, e.streamsBelow(rel.run.scans))
		}
	}
	return out
}

// missed is what a view that is behind has to go through next.
type missed struct {
	to     Epoch
	epochs []Epoch // at which something happens to it, ascending
	pieces map[Epoch][]piece
	line   timeline
	marks  map[uint64]int64 // at to
}

// piece is a part of one scan's change.
type piece struct {
	scan int
	b    *vec.Batch   // nil: none
	errs []zset.Error // of a view
}

// collect reads what a view has missed after where it is, up to an epoch at most. It
// runs beside the loop. sealed are epochs at which time alone may have done
// something.
func (e *Engine) collect(ctx context.Context, r *runner, to Epoch, sealed []Epoch) (*missed, error) {
	at := r.behind.At
	for _, scan := range r.scans {
		if rel := e.relation(scan.Object); rel != nil && rel.outside != nil {
			var err error
			if to, err = rel.outside.epochAfter(at, to); err != nil {
				return nil, err
			}
		}
	}
	m := &missed{to: to, pieces: map[Epoch][]piece{}, marks: map[uint64]int64{}}
	note := func(ep Epoch, p ...piece) {
		if _, known := m.pieces[ep]; !known {
			m.epochs = append(m.epochs, ep)
		}
		m.pieces[ep] = append(m.pieces[ep], p...)
	}
	for i, scan := range r.scans {
		rel := e.relation(scan.Object)
		if rel == nil {
			return nil, errGone()
		}
		var err error
		if rel.kind == streamRelation {
			err = rel.scanStream(ctx, scan, at, to, func(ep Epoch, b *vec.Batch) error { note(ep, piece{scan: i, b: b}); return nil })
		} else if err = rel.answers(at); err == nil {
			err = rel.eachChange(scan, i, at, to, func(ep Epoch, p piece) error { note(ep, p); return nil })
		}
		if err != nil {
			return nil, err
		}
	}
	for id, rel := range e.streamsBelow(r.scans) {
		start := r.behind.Marks[id]
		moves, err := rel.movesBetween(at, to, start)
		if err != nil {
			return nil, err
		}
		for _, x := range moves {
			note(x.epoch)
		}
		m.marks[id] = start
		if n := len(moves); n > 0 {
			m.marks[id] = moves[n-1].to
		}
		m.line = append(m.line, append([]move{{at, start}}, moves...))
	}
	for _, ep := range sealed {
		if ep > at && ep <= to {
			note(ep)
		}
	}
	slices.Sort(m.epochs)
	return m, nil
}

// eachChange emits what the epochs in (from, to] did to a table or a view, for scan i.
func (rel *relation) eachChange(scan *plan.Scan, i int, from, to Epoch, emit func(Epoch, piece) error) error {
	err := rel.view.Changes(from, to, func(ep uint64, b *vec.Batch) error {
		return emit(ep, piece{scan: i, b: scanColumns(scan, b, nil, nil)})
	})
	if err != nil {
		return err
	}
	return rel.view.ErrorChanges(from, to, func(ep uint64, errs []zset.Error) error {
		return emit(ep, piece{scan: i, errs: errs})
	})
}

// pushPiece gives the circuit what a piece brings.
func (r *runner) pushPiece(s *operator.Step, p piece) error {
	if len(p.errs) > 0 {
		if err := r.rel.view.Errors(p.errs); err != nil {
			return err
		}
	}
	if p.b == nil {
		return nil
	}
	return r.circ.Push(s, p.scan, p.b, r.rel.view)
}

// goThrough steps a view through what it has missed. It runs on the loop.
func (r *runner) goThrough(m *missed) error {
	return r.back(func() error {
		for _, ep := range m.epochs {
			err := r.stepMissed(ep, m.line.at(ep), func(s *operator.Step) error {
				for _, p := range m.pieces[ep] {
					if p.b != nil {
						r.rowsIn.Add(int64(p.b.N))
					}
					if err := r.pushPiece(s, p); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		r.behind.At, r.behind.Marks = m.to, m.marks
		return nil
	})
}

// back lets the space go back to earlier epochs for a while.
func (r *runner) back(f func() error) error {
	defer func() { r.e.space.Begin(max(r.e.applied.Load(), 1)) }()
	return f()
}

// stepMissed is one epoch of the past for one view.
func (r *runner) stepMissed(ep Epoch, mark int64, push func(*operator.Step) error) error {
	r.e.space.Begin(ep)
	s := r.env
	s.Epoch, s.Time, s.Watermark = ep, int64(ep), mark
	if err := push(&s); err != nil {
		return err
	}
	r.mark = mark
	return r.settleSlice(&s, ep)
}

// stepChange is an epoch that came through a feed.
func (r *runner) stepChange(c *Change) error {
	return r.stepMissed(c.Epoch, c.Watermark, func(s *operator.Step) error { return r.pushChange(s, c, nil) })
}

// pushChange pushes what an epoch did to the scans that want says (nil: all).
func (r *runner) pushChange(s *operator.Step, c *Change, want func(scan int) bool) error {
	for i, d := range c.Deltas {
		if d == nil || want != nil && !want(i) {
			continue
		}
		if err := r.pushDelta(s, i, d); err != nil {
			return err
		}
	}
	return nil
}

// rejoin makes a view that has caught up part of the live group.
func (r *runner) rejoin() {
	e := r.e
	late := r.behind.since < e.ck.begun
	r.letGo()
	r.behind = nil
	e.reads(r) // until a checkpoint has it here
	e.hasRead(r, e.applied.Load())
	e.setRelation(r.rel.id, r.rel)
	e.publishMarks()
	e.setAlarm()
	if !late {
		r.live()
		return
	}
	// A checkpoint is ahead of some of its history; the next one has it.
	if e.applied.Load() == e.ck.begun {
		if _, err := e.seal(nil); err != nil {
			e.log.Warn("could not seal an epoch for a view that has caught up", "view", r.def.Name, "err", err)
		}
	}
	r.settles = e.applied.Load()
	e.checkpoint()
}

// live lets readers in.
func (r *runner) live() {
	r.settles = 0
	r.state.Store(&viewState{})
	close(r.ready)
	r.e.log.Info("view is live", "view", r.def.Name)
}

// settleViews lets readers into views whose history a checkpoint has completed.
func (e *Engine) settleViews() {
	waits := false
	for _, r := range e.runners {
		if r.settles == 0 {
			continue
		}
		e.ck.mu.Lock()
		done := e.ck.epoch >= r.settles
		e.ck.mu.Unlock()
		if done {
			r.live()
		}
		waits = waits || !done
	}
	if waits {
		e.checkpoint()
	}
}

// epochAfter is the last epoch up to which, after at, no more rows come than are
// read at a time; at least one epoch with rows, at most to.
func (t *outsideTopic) epochAfter(at, to Epoch) (Epoch, error) {
	rows, last := int64(0), Epoch(0)
	err := t.eachCut(&topic.Scan{After: at, UpTo: to}, func(cuts []cutRow) error {
		for _, c := range cuts {
			if last != 0 && c.epoch != last && rows+c.rows > t.window {
				return errEnough
			}
			rows, last = rows+c.rows, c.epoch
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return last, nil
	}
	return to, err
}
