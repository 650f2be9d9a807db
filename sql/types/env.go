package types

import "time"

// DateOrder says how an ambiguous date such as 1/2/2024 is read.
type DateOrder uint8

// The input orders of DateStyle.
const (
	MDY DateOrder = iota
	DMY
	YMD
)

// IntervalStyle says how intervals are written.
type IntervalStyle uint8

// The interval output styles.
const (
	IntervalPostgres IntervalStyle = iota
	IntervalPostgresVerbose
	IntervalSQLStandard
	IntervalISO8601
)

// Env holds the session settings that texts of values depend on. A nil *Env
// means the defaults of NewEnv. It is read only while in use.
type Env struct {
	TimeZone      *time.Location // nil = UTC
	DateOrder     DateOrder
	IntervalStyle IntervalStyle
	// ExtraFloatDigits > 0 writes the shortest text that reads back as the same
	// float; ≤ 0 writes 15 (float4: 6) digits plus it.
	ExtraFloatDigits int
	ByteaEscape      bool // bytea_output = 'escape'
	// Names resolves the texts of the reg types; nil: numbers only.
	Names Names
	Now   int64 // µs since 2000-01-01 UTC: what 'now' and 'today' mean
}

// Names finds what the text of a reg type names, and the name of a reg value.
type Names interface {
	RegIn(t Type, text string) (oid int64, err error)
	RegOut(t Type, oid int64) string
}

// NewEnv returns PostgreSQL's default settings in the zone UTC.
func NewEnv() *Env {
	return &Env{TimeZone: time.UTC, ExtraFloatDigits: 1}
}

var defaultEnv = NewEnv()

func (e *Env) orDefault() *Env {
	if e == nil {
		return defaultEnv
	}
	return e
}

func (e *Env) loc() *time.Location {
	if e == nil || e.TimeZone == nil {
		return time.UTC
	}
	return e.TimeZone
}
