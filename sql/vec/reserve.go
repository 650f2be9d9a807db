package vec

import "slices"

// Reserve makes room for n more bytes of values that vary in length: columns
// whose size is known beforehand are not moved while they grow.
func (b *Builder) Reserve(n int) { b.v.Data = slices.Grow(b.v.Data, n) }

// DataLen is the number of bytes that values of varying length take so far.
func (b *Builder) DataLen() int { return len(b.v.Data) }
