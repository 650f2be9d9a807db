package exec

import (
	"context"
	"errors"
	"sort"
	"sync/atomic"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Outside is where the records of a stream are that Tarn does not keep itself: a
// topic of Kafka. Any number of goroutines may call it.
type Outside interface {
	// Start is the first offset that the partition still has.
	Start(ctx context.Context, partition int32) (int64, error)
	// LeavesOut reports whether reading leaves out what is no longer there. Else that
	// is an error.
	LeavesOut() bool
	// Read gives the rows of the records [from, to) of a partition again, as they
	// were decoded first, those that gave no row left out: in order, each with its
	// offset. Only columns is of interest, nil: all; others may be NULL. An error of
	// yield ends it and is returned.
	Read(ctx context.Context, partition int32, from, to int64, columns []int, yield func(rows *vec.Batch, offsets []int64) error) error
}

// outsideTopic is a stream that is read through, as a topic: positions and epochs
// from the cuts, rows from outside.
type outsideTopic struct {
	id      uint64
	name    string
	types   []types.Type
	rowtime int // column, -1: arrival
	out     Outside
	cuts    *embedded.Topic
	log     *embedded.Log // of cuts and of the rows that are kept (kept.go)
	end     *atomic.Int64 // position after the newest row
	source  *source       // knows where partitions have begun anew
	window  int64         // rows that are fetched at a time
	ctx     context.Context
}

var _ topic.Topic = (*outsideTopic)(nil)

// windowRows is how many rows are fetched at a time, over all partitions, and put
// into order in memory.
const windowRows = 64 * 1024

// outsideReads is how many partitions are read at a time.
const outsideReads = 4

// with reads on behalf of ctx.
func (t *outsideTopic) with(ctx context.Context) *outsideTopic {
	c := *t
	c.ctx = ctx
	return &c
}

// Partitions is 1: the epochs have made one order of all.
func (t *outsideTopic) Partitions() int { return 1 }

// Bounds says what the cuts cover; whether the records are still there is known
// when they are read.
func (t *outsideTopic) Bounds(int) (topic.Bounds, error) {
	for {
		end := t.end.Load()
		b, err := t.cuts.Bounds(0)
		if err != nil {
			return b, err
		}
		out := topic.Bounds{Start: end, End: end, CompleteFrom: b.CompleteFrom, LastEpoch: b.LastEpoch}
		switch {
		case b.Start == 0:
			out.Start = 0
		case b.Start < b.End:
			c, err := t.cut(b.Start)
			if sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
				continue // it has gone just now
			}
			if err != nil {
				return b, err
			}
			out.Start = min(c.first, end)
		}
		return out, nil
	}
}

// cut reads one cut by its place among them.
func (t *outsideTopic) cut(i int64) (out cutRow, err error) {
	err = t.cuts.Read(0, topic.Scan{From: i, Until: i + 1, Types: cutColumns, Rowtime: true}, func(r *topic.Rows) error {
		cuts, err := cutRowsOf(r)
		if err == nil {
			out = cuts[0]
		}
		return err
	})
	return out, err
}

// seek is the place of the first cut that has rows at or after a position.
func (t *outsideTopic) seek(pos int64) (int64, error) {
	b, err := t.cuts.Bounds(0)
	if err != nil {
		return 0, err
	}
	n := sort.Search(int(b.End-b.Start), func(i int) bool {
		if err != nil {
			return true
		}
		var c cutRow
		c, err = t.cut(b.Start + int64(i))
		return c.first+c.rows > pos
	})
	return b.Start + int64(n), err
}

var errEnough = errors.New("enough")

// eachCut gives the cuts of a scan in order, some at a time.
func (t *outsideTopic) eachCut(o *topic.Scan, give func([]cutRow) error) error {
	read := topic.Scan{After: o.After, UpTo: o.UpTo, Types: cutColumns, Rowtime: true}
	if o.From > 0 {
		var err error
		if read.From, err = t.seek(o.From); err != nil {
			return err
		}
	}
	err := t.cuts.Read(0, read, func(r *topic.Rows) error {
		cuts, err := cutRowsOf(r)
		if err != nil {
			return err
		}
		if o.Until > 0 {
			n := sort.Search(len(cuts), func(i int) bool { return cuts[i].first >= o.Until })
			if n < len(cuts) {
				if err := give(cuts[:n]); err != nil {
					return err
				}
				return errEnough
			}
		}
		return give(cuts)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// Read implements topic.Topic.
func (t *outsideTopic) Read(_ int, o topic.Scan, yield func(*topic.Rows) error) error {
	b, err := t.Bounds(0)
	if err != nil {
		return err
	}
	if o.From < b.Start && o.After+1 < b.CompleteFrom {
		return topic.TooOld("stream \""+t.name+"\"", b.Start)
	}
	if o.Until <= 0 || o.Until > b.End {
		if o.Until = b.End; b.End == 0 {
			return nil
		}
	}
	w := window{t: t, o: &o, yield: yield, starts: map[int32]int64{}}
	err = t.eachCut(&o, func(cuts []cutRow) error {
		for _, c := range cuts {
			if err := w.add(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = w.flush()
	}
	return err
}

// PositionAt implements topic.Topic.
func (t *outsideTopic) PositionAt(_ int, µs int64) (int64, error) {
	b, err := t.Bounds(0)
	if err != nil {
		return 0, err
	}
	at := b.End
	find := func(r *topic.Rows) error {
		for i, x := range r.Rowtime {
			if x >= µs {
				at = r.First + int64(i)
				return errEnough
			}
		}
		return nil
	}
	// Arrival is known from the cuts; a rowtime that does not count for the watermark
	// (an infinite one) is not.
	if t.rowtime >= 0 {
		err = t.Read(0, topic.Scan{From: b.Start, Columns: []int{}, Rowtime: true}, find)
	} else {
		err = t.eachCut(&topic.Scan{}, func(cuts []cutRow) error {
			for _, c := range cuts {
				if c.rows > 0 && int64(c.epoch) >= µs {
					at = c.first
					return errEnough
				}
			}
			return nil
		})
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return at, err
}
