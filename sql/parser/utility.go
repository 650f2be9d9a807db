package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

// explain parses EXPLAIN of a statement or of a running object.
func (p *parser) explain() ast.Statement {
	s := &ast.Explain{Pos: p.pos()}
	p.expect("explain")
	if p.isOp("(") && !p.parenQuery() {
		s.Options = p.utilityOptions()
	}
	for p.at().oneOf("analyze", "analyse", "verbose") {
		o := ast.Option{Pos: p.pos(), Name: "analyze"}
		if p.advance().text == "verbose" {
			o.Name = "verbose"
		}
		s.Options = append(s.Options, o)
		if p.isOp("(") && !p.parenQuery() {
			s.Options = append(s.Options, p.utilityOptions()...)
		}
	}
	if p.at().oneOf("raw", "optimized", "physical", "logical") && p.ahead(1).word("plan") {
		s.Options = append(s.Options, wordOption(p.pos(), "stage", p.advance().text))
		p.i++
		p.accept("for")
	}
	switch {
	case p.accept("materialized", "view"):
		s.Kind, s.Name = "MATERIALIZED VIEW", p.name()
	case p.at().oneOf("view", "index", "sink", "stream") && p.ahead(1).isColID():
		s.Kind, s.Name = p.upperWord(), p.name()
	case p.at().isColID() && (p.ahead(1).kind == tEOF || p.ahead(1).op(";")):
		s.Kind, s.Name = "QUERY", p.name()
	default:
		if !p.isOp("(") && !p.at().oneOf("select", "with", "values", "table", "insert", "update", "delete", "merge", "create",
			"declare", "execute", "refresh", "subscribe") {
			p.unexpected()
		}
		s.Stmt = p.statement()
	}
	return s
}

func (p *parser) notify(word string) ast.Statement {
	pos := p.pos()
	p.i++
	switch word {
	case "listen":
		return &ast.Listen{Pos: pos, Channel: p.colID()}
	case "unlisten":
		if p.acceptOp("*") {
			return &ast.Unlisten{Pos: pos}
		}
		return &ast.Unlisten{Pos: pos, Channel: p.colID()}
	}
	s := &ast.Notify{Pos: pos, Channel: p.colID()}
	if p.acceptOp(",") {
		s.Payload = &ast.String{Pos: p.pos(), Value: p.stringLit()}
	}
	return s
}

var lockModes = []string{"access share", "row share", "row exclusive", "share update exclusive", "share row exclusive",
	"access exclusive", "exclusive", "share"}

func (p *parser) lockTable() ast.Statement {
	s := &ast.LockTable{Pos: p.pos()}
	p.expect("lock")
	p.accept("table")
	s.Tables = list(p, func() *ast.Relation { return p.relation(false) })
	if p.accept("in") {
		for _, m := range lockModes {
			if p.accept(strings.Fields(m)...) {
				s.Mode = strings.ToUpper(m)
				break
			}
		}
		if s.Mode == "" {
			p.unexpected()
		}
		p.expect("mode")
	}
	s.NoWait = p.accept("nowait")
	return s
}

func (p *parser) vacuum() ast.Statement {
	s := &ast.Vacuum{Pos: p.pos(), Analyze: !p.isWord("vacuum")}
	p.i++
	if p.isOp("(") {
		s.Options = p.utilityOptions()
	} else {
		for p.at().oneOf("full", "freeze", "verbose", "analyze", "analyse") {
			s.Options = append(s.Options, ast.Option{Pos: p.pos(), Name: p.advance().text})
		}
	}
	if p.at().isColID() {
		s.Tables = list(p, func() ast.VacuumTable {
			t := ast.VacuumTable{Name: p.name()}
			if p.isOp("(") {
				t.Columns = p.identList()
			}
			return t
		})
	}
	return s
}

func (p *parser) maintain() ast.Statement {
	s := &ast.Maintain{Pos: p.pos(), Verb: p.upperWord()}
	if s.Verb == "CHECKPOINT" {
		return s
	}
	if p.isOp("(") {
		s.Options = p.utilityOptions()
	} else if p.isWord("verbose") {
		s.Options = []ast.Option{{Pos: p.pos(), Name: "verbose"}}
		p.i++
	}
	if s.Verb == "REINDEX" {
		s.Kind = p.expectAny("index", "table", "schema", "database", "system")
		s.Concurrently = p.accept("concurrently")
		s.Name = p.name()
		return s
	}
	if p.at().isColID() {
		s.Name = p.name()
		if p.accept("using") {
			s.Using = p.colID()
		} else if p.accept("on") {
			s.Using, s.Name = s.Name.Base(), p.name()
		}
	}
	return s
}

func (p *parser) do() ast.Statement {
	s := &ast.Do{Pos: p.pos()}
	p.expect("do")
	seen := false
	for {
		switch {
		case p.accept("language"):
			s.Language = p.label()
		case p.at().kind == tString && !seen:
			seen = true
			s.Body = ast.String{Pos: p.pos(), Value: p.stringLit()}
		default:
			if !seen {
				p.unexpected()
			}
			return s
		}
	}
}

func (p *parser) control() ast.Statement {
	s := &ast.Control{Pos: p.pos(), Verb: p.upperWord()}
	if s.All = p.accept("all"); !s.All {
		p.acceptAny("query")
		s.Name = p.name()
	}
	return s
}

func (p *parser) describe() ast.Statement {
	s := &ast.Describe{Pos: p.pos()}
	p.i++
	if p.isWords("materialized", "view") {
		p.i += 2
		s.Kind = "MATERIALIZED VIEW"
	} else if p.ahead(1).isColID() && p.at().oneOf("function", "connector", "stream", "table", "view", "source", "sink", "query") {
		s.Kind = p.upperWord()
	}
	s.Name = p.name()
	s.Extended = p.accept("extended")
	return s
}

func (p *parser) print() ast.Statement {
	s := &ast.Print{Pos: p.pos()}
	p.i++
	if p.at().kind == tString {
		s.Topic = ast.Name{Pos: p.pos(), Parts: []string{p.advance().text}}
	} else {
		s.Topic = p.name()
	}
	s.FromBeginning = p.accept("from", "beginning")
	if p.acceptAny("interval", "sample") != "" {
		s.Interval = p.signedInt()
	}
	if p.accept("limit") {
		s.Limit = p.signedInt()
	}
	return s
}

func (p *parser) define(word string) ast.Statement {
	s := &ast.Define{Pos: p.pos()}
	p.i++
	s.Name = p.colID()
	if word == "define" {
		p.expectOp("=")
		s.Value = &ast.String{Pos: p.pos(), Value: p.stringLit()}
	}
	return s
}
