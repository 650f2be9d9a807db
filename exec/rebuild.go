package exec

import (
	"context"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// A pursuit builds a view over a stream that is read through, be it new or one that
// had joined the live group shortly before a crash.

// label is the epoch under which a view that is being built keeps its rows.
func (r *runner) label() Epoch {
	if r.detached.JoinAt > 0 {
		return r.detached.JoinAt
	}
	return r.e.applied.Load()
}

// readTables reads the tables and views below a view that recovery left unread.
func (e *Engine) readTables(ctx context.Context, r *runner) error {
	if !r.detached.Unread {
		return nil
	}
	var pieces []piece
	for i, scan := range r.scans {
		if r.detached.Next[i] >= 0 {
			continue
		}
		if err := e.takeAt(ctx, scan, r.detached.Cut, true, &collected{scan: i, pieces: &pieces}); err != nil {
			return err
		}
	}
	return e.onView(ctx, r, func() error {
		if err := r.pushPieces(pieces); err != nil {
			return err
		}
		r.detached.Unread = false
		return nil
	})
}

// collected gathers what a scan gives.
type collected struct {
	scan   int
	pieces *[]piece
}

func (c *collected) Batch(b *vec.Batch) error {
	*c.pieces = append(*c.pieces, piece{scan: c.scan, b: b})
	return nil
}

func (c *collected) Errors(errs []zset.Error) error {
	*c.pieces = append(*c.pieces, piece{scan: c.scan, errs: errs})
	return nil
}

// pushPieces is a slice of history for a view that is being built.
func (r *runner) pushPieces(pieces []piece) error {
	return r.back(func() error {
		ep := r.label()
		r.e.space.Begin(ep)
		s := r.slice(ep)
		for _, p := range pieces {
			if p.b != nil {
				r.detached.Done += int64(p.b.N)
			}
			if err := r.pushPiece(s, p); err != nil {
				return broken{err}
			}
		}
		return breaks(r.settleSlice(s, ep))
	})
}

// readHistory reads the streams below a view that is being built, up to an epoch.
func (e *Engine) readHistory(ctx context.Context, r *runner, upTo Epoch) error {
	for i, scan := range r.scans {
		rel := e.relation(scan.Object)
		if rel == nil || r.detached.Next[i] < 0 {
			continue
		}
		var pieces []piece
		rows, next := 0, r.detached.Next[i]
		flush := func() error {
			if rows == 0 {
				return nil
			}
			err := e.onView(ctx, r, func() error {
				if err := r.pushPieces(pieces); err != nil {
					return err
				}
				r.rowsIn.Add(next - r.detached.Next[i])
				r.detached.Next[i] = next
				r.state.Store(&viewState{building: true, done: r.detached.Done, total: r.detached.Done + r.left(), started: r.detached.Started})
				return nil
			})
			pieces, rows = nil, 0
			return err
		}
		b, err := rel.topic.Bounds(0)
		if err != nil {
			return err
		}
		if next = max(next, b.Start); next >= b.End {
			continue
		}
		read := topic.Scan{From: next, UpTo: upTo}
		at := rel.wantOf(scan, &read)
		err = rel.topicFor(ctx).Read(0, read, func(rs *topic.Rows) error {
			pieces = append(pieces, piece{scan: i, b: rel.streamBatch(scan, rs, at)})
			next = rs.End()
			if rows += rs.Batch.N; rows >= sliceRows {
				return flush()
			}
			return nil
		})
		if err == nil {
			err = flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// joinBeside lets a view that has been built join the live group now.
func (e *Engine) joinBeside(ctx context.Context, r *runner) error {
	feed, cut, err := e.follow(ctx, r)
	if err != nil {
		return err
	}
	defer feed.Close()
	if err := e.readHistory(ctx, r, cut); err != nil {
		return err
	}
	return e.onView(ctx, r, func() error {
		changes, err := feed.take()
		if err != nil {
			return err
		}
		ep := e.sealJoin(r)
		if e.dead != nil {
			return e.dead
		}
		s := r.slice(ep)
		for i := range changes {
			if err := r.pushChange(s, &changes[i], func(scan int) bool { return r.detached.Next[scan] >= 0 }); err != nil {
				return broken{err}
			}
		}
		if err := r.settleSlice(s, ep); err != nil {
			return broken{err}
		}
		if err := r.join(ep); err != nil {
			return broken{err}
		}
		e.publishMarks()
		e.setAlarm()
		e.log.Info("view has joined the live group", "view", r.def.Name)
		return nil
	})
}

// joinPast lets a view that has been built take its place at the epoch at which,
// says the journal, it joined. It is behind then.
func (e *Engine) joinPast(ctx context.Context, r *runner) error {
	at := r.detached.JoinAt
	line, marks := timeline{}, map[uint64]int64{}
	for id, rel := range e.streamsBelow(r.scans) {
		moves, err := rel.moves(at)
		if err != nil {
			return err
		}
		line = append(line, moves)
		marks[id] = timeline{moves}.at(at)
	}
	var pieces []piece
	for i, scan := range r.scans {
		rel := e.relation(scan.Object)
		if r.detached.Next[i] >= 0 || rel == nil || r.detached.Cut == at {
			continue
		}
		if err := rel.answers(r.detached.Cut); err != nil {
			return err
		}
		if err := rel.eachChange(scan, i, r.detached.Cut, at, func(_ Epoch, p piece) error {
			pieces = append(pieces, p)
			return nil
		}); err != nil {
			return err
		}
	}
	return e.onView(ctx, r, func() error {
		if err := r.pushPieces(pieces); err != nil {
			return err
		}
		err := r.back(func() error { return breaks(r.stepMissed(at, line.at(at), func(*operator.Step) error { return nil })) })
		if err != nil {
			return err
		}
		r.from = at
		r.behind = &behind{At: at, Marks: marks, since: min(at, r.detached.Cut), release: r.detached.release}
		r.detached = nil
		e.behinds++
		return nil
	})
}
