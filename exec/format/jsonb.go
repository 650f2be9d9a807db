package format

import (
	"bytes"
	"slices"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// exponentMax bounds the exponents of numbers that are kept exactly: a few bytes
// such as 1e100000 would otherwise become a hundred kilobytes.
const exponentMax = 1000

// jsonbWriter writes texts that have been scanned as jsonb's normalised text
// (types.ParseJSONB says what that is), without building a tree.
type jsonbWriter struct {
	members []jsonbMember // of the objects being written, the innermost last
	names   []byte        // of members whose names had escapes
	sorted  []byte
	text    []byte
	max     int // bytes of the output: exponents must not blow it up
}

// jsonbMember is a member of an object: its name as text, and the bytes of name
// and value in the output.
type jsonbMember struct {
	name       []byte
	start, end int
}

// append appends the value at s.
func (w *jsonbWriter) append(dst []byte, s *jsonScan) ([]byte, error) {
	w.members, w.names = w.members[:0], w.names[:0]
	w.max = len(dst) + 8*(s.end-s.pos) + 1<<20
	return w.value(dst, s)
}

func (w *jsonbWriter) value(dst []byte, s *jsonScan) ([]byte, error) {
	s.space()
	start := s.pos
	switch c := s.data[s.pos]; {
	case c == '"':
		return w.string(dst, s)
	case c == '{':
		return w.object(dst, s)
	case c == '[':
		return w.array(dst, s)
	case c == '-' || c-'0' <= 9:
		s.number()
		if len(dst) > w.max {
			return dst, sqlerr.New(sqlerr.ProgramLimitExceeded, "written without exponents the numbers of a value take more than %d bytes", w.max)
		}
		return appendNumber(dst, s.data[start:s.pos])
	}
	s.word()
	return append(dst, s.data[start:s.pos]...), nil
}

func (w *jsonbWriter) string(dst []byte, s *jsonScan) ([]byte, error) {
	start := s.pos
	if s.str() == tokString {
		return append(dst, s.data[start:s.pos]...), nil
	}
	var err error
	if w.text, err = unescape(w.text[:0], s.data[start+1:s.pos-1]); err != nil {
		return dst, err
	}
	return types.AppendJSONString(dst, view(w.text)), nil
}

func (w *jsonbWriter) array(dst []byte, s *jsonScan) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	s.pos++
	for first := true; ; first = false {
		s.space()
		switch s.data[s.pos] {
		case ']':
			s.pos++
			return append(dst, ']'), nil
		case ',':
			s.pos++
		}
		if !first {
			dst = append(dst, ", "...)
		}
		if dst, err = w.value(dst, s); err != nil {
			return dst, err
		}
	}
}

func (w *jsonbWriter) object(dst []byte, s *jsonScan) ([]byte, error) {
	dst = append(dst, '{')
	base, begin := len(w.members), len(dst)
	inOrder := true
	var err error
	for s.pos++; ; {
		s.space()
		if s.data[s.pos] == '}' {
			s.pos++
			break
		}
		if s.data[s.pos] == ',' {
			s.pos++
			s.space()
		}
		if len(w.members) > base {
			dst = append(dst, ", "...)
		}
		m := jsonbMember{start: len(dst)}
		if m.name, dst, err = w.name(dst, s); err != nil {
			return dst, err
		}
		s.colon()
		dst = append(dst, ": "...)
		if dst, err = w.value(dst, s); err != nil {
			return dst, err
		}
		m.end = len(dst)
		if n := len(w.members); n > base {
			inOrder = inOrder && compareNames(w.members[n-1].name, m.name) < 0
		}
		w.members = append(w.members, m)
	}
	if !inOrder {
		dst = w.sort(dst, begin, base)
	}
	w.members = w.members[:base]
	return append(dst, '}'), nil
}

func (w *jsonbWriter) name(dst []byte, s *jsonScan) (name, out []byte, err error) {
	start, at := s.pos, len(w.names)
	k := s.str()
	name = s.data[start+1 : s.pos-1]
	if k == tokString {
		return name, append(dst, s.data[start:s.pos]...), nil
	}
	if w.names, err = unescape(w.names, name); err != nil {
		return nil, dst, err
	}
	name = w.names[at:len(w.names):len(w.names)]
	return name, types.AppendJSONString(dst, view(name)), nil
}

// compareNames is jsonb's order: by length, then by bytes.
func compareNames(a, b []byte) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}

// sort orders the members from base on, which stand at begin; the last of equal
// names stays.
func (w *jsonbWriter) sort(dst []byte, begin, base int) []byte {
	ms := w.members[base:]
	slices.SortStableFunc(ms, func(a, b jsonbMember) int { return compareNames(a.name, b.name) })
	w.sorted = append(w.sorted[:0], dst[begin:]...)
	dst = dst[:begin]
	for i, m := range ms {
		if i+1 < len(ms) && compareNames(m.name, ms[i+1].name) == 0 {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ", "...)
		}
		dst = append(dst, w.sorted[m.start-begin:m.end-begin]...)
	}
	return dst
}

// appendNumber writes a number as numeric does: without exponent, and zero
// without minus.
func appendNumber(dst, raw []byte) ([]byte, error) {
	plain := raw[0] != '-'
	for i, c := range raw {
		if c|0x20 == 'e' {
			if err := checkExponent(raw[i+1:]); err != nil {
				return dst, err
			}
			d, err := types.ParseText(view(raw), types.Numeric, nil)
			if err != nil {
				return dst, err
			}
			return types.AppendText(dst, d, types.Numeric, nil), nil
		}
		plain = plain || c >= '1' && c <= '9'
	}
	if !plain {
		raw = raw[1:]
	}
	return append(dst, raw...), nil
}

func checkExponent(digits []byte) error {
	n := 0
	for _, c := range digits {
		if c-'0' <= 9 {
			if n = n*10 + int(c-'0'); n > exponentMax {
				return sqlerr.New(sqlerr.NumericValueOutOfRange, "the exponent of a number is beyond %d", exponentMax)
			}
		}
	}
	return nil
}
