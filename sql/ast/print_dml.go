package ast

func (p *printer) insert(s *Insert) {
	p.with(s.With)
	p.optName("INSERT INTO", s.Table)
	p.opt("AS", s.Alias)
	p.optOptions("WITH", s.Options)
	if len(s.Columns) > 0 {
		parens(p, s.Columns, p.target)
	}
	p.when(s.Overriding != "", "OVERRIDING "+s.Overriding+" VALUE")
	if s.Query == nil {
		p.put("DEFAULT VALUES")
	} else {
		p.node(s.Query)
	}
	if s.Conflict != nil {
		p.conflict(s.Conflict)
	}
	p.returning(s.Returning)
}

func (p *printer) target(t Target) {
	p.ident(t.Name)
	for _, x := range t.Path {
		switch x := x.(type) {
		case *FieldSelect:
			p.raw("." + QuoteIdent(x.Field))
		case *Subscript:
			p.index(x)
		}
	}
}

func (p *printer) conflict(c *Conflict) {
	p.put("ON CONFLICT")
	p.opt("ON CONSTRAINT", c.Constraint)
	if len(c.Columns) > 0 {
		parens(p, c.Columns, p.indexElem)
		p.optExpr("WHERE", c.TargetWhere)
	}
	if !c.Update {
		p.put("DO NOTHING")
		return
	}
	p.put("DO UPDATE SET")
	comma(p, c.Set, p.setClause)
	p.optExpr("WHERE", c.Where)
}

func (p *printer) setClause(s SetClause) {
	if s.Multi {
		parens(p, s.Targets, p.target)
	} else {
		comma(p, s.Targets, p.target)
	}
	p.put("=")
	p.expr(s.X)
}

func (p *printer) returning(items []SelectItem) {
	if len(items) > 0 {
		p.put("RETURNING")
		p.selectItems(items)
	}
}

func (p *printer) update(s *Update) {
	p.with(s.With)
	p.put("UPDATE")
	p.node(s.Table)
	p.put("SET")
	comma(p, s.Set, p.setClause)
	p.from("FROM", s.From)
	p.optExpr("WHERE", s.Where)
	p.returning(s.Returning)
}

func (p *printer) delete(s *Delete) {
	p.with(s.With)
	p.put("DELETE FROM")
	p.node(s.Table)
	p.from("USING", s.Using)
	p.optExpr("WHERE", s.Where)
	p.returning(s.Returning)
}

func (p *printer) merge(s *Merge) {
	p.with(s.With)
	p.put("MERGE INTO")
	p.node(s.Table)
	p.put("USING")
	if _, ok := s.Using.(*Join); ok {
		p.put("(")
		p.node(s.Using)
		p.raw(")")
	} else {
		p.node(s.Using)
	}
	p.optExpr("ON", s.On)
	for _, w := range s.Whens {
		p.mergeWhen(w)
	}
}

func (p *printer) mergeWhen(w MergeWhen) {
	p.put("WHEN", not(w.NotMatched), "MATCHED")
	p.optExpr("AND", w.Cond)
	p.put("THEN")
	switch w.Action {
	case "NOTHING":
		p.put("DO NOTHING")
	case "UPDATE":
		p.put("UPDATE SET")
		comma(p, w.Set, p.setClause)
	case "INSERT":
		p.put("INSERT")
		if len(w.Columns) > 0 {
			parens(p, w.Columns, p.target)
		}
		p.when(w.Overriding != "", "OVERRIDING "+w.Overriding+" VALUE")
		if w.Values == nil {
			p.put("DEFAULT VALUES")
			return
		}
		p.put("VALUES")
		parens(p, w.Values, p.expr)
	default:
		p.put(w.Action)
	}
}

func (p *printer) copy(s *Copy) {
	p.put("COPY")
	if s.Query != nil {
		p.put("(")
		p.node(s.Query)
		p.raw(")")
	} else {
		p.name(s.Table)
		p.optIdents("", s.Columns)
	}
	if s.From {
		p.put("FROM")
	} else {
		p.put("TO")
	}
	p.when(s.Program, "PROGRAM")
	switch {
	case s.HasFile:
		p.str(s.File)
	case s.From:
		p.put("STDIN")
	default:
		p.put("STDOUT")
	}
	if len(s.Options) > 0 {
		p.put("WITH")
		p.utilityOptions(s.Options)
	}
	p.optExpr("WHERE", s.Where)
}

func (p *printer) relations(list []*Relation) {
	comma(p, list, func(r *Relation) { p.node(r) })
}

func (p *printer) truncate(s *Truncate) {
	p.put("TRUNCATE TABLE")
	p.relations(s.Tables)
	p.when(s.Restart, "RESTART IDENTITY")
	p.put(s.Behavior)
}
