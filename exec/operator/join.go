package operator

import (
	"encoding/binary"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Join matches two inputs. Each batch meets what the other side holds at that
// moment and is then added to its own side, so that every pair is met once
// whatever the interleaving: d(A⋈B) = dA⋈B + (A+dA)⋈dB.
//
// What a row without a match does (outer, semi, anti) depends on m, the weight
// of its matches: it is emitted, padded or not, while m > 0 or while m ≤ 0. The
// invariant behind all of them is that after each batch the sum of the output is
// the join of the sums of the inputs so far. m is kept
//   - per key, where the key alone decides (no residual): counts;
//   - per distinct row, where it does not: matches.
//
// Rows with a NULL key match nothing and are kept nowhere, unless NullEqual.
// NOT IN with one key has an operator of its own (NotIn), and so has a join with
// at most one match (Single).
type Join struct {
	spec     JoinSpec
	pairs    bool // matched pairs come out (not Semi, Anti)
	sides    [2]joinSide
	codec    [2]*rowenc.Codec
	space    *arrange.Space
	splitter splitter
	lanes    []*Join

	out pairBuffer
}

var _ Operator = (*Join)(nil)

// JoinSpec says what a Join computes.
type JoinSpec struct {
	Kind      plan.JoinKind
	Types     [2][]types.Type
	Keys      [2][]int
	Residual  *expr.Program // over left then right columns; nil = true
	NullEqual bool
	NullAware bool
	// Shared are the sides whose rows others keep and update: see joinshared.go. Of a
	// join that is not an inner one at most one may be.
	Shared [2]*arrange.Multi
}

// joinSide is the state and the scratch of one side.
type joinSide struct {
	rows    *arrange.Multi // key → row images; nil where only counts are asked for
	counts  *arrange.Table // key → weight of the rows; nil where nobody asks
	matches *arrange.Table // row → weight of its matches, for m decided by row
	lonely  bool           // what a row of this side does depends on m
	shared  bool           // rows holds this step's rows already, and is not ours
	waiting []*vec.Batch   // rows that wait for the other side's to have come

	cols   []*vec.Vec
	keys   rowenc.Keys
	images rowenc.Keys
	hash   []uint64
	index  zset.Index
	ids    []int32
	own    []arrange.Ref
	other  []arrange.Ref
	refs   []arrange.Ref
	sums   []int64
	m      []int64 // per row: weight of its matches
}

// NewJoin makes the operator.
func NewJoin(spec JoinSpec, states *States) *Join {
	j := &Join{spec: spec, pairs: spec.Kind != plan.Semi && spec.Kind != plan.Anti}
	j.sides[0].lonely = spec.Kind != plan.Inner && spec.Kind != plan.Right
	j.sides[1].lonely = spec.Kind == plan.Right || spec.Kind == plan.Full
	j.space = states.Space
	byRow := j.byRow()
	for i := range j.sides {
		side, other := &j.sides[i], &j.sides[1-i]
		j.codec[i] = rowenc.NewCodec(spec.Types[i])
		if j.pairs || i == 0 || byRow {
			side.rows = states.Multi() // an id is taken whether it is used or not
			if spec.Shared[i] != nil {
				side.rows, side.shared = spec.Shared[i], true
			}
		}
		if other.lonely && !byRow {
			side.counts = states.Table(arrange.TableOptions{})
		}
		if side.lonely && byRow {
			side.matches = states.Table(arrange.TableOptions{})
		}
	}
	j.out.join = j
	return j
}

// byRow: the key alone does not tell whether two rows match.
func (j *Join) byRow() bool { return j.spec.Residual != nil || j.spec.NullAware }

// Push joins b with the other side and adds it to its own.
func (j *Join) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	b, err := j.dropNullKeys(port, nonZero(b), out)
	if err != nil || b == nil || j.waits(s, port, b) {
		return err
	}
	return j.take(s, port, b, out)
}

// take joins b, now.
func (j *Join) take(s *Step, port int, b *vec.Batch, out Emit) error {
	// Without keys there is one key; match counts by row lie in other parts.
	if s.Workers > 1 && b.N >= laneRows && len(j.spec.Keys[0]) > 0 && !j.byRow() {
		return j.pushWide(s, port, b, out)
	}
	return j.push(s, port, b, out)
}

// pushWide is push in lanes.
func (j *Join) pushWide(s *Step, port int, b *vec.Batch, out Emit) error {
	for len(j.lanes) < s.Workers {
		l := &Join{spec: j.spec, pairs: j.pairs, codec: j.codec}
		for i := range l.sides {
			from := &j.sides[i]
			l.sides[i] = joinSide{rows: from.rows, counts: from.counts, lonely: from.lonely, shared: from.shared}
		}
		l.out.join = l
		j.lanes = append(j.lanes, l)
	}
	n := s.Workers
	parts := j.splitter.split(j.space, columns(b, j.spec.Keys[port]), b.N, n)
	return inLanes(n, out, func(i int, out Emit) error {
		if len(parts[i]) == 0 {
			return nil
		}
		return j.lanes[i].push(s, port, b.Select(parts[i]), out)
	})
}

func (j *Join) push(s *Step, port int, b *vec.Batch, out Emit) error {
	side, other := &j.sides[port], &j.sides[1-port]
	side.encode(j, port, b)
	n := side.index.Len()
	keys := side.arrangeKeys()
	side.other = resize(side.other, n)
	if other.rows != nil && (j.pairs || other.lonely || j.byRow()) {
		if err := other.rows.Lookup(&keys, nil, side.other); err != nil {
			return err
		}
	}
	if j.pairs || j.byRow() {
		if err := j.match(s, port, b, out); err != nil {
			return err
		}
	}
	if side.lonely {
		if err := j.emitOwn(port, b, &keys, out); err != nil {
			return err
		}
	}
	if side.counts != nil {
		if err := j.count(s, port, b, &keys, out); err != nil {
			return err
		}
	}
	if side.rows == nil || side.shared {
		return nil
	}
	return j.insert(port, b, &keys)
}

// Flush joins what has waited; without shared sides nothing has.
func (j *Join) Flush(s *Step, out Emit) error { return j.flushShared(s, out) }

func (side *joinSide) encode(j *Join, port int, b *vec.Batch) {
	side.cols = side.cols[:0]
	if !j.spec.NullAware { // there the keys are part of the condition
		for _, c := range j.spec.Keys[port] {
			side.cols = append(side.cols, b.Cols[c])
		}
	}
	rowenc.EncodeKeys(&side.keys, side.cols, b.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	side.hash = zset.HashKeys(side.hash, side.keys.Off, side.keys.Data)
	side.index.Reset(b.N)
	side.ids = side.index.Assign(side.keys.Off, side.keys.Data, side.hash, nil, side.ids[:0])
	if side.rows != nil || side.matches != nil {
		j.codec[port].Encode(&side.images, b.Cols, b.N)
	}
}

func (side *joinSide) arrangeKeys() arrange.Keys {
	return arrange.Keys{Off: side.index.Off, Data: side.index.Data, Hash: side.index.Hash}
}

// dropNullKeys takes out the rows that match nothing and emits what they become.
func (j *Join) dropNullKeys(port int, b *vec.Batch, out Emit) (*vec.Batch, error) {
	if b == nil || j.spec.NullEqual || j.spec.NullAware {
		return b, nil
	}
	any := false
	for _, c := range j.spec.Keys[port] {
		any = any || b.Cols[c].Valid != nil
	}
	if !any {
		return b, nil
	}
	var null, rest []int32
	for i := range b.N {
		isNull := false
		for _, c := range j.spec.Keys[port] {
			isNull = isNull || b.Cols[c].IsNull(i)
		}
		if isNull {
			null = append(null, int32(i))
		} else {
			rest = append(rest, int32(i))
		}
	}
	if len(null) > 0 && j.keepsUnmatched(port) {
		if err := out.Batch(j.pad(port, b.Select(null))); err != nil {
			return nil, err
		}
	}
	if len(rest) == 0 {
		return nil, nil
	}
	if len(rest) == b.N {
		return b, nil
	}
	return b.Select(rest), nil
}

// keepsUnmatched: rows of this side without a match come out.
func (j *Join) keepsUnmatched(port int) bool {
	switch j.spec.Kind {
	case plan.Left, plan.Anti:
		return port == 0
	case plan.Right:
		return port == 1
	case plan.Full:
		return true
	}
	return false
}

// alone is how often a row of a side comes out by itself while its matches weigh m.
func (j *Join) alone(port int, m int64) int64 {
	if j.keepsUnmatched(port) && m <= 0 || j.spec.Kind == plan.Semi && m > 0 {
		return 1
	}
	return 0
}

// pad puts NULLs in the place of the other side.
func (j *Join) pad(port int, b *vec.Batch) *vec.Batch {
	if !j.pairs {
		return b
	}
	o := &vec.Batch{N: b.N, Weights: b.Weights}
	none := make([]int32, b.N)
	for i := range none {
		none[i] = -1
	}
	nulls := emptyBatch(j.spec.Types[1-port]).Cols
	for i, v := range nulls {
		nulls[i] = vec.Gather(v, none)
	}
	if port == 0 {
		o.Cols = append(append(o.Cols, b.Cols...), nulls...)
	} else {
		o.Cols = append(append(o.Cols, nulls...), b.Cols...)
	}
	return o
}

// match meets b with the rows of the other side that have the same key.
func (j *Join) match(s *Step, port int, b *vec.Batch, out Emit) error {
	side, other := &j.sides[port], &j.sides[1-port]
	if j.byRow() {
		side.m = resize(side.m, b.N)
		clear(side.m)
	}
	p := &j.out
	p.start(s, port, b, out)
	for i, id := range side.ids {
		head := side.other[id]
		if head == 0 {
			continue
		}
		w := b.Weight(i)
		var err error
		other.rows.Each(head, func(image []byte, weight int64) bool {
			err = p.add(int32(i), image, w, weight)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	if other.matches != nil {
		return j.countMatches(1-port, out)
	}
	return nil
}

// emitOwn emits b's own rows according to their matches.
func (j *Join) emitOwn(port int, b *vec.Batch, keys *arrange.Keys, out Emit) error {
	side, other := &j.sides[port], &j.sides[1-port]
	if !j.byRow() {
		side.refs = resize(side.refs, side.index.Len())
		if err := other.counts.Lookup(keys, nil, side.refs); err != nil {
			return err
		}
		side.sums = resize(side.sums, side.index.Len())
		for id, ref := range side.refs {
			side.sums[id] = 0
			if ref != 0 {
				side.sums[id], _ = binary.Varint(other.counts.Value(ref))
			}
		}
	}
	sel := make([]int32, 0, b.N)
	for i, id := range side.ids {
		m := int64(0)
		if j.byRow() {
			m = side.m[i]
		} else {
			m = side.sums[id]
		}
		if j.alone(port, m) > 0 {
			sel = append(sel, int32(i))
		}
	}
	if len(sel) == 0 {
		return nil
	}
	if len(sel) < b.N {
		b = b.Select(sel)
	}
	return out.Batch(j.pad(port, b))
}

// count adds b to its side's counts and re-emits the other side's rows whose
// matches appear or vanish.
func (j *Join) count(s *Step, port int, b *vec.Batch, keys *arrange.Keys, out Emit) error {
	side, other := &j.sides[port], &j.sides[1-port]
	n := side.index.Len()
	side.sums = resize(side.sums, n)
	clear(side.sums)
	for i, id := range side.ids {
		side.sums[id] += b.Weight(i)
	}
	side.refs = resize(side.refs, n)
	if err := side.counts.Lookup(keys, nil, side.refs); err != nil {
		return err
	}
	if !j.pairs { // match has not looked them up
		if err := other.rows.Lookup(keys, nil, side.other); err != nil {
			return err
		}
	}
	lone := j.newLoners(1-port, out)
	for id := range n {
		before, after, err := addCount(side.counts, keys, id, side.refs[id], side.sums[id])
		if err != nil {
			return err
		}
		if side.other[id] == 0 || !lone.changes(before, after) {
			continue
		}
		other.rows.Each(side.other[id], func(image []byte, w int64) bool {
			err = lone.add(image, w, before, after)
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return lone.flush()
}

// countMatches adds what match found to the counts of the rows of a side, and
// re-emits those whose matches appear or vanish.
func (j *Join) countMatches(port int, out Emit) error {
	side, p := &j.sides[port], &j.out
	n := p.rows.Len()
	if n == 0 {
		return nil
	}
	keys := arrange.Keys{Off: p.rows.Off, Data: p.rows.Data, Hash: p.rows.Hash}
	side.refs = resize(side.refs, n)
	if err := side.matches.Lookup(&keys, nil, side.refs); err != nil {
		return err
	}
	lone := j.newLoners(port, out)
	for k := range n {
		before, after, err := addCount(side.matches, &keys, k, side.refs[k], p.sums[k])
		if err != nil {
			return err
		}
		if err := lone.add(p.rows.Key(k), p.weights1[k], before, after); err != nil {
			return err
		}
	}
	return lone.flush()
}

// insert adds b's rows to their side.
func (j *Join) insert(port int, b *vec.Batch, keys *arrange.Keys) error {
	side := &j.sides[port]
	side.own = resize(side.own, side.index.Len())
	if err := side.rows.Lookup(keys, nil, side.own); err != nil {
		return err
	}
	for i, id := range side.ids {
		w := b.Weight(i)
		head, _, after, err := side.rows.Add(keys, int(id), side.own[id], side.images.Key(i), w)
		if err != nil {
			return err
		}
		side.own[id] = head
		if side.matches == nil {
			continue
		}
		if after == 0 {
			side.m[i] = 0
		}
	}
	if side.matches == nil {
		return nil
	}
	return j.storeMatches(side, b.N)
}

// storeMatches sets the match counts of the rows just inserted; a row that has
// gone has none. Of equal rows in the batch the last one knows best.
func (j *Join) storeMatches(side *joinSide, n int) error {
	hash := zset.HashKeys(nil, side.images.Off, side.images.Data)
	var rows zset.Index
	rows.Reset(n)
	ids := rows.Assign(side.images.Off, side.images.Data, hash, nil, nil)
	want := make([]int64, rows.Len())
	for i, id := range ids {
		want[id] = side.m[i]
	}
	keys := arrange.Keys{Off: rows.Off, Data: rows.Data, Hash: rows.Hash}
	side.refs = resize(side.refs, rows.Len())
	if err := side.matches.Lookup(&keys, nil, side.refs); err != nil {
		return err
	}
	for k, m := range want {
		var have int64
		if ref := side.refs[k]; ref != 0 {
			have, _ = binary.Varint(side.matches.Value(ref))
		}
		if _, _, err := addCount(side.matches, &keys, k, side.refs[k], m-have); err != nil {
			return err
		}
	}
	return nil
}
