package parser

import "github.com/tarndb/tarn/sql/ast"

// call parses the arguments of a function and the clauses after them.
func (p *parser) call(name ast.Name) *ast.Func {
	f := &ast.Func{Pos: name.Pos, Name: name}
	p.expectOp("(")
	switch {
	case p.isOp("*") && p.ahead(1).op(")"):
		p.i++
		f.Star = true
	case !p.isOp(")"):
		if p.accept("distinct") {
			f.Distinct = true
		} else {
			p.accept("all")
		}
		f.Args = p.args(f)
	}
	if p.accept("order", "by") {
		f.OrderBy = p.sortItems()
	}
	f.Nulls = p.nullTreatment()
	p.expectOp(")")
	p.callTail(f)
	return f
}

func (p *parser) args(f *ast.Func) []ast.Arg {
	return list(p, func() ast.Arg {
		if f.Variadic {
			p.unexpected()
		}
		f.Variadic = p.accept("variadic")
		return p.arg()
	})
}

func (p *parser) arg() ast.Arg {
	a := ast.Arg{Pos: p.pos()}
	if t := p.at(); t.isLabel() && (p.ahead(1).op("=>") || p.ahead(1).op(":=")) {
		a.Name = t.text
		p.i += 2
	}
	if p.isWord("table") {
		a.Value = p.tableArg()
		return a
	}
	a.Value = p.pluralUnit(p.expr())
	if p.acceptOp(":=") {
		a.Key, a.Value = a.Value, p.expr()
	}
	if c, ok := a.Value.(*ast.ColumnRef); ok && !c.Star && p.isWords("partition", "by") {
		p.i += 2
		a.Value = &ast.TableArg{Pos: a.Pos, Name: ast.Name{Pos: a.Pos, Parts: c.Parts}, PartitionBy: p.partitionExprs()}
	}
	return a
}

// partitionExprs parses the keys after PARTITION BY in an argument: one, or
// several in parentheses, since a comma ends the argument.
func (p *parser) partitionExprs() []ast.Expr {
	x := p.expr()
	if r, ok := x.(*ast.Row); ok {
		return r.Fields
	}
	return []ast.Expr{x}
}

// tableArg parses TABLE t, TABLE(t) and TABLE(query).
func (p *parser) tableArg() ast.Expr {
	t := &ast.TableArg{Pos: p.pos()}
	p.expect("table")
	switch {
	case p.parenQuery():
		t.Query = p.parenthesized()
	case p.acceptOp("("):
		t.Name = p.name()
		p.expectOp(")")
	default:
		t.Name = p.name()
	}
	if p.accept("partition", "by") {
		t.PartitionBy = p.partitionExprs()
	}
	return t
}

// callTail parses WITHIN GROUP, FILTER, IGNORE NULLS and OVER.
func (p *parser) callTail(f *ast.Func) {
	if p.isWords("within", "group") && p.ahead(2).op("(") {
		p.i += 3
		p.expect("order", "by")
		f.WithinGroup = p.sortItems()
		p.expectOp(")")
	}
	if p.isWord("filter") && p.ahead(1).op("(") && p.ahead(2).word("where") {
		p.i += 3
		f.Filter = p.expr()
		p.expectOp(")")
	}
	if n := p.nullTreatment(); n != "" {
		f.Nulls = n
	}
	if p.isWord("over") && (p.ahead(1).op("(") || p.ahead(1).isColID()) {
		pos := p.pos()
		p.i++
		if p.isOp("(") {
			f.Over = p.windowSpec()
		} else {
			f.Over = &ast.WindowSpec{Pos: pos, Name: p.colID()}
		}
	}
}

func (p *parser) nullTreatment() string {
	if p.at().oneOf("ignore", "respect") && p.ahead(1).word("nulls") {
		w := p.acceptAny("ignore", "respect")
		p.i++
		return w
	}
	return ""
}

func (p *parser) sortItems() []ast.SortItem { return list(p, p.sortItem) }

func (p *parser) sortItem() ast.SortItem {
	s := ast.SortItem{Pos: p.pos(), X: p.expr()}
	switch {
	case p.accept("desc"):
		s.Desc = true
	case p.accept("asc"):
	case p.accept("using"):
		var op ast.Operator
		if p.isWord("operator") {
			op = p.qualifiedOperator()
		} else {
			op.Name = p.operatorName()
		}
		s.Using = &op
	}
	s.NullsFirst, s.NullsLast = p.nullsOrder()
	return s
}

func (p *parser) nullsOrder() (first, last bool) {
	first = p.accept("nulls", "first")
	last = !first && p.accept("nulls", "last")
	return first, last
}

// windowSpec parses (…) of OVER and WINDOW.
func (p *parser) windowSpec() *ast.WindowSpec {
	w := &ast.WindowSpec{Pos: p.pos()}
	p.expectOp("(")
	if t := p.at(); t.isColID() && !p.isWords("partition", "by") && !p.startsFrame() {
		w.Base = p.colID()
	}
	if p.accept("partition", "by") {
		w.PartitionBy = p.exprList()
	}
	if p.accept("order", "by") {
		w.OrderBy = p.sortItems()
	}
	if p.startsFrame() {
		w.Frame = p.frame()
	}
	p.expectOp(")")
	return w
}

func (p *parser) startsFrame() bool {
	return p.at().oneOf("rows", "range", "groups") && !p.ahead(1).op(")") || p.isWords("session", "with", "gap")
}

func (p *parser) frame() *ast.Frame {
	f := &ast.Frame{Pos: p.pos(), Mode: p.upperWord()}
	if f.Mode == "SESSION" {
		p.expect("with", "gap")
		f.Gap = p.expr()
		return f
	}
	if p.accept("between") {
		f.Start = p.frameBound()
		p.expect("and")
		f.End = p.frameBound()
	} else {
		f.Start = p.frameBound()
	}
	if p.accept("exclude") {
		switch {
		case p.accept("current", "row"):
			f.Exclude = "CURRENT ROW"
		case p.accept("no", "others"):
			f.Exclude = "NO OTHERS"
		default:
			f.Exclude = p.expectAny("group", "ties")
		}
	}
	return f
}

func (p *parser) frameBound() ast.FrameBound {
	switch {
	case p.accept("current", "row"):
		return ast.FrameBound{Kind: "CURRENT ROW"}
	case p.isWord("unbounded") && p.ahead(1).oneOf("preceding", "following"):
		p.i++
		return ast.FrameBound{Kind: "UNBOUNDED " + p.upperWord()}
	}
	b := ast.FrameBound{Offset: p.expr()}
	b.Kind = p.expectAny("preceding", "following")
	return b
}

// special makes a call that is spelled with keywords.
func special(pos int, form ast.FuncForm, name string, args ...ast.Expr) *ast.Func {
	f := &ast.Func{Pos: pos, Form: form, Name: ast.Name{Pos: pos, Parts: []string{name}}}
	for _, a := range args {
		f.Args = append(f.Args, ast.Arg{Pos: a.Position(), Value: a})
	}
	return f
}

// specialCall parses the functions whose arguments are joined by keywords; the
// plain spelling with commas is a plain call where PostgreSQL has one.
func (p *parser) specialCall(word string, pos int) ast.Expr {
	name := p.keywordName()
	switch word {
	case "extract":
		p.expectOp("(")
		field := &ast.String{Pos: p.pos()}
		if p.at().kind == tString {
			field.Value = p.advance().text
		} else {
			field.Value = p.label()
		}
		p.expect("from")
		x := p.expr()
		p.expectOp(")")
		return special(pos, ast.FormExtract, "extract", field, x)
	case "position":
		p.expectOp("(")
		sub := p.bExpr()
		p.expect("in")
		x := p.bExpr()
		p.expectOp(")")
		return special(pos, ast.FormPosition, "position", x, sub)
	case "trim":
		return p.trim(pos)
	case "overlay":
		return p.overlay(name)
	}
	return p.substring(name)
}

func (p *parser) trim(pos int) ast.Expr {
	p.expectOp("(")
	name := "btrim"
	switch p.acceptAny("leading", "trailing", "both") {
	case "LEADING":
		name = "ltrim"
	case "TRAILING":
		name = "rtrim"
	}
	var args []ast.Expr
	if !p.accept("from") {
		args = p.exprList()
		if p.accept("from") {
			args = append(p.exprList(), args...)
		}
	} else {
		args = p.exprList()
	}
	p.expectOp(")")
	return special(pos, ast.FormTrim, name, args...)
}

func (p *parser) overlay(name ast.Name) ast.Expr {
	if f := p.plainCall(name); f != nil {
		return f
	}
	p.expectOp("(")
	args := []ast.Expr{p.expr()}
	p.expect("placing")
	args = append(args, p.expr())
	p.expect("from")
	args = append(args, p.expr())
	if p.accept("for") {
		args = append(args, p.expr())
	}
	p.expectOp(")")
	return special(name.Pos, ast.FormOverlay, "overlay", args...)
}

// plainCall parses a call whose first argument is followed by a comma or the
// end; nil, with nothing consumed, if a keyword joins the arguments.
func (p *parser) plainCall(name ast.Name) *ast.Func {
	if p.ahead(1).op(")") {
		return p.call(name)
	}
	end, depth := int(p.parenMap().match[p.i]), 0
	for j := p.i + 1; j < end; j++ {
		t := &p.toks[j]
		switch {
		case t.op("("):
			j = int(p.parenMap().match[j])
		case t.op("["):
			depth++
		case t.op("]"):
			depth--
		case depth > 0:
		case t.op(","):
			return p.call(name)
		case t.oneOf("from", "for", "placing", "similar"):
			if t.text != "from" || !p.toks[j-1].word("distinct") {
				return nil
			}
		}
	}
	return p.call(name)
}

func (p *parser) substring(name ast.Name) ast.Expr {
	if f := p.plainCall(name); f != nil {
		return f
	}
	p.expectOp("(")
	x := p.ops(precLike+1, false)
	if p.accept("similar") {
		pattern := p.expr()
		p.expect("escape")
		e := p.expr()
		p.expectOp(")")
		return special(name.Pos, ast.FormSimilar, "substring", x, pattern, e)
	}
	args := []ast.Expr{x}
	switch {
	case p.accept("from"):
		args = append(args, p.expr())
		if p.accept("for") {
			args = append(args, p.expr())
		}
	case p.accept("for"):
		n := p.expr()
		from := ast.Expr(&ast.Number{Pos: n.Position(), Text: "1"})
		if p.accept("from") {
			from = p.expr()
		}
		args = append(args, from, n)
	default:
		p.unexpected()
	}
	p.expectOp(")")
	return special(name.Pos, ast.FormSubstr, "substring", args...)
}
