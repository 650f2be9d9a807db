package bind

import (
	"math"

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
	if q.WithTies {
		return out, b.ties(out, q)
	}
	return out, nil
}

// ties makes LIMIT keep the rows that come out even with the last one: those of
// the first ranks, without what OFFSET leaves out.
func (b *binder) ties(out *bound, q *ast.Query) error {
	if len(out.order) == 0 {
		return sqlerr.New(sqlerr.SyntaxError, "WITH TIES cannot be specified without ORDER BY clause").At(q.Limit.Position())
	}
	count := func(e expr.Expr) (int64, bool) {
		c, ok := e.(*expr.Const)
		if ok && !c.Val.Null {
			return c.Val.I, true
		}
		return 0, e == nil
	}
	limit, ok := count(out.limit)
	offset, known := count(out.offset)
	if !ok || !known {
		return unsupported(q.Limit.Position(), "WITH TIES of a number that is no constant")
	}
	if out.limit == nil {
		return nil
	}
	if limit > math.MaxInt64-offset {
		limit = math.MaxInt64 - offset
	}
	out.node = plan.NewTopN(&plan.TopN{In: out.node, OrderBy: out.order, Limit: limit + offset, RankKind: 1}, "")
	if offset > 0 {
		out.node = plan.NewTopN(&plan.TopN{In: out.node, OrderBy: out.order, Limit: -1, Offset: offset}, "")
	}
	out.limit, out.offset = nil, nil
	if b.opt.Standing {
		out.order = nil
	}
	return nil
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
	t := b.typeOf(v)
	if v, err = b.coerce(v, types.Int8, types.CastAssignment, e.Position()); err != nil {
		if t.OID == types.OIDUnknown {
			return nil, err
		}
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "argument of %s must be type bigint, not type %s", word, base(t)).At(e.Position())
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
