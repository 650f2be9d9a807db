package bind

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// exprs binds scalar expressions at one place of a query.
type exprs struct {
	*binder
	s     *scope
	where string // "WHERE", "JOIN conditions", …, as messages name the place
	// What the place allows beside plain expressions.
	aggs, windows, sets bool
	inAgg               bool
	windowDefs          []ast.WindowDef
	// onColumn, if set, sees columns first (EXCLUDED, generated columns …).
	onColumn func(*ast.ColumnRef) (expr.Expr, bool)
}

// bind binds e; its type may still be unknown (a bare literal or parameter).
func (x *exprs) bind(e ast.Expr) (expr.Expr, error) {
	switch e := e.(type) {
	case *ast.Number:
		return number(e)
	case *ast.String:
		return &expr.Const{Typ: types.Unknown, Val: types.String(e.Value)}, nil
	case *ast.Bool:
		return boolConst(e.Value), nil
	case *ast.Null:
		return &expr.Const{Typ: types.Unknown, Val: types.NullDatum}, nil
	case *ast.Param:
		return x.param(e)
	case *ast.ColumnRef:
		return x.column(e)
	case *ast.Unary:
		return x.unary(e)
	case *ast.Binary:
		return x.binary(e)
	case *ast.Logic:
		return x.logic(e)
	case *ast.Not:
		in, err := x.condition(e.X, "NOT")
		if err != nil {
			return nil, err
		}
		return &expr.Not{In: in}, nil
	case *ast.IsTest:
		return x.isTest(e)
	case *ast.IsDistinct:
		return x.isDistinct(e)
	case *ast.InList:
		return x.inList(e)
	case *ast.InQuery:
		return x.inQuery(e)
	case *ast.Between:
		return x.between(e)
	case *ast.Like:
		return x.like(e)
	case *ast.Quantified:
		return x.quantified(e)
	case *ast.Subquery:
		return x.subquery(e)
	case *ast.Array:
		return x.array(e)
	case *ast.Row:
		return x.row(e)
	case *ast.Case:
		return x.caseExpr(e)
	case *ast.Cast:
		return x.cast(e)
	case *ast.Collate:
		return x.collate(e)
	case *ast.Func:
		return x.function(e)
	case *ast.Subscript:
		return x.subscript(e)
	case *ast.FieldSelect:
		return x.fieldSelect(e)
	case *ast.BitString:
		return nil, unsupported(e.Pos, "type bit")
	case *ast.Default:
		return nil, sqlerr.New(sqlerr.SyntaxError, "DEFAULT is not allowed in this context").At(e.Pos)
	}
	return nil, unsupported(e.Position(), "this expression")
}

// value is bind for where a type is needed: what is open becomes text.
func (x *exprs) value(e ast.Expr) (expr.Expr, error) {
	v, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	return x.settle(v, e.Position())
}

// condition binds e as a bool.
func (x *exprs) condition(e ast.Expr, where string) (expr.Expr, error) {
	v, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	return x.boolean(v, where, e.Position())
}

func (x *exprs) list(es []ast.Expr) ([]expr.Expr, error) {
	out := make([]expr.Expr, len(es))
	for i, e := range es {
		var err error
		if out[i], err = x.bind(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func number(n *ast.Number) (expr.Expr, error) {
	text := strings.ReplaceAll(n.Text, "_", "")
	if v, err := strconv.ParseInt(text, 0, 64); err == nil && (len(text) < 2 || text[0] != '0' || strings.ContainsAny(text[:2], "xXoObB")) {
		if v >= -1<<31 && v < 1<<31 {
			return &expr.Const{Typ: types.Int4, Val: types.Int(v)}, nil
		}
		return &expr.Const{Typ: types.Int8, Val: types.Int(v)}, nil
	}
	if v, err := strconv.ParseInt(text, 10, 64); err == nil { // leading zeros
		return number(&ast.Number{Pos: n.Pos, Text: strconv.FormatInt(v, 10)})
	}
	if len(text) > 2 && text[0] == '0' && strings.ContainsAny(text[1:2], "xXoObB") {
		if v, ok := new(big.Int).SetString(text, 0); ok {
			text = v.String()
		}
	}
	d, err := types.ParseText(text, types.Numeric, nil)
	if err != nil {
		return nil, at(sqlerr.From(err), n.Pos)
	}
	return &expr.Const{Typ: types.Numeric, Val: d}, nil
}

// paramsMax is the protocol's bound on parameters.
const paramsMax = 65535

func (x *exprs) param(p *ast.Param) (expr.Expr, error) {
	if p.N < 1 || p.N > paramsMax {
		return nil, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", p.N).At(p.Pos)
	}
	for len(x.params) < p.N {
		x.params = append(x.params, types.Unknown)
	}
	return &expr.Param{N: p.N, Typ: x.params[p.N-1]}, nil
}

func (x *exprs) column(ref *ast.ColumnRef) (expr.Expr, error) {
	if ref.Star {
		return nil, sqlerr.New(sqlerr.SyntaxError, "row expansion via \"*\" is not supported here").At(ref.Pos)
	}
	if x.onColumn != nil {
		if e, ok := x.onColumn(ref); ok {
			return e, nil
		}
	}
	if x.s == nil {
		return nil, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", quoted(ref.Parts)).At(ref.Pos)
	}
	e, _, err := x.s.lookup(ref)
	return e, err
}

func (x *exprs) unary(e *ast.Unary) (expr.Expr, error) {
	if n, ok := e.X.(*ast.Number); ok && e.Op.Name == "-" {
		// -9223372036854775808 is an int8 though its digits alone are not.
		return number(&ast.Number{Pos: n.Pos, Text: "-" + n.Text})
	}
	in, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	return x.operator(e.Op.Name, nil, in, e.Pos, e.X.Position())
}

func (x *exprs) binary(e *ast.Binary) (expr.Expr, error) {
	switch e.Op.Name {
	case "OVERLAPS":
		return x.overlaps(e)
	case "@?", "@@":
		return nil, noPath(e.Pos)
	}
	l, err := x.bind(e.L)
	if err != nil {
		return nil, err
	}
	r, err := x.bind(e.R)
	if err != nil {
		return nil, err
	}
	// (a, b) = (SELECT x, y …)
	if row, ok := l.(*expr.RowOf); ok {
		if q, ok := e.R.(*ast.Subquery); ok && q.Kind == ast.SubqueryScalar {
			return x.rowSubquery(e, row, q)
		}
	}
	return x.operator(e.Op.Name, l, r, e.Pos, e.L.Position(), e.R.Position())
}

func (x *exprs) rowSubquery(e *ast.Binary, row *expr.RowOf, q *ast.Subquery) (expr.Expr, error) {
	return nil, unsupported(e.Pos, "comparing a row with a subquery of several columns")
}

// named calls a scalar function by name.
func (x *exprs) named(name string, args []expr.Expr, pos int) (expr.Expr, error) {
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = x.typeOf(a)
	}
	res, err := funcs.ResolveFunc(name, ts)
	if err != nil {
		return nil, at(err, pos)
	}
	return x.call(res, args, nil, pos)
}

func (x *exprs) array(e *ast.Array) (expr.Expr, error) {
	elems, err := x.list(e.Elems)
	if err != nil {
		return nil, err
	}
	if len(elems) == 0 {
		return nil, sqlerr.New(sqlerr.IndeterminateDatatype, "cannot determine type of empty array").At(e.Pos).
			WithHint("Explicitly cast to the desired type, for example ARRAY[]::integer[].")
	}
	out, t, err := x.unify("ARRAY", elems, positions(e.Elems))
	if err != nil {
		return nil, err
	}
	at := t
	if !t.IsArray() || t.IsVector() {
		at = types.ArrayOf(t)
	}
	if at.OID == 0 {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "could not find array type for data type %s", base(t)).At(e.Pos)
	}
	return &expr.ArrayOf{Elems: out, Typ: at}, nil
}

func positions(es []ast.Expr) []int {
	out := make([]int, len(es))
	for i, e := range es {
		out[i] = e.Position()
	}
	return out
}

func (x *exprs) row(e *ast.Row) (expr.Expr, error) {
	args, err := x.list(e.Fields)
	if err != nil {
		return nil, err
	}
	return &expr.RowOf{Args: args}, nil
}

func (x *exprs) caseExpr(e *ast.Case) (expr.Expr, error) {
	var operand expr.Expr
	var err error
	if e.Operand != nil {
		if operand, err = x.value(e.Operand); err != nil {
			return nil, err
		}
	}
	out := &expr.Case{}
	var results []expr.Expr
	var pos []int
	// The ELSE decides the type first, as in PostgreSQL.
	if e.Else != nil {
		v, err := x.bind(e.Else)
		if err != nil {
			return nil, err
		}
		results, pos = append(results, v), append(pos, e.Else.Position())
	}
	for _, w := range e.Whens {
		var cond expr.Expr
		if operand != nil {
			v, err := x.bind(w.Cond)
			if err != nil {
				return nil, err
			}
			if cond, err = x.operator("=", operand, v, w.Cond.Position()); err != nil {
				return nil, err
			}
		} else if cond, err = x.condition(w.Cond, "CASE/WHEN"); err != nil {
			return nil, err
		}
		v, err := x.bind(w.Result)
		if err != nil {
			return nil, err
		}
		out.Whens = append(out.Whens, cond)
		results, pos = append(results, v), append(pos, w.Result.Position())
	}
	results, t, err := x.unify("CASE", results, pos)
	if err != nil {
		return nil, err
	}
	out.Typ = t
	if e.Else != nil {
		out.Else, results = results[0], results[1:]
	} else {
		out.Typ.Mod = -1 // the NULL of no ELSE has no modifier
	}
	out.Thens = results
	return out, nil
}

func (x *exprs) cast(e *ast.Cast) (expr.Expr, error) {
	t, err := x.typeName(e.Type)
	if err != nil {
		return nil, err
	}
	if a, ok := e.X.(*ast.Array); ok && len(a.Elems) == 0 && t.IsArray() {
		return &expr.ArrayOf{Typ: t}, nil
	}
	v, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	pos := e.Pos
	if _, ok := e.X.(*ast.String); ok {
		pos = e.X.Position()
	}
	return x.coerce(v, t, types.CastExplicit, pos)
}

// collate accepts the collations that order as bytes do, which is how text is
// ordered here.
func (x *exprs) collate(e *ast.Collate) (expr.Expr, error) {
	v, err := x.bind(e.X)
	if err != nil {
		return nil, err
	}
	switch name := e.Name.Base(); name {
	case "default", "C", "POSIX", "ucs_basic":
	default:
		return nil, sqlerr.New(sqlerr.UndefinedObject, "collation \"%s\" for encoding \"UTF8\" does not exist", name).At(e.Pos)
	}
	if t := x.typeOf(v); t.OID != types.OIDUnknown && !t.IsString() {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "collations are not supported by type %s", base(t)).At(e.Pos)
	}
	return v, nil
}
