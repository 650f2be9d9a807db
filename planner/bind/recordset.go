package bind

import (
	"strings"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// recordFuncs make rows of JSON objects; the query says their columns. true: of an
// array of objects.
var recordFuncs = map[string]bool{
	"json_to_record": false, "jsonb_to_record": false, "json_to_recordset": true, "jsonb_to_recordset": true,
}

// recordTable binds f(json) AS x(a int, b text).
func (b *binder) recordTable(t *ast.FuncTable, call *ast.Func, defs []ast.AliasDef, x *exprs) (*item, error) {
	name := call.Name.Base()
	many, ok := recordFuncs[name]
	if !ok {
		return nil, sqlerr.New(sqlerr.SyntaxError, "a column definition list is only allowed for functions returning \"record\"").At(t.Pos)
	}
	if len(defs) == 0 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "a column definition list is required for functions returning \"record\"").At(call.Pos)
	}
	args, pos, err := x.args(call)
	if err != nil {
		return nil, err
	}
	in := types.JSON
	if strings.HasPrefix(name, "jsonb") {
		in = types.JSONB
	}
	if len(args) != 1 {
		_, err := funcs.ResolveFunc(name, x.typesOf(args))
		return nil, at(err, call.Pos)
	}
	arg, err := x.coerce(args[0], in, types.CastImplicit, pos[0])
	if err != nil {
		return nil, err
	}
	if err := noSubquery(arg, "functions in FROM"); err != nil {
		return nil, err
	}
	names, fields := make([]string, len(defs)), make([]types.Type, len(defs))
	signature := name
	for i, d := range defs {
		names[i] = d.Name.Name
		if fields[i], err = b.typeName(d.Type); err != nil {
			return nil, err
		}
		if fields[i].IsArray() {
			return nil, unsupported(d.Type.Pos, "an array in a column definition list")
		}
		signature += " " + ast.QuoteIdent(names[i]) + " " + fields[i].String()
	}
	k := func(c *funcs.Ctx, _ []types.Type, a []types.Datum) (out []types.Datum, err error) {
		j := a[0].S
		if in.OID == types.OIDJSON {
			if j, err = types.ParseJSONB(j); err != nil {
				return nil, err
			}
		}
		objects := []types.Datum{types.String(j)}
		if many {
			if types.JSONBTypeof(j) != "array" {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-array", name)
			}
			if objects, err = jsonElements(j, false); err != nil {
				return nil, err
			}
		}
		for _, o := range objects {
			row, err := objectFields(c, name, o.S, names, fields)
			if err != nil {
				return nil, err
			}
			out = append(out, types.Datum{S: string(types.AppendRecord(nil, fields, row))})
		}
		return out, nil
	}
	array := setCall(signature, k, []expr.Expr{arg}, []types.Type{in}, types.Record, call.Pos)
	if !many { // NULL is a row of NULLs
		nulls := make([]types.Datum, len(fields))
		for i := range nulls {
			nulls[i] = types.NullDatum
		}
		one := types.ArrayDatum(types.NewArray(types.Record, recordsOf(fields, [][]types.Datum{nulls})))
		array = &expr.Coalesce{Args: []expr.Expr{array, &expr.Const{Typ: array.Type(), Val: one}}, Typ: array.Type()}
	}
	u := plan.NewUnnest(oneRow(), array, name, t.Ordinality, false)
	plain := *t
	if t.Alias != nil {
		a := *t.Alias
		a.Defs = nil
		plain.Alias = &a
	}
	return fieldItem(u, &plain, name, names, fields)
}

// objectFields reads the fields of a JSON object into their types; what is absent
// is NULL.
func objectFields(c *funcs.Ctx, function, object string, names []string, fields []types.Type) ([]types.Datum, error) {
	if types.JSONBTypeof(object) != "object" {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a scalar", function)
	}
	row := make([]types.Datum, len(fields))
	for i := range row {
		row[i] = types.NullDatum
	}
	var failed error
	types.JSONBEach(object, func(key, value string) bool {
		for i, n := range names {
			if n != key {
				continue
			}
			if t := fields[i]; t.OID == types.OIDJSONB || t.OID == types.OIDJSON {
				row[i] = types.String(value) // what a document holds is one
			} else if s, null := types.JSONBText(value); !null {
				row[i], failed = types.ParseText(s, t, c.Env)
			}
			if failed == nil && !row[i].Null {
				row[i], failed = types.CoerceTypmod(row[i], fields[i], true)
			}
		}
		return failed == nil
	})
	return row, failed
}
