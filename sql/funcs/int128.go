package funcs

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// int128 is a two's complement sum of int64 products: wide enough that no
// history of additions that a database can hold overflows it.
type int128 struct {
	lo uint64
	hi int64
}

// add adds v.
func (a *int128) add(v int64) {
	lo, carry := bits.Add64(a.lo, uint64(v), 0)
	a.lo = lo
	a.hi += v>>63 + int64(carry)
}

// addMul adds v × w.
func (a *int128) addMul(v, w int64) {
	hi, lo := bits.Mul64(uint64(v), uint64(w))
	// Mul64 is unsigned: a negative factor has counted 2^64 times the other.
	h := int64(hi) - (v>>63)&w - (w>>63)&v
	a.add128(int128{lo, h})
}

func (a *int128) add128(b int128) {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	a.lo, a.hi = lo, a.hi+b.hi+int64(carry)
}

// int64 returns the value, false if it does not fit.
func (a int128) int64() (int64, bool) {
	v := int64(a.lo)
	return v, v>>63 == a.hi
}

func (a int128) big() *big.Int {
	x := big.NewInt(a.hi)
	x.Lsh(x, 64)
	return x.Add(x, new(big.Int).SetUint64(a.lo))
}

// appendInt128 writes a as a zigzag varint of up to 19 bytes.
func appendInt128(dst []byte, a int128) []byte {
	sign := uint64(a.hi >> 63)
	lo := a.lo<<1 ^ sign
	hi := (uint64(a.hi)<<1 | a.lo>>63) ^ sign
	if hi == 0 {
		return binary.AppendUvarint(dst, lo)
	}
	for hi != 0 || lo >= 0x80 {
		dst = append(dst, byte(lo)|0x80)
		lo = lo>>7 | hi<<57
		hi >>= 7
	}
	return append(dst, byte(lo))
}

func takeInt128(b []byte) (int128, []byte) {
	var x uint64
	for i := range min(len(b), 9) { // nearly all sums have no more bytes
		c := b[i]
		x |= uint64(c&0x7f) << (7 * uint(i))
		if c < 0x80 {
			sign := -(x & 1)
			return int128{x>>1 ^ sign, int64(sign)}, b[i+1:]
		}
	}
	return takeWide(b)
}

func takeWide(b []byte) (int128, []byte) {
	var lo, hi uint64
	shift := uint(0)
	for i, c := range b {
		v := uint64(c & 0x7f)
		switch {
		case shift < 64:
			lo |= v << shift
			if shift > 57 {
				hi |= v >> (64 - shift)
			}
		default:
			hi |= v << (shift - 64)
		}
		shift += 7
		if c < 0x80 {
			b = b[i+1:]
			break
		}
	}
	sign := -(lo & 1)
	return int128{(lo>>1 | hi<<63) ^ sign, int64((hi >> 1) ^ sign)}, b
}
