package bind

import (
	"slices"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// grouping is GROUP BY: the expressions, and the sets of them to group by (one
// set of all without GROUPING SETS).
type grouping struct {
	exprs []expr.Expr
	sets  [][]int
}

func (l *selection) groupItem(g *grouping, it ast.GroupItem) ([][]int, error) {
	switch it.Kind {
	case ast.GroupExpr:
		if r, ok := it.X.(*ast.Row); ok {
			var set []int
			for _, f := range r.Fields {
				i, err := l.groupExpr(g, f)
				if err != nil {
					return nil, err
				}
				set = union(set, []int{i})
			}
			return [][]int{set}, nil
		}
		i, err := l.groupExpr(g, it.X)
		return [][]int{{i}}, err
	case ast.GroupEmpty:
		return [][]int{{}}, nil
	}
	var parts [][][]int
	for _, sub := range it.Items {
		p, err := l.groupItem(g, sub)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	var out [][]int
	switch it.Kind {
	case ast.GroupSets:
		for _, p := range parts {
			out = append(out, p...)
		}
	case ast.GroupRollup:
		for n := len(parts); n >= 0; n-- {
			set := []int{}
			for _, p := range parts[:n] {
				set = union(set, p[0])
			}
			out = append(out, set)
		}
	case ast.GroupCube:
		if len(parts) > 12 {
			return nil, sqlerr.New(sqlerr.StatementTooComplex, "CUBE is limited to 12 elements").At(it.Pos)
		}
		for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
			set := []int{}
			for i, p := range parts {
				if mask&(1<<(len(parts)-1-i)) != 0 {
					set = union(set, p[0])
				}
			}
			out = append(out, set)
		}
	}
	return out, nil
}

// groupExpr binds one GROUP BY expression: an ordinal, an input column, an
// output name, or any expression; it returns its place in g.
func (l *selection) groupExpr(g *grouping, e ast.Expr) (int, error) {
	var v expr.Expr
	var err error
	switch n := e.(type) {
	case *ast.Number:
		i, err := outputColumn(n, l.outputColumns(), "GROUP BY")
		if err != nil {
			return 0, err
		}
		if v, err = l.settle(l.outs[i].e, n.Pos); err != nil {
			return 0, err
		}
		l.outs[i].e = v
	case *ast.ColumnRef:
		if len(n.Parts) == 1 && !n.Star {
			in, _, err := l.s.find(n)
			if err != nil {
				return 0, err
			}
			if in == nil {
				i, err := outputColumn(n, l.outputColumns(), "GROUP BY")
				if err != nil {
					return 0, err
				}
				if i >= 0 {
					v = l.outs[i].e
				}
			}
		}
	}
	if v == nil {
		if v, err = l.exprs("GROUP BY").value(e); err != nil {
			return 0, err
		}
	}
	var bad error
	walk(v, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *aggregate:
			bad = sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in GROUP BY").At(x.pos)
		case *window:
			bad = sqlerr.New(sqlerr.WindowingError, "window functions are not allowed in GROUP BY").At(x.pos)
		case *setReturning:
			bad = unsupported(x.pos, "a set-returning function in GROUP BY")
		}
		return bad == nil
	})
	if bad != nil {
		return 0, bad
	}
	if t := v.Type(); t.OID == types.OIDJSON {
		return 0, sqlerr.New(sqlerr.UndefinedFunction, "could not identify an equality operator for type json").At(e.Position())
	}
	for i, have := range g.exprs {
		if same(have, v) {
			return i, nil
		}
	}
	g.exprs = append(g.exprs, v)
	return len(g.exprs) - 1, nil
}

// groupingCall binds GROUPING(a, b): among the aggregates, since it has a value per group.
func (x *exprs) groupingCall(e *ast.Func) (expr.Expr, error) {
	switch {
	case x.inAgg || !x.aggs:
		return nil, sqlerr.New(sqlerr.GroupingError, "grouping operations are not allowed in %s", x.where).At(e.Pos)
	case len(e.Args) == 0:
		return nil, sqlerr.New(sqlerr.SyntaxError, "GROUPING needs at least one argument").At(e.Pos)
	case len(e.Args) > 31:
		return nil, sqlerr.New(sqlerr.TooManyArguments, "GROUPING must have fewer than 32 arguments").At(e.Pos)
	}
	inner := *x
	inner.inAgg, inner.windows, inner.sets = true, false, false
	args, pos, err := inner.args(e)
	if err != nil {
		return nil, err
	}
	return &aggregate{Const: typed(types.Int4), grouping: pos, args: args, pos: e.Pos}, nil
}

// checkGrouped refuses arguments of GROUPING that are not grouped, and direct
// arguments of ordered-set aggregates with columns that are not.
func (l *selection) checkGrouped(g *grouping, a *aggregate) error {
	for i := range a.grouping {
		if g.index(a.args[i]) < 0 {
			return sqlerr.New(sqlerr.GroupingError, "arguments to GROUPING must be grouping expressions of the associated query level").At(a.grouping[i])
		}
	}
	if a.fn == nil || !a.fn.Within {
		return nil
	}
	var bad error
	for _, d := range a.args[:len(a.args)-1] {
		walk(d, func(e expr.Expr) bool {
			if g.index(e) >= 0 {
				return false
			}
			if c, ok := e.(*expr.Column); ok && bad == nil {
				bad = l.ungrouped(c)
			}
			return true
		})
	}
	if e, ok := bad.(*sqlerr.Error); ok {
		return e.WithDetail("Direct arguments of an ordered-set aggregate must use only grouped columns.")
	}
	return nil
}

// index is the place of an expression that is grouped, -1 if it is not.
func (g *grouping) index(e expr.Expr) int {
	return slices.IndexFunc(g.exprs, func(have expr.Expr) bool { return same(have, e) })
}

// appendGroupings appends the values that GROUPING has in one set: a bit for each
// argument that is not in it, the last one's lowest.
func appendGroupings(exprs []expr.Expr, names []string, calls []*aggregate, g *grouping, set []int) ([]expr.Expr, []string) {
	for _, a := range calls {
		v := int64(0)
		for _, arg := range a.args {
			v *= 2
			if !slices.Contains(set, g.index(arg)) {
				v++
			}
		}
		exprs, names = append(exprs, &expr.Const{Typ: types.Int4, Val: types.Int(v)}), append(names, "grouping")
	}
	return exprs, names
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
