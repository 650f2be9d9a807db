package format

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/types"
)

// arrayImage writes the image of a one-dimensional array (types.AppendArray)
// element by element, the count not being known before the end.
type arrayImage struct {
	elem  types.Type
	phys  types.Phys
	n     uint64
	elems []byte
	image []byte
}

func (a *arrayImage) reset(elem types.Type) {
	a.elem, a.phys, a.n, a.elems = elem, elem.Phys(), 0, a.elems[:0]
}

func (a *arrayImage) null() {
	a.n++
	a.elems = append(a.elems, 0)
}

// value appends an element, which has the element type.
func (a *arrayImage) value(d types.Datum) {
	a.n++
	switch a.phys {
	case types.PhysBool, types.PhysInt:
		a.elems = binary.AppendVarint(append(a.elems, 1), d.I)
	case types.PhysFloat:
		a.elems = binary.BigEndian.AppendUint64(append(a.elems, 1), math.Float64bits(d.F))
	case types.PhysNumeric:
		// Numerics have one image in arrays, which is types' to make.
		one := types.AppendArray(nil, types.NewArray(types.Numeric, []types.Datum{d}))
		a.elems = append(a.elems, one[len(arrayHeader(nil, types.Numeric, 1)):]...)
	default:
		a.elems = binary.AppendUvarint(a.elems, uint64(len(d.S))+1)
		a.elems = append(a.elems, d.S...)
	}
}

func arrayHeader(dst []byte, elem types.Type, n uint64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, elem.OID)
	if n == 0 {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	dst = binary.AppendUvarint(dst, n)
	return binary.AppendVarint(dst, 1)
}

// bytes is the image; it holds until the next reset.
func (a *arrayImage) bytes() []byte {
	a.image = append(arrayHeader(a.image[:0], a.elem, a.n), a.elems...)
	return a.image
}
