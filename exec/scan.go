package exec

import (
	"context"
	"math"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// scanAt emits the rows of a scan as they stood at an epoch. A scan's own AS OF
// SYSTEM TIME goes before ep, its EVENT TIME is applied on top.
func (e *Engine) scanAt(ctx context.Context, s *plan.Scan, ep Epoch, emit func(*vec.Batch) error) error {
	if s.SystemTime != nil {
		ep = min(ep, Epoch(max(*s.SystemTime, 0)))
	}
	rel := e.relation(s.Object)
	if rel == nil {
		return sqlerr.New(sqlerr.UndefinedTable, "relation %q does not exist", s.Name)
	}
	if rel.kind == streamRelation {
		return rel.scanStream(ctx, s, 0, ep, func(_ Epoch, b *vec.Batch) error { return emit(b) })
	}
	if err := rel.answers(ep); err != nil {
		return err
	}
	if s.EventTime != nil && s.RowtimeCol >= 0 {
		return rel.scanEventTime(s, ep, emit)
	}
	return rel.view.Scan(ep, rel.storedFields(s.Fields), emit)
}

// takeAt is scanAt for a standing query: errors of the views that it reads come along,
// alone if it does not want the rows.
func (e *Engine) takeAt(ctx context.Context, s *plan.Scan, ep Epoch, rows bool, out operator.Emit) error {
	rel := e.relation(s.Object)
	switch {
	case rel != nil && rel.kind == viewRelation && !rows:
		return rel.view.TakeErrors(ep, out)
	case !rows:
		return nil
	case rel == nil || rel.kind != viewRelation || s.SystemTime != nil:
		return e.scanAt(ctx, s, ep, out.Batch)
	}
	if err := rel.answers(ep); err != nil {
		return err
	}
	return rel.view.Take(ep, rel.storedFields(s.Fields), out)
}

// answers fails if the relation cannot answer for an epoch any more, or not yet.
func (r *relation) answers(ep Epoch) error {
	horizon := r.view.Horizon()
	if r.run != nil {
		if err := r.run.answers(); err != nil {
			return err
		}
		horizon = max(horizon, r.run.from)
	}
	if ep >= horizon {
		return nil
	}
	return sqlerr.New(sqlerr.SnapshotTooOld, "relation %q does not know what it held at the system time asked for", r.name).
		WithDetail("The earliest system time it answers for is %s.", showEpoch(horizon)).
		WithHint("Ask for a later time, or keep more with WITH (retain_history = …).")
}

// storedFields maps a scan's fields to stored columns: a bag's row number is its
// last one.
func (r *relation) storedFields(fields []int) []int {
	out := make([]int, len(fields))
	for i, f := range fields {
		if out[i] = f; f == plan.FieldPosition {
			out[i] = len(r.types) - 1
		}
	}
	return out
}

// scanStream emits the records of epochs in (after, upTo], with their epoch: one
// epoch a batch if after > 0 asks for changes, else as they are stored.
func (r *relation) scanStream(ctx context.Context, s *plan.Scan, after, upTo Epoch, emit func(Epoch, *vec.Batch) error) error {
	if upTo == 0 {
		return nil
	}
	return r.readStream(ctx, s, topic.Scan{After: after, UpTo: upTo}, emit)
}

// readStream emits the records in a range of epochs or positions as a scan wants
// them; one epoch a batch if changes after an epoch are asked for.
func (r *relation) readStream(ctx context.Context, s *plan.Scan, read topic.Scan, emit func(Epoch, *vec.Batch) error) error {
	at := r.wantOf(s, &read)
	if err := r.fromStart(&read); err != nil {
		return err
	}
	return r.topicFor(ctx).Read(0, read, func(rows *topic.Rows) error {
		lo := 0
		for _, run := range rows.Epochs {
			hi := lo + run.Rows
			if read.After == 0 {
				hi = rows.Batch.N
			}
			if b := r.streamBatch(s, rows.Slice(lo, hi), at); b.N > 0 {
				if err := emit(run.Epoch, b); err != nil {
					return err
				}
			}
			if lo = hi; lo == rows.Batch.N {
				break
			}
		}
		return nil
	})
}

// wantOf says what to read for a scan; at is where its fields then are, -1 = not
// among the columns.
func (r *relation) wantOf(s *plan.Scan, read *topic.Scan) (at []int) {
	want := make([]int, 0, len(s.Fields)+1)
	at = make([]int, len(s.Fields))
	for i, f := range s.Fields {
		at[i] = -1
		if f >= 0 {
			at[i] = len(want)
			want = append(want, f)
		}
	}
	read.Columns, read.Types, read.Rowtime = want, r.types, s.EventTime != nil
	return at
}

// topicFor is the stream as one who may be cancelled reads it.
func (r *relation) topicFor(ctx context.Context) topic.Topic {
	if r.outside != nil {
		return r.outside.with(ctx)
	}
	return r.topic
}

// fromStart lets a scan of everything begin with what the stream still keeps. It is
// an error if nothing of that had come by the epoch asked for.
func (r *relation) fromStart(read *topic.Scan) error {
	if read.From > 0 || read.After > 0 {
		return nil
	}
	b, err := r.topic.Bounds(0)
	if err != nil || b.Start == 0 {
		return err
	}
	if read.UpTo > 0 && read.UpTo+1 < b.CompleteFrom {
		return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q no longer has the records of the system time asked for", r.name).
			WithDetail("It has all records since %s.", showEpoch(b.CompleteFrom)).
			WithHint("Ask for a later time, or keep more with WITH (retention = …).")
	}
	read.From = b.Start
	return nil
}

func (r *relation) streamBatch(s *plan.Scan, rows *topic.Rows, at []int) *vec.Batch {
	out := &vec.Batch{N: rows.Batch.N, Cols: make([]*vec.Vec, len(s.Fields))}
	for i, f := range s.Fields {
		switch {
		case at[i] >= 0:
			out.Cols[i] = rows.Batch.Cols[at[i]]
		case f == plan.FieldPosition:
			out.Cols[i] = sequence(rows.First, out.N)
		case f == plan.FieldEpoch:
			v := repeat(0, out.N)
			for k, n := 0, 0; k < len(rows.Epochs); k++ {
				for range rows.Epochs[k].Rows {
					v.Ints[n] = int64(rows.Epochs[k].Epoch)
					n++
				}
			}
			out.Cols[i] = v
		}
	}
	var drop []bool
	if s.DropLate && rows.Late != nil {
		drop = append(drop, rows.Late...)
	}
	if s.EventTime != nil && rows.Rowtime != nil {
		if drop == nil {
			drop = make([]bool, out.N)
		}
		for i, t := range rows.Rowtime {
			drop[i] = drop[i] || t > *s.EventTime
		}
	}
	if drop != nil {
		out = dropMarked(out, drop)
	}
	return out
}

// scanEventTime emits the rows of a table with an event-time column as they were
// at an event time, by what was known at epoch ep: of each key that stands at ep,
// the version with the greatest rowtime that is not after the asked one. A
// version holds from its rowtime to the next version's.
func (r *relation) scanEventTime(s *plan.Scan, ep Epoch, emit func(*vec.Batch) error) error {
	type pick struct {
		batch *vec.Batch
		row   int
		time  int64
	}
	best := map[string]pick{}
	standing := map[string]bool{}
	consider := func(b *vec.Batch, live bool) {
		keys := keysOf(b, r.key)
		times := b.Cols[r.rowtime]
		for i := range b.N {
			if b.Weight(i) < 0 {
				continue
			}
			k := string(keys.Key(i))
			if live {
				standing[k] = true
			}
			t := int64(math.MinInt64)
			if !times.IsNull(i) {
				t = times.Ints[i]
			}
			if old, ok := best[k]; t <= *s.EventTime && (!ok || t >= old.time) {
				best[k] = pick{b, i, t}
			}
		}
	}
	since := r.view.Horizon()
	if since > r.created {
		return sqlerr.New(sqlerr.SnapshotTooOld, "table %q no longer has all versions that AS OF EVENT TIME needs", r.name).
			WithDetail("Versions superseded before %s have expired.", showEpoch(since)).
			WithHint("Create the table WITH (retain_history = 'forever'), or longer than its corrections come.")
	}
	err := r.view.Changes(since, ep, func(_ uint64, b *vec.Batch) error {
		consider(b, false)
		return nil
	})
	if err != nil {
		return err
	}
	err = r.view.Scan(ep, nil, func(b *vec.Batch) error {
		consider(b, true)
		return nil
	})
	if err != nil {
		return err
	}
	fields := r.storedFields(s.Fields)
	var parts []*vec.Batch
	for k, p := range best {
		if standing[k] {
			row := p.batch.Select([]int32{int32(p.row)})
			parts = append(parts, &vec.Batch{N: 1, Cols: pickColumns(row.Cols, fields)})
		}
	}
	if out := zset.ConsolidateAll(parts); out != nil {
		return emit(out)
	}
	return nil
}
