package funcs

import (
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Class says what state an aggregate needs so that it can take rows back.
type Class uint8

const (
	// Invertible aggregates keep a number or a few (count, sum, avg, bool_and …):
	// a retraction is an addition with the opposite sign. They have an Accum.
	Invertible Class = iota
	// Ordered aggregates are the first or last of the group's values in order
	// (min, max); the operator keeps a sorted multiset per group, or only the
	// extreme where the input is append-only. They have no code of their own.
	Ordered
	// Holistic aggregates need all values of the group in order (array_agg,
	// string_agg, percentiles). They have a Collect.
	Holistic
)

// Agg is one overload of an aggregate function: a row of the aggregate tables.
type Agg struct {
	Name string
	Args []types.Type // polymorphic types as in Overload
	Ret  types.Type   // for polymorphic results RetType is set instead
	// RetType gives the result type for the actual argument types, where Ret does not.
	RetType func(args []types.Type) types.Type
	Class   Class
	// SkipNulls: rows with a NULL among the arguments do not count. False for
	// count(*) and array_agg.
	SkipNulls bool
	// Within: f(direct) WITHIN GROUP (ORDER BY x); the last argument is x.
	Within bool
	// Last picks the greatest value instead of the least (Ordered only).
	Last bool
	// NewAccum makes an accumulator for the actual argument types (Invertible only).
	NewAccum func(args []types.Type) Accum
	// Collect computes the result from the rows of one group (Holistic only):
	// rows holds the argument columns in the aggregate's order (ORDER BY, else the
	// value order of the arguments), weights ≥ 1 (nil = all 1). It appends one
	// value to out.
	Collect func(rows *vec.Batch, out *vec.Builder) error

	Doc     string
	Example string // "expression → text of the result", run by a test
}

// Accum is the running state of one Invertible aggregate for the groups
// 0 … groups-1 of one batch. It is used as: Reset; Add the batch's rows; then,
// for each group, Load its stored image (if it had one), Append the new image,
// Final. It is not safe for concurrent use. State images are self-delimiting.
// The order of Adds and Loads never changes a result, also for floats.
type Accum interface {
	// Reset forgets everything and makes room for groups empty groups.
	Reset(groups int)
	// Add adds row i, weights[i] times (nil: once each; negative retracts), to
	// group[i]. Rows that SkipNulls rules out must be skipped by Add itself. args
	// are never Const. For count(*) args is empty.
	Add(group []int32, args []*vec.Vec, weights []int64)
	// Load adds a stored state image to group g and returns what follows it.
	Load(g int, image []byte) (rest []byte)
	// Append appends the state image of group g.
	Append(dst []byte, g int) []byte
	// Final appends the aggregate's value for group g. An error is a run-time
	// error of that group (22003 …); then nothing is appended.
	Final(g int, out *vec.Builder) error
}
