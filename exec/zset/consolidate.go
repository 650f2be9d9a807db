package zset

import (
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Consolidator consolidates batches with scratch that is kept from call to call.
// It is not safe for concurrent use.
type Consolidator struct {
	keys  rowenc.Keys
	hash  []uint64
	ids   []int32
	index Index
	sums  []int64
	first []int32 // per id: its first row
}

// Consolidate returns the rows of b, one entry per distinct row, in the order of
// first appearance, without those whose weights sum to zero; nil if none remain.
// b itself is returned if it was consolidated already.
func Consolidate(b *vec.Batch) *vec.Batch {
	var c Consolidator
	return c.Batch(b)
}

// ConsolidateAll is Consolidate over the sum of bs.
func ConsolidateAll(bs []*vec.Batch) *vec.Batch {
	var c Consolidator
	return c.Batch(vec.Concat(bs))
}

// Batch is Consolidate.
func (c *Consolidator) Batch(b *vec.Batch) *vec.Batch {
	if b == nil || b.N == 0 {
		return nil
	}
	if b.N == 1 {
		if b.Weight(0) == 0 {
			return nil
		}
		return b
	}
	rowenc.EncodeKeys(&c.keys, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	c.hash = HashKeys(c.hash, c.keys.Off, c.keys.Data)
	c.index.Reset(b.N)
	c.ids = c.index.Assign(c.keys.Off, c.keys.Data, c.hash, nil, c.ids[:0])
	n := c.index.Len()
	c.sums, c.first = c.sums[:0], c.first[:0]
	for i, id := range c.ids {
		if int(id) == len(c.sums) {
			c.sums, c.first = append(c.sums, 0), append(c.first, int32(i))
		}
		c.sums[id] += b.Weight(i)
	}
	live, ones := 0, true
	for id, w := range c.sums {
		if w != 0 {
			c.first[live], c.sums[live] = c.first[id], w
			ones = ones && w == 1
			live++
		}
	}
	if live == 0 {
		return nil
	}
	if n == b.N && live == n {
		return b
	}
	out := b.Select(c.first[:live])
	out.Weights = nil
	if !ones {
		out.Weights = append([]int64(nil), c.sums[:live]...)
	}
	return out
}

// Negate returns b with the opposite weights.
func Negate(b *vec.Batch) *vec.Batch {
	out := *b
	out.Weights = make([]int64, b.N)
	for i := range out.Weights {
		out.Weights[i] = -b.Weight(i)
	}
	return &out
}

// Apply returns the collection that b becomes by the delta d: their
// consolidated sum, nil if it is empty. Either may be nil.
func Apply(b, d *vec.Batch) *vec.Batch {
	var bs []*vec.Batch
	for _, x := range []*vec.Batch{b, d} {
		if x != nil && x.N > 0 {
			bs = append(bs, x)
		}
	}
	return ConsolidateAll(bs)
}

// RetractionsFirst returns b with its negative rows before its positive ones,
// each in their order.
func RetractionsFirst(b *vec.Batch) *vec.Batch {
	if b == nil || b.Weights == nil {
		return b
	}
	sel := make([]int32, 0, b.N)
	sorted := true
	for i, w := range b.Weights {
		if w < 0 {
			sorted = sorted && len(sel) == i
			sel = append(sel, int32(i))
		}
	}
	if sorted {
		return b
	}
	for i, w := range b.Weights {
		if w >= 0 {
			sel = append(sel, int32(i))
		}
	}
	return b.Select(sel)
}
