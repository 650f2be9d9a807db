package types

import (
	"bytes"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// CheckUTF8 returns 22021 for bytes that are no text: not UTF-8, or with a NUL.
func CheckUTF8(b []byte) error {
	if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
		return nil
	}
	for len(b) > 0 && b[0] != 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			break
		}
		b = b[n:]
	}
	return UTF8Error(b)
}

// UTF8Len is the length of the character that starts with c, 1 if none does.
func UTF8Len(c byte) int {
	switch {
	case c&0xe0 == 0xc0:
		return 2
	case c&0xf0 == 0xe0:
		return 3
	case c&0xf8 == 0xf0:
		return 4
	}
	return 1
}

// UTF8Error names the bytes that the character at the start of b, which is none,
// should have.
func UTF8Error(b []byte) *sqlerr.Error {
	const hex = "0123456789abcdef"
	text := ""
	for _, c := range b[:min(UTF8Len(b[0]), len(b))] {
		text += " 0x" + string([]byte{hex[c>>4], hex[c&15]})
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\":%s", text)
}
