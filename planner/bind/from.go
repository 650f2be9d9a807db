package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// from binds the items of FROM, joined from left to right; nil for none.
func (b *binder) from(items []ast.TableExpr, s *scope) (*item, error) {
	var left *item
	for _, t := range items {
		if left == nil {
			it, err := b.table(t, nil, s)
			if err != nil {
				return nil, err
			}
			left = it
			continue
		}
		it, err := b.joinItems(plan.Inner, left, t, nil, s)
		if err != nil {
			return nil, err
		}
		left = it
	}
	return left, nil
}

// table binds one item of FROM. left is what LATERAL items may refer to.
func (b *binder) table(t ast.TableExpr, left *item, s *scope) (*item, error) {
	switch t := t.(type) {
	case *ast.Relation:
		return b.relation(t, s)
	case *ast.Derived:
		return b.derived(t, b.visibleTo(t.Lateral, left, s), s)
	case *ast.FuncTable:
		return b.funcTable(t, b.visibleTo(true, left, s), s)
	case *ast.Join:
		return b.join(t, left, s)
	}
	return nil, unsupported(t.Position(), "this item of FROM")
}

// visibleTo is the scope that a subquery in FROM sees: the enclosing query's, and
// for LATERAL the relations to the left.
func (b *binder) visibleTo(lateral bool, left *item, s *scope) *scope {
	if !lateral || left == nil {
		return &scope{parent: s.parent, ctes: s.ctes}
	}
	if left.lateral == nil {
		left.lateral = &scope{parent: s.parent, from: left, ctes: s.ctes}
	}
	return left.lateral
}

// derived binds a subquery in FROM. in is the scope that its query sees.
func (b *binder) derived(t *ast.Derived, in *scope, s *scope) (*item, error) {
	q, err := b.query(t.Query, in, s.ctes)
	if err != nil {
		return nil, err
	}
	it, err := aliased(q.limited(), t.Alias, "", t.Pos)
	if err != nil || len(q.order) == 0 || depends(q.node, in) {
		return it, err
	}
	// The columns that only order it stay behind those that have names, for a
	// query over it alone that has no order of its own.
	names := plan.ColumnNames(it.node)
	for i, c := range q.node.Columns() {
		if i >= len(names) {
			names = append(names, c.Name)
		}
	}
	n := q.top()
	it.node = plan.NewProject(n, plan.Refs(n), names)
	for _, o := range q.order {
		it.order = append(it.order, sortKey{e: plan.Ref(it.node, o.Col), desc: o.Desc, nullsFirst: o.NullsFirst})
	}
	return it, nil
}

// aliased names a plan in FROM.
func aliased(n plan.Node, a *ast.Alias, name string, pos int) (*item, error) {
	if a == nil {
		return itemOf(n, name, nil), nil
	}
	if len(a.Defs) > 0 {
		return nil, unsupported(a.Pos, "a column definition list")
	}
	if a.Name != "" {
		name = a.Name
	}
	n, err := rename(n, a.Columns, name, pos)
	if err != nil {
		return nil, err
	}
	return itemOf(n, name, nil), nil
}

func (b *binder) join(t *ast.Join, outerLeft *item, s *scope) (*item, error) {
	if err := b.enter(t.Pos); err != nil {
		return nil, err
	}
	defer b.leave()
	switch {
	case t.Asof || t.Match != nil:
		return nil, unsupported(t.Pos, "an ASOF join")
	case t.Within != nil:
		return nil, unsupported(t.Within.Pos, "WITHIN").WithHint("Write the bound as a condition: b.ts BETWEEN a.ts AND a.ts + INTERVAL '1 hour'.")
	}
	left, err := b.table(t.Left, outerLeft, s)
	if err != nil {
		return nil, err
	}
	if outerLeft != nil {
		s = &scope{parent: b.visibleTo(true, outerLeft, s), ctes: s.ctes}
	}
	kind := plan.Inner
	switch t.Kind {
	case ast.JoinLeft:
		kind = plan.Left
	case ast.JoinRight:
		kind = plan.Right
	case ast.JoinFull:
		kind = plan.Full
	}
	out, err := b.joinItems(kind, left, t.Right, t, s)
	if err != nil {
		return nil, err
	}
	return out, joinAliases(out, t)
}

// joinAliases names a join's columns: USING (…) AS x its merged ones, (…) AS x all
// of them, which then are no longer those of the relations inside.
func joinAliases(out *item, t *ast.Join) error {
	if t.UsingAlias != "" {
		x := &item{tables: []*tableRef{{name: t.UsingAlias, cols: out.star[:len(t.Using)]}}}
		if err := checkAliases(out, x, t.Pos); err != nil {
			return err
		}
		out.tables = append(out.tables, x.tables...)
	}
	if t.Alias == nil {
		return nil
	}
	if len(t.Alias.Defs) > 0 {
		return unsupported(t.Alias.Pos, "a column definition list")
	}
	if n := len(t.Alias.Columns); n > len(out.star) {
		return sqlerr.New(sqlerr.InvalidColumnReference, "join expression \"%s\" has %d columns available but %d columns specified", t.Alias.Name, len(out.star), n).At(t.Pos)
	}
	star := append([]named(nil), out.star...)
	for i, c := range t.Alias.Columns {
		star[i].name = c.Name
	}
	out.star = star
	out.tables = []*tableRef{{name: t.Alias.Name, cols: star}}
	return nil
}

// joinItems joins the item rt to left; j is the JOIN, nil for a comma.
func (b *binder) joinItems(kind plan.JoinKind, left *item, rt ast.TableExpr, j *ast.Join, s *scope) (*item, error) {
	right, err := b.table(rt, left, s)
	if err != nil {
		return nil, err
	}
	if err := checkAliases(left, right, rt.Position()); err != nil {
		return nil, err
	}
	// LATERAL items refer to left through a scope of their own.
	lateral := lateralScope(right.node, left)
	nl := len(left.node.Columns())
	moved := right.shifted(nl)
	out := &item{tables: append(append([]*tableRef(nil), left.tables...), moved.tables...)}
	on := &exprs{binder: b, where: "JOIN conditions"}
	var cond expr.Expr
	var merged *mergedColumns
	if j != nil && (j.Natural || len(j.Using) > 0) {
		if merged, err = b.merge(kind, left, moved, j); err != nil {
			return nil, err
		}
		cond, out.star = merged.cond, merged.star
	} else {
		out.star = append(append([]named(nil), left.star...), moved.star...)
	}
	js := &scope{parent: s.parent, from: out, ctes: s.ctes}
	if j != nil && j.On != nil {
		on.s = js
		if cond, err = on.condition(j.On, "JOIN/ON"); err != nil {
			return nil, err
		}
	}
	if cond != nil && hasSubquery(cond) && kind != plan.Inner {
		if kind != plan.Left || lateral != nil || correlated(cond) {
			return nil, unsupported(j.On.Position(), "a correlated subquery in the condition of an outer join")
		}
		// The subquery's value becomes a column of the right side.
		return b.leftJoinWithSubquery(left, right, out, js, cond)
	}
	if lateral != nil {
		return b.lateralJoin(kind, left, right, out, lateral, cond, rt.Position())
	}
	n := plan.NewJoin(kind, left.node, right.node)
	if cond != nil && hasSubquery(cond) {
		r := &row{node: n, scope: js}
		if err := r.filter(cond); err != nil {
			return nil, err
		}
		out.node = r.node
		return out, nil
	}
	n.Residual = cond
	plan.Derive(n)
	out.node = n
	return out, nil
}

// correlated reports whether a subquery in e refers to any row around it, or is
// compared with one.
func correlated(e expr.Expr) bool {
	return has(e, func(e expr.Expr) bool {
		s, ok := e.(*subquery)
		return ok && (len(outers(s.plan, nil)) > 0 || len(s.left) > 0)
	})
}

func (b *binder) leftJoinWithSubquery(left, right, out *item, js *scope, cond expr.Expr) (*item, error) {
	nl, nr := len(left.node.Columns()), len(right.node.Columns())
	r := &row{node: right.node, scope: js}
	var failed error
	cond = replace(cond, func(e expr.Expr) expr.Expr {
		s, ok := e.(*subquery)
		if !ok || failed != nil {
			return nil
		}
		v, err := r.value(s)
		if err != nil {
			failed = err
			return s
		}
		return shift(v, nl)
	})
	if failed != nil {
		return nil, failed
	}
	n := plan.NewJoin(plan.Left, left.node, r.node)
	n.Residual = cond
	plan.Derive(n)
	out.node = plan.NewProject(n, plan.Refs(n)[:nl+nr], nil)
	return out, nil
}

// lateralScope is the scope over left that n refers to, nil if it does not.
func lateralScope(n plan.Node, left *item) *scope {
	if left.lateral != nil && depends(n, left.lateral) {
		return left.lateral
	}
	return nil
}

func (b *binder) lateralJoin(kind plan.JoinKind, left, right, out *item, of *scope, cond expr.Expr, pos int) (*item, error) {
	if kind == plan.Right || kind == plan.Full {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "the combining JOIN type must be INNER or LEFT for a LATERAL reference").At(pos)
	}
	nl := len(left.node.Columns())
	// A function over the row expands it in place.
	if u, ok := right.node.(*plan.Unnest); ok && cond == nil {
		if v, ok := u.In.(*plan.Values); ok && len(v.Rows) == 1 && len(v.Cols) == 1 && v.Cols[0].Name == "" {
			r := &row{node: left.node, scope: of}
			refs := appendOuters(nil, u.Array, of)
			vals, err := r.values(refs)
			if err != nil {
				return nil, err
			}
			n := plan.NewUnnest(left.node, substitute(u.Array, of, refs, vals), u.Cols[1].Name, u.Ordinality, kind == plan.Left)
			// The right item still has the one column of its one row first.
			exprs, names := plan.Refs(n)[:nl:nl], plan.ColumnNames(n)[:nl:nl]
			exprs, names = append(exprs, boolConst(true)), append(names, "")
			for i := nl; i < len(n.Cols); i++ {
				exprs, names = append(exprs, plan.Ref(n, i)), append(names, n.Cols[i].Name)
			}
			out.node = plan.NewProject(n, exprs, names)
			return out, nil
		}
	}
	r := &row{node: left.node, scope: of}
	on := func(cols []expr.Expr) expr.Expr {
		if cond == nil {
			return nil
		}
		return replace(cond, func(e expr.Expr) expr.Expr {
			if c, ok := e.(*expr.Column); ok && c.Idx >= nl {
				return cols[c.Idx-nl]
			}
			return nil
		})
	}
	cols, err := r.join(kind, right.node, on, false, pos)
	if err != nil {
		return nil, err
	}
	exprs := append(plan.Refs(r.node)[:nl:nl], cols...)
	names := append(plan.ColumnNames(left.node), plan.ColumnNames(right.node)...)
	out.node = plan.NewProject(r.node, exprs, names)
	return out, nil
}

func checkAliases(left, right *item, pos int) error {
	for _, r := range right.tables {
		for _, l := range left.tables {
			if r.name != "" && l.name == r.name && (l.schema == r.schema || l.schema == "" || r.schema == "") {
				return sqlerr.New(sqlerr.DuplicateAlias, "table name \"%s\" specified more than once", r.name).At(pos)
			}
		}
	}
	return nil
}

// mergedColumns is what USING and NATURAL make of two items.
type mergedColumns struct {
	cond expr.Expr
	star []named
}

func (b *binder) merge(kind plan.JoinKind, left, right *item, j *ast.Join) (*mergedColumns, error) {
	var cols []ast.Ident
	if j.Natural {
		for _, l := range left.star {
			for _, r := range right.star {
				if l.name == r.name && l.name != "" {
					cols = append(cols, ast.Ident{Pos: j.Pos, Name: l.name})
				}
			}
		}
	} else {
		cols = j.Using
	}
	find := func(it *item, c ast.Ident, side string) (expr.Expr, error) {
		e, err := pick(it.star, c.Name, &ast.ColumnRef{Pos: c.Pos, Parts: []string{c.Name}})
		if err != nil {
			return nil, sqlerr.New(sqlerr.AmbiguousColumn, "common column name \"%s\" appears more than once in %s table", c.Name, side).At(c.Pos)
		}
		if e == nil {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" specified in USING clause does not exist in %s table", c.Name, side).At(c.Pos)
		}
		return e, nil
	}
	m := &mergedColumns{}
	var conds []expr.Expr
	used := map[string]bool{}
	for _, c := range cols {
		if used[c.Name] {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, "column name \"%s\" appears more than once in USING clause", c.Name).At(c.Pos)
		}
		used[c.Name] = true
		l, err := find(left, c, "left")
		if err != nil {
			return nil, err
		}
		r, err := find(right, c, "right")
		if err != nil {
			return nil, err
		}
		eq, err := b.operator("=", l, r, c.Pos)
		if err != nil {
			return nil, err
		}
		conds = append(conds, eq)
		both, t, err := b.unify("JOIN/USING", []expr.Expr{l, r}, []int{c.Pos, c.Pos})
		if err != nil {
			return nil, err
		}
		v := both[0]
		switch kind {
		case plan.Right:
			v = both[1]
		case plan.Full:
			v = &expr.Coalesce{Args: both, Typ: t}
		}
		m.star = append(m.star, named{c.Name, v})
	}
	for _, side := range []*item{left, right} {
		for _, c := range side.star {
			if !used[c.name] {
				m.star = append(m.star, c)
			}
		}
	}
	m.cond = expr.Conjunction(conds)
	return m, nil
}
