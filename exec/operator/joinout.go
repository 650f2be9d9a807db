package operator

import (
	"bytes"

	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// pairBuffer makes batches of matched pairs. Images that it is given live in an
// arrangement and are copied: what comes out downstream may move them.
type pairBuffer struct {
	join *Join
	s    *Step
	out  Emit
	port int // the side that the batch belongs to
	b    *vec.Batch

	sel    []int32
	images [][]byte
	arena  []byte
	wOwn   []int64
	wOther []int64

	// Where m is kept by row: what the other side's rows gain, in order of first
	// appearance, with their own weights.
	rows     zset.Index
	sums     []int64
	weights1 []int64
}

func (p *pairBuffer) start(s *Step, port int, b *vec.Batch, out Emit) {
	p.s, p.port, p.b, p.out = s, port, b, out
	p.rows.Reset(0)
	p.sums, p.weights1 = p.sums[:0], p.weights1[:0]
}

func (p *pairBuffer) add(row int32, image []byte, own, other int64) error {
	p.sel = append(p.sel, row)
	at := len(p.arena)
	p.arena = append(p.arena, image...)
	p.images = append(p.images, p.arena[at:len(p.arena):len(p.arena)])
	p.wOwn, p.wOther = append(p.wOwn, own), append(p.wOther, other)
	if len(p.sel) >= vec.BatchRows {
		return p.flush()
	}
	return nil
}

func (p *pairBuffer) flush() error {
	if len(p.sel) == 0 {
		return nil
	}
	defer func() {
		clear(p.images)
		p.arena = p.arena[:0]
		p.sel, p.images, p.wOwn, p.wOther = p.sel[:0], p.images[:0], p.wOwn[:0], p.wOther[:0]
	}()
	if p.s.cancelled() {
		return Cancelled()
	}
	j := p.join
	theirs, err := j.codec[1-p.port].Decode(p.images, nil)
	if err != nil {
		return err
	}
	o := &vec.Batch{N: len(p.sel), Cols: make([]*vec.Vec, 0, len(theirs)+len(p.b.Cols))}
	if p.port == 1 {
		o.Cols = append(o.Cols, theirs...)
	}
	for _, c := range p.b.Cols {
		o.Cols = append(o.Cols, vec.Gather(c, p.sel))
	}
	if p.port == 0 {
		o.Cols = append(o.Cols, theirs...)
	}
	ones := true
	for i, w := range p.wOwn {
		ones = ones && w == 1 && p.wOther[i] == 1
	}
	if !ones {
		o.Weights = make([]int64, o.N)
		for i, w := range p.wOwn {
			o.Weights[i] = w * p.wOther[i]
		}
	}
	if j.byRow() {
		if o, err = p.filter(o); err != nil || o == nil {
			return err
		}
	}
	if !j.pairs {
		return nil
	}
	return p.out.Batch(o)
}

// filter keeps the pairs that match and counts them for both sides.
func (p *pairBuffer) filter(o *vec.Batch) (*vec.Batch, error) {
	j := p.join
	var sel []int32
	if j.spec.Residual != nil {
		match, errs := j.spec.Residual.EvalFilter(p.s.Ctx, o)
		sel = match
		if len(errs) > 0 {
			if err := p.out.Errors(rowErrors(nil, errs, o)); err != nil {
				return nil, err
			}
		}
	} else {
		for i := range o.N {
			sel = append(sel, int32(i))
		}
	}
	if j.spec.NullAware {
		sel = j.notFalse(o, sel)
	}
	own, other := &j.sides[p.port], &j.sides[1-p.port]
	for _, i := range sel {
		own.m[p.sel[i]] += p.wOther[i]
		if other.matches == nil {
			continue
		}
		id := p.rows.Add(p.images[i])
		if int(id) == len(p.sums) {
			p.sums, p.weights1 = append(p.sums, 0), append(p.weights1, p.wOther[i])
		}
		p.sums[id] += p.wOwn[i]
	}
	if len(sel) == 0 {
		return nil, nil
	}
	if len(sel) < o.N {
		o = o.Select(sel)
	}
	return o, nil
}

// notFalse keeps the pairs whose keys are not known to differ: for each key,
// equal or one of them NULL.
func (j *Join) notFalse(o *vec.Batch, sel []int32) []int32 {
	right := len(j.spec.Types[0])
	for k, c := range j.spec.Keys[0] {
		a, b := o.Cols[c], o.Cols[right+j.spec.Keys[1][k]]
		var ka, kb rowenc.Keys
		rowenc.EncodeKeys(&ka, []*vec.Vec{a}, o.N, rowenc.KeyOptions{})
		rowenc.EncodeKeys(&kb, []*vec.Vec{b}, o.N, rowenc.KeyOptions{})
		keep := sel[:0]
		for _, i := range sel {
			if a.IsNull(int(i)) || b.IsNull(int(i)) || bytes.Equal(ka.Key(int(i)), kb.Key(int(i))) {
				keep = append(keep, i)
			}
		}
		sel = keep
	}
	return sel
}

// loners re-emits stored rows of one side when what they do by themselves changes.
type loners struct {
	join    *Join
	port    int
	out     Emit
	images  [][]byte
	weights []int64
}

func (j *Join) newLoners(port int, out Emit) *loners { return &loners{join: j, port: port, out: out} }

// changes reports whether a change of m matters at all.
func (l *loners) changes(before, after int64) bool {
	return l.join.alone(l.port, before) != l.join.alone(l.port, after)
}

// add is told that the matches of a row of weight w have changed.
func (l *loners) add(image []byte, w, before, after int64) error {
	if d := l.join.alone(l.port, after) - l.join.alone(l.port, before); d != 0 {
		l.images = append(l.images, bytes.Clone(image))
		l.weights = append(l.weights, d*w)
	}
	if len(l.images) >= vec.BatchRows {
		return l.flush()
	}
	return nil
}

func (l *loners) flush() error {
	if len(l.images) == 0 {
		return nil
	}
	cols, err := l.join.codec[l.port].Decode(l.images, nil)
	if err != nil {
		return err
	}
	b := &vec.Batch{N: len(l.images), Cols: cols, Weights: l.weights}
	l.images, l.weights = l.images[:0], nil
	return l.out.Batch(l.join.pad(l.port, b))
}
