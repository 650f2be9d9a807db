package copytext

import (
	"errors"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// contextBytesMax is how much of a line or value an error shows.
const contextBytesMax = 100

// clip shortens b to whole characters within limit bytes.
func clip(b []byte, limit int) string {
	if len(b) <= limit {
		return string(b)
	}
	for limit > 0 && !utf8.RuneStart(b[limit]) {
		limit--
	}
	return string(b[:limit]) + "..."
}

// where adds a context to err, without changing an error that others may hold.
func where(err error, format string, args ...any) error {
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		return err
	}
	c := *sqlerr.From(err)
	inner := c.Where
	c.WithWhere(format, args...)
	if inner != "" {
		c.Where = inner + "\n" + c.Where
	}
	return &c
}

// checkEncoding returns 22021 for what is not UTF-8 or has a NUL.
func checkEncoding(b []byte) error {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			return errEncoding(b[i:])
		}
		i += n
	}
	return nil
}

// sequenceLen is the length of the character that starts with c, 1 if none does.
func sequenceLen(c byte) int {
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

// errEncoding names the bytes that the character at the start of b should have.
func errEncoding(b []byte) error {
	text := ""
	const hex = "0123456789abcdef"
	for _, c := range b[:min(sequenceLen(b[0]), len(b))] {
		text += " 0x" + string([]byte{hex[c>>4], hex[c&15]})
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\":%s", text)
}
