package parser

import "github.com/tarndb/tarn/sql/ast"

// statement parses one statement; the first word decides.
func (p *parser) statement() ast.Statement {
	p.enter()
	defer p.leave()
	t := p.at()
	if t.kind == tOp && t.text == "(" {
		return p.query()
	}
	if t.kind != tWord {
		p.unexpected()
	}
	if s := p.ddlStatement(t.text); s != nil {
		return s
	}
	if s := p.sessionStatement(t.text); s != nil {
		return s
	}
	if s := p.streamStatement(t.text); s != nil {
		return s
	}
	return p.preparable()
}

func (p *parser) ddlStatement(word string) ast.Statement {
	switch word {
	case "create":
		return p.create()
	case "drop":
		return p.drop()
	case "alter":
		return p.alter()
	case "truncate":
		return p.truncate()
	case "comment":
		return p.comment()
	case "grant", "revoke":
		return p.grant()
	case "refresh":
		return p.refresh()
	case "import", "security", "reassign", "load":
		return p.unsupported(1)
	}
	return nil
}

func (p *parser) sessionStatement(word string) ast.Statement {
	switch word {
	case "begin", "start":
		return p.begin()
	case "commit", "end":
		return p.commit()
	case "rollback", "abort":
		return p.rollback()
	case "savepoint":
		s := &ast.Savepoint{Pos: p.pos()}
		p.i++
		s.Name = p.colID()
		return s
	case "release":
		s := &ast.Release{Pos: p.pos()}
		p.i++
		p.accept("savepoint")
		s.Name = p.colID()
		return s
	case "set":
		return p.set()
	case "reset", "unset":
		return p.reset()
	case "show", "list":
		return p.show()
	case "discard":
		s := &ast.Discard{Pos: p.pos()}
		p.i++
		if s.What = p.expectAny("all", "plans", "sequences", "temp", "temporary"); s.What == "TEMPORARY" {
			s.What = "TEMP"
		}
		return s
	case "prepare":
		return p.prepare()
	case "execute":
		return p.execute()
	case "deallocate":
		s := &ast.Deallocate{Pos: p.pos()}
		p.i++
		p.accept("prepare")
		if !p.accept("all") {
			s.Name = p.colID()
		}
		return s
	case "declare":
		return p.declare()
	case "fetch", "move":
		return p.fetch()
	case "close":
		s := &ast.Close{Pos: p.pos()}
		p.i++
		if !p.accept("all") {
			s.Cursor = p.colID()
		}
		return s
	case "copy":
		return p.copy()
	case "explain":
		return p.explain()
	case "listen", "unlisten", "notify":
		return p.notify(word)
	case "lock":
		return p.lockTable()
	case "vacuum", "analyze", "analyse":
		return p.vacuum()
	case "reindex", "cluster", "checkpoint":
		return p.maintain()
	case "call":
		s := &ast.Call{Pos: p.pos()}
		p.i++
		s.Func = p.call(p.anyName())
		return s
	case "do":
		return p.do()
	}
	return nil
}

func (p *parser) streamStatement(word string) ast.Statement {
	switch word {
	case "subscribe", "tail":
		return p.subscribe()
	case "pause", "resume", "terminate":
		return p.control()
	case "describe", "desc":
		return p.describe()
	case "print":
		return p.print()
	case "flush", "wait", "recover":
		s := &ast.Flush{Pos: p.pos(), Verb: p.upperWord()}
		return s
	case "define", "undefine":
		return p.define(word)
	case "run":
		s := &ast.RunScript{Pos: p.pos()}
		p.expect("run", "script")
		s.File = p.stringLit()
		return s
	case "acknowledge":
		s := &ast.Acknowledge{Pos: p.pos()}
		p.i++
		s.Name = p.name()
		p.expect("up", "to")
		s.UpTo = p.expr()
		return s
	case "assert", "cancel":
		return p.unsupported(1)
	}
	return nil
}

// unsupported takes the rest of the statement as it is, with balanced
// parentheses, under a tag of its first n words.
func (p *parser) unsupported(n int) ast.Statement {
	s := &ast.Unsupported{Pos: p.pos()}
	start := p.i
	for i := 0; i < n; i++ {
		if i > 0 {
			s.Tag += " "
		}
		s.Tag += p.upperWord()
	}
	depth := 0
	for p.at().kind != tEOF && (depth > 0 || !p.isOp(";")) {
		switch t := p.advance(); {
		case t.op("("):
			depth++
		case t.op(")"):
			if depth--; depth < 0 {
				p.unexpectedAt(p.i - 1)
			}
		}
	}
	if depth > 0 {
		p.unexpected()
	}
	s.Text = p.src[p.toks[start].pos:p.toks[p.i-1].end]
	return s
}
