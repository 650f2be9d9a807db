package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// clockFuncs answer with the time of the statement. They are computed once per
// statement, and at an event time they are that time.
var clockFuncs = map[string]bool{
	"now": true, "current_timestamp": true, "transaction_timestamp": true, "statement_timestamp": true,
	"localtimestamp": true, "current_date": true, "localtime": true, "current_time": true, "mz_now": true,
}

// checkVolatility refuses in a standing query what it could not maintain.
func (b *binder) checkVolatility(fn *funcs.Overload, pos int) error {
	if clockFuncs[fn.Name] {
		b.readsClock = true
		if b.opt.Standing && b.eventTime == nil && !b.timed {
			return sqlerr.New(sqlerr.FeatureNotSupported, "%s() is supported only in WHERE and HAVING of a query that is maintained", fn.Name).At(pos).
				WithHint("It may stand in WHERE and HAVING, compared with a column: ts > %s() - INTERVAL '1 hour'.", fn.Name)
		}
	}
	if fn.Volatility == funcs.Volatile && b.opt.Standing {
		return sqlerr.New(sqlerr.FeatureNotSupported, "volatile function %s() is not supported in a query that is maintained", fn.Name).At(pos).
			WithHint("Its result differs from call to call, so that changes could not be taken back. Compute it when the row is inserted.")
	}
	return nil
}

func (x *exprs) function(e *ast.Func) (expr.Expr, error) {
	name := e.Name.Base()
	if s := e.Name.Schema(); s != "" && s != "pg_catalog" && s != "information_schema" {
		return nil, sqlerr.New(sqlerr.UndefinedFunction, "function %s does not exist", quoted(e.Name.Parts)+"()").At(e.Pos)
	}
	switch {
	case e.Over != nil:
		return x.windowCall(e, name)
	case funcs.IsAggregate(name):
		return x.aggregate(e, name)
	case name == "grouping" && e.Name.Schema() == "":
		return x.groupingCall(e)
	case e.Distinct || e.Star || len(e.OrderBy) > 0 || e.Filter != nil || len(e.WithinGroup) > 0:
		return nil, x.notAggregate(e, name)
	case isWindowFunction(name):
		return nil, sqlerr.New(sqlerr.WrongObjectType, "window function %s requires an OVER clause", name).At(e.Pos)
	}
	if strings.HasPrefix(name, "jsonb_path_") {
		return nil, noPath(e.Pos)
	}
	e, err := x.inOrder(e, name)
	if err != nil {
		return nil, err
	}
	args, pos, err := x.args(e)
	if err != nil {
		return nil, err
	}
	if c, ok := constant(args); ok && name == "pg_typeof" && c.Typ.OID == types.OIDUnknown {
		return &expr.Const{Typ: types.Regtype, Val: types.Int(types.OIDUnknown)}, nil
	}
	rowsAsObjects(name, args)
	if name == "row_to_json" && len(args) == 1 && args[0].Type().OID == types.OIDJSON {
		return args[0], nil
	}
	if f := specialFunc(name); f != nil {
		return f(x, e, args, pos)
	}
	if isSetFunc(name) {
		return x.setReturning(e, name, args, pos)
	}
	return x.scalar(e, name, args, pos)
}

// constant is the only one of args, if it is a literal.
func constant(args []expr.Expr) (*expr.Const, bool) {
	if len(args) != 1 {
		return nil, false
	}
	c, ok := args[0].(*expr.Const)
	return c, ok
}

// noPath refuses SQL/JSON paths.
func noPath(pos int) error {
	return unsupported(pos, "a jsonpath").
		WithHint("Take fields with -> and ->>, elements with jsonb_array_elements(), and test with @>.")
}

func (x *exprs) notAggregate(e *ast.Func, name string) error {
	word := "DISTINCT"
	switch {
	case e.Star:
		return sqlerr.New(sqlerr.WrongObjectType, "%s(*) specified, but %s is not an aggregate function", name, name).At(e.Pos)
	case len(e.WithinGroup) > 0:
		word = "WITHIN GROUP"
	case len(e.OrderBy) > 0:
		word = "ORDER BY"
	case e.Filter != nil:
		word = "FILTER"
	}
	return sqlerr.New(sqlerr.WrongObjectType, "%s specified, but %s is not an aggregate function", word, name).At(e.Pos)
}

func (x *exprs) args(e *ast.Func) (args []expr.Expr, pos []int, err error) {
	if e.Variadic {
		return nil, nil, unsupported(e.Pos, "VARIADIC")
	}
	for _, a := range e.Args {
		if a.Name != "" || a.Key != nil {
			return nil, nil, unsupported(a.Pos, "a named argument")
		}
		v, err := x.bind(a.Value)
		if err != nil {
			return nil, nil, err
		}
		if p, ok := v.(*expr.Param); ok && p.Typ.OID == types.OIDVoid {
			continue // a client's place for a function's result, {? = call f(?)}
		}
		args, pos = append(args, v), append(pos, a.Value.Position())
	}
	return args, pos, nil
}

func (x *exprs) typesOf(es []expr.Expr) []types.Type {
	out := make([]types.Type, len(es))
	for i, e := range es {
		out[i] = x.typeOf(e)
	}
	return out
}

func (x *exprs) scalar(e *ast.Func, name string, args []expr.Expr, pos []int) (expr.Expr, error) {
	if e.Form == ast.FormKeyword && len(args) == 1 && clockFuncs[name] {
		args = nil // a precision beyond microseconds changes nothing that is kept
	}
	res, err := funcs.ResolveFunc(name, x.typesOf(args))
	if err != nil {
		return nil, at(err, e.Pos)
	}
	out, err := x.call(res, args, pos, e.Pos)
	if err != nil {
		return nil, err
	}
	if x.eventTime != nil && clockFuncs[name] {
		env := *x.env
		env.Now = *x.eventTime
		return expr.Fold(&funcs.Ctx{Env: &env}, out, funcs.Stable), nil
	}
	return out, nil
}

type special func(*exprs, *ast.Func, []expr.Expr, []int) (expr.Expr, error)

// specialFunc returns what binds a function that has a node of its own, nil for
// others.
func specialFunc(name string) special {
	switch name {
	case "coalesce", "ifnull":
		return (*exprs).coalesce
	case "greatest":
		return minMax("GREATEST", true)
	case "least":
		return minMax("LEAST", false)
	case "nullif":
		return (*exprs).nullIf
	}
	return nil
}

func minMax(word string, greatest bool) special {
	return func(x *exprs, e *ast.Func, args []expr.Expr, pos []int) (expr.Expr, error) {
		if len(args) == 0 {
			return nil, sqlerr.New(sqlerr.SyntaxError, "%s needs at least one argument", word).At(e.Pos)
		}
		args, t, err := x.unify(word, args, pos)
		if err != nil {
			return nil, err
		}
		return &expr.MinMax{Args: args, Greatest: greatest, Typ: t}, nil
	}
}

func (x *exprs) coalesce(e *ast.Func, args []expr.Expr, pos []int) (expr.Expr, error) {
	if len(args) == 0 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "COALESCE needs at least one argument").At(e.Pos)
	}
	args, t, err := x.unify("COALESCE", args, pos)
	if err != nil {
		return nil, err
	}
	return &expr.Coalesce{Args: args, Typ: t}, nil
}

func (x *exprs) nullIf(e *ast.Func, args []expr.Expr, _ []int) (expr.Expr, error) {
	if len(args) != 2 {
		return nil, sqlerr.New(sqlerr.SyntaxError, "NULLIF needs two arguments").At(e.Pos)
	}
	eq, err := x.operator("=", args[0], args[1], e.Pos)
	if err != nil {
		return nil, err
	}
	c, ok := eq.(*expr.Call)
	if !ok {
		return nil, unsupported(e.Pos, "NULLIF over rows")
	}
	return &expr.NullIf{Left: c.Args[0], Right: c.Args[1], Eq: c.Fn}, nil
}

func (x *exprs) aggregate(e *ast.Func, name string) (expr.Expr, error) {
	if x.inAgg {
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot be nested").At(e.Pos)
	}
	if !x.aggs {
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in %s", x.where).At(e.Pos)
	}
	inner := *x
	inner.inAgg, inner.windows, inner.sets = true, false, false
	args, pos, err := inner.args(e)
	if err != nil {
		return nil, err
	}
	within := funcs.Aggregates(name)[0].Within
	if err := checkWithin(e, name, within); err != nil {
		return nil, err
	}
	for _, k := range e.WithinGroup {
		v, err := inner.bind(k.X)
		if err != nil {
			return nil, err
		}
		args, pos = append(args, v), append(pos, k.X.Position())
	}
	rowsAsObjects(name, args)
	res, err := funcs.ResolveAgg(name, x.typesOf(args), e.Star, e.Distinct)
	if err != nil {
		return nil, at(err, e.Pos)
	}
	if !within && len(e.WithinGroup) > 0 {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "%s is not an ordered-set aggregate, so it cannot have WITHIN GROUP", name).At(e.Pos)
	}
	out := &aggregate{Const: typed(res.Ret), fn: res.Agg, distinct: e.Distinct, pos: e.Pos}
	for i, a := range args {
		if a, err = x.coerce(a, res.ArgTypes[i], types.CastImplicit, pos[i]); err != nil {
			return nil, err
		}
		out.args = append(out.args, a)
	}
	if within {
		k, err := sortKeyOf(out.args[len(out.args)-1], e.WithinGroup[0])
		if err != nil {
			return nil, err
		}
		out.orderBy = []sortKey{k}
	}
	if e.Filter != nil {
		f := inner
		f.where = "FILTER"
		if out.filter, err = f.condition(e.Filter, "FILTER"); err != nil {
			return nil, err
		}
	}
	if !within {
		if out.orderBy, err = inner.sortKeys(e.OrderBy); err != nil {
			return nil, err
		}
	}
	if len(out.orderBy) == 0 && !out.distinct && ordered[name] && x.s != nil && x.s.from != nil {
		out.orderBy = x.s.from.order
	}
	if ofOuterQuery(out) {
		return nil, unsupported(e.Pos, "an aggregate over the columns of an enclosing query alone").
			WithHint("It belongs to that query: compute it there, in a subquery in FROM, and name its column here.")
	}
	if out.distinct {
		for _, k := range out.orderBy {
			found := false
			for _, a := range out.args {
				found = found || same(a, k.e)
			}
			if !found {
				return nil, sqlerr.New(sqlerr.InvalidColumnReference, "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list").At(e.OrderBy[0].X.Position())
			}
		}
	}
	return out, nil
}

// checkWithin tells ordered-set aggregates from others.
func checkWithin(e *ast.Func, name string, within bool) error {
	switch {
	case within && len(e.WithinGroup) == 0:
		return sqlerr.New(sqlerr.WrongObjectType, "WITHIN GROUP is required for ordered-set aggregate %s", name).At(e.Pos)
	case within && e.Distinct:
		return sqlerr.New(sqlerr.SyntaxError, "cannot use DISTINCT with WITHIN GROUP").At(e.Pos)
	case within && len(e.OrderBy) > 0:
		return sqlerr.New(sqlerr.SyntaxError, "cannot use multiple ORDER BY clauses with WITHIN GROUP").At(e.Pos)
	}
	return nil
}

// ordered are the aggregates whose result depends on the order of the rows.
var ordered = map[string]bool{"array_agg": true, "string_agg": true, "json_agg": true, "jsonb_agg": true, "json_object_agg": true}

// ofOuterQuery reports whether an aggregate names columns of enclosing queries and
// none of its own: SQL then counts it among the aggregates of that query.
func ofOuterQuery(a *aggregate) bool {
	own, outside := false, false
	for _, e := range append(slices.Clip(a.args), a.filter) {
		if e == nil {
			continue
		}
		outside = outside || len(appendOuters(nil, e, nil)) > 0
		walk(e, func(e expr.Expr) bool {
			switch e.(type) {
			case *expr.Column, *subquery:
				own = true
			}
			return true
		})
	}
	return outside && !own
}

func (x *exprs) sortKeys(items []ast.SortItem) ([]sortKey, error) {
	var out []sortKey
	for _, it := range items {
		v, err := x.value(it.X)
		if err != nil {
			return nil, err
		}
		k, err := sortKeyOf(v, it)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

func sortKeyOf(v expr.Expr, it ast.SortItem) (sortKey, error) {
	desc := it.Desc
	if it.Using != nil {
		switch it.Using.Name {
		case "<", "<=":
		case ">", ">=":
			desc = true
		default:
			return sortKey{}, sqlerr.New(sqlerr.WrongObjectType, "operator %s is not a valid ordering operator", it.Using.Name).At(it.Pos).
				WithHint("Ordering operators must be \"<\" or \">\" members of btree operator families.")
		}
	}
	if t := v.Type(); t.OID == types.OIDJSON {
		return sortKey{}, sqlerr.New(sqlerr.UndefinedFunction, "could not identify an ordering operator for type %s", base(t)).At(it.X.Position()).
			WithHint("Use an explicit ordering operator or modify the query.")
	}
	nullsFirst := desc
	if it.NullsFirst {
		nullsFirst = true
	}
	if it.NullsLast {
		nullsFirst = false
	}
	return sortKey{e: v, desc: desc, nullsFirst: nullsFirst}, nil
}

func isWindowFunction(name string) bool {
	_, _, ok := funcs.WindowArgs(name)
	return ok
}

func (x *exprs) windowCall(e *ast.Func, name string) (expr.Expr, error) {
	if x.inAgg {
		return nil, sqlerr.New(sqlerr.GroupingError, "aggregate function calls cannot contain window function calls").At(e.Pos)
	}
	if !x.windows {
		return nil, sqlerr.New(sqlerr.WindowingError, "window functions are not allowed in %s", x.where).At(e.Pos)
	}
	least, most, special := funcs.WindowArgs(name)
	agg := funcs.IsAggregate(name)
	if agg && funcs.Aggregates(name)[0].Within {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "OVER is not supported for ordered-set aggregate %s", name).At(e.Pos)
	}
	switch {
	case !special && !agg && len(funcs.Overloads(name)) == 0:
		return nil, sqlerr.New(sqlerr.UndefinedFunction, "function %s() does not exist", name).At(e.Pos)
	case !special && !agg:
		return nil, sqlerr.New(sqlerr.WrongObjectType, "OVER specified, but %s is not a window function nor an aggregate function", name).At(e.Pos)
	case e.Distinct:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "DISTINCT is not implemented for window functions").At(e.Pos)
	case len(e.OrderBy) > 0:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "aggregate ORDER BY is not implemented for window functions").At(e.Pos)
	case special && e.Filter != nil:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "FILTER is not implemented for non-aggregate window functions").At(e.Pos)
	}
	spec, err := x.windowSpec(e.Over, 0)
	if err != nil {
		return nil, err
	}
	inner := *x
	inner.windows, inner.sets, inner.where = false, false, "window definitions"
	w := &window{Const: typed(types.Int8), pos: e.Pos}
	if special && (len(e.Args) < least || len(e.Args) > most) {
		var ts []types.Type
		for _, a := range e.Args {
			if v, err := inner.bind(a.Value); err == nil {
				ts = append(ts, inner.typeOf(v))
			}
		}
		_, err := funcs.ResolveAmong(name, nil, ts)
		return nil, at(err, e.Pos)
	}
	switch name {
	case "row_number":
	case "rank":
		w.rank = 1
	case "dense_rank":
		w.rank = 2
	default:
		w.over = &over{name: name}
	}
	for _, p := range spec.PartitionBy {
		v, err := inner.value(p)
		if err != nil {
			return nil, err
		}
		w.partition = append(w.partition, v)
	}
	if w.orderBy, err = inner.sortKeys(spec.OrderBy); err != nil {
		return nil, err
	}
	if w.over == nil {
		return w, nil
	}
	if w.over.frame, err = inner.frame(w.over, spec, w.orderBy); err != nil {
		return nil, err
	}
	inner.where = x.where
	return w, inner.overArgs(w, e)
}

// windowSpec follows names to the WINDOW clause.
func (x *exprs) windowSpec(s *ast.WindowSpec, depth int) (*ast.WindowSpec, error) {
	if s.Frame != nil && s.Frame.Mode == "SESSION" {
		return nil, unsupported(s.Pos, "a session frame")
	}
	name := s.Name
	if name == "" {
		name = s.Base
	}
	if name == "" {
		return s, nil
	}
	for _, d := range x.windowDefs {
		if d.Name != name || depth > len(x.windowDefs) {
			continue
		}
		base, err := x.windowSpec(d.Spec, depth+1)
		if err != nil {
			return nil, err
		}
		out := *base
		if s.Name == "" {
			if base.Frame != nil {
				return nil, sqlerr.New(sqlerr.WindowingError, "cannot copy window \"%s\" because it has a frame clause", name).At(s.Pos)
			}
			out.Frame = s.Frame
			if len(s.PartitionBy) > 0 {
				return nil, sqlerr.New(sqlerr.WindowingError, "cannot override PARTITION BY clause of window \"%s\"", name).At(s.Pos)
			}
			if len(s.OrderBy) > 0 {
				if len(out.OrderBy) > 0 {
					return nil, sqlerr.New(sqlerr.WindowingError, "cannot override ORDER BY clause of window \"%s\"", name).At(s.Pos)
				}
				out.OrderBy = s.OrderBy
			}
		}
		return &out, nil
	}
	return nil, sqlerr.New(sqlerr.UndefinedObject, "window \"%s\" does not exist", name).At(s.Pos)
}
