package rewrite

import (
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
)

// MergeProjects merges projections over projections and removes those that
// change nothing but names; a choice of a scan's columns moves into the scan.
func MergeProjects(n plan.Node) plan.Node {
	return plan.Transform(n, func(n plan.Node) plan.Node {
		p, ok := n.(*plan.Project)
		if !ok {
			return n
		}
		if in, ok := p.In.(*plan.Project); ok && mergeable(p, in) {
			exprs := make([]expr.Expr, len(p.Exprs))
			for i, e := range p.Exprs {
				exprs[i] = expr.Substitute(e, in.Exprs)
			}
			c := *p
			c.In, c.Exprs = in.In, exprs
			plan.Derive(&c)
			p = &c
		}
		if identity(p) {
			if _, ok := p.In.(*plan.Scan); ok {
				return p.In
			}
			return plan.Named(p.In, p.Cols)
		}
		if s, ok := p.In.(*plan.Scan); ok {
			if merged := intoScan(p, s); merged != nil {
				return merged
			}
		}
		return p
	})
}

// mergeable: nothing that costs is computed twice, nothing volatile moves.
func mergeable(p, in *plan.Project) bool {
	uses := make([]int, len(in.Exprs))
	for _, e := range p.Exprs {
		expr.Walk(e, func(e expr.Expr) bool {
			if c, ok := e.(*expr.Column); ok {
				uses[c.Idx]++
			}
			return true
		})
	}
	for i, e := range in.Exprs {
		switch e.(type) {
		case *expr.Column, *expr.Const, *expr.Param:
			continue
		}
		if uses[i] > 1 || uses[i] > 0 && expr.MaxVolatility(e) == funcs.Volatile {
			return false
		}
	}
	return true
}

func identity(p *plan.Project) bool {
	if len(p.Exprs) != len(p.In.Columns()) {
		return false
	}
	for i, e := range p.Exprs {
		c, ok := e.(*expr.Column)
		if !ok || c.Idx != i {
			return false
		}
	}
	return true
}

// intoScan returns the scan that gives p's columns itself, nil if p computes or
// repeats something.
func intoScan(p *plan.Project, s *plan.Scan) plan.Node {
	seen := make([]bool, len(s.Cols))
	pick := make([]int, len(p.Exprs))
	for i, e := range p.Exprs {
		c, ok := e.(*expr.Column)
		if !ok || seen[c.Idx] {
			return nil
		}
		seen[c.Idx] = true
		pick[i] = c.Idx
	}
	if len(pick) == 0 {
		return nil
	}
	return narrowScan(s, pick)
}

// narrowScan returns s with only its columns pick, in that order.
func narrowScan(s *plan.Scan, pick []int) *plan.Scan {
	c := *s
	c.Fields, c.Cols = make([]int, len(pick)), make([]plan.Column, len(pick))
	to := make([]int, len(s.Cols))
	for i := range to {
		to[i] = -1
	}
	for i, f := range pick {
		c.Fields[i], c.Cols[i], to[f] = s.Fields[f], s.Cols[f], i
	}
	c.P = s.P.Remap(to)
	return &c
}
