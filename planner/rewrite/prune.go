package rewrite

import (
	"slices"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
)

// Prune leaves out the columns that nothing above uses, down to the fields of
// scans. Every node keeps at least one column: a batch without columns would
// have nothing to carry its rows.
func Prune(n plan.Node) plan.Node {
	all := make([]bool, len(n.Columns()))
	for i := range all {
		all[i] = true
	}
	out, to := prune(n, all)
	exprs := make([]expr.Expr, len(to))
	same := len(out.Columns()) == len(to)
	for i, t := range to {
		exprs[i] = plan.Ref(out, t)
		same = same && t == i
	}
	if same {
		return out
	}
	return plan.NewProject(out, exprs, nil)
}

// prune returns n with at least the columns in need, and where each of the old
// columns has gone (-1 = left out).
func prune(n plan.Node, need []bool) (plan.Node, []int) {
	if !slices.Contains(need, true) && len(need) > 0 {
		need = slices.Clone(need)
		need[cheapest(n)] = true
	}
	switch n := n.(type) {
	case *plan.Scan:
		return pruneScan(n, need)
	case *plan.Values:
		return pruneValues(n, need)
	case *plan.Project:
		return pruneProject(n, need)
	case *plan.Filter:
		in, to := prune(n.In, with(need, expr.ColumnsUsed(n.Cond)...))
		return plan.NewFilter(in, expr.RemapColumns(n.Cond, to)), to
	case *plan.Tumble:
		return pruneTumble(n, need)
	case *plan.Unnest:
		return pruneUnnest(n, need)
	case *plan.Join:
		return pruneJoin(n, need)
	case *plan.Aggregate:
		return pruneAggregate(n, need)
	case *plan.SetOp:
		return pruneSetOp(n, need)
	case *plan.TopN:
		return pruneTopN(n, need)
	case *plan.Sort:
		cols := []int{}
		for _, o := range n.OrderBy {
			cols = append(cols, o.Col)
		}
		in, to := prune(n.In, with(need, cols...))
		return plan.NewSort(in, remapOrder(n.OrderBy, to), n.Limit, n.Offset), to
	case *plan.Final:
		in, to := prune(n.In, with(need, n.WindowEnd))
		return plan.NewFinal(in, to[n.WindowEnd], n.Delay), to
	}
	return pruneAll(n)
}

// pruneAll prunes below a node that needs all columns of its inputs.
func pruneAll(n plan.Node) (plan.Node, []int) {
	ins := make([]plan.Node, len(n.Inputs()))
	for i, in := range n.Inputs() {
		ins[i] = Prune(in)
	}
	return plan.WithInputs(n, ins), identityMap(len(n.Columns()))
}

func identityMap(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// cheapest is the column to carry when none is asked for: the first of fixed
// width.
func cheapest(n plan.Node) int {
	for i, c := range n.Columns() {
		if c.Type.Len() > 0 {
			return i
		}
	}
	return 0
}

func with(need []bool, cols ...int) []bool {
	out := slices.Clone(need)
	for _, c := range cols {
		out[c] = true
	}
	return out
}

// picked lists the needed columns and where each column goes.
func picked(need []bool) (pick, to []int) {
	to = make([]int, len(need))
	for i, want := range need {
		to[i] = -1
		if want {
			to[i] = len(pick)
			pick = append(pick, i)
		}
	}
	return pick, to
}

func remapOrder(os []plan.Order, to []int) []plan.Order {
	out := slices.Clone(os)
	for i := range out {
		out[i].Col = to[out[i].Col]
	}
	return out
}

func remapCols(cols, to []int) []int {
	out := make([]int, len(cols))
	for i, c := range cols {
		out[i] = to[c]
	}
	return out
}

func pruneScan(n *plan.Scan, need []bool) (plan.Node, []int) {
	pick, to := picked(need)
	if len(pick) == len(need) {
		return n, to
	}
	return narrowScan(n, pick), to
}

func pruneValues(n *plan.Values, need []bool) (plan.Node, []int) {
	pick, to := picked(need)
	if len(pick) == len(need) {
		return n, to
	}
	cols := make([]plan.Column, len(pick))
	for i, p := range pick {
		cols[i] = n.Cols[p]
	}
	rows := make([][]expr.Expr, len(n.Rows))
	for r := range n.Rows {
		for _, p := range pick {
			rows[r] = append(rows[r], n.Rows[r][p])
		}
	}
	return plan.NewValues(cols, rows), to
}

func pruneProject(n *plan.Project, need []bool) (plan.Node, []int) {
	pick, to := picked(need)
	exprs, names := make([]expr.Expr, len(pick)), make([]string, len(pick))
	for i, p := range pick {
		exprs[i], names[i] = n.Exprs[p], n.Cols[p].Name
	}
	below := make([]bool, len(n.In.Columns()))
	in, down := prune(n.In, with(below, expr.ColumnsUsed(exprs...)...))
	for i, e := range exprs {
		exprs[i] = expr.RemapColumns(e, down)
	}
	return plan.NewProject(in, exprs, names), to
}

// behind maps the columns of a node that appends extra columns to its input's.
func behind(down []int, in plan.Node, extra int) []int {
	to := slices.Clone(down)
	for i := range extra {
		to = append(to, len(in.Columns())+i)
	}
	return to
}

func pruneTumble(n *plan.Tumble, need []bool) (plan.Node, []int) {
	w := len(n.In.Columns())
	in, down := prune(n.In, with(need[:w], n.Time))
	return plan.NewTumble(in, down[n.Time], n.Size, n.Slide, n.Offset), behind(down, in, 2)
}

func pruneUnnest(n *plan.Unnest, need []bool) (plan.Node, []int) {
	w := len(n.In.Columns())
	in, down := prune(n.In, with(need[:w], expr.ColumnsUsed(n.Array)...))
	out := plan.NewUnnest(in, expr.RemapColumns(n.Array, down), n.Cols[w].Name, n.Ordinality, n.Outer)
	for c := range w {
		if !need[c] && down[c] >= 0 {
			out.Blank = append(out.Blank, down[c])
		}
	}
	return out, behind(down, in, len(n.Cols)-w)
}

func pruneJoin(n *plan.Join, need []bool) (plan.Node, []int) {
	lw, rw := len(n.Left.Columns()), len(n.Right.Columns())
	all := make([]bool, lw+rw)
	copy(all, need)
	all = with(all, expr.ColumnsUsed(exprsOf(n.Residual)...)...)
	for i := range n.LeftKeys {
		all[n.LeftKeys[i]], all[lw+n.RightKeys[i]] = true, true
	}
	l, lto := prune(n.Left, all[:lw])
	r, rto := prune(n.Right, all[lw:])
	out := *n
	out.LeftKeys, out.RightKeys = remapCols(n.LeftKeys, lto), remapCols(n.RightKeys, rto)
	both := slices.Clone(lto)
	for _, t := range rto {
		if t >= 0 {
			t += len(l.Columns())
		}
		both = append(both, t)
	}
	if n.Residual != nil {
		out.Residual = expr.RemapColumns(n.Residual, both)
	}
	out.Left, out.Right = l, r
	out.Base = plan.NewJoin(n.Kind, l, r).Base
	plan.Derive(&out)
	return &out, both[:len(n.Cols)]
}

func exprsOf(e expr.Expr) []expr.Expr {
	if e == nil {
		return nil
	}
	return []expr.Expr{e}
}

func pruneAggregate(n *plan.Aggregate, need []bool) (plan.Node, []int) {
	g := len(n.GroupBy)
	to := identityMap(g)
	below := with(make([]bool, len(n.In.Columns())), n.GroupBy...)
	var aggs []plan.AggCall
	var names []string
	for i, a := range n.Aggs {
		if !need[g+i] {
			to = append(to, -1)
			continue
		}
		to = append(to, g+len(aggs))
		aggs, names = append(aggs, a), append(names, n.Cols[g+i].Name)
		below = with(below, a.Args...)
		for _, o := range a.OrderBy {
			below[o.Col] = true
		}
		if a.Filter >= 0 {
			below[a.Filter] = true
		}
	}
	in, down := prune(n.In, below)
	for i, a := range aggs {
		a.Args, a.OrderBy = remapCols(a.Args, down), remapOrder(a.OrderBy, down)
		if a.Filter >= 0 {
			a.Filter = down[a.Filter]
		}
		aggs[i] = a
	}
	out := plan.NewAggregate(in, remapCols(n.GroupBy, down), aggs, names)
	for i := range g {
		out.Cols[i].Name = n.Cols[i].Name
	}
	out.WindowEnd = n.WindowEnd
	plan.Derive(out)
	return out, to
}

func pruneSetOp(n *plan.SetOp, need []bool) (plan.Node, []int) {
	if n.Kind != plan.Union {
		return pruneAll(n)
	}
	pick, to := picked(need)
	ins := make([]plan.Node, len(n.Ins))
	for i, in := range n.Ins {
		p, down := prune(in, need)
		exprs, names := make([]expr.Expr, len(pick)), make([]string, len(pick))
		same := len(p.Columns()) == len(pick)
		for k, c := range pick {
			exprs[k], names[k] = plan.Ref(p, down[c]), n.Cols[c].Name
			same = same && down[c] == k
		}
		if !same {
			p = plan.NewProject(p, exprs, names)
		}
		ins[i] = p
	}
	return plan.NewSetOp(n.Kind, n.All, ins...), to
}

// pruneTopN keeps the columns that decide the rank. Ties are broken by the whole
// row as it is then, in every mode alike.
func pruneTopN(n *plan.TopN, need []bool) (plan.Node, []int) {
	w := len(n.In.Columns())
	below := with(need[:w], n.Partition...)
	for _, o := range n.OrderBy {
		below[o.Col] = true
	}
	in, down := prune(n.In, below)
	out := *n
	out.In, out.Partition, out.OrderBy = in, remapCols(n.Partition, down), remapOrder(n.OrderBy, down)
	out.RankCol = n.RankCol && need[len(n.Cols)-1]
	name := ""
	if n.RankCol {
		name = n.Cols[w].Name
	}
	to := behind(down, in, len(n.Cols)-w)
	if n.RankCol && !out.RankCol {
		to[w] = -1
		if out.Limit < 0 && out.Offset == 0 && out.LimitE == nil && out.OffsetE == nil {
			return in, to // nobody looks at the ranks
		}
	}
	return plan.NewTopN(&out, name), to
}
