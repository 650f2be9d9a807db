// Package vec holds the column vectors that everything in Tarn computes on:
// typed, pointer-free columns in Arrow's layout, a few thousand rows a batch.
//
// Invariants
//   - A Vec or Batch that has been handed on is immutable.
//   - Where a row is NULL its value slot exists and may hold anything; kernels
//     compute over all slots and only look at validity for results and errors.
//   - Batches between operators have no constant vectors and no selection: a
//     filter gathers the rows that remain.
package vec

import "github.com/tarndb/tarn/sql/types"

// BatchRows is the number of rows that producers aim for in a batch.
const BatchRows = 4096

// Vec is one column. Which slices are used depends on Type.Phys():
// Bools (PhysBool), Ints (PhysInt), Floats (PhysFloat), Off+Data (PhysBytes),
// and for PhysNumeric Ints with Scale ≥ 0 (narrow) or Off+Data with Scale = -1
// (wide; images as types.AppendNumeric makes them).
type Vec struct {
	Type   types.Type
	N      int    // rows
	Valid  Bitmap // nil: no NULLs
	Bools  []bool
	Ints   []int64
	Floats []float64
	Off    []uint32 // N+1 offsets into Data
	Data   []byte
	Scale  int32 // PhysNumeric only: digits after the point, -1 = wide
	// Const marks a vector whose one stored value (index 0; Off has 2 entries)
	// stands for all N rows. Only expression evaluation makes and sees these;
	// columns of a Batch are never Const.
	Const bool
}

// IsNull reports whether row i is NULL.
func (v *Vec) IsNull(i int) bool {
	if v.Valid == nil {
		return false
	}
	if v.Const {
		i = 0
	}
	return !v.Valid.Get(i)
}

// Bytes returns the bytes of row i (PhysBytes or wide numeric); not to be kept
// longer than v, not to be changed.
func (v *Vec) Bytes(i int) []byte {
	if v.Const {
		i = 0
	}
	return v.Data[v.Off[i]:v.Off[i+1]:v.Off[i+1]]
}

// Datum returns row i as a Datum (a copy; not for hot paths).
func (v *Vec) Datum(i int) types.Datum {
	if v.IsNull(i) {
		return types.NullDatum
	}
	if v.Const {
		i = 0
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		return types.Boolean(v.Bools[i])
	case types.PhysInt:
		return types.Int(v.Ints[i])
	case types.PhysFloat:
		return types.Float(v.Floats[i])
	case types.PhysNumeric:
		if v.Scale >= 0 {
			return types.Datum{I: v.Ints[i], Scale: v.Scale}
		}
		return types.Datum{S: string(v.Bytes(i)), Scale: -1}
	}
	return types.String(string(v.Bytes(i)))
}

// Batch is rows as columns. In a Z-set each row also has a weight.
type Batch struct {
	N       int
	Cols    []*Vec
	Weights []int64 // nil: every row weighs +1
}

// Weight returns the weight of row i.
func (b *Batch) Weight(i int) int64 {
	if b.Weights == nil {
		return 1
	}
	return b.Weights[i]
}
