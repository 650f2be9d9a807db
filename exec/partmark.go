package exec

import (
	"maps"
	"math"
	"time"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Of a stream whose records come from partitions each has its own event-time clock,
// and the stream's is the least of them: a partition that is read more slowly than
// the others is not late for that. One that has given nothing for a while does not
// count.
//
// What the records do not show, that a partition was idle or that the wall clock has
// moved an idle stream, is kept where a query of the past finds it: each move of
// such a stream's watermark is a row of an embedded topic of its own.

// partMark is the clock of one partition.
type partMark struct {
	Value int64 // µs, noWatermark at first
	Seen  Epoch // the newest epoch with rows of it, or its first
}

// partTop is the greatest rowtime of a partition's rows in an epoch.
type partTop struct {
	partition int32
	rows      int64
	top       int64 // math.MinInt64: none that counts
}

// noPartition is that of rows that came without a cut.
const noPartition = -1

// partIdleMicros is after how long without rows a partition does not hold the
// others up, where the stream has no IDLE TIMEOUT.
const partIdleMicros = int64(10 * time.Second / time.Microsecond)

// partsAfter is the clocks of the partitions after an epoch, and the stream's.
func (r *relation) partsAfter(ep Epoch, tops []partTop) (map[int32]partMark, int64) {
	parts := maps.Clone(r.parts)
	if parts == nil {
		parts = map[int32]partMark{}
	}
	for _, t := range tops {
		p, known := parts[t.partition]
		if !known {
			p = partMark{Value: noWatermark, Seen: ep}
		}
		if t.rows > 0 {
			w := watermark{delay: r.mark.delay, ahead: r.mark.ahead, value: p.Value}
			w.reach(t.top, int64(ep))
			p = partMark{Value: w.value, Seen: ep}
		}
		parts[t.partition] = p
	}
	patience := r.idle
	if patience == 0 {
		patience = partIdleMicros
	}
	low, any := int64(math.MaxInt64), false
	for _, p := range parts {
		if int64(ep-p.Seen) < patience {
			low, any = min(low, p.Value), true
		}
	}
	if !any {
		return parts, r.mark.value
	}
	return parts, max(r.mark.value, low)
}

// topsOf finds the partitions of rows: those of the cuts are the last ones, in the
// order of the cuts.
func (r *relation) topsOf(cuts []Cut, in []input) []partTop {
	left := 0
	for i := range in {
		left += in[i].count()
	}
	for _, c := range cuts {
		left -= c.Rows
	}
	var out []partTop
	at, row := 0, 0
	add := func(partition int32, n int) {
		t := partTop{partition: partition, rows: int64(n), top: math.MinInt64}
		for n > 0 && at < len(in) {
			k := min(n, in[at].count()-row)
			if k > 0 {
				t.top = max(t.top, topOf(in[at].rows.Cols[r.rowtime], row, row+k))
			}
			n -= k
			if row += k; row >= in[at].count() {
				at, row = at+1, 0
			}
		}
		out = append(out, t)
	}
	if left > 0 {
		add(noPartition, left)
	}
	for _, c := range cuts {
		if p, counts := clockOf(c.Partition, int64(c.Rows)); counts {
			add(p, c.Rows)
		}
	}
	return out
}

// clockOf is the partition whose clock a cut moves. Partitions of negative numbers
// are none of a topic: a reader keeps positions of its own under them.
func clockOf(partition int32, rows int64) (p int32, counts bool) {
	if partition >= 0 {
		return partition, true
	}
	return noPartition, rows > 0
}

// count is how many rows an input has.
func (x *input) count() int {
	if x.rows == nil {
		return 0
	}
	return x.rows.N
}

// moveParts moves the clocks of a stream with partitions by an epoch's inputs. It
// is false for a stream without.
func (r *relation) moveParts(ep Epoch, in []input) bool {
	tops, pending := []partTop(nil), 0
	for i := range in {
		if in[i].tops != nil {
			tops, pending = append(tops, in[i].tops...), i+1
		}
	}
	if r.rowtime < 0 || len(r.parts) == 0 && tops == nil {
		return false
	}
	if pending < len(in) {
		tops = append(tops, r.topsOf(nil, in[pending:])...)
	}
	r.parts, r.mark.value = r.partsAfter(ep, tops)
	return true
}

// takeTops notes of which partitions the rows of a stream are that have been
// admitted since the last cuts.
func takeTops(in *inputs, rel *relation, cuts []Cut) {
	if rel.kind != streamRelation || rel.rowtime < 0 {
		return
	}
	all := (*in)[rel.id]
	since := 0
	for i := range all {
		if all[i].tops != nil {
			since = i + 1
		}
	}
	tops := rel.topsOf(cuts, all[since:])
	if len(tops) == 0 {
		return
	}
	if since == len(all) {
		all = append(all, input{})
	}
	all[len(all)-1].tops = tops
	(*in)[rel.id] = all
}

// marksBit tells the topic of a stream's watermarks from the stream's own.
const marksBit = 1 << 48

// markMoves journals the moves of the watermarks of streams with partitions.
func (a *admission) markMoves() error {
	for _, id := range a.inputs.ids() {
		rel := a.e.relation(id)
		if rel == nil || rel.kind != streamRelation {
			continue
		}
		// On a copy: the step does it.
		was := *rel.clock()
		moved := rel.moveParts(a.epoch, a.inputs[id])
		mark := rel.mark.value
		rel.setClock(was)
		if !moved || mark == was.mark {
			continue
		}
		en, err := a.e.markEntry(rel, mark)
		if err != nil {
			return err
		}
		a.entries = append(a.entries, en)
	}
	return nil
}

// clock is what tells a stream's event time.
type clock struct {
	parts map[int32]partMark
	mark  int64
}

func (r *relation) clock() *clock { return &clock{r.parts, r.mark.value} }

func (r *relation) setClock(c clock) { r.parts, r.mark.value = c.parts, c.mark }

// markEntry is the entry that keeps a move of a watermark for queries of the past.
func (e *Engine) markEntry(rel *relation, mark int64) (journal.Entry, error) {
	if err := e.openMoves(rel); err != nil {
		return journal.Entry{}, err
	}
	b := &vec.Batch{N: 1, Cols: []*vec.Vec{{Type: types.Int8, N: 1, Ints: []int64{mark}}}}
	return journal.Entry{Kind: journal.KindData, Object: rel.id | marksBit, Payload: embedded.AppendPayload(nil, &topic.Rows{Batch: b})}, nil
}

// openMoves makes the topic of a stream's moves where there is none.
func (e *Engine) openMoves(rel *relation) error {
	if rel.moved.Load() != nil {
		return nil
	}
	t, err := e.topics.Create(rel.id | marksBit)
	if err == nil {
		rel.moved.Store(t)
	}
	return err
}

// kept are the moves in (after, upTo] that have been kept.
func (r *relation) kept(after, upTo Epoch) (out []move, err error) {
	t := r.moved.Load()
	if t == nil {
		return nil, nil
	}
	b, err := t.Bounds(0)
	if err != nil {
		return nil, err
	}
	read := topic.Scan{From: b.Start, After: after, UpTo: upTo, Types: []types.Type{types.Int8}}
	err = t.Read(0, read, func(rows *topic.Rows) error {
		i := 0
		for _, run := range rows.Epochs {
			for range run.Rows {
				out = append(out, move{run.Epoch, rows.Batch.Cols[0].Ints[i]})
				i++
			}
		}
		return nil
	})
	return out, err
}

// merge puts moves together: at each epoch the greater of the two holds.
func mergeMoves(a, b []move) []move {
	if len(b) == 0 {
		return a
	}
	var out []move
	top := int64(noWatermark)
	for len(a)+len(b) > 0 {
		var m move
		if len(b) == 0 || len(a) > 0 && a[0].epoch <= b[0].epoch {
			m, a = a[0], a[1:]
		} else {
			m, b = b[0], b[1:]
		}
		if m.to <= top && len(out) > 0 {
			continue
		}
		top = m.to
		if n := len(out); n > 0 && out[n-1].epoch == m.epoch {
			out = out[:n-1]
		}
		out = append(out, m)
	}
	return out
}
