package operator

import (
	"math"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Tumble appends window_start and window_end: one row per window that holds the
// row's time. Windows are [start, start+Size), starts lie Slide apart, shifted
// by Offset; all in µs. Rows with a NULL time are in no window; an infinite time
// is in the one window that is infinite itself.
type Tumble struct {
	Time                int
	Size, Slide, Offset int64
	Type                types.Type // of the two columns
}

var _ Operator = (*Tumble)(nil)

// Push emits b's rows with their windows.
func (t *Tumble) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	time := b.Cols[t.Time]
	starts := make([]int64, 0, b.N)
	ends := make([]int64, 0, b.N)
	sel := make([]int32, 0, b.N)
	plain := true // one window a row, all rows
	for i, at := range time.Ints[:b.N] {
		if time.IsNull(i) {
			plain = false
			continue
		}
		if at == math.MinInt64 || at == math.MaxInt64 {
			sel, starts, ends = append(sel, int32(i)), append(starts, at), append(ends, at)
			continue
		}
		last := floorTo(at-t.Offset, t.Slide) + t.Offset
		first := last
		for first-t.Slide > at-t.Size {
			first -= t.Slide
		}
		plain = plain && first == last
		for start := first; start <= last; start += t.Slide {
			if start+t.Size > at { // a slide longer than the size leaves gaps
				sel, starts, ends = append(sel, int32(i)), append(starts, start), append(ends, start+t.Size)
			}
		}
	}
	plain = plain && len(sel) == b.N
	for lo := 0; lo < len(sel); lo += vec.BatchRows {
		hi := min(lo+vec.BatchRows, len(sel))
		o := &vec.Batch{}
		if plain {
			p := b.Slice(lo, hi)
			o.N, o.Weights, o.Cols = p.N, p.Weights, append([]*vec.Vec(nil), p.Cols...)
		} else {
			o = b.Select(sel[lo:hi])
		}
		o.Cols = append(o.Cols,
			&vec.Vec{Type: t.Type, N: o.N, Ints: starts[lo:hi:hi]},
			&vec.Vec{Type: t.Type, N: o.N, Ints: ends[lo:hi:hi]})
		if err := out.Batch(o); err != nil {
			return err
		}
	}
	return nil
}

// Flush does nothing: windows are assigned row by row.
func (t *Tumble) Flush(*Step, Emit) error { return nil }

// floorTo is the greatest multiple of unit that is ≤ x.
func floorTo(x, unit int64) int64 {
	r := x % unit
	if r < 0 {
		r += unit
	}
	return x - r
}
