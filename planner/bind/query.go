package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// bound is a query expression before its order and limit are applied: node's
// first visible columns are the result, those behind them only order it.
type bound struct {
	node          plan.Node
	visible       int
	order         []plan.Order
	limit, offset expr.Expr
}

// top applies LIMIT and OFFSET as a top-N; the sort columns stay.
func (q *bound) top() plan.Node {
	if q.limit == nil && q.offset == nil {
		return q.node
	}
	n := &plan.TopN{In: q.node, OrderBy: q.order, Limit: -1}
	set := func(e expr.Expr, to *int64, otherwise *expr.Expr) {
		switch c := e.(type) {
		case nil:
		case *expr.Const:
			if !c.Val.Null {
				*to = c.Val.I
			}
		default:
			*otherwise = e
		}
	}
	set(q.limit, &n.Limit, &n.LimitE)
	set(q.offset, &n.Offset, &n.OffsetE)
	return plan.NewTopN(n, "")
}

// limited is the query as an unordered collection of its visible columns.
func (q *bound) limited() plan.Node { return visible(q.top(), q.visible) }

func visible(n plan.Node, width int) plan.Node {
	if len(n.Columns()) == width {
		return n
	}
	return plan.NewProject(n, plan.Refs(n)[:width], nil)
}

// cte is a common table expression: bound where it is first named, then shared.
type cte struct {
	def   *ast.CTE
	s     *scope   // of the query that defines it
	outer *cteList // what its query sees
	node  plan.Node
	size  int // relations below node, each as often as it stands there
	busy  bool
}

// cteList is a WITH clause and those around it, innermost first.
type cteList struct {
	list  []*cte
	outer *cteList
}

func (l *cteList) find(name string) *cte {
	for ; l != nil; l = l.outer {
		// Later ones see earlier ones; names are unique within a list.
		for i := len(l.list) - 1; i >= 0; i-- {
			if l.list[i].def.Name == name {
				return l.list[i]
			}
		}
	}
	return nil
}

// query binds a query expression inside parent. The clauses of a whole statement
// (EMIT, AS OF) are not for it.
func (b *binder) query(q *ast.Query, parent *scope, ctes *cteList) (*bound, error) {
	if q.Emit != nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, "EMIT is only allowed at the end of a statement").At(q.Emit.Pos)
	}
	if q.AsOf != nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, "AS OF is only allowed at the end of a statement").At(q.AsOf.Pos).
			WithHint("For one relation write FROM t FOR SYSTEM_TIME AS OF … or FOR EVENT_TIME AS OF ….")
	}
	out, err := b.openQuery(q, parent, ctes)
	if err != nil {
		return nil, err
	}
	return out, b.settleNode(out, q.Pos)
}

// openQuery is query with literals of open type left as they are, for a caller
// that knows what they should be (UNION, INSERT).
func (b *binder) openQuery(q *ast.Query, parent *scope, ctes *cteList) (*bound, error) {
	if err := b.enter(q.Pos); err != nil {
		return nil, err
	}
	defer b.leave()
	if q.WithTies {
		return nil, unsupported(q.Pos, "FETCH FIRST … WITH TIES")
	}
	if len(q.Options) > 0 {
		return nil, unsupported(q.Options[0].Pos, "OPTIONS")
	}
	ctes, err := b.with(q.With, parent, ctes)
	if err != nil {
		return nil, err
	}
	out, err := b.body(q.Body, q.OrderBy, parent, ctes)
	if err != nil {
		return nil, err
	}
	if q.Limit != nil || q.Offset != nil {
		if out.limit != nil || out.offset != nil {
			out = &bound{node: out.limited(), visible: out.visible}
		}
		if out.limit, err = b.limit(q.Limit, "LIMIT", parent); err != nil {
			return nil, err
		}
		if out.offset, err = b.limit(q.Offset, "OFFSET", parent); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *binder) with(w *ast.With, parent *scope, ctes *cteList) (*cteList, error) {
	if w == nil {
		return ctes, nil
	}
	if w.Recursive || w.Mutually {
		for _, c := range w.CTEs {
			if q, ok := c.Stmt.(*ast.Query); ok && namesRelation(q, c.Name) || w.Mutually {
				return nil, unsupported(c.Pos, "a recursive query").WithHint("Expand the steps that are needed into joins.")
			}
		}
	}
	list := &cteList{outer: ctes}
	for _, c := range w.CTEs {
		for _, have := range list.list {
			if have.def.Name == c.Name {
				return nil, sqlerr.New(sqlerr.DuplicateAlias, "WITH query name \"%s\" specified more than once", c.Name).At(c.Pos)
			}
		}
		if !c.Changelog.IsZero() {
			return nil, unsupported(c.Pos, "AS CHANGELOG FROM")
		}
		if _, ok := c.Stmt.(*ast.Query); !ok {
			return nil, unsupported(c.Pos, "a data-modifying statement in WITH")
		}
		// Each sees those before it.
		sees := &cteList{list: append([]*cte(nil), list.list...), outer: ctes}
		list.list = append(list.list, &cte{def: c, s: parent, outer: sees})
	}
	return list, nil
}

// cteNode binds a CTE for the first reference and shares it with the others.
func (b *binder) cteNode(c *cte, pos int) (plan.Node, error) {
	if c.node != nil {
		// Shared in memory, but passes visit it once per reference.
		b.nodes += c.size
		return c.node, b.count(pos)
	}
	if c.busy {
		return nil, unsupported(pos, "a recursive query")
	}
	c.busy = true
	before := b.nodes
	defer func() { c.busy = false }()
	q, err := b.query(c.def.Stmt.(*ast.Query), c.s, c.outer)
	if err != nil {
		return nil, err
	}
	n := q.limited()
	if n, err = rename(n, c.def.Columns, c.def.Name, c.def.Pos); err != nil {
		return nil, err
	}
	c.node, c.size = n, b.nodes-before+1
	return n, nil
}

// rename gives n's first columns the names of an alias's column list.
func rename(n plan.Node, names []ast.Ident, relation string, pos int) (plan.Node, error) {
	if len(names) == 0 {
		return n, nil
	}
	cols := n.Columns()
	if len(names) > len(cols) {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "table \"%s\" has %d columns available but %d columns specified", relation, len(cols), len(names)).At(pos)
	}
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.Name
		if i < len(names) {
			out[i] = names[i].Name
		}
	}
	return plan.NewProject(n, plan.Refs(n), out), nil
}

// limit binds LIMIT or OFFSET: an int8 without columns.
func (b *binder) limit(e ast.Expr, word string, parent *scope) (expr.Expr, error) {
	if e == nil {
		return nil, nil
	}
	x := &exprs{binder: b, where: word}
	if c := firstColumn(e); c != nil {
		return nil, sqlerr.New(sqlerr.InvalidColumnReference, "argument of %s must not contain variables", word).At(c.Pos)
	}
	v, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	if err := noSubquery(v, word); err != nil {
		return nil, err
	}
	if v, err = b.coerce(v, types.Int8, types.CastAssignment, e.Position()); err != nil {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "argument of %s must be type bigint, not type %s", word, base(v.Type())).At(e.Position())
	}
	v = expr.Fold(&funcs.Ctx{Env: b.env}, v, funcs.Immutable)
	if c, ok := v.(*expr.Const); ok && !c.Val.Null && c.Val.I < 0 {
		code := sqlerr.InvalidRowCountInLimit
		if word == "OFFSET" {
			code = sqlerr.InvalidRowCountInOffset
		}
		return nil, sqlerr.New(code, "%s must not be negative", word).At(e.Position())
	}
	if c, ok := v.(*expr.Const); ok && c.Val.Null {
		return nil, nil
	}
	if _, ok := v.(*expr.Const); !ok && b.opt.Standing {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "%s of a query that is maintained must be a constant", word).At(e.Position())
	}
	return v, nil
}

// body binds what stands before ORDER BY; orderBy is passed down because the
// order may use what only the body knows.
func (b *binder) body(q ast.QueryBody, orderBy []ast.SortItem, parent *scope, ctes *cteList) (*bound, error) {
	switch q := q.(type) {
	case *ast.Select:
		return b.selectQuery(q, orderBy, parent, ctes)
	case *ast.Query:
		in, err := b.openQuery(q, parent, ctes)
		if err != nil || len(orderBy) == 0 {
			return in, err
		}
		if err := b.settleNode(in, q.Pos); err != nil {
			return nil, err
		}
		return b.orderOutput(&bound{node: in.limited(), visible: in.visible}, orderBy)
	case *ast.SetOp:
		n, err := b.setOp(q, parent, ctes)
		if err != nil {
			return nil, err
		}
		return b.orderOutput(&bound{node: n, visible: len(n.Columns())}, orderBy)
	case *ast.Values:
		n, err := b.values(q, parent, ctes)
		if err != nil {
			return nil, err
		}
		return b.orderOutput(&bound{node: n, visible: len(n.Columns())}, orderBy)
	}
	return nil, unsupported(q.Position(), "this form of query")
}

// orderOutput orders by output columns only: ordinals and names.
func (b *binder) orderOutput(q *bound, items []ast.SortItem) (*bound, error) {
	if len(items) > 0 {
		if err := b.settleNode(q, 0); err != nil {
			return nil, err
		}
	}
	for _, it := range items {
		i, err := outputColumn(it.X, q.node.Columns()[:q.visible], "ORDER BY")
		if err != nil {
			return nil, err
		}
		if i < 0 {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "invalid UNION/INTERSECT/EXCEPT ORDER BY clause").At(it.X.Position()).
				WithDetail("Only result column names can be used, not expressions or functions.").
				WithHint("Add the expression/function to every SELECT, or move the UNION into a FROM clause.")
		}
		k, err := sortKeyOf(plan.Ref(q.node, i), it)
		if err != nil {
			return nil, err
		}
		q.order = append(q.order, plan.Order{Col: i, Desc: k.desc, NullsFirst: k.nullsFirst})
	}
	return q, nil
}

// outputColumn finds the output column that an ordinal or a bare name means, -1
// for other expressions.
func outputColumn(e ast.Expr, cols []plan.Column, clause string) (int, error) {
	switch e := e.(type) {
	case *ast.Number:
		v, err := number(e)
		if err != nil {
			return -1, err
		}
		c := v.(*expr.Const)
		if c.Typ.OID == types.OIDNumeric {
			return -1, sqlerr.New(sqlerr.SyntaxError, "non-integer constant in %s", clause).At(e.Pos)
		}
		if c.Val.I < 1 || c.Val.I > int64(len(cols)) {
			return -1, sqlerr.New(sqlerr.InvalidColumnReference, "%s position %d is not in select list", clause, c.Val.I).At(e.Pos)
		}
		return int(c.Val.I) - 1, nil
	case *ast.ColumnRef:
		if len(e.Parts) != 1 || e.Star {
			return -1, nil
		}
		found := -1
		for i, c := range cols {
			if c.Name != e.Parts[0] {
				continue
			}
			if found >= 0 {
				return -1, sqlerr.New(sqlerr.AmbiguousColumn, "%s \"%s\" is ambiguous", clause, e.Parts[0]).At(e.Pos)
			}
			found = i
		}
		return found, nil
	}
	return -1, nil
}

func (b *binder) setOp(q *ast.SetOp, parent *scope, ctes *cteList) (plan.Node, error) {
	if err := b.enter(q.Pos); err != nil {
		return nil, err
	}
	defer b.leave()
	sides := make([]*bound, 2)
	for i, body := range []ast.QueryBody{q.Left, q.Right} {
		s, err := b.setOpSide(body, parent, ctes)
		if err != nil {
			return nil, err
		}
		sides[i] = s
	}
	l, r := sides[0].limited(), sides[1].limited()
	if len(l.Columns()) != len(r.Columns()) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "each %s query must have the same number of columns", q.Op).At(q.Right.Position())
	}
	ts := make([]types.Type, len(l.Columns()))
	for i := range ts {
		t, err := funcs.CommonType(q.Op, []types.Type{l.Columns()[i].Type, r.Columns()[i].Type})
		if err != nil {
			return nil, at(err, itemPos(q.Right, i))
		}
		ts[i] = t
	}
	l, err := b.retype(l, ts, types.CastImplicit, q.Pos)
	if err != nil {
		return nil, err
	}
	if r, err = b.retype(r, ts, types.CastImplicit, q.Pos); err != nil {
		return nil, err
	}
	switch q.Op {
	case "UNION":
		ins := []plan.Node{l, r}
		if u, ok := l.(*plan.SetOp); ok && u.Kind == plan.Union {
			ins = append(append([]plan.Node(nil), u.Ins...), r)
		}
		var n plan.Node = plan.NewSetOp(plan.Union, true, ins...)
		if !q.All {
			n = plan.NewDistinct(n)
		}
		return n, nil
	case "INTERSECT":
		return plan.NewSetOp(plan.Intersect, q.All, l, r), nil
	}
	return plan.NewSetOp(plan.Except, q.All, l, r), nil
}

func (b *binder) setOpSide(q ast.QueryBody, parent *scope, ctes *cteList) (*bound, error) {
	if p, ok := q.(*ast.Query); ok {
		return b.openQuery(p, parent, ctes)
	}
	return b.body(q, nil, parent, ctes)
}

func itemPos(q ast.QueryBody, i int) int {
	switch q := q.(type) {
	case *ast.Select:
		if i < len(q.Items) {
			return q.Items[i].X.Position()
		}
	case *ast.Values:
		if len(q.Rows) > 0 && i < len(q.Rows[0]) {
			return q.Rows[0][i].Position()
		}
	}
	return q.Position()
}

// retype casts n's columns to ts. Open literals of a projection or VALUES are
// read as the type.
func (b *binder) retype(n plan.Node, ts []types.Type, ctx types.CastContext, pos int) (plan.Node, error) {
	cast := func(es []expr.Expr) ([]expr.Expr, bool, error) {
		out, changed := make([]expr.Expr, len(es)), false
		for i, e := range es {
			c, err := b.coerce(e, ts[i], ctx, pos)
			if err != nil {
				return nil, false, err
			}
			out[i] = c
			changed = changed || c != e
		}
		return out, changed, nil
	}
	switch n := n.(type) {
	case *plan.Project:
		es, changed, err := cast(n.Exprs)
		if err != nil || !changed {
			return n, err
		}
		return plan.NewProject(n.In, es, columnNames(n)), nil
	case *plan.Values:
		rows := make([][]expr.Expr, len(n.Rows))
		for i, r := range n.Rows {
			es, _, err := cast(r)
			if err != nil {
				return nil, err
			}
			rows[i] = es
		}
		cols := append([]plan.Column(nil), n.Cols...)
		for i := range cols {
			cols[i].Type = ts[i]
		}
		return plan.NewValues(cols, rows), nil
	}
	es, changed, err := cast(plan.Refs(n))
	if err != nil || !changed {
		return n, err
	}
	return plan.NewProject(n, es, columnNames(n)), nil
}

func columnNames(n plan.Node) []string {
	out := make([]string, len(n.Columns()))
	for i, c := range n.Columns() {
		out[i] = c.Name
	}
	return out
}

// settleNode gives columns of open type the type text.
func (b *binder) settleNode(q *bound, pos int) error {
	ts := make([]types.Type, len(q.node.Columns()))
	open := false
	for i, c := range q.node.Columns() {
		ts[i] = c.Type
		if c.Type.OID == types.OIDUnknown {
			ts[i], open = types.Text, true
		}
	}
	if !open {
		return nil
	}
	n, err := b.retype(q.node, ts, types.CastImplicit, pos)
	q.node = n
	return err
}

// values binds VALUES: columns take the common type of their rows.
func (b *binder) values(q *ast.Values, parent *scope, ctes *cteList) (plan.Node, error) {
	s := &scope{parent: parent, ctes: ctes}
	x := &exprs{binder: b, s: s, where: "VALUES"}
	rows := make([][]expr.Expr, len(q.Rows))
	for i, r := range q.Rows {
		if len(r) != len(q.Rows[0]) {
			return nil, sqlerr.New(sqlerr.SyntaxError, "VALUES lists must all be the same length").At(r[0].Position())
		}
		var err error
		if rows[i], err = x.list(r); err != nil {
			return nil, err
		}
	}
	cols := make([]plan.Column, len(q.Rows[0]))
	for c := range cols {
		es, pos := make([]expr.Expr, len(rows)), make([]int, len(rows))
		for i := range rows {
			es[i], pos[i] = rows[i][c], q.Rows[i][c].Position()
		}
		open := true
		for _, e := range es {
			open = open && b.typeOf(e).OID == types.OIDUnknown
		}
		t := types.Unknown
		if !open {
			var err error
			if es, t, err = b.unify("VALUES", es, pos); err != nil {
				return nil, err
			}
		}
		for i := range rows {
			rows[i][c] = es[i]
		}
		cols[c] = plan.Column{Name: "column" + itoa(c+1), Type: t}
	}
	return b.valuesNode(cols, rows, s)
}

// valuesNode makes a Values, or where rows hold subqueries a union of one-row
// projections that they are joined to.
func (b *binder) valuesNode(cols []plan.Column, rows [][]expr.Expr, s *scope) (plan.Node, error) {
	plain := true
	for _, r := range rows {
		for _, e := range r {
			plain = plain && !hasSubquery(e)
		}
	}
	if plain {
		return plan.NewValues(cols, rows), nil
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = c.Name
	}
	ins := make([]plan.Node, len(rows))
	for i, exprs := range rows {
		r := &row{node: oneRow(), scope: s}
		out := make([]expr.Expr, len(exprs))
		for k, e := range exprs {
			var err error
			if out[k], err = r.lower(e); err != nil {
				return nil, err
			}
		}
		ins[i] = plan.NewProject(r.node, out, names)
	}
	if len(ins) == 1 {
		return ins[0], nil
	}
	return plan.NewSetOp(plan.Union, true, ins...), nil
}

// oneRow is the relation of a SELECT without FROM: a row that holds nothing of
// interest (a column all the same, since batches without columns are awkward).
func oneRow() plan.Node {
	return plan.NewValues([]plan.Column{{Name: "", Type: types.Bool}}, [][]expr.Expr{{boolConst(true)}})
}
