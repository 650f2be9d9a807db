// This file holds the marker methods: which node may stand where.

package ast

// Expressions.
func (n *Number) Position() int      { return n.Pos }
func (*Number) expr()                {}
func (n *String) Position() int      { return n.Pos }
func (*String) expr()                {}
func (n *BitString) Position() int   { return n.Pos }
func (*BitString) expr()             {}
func (n *Bool) Position() int        { return n.Pos }
func (*Bool) expr()                  {}
func (n *Null) Position() int        { return n.Pos }
func (*Null) expr()                  {}
func (n *Default) Position() int     { return n.Pos }
func (*Default) expr()               {}
func (n *Param) Position() int       { return n.Pos }
func (*Param) expr()                 {}
func (n *ColumnRef) Position() int   { return n.Pos }
func (*ColumnRef) expr()             {}
func (n *FieldSelect) Position() int { return n.Pos }
func (*FieldSelect) expr()           {}
func (n *Subscript) Position() int   { return n.Pos }
func (*Subscript) expr()             {}
func (n *Unary) Position() int       { return n.Pos }
func (*Unary) expr()                 {}
func (n *Binary) Position() int      { return n.Pos }
func (*Binary) expr()                {}
func (n *Logic) Position() int       { return n.Pos }
func (*Logic) expr()                 {}
func (n *Not) Position() int         { return n.Pos }
func (*Not) expr()                   {}
func (n *IsTest) Position() int      { return n.Pos }
func (*IsTest) expr()                {}
func (n *IsDistinct) Position() int  { return n.Pos }
func (*IsDistinct) expr()            {}
func (n *InList) Position() int      { return n.Pos }
func (*InList) expr()                {}
func (n *InQuery) Position() int     { return n.Pos }
func (*InQuery) expr()               {}
func (n *Between) Position() int     { return n.Pos }
func (*Between) expr()               {}
func (n *Like) Position() int        { return n.Pos }
func (*Like) expr()                  {}
func (n *Quantified) Position() int  { return n.Pos }
func (*Quantified) expr()            {}
func (n *Subquery) Position() int    { return n.Pos }
func (*Subquery) expr()              {}
func (n *Array) Position() int       { return n.Pos }
func (*Array) expr()                 {}
func (n *Row) Position() int         { return n.Pos }
func (*Row) expr()                   {}
func (n *Case) Position() int        { return n.Pos }
func (*Case) expr()                  {}
func (n *Cast) Position() int        { return n.Pos }
func (*Cast) expr()                  {}
func (n *Collate) Position() int     { return n.Pos }
func (*Collate) expr()               {}
func (n *Func) Position() int        { return n.Pos }
func (*Func) expr()                  {}
func (n *Lambda) Position() int      { return n.Pos }
func (*Lambda) expr()                {}
func (n *CurrentOf) Position() int   { return n.Pos }
func (*CurrentOf) expr()             {}
func (n *TableArg) Position() int    { return n.Pos }
func (*TableArg) expr()              {}
func (n *Descriptor) Position() int  { return n.Pos }
func (*Descriptor) expr()            {}
func (n *Duration) Position() int    { return n.Pos }
func (*Duration) expr()              {}

// Tables.
func (n *Relation) Position() int  { return n.Pos }
func (*Relation) tableExpr()       {}
func (n *Derived) Position() int   { return n.Pos }
func (*Derived) tableExpr()        {}
func (n *FuncTable) Position() int { return n.Pos }
func (*FuncTable) tableExpr()      {}
func (n *Join) Position() int      { return n.Pos }
func (*Join) tableExpr()           {}

// Query bodies.
func (n *Query) Position() int  { return n.Pos }
func (*Query) queryBody()       {}
func (n *Select) Position() int { return n.Pos }
func (*Select) queryBody()      {}
func (n *SetOp) Position() int  { return n.Pos }
func (*SetOp) queryBody()       {}
func (n *Values) Position() int { return n.Pos }
func (*Values) queryBody()      {}

// Statements.
func (*Query) statement()                   {}
func (n *Subscribe) Position() int          { return n.Pos }
func (*Subscribe) statement()               {}
func (n *CreateSink) Position() int         { return n.Pos }
func (*CreateSink) statement()              {}
func (n *CreateConnection) Position() int   { return n.Pos }
func (*CreateConnection) statement()        {}
func (n *CreateSubscription) Position() int { return n.Pos }
func (*CreateSubscription) statement()      {}
func (n *Acknowledge) Position() int        { return n.Pos }
func (*Acknowledge) statement()             {}
func (n *Control) Position() int            { return n.Pos }
func (*Control) statement()                 {}
func (n *ShowObjects) Position() int        { return n.Pos }
func (*ShowObjects) statement()             {}
func (n *ShowCreate) Position() int         { return n.Pos }
func (*ShowCreate) statement()              {}
func (n *Describe) Position() int           { return n.Pos }
func (*Describe) statement()                {}
func (n *Print) Position() int              { return n.Pos }
func (*Print) statement()                   {}
func (n *Flush) Position() int              { return n.Pos }
func (*Flush) statement()                   {}
func (n *Define) Position() int             { return n.Pos }
func (*Define) statement()                  {}
func (n *RunScript) Position() int          { return n.Pos }
func (*RunScript) statement()               {}
func (n *Insert) Position() int             { return n.Pos }
func (*Insert) statement()                  {}
func (n *Update) Position() int             { return n.Pos }
func (*Update) statement()                  {}
func (n *Delete) Position() int             { return n.Pos }
func (*Delete) statement()                  {}
func (n *Merge) Position() int              { return n.Pos }
func (*Merge) statement()                   {}
func (n *Copy) Position() int               { return n.Pos }
func (*Copy) statement()                    {}
func (n *Truncate) Position() int           { return n.Pos }
func (*Truncate) statement()                {}
func (n *CreateTable) Position() int        { return n.Pos }
func (*CreateTable) statement()             {}
func (n *CreateView) Position() int         { return n.Pos }
func (*CreateView) statement()              {}
func (n *CreateIndex) Position() int        { return n.Pos }
func (*CreateIndex) statement()             {}
func (n *CreateSchema) Position() int       { return n.Pos }
func (*CreateSchema) statement()            {}
func (n *CreateSequence) Position() int     { return n.Pos }
func (*CreateSequence) statement()          {}
func (n *CreateType) Position() int         { return n.Pos }
func (*CreateType) statement()              {}
func (n *CreateDatabase) Position() int     { return n.Pos }
func (*CreateDatabase) statement()          {}
func (n *CreateExtension) Position() int    { return n.Pos }
func (*CreateExtension) statement()         {}
func (n *CreateRole) Position() int         { return n.Pos }
func (*CreateRole) statement()              {}
func (n *Drop) Position() int               { return n.Pos }
func (*Drop) statement()                    {}
func (n *AlterTable) Position() int         { return n.Pos }
func (*AlterTable) statement()              {}
func (n *Comment) Position() int            { return n.Pos }
func (*Comment) statement()                 {}
func (n *Grant) Position() int              { return n.Pos }
func (*Grant) statement()                   {}
func (n *Refresh) Position() int            { return n.Pos }
func (*Refresh) statement()                 {}
func (n *Unsupported) Position() int        { return n.Pos }
func (*Unsupported) statement()             {}
func (n *Begin) Position() int              { return n.Pos }
func (*Begin) statement()                   {}
func (n *Commit) Position() int             { return n.Pos }
func (*Commit) statement()                  {}
func (n *Rollback) Position() int           { return n.Pos }
func (*Rollback) statement()                {}
func (n *Savepoint) Position() int          { return n.Pos }
func (*Savepoint) statement()               {}
func (n *Release) Position() int            { return n.Pos }
func (*Release) statement()                 {}
func (n *TwoPhase) Position() int           { return n.Pos }
func (*TwoPhase) statement()                {}
func (n *SetTransaction) Position() int     { return n.Pos }
func (*SetTransaction) statement()          {}
func (n *SetConstraints) Position() int     { return n.Pos }
func (*SetConstraints) statement()          {}
func (n *Set) Position() int                { return n.Pos }
func (*Set) statement()                     {}
func (n *Reset) Position() int              { return n.Pos }
func (*Reset) statement()                   {}
func (n *Show) Position() int               { return n.Pos }
func (*Show) statement()                    {}
func (n *Discard) Position() int            { return n.Pos }
func (*Discard) statement()                 {}
func (n *Prepare) Position() int            { return n.Pos }
func (*Prepare) statement()                 {}
func (n *Execute) Position() int            { return n.Pos }
func (*Execute) statement()                 {}
func (n *Deallocate) Position() int         { return n.Pos }
func (*Deallocate) statement()              {}
func (n *Declare) Position() int            { return n.Pos }
func (*Declare) statement()                 {}
func (n *Fetch) Position() int              { return n.Pos }
func (*Fetch) statement()                   {}
func (n *Close) Position() int              { return n.Pos }
func (*Close) statement()                   {}
func (n *Explain) Position() int            { return n.Pos }
func (*Explain) statement()                 {}
func (n *Listen) Position() int             { return n.Pos }
func (*Listen) statement()                  {}
func (n *Unlisten) Position() int           { return n.Pos }
func (*Unlisten) statement()                {}
func (n *Notify) Position() int             { return n.Pos }
func (*Notify) statement()                  {}
func (n *LockTable) Position() int          { return n.Pos }
func (*LockTable) statement()               {}
func (n *Vacuum) Position() int             { return n.Pos }
func (*Vacuum) statement()                  {}
func (n *Maintain) Position() int           { return n.Pos }
func (*Maintain) statement()                {}
func (n *Call) Position() int               { return n.Pos }
func (*Call) statement()                    {}
func (n *Do) Position() int                 { return n.Pos }
func (*Do) statement()                      {}
