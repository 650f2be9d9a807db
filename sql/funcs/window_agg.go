package funcs

import (
	"slices"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// aggregate computes an aggregate over the frame of each row. From one frame to
// the next an Invertible takes only what differs.
func (p *windowPartition) aggregate(c *WindowCall, out []types.Datum) error {
	f := &frameAgg{agg: c.Agg, rows: &vec.Batch{N: p.rows.N}}
	var in []types.Type
	for _, a := range c.Args {
		f.rows.Cols, in = append(f.rows.Cols, p.rows.Cols[a]), append(in, p.rows.Cols[a].Type)
	}
	f.counts = make([]bool, p.rows.N)
	for i := range f.counts {
		f.counts[i] = true
		if c.Filter >= 0 {
			v := p.rows.Cols[c.Filter]
			f.counts[i] = !v.IsNull(i) && v.Bools[i]
		}
		for _, v := range f.rows.Cols {
			f.counts[i] = f.counts[i] && !(c.Agg.SkipNulls && v.IsNull(i))
		}
	}
	if c.Agg.Class == Invertible {
		f.accum = c.Agg.NewAccum(in)
		f.accum.Reset(1)
	}
	var last []span
	for i := range out {
		spans, err := p.frame(&c.Frame, i)
		if err != nil {
			return err
		}
		spans = slices.DeleteFunc(spans, func(s span) bool { return s.lo >= s.hi })
		if i > 0 && slices.Equal(spans, last) {
			out[i] = out[i-1]
			continue
		}
		b := vec.NewBuilder(c.Ret, 1)
		if err := f.value(last, spans, b); err != nil {
			return err
		}
		out[i] = datumAt(b.Finish(), 0)
		last = spans
	}
	return nil
}

// frameAgg is an aggregate on its way through the frames.
type frameAgg struct {
	agg    *Agg
	rows   *vec.Batch
	counts []bool // rows that the aggregate looks at
	accum  Accum
	best   int // Ordered: the row that is the value, -1 = none
}

func (f *frameAgg) value(from, to []span, out *vec.Builder) error {
	switch f.agg.Class {
	case Invertible:
		f.move(from, to)
		return f.accum.Final(0, out)
	case Ordered:
		// What is added at the end leaves the best of what was there.
		grows := len(from) == 1 && len(to) == 1 && from[0].lo == to[0].lo && from[0].hi <= to[0].hi
		look := to
		if grows {
			look = []span{{from[0].hi, to[0].hi}}
		} else {
			f.best = -1
		}
		v := f.rows.Cols[0]
		for _, i := range f.among(look) {
			c := -1
			if f.best >= 0 {
				c = types.Compare(datumAt(v, int(i)), datumAt(v, f.best), v.Type)
				if f.agg.Last {
					c = -c
				}
			}
			if c < 0 {
				f.best = int(i)
			}
		}
		if f.best < 0 {
			out.Null()
		} else {
			out.Datum(datumAt(v, f.best))
		}
		return nil
	}
	return f.agg.Collect(f.rows.Select(f.among(to)), out)
}

// among lists the rows of spans that count.
func (f *frameAgg) among(spans []span) (sel []int32) {
	sel = []int32{}
	for _, s := range spans {
		for i := s.lo; i < s.hi; i++ {
			if f.counts[i] {
				sel = append(sel, int32(i))
			}
		}
	}
	return sel
}

// move takes the accumulator from one frame to another.
func (f *frameAgg) move(from, to []span) {
	if len(from) == 1 && len(to) == 1 && from[0].hi > to[0].lo && to[0].hi > from[0].lo {
		a, b := from[0], to[0]
		f.add([]span{{b.lo, a.lo}, {a.hi, b.hi}}, 1)
		f.add([]span{{a.lo, b.lo}, {b.hi, a.hi}}, -1)
		return
	}
	f.accum.Reset(1)
	f.add(to, 1)
}

func (f *frameAgg) add(spans []span, weight int64) {
	sel := f.among(spans)
	if len(sel) == 0 {
		return
	}
	b := f.rows.Select(sel)
	weights := make([]int64, len(sel))
	for i := range weights {
		weights[i] = weight
	}
	f.accum.Add(make([]int32, len(sel)), b.Cols, weights)
}
