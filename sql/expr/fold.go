package expr

import (
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Fold replaces what is constant by its value: functions of constants up to the
// given volatility (Immutable for plans that are kept, Stable for a statement
// that is about to run, when c holds its time and settings). Parameters are
// filled in where c has them. An expression that fails stays as it is, so that
// the error appears only for rows that reach it. Branches that a constant
// condition decides are dropped.
func Fold(c *funcs.Ctx, e Expr, upTo funcs.Volatility) Expr {
	return Map(e, func(e Expr) Expr {
		if p, ok := e.(*Param); ok && c != nil && p.N <= len(c.Params) {
			return &Const{Typ: p.Typ, Val: c.Params[p.N-1]}
		}
		if s := foldBranches(e); s != e {
			return s
		}
		if _, ok := e.(*Const); ok || !foldable(e, upTo) {
			return e
		}
		d, err := EvalDatum(c, e)
		if err != nil {
			return e
		}
		return &Const{Typ: e.Type(), Val: d}
	})
}

// foldable: all children constant (they have been folded before) and the node
// itself depends on nothing more volatile.
func foldable(e Expr, upTo funcs.Volatility) bool {
	switch e.(type) {
	case *Column, *Param:
		return false
	}
	for _, c := range Children(e) {
		if _, ok := c.(*Const); !ok {
			return false
		}
	}
	return MaxVolatility(e) <= upTo
}

func constBoolOf(e Expr) (val, null, ok bool) {
	c, ok := e.(*Const)
	if !ok {
		return false, false, false
	}
	return c.Val.I != 0 && !c.Val.Null, c.Val.Null, true
}

// foldBranches drops decided arguments of AND, OR, CASE and COALESCE.
func foldBranches(e Expr) Expr {
	switch e := e.(type) {
	case *And:
		return foldChain(e, e.Args, true)
	case *Or:
		return foldChain(e, e.Args, false)
	case *Case:
		return foldCase(e)
	case *Coalesce:
		for i, a := range e.Args {
			c, ok := a.(*Const)
			if !ok {
				return e
			}
			if !c.Val.Null {
				return a
			}
			if i == len(e.Args)-1 {
				return a
			}
		}
	}
	return e
}

// foldChain drops arguments that decide nothing (true in AND, false in OR), and
// everything after one that decides.
func foldChain(e Expr, args []Expr, neutral bool) Expr {
	var out []Expr
	for _, a := range args {
		v, null, ok := constBoolOf(a)
		if ok && !null && v == neutral {
			continue
		}
		out = append(out, a)
		if ok && !null {
			break
		}
	}
	switch {
	case len(out) == len(args):
		return e
	case len(out) == 0:
		return boolConst(neutral)
	case len(out) == 1:
		return out[0]
	case neutral:
		return &And{Args: out}
	}
	return &Or{Args: out}
}

func foldCase(e *Case) Expr {
	out := &Case{Else: e.Else, Typ: e.Typ}
	for i, w := range e.Whens {
		v, null, ok := constBoolOf(w)
		if ok && (null || !v) {
			continue
		}
		if ok {
			out.Else = e.Thens[i]
			break
		}
		out.Whens, out.Thens = append(out.Whens, w), append(out.Thens, e.Thens[i])
	}
	if len(out.Whens) == len(e.Whens) {
		return e
	}
	if len(out.Whens) == 0 {
		if out.Else == nil {
			return &Const{Typ: e.Typ, Val: types.NullDatum}
		}
		return out.Else
	}
	return out
}

func boolConst(v bool) *Const { return &Const{Typ: types.Bool, Val: types.Boolean(v)} }
