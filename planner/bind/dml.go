package bind

import (
	"strconv"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// DML is a bound INSERT, UPDATE or DELETE.
type DML struct {
	Target *catalog.Object
	// Source gives the rows to write. INSERT: whole rows of Target, defaults,
	// casts and generated columns applied. UPDATE: the old row, OldWidth columns,
	// then the new one. DELETE: the old row. Behind them stand Beside columns.
	Source plan.Node
	// Beside is the number of columns of the relations of FROM (DELETE: USING) that
	// Source carries, those that Returning refers to.
	Beside int
	// OldWidth is the number of columns of an old row: those of Target, and for a
	// table without a primary key its row number (FieldPosition).
	OldWidth int
	// Defaults are the expressions for columns that DEFAULT or an omission leaves
	// to the table and that are not in Source: always empty today.
	Checks []Check
	// Returning are expressions over the new row (DELETE: the old row) in
	// Target's column order, and the Beside columns; nil without RETURNING.
	Returning        []expr.Expr
	ReturningColumns []plan.Column
	OnConflict       *OnConflict
	Params           []types.Type
	DependsOn        []uint64
	Notices          []*sqlerr.Error
	ReadsClock       bool
}

// Check is a CHECK constraint over a row of the target.
type Check struct {
	Name string
	Cond expr.Expr
}

// OnConflict is ON CONFLICT.
type OnConflict struct {
	// Key are the columns of the primary key that decide.
	Key []int
	// DoNothing leaves the existing row. Else Set[i], over the existing row and
	// then the proposed one, is column i's new value, where Where (nil = always)
	// holds over the same.
	DoNothing bool
	Set       []expr.Expr
	Where     expr.Expr
}

// target finds the relation that a statement writes.
func (b *binder) target(n ast.Name, verb string) (*catalog.Object, error) {
	o, err := b.object(n)
	if err != nil {
		return nil, err
	}
	if o.IsSource() && verb != "insert into" {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot %s \"%s\", which is fed by topic \"%s\"", verb, o.Name, o.Connector.Topic).At(n.Pos).
			WithHint("INSERT writes a record to the topic.")
	}
	switch o.Kind {
	case catalog.Table:
		if o.ID < catalog.FirstUserID && verb != "delete from" { // dead letters can be thrown away
			break
		}
		return o, nil
	case catalog.Stream:
		if verb == "insert into" {
			return o, nil
		}
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot %s stream \"%s\"", verb, o.Name).At(n.Pos).
			WithHint("A stream's records are never changed. Insert a record that corrects, or use a table.")
	case catalog.MatView:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "cannot change materialized view \"%s\"", o.Name).At(n.Pos)
	case catalog.View:
		return nil, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "cannot %s view \"%s\"", verb, o.Name).At(n.Pos).
			WithHint("Write to the relations that the view reads.")
	}
	return nil, sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: \"%s\" is a system catalog", o.Name).At(n.Pos)
}

// rowItem names o's columns at positions from 0, under alias.
func rowItem(o *catalog.Object, alias string, from int) *tableRef {
	t := &tableRef{name: alias, schema: o.Schema, object: o}
	for i, c := range o.Columns {
		t.cols = append(t.cols, named{c.Name, &expr.Column{Idx: from + i, Typ: c.Type, Name: c.Name}})
	}
	return t
}

func targetColumn(o *catalog.Object, t ast.Target) (int, error) {
	if len(t.Path) > 0 {
		return 0, unsupported(t.Pos, "assigning to a part of a column")
	}
	var names []string
	for i, c := range o.Columns {
		if c.Name == t.Name {
			return i, nil
		}
		names = append(names, c.Name)
	}
	err := sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", t.Name, o.Name).At(t.Pos)
	if best := nearest(t.Name, names); best != "" {
		err.Hint = "Perhaps you meant \"" + best + "\"."
	}
	return 0, err
}

// exprsOver binds expressions over one row of a relation.
type exprsOver struct {
	b *binder
	t *tableRef
}

func (x *exprsOver) bind(e ast.Expr, where string) (expr.Expr, error) {
	s := &scope{from: &item{tables: []*tableRef{x.t}, star: x.t.cols}}
	v, err := (&exprs{binder: x.b, s: s, where: where}).bind(e)
	if err != nil {
		return nil, err
	}
	return v, noSubquery(v, where)
}

// setExprs binds SET: the new value of every column of o, whose old row starts at
// column from.
func (b *binder) setExprs(x *exprs, set []ast.SetClause, o *catalog.Object, from int) ([]expr.Expr, error) {
	out := make([]expr.Expr, len(o.Columns))
	assign := func(t ast.Target, e ast.Expr) error {
		i, err := targetColumn(o, t)
		if err != nil {
			return err
		}
		if out[i] != nil {
			return sqlerr.New(sqlerr.SyntaxError, "multiple assignments to same column \"%s\"", t.Name).At(t.Pos)
		}
		if d, ok := e.(*ast.Default); ok {
			out[i], err = b.columnDefault(o, i, d.Pos)
			return err
		}
		if o.Columns[i].Generated != "" {
			return sqlerr.New(sqlerr.SyntaxError, "column \"%s\" can only be updated to DEFAULT", t.Name).At(t.Pos).
				WithDetail("Column \"%s\" is a generated column.", t.Name)
		}
		v, err := x.bind(e)
		if err != nil {
			return err
		}
		out[i], err = b.assign(v, o.Columns[i].Type, t.Name, e.Position())
		return err
	}
	for _, c := range set {
		values := []ast.Expr{c.X}
		if c.Multi {
			if q, ok := c.X.(*ast.Subquery); ok && q.Kind == ast.SubqueryScalar {
				in, err := x.inner(q.Query)
				if err != nil {
					return nil, err
				}
				if in.visible != len(c.Targets) {
					return nil, sqlerr.New(sqlerr.SyntaxError, "number of columns does not match number of values").At(c.Pos)
				}
				for i, t := range c.Targets {
					if err := assign(t, columnOf(q, i, len(c.Targets))); err != nil {
						return nil, err
					}
				}
				continue
			}
			r, ok := c.X.(*ast.Row)
			if !ok {
				return nil, sqlerr.New(sqlerr.FeatureNotSupported, "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression").At(c.Pos)
			}
			if len(r.Fields) != len(c.Targets) {
				return nil, sqlerr.New(sqlerr.SyntaxError, "number of columns does not match number of values").At(c.Pos)
			}
			values = r.Fields
		}
		for i, t := range c.Targets {
			if err := assign(t, values[i]); err != nil {
				return nil, err
			}
		}
	}
	for i, c := range o.Columns {
		if out[i] == nil {
			out[i] = &expr.Column{Idx: from + i, Typ: c.Type, Name: c.Name}
		}
	}
	return out, nil
}

// columnOf is column i of the n that a subquery gives, as a subquery of one.
func columnOf(q *ast.Subquery, i, n int) ast.Expr {
	alias := &ast.Alias{Pos: q.Pos, Name: "set"}
	for k := range n {
		alias.Columns = append(alias.Columns, ast.Ident{Pos: q.Pos, Name: "c" + strconv.Itoa(k)})
	}
	item := ast.SelectItem{Pos: q.Pos, X: &ast.ColumnRef{Pos: q.Pos, Parts: []string{alias.Columns[i].Name}}}
	from := &ast.Derived{Pos: q.Pos, Query: q.Query, Alias: alias}
	return &ast.Subquery{Pos: q.Pos, Query: &ast.Query{Pos: q.Pos, Body: &ast.Select{Pos: q.Pos, Items: []ast.SelectItem{item}, From: []ast.TableExpr{from}}}}
}

// oldRows scans the target of UPDATE or DELETE: its columns, and the row number
// of a table without a primary key.
func (b *binder) oldRows(o *catalog.Object, r *ast.Relation) (*item, int) {
	alias := o.Name
	if r.Alias != nil && r.Alias.Name != "" {
		alias = r.Alias.Name
	}
	n := b.scan(o)
	if len(o.PrimaryKey) == 0 {
		n.Fields = append(n.Fields, plan.FieldPosition)
		n.Cols = append(n.Cols, plan.Column{Name: "", Type: types.Int8})
		n.P.Keys = [][]int{{len(n.Fields) - 1}}
	}
	t := rowItem(o, alias, 0)
	if alias != o.Name {
		t.schema = ""
	}
	return &item{node: n, tables: []*tableRef{t}, star: t.cols}, len(n.Cols)
}

// changed binds what UPDATE and DELETE share: the target joined with the other
// relations, filtered; each old row at most once.
func (b *binder) changed(rel *ast.Relation, with *ast.With, others []ast.TableExpr, where ast.Expr, verb string) (o *catalog.Object, r *row, width int, err error) {
	if o, err = b.target(rel.Name, verb); err != nil {
		return nil, nil, 0, err
	}
	b.dependOn(o.ID)
	ctes, err := b.with(with, nil, nil)
	if err != nil {
		return nil, nil, 0, err
	}
	s := &scope{ctes: ctes}
	it, width := b.oldRows(o, rel)
	for _, t := range others {
		if it, err = b.joinItems(plan.Inner, it, t, nil, s); err != nil {
			return nil, nil, 0, err
		}
	}
	s.from = it
	r = &row{node: it.node, scope: s}
	if c, ok := where.(*ast.CurrentOf); ok {
		return nil, nil, 0, unsupported(c.Pos, "WHERE CURRENT OF")
	}
	if where != nil {
		cond, err := (&exprs{binder: b, s: s, where: "WHERE"}).condition(where, "WHERE")
		if err != nil {
			return nil, nil, 0, err
		}
		if err := r.filter(cond); err != nil {
			return nil, nil, 0, err
		}
	}
	return o, r, width, nil
}

// once keeps one row of n for each old row, which are its first width columns.
func once(n plan.Node, width int) plan.Node {
	part := make([]int, width)
	for i := range part {
		part[i] = i
	}
	return plan.NewTopN(&plan.TopN{In: n, Partition: part, Limit: 1}, "")
}

// Update binds UPDATE.
func Update(q *ast.Update, opt Options) (*DML, error) {
	b := newBinder(opt)
	b.eventTime = nil
	o, r, width, err := b.changed(q.Table, q.With, q.From, q.Where, "update")
	if err != nil {
		return nil, err
	}
	x := &exprs{binder: b, s: r.scope, where: "UPDATE"}
	set, err := b.setExprs(x, q.Set, o, 0)
	if err != nil {
		return nil, err
	}
	for i, e := range set {
		if set[i], err = r.lower(e); err != nil {
			return nil, err
		}
	}
	exprs, names := plan.Refs(r.node)[:width:width], plan.ColumnNames(r.node)[:width:width]
	for i, c := range o.Columns {
		exprs, names = append(exprs, set[i]), append(names, c.Name)
	}
	d := &DML{Target: o, OldWidth: width}
	beside, err := b.returningBeside(d, q.Returning, r.scope.from)
	if err != nil {
		return nil, err
	}
	exprs, names = addColumns(r.node, beside, exprs, names)
	var n plan.Node = plan.NewProject(r.node, exprs, names)
	if n, err = b.generate(o, n, width); err != nil {
		return nil, err
	}
	if len(q.From) > 0 {
		n = once(n, width)
	}
	d.Source = n
	return b.finishDML(d)
}

// Delete binds DELETE.
func Delete(q *ast.Delete, opt Options) (*DML, error) {
	b := newBinder(opt)
	b.eventTime = nil
	o, r, width, err := b.changed(q.Table, q.With, q.Using, q.Where, "delete from")
	if err != nil {
		return nil, err
	}
	d := &DML{Target: o, OldWidth: width}
	beside, err := b.returningBeside(d, q.Returning, r.scope.from)
	if err != nil {
		return nil, err
	}
	switch {
	case len(q.Using) == 0:
		d.Source = visible(r.node, width)
	case len(beside) == 0:
		d.Source = plan.NewDistinct(visible(r.node, width))
	default:
		exprs, names := addColumns(r.node, beside, plan.Refs(r.node)[:width:width], plan.ColumnNames(r.node)[:width:width])
		d.Source = once(plan.NewProject(r.node, exprs, names), width)
	}
	return b.finishDML(d)
}

// addColumns adds those columns of n to what a projection of it computes.
func addColumns(n plan.Node, cols []int, exprs []expr.Expr, names []string) ([]expr.Expr, []string) {
	refs, all := plan.Refs(n), plan.ColumnNames(n)
	for _, c := range cols {
		exprs, names = append(exprs, refs[c]), append(names, all[c])
	}
	return exprs, names
}

// returningBeside binds RETURNING of UPDATE and DELETE: its names are the target's
// row, and those of the relations joined to it in from. It returns the columns of
// from that it refers to, which stand behind the target's row in this order.
func (b *binder) returningBeside(d *DML, items []ast.SelectItem, from *item) ([]int, error) {
	n := len(d.Target.Columns)
	t := rowItem(d.Target, from.tables[0].name, 0)
	over := from.shifted(n - d.OldWidth) // the row number, if any, is not in the way
	over.tables[0] = t
	over.star = append(t.visible(), over.star[n:]...)
	if err := b.returning(d, items, over); err != nil {
		return nil, err
	}
	var cols []int
	at := map[int]int{}
	for i, e := range d.Returning {
		d.Returning[i] = replace(e, func(e expr.Expr) expr.Expr {
			c, ok := e.(*expr.Column)
			if !ok || c.Idx < n {
				return nil
			}
			if _, ok := at[c.Idx]; !ok {
				at[c.Idx] = n + len(cols)
				cols = append(cols, d.OldWidth+c.Idx-n)
			}
			return &expr.Column{Idx: at[c.Idx], Typ: c.Typ, Name: c.Name}
		})
	}
	d.Beside = len(cols)
	return cols, nil
}

func (b *binder) finishDML(d *DML) (*DML, error) {
	for _, c := range d.Target.Checks {
		e, err := parser.ParseExpr(c.Expr)
		if err != nil {
			return nil, err
		}
		v, err := (&exprsOver{b, rowItem(d.Target, d.Target.Name, 0)}).bind(e, "check constraints")
		if err != nil {
			return nil, err
		}
		d.Checks = append(d.Checks, Check{Name: c.Name, Cond: v})
	}
	params, err := b.finishParams()
	if err != nil {
		return nil, err
	}
	d.Source = b.typeParams(d.Source)
	for i, e := range d.Returning {
		d.Returning[i] = b.typeParam(e)
	}
	if oc := d.OnConflict; oc != nil {
		for i, e := range oc.Set {
			oc.Set[i] = b.typeParam(e)
		}
		if oc.Where != nil {
			oc.Where = b.typeParam(oc.Where)
		}
	}
	d.Params, d.DependsOn, d.Notices, d.ReadsClock = params, b.dependencies(), b.notices, b.readsClock
	return d, nil
}

func (b *binder) returning(d *DML, items []ast.SelectItem, over *item) error {
	s := &scope{from: over}
	x := &exprs{binder: b, s: s, where: "RETURNING"}
	add := func(e expr.Expr, name string) {
		c := plan.Column{Name: name, Type: e.Type()}
		if col, ok := e.(*expr.Column); ok {
			if n := len(d.Target.Columns); col.Idx < n {
				c.Table, c.Attnum = d.Target.ID, col.Idx+1
			} else {
				of := over.node.Columns()[d.OldWidth+col.Idx-n]
				c.Table, c.Attnum = of.Table, of.Attnum
			}
		}
		d.Returning, d.ReturningColumns = append(d.Returning, e), append(d.ReturningColumns, c)
	}
	for _, it := range items {
		if ref, ok := it.X.(*ast.ColumnRef); ok && ref.Star {
			cols, err := s.expand(ref)
			if err != nil {
				return err
			}
			for _, c := range cols {
				add(c.e, c.name)
			}
			continue
		}
		v, err := x.value(it.X)
		if err != nil {
			return err
		}
		if err := noSubquery(v, "RETURNING"); err != nil {
			return err
		}
		name := it.Alias
		if name == "" {
			name = outputName(it.X)
		}
		add(v, name)
	}
	return nil
}
