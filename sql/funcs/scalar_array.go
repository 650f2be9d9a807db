package funcs

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// arrayFn makes a row whose function gets decoded arrays in place of the
// arguments at the given positions.
func arrayFn(name string, args []types.Type, ret types.Type, notStrict bool, f func(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error), doc, ex string) Overload {
	o := Overload{Name: name, Args: args, Ret: ret, NotStrict: notStrict, Doc: doc, Example: ex}
	o.Bind = func(in []types.Type, ret types.Type) Kernel {
		shape := byDatum
		if notStrict {
			shape = byDatumNulls
		}
		return shape(func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			arrs := make([]types.Array, len(a))
			for i, d := range a {
				if in[i].IsArray() && !d.Null {
					var err error
					if arrs[i], err = types.DecodeArray(d.S); err != nil {
						return types.NullDatum, err
					}
				}
			}
			return f(in, a, arrs)
		})(ret)
	}
	return o
}

func arrayRows() []Overload {
	t, i4, bl := types.Text, types.Int4, types.Bool
	two := ts(anyArray, anyArray)
	dimOf := func(f func(a types.Array, dim int) int64) func([]types.Type, []types.Datum, []types.Array) (types.Datum, error) {
		return func(_ []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
			if d := a[1].I; d < 1 || d > int64(len(arrs[0].Dims)) {
				return types.NullDatum, nil
			}
			return types.Int(f(arrs[0], int(a[1].I)-1)), nil
		}
	}
	rows := []Overload{
		arrayFn("array_length", ts(anyArray, i4), i4, false, dimOf(func(a types.Array, d int) int64 { return int64(a.Dims[d]) }),
			"Length of a dimension.", "array_length('{1,2,3}'::int[], 1) → 3"),
		arrayFn("array_lower", ts(anyArray, i4), i4, false, dimOf(func(a types.Array, d int) int64 { return int64(a.Lower[d]) }),
			"First index of a dimension.", "array_lower('{1,2,3}'::int[], 1) → 1"),
		arrayFn("array_upper", ts(anyArray, i4), i4, false, dimOf(func(a types.Array, d int) int64 { return int64(a.Lower[d]) + int64(a.Dims[d]) - 1 }),
			"Last index of a dimension.", "array_upper('{1,2,3}'::int[], 1) → 3"),
		arrayFn("array_ndims", ts(anyArray), i4, false, func(_ []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			if len(arrs[0].Dims) == 0 {
				return types.NullDatum, nil
			}
			return types.Int(int64(len(arrs[0].Dims))), nil
		}, "Number of dimensions.", "array_ndims('{{1,2},{3,4}}'::int[]) → 2"),
		arrayFn("cardinality", ts(anyArray), i4, false, func(_ []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			return types.Int(int64(len(arrs[0].Elems))), nil
		}, "Number of elements.", "cardinality('{{1,2},{3,4}}'::int[]) → 4"),
		arrayFn("@>", two, bl, false, func(in []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			return types.Boolean(arrayContains(in[0], arrs[0], arrs[1])), nil
		}, "Whether every element of the second is in the first.", "'{1,4,3}'::int[] @> '{3,1,3}'::int[] → t"),
		arrayFn("<@", two, bl, false, func(in []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			return types.Boolean(arrayContains(in[0], arrs[1], arrs[0])), nil
		}, "Whether every element of the first is in the second.", "'{2,2,7}'::int[] <@ '{1,7,4,2,6}'::int[] → t"),
		arrayFn("&&", two, bl, false, func(in []types.Type, _ []types.Datum, arrs []types.Array) (types.Datum, error) {
			elem := types.ElemOf(in[0])
			for _, e := range arrs[1].Elems {
				if !e.Null && indexOf(elem, arrs[0].Elems, e, 0) >= 0 {
					return types.Boolean(true), nil
				}
			}
			return types.Boolean(false), nil
		}, "Whether they have an element in common.", "'{1,4,3}'::int[] && '{2,1}'::int[] → t"),
		arrayFn("array_to_string", ts(anyArray, t), t, true, arrayToString, "Texts of the elements that are not NULL, joined.", "array_to_string('{1,2,NULL,3}'::int[], ',') → 1,2,3"),
		arrayFn("array_to_string", ts(anyArray, t, t), t, true, arrayToString, "Texts of the elements, joined; NULL as the third argument.", "array_to_string('{1,2,NULL,5}'::int[], ',', '*') → 1,2,*,5"),
		arrayFn("array_position", ts(anyCompatArray, anyCompat), i4, true, arrayPosition, "Index of the first equal element.", "array_position('{sun,mon,tue}'::text[], 'mon') → 2"),
		arrayFn("array_position", ts(anyCompatArray, anyCompat, i4), i4, true, arrayPosition, "Index of the first equal element from a start on.", ""),
		arrayFn("array_positions", ts(anyCompatArray, anyCompat), types.ArrayOf(i4), true, arrayPositions, "Indexes of all equal elements.", "array_positions('{A,A,B,A}'::text[], 'A') → {1,2,4}"),
		arrayFn("array_remove", ts(anyCompatArray, anyCompat), anyCompatArray, true, arrayRemove, "Without the elements that equal the value.", "array_remove('{1,2,3,2}'::int[], 2) → {1,3}"),
		arrayFn("array_replace", ts(anyCompatArray, anyCompat, anyCompat), anyCompatArray, true, arrayReplace, "With elements that equal the second replaced by the third.", "array_replace('{1,2,5,4}'::int[], 5, 3) → {1,2,3,4}"),
		arrayFn("subscript", ts(anyArray, i4), anyElement, false, func(_ []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
			x := arrs[0]
			if len(x.Dims) != 1 {
				return types.NullDatum, nil
			}
			i := a[1].I - int64(x.Lower[0])
			if i < 0 || i >= int64(len(x.Elems)) {
				return types.NullDatum, nil
			}
			return x.Elems[i], nil
		}, "The element at an index; what a[i] calls.", ""),
		{Name: "string_to_array", Args: ts(t, t), Ret: textArray, NotStrict: true, Kernel: byDatumNulls(stringToArray)(textArray),
			Doc: "Pieces between separators.", Example: "string_to_array('xx~~yy~~zz', '~~') → {xx,yy,zz}"},
		{Name: "string_to_array", Args: ts(t, t, t), Ret: textArray, NotStrict: true, Kernel: byDatumNulls(stringToArray)(textArray),
			Doc: "Pieces between separators; those that equal the third argument are NULL.", Example: "string_to_array('xx~~yy~~zz', '~~', 'yy') → {xx,NULL,zz}"},
	}
	ca, c := anyCompatArray, anyCompat
	for _, x := range []struct{ op, name string }{{"||", ""}, {"array_append", "array_append"}} {
		rows = append(rows, arrayFn(x.op, ts(ca, c), ca, true, arrayAppend, "With an element added at the end.", map[bool]string{true: "array_append('{1,2}'::int[], 3) → {1,2,3}"}[x.name != ""]))
	}
	rows = append(rows,
		arrayFn("||", ts(c, ca), ca, true, arrayPrepend, "With an element added at the start.", ""),
		arrayFn("array_prepend", ts(c, ca), ca, true, arrayPrepend, "With an element added at the start.", "array_prepend(1, '{2,3}'::int[]) → {1,2,3}"),
		arrayFn("||", ts(ca, ca), ca, true, arrayCat, "Both joined.", "'{1,2}'::int[] || '{3}'::int[] → {1,2,3}"),
		arrayFn("array_cat", ts(ca, ca), ca, true, arrayCat, "Both joined.", "array_cat('{1,2}'::int[], '{3}'::int[]) → {1,2,3}"))
	return rows
}

func indexOf(t types.Type, elems []types.Datum, x types.Datum, from int) int {
	for i := from; i < len(elems); i++ {
		e := elems[i]
		if e.Null || x.Null {
			if e.Null && x.Null {
				return i
			}
			continue
		}
		if types.Equal(e, x, t) {
			return i
		}
	}
	return -1
}

// arrayContains: NULL elements are contained nowhere.
func arrayContains(t types.Type, a, b types.Array) bool {
	elem := types.ElemOf(t)
	for _, e := range b.Elems {
		if e.Null || indexOf(elem, a.Elems, e, 0) < 0 {
			return false
		}
	}
	return true
}

func arrayToString(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	if a[0].Null || a[1].Null {
		return types.NullDatum, nil
	}
	elem := types.ElemOf(in[0])
	var parts []string
	for _, e := range arrs[0].Elems {
		switch {
		case !e.Null:
			parts = append(parts, string(types.AppendText(nil, e, elem, nil)))
		case len(a) > 2 && !a[2].Null:
			parts = append(parts, a[2].S)
		}
	}
	return bounded(strings.Join(parts, a[1].S))
}

func arrayPosition(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, nil
	}
	x := arrs[0]
	if len(x.Dims) > 1 {
		return types.NullDatum, sqlerr.New(sqlerr.FeatureNotSupported, "searching for elements in multidimensional arrays is not supported")
	}
	if len(x.Elems) == 0 {
		return types.NullDatum, nil
	}
	from := 0
	if len(a) > 2 {
		if a[2].Null {
			return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "initial position must not be null")
		}
		from = max(int(a[2].I)-int(x.Lower[0]), 0)
	}
	i := indexOf(types.ElemOf(in[0]), x.Elems, a[1], from)
	if i < 0 {
		return types.NullDatum, nil
	}
	return types.Int(int64(i) + int64(x.Lower[0])), nil
}

func arrayPositions(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, nil
	}
	x := arrs[0]
	if len(x.Dims) > 1 {
		return types.NullDatum, sqlerr.New(sqlerr.FeatureNotSupported, "searching for elements in multidimensional arrays is not supported")
	}
	var at []types.Datum
	for i := indexOf(types.ElemOf(in[0]), x.Elems, a[1], 0); i >= 0; i = indexOf(types.ElemOf(in[0]), x.Elems, a[1], i+1) {
		at = append(at, types.Int(int64(i)+int64(x.Lower[0])))
	}
	return types.ArrayDatum(types.NewArray(types.Int4, at)), nil
}

func arrayRemove(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, nil
	}
	if len(arrs[0].Dims) > 1 {
		return types.NullDatum, sqlerr.New(sqlerr.FeatureNotSupported, "removing elements from multidimensional arrays is not supported")
	}
	elem := types.ElemOf(in[0])
	var out []types.Datum
	for _, e := range arrs[0].Elems {
		if indexOf(elem, []types.Datum{e}, a[1], 0) < 0 {
			out = append(out, e)
		}
	}
	return arrayDatum(elem, out), nil
}

func arrayReplace(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, nil
	}
	elem := types.ElemOf(in[0])
	x := arrs[0]
	for i, e := range x.Elems {
		if indexOf(elem, []types.Datum{e}, a[1], 0) == 0 {
			x.Elems[i] = a[2]
		}
	}
	return types.String(string(types.AppendArray(nil, &x))), nil
}

var errArrayOneDim = sqlerr.New("22000", "argument must be empty or one-dimensional array")

func arrayAppend(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	x := arrs[0]
	if len(x.Dims) > 1 {
		return types.NullDatum, errArrayOneDim
	}
	return arrayDatumFrom(types.ElemOf(in[0]), x, append(x.Elems, a[1])), nil
}

func arrayPrepend(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	x := arrs[1]
	if len(x.Dims) > 1 {
		return types.NullDatum, errArrayOneDim
	}
	return arrayDatumFrom(types.ElemOf(in[1]), x, append([]types.Datum{a[0]}, x.Elems...)), nil
}

// arrayDatumFrom keeps x's first index.
func arrayDatumFrom(elem types.Type, x types.Array, ds []types.Datum) types.Datum {
	lower := int32(1)
	if len(x.Lower) == 1 {
		lower = x.Lower[0]
	}
	out := types.Array{Elem: elem, Dims: []int32{int32(len(ds))}, Lower: []int32{lower}, Elems: ds}
	return types.String(string(types.AppendArray(nil, &out)))
}

func arrayCat(in []types.Type, a []types.Datum, arrs []types.Array) (types.Datum, error) {
	switch {
	case a[0].Null:
		return a[1], nil
	case a[1].Null:
		return a[0], nil
	}
	l, r := arrs[0], arrs[1]
	if len(l.Dims) == 0 {
		return a[1], nil
	}
	if len(r.Dims) == 0 {
		return a[0], nil
	}
	out := types.Array{Elem: types.ElemOf(in[0]), Elems: append(l.Elems, r.Elems...)}
	bad := sqlerr.New(sqlerr.ArraySubscriptError, "cannot concatenate incompatible arrays")
	switch {
	case len(l.Dims) == len(r.Dims):
		out.Dims, out.Lower = append([]int32(nil), l.Dims...), l.Lower
		for i := 1; i < len(l.Dims); i++ {
			if l.Dims[i] != r.Dims[i] {
				return types.NullDatum, bad
			}
		}
		out.Dims[0] += r.Dims[0]
	case len(l.Dims) == len(r.Dims)+1:
		out.Dims, out.Lower = append([]int32(nil), l.Dims...), l.Lower
		out.Dims[0]++
	case len(l.Dims)+1 == len(r.Dims):
		out.Dims, out.Lower = append([]int32(nil), r.Dims...), r.Lower
		out.Dims[0]++
	default:
		return types.NullDatum, bad
	}
	return types.String(string(types.AppendArray(nil, &out))), nil
}

func stringToArray(_ *Ctx, a []types.Datum) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, nil
	}
	var parts []string
	switch {
	case a[0].S == "":
	case a[1].Null:
		for _, r := range a[0].S {
			parts = append(parts, string(r))
		}
	case a[1].S == "":
		parts = []string{a[0].S}
	default:
		parts = strings.Split(a[0].S, a[1].S)
	}
	ds := make([]types.Datum, len(parts))
	for i, p := range parts {
		ds[i] = types.String(p)
		if len(a) > 2 && !a[2].Null && p == a[2].S {
			ds[i] = types.NullDatum
		}
	}
	return textsDatum(ds), nil
}
