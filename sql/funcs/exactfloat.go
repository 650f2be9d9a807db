package funcs

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/bits"
)

// exactSum is a sum of float64 values without any rounding: a fixed-point number
// that spans all exponents, in digits of 32 bits, least significant first, each
// held in an int64 so that carries can wait (Kulisch's accumulator). NaN and the
// infinities are counted apart, so that a retraction leaves no trace.
//
// Digit 0 has the weight 2^-1074, the least float64.
type exactSum struct {
	digits         [exactDigits]int64
	lo, hi         int // digits outside [lo, hi) are 0
	adds           int // since carries were last propagated
	n              int64
	nan, pinf, inf int64
}

const (
	exactDigits = 70 // 2098 bits of float64, and 128 bits for the number of values
	// exactAddsMax additions of at most 2^32 each fit an int64 digit.
	exactAddsMax = 1 << 30
)

func (s *exactSum) reset() {
	if s.hi > s.lo {
		clear(s.digits[s.lo:s.hi])
	}
	s.lo, s.hi, s.adds = 0, 0, 0
	s.n, s.nan, s.pinf, s.inf = 0, 0, 0, 0
}

// touch widens the range of digits in use.
func (s *exactSum) touch(lo, hi int) {
	if s.hi == s.lo {
		s.lo, s.hi = lo, hi
		return
	}
	s.lo, s.hi = min(s.lo, lo), max(s.hi, hi)
}

// add adds x, w times.
func (s *exactSum) add(x float64, w int64) {
	s.n += w
	b := math.Float64bits(x)
	exp := int(b >> 52 & 0x7ff)
	m := b & (1<<52 - 1)
	switch exp {
	case 0x7ff:
		switch {
		case m != 0:
			s.nan += w
		case x > 0:
			s.pinf += w
		default:
			s.inf += w
		}
		return
	case 0:
		exp = 1
	default:
		m |= 1 << 52
	}
	if m == 0 || w == 0 {
		return
	}
	neg := b>>63 != 0
	if w < 0 {
		neg, w = !neg, -w
	}
	hi, lo := bits.Mul64(m, uint64(w))
	s.addBits(hi, lo, exp-1, neg)
}

// addBits adds ± (hi·2^64 + lo) × 2^(at-1074).
func (s *exactSum) addBits(hi, lo uint64, at int, neg bool) {
	k, shift := at>>5, uint(at)&31
	top := hi >> (64 - shift)
	hi = hi<<shift | lo>>(64-shift)
	lo <<= shift
	parts := [6]int64{int64(lo & math.MaxUint32), int64(lo >> 32), int64(hi & math.MaxUint32), int64(hi >> 32),
		int64(top & math.MaxUint32), int64(top >> 32)}
	end := len(parts)
	for end > 1 && parts[end-1] == 0 {
		end--
	}
	s.touch(k, k+end)
	for i, p := range parts[:end] {
		if neg {
			p = -p
		}
		s.digits[k+i] += p
	}
	if s.adds++; s.adds >= exactAddsMax {
		s.carry()
	}
}

// carry brings every digit but the last into [0, 2^32); the last keeps the sign.
func (s *exactSum) carry() {
	s.adds = 0
	if s.hi == s.lo {
		return
	}
	var c int64
	for i := s.lo; i < exactDigits; i++ {
		if i >= s.hi {
			if c == 0 {
				break
			}
			s.hi = i + 1
		}
		v := s.digits[i] + c
		if i == exactDigits-1 {
			s.digits[i] = v
			break
		}
		s.digits[i] = v & math.MaxUint32
		c = v >> 32
		if c == -1 && i >= s.hi-1 {
			// A negative total: keep it as the sign of the last digit.
			s.digits[i] = v
			break
		}
	}
}

// magnitude returns the absolute value's digits, trimmed at both ends, the
// position of the first, and the sign.
func (s *exactSum) magnitude() (digits []uint32, first int, neg bool) {
	s.carry()
	if s.hi == s.lo {
		return nil, 0, false
	}
	for i := s.hi - 1; i >= s.lo; i-- {
		if s.digits[i] != 0 {
			neg = s.digits[i] < 0
			break
		}
	}
	out := make([]uint32, 0, s.hi-s.lo+1)
	var c int64
	for i := s.lo; i < s.hi; i++ {
		v := s.digits[i]
		if neg {
			v = -v
		}
		v += c
		out = append(out, uint32(v))
		c = v >> 32
	}
	if c != 0 {
		out = append(out, uint32(c))
	}
	first = s.lo
	for len(out) > 0 && out[0] == 0 {
		out, first = out[1:], first+1
	}
	for len(out) > 0 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	return out, first, neg
}

// float64 returns the sum rounded once, to nearest even; infinite if too large.
func (s *exactSum) float64() float64 {
	switch {
	case s.nan > 0 || s.pinf > 0 && s.inf > 0:
		return math.NaN()
	case s.pinf > 0:
		return math.Inf(1)
	case s.inf > 0:
		return math.Inf(-1)
	}
	digits, first, neg := s.magnitude()
	if len(digits) == 0 {
		return 0
	}
	// The top 64 bits, left-aligned, and whether anything is below them.
	at := func(i int) uint64 {
		if i < 0 || i >= len(digits) {
			return 0
		}
		return uint64(digits[i])
	}
	top := len(digits) - 1
	lead := uint(bits.LeadingZeros32(digits[top]))
	m := at(top)<<32 | at(top-1)
	m = m<<lead | at(top-2)>>(32-lead)
	sticky := at(top-2)<<lead&math.MaxUint32 != 0
	for i := top - 3; i >= 0; i-- {
		sticky = sticky || digits[i] != 0
	}
	exp := (first+top)*32 - 1074 - 32 - int(lead) // value = m × 2^exp
	// A sum below 2^-1022 is a multiple of 2^-1074 and needs no rounding.
	const low = 1<<11 - 1
	rest := m & low
	m >>= 11
	exp += 11
	half := uint64(1 << 10)
	if rest > half || rest == half && (sticky || m&1 != 0) {
		m++
	}
	f := math.Ldexp(float64(m), exp)
	if neg {
		return -f
	}
	return f
}

// big returns the finite part × 2^1074.
func (s *exactSum) big() *big.Int {
	digits, first, neg := s.magnitude()
	v := new(big.Int)
	for i := len(digits) - 1; i >= 0; i-- {
		v.Lsh(v, 32)
		v.Or(v, big.NewInt(int64(digits[i])))
	}
	v.Lsh(v, uint(first)*32)
	if neg {
		v.Neg(v)
	}
	return v
}

// append writes the image: varint n; a uvarint of flags (1 negative, 2 special) and,
// from bit 2, the number of digits; the first digit (uvarint), digits of 4 bytes;
// if special the three counts.
func (s *exactSum) append(dst []byte) []byte {
	digits, first, neg := s.magnitude()
	h := uint64(len(digits)) << 2
	if neg {
		h |= 1
	}
	if s.nan != 0 || s.pinf != 0 || s.inf != 0 {
		h |= 2
	}
	dst = binary.AppendVarint(dst, s.n)
	dst = binary.AppendUvarint(dst, h)
	if len(digits) > 0 {
		dst = binary.AppendUvarint(dst, uint64(first))
		for _, d := range digits {
			dst = binary.LittleEndian.AppendUint32(dst, d)
		}
	}
	if h&2 != 0 {
		dst = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(dst, s.nan), s.pinf), s.inf)
	}
	return dst
}

// load adds a stored image.
func (s *exactSum) load(b []byte) []byte {
	n, b := takeVarint(b)
	s.n += n
	h, k := binary.Uvarint(b)
	b = b[k:]
	if count := int(h >> 2); count > 0 {
		first, k := binary.Uvarint(b)
		b = b[k:]
		lo := int(first)
		s.touch(lo, lo+count)
		for i := range count {
			d := int64(binary.LittleEndian.Uint32(b[4*i:]))
			if h&1 != 0 {
				d = -d
			}
			s.digits[lo+i] += d
		}
		b = b[4*count:]
		s.adds++
	}
	if h&2 != 0 {
		for _, p := range []*int64{&s.nan, &s.pinf, &s.inf} {
			n, b = takeVarint(b)
			*p += n
		}
	}
	return b
}
