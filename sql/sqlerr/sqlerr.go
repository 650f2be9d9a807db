// Package sqlerr is the one error type that reaches users: a SQLSTATE, a
// message in PostgreSQL's wording, and where known a position, detail and hint.
//
// Invariants
//   - The code is set where the cause is known; outer layers only add words with
//     fmt.Errorf("…: %w"), which keeps the code.
//   - From flattens any error for the wire; what has no code becomes XX000.
package sqlerr

import (
	"errors"
	"fmt"
)

// Code is a five-character SQLSTATE.
type Code string

// Error is a PostgreSQL-style error. Messages are lower case, without a final
// period, with names in double quotes.
type Error struct {
	Code     Code
	Message  string
	Detail   string
	Hint     string
	Where    string // context, e.g. `COPY t, line 3, column amount`
	Position int    // 1-based byte offset of the cause in the statement text; 0 = unknown

	Schema, Table, Column, DataType, Constraint string
}

// New makes an error with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string { return e.Message }

// At sets the 1-based position and returns e. pos ≤ 0 leaves it as it is.
func (e *Error) At(pos int) *Error {
	if pos > 0 {
		e.Position = pos
	}
	return e
}

// WithHint sets the hint and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithDetail sets the detail and returns e.
func (e *Error) WithDetail(format string, args ...any) *Error {
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// WithWhere sets the context line and returns e.
func (e *Error) WithWhere(format string, args ...any) *Error {
	e.Where = fmt.Sprintf(format, args...)
	return e
}

// From flattens err for the wire. The words added around a coded error are put
// before its message; an error without a code becomes InternalError.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Code: InternalError, Message: err.Error()}
	}
	if text := err.Error(); text != e.Message {
		c := *e
		c.Message = text
		return &c
	}
	return e
}

// CodeOf returns the SQLSTATE of err, InternalError if it has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return InternalError
}

// HasCode reports whether err carries the given SQLSTATE.
func HasCode(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
