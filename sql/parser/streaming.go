package parser

import "github.com/tarndb/tarn/sql/ast"

// startsStreamClause: a bare word that begins a clause of ours and is no alias.
func (p *parser) startsStreamClause() bool {
	t, n := p.at(), p.ahead(1)
	if t.kind != tWord {
		return false
	}
	switch t.text {
	case "emit":
		return p.startsEmit()
	case "partition":
		return n.word("by")
	case "within":
		return n.kind == tInt || n.kind == tNumber || n.op("(") || n.word("interval")
	case "asof":
		return n.oneOf("join", "left", "inner")
	case "up":
		return n.word("to")
	case "match_recognize", "match_condition", "options":
		return n.op("(")
	case "late":
		return n.word("data")
	}
	return false
}

func (p *parser) startsEmit() bool {
	return p.isWord("emit") && p.ahead(1).oneOf("changes", "final", "on", "periodic", "after")
}

// emit parses EMIT in Tarn's spelling and in its aliases.
func (p *parser) emit() *ast.Emit {
	e := &ast.Emit{Pos: p.pos()}
	p.expect("emit")
	switch {
	case p.accept("changes"):
		if p.accept("every") {
			e.Interval = p.duration()
		}
	case p.accept("periodic"):
		e.Interval = p.duration()
	case p.accept("on", "update"):
		if p.accept("with", "batch") {
			e.Interval = p.duration()
		}
	case p.accept("final"), p.accept("on", "window", "close"), p.accept("after", "window", "close"):
		e.Final = true
		if p.accept("with", "delay") {
			e.Interval = p.duration()
		}
	default:
		p.i++
		p.unexpected()
	}
	return e
}

// duration parses an interval expression or ksqlDB's 1 HOUR.
func (p *parser) duration() ast.Expr {
	if t := p.at(); (t.kind == tInt || t.kind == tNumber) && p.ahead(1).kind == tWord && p.ahead(1).class == ast.Unreserved {
		d := &ast.Duration{Pos: p.pos()}
		p.i++
		d.Value = &ast.Number{Pos: d.Pos, Text: t.text}
		d.Unit = p.upperWord()
		return d
	}
	return p.pluralUnit(p.ops(precOp, false))
}

// pluralUnit takes Flink's INTERVAL '5' MINUTES, where no alias can stand: the
// unit belongs to the interval at the right end of x.
func (p *parser) pluralUnit(x ast.Expr) ast.Expr {
	if !p.at().oneOf("years", "months", "days", "hours", "minutes", "seconds") {
		return x
	}
	last := x
	for {
		b, ok := last.(*ast.Binary)
		if !ok {
			break
		}
		last = b.R
	}
	c, ok := last.(*ast.Cast)
	if ok && c.Type.Name.Base() == "interval" && c.Type.Fields == "" && c.Type.Mods == nil && c.Type.ArrayDims == nil {
		if _, ok := c.X.(*ast.String); ok {
			unit := p.upperWord()
			c.Type.Fields = unit[:len(unit)-1]
		}
	}
	return x
}

// startsAsOf: AS OF with a value after it; else AS introduces the alias "of".
func (p *parser) startsAsOf() bool {
	if !p.isWords("as", "of") {
		return false
	}
	t, n := p.ahead(2), p.ahead(3)
	switch t.kind {
	case tEOF, tError:
		return false
	case tOp:
		return t.text != "," && t.text != ")" && t.text != ";" && !(t.text == "(" && p.aliasColumns(3))
	case tWord:
		switch t.class {
		case ast.Reserved:
			return t.oneOf("current_timestamp", "localtimestamp", "current_date", "current_time", "localtime", "current_user",
				"session_user", "user", "current_role", "current_catalog", "cast", "case", "null", "not", "true", "false", "array",
				"default")
		case ast.TypeFuncName:
			return n.op("(") && !t.word("join") || n.kind == tString || t.word("current_schema")
		}
		switch t.text {
		case "emit", "partition", "asof", "options", "late", "up", "match_condition", "within":
			p.i += 2
			clause := p.startsStreamClause()
			p.i -= 2
			return !clause
		}
	}
	return true
}

// aliasColumns reports whether the tokens from n on are a, b, c) and then
// nothing that would go on with an expression.
func (p *parser) aliasColumns(n int) bool {
	if !p.columnList(n) {
		return false
	}
	for !p.ahead(n).op(")") {
		n++
	}
	after := p.ahead(n + 1)
	return after.kind != tOp || after.op(",") || after.op(")") || after.op(";")
}

// columnList reports whether the tokens from n on are a, b, c).
func (p *parser) columnList(n int) bool {
	for p.ahead(n).isColID() && p.ahead(n+1).op(",") {
		n += 2
	}
	return p.ahead(n).isColID() && p.ahead(n+1).op(")")
}

// asOf parses one AS OF clause of a query; both clocks may be given, once each.
func (p *parser) asOf(q *ast.Query) {
	pos := p.pos()
	if q.AsOf == nil {
		q.AsOf = &ast.AsOf{Pos: pos}
	}
	a := q.AsOf
	start := p.i
	p.expect("as", "of")
	if p.isWords("event", "time") {
		p.i += 2
		if a.Event != nil {
			p.unexpectedAt(start)
		}
		a.EventPos = p.pos()
		a.Event = p.expr()
		return
	}
	if a.System != nil {
		p.unexpectedAt(start)
	}
	switch {
	case p.accept("system", "time"):
	case p.accept("at", "least"):
		a.AtLeast = true
	default:
		a.Bare = true
	}
	a.SystemPos = p.pos()
	a.System = p.expr()
}

// within parses WITHIN d | (d, d) [GRACE PERIOD d] of a ksqlDB join.
func (p *parser) within() *ast.Within {
	w := &ast.Within{Pos: p.pos()}
	p.expect("within")
	if p.acceptOp("(") {
		w.Before = p.duration()
		if p.acceptOp(",") {
			w.After = p.duration()
		}
		p.expectOp(")")
	} else {
		w.Before = p.duration()
	}
	if p.accept("grace", "period") {
		w.Grace = p.duration()
	}
	return w
}

// startsStreamWindow: ksqlDB's WINDOW; WINDOW w AS ( is PostgreSQL's.
func (p *parser) startsStreamWindow() bool {
	if !p.isWord("window") {
		return false
	}
	kinds := []string{"tumbling", "hopping", "session"}
	return p.ahead(1).oneOf(kinds...) && p.ahead(2).op("(") || p.ahead(2).oneOf(kinds...) && p.ahead(3).op("(")
}

func (p *parser) streamWindow() *ast.StreamWindow {
	w := &ast.StreamWindow{Pos: p.pos()}
	p.expect("window")
	if !p.ahead(1).op("(") {
		w.Name = p.colID()
	}
	w.Kind = p.expectAny("tumbling", "hopping", "session")
	p.expectOp("(")
	if w.Kind == "SESSION" && !p.isWord("size") {
		w.Size = p.duration()
		if !p.acceptOp(",") {
			p.expectOp(")")
			return w
		}
	}
	for {
		p.windowPart(w)
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
	return w
}

func (p *parser) windowPart(w *ast.StreamWindow) {
	part := &w.Size
	switch {
	case p.accept("size"):
	case p.accept("advance", "by"):
		part = &w.Advance
	case p.accept("retention"):
		part = &w.Retention
	case p.accept("grace", "period"):
		part = &w.Grace
	case p.accept("timezone"):
		part = &w.Timezone
	case p.accept("offset"):
		part = &w.Offset
	default:
		p.unexpected()
	}
	if *part != nil {
		p.unexpected()
	}
	*part = p.duration()
}
