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
