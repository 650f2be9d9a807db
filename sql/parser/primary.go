package parser

import (
	"strconv"

	"github.com/tarndb/tarn/sql/ast"
)

// primary parses a constant, a name, a call or a construct with a keyword.
func (p *parser) primary() ast.Expr {
	t := p.at()
	pos := p.pos()
	switch t.kind {
	case tInt, tNumber:
		p.i++
		return &ast.Number{Pos: pos, Text: t.text}
	case tString:
		p.i++
		return &ast.String{Pos: pos, Value: t.text}
	case tBit, tHex:
		p.i++
		return &ast.BitString{Pos: pos, Hex: t.kind == tHex, Value: t.text}
	case tParam:
		p.i++
		n, _ := strconv.Atoi(t.text) // the lexer has checked the range
		p.paramMax = max(p.paramMax, n)
		return &ast.Param{Pos: pos, N: n}
	case tQuoted:
		return p.nameOrCall()
	case tWord:
		if t.class != ast.Unreserved {
			if x := p.keyword(t, pos); x != nil {
				return x
			}
		} else if t.word("map") || t.word("list") {
			if x := p.angles(t, pos); x != nil {
				return x
			}
		} else if t.word("double") && p.isWords("double", "precision") {
			return p.typedConst()
		}
		return p.nameOrCall()
	}
	p.unexpected()
	return nil
}

// keyword parses what starts with a keyword that is not unreserved; nil means
// that it is an ordinary name here.
func (p *parser) keyword(t *token, pos int) ast.Expr {
	call := p.ahead(1).op("(")
	switch t.text {
	case "null":
		p.i++
		return &ast.Null{Pos: pos}
	case "true", "false":
		p.i++
		return &ast.Bool{Pos: pos, Value: t.text == "true"}
	case "default":
		p.i++
		return &ast.Default{Pos: pos}
	case "case":
		return p.caseExpr()
	case "cast":
		p.i++
		p.expectOp("(")
		c := &ast.Cast{Pos: pos, X: p.expr()}
		p.expect("as")
		c.Type = p.typeName()
		p.expectOp(")")
		return c
	case "array":
		return p.array(pos)
	case "current_date", "current_role", "current_user", "user", "session_user", "current_catalog",
		"current_time", "current_timestamp", "localtime", "localtimestamp":
		return p.valueFunc(t, pos)
	case "current_schema":
		if !call {
			return p.valueFunc(t, pos)
		}
	case "exists":
		if call && (p.ahead(2).oneOf("select", "with", "values", "table") || p.ahead(2).op("(")) {
			p.i++
			return &ast.Subquery{Pos: pos, Kind: ast.SubqueryExists, Query: p.parenthesized()}
		}
	case "row":
		if call {
			p.i += 2
			r := &ast.Row{Pos: pos}
			if !p.isOp(")") {
				r.Fields = p.exprList()
			}
			p.expectOp(")")
			return r
		}
	case "interval":
		if p.ahead(1).kind == tString || call {
			return p.typedConst()
		}
	case "collation":
		if p.ahead(1).word("for") {
			p.i += 2
			p.expectOp("(")
			x := p.expr()
			p.expectOp(")")
			return special(pos, ast.FormCollation, "pg_collation_for", x)
		}
	case "grouping", "coalesce", "greatest", "least", "nullif", "normalize":
		if call {
			return p.call(p.keywordName())
		}
	case "extract", "overlay", "position", "substring", "trim":
		if call {
			return p.specialCall(t.text, pos)
		}
	}
	if _, ok := builtinTypes[t.text]; ok && t.class == ast.ColName {
		if x := p.maybeTypedConst(); x != nil {
			return x
		}
	}
	if t.class == ast.Reserved || t.class == ast.TypeFuncName && !call && p.ahead(1).kind != tString {
		p.unexpected()
	}
	return nil
}

func (p *parser) keywordName() ast.Name {
	pos := p.pos()
	return ast.Name{Pos: pos, Parts: []string{p.advance().text}}
}

// maybeTypedConst parses type 'text' where the word is a type's; nil if no
// string follows.
func (p *parser) maybeTypedConst() ast.Expr {
	n := 1
	for n < 6 && p.ahead(n).oneOf("precision", "varying", "with", "without", "time", "zone") {
		n++
	}
	if p.ahead(n).op("(") {
		n++
		for p.ahead(n).kind == tInt || p.ahead(n).op(",") {
			n++
		}
		if !p.ahead(n).op(")") {
			return nil
		}
		n++
		for n < 12 && p.ahead(n).oneOf("with", "without", "time", "zone") {
			n++
		}
	}
	if p.ahead(n).kind != tString {
		return nil
	}
	return p.typedConst()
}

// typedConst parses type 'text'; an interval may have its fields after it.
func (p *parser) typedConst() ast.Expr {
	c := &ast.Cast{Pos: p.pos()}
	if p.isWord("interval") {
		c.Type = &ast.TypeName{Pos: p.pos(), Name: p.keywordName()}
		c.Type.Mods = p.typeMods()
	} else {
		c.Type = p.typeName()
	}
	pos := p.pos()
	c.X = &ast.String{Pos: pos, Value: p.stringLit()}
	if c.Type.Name.Base() == "interval" && c.Type.Mods == nil {
		p.intervalFields(c.Type)
	}
	return c
}

// valueFunc parses CURRENT_DATE and its relatives.
func (p *parser) valueFunc(t *token, pos int) ast.Expr {
	f := &ast.Func{Pos: pos, Name: p.keywordName(), Form: ast.FormKeyword}
	switch t.text {
	case "current_time", "current_timestamp", "localtime", "localtimestamp":
		if p.isOp("(") {
			p.i++
			at := p.pos()
			n := p.at().text
			p.integer()
			p.expectOp(")")
			f.Args = []ast.Arg{{Pos: at, Value: &ast.Number{Pos: at, Text: n}}}
		}
	}
	return f
}

func (p *parser) caseExpr() ast.Expr {
	c := &ast.Case{Pos: p.pos()}
	p.expect("case")
	if !p.isWord("when") {
		c.Operand = p.expr()
	}
	for p.accept("when") {
		w := ast.When{Cond: p.expr()}
		p.expect("then")
		w.Result = p.expr()
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		p.unexpected()
	}
	if p.accept("else") {
		c.Else = p.expr()
	}
	p.expect("end")
	return c
}

// array parses ARRAY(query) and ARRAY[…]; within it, [ … ] nests.
func (p *parser) array(pos int) ast.Expr {
	p.expect("array")
	if p.parenQuery() {
		return &ast.Subquery{Pos: pos, Kind: ast.SubqueryArray, Query: p.parenthesized()}
	}
	return p.arrayElems(pos)
}

func (p *parser) arrayElems(pos int) ast.Expr {
	p.enter()
	defer p.leave()
	a := &ast.Array{Pos: pos}
	p.expectOp("[")
	for !p.acceptOp("]") {
		if len(a.Elems) > 0 {
			p.expectOp(",")
		}
		if p.isOp("[") {
			a.Elems = append(a.Elems, p.arrayElems(p.pos()))
			continue
		}
		a.Elems = append(a.Elems, p.expr())
	}
	return a
}

// angles parses MAP[k => v, …] and LIST[a, b]. MAP[x] and LIST[x] are
// subscripts of a column of that name, as in PostgreSQL.
func (p *parser) angles(t *token, pos int) ast.Expr {
	if !p.ahead(1).op("[") || p.ahead(2).op(":") {
		return nil
	}
	f := &ast.Func{Pos: pos, Name: p.keywordName(), Form: ast.FormAngles}
	open := p.pos()
	p.expectOp("[")
	for !p.acceptOp("]") {
		if len(f.Args) > 0 {
			p.expectOp(",")
		}
		a := ast.Arg{Pos: p.pos(), Value: p.expr()}
		switch {
		case t.text == "map" && p.acceptOp("=>"):
			a.Key, a.Value = a.Value, p.expr()
		case len(f.Args) == 0 && !(t.text == "list" && p.isOp(",")):
			return p.subscriptRest(&ast.Subscript{Pos: open, X: &ast.ColumnRef{Pos: pos, Parts: f.Name.Parts}, Lo: a.Value})
		case t.text == "map":
			p.unexpected()
		}
		f.Args = append(f.Args, a)
	}
	return f
}

// nameOrCall parses a column, a call, or a typed constant with a plain name.
func (p *parser) nameOrCall() ast.Expr {
	t := p.at()
	pos := p.pos()
	if !t.isColID() && !t.isFuncName() {
		p.unexpected()
	}
	name := ast.Name{Pos: pos, Parts: []string{p.advance().text}}
	for p.isOp(".") {
		if p.ahead(1).op("*") {
			p.i += 2
			return p.starExcept(&ast.ColumnRef{Pos: pos, Parts: name.Parts, Star: true})
		}
		p.i++
		name.Parts = append(name.Parts, p.label())
	}
	switch {
	case t.word("descriptor") && len(name.Parts) == 1 && p.isOp("(") && p.columnList(1):
		return &ast.Descriptor{Pos: pos, Columns: p.identList()}
	case p.isOp("(") && (len(name.Parts) > 1 || t.isFuncName()):
		x := p.call(name)
		if p.at().kind == tString {
			return p.castCall(x)
		}
		return x
	case p.at().kind == tString && (len(name.Parts) > 1 || t.isFuncName()):
		c := &ast.Cast{Pos: pos, Type: &ast.TypeName{Pos: pos, Name: name}}
		c.X = &ast.String{Pos: p.pos(), Value: p.advance().text}
		return c
	}
	if len(name.Parts) == 1 && !t.isColID() {
		p.unexpected()
	}
	return &ast.ColumnRef{Pos: pos, Parts: name.Parts}
}

// castCall turns t(1,2) 'text' into the typed constant it is.
func (p *parser) castCall(f *ast.Func) ast.Expr {
	c := &ast.Cast{Pos: f.Pos, Type: &ast.TypeName{Pos: f.Pos, Name: f.Name}}
	for _, a := range f.Args {
		if a.Name != "" || a.Key != nil {
			p.unexpected()
		}
		c.Type.Mods = append(c.Type.Mods, a.Value)
	}
	if f.Star || f.Distinct || f.OrderBy != nil || f.Filter != nil || f.Over != nil || f.WithinGroup != nil || f.Variadic || f.Nulls != "" {
		p.unexpected()
	}
	c.X = &ast.String{Pos: p.pos(), Value: p.advance().text}
	return c
}

// starExcept parses * EXCEPT (a, b) of a select list.
func (p *parser) starExcept(c *ast.ColumnRef) ast.Expr {
	if p.isWord("except") && p.ahead(1).op("(") && p.ahead(2).isColID() && (p.ahead(3).op(",") || p.ahead(3).op(")")) {
		p.i++
		c.Except = p.identList()
	}
	return c
}
