package ast

// Emit is EMIT CHANGES or EMIT FINAL; Interval is EVERY i or WITH DELAY i.
type Emit struct {
	Pos      int
	Final    bool
	Interval Expr
}

// AsOf is AS OF [SYSTEM TIME] s, AS OF EVENT TIME e, or both.
type AsOf struct {
	Pos                 int
	System, Event       Expr
	SystemPos, EventPos int
	AtLeast             bool // AS OF AT LEAST s
	Bare                bool // AS OF s, without SYSTEM TIME
}

// Travel is FOR SYSTEM_TIME|EVENT_TIME AS OF At, or BETWEEN At AND Until.
type Travel struct {
	Pos       int
	Event     bool
	At, Until Expr
}

// Within is ksqlDB's JOIN … WITHIN before [, after] [GRACE PERIOD g].
type Within struct {
	Pos           int
	Before, After Expr // After is nil if there is one interval for both
	Grace         Expr
}

// StreamWindow is ksqlDB's WINDOW clause; absent parts are nil.
type StreamWindow struct {
	Pos       int
	Name      string
	Kind      string // TUMBLING, HOPPING, SESSION
	Size      Expr   // the gap of a session
	Advance   Expr
	Retention Expr
	Grace     Expr
	Timezone  Expr
	Offset    Expr
}

// Subscribe is SUBSCRIBE [TO] name or (query).
type Subscribe struct {
	Pos       int
	Name      Name
	Query     *Query
	Envelope  string // "", UPSERT, DEBEZIUM
	Key       []Ident
	OrderBy   []SortItem // WITHIN TIMESTAMP ORDER BY
	Options   []Option
	AsOf      Expr
	AsOfLeast bool
	UpTo      Expr
}

// Watermark is WATERMARK FOR c AS e [IDLE TIMEOUT i] [WITH TTL].
type Watermark struct {
	Pos    int
	Column Ident
	X      Expr // nil: ascending
	Idle   Expr
	TTL    bool
}

// Format is FORMAT f ENCODE e (…).
type Format struct {
	Pos     int
	Name    string // PLAIN, UPSERT, DEBEZIUM, …; upper case
	Encode  string
	Options []Option
	Key     string // KEY ENCODE e
}

// Include is INCLUDE what [field] [AS alias] [type] of a source.
type Include struct {
	Pos   int
	What  string // upper case
	Field Expr
	Type  *TypeName
	Alias string
}

// CreateSink is CREATE SINK.
type CreateSink struct {
	Pos         int
	OrReplace   bool
	IfNotExists bool
	Name        Name
	From        Name
	Query       *Query
	Into        Name
	IntoColumns []Ident
	Options     []Option
	Format      *Format
}

// CreateConnection is CREATE CONNECTION or SECRET: Kind is upper case.
type CreateConnection struct {
	Pos         int
	Kind        string
	IfNotExists bool
	Name        Name
	Target      string // TO KAFKA (…)
	Options     []Option
	As          Expr // of a secret
}

// CreateSubscription is CREATE SUBSCRIPTION s FROM v.
type CreateSubscription struct {
	Pos         int
	IfNotExists bool
	Durable     bool
	Name        Name
	From        Name
	Options     []Option
}

// Acknowledge is ACKNOWLEDGE s UP TO position.
type Acknowledge struct {
	Pos  int
	Name Name
	UpTo Expr
}

// Control is PAUSE, RESUME or TERMINATE of a query or, with All, of all.
type Control struct {
	Pos  int
	Verb string
	All  bool
	Name Name
}

// ShowObjects is SHOW|LIST kind [FROM|IN|ON x] [LIKE p] [EXTENDED].
type ShowObjects struct {
	Pos      int
	Kind     string // upper case: STREAMS, MATERIALIZED VIEWS, …
	From     Name
	Like     string
	HasLike  bool
	Where    Expr
	Extended bool
}

// ShowCreate is SHOW CREATE kind name; Kind is upper case and may be "".
type ShowCreate struct {
	Pos  int
	Kind string
	Name Name
}

// Describe is DESCRIBE [kind] name [EXTENDED].
type Describe struct {
	Pos      int
	Kind     string // "", FUNCTION, CONNECTOR, …
	Name     Name
	Extended bool
}

// Print is PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n].
type Print struct {
	Pos           int
	Topic         Name
	FromBeginning bool
	Interval      Expr
	Limit         Expr
}

// Flush is FLUSH, WAIT or RECOVER.
type Flush struct {
	Pos  int
	Verb string
}

// Define is DEFINE v = 's', or UNDEFINE v with a nil Value.
type Define struct {
	Pos   int
	Name  string
	Value Expr
}

// RunScript is RUN SCRIPT 'file'.
type RunScript struct {
	Pos  int
	File string
}
