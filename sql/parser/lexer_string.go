package parser

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// quoted reads a string from the opening quote at l.pos, with its continuation
// over newlines; with escapes, backslashes as in E”.
func (l *lexer) quoted(quote byte, start int, unterminated string, escapes bool) (string, bool) {
	l.pos++
	var b []byte
	from := l.pos // the part since from is not in b yet
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == '\\' && escapes:
			b = append(b, l.src[from:l.pos]...)
			var ok bool
			if b, ok = l.escape(b); !ok {
				return "", false
			}
			from = l.pos
		case c != quote:
			l.pos++
		case l.peek(1) == quote:
			b = append(b, l.src[from:l.pos+1]...)
			l.pos += 2
			from = l.pos
		default:
			end := l.pos
			l.pos++
			if next, ok := l.continued(quote); ok {
				b = append(b, l.src[from:end]...)
				l.pos = next
				from = next
				continue
			}
			if b == nil {
				return l.src[from:end], true
			}
			b = append(b, l.src[from:end]...)
			if !utf8.Valid(b) || strings.IndexByte(string(b), 0) >= 0 {
				l.fail(sqlerr.CharacterNotInRepertoire, start, l.pos, `invalid byte sequence for encoding "UTF8"`)
				return "", false
			}
			return string(b), true
		}
	}
	l.syntax(start, len(l.src), unterminated)
	return "", false
}

// continued finds the quote that continues a string: white space with a
// newline in between. It returns the offset after that quote.
func (l *lexer) continued(quote byte) (int, bool) {
	i, newline := l.pos, false
	for i < len(l.src) {
		switch c := l.src[i]; {
		case c == '\n' || c == '\r':
			newline = true
			i++
		case isSpace(c):
			i++
		case newline && c == '-' && i+1 < len(l.src) && l.src[i+1] == '-':
			for i < len(l.src) && l.src[i] != '\n' && l.src[i] != '\r' {
				i++
			}
		case newline && c == quote:
			return i + 1, true
		default:
			return 0, false
		}
	}
	return 0, false
}

// escape appends the value of the backslash sequence at l.pos.
func (l *lexer) escape(b []byte) ([]byte, bool) {
	at := l.pos
	l.pos++
	if l.pos >= len(l.src) {
		return b, true // the caller reports the missing quote
	}
	c := l.src[l.pos]
	l.pos++
	switch c {
	case 'b':
		return append(b, '\b'), true
	case 'f':
		return append(b, '\f'), true
	case 'n':
		return append(b, '\n'), true
	case 'r':
		return append(b, '\r'), true
	case 't':
		return append(b, '\t'), true
	case 'v':
		return append(b, '\v'), true
	case 'x':
		if v, n := l.radix(16, 2); n > 0 {
			return append(b, byte(v)), true
		}
		return append(b, c), true
	case '0', '1', '2', '3', '4', '5', '6', '7':
		l.pos--
		v, _ := l.radix(8, 3)
		return append(b, byte(v)), true
	case 'u', 'U':
		want := 4
		if c == 'U' {
			want = 8
		}
		return l.escapeRune(b, at, want)
	default:
		return append(b, c), true
	}
}

// escapeRune appends \uXXXX or \UXXXXXXXX, joining surrogate pairs.
func (l *lexer) escapeRune(b []byte, at, want int) ([]byte, bool) {
	v, n := l.radix(16, want)
	if n < want {
		l.fail(sqlerr.InvalidEscapeSequence, at, l.pos, "invalid Unicode escape")
		return nil, false
	}
	r := rune(v)
	if utf16.IsSurrogate(r) {
		if l.peek(0) == '\\' && (l.peek(1) == 'u' || l.peek(1) == 'U') {
			w := 4
			if l.peek(1) == 'U' {
				w = 8
			}
			l.pos += 2
			if v2, n := l.radix(16, w); n == w {
				r = utf16.DecodeRune(r, rune(v2))
			}
		}
		if utf16.IsSurrogate(r) || r == utf8.RuneError {
			l.syntax(at, l.pos, "invalid Unicode surrogate pair")
			return nil, false
		}
	}
	if r == 0 || v > utf8.MaxRune {
		l.syntax(at, l.pos, "invalid Unicode escape value")
		return nil, false
	}
	return utf8.AppendRune(b, r), true
}

// radix reads up to max digits of a base and returns the value and their count.
func (l *lexer) radix(base uint32, max int) (v uint32, n int) {
	for n < max && l.pos < len(l.src) {
		d := digitValue(l.src[l.pos])
		if d >= base {
			break
		}
		v = v*base + d
		l.pos++
		n++
	}
	return v, n
}

func digitValue(c byte) uint32 {
	switch {
	case c >= '0' && c <= '9':
		return uint32(c - '0')
	case c >= 'a' && c <= 'f':
		return uint32(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint32(c-'A') + 10
	}
	return 255
}

// unicode reads U&'…' and U&"…" with an optional UESCAPE 'c'.
func (l *lexer) unicode(start int) {
	ident := l.src[l.pos] == '"'
	var s string
	var ok bool
	if ident {
		s, ok = l.quotedIdent('"', start, true)
	} else {
		s, ok = l.quoted('\'', start, "unterminated quoted string", false)
	}
	if !ok {
		return
	}
	end := l.pos
	esc := byte('\\')
	if !l.blank() {
		return
	}
	if len(l.src)-l.pos >= 7 && strings.EqualFold(l.src[l.pos:l.pos+7], "uescape") {
		l.pos += 7
		if !l.blank() {
			return
		}
		at := l.pos
		if l.peek(0) != '\'' || l.peek(2) != '\'' || strings.IndexByte("0123456789abcdefABCDEF+'\" \t\n", l.peek(1)) >= 0 {
			l.syntax(at, min(at+1, len(l.src)), "invalid Unicode escape character")
			return
		}
		esc = l.peek(1)
		l.pos += 3
		end = l.pos
	} else {
		l.pos = end
	}
	out, ok := decodeUnicode(s, esc)
	if !ok {
		l.syntax(start, end, "invalid Unicode escape")
		return
	}
	if ident {
		l.emit(tQuoted, cutName(out), start)
		return
	}
	l.emit(tString, out, start)
}

// decodeUnicode replaces \XXXX and \+XXXXXX, with esc as the backslash.
func decodeUnicode(s string, esc byte) (string, bool) {
	var b []byte
	var high rune
	for i := 0; i < len(s); {
		if s[i] != esc || i+1 < len(s) && s[i+1] == esc {
			if high != 0 {
				return "", false
			}
			if s[i] == esc {
				i++
			}
			b = append(b, s[i])
			i++
			continue
		}
		i++
		want := 4
		if i < len(s) && s[i] == '+' {
			i++
			want = 6
		}
		if i+want > len(s) {
			return "", false
		}
		var r rune
		for _, c := range []byte(s[i : i+want]) {
			d := digitValue(c)
			if d > 15 {
				return "", false
			}
			r = r<<4 | rune(d)
		}
		i += want
		switch {
		case high != 0:
			if r = utf16.DecodeRune(high, r); r == utf8.RuneError {
				return "", false
			}
			high = 0
		case utf16.IsSurrogate(r):
			high = r
			continue
		}
		if r == 0 || !utf8.ValidRune(r) {
			return "", false
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b), high == 0
}
