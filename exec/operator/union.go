package operator

import "github.com/tarndb/tarn/sql/vec"

// Union is UNION ALL: the sum of its inputs.
type Union struct{}

var _ Operator = Union{}

// Push passes b on.
func (Union) Push(s *Step, port int, b *vec.Batch, out Emit) error { return out.Batch(b) }

// Flush does nothing.
func (Union) Flush(*Step, Emit) error { return nil }
