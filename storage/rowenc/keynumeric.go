package rowenc

import (
	"encoding/binary"
	"math/bits"
)

// A numeric's key is its value, whatever form and scale it is stored with:
// sign and magnitude in the first byte, then the digits in groups of 18.
//
//	value = ± 0.d1d2d3… × 10^e, d1 ≠ 0
//	first byte   -Inf | neg, e > 63 | neg, e = 63 … -32 | neg, e < -32 | zero | … mirrored … | +Inf | NaN
//	[4 bytes]    e, only for the two far ranges
//	8 bytes each 18 digits << 1 | 1 if more groups follow
//
// For negative values what follows the first byte is complemented. Trailing
// zero groups are not written, so one value has one key; 9 bytes hold any value
// of up to 18 digits. Exact adds two bytes: the display scale.
const (
	numNegInf   = 0x02
	numNegHuge  = 0x03
	numNeg      = 0x04 // + (expMax - e)
	numNegTiny  = 0x64
	numZero     = 0x65
	numPosTiny  = 0x66
	numPos      = 0x67 // + (e - expMin)
	numPosHuge  = 0xC7
	numInf      = 0xC8
	numNaN      = 0xC9
	expMin      = -32
	expMax      = 63
	groupDigits = 18
)

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// digits is the number of decimal digits of x; 0 has none.
func digits(x uint64) int {
	n := bits.Len64(x) * 1233 >> 12
	if x >= pow10[n] {
		n++
	}
	return n
}

// appendNumericInt appends the key of x × 10^-scale.
func appendNumericInt(dst []byte, x int64, scale int32) []byte {
	if x == 0 {
		return append(dst, numZero)
	}
	neg, u := x < 0, uint64(x)
	if neg {
		u = -u
	}
	d := digits(u)
	dst = appendNumericHead(dst, neg, int64(d)-int64(scale))
	if d <= groupDigits {
		return appendGroup(dst, u*pow10[groupDigits-d], false, neg)
	}
	rest := u % 10 * pow10[groupDigits-1]
	dst = appendGroup(dst, u/10, rest != 0, neg)
	if rest != 0 {
		dst = appendGroup(dst, rest, false, neg)
	}
	return dst
}

// appendNumericHead appends sign and exponent of a value other than zero.
func appendNumericHead(dst []byte, neg bool, e int64) []byte {
	switch {
	case !neg && e < expMin:
		return binary.BigEndian.AppendUint32(append(dst, numPosTiny), uint32(e+1<<31))
	case !neg && e > expMax:
		return binary.BigEndian.AppendUint32(append(dst, numPosHuge), uint32(e+1<<31))
	case !neg:
		return append(dst, byte(numPos+e-expMin))
	case e < expMin:
		return binary.BigEndian.AppendUint32(append(dst, numNegTiny), ^uint32(e+1<<31))
	case e > expMax:
		return binary.BigEndian.AppendUint32(append(dst, numNegHuge), ^uint32(e+1<<31))
	}
	return append(dst, byte(numNeg+expMax-e))
}

func appendGroup(dst []byte, g uint64, more, neg bool) []byte {
	g <<= 1
	if more {
		g |= 1
	}
	if neg {
		g = ^g
	}
	return binary.BigEndian.AppendUint64(dst, g)
}

// appendScale adds the display scale to an Exact key.
func appendScale(dst []byte, scale int32) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(scale))
}

// numberKey is a numeric key taken apart: 0.groups × 10^exp.
type numberKey struct {
	class  byte // numNegInf, numZero, numInf, numNaN; numPos and numNeg for all finite values
	exp    int64
	groups []uint64
	buf    [1]uint64
}

// readNumeric takes a numeric's key off the front of key.
func readNumeric(n *numberKey, key []byte, mask byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, corrupt("numeric cut short")
	}
	first := key[0] ^ mask
	key = key[1:]
	n.groups = n.buf[:0]
	var long bool
	switch {
	case first == numNegInf, first == numZero, first == numInf, first == numNaN:
		n.class = first
		return key, nil
	case first == numPosTiny, first == numPosHuge:
		n.class, long = numPos, true
	case first == numNegTiny, first == numNegHuge:
		n.class, long, mask = numNeg, true, ^mask
	case first >= numNeg && first < numNegTiny:
		n.class, n.exp, mask = numNeg, expMax-int64(first-numNeg), ^mask
	case first >= numPos && first < numPosHuge:
		n.class, n.exp = numPos, int64(first-numPos)+expMin
	default:
		return nil, corrupt("bad numeric key %#x", first)
	}
	flip := uint64(0)
	if mask != 0 {
		flip = ^flip
	}
	if long {
		if len(key) < 4 {
			return nil, corrupt("numeric cut short")
		}
		n.exp = int64(binary.BigEndian.Uint32(key)^uint32(flip)) - 1<<31
		key = key[4:]
	}
	for {
		if len(key) < 8 {
			return nil, corrupt("numeric cut short")
		}
		g := binary.BigEndian.Uint64(key) ^ flip
		key = key[8:]
		if g>>1 >= pow10[groupDigits] {
			return nil, corrupt("bad digits in numeric")
		}
		n.groups = append(n.groups, g>>1)
		if g&1 == 0 {
			return key, nil
		}
	}
}

// narrow gives the value as x × 10^-scale with the least scale ≥ min, if that
// fits an int64.
func (n *numberKey) narrow(min int32) (x int64, scale int32, ok bool) {
	if n.class == numZero {
		return 0, min, true
	}
	if n.class != numPos && n.class != numNeg || len(n.groups) != 1 || n.groups[0] == 0 {
		return 0, 0, false
	}
	u, s := n.groups[0], groupDigits-n.exp // value = u × 10^-s
	if s > groupDigits+40 || s < -groupDigits-40 {
		return 0, 0, false
	}
	for s > int64(min) && u%10 == 0 {
		u, s = u/10, s-1
	}
	if s < int64(min) {
		up := int64(min) - s
		if up > 19 {
			return 0, 0, false
		}
		hi, lo := bits.Mul64(u, pow10[up])
		if hi != 0 {
			return 0, 0, false
		}
		u, s = lo, int64(min)
	}
	if u > 1<<63-1 {
		return 0, 0, false
	}
	if x = int64(u); n.class == numNeg {
		x = -x
	}
	return x, int32(s), true
}
