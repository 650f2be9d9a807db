package catalog

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
)

// Kind of a catalog object.
type Kind uint8

const (
	// Table and Stream hold data of their own.
	Table Kind = iota
	Stream
	// View is a query that is expanded where it is named.
	View
	// MatView is a standing query with its stored result.
	MatView
	// System relations (pg_catalog, information_schema, sys) are computed when read.
	System
)

// String is the kind in the words of error messages.
func (k Kind) String() string {
	return [...]string{"table", "stream", "view", "materialized view", "system relation"}[k]
}

// Column is one column of a relation.
type Column struct {
	Name    string
	Type    types.Type
	NotNull bool
	// Default is the SQL text of the default expression, "" = none. A serial or
	// identity column names its sequence here: nextval('…').
	Default string
	// Generated is the SQL text of a GENERATED ALWAYS AS (…) STORED column.
	Generated string
	Comment   string
}

// Watermark is WATERMARK FOR column AS column - delay.
type Watermark struct {
	Column      int   // index into Columns
	DelayMicros int64 // subtracted from the greatest rowtime seen
	// IdleMicros is IDLE TIMEOUT: after so long without input event time follows
	// the wall clock; 0 = never.
	IdleMicros int64
}

// Check is a CHECK constraint.
type Check struct {
	Name string
	Expr string // SQL text
}

// Object is one relation. Objects are immutable; a change makes a new one with
// the same ID. IDs are never reused.
type Object struct {
	ID      uint64
	Schema  string
	Name    string
	Kind    Kind
	Owner   string
	Columns []Column
	// PrimaryKey holds indexes into Columns; empty = none. A materialized view's
	// unique key, if it has one, stands here too.
	PrimaryKey []int
	// PrimaryKeyName is the constraint's name (name_pkey unless given).
	PrimaryKeyName string
	Checks         []Check
	// Watermark is nil where the relation has no event time.
	Watermark *Watermark
	// SQL is the canonical text of the query of a View or MatView.
	SQL string
	// Options are the WITH options, canonical key → value text.
	Options map[string]string
	// Settings in force at CREATE that the query's meaning depends on
	// (TimeZone, DateStyle, search_path …).
	Settings map[string]string
	// DependsOn are the IDs of the relations that the query names.
	DependsOn []uint64
	// AppendOnly: a MatView that never retracts (EMIT FINAL, filters over streams).
	AppendOnly bool
	// CreatedEpoch is the epoch of the CREATE.
	CreatedEpoch uint64
	Comment      string
}

// Rowtime is the index of the event-time column, -1 = none.
func (o *Object) Rowtime() int {
	if o.Watermark == nil {
		return -1
	}
	return o.Watermark.Column
}

// PlanKind is o's kind in plans. A View has none: it is expanded.
func (o *Object) PlanKind() plan.Kind {
	switch o.Kind {
	case Table:
		return plan.Table
	case Stream:
		return plan.Stream
	case MatView:
		return plan.MatView
	}
	return plan.System
}
