package rowenc

import (
	"bytes"
	"encoding/binary"
)

// Byte strings end with 0x00. 0x00 and 0x01 inside become 01 01 and 01 02, so
// the end is below every continuation and found without knowing what follows
// the column (the commoner 00 FF escape needs two bytes at the end).
const (
	bytesEnd    = 0x00
	bytesEscape = 0x01
)

func appendBytesKey(dst, s []byte) []byte {
	if !hasLow(s) {
		return append(append(dst, s...), bytesEnd)
	}
	for _, c := range s {
		if c <= bytesEscape {
			dst = append(dst, bytesEscape, c+1)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, bytesEnd)
}

// hasLow reports whether s has a byte that must be escaped, eight at a time.
func hasLow(s []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if (x-2*ones)&^x&highs != 0 {
			return true
		}
		s = s[8:]
	}
	for _, c := range s {
		if c <= bytesEscape {
			return true
		}
	}
	return false
}

// bytesKey reads a byte string from the front of key, appends it to dst, and
// returns it with the rest of key. mask is 0xFF for descending columns.
func bytesKey(dst, key []byte, mask byte) (out, rest []byte, err error) {
	end := bytes.IndexByte(key, bytesEnd^mask)
	if end < 0 {
		return dst, nil, corrupt("byte string without end")
	}
	s, rest := key[:end], key[end+1:]
	if mask == 0 && bytes.IndexByte(s, bytesEscape) < 0 {
		return append(dst, s...), rest, nil
	}
	for i := 0; i < len(s); i++ {
		c := s[i] ^ mask
		if c == bytesEscape {
			if i++; i == len(s) {
				return dst, nil, corrupt("byte string ends inside an escape")
			}
			if c = (s[i] ^ mask) - 1; c > bytesEscape {
				return dst, nil, corrupt("bad escape in byte string")
			}
		}
		dst = append(dst, c)
	}
	return dst, rest, nil
}
