package ast

// Query is a whole query expression with what follows its body.
type Query struct {
	Pos      int
	With     *With
	Body     QueryBody
	OrderBy  []SortItem
	Limit    Expr // nil for none and for LIMIT ALL
	Offset   Expr
	WithTies bool
	Locks    []Lock
	Emit     *Emit
	AsOf     *AsOf
	Options  []Option // OPTIONS (…)
}

// With is a WITH clause.
type With struct {
	Pos       int
	Recursive bool
	Mutually  bool // WITH MUTUALLY RECURSIVE
	Options   []Option
	CTEs      []*CTE
}

// Materialize is the MATERIALIZED hint of a CTE.
type Materialize uint8

// The hints.
const (
	MaterializeDefault Materialize = iota
	MaterializeAlways
	MaterializeNever
)

// CTE is one common table expression. Stmt is a query or a data-modifying
// statement; Changelog is set instead by WITH x AS CHANGELOG FROM t.
type CTE struct {
	Pos         int
	Name        string
	Columns     []Ident
	Types       []*TypeName // one per column, of WITH MUTUALLY RECURSIVE
	Materialize Materialize
	Stmt        Statement
	Changelog   Name
	Search      *Search
	Cycle       *Cycle
}

// Search is SEARCH … FIRST BY … SET c.
type Search struct {
	Pos     int
	Breadth bool
	By      []Ident
	Set     Ident
}

// Cycle is CYCLE … SET c [TO v DEFAULT d] USING p.
type Cycle struct {
	Pos           int
	Columns       []Ident
	Set           Ident
	Mark, Default Expr
	Using         Ident
}

// Select is one SELECT.
type Select struct {
	Pos           int
	Distinct      bool
	DistinctOn    []Expr
	Items         []SelectItem
	Into          *Into
	From          []TableExpr
	Window        *StreamWindow // ksqlDB's WINDOW TUMBLING (…)
	Where         Expr
	GroupBy       []GroupItem
	GroupDistinct bool
	Having        Expr
	Windows       []WindowDef
	PartitionBy   []Expr // ksqlDB's re-key
}

// SelectItem is an item of the select list; Alias is "" if not given.
type SelectItem struct {
	Pos   int
	X     Expr
	Alias string
}

// Into is SELECT INTO.
type Into struct {
	Pos         int
	Persistence string // "", TEMPORARY, UNLOGGED
	Name        Name
}

// GroupKind says what a GroupItem is.
type GroupKind uint8

// The kinds of GroupItem.
const (
	GroupExpr  GroupKind = iota // X
	GroupEmpty                  // ()
	GroupRollup
	GroupCube
	GroupSets
)

// GroupItem is an item of GROUP BY; ROLLUP, CUBE and GROUPING SETS hold Items.
type GroupItem struct {
	Pos   int
	Kind  GroupKind
	X     Expr
	Items []GroupItem
}

// WindowDef is an item of WINDOW.
type WindowDef struct {
	Pos  int
	Name string
	Spec *WindowSpec
}

// SetOp is l UNION|INTERSECT|EXCEPT [ALL] r; Op is upper case.
type SetOp struct {
	Pos         int
	Op          string
	All         bool
	Left, Right QueryBody
}

// Values is VALUES (…), (…).
type Values struct {
	Pos  int
	Rows [][]Expr
}

// Lock is FOR UPDATE and its relatives.
type Lock struct {
	Pos      int
	Strength string // UPDATE, NO KEY UPDATE, SHARE, KEY SHARE
	Of       []Name
	Wait     string // "", NOWAIT, SKIP LOCKED
}

// Alias is AS name (columns).
type Alias struct {
	Pos     int
	Name    string // "" in AS (a int, b text)
	Columns []Ident
	Defs    []AliasDef // of a function that returns record; then Columns is empty
}

// AliasDef is a column definition of an alias.
type AliasDef struct {
	Name    Ident
	Type    *TypeName
	Collate Name
}

// Relation is a named table, view or stream in FROM.
type Relation struct {
	Pos    int
	Name   Name
	Only   bool
	Alias  *Alias
	Sample *Sample
	Travel []Travel // FOR SYSTEM_TIME … and FOR EVENT_TIME …
}

// Sample is TABLESAMPLE.
type Sample struct {
	Pos        int
	Method     Name
	Args       []Expr
	Repeatable Expr
}

// Derived is a subquery in FROM.
type Derived struct {
	Pos     int
	Lateral bool
	Query   *Query
	Alias   *Alias
}

// FuncTable is one function in FROM, or several with RowsFrom.
type FuncTable struct {
	Pos        int
	Lateral    bool
	RowsFrom   bool
	Funcs      []FuncTableItem
	Ordinality bool
	Alias      *Alias
	Wrapped    bool // TABLE(f(…))
}

// FuncTableItem is one function of ROWS FROM.
type FuncTableItem struct {
	Call Expr // a Func, or a Cast or Keyword that stands for one
	Defs []AliasDef
}

// JoinKind is a kind of join.
type JoinKind uint8

// The kinds of join.
const (
	JoinInner JoinKind = iota
	JoinLeft
	JoinRight
	JoinFull
	JoinCross
)

// Join is l JOIN r.
type Join struct {
	Pos         int
	Kind        JoinKind
	Natural     bool
	Asof        bool
	Left, Right TableExpr
	Within      *Within
	Match       Expr // MATCH_CONDITION (…)
	On          Expr
	Using       []Ident
	UsingAlias  string
	Alias       *Alias // (a JOIN b) AS c
}
