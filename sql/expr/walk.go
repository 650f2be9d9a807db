package expr

import (
	"slices"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// Children returns e's direct subexpressions in evaluation order. The slice may
// be e's own: do not change it.
func Children(e Expr) []Expr {
	switch e := e.(type) {
	case *Call:
		return e.Args
	case *Cast:
		return []Expr{e.In}
	case *Case:
		var out []Expr
		for i := range e.Whens {
			out = append(out, e.Whens[i], e.Thens[i])
		}
		if e.Else != nil {
			out = append(out, e.Else)
		}
		return out
	case *And:
		return e.Args
	case *Or:
		return e.Args
	case *Not:
		return []Expr{e.In}
	case *IsNull:
		return []Expr{e.In}
	case *IsTrue:
		return []Expr{e.In}
	case *Distinct:
		return []Expr{e.Left, e.Right}
	case *In:
		return []Expr{e.Left}
	case *AnyOf:
		return []Expr{e.Left, e.Array}
	case *Coalesce:
		return e.Args
	case *NullIf:
		return []Expr{e.Left, e.Right}
	case *MinMax:
		return e.Args
	case *ArrayOf:
		return e.Elems
	case *RowOf:
		return e.Args
	}
	return nil
}

// Walk calls f for e and all below it, parents first; f returning false keeps
// Walk out of that expression's children.
func Walk(e Expr, f func(Expr) bool) {
	if e == nil || !f(e) {
		return
	}
	for _, c := range Children(e) {
		Walk(c, f)
	}
}

// Map rebuilds e from below: f sees each node with its children already mapped
// and returns what stands in its place. Unchanged parts are shared, e itself is
// never changed.
func Map(e Expr, f func(Expr) Expr) Expr {
	if e == nil {
		return nil
	}
	return f(mapChildren(e, func(c Expr) Expr { return Map(c, f) }))
}

func mapList(es []Expr, f func(Expr) Expr) ([]Expr, bool) {
	var out []Expr
	for i, e := range es {
		m := f(e)
		if m != e && out == nil {
			out = slices.Clone(es)
		}
		if out != nil {
			out[i] = m
		}
	}
	if out == nil {
		return es, false
	}
	return out, true
}

// mapChildren returns e with f applied to its direct children, e itself if none
// of them changed.
func mapChildren(e Expr, f func(Expr) Expr) Expr {
	switch e := e.(type) {
	case *Call:
		if args, changed := mapList(e.Args, f); changed {
			c := *e
			c.Args = args
			return &c
		}
	case *Cast:
		if in := f(e.In); in != e.In {
			c := *e
			c.In = in
			return &c
		}
	case *Case:
		return mapCase(e, f)
	case *And:
		if args, changed := mapList(e.Args, f); changed {
			return &And{Args: args}
		}
	case *Or:
		if args, changed := mapList(e.Args, f); changed {
			return &Or{Args: args}
		}
	case *Not:
		if in := f(e.In); in != e.In {
			return &Not{In: in}
		}
	case *IsNull:
		if in := f(e.In); in != e.In {
			return &IsNull{In: in, Negated: e.Negated}
		}
	case *IsTrue:
		if in := f(e.In); in != e.In {
			return &IsTrue{In: in, Want: e.Want, Negated: e.Negated}
		}
	case *Distinct:
		if l, r := f(e.Left), f(e.Right); l != e.Left || r != e.Right {
			return &Distinct{Left: l, Right: r, Eq: e.Eq, Negated: e.Negated}
		}
	case *In:
		if l := f(e.Left); l != e.Left {
			c := *e
			c.Left = l
			return &c
		}
	case *AnyOf:
		if l, r := f(e.Left), f(e.Array); l != e.Left || r != e.Array {
			return &AnyOf{Left: l, Array: r, Op: e.Op, All: e.All}
		}
	case *Coalesce:
		if args, changed := mapList(e.Args, f); changed {
			return &Coalesce{Args: args, Typ: e.Typ}
		}
	case *NullIf:
		if l, r := f(e.Left), f(e.Right); l != e.Left || r != e.Right {
			return &NullIf{Left: l, Right: r, Eq: e.Eq}
		}
	case *MinMax:
		if args, changed := mapList(e.Args, f); changed {
			return &MinMax{Args: args, Greatest: e.Greatest, Typ: e.Typ}
		}
	case *ArrayOf:
		if args, changed := mapList(e.Elems, f); changed {
			return &ArrayOf{Elems: args, Typ: e.Typ}
		}
	case *RowOf:
		if args, changed := mapList(e.Args, f); changed {
			return &RowOf{Args: args}
		}
	}
	return e
}

func mapCase(e *Case, f func(Expr) Expr) Expr {
	whens, c1 := mapList(e.Whens, f)
	thens, c2 := mapList(e.Thens, f)
	els, c3 := e.Else, false
	if els != nil {
		els = f(els)
		c3 = els != e.Else
	}
	if !c1 && !c2 && !c3 {
		return e
	}
	return &Case{Whens: whens, Thens: thens, Else: els, Typ: e.Typ}
}

// MapColumns replaces each Column by what f returns for it.
func MapColumns(e Expr, f func(*Column) Expr) Expr {
	return Map(e, func(e Expr) Expr {
		if c, ok := e.(*Column); ok {
			return f(c)
		}
		return e
	})
}

// ShiftColumns adds by to the position of every column.
func ShiftColumns(e Expr, by int) Expr {
	if by == 0 {
		return e
	}
	return MapColumns(e, func(c *Column) Expr { return &Column{Idx: c.Idx + by, Typ: c.Typ, Name: c.Name} })
}

// RemapColumns moves column i to position to[i], which must be ≥ 0 for each
// column used.
func RemapColumns(e Expr, to []int) Expr {
	return MapColumns(e, func(c *Column) Expr { return &Column{Idx: to[c.Idx], Typ: c.Typ, Name: c.Name} })
}

// Substitute replaces column i by with[i]: the expression as seen below a
// projection. Volatile parts of with are duplicated like any other; callers ask
// MaxVolatility first.
func Substitute(e Expr, with []Expr) Expr {
	return MapColumns(e, func(c *Column) Expr { return with[c.Idx] })
}

// ColumnsUsed returns the positions of the columns that es use, ascending,
// each once.
func ColumnsUsed(es ...Expr) []int {
	var out []int
	for _, e := range es {
		Walk(e, func(e Expr) bool {
			if c, ok := e.(*Column); ok {
				out = append(out, c.Idx)
			}
			return true
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MaxVolatility returns the worst volatility of anything in e.
func MaxVolatility(e Expr) funcs.Volatility {
	worst := funcs.Immutable
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Call:
			worst = max(worst, e.Fn.Volatility)
		case *Cast:
			worst = max(worst, castVolatility(e.In.Type(), e.To))
		}
		return true
	})
	return worst
}

// IsConst reports whether e uses neither columns nor parameters, so that
// EvalDatum gives its value.
func IsConst(e Expr) bool {
	ok := true
	Walk(e, func(e Expr) bool {
		switch e.(type) {
		case *Column, *Param:
			ok = false
		}
		return ok
	})
	return ok
}

// Conjuncts splits e at its top-level ANDs; nil gives none.
func Conjuncts(e Expr) []Expr {
	if e == nil {
		return nil
	}
	a, ok := e.(*And)
	if !ok {
		return []Expr{e}
	}
	var out []Expr
	for _, x := range a.Args {
		out = append(out, Conjuncts(x)...)
	}
	return out
}

// Conjunction is the AND of es: nil for none, the expression itself for one.
func Conjunction(es []Expr) Expr {
	switch len(es) {
	case 0:
		return nil
	case 1:
		return es[0]
	}
	return &And{Args: es}
}

// Equal reports whether a and b are the same expression: same shape, functions,
// types and constants. Names and positions in the text do not count.
func Equal(a, b Expr) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Type() != b.Type() {
		return false
	}
	if !sameNode(a, b) {
		return false
	}
	ca, cb := Children(a), Children(b)
	return slices.EqualFunc(ca, cb, Equal)
}

// sameNode compares two nodes of equal type without their children.
func sameNode(a, b Expr) bool {
	switch a := a.(type) {
	case *Column:
		b, ok := b.(*Column)
		return ok && a.Idx == b.Idx
	case *Const:
		b, ok := b.(*Const)
		return ok && sameDatum(a.Val, b.Val)
	case *Param:
		b, ok := b.(*Param)
		return ok && a.N == b.N
	case *Call:
		b, ok := b.(*Call)
		return ok && sameFunction(a.Fn, b.Fn)
	case *Cast:
		b, ok := b.(*Cast)
		return ok && a.Explicit == b.Explicit
	case *Case:
		b, ok := b.(*Case)
		return ok && len(a.Whens) == len(b.Whens)
	case *And:
		_, ok := b.(*And)
		return ok
	case *Or:
		_, ok := b.(*Or)
		return ok
	case *Not:
		_, ok := b.(*Not)
		return ok
	case *IsNull:
		b, ok := b.(*IsNull)
		return ok && a.Negated == b.Negated
	case *IsTrue:
		b, ok := b.(*IsTrue)
		return ok && a.Want == b.Want && a.Negated == b.Negated
	case *Distinct:
		b, ok := b.(*Distinct)
		return ok && a.Negated == b.Negated && a.Eq == b.Eq
	case *In:
		b, ok := b.(*In)
		return ok && a.HasNull == b.HasNull && a.Negated == b.Negated && slices.EqualFunc(a.List, b.List, sameDatum)
	case *AnyOf:
		b, ok := b.(*AnyOf)
		return ok && a.Op == b.Op && a.All == b.All
	case *Coalesce:
		_, ok := b.(*Coalesce)
		return ok
	case *NullIf:
		b, ok := b.(*NullIf)
		return ok && a.Eq == b.Eq
	case *MinMax:
		b, ok := b.(*MinMax)
		return ok && a.Greatest == b.Greatest
	case *ArrayOf:
		_, ok := b.(*ArrayOf)
		return ok
	case *RowOf:
		_, ok := b.(*RowOf)
		return ok
	}
	return false
}

// sameDatum compares representations, so that 1.0 and 1.00 stay apart.
func sameDatum(a, b types.Datum) bool {
	if a.Null || b.Null {
		return a.Null == b.Null
	}
	return a == b || (a.F != a.F && b.F != b.F)
}

// sameFunction reports whether two overloads compute the same.
func sameFunction(a, b *funcs.Overload) bool {
	return a == b || a != nil && b != nil && a.Inline && b.Inline && a.Name == b.Name && a.Ret == b.Ret && slices.Equal(a.Args, b.Args)
}
