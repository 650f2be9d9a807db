// Package parser turns SQL text into syntax trees: an own lexer with
// PostgreSQL's rules and a recursive-descent parser, with operator precedence
// for expressions.
//
// Invariants
//   - No input makes it panic, hang, or use more than linear time and memory.
//   - The height of a tree is at most ast.HeightMax: what is deeper ends with
//     54001, whether by parentheses or by a long chain of operators.
//   - PostgreSQL SQL means what it means there: each streaming word is an
//     ordinary identifier unless the words after it say otherwise.
package parser

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// SourceBytesMax bounds the text of one Parse. Rows travel by COPY or by
// parameters; a longer INSERT is refused before it is read.
const SourceBytesMax = 256 << 20

// Parse parses a string of statements separated by semicolons. Empty
// statements and comments yield nothing. The error is a *sqlerr.Error.
func Parse(sql string) (stmts []ast.Parsed, err error) {
	p, err := newParser(sql)
	if err != nil {
		return nil, err
	}
	defer p.release()
	defer p.recover(&err)
	for {
		for p.acceptOp(";") {
		}
		if p.at().kind == tEOF {
			return stmts, nil
		}
		p.paramMax, p.height = 0, 0
		start := int(p.at().pos)
		s := p.statement()
		if !p.isOp(";") && p.at().kind != tEOF {
			p.unexpected()
		}
		stmts = append(stmts, ast.Parsed{Stmt: s, Start: start, End: int(p.toks[p.i-1].end), ParamMax: p.paramMax})
	}
}

// ParseExpr parses one expression.
func ParseExpr(sql string) (x ast.Expr, err error) {
	p, err := newParser(sql)
	if err != nil {
		return nil, err
	}
	defer p.release()
	defer p.recover(&err)
	x = p.expr()
	p.expectEOF()
	return x, nil
}

// parser holds the tokens of a source and the place in them. Its methods leave
// by panic(*sqlerr.Error), which recover turns back: an error ends the whole
// parse, so nothing is to be undone on the way.
type parser struct {
	src      string
	toks     []token
	i        int
	depth    int // nesting of the functions that recurse
	height   int // of the tallest tree built since the enclosing one began
	paramMax int
	lexErr   *sqlerr.Error
	parens   *parenMap
}

// tokenBuffers keeps token slices between parses: they are the largest part of
// what a parse allocates and hold nothing that outlives it.
var tokenBuffers = sync.Pool{New: func() any { s := make([]token, 0, 128); return &s }}

func newParser(sql string) (*parser, error) {
	if len(sql) > SourceBytesMax {
		return nil, sqlerr.New(sqlerr.ProgramLimitExceeded, "statement text of %d bytes exceeds the limit of %d", len(sql), SourceBytesMax).
			WithHint("Load many rows with COPY.")
	}
	if err := checkText(sql); err != nil {
		return nil, err
	}
	l := lexer{src: sql, toks: *tokenBuffers.Get().(*[]token)}
	l.run()
	return &parser{src: sql, toks: l.toks, lexErr: l.err}, nil
}

// checkText refuses what PostgreSQL cannot store as text.
func checkText(sql string) error {
	i := strings.IndexByte(sql, 0)
	if i < 0 && utf8.ValidString(sql) {
		return nil
	}
	for j := 0; i < 0; {
		r, n := utf8.DecodeRuneInString(sql[j:])
		if r == utf8.RuneError && n == 1 {
			i = j
		}
		j += n
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x%02x`, sql[i])
}

func (p *parser) release() {
	if cap(p.toks) <= 4096 {
		clear(p.toks) // the texts would keep the source alive
		s := p.toks[:0]
		tokenBuffers.Put(&s)
	}
}

func (p *parser) recover(err *error) {
	switch e := recover().(type) {
	case nil:
	case *sqlerr.Error:
		*err = e
	default:
		panic(e)
	}
}

// fail ends the parse.
func (p *parser) fail(e *sqlerr.Error) { panic(e) }

// unexpected reports the current token as a syntax error.
func (p *parser) unexpected() { p.unexpectedAt(p.i) }

func (p *parser) unexpectedAt(i int) {
	t := &p.toks[i]
	if t.kind == tError {
		p.fail(p.lexErr)
	}
	if t.kind == tEOF {
		p.fail(sqlerr.New(sqlerr.SyntaxError, "syntax error at end of input").At(len(p.src) + 1))
	}
	p.fail(sqlerr.New(sqlerr.SyntaxError, "syntax error at or near \"%s\"", p.src[t.pos:t.end]).At(int(t.pos) + 1))
}

// errorAt makes a syntax error with words of its own.
func (p *parser) errorAt(pos int, format string, args ...any) {
	p.fail(sqlerr.New(sqlerr.SyntaxError, format, args...).At(pos))
}

func (p *parser) tooDeep(pos int) {
	p.fail(sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").At(pos).
		WithHint("Nest at most %d levels, or split the statement.", ast.HeightMax))
}

// enter is called by every function that can recurse, with leave at its end.
func (p *parser) enter() {
	p.depth++
	if p.depth > ast.HeightMax {
		p.tooDeep(p.pos())
	}
}

func (p *parser) leave() { p.depth-- }

// grow counts one more node on top of what was built in this chain.
func (p *parser) grow(pos int) {
	p.height++
	if p.height > ast.HeightMax {
		p.tooDeep(pos)
	}
}

// at returns the current token; there is always one, tEOF or tError at last.
func (p *parser) at() *token { return &p.toks[p.i] }

// ahead returns the token n further on.
func (p *parser) ahead(n int) *token { return &p.toks[min(p.i+n, len(p.toks)-1)] }

// pos returns the 1-based position of the current token.
func (p *parser) pos() int { return int(p.toks[p.i].pos) + 1 }

func (p *parser) advance() *token {
	t := &p.toks[p.i]
	if t.kind == tError {
		p.fail(p.lexErr)
	}
	if p.i < len(p.toks)-1 {
		p.i++
	}
	return t
}

func (t *token) op(s string) bool   { return t.kind == tOp && t.text == s }
func (t *token) word(s string) bool { return t.kind == tWord && t.text == s }

func (t *token) oneOf(words ...string) bool {
	if t.kind != tWord {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

func (p *parser) isOp(s string) bool   { return p.at().op(s) }
func (p *parser) isWord(s string) bool { return p.at().word(s) }

// isWords reports whether the next tokens are these words.
func (p *parser) isWords(words ...string) bool {
	for n, w := range words {
		if !p.ahead(n).word(w) {
			return false
		}
	}
	return true
}

func (p *parser) acceptOp(s string) bool {
	if p.isOp(s) {
		p.i++
		return true
	}
	return false
}

// accept skips the words if all of them follow.
func (p *parser) accept(words ...string) bool {
	if !p.isWords(words...) {
		return false
	}
	p.i += len(words)
	return true
}

// acceptAny skips one of the words and returns it in upper case, or "".
func (p *parser) acceptAny(words ...string) string {
	if p.at().oneOf(words...) {
		return strings.ToUpper(p.advance().text)
	}
	return ""
}

func (p *parser) expectOp(s string) {
	if !p.acceptOp(s) {
		p.unexpected()
	}
}

func (p *parser) expect(words ...string) {
	for _, w := range words {
		if !p.isWord(w) {
			p.unexpected()
		}
		p.i++
	}
}

// expectAny is acceptAny that must find one.
func (p *parser) expectAny(words ...string) string {
	w := p.acceptAny(words...)
	if w == "" {
		p.unexpected()
	}
	return w
}

func (p *parser) expectEOF() {
	if p.at().kind != tEOF {
		p.unexpected()
	}
}

// list parses item (, item)*.
func list[T any](p *parser, item func() T) []T {
	out := []T{item()}
	for p.acceptOp(",") {
		out = append(out, item())
	}
	return out
}

// parenList parses (item, …), at least one.
func parenList[T any](p *parser, item func() T) []T {
	p.expectOp("(")
	out := list(p, item)
	p.expectOp(")")
	return out
}

// acceptNot, ifExists and ifNotExists skip the common phrases.
func (p *parser) ifExists() bool    { return p.accept("if", "exists") }
func (p *parser) ifNotExists() bool { return p.accept("if", "not", "exists") }

// behavior parses [CASCADE | RESTRICT].
func (p *parser) behavior() string { return p.acceptAny("cascade", "restrict") }
