package bind

import (
	"strconv"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

func itoa(i int) string { return strconv.Itoa(i) }

// output is an item of a select list.
type output struct {
	name string
	e    expr.Expr
	pos  int
}

// selection is a SELECT on its way from FROM to its output. Expressions are
// bound over the row of FROM; grouping, windows and set-returning functions each
// change the row and map the expressions to the new one.
type selection struct {
	*binder
	sel   *ast.Select
	s     *scope
	r     *row
	outs  []output
	order []sortKey
	// orderOut[i] is the output that order[i] names, -1 = an expression.
	orderPos []int
	on       []expr.Expr // DISTINCT ON
	having   expr.Expr
}

func (b *binder) selectQuery(q *ast.Select, orderBy []ast.SortItem, parent *scope, ctes *cteList) (*bound, error) {
	if q.Into != nil {
		return nil, unsupported(q.Into.Pos, "SELECT INTO").WithHint("Write CREATE TABLE … AS SELECT ….")
	}
	if len(q.PartitionBy) > 0 {
		return nil, unsupported(q.PartitionBy[0].Position(), "PARTITION BY of a query")
	}
	s := &scope{parent: parent, ctes: ctes}
	from, err := b.from(q.From, s)
	if err != nil {
		return nil, err
	}
	if from == nil {
		from = &item{node: oneRow()}
	}
	s.from = from
	l := &selection{binder: b, sel: q, s: s, r: &row{node: from.node, scope: s}}
	if err := l.streamWindow(); err != nil {
		return nil, err
	}
	steps := []func() error{
		l.where,
		l.items,
		func() error { return l.orderBy(orderBy) },
		l.keepOrder,
		l.distinctOn,
		l.group,
		l.windows,
		l.sets,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l.finish()
}

func (l *selection) exprs(where string) *exprs {
	return &exprs{binder: l.binder, s: l.s, where: where, windowDefs: l.sel.Windows}
}

func (l *selection) where() error {
	if l.sel.Where == nil {
		return nil
	}
	cond, err := l.exprs("WHERE").timedCondition(l.sel.Where, "WHERE")
	if err != nil {
		return err
	}
	return l.r.filter(cond)
}

func (l *selection) items() error {
	x := l.exprs("SELECT")
	x.aggs, x.windows, x.sets = true, true, true
	for _, it := range l.sel.Items {
		if ref, ok := it.X.(*ast.ColumnRef); ok && ref.Star {
			cols, err := l.s.expand(ref)
			if err != nil {
				return err
			}
			for _, c := range cols {
				l.outs = append(l.outs, output{c.name, c.e, ref.Pos})
			}
			continue
		}
		if f, ok := it.X.(*ast.FieldSelect); ok && f.Star && !f.Arrow {
			names, exprs, err := x.fields(f)
			if err != nil {
				return err
			}
			for i, e := range exprs {
				l.outs = append(l.outs, output{names[i], e, f.Pos})
			}
			continue
		}
		v, err := x.bind(it.X)
		if err != nil {
			return err
		}
		name := it.Alias
		if name == "" {
			name = outputName(it.X)
		}
		l.outs = append(l.outs, output{name, v, it.X.Position()})
	}
	return nil
}

// outputName is the name that a column gets without AS.
func outputName(e ast.Expr) string {
	name, _ := figureName(e)
	if name == "" {
		return "?column?"
	}
	return name
}

// figureName gives the name and how much it says: 2 a name, 1 only a type.
func figureName(e ast.Expr) (string, int) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		if len(e.Parts) > 0 {
			return e.Parts[len(e.Parts)-1], 2
		}
	case *ast.FieldSelect:
		return e.Field, 2
	case *ast.Subscript:
		return figureName(e.X)
	case *ast.Collate:
		return figureName(e.X)
	case *ast.Func:
		return e.Name.Base(), 2
	case *ast.Cast:
		if name, n := figureName(e.X); n == 2 {
			return name, n
		}
		name := e.Type.Name.Base()
		if t, ok := types.Lookup(name); ok && name != "char" {
			if i := types.InfoOf(t.OID); i != nil {
				name = i.Name
			}
		}
		return name, 1
	case *ast.Case:
		if name, n := figureNameOpt(e.Else); n == 2 {
			return name, n
		}
		return "case", 1
	case *ast.Array:
		return "array", 2
	case *ast.Row:
		return "row", 2
	case *ast.Subquery:
		switch e.Kind {
		case ast.SubqueryExists:
			return "exists", 2
		case ast.SubqueryArray:
			return "array", 2
		}
		if s, ok := e.Query.Body.(*ast.Select); ok && len(s.Items) > 0 {
			if s.Items[0].Alias != "" {
				return s.Items[0].Alias, 2
			}
			return figureName(s.Items[0].X)
		}
	}
	return "", 0
}

func figureNameOpt(e ast.Expr) (string, int) {
	if e == nil {
		return "", 0
	}
	return figureName(e)
}

func (l *selection) outputColumns() []plan.Column {
	cols := make([]plan.Column, len(l.outs))
	for i, o := range l.outs {
		cols[i] = plan.Column{Name: o.name}
	}
	return cols
}

// sortItem binds an item of ORDER BY or DISTINCT ON: an ordinal or an output
// name first, then an expression over the input.
func (l *selection) sortItem(e ast.Expr, clause string) (expr.Expr, int, error) {
	i, err := outputColumn(e, l.distinctNames(), clause)
	if err != nil {
		return nil, -1, err
	}
	if i >= 0 {
		v, err := l.settle(l.outs[i].e, e.Position())
		l.outs[i].e = v
		return v, i, err
	}
	x := l.exprs(clause)
	x.aggs, x.windows, x.sets = true, true, true
	v, err := x.value(e)
	if err != nil {
		return nil, -1, err
	}
	for i, o := range l.outs {
		if same(o.e, v) {
			return o.e, i, nil
		}
	}
	return v, -1, nil
}

// distinctNames are the output columns with equal ones under one name: ORDER BY
// a is not ambiguous in SELECT a, a.
func (l *selection) distinctNames() []plan.Column {
	cols := l.outputColumns()
	for i := range cols {
		for k := range i {
			if cols[k].Name == cols[i].Name && same(l.outs[k].e, l.outs[i].e) {
				cols[i].Name = ""
			}
		}
	}
	return cols
}

func (l *selection) orderBy(items []ast.SortItem) error {
	for _, it := range items {
		v, _, err := l.sortItem(it.X, "ORDER BY")
		if err != nil {
			return err
		}
		k, err := sortKeyOf(v, it)
		if err != nil {
			return err
		}
		l.order = append(l.order, k)
		l.orderPos = append(l.orderPos, it.X.Position())
	}
	return nil
}

// keepOrder gives rows that are only filtered and computed from a subquery its order.
func (l *selection) keepOrder() error {
	if len(l.sel.From) != 1 || len(l.order) > 0 || len(l.s.from.order) == 0 || l.sel.Distinct || len(l.sel.GroupBy) > 0 || l.sel.Having != nil || l.anyExpr(hasAggregate) {
		return nil
	}
	for _, k := range l.s.from.order {
		l.order, l.orderPos = append(l.order, k), append(l.orderPos, 0)
	}
	return nil
}

func (l *selection) distinctOn() error {
	for _, e := range l.sel.DistinctOn {
		v, _, err := l.sortItem(e, "DISTINCT ON")
		if err != nil {
			return err
		}
		l.on = append(l.on, v)
	}
	// The leading ORDER BY items must be these, in any order.
	for i, k := range l.order {
		if i >= len(l.on) {
			break
		}
		found := false
		for _, o := range l.on {
			found = found || same(o, k.e)
		}
		if !found {
			return sqlerr.New(sqlerr.InvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions").
				At(l.sel.DistinctOn[0].Position())
		}
	}
	return nil
}

// each expression of the output, mapped.
func (l *selection) mapExprs(g func(expr.Expr) (expr.Expr, error)) error {
	var err error
	// What was one expression stays one, so that ORDER BY 1 finds its column.
	done := map[expr.Expr]expr.Expr{}
	f := func(e expr.Expr) (expr.Expr, error) {
		if m, ok := done[e]; ok {
			return m, nil
		}
		m, err := g(e)
		done[e] = m
		return m, err
	}
	for i := range l.outs {
		if l.outs[i].e, err = f(l.outs[i].e); err != nil {
			return at(err, l.outs[i].pos)
		}
	}
	for i := range l.order {
		if l.order[i].e, err = f(l.order[i].e); err != nil {
			return at(err, l.orderPos[i])
		}
	}
	for i := range l.on {
		if l.on[i], err = f(l.on[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *selection) anyExpr(f func(expr.Expr) bool) bool {
	for _, o := range l.outs {
		if f(o.e) {
			return true
		}
	}
	for _, k := range l.order {
		if f(k.e) {
			return true
		}
	}
	return false
}

// finish computes the output and, behind it, what only orders it.
func (l *selection) finish() (*bound, error) {
	distinct := l.sel.Distinct && len(l.on) == 0
	if distinct || len(l.on) > 0 {
		for i := range l.outs {
			v, err := l.settle(l.outs[i].e, l.outs[i].pos)
			if err != nil {
				return nil, err
			}
			l.outs[i].e = v
		}
	}
	exprs, names := make([]expr.Expr, len(l.outs)), make([]string, len(l.outs))
	for i, o := range l.outs {
		exprs[i], names[i] = o.e, o.name
	}
	column := func(e expr.Expr) int {
		for i, have := range exprs {
			if same(have, e) {
				return i
			}
		}
		exprs, names = append(exprs, e), append(names, "")
		return len(exprs) - 1
	}
	var order []plan.Order
	for i, k := range l.order {
		c := column(k.e)
		if distinct && c >= len(l.outs) {
			return nil, sqlerr.New(sqlerr.InvalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list").At(l.orderPos[i])
		}
		order = append(order, plan.Order{Col: c, Desc: k.desc, NullsFirst: k.nullsFirst})
	}
	var on []int
	for _, e := range l.on {
		on = append(on, column(e))
	}
	for i := range exprs {
		var err error
		if exprs[i], err = l.r.lower(exprs[i]); err != nil {
			return nil, err
		}
		if exprs[i].Type().OID == types.OIDJSON && distinct {
			return nil, sqlerr.New(sqlerr.UndefinedFunction, "could not identify an equality operator for type json").At(l.outs[i].pos)
		}
	}
	if len(exprs) == 0 {
		exprs, names = []expr.Expr{boolConst(true)}, []string{""}
	}
	var n plan.Node = plan.NewProject(l.r.node, exprs, names)
	switch {
	case distinct:
		n = plan.NewDistinct(n)
	case len(on) > 0:
		n = plan.NewTopN(&plan.TopN{In: n, Partition: on, OrderBy: order, Limit: 1}, "")
	}
	return &bound{node: n, visible: len(l.outs), order: order}, nil
}
