package bind

import (
	"strings"
	"time"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Set-returning functions become arrays that an Unnest expands: per row where
// their arguments come from a row, and one form for FROM and SELECT lists.

// seriesRowsMax bounds the array that a generate_series per row makes; a
// constant one in FROM is a Series node, which has no bound.
const seriesRowsMax = 1_000_000

// isSetFunc reports whether name gives rows.
func isSetFunc(name string) bool {
	if _, ok := emptySets[name]; ok {
		return true
	}
	return isComposite(name) || funcs.IsTableFunc(name) || setKernels[name] != nil || name == "generate_subscripts" || name == "explode"
}

// emptySets are functions of PostgreSQL that clients ask and that have nothing to
// tell here: there are no partitioned tables and no LISTEN.
var emptySets = map[string]struct {
	args   []types.Type
	elem   types.Type
	column string
}{
	"pg_partition_ancestors": {[]types.Type{types.Regclass}, types.Regclass, "relid"},
	"pg_listening_channels":  {nil, types.Text, "pg_listening_channels"},
}

type setKernel func(c *funcs.Ctx, ts []types.Type, args []types.Datum) ([]types.Datum, error)

var setKernels = map[string]setKernel{
	"generate_series": series,
	"jsonb_array_elements": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) ([]types.Datum, error) {
		return jsonElements(a[0].S, false)
	},
	"jsonb_array_elements_text": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) ([]types.Datum, error) {
		return jsonElements(a[0].S, true)
	},
	"json_array_elements": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) ([]types.Datum, error) {
		j, err := types.ParseJSONB(a[0].S)
		if err != nil {
			return nil, err
		}
		return jsonElements(j, false)
	},
	"json_array_elements_text": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) ([]types.Datum, error) {
		j, err := types.ParseJSONB(a[0].S)
		if err != nil {
			return nil, err
		}
		return jsonElements(j, true)
	},
	"string_to_table": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) (out []types.Datum, err error) {
		piece := func(s string) {
			d := types.String(s)
			if len(a) > 2 && !a[2].Null && a[2].S == s {
				d = types.NullDatum
			}
			out = append(out, d)
		}
		switch {
		case a[0].S == "":
		case a[1].Null:
			for _, r := range a[0].S {
				piece(string(r))
			}
		case a[1].S == "":
			piece(a[0].S)
		default:
			for _, p := range strings.Split(a[0].S, a[1].S) {
				piece(p)
			}
		}
		return out, nil
	},
	"regexp_split_to_table": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) ([]types.Datum, error) {
		flags := ""
		if len(a) > 2 {
			flags = a[2].S
		}
		return funcs.RegexSplit("regexp_split_to_table", a[0].S, a[1].S, flags)
	},
	"jsonb_object_keys": func(_ *funcs.Ctx, _ []types.Type, a []types.Datum) (out []types.Datum, err error) {
		if types.JSONBTypeof(a[0].S) != "object" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot call jsonb_object_keys on a non-object")
		}
		types.JSONBEach(a[0].S, func(key, _ string) bool {
			out = append(out, types.String(key))
			return true
		})
		return out, nil
	},
}

func jsonElements(j string, text bool) (out []types.Datum, err error) {
	if kind := types.JSONBTypeof(j); kind != "array" {
		if kind == "object" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from an object")
		}
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot extract elements from a scalar")
	}
	types.JSONBElements(j, func(e string) bool {
		if text {
			s, null := types.JSONBText(e)
			if null {
				out = append(out, types.NullDatum)
			} else {
				out = append(out, types.String(s))
			}
		} else {
			out = append(out, types.String(e))
		}
		return true
	})
	return out, nil
}

// series is generate_series as a list.
func series(c *funcs.Ctx, ts []types.Type, a []types.Datum) (out []types.Datum, err error) {
	t := ts[0]
	at, stop := a[0], a[1]
	zero := types.Int(0)
	step := types.Int(1)
	if t.OID == types.OIDNumeric {
		step, zero = types.NumericFromInt(1), types.NumericFromInt(0)
	}
	if len(a) > 2 {
		step = a[2]
	}
	if err := funcs.CheckSeries(t, at, stop, step); err != nil {
		return nil, err
	}
	up := true
	var iv types.IntervalValue
	switch t.OID {
	case types.OIDTimestamp, types.OIDTimestamptz:
		iv = types.DecodeInterval(step.S)
		size := int64(iv.Months)*30*86400e6 + int64(iv.Days)*86400e6 + iv.Micros
		if size == 0 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
		}
		up = size > 0
	default:
		cmp := types.Compare(step, zero, t)
		if cmp == 0 {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
		}
		up = cmp > 0
	}
	for {
		if cmp := types.Compare(at, stop, t); up && cmp > 0 || !up && cmp < 0 {
			return out, nil
		}
		if len(out) >= seriesRowsMax {
			return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "generate_series gives more than %d rows for one row", seriesRowsMax)
		}
		out = append(out, at)
		switch t.OID {
		case types.OIDTimestamp:
			at.I, err = types.TimestampAdd(at.I, iv)
		case types.OIDTimestamptz:
			at.I, err = types.TimestamptzAdd(at.I, iv, zoneOf(c))
		case types.OIDNumeric:
			at, err = types.NumericAdd(at, step)
		default:
			next := at.I + step.I
			if next > at.I != up {
				return out, nil
			}
			at.I = next
		}
		if err != nil {
			return nil, err
		}
	}
}

func zoneOf(c *funcs.Ctx) *time.Location {
	if c.Env == nil || c.Env.TimeZone == nil {
		return time.UTC
	}
	return c.Env.TimeZone
}

// setArray binds a call of a set-returning function to the array of its set.
func (x *exprs) setArray(name string, args []expr.Expr, argPos []int, pos int) (expr.Expr, error) {
	switch name {
	case "unnest", "explode":
		if len(args) == 1 && x.typeOf(args[0]).IsArray() {
			return args[0], nil
		}
		if len(args) > 1 && name == "unnest" {
			return nil, unsupported(pos, "unnest() of several arrays")
		}
		_, err := funcs.ResolveTable("unnest", x.typesOf(args))
		if err == nil {
			return x.coerce(args[0], types.TextArray, types.CastImplicit, argPos[0])
		}
		return nil, at(err, pos)
	case "generate_subscripts":
		if len(args) != 2 {
			_, err := funcs.ResolveFunc(name, x.typesOf(args))
			return nil, at(err, pos)
		}
		lo, err := x.named("array_lower", args, pos)
		if err != nil {
			return nil, err
		}
		hi, err := x.named("array_upper", args, pos)
		if err != nil {
			return nil, err
		}
		return x.setArray("generate_series", []expr.Expr{lo, hi}, argPos, pos)
	}
	if isComposite(name) {
		return x.composite(name, args, argPos, pos)
	}
	if s, ok := emptySets[name]; ok && len(args) == len(s.args) {
		out := make([]expr.Expr, len(args))
		for i, a := range args {
			var err error
			if out[i], err = x.coerce(a, s.args[i], types.CastImplicit, argPos[i]); err != nil {
				return nil, err
			}
		}
		none := func(*funcs.Ctx, []types.Type, []types.Datum) ([]types.Datum, error) { return nil, nil }
		return setCall(name, none, out, s.args, s.elem, pos), nil
	}
	res, err := funcs.ResolveTable(name, x.typesOf(args))
	if err != nil {
		return nil, at(err, pos)
	}
	k := setKernels[name]
	if k == nil || len(res.Ret) != 1 {
		return nil, unsupported(pos, "set-returning function %s()", name)
	}
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		if out[i], err = x.coerce(a, res.ArgTypes[i], types.CastImplicit, argPos[i]); err != nil {
			return nil, err
		}
	}
	return setCall(name, k, out, res.ArgTypes, res.Ret[0], pos), nil
}

// setCall is a call that gives the set as an array of elem.
func setCall(name string, k setKernel, args []expr.Expr, argTypes []types.Type, elem types.Type, pos int) expr.Expr {
	ret := types.ArrayOf(elem)
	// string_to_table splits into characters where the separator is NULL.
	fn := &funcs.Overload{Inline: true, Name: name, Args: argTypes, Ret: ret, NotStrict: name == "string_to_table",
		Kernel: setKernelOf(elem, ret, name == "string_to_table", k, argTypes)}
	return &expr.Call{Fn: fn, Args: args, Typ: ret, Pos: pos}
}

// setKernelOf makes the kernel of a function whose result ret is an array of what
// k gives. firstOnly: only a NULL as the first argument makes the result NULL.
func setKernelOf(elem, ret types.Type, firstOnly bool, k setKernel, argTypes []types.Type) funcs.Kernel {
	return func(c *funcs.Ctx, n int, in []*vec.Vec) *vec.Vec {
		b := vec.NewBuilder(ret, n)
		ds := make([]types.Datum, len(in))
		for i := range n {
			null := false
			for k, v := range in {
				ds[k] = v.Datum(i)
				null = null || ds[k].Null && (!firstOnly || k == 0)
			}
			if null {
				b.Null()
				continue
			}
			elems, err := k(c, argTypes, ds)
			if err != nil {
				c.Fail(i, sqlerr.From(err))
				b.Null()
				continue
			}
			b.Bytes(types.AppendArray(nil, arrayOfElems(elem, elems)))
		}
		return b.Finish()
	}
}

func arrayOfElems(elem types.Type, elems []types.Datum) *types.Array {
	a := &types.Array{Elem: elem, Elems: elems}
	if len(elems) > 0 {
		a.Dims, a.Lower = []int32{int32(len(elems))}, []int32{1}
	}
	return a
}

func (x *exprs) setReturning(e *ast.Func, name string, args []expr.Expr, pos []int) (expr.Expr, error) {
	if !x.sets {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "set-returning functions are not allowed in %s", x.where).At(e.Pos)
	}
	array, err := x.setArray(name, args, pos, e.Pos)
	if err != nil {
		return nil, err
	}
	return &setReturning{Const: typed(types.ElemOf(array.Type())), array: array, name: name, pos: e.Pos}, nil
}
