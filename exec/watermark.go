package exec

import (
	"math"

	"github.com/tarndb/tarn/sql/vec"
)

// noWatermark is the watermark of a source that has seen nothing.
const noWatermark = math.MinInt64

// watermark is the event-time clock of one stream: the greatest rowtime so far
// less the delay. It is a function of the journal alone, so a replay gives the
// same one.
type watermark struct {
	delay, ahead int64 // µs
	value        int64 // µs, noWatermark at first
}

// observe moves the watermark by rows that arrived in an epoch. A rowtime more
// than ahead after arrival counts as arrival + ahead, so that one record dated
// 9999 closes nothing. NULL and infinite times move nothing.
func (w *watermark) observe(times *vec.Vec, arrival int64) {
	w.reach(topOf(times, 0, times.N), arrival)
}

// reach is observe for rows whose greatest rowtime that counts is top.
func (w *watermark) reach(top, arrival int64) {
	if top != math.MinInt64 {
		w.value = max(w.value, min(top, arrival+w.ahead)-w.delay)
	}
}

// late marks the rows that were behind the watermark when their epoch began;
// nil if none was.
func (w *watermark) late(times *vec.Vec) []bool {
	var out []bool
	for i, t := range times.Ints {
		if t < w.value && !times.IsNull(i) {
			if out == nil {
				out = make([]bool, times.N)
			}
			out[i] = true
		}
	}
	return out
}

// arrive decides what is decided once for a stream's rows: their rowtimes and
// which of them are late. The watermark itself moves at the end of the epoch.
func (r *relation) arrive(rows *vec.Batch, ep Epoch) input {
	in := input{rows: rows}
	if r.rowtime < 0 {
		in.rowtime = make([]int64, rows.N)
		for i := range in.rowtime {
			in.rowtime[i] = int64(ep)
		}
		return in
	}
	times := rows.Cols[r.rowtime]
	in.late, in.rowtime = r.mark.late(times), times.Ints[:rows.N]
	return in
}
