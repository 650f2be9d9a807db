// Package segment keeps the settled rows of one topic: immutable columnar files,
// and the manifest that says which files there are.
//
// Invariants
//   - A segment is written, synced and in its folder before the manifest names it;
//     a file that no manifest names is garbage of a crash and is removed.
//   - Rows stand in order of position; epochs never fall along it.
//   - Every byte that is read is covered by a checksum: footer and manifest as a
//     whole, each column chunk of a block on its own. Damage is XX001 with file
//     and offset, never a row less.
//   - A column chunk is found from the footer alone: a scan reads, checks and
//     unpacks only the columns it asked for, of the blocks that may hold what it
//     looks for. (That is why these are not Arrow IPC files: arrow-go reads and
//     unpacks whole record batches.)
package segment

import (
	"fmt"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Run is consecutive rows of one epoch.
type Run struct {
	Epoch uint64
	Rows  int
}

// Rows is consecutive rows of a topic: the columns asked for, and beside them
// what the topic knows of each row. Immutable.
type Rows struct {
	Batch   *vec.Batch
	First   int64   // position of the first row; the others follow without gap
	Epochs  []Run   // they sum to Batch.N
	Late    []bool  // nil: none was late
	Rowtime []int64 // µs; nil: not stored, or not asked for
}

// End is the position after the last row.
func (r *Rows) End() int64 { return r.First + int64(r.Batch.N) }

// Slice returns rows [lo, hi); values are shared.
func (r *Rows) Slice(lo, hi int) *Rows {
	if lo == 0 && hi == r.Batch.N {
		return r
	}
	out := &Rows{Batch: r.Batch.Slice(lo, hi), First: r.First + int64(lo)}
	at := 0
	for _, run := range r.Epochs {
		from, to := max(at, lo), min(at+run.Rows, hi)
		if from < to {
			out.Epochs = append(out.Epochs, Run{run.Epoch, to - from})
		}
		at += run.Rows
	}
	if r.Late != nil {
		out.Late = r.Late[lo:hi]
	}
	if r.Rowtime != nil {
		out.Rowtime = r.Rowtime[lo:hi]
	}
	return out
}

// EpochOf returns the epoch of row i; for tests and single rows.
func (r *Rows) EpochOf(i int) uint64 {
	for _, run := range r.Epochs {
		if i < run.Rows {
			return run.Epoch
		}
		i -= run.Rows
	}
	return 0
}

// cut returns the rows [lo, hi) of r whose position is ≥ from and < until and
// whose epoch is in (after, upTo].
func cut(runs []Run, first int64, n int, o *Scan) (lo, hi int) {
	lo, hi = 0, n
	if o.From > first {
		lo = int(min(o.From-first, int64(n)))
	}
	if o.Until > 0 && o.Until < first+int64(n) {
		hi = int(max(o.Until-first, 0))
	}
	at := 0
	for _, run := range runs {
		end := at + run.Rows
		if run.Epoch <= o.After {
			lo = max(lo, end)
		}
		if o.UpTo > 0 && run.Epoch > o.UpTo {
			hi = min(hi, at)
		}
		at = end
	}
	return lo, max(lo, hi)
}

// Cut returns the rows of r that o asks for, nil if there are none.
func (o *Scan) Cut(r *Rows) *Rows {
	lo, hi := cut(r.Epochs, r.First, r.Batch.N, o)
	if lo == hi {
		return nil
	}
	return r.Slice(lo, hi)
}

// Scan says which rows and columns are wanted. The zero Scan is everything.
type Scan struct {
	// Columns by number in the topic; nil = all. The rows have them in this order.
	// A column that a row was written without is NULL, of the type in Types.
	Columns []int
	Types   []types.Type // the topic's columns as they are now
	Rowtime bool         // also give the rowtimes

	From  int64  // positions ≥ From
	Until int64  // positions < Until; 0 = no bound
	After uint64 // epochs > After
	UpTo  uint64 // epochs ≤ UpTo; 0 = no bound

	// RowtimeFrom lets blocks be skipped in which all rowtimes are below it; 0 = none.
	RowtimeFrom int64
	// Ranges let blocks be skipped in which no row can match; rows that do not
	// match may still come.
	Ranges []Range
}

// Range is Lo ≤ column ≤ Hi, bounds as ascending canonical keys of one column
// (rowenc.EncodeKeys); nil = none. NULLs are outside of every range.
type Range struct {
	Column int
	Lo, Hi []byte
}

func corrupt(name string, off int64, format string, args ...any) error {
	return sqlerr.New(sqlerr.DataCorrupted, "segment file %s is damaged at offset %d: %s", name, off, fmt.Sprintf(format, args...))
}
