package format

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// depthMax bounds nesting.
const depthMax = 512

// jsonScan walks JSON texts and notes where the values are that a tree of names
// asks for. All of a text is checked against the grammar, what nobody asks for
// too.
type jsonScan struct {
	data  []byte // of all texts
	pos   int
	end   int // of this text
	depth int
	// row is the tokens of the row being read, one a field.
	row []token
	// why says what is wrong at pos, once a method has returned false.
	why  string
	code sqlerr.Code
}

func (s *jsonScan) fail(why string) bool {
	s.why, s.code = why, sqlerr.InvalidTextRepresentation
	return false
}

// expected says what should have stood at pos.
func (s *jsonScan) expected(what string) bool {
	if s.pos >= s.end {
		return s.fail("it ends too early")
	}
	return s.fail("expected " + what)
}

// err is the error of the text that begins at start.
func (s *jsonScan) err(start int) *sqlerr.Error {
	e := sqlerr.New(s.code, "invalid JSON at byte %d: %s", s.pos-start, s.why)
	if s.pos < s.end {
		e.WithDetail("There stands \"%s\".", excerpt(s.data[s.pos:s.end]))
	}
	return e
}

// excerptBytes is how much of a value a message quotes.
const excerptBytes = 60

// excerpt is the beginning of b as valid text.
func excerpt(b []byte) string {
	tail := ""
	if len(b) > excerptBytes {
		b, tail = b[:excerptBytes], "…"
	}
	return string(bytes.ToValidUTF8(b, []byte("\ufffd"))) + tail
}

func (s *jsonScan) space() {
	for s.pos < s.end && s.data[s.pos] <= ' ' {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// value reads a value; n is who asks for it or for something in it, or nil.
func (s *jsonScan) value(n *jsonNode, folded bool) bool {
	s.space()
	if s.pos >= s.end {
		return s.expected("a value")
	}
	start := s.pos
	var k tokenKind
	switch c := s.data[s.pos]; {
	case c == '"':
		if k = s.str(); k == tokNone {
			return false
		}
		if n != nil && len(n.cols) > 0 {
			s.put(n, token{start: uint32(start + 1), end: uint32(s.pos - 1), kind: k, folded: folded})
		}
		return true
	case c == '-' || c-'0' <= 9:
		if k = s.number(); k == tokNone {
			return false
		}
	case c == '{':
		k = tokObject
		if !s.object(n, folded) {
			return false
		}
	case c == '[':
		k = tokArray
		if !s.array() {
			return false
		}
	default:
		if k = s.word(); k == tokNone {
			return false
		}
	}
	if n != nil && len(n.cols) > 0 {
		s.put(n, token{start: uint32(start), end: uint32(s.pos), kind: k, folded: folded})
	}
	return true
}

// put notes a value for the fields of n. The last of equal names counts, but a
// name that fits exactly wins over one whose case had to be ignored.
func (s *jsonScan) put(n *jsonNode, t token) {
	for _, c := range n.cols {
		if t.folded && s.row[c].kind != tokNone && !s.row[c].folded {
			continue
		}
		s.row[c] = t
	}
}

func (s *jsonScan) word() tokenKind {
	rest := s.data[s.pos:s.end]
	for _, w := range [...]struct {
		text string
		kind tokenKind
	}{{"true", tokTrue}, {"false", tokFalse}, {"null", tokNull}} {
		if len(rest) >= len(w.text) && string(rest[:len(w.text)]) == w.text {
			s.pos += len(w.text)
			return w.kind
		}
	}
	s.expected("a value")
	return tokNone
}

// number reads a number by the grammar: no leading zeros, digits on both sides
// of a point.
func (s *jsonScan) number() tokenKind {
	d, i, k := s.data[:s.end], s.pos, tokInt
	if d[i] == '-' {
		i++
	}
	first := i
	for i < len(d) && d[i]-'0' <= 9 {
		i++
	}
	ok := i > first && (d[first] != '0' || i == first+1)
	if ok && i < len(d) && d[i] == '.' {
		k = tokNumber
		first = i + 1
		for i++; i < len(d) && d[i]-'0' <= 9; i++ {
		}
		ok = i > first
	}
	if ok && i < len(d) && d[i]|0x20 == 'e' {
		k = tokNumber
		if i++; i < len(d) && (d[i] == '+' || d[i] == '-') {
			i++
		}
		first = i
		for i < len(d) && d[i]-'0' <= 9 {
			i++
		}
		ok = i > first
	}
	if !ok {
		s.fail("this is not a number")
		return tokNone
	}
	s.pos = i
	return k
}

func (s *jsonScan) deeper() bool {
	if s.depth++; s.depth > depthMax {
		s.fail("it is nested too deeply")
		s.code = sqlerr.StatementTooComplex
		return false
	}
	return true
}

// plainInt is the end of the integer at i, -1 if there is none or the number goes on.
func plainInt(d []byte, i int) int {
	if d[i] == '-' {
		i++
	}
	first := i
	for i+8 <= len(d) {
		n := digits(binary.LittleEndian.Uint64(d[i:]))
		if i += n; n < 8 {
			break
		}
	}
	for i < len(d) && d[i]-'0' <= 9 {
		i++
	}
	if i == first || d[first] == '0' && i > first+1 || i < len(d) && (d[i] == '.' || d[i]|0x20 == 'e') {
		return -1
	}
	return i
}

// digits counts the bytes of w from the first on that are digits.
func digits(w uint64) int {
	x := w ^ ones*'0'
	return bits.TrailingZeros64(((x&^uint64(highs))+ones*(0x80-10)|x)&highs) >> 3
}

func (s *jsonScan) array() bool {
	if !s.deeper() {
		return false
	}
	s.pos++
	s.space()
	if s.pos < s.end && s.data[s.pos] == ']' {
		s.pos++
		s.depth--
		return true
	}
	for {
		if !s.value(nil, false) {
			return false
		}
		s.space()
		if s.pos < s.end && s.data[s.pos] == ',' {
			s.pos++
			continue
		}
		if s.pos >= s.end || s.data[s.pos] != ']' {
			return s.expected("\",\" or \"]\"")
		}
		s.pos++
		s.depth--
		return true
	}
}

func (s *jsonScan) object(n *jsonNode, folded bool) bool {
	if !s.deeper() {
		return false
	}
	if n != nil && n.children == nil {
		n = nil
	}
	s.pos++
	s.space()
	if s.pos < s.end && s.data[s.pos] == '}' {
		s.pos++
		s.depth--
		return true
	}
	prev := int32(-1)
	for {
		if n != nil {
			var ended bool
			if prev, ended = s.plain(n, prev, folded); ended {
				s.depth--
				return true
			}
		}
		var child *jsonNode
		childFolded, ok := folded, false
		if n == nil {
			ok = s.anyName()
		} else if child, prev, ok = s.name(n, prev); child != nil && prev >= 0 {
			childFolded = folded || n.members[prev].folded
		}
		if !ok || !s.value(child, childFolded) {
			return false
		}
		s.space()
		if s.pos >= s.end {
			return s.expected("")
		}
		switch s.data[s.pos] {
		case ',':
			s.pos++
		case '}':
			s.pos++
			s.depth--
			return true
		default:
			return s.expected("\",\" or \"}\"")
		}
	}
}

// plain reads members as most are: the one that was expected, then at once a string
// without escapes or an integer, then at once a comma. It stops before the first that
// is otherwise, or behind the object's end.
func (s *jsonScan) plain(n *jsonNode, prev int32, folded bool) (last int32, ended bool) {
	data, pos, end := s.data, s.pos, s.end
	for {
		guess := n.first
		if prev >= 0 {
			guess = n.members[prev].next
		}
		if guess < 0 {
			break
		}
		m := &n.members[guess]
		at := pos + len(m.raw)
		if at >= end || !m.stands(data, pos, at) {
			break
		}
		t := token{start: uint32(at), kind: tokInt, folded: folded || m.folded}
		if data[at] == '"' {
			t.start, t.kind = uint32(at+1), tokString
			at = plainString(data, at+1)
			if at >= end || data[at] != '"' {
				break
			}
			t.end = uint32(at)
			at++
		} else {
			if at = plainInt(data[:end], at); at < 0 {
				break
			}
			t.end = uint32(at)
		}
		if at >= end || data[at] != ',' && data[at] != '}' {
			break
		}
		if m.only >= 0 && !t.folded {
			s.row[m.only] = t
		} else if m.child >= 0 {
			s.put(n.children[m.child], t)
		}
		pos, prev = at+1, guess
		if data[at] == '}' {
			s.pos = pos
			return prev, true
		}
	}
	s.pos = pos
	return prev, false
}

// anyName reads a name that nobody asks for, and the colon.
func (s *jsonScan) anyName() bool {
	s.space()
	if s.pos >= s.end || s.data[s.pos] != '"' {
		return s.expected("a name in quotes")
	}
	return s.str() != tokNone && s.colon()
}

func (s *jsonScan) colon() bool {
	s.space()
	if s.pos >= s.end || s.data[s.pos] != ':' {
		return s.expected("\":\"")
	}
	s.pos++
	return true
}

// name reads the name after member prev of an object of n, and the colon.
func (s *jsonScan) name(n *jsonNode, prev int32) (child *jsonNode, at int32, ok bool) {
	s.space()
	guess := n.first
	if prev >= 0 {
		guess = n.members[prev].next
	}
	if guess >= 0 {
		m := &n.members[guess]
		if e := s.pos + len(m.raw); e <= s.end && string(s.data[s.pos:e]) == m.raw {
			s.pos = e
			if m.child >= 0 {
				child = n.children[m.child]
			}
			return child, guess, true
		}
	}
	if s.pos >= s.end || s.data[s.pos] != '"' {
		return nil, 0, s.expected("a name in quotes")
	}
	start := s.pos + 1
	k := s.str()
	if k == tokNone {
		return nil, 0, false
	}
	m, at := n.member(s.data[start:s.pos-1], k == tokEscaped)
	n.follow(prev, at)
	if m.child >= 0 {
		child = n.children[m.child]
	}
	return child, at, s.colon()
}
