package operator

import (
	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// A side of a join may be shared: an Index that somebody else has brought to the
// end of the step before the join steps. With A' = A+dA, what a join has to emit is
//
//	d(A⋈B) = dA⋈B + A'⋈dB
//
// One side shared (A): dA comes straight from a scan, so all of it has been pushed
// when the join is flushed. It meets B as it is pushed; dB waits for the flush, and
// then meets A' and goes into B. The order is the same as without sharing.
//
// Both sides shared (inner joins only): dA meets B' where B is wanted, and so meets
// dB too often by once: dA⋈B' - dA⋈dB + A'⋈dB. Both wait for the flush.
//
// In the step that loads everything, A' and B' are all there is: dB meets A', and
// that is the inner join. dA needs no look.

// waits takes b if it has to wait for the flush, or needs no look at all.
func (j *Join) waits(s *Step, port int, b *vec.Batch) bool {
	side, other := &j.sides[port], &j.sides[1-port]
	both := side.shared && other.shared
	switch {
	case !side.shared && !other.shared:
		return false
	case s.Load && j.spec.Kind == plan.Inner:
		return both && port == 0 || side.shared && !both
	case other.shared:
		side.waiting = append(side.waiting, b)
		return true
	}
	return false
}

func (j *Join) flushShared(s *Step, out Emit) error {
	left, right := &j.sides[0], &j.sides[1]
	if len(left.waiting) > 0 && len(right.waiting) > 0 {
		if err := j.takeOff(s, left.waiting, right.waiting, out); err != nil {
			return err
		}
	}
	for port := range j.sides {
		side := &j.sides[port]
		for _, b := range side.waiting {
			if err := j.take(s, port, b, out); err != nil {
				return err
			}
		}
		clear(side.waiting)
		side.waiting = side.waiting[:0]
	}
	return nil
}

// takeOff emits the join of two deltas with the opposite sign.
func (j *Join) takeOff(s *Step, left, right []*vec.Batch, out Emit) error {
	space := arrange.NewSpace(arrange.Options{Budget: j.space.Budget()})
	defer space.Close()
	space.Begin(1)
	id := uint64(0)
	spec := j.spec
	spec.Shared = [2]*arrange.Multi{}
	both := NewJoin(spec, &States{Space: space, Next: func() uint64 { id++; return id }})
	for _, b := range right {
		if err := both.push(s, 1, b, out); err != nil { // meets nothing yet
			return err
		}
	}
	for _, b := range left {
		minus := *b
		minus.Weights = make([]int64, b.N)
		for i := range minus.Weights {
			minus.Weights[i] = -b.Weight(i)
		}
		if err := both.push(s, 0, &minus, out); err != nil {
			return err
		}
	}
	return nil
}

// Index is the rows of a relation by key, kept once for all joins that need them
// so.
type Index struct{ join *Join }

// NewIndex makes an index over rows of the given types; key are columns of them.
// The rows are kept in m. Rows with a NULL in the key are left out.
func NewIndex(ts []types.Type, key []int, m *arrange.Multi) *Index {
	j := &Join{spec: JoinSpec{Types: [2][]types.Type{ts, ts}, Keys: [2][]int{key, key}}, pairs: true}
	j.codec[0] = rowenc.NewCodec(ts)
	j.sides[0].rows = m
	return &Index{j}
}

// Apply adds a delta.
func (x *Index) Apply(b *vec.Batch) error {
	b, err := x.join.dropNullKeys(0, nonZero(b), nil)
	if err != nil || b == nil {
		return err
	}
	side := &x.join.sides[0]
	side.encode(x.join, 0, b)
	keys := side.arrangeKeys()
	return x.join.insert(0, b, &keys)
}
