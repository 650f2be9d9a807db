package operator

import (
	"bytes"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Single is an inner or left join of which a left row may have one match at
// most: a scalar subquery. A left row with more is the error 21000 instead of a
// row. Whenever the right rows of a key change, the left rows of that key are
// emitted anew: there is one right row as a rule, so nothing cleverer pays.
type Single struct {
	spec  JoinSpec
	codec [2]*rowenc.Codec
	rows  [2]*arrange.Multi
}

var _ Operator = (*Single)(nil)

// NewSingle makes the operator; spec.Kind is Inner or Left.
func NewSingle(spec JoinSpec, states *States) *Single {
	n := &Single{spec: spec}
	for i := range n.rows {
		n.codec[i] = rowenc.NewCodec(spec.Types[i])
		n.rows[i] = states.Multi()
	}
	return n
}

// matches are the right rows of one key.
type matches struct {
	b     *vec.Batch // weights set
	total int64
}

// Push takes rows of either side.
func (n *Single) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	var keys, images rowenc.Keys
	rowenc.EncodeKeys(&keys, columns(b, n.spec.Keys[port]), b.N, rowenc.KeyOptions{})
	n.codec[port].Encode(&images, b.Cols, b.N)
	var idx zset.Index
	idx.Reset(b.N)
	ids := idx.Assign(keys.Off, keys.Data, zset.HashKeys(nil, keys.Off, keys.Data), nil, nil)
	ak := arrange.Keys{Off: idx.Off, Data: idx.Data, Hash: idx.Hash}
	rowsOf := make([][]int32, idx.Len())
	for i, id := range ids {
		rowsOf[id] = append(rowsOf[id], int32(i))
	}
	theirs := make([]arrange.Ref, idx.Len())
	if err := n.rows[1-port].Lookup(&ak, nil, theirs); err != nil {
		return err
	}
	ours := make([]arrange.Ref, idx.Len())
	if err := n.rows[port].Lookup(&ak, nil, ours); err != nil {
		return err
	}
	for id, sel := range rowsOf {
		live := n.spec.NullEqual || !anyNull(b, n.spec.Keys[port], int(sel[0]))
		var before matches
		if port == 1 {
			var err error
			if before, err = n.matches(ours[id], live); err != nil {
				return err
			}
		}
		for _, i := range sel {
			head, _, _, err := n.rows[port].Add(&ak, id, ours[id], images.Key(int(i)), b.Weight(int(i)))
			if err != nil {
				return err
			}
			ours[id] = head
		}
		if port == 0 {
			m, err := n.matches(theirs[id], live)
			if err != nil {
				return err
			}
			if err := n.emit(s, b.Select(sel), m, 1, out); err != nil {
				return err
			}
			continue
		}
		after, err := n.matches(ours[id], live)
		if err != nil {
			return err
		}
		if err := n.again(s, theirs[id], before, after, out); err != nil {
			return err
		}
	}
	return nil
}

// Flush does nothing: a batch has all its effects when it is pushed.
func (n *Single) Flush(*Step, Emit) error { return nil }

func anyNull(b *vec.Batch, cols []int, i int) bool {
	for _, c := range cols {
		if b.Cols[c].IsNull(i) {
			return true
		}
	}
	return false
}

// matches reads the right rows at head; none if the key cannot match.
func (n *Single) matches(head arrange.Ref, live bool) (m matches, err error) {
	var images [][]byte
	m.b = &vec.Batch{Weights: []int64{}}
	if live && head != 0 {
		n.rows[1].Each(head, func(image []byte, w int64) bool {
			images = append(images, bytes.Clone(image))
			m.b.Weights = append(m.b.Weights, w)
			m.total += w
			return true
		})
	}
	m.b.N = len(images)
	m.b.Cols, err = n.codec[1].Decode(images, nil)
	return m, err
}

// again takes back what the left rows at head gave with the matches before, and
// emits what they give with those after.
func (n *Single) again(s *Step, head arrange.Ref, before, after matches, out Emit) error {
	var images [][]byte
	var weights []int64
	flush := func() error {
		if len(images) == 0 {
			return nil
		}
		cols, err := n.codec[0].Decode(images, nil)
		if err != nil {
			return err
		}
		b := &vec.Batch{N: len(images), Cols: cols, Weights: weights}
		images, weights = nil, nil
		if err := n.emit(s, b, before, -1, out); err != nil {
			return err
		}
		return n.emit(s, b, after, 1, out)
	}
	var err error
	n.rows[0].Each(head, func(image []byte, w int64) bool {
		images, weights = append(images, bytes.Clone(image)), append(weights, w)
		if len(images) >= vec.BatchRows {
			err = flush()
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// emit gives the output of left rows whose key has the given right rows.
func (n *Single) emit(s *Step, left *vec.Batch, m matches, sign int64, out Emit) error {
	count := make([]int64, left.N)
	which := make([]int32, left.N)
	for i := range which {
		which[i] = -1
	}
	all := make([]int32, left.N)
	for i := range all {
		all[i] = int32(i)
	}
	for r := range m.b.N {
		hits := all
		if n.spec.Residual != nil {
			pair := &vec.Batch{N: left.N, Weights: make([]int64, left.N)}
			pair.Cols = append(append(pair.Cols, left.Cols...), repeat(m.b.Cols, int32(r), left.N)...)
			for i := range pair.Weights {
				pair.Weights[i] = sign * left.Weight(i) * m.b.Weights[r]
			}
			sel, errs := n.spec.Residual.EvalFilter(s.Ctx, pair)
			if len(errs) > 0 {
				if err := out.Errors(rowErrors(nil, errs, pair)); err != nil {
					return err
				}
			}
			hits = sel
		}
		for _, i := range hits {
			count[i] += m.b.Weights[r]
			if m.b.Weights[r] > 0 {
				which[i] = int32(r)
			}
		}
	}
	var sel, theirs []int32
	var weights []int64
	var errs []zset.Error
	for i, c := range count {
		w := sign * left.Weight(i)
		switch {
		case c > 1:
			errs = append(errs, tooManyRows(rowKey(left, i), w))
			continue
		case c == 1:
		case n.spec.Kind == plan.Left:
			which[i] = -1
		default:
			continue
		}
		sel, theirs, weights = append(sel, int32(i)), append(theirs, which[i]), append(weights, w)
	}
	if len(errs) > 0 {
		if err := out.Errors(errs); err != nil {
			return err
		}
	}
	if len(sel) == 0 {
		return nil
	}
	o := &vec.Batch{N: len(sel), Weights: weights}
	for _, c := range left.Cols {
		o.Cols = append(o.Cols, vec.Gather(c, sel))
	}
	for _, c := range m.b.Cols {
		o.Cols = append(o.Cols, vec.Gather(c, theirs))
	}
	return out.Batch(o)
}

// repeat is n times row r of cols.
func repeat(cols []*vec.Vec, r int32, n int) []*vec.Vec {
	sel := make([]int32, n)
	for i := range sel {
		sel[i] = r
	}
	out := make([]*vec.Vec, len(cols))
	for i, c := range cols {
		out[i] = vec.Gather(c, sel)
	}
	return out
}

func tooManyRows(row string, w int64) zset.Error {
	return zset.Error{
		Err: sqlerr.New(sqlerr.CardinalityViolation, "more than one row returned by a subquery used as an expression"),
		Row: row, Weight: w,
	}
}
