// Package ast is the syntax tree of Tarn's SQL: plain structs, as written by
// the user, before any name is looked up.
//
// Invariants
//   - Pos is the 1-based byte offset of a node in the whole string that was
//     parsed; 0 for a node made by hand.
//   - Identifiers are stored folded (lower case unless quoted).
//   - Every node prints itself as canonical SQL that parses to the same tree.
//   - AND/OR chains, IN lists and VALUES are flat lists; everything else is at
//     most HeightMax nodes high, so walking it by recursion is safe.
package ast

// HeightMax bounds the height of a tree that the parser returns.
const HeightMax = 2000

// Node is anything with a place in the text.
type Node interface {
	Position() int
}

// Expr is a scalar expression.
type Expr interface {
	Node
	expr()
}

// Statement is a complete statement.
type Statement interface {
	Node
	statement()
}

// TableExpr is an item of FROM.
type TableExpr interface {
	Node
	tableExpr()
}

// QueryBody is a Select, SetOp, Values, or a Query in parentheses.
type QueryBody interface {
	Node
	queryBody()
}

// Parsed is a statement with its place in the source: the half-open byte range
// [Start, End) without surrounding blanks and semicolon.
type Parsed struct {
	Stmt       Statement
	Start, End int
	ParamMax   int // the highest $n, 0 if there is none
}

// Ident is one identifier.
type Ident struct {
	Pos  int
	Name string
}

// Name is a possibly qualified name, outermost part first.
type Name struct {
	Pos   int
	Parts []string
}

// Base returns the last part.
func (n Name) Base() string {
	if len(n.Parts) == 0 {
		return ""
	}
	return n.Parts[len(n.Parts)-1]
}

// Schema returns the part before the last, or "".
func (n Name) Schema() string {
	if len(n.Parts) < 2 {
		return ""
	}
	return n.Parts[len(n.Parts)-2]
}

// IsZero reports whether there is no name.
func (n Name) IsZero() bool { return len(n.Parts) == 0 }

// Option is one key of WITH (…) and of its relatives. Name keeps the user's
// spelling, dots included, so that an unknown one can be reported as written.
type Option struct {
	Pos      int
	Name     string
	Quoted   bool // the key was 'quoted' or "quoted"
	Value    Expr // nil if only the key is given; a ColumnRef for a bare word
	ValuePos int
}

// TypeName is a type as written. Multi-word names are folded to PostgreSQL's
// internal one-word spelling (double precision → float8).
type TypeName struct {
	Pos        int
	Name       Name
	Mods       []Expr // (10,2)
	ArrayDims  []int  // one per [], -1 without a bound
	SetOf      bool
	PctType    bool      // t.c%TYPE
	Fields     string    // of interval: "DAY TO SECOND"
	Elem       *TypeName // of array<T> and list<T>
	Key, Value *TypeName // of map<K, V>
	Struct     []StructField
}

// StructField is a field of STRUCT<a int, …>.
type StructField struct {
	Name Ident
	Type *TypeName
}
