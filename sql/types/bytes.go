package types

import (
	"encoding/hex"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// parseUUID accepts hex digits with optional braces, and hyphens after any group
// of four.
func parseUUID(in string) (Datum, error) {
	s := in
	if len(s) > 1 && s[0] == '{' && s[len(s)-1] == '}' {
		s = s[1 : len(s)-1]
	}
	var u [16]byte
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '-' {
			if n == 0 || n%4 != 0 || n == 32 || s[i-1] == '-' {
				return Datum{}, errSyntax(UUID, in)
			}
			continue
		}
		v := hexDigit(s[i])
		if v < 0 || n == 32 {
			return Datum{}, errSyntax(UUID, in)
		}
		u[n/2] = u[n/2]<<4 | byte(v)
		n++
	}
	if n != 32 {
		return Datum{}, errSyntax(UUID, in)
	}
	return Datum{S: string(u[:])}, nil
}

func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func appendUUID(dst []byte, s string) []byte {
	if len(s) != 16 {
		return dst
	}
	const digits = "0123456789abcdef"
	for i := 0; i < 16; i++ {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[s[i]>>4], digits[s[i]&15])
	}
	return dst
}

// parseBytea reads both input formats: \x and hex digits, or escapes.
func parseBytea(s string) (Datum, error) {
	if len(s) >= 2 && s[0] == '\\' && s[1] == 'x' {
		return byteaHex(s[2:])
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		switch {
		case i+1 < len(s) && s[i+1] == '\\':
			out = append(out, '\\')
			i++
		case i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '3' && s[i+2]-'0' <= 7 && s[i+3]-'0' <= 7:
			out = append(out, (s[i+1]-'0')<<6|(s[i+2]-'0')<<3|(s[i+3]-'0'))
			i += 3
		default:
			return Datum{}, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type bytea")
		}
	}
	return Datum{S: string(out)}, nil
}

func byteaHex(s string) (Datum, error) {
	out := make([]byte, 0, len(s)/2)
	for i := 0; i < len(s); i++ {
		if isSpace(s[i]) {
			continue
		}
		hi := hexDigit(s[i])
		if hi < 0 {
			return Datum{}, errHexDigit(s[i:])
		}
		i++
		if i == len(s) {
			return Datum{}, sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		lo := hexDigit(s[i])
		if lo < 0 {
			return Datum{}, errHexDigit(s[i:])
		}
		out = append(out, byte(hi<<4|lo))
	}
	return Datum{S: string(out)}, nil
}

func errHexDigit(s string) error {
	for _, r := range s {
		return sqlerr.New(sqlerr.InvalidParameterValue, "invalid hexadecimal digit: \"%c\"", r)
	}
	return nil
}

func appendBytea(dst []byte, s string, escape bool) []byte {
	if !escape {
		dst = append(dst, '\\', 'x')
		return hex.AppendEncode(dst, []byte(s))
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
