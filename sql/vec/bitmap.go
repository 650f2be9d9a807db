package vec

// Bitmap holds one bit a row, least significant first (Arrow's polarity and
// order on little-endian machines): in a Vec, set = not NULL. A nil Bitmap in a
// Vec means that no row is NULL.
type Bitmap []uint64

// NewBitmap returns n bits, all set if full.
func NewBitmap(n int, full bool) Bitmap {
	b := make(Bitmap, (n+63)/64)
	if full {
		for i := range b {
			b[i] = ^uint64(0)
		}
	}
	return b
}

// Get reports bit i.
func (b Bitmap) Get(i int) bool { return b[i>>6]&(1<<(uint(i)&63)) != 0 }

// Set sets bit i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (uint(i) & 63) }

// Clear clears bit i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (uint(i) & 63) }
