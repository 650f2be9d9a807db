package funcs

import "github.com/tarndb/tarn/sql/types"

// minMaxTypes are the types that have a least and a greatest value, as in
// PostgreSQL (bool, uuid and jsonb have none).
var minMaxTypes = []types.Type{
	types.Int2, types.Int4, types.Int8, types.Oid, types.Float4, types.Float8, types.Numeric,
	types.Text, bpcharT, types.Date, types.Time, types.Timestamp, types.Timestamptz, types.Interval, anyArray,
}

func minMaxAggs() []Agg {
	var out []Agg
	for _, t := range minMaxTypes {
		lo := Agg{Name: "min", Args: ts(t), Ret: t, Class: Ordered, SkipNulls: true, Doc: "Least value that is not NULL."}
		hi := Agg{Name: "max", Args: ts(t), Ret: t, Class: Ordered, SkipNulls: true, Last: true, Doc: "Greatest value that is not NULL."}
		if t == types.Int4 {
			lo.Example, hi.Example = "min(x) over (3), (1), (NULL) → 1", "max(x) over (3), (1), (NULL) → 3"
		}
		out = append(out, lo, hi)
	}
	return out
}
