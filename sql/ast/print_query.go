package ast

// paren prints (query).
func (p *printer) paren(q *Query) {
	p.put("(")
	if q != nil {
		p.node(q)
	}
	p.raw(")")
}

func (p *printer) query(q *Query) {
	p.with(q.With)
	if inner, ok := q.Body.(*Query); ok {
		p.paren(inner)
	} else if q.Body != nil {
		p.node(q.Body)
	}
	p.sortItems("ORDER BY", q.OrderBy)
	if q.Limit != nil && q.WithTies {
		p.put("FETCH FIRST")
		p.operand(q.Limit)
		p.put("ROWS WITH TIES")
	} else {
		p.optExpr("LIMIT", q.Limit)
	}
	p.optExpr("OFFSET", q.Offset)
	for _, l := range q.Locks {
		p.put("FOR", l.Strength)
		if len(l.Of) > 0 {
			p.put("OF")
			p.names(l.Of)
		}
		p.put(l.Wait)
	}
	if q.Emit != nil {
		p.emit(q.Emit)
	}
	if q.AsOf != nil {
		p.asOf(q.AsOf)
	}
	p.optOptions("OPTIONS", q.Options)
}

func (p *printer) emit(e *Emit) {
	if e.Final {
		p.put("EMIT FINAL")
		p.optExpr("WITH DELAY", e.Interval)
		return
	}
	p.put("EMIT CHANGES")
	p.optExpr("EVERY", e.Interval)
}

func (p *printer) asOf(a *AsOf) {
	p.optExpr("AS OF EVENT TIME", a.Event)
	switch {
	case a.AtLeast:
		p.optExpr("AS OF AT LEAST", a.System)
	case a.Bare:
		p.bareAsOf(a.System)
	default:
		p.optExpr("AS OF SYSTEM TIME", a.System)
	}
}

// bareAsOf prints AS OF so that what follows cannot be read as an alias: an
// operator, or a function with the name of a clause, gets parentheses.
func (p *printer) bareAsOf(x Expr) {
	p.put("AS OF")
	if f, ok := x.(*Func); ok {
		switch f.Name.Parts[0] {
		case "within", "options", "match_condition", "match_recognize":
			p.put("(")
			p.expr(x)
			p.raw(")")
			return
		}
	}
	p.operand(x)
}

func (p *printer) with(w *With) {
	if w == nil {
		return
	}
	p.put("WITH")
	p.when(w.Recursive, "RECURSIVE")
	if w.Mutually {
		p.put("MUTUALLY RECURSIVE")
		p.optOptions("", w.Options)
	}
	comma(p, w.CTEs, p.cte)
}

func (p *printer) cte(c *CTE) {
	p.ident(c.Name)
	if len(c.Types) > 0 {
		p.put("(")
		for i, col := range c.Columns {
			if i > 0 {
				p.raw(",")
			}
			p.ident(col.Name)
			p.typeName(c.Types[i])
		}
		p.raw(")")
	} else {
		p.optIdents("", c.Columns)
	}
	p.put("AS")
	if !c.Changelog.IsZero() {
		p.optName("CHANGELOG FROM", c.Changelog)
		return
	}
	p.put([]string{"", "MATERIALIZED", "NOT MATERIALIZED"}[c.Materialize], "(")
	p.node(c.Stmt)
	p.raw(")")
	if s := c.Search; s != nil {
		p.put("SEARCH")
		p.when(s.Breadth, "BREADTH")
		p.when(!s.Breadth, "DEPTH")
		p.put("FIRST BY")
		comma(p, s.By, func(n Ident) { p.ident(n.Name) })
		p.opt("SET", s.Set.Name)
	}
	if c.Cycle != nil {
		p.cycle(c.Cycle)
	}
}

func (p *printer) cycle(c *Cycle) {
	p.put("CYCLE")
	comma(p, c.Columns, func(n Ident) { p.ident(n.Name) })
	p.opt("SET", c.Set.Name)
	p.optExpr("TO", c.Mark)
	p.optExpr("DEFAULT", c.Default)
	p.opt("USING", c.Using.Name)
}

func (p *printer) bodyNode(b QueryBody) {
	switch n := b.(type) {
	case *Query:
		p.query(n)
	case *Select:
		p.selectCore(n)
	case *SetOp:
		p.setOp(n)
	case *Values:
		p.put("VALUES")
		comma(p, n.Rows, func(row []Expr) { parens(p, row, p.expr) })
	}
}

// setOp prints a left-deep chain without parentheses where precedence allows.
func (p *printer) setOp(s *SetOp) {
	left, ok := s.Left.(*SetOp)
	switch {
	case ok && (s.Op != "INTERSECT" || left.Op == "INTERSECT"):
		p.node(left)
	default:
		p.setOperand(s.Left)
	}
	p.put(s.Op)
	p.when(s.All, "ALL")
	p.setOperand(s.Right)
}

func (p *printer) setOperand(b QueryBody) {
	switch b.(type) {
	case *SetOp, *Query:
		p.put("(")
		p.node(b)
		p.raw(")")
	default:
		p.node(b)
	}
}

func (p *printer) selectCore(s *Select) {
	p.put("SELECT")
	if s.Distinct {
		p.put("DISTINCT")
		if len(s.DistinctOn) > 0 {
			p.put("ON")
			parens(p, s.DistinctOn, p.expr)
		}
	}
	p.selectItems(s.Items)
	if s.Into != nil {
		p.put("INTO", s.Into.Persistence)
		p.name(s.Into.Name)
	}
	p.from("FROM", s.From)
	if s.Window != nil {
		p.streamWindow(s.Window)
	}
	p.optExpr("WHERE", s.Where)
	if len(s.GroupBy) > 0 {
		p.put("GROUP BY")
		p.when(s.GroupDistinct, "DISTINCT")
		comma(p, s.GroupBy, p.groupItem)
	}
	p.optExpr("HAVING", s.Having)
	if len(s.Windows) > 0 {
		p.put("WINDOW")
		comma(p, s.Windows, func(d WindowDef) {
			p.ident(d.Name)
			p.put("AS")
			p.windowSpec(d.Spec)
		})
	}
	if len(s.PartitionBy) > 0 {
		p.put("PARTITION BY")
		p.exprs(s.PartitionBy)
	}
}

func (p *printer) selectItems(items []SelectItem) {
	comma(p, items, func(s SelectItem) {
		p.expr(s.X)
		p.as(s.Alias)
	})
}

func (p *printer) from(keyword string, items []TableExpr) {
	if len(items) > 0 {
		p.put(keyword)
		comma(p, items, func(t TableExpr) { p.node(t) })
	}
}

func (p *printer) groupItem(g GroupItem) {
	switch g.Kind {
	case GroupExpr:
		p.expr(g.X)
		return
	case GroupEmpty:
		p.put("()")
		return
	}
	p.put([]string{"", "", "ROLLUP", "CUBE", "GROUPING SETS"}[g.Kind])
	parens(p, g.Items, p.groupItem)
}

func (p *printer) streamWindow(w *StreamWindow) {
	p.opt("WINDOW", w.Name)
	p.when(w.Name == "", "WINDOW")
	p.put(w.Kind, "(")
	sep := false
	part := func(keyword string, x Expr) {
		if x == nil {
			return
		}
		if sep {
			p.raw(",")
		}
		sep = true
		p.optExpr(keyword, x)
	}
	if w.Kind == "SESSION" {
		part("", w.Size)
	} else {
		part("SIZE", w.Size)
	}
	part("ADVANCE BY", w.Advance)
	part("RETENTION", w.Retention)
	part("GRACE PERIOD", w.Grace)
	part("TIMEZONE", w.Timezone)
	part("OFFSET", w.Offset)
	p.raw(")")
}

func (p *printer) tableNode(t TableExpr) {
	switch n := t.(type) {
	case *Relation:
		p.relation(n)
	case *Derived:
		p.when(n.Lateral, "LATERAL")
		p.paren(n.Query)
		p.alias(n.Alias)
	case *FuncTable:
		p.funcTable(n)
	case *Join:
		p.join(n)
	}
}

func (p *printer) relation(r *Relation) {
	p.when(r.Only, "ONLY")
	p.name(r.Name)
	for _, t := range r.Travel {
		if t.Event {
			p.put("FOR EVENT_TIME")
		} else {
			p.put("FOR SYSTEM_TIME")
		}
		if t.Until != nil {
			p.put("BETWEEN")
			p.operand(t.At)
			p.put("AND")
			p.operand(t.Until)
			continue
		}
		p.optExpr("AS OF", t.At)
	}
	p.alias(r.Alias)
	if s := r.Sample; s != nil {
		p.optName("TABLESAMPLE", s.Method)
		parens(p, s.Args, p.expr)
		if s.Repeatable != nil {
			p.put("REPEATABLE (")
			p.expr(s.Repeatable)
			p.raw(")")
		}
	}
}

func (p *printer) alias(a *Alias) {
	if a == nil {
		return
	}
	p.as(a.Name)
	p.when(a.Name == "", "AS")
	p.optIdents("", a.Columns)
	p.aliasDefs(a.Defs)
}

func (p *printer) aliasDefs(defs []AliasDef) {
	if len(defs) == 0 {
		return
	}
	parens(p, defs, func(d AliasDef) {
		p.ident(d.Name.Name)
		p.typeName(d.Type)
		p.optName("COLLATE", d.Collate)
	})
}

func (p *printer) funcTable(f *FuncTable) {
	p.when(f.Lateral, "LATERAL")
	switch {
	case f.RowsFrom:
		p.put("ROWS FROM")
		parens(p, f.Funcs, func(i FuncTableItem) {
			p.expr(i.Call)
			if len(i.Defs) > 0 {
				p.put("AS")
				p.aliasDefs(i.Defs)
			}
		})
	case f.Wrapped:
		p.put("TABLE (")
		p.expr(f.Funcs[0].Call)
		p.raw(")")
	default:
		p.expr(f.Funcs[0].Call)
	}
	p.when(f.Ordinality, "WITH ORDINALITY")
	p.alias(f.Alias)
}

func (p *printer) join(j *Join) {
	if j.Alias != nil {
		p.put("(")
		defer func() {
			p.raw(")")
			p.alias(j.Alias)
		}()
	}
	p.node(j.Left)
	p.when(j.Natural, "NATURAL")
	p.when(j.Asof, "ASOF")
	p.put([]string{"", "LEFT", "RIGHT", "FULL", "CROSS"}[j.Kind], "JOIN")
	if r, ok := j.Right.(*Join); ok && r.Alias == nil {
		p.put("(")
		p.node(r)
		p.raw(")")
	} else {
		p.node(j.Right)
	}
	if w := j.Within; w != nil {
		p.within(w)
	}
	if j.Match != nil {
		p.put("MATCH_CONDITION (")
		p.expr(j.Match)
		p.raw(")")
	}
	p.optExpr("ON", j.On)
	p.optIdents("USING", j.Using)
	p.as(j.UsingAlias)
}

func (p *printer) within(w *Within) {
	if w.After != nil {
		p.put("WITHIN (")
		p.expr(w.Before)
		p.raw(",")
		p.expr(w.After)
		p.raw(")")
	} else {
		p.put("WITHIN")
		p.expr(w.Before)
	}
	p.optExpr("GRACE PERIOD", w.Grace)
}
