// Package topic is what a log looks like to the engine, be it Tarn's own
// (topic/embedded) or Kafka's (topic/kafka): ordered partitions of rows with
// positions, read as columns.
//
// Invariants (topictest.Run checks them on every implementation)
//   - Within a partition positions grow by one from row to row and never change;
//     epochs never fall along it.
//   - Reading the same range twice gives the same rows, whatever settled, merged
//     or restarted in between; what retention dropped is an error, not a gap.
package topic

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/segment"
)

// Rows is consecutive rows of one partition.
type Rows = segment.Rows

// Scan says which rows and columns to read.
type Scan = segment.Scan

// Run is consecutive rows of one epoch.
type Run = segment.Run

// Bounds is what a partition holds.
type Bounds struct {
	Start, End   int64  // positions [Start, End)
	CompleteFrom uint64 // all rows of epochs ≥ CompleteFrom are there
	LastEpoch    uint64 // newest epoch with rows, 0 = none ever
}

// Topic is one log. All methods may be called concurrently.
type Topic interface {
	// Partitions is the number of partitions, at least 1.
	Partitions() int
	// Bounds says what partition p holds now.
	Bounds(p int) (Bounds, error)
	// Read gives the rows of partition p that o asks for to yield, in order of
	// position, as they were when Read was called; an error of yield ends it and
	// is returned. Rows below Bounds.Start that o asks for are an error (72000).
	// Rows belong to yield's side; they are immutable.
	Read(p int, o Scan, yield func(*Rows) error) error
	// PositionAt is the first position whose rowtime is ≥ µs, Bounds.End if there
	// is none.
	PositionAt(p int, µs int64) (int64, error)
}

// TooOld is the error for rows that retention has dropped.
func TooOld(name string, start int64) error {
	return sqlerr.New(sqlerr.SnapshotTooOld, "rows of %s before position %d are no longer kept", name, start)
}
