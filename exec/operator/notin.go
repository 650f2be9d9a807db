package operator

import (
	"bytes"
	"encoding/binary"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// NotIn is NOT IN over one column: a left row comes out while the right side is
// empty, or else while its key is not NULL, no right key is NULL and none is
// equal. All left rows are kept in one ordered group, by key, because the first
// right row and the first NULL concern all of them.
type NotIn struct {
	types []types.Type
	keys  [2]int
	left  *arrange.Ordered // key ++ exact row → weight
	right *arrange.Table   // key → weight; the empty key: all
}

var _ Operator = (*NotIn)(nil)

// NewNotIn makes the operator for a NullAware anti join with one key and no residual.
func NewNotIn(spec JoinSpec, states *States) *NotIn {
	return &NotIn{
		types: spec.Types[0],
		keys:  [2]int{spec.Keys[0][0], spec.Keys[1][0]},
		left:  states.Space.Ordered(states.Next()),
		right: states.Table(arrange.TableOptions{}),
	}
}

// notInState is what decides about all left rows.
type notInState struct{ empty, nulls bool }

func (st notInState) passes(null bool, matches int64) bool {
	return st.empty || !null && !st.nulls && matches <= 0
}

// Push takes rows of either side.
func (n *NotIn) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	if port == 0 {
		return n.pushLeft(b, out)
	}
	return n.pushRight(b, out)
}

// Flush does nothing: a batch has all its effects when it is pushed.
func (n *NotIn) Flush(*Step, Emit) error { return nil }

// counts looks the right weights of keys up, and the state as it is.
func (n *NotIn) counts(keys *arrange.Keys) ([]arrange.Ref, []int64, error) {
	refs := make([]arrange.Ref, keys.Len())
	if err := n.right.Lookup(keys, nil, refs); err != nil {
		return nil, nil, err
	}
	out := make([]int64, len(refs))
	for i, ref := range refs {
		if ref != 0 {
			out[i], _ = binary.Varint(n.right.Value(ref))
		}
	}
	return refs, out, nil
}

// nullKey is the canonical key of NULL.
func (n *NotIn) nullKey() []byte {
	var k rowenc.Keys
	v := vec.FromDatums(n.types[n.keys[0]], []types.Datum{types.NullDatum})
	rowenc.EncodeKeys(&k, []*vec.Vec{v}, 1, rowenc.KeyOptions{})
	return k.Key(0)
}

// globals are the keys under which the right table counts all rows and NULLs.
func (n *NotIn) globals() *arrange.Keys {
	k := &arrange.Keys{}
	k.Append(nil)
	k.Append(n.nullKey())
	return k
}

func (n *NotIn) state() (notInState, error) {
	_, c, err := n.counts(n.globals())
	if err != nil {
		return notInState{}, err
	}
	return notInState{empty: c[0] <= 0, nulls: c[1] > 0}, nil
}

func (n *NotIn) pushLeft(b *vec.Batch, out Emit) error {
	st, err := n.state()
	if err != nil {
		return err
	}
	var keys, rows rowenc.Keys
	key := b.Cols[n.keys[0]]
	rowenc.EncodeKeys(&keys, []*vec.Vec{key}, b.N, rowenc.KeyOptions{})
	rowenc.EncodeKeys(&rows, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	ak := arrange.Keys{Off: keys.Off, Data: keys.Data}
	ak.HashAll()
	_, counts, err := n.counts(&ak)
	if err != nil {
		return err
	}
	var sel []int32
	var full []byte
	for i := range b.N {
		if st.passes(key.IsNull(i), counts[i]) {
			sel = append(sel, int32(i))
		}
		full = append(append(full[:0], keys.Key(i)...), rows.Key(i)...)
		if _, _, err := n.left.Add(nil, noGroupHash, full, nil, b.Weight(i)); err != nil {
			return err
		}
	}
	if len(sel) == 0 {
		return nil
	}
	return out.Batch(b.Select(sel))
}

func (n *NotIn) pushRight(b *vec.Batch, out Emit) error {
	before, err := n.state()
	if err != nil {
		return err
	}
	var enc rowenc.Keys
	rowenc.EncodeKeys(&enc, []*vec.Vec{b.Cols[n.keys[1]]}, b.N, rowenc.KeyOptions{})
	var idx zset.Index
	idx.Reset(b.N + 1)
	sums := []int64{0}
	idx.Add(nil) // the empty key counts all rows
	for i, id := range idx.Assign(enc.Off, enc.Data, zset.HashKeys(nil, enc.Off, enc.Data), nil, nil) {
		if int(id) == len(sums) {
			sums = append(sums, 0)
		}
		sums[id] += b.Weight(i)
		sums[0] += b.Weight(i)
	}
	keys := arrange.Keys{Off: idx.Off, Data: idx.Data, Hash: idx.Hash}
	refs, old, err := n.counts(&keys)
	if err != nil {
		return err
	}
	for k, w := range sums {
		if _, _, err := addCount(n.right, &keys, k, refs[k], w); err != nil {
			return err
		}
	}
	after, err := n.state()
	if err != nil {
		return err
	}
	o := &notInOutput{n: n, out: out}
	null := n.nullKey()
	if before == after {
		for k := 1; k < idx.Len(); k++ {
			if bytes.Equal(idx.Key(k), null) || after.passes(false, old[k]) == after.passes(false, old[k]+sums[k]) {
				continue
			}
			if err := n.each(idx.Key(k), func(_, row []byte, w int64) error {
				if after.passes(false, old[k]) {
					w = -w
				}
				return o.add(row, w)
			}); err != nil {
				return err
			}
		}
		return o.flush()
	}
	err = n.each(nil, func(key, row []byte, w int64) error {
		k := &arrange.Keys{}
		k.Append(key)
		_, c, err := n.counts(k)
		if err != nil {
			return err
		}
		was := c[0]
		if id := idx.Find(key, k.Hash[0]); id >= 0 {
			was -= sums[id]
		}
		isNull := bytes.Equal(key, null)
		p0, p1 := before.passes(isNull, was), after.passes(isNull, c[0])
		switch {
		case p0 && !p1:
			return o.add(row, -w)
		case p1 && !p0:
			return o.add(row, w)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return o.flush()
}

// each calls fn for the left rows with the given key (nil: all).
func (n *NotIn) each(key []byte, fn func(key, row []byte, w int64) error) error {
	var failed error
	kt := []types.Type{n.types[n.keys[0]]}
	err := n.left.Ascend(nil, noGroupHash, key, func(full, _ []byte, w int64) bool {
		if !bytes.HasPrefix(full, key) {
			return false
		}
		_, rest, err := rowenc.DecodeKeys([][]byte{full}, kt, rowenc.KeyOptions{})
		if err != nil {
			failed = err
			return false
		}
		failed = fn(full[:len(full)-len(rest[0])], rest[0], w)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	return err
}

// notInOutput gathers left rows by their exact keys.
type notInOutput struct {
	n       *NotIn
	out     Emit
	rows    [][]byte
	weights []int64
}

func (o *notInOutput) add(row []byte, w int64) error {
	o.rows, o.weights = append(o.rows, bytes.Clone(row)), append(o.weights, w)
	if len(o.rows) >= vec.BatchRows {
		return o.flush()
	}
	return nil
}

func (o *notInOutput) flush() error {
	if len(o.rows) == 0 {
		return nil
	}
	cols, _, err := rowenc.DecodeKeys(o.rows, o.n.types, rowenc.KeyOptions{Mode: rowenc.Exact})
	if err != nil {
		return err
	}
	b := &vec.Batch{N: len(o.rows), Cols: cols, Weights: o.weights}
	o.rows, o.weights = nil, nil
	return o.out.Batch(b)
}
