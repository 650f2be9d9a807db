package operator

import (
	"bytes"

	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// emit sends -old +new for the groups whose output row changed.
func (a *Aggregate) emit(keys *zset.Index, old, new *images, out Emit) error {
	n := keys.Len()
	for lo := 0; lo < n; lo += vec.BatchRows / 2 {
		if err := a.emitSlice(keys, old, new, lo, min(lo+vec.BatchRows/2, n), out); err != nil {
			return err
		}
	}
	return nil
}

func (a *Aggregate) emitSlice(keys *zset.Index, old, new *images, lo, hi int, out Emit) error {
	sc := &a.scr
	sc.oldRows, sc.newRows, sc.slices = sc.oldRows[:0], sc.newRows[:0], sc.slices[:0]
	for g := lo; g < hi; g++ {
		o, n := old.at(g), new.at(g)
		if len(o) == 0 && len(n) == 0 || string(o) == string(n) {
			continue
		}
		sc.slices = append(sc.slices, keys.Key(g))
		sc.oldRows, sc.newRows = append(sc.oldRows, o), append(sc.newRows, n)
	}
	if len(sc.slices) == 0 {
		return nil
	}
	keyCols, err := a.Final.Keys(sc.slices)
	if err != nil {
		return err
	}
	oldCols, oldErrs := a.Final.Values(sc.oldRows)
	newCols, newErrs := a.Final.Values(sc.newRows)
	// A group whose value fails is an error instead of a row.
	sc.oldSel = rowsWithout(sc.oldSel[:0], sc.oldRows, oldErrs)
	sc.newSel = rowsWithout(sc.newSel[:0], sc.newRows, newErrs)
	sc.oldSel, sc.newSel = dropEqual(sc.oldSel, sc.newSel, oldCols, newCols, len(sc.slices))
	if err := emitErrors(sc.slices, oldErrs, newErrs, out); err != nil {
		return err
	}
	return emitChange(keyCols, oldCols, newCols, sc.oldSel, sc.newSel, out)
}

// emitErrors emits -1 × old and +1 × new, errors of the groups with the given keys.
func emitErrors(keys [][]byte, old, new []funcs.RowError, out Emit) error {
	var errs []zset.Error
	for _, e := range old {
		errs = append(errs, zset.Error{Err: e.Err, Row: string(keys[e.Row]), Weight: -1})
	}
	for _, e := range new {
		errs = append(errs, zset.Error{Err: e.Err, Row: string(keys[e.Row]), Weight: 1})
	}
	if errs = zset.ConsolidateErrors(errs); len(errs) > 0 {
		return out.Errors(errs)
	}
	return nil
}

// hugeGroups are the changed groups of a chunk whose values may be errors although
// nobody reads the output.
type hugeGroups struct{ keys, old, new [][]byte }

func (h *hugeGroups) add(key, old, new []byte) {
	h.keys = append(h.keys, bytes.Clone(key))
	h.old, h.new = append(h.old, bytes.Clone(old)), append(h.new, bytes.Clone(new))
}

// emit sends the change of the errors.
func (h *hugeGroups) emit(a *Aggregate, out Emit) error {
	if len(h.keys) == 0 {
		return nil
	}
	defer func() { *h = hugeGroups{} }()
	_, old := a.Final.Values(h.old)
	_, new := a.Final.Values(h.new)
	return emitErrors(h.keys, old, new, out)
}

// emitChange emits -1 × (keys, old) at oldSel, then +1 × (keys, new) at newSel.
func emitChange(keys, old, new []*vec.Vec, oldSel, newSel []int32, out Emit) error {
	n := len(oldSel) + len(newSel)
	if n == 0 {
		return nil
	}
	b := &vec.Batch{N: n, Cols: make([]*vec.Vec, 0, len(keys)+len(new))}
	both := newSel
	if len(oldSel) > 0 {
		both = append(append(make([]int32, 0, n), oldSel...), newSel...)
		b.Weights = make([]int64, n)
		for i := range b.Weights {
			b.Weights[i] = 1
			if i < len(oldSel) {
				b.Weights[i] = -1
			}
		}
	}
	for _, k := range keys {
		b.Cols = append(b.Cols, vec.Gather(k, both))
	}
	for c := range new {
		switch {
		case len(oldSel) == 0:
			b.Cols = append(b.Cols, vec.Gather(new[c], newSel))
		case len(newSel) == 0:
			b.Cols = append(b.Cols, vec.Gather(old[c], oldSel))
		default:
			b.Cols = append(b.Cols, vec.ConcatVecs([]*vec.Vec{vec.Gather(old[c], oldSel), vec.Gather(new[c], newSel)}))
		}
	}
	return out.Batch(b)
}

// rowsWithout lists the rows that have an image and no error.
func rowsWithout(dst []int32, rows [][]byte, errs []funcs.RowError) []int32 {
	failed := map[int32]bool{}
	for _, e := range errs {
		failed[e.Row] = true
	}
	for i, r := range rows {
		if len(r) > 0 && !failed[int32(i)] {
			dst = append(dst, int32(i))
		}
	}
	return dst
}

// dropEqual removes from both lists (ascending) the rows whose columns are alike.
func dropEqual(oldSel, newSel []int32, old, new []*vec.Vec, n int) (o, w []int32) {
	same := make([]uint8, n)
	for _, i := range oldSel {
		same[i]++
	}
	for _, i := range newSel {
		same[i]++
	}
	for i := range same {
		if same[i] == 2 {
			for c := range old {
				if !sameValue(old[c], i, new[c], i) {
					same[i] = 0
					break
				}
			}
		}
	}
	keep := func(sel []int32) []int32 {
		out := sel[:0]
		for _, i := range sel {
			if same[i] != 2 {
				out = append(out, i)
			}
		}
		return out
	}
	return keep(oldSel), keep(newSel)
}

// sameValue reports whether two values are the same, display included.
func sameValue(a *vec.Vec, i int, b *vec.Vec, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) && b.IsNull(j)
	}
	switch a.Type.Phys() {
	case types.PhysBool:
		return a.Bools[i] == b.Bools[j]
	case types.PhysInt:
		return a.Ints[i] == b.Ints[j]
	case types.PhysFloat:
		x, y := a.Floats[i], b.Floats[j]
		return x == y && (x != 0 || 1/x == 1/y) || x != x && y != y
	case types.PhysNumeric:
		if a.Scale >= 0 && b.Scale >= 0 {
			return a.Scale == b.Scale && a.Ints[i] == b.Ints[j]
		}
		if (a.Scale < 0) != (b.Scale < 0) {
			x, y := vec.FromDatums(a.Type, []types.Datum{a.Datum(i)}), vec.FromDatums(b.Type, []types.Datum{b.Datum(j)})
			return string(vec.Widen(x).Bytes(0)) == string(vec.Widen(y).Bytes(0))
		}
	}
	return string(a.Bytes(i)) == string(b.Bytes(j))
}
