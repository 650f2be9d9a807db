package vec

import (
	"slices"

	"github.com/tarndb/tarn/sql/types"
)

// Reserve makes room for n more bytes of values that vary in length: columns
// whose size is known beforehand are not moved while they grow.
func (b *Builder) Reserve(n int) { b.v.Data = slices.Grow(b.v.Data, n) }

// Open lends the bytes and offsets of a column of texts to one who appends many values,
// an offset behind each, and gives them to Close before anything else is done.
func (b *Builder) Open() (data []byte, off []uint32) { return b.v.Data, b.v.Off }

// Close takes them back, with n values more than there were.
func (b *Builder) Close(data []byte, off []uint32, n int) {
	b.v.Data, b.v.Off = data, off
	b.v.N += n
	if b.v.Valid == nil {
		return
	}
	for len(b.v.Valid)*64 < b.v.N {
		b.v.Valid = append(b.v.Valid, ^uint64(0))
	}
}

// DataLen is the number of bytes that values of varying length take so far.
func (b *Builder) DataLen() int { return len(b.v.Data) }

// Pop removes the last value.
func (b *Builder) Pop() {
	b.v.N--
	switch b.v.Type.Phys() {
	case types.PhysBool:
		b.v.Bools = b.v.Bools[:b.v.N]
	case types.PhysFloat:
		b.v.Floats = b.v.Floats[:b.v.N]
	case types.PhysInt:
		b.v.Ints = b.v.Ints[:b.v.N]
	case types.PhysNumeric:
		if b.v.Scale >= 0 {
			b.v.Ints = b.v.Ints[:b.v.N]
			break
		}
		fallthrough
	case types.PhysBytes:
		b.v.Data = b.v.Data[:b.v.Off[b.v.N]]
		b.v.Off = b.v.Off[:b.v.N+1]
	}
	if b.v.Valid != nil {
		b.v.Valid.Set(b.v.N) // as grew expects the bits to come
	}
}

// Shares reports whether v and o have memory for values in common.
func (v *Vec) Shares(o *Vec) bool {
	return within(v.Ints, o.Ints) || within(v.Floats, o.Floats) || within(v.Bools, o.Bools) || within(v.Off, o.Off) || within(v.Data, o.Data)
}
