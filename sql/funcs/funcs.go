// Package funcs is the catalog of SQL functions, operators and aggregates: one
// table row each, with names, types, null handling, volatility, kernel, doc and
// an example that a test runs.
//
// Invariants
//   - An operator is a function whose Name is its symbol.
//   - Kernels are pure: the same arguments and Ctx give the same result.
package funcs

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Volatility is PostgreSQL's: what the result depends on beside the arguments.
type Volatility uint8

const (
	// Immutable results depend on the arguments alone.
	Immutable Volatility = iota
	// Stable results also depend on the session or the statement (now(),
	// TimeZone). Bind-time constants for one statement.
	Stable
	// Volatile results differ from call to call (random()). Not maintainable.
	Volatile
)

// Ctx is what a kernel may see beside its arguments.
type Ctx struct {
	Env    *types.Env    // session settings in force (zone, styles, statement time)
	Params []types.Datum // $1 … at index 0 …
	// Session answers functions that ask about the session or the catalog
	// (current_user, pg_get_userbyid …); nil inside views.
	Session any
	// Scratch lends kernels the memory of their results; nil = fresh memory.
	Scratch *vec.Arena
	// Done, if not nil, is closed when the statement is cancelled: what waits looks.
	Done <-chan struct{}
	// errs collects run-time errors by row; see Fail.
	errs []RowError
}

// RowError is a run-time error of one row: data, not the end of the query.
type RowError struct {
	Row int32
	Err *sqlerr.Error
}

// Fail records that row i has no value but an error. Kernels call it and go on;
// errors of rows that a strict function's NULL argument rules out, or that a
// branch did not select, are dropped by the caller.
func (c *Ctx) Fail(i int, err *sqlerr.Error) { c.errs = append(c.errs, RowError{int32(i), err}) }

// TakeErrors returns the errors recorded since the last call and forgets them.
func (c *Ctx) TakeErrors() []RowError {
	e := c.errs
	c.errs = nil
	return e
}

// ints, floats and truths are columns of n rows for a kernel to fill: all of
// them, as they hold what an earlier one left.
func (c *Ctx) ints(t types.Type, n int) *vec.Vec {
	return &vec.Vec{Type: t, N: n, Ints: c.Scratch.Ints(n)}
}

func (c *Ctx) floats(t types.Type, n int) *vec.Vec {
	return &vec.Vec{Type: t, N: n, Floats: c.Scratch.Floats(n)}
}

func (c *Ctx) truths(n int) *vec.Vec {
	return &vec.Vec{Type: types.Bool, N: n, Bools: c.Scratch.Bools(n)}
}

// Kernel computes n rows. Arguments may be Const vectors; the result has N = n
// rows and may be Const only if all arguments are. For strict overloads the
// caller computes validity; the kernel leaves Valid nil unless it makes NULLs
// of its own.
type Kernel func(c *Ctx, n int, args []*vec.Vec) *vec.Vec

// Overload is one function or operator with fixed argument types.
type Overload struct {
	Name     string
	Args     []types.Type // may hold polymorphic types (anyelement, anyarray, any)
	Variadic bool         // the last argument repeats
	Ret      types.Type
	// RetType gives the result type for the actual argument types where Ret does
	// not (polymorphic results).
	RetType func(args []types.Type) types.Type
	// NotStrict functions see NULLs themselves; all others give NULL if any
	// argument is NULL, without being called for that row's errors.
	NotStrict  bool
	Volatility Volatility
	// Inline overloads are made for one call: Name, Args and Ret say all that they do.
	Inline bool
	// Cheap kernels cost so little a row that computing rows nobody asked for is
	// better than gathering those that somebody did; their errors allocate nothing.
	Cheap  bool
	Kernel Kernel
	// Bind, if set, makes a kernel for actual argument types (polymorphic ones).
	Bind func(args []types.Type, ret types.Type) Kernel

	Doc     string
	Example string // "expression → text of the result"; a test runs it
}
