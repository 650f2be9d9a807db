package zset

import (
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Builder makes weighted batches row by row and hands them on when they are
// full. It is for operators whose output is small or irregular; hot paths gather
// whole columns.
type Builder struct {
	cols    []*vec.Builder
	weights []int64
	emit    func(*vec.Batch) error
}

// NewBuilder returns a Builder of rows of the given types; emit gets batches of
// vec.BatchRows rows and, from Flush, what is left.
func NewBuilder(ts []types.Type, emit func(*vec.Batch) error) *Builder {
	b := &Builder{emit: emit}
	for _, t := range ts {
		b.cols = append(b.cols, vec.NewBuilder(t, 16))
	}
	return b
}

// Datums appends a whole row.
func (b *Builder) Datums(weight int64, ds ...types.Datum) error {
	for c, d := range ds {
		b.cols[c].Datum(d)
	}
	b.weights = append(b.weights, weight)
	if len(b.weights) >= vec.BatchRows {
		return b.Flush()
	}
	return nil
}

// Batch takes the rows so far, nil if there are none.
func (b *Builder) Batch() *vec.Batch {
	n := len(b.weights)
	if n == 0 {
		return nil
	}
	out := &vec.Batch{N: n, Cols: make([]*vec.Vec, len(b.cols))}
	for c := range b.cols {
		out.Cols[c] = b.cols[c].Finish()
	}
	for _, w := range b.weights {
		if w != 1 {
			out.Weights = append([]int64(nil), b.weights...)
			break
		}
	}
	b.weights = b.weights[:0]
	return out
}

// Flush hands on the rows so far.
func (b *Builder) Flush() error {
	if out := b.Batch(); out != nil && b.emit != nil {
		return b.emit(out)
	}
	return nil
}
