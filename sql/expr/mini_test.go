package expr_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// mini is a small reader of SQL expressions, enough for the examples of the
// function tables, so that they can be tested on this floor.
type mini struct {
	toks []string
	pos  int
	cols map[string]*expr.Column
}

func tokenize(s string) []string {
	var out []string
	const symbols = "+-*/<>=~!@#%^&|?"
	for i := 0; i < len(s); {
		c := s[i]
		j := i + 1
		switch {
		case c == ' ':
			i++
			continue
		case c == '\'':
			for j < len(s) && (s[j] != '\'' || j+1 < len(s) && s[j+1] == '\'') {
				if s[j] == '\'' {
					j++
				}
				j++
			}
			j++
		case c >= '0' && c <= '9':
			for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == '.') {
				j++
			}
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
			for j < len(s) && (s[j] >= 'a' && s[j] <= 'z' || s[j] >= 'A' && s[j] <= 'Z' || s[j] == '_' || s[j] >= '0' && s[j] <= '9') {
				j++
			}
		case strings.HasPrefix(s[i:], "::"):
			j++
		case strings.IndexByte(symbols, c) >= 0:
			for j < len(s) && strings.IndexByte(symbols, s[j]) >= 0 && (s[j] != '-' && s[j] != '+' || s[j-1] == '#' && s[j] == '-') {
				j++
			}
		}
		out = append(out, s[i:j])
		i = j
	}
	return out
}

func (m *mini) peek() string {
	if m.pos < len(m.toks) {
		return m.toks[m.pos]
	}
	return ""
}

func (m *mini) next() string { t := m.peek(); m.pos++; return t }

func binds(op string) int {
	switch op {
	case "OR":
		return 1
	case "AND":
		return 2
	case "=", "<", ">", "<=", ">=", "<>":
		return 4
	case "LIKE", "ILIKE", "NOT":
		return 5
	case "+", "-":
		return 7
	case "*", "/", "%":
		return 8
	case "^":
		return 9
	}
	if op != "" && strings.IndexByte("<>=~!@#%^&|?-", op[0]) >= 0 {
		return 6
	}
	return 0
}

func (m *mini) expr(place int) (expr.Expr, error) {
	left, err := m.unary()
	for err == nil {
		op := m.peek()
		p := binds(op)
		if p == 0 || p <= place {
			return left, nil
		}
		m.next()
		if op == "NOT" {
			op += " " + m.next()
		}
		var right expr.Expr
		if right, err = m.expr(p); err != nil {
			break
		}
		left, err = binary(op, left, right)
	}
	return nil, err
}

func binary(op string, l, r expr.Expr) (expr.Expr, error) {
	switch op {
	case "AND":
		return &expr.And{Args: []expr.Expr{l, r}}, nil
	case "OR":
		return &expr.Or{Args: []expr.Expr{l, r}}, nil
	}
	if sym, ok := map[string]string{"LIKE": "~~", "NOT LIKE": "!~~", "ILIKE": "~~*", "NOT ILIKE": "!~~*"}[op]; ok {
		op = sym
	}
	lt := l.Type()
	res, err := funcs.ResolveOp(op, &lt, r.Type())
	if err != nil {
		return nil, err
	}
	return call(res, []expr.Expr{l, r})
}

func call(r funcs.Resolved, args []expr.Expr) (expr.Expr, error) {
	if r.CastTo {
		return coerce(args[0], r.Ret)
	}
	out := &expr.Call{Fn: r.Overload, Typ: r.Ret}
	for i, a := range args {
		c, err := coerce(a, r.ArgTypes[i])
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, c)
	}
	return out, nil
}

func coerce(e expr.Expr, to types.Type) (expr.Expr, error) {
	if e.Type() == to {
		return e, nil
	}
	if c, ok := e.(*expr.Const); ok && c.Typ == types.Unknown {
		if c.Val.Null {
			return &expr.Const{Typ: to, Val: c.Val}, nil
		}
		d, err := types.ParseText(c.Val.S, to, nil)
		return &expr.Const{Typ: to, Val: d}, err
	}
	return &expr.Cast{In: e, To: to, Explicit: true}, nil
}

func (m *mini) unary() (expr.Expr, error) {
	op := m.peek()
	if op == "" || strings.IndexByte("-+~@|", op[0]) < 0 {
		return m.postfix()
	}
	m.next()
	in, err := m.expr(8)
	if err != nil {
		return nil, err
	}
	r, err := funcs.ResolveOp(op, nil, in.Type())
	if err != nil {
		return nil, err
	}
	return call(r, []expr.Expr{in})
}

func (m *mini) postfix() (expr.Expr, error) {
	e, err := m.primary()
	for err == nil && m.peek() == "::" {
		m.next()
		var t types.Type
		if t, err = m.typeName(m.next()); err == nil {
			e, err = coerce(e, t)
		}
	}
	return e, err
}

func (m *mini) typeName(name string) (types.Type, error) {
	t, ok := types.Lookup(name)
	if !ok {
		return t, fmt.Errorf("type %q", name)
	}
	if m.peek() == "[" {
		m.pos += 2
		t = types.ArrayOf(t)
	}
	return t, nil
}

func (m *mini) primary() (expr.Expr, error) {
	t := m.next()
	switch {
	case t == "(":
		e, err := m.expr(0)
		m.next()
		return e, err
	case t == "":
		return nil, fmt.Errorf("unexpected end")
	case t[0] == '\'':
		return &expr.Const{Typ: types.Unknown, Val: types.String(strings.ReplaceAll(t[1:len(t)-1], "''", "'"))}, nil
	case t[0] >= '0' && t[0] <= '9':
		return number(t)
	}
	switch strings.ToUpper(t) {
	case "NULL":
		return &expr.Const{Typ: types.Unknown, Val: types.NullDatum}, nil
	case "TRUE", "FALSE":
		return &expr.Const{Typ: types.Bool, Val: types.Boolean(strings.EqualFold(t, "true"))}, nil
	}
	if c := m.cols[t]; c != nil {
		return c, nil
	}
	if m.peek() == "(" {
		return m.function(t)
	}
	if s := m.peek(); s != "" && s[0] == '\'' { // type 'literal'
		typ, err := m.typeName(t)
		if err != nil {
			return nil, err
		}
		e, err := m.primary()
		if err != nil {
			return nil, err
		}
		return coerce(e, typ)
	}
	return nil, fmt.Errorf("unexpected %q", t)
}

func number(t string) (expr.Expr, error) {
	typ := types.Int4
	if strings.Contains(t, ".") {
		typ = types.Numeric
	} else if v, err := strconv.ParseInt(t, 10, 64); err == nil && v > math.MaxInt32 {
		typ = types.Int8
	}
	d, err := types.ParseText(t, typ, nil)
	return &expr.Const{Typ: typ, Val: d}, err
}

func (m *mini) function(name string) (expr.Expr, error) {
	m.next()
	var args []expr.Expr
	for m.peek() != ")" {
		if name == "extract" && len(args) == 0 {
			args = append(args, &expr.Const{Typ: types.Text, Val: types.String(m.next())})
			m.next()
			continue
		}
		a, err := m.expr(0)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
		if m.peek() == "," {
			m.next()
		} else if m.peek() == "" {
			return nil, fmt.Errorf("missing )")
		}
	}
	m.next()
	ts := make([]types.Type, len(args))
	for i, a := range args {
		ts[i] = a.Type()
	}
	r, err := funcs.ResolveFunc(name, ts)
	if err != nil {
		return nil, err
	}
	return call(r, args)
}

// read binds one expression; a literal without a type becomes text.
func read(s string, cols map[string]*expr.Column) (expr.Expr, error) {
	m := &mini{toks: tokenize(s), cols: cols}
	e, err := m.expr(0)
	if err != nil {
		return nil, err
	}
	if m.pos < len(m.toks) {
		return nil, fmt.Errorf("left over: %v", m.toks[m.pos:])
	}
	if e.Type() == types.Unknown {
		return coerce(e, types.Text)
	}
	return e, nil
}

// textOf evaluates an expression and writes the value as psql does.
func textOf(s string) (string, error) {
	e, err := read(s, nil)
	if err != nil {
		return "", err
	}
	d, err := expr.EvalDatum(nil, e)
	if err != nil {
		return "", err
	}
	if d.Null {
		return "NULL", nil
	}
	return string(types.AppendText(nil, d, e.Type(), nil)), nil
}
