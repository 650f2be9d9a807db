package rewrite

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
)

// OrderJoins reorders inner joins only to avoid cross products: FROM a, b, c
// WHERE a.x = c.x AND b.y = c.y joins a with c before b. Otherwise the order is
// the one written: left-deep, first relation first.
func OrderJoins(n plan.Node) plan.Node {
	if j, ok := n.(*plan.Join); ok && plainInner(j) {
		return orderTree(j)
	}
	ins := n.Inputs()
	if len(ins) == 0 {
		return n
	}
	out := make([]plan.Node, len(ins))
	for i, in := range ins {
		out[i] = OrderJoins(in)
	}
	return plan.WithInputs(n, out)
}

func plainInner(j *plan.Join) bool {
	return j.Kind == plan.Inner && len(j.LeftKeys) == 0 && !j.Single
}

// relation is a leaf of a tree of inner joins; its columns start at from in the
// tree's output.
type relation struct {
	node plan.Node
	from int
}

func orderTree(j *plan.Join) plan.Node {
	var rels []relation
	var conds []expr.Expr
	flatten(j, 0, &rels, &conds)
	for i := range rels {
		rels[i].node = OrderJoins(rels[i].node)
	}
	order := chooseOrder(rels, conds)
	// at[i]: where column i of the written order is in the new one.
	at := make([]int, len(j.Cols))
	width := 0
	for _, r := range order {
		for c := range rels[r].node.Columns() {
			at[rels[r].from+c] = width
			width++
		}
	}
	placed := make([]bool, len(conds))
	var out plan.Node
	have := make([]bool, len(j.Cols))
	for _, r := range order {
		for c := range rels[r].node.Columns() {
			have[rels[r].from+c] = true
		}
		if out == nil {
			out = rels[r].node
			continue
		}
		jn := plan.NewJoin(plan.Inner, out, rels[r].node)
		var on []expr.Expr
		for i, c := range conds {
			if !placed[i] && covered(c, have) {
				placed[i] = true
				on = append(on, expr.RemapColumns(c, at))
			}
		}
		jn.Residual = expr.Conjunction(on)
		plan.Derive(jn)
		out = jn
	}
	exprs := make([]expr.Expr, len(at))
	moved := false
	for i, p := range at {
		exprs[i] = plan.Ref(out, p)
		moved = moved || p != i
	}
	if !moved {
		return out
	}
	return plan.NewProject(out, exprs, nil)
}

func flatten(n plan.Node, from int, rels *[]relation, conds *[]expr.Expr) {
	j, ok := n.(*plan.Join)
	if !ok || !plainInner(j) {
		*rels = append(*rels, relation{n, from})
		return
	}
	flatten(j.Left, from, rels, conds)
	flatten(j.Right, from+len(j.Left.Columns()), rels, conds)
	for _, c := range expr.Conjuncts(j.Residual) {
		*conds = append(*conds, expr.ShiftColumns(c, from))
	}
}

func covered(e expr.Expr, have []bool) bool {
	for _, c := range expr.ColumnsUsed(e) {
		if !have[c] {
			return false
		}
	}
	return true
}

// chooseOrder takes, after the first, always the first relation that an equality
// connects with what is there; if none does, the next as written.
func chooseOrder(rels []relation, conds []expr.Expr) []int {
	of := func(col int) int {
		for i, r := range rels {
			if col >= r.from && col < r.from+len(r.node.Columns()) {
				return i
			}
		}
		return -1
	}
	in := make([]bool, len(rels))
	connects := func(r int) bool {
		for _, c := range conds {
			if !isEquality(c) {
				continue
			}
			self, others := false, true
			cols := expr.ColumnsUsed(c)
			for _, col := range cols {
				o := of(col)
				self = self || o == r
				others = others && (o == r || in[o])
			}
			if self && others && len(cols) > 1 {
				for _, col := range cols {
					if of(col) != r {
						return true
					}
				}
			}
		}
		return false
	}
	order := []int{0}
	in[0] = true
	for len(order) < len(rels) {
		next := -1
		for r := range rels {
			if !in[r] && connects(r) {
				next = r
				break
			}
		}
		for r := 0; next < 0; r++ {
			if !in[r] {
				next = r
			}
		}
		in[next] = true
		order = append(order, next)
	}
	return order
}

func isEquality(e expr.Expr) bool {
	switch e := e.(type) {
	case *expr.Call:
		return e.Fn.Name == "=" && len(e.Args) == 2
	case *expr.Distinct:
		return e.Negated
	}
	return false
}
