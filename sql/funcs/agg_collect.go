package funcs

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// collectElemsMax bounds the elements of one collected value.
const collectElemsMax = 64 << 20

// eachRow calls f for each row as often as it weighs.
func eachRow(rows *vec.Batch, f func(i int) error) error {
	total := int64(0)
	for i := range rows.N {
		w := rows.Weight(i)
		if total += w; total > collectElemsMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", collectElemsMax)
		}
		for range w {
			if err := f(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func collectAggs() []Agg {
	out := []Agg{
		{Name: "array_agg", Args: ts(anyNonArray), RetType: func(a []types.Type) types.Type { return types.ArrayOf(a[0]) },
			Class: Holistic, Collect: arrayAgg, Doc: "All values, NULLs included, as an array.",
			Example: "array_agg(x) over (1), (NULL), (3) → {1,3,NULL}"},
		{Name: "string_agg", Args: ts(types.Text, types.Text), Ret: types.Text, Class: Holistic, Collect: stringAgg,
			Doc: "The values that are not NULL, joined, each after the first preceded by its separator.", Example: "string_agg(x, ',') over ('a'), ('b') → a,b"},
		{Name: "string_agg", Args: ts(types.Bytea, types.Bytea), Ret: types.Bytea, Class: Holistic, Collect: stringAgg,
			Doc: "The values that are not NULL, joined, each after the first preceded by its separator."},
		{Name: "jsonb_agg", Args: ts(anyElement), Ret: types.JSONB, Class: Holistic, Collect: jsonAgg(types.ToJSONB),
			Doc: "All values, NULLs included, as a JSON array."},
		{Name: "json_agg", Args: ts(anyElement), Ret: types.JSON, Class: Holistic, Collect: jsonAgg(types.ToJSON),
			Doc: "All values, NULLs included, as a JSON array."},
		{Name: "jsonb_object_agg", Args: ts(anyT, anyT), Ret: types.JSONB, Class: Holistic, Collect: objectAgg(types.JSONBBuildObject),
			Doc: "Keys and values as a JSON object."},
		{Name: "json_object_agg", Args: ts(anyT, anyT), Ret: types.JSON, Class: Holistic, Collect: objectAgg(jsonObject),
			Doc: "Keys and values as a JSON object."},
	}
	for _, t := range arithInts {
		bit := func(name, doc string, f func(a, b int64) int64) Agg {
			return Agg{Name: name, Args: ts(t), Ret: t, Class: Holistic, SkipNulls: true, Collect: bitAgg(f), Doc: doc}
		}
		out = append(out,
			bit("bit_and", "Bitwise and of the values that are not NULL.", func(a, b int64) int64 { return a & b }),
			bit("bit_or", "Bitwise or of the values that are not NULL.", func(a, b int64) int64 { return a | b }),
			Agg{Name: "bit_xor", Args: ts(t), Ret: t, Class: Holistic, SkipNulls: true, Collect: bitXor, Doc: "Bitwise exclusive or of the values that are not NULL."})
	}
	return out
}

func arrayAgg(rows *vec.Batch, out *vec.Builder) error {
	v := rows.Cols[0]
	a := types.Array{Elem: types.Type{OID: v.Type.OID, Mod: -1}}
	err := eachRow(rows, func(i int) error {
		a.Elems = append(a.Elems, datumAt(v, i))
		return nil
	})
	if err != nil {
		return err
	}
	if len(a.Elems) == 0 {
		out.Null()
		return nil
	}
	a.Dims, a.Lower = []int32{int32(len(a.Elems))}, []int32{1}
	out.Bytes(types.AppendArray(nil, &a))
	return nil
}

func stringAgg(rows *vec.Batch, out *vec.Builder) error {
	v, sep := rows.Cols[0], rows.Cols[1]
	var b []byte
	first := true
	err := eachRow(rows, func(i int) error {
		if v.IsNull(i) {
			return nil
		}
		if !first && !sep.IsNull(i) {
			b = append(b, sep.Bytes(i)...)
		}
		first = false
		if b = append(b, v.Bytes(i)...); len(b) > textBytesMax {
			return errLengthLimit
		}
		return nil
	})
	if err != nil {
		return err
	}
	if first {
		out.Null()
		return nil
	}
	out.Bytes(b)
	return nil
}

func jsonAgg(image func(types.Datum, types.Type, *types.Env) (string, error)) func(*vec.Batch, *vec.Builder) error {
	return func(rows *vec.Batch, out *vec.Builder) error {
		v := rows.Cols[0]
		b := []byte{'['}
		err := eachRow(rows, func(i int) error {
			if len(b) > 1 {
				b = append(b, ", "...)
			}
			d := datumAt(v, i)
			if d.Null {
				b = append(b, "null"...)
				return nil
			}
			s, err := image(d, v.Type, nil)
			if b = append(b, s...); len(b) > textBytesMax {
				return errLengthLimit
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(b) == 1 {
			out.Null()
			return nil
		}
		out.Bytes(append(b, ']'))
		return nil
	}
}

// jsonObject is an object with the blanks that json_object_agg puts inside.
func jsonObject(ds []types.Datum, in []types.Type, env *types.Env) (string, error) {
	s, err := types.JSONBuildObject(ds, in, env)
	if err != nil {
		return "", err
	}
	return "{ " + s[1:len(s)-1] + " }", nil
}

func objectAgg(image func([]types.Datum, []types.Type, *types.Env) (string, error)) func(*vec.Batch, *vec.Builder) error {
	return func(rows *vec.Batch, out *vec.Builder) error { return collectObject(rows, out, image) }
}

func collectObject(rows *vec.Batch, out *vec.Builder, image func([]types.Datum, []types.Type, *types.Env) (string, error)) error {
	k, v := rows.Cols[0], rows.Cols[1]
	var ds []types.Datum
	var tt []types.Type
	err := eachRow(rows, func(i int) error {
		if k.IsNull(i) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "field name must not be null")
		}
		ds = append(ds, datumAt(k, i), datumAt(v, i))
		tt = append(tt, k.Type, v.Type)
		return nil
	})
	if err != nil {
		return err
	}
	if len(ds) == 0 {
		out.Null()
		return nil
	}
	s, err := image(ds, tt, nil)
	if err != nil {
		return err
	}
	out.String(s)
	return nil
}

// bitXor sees how often a value is there: twice is not at all.
func bitXor(rows *vec.Batch, out *vec.Builder) error {
	v, any, acc := rows.Cols[0], false, int64(0)
	for i := range rows.N {
		if v.IsNull(i) {
			continue
		}
		any = true
		if rows.Weight(i)%2 != 0 {
			acc ^= v.Ints[i]
		}
	}
	if !any {
		out.Null()
	} else {
		out.Int(acc)
	}
	return nil
}

func bitAgg(f func(a, b int64) int64) func(*vec.Batch, *vec.Builder) error {
	return func(rows *vec.Batch, out *vec.Builder) error {
		v, any, acc := rows.Cols[0], false, int64(0)
		for i := range rows.N {
			switch {
			case v.IsNull(i):
			case !any:
				any, acc = true, v.Ints[i]
			default:
				acc = f(acc, v.Ints[i])
			}
		}
		if !any {
			out.Null()
		} else {
			out.Int(acc)
		}
		return nil
	}
}
