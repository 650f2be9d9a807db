package vec

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Bitmap holds one bit a row, least significant first (Arrow's polarity and
// order on little-endian machines): in a Vec, set = not NULL. A nil Bitmap in a
// Vec means that no row is NULL. Bits beyond the last row mean nothing unless
// Trim has cleared them.
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

// Trim clears the bits from n on.
func (b Bitmap) Trim(n int) {
	if n&63 != 0 {
		b[n>>6] &= 1<<(uint(n)&63) - 1
	}
}

// Count returns the number of set bits, those beyond the last row included.
func (b Bitmap) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// CountN returns the number of set bits among the first n.
func (b Bitmap) CountN(n int) int {
	c := b[:n>>6].Count()
	if n&63 != 0 {
		c += bits.OnesCount64(b[n>>6] & (1<<(uint(n)&63) - 1))
	}
	return c
}

// Positions returns the set bits among the first n, ascending.
func (b Bitmap) Positions(n int) []int32 {
	out := make([]int32, 0, b.CountN(n))
	for i, w := range b[:(n+63)>>6] {
		base := int32(i << 6)
		if w == ^uint64(0) && int(base)+64 <= n {
			for k := range int32(64) {
				out = append(out, base+k)
			}
			continue
		}
		for ; w != 0; w &= w - 1 {
			p := base + int32(bits.TrailingZeros64(w))
			if int(p) >= n {
				return out
			}
			out = append(out, p)
		}
	}
	return out
}

// And returns the bits set in both; b and c have the same length.
func And(b, c Bitmap) Bitmap {
	out := make(Bitmap, len(b))
	c = c[:len(b)]
	for i, w := range b {
		out[i] = w & c[i]
	}
	return out
}

// Or returns the bits set in either.
func Or(b, c Bitmap) Bitmap {
	out := make(Bitmap, len(b))
	c = c[:len(b)]
	for i, w := range b {
		out[i] = w | c[i]
	}
	return out
}

// Not returns the complement.
func Not(b Bitmap) Bitmap {
	out := make(Bitmap, len(b))
	for i, w := range b {
		out[i] = ^w
	}
	return out
}

// boolBytes views bools as the bytes 0 and 1 that they are in memory.
func boolBytes(b []bool) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}

// PackBools returns a bit for each bool; bits beyond the last are clear.
func PackBools(in []bool) Bitmap {
	out := make(Bitmap, (len(in)+63)/64)
	b := boolBytes(in)
	full := len(b) &^ 7
	for i := 0; i < full; i += 8 {
		// The product moves bit 0 of byte k to bit 56+k.
		x := binary.LittleEndian.Uint64(b[i:]) * 0x0102040810204080 >> 56
		out[i>>6] |= x << (uint(i) & 63)
	}
	for i := full; i < len(b); i++ {
		out[i>>6] |= uint64(b[i]) << (uint(i) & 63)
	}
	return out
}

// UnpackBools returns the first n bits as bools.
func UnpackBools(bm Bitmap, n int) []bool {
	out := make([]bool, n)
	b := boolBytes(out)
	full := n &^ 7
	for i := 0; i < full; i += 8 {
		x := bm[i>>6] >> (uint(i) & 63) & 0xff
		// Copy the byte to all eight, keep one bit in each, bring it to bit 0.
		x = x * 0x0101010101010101 & 0x8040201008040201
		x = (x + 0x7f7f7f7f7f7f7f7f) | x
		binary.LittleEndian.PutUint64(b[i:], x>>7&0x0101010101010101)
	}
	for i := full; i < n; i++ {
		b[i] = byte(bm[i>>6] >> (uint(i) & 63) & 1)
	}
	return out
}

// sliceBits returns bits [lo, hi).
func (b Bitmap) sliceBits(lo, hi int) Bitmap {
	n := hi - lo
	words := (n + 63) >> 6
	first, shift := lo>>6, uint(lo)&63
	if shift == 0 {
		return b[first : first+words : first+words]
	}
	out := make(Bitmap, words)
	for i := range out {
		w := b[first+i] >> shift
		if first+i+1 < len(b) {
			w |= b[first+i+1] << (64 - shift)
		}
		out[i] = w
	}
	return out
}

// putBits copies the first n bits of src (nil = all set) to position at of b,
// whose bits from there on are clear.
func (b Bitmap) putBits(at int, src Bitmap, n int) {
	for i := 0; i < n; i += 64 {
		w := ^uint64(0)
		if src != nil {
			w = src[i>>6]
		}
		if n-i < 64 {
			w &= 1<<uint(n-i) - 1
		}
		p := at + i
		b[p>>6] |= w << (uint(p) & 63)
		if s := uint(p) & 63; s != 0 && p>>6+1 < len(b) {
			b[p>>6+1] |= w >> (64 - s)
		}
	}
}

// compressBits packs the bits of src at the set bits of mask into dst and
// returns how many of them are set. It goes through the rarer kind of bits in
// each word, so its price is that of the NULLs or of the values.
func compressBits(dst, src, mask Bitmap) (set int) {
	at := 0
	var word uint64 // of dst, being filled
	src = src[:len(mask)]
	for i, m := range mask {
		k := bits.OnesCount64(m)
		if k == 0 {
			continue
		}
		ones := ^uint64(0) >> (64 - uint(k))
		part := compressWord(src[i]&m, m, ones)
		set += bits.OnesCount64(part)
		s := uint(at) & 63
		word |= part << s
		if at += k; s+uint(k) >= 64 {
			dst[at>>6-1] = word
			word = part >> (64 - s) // 0 where s is 0
		}
	}
	if at&63 != 0 {
		dst[at>>6] = word
	}
	return set
}

// compressWord packs the bits of v, a subset of m, at the set bits of m.
func compressWord(v, m, ones uint64) uint64 {
	clear := m &^ v
	switch {
	case clear == 0:
		return ones
	case v == 0:
		return 0
	case bits.OnesCount64(clear) < bits.OnesCount64(v):
		out := ones
		for ; clear != 0; clear &= clear - 1 {
			out &^= 1 << uint(bits.OnesCount64(m&(clear&-clear-1)))
		}
		return out
	}
	out := uint64(0)
	for ; v != 0; v &= v - 1 {
		out |= 1 << uint(bits.OnesCount64(m&(v&-v-1)))
	}
	return out
}
