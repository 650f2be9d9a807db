package funcs

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Resolved is the overload that a call means, with all types concrete.
type Resolved struct {
	*Overload
	// ArgTypes are what the arguments must be cast to (implicitly), one each,
	// those of a variadic tail included.
	ArgTypes []types.Type
	Ret      types.Type
	// CastTo marks a cast in the form of a function, such as date('2024-01-01'):
	// Overload is nil and Ret is the type to cast the one argument to.
	CastTo bool
}

// ResolvedAgg is the aggregate that a call means.
type ResolvedAgg struct {
	*Agg
	ArgTypes []types.Type
	Ret      types.Type
}

// ResolveFunc finds the function that name(args) means, by PostgreSQL's rules. A
// literal whose type is still open is types.Unknown. An operator's symbol is
// accepted as a name too.
func ResolveFunc(name string, args []types.Type) (Resolved, error) {
	cands := expand(Overloads(name), len(args))
	args = plain(args)
	best, ambiguous := choose(cands, args)
	if best == nil && len(args) == 1 {
		if t, ok := types.Lookup(name); ok && castsByName(args[0], t) {
			return Resolved{ArgTypes: args, Ret: t, CastTo: true}, nil
		}
	}
	if best == nil {
		return Resolved{}, noFunction(name, args, ambiguous)
	}
	return best.resolve(args)
}

// noFunction says that none, or more than one, fits.
func noFunction(name string, args []types.Type, ambiguous bool) error {
	sig := signature(name, args)
	if ambiguous {
		return sqlerr.New(sqlerr.AmbiguousFunction, "function %s is not unique", sig).
			WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
	}
	return sqlerr.New(sqlerr.UndefinedFunction, "function %s does not exist", sig).
		WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

// castsByName reports whether t(x) may stand for a cast of x to t: for literals,
// and where the cast needs no function or is text I/O to a string type.
func castsByName(from, to types.Type) bool {
	if from == types.Unknown || from.OID == to.OID {
		return true
	}
	return types.CastKind(from, to) != types.CastNone
}

// ResolveOp finds the operator; left is nil for a prefix operator.
func ResolveOp(op string, left *types.Type, right types.Type) (Resolved, error) {
	var args []types.Type
	if left != nil {
		args = []types.Type{*left, right}
	} else {
		args = []types.Type{right}
	}
	args = plain(args)
	cands := expand(Overloads(op), len(args))
	exact := args
	if len(args) == 2 {
		// A literal beside a typed operand is first tried as of that type.
		exact = []types.Type{args[0], args[1]}
		if exact[0] == types.Unknown {
			exact[0] = exact[1]
		} else if exact[1] == types.Unknown {
			exact[1] = exact[0]
		}
	}
	for _, c := range cands {
		if c.exact(exact) {
			return c.resolve(args)
		}
	}
	best, ambiguous := choose(cands, args)
	if best != nil {
		return best.resolve(args)
	}
	text := op + " " + args[len(args)-1].String()
	what := "type"
	if left != nil {
		text = args[0].String() + " " + text
		what = "types"
	}
	if ambiguous {
		return Resolved{}, sqlerr.New(sqlerr.AmbiguousFunction, "operator is not unique: %s", text).
			WithHint("Could not choose a best candidate operator. You might need to add explicit type casts.")
	}
	return Resolved{}, sqlerr.New(sqlerr.UndefinedFunction, "operator does not exist: %s", text).
		WithHint("No operator matches the given name and argument %s. You might need to add explicit type casts.", what)
}

// ResolveAgg finds the aggregate name(args), or name(*) where star is set.
// Whether DISTINCT makes sense is the same for all: each aggregate takes it, but
// it needs types with an order.
func ResolveAgg(name string, args []types.Type, star, distinct bool) (ResolvedAgg, error) {
	args = plain(args)
	var cands []*candidate
	aggs := Aggregates(name)
	for i, a := range aggs {
		if len(a.Args) == len(args) && (len(args) > 0 || star) {
			cands = append(cands, &candidate{agg: aggs[i], args: a.Args})
		}
	}
	sig := signature(name, args)
	if star {
		sig = name + "(*)"
	} else if len(args) == 0 && len(aggs) > 0 {
		return ResolvedAgg{}, sqlerr.New(sqlerr.WrongObjectType, "%s(*) must be used to call a parameterless aggregate function", name)
	}
	best, ambiguous := choose(cands, args)
	if best == nil {
		if ambiguous {
			return ResolvedAgg{}, sqlerr.New(sqlerr.AmbiguousFunction, "function %s is not unique", sig).
				WithHint("Could not choose a best candidate function. You might need to add explicit type casts.")
		}
		return ResolvedAgg{}, sqlerr.New(sqlerr.UndefinedFunction, "function %s does not exist", sig).
			WithHint("No function matches the given name and argument types. You might need to add explicit type casts.")
	}
	r, err := best.resolve(args)
	if err != nil {
		return ResolvedAgg{}, err
	}
	if distinct {
		for _, t := range r.ArgTypes {
			if t.OID == types.OIDJSON {
				return ResolvedAgg{}, sqlerr.New(sqlerr.UndefinedFunction, "could not identify an equality operator for type %s", t)
			}
		}
	}
	return ResolvedAgg{Agg: best.agg, ArgTypes: r.ArgTypes, Ret: r.Ret}, nil
}

// plain drops the modifiers, which play no part in resolution.
func plain(args []types.Type) []types.Type {
	out := make([]types.Type, len(args))
	for i, a := range args {
		out[i] = types.Type{OID: a.OID, Mod: -1}
	}
	return out
}

func signature(name string, args []types.Type) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = a.String()
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// candidate is an overload with its argument list brought to the call's length.
type candidate struct {
	o    *Overload
	agg  *Agg
	args []types.Type
	// spread marks a variadic overload with its tail repeated.
	spread bool
}

func expand(os []*Overload, n int) []*candidate {
	var out []*candidate
	for _, o := range os {
		if len(o.Args) == n && !o.Variadic {
			out = append(out, &candidate{o: o, args: o.Args})
		}
		if o.Variadic && n >= len(o.Args) {
			args := append([]types.Type(nil), o.Args...)
			for len(args) < n {
				args = append(args, o.Args[len(o.Args)-1])
			}
			out = append(out, &candidate{o: o, args: args, spread: true})
		}
	}
	return out
}

func (c *candidate) exact(args []types.Type) bool {
	for i := range args {
		if c.args[i].OID != args[i].OID {
			return false
		}
	}
	return true
}

// choose picks the best candidate; nil with ambiguous where several are equally
// good.
func choose(cands []*candidate, args []types.Type) (best *candidate, ambiguous bool) {
	for _, c := range cands {
		if c.exact(args) {
			return c, false
		}
	}
	var ok []*candidate
	for _, c := range cands {
		if c.accepts(args) {
			ok = append(ok, c)
		}
	}
	if len(ok) == 0 {
		return nil, false
	}
	if len(ok) > 1 {
		ok = selectCandidate(ok, args)
	}
	if len(ok) != 1 {
		return nil, true
	}
	return ok[0], false
}

// accepts reports whether each argument can be coerced implicitly.
func (c *candidate) accepts(args []types.Type) bool {
	for i, a := range args {
		if !coercible(a, c.args[i]) {
			return false
		}
	}
	_, _, ok := c.generics(args)
	return ok
}

func coercible(from, to types.Type) bool {
	if from.OID == to.OID || from.OID == types.OIDUnknown {
		return true
	}
	switch to.OID {
	case types.OIDAny, types.OIDAnyElement, oidAnyCompatible:
		return true
	case types.OIDAnyArray, oidAnyCompatibleArray:
		return from.IsArray()
	case oidAnyNonArray:
		return !from.IsArray()
	case types.OIDRecord:
		return false
	}
	return types.CastKind(from, to) == types.CastImplicit
}

// selectCandidate narrows cands, all of which fit, step by step; see the section
// on function type resolution of PostgreSQL's manual, steps 4.c to 4.f.
func selectCandidate(cands []*candidate, args []types.Type) []*candidate {
	unknowns := 0
	for _, a := range args {
		if a == types.Unknown {
			unknowns++
		}
	}
	cands = keepBest(cands, func(c *candidate) int {
		n := 0
		for i, a := range args {
			if a != types.Unknown && c.args[i].OID == a.OID {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 {
		return cands
	}
	cands = keepBest(cands, func(c *candidate) int {
		n := 0
		for i, a := range args {
			if a != types.Unknown && (c.args[i].OID == a.OID || (c.args[i].IsPreferred() && c.args[i].Category() == a.Category())) {
				n++
			}
		}
		return n
	})
	if len(cands) == 1 || unknowns == 0 {
		return cands
	}
	if narrowed := byUnknownCategory(cands, args); narrowed != nil {
		cands = narrowed
		if len(cands) == 1 {
			return cands
		}
	}
	return bySameType(cands, args, unknowns)
}

func keepBest(cands []*candidate, score func(*candidate) int) []*candidate {
	best, out := -1, []*candidate(nil)
	for _, c := range cands {
		switch s := score(c); {
		case s > best:
			best, out = s, []*candidate{c}
		case s == best:
			out = append(out, c)
		}
	}
	return out
}

// byUnknownCategory decides a type category for each open literal (string if any
// candidate takes one, else the only one there is) and drops what does not fit.
// nil: it cannot be decided.
func byUnknownCategory(cands []*candidate, args []types.Type) []*candidate {
	type slot struct {
		category  byte
		preferred bool
	}
	slots := make([]slot, len(args))
	for i, a := range args {
		if a != types.Unknown {
			continue
		}
		s, conflict := slot{}, false
		for _, c := range cands {
			cat, pref := category(c.args[i]), c.args[i].IsPreferred()
			switch {
			case s.category == 0:
				s = slot{cat, pref}
			case cat == s.category:
				s.preferred = s.preferred || pref
			case cat == 'S':
				s, conflict = slot{cat, pref}, false
				conflict = false
			case s.category != 'S':
				conflict = true
			}
		}
		if conflict {
			return nil
		}
		slots[i] = s
	}
	var out []*candidate
	for _, c := range cands {
		keep := true
		for i, a := range args {
			if a != types.Unknown {
				continue
			}
			if category(c.args[i]) != slots[i].category || (slots[i].preferred && !c.args[i].IsPreferred()) {
				keep = false
			}
		}
		if keep {
			out = append(out, c)
		}
	}
	return out
}

// category is t's type category, 'P' for polymorphic ones.
func category(t types.Type) byte {
	if isPolymorphic(t) || t.OID == types.OIDAny {
		return 'P'
	}
	return t.Category()
}

func isPolymorphic(t types.Type) bool {
	switch t.OID {
	case types.OIDAnyElement, types.OIDAnyArray, oidAnyNonArray, oidAnyCompatible, oidAnyCompatibleArray:
		return true
	}
	return false
}

// bySameType takes open literals to be of the type that all known arguments have.
func bySameType(cands []*candidate, args []types.Type, unknowns int) []*candidate {
	if unknowns == len(args) {
		return cands
	}
	var known types.Type
	for _, a := range args {
		if a == types.Unknown {
			continue
		}
		if known.OID != 0 && known != a {
			return cands
		}
		known = a
	}
	same := make([]types.Type, len(args))
	for i := range same {
		same[i] = known
	}
	var out []*candidate
	for _, c := range cands {
		if c.accepts(same) {
			out = append(out, c)
		}
	}
	if len(out) == 1 {
		return out
	}
	return cands
}

// resolve makes all types concrete.
func (c *candidate) resolve(args []types.Type) (Resolved, error) {
	elem, compat, _ := c.generics(args)
	r := Resolved{Overload: c.o, ArgTypes: make([]types.Type, len(args))}
	for i, t := range c.args {
		switch t.OID {
		case types.OIDAnyElement, oidAnyNonArray:
			t = elem
		case types.OIDAnyArray:
			t = types.ArrayOf(elem)
		case oidAnyCompatible:
			t = compat
		case oidAnyCompatibleArray:
			t = types.ArrayOf(compat)
		case types.OIDAny:
			t = args[i]
			if t == types.Unknown {
				t = types.Text
			}
		}
		if t.OID == 0 {
			return r, sqlerr.New(sqlerr.DatatypeMismatch, "could not determine polymorphic type because input has type unknown")
		}
		r.ArgTypes[i] = t
	}
	ret, retType := types.Type{}, (func([]types.Type) types.Type)(nil)
	if c.o != nil {
		ret, retType = c.o.Ret, c.o.RetType
	} else {
		ret, retType = c.agg.Ret, c.agg.RetType
	}
	if retType != nil {
		ret = retType(r.ArgTypes)
	} else {
		switch ret.OID {
		case types.OIDAnyElement, oidAnyNonArray:
			ret = elem
		case types.OIDAnyArray:
			ret = types.ArrayOf(elem)
		case oidAnyCompatible:
			ret = compat
		case oidAnyCompatibleArray:
			ret = types.ArrayOf(compat)
		}
	}
	r.Ret = ret
	return r, nil
}

// generics finds the element type that anyelement and anyarray stand for, and
// the common type of the anycompatible family. ok is false where they disagree.
// Literals of open type become text if nothing else decides.
func (c *candidate) generics(args []types.Type) (elem, compat types.Type, ok bool) {
	var compats []types.Type
	usesElem, usesCompat := false, false
	for i, t := range c.args {
		a := args[i]
		switch t.OID {
		case types.OIDAnyArray, oidAnyCompatibleArray:
			if a != types.Unknown {
				a = types.ElemOf(a)
			}
		}
		switch t.OID {
		case types.OIDAnyElement, types.OIDAnyArray, oidAnyNonArray:
			usesElem = true
			if a == types.Unknown {
				continue
			}
			if elem.OID != 0 && elem != a {
				return elem, compat, false
			}
			elem = a
		case oidAnyCompatible, oidAnyCompatibleArray:
			usesCompat = true
			compats = append(compats, a)
		}
	}
	if usesElem && elem.OID == 0 {
		elem = types.Text
	}
	if usesCompat {
		t, err := CommonType("", compats)
		if err != nil {
			return elem, compat, false
		}
		compat = t
		for _, a := range compats {
			if a != types.Unknown && a.OID != t.OID && types.CastKind(a, t) != types.CastImplicit {
				return elem, compat, false
			}
		}
	}
	return elem, compat, true
}

// CommonType is the type that the results of a CASE, UNION, COALESCE, VALUES,
// IN, ARRAY … take; context is that word, as PostgreSQL's message begins. All
// open literals: text. The modifier is kept where all agree on it.
func CommonType(context string, ts []types.Type) (types.Type, error) {
	var best types.Type
	sameMod := true
	for _, t := range ts {
		if t.OID == types.OIDUnknown {
			sameMod = false // a bare literal brings no modifier
			continue
		}
		if best.OID == 0 {
			best = t
			continue
		}
		if t == best {
			continue
		}
		sameMod = false
		b, p := types.Type{OID: best.OID, Mod: -1}, types.Type{OID: t.OID, Mod: -1}
		if b == p {
			continue
		}
		if b.Category() != p.Category() {
			return types.Type{}, sqlerr.New(sqlerr.DatatypeMismatch, "%s types %s and %s cannot be matched", context, b, p)
		}
		if !b.IsPreferred() && types.CastKind(b, p) == types.CastImplicit && types.CastKind(p, b) != types.CastImplicit {
			best = t
		}
	}
	if best.OID == 0 {
		return types.Text, nil
	}
	if !sameMod {
		best.Mod = -1
	}
	for _, t := range ts {
		if t.OID != types.OIDUnknown && t.OID != best.OID && types.CastKind(types.Type{OID: t.OID, Mod: -1}, types.Type{OID: best.OID, Mod: -1}) != types.CastImplicit {
			return types.Type{}, sqlerr.New(sqlerr.CannotCoerce, "%s could not convert type %s to %s", context,
				types.Type{OID: t.OID, Mod: -1}, types.Type{OID: best.OID, Mod: -1})
		}
	}
	return best, nil
}
