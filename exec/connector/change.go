package connector

import (
	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// changes is what a batch of updates comes to: rows with what each does, and for
// those that replace or delete a row, that one.
type changes struct {
	rows   *vec.Batch // weights absent
	ops    []format.Op
	before *vec.Batch // beside rows; nil: not asked for
	epoch  []exec.Epoch
}

// appended are the new rows of updates as they came. Retractions are an error
// unless they are to be left out.
func appended(us []exec.Update, dropRetractions bool) (*changes, error) {
	c := &changes{}
	var parts []*vec.Batch
	for i := range us {
		b := us[i].Rows
		if b == nil {
			continue
		}
		if allOnce(b) {
			parts = append(parts, &vec.Batch{N: b.N, Cols: b.Cols})
			for range b.N {
				c.epoch = append(c.epoch, us[i].Epoch)
			}
			continue
		}
		sel := make([]int32, 0, b.N)
		for r := range b.N {
			w := b.Weight(r)
			if w < 0 && !dropRetractions {
				return nil, sqlerr.New(sqlerr.FeatureNotSupported, "the sink can only append, but a row of its query has changed or gone").
					WithHint("Give it a primary key and FORMAT UPSERT, or WITH (force_append_only = true).")
			}
			for range w {
				sel = append(sel, int32(r))
			}
		}
		parts = append(parts, unweighted(b, sel))
		for range sel {
			c.epoch = append(c.epoch, us[i].Epoch)
		}
	}
	c.rows = vec.Concat(parts)
	return c, nil
}

// allOnce reports whether each row of b is one row more.
func allOnce(b *vec.Batch) bool {
	for _, w := range b.Weights {
		if w != 1 {
			return false
		}
	}
	return true
}

func unweighted(b *vec.Batch, sel []int32) *vec.Batch {
	if b.Weights == nil && len(sel) == b.N {
		return b
	}
	out := b.Select(sel)
	out.Weights = nil
	return out
}

// netted are the last states of the keys that updates have changed: of a key that
// came and went nothing remains. With before each row has the one that stood
// when the updates began.
func netted(us []exec.Update, pk []int, before bool) *changes {
	var parts []*vec.Batch
	var epochs []exec.Epoch
	for i := range us {
		if b := us[i].Rows; b != nil && b.N > 0 {
			parts = append(parts, b)
			for range b.N {
				epochs = append(epochs, us[i].Epoch)
			}
		}
	}
	if len(parts) == 0 {
		return &changes{}
	}
	all := vec.Concat(parts)
	cols := make([]*vec.Vec, len(pk))
	for i, c := range pk {
		cols[i] = all.Cols[c]
	}
	var keys rowenc.Keys
	rowenc.EncodeKeys(&keys, cols, all.N, rowenc.KeyOptions{Mode: rowenc.Canonical})
	var index zset.Index
	index.Reset(all.N)
	ids := index.Assign(keys.Off, keys.Data, zset.HashKeys(nil, keys.Off, keys.Data), nil, nil)
	// Within an epoch retractions come first, so the first change of a key says
	// whether it stood before, and the last what stands now.
	first, last := make([]int32, index.Len()), make([]int32, index.Len())
	for i := range first {
		first[i] = -1
	}
	for i, id := range ids {
		if first[id] < 0 {
			first[id] = int32(i)
		}
		last[id] = int32(i)
	}
	c := &changes{}
	var sel, old []int32
	for id := range first {
		stood, stands := all.Weight(int(first[id])) < 0, all.Weight(int(last[id])) > 0
		if !stood && !stands {
			continue
		}
		op := format.Put
		if !stands {
			op = format.Delete
		}
		sel, c.ops, c.epoch = append(sel, last[id]), append(c.ops, op), append(c.epoch, epochs[last[id]])
		if stood {
			old = append(old, first[id])
		} else {
			old = append(old, -1)
		}
	}
	c.rows = unweighted(all, sel)
	if before {
		c.before = rowsOrNone(all, old)
	}
	return c
}

// changed are the changes of each epoch, one after the other, each with the row
// before it. Without a key each row is new or gone.
func changed(us []exec.Update, pk []int) *changes {
	out := &changes{}
	var rows, before []*vec.Batch
	for i := range us {
		var c *changes
		if len(pk) > 0 {
			c = netted(us[i:i+1], pk, true)
		} else {
			c = single(&us[i])
		}
		if c.rows == nil {
			continue
		}
		if us[i].Snapshot { // what stood already is not news
			for k, op := range c.ops {
				if op == format.Put {
					c.ops[k] = format.Read
				}
			}
		}
		rows, before = append(rows, c.rows), append(before, c.before)
		out.ops, out.epoch = append(out.ops, c.ops...), append(out.epoch, c.epoch...)
	}
	out.rows, out.before = vec.Concat(rows), vec.Concat(before)
	return out
}

func single(u *exec.Update) *changes {
	c := &changes{}
	if u.Rows == nil || u.Rows.N == 0 {
		return c
	}
	var sel, old []int32
	for i := range u.Rows.N {
		w, op, was := u.Rows.Weight(i), format.Put, int32(-1)
		if w < 0 {
			w, op, was = -w, format.Delete, int32(i)
		}
		for range w {
			sel, old, c.ops, c.epoch = append(sel, int32(i)), append(old, was), append(c.ops, op), append(c.epoch, u.Epoch)
		}
	}
	c.rows, c.before = unweighted(u.Rows, sel), rowsOrNone(u.Rows, old)
	return c
}

// rowsOrNone are rows of b; -1 is a row of NULLs with weight 0: none.
func rowsOrNone(b *vec.Batch, sel []int32) *vec.Batch {
	out := &vec.Batch{N: len(sel), Cols: make([]*vec.Vec, len(b.Cols)), Weights: make([]int64, len(sel))}
	from, row := make([]int32, len(sel)), make([]int32, len(sel))
	for i, r := range sel {
		from[i], row[i] = 0, r
		if r < 0 {
			from[i], row[i] = -1, 0
		} else {
			out.Weights[i] = 1
		}
	}
	for c, v := range b.Cols {
		out.Cols[c] = vec.Pick(v.Type, []*vec.Vec{v}, from, row)
	}
	return out
}
