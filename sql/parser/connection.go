package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

// createConnection parses CREATE CONNECTION and CREATE SECRET.
func (p *parser) createConnection(h createHead) ast.Statement {
	s := &ast.CreateConnection{Pos: h.pos, Kind: p.upperWord()}
	s.IfNotExists = p.ifNotExists()
	s.Name = p.name()
	if p.accept("to") {
		s.Target = p.upperWord()
		for p.at().kind == tWord {
			s.Target += " " + p.upperWord()
		}
		s.Options = p.brokers(parenList(p, p.connectionOption))
		p.validation()
	} else {
		s.Options = p.withOptions(nil)
	}
	if s.Kind == "SECRET" && p.accept("as") {
		s.As = p.expr()
	}
	if s.Options == nil && s.As == nil {
		p.unexpected()
	}
	return s
}

// validation parses WITH (VALIDATE = false) of a connection, which is what is done.
func (p *parser) validation() {
	for _, o := range p.withOptions(nil) {
		if v, _ := o.Value.(*ast.Bool); !strings.EqualFold(o.Name, "validate") || v == nil || v.Value {
			p.notHere(o.Pos, o.Name+" of a connection", "A connection is not tried when it is made: WITH (VALIDATE = false).")
		}
	}
}

// brokers makes Materialize's list of brokers the one text that it is here.
func (p *parser) brokers(list []ast.Option) []ast.Option {
	for i, o := range list {
		if !strings.EqualFold(o.Name, "brokers") {
			continue
		}
		items := []ast.Expr{o.Value}
		if row, ok := o.Value.(*ast.Row); ok {
			items = row.Fields
		}
		var names []string
		for _, x := range items {
			if text, ok := x.(*ast.String); ok {
				names = append(names, text.Value)
			}
		}
		if len(names) == len(items) {
			list[i].Value = &ast.String{Pos: o.ValuePos, Value: strings.Join(names, ",")}
		}
	}
	return list
}

// connectionOption parses an option of CREATE CONNECTION … TO.
func (p *parser) connectionOption() ast.Option {
	o := p.option()
	if p.isWord("using") {
		p.notHere(p.pos(), "a tunnel to a broker", "BROKER 'host:9092' names one that the server itself can reach.")
	}
	return o
}
