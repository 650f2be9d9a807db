package bind

import (
	"slices"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Insert binds INSERT.
func Insert(q *ast.Insert, opt Options) (*DML, error) {
	b := newBinder(opt)
	b.eventTime = nil
	o, err := b.target(q.Table, "insert into")
	if err != nil {
		return nil, err
	}
	if len(q.Options) > 0 {
		return nil, unsupported(q.Options[0].Pos, "WITH of INSERT")
	}
	cols, err := targetColumns(o, q.Columns)
	if err != nil {
		return nil, err
	}
	ctes, err := b.with(q.With, nil, nil)
	if err != nil {
		return nil, err
	}
	src, given, err := b.insertSource(q, o, cols, ctes)
	if err != nil {
		return nil, err
	}
	full, err := b.fullRows(o, src, given, q.Overriding)
	if err != nil {
		return nil, err
	}
	d := &DML{Target: o, Source: full, OldWidth: len(o.Columns)}
	if q.Conflict != nil {
		if d.OnConflict, err = b.conflict(q.Conflict, o, q.Alias); err != nil {
			return nil, err
		}
	}
	alias := q.Alias
	if alias == "" {
		alias = o.Name
	}
	t := rowItem(o, alias, 0)
	if err := b.returning(d, q.Returning, &item{tables: []*tableRef{t}, star: t.visible()}); err != nil {
		return nil, err
	}
	return b.finishDML(d)
}

// targetColumns are the columns that an INSERT names, all without a list.
func targetColumns(o *catalog.Object, list []ast.Target) ([]int, error) {
	if len(list) == 0 {
		var out []int
		for _, i := range o.Visible() {
			if o.Columns[i].From.Carried() {
				out = append(out, i)
			}
		}
		return out, nil
	}
	var out []int
	for _, t := range list {
		i, err := targetColumn(o, t)
		if err != nil {
			return nil, err
		}
		if c := o.Columns[i]; !c.From.Carried() {
			return nil, sqlerr.New(sqlerr.SyntaxError, "cannot insert a value into column \"%s\"", c.Name).At(t.Pos).
				WithDetail("It is the record's %s, which the topic gives it.", c.From)
		}
		if slices.Contains(out, i) {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", t.Name).At(t.Pos)
		}
		out = append(out, i)
	}
	return out, nil
}

// insertSource binds the query of an INSERT; given[i] is the column of o that
// column i of the source is for.
func (b *binder) insertSource(q *ast.Insert, o *catalog.Object, cols []int, ctes *cteList) (plan.Node, []int, error) {
	if q.Query == nil {
		return oneRow(), nil, nil
	}
	if v, ok := q.Query.Body.(*ast.Values); ok && len(q.Query.OrderBy) == 0 && q.Query.Limit == nil && q.Query.Offset == nil {
		inner, err := b.with(q.Query.With, nil, ctes)
		if err != nil {
			return nil, nil, err
		}
		return b.insertValues(v, o, cols, len(q.Columns) > 0, inner)
	}
	if q.Query.Emit != nil {
		return nil, nil, unsupported(q.Query.Emit.Pos, "a persistent INSERT … SELECT … EMIT").
			WithHint("Create a materialized view.")
	}
	if q.Query.AsOf != nil {
		if err := b.setAsOf(q.Query.AsOf); err != nil {
			return nil, nil, err
		}
		if b.systemTime = b.asOf.System; b.asOf.Epoch != nil { // an epoch's number is its time
			at := int64(*b.asOf.Epoch)
			b.systemTime = &at
		}
	}
	bq, err := b.openQuery(q.Query, nil, ctes)
	if err != nil {
		return nil, nil, err
	}
	n := bq.limited()
	if err := insertWidth(len(n.Columns()), len(cols), len(q.Columns) > 0, q.Query.Pos, func(i int) int { return itemPos(q.Query.Body, i) }, q.Columns); err != nil {
		return nil, nil, err
	}
	cols = cols[:len(n.Columns())]
	exprs := make([]expr.Expr, len(cols))
	src := plan.Refs(n)
	under := n
	if p, ok := n.(*plan.Project); ok {
		src, under = p.Exprs, p.In // so that open literals are read as the column's type
	}
	for i, c := range cols {
		if exprs[i], err = b.assign(src[i], o.Columns[c].Type, o.Columns[c].Name, itemPos(q.Query.Body, i)); err != nil {
			return nil, nil, err
		}
	}
	return plan.NewProject(under, exprs, plan.ColumnNames(n)[:len(cols)]), cols, nil
}

func insertWidth(have, want int, listed bool, pos int, posOf func(int) int, list []ast.Target) error {
	if have > want {
		return sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(posOf(want))
	}
	if have < want && listed {
		return sqlerr.New(sqlerr.SyntaxError, "INSERT has more target columns than expressions").At(list[have].Pos)
	}
	return nil
}

func (b *binder) insertValues(v *ast.Values, o *catalog.Object, cols []int, listed bool, ctes *cteList) (plan.Node, []int, error) {
	width := len(v.Rows[0])
	s := &scope{ctes: ctes}
	x := &exprs{binder: b, s: s, where: "VALUES"}
	if width > len(cols) {
		return nil, nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(v.Rows[0][len(cols)].Position())
	}
	if width < len(cols) && listed {
		return nil, nil, sqlerr.New(sqlerr.SyntaxError, "INSERT has more target columns than expressions").At(v.Rows[0][width-1].Position())
	}
	cols = cols[:width]
	out := make([]plan.Column, width)
	for i, c := range cols {
		out[i] = plan.Column{Name: o.Columns[c].Name, Type: o.Columns[c].Type}
	}
	rows := make([][]expr.Expr, len(v.Rows))
	for r, row := range v.Rows {
		if len(row) != width {
			return nil, nil, sqlerr.New(sqlerr.SyntaxError, "VALUES lists must all be the same length").At(row[0].Position())
		}
		rows[r] = make([]expr.Expr, width)
		for i, e := range row {
			col := o.Columns[cols[i]]
			if d, ok := e.(*ast.Default); ok {
				v, err := b.columnDefault(o, cols[i], d.Pos)
				if err != nil {
					return nil, nil, err
				}
				rows[r][i] = v
				continue
			}
			if col.Generated != "" {
				return nil, nil, generatedError(col.Name, e.Position())
			}
			val, err := x.bind(e)
			if err != nil {
				return nil, nil, err
			}
			if rows[r][i], err = b.assign(val, col.Type, col.Name, e.Position()); err != nil {
				return nil, nil, err
			}
		}
	}
	n, err := b.valuesNode(out, rows, s)
	return n, cols, err
}

func generatedError(name string, pos int) error {
	return sqlerr.New(sqlerr.SyntaxError, "cannot insert a non-DEFAULT value into column \"%s\"", name).At(pos).
		WithDetail("Column \"%s\" is a generated column.", name)
}

// columnDefault is the default of a column as an expression; NULL if it has none.
func (b *binder) columnDefault(o *catalog.Object, i, pos int) (expr.Expr, error) {
	c := o.Columns[i]
	if c.Default == "" || c.Generated != "" {
		return &expr.Const{Typ: c.Type, Val: types.NullDatum}, nil
	}
	e, err := parser.ParseExpr(c.Default)
	if err != nil {
		return nil, err
	}
	x := &exprs{binder: b, where: "DEFAULT expressions"}
	v, err := x.bind(e)
	if err != nil {
		return nil, at(err, pos)
	}
	return b.assign(v, c.Type, c.Name, pos)
}

// fullRows completes src, whose column i is for column given[i], to rows of o.
func (b *binder) fullRows(o *catalog.Object, src plan.Node, given []int, overriding string) (plan.Node, error) {
	exprs, names := make([]expr.Expr, len(o.Columns)), make([]string, len(o.Columns))
	for i, c := range o.Columns {
		names[i] = c.Name
		if k := slices.Index(given, i); k >= 0 {
			exprs[i] = plan.Ref(src, k)
			continue
		}
		v, err := b.columnDefault(o, i, 0)
		if err != nil {
			return nil, err
		}
		exprs[i] = v
	}
	n := plan.Node(plan.NewProject(src, exprs, names))
	return b.generate(o, n, 0)
}

// generate computes generated columns over the row that starts at column from.
func (b *binder) generate(o *catalog.Object, n plan.Node, from int) (plan.Node, error) {
	exprs := plan.Refs(n)
	changed := false
	for i, c := range o.Columns {
		if c.Generated == "" {
			continue
		}
		e, err := parser.ParseExpr(c.Generated)
		if err != nil {
			return nil, err
		}
		t := rowItem(o, o.Name, from)
		x := &exprsOver{b: b, t: t}
		v, err := x.bind(e, "column generation expressions")
		if err != nil {
			return nil, err
		}
		if exprs[from+i], err = b.assign(v, c.Type, c.Name, 0); err != nil {
			return nil, err
		}
		changed = true
	}
	if !changed {
		return n, nil
	}
	return plan.NewProject(n, exprs, plan.ColumnNames(n)), nil
}

func (b *binder) conflict(c *ast.Conflict, o *catalog.Object, alias string) (*OnConflict, error) {
	if o.Kind == catalog.Stream || len(o.PrimaryKey) == 0 {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification").At(c.Pos)
	}
	if err := conflictTarget(c, o); err != nil {
		return nil, err
	}
	out := &OnConflict{Key: o.PrimaryKey, DoNothing: !c.Update}
	if !c.Update {
		return out, nil
	}
	if alias == "" {
		alias = o.Name
	}
	width := len(o.Columns)
	row, excluded := rowItem(o, alias, 0), rowItem(o, "excluded", width)
	s := &scope{from: &item{tables: []*tableRef{row, excluded}, star: row.cols}}
	x := &exprs{binder: b, s: s, where: "UPDATE"}
	var err error
	if out.Set, err = b.setExprs(x, c.Set, o, 0); err != nil {
		return nil, err
	}
	for _, e := range out.Set {
		if err := noSubquery(e, "ON CONFLICT DO UPDATE"); err != nil {
			return nil, err
		}
	}
	if c.Where != nil {
		x.where = "WHERE"
		if out.Where, err = x.condition(c.Where, "WHERE"); err != nil {
			return nil, err
		}
		if err := noSubquery(out.Where, "ON CONFLICT DO UPDATE"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func conflictTarget(c *ast.Conflict, o *catalog.Object) error {
	none := sqlerr.New(sqlerr.InvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification").At(c.Pos)
	if c.Constraint != "" {
		if c.Constraint != o.PrimaryKeyName {
			return sqlerr.New(sqlerr.UndefinedObject, "constraint \"%s\" for table \"%s\" does not exist", c.Constraint, o.Name).At(c.Pos)
		}
		return nil
	}
	if len(c.Columns) == 0 {
		if c.Update {
			return sqlerr.New(sqlerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").At(c.Pos).
				WithHint("For example, ON CONFLICT (column_name).")
		}
		return nil
	}
	if c.TargetWhere != nil {
		return none
	}
	var cols []int
	for _, el := range c.Columns {
		ref, ok := el.X.(*ast.ColumnRef)
		if !ok || len(ref.Parts) != 1 {
			return none
		}
		i, err := targetColumn(o, ast.Target{Pos: ref.Pos, Name: ref.Parts[0]})
		if err != nil {
			return sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", ref.Parts[0]).At(ref.Pos)
		}
		cols = append(cols, i)
	}
	slices.Sort(cols)
	key := slices.Sorted(slices.Values(o.PrimaryKey))
	if !slices.Equal(slices.Compact(cols), key) {
		return none
	}
	return nil
}
