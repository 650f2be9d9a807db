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
	// A Sink sends the changes of a relation to a topic, or into a relation.
	Sink
	// A Connection is how to reach a cluster; a Secret is a value that is never shown.
	// Each of the two kinds has names of its own.
	Connection
	Secret
)

// String is the kind in the words of error messages.
func (k Kind) String() string {
	return [...]string{"table", "stream", "view", "materialized view", "system relation", "sink", "connection", "secret"}[k]
}

// IsRelation reports whether objects of the kind share the names of relations:
// all but connections and secrets.
func (k Kind) IsRelation() bool { return k < Connection }

// Readable reports whether a query can name an object of the kind.
func (k Kind) Readable() bool { return k < Sink }

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
	// From and Path say where a column of a relation with a Connector comes from.
	From From `json:",omitempty"`
	// Path is the name of the field where it is not Name, or that of the header.
	Path string `json:",omitempty"`
	// Hidden columns are left out by *.
	Hidden bool `json:",omitempty"`
	// Added: the relation got the column by ALTER; rows from before have none. Such
	// columns stand after all others.
	Added bool `json:",omitempty"`
	// Until is, for an added column of a source, the offset of each partition before
	// which records were read without it, as the engine knows offsets.
	Until map[int32]int64 `json:",omitempty"`
}

// Watermark is WATERMARK FOR column AS column - delay.
type Watermark struct {
	Column      int   // index into Columns
	DelayMicros int64 // subtracted from the greatest rowtime seen
	// IdleMicros is IDLE TIMEOUT: after so long without input event time follows
	// the wall clock; 0 = never.
	IdleMicros int64
}

// Grown is a change of a column's type to one that takes more bytes.
type Grown struct {
	Column  int // index into Columns
	Was     types.Type
	Columns int // how many the relation had then
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
	// Seen are the columns of relations as they were when the query was made, where
	// they have been altered since: the query means those.
	Seen map[uint64][]Column `json:",omitempty"`
	// Grown are the changes of columns' types to ones that take more bytes, oldest first.
	Grown []Grown `json:",omitempty"`
	// AppendOnly: a MatView that never retracts (EMIT FINAL, filters over streams).
	AppendOnly bool
	// CreatedEpoch is the epoch of the CREATE.
	CreatedEpoch uint64
	Comment      string
	// Connector is nil unless the object is fed by a topic, or is a Sink or a Connection.
	Connector *Connector `json:",omitempty"`
	// Format is nil where there is no Connector, and for sinks into relations.
	Format *Format `json:",omitempty"`
	// Follows is the relation whose changes a Sink sends, 0 = those of its own SQL.
	Follows uint64 `json:",omitempty"`
	// Into is the relation that a Sink writes to, 0 = a topic.
	Into uint64 `json:",omitempty"`
	// Owned: goes, without CASCADE, with this object.
	Owned uint64 `json:",omitempty"`
	// Sealed is the encrypted value of a Secret.
	Sealed []byte `json:",omitempty"`
}

// IsSource reports whether o's rows come from a topic outside.
func (o *Object) IsSource() bool {
	return o.Connector != nil && (o.Kind == Stream || o.Kind == Table)
}

// ReadThrough reports whether o's history is what its topic keeps.
func (o *Object) ReadThrough() bool {
	return o.IsSource() && o.Kind == Stream && o.Connector.Options["history"] != "local"
}

// Visible are the indexes of the columns that * means, in their order.
func (o *Object) Visible() []int {
	out := make([]int, 0, len(o.Columns))
	for i, c := range o.Columns {
		if !c.Hidden {
			out = append(out, i)
		}
	}
	return out
}

// Base is the number of columns that the relation began with.
func (o *Object) Base() int {
	n := len(o.Columns)
	for n > 0 && o.Columns[n-1].Added {
		n--
	}
	return n
}

// As is o as one who saw those columns (nil: its own) knows it.
func (o *Object) As(seen []Column) *Object {
	if seen == nil {
		return o
	}
	c := *o
	c.Columns = seen
	return &c
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
