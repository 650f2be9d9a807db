package rewrite

import (
	"slices"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// JoinKeys turns equalities between the two sides of a join into its keys. Both
// columns of a key get the same type, so that equal keys are equal bytes.
func JoinKeys(n plan.Node) plan.Node {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		if j, ok := n.(*plan.Join); ok && j.Residual != nil {
			return keysOf(j)
		}
		return n
	})
}

// keyPair is left = right, or left IS NOT DISTINCT FROM right.
type keyPair struct {
	left, right expr.Expr
	nullEqual   bool
	cond        expr.Expr // as it was written
}

func keysOf(j *plan.Join) plan.Node {
	lw := len(j.Left.Columns())
	var pairs []keyPair
	var rest []expr.Expr
	for _, c := range expr.Conjuncts(j.Residual) {
		if p, ok := pairOf(c, lw); ok {
			pairs = append(pairs, p)
		} else {
			rest = append(rest, c)
		}
	}
	if len(pairs) == 0 && j.NullAware {
		// NOT IN without a key to look up, as of a constant: what is not known
		// to differ matches.
		out := *j
		out.NullAware = false
		out.Residual = &expr.IsTrue{In: j.Residual, Negated: true}
		plan.Derive(&out)
		return &out
	}
	if len(pairs) == 0 {
		return j
	}
	hasNull := slices.ContainsFunc(pairs, func(p keyPair) bool { return p.nullEqual })
	out := *j
	out.NullEqual = j.NullEqual || hasNull
	l, r := &side{node: j.Left}, &side{node: j.Right}
	for _, p := range pairs {
		out.LeftKeys = append(slices.Clip(out.LeftKeys), l.column(p.left))
		out.RightKeys = append(slices.Clip(out.RightKeys), r.column(p.right))
		if hasNull && !p.nullEqual {
			rest = append(rest, p.cond) // the key lets NULLs match, = does not
		}
	}
	out.Left, out.Right = l.finish(), r.finish()
	grown := len(out.Left.Columns()) - lw
	out.Residual = expr.Conjunction(rest)
	if out.Residual != nil && grown > 0 {
		out.Residual = expr.MapColumns(out.Residual, func(c *expr.Column) expr.Expr {
			if c.Idx >= lw {
				return &expr.Column{Idx: c.Idx + grown, Typ: c.Typ, Name: c.Name}
			}
			return c
		})
	}
	fresh := plan.WithInputs(&out, []plan.Node{out.Left, out.Right})
	rebuilt := *fresh.(*plan.Join)
	rebuilt.Base = plan.NewJoin(out.Kind, out.Left, out.Right).Base
	plan.Derive(&rebuilt)
	if len(rebuilt.Cols) == len(j.Cols) {
		return &rebuilt
	}
	// Key columns that were computed for the join do not come out of it.
	exprs := make([]expr.Expr, len(j.Cols))
	for i := range exprs {
		at := i
		if i >= lw {
			at += grown
		}
		exprs[i] = plan.Ref(&rebuilt, at)
	}
	return plan.NewProject(&rebuilt, exprs, nil)
}

// side is an input of a join, to which computed keys are appended.
type side struct {
	node  plan.Node
	added []expr.Expr
}

func (s *side) column(e expr.Expr) int {
	if c, ok := e.(*expr.Column); ok {
		return c.Idx
	}
	for i, have := range s.added {
		if expr.Equal(have, e) {
			return len(s.node.Columns()) + i
		}
	}
	s.added = append(s.added, e)
	return len(s.node.Columns()) + len(s.added) - 1
}

func (s *side) finish() plan.Node {
	if len(s.added) == 0 {
		return s.node
	}
	names := make([]string, 0, len(s.node.Columns())+len(s.added))
	for _, c := range s.node.Columns() {
		names = append(names, c.Name)
	}
	for _, e := range s.added {
		names = append(names, expr.Print(e))
	}
	return plan.NewProject(s.node, append(plan.Refs(s.node), s.added...), names)
}

// pairOf reads c as an equality between the sides; the right expression comes
// back over the right side's own columns.
func pairOf(c expr.Expr, lw int) (keyPair, bool) {
	var a, b expr.Expr
	nullEqual := false
	switch c := c.(type) {
	case *expr.Call:
		if c.Fn.Name != "=" || len(c.Args) != 2 {
			return keyPair{}, false
		}
		a, b = c.Args[0], c.Args[1]
	case *expr.Distinct:
		if !c.Negated {
			return keyPair{}, false
		}
		a, b, nullEqual = c.Left, c.Right, true
	default:
		return keyPair{}, false
	}
	if expr.MaxVolatility(c) == funcs.Volatile {
		return keyPair{}, false
	}
	onLeft := func(e expr.Expr) bool { cols := expr.ColumnsUsed(e); return len(cols) > 0 && cols[len(cols)-1] < lw }
	onRight := func(e expr.Expr) bool { cols := expr.ColumnsUsed(e); return len(cols) > 0 && cols[0] >= lw }
	if onLeft(b) && onRight(a) {
		a, b = b, a
	}
	if !onLeft(a) || !onRight(b) {
		return keyPair{}, false
	}
	b = expr.ShiftColumns(b, -lw)
	at, bt := a.Type(), b.Type()
	if at.OID != bt.OID {
		t, err := funcs.CommonType("JOIN", []types.Type{{OID: at.OID, Mod: -1}, {OID: bt.OID, Mod: -1}})
		if err != nil || inexact(at, t) || inexact(bt, t) {
			return keyPair{}, false
		}
		a, b = castTo(a, t), castTo(b, t)
	}
	return keyPair{left: a, right: b, nullEqual: nullEqual, cond: c}, true
}

// inexact casts map different values to one, so that equal keys would not mean
// equal values.
func inexact(from, to types.Type) bool {
	return to.Phys() == types.PhysFloat && from.Phys() != types.PhysFloat && from.OID != types.OIDInt4 && from.OID != types.OIDInt2
}

func castTo(e expr.Expr, t types.Type) expr.Expr {
	if e.Type().OID == t.OID {
		return e
	}
	return &expr.Cast{In: e, To: t}
}
