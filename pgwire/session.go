package pgwire

import (
	"context"
	"net"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The road of a statement, in both protocols:
//
//	Session.Split → Statement.Prepare → Prepared.Bind → Portal.Run → Session.Sync
//
// Everything below is called on the one goroutine of its connection, never
// concurrently, so implementations need no locks of their own. The contexts
// given are cancelled by a CancelRequest (cause 57014), by shutdown (57P01) and
// by the client's disappearing (08006), not by the statement's ending; return
// context.Cause(ctx), or ctx.Err(), which is replaced by the cause. A panic in
// any of these methods ends the statement with XX000.

// Handler makes sessions. It is called from many goroutines.
type Handler interface {
	// NewSession makes the session of a connection that has authenticated. An
	// error is sent as FATAL and closes the connection (3D000, 28000, 53300).
	// client is valid for as long as the session; ctx only for this call.
	NewSession(ctx context.Context, info StartupInfo, client Client) (Session, error)
}

// StartupInfo is what the client said when it connected.
type StartupInfo struct {
	User     string
	Database string // as sent; equal to User if absent
	// Params are the run-time settings asked for, in order, with those in
	// "options" (-c name=value) split off and put first.
	Params []Param
	Remote net.Addr
	PID    uint32 // this connection's process id, as BackendKeyData shows it
	// Names is the connection's one name space of prepared statements and
	// portals, shared with SQL's PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH
	// and CLOSE.
	Names *Names
}

// Param is a run-time setting.
type Param struct{ Name, Value string }

// Client is what a session can say to its client at any time. Its methods are
// for the connection's goroutine only, while a call into the session is running.
type Client interface {
	// Notice sends a NoticeResponse, in order with the results. Filtering by
	// client_min_messages is the session's.
	Notice(s Severity, e *sqlerr.Error)
	// Parameter tells the value of one of the settings that the protocol
	// reports (params.go lists them); the client is told before the next
	// ReadyForQuery if it differs from what it was told last. Other names are
	// ignored, so that a session may report every change, and those that a
	// rollback undoes.
	Parameter(name, value string)
}

// Severity is that of a notice.
type Severity string

// The severities of notices.
const (
	Warning Severity = "WARNING"
	Notice  Severity = "NOTICE"
	Info    Severity = "INFO"
	Log     Severity = "LOG"
	Debug   Severity = "DEBUG"
)

// Session is one connection's state above the wire: settings, transaction,
// cursors.
//
// Transactions: the first statement outside a transaction block begins an
// implicit one; it is ended by Sync (commit) or Abort (rollback). So the
// statements of one simple-protocol string, and those of one pipeline up to its
// Sync message, are one transaction, as PostgreSQL has it.
type Session interface {
	// Split parses sql, which is valid UTF-8 without NUL, into its statements;
	// none for blanks and comments. A syntax error anywhere means that nothing
	// of the string runs; names are resolved later, in Prepare, when the
	// statements before have run. Statements may keep sql.
	Split(ctx context.Context, sql string) ([]Statement, error)

	// Sync ends the implicit transaction, if there is one, by committing it. In
	// the simple protocol it is called before the last statement's
	// CommandComplete is sent. Called for every Sync message, also after an Abort,
	// and for every string that no error has ended.
	Sync(ctx context.Context) error

	// Abort is called once after each error sent to the client, those found by
	// the wire included: it rolls the implicit transaction back, or marks the
	// transaction block as failed.
	Abort()

	// TxStatus is what ReadyForQuery reports.
	TxStatus() TxStatus

	// IdleTimeout is how long the client may take for its next message in the
	// present state of the transaction; 0 is for ever. It is asked for after each
	// ReadyForQuery. Then the connection ends with 25P03 in a transaction block,
	// with 57P05 outside.
	IdleTimeout() time.Duration

	// Env holds the settings that the text form of values depends on. It is
	// asked for at each Bind and each Run and read until that has ended.
	Env() *types.Env

	// Close ends the session: open transactions roll back. The portals and
	// statements in Names have been closed before.
	Close()
}

// TxStatus is the state of the transaction block.
type TxStatus byte

// The states of ReadyForQuery.
const (
	TxIdle   TxStatus = 'I' // not in a block
	TxBlock  TxStatus = 'T' // in a block
	TxFailed TxStatus = 'E' // in a failed block: only its end is accepted
)

// Statement is one parsed statement.
type Statement interface {
	// Prepare resolves names and types. paramOIDs are the types that the client
	// gave for $1, $2, …; 0 or absent means: infer. paramOIDs is valid for the
	// call only. The simple protocol calls it with nil and runs the outcome at
	// once.
	Prepare(ctx context.Context, paramOIDs []uint32) (Prepared, error)
}

// Prepared is a statement whose parameter and result types are known.
type Prepared interface {
	// ParamTypes and Columns are stable; callers do not change them. Columns is
	// nil if there is no result set (a result set without columns is empty, not
	// nil). COPY has no result set.
	ParamTypes() []types.Type
	Columns() []Column
	// Bind makes a portal. args has one value of the type in ParamTypes for each
	// parameter; it stays as it is until the portal is closed. A Prepared may be
	// bound many times, also while portals of it are open.
	Bind(ctx context.Context, args []types.Datum) (Portal, error)
	// Close is called once, when the statement's name is dropped. Portals bound
	// from it may outlive it.
	Close()
}

// Column describes a column of a result set.
type Column struct {
	Name     string
	Type     types.Type
	TableOID uint32 // 0 if the column is not one of a relation
	Attr     int16  // attribute number in the relation, or 0
}

// Portal is a bound statement that can run.
type Portal interface {
	// Columns is as in Prepared.
	Columns() []Column
	// Run executes the statement, or goes on with it where it was suspended.
	// With maxRows > 0 it writes at most that many rows and, once it has written
	// maxRows of them, returns Suspended. 0 is no limit. After it has returned
	// an outcome that is not Suspended, a further Run of a query returns no rows.
	// out is valid for the call only.
	Run(ctx context.Context, maxRows int, out ResultWriter) (Outcome, error)
	// Close is called once. A portal may be pooled by its maker after that.
	Close()
}

// Outcome is how a Run ended.
type Outcome struct {
	Suspended bool
	// Verb is the command tag without the count: SELECT, INSERT, COPY, CREATE
	// TABLE. "INSERT" gets its historic 0 from the wire. "" is an empty query.
	Verb string
	// Rows is the count in the tag, of this Run only; -1 for a tag without one.
	Rows int64
}

// ResultWriter takes the results of one Run. Writes are buffered; an error of
// any method means that the client is gone or the statement is cancelled and is
// to be returned as it is.
type ResultWriter interface {
	// Rows sends rows [lo, hi) of b, whose columns are those of the portal. b is
	// read before Rows returns and may be reused. Weights are not looked at.
	Rows(b *vec.Batch, lo, hi int) error
	// Flush sends what is buffered at once. For push queries: after the rows of
	// an epoch. It blocks while the client does not read, at most
	// Config.WriteTimeout; a slow client is the business of the session's queue.
	Flush() error
	// CopyOut starts COPY TO STDOUT. The wire ends it when Run returns.
	CopyOut(f CopyFormat) (CopyWriter, error)
	// CopyIn starts COPY FROM STDIN. Run may return before the end of the data;
	// the rest is thrown away.
	CopyIn(f CopyFormat) (CopyReader, error)
}

// CopyFormat is what the client is told about COPY data.
type CopyFormat struct {
	Binary  bool
	Columns int
}

// CopyWriter sends COPY data.
type CopyWriter interface {
	// Row sends one row of a text format, with its line end; data is copied.
	// Clients take each message for one row.
	Row(data []byte) error
	// Rows sends rows [lo, hi) of b in the binary format (CopyFormat.Binary), whose
	// header and trailer the wire adds. b is as in ResultWriter.Rows.
	Rows(b *vec.Batch, lo, hi int) error
	// Flush is ResultWriter.Flush.
	Flush() error
}

// CopyReader receives COPY data.
type CopyReader interface {
	// Next returns the next bytes, at least one, cut anywhere: lines go over the
	// edges of chunks. The chunk is valid until the following Next and may be
	// changed. io.EOF is the orderly end; 57014 the client's CopyFail.
	Next() ([]byte, error)
}
