package types

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// jsonDepthMax bounds nesting; PostgreSQL's own bound is its stack size.
const jsonDepthMax = 6400

// jsonNode is one parsed JSON value. text is the number or the decoded string.
type jsonNode struct {
	kind  byte // 'o' 'a' 's' 'n' 't' 'f' '0' (null)
	text  string
	keys  []string
	items []jsonNode
}

// jsonReader reads JSON by PostgreSQL's grammar. With keep it builds nodes and
// refuses what jsonb cannot hold (\u0000); without it only checks, as json does.
type jsonReader struct {
	in    string
	pos   int
	depth int
	keep  bool
}

// CheckJSON is json's input check: the syntax only.
func CheckJSON(s string) error {
	r := jsonReader{in: s}
	_, err := r.document()
	return err
}

// ParseJSONB reads JSON into jsonb's normalised text: object keys sorted by
// length, then bytes, the last of equal keys kept, numbers exact and without
// exponent, one blank after ':' and ','.
func ParseJSONB(s string) (string, error) {
	n, err := parseJSONNode(s)
	if err != nil {
		return "", err
	}
	return string(appendNode(make([]byte, 0, len(s)), &n)), nil
}

func parseJSONNode(s string) (jsonNode, error) {
	if err := checkUTF8(s); err != nil {
		return jsonNode{}, err
	}
	r := jsonReader{in: s, keep: true}
	return r.document()
}

// mustNode parses a text that is a jsonb already; a damaged one reads as null.
func mustNode(s string) jsonNode {
	r := jsonReader{in: s, keep: true}
	n, err := r.document()
	if err != nil {
		return jsonNode{kind: '0'}
	}
	return n
}

func (r *jsonReader) fail(detail string, args ...any) error {
	e := sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json").WithDetail(detail, args...)
	// The context shows the line up to and with the offending token.
	line, start := 1, 0
	for i := 0; i < r.pos && i < len(r.in); i++ {
		if r.in[i] == '\n' {
			line, start = line+1, i+1
		}
	}
	end := min(r.tokenEnd(), len(r.in))
	head, tail := "", ""
	if end-start > 50 {
		start, head = end-50, "..."
		for start < end && !utf8.RuneStart(r.in[start]) {
			start++
		}
	}
	if end < len(r.in) && r.in[end] != '\n' {
		tail = "..."
	}
	return e.WithWhere("JSON data, line %d: %s%s%s", line, head, r.in[min(start, end):end], tail)
}

// tokenEnd is the end of the token at pos.
func (r *jsonReader) tokenEnd() int {
	i := r.pos
	for i < len(r.in) && (isLetter(r.in[i]) || isDigit(r.in[i]) || r.in[i] == '_' || r.in[i] >= 0x80 || strings.IndexByte("+-.", r.in[i]) >= 0) {
		i++
	}
	if i == r.pos && i < len(r.in) {
		_, n := utf8.DecodeRuneInString(r.in[i:])
		i += n
		if r.in[r.pos] == '"' {
			for i < len(r.in) && r.in[i] != '"' {
				i++
			}
			i++
		}
	}
	return min(i, len(r.in))
}

// expected reports what should have stood at pos.
func (r *jsonReader) expected(what string) error {
	if r.pos >= len(r.in) {
		return r.fail("The input string ended unexpectedly.")
	}
	tok := r.in[r.pos:r.tokenEnd()]
	if c := tok[0]; !(strings.IndexByte(`{}[],:"`, c) >= 0 || isDigit(c) || c == '-' || tok == "true" || tok == "false" || tok == "null") {
		return r.fail("Token \"%s\" is invalid.", tok)
	}
	return r.fail("Expected %s, but found \"%s\".", what, tok)
}

func (r *jsonReader) space() {
	for r.pos < len(r.in) {
		switch r.in[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *jsonReader) document() (jsonNode, error) {
	n, err := r.value("JSON value")
	if err != nil {
		return n, err
	}
	r.space()
	if r.pos < len(r.in) {
		return n, r.expected("end of input")
	}
	return n, nil
}

func (r *jsonReader) value(what string) (n jsonNode, err error) {
	r.space()
	if r.pos >= len(r.in) {
		return n, r.expected(what)
	}
	switch c := r.in[r.pos]; {
	case c == '{' || c == '[':
		if r.depth++; r.depth > jsonDepthMax {
			return n, sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
				WithHint("JSON may be nested up to %d levels deep.", jsonDepthMax)
		}
		if c == '{' {
			n, err = r.object()
		} else {
			n, err = r.array()
		}
		r.depth--
		return n, err
	case c == '"':
		n.kind = 's'
		n.text, err = r.str()
		return n, err
	case c == '-' || isDigit(c):
		n.kind = 'n'
		n.text, err = r.number()
		return n, err
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(r.in[r.pos:], w) && r.tokenEnd() == r.pos+len(w) {
			n.kind = w[0]
			if w == "null" {
				n.kind = '0'
			}
			r.pos += len(w)
			return n, nil
		}
	}
	return n, r.expected(what)
}

func (r *jsonReader) object() (n jsonNode, err error) {
	n.kind = 'o'
	r.pos++
	r.space()
	if r.pos < len(r.in) && r.in[r.pos] == '}' {
		r.pos++
		return n, nil
	}
	for first := true; ; first = false {
		r.space()
		if r.pos >= len(r.in) || r.in[r.pos] != '"' {
			if first {
				return n, r.expected("string or \"}\"")
			}
			return n, r.expected("string")
		}
		key, err := r.str()
		if err != nil {
			return n, err
		}
		r.space()
		if r.pos >= len(r.in) || r.in[r.pos] != ':' {
			return n, r.expected("\":\"")
		}
		r.pos++
		v, err := r.value("JSON value")
		if err != nil {
			return n, err
		}
		if r.keep {
			n.keys, n.items = append(n.keys, key), append(n.items, v)
		}
		r.space()
		if r.pos < len(r.in) && r.in[r.pos] == ',' {
			r.pos++
			continue
		}
		if r.pos >= len(r.in) || r.in[r.pos] != '}' {
			return n, r.expected("\",\" or \"}\"")
		}
		r.pos++
		n.sortKeys()
		return n, nil
	}
}

func (r *jsonReader) array() (n jsonNode, err error) {
	n.kind = 'a'
	r.pos++
	r.space()
	if r.pos < len(r.in) && r.in[r.pos] == ']' {
		r.pos++
		return n, nil
	}
	what := "array element or \"]\""
	for {
		v, err := r.value(what)
		if err != nil {
			return n, err
		}
		what = "JSON value"
		if r.keep {
			n.items = append(n.items, v)
		}
		r.space()
		if r.pos < len(r.in) && r.in[r.pos] == ',' {
			r.pos++
			continue
		}
		if r.pos >= len(r.in) || r.in[r.pos] != ']' {
			return n, r.expected("\",\" or \"]\"")
		}
		r.pos++
		return n, nil
	}
}

func (r *jsonReader) number() (string, error) {
	s, i := r.in, r.pos
	if s[i] == '-' {
		i++
	}
	ok := true
	intStart := i
	i = digitRun(s, i)
	ok = i > intStart && (s[intStart] != '0' || i == intStart+1)
	plain := ok && s[r.pos] != '-'
	if ok && i < len(s) && s[i] == '.' {
		j := digitRun(s, i+1)
		ok = j > i+1
		i = j
	}
	if ok && i < len(s) && s[i]|0x20 == 'e' {
		plain = false
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		k := digitRun(s, j)
		ok = k > j
		i = k
	}
	if end := r.tokenEnd(); !ok || end > i {
		return "", r.fail("Token \"%s\" is invalid.", s[r.pos:end])
	}
	text := s[r.pos:i]
	r.pos = i
	if !r.keep || plain {
		return text, nil
	}
	d, err := parseNumericSlow(text)
	if err != nil {
		return "", err
	}
	return string(appendNumericText(nil, d)), nil
}

// str reads a string and decodes its escapes.
func (r *jsonReader) str() (string, error) {
	s, start := r.in, r.pos+1
	i := start
	for i < len(s) && s[i] != '"' && s[i] != '\\' && s[i] >= 0x20 {
		i++
	}
	if i < len(s) && s[i] == '"' {
		r.pos = i + 1
		return s[start:i], nil
	}
	buf := append(make([]byte, 0, i-start+16), s[start:i]...)
	high := rune(0)
	for i < len(s) {
		c := s[i]
		if high != 0 && (c != '\\' || i+1 < len(s) && s[i+1] != 'u') {
			return "", r.fail("Unicode low surrogate must follow a high surrogate.")
		}
		switch {
		case c == '"':
			r.pos = i + 1
			return string(buf), nil
		case c < 0x20:
			return "", r.fail("Character with value 0x%02x must be escaped.", c)
		case c != '\\':
			buf = append(buf, c)
			i++
			continue
		}
		if i+1 == len(s) {
			break
		}
		i += 2
		switch e := s[i-1]; e {
		case '"', '\\', '/':
			buf = append(buf, e)
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			if i+4 > len(s) {
				return "", r.fail("\"\\u\" must be followed by four hexadecimal digits.")
			}
			u, err := strconv.ParseUint(s[i:i+4], 16, 32)
			if err != nil {
				return "", r.fail("\"\\u\" must be followed by four hexadecimal digits.")
			}
			i += 4
			c := rune(u)
			if !r.keep { // json checks the syntax of escapes, not what they mean
				continue
			}
			switch {
			case c >= 0xd800 && c < 0xdc00:
				if high != 0 {
					return "", r.fail("Unicode high surrogate must not follow a high surrogate.")
				}
				high = c
				continue
			case c >= 0xdc00 && c < 0xe000:
				if high == 0 {
					return "", r.fail("Unicode low surrogate must follow a high surrogate.")
				}
				c = 0x10000 + (high-0xd800)<<10 + (c - 0xdc00)
				high = 0
			case high != 0:
				return "", r.fail("Unicode low surrogate must follow a high surrogate.")
			case c == 0:
				return "", sqlerr.New(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence").
					WithDetail("\\u0000 cannot be converted to text.")
			}
			buf = utf8.AppendRune(buf, c)
		default:
			_, n := utf8.DecodeRuneInString(s[i-1:])
			return "", r.fail("Escape sequence \"\\%s\" is invalid.", s[i-1:i-1+n])
		}
	}
	return "", r.fail("Token \"%s\" is invalid.", s[start-1:])
}

// keyLess is jsonb's order of keys.
func keyLess(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// sortKeys orders the members and keeps the last of equal keys.
func (n *jsonNode) sortKeys() {
	sorted := true
	for i := 1; i < len(n.keys) && sorted; i++ {
		sorted = keyLess(n.keys[i-1], n.keys[i])
	}
	if sorted {
		return
	}
	sort.Stable((*byKey)(n))
	out := 0
	for i := range n.keys {
		if i+1 < len(n.keys) && n.keys[i] == n.keys[i+1] {
			continue
		}
		n.keys[out], n.items[out] = n.keys[i], n.items[i]
		out++
	}
	n.keys, n.items = n.keys[:out], n.items[:out]
}

type byKey jsonNode

func (b *byKey) Len() int           { return len(b.keys) }
func (b *byKey) Less(i, j int) bool { return keyLess(b.keys[i], b.keys[j]) }
func (b *byKey) Swap(i, j int) {
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
	b.items[i], b.items[j] = b.items[j], b.items[i]
}

// find returns the position of a key, -1 if there is none.
func (n *jsonNode) find(key string) int {
	i := sort.Search(len(n.keys), func(i int) bool { return !keyLess(n.keys[i], key) })
	if i < len(n.keys) && n.keys[i] == key {
		return i
	}
	return -1
}

// appendNode writes the normalised text.
func appendNode(dst []byte, n *jsonNode) []byte {
	switch n.kind {
	case 'o':
		dst = append(dst, '{')
		for i := range n.items {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = AppendJSONString(dst, n.keys[i])
			dst = append(dst, ": "...)
			dst = appendNode(dst, &n.items[i])
		}
		return append(dst, '}')
	case 'a':
		dst = append(dst, '[')
		for i := range n.items {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendNode(dst, &n.items[i])
		}
		return append(dst, ']')
	case 's':
		return AppendJSONString(dst, n.text)
	case 'n':
		return append(dst, n.text...)
	case 't':
		return append(dst, "true"...)
	case 'f':
		return append(dst, "false"...)
	}
	return append(dst, "null"...)
}

func (n *jsonNode) String() string { return string(appendNode(nil, n)) }

// AppendJSONString writes s as a JSON string.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}
