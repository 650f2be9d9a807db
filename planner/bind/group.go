package bind

import (
	"slices"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// groupingSetsMax bounds what CUBE and ROLLUP expand to.
const groupingSetsMax = 4096

// group turns the row of FROM into one row per group, if the query groups.
func (l *selection) group() error {
	if l.sel.Having != nil {
		x := l.exprs("HAVING")
		x.aggs = true
		var err error
		if l.having, err = x.timedCondition(l.sel.Having, "HAVING"); err != nil {
			return err
		}
	}
	if len(l.sel.GroupBy) == 0 && l.having == nil && !l.anyExpr(hasAggregate) {
		return nil
	}
	g, err := l.grouping()
	if err != nil {
		return err
	}
	l.addDependent(g)
	var aggs []*aggregate
	collect := func(e expr.Expr) (expr.Expr, error) {
		walk(e, func(e expr.Expr) bool {
			a, ok := e.(*aggregate)
			if ok && !slices.ContainsFunc(aggs, func(have *aggregate) bool { return same(have, a) }) {
				aggs = append(aggs, a)
			}
			return !ok
		})
		return e, nil
	}
	if err := l.mapExprs(collect); err != nil {
		return err
	}
	if l.having != nil {
		collect(l.having)
	}
	for _, a := range aggs {
		if err := l.checkGrouped(g, a); err != nil {
			return err
		}
	}
	slices.SortStableFunc(aggs, func(a, b *aggregate) int { return len(a.grouping) - len(b.grouping) })
	if err := l.aggregateRow(g, aggs); err != nil {
		return err
	}
	toGroups := func(e expr.Expr) (expr.Expr, error) { return l.overGroups(e, g, aggs) }
	if err := l.mapExprs(toGroups); err != nil {
		return err
	}
	l.r.up = func(o *outer) (expr.Expr, error) {
		for i, e := range g.exprs {
			if c, ok := e.(*expr.Column); ok && c.Idx == o.Idx {
				return plan.Ref(l.r.node, i), nil
			}
		}
		return nil, sqlerr.New(sqlerr.GroupingError, "subquery uses ungrouped column \"%s\" from outer query", l.columnName(&o.Column)).At(o.pos)
	}
	if l.having == nil {
		return nil
	}
	cond, err := toGroups(l.having)
	if err != nil {
		return at(err, l.sel.Having.Position())
	}
	return l.r.filter(cond)
}

// grouping binds GROUP BY.
func (l *selection) grouping() (*grouping, error) {
	g := &grouping{}
	sets := [][]int{{}}
	for _, it := range l.sel.GroupBy {
		more, err := l.groupItem(g, it)
		if err != nil {
			return nil, err
		}
		var product [][]int
		for _, a := range sets {
			for _, b := range more {
				product = append(product, union(a, b))
			}
		}
		if len(product) > groupingSetsMax {
			return nil, sqlerr.New(sqlerr.StatementTooComplex, "too many grouping sets present (maximum %d)", groupingSetsMax).At(it.Pos)
		}
		sets = product
	}
	g.sets = sets
	if l.sel.GroupDistinct {
		var sets [][]int
		for _, set := range g.sets {
			slices.Sort(set)
			if !slices.ContainsFunc(sets, func(have []int) bool { return slices.Equal(have, set) }) {
				sets = append(sets, set)
			}
		}
		g.sets = sets
	}
	return g, nil
}

// addDependent adds the columns that a grouped primary key determines: they may
// be used as if they were grouped.
func (l *selection) addDependent(g *grouping) {
	if len(g.sets) != 1 || l.s.from == nil {
		return
	}
	for _, t := range l.s.from.tables {
		o := t.object
		if o == nil || o.Kind != catalog.Table || len(o.PrimaryKey) == 0 || len(t.cols) != len(o.Columns) {
			continue
		}
		all := true
		for _, k := range o.PrimaryKey {
			all = all && slices.ContainsFunc(g.exprs, func(e expr.Expr) bool { return same(e, t.cols[k].e) })
		}
		if !all {
			continue
		}
		for _, c := range t.cols {
			if l.uses(c.e) && !slices.ContainsFunc(g.exprs, func(e expr.Expr) bool { return same(e, c.e) }) {
				g.exprs = append(g.exprs, c.e)
				g.sets[0] = append(g.sets[0], len(g.exprs)-1)
			}
		}
	}
}

// uses reports whether the output or HAVING needs column e outside aggregates.
func (l *selection) uses(col expr.Expr) bool {
	in := func(e expr.Expr) bool {
		found := false
		walk(e, func(e expr.Expr) bool {
			if _, ok := e.(*aggregate); ok {
				return false
			}
			if s, ok := e.(*subquery); ok {
				for _, o := range outers(s.plan, l.s) {
					c, isCol := col.(*expr.Column)
					found = found || isCol && c.Idx == o.Idx
				}
			}
			found = found || same(e, col)
			return !found
		})
		return found
	}
	return l.anyExpr(in) || l.having != nil && in(l.having)
}

// aggregateRow makes l's row the groups of g with the values of aggs.
func (l *selection) aggregateRow(g *grouping, aggs []*aggregate) error {
	var in []expr.Expr
	column := func(e expr.Expr) (int, error) {
		e, err := l.r.lower(e)
		if err != nil {
			return 0, err
		}
		for i, have := range in {
			if same(have, e) {
				return i, nil
			}
		}
		in = append(in, e)
		return len(in) - 1, nil
	}
	for _, e := range g.exprs {
		e, err := l.r.lower(e)
		if err != nil {
			return err
		}
		in = append(in, e) // positions of groups are their order in g
	}
	made := len(aggs)
	for made > 0 && aggs[made-1].grouping != nil {
		made--
	}
	aggs, groupings := aggs[:made], aggs[made:]
	calls := make([]plan.AggCall, len(aggs))
	names := make([]string, len(aggs))
	for i, a := range aggs {
		for _, arg := range a.args {
			if len(appendOuters(nil, arg, nil)) > 0 && len(expr.ColumnsUsed(arg)) == 0 {
				return unsupported(a.pos, "an aggregate of an outer query's columns")
			}
		}
		c := plan.AggCall{Fn: a.fn, Distinct: a.distinct, Filter: -1, Type: a.Typ}
		for _, arg := range a.args {
			k, err := column(arg)
			if err != nil {
				return err
			}
			c.Args = append(c.Args, k)
		}
		if a.filter != nil {
			k, err := column(a.filter)
			if err != nil {
				return err
			}
			c.Filter = k
		}
		for _, o := range a.orderBy {
			k, err := column(o.e)
			if err != nil {
				return err
			}
			c.OrderBy = append(c.OrderBy, plan.Order{Col: k, Desc: o.desc, NullsFirst: o.nullsFirst})
		}
		calls[i], names[i] = c, a.fn.Name
	}
	if len(in) == 0 {
		in = append(in, boolConst(true))
	}
	inNames := make([]string, len(in))
	for i, e := range in {
		if c, ok := e.(*expr.Column); ok {
			inNames[i] = c.Name
		}
		for _, o := range l.outs {
			if inNames[i] == "" && i < len(g.exprs) && same(o.e, g.exprs[i]) {
				inNames[i] = o.name
			}
		}
	}
	base := plan.NewProject(l.r.node, in, inNames)
	if len(g.sets) == 1 {
		all := make([]int, len(g.exprs))
		for i := range all {
			all[i] = i
		}
		l.r.node = plan.NewAggregate(base, all, calls, names)
		if len(groupings) > 0 {
			exprs, outNames := plan.Refs(l.r.node), make([]string, len(l.r.node.Columns()))
			for i, c := range l.r.node.Columns() {
				outNames[i] = c.Name
			}
			exprs, outNames = appendGroupings(exprs, outNames, groupings, g, all)
			l.r.node = plan.NewProject(l.r.node, exprs, outNames)
		}
		return nil
	}
	ins := make([]plan.Node, len(g.sets))
	for i, set := range g.sets {
		set = slices.Clone(set)
		slices.Sort(set)
		agg := plan.NewAggregate(base, set, calls, names)
		exprs, outNames := []expr.Expr{}, []string{}
		for k, e := range g.exprs {
			if at := slices.Index(set, k); at >= 0 {
				exprs = append(exprs, plan.Ref(agg, at))
			} else {
				exprs = append(exprs, &expr.Const{Typ: e.Type(), Val: types.NullDatum})
			}
			outNames = append(outNames, inNames[k])
		}
		for k := range calls {
			exprs, outNames = append(exprs, plan.Ref(agg, len(set)+k)), append(outNames, names[k])
		}
		exprs, outNames = appendGroupings(exprs, outNames, groupings, g, set)
		ins[i] = plan.NewProject(agg, exprs, outNames)
	}
	l.r.node = plan.NewSetOp(plan.Union, true, ins...)
	return nil
}

// overGroups maps e from the row of FROM to the row of groups.
func (l *selection) overGroups(e expr.Expr, g *grouping, aggs []*aggregate) (expr.Expr, error) {
	var bad error
	out := replace(e, func(e expr.Expr) expr.Expr {
		for i, have := range g.exprs {
			if same(have, e) {
				return plan.Ref(l.r.node, i)
			}
		}
		switch e := e.(type) {
		case *aggregate:
			for i, a := range aggs {
				if same(a, e) {
					return plan.Ref(l.r.node, len(g.exprs)+i)
				}
			}
		case *expr.Column:
			if bad == nil {
				bad = l.ungrouped(e)
			}
			return e
		}
		return nil
	})
	return out, bad
}

// columnName is t.c for a column of the row of FROM.
func (l *selection) columnName(c *expr.Column) string {
	for _, t := range l.s.from.tables {
		for _, n := range t.cols {
			if k, ok := n.e.(*expr.Column); ok && k.Idx == c.Idx {
				return t.name + "." + n.name
			}
		}
	}
	return c.Name
}

func (l *selection) ungrouped(c *expr.Column) error {
	return sqlerr.New(sqlerr.GroupingError, "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", l.columnName(c)).
		At(l.refPos(l.columnName(c), c.Name))
}

// refPos finds where the query names a column; bound columns carry no position.
func (l *selection) refPos(qualified, name string) int {
	found := 0
	note := func(e ast.Expr) {
		if found != 0 || e == nil {
			return
		}
		walkColumns(e, func(r *ast.ColumnRef) {
			if found == 0 && !r.Star && (quoted(r.Parts) == qualified || len(r.Parts) == 1 && r.Parts[0] == name) {
				found = r.Pos
			}
		})
	}
	for _, it := range l.sel.Items {
		if r, ok := it.X.(*ast.ColumnRef); ok && r.Star && found == 0 {
			if cols, err := l.s.expand(r); err == nil {
				for _, c := range cols {
					if c.name == name {
						found = r.Pos
						break
					}
				}
			}
		}
		note(it.X)
	}
	note(l.sel.Having)
	return found
}
