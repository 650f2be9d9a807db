package parser

import (
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// parenthesized parses (query).
func (p *parser) parenthesized() *ast.Query {
	p.expectOp("(")
	q := p.query()
	p.expectOp(")")
	return q
}

// startsQuery reports whether a query begins here, in parentheses or not.
func (p *parser) startsQuery() bool {
	t := p.at()
	return t.oneOf("select", "with", "table") || t.word("values") && p.ahead(1).op("(") || p.parenQuery()
}

// query parses a query expression with the clauses after its body.
func (p *parser) query() *ast.Query {
	var w *ast.With
	if p.isWord("with") {
		w = p.with()
	}
	return p.queryAfterWith(w)
}

func (p *parser) queryAfterWith(w *ast.With) *ast.Query {
	p.enter()
	outer := p.height
	p.height = 0
	q := &ast.Query{Pos: p.pos(), With: w}
	if w != nil {
		q.Pos = w.Pos
	}
	q.Body = p.setOps(1)
	p.queryTail(q)
	if inner, ok := q.Body.(*ast.Query); ok && w == nil && isPlain(q) {
		q = inner // parentheses around a whole query mean nothing
	}
	p.height = max(outer, p.height+1)
	p.leave()
	return q
}

// isPlain: a query that is its body only.
func isPlain(q *ast.Query) bool {
	return q.With == nil && q.OrderBy == nil && q.Limit == nil && q.Offset == nil && !q.WithTies &&
		q.Locks == nil && q.Emit == nil && q.AsOf == nil && q.Options == nil
}

// setOps parses a chain of set operations; INTERSECT (2) binds tighter.
func (p *parser) setOps(min int) ast.QueryBody {
	left := p.queryPrimary()
	for {
		prec := 1
		if p.isWord("intersect") {
			prec = 2
		} else if !p.at().oneOf("union", "except") {
			return left
		}
		if prec < min {
			return left
		}
		s := &ast.SetOp{Pos: p.pos(), Left: left, Op: p.upperWord()}
		s.All = p.accept("all")
		if !s.All {
			p.accept("distinct")
		}
		height := p.height
		s.Right = p.setOps(prec + 1)
		p.height = max(height, p.height)
		p.grow(s.Pos)
		left = s
	}
}

func (p *parser) queryPrimary() ast.QueryBody {
	pos := p.pos()
	switch {
	case p.isOp("("):
		q := p.parenthesized()
		if isPlain(q) {
			return q.Body
		}
		return q
	case p.isWord("values") && p.ahead(1).op("("):
		p.i++
		return &ast.Values{Pos: pos, Rows: list(p, func() []ast.Expr { return parenList(p, p.expr) })}
	case p.isWord("table"):
		p.i++
		r := &ast.Relation{Pos: p.pos()}
		p.relationName(r)
		return &ast.Select{Pos: pos, Items: []ast.SelectItem{{Pos: pos, X: &ast.ColumnRef{Pos: pos, Star: true}}},
			From: []ast.TableExpr{r}}
	}
	return p.selectCore()
}

// queryTail parses the clauses after the body, in any order but each once.
func (p *parser) queryTail(q *ast.Query) {
	for {
		switch t := p.at(); {
		case t.word("order") && q.OrderBy == nil:
			p.expect("order", "by")
			q.OrderBy = p.sortItems()
		case t.word("limit") && q.Limit == nil:
			p.limit(q)
		case t.word("offset") && q.Offset == nil:
			p.i++
			q.Offset = p.expr()
			p.acceptAny("row", "rows")
		case t.word("fetch") && q.Limit == nil && p.ahead(1).oneOf("first", "next"):
			p.fetchFirst(q)
		case t.word("for") && p.ahead(1).oneOf("update", "no", "share", "key", "read"):
			p.lock(q)
		case q.Emit == nil && p.startsEmit():
			q.Emit = p.emit()
		case t.word("as") && p.startsAsOf():
			p.asOf(q)
		case q.Options == nil && t.word("options") && p.ahead(1).op("("):
			p.i++
			q.Options = p.options()
		default:
			return
		}
	}
}

func (p *parser) limit(q *ast.Query) {
	pos := p.pos()
	p.expect("limit")
	if p.accept("all") {
		return
	}
	if p.isWord("null") {
		p.i++
		return
	}
	q.Limit = p.expr()
	if p.isOp(",") {
		p.fail(sqlerr.New(sqlerr.SyntaxError, "LIMIT #,# syntax is not supported").At(pos).
			WithHint("Use separate LIMIT and OFFSET clauses."))
	}
}

func (p *parser) fetchFirst(q *ast.Query) {
	p.i += 2
	if p.at().oneOf("row", "rows") {
		q.Limit = &ast.Number{Pos: p.pos(), Text: "1"}
	} else {
		q.Limit = p.ops(precSubscript+1, false)
	}
	p.expectAny("row", "rows")
	if p.accept("with", "ties") {
		q.WithTies = true
		return
	}
	p.expect("only")
}

func (p *parser) lock(q *ast.Query) {
	l := ast.Lock{Pos: p.pos()}
	p.expect("for")
	switch {
	case p.accept("read", "only"):
		return
	case p.accept("no", "key", "update"):
		l.Strength = "NO KEY UPDATE"
	case p.accept("key", "share"):
		l.Strength = "KEY SHARE"
	default:
		l.Strength = p.expectAny("update", "share")
	}
	if p.accept("of") {
		l.Of = list(p, p.name)
	}
	if p.accept("nowait") {
		l.Wait = "NOWAIT"
	} else if p.accept("skip", "locked") {
		l.Wait = "SKIP LOCKED"
	}
	q.Locks = append(q.Locks, l)
}

// with parses a WITH clause.
func (p *parser) with() *ast.With {
	w := &ast.With{Pos: p.pos()}
	p.expect("with")
	if p.isWords("mutually", "recursive") {
		p.i += 2
		w.Mutually = true
		if p.isOp("(") {
			w.Options = p.options()
		}
	} else {
		w.Recursive = p.accept("recursive")
	}
	w.CTEs = list(p, func() *ast.CTE { return p.cte(w.Mutually) })
	return w
}

func (p *parser) cte(typed bool) *ast.CTE {
	c := &ast.CTE{Pos: p.pos(), Name: p.colID()}
	if p.acceptOp("(") {
		for {
			c.Columns = append(c.Columns, p.ident())
			if typed {
				c.Types = append(c.Types, p.typeName())
			}
			if !p.acceptOp(",") {
				break
			}
		}
		p.expectOp(")")
	}
	p.expect("as")
	switch {
	case p.accept("changelog", "from"):
		c.Changelog = p.name()
		return c
	case p.accept("materialized"):
		c.Materialize = ast.MaterializeAlways
	case p.accept("not", "materialized"):
		c.Materialize = ast.MaterializeNever
	}
	p.expectOp("(")
	p.enter()
	c.Stmt = p.preparable()
	p.leave()
	p.expectOp(")")
	if p.isWord("search") && p.ahead(1).oneOf("depth", "breadth") {
		c.Search = &ast.Search{Pos: p.pos(), Breadth: p.ahead(1).word("breadth")}
		p.i += 2
		p.expect("first", "by")
		c.Search.By = list(p, p.ident)
		p.expect("set")
		c.Search.Set = p.ident()
	}
	if p.isWord("cycle") {
		c.Cycle = p.cycle()
	}
	return c
}

func (p *parser) cycle() *ast.Cycle {
	c := &ast.Cycle{Pos: p.pos()}
	p.expect("cycle")
	c.Columns = list(p, p.ident)
	p.expect("set")
	c.Set = p.ident()
	if p.accept("to") {
		c.Mark = p.expr()
		p.expect("default")
		c.Default = p.expr()
	}
	p.expect("using")
	c.Using = p.ident()
	return c
}

// preparable parses a query or a data-modifying statement.
func (p *parser) preparable() ast.Statement {
	var w *ast.With
	if p.isWord("with") {
		w = p.with()
	}
	switch {
	case p.isWord("insert"):
		return p.insert(w)
	case p.isWord("update"):
		return p.update(w)
	case p.isWord("delete"):
		return p.delete(w)
	case p.isWord("merge"):
		return p.merge(w)
	case w != nil || p.startsQuery() || p.isOp("("):
		return p.queryAfterWith(w)
	}
	p.unexpected()
	return nil
}
