package operator

import (
	"bytes"
	"cmp"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// TopN keeps the rows of each partition in order and emits those whose rank lies
// in (Offset, Offset+Limit]. The order is that of OrderBy, then the value order
// of the whole row.
//
// An entry's key is the order key followed by the exact key of the row, so the
// arrangement holds each row once. A changed partition is read before and after,
// only as far as the limit reaches, and the difference is emitted. Where the
// input never retracts, entries beyond the limit are dropped: nothing can bring
// them back.
type TopN struct {
	spec      TopNSpec
	partTypes []types.Type
	ordTypes  []types.Type
	ordOpts   rowenc.KeyOptions
	rows      *arrange.Ordered
	bound     bool // limits with parameters have been computed
	in        chunk
	parts     zset.Index
}

var _ Operator = (*TopN)(nil)

// TopNSpec says what a TopN computes; see plan.TopN.
type TopNSpec struct {
	Types           []types.Type
	Partition       []int
	OrderBy         []plan.Order
	Limit, Offset   int64
	RankCol         bool
	RankKind        uint8
	LimitE, OffsetE expr.Expr
	AppendOnly      bool
}

// The kinds of rank.
const (
	rowNumber = iota
	rank
	denseRank
)

// ranked is an output row: an entry with its rank (0 if that does not come out).
type ranked struct {
	key    []byte
	rank   int64
	weight int64
}

// NewTopN makes the operator.
func NewTopN(spec TopNSpec, states *States) *TopN {
	t := &TopN{spec: spec, rows: states.Space.Ordered(states.Next())}
	for _, c := range spec.Partition {
		t.partTypes = append(t.partTypes, spec.Types[c])
	}
	for _, o := range spec.OrderBy {
		t.ordTypes = append(t.ordTypes, spec.Types[o.Col])
		t.ordOpts.Orders = append(t.ordOpts.Orders, rowenc.Order{Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	return t
}

// Push adds b's rows to their partitions.
func (t *TopN) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	if t.in.full(b) {
		if err := t.process(s, out); err != nil {
			return err
		}
	}
	t.in.add(b)
	return nil
}

// Flush emits what changed.
func (t *TopN) Flush(s *Step, out Emit) error { return t.process(s, out) }

// bind computes limits that are expressions, once.
func (t *TopN) bind(s *Step) error {
	if t.bound {
		return nil
	}
	limit, err := evalLimit(s, t.spec.LimitE, sqlerr.InvalidRowCountInLimit, "LIMIT", t.spec.Limit)
	if err != nil {
		return err
	}
	offset, err := evalLimit(s, t.spec.OffsetE, sqlerr.InvalidRowCountInOffset, "OFFSET", t.spec.Offset)
	if err != nil {
		return err
	}
	t.spec.Limit, t.spec.Offset, t.bound = limit, max(offset, 0), true
	return nil
}

// evalLimit computes a LIMIT or OFFSET; NULL is -1.
func evalLimit(s *Step, e expr.Expr, code sqlerr.Code, word string, fixed int64) (int64, error) {
	if e == nil {
		return fixed, nil
	}
	d, err := expr.EvalDatum(s.Ctx, e)
	if err != nil || d.Null {
		return -1, err
	}
	if d.I < 0 {
		return 0, sqlerr.New(code, "%s must not be negative", word)
	}
	return d.I, nil
}

// EvalLimits computes LIMIT and OFFSET; no limit is -1.
func EvalLimits(s *Step, limit, offset expr.Expr) (l, o int64, err error) {
	if l, err = evalLimit(s, limit, sqlerr.InvalidRowCountInLimit, "LIMIT", -1); err != nil {
		return 0, 0, err
	}
	o, err = evalLimit(s, offset, sqlerr.InvalidRowCountInOffset, "OFFSET", 0)
	return l, max(o, 0), err
}

func (t *TopN) process(s *Step, out Emit) error {
	b := t.in.take()
	if b == nil {
		return nil
	}
	if err := t.bind(s); err != nil {
		return err
	}
	var part, ord, row, full rowenc.Keys
	rowenc.EncodeKeys(&part, columns(b, t.spec.Partition), b.N, rowenc.KeyOptions{})
	order := make([]*vec.Vec, len(t.spec.OrderBy))
	for i, o := range t.spec.OrderBy {
		order[i] = b.Cols[o.Col]
	}
	rowenc.EncodeKeys(&ord, order, b.N, t.ordOpts)
	rowenc.EncodeKeys(&row, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	joinKeys(&full, b.N, part.Key, ord.Key, row.Key)

	// Consolidate by entry, so that a row that comes and goes costs nothing.
	var entries zset.Index
	entries.Reset(b.N)
	t.parts.Reset(b.N)
	pids := t.parts.Assign(part.Off, part.Data, zset.HashKeys(nil, part.Off, part.Data), nil, nil)
	var sums []int64
	var owner []int32
	for i, id := range entries.Assign(full.Off, full.Data, zset.HashKeys(nil, full.Off, full.Data), nil, nil) {
		if int(id) == len(sums) {
			sums, owner = append(sums, 0), append(owner, pids[i])
		}
		sums[id] += b.Weight(i)
	}
	touched := make([]bool, t.parts.Len())
	for id, w := range sums {
		touched[owner[id]] = touched[owner[id]] || w != 0
	}
	old := make([][]ranked, t.parts.Len())
	for p := range old {
		if touched[p] {
			var err error
			if old[p], err = t.read(p); err != nil {
				return err
			}
		}
	}
	clear(touched)
	for id, w := range sums {
		if w == 0 {
			continue
		}
		p := int(owner[id])
		key := entries.Key(id)[len(t.parts.Key(p)):]
		if t.outranked(old[p], key) {
			continue
		}
		touched[p] = true
		if _, _, err := t.rows.Add(t.parts.Key(p), t.parts.Hash[p], key, nil, w); err != nil {
			return err
		}
	}
	o := topOutput{t: t, out: out}
	for p := range old {
		if !touched[p] {
			continue
		}
		now, err := t.read(p)
		if err != nil {
			return err
		}
		if err := t.trim(p, now); err != nil {
			return err
		}
		if err := o.diff(old[p], now); err != nil {
			return err
		}
	}
	return o.flush()
}

func columns(b *vec.Batch, idx []int) []*vec.Vec {
	out := make([]*vec.Vec, len(idx))
	for i, c := range idx {
		out[i] = b.Cols[c]
	}
	return out
}

// read returns the output rows of a partition in order.
func (t *TopN) read(p int) ([]ranked, error) {
	var out []ranked
	var failed error
	lo, hi := t.spec.Offset, int64(-1)
	if t.spec.Limit >= 0 {
		hi = lo + t.spec.Limit
	}
	var before, distinct int64 // rows and different order keys so far
	var tie []byte             // the order key of the current ties
	var tieRank int64
	err := t.rows.Ascend(t.parts.Key(p), t.parts.Hash[p], nil, func(key, _ []byte, w int64) bool {
		if w <= 0 {
			return true
		}
		if t.spec.RankKind == rowNumber {
			if hi >= 0 && before >= hi {
				return false
			}
			first, last := max(before+1, lo+1), before+w
			if hi >= 0 {
				last = min(last, hi)
			}
			before += w
			if first > last {
				return true
			}
			k := bytes.Clone(key)
			if !t.spec.RankCol {
				out = append(out, ranked{key: k, weight: last - first + 1})
				return true
			}
			for r := first; r <= last; r++ {
				out = append(out, ranked{key: k, rank: r, weight: 1})
			}
			return true
		}
		k := bytes.Clone(key)
		n, err := t.orderLen(k)
		if err != nil {
			failed = err
			return false
		}
		if distinct == 0 || !bytes.Equal(tie, k[:n]) {
			distinct++
			tie = k[:n]
			tieRank = before + 1
			if t.spec.RankKind == denseRank {
				tieRank = distinct
			}
		}
		before += w
		if hi >= 0 && tieRank > hi {
			return false
		}
		if tieRank <= lo {
			return true
		}
		r := ranked{key: k, weight: w}
		if t.spec.RankCol {
			r.rank = tieRank
		}
		out = append(out, r)
		return true
	})
	if err == nil {
		err = failed
	}
	return out, err
}

// orderLen is the length of the order key at the front of an entry's key.
func (t *TopN) orderLen(key []byte) (int, error) {
	_, rest, err := rowenc.DecodeKeys([][]byte{key}, t.ordTypes, t.ordOpts)
	if err != nil {
		return 0, err
	}
	return len(key) - len(rest[0]), nil
}

// outranked reports that a new entry can never come out: nothing retracts, and
// all places are taken by better ones.
func (t *TopN) outranked(now []ranked, key []byte) bool {
	return t.bounded() && t.full(now) && bytes.Compare(key, now[len(now)-1].key) > 0
}

// bounded: only so many entries of a partition can ever come out.
func (t *TopN) bounded() bool {
	return t.spec.AppendOnly && t.spec.RankKind == rowNumber && t.spec.Limit > 0
}

// full: all places are taken.
func (t *TopN) full(now []ranked) bool {
	n := int64(0)
	for _, r := range now {
		n += r.weight
	}
	return n >= t.spec.Limit
}

// trim drops what can never come out again.
func (t *TopN) trim(p int, now []ranked) error {
	if !t.bounded() || !t.full(now) {
		return nil
	}
	after := append(bytes.Clone(now[len(now)-1].key), 0)
	_, err := t.rows.DeleteRange(t.parts.Key(p), t.parts.Hash[p], after, nil)
	return err
}

// topOutput gathers output rows.
type topOutput struct {
	t       *TopN
	out     Emit
	keys    [][]byte
	ranks   []int64
	weights []int64
}

// diff adds what takes old to now; both are in order.
func (o *topOutput) diff(old, now []ranked) error {
	for len(old) > 0 || len(now) > 0 {
		c := 0
		switch {
		case len(old) == 0:
			c = 1
		case len(now) == 0:
			c = -1
		default:
			if c = bytes.Compare(old[0].key, now[0].key); c == 0 {
				c = cmp.Compare(old[0].rank, now[0].rank)
			}
		}
		var r ranked
		switch {
		case c < 0:
			r, old = old[0], old[1:]
			r.weight = -r.weight
		case c > 0:
			r, now = now[0], now[1:]
		default:
			r = now[0]
			r.weight -= old[0].weight
			old, now = old[1:], now[1:]
		}
		if r.weight == 0 {
			continue
		}
		o.keys, o.ranks, o.weights = append(o.keys, r.key), append(o.ranks, r.rank), append(o.weights, r.weight)
		if len(o.keys) >= vec.BatchRows {
			if err := o.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *topOutput) flush() error {
	if len(o.keys) == 0 {
		return nil
	}
	t := o.t
	_, rest, err := rowenc.DecodeKeys(o.keys, t.ordTypes, t.ordOpts)
	if err != nil {
		return err
	}
	cols, _, err := rowenc.DecodeKeys(rest, t.spec.Types, rowenc.KeyOptions{Mode: rowenc.Exact})
	if err != nil {
		return err
	}
	if t.spec.RankCol {
		cols = append(cols, &vec.Vec{Type: types.Int8, N: len(o.ranks), Ints: o.ranks})
	}
	b := &vec.Batch{N: len(o.keys), Cols: cols, Weights: o.weights}
	o.keys, o.ranks, o.weights = nil, nil, nil
	return o.out.Batch(b)
}
