package parser

import "github.com/tarndb/tarn/sql/ast"

func (p *parser) insert(w *ast.With) ast.Statement {
	s := &ast.Insert{Pos: p.pos(), With: w}
	p.expect("insert", "into")
	s.Table = p.name()
	if p.accept("as") {
		s.Alias = p.colID()
	}
	if p.isWord("with") && p.ahead(1).op("(") {
		p.i++
		s.Options = p.options()
	}
	if p.isOp("(") && !p.parenQuery() {
		s.Columns = parenList(p, p.target)
	}
	if p.accept("overriding") {
		s.Overriding = p.expectAny("user", "system")
		p.expect("value")
	}
	if !p.accept("default", "values") {
		if !p.startsQuery() {
			p.unexpected()
		}
		s.Query = p.query()
	}
	if p.accept("on", "conflict") {
		s.Conflict = p.conflict()
	}
	s.Returning = p.returning()
	return s
}

func (p *parser) returning() []ast.SelectItem {
	if p.accept("returning") {
		return p.selectItems()
	}
	return nil
}

// target parses a column that is written, with its path.
func (p *parser) target() ast.Target {
	t := ast.Target{Pos: p.pos(), Name: p.colID()}
	for {
		pos := p.pos()
		switch {
		case p.isOp("."):
			t.Path = append(t.Path, p.field(pos, nil))
		case p.acceptOp("["):
			t.Path = append(t.Path, p.subscript(pos, nil))
		default:
			return t
		}
	}
}

func (p *parser) conflict() *ast.Conflict {
	c := &ast.Conflict{Pos: p.pos()}
	if p.accept("on", "constraint") {
		c.Constraint = p.colID()
	} else if p.isOp("(") {
		c.Columns = parenList(p, p.indexElem)
		if p.accept("where") {
			c.TargetWhere = p.expr()
		}
	}
	p.expect("do")
	if p.accept("nothing") {
		return c
	}
	p.expect("update", "set")
	c.Update = true
	c.Set = list(p, p.setClause)
	if p.accept("where") {
		c.Where = p.expr()
	}
	return c
}

func (p *parser) setClause() ast.SetClause {
	s := ast.SetClause{Pos: p.pos()}
	if p.isOp("(") {
		s.Multi = true
		s.Targets = parenList(p, p.target)
	} else {
		s.Targets = []ast.Target{p.target()}
	}
	p.expectOp("=")
	s.X = p.expr()
	return s
}

// dmlTable parses the table of UPDATE, DELETE and MERGE; stop is the word after
// it that is not its alias.
func (p *parser) dmlTable(stop string) *ast.Relation {
	r := p.relation(false)
	if p.accept("as") {
		r.Alias = &ast.Alias{Pos: p.pos(), Name: p.colID()}
	} else if p.at().isColID() && !p.isWord(stop) {
		r.Alias = &ast.Alias{Pos: p.pos(), Name: p.colID()}
	}
	return r
}

func (p *parser) update(w *ast.With) ast.Statement {
	s := &ast.Update{Pos: p.pos(), With: w}
	p.expect("update")
	s.Table = p.dmlTable("set")
	p.expect("set")
	s.Set = list(p, p.setClause)
	if p.accept("from") {
		s.From = list(p, p.tableExpr)
	}
	s.Where = p.dmlWhere()
	s.Returning = p.returning()
	return s
}

func (p *parser) delete(w *ast.With) ast.Statement {
	s := &ast.Delete{Pos: p.pos(), With: w}
	p.expect("delete", "from")
	s.Table = p.dmlTable("")
	if p.accept("using") {
		s.Using = list(p, p.tableExpr)
	}
	s.Where = p.dmlWhere()
	s.Returning = p.returning()
	return s
}

func (p *parser) dmlWhere() ast.Expr {
	if !p.accept("where") {
		return nil
	}
	if p.isWords("current", "of") {
		c := &ast.CurrentOf{Pos: p.pos()}
		p.i += 2
		c.Cursor = p.colID()
		return c
	}
	return p.expr()
}

func (p *parser) merge(w *ast.With) ast.Statement {
	s := &ast.Merge{Pos: p.pos(), With: w}
	p.expect("merge", "into")
	s.Table = p.dmlTable("")
	p.expect("using")
	s.Using = p.tablePrimary()
	p.expect("on")
	s.On = p.expr()
	for p.isWord("when") {
		s.Whens = append(s.Whens, p.mergeWhen())
	}
	if len(s.Whens) == 0 {
		p.unexpected()
	}
	return s
}

func (p *parser) mergeWhen() ast.MergeWhen {
	m := ast.MergeWhen{Pos: p.pos()}
	p.expect("when")
	m.NotMatched = p.accept("not")
	p.expect("matched")
	if p.accept("and") {
		m.Cond = p.expr()
	}
	p.expect("then")
	switch {
	case p.accept("do", "nothing"):
		m.Action = "NOTHING"
	case p.accept("delete"):
		m.Action = "DELETE"
	case p.accept("update", "set"):
		m.Action = "UPDATE"
		m.Set = list(p, p.setClause)
	default:
		p.expect("insert")
		m.Action = "INSERT"
		if p.isOp("(") {
			m.Columns = parenList(p, p.target)
		}
		if p.accept("overriding") {
			m.Overriding = p.expectAny("user", "system")
			p.expect("value")
		}
		if !p.accept("default", "values") {
			p.expect("values")
			m.Values = parenList(p, p.expr)
		}
	}
	return m
}

func (p *parser) truncate() ast.Statement {
	s := &ast.Truncate{Pos: p.pos()}
	p.expect("truncate")
	p.accept("table")
	s.Tables = list(p, func() *ast.Relation { return p.relation(false) })
	if p.accept("restart", "identity") {
		s.Restart = true
	} else {
		p.accept("continue", "identity")
	}
	s.Behavior = p.behavior()
	return s
}
