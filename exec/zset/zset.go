// Package zset implements Z-sets: multisets whose rows carry a signed weight.
// An insertion weighs +1, a retraction -1; a change to a collection (its delta)
// is itself a Z-set, so every operator's input and output have one type: a
// vec.Batch with weights, and beside it a small Z-set of run-time errors.
//
// Invariants
//   - A consolidated batch has one entry per distinct row and no zero weights.
//   - Batches are immutable once emitted; a consumer that keeps rows copies them.
//   - An error is data: the row that causes it brings it with its own weight, so
//     that the retraction of the row takes the error back.
//   - Two rows are the same if they also display alike (1.0 is not 1.00): rows
//     are compared by their exact keys.
package zset

import (
	"sort"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Error is one entry of an operator's error Z-set. Two entries are the same
// error if Err's code and message and Row are equal.
type Error struct {
	Err    *sqlerr.Error
	Row    string // the encoded row that caused it, so that equal messages of different rows stay apart
	Weight int64
}

type errorKey struct {
	code         sqlerr.Code
	message, row string
}

func keyOf(e *Error) errorKey { return errorKey{e.Err.Code, e.Err.Message, e.Row} }

// ConsolidateErrors returns one entry per distinct error with the sum of its
// weights, zeros left out, ordered by row, code and message.
func ConsolidateErrors(errs []Error) []Error {
	if len(errs) == 0 {
		return nil
	}
	at := make(map[errorKey]int, len(errs))
	out := make([]Error, 0, len(errs))
	for i := range errs {
		k := keyOf(&errs[i])
		if j, ok := at[k]; ok {
			out[j].Weight += errs[i].Weight
			continue
		}
		at[k] = len(out)
		out = append(out, errs[i])
	}
	live := out[:0]
	for _, e := range out {
		if e.Weight != 0 {
			live = append(live, e)
		}
	}
	sort.Slice(live, func(i, j int) bool {
		a, b := keyOf(&live[i]), keyOf(&live[j])
		if a.row != b.row {
			return a.row < b.row
		}
		if a.code != b.code {
			return a.code < b.code
		}
		return a.message < b.message
	})
	return live
}
