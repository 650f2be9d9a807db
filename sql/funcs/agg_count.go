package funcs

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func countAggs() []Agg {
	newAccum := func([]types.Type) Accum { return &countAccum{} }
	return []Agg{
		{Name: "count", Ret: types.Int8, NewAccum: newAccum,
			Doc: "Number of rows.", Example: "count(*) over (1), (NULL), (3) → 3"},
		{Name: "count", Args: ts(anyT), Ret: types.Int8, SkipNulls: true, NewAccum: newAccum,
			Doc: "Number of rows in which the argument is not NULL.", Example: "count(x) over (1), (NULL), (3) → 2"},
	}
}

// countAccum counts. Image: the count as a signed varint.
type countAccum struct{ n []int64 }

var _ Accum = (*countAccum)(nil)

func (a *countAccum) Reset(groups int) { a.n = resetSlice(a.n, groups) }

func (a *countAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	var valid vec.Bitmap
	if len(args) > 0 {
		valid = args[0].Valid
	}
	countRows(a.n, group, valid, weights)
}

// countRows adds each valid row's weight to its group.
func countRows(n []int64, group []int32, valid vec.Bitmap, weights []int64) {
	switch {
	case valid == nil && weights == nil:
		for _, g := range group {
			n[g]++
		}
	case valid == nil:
		for i, g := range group {
			n[g] += weights[i]
		}
	case weights == nil:
		for i, g := range group {
			n[g] += int64(valid[i>>6] >> (uint(i) & 63) & 1)
		}
	default:
		for i, g := range group {
			n[g] += weights[i] & -int64(valid[i>>6]>>(uint(i)&63)&1)
		}
	}
}

func (a *countAccum) Load(g int, image []byte) []byte {
	v, rest := takeVarint(image)
	a.n[g] += v
	return rest
}

func (a *countAccum) Append(dst []byte, g int) []byte { return binary.AppendVarint(dst, a.n[g]) }

func (a *countAccum) Final(g int, out *vec.Builder) error {
	out.Int(a.n[g])
	return nil
}

// takeVarint reads a signed varint; images are checksummed below, so a damaged
// one cannot be seen here.
func takeVarint(b []byte) (int64, []byte) {
	v, n := binary.Varint(b)
	return v, b[n:]
}

// resetSlice returns n zero values, in s's memory if there is room.
func resetSlice[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
