package vec

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
)

// Widen turns narrow numerics into the wide image; types.AppendNumeric is the
// only encoder, so that one value has one image.
func widenTo(dst []byte, v int64, scale int32) []byte {
	var d apd.Decimal
	d.SetFinite(v, -scale)
	return types.AppendNumeric(dst, &d)
}

// Builder makes one Vec row by row. A numeric column starts narrow with the
// scale of its first value and is widened as a whole by the first value that
// does not fit.
type Builder struct {
	v Vec
}

// NewBuilder returns a Builder for columns of type t with room for n rows.
func NewBuilder(t types.Type, n int) *Builder {
	b := &Builder{}
	b.Reset(t, n)
	return b
}

// Reset starts a new column of type t with room for n rows.
func (b *Builder) Reset(t types.Type, n int) {
	b.v = Vec{Type: t}
	switch t.Phys() {
	case types.PhysBool:
		b.v.Bools = make([]bool, 0, n)
	case types.PhysInt, types.PhysNumeric:
		b.v.Ints = make([]int64, 0, n)
	case types.PhysFloat:
		b.v.Floats = make([]float64, 0, n)
	case types.PhysBytes:
		b.v.Off = make([]uint32, 1, n+1)
	}
}

// Len is the number of rows so far.
func (b *Builder) Len() int { return b.v.N }

// grew counts one more row and keeps the validity bitmap, if there is one, in step.
func (b *Builder) grew(valid bool) {
	i := b.v.N
	b.v.N++
	if b.v.Valid == nil {
		if valid {
			return
		}
		b.v.Valid = NewBitmap(i+1, true)
	}
	for len(b.v.Valid) <= i>>6 {
		b.v.Valid = append(b.v.Valid, ^uint64(0))
	}
	if !valid {
		b.v.Valid.Clear(i)
	}
}

// Null appends NULL.
func (b *Builder) Null() {
	switch b.v.Type.Phys() {
	case types.PhysBool:
		b.v.Bools = append(b.v.Bools, false)
	case types.PhysInt:
		b.v.Ints = append(b.v.Ints, 0)
	case types.PhysFloat:
		b.v.Floats = append(b.v.Floats, 0)
	case types.PhysNumeric:
		if b.v.Scale < 0 {
			b.v.Off = append(b.v.Off, uint32(len(b.v.Data)))
		} else {
			b.v.Ints = append(b.v.Ints, 0)
		}
	case types.PhysBytes:
		b.v.Off = append(b.v.Off, uint32(len(b.v.Data)))
	}
	b.grew(false)
}

// Bool, Int, Float and Bytes append a value of their family.
func (b *Builder) Bool(x bool) { b.v.Bools = append(b.v.Bools, x); b.grew(true) }

// Int appends a PhysInt value.
func (b *Builder) Int(x int64) { b.v.Ints = append(b.v.Ints, x); b.grew(true) }

// Float appends a PhysFloat value.
func (b *Builder) Float(x float64) { b.v.Floats = append(b.v.Floats, x); b.grew(true) }

// Bytes appends a PhysBytes value (copied).
func (b *Builder) Bytes(x []byte) {
	b.v.Data = append(b.v.Data, x...)
	b.v.Off = append(b.v.Off, uint32(len(b.v.Data)))
	b.grew(true)
}

// String appends a PhysBytes value (copied).
func (b *Builder) String(x string) {
	b.v.Data = append(b.v.Data, x...)
	b.v.Off = append(b.v.Off, uint32(len(b.v.Data)))
	b.grew(true)
}

// Numeric appends x × 10^-scale.
func (b *Builder) Numeric(x int64, scale int32) {
	if b.v.Scale >= 0 && scale != b.v.Scale {
		if b.v.N == b.nulls() {
			b.v.Scale = scale
		} else {
			b.widen()
		}
	}
	if b.v.Scale < 0 {
		b.v.Data = widenTo(b.v.Data, x, scale)
		b.v.Off = append(b.v.Off, uint32(len(b.v.Data)))
	} else {
		b.v.Ints = append(b.v.Ints, x)
	}
	b.grew(true)
}

// NumericImage appends a wide numeric image (copied).
func (b *Builder) NumericImage(x []byte) {
	if b.v.Scale >= 0 {
		b.widen()
	}
	b.v.Data = append(b.v.Data, x...)
	b.v.Off = append(b.v.Off, uint32(len(b.v.Data)))
	b.grew(true)
}

// nulls counts the NULLs so far; only asked when scales differ, so it is rare
// for columns with one scale.
func (b *Builder) nulls() int {
	n := 0
	for i := 0; i < b.v.N && b.v.Valid != nil; i++ {
		if !b.v.Valid.Get(i) {
			n++
		} else {
			return -1
		}
	}
	return n
}

func (b *Builder) widen() {
	w := Widen(&b.v)
	b.v.Ints, b.v.Off, b.v.Data, b.v.Scale = nil, w.Off, w.Data, -1
}

// Datum appends d, which must be of the builder's type.
func (b *Builder) Datum(d types.Datum) {
	if d.Null {
		b.Null()
		return
	}
	switch b.v.Type.Phys() {
	case types.PhysBool:
		b.Bool(d.I != 0)
	case types.PhysInt:
		b.Int(d.I)
	case types.PhysFloat:
		b.Float(d.F)
	case types.PhysNumeric:
		if d.Scale >= 0 {
			b.Numeric(d.I, d.Scale)
		} else {
			b.NumericImage([]byte(d.S))
		}
	default:
		b.String(d.S)
	}
}

// Append appends row i of v, a column of the same family.
func (b *Builder) Append(v *Vec, i int) {
	if v.IsNull(i) {
		b.Null()
		return
	}
	if v.Const {
		i = 0
	}
	switch b.v.Type.Phys() {
	case types.PhysBool:
		b.Bool(v.Bools[i])
	case types.PhysInt:
		b.Int(v.Ints[i])
	case types.PhysFloat:
		b.Float(v.Floats[i])
	case types.PhysNumeric:
		if v.Scale >= 0 {
			b.Numeric(v.Ints[i], v.Scale)
		} else {
			b.NumericImage(v.Bytes(i))
		}
	default:
		b.Bytes(v.Bytes(i))
	}
}

// Finish returns the column and leaves the Builder empty with the same type.
func (b *Builder) Finish() *Vec {
	v := b.v
	b.Reset(v.Type, 0)
	return &v
}

// Widen returns v, a numeric column, in the wide form.
func Widen(v *Vec) *Vec {
	if v.Scale < 0 {
		return v
	}
	w := &Vec{Type: v.Type, N: v.N, Valid: v.Valid, Scale: -1, Const: v.Const, Off: make([]uint32, 1, len(v.Ints)+1)}
	for i, x := range v.Ints {
		if !v.IsNull(i) {
			w.Data = widenTo(w.Data, x, v.Scale)
		}
		w.Off = append(w.Off, uint32(len(w.Data)))
	}
	return w
}

// FromDatums makes a column of type t from ds.
func FromDatums(t types.Type, ds []types.Datum) *Vec {
	var b Builder
	b.Reset(t, len(ds))
	for _, d := range ds {
		b.Datum(d)
	}
	v := b.v
	return &v
}

// Const makes a vector that stands for n rows of d.
func ConstVec(t types.Type, d types.Datum, n int) *Vec {
	v := FromDatums(t, []types.Datum{d})
	v.N, v.Const = n, true
	return v
}

// Flatten returns v with every row stored, if it is Const.
func Flatten(v *Vec) *Vec {
	if !v.Const {
		return v
	}
	return Gather(v, make([]int32, v.N))
}
