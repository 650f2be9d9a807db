package funcs

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Functions of jsonb. Those of json bring their argument to jsonb first: key
// order and duplicate keys inside what they take out follow jsonb.

func jsonRows() []Overload {
	t, i4, jb := types.Text, types.Int4, types.JSONB
	var rows []Overload
	for _, x := range []types.Type{types.JSONB, types.JSON} {
		in := func(s string) (string, error) { return s, nil }
		if x == types.JSON {
			in = types.ParseJSONB
		}
		ex := func(s string) string {
			if x == types.JSONB {
				return s
			}
			return ""
		}
		get := func(name string, args []types.Type, ret types.Type, f func(j string, a []types.Datum) (string, bool, error), doc, e string) Overload {
			return fn(name, args, ret, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				j, err := in(a[0].S)
				if err != nil {
					return types.NullDatum, err
				}
				s, ok, err := f(j, a)
				if err != nil || !ok {
					return types.NullDatum, err
				}
				if ret == t {
					text, null := types.JSONBText(s)
					if null {
						return types.NullDatum, nil
					}
					return types.String(text), nil
				}
				return types.String(s), nil
			}, doc, ex(e))
		}
		field := func(j string, a []types.Datum) (string, bool, error) {
			s, ok := types.JSONBGet(j, a[1].S)
			return s, ok, nil
		}
		elem := func(j string, a []types.Datum) (string, bool, error) {
			s, ok := types.JSONBIndex(j, int(a[1].I))
			return s, ok, nil
		}
		path := func(j string, a []types.Datum) (string, bool, error) {
			p, ok, err := pathOf(a[1])
			if err != nil || !ok {
				return "", false, err
			}
			s, ok := types.JSONBPath(j, p)
			return s, ok, nil
		}
		variadic := func(j string, a []types.Datum) (string, bool, error) {
			var p []string
			for _, d := range a[1:] {
				p = append(p, d.S)
			}
			s, ok := types.JSONBPath(j, p)
			return s, ok, nil
		}
		rows = append(rows,
			get("->", ts(x, t), x, field, "Field of an object.", `'{"a": {"b": 1}}'::jsonb -> 'a' → {"b": 1}`),
			get("->", ts(x, i4), x, elem, "Element of an array, from 0; negative: from the end.", `'[1,2,3]'::jsonb -> 2 → 3`),
			get("->>", ts(x, t), t, field, "Field of an object, as text.", `'{"a": "x"}'::jsonb ->> 'a' → x`),
			get("->>", ts(x, i4), t, elem, "Element of an array, as text.", `'[1,"b"]'::jsonb ->> 1 → b`),
			get("#>", ts(x, textArray), x, path, "What is at the path.", `'{"a": {"b": [1, 2]}}'::jsonb #> '{a,b,1}' → 2`),
			get("#>>", ts(x, textArray), t, path, "What is at the path, as text.", `'{"a": {"b": ["x", "y"]}}'::jsonb #>> '{a,b,1}' → y`),
		)
		prefix := x.String()
		extract := get(prefix+"_extract_path", ts(x, t), x, variadic, "What is at the path.", `jsonb_extract_path('{"a": {"b": 5}}', 'a', 'b') → 5`)
		extractText := get(prefix+"_extract_path_text", ts(x, t), t, variadic, "What is at the path, as text.", `jsonb_extract_path_text('{"a": {"b": "c"}}', 'a', 'b') → c`)
		extract.Variadic, extractText.Variadic = true, true
		rows = append(rows, extract, extractText,
			fn(prefix+"_typeof", ts(x), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				j, err := in(a[0].S)
				return types.String(types.JSONBTypeof(j)), err
			}, "object, array, string, number, boolean or null.", ex("jsonb_typeof('-123.4') → number")),
			fn(prefix+"_array_length", ts(x), i4, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				j, err := in(a[0].S)
				if err != nil {
					return types.NullDatum, err
				}
				n, err := types.JSONBArrayLen(j)
				return asInt(int64(n), err)
			}, "Number of elements.", ex(`jsonb_array_length('[1,2,3,{"f1":1},4]') → 5`)),
			fn(prefix+"_strip_nulls", ts(x), x, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
				j, err := in(a[0].S)
				return types.String(types.JSONBStripNulls(j)), err
			}, "Without fields that are null.", ex(`jsonb_strip_nulls('{"a": 1, "b": null}') → {"a": 1}`)),
		)
	}
	return append(append(rows, jsonbRows()...), jsonBuildRows(jb)...)
}

// pathOf decodes a text[] path; ok is false if it has a NULL.
func pathOf(d types.Datum) (path []string, ok bool, err error) {
	a, err := types.DecodeArray(d.S)
	if err != nil {
		return nil, false, err
	}
	for _, e := range a.Elems {
		if e.Null {
			return nil, false, nil
		}
		path = append(path, e.S)
	}
	return path, true, nil
}

func jsonbRows() []Overload {
	t, i4, jb, bl := types.Text, types.Int4, types.JSONB, types.Bool
	keys := func(any bool) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			arr, err := types.DecodeArray(a[1].S)
			if err != nil {
				return types.NullDatum, err
			}
			for _, e := range arr.Elems {
				if !e.Null && types.JSONBExists(a[0].S, e.S) == any {
					return types.Boolean(any), nil
				}
			}
			return types.Boolean(!any), nil
		}
	}
	withPath := func(f func(a []types.Datum, path []string) (string, error)) func(*Ctx, []types.Datum) (types.Datum, error) {
		return func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			p, ok, err := pathOf(a[1])
			if err != nil {
				return types.NullDatum, err
			}
			if !ok {
				return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "path element at position 1 is null")
			}
			return asText(f(a, p))
		}
	}
	set := withPath(func(a []types.Datum, p []string) (string, error) {
		return types.JSONBSet(a[0].S, p, a[2].S, len(a) < 4 || a[3].I != 0)
	})
	insert := withPath(func(a []types.Datum, p []string) (string, error) {
		return types.JSONBInsert(a[0].S, p, a[2].S, len(a) > 3 && a[3].I != 0)
	})
	return []Overload{
		fn("@>", ts(jb, jb), bl, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Boolean(types.JSONBContains(a[0].S, a[1].S)), nil
		},
			"Whether the first contains the second.", `'{"a":1, "b":2}'::jsonb @> '{"b":2}'::jsonb → t`),
		fn("<@", ts(jb, jb), bl, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Boolean(types.JSONBContains(a[1].S, a[0].S)), nil
		},
			"Whether the second contains the first.", `'{"b":2}'::jsonb <@ '{"a":1, "b":2}'::jsonb → t`),
		fn("?", ts(jb, t), bl, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.Boolean(types.JSONBExists(a[0].S, a[1].S)), nil
		},
			"Whether the text is a key or an element.", `'{"a":1, "b":2}'::jsonb ? 'b' → t`),
		fn("?|", ts(jb, textArray), bl, keys(true), "Whether any of the texts is a key or an element.", `'{"a":1, "b":2}'::jsonb ?| '{b,d}' → t`),
		fn("?&", ts(jb, textArray), bl, keys(false), "Whether all of the texts are keys or elements.", `'["a", "b"]'::jsonb ?& '{a,b}' → t`),
		fn("||", ts(jb, jb), jb, func(_ *Ctx, a []types.Datum) (types.Datum, error) { return asText(types.JSONBConcat(a[0].S, a[1].S)) },
			"Both joined; of equal keys the second's value.", `'["a"]'::jsonb || '["b"]'::jsonb → ["a", "b"]`),
		fn("-", ts(jb, t), jb, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asText(types.JSONBDeleteKeys(a[0].S, []string{a[1].S}))
		},
			"Without a key or equal strings.", `'{"a": "b", "c": "d"}'::jsonb - 'a' → {"c": "d"}`),
		fn("-", ts(jb, textArray), jb, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			p, _, err := pathOf(a[1])
			if err != nil {
				return types.NullDatum, err
			}
			return asText(types.JSONBDeleteKeys(a[0].S, p))
		}, "Without the keys or equal strings.", ""),
		fn("-", ts(jb, i4), jb, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return asText(types.JSONBDeleteIndex(a[0].S, int(a[1].I)))
		},
			"Without an element.", `'["a", "b"]'::jsonb - 1 → ["a"]`),
		fn("#-", ts(jb, textArray), jb, withPath(func(a []types.Datum, p []string) (string, error) { return types.JSONBDeletePath(a[0].S, p) }),
			"Without what is at the path.", `'["a", {"b":1}]'::jsonb #- '{1,b}' → ["a", {}]`),
		fn("jsonb_set", ts(jb, textArray, jb), jb, set, "With what is at the path replaced or added.", `jsonb_set('{"a": 1}', '{a}', '2') → {"a": 2}`),
		fn("jsonb_set", ts(jb, textArray, jb, bl), jb, set, "With what is at the path replaced, or added if the flag says so.", ""),
		fn("jsonb_insert", ts(jb, textArray, jb), jb, insert, "With a value inserted at the path.", `jsonb_insert('{"a": [0,1,2]}', '{a, 1}', '"new"') → {"a": [0, "new", 1, 2]}`),
		fn("jsonb_insert", ts(jb, textArray, jb, bl), jb, insert, "With a value inserted before or after the path.", ""),
		fn("jsonb_pretty", ts(jb), t, text1(types.JSONBPretty), "Indented text.", ""),
	}
}

func jsonBuildRows(jb types.Type) []Overload {
	build := func(name string, ret types.Type, f func([]types.Datum, []types.Type, *types.Env) (string, error), doc, ex string) []Overload {
		o := Overload{Name: name, Args: ts(anyT), Variadic: true, Ret: ret, NotStrict: true, Volatility: Stable, Doc: doc, Example: ex}
		o.Bind = func(in []types.Type, ret types.Type) Kernel {
			return byDatumNulls(func(c *Ctx, a []types.Datum) (types.Datum, error) { return asText(f(a, in, c.Env)) })(ret)
		}
		none := o
		none.Args, none.Variadic, none.Example = nil, false, ""
		return []Overload{o, none}
	}
	conv := func(name string, arg, ret types.Type, f func(types.Datum, types.Type, *types.Env) (string, error), doc, ex string) Overload {
		o := Overload{Name: name, Args: ts(arg), Ret: ret, Volatility: Stable, Doc: doc, Example: ex}
		o.Bind = func(in []types.Type, ret types.Type) Kernel {
			return byDatum(func(c *Ctx, a []types.Datum) (types.Datum, error) { return asText(f(a[0], in[0], c.Env)) })(ret)
		}
		return o
	}
	rows := build("jsonb_build_array", jb, types.JSONBBuildArray, "Array of the arguments.", `jsonb_build_array(1, 2, 'foo', 4) → [1, 2, "foo", 4]`)
	rows = append(rows, build("jsonb_build_object", jb, buildObject, "Object of keys and values in turn.", `jsonb_build_object('foo', 1, 'bar', 2) → {"bar": 2, "foo": 1}`)...)
	rows = append(rows, build("json_build_array", types.JSON, types.JSONBuildArray, "Array of the arguments.", `json_build_array(1, 2, 'foo') → [1, 2, "foo"]`)...)
	rows = append(rows, build("json_build_object", types.JSON, types.JSONBuildObject, "Object of keys and values in turn.", `json_build_object('foo', 1, 'bar', 2) → {"foo" : 1, "bar" : 2}`)...)
	return append(rows,
		conv("to_jsonb", anyElement, jb, types.ToJSONB, "The value as jsonb.", `to_jsonb('Fred said "Hi."'::text) → "Fred said \"Hi.\""`),
		conv("to_json", anyElement, types.JSON, types.ToJSON, "The value as json.", ""),
		conv("array_to_json", anyArray, types.JSON, types.ToJSON, "The array as json.", "array_to_json('{1,2}'::int[]) → [1,2]"),
		conv("row_to_json", recordT, types.JSON, types.ToJSON, "The row as a json object.", ""),
	)
}

func buildObject(ds []types.Datum, in []types.Type, env *types.Env) (string, error) {
	if len(ds)%2 != 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of jsonb_build_object() must consist of alternating keys and values.")
	}
	for i := 0; i < len(ds); i += 2 {
		if ds[i].Null {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument %d: key must not be null", i+1)
		}
	}
	return types.JSONBBuildObject(ds, in, env)
}
