package operator

import (
	"bytes"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// aggCall is one aggregate of an Aggregate: it gathers what a chunk brings for
// each group, and makes its part of the group's image from that and the old part.
//
//	Invertible  the Accum's own image
//	Ordered     the exact key of the extreme value, with its length; empty = NULL
//	Holistic    the value (value.go)
type aggCall struct {
	plan.AggCall
	args    []types.Type
	orders  []types.Type
	orderBy rowenc.KeyOptions

	accum  funcs.Accum
	counts *arrange.Table // DISTINCT of an Invertible: group, arguments → count
	set    *multiset      // Ordered over input that retracts, Holistic: group, [order,] arguments → weight

	keys, okeys, vkeys rowenc.Keys
	index              zset.Index
	hash               []uint64
	ids, groups        []int32
	sums               []int64
	refs               []arrange.Ref

	best    [][]byte // Ordered: the best value that the chunk adds to each group
	shrunk  []bool   // Ordered: the chunk takes values from the group
	touched []bool   // Holistic: the group has changed
	part    []byte   // this call's part of the old image

	out *vec.Builder // reading
	rd  [][]byte
}

func newAggCall(c plan.AggCall, spec AggregateSpec, states *States) *aggCall {
	a := &aggCall{AggCall: c}
	for _, i := range c.Args {
		a.args = append(a.args, spec.Input[i])
	}
	a.orderBy.Mode = rowenc.Canonical
	for _, o := range c.OrderBy {
		a.orders = append(a.orders, spec.Input[o.Col])
		a.orderBy.Orders = append(a.orderBy.Orders, rowenc.Order{Desc: o.Desc, NullsFirst: o.NullsFirst})
	}
	switch c.Fn.Class {
	case funcs.Invertible:
		a.accum = c.Fn.NewAccum(a.args)
		if c.Distinct {
			a.counts = states.Table(arrange.TableOptions{})
		}
	case funcs.Ordered:
		if !spec.AppendOnly {
			a.set = states.multiset()
		}
	case funcs.Holistic:
		a.set = states.multiset()
	}
	return a
}

// reader returns a copy that can only read images.
func (a *aggCall) reader() *aggCall {
	r := &aggCall{AggCall: a.AggCall, args: a.args}
	if a.Fn.Class == funcs.Invertible {
		r.accum = a.Fn.NewAccum(a.args)
	}
	return r
}

// clone returns a copy with scratch of its own over the same state.
func (a *aggCall) clone() *aggCall {
	c := a.reader()
	c.orders, c.orderBy, c.counts, c.set = a.orders, a.orderBy, a.counts, a.set
	return c
}

// add gathers the chunk's rows.
func (a *aggCall) add(sc *aggScratch, b *vec.Batch) error {
	n := sc.index.Len()
	ids, args, weights := a.selectRows(sc, b)
	switch {
	case a.Fn.Class == funcs.Invertible:
		a.accum.Reset(n)
		if a.Distinct {
			return a.addDistinct(sc, ids, args, weights)
		}
		if len(ids) > 0 {
			a.accum.Add(ids, args.Cols, weights)
		}
	case a.Fn.Class == funcs.Ordered:
		return a.addOrdered(sc, n, ids, args, weights)
	default:
		return a.addHolistic(sc, n, ids, args, weights)
	}
	return nil
}

// selectRows applies FILTER, and outside of Accums the NULL rule. args holds the
// argument columns, then those of ORDER BY.
func (a *aggCall) selectRows(sc *aggScratch, b *vec.Batch) (ids []int32, args *vec.Batch, weights []int64) {
	args = &vec.Batch{N: b.N, Weights: b.Weights}
	for _, c := range a.Args {
		args.Cols = append(args.Cols, b.Cols[c])
	}
	for _, o := range a.OrderBy {
		args.Cols = append(args.Cols, b.Cols[o.Col])
	}
	var filter *vec.Vec
	if a.Filter >= 0 {
		filter = b.Cols[a.Filter]
	}
	nulls := false
	if a.Fn.SkipNulls && (a.Distinct || a.Fn.Class != funcs.Invertible) {
		for _, v := range args.Cols[:len(a.Args)] {
			nulls = nulls || v.Valid != nil
		}
	}
	if filter == nil && !nulls {
		return sc.ids, args, b.Weights
	}
	drop := func(i int) bool {
		if filter != nil && (filter.IsNull(i) || !filter.Bools[i]) {
			return true
		}
		if nulls {
			for _, v := range args.Cols[:len(a.Args)] {
				if v.IsNull(i) {
					return true
				}
			}
		}
		return false
	}
	sel := make([]int32, 0, b.N)
	ids = a.ids[:0]
	for i := range b.N {
		if !drop(i) {
			sel = append(sel, int32(i))
			ids = append(ids, sc.ids[i])
		}
	}
	a.ids = ids
	args = args.Select(sel)
	return ids, args, args.Weights
}

// addDistinct turns the chunk's rows into the arguments that appear in, and
// vanish from, each group.
func (a *aggCall) addDistinct(sc *aggScratch, ids []int32, args *vec.Batch, weights []int64) error {
	if len(ids) == 0 {
		return nil
	}
	canonical := rowenc.KeyOptions{Mode: rowenc.Canonical}
	rowenc.EncodeKeys(&a.vkeys, args.Cols[:len(a.Args)], args.N, canonical)
	a.consolidate(sc, ids, weights, nil)
	n := a.index.Len()
	keys := arrange.Keys{Off: a.index.Off, Data: a.index.Data, Hash: a.index.Hash}
	a.refs = resize(a.refs, n)
	if err := a.counts.Lookup(&keys, nil, a.refs); err != nil {
		return err
	}
	var changed [][]byte
	var signs []int64
	var groups []int32
	for k := range n {
		before, after, err := addCount(a.counts, &keys, k, a.refs[k], a.sums[k])
		if err != nil {
			return err
		}
		if (before > 0) == (after > 0) {
			continue
		}
		sign := int64(1)
		if before > 0 {
			sign = -1
		}
		g := a.groups[k]
		changed = append(changed, a.index.Key(k)[len(sc.index.Key(int(g))):])
		signs, groups = append(signs, sign), append(groups, g)
	}
	if len(changed) == 0 {
		return nil
	}
	cols, _, err := rowenc.DecodeKeys(changed, a.args, canonical)
	if err != nil {
		return err
	}
	a.accum.Add(groups, cols, signs)
	return nil
}

// consolidate numbers the distinct (group, [order,] value) keys of the chunk and
// sums their weights; a.groups has each one's group.
func (a *aggCall) consolidate(sc *aggScratch, ids []int32, weights []int64, order *rowenc.Keys) {
	joinKeys(&a.keys, len(ids),
		func(i int) []byte { return sc.index.Key(int(ids[i])) },
		func(i int) []byte {
			if order == nil {
				return nil
			}
			return order.Key(i)
		},
		func(i int) []byte { return a.vkeys.Key(i) })
	a.hash = zset.HashKeys(a.hash, a.keys.Off, a.keys.Data)
	a.index.Reset(len(ids))
	a.sums, a.groups = a.sums[:0], a.groups[:0]
	kids := a.index.Assign(a.keys.Off, a.keys.Data, a.hash, nil, nil)
	for i, k := range kids {
		if int(k) == len(a.sums) {
			a.sums, a.groups = append(a.sums, 0), append(a.groups, ids[i])
		}
		a.sums[k] += weightOf(weights, i)
	}
}

func (a *aggCall) addOrdered(sc *aggScratch, n int, ids []int32, args *vec.Batch, weights []int64) error {
	a.best = resize(a.best, n)
	clear(a.best)
	a.shrunk = resize(a.shrunk, n)
	clear(a.shrunk)
	if len(ids) == 0 {
		return nil
	}
	rowenc.EncodeKeys(&a.vkeys, args.Cols[:1], args.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	if a.set == nil {
		for i, g := range ids {
			if weightOf(weights, i) > 0 {
				a.offer(g, a.vkeys.Key(i))
			}
		}
		return nil
	}
	a.consolidate(sc, ids, weights, nil)
	for k, w := range a.sums {
		if w == 0 {
			continue
		}
		g := a.groups[k]
		group := sc.index.Key(int(g))
		value := a.index.Key(k)[len(group):]
		if err := a.set.add(group, sc.index.Hash[g], value, w); err != nil {
			return err
		}
		if w < 0 {
			a.shrunk[g] = true
		} else {
			a.offer(g, value)
		}
	}
	return nil
}

// offer takes value as g's best if it is better than what there is.
func (a *aggCall) offer(g int32, value []byte) {
	if b := a.best[g]; b == nil || (bytes.Compare(value, b) < 0) != a.Fn.Last {
		a.best[g] = value
	}
}

func (a *aggCall) addHolistic(sc *aggScratch, n int, ids []int32, args *vec.Batch, weights []int64) error {
	a.touched = resize(a.touched, n)
	clear(a.touched)
	if len(ids) == 0 {
		return nil
	}
	var order *rowenc.Keys
	if len(a.OrderBy) > 0 {
		order = &a.okeys
		rowenc.EncodeKeys(order, args.Cols[len(a.Args):], args.N, a.orderBy)
	}
	rowenc.EncodeKeys(&a.vkeys, args.Cols[:len(a.Args)], args.N, rowenc.KeyOptions{Mode: a.valueMode()})
	a.consolidate(sc, ids, weights, order)
	for k, w := range a.sums {
		if w == 0 {
			continue
		}
		g := a.groups[k]
		group := sc.index.Key(int(g))
		a.touched[g] = true
		if err := a.set.add(group, sc.index.Hash[g], a.index.Key(k)[len(group):], w); err != nil {
			return err
		}
	}
	return nil
}

// valueMode: DISTINCT sees equal values as one, else each is kept as it displays.
func (a *aggCall) valueMode() rowenc.Mode {
	if a.Distinct {
		return rowenc.Canonical
	}
	return rowenc.Exact
}

// load reads this call's part of group g's old image.
func (a *aggCall) load(g int, image []byte) (rest []byte) {
	switch a.Fn.Class {
	case funcs.Invertible:
		return a.accum.Load(g, image)
	case funcs.Ordered:
		old, rest := readBytes(image)
		a.part = old
		return rest
	}
	rest = skipValue(image, a.Type)
	a.part = image[:len(image)-len(rest)]
	return rest
}

// image appends this call's part of group g's new image. The old part is what
// load has seen for the same group just before.
func (a *aggCall) image(dst []byte, sc *aggScratch, g int) ([]byte, error) {
	switch a.Fn.Class {
	case funcs.Invertible:
		return a.accum.Append(dst, g), nil
	case funcs.Ordered:
		return a.orderedImage(dst, sc, g, a.part)
	}
	if !a.touched[g] && a.part != nil {
		return append(dst, a.part...), nil
	}
	return a.collect(dst, sc.index.Key(g), sc.index.Hash[g])
}

func (a *aggCall) orderedImage(dst []byte, sc *aggScratch, g int, old []byte) ([]byte, error) {
	if a.shrunk[g] {
		key, err := a.set.extreme(sc.index.Key(g), sc.index.Hash[g], a.Fn.Last)
		if err != nil || key == nil {
			return append(dst, 0), err
		}
		return appendBytes(dst, key), nil
	}
	if len(old) > 0 {
		a.offer(int32(g), old)
	}
	return appendBytes(dst, a.best[g]), nil
}

// collect computes a Holistic aggregate from all values of the group.
func (a *aggCall) collect(dst []byte, group []byte, hash uint64) ([]byte, error) {
	var keys [][]byte
	rows := &vec.Batch{}
	err := a.set.each(group, hash, func(key []byte, w int64) bool {
		keys = append(keys, bytes.Clone(key))
		rows.Weights = append(rows.Weights, w)
		return true
	})
	if err != nil {
		return dst, err
	}
	_, keys, err = rowenc.DecodeKeys(keys, a.orders, a.orderBy)
	if err != nil {
		return dst, err
	}
	rows.N = len(keys)
	if rows.Cols, _, err = rowenc.DecodeKeys(keys, a.args, rowenc.KeyOptions{Mode: a.valueMode()}); err != nil {
		return dst, err
	}
	if a.Distinct {
		rows = firstOfEach(rows)
	}
	out := vec.NewBuilder(a.Type, 1)
	if err := a.Fn.Collect(rows, out); err != nil {
		return appendErrorValue(dst, sqlerr.From(err)), nil
	}
	return appendValue(dst, out.Finish(), 0), nil
}

// firstOfEach removes equal rows and weights: ORDER BY of a DISTINCT aggregate
// is over its arguments, so equal ones are neighbours or the planner erred.
func firstOfEach(b *vec.Batch) *vec.Batch {
	b.Weights = nil
	if out := zset.Consolidate(b); out != nil {
		c := *out
		c.Weights = nil
		return &c
	}
	return b
}
