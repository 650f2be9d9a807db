package copytext

import (
	"bytes"

	"github.com/tarndb/tarn/sql/types"
)

// splitter cuts a line into fields. A field without escapes is a part of the
// line, others are unescaped into scratch; both hold until the next line.
type splitter struct {
	o       Options
	fieldsN int      // how many are kept; the rest is only counted
	fields  [][]byte // nil = NULL
	n       int
	scratch []byte
}

// split returns an error without context.
func (s *splitter) split(line []byte) error {
	s.fields, s.n, s.scratch = s.fields[:0], 0, s.scratch[:0]
	if s.o.CSV {
		return s.splitCSV(line)
	}
	return s.splitText(line)
}

func (s *splitter) add(field []byte) {
	if s.n < s.fieldsN {
		s.fields = append(s.fields, field)
	}
	s.n++
}

func (s *splitter) splitText(line []byte) error {
	delim := s.o.Delimiter
	for start, i, escaped := 0, 0, false; ; i++ {
		if i < len(line) {
			c := line[i]
			if c == '\\' {
				escaped = true
				i++
				continue
			}
			if c != delim {
				continue
			}
		}
		// A backslash at the end of the data escapes nothing and is dropped.
		end := min(i, len(line))
		raw := line[start:end:end]
		if i > len(line) {
			raw = raw[:len(raw)-1]
		}
		switch {
		case string(raw) == s.o.Null:
			s.add(nil)
		case escaped:
			field, err := s.unescape(raw)
			if err != nil {
				return err
			}
			s.add(field)
		default:
			s.add(raw)
		}
		if i >= len(line) {
			return nil
		}
		start, escaped = i+1, false
	}
}

// unescape undoes the backslashes of a text field.
func (s *splitter) unescape(raw []byte) ([]byte, error) {
	at, suspect := len(s.scratch), false
	for i := 0; i < len(raw); {
		n := bytes.IndexByte(raw[i:], '\\')
		if n < 0 {
			s.scratch = append(s.scratch, raw[i:]...)
			break
		}
		s.scratch = append(s.scratch, raw[i:i+n]...)
		i += n + 1
		if i == len(raw) {
			break
		}
		c, used := escapeChar(raw[i:])
		if used > 1 || c != raw[i] {
			suspect = suspect || c == 0 || c >= 0x80
		}
		s.scratch = append(s.scratch, c)
		i += used
	}
	field := s.scratch[at:len(s.scratch):len(s.scratch)]
	if suspect {
		return field, types.CheckUTF8(field)
	}
	return field, nil
}

// escapeChar reads what follows a backslash: the byte that is meant and how many
// bytes say so.
func escapeChar(b []byte) (c byte, used int) {
	switch c = b[0]; c {
	case 'b':
		return '\b', 1
	case 'f':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'v':
		return '\v', 1
	case '0', '1', '2', '3', '4', '5', '6', '7':
		v, n := 0, 0
		for n < 3 && n < len(b) && b[n]-'0' < 8 {
			v = v<<3 | int(b[n]-'0')
			n++
		}
		return byte(v), n
	case 'x':
		v, n := 0, 1
		for n < 3 && n < len(b) {
			h := hexValue(b[n])
			if h < 0 {
				break
			}
			v = v<<4 | h
			n++
		}
		if n > 1 {
			return byte(v), n
		}
	}
	return c, 1
}

func hexValue(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func (s *splitter) splitCSV(line []byte) error {
	delim, quote := s.o.Delimiter, s.o.Quote
	for start, i := 0, 0; ; {
		for i < len(line) && line[i] != delim && line[i] != quote {
			i++
		}
		if i < len(line) && line[i] == quote {
			field, end, err := s.unquote(line, start, i)
			if err != nil {
				return err
			}
			s.add(field)
			i = end
		} else if raw := line[start:i:i]; string(raw) == s.o.Null {
			s.add(nil)
		} else {
			s.add(raw)
		}
		if i == len(line) {
			return nil
		}
		i++
		start = i
	}
}

// unquote reads a field of which line[start:i] stands before the first quote; it
// returns the position of the delimiter or the line's end.
func (s *splitter) unquote(line []byte, start, i int) (field []byte, end int, err error) {
	delim, quote, escape := s.o.Delimiter, s.o.Quote, s.o.Escape
	at := len(s.scratch)
	s.scratch = append(s.scratch, line[start:i]...)
	for inQuote := false; ; i++ {
		if i == len(line) {
			if inQuote {
				return nil, 0, errFormat("unterminated CSV quoted field")
			}
			break
		}
		c := line[i]
		switch {
		case inQuote && c == escape && i+1 < len(line) && (line[i+1] == escape || line[i+1] == quote):
			i++
			s.scratch = append(s.scratch, line[i])
			continue
		case c == quote:
			inQuote = !inQuote
			continue
		case inQuote:
			n := 1
			if escape == quote {
				if n = bytes.IndexByte(line[i:], quote); n < 0 {
					n = len(line) - i
				}
			}
			s.scratch = append(s.scratch, line[i:i+n]...)
			i += n - 1
			continue
		case c == delim:
		default:
			s.scratch = append(s.scratch, c)
			continue
		}
		break
	}
	return s.scratch[at:len(s.scratch):len(s.scratch)], i, nil
}
