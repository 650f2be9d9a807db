package ast

// CreateTable is CREATE TABLE, STREAM or SOURCE, with columns or AS query.
type CreateTable struct {
	Pos         int
	Kind        string // TABLE, STREAM, SOURCE
	OrReplace   bool
	Source      bool // ksqlDB's CREATE SOURCE STREAM|TABLE: read only
	Persistence string
	IfNotExists bool
	Name        Name
	Columns     []*ColumnDef
	Constraints []*Constraint
	Likes       []TableLike
	MySQL       *String // LIKE MYSQL 'CREATE TABLE …': columns and key as MySQL's text has them
	Watermarks  []*Watermark
	HasColumns  bool // parentheses were given, perhaps empty
	Star        bool // (*): columns from the schema of the source
	OfType      Name
	PartitionOf *PartitionOf
	Inherits    []Name
	PartitionBy *PartitionBy
	Using       string
	Options     []Option
	OnCommit    string // "", DROP, DELETE ROWS, PRESERVE ROWS
	Tablespace  string

	Query   Statement // AS query: a Query or an Execute
	Names   []Ident   // column names of AS
	NoData  bool
	Include []Include
	Format  *Format

	AppendOnly    bool
	OnConflict    string // OVERWRITE, IGNORE, DO UPDATE IF NOT NULL
	VersionColumn []Ident
}

// TableLike is LIKE t INCLUDING ….
type TableLike struct {
	Pos     int
	Name    Name
	Options []string // "INCLUDING ALL"
}

// PartitionOf is PARTITION OF parent FOR VALUES ….
type PartitionOf struct {
	Pos     int
	Parent  Name
	Bound   *PartitionBound
	Options []*ColumnDef
}

// PartitionBound is FOR VALUES …, or DEFAULT if all is empty.
type PartitionBound struct {
	Pos                int
	In, From, To       []Expr
	Modulus, Remainder Expr
}

// PartitionBy is PARTITION BY strategy (…) of a table.
type PartitionBy struct {
	Pos      int
	Strategy string
	Elems    []IndexElem
}

// ColumnDef is a column of CREATE TABLE; Type is nil where it is inferred.
type ColumnDef struct {
	Pos         int
	Name        string
	Type        *TypeName
	Collate     Name
	Storage     string
	Compression string
	Constraints []*Constraint
}

// ConstraintKind is a kind of constraint.
type ConstraintKind uint8

// The kinds of constraint; those from KeyColumn on are streaming columns.
const (
	ConstraintNotNull ConstraintKind = iota
	ConstraintNull
	ConstraintDefault   // X
	ConstraintCheck     // X
	ConstraintPrimary   // Columns at table level
	ConstraintUnique    // Columns at table level
	ConstraintForeign   // References
	ConstraintGenerated // X: GENERATED ALWAYS AS (x) STORED
	ConstraintIdentity  // Always, Sequence
	ConstraintExclude   // Elems
	ConstraintKey       // KEY
	ConstraintHeaders   // HEADERS or HEADER('k') with X
	ConstraintComputed  // c [type] AS x
	ConstraintMetadata  // METADATA FROM 'x' [VIRTUAL]
)

// Constraint is a constraint of a column or a table.
type Constraint struct {
	Pos           int
	Kind          ConstraintKind
	Name          string
	Columns       []Ident
	X             Expr
	NullsDistinct string // "", DISTINCT, NOT DISTINCT
	Include       []Ident
	Options       []Option
	Tablespace    string
	UsingIndex    string
	References    *References
	Always        bool // GENERATED ALWAYS
	Sequence      []SequenceOption
	Method        string
	Elems         []ExcludeElem
	Where         Expr
	Virtual       bool
	NotEnforced   bool
	NoInherit     bool
	NotValid      bool
	Deferrable    string // "", DEFERRABLE, NOT DEFERRABLE
	Initially     string // "", DEFERRED, IMMEDIATE
}

// References is the target of a foreign key.
type References struct {
	Pos                int
	Table              Name
	Columns            []Ident
	Match              string
	OnDelete, OnUpdate string // "", CASCADE, SET NULL, …
}

// ExcludeElem is an element of EXCLUDE.
type ExcludeElem struct {
	Elem IndexElem
	With Operator
}

// IndexElem is a column or an expression of an index.
type IndexElem struct {
	Pos        int
	X          Expr // a ColumnRef for a plain column
	Collate    Name
	OpClass    Name
	OpOptions  []Option
	Desc       bool
	Asc        bool
	NullsFirst bool
	NullsLast  bool
}

// CreateView is CREATE [MATERIALIZED] VIEW.
type CreateView struct {
	Pos          int
	Materialized bool
	OrReplace    bool
	Replacement  bool // CREATE REPLACEMENT MATERIALIZED VIEW n FOR v
	Persistence  string
	Recursive    bool
	IfNotExists  bool
	Name         Name
	For          Name
	Cluster      string
	Using        string // access method
	Columns      []Ident
	Options      []Option
	Query        *Query
	NoData       bool
	Check        string // "", LOCAL, CASCADED
	Tablespace   string
	LateData     string // "", DROP, REVISE, TO
	LateTo       Name
}

// CreateIndex is CREATE INDEX.
type CreateIndex struct {
	Pos           int
	Unique        bool
	Concurrently  bool
	IfNotExists   bool
	Name          string
	Only          bool
	Table         Name
	Method        string
	Elems         []IndexElem
	Include       []Ident
	NullsDistinct string
	Options       []Option
	Tablespace    string
	Where         Expr
}

// CreateSchema is CREATE SCHEMA.
type CreateSchema struct {
	Pos           int
	IfNotExists   bool
	Name          string
	Authorization string
}

// CreateSequence is CREATE SEQUENCE, or ALTER SEQUENCE with Alter.
type CreateSequence struct {
	Pos         int
	Alter       bool
	Persistence string
	IfNotExists bool // IF EXISTS with Alter
	Name        Name
	Options     []SequenceOption
}

// SequenceOption is an option of a sequence, Name upper case: AS, INCREMENT,
// MINVALUE, MAXVALUE, START, RESTART, CACHE, CYCLE, OWNED BY; NO x is No.
type SequenceOption struct {
	Pos   int
	Name  string
	No    bool
	Value Expr
	Type  *TypeName
	Owner Name
}

// CreateType is CREATE TYPE: an enumeration, a composite, or neither.
type CreateType struct {
	Pos    int
	Name   Name
	Enum   bool
	Labels []String
	Fields []AliasDef
	As     *TypeName // ksqlDB: AS STRUCT<…>
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Pos     int
	Name    string
	Options []Option
}

// CreateExtension is CREATE EXTENSION.
type CreateExtension struct {
	Pos         int
	IfNotExists bool
	Name        string
	Schema      string
	Version     string
}

// CreateRole is CREATE or ALTER ROLE, USER, GROUP. An option is a word, such as
// LOGIN, with a value where it has one.
type CreateRole struct {
	Pos     int
	Alter   bool
	Kind    string // ROLE, USER, GROUP
	Name    string
	Options []Option
}

// Drop is DROP kind; Kind is upper case: TABLE, MATERIALIZED VIEW, ….
type Drop struct {
	Pos          int
	Kind         string
	Concurrently bool
	IfExists     bool
	Names        []Name
	Args         []FuncSignature // one per name, of functions
	On           Name            // of triggers, rules, policies
	Behavior     string          // "", CASCADE, RESTRICT
	DeleteTopic  bool
}

// FuncSignature is the argument types of a function.
type FuncSignature struct {
	Given bool
	Types []*TypeName
}

// AlterTable is ALTER TABLE and its relatives; Kind as in Drop.
type AlterTable struct {
	Pos      int
	Kind     string
	IfExists bool
	Only     bool
	Name     Name
	Actions  []AlterAction
}

// AlterKind is a kind of AlterAction.
type AlterKind uint8

// The actions of ALTER.
const (
	AlterAddColumn    AlterKind = iota // Column, IfNotExists
	AlterDropColumn                    // Name, IfExists, Behavior
	AlterColumnType                    // Name, Type, X (USING)
	AlterSetDefault                    // Name, X
	AlterDropDefault                   // Name
	AlterSetNotNull                    // Name
	AlterDropNotNull                   // Name
	AlterAddIdentity                   // Name, Constraint
	AlterDropIdentity                  // Name, IfExists
	AlterDropExpr                      // Name, IfExists
	AlterSetStorage                    // Name, To
	AlterSetStats                      // Name, X
	AlterAddConstr                     // Constraint
	AlterDropConstr                    // Name, IfExists, Behavior
	AlterConstr                        // Constraint (Name, Deferrable, Initially)
	AlterValidate                      // Name
	AlterRename                        // To
	AlterRenameColumn                  // Name, To
	AlterRenameConstr                  // Name, To
	AlterOwner                         // To
	AlterSchema                        // To
	AlterSetOptions                    // Options
	AlterReset                         // Options
	AlterTrigger                       // Text: "ENABLE TRIGGER ALL"
	AlterReplica                       // Text: FULL, NOTHING, DEFAULT; or Name: index
	AlterAttach                        // Table, Bound
	AlterDetach                        // Table, Text
	AlterInherit                       // Table
	AlterNoInherit                     // Table
	AlterTablespace                    // To
	AlterLogged                        // Text: LOGGED, UNLOGGED
	AlterCluster                       // Name, "" for none
	AlterRowSecurity                   // Text
	AlterSwap                          // Table: SWAP WITH
	AlterReplace                       // Table: APPLY REPLACEMENT
	AlterSetVar                        // Name, X: SET parallelism = 4
	AlterAddWatermark                  // Watermark
	AlterFormat                        // Format
	AlterRefreshSchema
	AlterRedrive // X: REDRIVE DEAD LETTERS [WHERE x]
)

// AlterAction is one action of ALTER; which fields are set follows from Kind.
type AlterAction struct {
	Pos         int
	Kind        AlterKind
	Name        string
	IfExists    bool
	IfNotExists bool
	Column      *ColumnDef
	Constraint  *Constraint
	Type        *TypeName
	Collate     Name
	X           Expr
	To          string
	Table       Name
	Bound       *PartitionBound
	Options     []Option
	Text        string
	Watermark   *Watermark
	Format      *Format
	Behavior    string
}

// Comment is COMMENT ON kind name IS …; Text is nil for NULL.
type Comment struct {
	Pos  int
	Kind string
	Name Name
	Args FuncSignature
	On   Name
	Text *String
}

// Grant is GRANT or REVOKE. Privileges are upper case, {"ALL"} for all; Roles
// are granted instead if Kind is "".
type Grant struct {
	Pos         int
	Revoke      bool
	Privileges  []Privilege
	Kind        string // TABLE, SCHEMA, ALL TABLES IN SCHEMA, …
	Names       []Name
	Args        []FuncSignature
	Grantees    []string
	GrantOption bool
	OptionFor   string // REVOKE GRANT OPTION FOR
	By          string
	Behavior    string
}

// Privilege is a privilege, perhaps of some columns only, or a role.
type Privilege struct {
	Pos     int
	Name    string
	Columns []Ident
}

// Refresh is REFRESH MATERIALIZED VIEW.
type Refresh struct {
	Pos          int
	Concurrently bool
	Name         Name
	NoData       bool
}

// Unsupported is a statement of PostgreSQL that is recognised by its first
// words only (Tag, "CREATE FUNCTION"); Text is the whole of it. It exists so
// that the answer can be 0A000 with its name, not a syntax error.
type Unsupported struct {
	Pos  int
	Tag  string
	Text string
}
