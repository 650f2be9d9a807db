package format

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special has the high bit set in the first byte of w that is a quote, a
// backslash or a control character (bits above it mean nothing).
func special(w uint64) uint64 {
	low, slash := w^ones*2, w^ones*'\\' // a quote becomes 0x20, next to the control characters
	return ((low-ones*0x21)&^low | (slash-ones)&^slash) & highs
}

// ascii reports whether b is ASCII, which most data is; it is quicker than utf8.Valid.
func ascii(b []byte) bool {
	for ; len(b) >= 64; b = b[64:] {
		c := b[:64]
		w := binary.LittleEndian.Uint64(c) | binary.LittleEndian.Uint64(c[8:]) | binary.LittleEndian.Uint64(c[16:]) | binary.LittleEndian.Uint64(c[24:])
		x := binary.LittleEndian.Uint64(c[32:]) | binary.LittleEndian.Uint64(c[40:]) | binary.LittleEndian.Uint64(c[48:]) | binary.LittleEndian.Uint64(c[56:])
		if (w|x)&highs != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plainString is where the first byte at or after i stands that ends a plain part of a
// string; near the end of data it may be before it.
func plainString(data []byte, i int) int {
	for i+16 <= len(data) {
		a, b := special(binary.LittleEndian.Uint64(data[i:])), special(binary.LittleEndian.Uint64(data[i+8:]))
		if a|b != 0 {
			if a != 0 {
				return i + bits.TrailingZeros64(a)>>3
			}
			return i + 8 + bits.TrailingZeros64(b)>>3
		}
		i += 16
	}
	for i+8 <= len(data) {
		if m := special(binary.LittleEndian.Uint64(data[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	return i
}

// str reads a string and returns which kind it is.
func (s *jsonScan) str() tokenKind {
	i, k := s.pos+1, tokString
	for {
		for {
			if i+8 > len(s.data) {
				for i < s.end && s.data[i] != '"' && s.data[i] != '\\' && s.data[i] >= ' ' {
					i++
				}
				break
			}
			if m := special(binary.LittleEndian.Uint64(s.data[i:])); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= s.end {
			s.pos = s.end
			s.fail("a string has no end")
			return tokNone
		}
		switch s.data[i] {
		case '"':
			s.pos = i + 1
			return k
		case '\\':
			k = tokEscaped
			if i = s.escape(i); i < 0 {
				return tokNone
			}
		default:
			s.pos = i
			s.fail("a control character in a string must be escaped")
			return tokNone
		}
	}
}

// escape checks the escape at i and returns its end, -1 if it is none.
func (s *jsonScan) escape(i int) int {
	s.pos = i
	if i+1 < s.end {
		switch s.data[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			return i + 2
		case 'u':
			if i+6 <= s.end && hex4(s.data[i+2:i+6]) >= 0 {
				return i + 6
			}
		}
	}
	s.fail("this is not an escape")
	return -1
}

// hex4 reads four hexadecimal digits, -1 if they are not.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the text of a string that has been checked. What is not text
// in the database, \u0000 and halves of surrogate pairs, is an error.
func unescape(dst, in []byte) ([]byte, error) { return unescapeString(dst, in, false) }

// unescapeString is unescape where nul says whether \u0000 may be.
func unescapeString(dst, in []byte, nul bool) ([]byte, error) {
	for i := 0; i < len(in); {
		c := in[i]
		if c != '\\' {
			end := bytes.IndexByte(in[i:], '\\')
			if end < 0 {
				return append(dst, in[i:]...), nil
			}
			dst = append(dst, in[i:i+end]...)
			i += end
			continue
		}
		switch c = in[i+1]; c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(in[i+2:])
			i += 6
			if r >= 0xd800 && r < 0xdc00 && i+6 <= len(in) && in[i] == '\\' && in[i+1] == 'u' {
				if low := hex4(in[i+2:]); low >= 0xdc00 && low < 0xe000 {
					r = 0x10000 + (r-0xd800)<<10 + (low - 0xdc00)
					i += 6
				}
			}
			if r == 0 && !nul {
				return dst, errNUL
			}
			if r >= 0xd800 && r < 0xe000 {
				return dst, errSurrogate
			}
			dst = utf8.AppendRune(dst, r)
			continue
		}
		dst = append(dst, c)
		i += 2
	}
	return dst, nil
}

var (
	errNUL       = sqlerr.New(sqlerr.UntranslatableCharacter, "\\u0000 cannot be converted to text")
	errSurrogate = sqlerr.New(sqlerr.InvalidTextRepresentation, "half of a surrogate pair cannot be converted to text")
)

// jsonEnv: texts mean what they mean in UTC.
var jsonEnv = &types.Env{ExtraFloatDigits: 1, IntervalStyle: types.IntervalISO8601}
