package parser

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// nameBytesMax is PostgreSQL's NAMEDATALEN less one: longer names are cut.
const nameBytesMax = 63

// lexer cuts a source into tokens by PostgreSQL's rules. An error becomes a
// tError token, so that a syntax error before it is reported first.
type lexer struct {
	src  string
	pos  int
	toks []token
	err  *sqlerr.Error
	buf  [64]byte
}

// run appends all tokens of the source, the last being tEOF or tError.
func (l *lexer) run() {
	for {
		if !l.blank() {
			return
		}
		if l.pos >= len(l.src) {
			l.emit(tEOF, "", l.pos)
			return
		}
		l.next()
		if l.err != nil {
			return
		}
	}
}

func (l *lexer) emit(k kind, text string, start int) {
	l.toks = append(l.toks, token{kind: k, text: text, pos: int32(start), end: int32(l.pos)})
}

// fail ends the token stream with an error whose text runs from start to end.
func (l *lexer) fail(code sqlerr.Code, start, end int, message string) {
	l.err = sqlerr.New(code, "%s at or near \"%s\"", message, l.src[start:end]).At(start + 1)
	l.toks = append(l.toks, token{kind: tError, pos: int32(start), end: int32(end)})
}

func (l *lexer) syntax(start, end int, message string) {
	l.fail(sqlerr.SyntaxError, start, end, message)
}

// peek returns the byte at an offset from the current one, 0 past the end.
func (l *lexer) peek(off int) byte {
	if l.pos+off < len(l.src) {
		return l.src[l.pos+off]
	}
	return 0
}

// blank skips white space and comments; false after an error.
func (l *lexer) blank() bool {
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '-' && l.peek(1) == '-':
			l.lineComment()
		case c == '/' && l.peek(1) == '*':
			if !l.blockComment() {
				return false
			}
		default:
			return true
		}
	}
	return true
}

func (l *lexer) lineComment() {
	for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
		l.pos++
	}
}

func (l *lexer) blockComment() bool {
	start, depth := l.pos, 0
	for l.pos < len(l.src) {
		switch {
		case l.src[l.pos] == '/' && l.peek(1) == '*':
			depth++
			l.pos += 2
		case l.src[l.pos] == '*' && l.peek(1) == '/':
			depth--
			l.pos += 2
			if depth == 0 {
				return true
			}
		default:
			l.pos++
		}
	}
	l.syntax(start, len(l.src), "unterminated /* comment")
	return false
}

func (l *lexer) next() {
	start := l.pos
	c := l.src[l.pos]
	switch {
	case isWordStart(c):
		if !l.prefixed(c) {
			l.word()
		}
	case c >= '0' && c <= '9', c == '.' && isDigit(l.peek(1)):
		l.number()
	case c == '\'':
		if s, ok := l.quoted('\'', start, "unterminated quoted string", false); ok {
			l.emit(tString, s, start)
		}
	case c == '"' || c == '`':
		l.quotedIdent(c, start, false)
	case c == '$':
		l.dollar()
	default:
		l.operator(c)
	}
}

// prefixed lexes E”, B”, X”, N”, U&” and U&""; false if it is none.
func (l *lexer) prefixed(c byte) bool {
	start := l.pos
	if (c == 'u' || c == 'U') && l.peek(1) == '&' && (l.peek(2) == '\'' || l.peek(2) == '"') {
		l.pos += 2
		l.unicode(start)
		return true
	}
	if l.peek(1) != '\'' {
		return false
	}
	switch c {
	case 'e', 'E':
		l.pos++
		if s, ok := l.quoted('\'', start, "unterminated quoted string", true); ok {
			l.emit(tString, s, start)
		}
	case 'n', 'N':
		l.pos++
		if s, ok := l.quoted('\'', start, "unterminated quoted string", false); ok {
			l.emit(tString, s, start)
		}
	case 'b', 'B':
		l.pos++
		if s, ok := l.quoted('\'', start, "unterminated bit string literal", false); ok {
			l.emit(tBit, s, start)
		}
	case 'x', 'X':
		l.pos++
		if s, ok := l.quoted('\'', start, "unterminated hexadecimal string literal", false); ok {
			l.emit(tHex, s, start)
		}
	default:
		return false
	}
	return true
}

func (l *lexer) word() {
	start := l.pos
	lower := true
	for l.pos < len(l.src) && isWordPart(l.src[l.pos]) {
		if c := l.src[l.pos]; c >= 'A' && c <= 'Z' {
			lower = false
		}
		l.pos++
	}
	raw := l.src[start:l.pos]
	if len(raw) > nameBytesMax {
		l.emit(tWord, cutName(strings.Map(foldASCII, raw)), start)
		return
	}
	b := l.buf[:len(raw)]
	for i := range b {
		b[i] = raw[i]
		if b[i] >= 'A' && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	t := token{kind: tWord, pos: int32(start), end: int32(l.pos)}
	if k, ok := ast.LookupKeyword(b); ok {
		t.text, t.class, t.asLabel = k.Text, k.Class, k.AsLabel
	} else if lower {
		t.text = raw
	} else {
		t.text = string(b)
	}
	l.toks = append(l.toks, t)
}

func foldASCII(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// cutName shortens an identifier to what PostgreSQL keeps, at a rune boundary.
func cutName(s string) string {
	if len(s) <= nameBytesMax {
		return s
	}
	n := nameBytesMax
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func (l *lexer) quotedIdent(quote byte, start int, keep bool) (string, bool) {
	from := l.pos
	l.pos++
	var b strings.Builder
	for {
		i := strings.IndexByte(l.src[l.pos:], quote)
		if i < 0 {
			l.pos = len(l.src)
			l.syntax(start, len(l.src), "unterminated quoted identifier")
			return "", false
		}
		b.WriteString(l.src[l.pos : l.pos+i])
		l.pos += i + 1
		if l.peek(0) != quote {
			break
		}
		b.WriteByte(quote)
		l.pos++
	}
	if b.Len() == 0 {
		l.syntax(from, l.pos, "zero-length delimited identifier")
		return "", false
	}
	if !keep {
		l.emit(tQuoted, cutName(b.String()), start)
	}
	return b.String(), true
}

// number lexes an integer, decimal or exponent form; a letter right after it
// is an error since PostgreSQL 15.
func (l *lexer) number() {
	start, k := l.pos, tInt
	l.digits()
	if l.peek(0) == '.' && l.peek(1) != '.' {
		k = tNumber
		l.pos++
		l.digits()
	}
	if c := l.peek(0); c == 'e' || c == 'E' {
		n := 1
		if s := l.peek(1); s == '+' || s == '-' {
			n = 2
		}
		if isDigit(l.peek(n)) {
			k = tNumber
			l.pos += n
			l.digits()
		}
	}
	if isWordStart(l.peek(0)) {
		_, n := utf8.DecodeRuneInString(l.src[l.pos:])
		l.syntax(start, l.pos+n, "trailing junk after numeric literal")
		return
	}
	l.emit(k, l.src[start:l.pos], start)
}

func (l *lexer) digits() {
	for isDigit(l.peek(0)) {
		l.pos++
	}
}

// dollar lexes $1 and $tag$ … $tag$.
func (l *lexer) dollar() {
	start := l.pos
	if isDigit(l.peek(1)) {
		l.pos++
		l.digits()
		if isWordStart(l.peek(0)) {
			l.syntax(start, l.pos+1, "trailing junk after parameter")
			return
		}
		n, err := strconv.ParseInt(l.src[start+1:l.pos], 10, 32)
		if err != nil || n < 1 || n > 65535 {
			l.err = sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter %s", l.src[start:l.pos]).At(start + 1)
			l.toks = append(l.toks, token{kind: tError, pos: int32(start), end: int32(l.pos)})
			return
		}
		l.emit(tParam, l.src[start+1:l.pos], start)
		return
	}
	end := start + 1
	for end < len(l.src) && isWordPart(l.src[end]) && l.src[end] != '$' {
		end++
	}
	if end >= len(l.src) || l.src[end] != '$' {
		l.pos++
		l.syntax(start, l.pos, "syntax error")
		return
	}
	tag := l.src[start : end+1]
	i := strings.Index(l.src[end+1:], tag)
	if i < 0 {
		l.pos = len(l.src)
		l.syntax(start, len(l.src), "unterminated dollar-quoted string")
		return
	}
	body := l.src[end+1 : end+1+i]
	l.pos = end + 1 + i + len(tag)
	l.emit(tString, body, start)
}

const operatorChars = "~!@#^&|?+-*/%<>="

// operator lexes an operator, longest first, with PostgreSQL's rules: it ends
// before a comment, and one that ends in + or - must contain one of ~!@#^&|?%.
func (l *lexer) operator(c byte) {
	start := l.pos
	if strings.IndexByte(operatorChars, c) < 0 {
		l.punctuation(c)
		return
	}
	end := start
	for end < len(l.src) && strings.IndexByte(operatorChars, l.src[end]) >= 0 {
		if end > start && end+1 < len(l.src) {
			if two := l.src[end : end+2]; two == "--" || two == "/*" {
				break
			}
		}
		end++
	}
	op := l.src[start:end]
	if len(op) > 1 && !strings.ContainsAny(op, "~!@#^&|?%") {
		for len(op) > 1 && (op[len(op)-1] == '+' || op[len(op)-1] == '-') {
			op = op[:len(op)-1]
		}
	}
	l.pos = start + len(op)
	if len(op) > nameBytesMax {
		l.syntax(start, l.pos, "operator too long")
		return
	}
	if op == "!=" {
		op = "<>"
	}
	l.emit(tOp, op, start)
}

func (l *lexer) punctuation(c byte) {
	start := l.pos
	switch c {
	case ',', '(', ')', '[', ']', ';', '{', '}':
		l.pos++
	case '.':
		l.pos++
		if l.peek(0) == '.' {
			l.pos++
		}
	case ':':
		l.pos++
		if n := l.peek(0); n == ':' || n == '=' {
			l.pos++
		}
	default:
		l.pos++
		l.syntax(start, l.pos, "syntax error")
		return
	}
	l.emit(tOp, l.src[start:l.pos], start)
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }
