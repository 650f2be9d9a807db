package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

func (p *parser) set() ast.Statement {
	s := &ast.Set{Pos: p.pos()}
	p.expect("set")
	if p.at().kind == tString {
		s.Name, s.Quoted = p.advance().text, true
		p.expectOp("=")
		s.Values = []ast.Expr{p.setValue()}
		return s
	}
	if p.isWords("session", "characteristics") {
		p.i += 2
		p.expect("as", "transaction")
		return &ast.SetTransaction{Pos: s.Pos, Session: true, Modes: p.txModes()}
	}
	if t := p.at(); t.oneOf("session", "local") && !p.ahead(1).oneOf("to", "authorization") && !p.ahead(1).op("=") && !p.ahead(1).op(".") {
		s.Scope = p.upperWord()
	}
	switch {
	case p.isWord("transaction") && !p.ahead(1).op("="):
		p.i++
		if p.accept("snapshot") {
			return &ast.SetTransaction{Pos: s.Pos, Modes: ast.TxModes{Snapshot: p.stringLit()}}
		}
		return &ast.SetTransaction{Pos: s.Pos, Modes: p.txModes()}
	case p.accept("constraints"):
		return p.setConstraints(s.Pos)
	case p.accept("time", "zone"):
		s.Name = "timezone"
		p.zoneValue(s)
		return s
	case p.isWord("role") && !p.ahead(1).op("=") && !p.ahead(1).word("to"):
		p.i++
		s.Name = "role"
		s.Values = []ast.Expr{p.setValue()}
		return s
	case p.accept("session", "authorization"):
		s.Name = "session_authorization"
		if p.accept("default") {
			s.Default = true
			return s
		}
		s.Values = []ast.Expr{p.setValue()}
		return s
	case p.isWord("names") && !p.ahead(1).op("=") && !p.ahead(1).word("to"):
		p.i++
		s.Name = "client_encoding"
		if s.Default = p.accept("default") || p.isOp(";") || p.at().kind == tEOF; !s.Default {
			s.Values = []ast.Expr{p.setValue()}
		}
		return s
	}
	s.Name = p.varName()
	if p.accept("from", "current") {
		s.Current = true
		return s
	}
	if !p.acceptOp("=") {
		p.expect("to")
	}
	if p.accept("default") {
		s.Default = true
		return s
	}
	s.Values = list(p, p.setValue)
	return s
}

// varName parses a.b.c of a setting.
func (p *parser) varName() string {
	name := p.colID()
	for p.acceptOp(".") {
		name += "." + p.label()
	}
	return name
}

// setValue parses a constant, a signed number or a word.
func (p *parser) setValue() ast.Expr {
	pos := p.pos()
	switch t := p.at(); {
	case t.kind == tString, t.kind == tInt, t.kind == tNumber, t.kind == tParam:
		return p.primary()
	case t.op("-") || t.op("+"):
		return p.ops(precMinus, false)
	case t.oneOf("true", "false"):
		p.i++
		return &ast.Bool{Pos: pos, Value: t.text == "true"}
	case t.oneOf("cast", "current_timestamp", "localtimestamp", "current_date", "interval") || t.op("("):
		return p.expr()
	case t.word("on"), t.isColID(), t.isFuncName():
		if p.ahead(1).op("(") || p.ahead(1).op("::") || p.ahead(1).kind == tString {
			return p.expr() // now() - INTERVAL '1 minute' of SET as_of_…
		}
		p.i++
		return &ast.ColumnRef{Pos: pos, Parts: []string{t.text}}
	}
	p.unexpected()
	return nil
}

func (p *parser) zoneValue(s *ast.Set) {
	switch {
	case p.accept("local"), p.accept("default"):
		s.Default = true
	case p.isWord("interval"):
		s.Values = []ast.Expr{p.typedConst()}
	default:
		s.Values = []ast.Expr{p.setValue()}
	}
}

func (p *parser) setConstraints(pos int) ast.Statement {
	s := &ast.SetConstraints{Pos: pos}
	if !p.accept("all") {
		s.Names = list(p, p.name)
	}
	s.Deferred = p.expectAny("deferred", "immediate") == "DEFERRED"
	return s
}

func (p *parser) reset() ast.Statement {
	s := &ast.Reset{Pos: p.pos()}
	p.i++
	switch {
	case p.at().kind == tString:
		s.Name, s.Quoted = p.advance().text, true
	case p.accept("all"):
		s.All = true
	case p.accept("time", "zone"):
		s.Name = "timezone"
	case p.accept("transaction", "isolation", "level"):
		s.Name = "transaction_isolation"
	case p.accept("session", "authorization"):
		s.Name = "session_authorization"
	default:
		s.Name = p.varName()
	}
	return s
}

// showKinds are the object lists of SHOW; they win over settings.
var showKinds = [][]string{
	{"materialized", "views"}, {"cancel", "jobs"}, {"streams"}, {"tables"}, {"topics"}, {"queries"}, {"functions"},
	{"types"}, {"properties"}, {"variables"}, {"sources"}, {"sinks"}, {"jobs"}, {"views"}, {"indexes"},
	{"subscriptions"}, {"cursors"}, {"subscription", "cursors"}, {"connections"}, {"secrets"}, {"schemas"}, {"databases"},
	{"columns"}, {"clusters"}, {"connectors"}, {"users"}, {"roles"}, {"objects"}, {"internal", "tables"},
	{"processlist"}, {"parameters"},
}

func (p *parser) show() ast.Statement {
	pos := p.pos()
	list := p.advance().text == "list"
	if p.isWord("create") && p.ahead(1).isLabel() {
		return p.showCreate(pos)
	}
	all := p.isWord("all") && p.ahead(1).oneOf("topics", "queries")
	if all {
		p.i++
	}
	for _, kind := range showKinds {
		if p.accept(kind...) {
			return p.showObjects(pos, strings.ToUpper(strings.Join(kind, " ")))
		}
	}
	if list || all {
		p.unexpected()
	}
	s := &ast.Show{Pos: pos}
	switch {
	case p.accept("all"):
		s.Name = "all"
	case p.accept("time", "zone"):
		s.Name = "timezone"
	case p.accept("transaction", "isolation", "level"):
		s.Name = "transaction_isolation"
	case p.accept("session", "authorization"):
		s.Name = "session_authorization"
	default:
		s.Name = p.varName()
	}
	return s
}

func (p *parser) showObjects(pos int, kind string) ast.Statement {
	s := &ast.ShowObjects{Pos: pos, Kind: kind}
	s.Extended = p.accept("extended")
	if p.at().oneOf("from", "in", "on") {
		p.i++
		s.From = p.name()
	}
	if p.accept("like") {
		s.Like, s.HasLike = p.stringLit(), true
	} else if p.accept("where") {
		s.Where = p.expr()
	}
	s.Extended = p.accept("extended") || s.Extended
	return s
}

func (p *parser) showCreate(pos int) ast.Statement {
	s := &ast.ShowCreate{Pos: pos}
	p.i++
	switch {
	case p.accept("materialized", "view"):
		s.Kind = "MATERIALIZED VIEW"
	case p.ahead(1).isLabel():
		s.Kind = p.expectAny("table", "view", "stream", "source", "sink", "index", "function", "connection", "subscription", "secret", "type")
	}
	s.Name = p.name()
	return s
}
