package bind

import (
	"fmt"
	"strings"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// coerce makes e of type to, as far as the context allows it. Literals whose
// type is open are read as to; parameters without a type get it.
func (b *binder) coerce(e expr.Expr, to types.Type, ctx types.CastContext, pos int) (expr.Expr, error) {
	from := e.Type()
	if from.OID == types.OIDUnknown {
		if r, done, err := b.coerceUnknown(e, to, ctx, pos); done || err != nil {
			return r, err
		}
	}
	if from.OID == to.OID {
		if to.Mod == -1 || to.Mod == from.Mod || ctx == types.CastImplicit {
			return e, nil
		}
		return &expr.Cast{In: e, To: to, Explicit: ctx == types.CastExplicit}, nil
	}
	if kind := types.CastKind(from, to); kind < ctx || kind == types.CastNone {
		return nil, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", base(from), base(to)).At(pos)
	}
	if a, ok := e.(*expr.ArrayOf); ok && to.IsArray() && !to.IsVector() {
		return b.coerceArray(a, to, ctx, pos)
	}
	return &expr.Cast{In: e, To: to, Explicit: ctx == types.CastExplicit}, nil
}

func base(t types.Type) types.Type { return types.Type{OID: t.OID, Mod: -1} }

func (b *binder) coerceArray(a *expr.ArrayOf, to types.Type, ctx types.CastContext, pos int) (expr.Expr, error) {
	elems := make([]expr.Expr, len(a.Elems))
	for i, x := range a.Elems {
		t := types.ElemOf(to)
		if x.Type().IsArray() {
			t = to
		}
		var err error
		if elems[i], err = b.coerce(x, t, ctx, pos); err != nil {
			return nil, err
		}
	}
	return &expr.ArrayOf{Elems: elems, Typ: to}, nil
}

func (b *binder) coerceUnknown(e expr.Expr, to types.Type, ctx types.CastContext, pos int) (expr.Expr, bool, error) {
	switch e := e.(type) {
	case *expr.Const:
		if to.OID == types.OIDUnknown {
			return e, true, nil
		}
		if e.Val.Null {
			return &expr.Const{Typ: to, Val: types.NullDatum}, true, nil
		}
		d, err := b.parseLiteral(e.Val.S, to, ctx)
		if err != nil {
			return nil, true, at(sqlerr.From(err), pos)
		}
		return &expr.Const{Typ: to, Val: d}, true, nil
	case *expr.Param:
		t := b.params[e.N-1]
		if t.OID == types.OIDUnknown && to.OID != types.OIDUnknown {
			// A modifier belongs to the place, not to the parameter.
			t = base(to)
			b.params[e.N-1] = t
		}
		p := &expr.Param{N: e.N, Typ: t}
		if t == to || t.OID == types.OIDUnknown {
			return p, true, nil
		}
		out, err := b.coerce(p, to, ctx, pos)
		return out, true, err
	}
	if to.OID == types.OIDText {
		return &expr.Cast{In: e, To: to}, true, nil
	}
	return nil, false, nil
}

// parseLiteral reads a literal. A modifier is applied as the context demands:
// varchar(3) of an explicit cast truncates, of an assignment refuses.
func (b *binder) parseLiteral(s string, to types.Type, ctx types.CastContext) (types.Datum, error) {
	if to.OID == types.OIDRegclass {
		if s != "" && s != "-" && (s[0] < '0' || s[0] > '9') && b.cat != nil {
			o := b.findRegclass(s)
			if o == nil {
				return types.Datum{}, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", strings.ReplaceAll(s, `"`, ""))
			}
			return types.Int(int64(o.ID)), nil
		}
	}
	if to.Mod == -1 || to.OID == types.OIDInterval || to.IsArray() {
		return types.ParseText(s, to, b.env)
	}
	d, err := types.ParseText(s, base(to), b.env)
	if err != nil || ctx == types.CastImplicit {
		return d, err
	}
	return types.CoerceTypmod(d, to, ctx == types.CastExplicit)
}

// assign coerces e to a column's type.
func (b *binder) assign(e expr.Expr, to types.Type, column string, pos int) (expr.Expr, error) {
	out, err := b.coerce(e, to, types.CastAssignment, pos)
	if sqlerr.HasCode(err, sqlerr.CannotCoerce) {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "column \"%s\" is of type %s but expression is of type %s", column, base(to), base(e.Type())).
			At(pos).WithHint("You will need to rewrite or cast the expression.")
	}
	return out, err
}

// boolean coerces e to bool, as WHERE and its relatives need it.
func (b *binder) boolean(e expr.Expr, where string, pos int) (expr.Expr, error) {
	if isBool(e.Type()) {
		return e, nil
	}
	if e.Type().OID == types.OIDUnknown {
		return b.coerce(e, types.Bool, types.CastImplicit, pos)
	}
	return nil, sqlerr.New(sqlerr.DatatypeMismatch, "argument of %s must be type boolean, not type %s", where, base(e.Type())).At(pos)
}

// settle gives what is still open the type text, as output columns have it.
func (b *binder) settle(e expr.Expr, pos int) (expr.Expr, error) {
	if e.Type().OID != types.OIDUnknown {
		return e, nil
	}
	return b.coerce(e, types.Text, types.CastImplicit, pos)
}

// unify brings es to their common type; word begins the message if there is none.
func (b *binder) unify(word string, es []expr.Expr, pos []int) ([]expr.Expr, types.Type, error) {
	ts := make([]types.Type, len(es))
	for i, e := range es {
		ts[i] = b.typeOf(e)
	}
	t, err := funcs.CommonType(word, ts)
	if err != nil {
		p := 0
		if len(pos) > 0 {
			p = pos[len(pos)-1]
			for i := 1; i < len(ts); i++ {
				if _, err2 := funcs.CommonType(word, ts[:i+1]); err2 != nil {
					p = pos[i]
					break
				}
			}
		}
		return nil, t, at(err, p)
	}
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		p := 0
		if len(pos) > i {
			p = pos[i]
		}
		if out[i], err = b.coerce(e, t, types.CastImplicit, p); err != nil {
			return nil, t, err
		}
	}
	return out, t, nil
}

// typeOf is e's type; a parameter met before may have got one since.
func (b *binder) typeOf(e expr.Expr) types.Type {
	if p, ok := e.(*expr.Param); ok {
		return b.params[p.N-1]
	}
	return e.Type()
}

// operator builds l op r, or op r where l is nil. pos is the operator's place, then
// those of the operands where they are known.
func (b *binder) operator(op string, l, r expr.Expr, pos int, operands ...int) (expr.Expr, error) {
	if l != nil {
		if lr, ok := l.(*expr.RowOf); ok {
			if rr, ok := r.(*expr.RowOf); ok {
				return b.compareRows(op, lr.Args, rr.Args, pos)
			}
		}
	}
	var lt *types.Type
	if l != nil {
		lt = ptr(b.typeOf(l))
	}
	res, err := funcs.ResolveOp(op, lt, b.typeOf(r))
	if err != nil {
		return nil, at(err, pos)
	}
	args := []expr.Expr{r}
	if l != nil {
		args = []expr.Expr{l, r}
	}
	return b.call(res, args, operands, pos)
}

// call builds a resolved call with its arguments coerced.
func (b *binder) call(res funcs.Resolved, args []expr.Expr, argPos []int, pos int) (expr.Expr, error) {
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		p := pos
		if i < len(argPos) {
			p = argPos[i]
		}
		var err error
		if out[i], err = b.coerce(a, res.ArgTypes[i], types.CastImplicit, p); err != nil {
			return nil, err
		}
	}
	if res.CastTo {
		return b.coerce(out[0], res.Ret, types.CastExplicit, pos)
	}
	if err := b.checkVolatility(res.Overload, pos); err != nil {
		return nil, err
	}
	return &expr.Call{Fn: res.Overload, Args: out, Typ: res.Ret, Pos: pos}, nil
}

// mustOp is operator for types that are known to have it.
func (b *binder) mustOp(op string, l, r expr.Expr) expr.Expr {
	e, err := b.operator(op, l, r, 0)
	if err != nil {
		panic(fmt.Sprintf("bind: %v", err)) // a comparison of built-in types
	}
	return e
}

// compareRows compares (a, b …) with (x, y …): equality column by column, order
// by the first pair that differs.
func (b *binder) compareRows(op string, l, r []expr.Expr, pos int) (expr.Expr, error) {
	if len(l) != len(r) {
		return nil, sqlerr.New(sqlerr.SyntaxError, "unequal number of entries in row expressions").At(pos)
	}
	if len(l) == 0 {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cannot compare rows of zero length").At(pos)
	}
	var parts []expr.Expr
	switch op {
	case "=", "<>":
		for i := range l {
			e, err := b.operator(op, l[i], r[i], pos)
			if err != nil {
				return nil, err
			}
			parts = append(parts, e)
		}
		if op == "=" {
			return expr.Conjunction(parts), nil
		}
		return disjunction(parts), nil
	case "<", "<=", ">", ">=":
		strict := op[:1]
		for i := range l {
			o := strict
			if i == len(l)-1 {
				o = op
			}
			e, err := b.operator(o, l[i], r[i], pos)
			if err != nil {
				return nil, err
			}
			all := []expr.Expr{}
			for k := range i {
				eq, err := b.operator("=", l[k], r[k], pos)
				if err != nil {
					return nil, err
				}
				all = append(all, eq)
			}
			parts = append(parts, expr.Conjunction(append(all, e)))
		}
		return disjunction(parts), nil
	}
	return nil, sqlerr.New(sqlerr.FeatureNotSupported, "could not determine interpretation of row comparison operator %s", op).At(pos).
		WithHint("Row comparison operators must be associated with btree operator families.")
}

func disjunction(es []expr.Expr) expr.Expr {
	if len(es) == 1 {
		return es[0]
	}
	return &expr.Or{Args: es}
}
