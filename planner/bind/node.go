package bind

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Expressions that live only while a query is being bound. Each embeds an
// expression of its type, so that it can stand anywhere; lowering replaces all
// of them before a plan leaves the package.

// outer is column Idx of the row of an enclosing query.
type outer struct {
	expr.Column
	of  *scope
	pos int
}

// subKind says what a subquery stands for.
type subKind uint8

const (
	subScalar subKind = iota
	subExists
	subIn  // left = ANY (plan), for one or more columns
	subAny // left op ANY (plan)
	subAll // left op ALL (plan)
	subArray
)

// subquery is a query inside an expression.
type subquery struct {
	expr.Const // for the type
	kind       subKind
	plan       plan.Node
	left       []expr.Expr // subIn, subAny, subAll
	// compare builds the comparison of left with the subquery's columns.
	compare func(left, right []expr.Expr) expr.Expr
	pos     int
}

// aggregate is a call of an aggregate function.
type aggregate struct {
	expr.Const
	fn       *funcs.Agg
	args     []expr.Expr
	filter   expr.Expr
	orderBy  []sortKey
	distinct bool
	grouping []int // of GROUPING(…), which has no fn: the arguments' places in the text
	pos      int
}

// window is a call over a window.
type window struct {
	expr.Const
	rank      uint8 // as plan.TopN.RankKind; over is nil
	partition []expr.Expr
	orderBy   []sortKey
	over      *over // of other functions than those that number rows
	pos       int
}

// over is the function of a window, with its frame.
type over struct {
	name   string
	agg    *funcs.Agg // nil: a window function
	args   []expr.Expr
	filter expr.Expr
	frame  funcs.WindowFrame // Col and Key are not set yet
	// bounds are the offsets of the frame's start and end, in FrameRange what key is
	// compared with; nil where there is none.
	bounds, keys [2]expr.Expr
}

func (o *over) exprs() []expr.Expr {
	if o == nil {
		return nil
	}
	out := append([]expr.Expr(nil), o.args...)
	for _, e := range []expr.Expr{o.filter, o.bounds[0], o.bounds[1], o.keys[0], o.keys[1]} {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

func (o *over) replace(f func(expr.Expr) expr.Expr) *over {
	if o == nil {
		return nil
	}
	c := *o
	c.args = each(o.args, f)
	opt := func(e expr.Expr) expr.Expr {
		if e == nil {
			return nil
		}
		return f(e)
	}
	c.filter = opt(o.filter)
	for i := range o.bounds {
		c.bounds[i], c.keys[i] = opt(o.bounds[i]), opt(o.keys[i])
	}
	return &c
}

func sameOver(a, b *over) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.name == b.name && a.agg == b.agg && a.frame == b.frame && sameList(a.args, b.args) && sameOpt(a.filter, b.filter) &&
		sameOpt(a.bounds[0], b.bounds[0]) && sameOpt(a.bounds[1], b.bounds[1])
}

// setReturning is a set-returning function in a SELECT list: array holds the
// elements of its set.
type setReturning struct {
	expr.Const
	array expr.Expr
	name  string
	pos   int
}

// sortKey is one ORDER BY item.
type sortKey struct {
	e          expr.Expr
	desc       bool
	nullsFirst bool
}

func typed(t types.Type) expr.Const { return expr.Const{Typ: t} }

// children returns e's direct subexpressions, those of internal nodes included;
// not the expressions inside a subquery's plan.
func children(e expr.Expr) []expr.Expr {
	switch e := e.(type) {
	case *subquery:
		return e.left
	case *aggregate:
		out := append([]expr.Expr(nil), e.args...)
		if e.filter != nil {
			out = append(out, e.filter)
		}
		for _, k := range e.orderBy {
			out = append(out, k.e)
		}
		return out
	case *window:
		out := append([]expr.Expr(nil), e.partition...)
		for _, k := range e.orderBy {
			out = append(out, k.e)
		}
		return append(out, e.over.exprs()...)
	case *setReturning:
		return []expr.Expr{e.array}
	}
	return expr.Children(e)
}

// walk calls f for e and all below it, parents first; false stops the descent.
func walk(e expr.Expr, f func(expr.Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	for _, c := range children(e) {
		walk(c, f)
	}
}

// replace rebuilds e from the top: where f returns an expression, that stands
// there; where it returns nil, the children are gone through.
func replace(e expr.Expr, f func(expr.Expr) expr.Expr) expr.Expr {
	if e == nil {
		return nil
	}
	if r := f(e); r != nil {
		return r
	}
	g := func(c expr.Expr) expr.Expr { return replace(c, f) }
	switch e := e.(type) {
	case *subquery:
		c := *e
		c.left = each(e.left, g)
		return &c
	case *aggregate:
		c := *e
		c.args = each(e.args, g)
		if e.filter != nil {
			c.filter = g(e.filter)
		}
		c.orderBy = eachKey(e.orderBy, g)
		return &c
	case *window:
		c := *e
		c.partition, c.orderBy, c.over = each(e.partition, g), eachKey(e.orderBy, g), e.over.replace(g)
		return &c
	case *setReturning:
		c := *e
		c.array = g(e.array)
		return &c
	case *outer:
		return e
	}
	return mapChildren(e, g)
}

func eachKey(ks []sortKey, f func(expr.Expr) expr.Expr) []sortKey {
	out := append([]sortKey(nil), ks...)
	for i := range out {
		out[i].e = f(out[i].e)
	}
	return out
}

func each(es []expr.Expr, f func(expr.Expr) expr.Expr) []expr.Expr {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		out[i] = f(e)
	}
	return out
}

// mapChildren returns a copy of e with f applied to its direct children. Unlike
// expr.Map it lets the caller decide about a node before its children.
func mapChildren(e expr.Expr, f func(expr.Expr) expr.Expr) expr.Expr {
	switch e := e.(type) {
	case *expr.Call:
		c := *e
		c.Args = each(e.Args, f)
		return &c
	case *expr.Cast:
		c := *e
		c.In = f(e.In)
		return &c
	case *expr.Case:
		c := *e
		c.Whens, c.Thens = each(e.Whens, f), each(e.Thens, f)
		if e.Else != nil {
			c.Else = f(e.Else)
		}
		return &c
	case *expr.And:
		return &expr.And{Args: each(e.Args, f)}
	case *expr.Or:
		return &expr.Or{Args: each(e.Args, f)}
	case *expr.Not:
		return &expr.Not{In: f(e.In)}
	case *expr.IsNull:
		return &expr.IsNull{In: f(e.In), Negated: e.Negated}
	case *expr.IsTrue:
		return &expr.IsTrue{In: f(e.In), Want: e.Want, Negated: e.Negated}
	case *expr.Distinct:
		return &expr.Distinct{Left: f(e.Left), Right: f(e.Right), Eq: e.Eq, Negated: e.Negated}
	case *expr.In:
		c := *e
		c.Left = f(e.Left)
		return &c
	case *expr.AnyOf:
		c := *e
		c.Left, c.Array = f(e.Left), f(e.Array)
		return &c
	case *expr.Coalesce:
		return &expr.Coalesce{Args: each(e.Args, f), Typ: e.Typ}
	case *expr.NullIf:
		return &expr.NullIf{Left: f(e.Left), Right: f(e.Right), Eq: e.Eq}
	case *expr.MinMax:
		return &expr.MinMax{Args: each(e.Args, f), Greatest: e.Greatest, Typ: e.Typ}
	case *expr.ArrayOf:
		return &expr.ArrayOf{Elems: each(e.Elems, f), Typ: e.Typ}
	case *expr.RowOf:
		return &expr.RowOf{Args: each(e.Args, f), Names: e.Names}
	}
	return e
}

// has reports whether anything in e satisfies f.
func has(e expr.Expr, f func(expr.Expr) bool) bool {
	found := false
	walk(e, func(e expr.Expr) bool {
		found = found || f(e)
		return !found
	})
	return found
}

func hasSubquery(e expr.Expr) bool {
	return has(e, func(e expr.Expr) bool { _, ok := e.(*subquery); return ok })
}

func hasAggregate(e expr.Expr) bool {
	return has(e, func(e expr.Expr) bool { _, ok := e.(*aggregate); return ok })
}

func hasSet(e expr.Expr) bool {
	return has(e, func(e expr.Expr) bool { _, ok := e.(*setReturning); return ok })
}

// same is expr.Equal with internal nodes told apart by what they hold.
func same(a, b expr.Expr) bool {
	if a == b {
		return true
	}
	switch a := a.(type) {
	case *outer:
		b, ok := b.(*outer)
		return ok && a.of == b.of && a.Idx == b.Idx
	case *aggregate:
		b, ok := b.(*aggregate)
		return ok && a.fn == b.fn && len(a.grouping) == len(b.grouping) && a.distinct == b.distinct && sameList(a.args, b.args) &&
			sameOpt(a.filter, b.filter) && sameKeys(a.orderBy, b.orderBy)
	case *window:
		b, ok := b.(*window)
		return ok && a.rank == b.rank && sameList(a.partition, b.partition) && sameKeys(a.orderBy, b.orderBy) && sameOver(a.over, b.over)
	case *subquery, *setReturning:
		return false
	}
	switch b.(type) {
	case *outer, *aggregate, *window, *subquery, *setReturning:
		return false
	}
	if !has(a, internal) && !has(b, internal) {
		return expr.Equal(a, b)
	}
	if a.Type() != b.Type() {
		return false
	}
	hole := func(e expr.Expr) expr.Expr {
		return mapChildren(e, func(c expr.Expr) expr.Expr { return &expr.Const{Typ: c.Type()} })
	}
	return expr.Equal(hole(a), hole(b)) && sameList(children(a), children(b))
}

func internal(e expr.Expr) bool {
	switch e.(type) {
	case *outer, *aggregate, *window, *subquery, *setReturning:
		return true
	}
	return false
}

func sameList(a, b []expr.Expr) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

func sameOpt(a, b expr.Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return same(a, b)
}

func sameKeys(a, b []sortKey) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].desc != b[i].desc || a[i].nullsFirst != b[i].nullsFirst || !same(a[i].e, b[i].e) {
			return false
		}
	}
	return true
}
