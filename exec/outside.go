package exec

import (
	"context"
	"errors"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Outside is where the records of a stream are that Tarn does not keep itself: a
// topic of Kafka. Any number of goroutines may call it.
type Outside interface {
	// Start is the first offset that the partition still has.
	Start(ctx context.Context, partition int32) (int64, error)
	// Read gives the rows of the records [from, to) of a partition again, as they
	// were decoded first, those that gave no row left out: in order, each with its
	// offset. An error of yield ends it and is returned.
	Read(ctx context.Context, partition int32, from, to int64, yield func(rows *vec.Batch, offsets []int64) error) error
}

// outsideTopic is a stream that is read through, as a topic: positions and epochs
// from the cuts, rows from outside.
type outsideTopic struct {
	name    string
	types   []types.Type
	rowtime int // column, -1: arrival
	out     Outside
	cuts    *embedded.Topic
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

// window is cuts whose records are fetched together.
type window struct {
	t     *outsideTopic
	o     *topic.Scan
	yield func(*topic.Rows) error
	cuts  []cutRow
	rows  int64

	mu     sync.Mutex
	starts map[int32]int64 // of partitions, as far as asked
}

func (w *window) add(c cutRow) error {
	if c.rows == 0 {
		return nil
	}
	if w.rows > 0 && w.rows+c.rows > w.t.window {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.cuts, w.rows = append(w.cuts, c), w.rows+c.rows
	return nil
}

// flush fetches the window's records and gives them in order of position.
func (w *window) flush() error {
	if len(w.cuts) == 0 {
		return nil
	}
	parts := map[int32][]int{}
	var order []int32
	for i, c := range w.cuts {
		if parts[c.partition] == nil {
			order = append(order, c.partition)
		}
		parts[c.partition] = append(parts[c.partition], i)
	}
	found := make([][]*vec.Batch, len(w.cuts))
	ctx, cancel := context.WithCancelCause(w.t.ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	room := make(chan struct{}, outsideReads)
	for _, p := range order {
		wg.Add(1)
		room <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-room }()
			if err := w.fetch(ctx, p, parts[p], found); err != nil {
				cancel(err)
			}
		}()
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	err := w.give(found)
	w.cuts, w.rows = w.cuts[:0], 0
	return err
}

// coalesceGap is how many offsets without rows are read through to keep two cuts
// in one range.
const coalesceGap = 4096

// fetch reads the cuts of one partition, neighbours as one range.
func (w *window) fetch(ctx context.Context, partition int32, cuts []int, found [][]*vec.Batch) error {
	if err := w.check(ctx, partition, &w.cuts[cuts[0]], &w.cuts[cuts[len(cuts)-1]]); err != nil {
		return err
	}
	for len(cuts) > 0 {
		n := 1
		for n < len(cuts) {
			gap := w.cuts[cuts[n]].from - w.cuts[cuts[n-1]].to
			if gap < 0 || gap > coalesceGap {
				break
			}
			n++
		}
		if err := w.fetchRange(ctx, partition, cuts[:n], found); err != nil {
			return err
		}
		cuts = cuts[n:]
	}
	return nil
}

func (w *window) fetchRange(ctx context.Context, partition int32, cuts []int, found [][]*vec.Batch) error {
	from, to := w.cuts[cuts[0]].from, w.cuts[cuts[len(cuts)-1]].to
	at := 0
	err := w.t.out.Read(ctx, partition, from, to, func(rows *vec.Batch, offsets []int64) error {
		for lo := 0; lo < len(offsets); {
			for at < len(cuts) && w.cuts[cuts[at]].to <= offsets[lo] {
				at++
			}
			if at == len(cuts) {
				return nil
			}
			c := &w.cuts[cuts[at]]
			hi := lo + sort.Search(len(offsets)-lo, func(i int) bool { return offsets[lo+i] >= c.to })
			if offsets[lo] >= c.from {
				found[cuts[at]] = append(found[cuts[at]], rows.Slice(lo, hi))
			}
			lo = max(hi, lo+1)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, i := range cuts {
		n, c := int64(0), &w.cuts[i]
		for _, b := range found[i] {
			n += int64(b.N)
		}
		if n != c.rows {
			return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q: offsets %d to %d of partition %d gave %d rows and now give %d", w.t.name, c.from, c.to, partition, c.rows, n).
				WithHint("The topic has been compacted or made anew since; a stream WITH (history = 'local') keeps its own copy.")
		}
	}
	return nil
}

// check fails if records of a partition from first to last are no longer there.
func (w *window) check(ctx context.Context, partition int32, first, last *cutRow) error {
	if reset, ok := w.t.source.reset(partition); ok && first.first < reset {
		return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q: partition %d has begun anew since; what it held before is no longer there", w.t.name, partition).
			WithHint("A stream WITH (history = 'local') keeps its own copy.")
	}
	w.mu.Lock()
	start, ok := w.starts[partition]
	w.mu.Unlock()
	if !ok {
		var err error
		if start, err = w.t.out.Start(ctx, partition); err != nil {
			return err
		}
		w.mu.Lock()
		w.starts[partition] = start
		w.mu.Unlock()
	}
	if first.from < start {
		return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q: partition %d begins at offset %d, offset %d is asked for", w.t.name, partition, start, first.from).
			WithHint("The topic no longer keeps its older records. Set the stream's retention below the topic's, or keep a copy WITH (history = 'local').")
	}
	return nil
}

// give yields the rows of the window's cuts, small cuts put together.
func (w *window) give(found [][]*vec.Batch) error {
	var parts []*vec.Batch
	var cuts []cutRow
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		r := w.t.rows(w.o, cuts, parts, n)
		parts, cuts, n = nil, nil, 0
		if r = w.o.Cut(r); r == nil {
			return nil
		}
		return w.yield(r)
	}
	for i, c := range w.cuts {
		if n > 0 && n+int(c.rows) > vec.BatchRows {
			if err := flush(); err != nil {
				return err
			}
		}
		parts, cuts, n = append(parts, found[i]...), append(cuts, c), n+int(c.rows)
		found[i] = nil
	}
	return flush()
}

// rows makes rows of a topic of consecutive cuts.
func (t *outsideTopic) rows(o *topic.Scan, cuts []cutRow, parts []*vec.Batch, n int) *topic.Rows {
	all := parts[0]
	if len(parts) > 1 {
		all = vec.Concat(parts)
	}
	r := &topic.Rows{First: cuts[0].first}
	var times *vec.Vec
	if t.rowtime >= 0 {
		times = all.Cols[t.rowtime]
	}
	if o.Rowtime && times != nil {
		r.Rowtime = times.Ints[:n]
	} else if o.Rowtime {
		r.Rowtime = make([]int64, 0, n)
	}
	at := 0
	for _, c := range cuts {
		if k := len(r.Epochs); k > 0 && r.Epochs[k-1].Epoch == c.epoch {
			r.Epochs[k-1].Rows += int(c.rows)
		} else {
			r.Epochs = append(r.Epochs, topic.Run{Epoch: c.epoch, Rows: int(c.rows)})
		}
		for i := at; i < at+int(c.rows); i++ {
			if times == nil {
				if o.Rowtime {
					r.Rowtime = append(r.Rowtime, int64(c.epoch))
				}
				continue
			}
			if c.late > 0 && times.Ints[i] < c.mark && !times.IsNull(i) {
				if r.Late == nil {
					r.Late = make([]bool, n)
				}
				r.Late[i] = true
			}
		}
		at += int(c.rows)
	}
	r.Batch = t.pick(o, all)
	return r
}

// pick takes the columns that a scan asks for; those that came later are NULL.
func (t *outsideTopic) pick(o *topic.Scan, b *vec.Batch) *vec.Batch {
	want, ts := o.Columns, o.Types
	if ts == nil {
		ts = t.types
	}
	if want == nil {
		want = make([]int, max(len(b.Cols), len(ts)))
		for i := range want {
			want[i] = i
		}
	}
	out := &vec.Batch{N: b.N, Cols: make([]*vec.Vec, len(want))}
	for i, c := range want {
		if c < len(b.Cols) {
			out.Cols[i] = b.Cols[c]
		} else {
			out.Cols[i] = segment.Nulls(ts[c], b.N)
		}
	}
	return out
}
