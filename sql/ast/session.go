package ast

// Begin is BEGIN and START TRANSACTION.
type Begin struct {
	Pos   int
	Start bool // START TRANSACTION: another command tag
	Modes TxModes
}

// TxModes are transaction modes; "" is not given.
type TxModes struct {
	Isolation  string // READ COMMITTED, …
	Access     string // READ ONLY, READ WRITE
	Deferrable string // DEFERRABLE, NOT DEFERRABLE
	Snapshot   string
}

// Commit is COMMIT and END.
type Commit struct {
	Pos   int
	Chain bool
}

// Rollback is ROLLBACK and ABORT, or ROLLBACK TO with Savepoint.
type Rollback struct {
	Pos       int
	Chain     bool
	Savepoint string
}

// Savepoint is SAVEPOINT.
type Savepoint struct {
	Pos  int
	Name string
}

// Release is RELEASE SAVEPOINT.
type Release struct {
	Pos  int
	Name string
}

// TwoPhase is PREPARE TRANSACTION, COMMIT PREPARED or ROLLBACK PREPARED.
type TwoPhase struct {
	Pos  int
	Verb string
	ID   string
}

// SetTransaction is SET TRANSACTION, or with Session SET SESSION
// CHARACTERISTICS AS TRANSACTION.
type SetTransaction struct {
	Pos     int
	Session bool
	Modes   TxModes
}

// SetConstraints is SET CONSTRAINTS; no names means ALL.
type SetConstraints struct {
	Pos      int
	Names    []Name
	Deferred bool
}

// Set is SET name = values. TIME ZONE, ROLE, SESSION AUTHORIZATION and NAMES
// have the names of their variables. Default is SET … TO DEFAULT.
type Set struct {
	Pos     int
	Scope   string // "", SESSION, LOCAL
	Name    string // a.b joined by a dot
	Quoted  bool   // ksqlDB: SET 'k' = 'v'
	Values  []Expr // String, Number, Bool, or a ColumnRef for a bare word
	Default bool
	Current bool // FROM CURRENT
}

// Reset is RESET name, UNSET 'name', or RESET ALL.
type Reset struct {
	Pos    int
	Name   string
	All    bool
	Quoted bool
}

// Show is SHOW name, or SHOW ALL with the name "all".
type Show struct {
	Pos  int
	Name string
}

// Discard is DISCARD what.
type Discard struct {
	Pos  int
	What string // ALL, PLANS, SEQUENCES, TEMP
}

// Prepare is PREPARE name (types) AS stmt.
type Prepare struct {
	Pos   int
	Name  string
	Types []*TypeName
	Stmt  Statement
}

// Execute is EXECUTE name (args).
type Execute struct {
	Pos  int
	Name string
	Args []Expr
}

// Deallocate is DEALLOCATE name, or all if Name is "".
type Deallocate struct {
	Pos  int
	Name string
}

// Declare is DECLARE c CURSOR FOR stmt, a Query or a Subscribe. A subscription
// cursor (DECLARE c SUBSCRIPTION CURSOR FOR s) has Subscription instead.
type Declare struct {
	Pos          int
	Name         string
	Binary       bool
	Scroll       string // "", SCROLL, NO SCROLL
	Sensitive    string // "", INSENSITIVE, ASENSITIVE
	Hold         bool
	Stmt         Statement
	Subscription Name
	Since        Expr
	Full         bool
}

// Fetch is FETCH, or MOVE with Move. Direction is upper case: NEXT, PRIOR,
// FIRST, LAST, ABSOLUTE, RELATIVE, FORWARD, BACKWARD; a plain count is FORWARD.
type Fetch struct {
	Pos       int
	Move      bool
	Direction string
	All       bool
	Count     Expr // a Number, perhaps negative; nil is 1
	Cursor    string
	Options   []Option
}

// Close is CLOSE c, or all if Cursor is "".
type Close struct {
	Pos    int
	Cursor string
}

// Explain is EXPLAIN. Stmt is the statement; or Kind and Name say what running
// object is explained (EXPLAIN MATERIALIZED VIEW v).
type Explain struct {
	Pos     int
	Options []Option // ANALYZE and VERBOSE too
	Stmt    Statement
	Kind    string
	Name    Name
}

// Listen is LISTEN.
type Listen struct {
	Pos     int
	Channel string
}

// Unlisten is UNLISTEN; Channel "" is *.
type Unlisten struct {
	Pos     int
	Channel string
}

// Notify is NOTIFY.
type Notify struct {
	Pos     int
	Channel string
	Payload *String
}

// LockTable is LOCK.
type LockTable struct {
	Pos    int
	Tables []*Relation
	Mode   string // "" or ACCESS SHARE, …
	NoWait bool
}

// Vacuum is VACUUM, or ANALYZE with Analyze.
type Vacuum struct {
	Pos     int
	Analyze bool
	Options []Option
	Tables  []VacuumTable
}

// VacuumTable is a table of VACUUM.
type VacuumTable struct {
	Name    Name
	Columns []Ident
}

// Maintain is REINDEX, CLUSTER or CHECKPOINT.
type Maintain struct {
	Pos          int
	Verb         string
	Options      []Option
	Kind         string
	Concurrently bool
	Name         Name
	Using        string
}

// Call is CALL f(…).
type Call struct {
	Pos  int
	Func *Func
}

// Do is DO 'body'.
type Do struct {
	Pos      int
	Language string
	Body     String
}
