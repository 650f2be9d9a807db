package parser

import "github.com/tarndb/tarn/sql/ast"

func (p *parser) begin() ast.Statement {
	s := &ast.Begin{Pos: p.pos(), Start: p.isWord("start")}
	p.i++
	if s.Start {
		p.expect("transaction")
	} else {
		p.acceptAny("work", "transaction")
	}
	s.Modes = p.txModes()
	return s
}

// txModes parses transaction modes, with or without commas.
func (p *parser) txModes() ast.TxModes {
	var m ast.TxModes
	for {
		switch {
		case p.accept("isolation", "level"):
			m.Isolation = p.isolation()
		case p.accept("read", "only"):
			m.Access = "READ ONLY"
		case p.accept("read", "write"):
			m.Access = "READ WRITE"
		case p.accept("deferrable"):
			m.Deferrable = "DEFERRABLE"
		case p.accept("not", "deferrable"):
			m.Deferrable = "NOT DEFERRABLE"
		default:
			return m
		}
		if p.isOp(",") {
			p.i++
			if !p.at().oneOf("isolation", "read", "deferrable", "not") {
				p.unexpected()
			}
		}
	}
}

func (p *parser) isolation() string {
	switch {
	case p.accept("serializable"):
		return "SERIALIZABLE"
	case p.accept("repeatable", "read"):
		return "REPEATABLE READ"
	case p.accept("read", "committed"):
		return "READ COMMITTED"
	case p.accept("read", "uncommitted"):
		return "READ UNCOMMITTED"
	}
	p.unexpected()
	return ""
}

// chain parses [WORK|TRANSACTION] [AND [NO] CHAIN].
func (p *parser) chain() bool {
	p.acceptAny("work", "transaction")
	if p.accept("and", "no", "chain") {
		return false
	}
	if p.accept("and") {
		p.expect("chain")
		return true
	}
	return false
}

func (p *parser) commit() ast.Statement {
	pos := p.pos()
	p.i++
	if p.accept("prepared") {
		return &ast.TwoPhase{Pos: pos, Verb: "COMMIT PREPARED", ID: p.stringLit()}
	}
	return &ast.Commit{Pos: pos, Chain: p.chain()}
}

func (p *parser) rollback() ast.Statement {
	pos := p.pos()
	p.i++
	if p.accept("prepared") {
		return &ast.TwoPhase{Pos: pos, Verb: "ROLLBACK PREPARED", ID: p.stringLit()}
	}
	n := 0
	if p.at().oneOf("work", "transaction") {
		n = 1
	}
	if p.ahead(n).word("to") {
		p.i += n + 1
		p.accept("savepoint")
		return &ast.Rollback{Pos: pos, Savepoint: p.colID()}
	}
	return &ast.Rollback{Pos: pos, Chain: p.chain()}
}

func (p *parser) prepare() ast.Statement {
	s := &ast.Prepare{Pos: p.pos()}
	p.i++
	if p.isWord("transaction") && p.ahead(1).kind == tString {
		p.i++
		return &ast.TwoPhase{Pos: s.Pos, Verb: "PREPARE TRANSACTION", ID: p.stringLit()}
	}
	s.Name = p.colID()
	if p.isOp("(") {
		s.Types = parenList(p, p.typeName)
	}
	p.expect("as")
	s.Stmt = p.preparable()
	return s
}

func (p *parser) execute() *ast.Execute {
	s := &ast.Execute{Pos: p.pos()}
	p.expect("execute")
	s.Name = p.colID()
	if p.isOp("(") {
		s.Args = parenList(p, p.expr)
	}
	return s
}
