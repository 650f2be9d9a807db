package circuit

import (
	"math"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Extended is a base table with more columns at the end, or with types that lie as
// the old ones did, or are wider (rowenc.Widens; grown): the same rows, read and
// written with the new columns. keyCols is the key's place among them; the first
// base columns (of those that are stored in the order of ts) were there when the
// table began. v stays good for reading what it held; it must not be written any more.
func (v *View) Extended(ts []types.Type, keyCols []int, base int, grown []rowenc.Grown) *View {
	out := &View{name: v.name, l: extendedLayout(ts, keyCols, base, grown), table: v.table}
	out.epoch.Store(v.epoch.Load())
	out.readers.New = func() any { return out.l.reader(out.ctx) }
	return out
}

// Fit makes rows fit those who know their columns by types that have become wider
// since: rows that do not are left out, and are errors. nil: none are left.
func Fit(ts []types.Type, b *vec.Batch) (*vec.Batch, []zset.Error) {
	var bad []bool
	var cols []*vec.Vec
	for i, v := range b.Cols {
		if v == nil || i >= len(ts) || v.Type.OID == ts[i].OID || !rowenc.Widens(ts[i], v.Type) {
			continue
		}
		if cols == nil {
			cols = append(cols, b.Cols...)
		}
		if bad == nil {
			bad = make([]bool, b.N)
		}
		cols[i] = fitColumn(ts[i], vec.Flatten(v), bad)
	}
	if cols == nil {
		return b, nil
	}
	fit := &vec.Batch{N: b.N, Cols: cols, Weights: b.Weights}
	var errs []zset.Error
	var keys rowenc.Keys
	keep := make([]int32, 0, b.N)
	for i, out := range bad {
		if !out {
			keep = append(keep, int32(i))
			continue
		}
		if errs == nil {
			rowenc.EncodeKeys(&keys, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
		}
		errs = append(errs, zset.Error{Err: errTooWide(), Row: string(keys.Key(i)), Weight: b.Weight(i)})
	}
	if len(keep) == 0 {
		return nil, errs
	}
	if len(errs) > 0 {
		fit = fit.Select(keep)
	}
	return fit, errs
}

func errTooWide() *sqlerr.Error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "a value is out of the range that its column had when the query was made").
		WithHint("The column's type has become wider since. DROP what reads it and create it again: it then has the type of now.")
}

// fitColumn is v as the narrower type, and marks what it cannot hold.
func fitColumn(t types.Type, v *vec.Vec, bad []bool) *vec.Vec {
	out := *v
	out.Type = t
	least, most := int64(math.MinInt32), int64(math.MaxInt32)
	switch t.OID {
	case types.OIDInt2:
		least, most = math.MinInt16, math.MaxInt16
	case types.OIDFloat4:
		out.Floats = make([]float64, v.N)
		for i, x := range v.Floats {
			out.Floats[i] = float64(float32(x))
			bad[i] = bad[i] || !v.IsNull(i) && math.IsInf(out.Floats[i], 0) && !math.IsInf(x, 0)
		}
		return &out
	}
	for i, x := range v.Ints {
		bad[i] = bad[i] || (x < least || x > most) && !v.IsNull(i)
	}
	return &out
}

// fitting gives the rows of a scan to those who read it.
func (c *Circuit) fitting(scan int, b *vec.Batch, out operator.Emit) (*vec.Batch, error) {
	cols := c.scans[scan].Columns()
	ts := make([]types.Type, len(cols))
	for i := range cols {
		ts[i] = cols[i].Type
	}
	fit, errs := Fit(ts, b)
	if len(errs) > 0 {
		if err := out.Errors(errs); err != nil {
			return nil, err
		}
	}
	return fit, nil
}

// wider reports whether a batch has columns that are wider than the scan says.
func (c *Circuit) wider(scan int, b *vec.Batch) bool {
	cols := c.scans[scan].Columns()
	for i, v := range b.Cols {
		if v != nil && i < len(cols) && v.Type.OID != cols[i].Type.OID && rowenc.Widens(cols[i].Type, v.Type) {
			return true
		}
	}
	return false
}
