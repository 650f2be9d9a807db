package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// sideBySide expands several sets, given as arrays over the row of n, in step: the
// shorter ones are followed by NULLs. It returns the node, whose last column counts
// the rows from 1, and the columns of the sets.
func (x *exprs) sideBySide(n plan.Node, arrays []expr.Expr, pos int) (plan.Node, []expr.Expr, error) {
	one := &expr.Const{Typ: types.Int4, Val: types.Int(1)}
	zero := &expr.Const{Typ: types.Int4, Val: types.Int(0)}
	lists, lengths := make([]expr.Expr, len(arrays)), make([]expr.Expr, len(arrays))
	for i, a := range arrays {
		lists[i] = elements(a)
		size, err := x.named("cardinality", []expr.Expr{a}, pos)
		if err != nil {
			return nil, nil, err
		}
		lengths[i] = &expr.Coalesce{Args: []expr.Expr{size, zero}, Typ: types.Int4}
	}
	longest := &expr.MinMax{Args: lengths, Greatest: true, Typ: types.Int4}
	series, err := x.setArray("generate_series", []expr.Expr{one, longest}, []int{0, 0}, pos)
	if err != nil {
		return nil, nil, err
	}
	u := plan.NewUnnest(n, series, "n", false, false)
	count := plan.Ref(u, len(u.Columns())-1)
	out := make([]expr.Expr, len(arrays))
	for i, l := range lists {
		if out[i], err = x.named("subscript", []expr.Expr{l, count}, pos); err != nil {
			return nil, nil, err
		}
		if c, ok := out[i].(*expr.Call); ok && shapeOf(types.ElemOf(l.Type())) != nil {
			c.Typ = types.ElemOf(l.Type()) // with the names of its fields
		}
	}
	return u, out, nil
}

// elements is the array a as a list: one dimension, counted from 1.
func elements(a expr.Expr) expr.Expr {
	t := a.Type()
	if t.IsVector() {
		t = types.ArrayOf(types.ElemOf(t))
	}
	fn := &funcs.Overload{Inline: true, Name: "elements", Args: []types.Type{a.Type()}, Ret: t, Kernel: setKernelOf(types.ElemOf(t), t, false,
		func(_ *funcs.Ctx, _ []types.Type, in []types.Datum) ([]types.Datum, error) {
			d, err := types.DecodeArray(in[0].S)
			return d.Elems, err
		}, []types.Type{a.Type()})}
	return &expr.Call{Fn: fn, Args: []expr.Expr{a}, Typ: t}
}

// setsTable binds ROWS FROM (f(…), g(…)) and unnest of several arrays.
func (b *binder) setsTable(t *ast.FuncTable, x *exprs) (*item, error) {
	var arrays []expr.Expr
	var names []string
	for _, f := range t.Funcs {
		call, ok := f.Call.(*ast.Func)
		if !ok || call.Over != nil || len(f.Defs) > 0 || !isSetFunc(call.Name.Base()) {
			return nil, unsupported(f.Call.Position(), "this function in ROWS FROM of several functions")
		}
		name := call.Name.Base()
		args, pos, err := x.args(call)
		if err != nil {
			return nil, err
		}
		groups, at := [][]expr.Expr{args}, [][]int{pos}
		if name == "unnest" && len(args) > 1 {
			groups, at = nil, nil
			for i := range args {
				groups, at = append(groups, args[i:i+1]), append(at, pos[i:i+1])
			}
		}
		for i, g := range groups {
			for _, a := range g {
				if err := noSubquery(a, "functions in FROM"); err != nil {
					return nil, err
				}
			}
			a, err := x.setArray(name, g, at[i], call.Pos)
			if err != nil {
				return nil, err
			}
			arrays, names = append(arrays, a), append(names, name)
		}
	}
	n, cols, err := x.sideBySide(oneRow(), arrays, t.Pos)
	if err != nil {
		return nil, err
	}
	var exprs []expr.Expr
	var out []string
	for i, c := range cols {
		s := shapeOf(c.Type())
		if s == nil {
			exprs, out = append(exprs, c), append(out, names[i])
			continue
		}
		for k, name := range s.names {
			exprs, out = append(exprs, field(c, k, name, s.fields[k])), append(out, name)
		}
	}
	if t.Ordinality {
		count := &expr.Column{Idx: len(n.Columns()) - 1, Typ: types.Int4}
		o, err := x.coerce(count, types.Int8, types.CastImplicit, t.Pos)
		if err != nil {
			return nil, err
		}
		exprs, out = append(exprs, o), append(out, "ordinality")
	}
	return aliased(plan.NewProject(n, exprs, out), t.Alias, names[0], t.Pos)
}
