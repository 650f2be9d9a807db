package ast

// Insert is INSERT; Query is nil for DEFAULT VALUES.
type Insert struct {
	Pos        int
	With       *With
	Table      Name
	Alias      string
	Columns    []Target
	Overriding string // "", USER, SYSTEM
	Query      *Query
	Conflict   *Conflict
	Returning  []SelectItem
	Options    []Option // ksqlDB's WITH (QUERY_ID = …)
}

// Target is a column that is written, with subscripts and fields.
type Target struct {
	Pos  int
	Name string
	// Path holds Subscript and FieldSelect nodes whose X is nil.
	Path []Expr
}

// Conflict is ON CONFLICT.
type Conflict struct {
	Pos         int
	Columns     []IndexElem
	TargetWhere Expr
	Constraint  string
	Update      bool // DO UPDATE; else DO NOTHING
	Set         []SetClause
	Where       Expr
}

// SetClause is c = x, or (a, b) = row with Multi.
type SetClause struct {
	Pos     int
	Targets []Target
	Multi   bool
	X       Expr
}

// Update is UPDATE.
type Update struct {
	Pos       int
	With      *With
	Table     *Relation
	Set       []SetClause
	From      []TableExpr
	Where     Expr
	Returning []SelectItem
}

// Delete is DELETE.
type Delete struct {
	Pos       int
	With      *With
	Table     *Relation
	Using     []TableExpr
	Where     Expr
	Returning []SelectItem
}

// Merge is MERGE INTO t USING s ON c WHEN ….
type Merge struct {
	Pos   int
	With  *With
	Table *Relation
	Using TableExpr
	On    Expr
	Whens []MergeWhen
}

// MergeWhen is one WHEN of MERGE.
type MergeWhen struct {
	Pos        int
	NotMatched bool
	Cond       Expr
	Action     string // UPDATE, DELETE, INSERT, NOTHING
	Set        []SetClause
	Columns    []Target
	Overriding string
	Values     []Expr // nil: DEFAULT VALUES
}

// Copy is COPY: one of Table, Query is set. Query is a Query, a Subscribe, or a
// statement with RETURNING. Old option spellings are stored as the new ones.
type Copy struct {
	Pos     int
	Table   Name
	Columns []Ident
	Query   Statement
	From    bool
	Program bool
	File    string // "": STDIN or STDOUT
	HasFile bool
	Options []Option
	Where   Expr
}

// Truncate is TRUNCATE.
type Truncate struct {
	Pos      int
	Tables   []*Relation
	Restart  bool
	Behavior string // "", CASCADE, RESTRICT
}
