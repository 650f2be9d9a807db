package bind

import (
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
)

func (x *exprs) isTest(e *ast.IsTest) (expr.Expr, error) {
	switch e.What {
	case "NULL":
		v, err := x.value(e.X)
		if err != nil {
			return nil, err
		}
		r, ok := v.(*expr.RowOf)
		if !ok {
			return &expr.IsNull{In: v, Negated: e.Not}, nil
		}
		// A row is NULL if all of its fields are, and not NULL if none is.
		all := []expr.Expr{boolConst(true)}
		for _, f := range r.Args {
			all = append(all, &expr.IsNull{In: f, Negated: e.Not})
		}
		return expr.Conjunction(all), nil
	case "TRUE", "FALSE", "UNKNOWN":
		v, err := x.condition(e.X, "IS "+e.What)
		if err != nil {
			return nil, err
		}
		if e.What == "UNKNOWN" {
			return &expr.IsNull{In: v, Negated: e.Not}, nil
		}
		return &expr.IsTrue{In: v, Want: e.What == "TRUE", Negated: e.Not}, nil
	}
	return nil, unsupported(e.Pos, "IS %s", e.What)
}

func (x *exprs) isDistinct(e *ast.IsDistinct) (expr.Expr, error) {
	l, err := x.bind(e.L)
	if err != nil {
		return nil, err
	}
	r, err := x.bind(e.R)
	if err != nil {
		return nil, err
	}
	eq, err := x.operator("=", l, r, e.Pos)
	if err != nil {
		return nil, err
	}
	c, ok := eq.(*expr.Call)
	if !ok {
		return nil, unsupported(e.Pos, "IS DISTINCT FROM over rows")
	}
	return &expr.Distinct{Left: c.Args[0], Right: c.Args[1], Eq: c.Fn, Negated: e.Not}, nil
}

// inList binds x IN (…): constants of one type to In, the rest to equalities.
func (x *exprs) inList(e *ast.InList) (expr.Expr, error) {
	l, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	items, err := x.list(e.List)
	if err != nil {
		return nil, err
	}
	var out expr.Expr
	if _, row := l.(*expr.RowOf); !row {
		out, err = x.inConsts(l, items, e)
		if err != nil || out != nil {
			return out, err
		}
	}
	eqs := make([]expr.Expr, len(items))
	for i, item := range items {
		if eqs[i], err = x.operator("=", l, item, e.Pos); err != nil {
			return nil, err
		}
	}
	out = disjunction(eqs)
	if e.Not {
		return &expr.Not{In: out}, nil
	}
	return out, nil
}

// inConsts returns nil where the list is not of constants.
func (x *exprs) inConsts(l expr.Expr, items []expr.Expr, e *ast.InList) (expr.Expr, error) {
	for _, item := range items {
		if _, ok := item.(*expr.Const); !ok {
			return nil, nil
		}
	}
	pos := []int{e.X.Position()}
	for _, item := range e.List {
		pos = append(pos, item.Position())
	}
	all, _, err := x.unify("IN", append([]expr.Expr{l}, items...), pos)
	if err != nil {
		// Let the equality say which operator is missing.
		_, err2 := x.operator("=", l, items[len(items)-1], e.Pos)
		if err2 != nil {
			return nil, err2
		}
		return nil, err
	}
	in := &expr.In{Left: all[0], Negated: e.Not}
	for _, item := range all[1:] {
		folded := expr.Fold(&funcs.Ctx{Env: x.env}, item, funcs.Immutable)
		c, ok := folded.(*expr.Const)
		if !ok {
			return nil, nil
		}
		if c.Val.Null {
			in.HasNull = true
		} else {
			in.List = append(in.List, c.Val)
		}
	}
	return in, nil
}

func (x *exprs) between(e *ast.Between) (expr.Expr, error) {
	v, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	lo, err := x.bind(e.Lo)
	if err != nil {
		return nil, err
	}
	hi, err := x.bind(e.Hi)
	if err != nil {
		return nil, err
	}
	one := func(lo, hi expr.Expr) (expr.Expr, error) {
		a, err := x.operator(">=", v, lo, e.Pos, e.X.Position(), e.Lo.Position())
		if err != nil {
			return nil, err
		}
		b, err := x.operator("<=", v, hi, e.Pos, e.X.Position(), e.Hi.Position())
		if err != nil {
			return nil, err
		}
		return &expr.And{Args: []expr.Expr{a, b}}, nil
	}
	out, err := one(lo, hi)
	if err != nil {
		return nil, err
	}
	if e.Symmetric {
		other, err := one(hi, lo)
		if err != nil {
			return nil, err
		}
		out = &expr.Or{Args: []expr.Expr{out, other}}
	}
	if e.Not {
		return &expr.Not{In: out}, nil
	}
	return out, nil
}

func (x *exprs) like(e *ast.Like) (expr.Expr, error) {
	v, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	p, err := x.bind(e.Pattern)
	if err != nil {
		return nil, err
	}
	op := "~~"
	switch {
	case e.Kind == ast.LikeNoCase:
		op = "~~*"
	case e.Kind == ast.LikeSimilar:
		args := []expr.Expr{p}
		if e.Escape != nil {
			esc, err := x.bind(e.Escape)
			if err != nil {
				return nil, err
			}
			args = append(args, esc)
		}
		if p, err = x.named("similar_to_escape", args, e.Pos); err != nil {
			return nil, err
		}
		op = "~"
	case e.Escape != nil:
	}
	if e.Escape != nil && e.Kind != ast.LikeSimilar {
		esc, err := x.bind(e.Escape)
		if err != nil {
			return nil, err
		}
		if p, err = x.named("like_escape", []expr.Expr{p, esc}, e.Pos); err != nil {
			return nil, err
		}
	}
	if e.Not {
		op = "!" + op
	}
	return x.operator(op, v, p, e.Pos, e.X.Position(), e.Pattern.Position())
}

func (x *exprs) logic(e *ast.Logic) (expr.Expr, error) {
	word := "AND"
	if e.Or {
		word = "OR"
	}
	args := make([]expr.Expr, len(e.Args))
	for i, a := range e.Args {
		var err error
		if args[i], err = x.condition(a, word); err != nil {
			return nil, err
		}
	}
	if e.Or {
		return &expr.Or{Args: args}, nil
	}
	return &expr.And{Args: args}, nil
}
