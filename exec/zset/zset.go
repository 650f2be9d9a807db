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
package zset

import "github.com/tarndb/tarn/sql/sqlerr"

// Error is one entry of an operator's error Z-set. Two entries are the same
// error if Err's code and message and Row are equal.
type Error struct {
	Err    *sqlerr.Error
	Row    string // the encoded row that caused it, so that equal messages of different rows stay apart
	Weight int64
}
