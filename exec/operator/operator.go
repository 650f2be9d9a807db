// Package operator holds the incremental operators: each turns the deltas of its
// inputs into the delta of its output so that integrating the output always
// equals the batch operator over the integrated inputs.
//
// An operator works in steps. In a step (an epoch, or one of the pieces in which
// history is fed) it gets any number of batches per port through Push, in any
// interleaving of ports, then one Flush; it emits batches during either.
//
// Invariants
//   - What is emitted from the start of a step to the end of its Flush is the
//     delta of that step; it need not be consolidated.
//   - Same batches in, same batches out: no clock, no random, no map order.
//   - An operator whose inputs were empty in a step is not called, unless the
//     watermark moved and it asked for that (Timed).
package operator

import (
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/vec"
)

// Step is what an operator may know about the step in progress.
type Step struct {
	Epoch uint64
	Time  int64 // the epoch's logical time, µs
	// Watermark is the minimum over the circuit's sources at the end of the
	// epoch, µs; math.MinInt64 = none yet.
	Watermark int64
	Ctx       *funcs.Ctx // for expressions
	Workers   int        // how many goroutines an operator may use inside a call
	// Load: the step brings all rows of all inputs to operators that have none.
	Load bool
	// Done, if not nil, is closed when the statement is cancelled; long loops look.
	Done <-chan struct{}
}

// Emit passes output on. Batches are never empty. A batch is immutable from then
// on, so the callee may refer to it for as long as it likes.
type Emit interface {
	Batch(b *vec.Batch) error
	Errors(errs []zset.Error) error
}

// Operator is one node of a circuit. Errors returned by its methods are failures
// of the machine (disk, memory budget 53200, cancelled), not of data: they end
// the circuit's step.
type Operator interface {
	Push(s *Step, port int, b *vec.Batch, out Emit) error
	Flush(s *Step, out Emit) error
}

// Clocked operators do something at a time, input or not: they are flushed in the
// first step whose time has reached Next (µs; math.MaxInt64: nothing waits).
type Clocked interface{ Next() (int64, error) }

// Timed operators are flushed whenever the watermark moves, input or not.
type Timed interface{ Timed() bool }
