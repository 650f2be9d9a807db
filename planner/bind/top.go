package bind

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Select binds a query statement.
func Select(q *ast.Query, opt Options) (*Query, error) {
	b := newBinder(opt)
	if err := b.setAsOf(q.AsOf); err != nil {
		return nil, err
	}
	if len(q.Locks) > 0 && opt.Standing {
		return nil, unsupported(q.Locks[0].Pos, "FOR %s in a query that is maintained", q.Locks[0].Strength)
	}
	body := *q
	body.Emit, body.AsOf = nil, nil
	out := &Query{}
	if q.Emit != nil {
		out.Emit = EmitChanges
		if q.Emit.Final {
			out.Emit = EmitFinal
		} else if q.Emit.Interval != nil {
			every, err := b.duration(q.Emit.Interval, "EMIT CHANGES EVERY")
			if err != nil {
				return nil, err
			}
			out.EmitEvery = every
		}
		b.opt.Standing = true
	}
	bq, err := b.statement(&body, q, out)
	if err != nil {
		return nil, err
	}
	root, err := b.order(bq, out, q)
	if err != nil {
		return nil, err
	}
	return b.done(out, root, bq.visible)
}

// statement binds the query itself, EMIT FINAL applied.
func (b *binder) statement(body, q *ast.Query, out *Query) (*bound, error) {
	if out.Emit == EmitChanges && q.Limit != nil && len(q.OrderBy) == 0 && q.Offset == nil {
		// ksqlDB's LIMIT: the query ends after so many rows.
		body.Limit = nil
		was := b.opt.Standing
		b.opt.Standing = false
		l, err := b.limit(q.Limit, "LIMIT", nil)
		b.opt.Standing = was
		if err != nil {
			return nil, err
		}
		out.Limit = l
	}
	if out.Emit != EmitFinal {
		return b.query(body, nil, nil)
	}
	if q.Emit.Interval != nil {
		var err error
		if out.EmitDelay, err = b.interval(q.Emit.Interval); err != nil {
			return nil, err
		}
	}
	b.final = true
	bq, err := b.query(body, nil, nil)
	if err != nil {
		return nil, err
	}
	bq.node, err = b.emitFinal(bq.node, out.EmitDelay, q.Emit.Pos)
	return bq, err
}

// order finishes a query: a one-shot one with Sort, a standing one with TopN
// where it is limited. Order alone means nothing to a collection.
func (b *binder) order(bq *bound, out *Query, q *ast.Query) (plan.Node, error) {
	if b.opt.Standing {
		if len(bq.order) > 0 && bq.limit == nil && bq.offset == nil {
			b.notice(sqlerr.New(sqlerr.Warning, "ORDER BY without LIMIT has no effect in a query that is maintained"))
		}
		return bq.limited(), nil
	}
	n := bq.node
	if len(bq.order) > 0 || bq.limit != nil || bq.offset != nil {
		n = plan.NewSort(n, bq.order, bq.limit, bq.offset)
	}
	return visible(n, bq.visible), nil
}

// done fills in what the whole statement has settled.
func (b *binder) done(out *Query, root plan.Node, width int) (*Query, error) {
	params, err := b.finishParams()
	if err != nil {
		return nil, err
	}
	out.Root = b.typeParams(root)
	out.Columns = append([]plan.Column(nil), root.Columns()[:width]...)
	for i := range out.Columns {
		if out.Columns[i].Name == "" {
			out.Columns[i].Name = "?column?"
		}
	}
	out.Params = params
	out.AsOf = b.asOf
	out.DependsOn = b.dependencies()
	out.Notices = b.notices
	out.ReadsClock = b.readsClock
	return out, nil
}

// finishParams returns the types of all parameters, which must have one by now.
func (b *binder) finishParams() ([]types.Type, error) {
	for i, t := range b.params {
		if t.OID == types.OIDUnknown {
			return nil, sqlerr.New(sqlerr.IndeterminateDatatype, "could not determine data type of parameter $%d", i+1)
		}
	}
	return b.params, nil
}

// typeParams gives parameters that were bound before their type was known the
// type they got later.
func (b *binder) typeParams(n plan.Node) plan.Node {
	if len(b.params) == 0 {
		return n
	}
	return plan.Transform(n, func(n plan.Node) plan.Node { return plan.MapExprs(n, b.typeParam) })
}

func (b *binder) typeParam(e expr.Expr) expr.Expr {
	return expr.Map(e, func(e expr.Expr) expr.Expr {
		if p, ok := e.(*expr.Param); ok && p.Typ.OID == types.OIDUnknown {
			return &expr.Param{N: p.N, Typ: b.params[p.N-1]}
		}
		return e
	})
}

// View binds the query of CREATE VIEW or CREATE MATERIALIZED VIEW, or of another
// standing query (opt.Standing).
func View(q *ast.Query, names []ast.Ident, opt Options) (*Query, error) {
	if opt.AsOfEvent != nil || opt.AsOfSystem != nil {
		opt.AsOfEvent, opt.AsOfSystem = nil, nil
	}
	if q.AsOf != nil {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "AS OF is not supported in a view").At(q.AsOf.Pos).
			WithHint("Give AS OF where the view is read.")
	}
	b := newBinder(opt)
	body := *q
	body.Emit = nil
	out := &Query{}
	if q.Emit != nil {
		out.Emit = EmitChanges
		if q.Emit.Final {
			out.Emit = EmitFinal
		} else if q.Emit.Interval != nil {
			return nil, unsupported(q.Emit.Pos, "EMIT CHANGES EVERY of a view")
		}
	}
	n, err := b.viewBody(&body, q.Emit)
	if err != nil {
		return nil, err
	}
	if len(q.OrderBy) > 0 && q.Limit == nil && opt.Standing {
		b.notice(sqlerr.New(sqlerr.Warning, "ORDER BY without LIMIT has no effect in a query that is maintained"))
	}
	if n, err = rename(n, names, "", q.Pos); err != nil {
		return nil, sqlerr.New(sqlerr.SyntaxError, "CREATE VIEW specifies more column names than columns").At(names[0].Pos)
	}
	if len(b.params) > 0 {
		return nil, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $1")
	}
	return b.done(out, n, len(n.Columns()))
}

// Relation reads all of a relation: SUBSCRIBE TO v, TABLE v, COPY v TO.
func Relation(name ast.Name, opt Options) (*Query, *catalog.Object, error) {
	b := newBinder(opt)
	o, err := b.object(name)
	if err != nil {
		return nil, nil, err
	}
	b.dependOn(o.ID)
	n, err := b.read(o, name.Pos)
	if err != nil {
		return nil, nil, err
	}
	b.asOf.Event, b.asOf.System = opt.AsOfEvent, opt.AsOfSystem
	if v := o.Visible(); len(v) < len(o.Columns) {
		refs, names := plan.Refs(n), plan.ColumnNames(n)
		for i, c := range v {
			refs[i], names[i] = refs[c], names[c]
		}
		n = plan.NewProject(n, refs[:len(v)], names[:len(v)])
	}
	q, err := b.done(&Query{}, n, len(n.Columns()))
	return q, o, err
}

// Scalar binds an expression over the columns of o (nil: none); to, unless it is
// the zero Type, is what it is assigned to.
func Scalar(e ast.Expr, o *catalog.Object, to types.Type, where string, opt Options) (expr.Expr, error) {
	b := newBinder(opt)
	x := &exprs{binder: b, where: where}
	if o != nil {
		t := rowItem(o, o.Name, 0)
		x.s = &scope{from: &item{tables: []*tableRef{t}, star: t.cols}}
	}
	v, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	if err := noSubquery(v, where); err != nil {
		return nil, err
	}
	switch {
	case to.OID == types.OIDBool:
		v, err = b.boolean(v, where, e.Position())
	case to.OID != 0:
		v, err = b.coerce(v, to, types.CastAssignment, e.Position())
	default:
		v, err = b.settle(v, e.Position())
	}
	if err != nil {
		return nil, err
	}
	if _, err := b.finishParams(); err != nil {
		return nil, err
	}
	return b.typeParam(v), nil
}

// Defaults returns what each column of o gets where a row does not give it.
func Defaults(o *catalog.Object, opt Options) ([]expr.Expr, error) {
	b := newBinder(opt)
	out := make([]expr.Expr, len(o.Columns))
	for i := range o.Columns {
		var err error
		if out[i], err = b.columnDefault(o, i, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}
