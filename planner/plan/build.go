package plan

import (
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
)

// The constructors compute the output columns and properties; passes that
// change a node's inputs or fields make a new node or call Derive.

// NewFilter keeps the rows of in for which cond is true.
func NewFilter(in Node, cond expr.Expr) *Filter {
	n := &Filter{In: in, Cond: cond}
	n.Cols = in.Columns()
	Derive(n)
	return n
}

// NewProject computes exprs; names gives the output names, nil takes those of
// plain columns.
func NewProject(in Node, exprs []expr.Expr, names []string) *Project {
	n := &Project{In: in, Exprs: exprs, Base: Base{Cols: make([]Column, len(exprs))}}
	for i, e := range exprs {
		n.Cols[i] = Column{Type: e.Type()}
		if c, ok := e.(*expr.Column); ok && c.Idx < len(in.Columns()) {
			n.Cols[i] = in.Columns()[c.Idx]
			n.Cols[i].Type = c.Typ
		}
		if names != nil {
			n.Cols[i].Name = names[i]
		}
	}
	Derive(n)
	return n
}

// NewJoin joins l and r on every pair; keys and residual are set by the caller,
// who calls Derive then.
func NewJoin(kind JoinKind, l, r Node) *Join {
	n := &Join{Kind: kind, Left: l, Right: r}
	n.Cols = joinColumns(kind, l, r)
	Derive(n)
	return n
}

func joinColumns(kind JoinKind, l, r Node) []Column {
	if kind == Semi || kind == Anti {
		return l.Columns()
	}
	return append(append([]Column(nil), l.Columns()...), r.Columns()...)
}

// NewAggregate groups in; names are those of the aggregates.
func NewAggregate(in Node, groupBy []int, aggs []AggCall, names []string) *Aggregate {
	n := &Aggregate{In: in, GroupBy: groupBy, Aggs: aggs, WindowEnd: -1}
	for _, g := range groupBy {
		n.Cols = append(n.Cols, in.Columns()[g])
	}
	for i, a := range aggs {
		name := a.Fn.Name
		if names != nil {
			name = names[i]
		}
		n.Cols = append(n.Cols, Column{Name: name, Type: a.Type})
	}
	Derive(n)
	return n
}

// NewTemporal keeps the rows of in within bounds.
func NewTemporal(in Node, bounds []Bound) *Temporal {
	n := &Temporal{In: in, Bounds: bounds}
	n.Cols = in.Columns()
	Derive(n)
	return n
}

// NewDistinct removes duplicates of in's rows.
func NewDistinct(in Node) *Distinct {
	n := &Distinct{In: in}
	n.Cols = in.Columns()
	Derive(n)
	return n
}

// NewSetOp combines ins; the first one names the columns.
func NewSetOp(kind SetOpKind, all bool, ins ...Node) *SetOp {
	n := &SetOp{Kind: kind, All: all, Ins: ins}
	n.Cols = make([]Column, len(ins[0].Columns()))
	for i, c := range ins[0].Columns() {
		n.Cols[i] = Column{Name: c.Name, Type: c.Type}
		for _, in := range ins[1:] {
			if in.Columns()[i].Type != c.Type {
				n.Cols[i].Type.Mod = -1 // a modifier holds only if all agree on it
			}
		}
	}
	Derive(n)
	return n
}

// Named returns n with other output names. It is for nodes of the planner's own
// making: a shared node is copied.
func Named(n Node, cols []Column) Node {
	out := shallow(n)
	own := append([]Column(nil), out.Columns()...)
	for i := range own {
		own[i].Name = cols[i].Name
	}
	out.base().Cols = own
	return out
}

func shallow(n Node) Node {
	switch n := n.(type) {
	case *Scan:
		c := *n
		return &c
	case *Values:
		c := *n
		return &c
	case *Series:
		c := *n
		return &c
	case *Filter:
		c := *n
		return &c
	case *Project:
		c := *n
		return &c
	case *Tumble:
		c := *n
		return &c
	case *Temporal:
		c := *n
		return &c
	case *Join:
		c := *n
		return &c
	case *Aggregate:
		c := *n
		return &c
	case *Distinct:
		c := *n
		return &c
	case *SetOp:
		c := *n
		return &c
	case *TopN:
		c := *n
		return &c
	case *Final:
		c := *n
		return &c
	case *Unnest:
		c := *n
		return &c
	case *Sort:
		c := *n
		return &c
	case *Recursive:
		c := *n
		return &c
	}
	return n
}

// NewTumble appends window_start and window_end of type t.
func NewTumble(in Node, time int, size, slide, offset int64) *Tumble {
	n := &Tumble{In: in, Time: time, Size: size, Slide: slide, Offset: offset}
	t := types.Type{OID: in.Columns()[time].Type.OID, Mod: -1}
	n.Cols = append(append([]Column(nil), in.Columns()...), Column{Name: "window_start", Type: t}, Column{Name: "window_end", Type: t})
	Derive(n)
	return n
}

// NewUnnest appends array's elements as a column of that name.
func NewUnnest(in Node, array expr.Expr, name string, ordinality, outer bool) *Unnest {
	n := &Unnest{In: in, Array: array, Ordinality: ordinality, Outer: outer}
	n.Cols = append(append([]Column(nil), in.Columns()...), Column{Name: name, Type: types.ElemOf(array.Type())})
	if ordinality {
		n.Cols = append(n.Cols, Column{Name: "ordinality", Type: types.Int8})
	}
	Derive(n)
	return n
}

// NewValues holds constant rows of the given columns.
func NewValues(cols []Column, rows [][]expr.Expr) *Values {
	n := &Values{Rows: rows}
	n.Cols = cols
	Derive(n)
	return n
}

// NewTopN sets columns and properties of n, whose other fields are set.
func NewTopN(n *TopN, rankName string) *TopN {
	n.Cols = n.In.Columns()
	if n.RankCol {
		n.Cols = append(append([]Column(nil), n.Cols...), Column{Name: rankName, Type: types.Int8})
	}
	Derive(n)
	return n
}

// NewFinal passes in's groups on when column windowEnd is behind the watermark.
func NewFinal(in Node, windowEnd int, delay int64) *Final {
	n := &Final{In: in, WindowEnd: windowEnd, Delay: delay}
	n.Cols = in.Columns()
	Derive(n)
	return n
}

// NewSort orders in.
func NewSort(in Node, by []Order, limit, offset expr.Expr) *Sort {
	n := &Sort{In: in, OrderBy: by, Limit: limit, Offset: offset}
	n.Cols = in.Columns()
	Derive(n)
	return n
}

// Ref is column i of n as an expression.
func Ref(n Node, i int) *expr.Column {
	c := n.Columns()[i]
	return &expr.Column{Idx: i, Typ: c.Type, Name: c.Name}
}

// Refs are all columns of n.
func Refs(n Node) []expr.Expr {
	out := make([]expr.Expr, len(n.Columns()))
	for i := range out {
		out[i] = Ref(n, i)
	}
	return out
}

// ColumnNames are the names of n's columns.
func ColumnNames(n Node) []string {
	out := make([]string, len(n.Columns()))
	for i, c := range n.Columns() {
		out[i] = c.Name
	}
	return out
}

// WithInputs returns n over other inputs of the same column positions and
// types, n itself if they are the ones it has.
func WithInputs(n Node, ins []Node) Node {
	same := true
	for i, in := range n.Inputs() {
		same = same && in == ins[i]
	}
	if same {
		return n
	}
	out := shallow(n)
	switch c := out.(type) {
	case *Filter:
		c.In, c.Cols = ins[0], ins[0].Columns()
	case *Project:
		c.In = ins[0]
	case *Tumble:
		c.In = ins[0]
	case *Temporal:
		c.In, c.Cols = ins[0], ins[0].Columns()
	case *Join:
		c.Left, c.Right = ins[0], ins[1]
		c.Cols = joinColumns(c.Kind, c.Left, c.Right)
	case *Aggregate:
		c.In = ins[0]
	case *Distinct:
		c.In = ins[0]
	case *SetOp:
		c.Ins = ins
	case *Recursive:
		c.First, c.Step = ins[0], ins[1]
	case *TopN:
		c.In = ins[0]
	case *Final:
		c.In = ins[0]
	case *Unnest:
		c.In = ins[0]
	case *Sort:
		c.In = ins[0]
	}
	Derive(out)
	return out
}

// Transform rebuilds n from below: f sees each node with its inputs done.
func Transform(n Node, f func(Node) Node) Node {
	old := n.Inputs()
	if len(old) > 0 {
		ins := make([]Node, len(old))
		for i, in := range old {
			ins[i] = Transform(in, f)
		}
		n = WithInputs(n, ins)
	}
	return f(n)
}

// Walk calls f for n and all nodes below it, parents first.
func Walk(n Node, f func(Node)) {
	f(n)
	for _, in := range n.Inputs() {
		Walk(in, f)
	}
}

// Exprs lists the expressions that n itself holds.
func Exprs(n Node) []expr.Expr {
	switch n := n.(type) {
	case *Values:
		var out []expr.Expr
		for _, r := range n.Rows {
			out = append(out, r...)
		}
		return out
	case *Series:
		return notNil(n.From, n.To, n.Step)
	case *Filter:
		return notNil(n.Cond)
	case *Project:
		return n.Exprs
	case *Join:
		return notNil(n.Residual)
	case *TopN:
		return notNil(n.LimitE, n.OffsetE)
	case *Unnest:
		return notNil(n.Array)
	case *Sort:
		return notNil(n.Limit, n.Offset)
	}
	return nil
}

func notNil(es ...expr.Expr) []expr.Expr {
	out := es[:0]
	for _, e := range es {
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

// MapExprs returns n with f applied to each expression that n itself holds.
func MapExprs(n Node, f func(expr.Expr) expr.Expr) Node {
	each := func(es []expr.Expr) []expr.Expr {
		out := make([]expr.Expr, len(es))
		for i, e := range es {
			out[i] = f(e)
		}
		return out
	}
	opt := func(e expr.Expr) expr.Expr {
		if e == nil {
			return nil
		}
		return f(e)
	}
	switch n := n.(type) {
	case *Values:
		c := *n
		c.Rows = make([][]expr.Expr, len(n.Rows))
		for i, r := range n.Rows {
			c.Rows[i] = each(r)
		}
		return &c
	case *Series:
		c := *n
		c.From, c.To, c.Step = f(n.From), f(n.To), opt(n.Step)
		return &c
	case *Filter:
		c := *n
		c.Cond = f(n.Cond)
		return &c
	case *Project:
		c := *n
		c.Exprs = each(n.Exprs)
		Derive(&c)
		return &c
	case *Join:
		c := *n
		c.Residual = opt(n.Residual)
		return &c
	case *TopN:
		c := *n
		c.LimitE, c.OffsetE = opt(n.LimitE), opt(n.OffsetE)
		return &c
	case *Unnest:
		c := *n
		c.Array = f(n.Array)
		return &c
	case *Sort:
		c := *n
		c.Limit, c.Offset = opt(n.Limit), opt(n.Offset)
		return &c
	}
	return n
}
