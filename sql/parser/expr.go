package parser

import (
	"github.com/tarndb/tarn/sql/ast"
)

// Binding powers, PostgreSQL's table of precedence from loose to tight.
const (
	precLowest = iota
	precOr
	precAnd
	precNot
	precIs
	precCompare
	precLike // BETWEEN, IN, LIKE, ILIKE, SIMILAR
	precOp   // any other operator
	precAdd
	precMul
	precPower
	precAt
	precCollate
	precMinus
	precSubscript
)

func (p *parser) expr() ast.Expr { return p.ops(precOr, false) }

// bExpr is PostgreSQL's b_expr: no AND, OR, NOT, IN, LIKE, BETWEEN, IS NULL.
func (p *parser) bExpr() ast.Expr { return p.ops(precOr, true) }

func (p *parser) exprList() []ast.Expr { return list(p, p.expr) }

// ops parses an operand and the operators after it that bind at least as tight
// as min; bare leaves out what a b_expr has not.
func (p *parser) ops(min int, bare bool) ast.Expr {
	p.enter()
	outer := p.height
	p.height = 0
	x := p.prefix(bare)
	for {
		y := p.infix(x, min, bare)
		if y == nil {
			break
		}
		x = y
	}
	p.height = max(outer, p.height+1)
	p.leave()
	return x
}

// prefix parses a prefix operator or a primary.
func (p *parser) prefix(bare bool) ast.Expr {
	t := p.at()
	pos := p.pos()
	switch {
	case t.kind == tOp:
		switch t.text {
		case "-":
			p.i++
			return negate(pos, p.ops(precMinus+1, bare))
		case "+":
			p.i++
			return &ast.Unary{Pos: pos, Op: ast.Operator{Name: "+"}, X: p.ops(precMinus+1, bare)}
		case "(":
			return p.paren()
		case "{":
			return p.braces()
		}
		if isGenericOp(t.text) {
			p.i++
			return &ast.Unary{Pos: pos, Op: ast.Operator{Name: t.text}, X: p.ops(precOp+1, bare)}
		}
	case t.word("not") && !bare:
		p.i++
		return &ast.Not{Pos: pos, X: p.ops(precNot, false)}
	case t.word("operator") && p.ahead(1).op("("):
		op := p.qualifiedOperator()
		return &ast.Unary{Pos: pos, Op: op, X: p.ops(precOp+1, bare)}
	}
	return p.primary()
}

// negate folds the sign into a constant, as PostgreSQL does, so that
// -9223372036854775808 fits.
func negate(pos int, x ast.Expr) ast.Expr {
	if n, ok := x.(*ast.Number); ok && n.Text[0] != '-' {
		return &ast.Number{Pos: pos, Text: "-" + n.Text}
	}
	return &ast.Unary{Pos: pos, Op: ast.Operator{Name: "-"}, X: x}
}

// isGenericOp: not one with a precedence of its own and not punctuation.
func isGenericOp(s string) bool {
	switch s {
	case "=", "<", ">", "<=", ">=", "<>", "+", "-", "*", "/", "%", "^", "=>", ":=", "::", ":",
		"(", ")", "[", "]", "{", "}", ",", ";", ".", "..":
		return false
	}
	return true
}

func opPrec(s string) int {
	switch s {
	case "=", "<", ">", "<=", ">=", "<>":
		return precCompare
	case "+", "-":
		return precAdd
	case "*", "/", "%":
		return precMul
	case "^":
		return precPower
	}
	if isGenericOp(s) {
		return precOp
	}
	return -1
}

// infix applies one operator to x, or returns nil if there is none to apply.
func (p *parser) infix(x ast.Expr, min int, bare bool) ast.Expr {
	t := p.at()
	switch t.kind {
	case tOp:
		return p.infixOp(x, t, min, bare)
	case tWord:
		return p.infixWord(x, t, min, bare)
	}
	return nil
}

func (p *parser) infixOp(x ast.Expr, t *token, min int, bare bool) ast.Expr {
	pos := p.pos()
	switch t.text {
	case "[":
		p.i++
		p.grow(pos)
		return p.subscript(pos, x)
	case "::":
		p.i++
		p.grow(pos)
		return &ast.Cast{Pos: pos, X: x, Type: p.typeName()}
	case ".":
		p.grow(pos)
		return p.field(pos, x)
	}
	prec := opPrec(t.text)
	if prec < 0 || prec < min {
		return nil
	}
	p.i++
	op := ast.Operator{Name: t.text}
	if t.text == "->*" {
		p.grow(pos)
		return &ast.FieldSelect{Pos: pos, X: x, Star: true, Arrow: true}
	}
	return p.binary(x, pos, op, prec, bare)
}

// binary parses the right side of an operator: an operand or ANY, SOME, ALL.
func (p *parser) binary(x ast.Expr, pos int, op ast.Operator, prec int, bare bool) ast.Expr {
	if t := p.at(); t.oneOf("any", "some", "all") && p.ahead(1).op("(") && !bare {
		p.i++
		q := p.quantified(x, pos, op, t.text == "all")
		p.grow(pos)
		return q
	}
	r := p.ops(prec+1, bare)
	p.grow(pos)
	if prec == precCompare && p.at().kind == tOp && opPrec(p.at().text) == precCompare {
		p.unexpected() // comparisons do not associate
	}
	return &ast.Binary{Pos: pos, Op: op, L: x, R: r}
}

func (p *parser) quantified(x ast.Expr, pos int, op ast.Operator, all bool) ast.Expr {
	q := &ast.Quantified{Pos: pos, X: x, Op: op, All: all}
	if p.parenQuery() {
		q.Query = p.parenthesized()
		return q
	}
	p.expectOp("(")
	q.Array = p.expr()
	p.expectOp(")")
	return q
}

func (p *parser) subscript(pos int, x ast.Expr) ast.Expr {
	s := &ast.Subscript{Pos: pos, X: x}
	if !p.isOp(":") {
		s.Lo = p.expr()
	}
	return p.subscriptRest(s)
}

func (p *parser) subscriptRest(s *ast.Subscript) ast.Expr {
	if p.acceptOp(":") {
		s.Slice = true
		if !p.isOp("]") {
			s.Hi = p.expr()
		}
	}
	p.expectOp("]")
	return s
}

func (p *parser) field(pos int, x ast.Expr) ast.Expr {
	p.expectOp(".")
	if p.acceptOp("*") {
		return &ast.FieldSelect{Pos: pos, X: x, Star: true}
	}
	return &ast.FieldSelect{Pos: pos, X: x, Field: p.label()}
}

func (p *parser) infixWord(x ast.Expr, t *token, min int, bare bool) ast.Expr {
	pos := p.pos()
	switch t.text {
	case "or", "and":
		return p.logic(x, t.text == "or", min, bare)
	case "is":
		if min > precIs {
			return nil
		}
		return p.is(x, bare)
	case "isnull", "notnull":
		if min > precIs || bare {
			return nil
		}
		p.i++
		p.grow(pos)
		return &ast.IsTest{Pos: pos, X: x, What: "NULL", Not: t.text == "notnull"}
	case "in", "between", "like", "ilike", "similar":
		if min > precLike || bare {
			return nil
		}
		return p.predicate(x, pos, false)
	case "not":
		if min > precLike || bare || !p.ahead(1).oneOf("in", "between", "like", "ilike", "similar") {
			return nil
		}
		p.i++
		return p.predicate(x, pos, true)
	case "collate":
		if min > precCollate {
			return nil
		}
		p.i++
		p.grow(pos)
		return &ast.Collate{Pos: pos, X: x, Name: p.anyName()}
	case "at":
		if min > precAt || !p.isWords("at", "time", "zone") {
			return nil
		}
		p.i += 3
		zone := p.ops(precAt+1, bare)
		p.grow(pos)
		return &ast.Func{Pos: pos, Name: ast.Name{Pos: pos, Parts: []string{"timezone"}}, Form: ast.FormAtZone,
			Args: []ast.Arg{{Pos: zone.Position(), Value: zone}, {Pos: x.Position(), Value: x}}}
	case "operator":
		if min > precOp || !p.ahead(1).op("(") {
			return nil
		}
		return p.binary(x, pos, p.qualifiedOperator(), precOp, bare)
	case "overlaps":
		if min > precOp || bare {
			return nil
		}
		p.i++
		r := p.ops(precOp+1, false)
		p.grow(pos)
		return &ast.Binary{Pos: pos, Op: ast.Operator{Name: "OVERLAPS"}, L: x, R: r}
	}
	return nil
}

// logic extends a chain of AND or OR as one flat node, however long it is.
func (p *parser) logic(x ast.Expr, or bool, min int, bare bool) ast.Expr {
	prec := precAnd
	if or {
		prec = precOr
	}
	if prec < min || bare {
		return nil
	}
	pos := p.pos()
	p.i++
	y := p.ops(prec+1, false)
	if l, ok := x.(*ast.Logic); ok && l.Or == or {
		l.Args = append(l.Args, y)
		return l
	}
	p.grow(pos)
	return &ast.Logic{Pos: pos, Or: or, Args: []ast.Expr{x, y}}
}

func (p *parser) is(x ast.Expr, bare bool) ast.Expr {
	pos := p.pos()
	n := 1
	not := p.ahead(1).word("not")
	if not {
		n = 2
	}
	if p.ahead(n).word("distinct") && p.ahead(n+1).word("from") {
		p.i += n + 2
		r := p.ops(precIs+1, bare)
		p.grow(pos)
		return &ast.IsDistinct{Pos: pos, Not: not, L: x, R: r}
	}
	if bare && !p.ahead(n).oneOf("document") {
		return nil
	}
	p.i += n
	p.grow(pos)
	if w := p.acceptAny("null", "true", "false", "unknown", "document", "normalized"); w != "" {
		return &ast.IsTest{Pos: pos, X: x, Not: not, What: w}
	}
	if form := p.acceptAny("nfc", "nfd", "nfkc", "nfkd"); form != "" {
		p.expect("normalized")
		return &ast.IsTest{Pos: pos, X: x, Not: not, What: form + " NORMALIZED"}
	}
	p.unexpected()
	return nil
}

// predicate parses IN, BETWEEN and the pattern operators.
func (p *parser) predicate(x ast.Expr, pos int, not bool) ast.Expr {
	switch p.advance().text {
	case "in":
		p.grow(pos)
		if p.parenQuery() {
			return &ast.InQuery{Pos: pos, X: x, Not: not, Query: p.parenthesized()}
		}
		return &ast.InList{Pos: pos, X: x, Not: not, List: parenList(p, p.expr)}
	case "between":
		b := &ast.Between{Pos: pos, X: x, Not: not}
		if !p.accept("asymmetric") {
			b.Symmetric = p.accept("symmetric")
		}
		b.Lo = p.bExpr()
		p.expect("and")
		b.Hi = p.ops(precLike+1, false)
		p.grow(pos)
		p.noSecondPredicate()
		return b
	case "ilike":
		return p.like(x, pos, not, ast.LikeNoCase, "~~*", "!~~*")
	case "similar":
		p.expect("to")
		return p.like(x, pos, not, ast.LikeSimilar, "", "")
	}
	return p.like(x, pos, not, ast.LikeCase, "~~", "!~~")
}

func (p *parser) noSecondPredicate() {
	if p.at().oneOf("between", "like", "ilike", "similar", "in") {
		p.unexpected() // they do not associate
	}
}

func (p *parser) like(x ast.Expr, pos int, not bool, kind ast.LikeKind, op, notOp string) ast.Expr {
	if t := p.at(); op != "" && t.oneOf("any", "some", "all") && p.ahead(1).op("(") {
		if not {
			op = notOp
		}
		p.i++
		p.grow(pos)
		return p.quantified(x, pos, ast.Operator{Name: op}, t.text == "all")
	}
	l := &ast.Like{Pos: pos, X: x, Not: not, Kind: kind, Pattern: p.ops(precLike+1, false)}
	if p.accept("escape") {
		l.Escape = p.ops(precLike+1, false)
	}
	p.grow(pos)
	p.noSecondPredicate()
	return l
}

// qualifiedOperator parses OPERATOR(schema.op).
func (p *parser) qualifiedOperator() ast.Operator {
	p.expect("operator")
	p.expectOp("(")
	var op ast.Operator
	for p.at().isColID() {
		op.Schema = p.colID()
		p.expectOp(".")
	}
	op.Name = p.operatorName()
	p.expectOp(")")
	return op
}

// operatorName parses any operator symbol.
func (p *parser) operatorName() string {
	t := p.at()
	if t.kind != tOp || opPrec(t.text) < 0 {
		p.unexpected()
	}
	p.i++
	return t.text
}

// paren parses what starts with a parenthesis: a subquery, a row, a lambda, or
// an expression.
func (p *parser) paren() ast.Expr {
	pos := p.pos()
	if p.parenQuery() {
		q := p.parenthesized()
		return &ast.Subquery{Pos: pos, Query: q}
	}
	if x := p.lambda(); x != nil {
		return x
	}
	p.expectOp("(")
	x := p.expr()
	if !p.isOp(",") {
		p.expectOp(")")
		return x
	}
	row := &ast.Row{Pos: pos, Fields: []ast.Expr{x}}
	for p.acceptOp(",") {
		row.Fields = append(row.Fields, p.expr())
	}
	p.expectOp(")")
	return row
}

// lambda parses (a, b) => e, or returns nil.
func (p *parser) lambda() ast.Expr {
	n := 1
	for p.ahead(n).isColID() && p.ahead(n+1).op(",") {
		n += 2
	}
	if !p.ahead(n).isColID() || !p.ahead(n+1).op(")") || !p.ahead(n+2).op("=>") {
		return nil
	}
	l := &ast.Lambda{Pos: p.pos(), Params: p.identList()}
	p.expectOp("=>")
	l.Body = p.expr()
	return l
}

// braces parses {k: v, …}, a map.
func (p *parser) braces() ast.Expr {
	f := &ast.Func{Pos: p.pos(), Name: ast.Name{Pos: p.pos(), Parts: []string{"map"}}, Form: ast.FormAngles}
	p.expectOp("{")
	for !p.acceptOp("}") {
		if len(f.Args) > 0 {
			p.expectOp(",")
		}
		pos := p.pos()
		k := p.expr()
		p.expectOp(":")
		f.Args = append(f.Args, ast.Arg{Pos: pos, Key: k, Value: p.expr()})
	}
	return f
}
