package exec

import (
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Of a stream that is read through, the journal and the segments hold no records
// but one row for each cut: which records they were, and what makes them the same
// rows again. The rows are those of an embedded topic, so they settle, expire and
// recover like any stream's.

// cutRow is one cut as the topic holds it.
type cutRow struct {
	epoch     Epoch
	partition int32
	from, to  int64
	rows      int64
	first     int64 // position of the first row
	mark      int64 // watermark when the epoch began: rows below it were late
	late      int64 // how many that were
	// top is the greatest rowtime, as far as it counts for the watermark;
	// math.MinInt64 = none does. It is the rowtime of the cut's row.
	top int64
}

// cutColumns are the columns of the topic, in the order of cutRow's fields.
var cutColumns = []types.Type{types.Int8, types.Int8, types.Int8, types.Int8, types.Int8, types.Int8, types.Int8}

func (c *cutRow) fields() [7]int64 {
	return [7]int64{int64(c.partition), c.from, c.to, c.rows, c.first, c.mark, c.late}
}

// appendCutRows is the journal payload of cuts.
func appendCutRows(dst []byte, cuts []cutRow) []byte {
	n := len(cuts)
	b := &vec.Batch{N: n, Cols: make([]*vec.Vec, len(cutColumns))}
	for c, t := range cutColumns {
		b.Cols[c] = &vec.Vec{Type: t, N: n, Ints: make([]int64, n)}
	}
	tops := make([]int64, n)
	for i := range cuts {
		for c, x := range cuts[i].fields() {
			b.Cols[c].Ints[i] = x
		}
		tops[i] = cuts[i].top
	}
	return embedded.AppendPayload(dst, &topic.Rows{Batch: b, Rowtime: tops})
}

// cutRowsOf takes rows of the topic apart.
func cutRowsOf(r *topic.Rows) ([]cutRow, error) {
	if len(r.Batch.Cols) != len(cutColumns) || len(r.Rowtime) != r.Batch.N {
		return nil, sqlerr.New(sqlerr.DataCorrupted, "damaged cuts in the journal")
	}
	out := make([]cutRow, r.Batch.N)
	for i := range out {
		var f [7]int64
		for c, v := range r.Batch.Cols {
			f[c] = v.Ints[i]
		}
		out[i] = cutRow{partition: int32(f[0]), from: f[1], to: f[2], rows: f[3], first: f[4], mark: f[5], late: f[6], top: r.Rowtime[i]}
		if f[3] < 0 || f[4] < 0 || f[0] != int64(out[i].partition) {
			return nil, sqlerr.New(sqlerr.DataCorrupted, "damaged cuts in the journal")
		}
	}
	i := 0
	for _, run := range r.Epochs {
		for range run.Rows {
			out[i].epoch = run.Epoch
			i++
		}
	}
	return out, nil
}

// topOf is the greatest rowtime that counts, math.MinInt64 if none does.
func topOf(times *vec.Vec, lo, hi int) int64 {
	top := int64(math.MinInt64)
	for i := lo; i < hi; i++ {
		if t := times.Ints[i]; t > top && t != math.MaxInt64 && !times.IsNull(i) {
			top = t
		}
	}
	return top
}

// cutRows makes the rows of a transaction's cuts of one stream. in are the inputs
// that the transaction has for it, in order; first is the position of their first
// row.
func (r *relation) cutRows(cuts []Cut, in []input, first int64) []cutRow {
	out := make([]cutRow, len(cuts))
	at, row := 0, 0 // in[at], its row
	for i, c := range cuts {
		o := cutRow{partition: c.Partition, from: c.From, to: c.To, rows: int64(c.Rows), first: first, mark: r.mark.value, top: math.MinInt64}
		for left := c.Rows; left > 0; {
			x := &in[at]
			n := min(left, x.count()-row)
			if n > 0 && r.rowtime >= 0 {
				o.top = max(o.top, topOf(x.rows.Cols[r.rowtime], row, row+n))
			}
			if x.late != nil {
				for _, l := range x.late[row : row+n] {
					if l {
						o.late++
					}
				}
			}
			left -= n
			if row += n; row == x.count() {
				at, row = at+1, 0
			}
		}
		first += o.rows
		out[i] = o
	}
	return out
}

// topsOfCuts are the clocks' part of cuts.
func topsOfCuts(cuts []cutRow) []partTop {
	var out []partTop
	for _, c := range cuts {
		if p, counts := clockOf(c.partition, c.rows); counts {
			out = append(out, partTop{p, c.rows, c.top})
		}
	}
	return out
}

// replayCuts moves a stream by the cuts of an epoch that is stepped again without
// its rows.
func (r *relation) replayCuts(cuts []cutRow) {
	for _, c := range cuts {
		r.late.Add(c.late)
		r.next += c.rows
		if c.to < c.from {
			r.source.setReset(c.partition, c.first)
		}
	}
}
