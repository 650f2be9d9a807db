package parser

import "github.com/tarndb/tarn/sql/ast"

// tableExpr parses an item of FROM with its joins.
func (p *parser) tableExpr() ast.TableExpr {
	p.enter()
	outer := p.height
	p.height = 0
	x := p.tablePrimary()
	for p.startsJoin() {
		x = p.join(x)
	}
	p.height = max(outer, p.height+1)
	p.leave()
	return x
}

func (p *parser) startsJoin() bool {
	t := p.at()
	switch {
	case t.oneOf("join", "cross", "natural", "inner"):
		return true
	case t.oneOf("left", "right", "full"):
		return p.ahead(1).oneOf("join", "outer", "asof")
	}
	return t.word("asof") && p.ahead(1).oneOf("join", "left", "inner")
}

// join parses one join with x on its left.
func (p *parser) join(x ast.TableExpr) ast.TableExpr {
	j := &ast.Join{Pos: p.pos(), Left: x}
	p.grow(j.Pos)
	if p.accept("cross") {
		p.expect("join")
		j.Kind = ast.JoinCross
		j.Right = p.tablePrimary()
		return j
	}
	j.Natural = p.accept("natural")
	j.Asof = p.accept("asof")
	switch p.acceptAny("inner", "left", "right", "full") {
	case "LEFT":
		j.Kind = ast.JoinLeft
	case "RIGHT":
		j.Kind = ast.JoinRight
	case "FULL":
		j.Kind = ast.JoinFull
	}
	if j.Kind != ast.JoinInner {
		p.accept("outer")
	}
	j.Asof = p.accept("asof") || j.Asof
	p.expect("join")
	if j.Natural {
		j.Right = p.tablePrimary()
		return j
	}
	height := p.height
	j.Right = p.joinRight()
	p.height = max(height, p.height)
	p.joinCondition(j)
	return j
}

// joinRight parses the right side: a primary, or, before a second ON, a join.
func (p *parser) joinRight() ast.TableExpr {
	p.enter()
	x := p.tablePrimary()
	for p.startsJoin() {
		x = p.join(x)
	}
	p.leave()
	return x
}

func (p *parser) joinCondition(j *ast.Join) {
	if p.isWord("within") {
		j.Within = p.within()
	}
	if p.isWord("match_condition") && p.ahead(1).op("(") {
		p.i += 2
		j.Match = p.expr()
		p.expectOp(")")
	}
	switch {
	case p.accept("on"):
		j.On = p.expr()
	case p.accept("using"):
		j.Using = p.identList()
		if p.isWord("as") && !p.startsAsOf() {
			p.i++
			j.UsingAlias = p.colID()
		}
	default:
		p.unexpected()
	}
}

func (p *parser) tablePrimary() ast.TableExpr {
	pos := p.pos()
	lateral := p.accept("lateral")
	switch t := p.at(); {
	case t.op("("):
		return p.parenTable(pos, lateral)
	case t.word("rows") && p.ahead(1).word("from") && p.ahead(2).op("("):
		p.i += 2
		return p.funcTable(&ast.FuncTable{Pos: pos, Lateral: lateral, RowsFrom: true})
	case t.word("table") && p.ahead(1).op("("):
		p.i += 2
		f := &ast.FuncTable{Pos: pos, Lateral: lateral, Wrapped: true}
		f.Funcs = []ast.FuncTableItem{{Call: p.tableCall()}}
		p.expectOp(")")
		return p.funcTableTail(f)
	case lateral || p.startsCall():
		return p.funcTable(&ast.FuncTable{Pos: pos, Lateral: lateral})
	}
	return p.relation(true)
}

// parenTable parses a derived table or a join in parentheses.
func (p *parser) parenTable(pos int, lateral bool) ast.TableExpr {
	if lateral || p.parenQuery() {
		d := &ast.Derived{Pos: pos, Lateral: lateral, Query: p.parenthesized()}
		d.Alias = p.alias(false)
		return d
	}
	p.expectOp("(")
	x := p.tableExpr()
	p.expectOp(")")
	if a := p.alias(false); a != nil {
		j, ok := x.(*ast.Join)
		if !ok || j.Alias != nil {
			p.errorAt(a.Pos, "syntax error at or near \"%s\"", a.Name)
		}
		j.Alias = a
	}
	return x
}

// startsCall: a name with parentheses, or a function without them.
func (p *parser) startsCall() bool {
	t := p.at()
	if t.oneOf("current_date", "current_timestamp", "current_time", "localtime", "localtimestamp", "current_user",
		"session_user", "user", "current_role", "current_catalog", "current_schema", "cast") {
		return true
	}
	n := 1
	for p.ahead(n).op(".") && p.ahead(n+1).isLabel() {
		n += 2
	}
	return t.isLabel() && t.class != ast.Reserved && p.ahead(n).op("(")
}

// tableCall parses the function itself.
func (p *parser) tableCall() ast.Expr {
	p.enter()
	x := p.primary()
	p.leave()
	switch x.(type) {
	case *ast.Func, *ast.Cast:
		return x
	}
	p.unexpected()
	return nil
}

func (p *parser) funcTable(f *ast.FuncTable) ast.TableExpr {
	if !f.RowsFrom {
		f.Funcs = []ast.FuncTableItem{{Call: p.tableCall()}}
		return p.funcTableTail(f)
	}
	f.Funcs = parenList(p, func() ast.FuncTableItem {
		item := ast.FuncTableItem{Call: p.tableCall()}
		if p.isWord("as") && p.ahead(1).op("(") {
			p.i++
			item.Defs = parenList(p, p.aliasDef)
		}
		return item
	})
	return p.funcTableTail(f)
}

func (p *parser) funcTableTail(f *ast.FuncTable) ast.TableExpr {
	if p.isWords("with", "ordinality") {
		p.i += 2
		f.Ordinality = true
	}
	f.Alias = p.alias(true)
	return f
}

// relation parses a named relation, with its alias if wanted.
func (p *parser) relation(withAlias bool) *ast.Relation {
	r := &ast.Relation{Pos: p.pos()}
	p.relationName(r)
	p.travel(r)
	if withAlias {
		r.Alias = p.alias(false)
		p.travel(r)
		if p.isWord("tablesample") {
			r.Sample = p.sample()
		}
	}
	return r
}

func (p *parser) relationName(r *ast.Relation) {
	if p.accept("only") {
		r.Only = true
		if p.acceptOp("(") {
			r.Name = p.name()
			p.expectOp(")")
			return
		}
	}
	r.Name = p.name()
	p.acceptOp("*")
}

// travel parses FOR SYSTEM_TIME and FOR EVENT_TIME after a relation.
func (p *parser) travel(r *ast.Relation) {
	for p.isWord("for") && p.ahead(1).oneOf("system_time", "event_time") {
		t := ast.Travel{Pos: p.pos(), Event: p.ahead(1).word("event_time")}
		p.i += 2
		if p.accept("between") {
			t.At = p.bExpr()
			p.expect("and")
			t.Until = p.ops(precLike+1, false)
		} else {
			p.expect("as", "of")
			t.At = p.expr()
		}
		r.Travel = append(r.Travel, t)
	}
}

func (p *parser) sample() *ast.Sample {
	s := &ast.Sample{Pos: p.pos()}
	p.expect("tablesample")
	s.Method = p.anyName()
	s.Args = parenList(p, p.expr)
	if p.accept("repeatable") {
		p.expectOp("(")
		s.Repeatable = p.expr()
		p.expectOp(")")
	}
	return s
}

// alias parses [AS] name [(columns)]; with defs, columns may have types.
func (p *parser) alias(defs bool) *ast.Alias {
	a := &ast.Alias{Pos: p.pos()}
	switch {
	case p.isWord("as"):
		if p.startsAsOf() {
			return nil
		}
		p.i++
		a.Pos = p.pos()
		if defs && p.isOp("(") {
			a.Defs = parenList(p, p.aliasDef)
			return a
		}
	case !p.at().isColID() || p.startsStreamClause():
		return nil
	}
	a.Name = p.colID()
	if p.isOp("(") {
		if defs && !p.ahead(2).op(",") && !p.ahead(2).op(")") {
			a.Defs = parenList(p, p.aliasDef)
		} else {
			a.Columns = p.identList()
		}
	}
	return a
}

func (p *parser) aliasDef() ast.AliasDef {
	d := ast.AliasDef{Name: p.ident(), Type: p.typeName()}
	if p.accept("collate") {
		d.Collate = p.anyName()
	}
	return d
}
