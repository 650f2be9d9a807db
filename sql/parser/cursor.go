package parser

import (
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

func (p *parser) declare() ast.Statement {
	s := &ast.Declare{Pos: p.pos()}
	p.expect("declare")
	s.Name = p.colID()
	if p.accept("subscription", "cursor", "for") {
		return p.subscriptionCursor(s)
	}
	for !p.accept("cursor") {
		switch {
		case p.accept("binary"):
			s.Binary = true
		case p.accept("no", "scroll"):
			s.Scroll = "NO SCROLL"
		case p.accept("scroll"):
			s.Scroll = "SCROLL"
		default:
			s.Sensitive = p.expectAny("insensitive", "asensitive")
		}
	}
	if p.accept("with", "hold") {
		s.Hold = true
	} else {
		p.accept("without", "hold")
	}
	p.expect("for")
	switch {
	case p.at().oneOf("subscribe", "tail"):
		s.Stmt = p.subscribe()
	case p.startsQuery():
		s.Stmt = p.query()
	default:
		p.unexpected()
	}
	return s
}

func (p *parser) subscriptionCursor(s *ast.Declare) ast.Statement {
	s.Subscription = p.name()
	if p.accept("since") {
		s.Since = p.expr()
	} else {
		s.Full = p.accept("full")
	}
	return s
}

// fetch parses FETCH and MOVE.
func (p *parser) fetch() ast.Statement {
	s := &ast.Fetch{Pos: p.pos(), Move: p.isWord("move"), Direction: "FORWARD"}
	p.i++
	if !p.ahead(1).isColID() && p.at().isColID() && !p.ahead(1).oneOf("from", "in") && !p.isFetchCount(p.ahead(1)) {
		s.Cursor = p.colID() // FETCH c
	} else {
		p.fetchDirection(s)
		p.acceptAny("from", "in")
		s.Cursor = p.colID()
	}
	if p.isWord("with") && p.ahead(1).op("(") {
		p.i++
		s.Options = p.options()
	}
	return s
}

func (p *parser) isFetchCount(t *token) bool {
	return t.kind == tInt || t.op("-") || t.op("+") || t.word("all")
}

func (p *parser) fetchDirection(s *ast.Fetch) {
	if w := p.acceptAny("next", "prior", "first", "last"); w != "" {
		s.Direction = w
		return
	}
	if w := p.acceptAny("absolute", "relative"); w != "" {
		s.Direction = w
		s.Count = p.signedInt()
		return
	}
	if w := p.acceptAny("forward", "backward"); w != "" {
		s.Direction = w
	}
	switch {
	case p.accept("all"):
		s.All = true
	case p.isFetchCount(p.at()):
		s.Count = p.signedInt()
	}
}

func (p *parser) signedInt() ast.Expr {
	n := &ast.Number{Pos: p.pos()}
	if p.acceptOp("-") {
		n.Text = "-"
	} else {
		p.acceptOp("+")
	}
	if p.at().kind != tInt {
		p.unexpected()
	}
	n.Text += p.advance().text
	return n
}

// subscribe parses SUBSCRIBE [TO] and Materialize's old TAIL.
func (p *parser) subscribe() *ast.Subscribe {
	s := &ast.Subscribe{Pos: p.pos()}
	p.i++
	p.accept("to")
	switch {
	case p.parenQuery():
		s.Query = p.parenthesized()
	case p.startsQuery() && !p.isWord("with"):
		s.Query = p.query()
	default:
		s.Name = p.name()
	}
	for p.subscribeClause(s) {
	}
	return s
}

func (p *parser) subscribeClause(s *ast.Subscribe) bool {
	switch {
	case s.Envelope == "" && p.accept("envelope"):
		s.Envelope = p.expectAny("upsert", "debezium")
		p.expectOp("(")
		p.expect("key")
		s.Key = p.identList()
		p.expectOp(")")
	case s.OrderBy == nil && p.accept("within", "timestamp", "order", "by"):
		s.OrderBy = p.sortItems()
	case s.Options == nil && p.isWord("with") && p.ahead(1).op("("):
		p.i++
		s.Options = p.options()
	case s.AsOf == nil && p.accept("as", "of"):
		s.AsOfLeast = p.accept("at", "least")
		if !s.AsOfLeast {
			p.accept("system", "time")
		}
		s.AsOf = p.expr()
	case s.UpTo == nil && p.accept("up", "to"):
		s.UpTo = p.expr()
	default:
		return false
	}
	return true
}

// copy parses COPY in its new and its old forms.
func (p *parser) copy() ast.Statement {
	s := &ast.Copy{Pos: p.pos()}
	p.expect("copy")
	if p.isWord("binary") && !p.ahead(1).oneOf("from", "to") {
		s.Options = append(s.Options, wordOption(p.pos(), "format", "binary"))
		p.i++
	}
	if p.isOp("(") {
		p.i++
		if p.at().oneOf("subscribe", "tail") {
			s.Query = p.subscribe()
		} else {
			s.Query = p.preparable()
		}
		p.expectOp(")")
		p.expect("to")
	} else {
		s.Table = p.name()
		if p.isOp("(") {
			s.Columns = p.identList()
		}
		s.From = p.expectAny("from", "to") == "FROM"
	}
	p.copyFile(s)
	if p.accept("using") {
		p.expect("delimiters")
		s.Options = append(s.Options, p.stringOption(p.pos(), "delimiter"))
	}
	p.copyOptions(s)
	if p.accept("where") {
		s.Where = p.expr()
	}
	return s
}

func (p *parser) copyFile(s *ast.Copy) {
	s.Program = p.accept("program")
	switch {
	case p.at().kind == tString:
		s.File, s.HasFile = p.advance().text, true
	case s.Program:
		p.unexpected()
	default:
		p.expectAny("stdin", "stdout")
	}
}

// copyOptions parses [WITH] (…), or the old list without parentheses, which is
// stored as the new one.
func (p *parser) copyOptions(s *ast.Copy) {
	p.accept("with")
	if p.isOp("(") {
		p.expectOp("(")
		s.Options = append(s.Options, list(p, p.copyOption)...)
		p.expectOp(")")
		return
	}
	for p.at().kind == tWord && !p.isWord("where") {
		pos := p.pos()
		switch w := p.advance().text; w {
		case "binary", "csv":
			s.Options = append(s.Options, wordOption(pos, "format", w))
		case "freeze", "header":
			s.Options = append(s.Options, ast.Option{Pos: pos, Name: w})
		case "delimiter", "null", "quote", "escape":
			p.accept("as")
			s.Options = append(s.Options, p.stringOption(pos, w))
		case "encoding":
			s.Options = append(s.Options, p.stringOption(pos, w))
		case "force":
			s.Options = append(s.Options, p.forceOption(pos))
		default:
			p.i--
			p.unexpected()
		}
	}
}

func wordOption(pos int, name, word string) ast.Option {
	return ast.Option{Pos: pos, Name: name, ValuePos: pos, Value: &ast.ColumnRef{Pos: pos, Parts: []string{word}}}
}

func (p *parser) stringOption(pos int, name string) ast.Option {
	at := p.pos()
	return ast.Option{Pos: pos, Name: name, ValuePos: at, Value: &ast.String{Pos: at, Value: p.stringLit()}}
}

// copyOption parses name [value], value a word, a constant, *, or a list.
func (p *parser) copyOption() ast.Option {
	o := ast.Option{Pos: p.pos(), Name: strings.ToLower(p.label())}
	p.acceptOp("=")
	o.ValuePos = p.pos()
	switch {
	case p.acceptOp("*"):
		o.Value = &ast.ColumnRef{Pos: o.ValuePos, Star: true}
	case p.isOp("("):
		row := &ast.Row{Pos: o.ValuePos}
		row.Fields = parenList(p, func() ast.Expr {
			return &ast.ColumnRef{Pos: p.pos(), Parts: []string{p.label()}}
		})
		o.Value = row
	default:
		p.simpleValue(&o)
	}
	return o
}

// utilityOptions parses (name [value], …) of EXPLAIN, VACUUM and others.
func (p *parser) utilityOptions() []ast.Option {
	return parenList(p, func() ast.Option {
		o := ast.Option{Pos: p.pos(), Name: strings.ToLower(p.label())}
		p.acceptOp("=")
		o.ValuePos = p.pos()
		p.simpleValue(&o)
		return o
	})
}

// simpleValue parses a constant or a word, if there is one.
func (p *parser) simpleValue(o *ast.Option) {
	switch t := p.at(); {
	case t.isLabel():
		o.Value = p.wordValue()
	case t.kind == tString, t.kind == tInt, t.kind == tNumber, t.op("-"), t.op("+"):
		o.Value = p.setValue()
	default:
		o.ValuePos = 0
	}
}

// forceOption parses FORCE QUOTE|NULL|NOT NULL cols.
func (p *parser) forceOption(pos int) ast.Option {
	o := ast.Option{Pos: pos}
	switch {
	case p.accept("quote"):
		o.Name = "force_quote"
	case p.accept("not", "null"):
		o.Name = "force_not_null"
	default:
		p.expect("null")
		o.Name = "force_null"
	}
	o.ValuePos = p.pos()
	if p.acceptOp("*") {
		o.Value = &ast.ColumnRef{Pos: o.ValuePos, Star: true}
		return o
	}
	row := &ast.Row{Pos: o.ValuePos}
	row.Fields = list(p, func() ast.Expr {
		return &ast.ColumnRef{Pos: p.pos(), Parts: []string{p.colID()}}
	})
	o.Value = row
	return o
}
