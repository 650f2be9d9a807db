package connector

import (
	"context"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// The rows that stand when a sink begins may be more than one transaction should
// hold. They are written in parts, each with its number beside the epoch; whoever
// goes on after a crash reads the rows as of that epoch again, which are kept
// until all parts are there, and leaves the parts out that are.

// standing is the rows that stand at an epoch.
type standing struct {
	k           *sink
	epoch       exec.Epoch
	rows, bytes int64
	held        *vec.Batch // all of them; nil: none, or too many to hold, so that they are read as they are written
}

// ofUpdate is the rows that a subscription begins with.
func (k *sink) ofUpdate(u exec.Update) *standing {
	s := &standing{k: k, epoch: u.Epoch, held: u.Rows}
	if u.Rows != nil {
		s.rows, s.bytes = int64(u.Rows.N), batchBytes(u.Rows)
	}
	return s
}

// stands looks at the rows that stand at an epoch, and holds them if they are few.
func (k *sink) stands(ctx context.Context, epoch exec.Epoch) (*standing, error) {
	s := &standing{k: k, epoch: epoch}
	var few []*vec.Batch
	err := s.read(ctx, func(b *vec.Batch) error {
		s.rows, s.bytes = s.rows+int64(b.N), s.bytes+batchBytes(b)
		if s.bytes > k.m.cfg.SinkBytes {
			few = nil
			return nil
		}
		few = append(few, b.Select(upTo(b.N)))
		return nil
	})
	if len(few) > 0 {
		s.held = vec.Concat(few)
	}
	return s, err
}

func upTo(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

func (s *standing) read(ctx context.Context, emit func(*vec.Batch) error) error {
	return s.k.m.engine.Read(ctx, s.k.def.Plan, exec.ReadOptions{Epoch: s.epoch, Ctx: s.k.def.Ctx}, func(b *vec.Batch) error {
		if b == nil || b.N == 0 {
			return nil
		}
		return emit(b)
	})
}

// passes is how many times rows that are too many to hold are read at most: so much
// of them at a time is in memory, if it is more than SinkBytes.
const passes = 16

// together is how many of so many parts are taken at a time.
func (s *standing) together(parts int) int {
	if s.held != nil || s.bytes == 0 {
		return parts
	}
	most := max(s.k.m.cfg.SinkBytes, s.bytes/passes)
	return int(min(max(int64(parts)*most/s.bytes, 1), int64(parts)))
}

// take gives parts [lo, hi) of so many. One without rows is nil.
func (s *standing) take(ctx context.Context, lo, hi, parts int) ([]*vec.Batch, error) {
	key := s.k.def.Spec.PK
	out := make([]*vec.Batch, hi-lo)
	if s.held != nil && parts == 1 {
		out[0] = s.held
		return out, nil
	}
	pieces := make([][]*vec.Batch, hi-lo)
	deal := func(b *vec.Batch) error {
		for i, sel := range parted(b, key, parts)[lo:hi] {
			if len(sel) > 0 {
				pieces[i] = append(pieces[i], b.Select(sel))
			}
		}
		return nil
	}
	var err error
	switch {
	case s.held != nil:
		err = deal(s.held)
	case s.rows > 0:
		err = s.read(ctx, deal)
	}
	for i, p := range pieces {
		if len(p) > 0 {
			out[i] = vec.Concat(p)
		}
		pieces[i] = nil
	}
	return out, err
}

// snapshot writes the rows that stood. What it has not written when it fails is
// read again.
func (k *sink) snapshot(ctx context.Context, t target, s *standing) (err error) {
	k.due = nil
	defer func() {
		if err != nil {
			k.unsubscribe()
		}
	}()
	at := progress{epoch: s.epoch, parts: int(s.bytes/k.def.BatchBytes) + 1}
	if k.begins.parts > 0 {
		at = k.begins
	} else if err := k.holdSnapshot(s.epoch); err != nil {
		return err
	}
	left := s.rows
	for lo := at.part; lo < at.parts; {
		hi := min(lo+s.together(at.parts), at.parts)
		rows, err := s.take(ctx, lo, hi, at.parts)
		if err != nil {
			return terminal(err)
		}
		for i, b := range rows {
			to := progress{epoch: s.epoch, part: lo + i + 1, parts: at.parts}
			if to.part == to.parts {
				to.part, to.parts = 0, 0
			}
			if err := k.put(ctx, t, []exec.Update{{Epoch: s.epoch, Rows: b, Snapshot: true}}, to); err != nil {
				return err
			}
			if b != nil {
				left -= int64(b.N)
				k.feed.partly(int64(b.N))
			}
			rows[i] = nil
		}
		lo = hi
	}
	k.feed.partly(left) // parts of before
	k.begins, k.written = progress{}, s.epoch
	k.feed.wrote([]exec.Update{{Epoch: s.epoch}})
	if err := k.hold(s.epoch); err != nil {
		return err
	}
	k.noteAt(s.epoch, true)
	return k.releaseSnapshot()
}

// put writes updates, within the time that they may take.
func (k *sink) put(ctx context.Context, t target, us []exec.Update, to progress) error {
	if err := k.m.cfg.stop("sink: before write"); err != nil {
		return err
	}
	began := time.Now()
	var bytes int64
	for i := range us {
		if us[i].Rows != nil {
			bytes += batchBytes(us[i].Rows)
		}
	}
	writeCtx, cancel := context.WithTimeout(ctx, k.writeTime(bytes))
	err := k.writeTo(writeCtx, t, us, to)
	cancel()
	if err != nil {
		return terminal(err)
	}
	k.note(us, time.Since(began))
	k.works()
	return k.m.cfg.stop("sink: after write")
}

// writeTime is how long a transaction of so many bytes may take: where the sink has
// to tell that it is too far behind, not much longer than until then.
func (k *sink) writeTime(bytes int64) time.Duration {
	most := k.m.cfg.WriteTimeout * time.Duration(1+bytes/largeBytes)
	if k.def.OnLag == KeepTrying {
		return most
	}
	return min(most, max(k.def.MaxLag-k.behind(), k.m.cfg.LateTimeout))
}

// largeBytes of changes get the time of one transaction more.
const largeBytes = 32 << 20

// holdSnapshot keeps what stands at an epoch, so that it can be read again.
func (k *sink) holdSnapshot(at exec.Epoch) error {
	for _, id := range scanned(k.def.Plan) {
		err := k.m.engine.Hold(k.snapshotHold(id), id, at)
		if sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
			return errAgain // it took too long; what stands now is still there
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// releaseSnapshot ends what holdSnapshot keeps, if anything.
func (k *sink) releaseSnapshot() error {
	for _, id := range scanned(k.def.Plan) {
		if err := k.m.engine.Release(k.snapshotHold(id)); err != nil {
			return err
		}
	}
	return nil
}

func (k *sink) snapshotHold(object uint64) string { return k.holdName(object) + " snapshot" }
