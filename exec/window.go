package exec

import (
	"context"
	"math"
	"sort"
	"sync"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic"
)

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
	if partition == KeptRows {
		return w.fetchKept(ctx, cuts, found)
	}
	start, err := w.start(ctx, partition)
	if err != nil {
		return err
	}
	if w.t.out.LeavesOut() {
		reset, _ := w.t.source.reset(partition)
		for len(cuts) > 0 && (w.cuts[cuts[0]].first < reset || w.cuts[cuts[0]].to <= start) {
			w.cuts[cuts[0]].keep(0)
			cuts = cuts[1:]
		}
	} else if err := w.check(partition, &w.cuts[cuts[0]], start); err != nil {
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
	if w.t.out.LeavesOut() {
		w.mu.Lock()
		from = max(from, w.starts[partition])
		w.mu.Unlock()
	}
	at := 0
	err := w.t.out.Read(ctx, partition, from, to, w.t.needs(w.o), func(rows *vec.Batch, offsets []int64) error {
		for lo := 0; lo < len(offsets); {
			for at < len(cuts) && w.cuts[cuts[at]].to <= offsets[lo] {
				at++
			}
			if at == len(cuts) {
				return nil
			}
			c := &w.cuts[cuts[at]]
			before := func(offset int64) int {
				return lo + sort.Search(len(offsets)-lo, func(i int) bool { return offsets[lo+i] >= offset })
			}
			lo = before(c.from) // what lies between cuts was no row when it came
			if hi := before(c.to); hi > lo {
				found[cuts[at]] = append(found[cuts[at]], rows.Slice(lo, hi))
				lo = hi
			}
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
		if n < c.rows && w.t.out.LeavesOut() {
			c.keep(n)
		} else if n != c.rows {
			return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q: offsets %d to %d of partition %d gave %d rows and now give %d", w.t.name, c.from, c.to, partition, c.rows, n).
				WithHint("The topic has been compacted or made anew since. %s", leaveOut)
		}
	}
	return nil
}

// leaveOut is what can be done about records that the topic no longer has.
const leaveOut = "ALTER SOURCE … SET (on_gap = 'continue') reads what the topic still has; a stream WITH (history = 'local') keeps its own copy."

// start is the first offset that a partition still has.
func (w *window) start(ctx context.Context, partition int32) (int64, error) {
	w.mu.Lock()
	start, ok := w.starts[partition]
	w.mu.Unlock()
	if ok {
		return start, nil
	}
	start, err := w.t.out.Start(ctx, partition)
	if sqlerr.HasCode(err, sqlerr.SnapshotTooOld) && w.t.out.LeavesOut() { // it is there no more
		start, err = math.MaxInt64, nil
	}
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	w.starts[partition] = start
	w.mu.Unlock()
	return start, nil
}

// check fails if records of a partition from first on are no longer there.
func (w *window) check(partition int32, first *cutRow, start int64) error {
	if reset, ok := w.t.source.reset(partition); ok && first.first < reset {
		return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q: partition %d has begun anew since; what it held before is no longer there", w.t.name, partition).
			WithHint(leaveOut)
	}
	if first.from < start {
		return sqlerr.New(sqlerr.SnapshotTooOld, "stream %q: partition %d begins at offset %d, offset %d is asked for", w.t.name, partition, start, first.from).
			WithHint("The topic no longer keeps its older records. %s", leaveOut)
	}
	return nil
}

// keep leaves the last n rows of a cut. Which ones have gone is known where the
// partition now begins within it, else not: then rows get positions that others had.
func (c *cutRow) keep(n int64) { c.first, c.rows = c.first+c.rows-n, n }

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
		if c.rows == 0 {
			continue
		}
		if n > 0 && (n+int(c.rows) > vec.BatchRows || c.first != cuts[len(cuts)-1].first+cuts[len(cuts)-1].rows) {
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

// needs are the columns that a scan is answered from, nil: all.
func (t *outsideTopic) needs(o *topic.Scan) []int {
	if o.Columns == nil {
		return nil
	}
	out := append([]int{}, o.Columns...)
	if t.rowtime >= 0 {
		out = append(out, t.rowtime)
	}
	return out
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
