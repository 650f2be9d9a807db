package circuit

import (
	"fmt"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Build makes the circuit of a plan. Errors are of the plan.
func Build(root plan.Node, env Env) (*Circuit, error) {
	c := &Circuit{env: env, root: root}
	c.findFinals(root)
	if err := c.build(root, edge{}, map[plan.Node]*node{}); err != nil {
		return nil, err
	}
	return c, nil
}

// states hands out arrangements under the next ordinals.
func (c *Circuit) states() *operator.States {
	return &operator.States{Space: c.env.Space, Next: func() uint64 {
		c.ordinal++
		return c.env.StateID(c.ordinal - 1)
	}}
}

// build makes n's operator and those below it. A node that several others read
// is built once.
func (c *Circuit) build(n plan.Node, out edge, built map[plan.Node]*node) error {
	if me := built[n]; me != nil {
		me.outs = append(me.outs, out)
		return nil
	}
	switch n.(type) {
	case *plan.Recursive, *plan.Working:
		n = c.stand(n)
	}
	if s, ok := n.(*plan.Scan); ok {
		for i, have := range c.scans {
			if have == s {
				c.sources[i] = append(c.sources[i], out)
				return nil
			}
		}
		c.scans = append(c.scans, s)
		c.sources = append(c.sources, []edge{out})
		return nil
	}
	me := &node{c: c, plan: n, name: nameOf(n), outs: []edge{out}}
	ins := n.Inputs()
	if p, ok := n.(*plan.Project); ok {
		if f, ok := p.In.(*plan.Filter); ok { // one pass for both
			ins = f.Inputs()
		}
	}
	for port, in := range ins {
		if err := c.build(in, edge{me, port}, built); err != nil {
			return err
		}
	}
	op, err := c.operator(n)
	if err != nil {
		return err
	}
	me.op = op
	if t, ok := op.(operator.Timed); ok {
		me.timed = t.Timed()
	}
	me.once, _ = op.(operator.Once)
	me.clocked, _ = op.(operator.Clocked)
	c.nodes = append(c.nodes, me)
	built[n] = me
	return nil
}

// stand returns the scan that stands for a node whose rows are computed apart.
func (c *Circuit) stand(n plan.Node) *plan.Scan {
	for s, have := range c.computed {
		if have == n {
			return s
		}
	}
	s := &plan.Scan{Kind: plan.System, Base: plan.Base{Cols: n.Columns(), P: *n.Props()}}
	if c.computed == nil {
		c.computed = map[*plan.Scan]plan.Node{}
	}
	c.computed[s] = n
	return s
}

// operator is the one switch from plan to operators.
func (c *Circuit) operator(n plan.Node) (operator.Operator, error) {
	switch n := n.(type) {
	case *plan.Values:
		return operator.NewValues(typesOf(n), n.Rows, c.states()), nil
	case *plan.Series:
		return operator.NewSeries(n.Cols[0].Type, n.From, n.To, n.Step, c.states()), nil
	case *plan.Filter:
		return c.filter(n)
	case *plan.Project:
		return c.project(n)
	case *plan.Tumble:
		return &operator.Tumble{Time: n.Time, Size: n.Size, Slide: n.Slide, Offset: n.Offset, Type: last(n.Cols).Type}, nil
	case *plan.Join:
		return c.join(n)
	case *plan.Aggregate:
		return operator.NewAggregate(c.aggregateSpec(n), c.states()), nil
	case *plan.Distinct:
		return operator.NewCounts(typesOf(n), shownAs(n), operator.DistinctCopies, c.states()), nil
	case *plan.SetOp:
		return c.setOp(n), nil
	case *plan.TopN:
		return c.topN(n)
	case *plan.Temporal:
		return operator.NewTemporal(typesOf(n), n.Bounds, c.states()), nil
	case *plan.Final:
		return operator.NewFinal(typesOf(n), n.WindowEnd, n.Delay, c.states()), nil
	case *plan.Unnest:
		return c.unnest(n)
	case *plan.Sort:
		return nil, sqlerr.New(sqlerr.InternalError, "a standing query has no order")
	}
	return nil, sqlerr.New(sqlerr.InternalError, "no operator for plan node %T", n)
}

func (c *Circuit) filter(n *plan.Filter) (*operator.Map, error) {
	cond, err := expr.Compile([]expr.Expr{n.Cond}, typesOf(n.In))
	return &operator.Map{Cond: cond}, err
}

func (c *Circuit) project(n *plan.Project) (*operator.Map, error) {
	m, in := &operator.Map{}, n.In
	if f, ok := in.(*plan.Filter); ok {
		var err error
		if m, err = c.filter(f); err != nil {
			return nil, err
		}
		in = f.In
	}
	var err error
	m.Exprs, err = expr.Compile(n.Exprs, typesOf(in))
	return m, err
}

func (c *Circuit) join(n *plan.Join) (operator.Operator, error) {
	spec := operator.JoinSpec{
		Kind:      n.Kind,
		Types:     [2][]types.Type{typesOf(n.Left), typesOf(n.Right)},
		Keys:      [2][]int{n.LeftKeys, n.RightKeys},
		NullEqual: n.NullEqual,
		NullAware: n.NullAware,
	}
	if n.Residual != nil {
		var err error
		both := append(append([]types.Type(nil), spec.Types[0]...), spec.Types[1]...)
		if spec.Residual, err = expr.Compile([]expr.Expr{n.Residual}, both); err != nil {
			return nil, err
		}
	}
	spec.Shared = c.share(n)
	if n.Single && (n.Kind == plan.Inner || n.Kind == plan.Left) {
		return operator.NewSingle(spec, c.states()), nil
	}
	if n.NullAware && n.Residual == nil && len(n.LeftKeys) == 1 {
		return operator.NewNotIn(spec, c.states()), nil
	}
	return operator.NewJoin(spec, c.states()), nil
}

func (c *Circuit) aggregateSpec(n *plan.Aggregate) operator.AggregateSpec {
	spec := operator.AggregateSpec{
		Input:      typesOf(n.In),
		GroupBy:    n.GroupBy,
		Aggs:       n.Aggs,
		AppendOnly: n.In.Props().AppendOnly,
	}
	for _, g := range n.GroupBy {
		spec.Shown = append(spec.Shown, shown(n.In, g))
	}
	if chain, ok := terminal(c.root); ok && chain.agg == n {
		spec.Groups = c.env.Output
	}
	if f := c.finals[n]; f != nil {
		spec.Closes, spec.Delay = true, f.Delay
		spec.WindowEnd = n.WindowEnd
	}
	return spec
}

// findFinals notes the aggregates whose only reader is EMIT FINAL over the
// column that closes them: their closed groups need not be kept.
func (c *Circuit) findFinals(root plan.Node) {
	c.finals = map[*plan.Aggregate]*plan.Final{}
	readers := map[plan.Node]int{}
	plan.Walk(root, func(n plan.Node) {
		for _, in := range n.Inputs() {
			readers[in]++
		}
	})
	plan.Walk(root, func(n plan.Node) {
		f, ok := n.(*plan.Final)
		if !ok {
			return
		}
		col, in := f.WindowEnd, f.In
		for readers[in] == 1 {
			switch x := in.(type) {
			case *plan.Filter:
				in = x.In
				continue
			case *plan.Project:
				ref, ok := x.Exprs[col].(*expr.Column)
				if !ok {
					return
				}
				col, in = ref.Idx, x.In
				continue
			case *plan.Aggregate:
				if x.WindowEnd >= 0 && col == x.WindowEnd && !hasDistinct(x) {
					c.finals[x] = f
				}
			}
			return
		}
	})
}

// hasDistinct: the counts of distinct arguments cannot be dropped by group yet.
func hasDistinct(n *plan.Aggregate) bool {
	for _, a := range n.Aggs {
		if a.Distinct && a.Fn.Class == funcs.Invertible {
			return true
		}
	}
	return false
}

func (c *Circuit) setOp(n *plan.SetOp) operator.Operator {
	if n.Kind == plan.Union {
		return operator.Union{}
	}
	copies := operator.IntersectCopies
	switch {
	case n.Kind == plan.Intersect && n.All:
		copies = operator.IntersectAllCopies
	case n.Kind == plan.Except && n.All:
		copies = operator.ExceptAllCopies
	case n.Kind == plan.Except:
		copies = operator.ExceptCopies
	}
	return operator.NewCounts(typesOf(n), shownAs(n), copies, c.states())
}

// shownAs are n's column types; a numeric whose values all have one scale has it in
// its modifier, for what is read back from keys.
func shownAs(n plan.Node) []types.Type {
	out := typesOf(n)
	for i := range out {
		out[i] = shown(n, i)
	}
	return out
}

func shown(n plan.Node, col int) types.Type {
	t := n.Columns()[col].Type
	if s, ok := plan.Scale(n, col); ok && t.Mod == -1 {
		return types.NumericOf(1000, s)
	}
	return t
}

func (c *Circuit) topN(n *plan.TopN) (operator.Operator, error) {
	return operator.NewTopN(operator.TopNSpec{
		Types: typesOf(n.In), Partition: n.Partition, OrderBy: n.OrderBy,
		Limit: n.Limit, Offset: n.Offset, RankCol: n.RankCol, RankKind: n.RankKind,
		LimitE: n.LimitE, OffsetE: n.OffsetE,
		AppendOnly: n.In.Props().AppendOnly,
	}, c.states()), nil
}

func (c *Circuit) unnest(n *plan.Unnest) (operator.Operator, error) {
	array, err := expr.Compile([]expr.Expr{n.Array}, typesOf(n.In))
	elem := n.Cols[len(n.In.Columns())].Type
	return &operator.Unnest{Array: array, Elem: elem, Ordinality: n.Ordinality, Outer: n.Outer, Blank: n.Blank}, err
}

func typesOf(n plan.Node) []types.Type {
	cols := n.Columns()
	ts := make([]types.Type, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	return ts
}

func last(cols []plan.Column) plan.Column { return cols[len(cols)-1] }

// nameOf is the node's name as its type spells it.
func nameOf(n plan.Node) string { return fmt.Sprintf("%T", n)[len("*plan."):] }
