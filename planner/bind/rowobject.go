package bind

import (
	"strings"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// rowConverters make JSON of whole rows; true: of json, which keeps the order of
// columns, false: of jsonb.
var rowConverters = map[string]bool{
	"to_jsonb": false, "to_json": true, "row_to_json": true, "jsonb_agg": false, "json_agg": true,
	"jsonb_build_array": false, "json_build_array": true, "jsonb_build_object": false, "json_build_object": true,
}

// rowsAsObjects replaces the rows of relations among the arguments of a function
// that makes JSON by objects with the names of their columns: a record's value
// knows only positions.
func rowsAsObjects(function string, args []expr.Expr) {
	keepsOrder, ok := rowConverters[function]
	if !ok {
		return
	}
	for i, a := range args {
		if r, ok := a.(*expr.RowOf); ok && len(r.Names) > 0 {
			args[i] = rowObject(r, keepsOrder)
		}
	}
}

func rowObject(r *expr.RowOf, keepsOrder bool) expr.Expr {
	ret := types.JSONB
	if keepsOrder {
		ret = types.JSON
	}
	in := make([]types.Type, len(r.Args))
	args := make([]expr.Expr, len(r.Args))
	for i, a := range r.Args {
		if inner, ok := a.(*expr.RowOf); ok && len(inner.Names) > 0 {
			a = rowObject(inner, keepsOrder)
		}
		args[i], in[i] = a, a.Type()
	}
	names := r.Names
	fn := &funcs.Overload{Name: "row_to_json " + strings.Join(names, " "), Args: in, Ret: ret, NotStrict: true, Volatility: funcs.Stable, Kernel: func(c *funcs.Ctx, n int, cols []*vec.Vec) *vec.Vec {
		b := vec.NewBuilder(ret, n)
		for i := range n {
			text, err := objectText(c, names, in, cols, i)
			if err == nil && !keepsOrder {
				text, err = types.ParseJSONB(text)
			}
			if err != nil {
				c.Fail(i, sqlerr.From(err))
				b.Null()
				continue
			}
			b.Bytes([]byte(text))
		}
		return b.Finish()
	}}
	return &expr.Call{Fn: fn, Args: args, Typ: ret}
}

// objectText is row i of cols as PostgreSQL's row_to_json writes it.
func objectText(c *funcs.Ctx, names []string, in []types.Type, cols []*vec.Vec, i int) (string, error) {
	var b strings.Builder
	b.WriteByte('{')
	for k, v := range cols {
		if k > 0 {
			b.WriteByte(',')
		}
		key, err := types.ToJSON(types.String(names[k]), types.Text, c.Env)
		if err != nil {
			return "", err
		}
		b.WriteString(key + ":")
		d := v.Datum(i)
		value := "null"
		if !d.Null {
			if value, err = types.ToJSON(d, in[k], c.Env); err != nil {
				return "", err
			}
		}
		b.WriteString(value)
	}
	b.WriteByte('}')
	return b.String(), nil
}
