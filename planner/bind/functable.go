package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
)

// funcTable binds a function in FROM.
func (b *binder) funcTable(t *ast.FuncTable, in *scope, s *scope) (*item, error) {
	if len(t.Funcs) != 1 {
		return b.setsTable(t, &exprs{binder: b, s: &scope{parent: in, ctes: s.ctes}, where: "functions in FROM"})
	}
	call, ok := t.Funcs[0].Call.(*ast.Func)
	if ok && call.Form == ast.FormPlain {
		switch name := call.Name.Base(); name {
		case "tumble", "hop":
			return b.windowTable(t, call, name == "hop", s)
		case "cumulate", "session", "changelog":
			return nil, unsupported(t.Pos, "%s()", name)
		}
	}
	x := &exprs{binder: b, s: &scope{parent: in, ctes: s.ctes}, where: "functions in FROM"}
	defs := t.Funcs[0].Defs
	if t.Alias != nil {
		defs = append(defs, t.Alias.Defs...)
	}
	if ok {
		_, record := recordFuncs[call.Name.Base()]
		switch {
		case record || len(defs) > 0:
			return b.recordTable(t, call, defs, x)
		case call.Name.Base() == "unnest" && len(call.Args) > 1:
			return b.setsTable(t, x)
		case relationFuncs[call.Name.Base()] != "" && len(call.Args) == 0:
			return b.relationFunc(t, call, s)
		}
	}
	name := outputName(t.Funcs[0].Call)
	if ok && isSetFunc(call.Name.Base()) && call.Over == nil {
		return b.setTable(t, call, x)
	}
	v, err := x.value(t.Funcs[0].Call)
	if err != nil {
		return nil, err
	}
	if err := noSubquery(v, "functions in FROM"); err != nil {
		return nil, err
	}
	exprs, names := []expr.Expr{v}, []string{name}
	if t.Ordinality {
		exprs, names = append(exprs, &expr.Const{Typ: types.Int8, Val: types.Int(1)}), append(names, "ordinality")
	}
	return functionItem(plan.NewProject(oneRow(), exprs, names), t, name)
}

// functionItem names a function's result: an alias without columns names both
// the relation and its one column.
func functionItem(n plan.Node, t *ast.FuncTable, name string) (*item, error) {
	if t.Alias != nil && t.Alias.Name != "" && len(t.Alias.Columns) == 0 && len(t.Alias.Defs) == 0 {
		names := plan.ColumnNames(n)
		names[0] = t.Alias.Name
		it := itemOf(plan.NewProject(n, plan.Refs(n), names), t.Alias.Name, nil)
		it.tables[0].scalar = len(names) == 1
		return it, nil
	}
	it, err := aliased(n, t.Alias, name, t.Pos)
	if err == nil {
		it.tables[0].scalar = len(n.Columns()) == 1
	}
	return it, err
}

func (b *binder) setTable(t *ast.FuncTable, call *ast.Func, x *exprs) (*item, error) {
	name := call.Name.Base()
	args, pos, err := x.args(call)
	if err != nil {
		return nil, err
	}
	for _, a := range args {
		if err := noSubquery(a, "functions in FROM"); err != nil {
			return nil, err
		}
	}
	if name == "generate_series" && !t.Ordinality && len(args) >= 2 && constantArgs(args) {
		n, err := b.seriesNode(x, args, pos, call.Pos)
		if err != nil {
			return nil, err
		}
		return functionItem(n, t, name)
	}
	array, err := x.setArray(name, args, pos, call.Pos)
	if err != nil {
		return nil, err
	}
	column := name
	switch name {
	case "jsonb_array_elements", "jsonb_array_elements_text", "json_array_elements", "json_array_elements_text":
		column = "value"
	}
	if s, ok := emptySets[name]; ok {
		column = s.column
	}
	u := plan.NewUnnest(oneRow(), array, column, t.Ordinality, false)
	if s := shapeOf(types.ElemOf(array.Type())); s != nil {
		return fieldItem(u, t, name, s.names, s.fields)
	}
	if len(appendOuters(nil, array, nil)) == 0 {
		return functionItem(plan.NewProject(u, plan.Refs(u)[1:], nil), t, name)
	}
	// Kept in the shape that a lateral join recognises: the one row's column is
	// not named.
	it, err := functionItem(plan.NewProject(u, plan.Refs(u)[1:], nil), t, name)
	if err != nil {
		return nil, err
	}
	full := &item{node: u}
	for _, ref := range it.tables {
		c := *ref
		c.cols = shiftNamed(ref.cols, 1)
		full.tables = append(full.tables, &c)
	}
	full.star = shiftNamed(it.star, 1)
	return full, nil
}

func constantArgs(args []expr.Expr) bool {
	for _, a := range args {
		if len(expr.ColumnsUsed(a)) > 0 || len(appendOuters(nil, a, nil)) > 0 {
			return false
		}
	}
	return true
}

func (b *binder) seriesNode(x *exprs, args []expr.Expr, pos []int, at0 int) (plan.Node, error) {
	a, err := x.setArray("generate_series", args, pos, at0)
	if err != nil {
		return nil, err
	}
	bounds := a.(*expr.Call).Args
	n := &plan.Series{From: bounds[0], To: bounds[1]}
	if len(bounds) > 2 {
		n.Step = bounds[2]
	}
	n.Cols = []plan.Column{{Name: "generate_series", Type: types.ElemOf(a.Type())}}
	plan.Derive(n)
	return n, nil
}

// relationFuncs are functions whose rows PostgreSQL shows as a relation too.
var relationFuncs = map[string]string{
	"pg_show_all_settings": "pg_settings", "pg_available_extensions": "pg_available_extensions", "pg_timezone_names": "pg_timezone_names",
	"pg_timezone_abbrevs": "pg_timezone_abbrevs", "pg_cursor": "pg_cursors", "pg_prepared_statement": "pg_prepared_statements",
}

func (b *binder) relationFunc(t *ast.FuncTable, call *ast.Func, s *scope) (*item, error) {
	name := call.Name.Base()
	r := &ast.Relation{Pos: t.Pos, Name: ast.Name{Parts: []string{"pg_catalog", relationFuncs[name]}, Pos: call.Pos}, Alias: t.Alias}
	if t.Ordinality {
		return nil, unsupported(t.Pos, "WITH ORDINALITY of %s()", name)
	}
	if r.Alias == nil {
		r.Alias = &ast.Alias{Pos: t.Pos, Name: name}
	}
	return b.relation(r, s)
}
