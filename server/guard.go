package server

import (
	"runtime/debug"

	"log/slog"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// guarded turns a panic on a goroutine of a statement into its error: it ends
// the statement, never the server.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("panic in a statement", "panic", p, "stack", string(debug.Stack()))
			err = sqlerr.New(sqlerr.InternalError, "internal error: %v", p)
		}
	}()
	return f()
}
