package funcs

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// jsonNamedRows are objects of arrays of texts, and the functions behind operators.
func jsonNamedRows() []Overload {
	jb, bl, t := types.JSONB, types.Bool, types.Text
	object := func(keys, values []types.Datum) (types.Datum, error) {
		ds, in := make([]types.Datum, 0, 2*len(keys)), make([]types.Type, 0, 2*len(keys))
		for i, k := range keys {
			if k.Null {
				return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "null value not allowed for object key")
			}
			ds, in = append(ds, k, values[i]), append(in, t, t)
		}
		return asText(types.JSONBBuildObject(ds, in, nil))
	}
	contains := func(name string, a, b int) Overload {
		return fn(name, ts(jb, jb), bl, func(_ *Ctx, d []types.Datum) (types.Datum, error) {
			return types.Boolean(types.JSONBContains(d[a].S, d[b].S)), nil
		}, "Whether one contains the other; what the operator calls.", "")
	}
	return []Overload{
		contains("jsonb_contains", 0, 1),
		contains("jsonb_contained", 1, 0),
		arrayFn("jsonb_object", ts(textArray), jb, false, func(_ []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			x := arrs[0]
			switch {
			case len(x.Dims) > 2 || len(x.Dims) == 2 && x.Dims[1] != 2:
				if len(x.Dims) == 2 {
					return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "array must have two columns")
				}
				return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "wrong number of array subscripts")
			case len(x.Elems)%2 != 0:
				return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "array must have even number of elements")
			}
			var keys, values []types.Datum
			for i := 0; i < len(x.Elems); i += 2 {
				keys, values = append(keys, x.Elems[i]), append(values, x.Elems[i+1])
			}
			return object(keys, values)
		}, "Object of keys and values, in turn or in pairs.", `jsonb_object('{a,1,b,2}'::text[]) → {"a": "1", "b": "2"}`),
		arrayFn("jsonb_object", ts(textArray, textArray), jb, false, func(_ []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			switch {
			case len(arrs[0].Dims) > 1 || len(arrs[1].Dims) > 1:
				return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "wrong number of array subscripts")
			case len(arrs[0].Elems) != len(arrs[1].Elems):
				return types.NullDatum, sqlerr.New(sqlerr.ArraySubscriptError, "mismatched array dimensions")
			}
			return object(arrs[0].Elems, arrs[1].Elems)
		}, "Object of an array of keys and one of values.", ""),
	}
}
