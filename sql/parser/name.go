package parser

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/ast"
)

// isColID: a name of a column, table or alias.
func (t *token) isColID() bool {
	return t.kind == tQuoted || t.kind == tWord && t.class <= ast.ColName
}

// isFuncName: an unqualified name of a function or type.
func (t *token) isFuncName() bool {
	return t.kind == tQuoted || t.kind == tWord && (t.class == ast.Unreserved || t.class == ast.TypeFuncName)
}

func (t *token) isLabel() bool { return t.kind == tQuoted || t.kind == tWord }

// colID parses a name and returns it folded.
func (p *parser) colID() string {
	if !p.at().isColID() {
		p.unexpected()
	}
	return p.advance().text
}

// label parses a name that may be any keyword.
func (p *parser) label() string {
	if !p.at().isLabel() {
		p.unexpected()
	}
	return p.advance().text
}

func (p *parser) ident() ast.Ident {
	pos := p.pos()
	return ast.Ident{Pos: pos, Name: p.colID()}
}

func (p *parser) identList() []ast.Ident { return parenList(p, p.ident) }

// name parses a qualified name.
func (p *parser) name() ast.Name {
	n := ast.Name{Pos: p.pos()}
	n.Parts = append(n.Parts, p.colID())
	return p.nameRest(n)
}

func (p *parser) nameRest(n ast.Name) ast.Name {
	for p.isOp(".") && p.ahead(1).isLabel() {
		p.i++
		n.Parts = append(n.Parts, p.label())
	}
	return n
}

// anyName parses a qualified name whose first part may be a function's name.
func (p *parser) anyName() ast.Name {
	n := ast.Name{Pos: p.pos()}
	if t := p.at(); !t.isColID() && !t.isFuncName() {
		p.unexpected()
	}
	n.Parts = append(n.Parts, p.advance().text)
	return p.nameRest(n)
}

func (p *parser) stringLit() string {
	if p.at().kind != tString {
		p.unexpected()
	}
	return p.advance().text
}

// word upper-cases an identifier that stands for a keyword of ours.
func (p *parser) upperWord() string { return strings.ToUpper(p.label()) }

// integer parses an unsigned integer constant.
func (p *parser) integer() int {
	if p.at().kind != tInt {
		p.unexpected()
	}
	n, err := strconv.ParseInt(p.at().text, 10, 32)
	if err != nil {
		p.unexpected()
	}
	p.i++
	return int(n)
}

// options parses (k [= v], …). A key is a dotted name, or a string; a value is
// a constant, a word, a list in parentheses, or an expression.
func (p *parser) options() []ast.Option {
	p.expectOp("(")
	if p.acceptOp(")") {
		return nil
	}
	out := list(p, p.option)
	p.expectOp(")")
	return out
}

func (p *parser) option() ast.Option {
	o := ast.Option{Pos: p.pos()}
	if p.at().kind == tString {
		o.Name, o.Quoted = p.advance().text, true
	} else {
		o.Name, o.Quoted = p.optionKey()
	}
	if p.acceptOp("=") || p.acceptOp("=>") {
		o.ValuePos = p.pos()
		o.Value = p.optionValue()
		return o
	}
	if !p.isOp(",") && !p.isOp(")") && p.at().kind != tEOF {
		o.ValuePos = p.pos()
		o.Value = p.optionValue()
	}
	return o
}

// optionKey reads a dotted key as it is spelled; parts may hold dashes
// (properties.max-poll), which only count without blanks around them. Words
// of a key of several words (RETAIN HISTORY FOR) are joined by one blank.
func (p *parser) optionKey() (string, bool) {
	if p.at().kind == tQuoted && !p.ahead(1).op(".") {
		return p.advance().text, true
	}
	if !p.at().isLabel() {
		p.unexpected()
	}
	first := p.i
	p.advance()
	for {
		t := p.at()
		glued := t.pos == p.toks[p.i-1].end
		switch {
		case glued && (t.op(".") || t.op("-")) && p.ahead(1).pos == t.end && p.ahead(1).isLabel():
			p.i += 2
		case !glued && t.word("secret") && p.ahead(1).isColID() && (p.ahead(2).op(",") || p.ahead(2).op(")")): // PASSWORD SECRET s
			return p.spelled(first), false
		case !glued && t.kind == tWord && p.ahead(1).kind != tEOF && !p.ahead(1).op(",") && !p.ahead(1).op(")"):
			p.i++
		default:
			return p.spelled(first), false
		}
	}
}

// spelled is the text of the tokens from first to here, blanks between them made one.
func (p *parser) spelled(first int) string {
	var b strings.Builder
	for j := first; j < p.i; j++ {
		if j > first && p.toks[j].pos > p.toks[j-1].end {
			b.WriteByte(' ')
		}
		b.WriteString(p.src[p.toks[j].pos:p.toks[j].end])
	}
	return b.String()
}

func (p *parser) optionValue() ast.Expr {
	t := p.at()
	if next := p.ahead(1); t.isLabel() && (next.op(",") || next.op(")") || next.op(";") || next.kind == tEOF) {
		return p.wordValue()
	}
	if t.word("secret") && p.ahead(1).isColID() {
		pos := p.pos()
		p.i++
		n := p.name()
		return &ast.Func{Pos: pos, Name: ast.Name{Pos: pos, Parts: []string{"secret"}},
			Args: []ast.Arg{{Pos: n.Pos, Value: &ast.ColumnRef{Pos: n.Pos, Parts: n.Parts}}}}
	}
	return p.expr()
}

// wordValue parses a word as a value: ON, DEFAULT and other keywords are words
// like any other here.
func (p *parser) wordValue() ast.Expr {
	pos := p.pos()
	switch t := p.advance(); {
	case t.word("true"):
		return &ast.Bool{Pos: pos, Value: true}
	case t.word("false"):
		return &ast.Bool{Pos: pos}
	case t.word("null"):
		return &ast.Null{Pos: pos}
	default:
		return &ast.ColumnRef{Pos: pos, Parts: []string{t.text}}
	}
}
