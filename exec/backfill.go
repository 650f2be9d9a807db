package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/topic"
)

// A new view over much history is not built within the epoch of its CREATE, which
// would hold everyone up. It is detached: the loop feeds it a slice of history
// whenever nothing else waits, and at least one slice between epochs, until no
// history is left; then, at an epoch boundary, it joins the live group.
//
//   - Tables and views below it are read at the cut, the epoch of the CREATE, and
//     what changed since then comes from their history when the view joins.
//   - Streams are read by position, which only grows; nothing is kept aside.
//   - The watermark stays below everything until the view joins, so no window
//     closes early; late records are known by their recorded mark.
//   - The epoch at which it joins has a frame of its own, so that it answers for the
//     same epochs after a crash.
//   - A checkpoint holds the state and the positions of the same moment, so a crash
//     resumes where the checkpoint was.

// sliceRows is how much history one slice feeds; it bounds what an epoch that
// comes meanwhile has to wait.
const sliceRows = 32 * 1024

// detached is what a view that is being built knows of its way.
type detached struct {
	Cut     Epoch   // tables and views were read at this epoch
	Next    []int64 // per scan: next position of a stream's record, -1 for tables
	Done    int64   // rows
	Started int64   // µs
	// Unread: tables and views have still to be read.
	Unread bool `json:",omitempty"`
	// JoinAt is the epoch at which it joined before a crash, 0 = it had not.
	JoinAt  Epoch  `json:",omitempty"`
	release func() // of the history pinned at Cut
}

// beginView starts to build a view at epoch ep: inside this epoch if its history is
// short, detached otherwise.
func (e *Engine) beginView(def ViewDef, ep Epoch) error {
	sh := &sharing{e: e, ep: ep}
	var registry circuit.Registry
	below, _, _ := scansOf(def.Plan)
	relies := e.relies(below)
	if !relies && e.historyRows(def.Plan) <= e.cfg.InlineRows {
		registry = sh.fresh
	}
	r, err := e.buildView(def, sh, registry)
	if err != nil {
		return err
	}
	r.detached = &detached{Cut: ep, Next: make([]int64, len(r.scans)), Started: e.cfg.Now(), release: e.space.Pin(ep)}
	r.relies = relies
	e.reads(r)
	r.rel.view.SetWanted(false)
	e.setRelation(def.ID, r.rel)
	if relies && e.recovering {
		return r.beginLater(ep)
	}
	s := r.slice(ep)
	s.Load = len(sh.used) > 0 // then all of the history is one step
	for i, scan := range r.scans {
		rel := e.relation(scan.Object)
		if rel != nil && rel.kind == streamRelation {
			b, err := rel.topic.Bounds(0)
			if err != nil {
				return r.fail(err)
			}
			r.detached.Next[i] = b.Start
			if s.Load && b.End > b.Start {
				if err := r.feed(s, i, b.End); err != nil {
					return r.fail(err)
				}
			}
			continue
		}
		r.detached.Next[i] = -1
		if err := e.takeAt(context.Background(), scan, ep, true, &fed{r, s, i}); err != nil {
			return r.fail(err)
		}
	}
	if err := r.settleSlice(s, ep); err != nil {
		return r.fail(err)
	}
	if r.outsideRows() > 0 {
		e.pursue(r)
		return nil
	}
	if left := r.left(); left > e.cfg.InlineRows {
		if relies {
			e.pursue(r)
			return nil
		}
		e.log.Info("view is built beside the live group", "view", def.Name, "rows", left)
		e.backfills = append(e.backfills, r)
		return nil
	}
	for r.detached != nil {
		if err := r.advance(ep); err != nil {
			return r.fail(err)
		}
	}
	return nil
}

// beginLater begins a view that recovery cannot build: it joins where it did, as
// soon as what is outside can be read.
func (r *runner) beginLater(ep Epoch) error {
	r.detached.Unread = true
	for i, scan := range r.scans {
		r.detached.Next[i] = -1
		if rel := r.e.relation(scan.Object); rel != nil && rel.kind == streamRelation {
			b, err := rel.topic.Bounds(0)
			if err != nil {
				return r.fail(err)
			}
			r.detached.Next[i] = b.Start
		}
	}
	if r.outsideRows() == 0 && r.left() <= r.e.cfg.InlineRows {
		r.detached.JoinAt = ep
	}
	return nil
}

// fed is a view that is being built, as the Emit of what it reads.
type fed struct {
	r    *runner
	s    *operator.Step
	scan int
}

func (f *fed) Batch(b *vec.Batch) error {
	f.r.detached.Done += int64(b.N)
	return f.r.circ.Push(f.s, f.scan, b, f.r.rel.view)
}

func (f *fed) Errors(errs []zset.Error) error { return f.r.rel.view.Errors(errs) }

// slice is a step for history: no watermark, nothing closes.
func (r *runner) slice(ep Epoch) *operator.Step {
	s := r.env
	s.Epoch, s.Time, s.Watermark = ep, int64(ep), noWatermark
	return &s
}

func (r *runner) settleSlice(s *operator.Step, ep Epoch) error {
	if err := r.circ.Flush(s, r.rel.view); err != nil {
		return err
	}
	_, err := r.rel.view.Commit(ep)
	return err
}

// left is how many rows of history are still to be fed.
func (r *runner) left() (rows int64) {
	for i, scan := range r.scans {
		if rel := r.e.relation(scan.Object); rel != nil && r.detached.Next[i] >= 0 {
			if b, err := rel.topic.Bounds(0); err == nil {
				rows += max(b.End-max(r.detached.Next[i], b.Start), 0)
			}
		}
	}
	return rows
}

// advance feeds one slice, or, when none is left, lets the view join at epoch ep,
// the applied one. It runs between epochs.
func (r *runner) advance(ep Epoch) error {
	for i, scan := range r.scans {
		next := r.detached.Next[i]
		rel := r.e.relation(scan.Object)
		if next < 0 || rel == nil {
			continue
		}
		b, err := rel.topic.Bounds(0)
		if err != nil {
			return err
		}
		if next >= b.End {
			continue
		}
		until := min(max(next, b.Start)+sliceRows, b.End)
		s := r.slice(ep)
		if err := r.feed(s, i, until); err != nil {
			return err
		}
		return r.settleSlice(s, ep)
	}
	return r.join(ep)
}

// feed pushes a stream's records up to a position.
func (r *runner) feed(s *operator.Step, scan int, until int64) error {
	next := r.detached.Next[scan]
	rel := r.e.relation(r.scans[scan].Object)
	err := rel.readStream(context.Background(), r.scans[scan], topic.Scan{From: next, Until: until}, func(_ Epoch, b *vec.Batch) error {
		r.detached.Done += int64(b.N)
		return r.circ.Push(s, scan, b, r.rel.view)
	})
	if err != nil {
		return err
	}
	r.detached.Next[scan] = until
	r.rowsIn.Add(until - next)
	return nil
}

// join makes the view part of the live group: its tables and views catch up from
// the cut, and the watermark takes effect.
func (r *runner) join(ep Epoch) error {
	s := r.slice(ep)
	s.Watermark = r.e.minWatermark(r.scans)
	for i, scan := range r.scans {
		rel := r.e.relation(scan.Object)
		if r.detached.Next[i] >= 0 || rel == nil || r.detached.Cut == ep {
			continue
		}
		if err := rel.answers(r.detached.Cut); err != nil {
			return err
		}
		err := rel.eachChange(scan, i, r.detached.Cut, ep, func(_ Epoch, p piece) error { return r.pushPiece(s, p) })
		if err != nil {
			return err
		}
	}
	if err := r.settleSlice(s, ep); err != nil {
		return err
	}
	r.mark, r.from = s.Watermark, ep
	r.detached.release()
	r.detached = nil
	r.e.hasRead(r, ep)
	r.e.setRelation(r.rel.id, r.rel) // now among the runners
	r.state.Store(&viewState{})
	close(r.ready)
	return nil
}

// fail takes a view out of service: reading it gives the error. It is not the
// engine's failure, but for what a start cannot read: the files were well when the view
// was created, and may be again.
func (r *runner) fail(err error) error {
	if code := sqlerr.CodeOf(err); r.e.recovering && (code == sqlerr.DataCorrupted || code == sqlerr.IOError) {
		return fmt.Errorf("view %q: %w", r.def.Name, err)
	}
	r.e.log.Error("view cannot be built", "view", r.def.Name, "err", err)
	r.e.unshare(r)
	r.letGo()
	r.state.Store(&viewState{err: err})
	close(r.ready)
	return nil
}

// failure is an error as a checkpoint keeps it.
type failure struct {
	Code          sqlerr.Code
	Message, Hint string `json:",omitempty"`
}

func newFailure(err error) *failure {
	f := &failure{Code: sqlerr.CodeOf(err), Message: err.Error()}
	var coded *sqlerr.Error
	if errors.As(err, &coded) {
		f.Hint = coded.Hint
	}
	return f
}

func (f *failure) err() error { return sqlerr.New(f.Code, "%s", f.Message).WithHint("%s", f.Hint) }

// letGo gives up the history that a view has needed on its way.
func (r *runner) letGo() {
	r.e.readsNoMore(r)
	if r.detached != nil {
		r.detached.release()
		r.detached.release = func() {}
	}
	if r.behind != nil && r.behind.release != nil {
		r.behind.release()
		r.behind.release = nil
		r.e.behinds--
	}
}

// backfill runs one slice of one detached view, in turn.
func (e *Engine) backfill() {
	r := e.backfills[0]
	e.backfills = e.backfills[1:]
	if e.relation(r.rel.id) != r.rel {
		return // dropped
	}
	ep := e.applied.Load()
	if r.left() == 0 {
		if ep = e.sealJoin(r); e.dead != nil {
			return
		}
	}
	err := guard("backfill", func() error { return r.advance(ep) })
	switch {
	case err != nil:
		_ = r.fail(err)
	case r.detached != nil:
		st := &viewState{building: true, done: r.detached.Done, total: r.detached.Done + r.left(), started: r.detached.Started}
		r.state.Store(st)
		e.backfills = append(e.backfills, r)
	default:
		e.publishMarks()
		e.log.Info("view has joined the live group", "view", r.def.Name)
	}
}

// sealJoin makes an epoch for a view to join at. Where the journal takes none, the
// view joins at the applied one all the same, until the next crash.
func (e *Engine) sealJoin(r *runner) Epoch {
	if _, err := e.seal([]journal.Entry{{Kind: journal.KindMeta, Object: r.rel.id}}); err != nil {
		e.log.Warn("could not seal the epoch at which a view joins", "view", r.def.Name, "err", err)
	}
	return e.applied.Load()
}

// replayJoin lets a view join where the journal says that it did.
func (e *Engine) replayJoin(id uint64, ep Epoch) error {
	rel := e.relation(id)
	if rel == nil || rel.run == nil || rel.run.detached == nil || rel.run.state.Load().err != nil {
		return nil
	}
	r := rel.run
	if r.relies {
		r.detached.JoinAt = ep
		return nil
	}
	e.backfills = slices.DeleteFunc(e.backfills, func(b *runner) bool { return b == r })
	for r.detached != nil {
		if err := guard("backfill", func() error { return r.advance(ep) }); err != nil {
			return r.fail(err)
		}
	}
	e.publishMarks()
	return nil
}

// viewState is what readers may know of a view's way.
type viewState struct {
	building    bool
	done, total int64
	started     int64
	waits       error // why it does not get on
	err         error
}

// answers fails while the view is being built, or cannot be.
func (r *runner) answers() error {
	switch st := r.state.Load(); {
	case st.err != nil:
		return fmt.Errorf("view %q could not be built: %w", r.def.Name, st.err)
	case st.waits != nil:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "materialized view %q is not live: what it is made of cannot be read now: %v", r.def.Name, st.waits).
			WithHint("It goes on by itself as soon as its source can be reached.")
	case st.building && r.relies && st.total == 0:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "materialized view %q is not live yet: it goes through what it has missed", r.def.Name).
			WithHint("It goes on by itself; sys.views shows its state.")
	case st.building:
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "materialized view %q is still being built: %d of %d rows", r.def.Name, st.done, st.total).
			WithHint("Wait until it is live; sys.backfills shows the progress.")
	}
	return nil
}

// WaitView waits until a view that has been created is live, telling its progress
// every now and then. An error means that it could not be built.
func (e *Engine) WaitView(ctx context.Context, id uint64, progress func(done, total int64)) error {
	rel := e.relation(id)
	if rel == nil || rel.run == nil {
		return errGone()
	}
	tell := time.NewTicker(2 * time.Second)
	defer tell.Stop()
	for {
		select {
		case <-rel.run.ready:
			return rel.run.answers()
		case <-tell.C:
			if st := rel.run.state.Load(); st.building {
				progress(st.done, st.total)
			}
		case <-e.stopped:
			return errShutdown()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Backfill is a view that is being built beside the live group.
type Backfill struct {
	View        string
	Done, Total int64 // rows
	Started     int64 // µs
}

// Backfills are those that run.
func (e *Engine) Backfills() []Backfill {
	var out []Backfill
	for _, rel := range *e.rels.Load() {
		if rel.run != nil {
			if st := rel.run.state.Load(); st.building {
				out = append(out, Backfill{rel.name, st.done, st.total, st.started})
			}
		}
	}
	return out
}
