// Package pgwire serves PostgreSQL's wire protocol, version 3.0: it turns
// messages into calls of the interfaces in session.go, and their results into
// messages.
//
// It knows values, errors and column vectors, never SQL: what a statement is,
// and which ones may run when, is the session's.
//
// Invariants
//   - One connection = one goroutine = one Session; only cancel and shutdown
//     reach over, through the connection's context and deadlines.
//   - Each message is answered by what the protocol says or by one ErrorResponse;
//     after an error in the extended protocol everything up to Sync is skipped.
//   - Session.Abort follows every ErrorResponse; Session.Sync precedes every
//     ReadyForQuery, but that of a string that an error has ended.
//   - Memory for a message is reserved only after its length has been checked.
//   - Nothing is flushed between Bind and Sync unless it is asked for, the
//     buffer is large, or the connection is about to wait for input.
package pgwire
