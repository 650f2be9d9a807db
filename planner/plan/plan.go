// Package plan is what is to be done, as pure data that prints itself: a tree of
// relational operators over Z-sets with bound expressions. The planner makes
// plans; exec builds circuits from them. Nothing here computes.
//
// Invariants
//   - A plan says nothing about when or how often: the same plan runs one-shot
//     over a snapshot and stands as a view.
//   - Column references are positions in the input node's Columns(); for joins,
//     left columns first, then right.
package plan

import (
	"math"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Column is one column of a node's output.
type Column struct {
	Name string
	Type types.Type
	// Origin, where known: the relation and column (1-based) it comes from
	// unchanged, for RowDescription. 0 = none.
	Table  uint64
	Attnum int
}

// Props is what the planner knows of a node's output.
type Props struct {
	AppendOnly bool    // never retracts
	Keys       [][]int // each: columns that are unique together (over the integrated collection)
	// Watermark is the column whose values the watermark bounds, -1 = none.
	Watermark int
}

// Node is a plan operator. The set is closed: Scan, Values, Series, Filter,
// Project, Tumble, Temporal, Join, Aggregate, Distinct, SetOp, TopN, Final, Unnest, Sort,
// Recursive, Working.
type Node interface {
	Columns() []Column
	Inputs() []Node
	Props() *Props
	planNode()
	base() *Base
}

// Base is embedded in every node.
type Base struct {
	Cols []Column
	P    Props
}

// Columns returns the output columns.
func (b *Base) Columns() []Column { return b.Cols }

// Props returns the output's properties, which may be changed until the plan is handed on.
func (b *Base) Props() *Props { return &b.P }
func (b *Base) planNode()     {}
func (b *Base) base() *Base   { return b }

// Kind of a relation that a Scan reads.
type Kind uint8

const (
	// Table is a base table, Stream a base stream (append-only).
	Table Kind = iota
	Stream
	// MatView is a materialized view: its stored rows.
	MatView
	// System is a relation of pg_catalog, information_schema or sys: computed
	// when it is read, one-shot only.
	System
)

// Scan reads a relation. Fields lists which of its columns come out, in order;
// negative ones are hidden columns (Position, Epoch, Late).
type Scan struct {
	Base
	Object uint64
	Kind   Kind
	Name   string // for printing; qualified if not in the search path
	Fields []int
	// EventTime, if set, keeps only what is valid at that event time (µs): AS OF
	// EVENT TIME, applied to base relations only. RowtimeCol is the relation's
	// rowtime column (an index into the relation's columns), -1 = timeless.
	EventTime  *int64
	RowtimeCol int
	// SystemTime, if set, is AS OF SYSTEM TIME for this relation (µs); nil = the
	// statement's snapshot.
	SystemTime *int64
	// Keyed: the relation has a key, in Fields or not; a table has row numbers only
	// if not.
	Keyed bool
	// DropLate leaves out records that were late when they arrived (inputs of an
	// EMIT FINAL view).
	DropLate bool
}

// Hidden columns of streams and tables, as used in Scan.Fields.
const (
	// FieldPosition is the record's position in its topic (int8), for a table
	// without a primary key its row number.
	FieldPosition = -1
	// FieldEpoch is the epoch of a stream's record (int8).
	FieldEpoch = -2
)

// Values are constant rows.
type Values struct {
	Base
	Rows [][]expr.Expr // no Column inside
}

// Series is generate_series(From, To, Step) as a table; expressions without columns.
type Series struct {
	Base
	From, To, Step expr.Expr // Step nil = 1
}

// Filter keeps rows for which Cond is true.
type Filter struct {
	Base
	In   Node
	Cond expr.Expr
}

// Project computes Exprs.
type Project struct {
	Base
	In    Node
	Exprs []expr.Expr
}

// Tumble appends window_start and window_end for windows of Size µs (Hop: one
// row per window that holds the time, every Slide µs), from column Time.
type Tumble struct {
	Base
	In     Node
	Time   int
	Size   int64 // µs
	Slide  int64 // µs; = Size for tumbling windows
	Offset int64 // µs
}

// JoinKind says which rows a Join emits.
type JoinKind uint8

const (
	Inner JoinKind = iota
	Left
	Right
	Full
	// Semi keeps left rows with a match, Anti those without; only left columns
	// come out.
	Semi
	Anti
)

// Join matches rows by equality of key columns and Residual. Empty keys are a
// cross join. NULL keys match nothing unless NullEqual (set operations as joins).
type Join struct {
	Base
	Kind                JoinKind
	Left, Right         Node
	LeftKeys, RightKeys []int
	Residual            expr.Expr // over left columns then right columns; nil = true
	NullEqual           bool
	// NullAware makes Anti behave as NOT IN: a NULL on either side makes the
	// result unknown (the row is dropped).
	NullAware bool
	// Single: more than one match of a left row is error 21000 (scalar subquery).
	Single bool
}

// AggCall is one aggregate of an Aggregate node.
type AggCall struct {
	Fn       *funcs.Agg
	Args     []int // input columns
	Distinct bool
	Filter   int // input column of type bool, -1 = none
	OrderBy  []Order
	Type     types.Type // result
}

// Order is one sort key: an input column.
type Order struct {
	Col        int
	Desc       bool
	NullsFirst bool
}

// Aggregate groups by GroupBy; output: the group columns, then the aggregates.
// With no GroupBy there is always one row (also over no input).
type Aggregate struct {
	Base
	In      Node
	GroupBy []int
	Aggs    []AggCall
	// WindowEnd is the index in GroupBy of a column that closes with the
	// watermark (window_end), -1 = none. State of closed groups may be dropped
	// when Final stands above.
	WindowEnd int
}

// Distinct removes duplicates of whole rows.
type Distinct struct {
	Base
	In Node
}

// SetOpKind says which set operation.
type SetOpKind uint8

const (
	Union SetOpKind = iota // only UNION ALL; plain UNION is Distinct over it
	Intersect
	Except
)

// SetOp combines inputs of equal column types (up to modifiers). Union has any number of inputs,
// the others two.
type SetOp struct {
	Base
	Kind SetOpKind
	All  bool
	Ins  []Node
}

// TopN keeps, per partition, the rows ranked Offset+1 … Offset+Limit by OrderBy
// (ties: arrival position if TieBreak names a column, else value order of the
// whole row). RankCol: the row number is appended as an int8 column.
type TopN struct {
	Base
	In        Node
	Partition []int
	OrderBy   []Order
	Limit     int64 // -1 = all
	Offset    int64
	RankCol   bool
	// RankKind: 0 row_number, 1 rank, 2 dense_rank (Limit applies to the rank).
	RankKind        uint8
	LimitE, OffsetE expr.Expr // LIMIT/OFFSET of a one-shot query with parameters, else nil
}

// Final passes each group on once, when the watermark has passed column
// WindowEnd: EMIT FINAL. Its output is append-only.
type Final struct {
	Base
	In        Node
	WindowEnd int
	Delay     int64 // µs
}

// Temporal keeps a row while the logical time lies within all of its bounds: a
// condition on now() in a query that is maintained.
type Temporal struct {
	Base
	In     Node
	Bounds []Bound
}

// Bound is a moment of a row: column Col times Unit plus Add units, in µs. A row
// belongs to the result from that moment on, or until then. NULL: never.
type Bound struct {
	Col       int
	Unit, Add int64 // µs; Add counts in units
	Until     bool
	// Finite: an infinite value is an error, since now() is subtracted from it.
	Finite bool
}

// At is the moment, µs, for the column's value v; math.MaxInt64 and MinInt64 are
// never and always.
func (b Bound) At(v int64) int64 {
	reach := math.MaxInt64/b.Unit - max(b.Add, -b.Add)
	switch {
	case v > reach:
		return math.MaxInt64
	case v < -reach:
		return math.MinInt64
	}
	return (v + b.Add) * b.Unit
}

// Unnest expands an array (or a set-returning function) per row; its elements
// are appended as a column. Outer keeps rows with none.
type Unnest struct {
	Base
	In         Node
	Array      expr.Expr
	Ordinality bool
	Outer      bool
	// Blank are columns of In that nobody above needs: they come out as NULL, so
	// that an array is not repeated for each of its elements.
	Blank []int
}

// Sort orders the final result of a one-shot query; it never stands in a view.
type Sort struct {
	Base
	In            Node
	OrderBy       []Order
	Limit, Offset expr.Expr // nil = none
}

func (n *Scan) Inputs() []Node      { return nil }
func (n *Values) Inputs() []Node    { return nil }
func (n *Series) Inputs() []Node    { return nil }
func (n *Filter) Inputs() []Node    { return []Node{n.In} }
func (n *Project) Inputs() []Node   { return []Node{n.In} }
func (n *Tumble) Inputs() []Node    { return []Node{n.In} }
func (n *Join) Inputs() []Node      { return []Node{n.Left, n.Right} }
func (n *Aggregate) Inputs() []Node { return []Node{n.In} }
func (n *Distinct) Inputs() []Node  { return []Node{n.In} }
func (n *SetOp) Inputs() []Node     { return n.Ins }
func (n *TopN) Inputs() []Node      { return []Node{n.In} }
func (n *Temporal) Inputs() []Node  { return []Node{n.In} }
func (n *Final) Inputs() []Node     { return []Node{n.In} }
func (n *Unnest) Inputs() []Node    { return []Node{n.In} }
func (n *Sort) Inputs() []Node      { return []Node{n.In} }
