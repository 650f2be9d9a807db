package funcs

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func boolAggs() []Agg {
	row := func(name, doc, example string, or bool) Agg {
		return Agg{Name: name, Args: ts(types.Bool), Ret: types.Bool, SkipNulls: true, Doc: doc, Example: example,
			NewAccum: func([]types.Type) Accum { return &boolAccum{or: or} }}
	}
	return []Agg{
		row("bool_and", "True if all values that are not NULL are.", "bool_and(x) over (true), (NULL), (false) → f", false),
		row("every", "The same as bool_and.", "every(x) over (true), (NULL) → t", false),
		row("bool_or", "True if any value is.", "bool_or(x) over (true), (NULL), (false) → t", true),
	}
}

// boolAccum counts both values. Image: the counts of true and of false, as
// signed varints.
type boolAccum struct {
	or      bool
	yes, no []int64
}

var _ Accum = (*boolAccum)(nil)

func (a *boolAccum) Reset(groups int) {
	a.yes, a.no = resetSlice(a.yes, groups), resetSlice(a.no, groups)
}

func (a *boolAccum) Add(group []int32, args []*vec.Vec, weights []int64) {
	v := args[0]
	for i, g := range group {
		if v.IsNull(i) {
			continue
		}
		if v.Bools[i] {
			a.yes[g] += weightAt(weights, i)
		} else {
			a.no[g] += weightAt(weights, i)
		}
	}
}

func weightAt(weights []int64, i int) int64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

func (a *boolAccum) Load(g int, image []byte) []byte {
	yes, image := takeVarint(image)
	no, image := takeVarint(image)
	a.yes[g] += yes
	a.no[g] += no
	return image
}

func (a *boolAccum) Append(dst []byte, g int) []byte {
	return binary.AppendVarint(binary.AppendVarint(dst, a.yes[g]), a.no[g])
}

func (a *boolAccum) Final(g int, out *vec.Builder) error {
	switch {
	case a.yes[g] == 0 && a.no[g] == 0:
		out.Null()
	case a.or:
		out.Bool(a.yes[g] != 0)
	default:
		out.Bool(a.no[g] == 0)
	}
	return nil
}
