package ast

// Number is a numeric constant, as written.
type Number struct {
	Pos  int
	Text string
}

// String is a character constant without a type.
type String struct {
	Pos   int
	Value string
}

// BitString is B'01' or, with Hex, X'1F'.
type BitString struct {
	Pos   int
	Hex   bool
	Value string
}

// Bool is TRUE or FALSE.
type Bool struct {
	Pos   int
	Value bool
}

// Null is NULL.
type Null struct{ Pos int }

// Default is DEFAULT in VALUES and SET.
type Default struct{ Pos int }

// Param is $n.
type Param struct{ Pos, N int }

// ColumnRef is a, t.a, s.t.a, t.* or *. A bare word that stands for something
// else (an option's value, a table as an argument) is also one.
type ColumnRef struct {
	Pos   int
	Parts []string
	Star  bool // .* follows Parts; with no Parts, *
	// Except lists the columns of * EXCEPT (…).
	Except []Ident
}

// FieldSelect is (x).f, or (x).* with Star. Arrow marks ksqlDB's x->*.
type FieldSelect struct {
	Pos   int
	X     Expr
	Field string
	Star  bool
	Arrow bool
}

// Subscript is x[i] or x[lo:hi]; a bound of a slice may be nil.
type Subscript struct {
	Pos   int
	X     Expr
	Slice bool
	Lo    Expr // the index if not Slice
	Hi    Expr
}

// Operator names an operator; Schema is set by OPERATOR(schema.op).
type Operator struct {
	Schema string
	Name   string // <> for !=
}

// Unary is a prefix operator.
type Unary struct {
	Pos int
	Op  Operator
	X   Expr
}

// Binary is an infix operator; Pos is the operator's.
type Binary struct {
	Pos  int
	Op   Operator
	L, R Expr
}

// Logic is a chain of AND, or of OR with Or, of at least two arguments.
type Logic struct {
	Pos  int
	Or   bool
	Args []Expr
}

// Not is NOT x.
type Not struct {
	Pos int
	X   Expr
}

// IsTest is x IS [NOT] NULL, TRUE, FALSE, UNKNOWN, DOCUMENT or NORMALIZED.
type IsTest struct {
	Pos  int
	X    Expr
	Not  bool
	What string // upper case
}

// IsDistinct is l IS [NOT] DISTINCT FROM r.
type IsDistinct struct {
	Pos  int
	Not  bool
	L, R Expr
}

// InList is x [NOT] IN (a, b).
type InList struct {
	Pos  int
	X    Expr
	Not  bool
	List []Expr
}

// InQuery is x [NOT] IN (SELECT …).
type InQuery struct {
	Pos   int
	X     Expr
	Not   bool
	Query *Query
}

// Between is x [NOT] BETWEEN [SYMMETRIC] lo AND hi.
type Between struct {
	Pos       int
	X         Expr
	Not       bool
	Symmetric bool
	Lo, Hi    Expr
}

// LikeKind says which of the pattern operators a Like is.
type LikeKind uint8

// The kinds of Like.
const (
	LikeCase LikeKind = iota // LIKE
	LikeNoCase
	LikeSimilar
)

// Like is x [NOT] LIKE|ILIKE|SIMILAR TO pattern [ESCAPE e].
type Like struct {
	Pos     int
	Kind    LikeKind
	X       Expr
	Not     bool
	Pattern Expr
	Escape  Expr // nil if not given
}

// Quantified is x op ANY|ALL (array) or (query): one of Array, Query is set.
// LIKE ANY has the operator ~~, as in PostgreSQL.
type Quantified struct {
	Pos   int
	X     Expr
	Op    Operator
	All   bool
	Array Expr
	Query *Query
}

// SubqueryKind says what a Subquery yields.
type SubqueryKind uint8

// The kinds of Subquery.
const (
	SubqueryScalar SubqueryKind = iota
	SubqueryExists
	SubqueryArray // ARRAY(SELECT …)
)

// Subquery is a query as an expression.
type Subquery struct {
	Pos   int
	Kind  SubqueryKind
	Query *Query
}

// Array is ARRAY[…].
type Array struct {
	Pos   int
	Elems []Expr
}

// Row is ROW(…) or (a, b).
type Row struct {
	Pos    int
	Fields []Expr
}

// Case is both forms of CASE; Operand is nil in the searched one.
type Case struct {
	Pos     int
	Operand Expr
	Whens   []When
	Else    Expr
}

// When is one arm of CASE.
type When struct{ Cond, Result Expr }

// Cast is CAST(x AS t), x::t, and a typed constant such as DATE '2026-01-01'.
type Cast struct {
	Pos  int
	X    Expr
	Type *TypeName
}

// Collate is x COLLATE c.
type Collate struct {
	Pos  int
	X    Expr
	Name Name
}

// FuncForm says how a call is spelled where the grammar is special. Names and
// arguments are always those of the plain function behind it.
type FuncForm uint8

// The spellings of a call.
const (
	FormPlain     FuncForm = iota
	FormExtract            // EXTRACT(f FROM x): extract('f', x)
	FormSubstr             // SUBSTRING(x FROM a FOR b): substring(x, a, b)
	FormSimilar            // SUBSTRING(x SIMILAR p ESCAPE e): substring(x, p, e)
	FormTrim               // TRIM([LEADING|…] c FROM x): ltrim|rtrim|btrim(x, c)
	FormPosition           // POSITION(a IN b): position(b, a)
	FormOverlay            // OVERLAY(x PLACING y FROM a FOR b)
	FormAtZone             // x AT TIME ZONE z: timezone(z, x)
	FormKeyword            // CURRENT_DATE, CURRENT_TIMESTAMP(p), USER, …
	FormCollation          // COLLATION FOR (x): pg_collation_for(x)
	FormAngles             // MAP[k => v], LIST[…], {k: v}
)

// Func is a call of a function, an aggregate or a window function.
type Func struct {
	Pos         int
	Name        Name
	Form        FuncForm
	Args        []Arg
	Star        bool // count(*)
	Distinct    bool
	Variadic    bool // of the last argument
	OrderBy     []SortItem
	WithinGroup []SortItem
	Filter      Expr
	Nulls       string // IGNORE or RESPECT
	Over        *WindowSpec
}

// Arg is an argument; Name is set by name => x and name := x. A key that is an
// expression (MAP('k' := v)) is in Key.
type Arg struct {
	Pos   int
	Name  string
	Key   Expr
	Value Expr
}

// WindowSpec is OVER name (only Name), OVER (base …), or a WINDOW definition.
type WindowSpec struct {
	Pos         int
	Name        string // OVER name
	Base        string // OVER (base …)
	PartitionBy []Expr
	OrderBy     []SortItem
	Frame       *Frame
}

// Frame is a frame clause.
type Frame struct {
	Pos        int
	Mode       string // ROWS, RANGE, GROUPS, SESSION
	Gap        Expr   // SESSION WITH GAP gap
	Start, End FrameBound
	Exclude    string // "", CURRENT ROW, GROUP, TIES, NO OTHERS
}

// FrameBound is an end of a frame. Kind "" means not given (BETWEEN absent).
type FrameBound struct {
	Kind   string // UNBOUNDED PRECEDING, PRECEDING, CURRENT ROW, FOLLOWING, UNBOUNDED FOLLOWING
	Offset Expr
}

// SortItem is an item of ORDER BY.
type SortItem struct {
	Pos        int
	X          Expr
	Desc       bool
	Using      *Operator
	NullsFirst bool
	NullsLast  bool
}

// Lambda is x => e and (k, v) => e.
type Lambda struct {
	Pos    int
	Params []Ident
	Body   Expr
}

// CurrentOf is WHERE CURRENT OF cursor.
type CurrentOf struct {
	Pos    int
	Cursor string
}

// TableArg is TABLE t, or a query, as an argument of a table function.
type TableArg struct {
	Pos         int
	Name        Name
	Query       *Query
	PartitionBy []Expr
}

// Descriptor is DESCRIPTOR(c, …).
type Descriptor struct {
	Pos     int
	Columns []Ident
}

// Duration is ksqlDB's 1 HOUR. Unit is upper case and as written.
type Duration struct {
	Pos   int
	Value Expr
	Unit  string
}
