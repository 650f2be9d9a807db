package copytext

import (
	"bytes"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// lineBytesMax bounds what is kept of a line whose end has not come yet.
const lineBytesMax = 64 << 20

// eol is how lines end; the first line decides for all.
type eol uint8

const (
	eolUnknown eol = iota
	eolLF
	eolCRLF
	eolCR
)

var lf, cr = []byte{'\n'}, []byte{'\r'} // not to be changed

// found is what scanner.next came to.
type found uint8

const (
	foundMore  found = iota // the line's end is not in the buffer yet
	foundPlain              // a line without backslash (text) or quote (csv)
	foundLine               // any other line
	foundEnd                // the end marker \.; the line is what stood before it
)

// scanner cuts the buffer into lines. Lines that are like most are found by
// searching for their newline; the others go through slow, which looks at each
// byte, and can stop and go on between any two.
type scanner struct {
	csv           bool
	special       byte // what makes a line not plain: backslash or quote
	quote, escape byte // csv; escape is 0 if it is the quote
	eol           eol

	buf   []byte
	pos   int  // start of the current line
	valid int  // buf[:valid] is UTF-8 without NUL
	bad   bool // and buf[valid:] starts with what is not
	no    int64

	// Of slow, on a line that has not ended: where it is, and whether in quotes.
	partial          bool
	at               int
	inQuote, lastEsc bool

	// Positions of the next special byte and carriage return at or after the
	// place last asked from; they save two searches a line.
	nextSpecial, nextCR int
}

// load sets the buffer, of which the first valid bytes were in the last one.
func (s *scanner) load(buf []byte) {
	s.buf, s.nextSpecial, s.nextCR = buf, -1, -1
	rest := buf[s.valid:]
	if utf8.Valid(rest) && bytes.IndexByte(rest, 0) < 0 {
		s.valid = len(buf)
		return
	}
	for len(rest) > 0 && rest[0] != 0 {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			break
		}
		rest = rest[n:]
	}
	s.valid = len(buf) - len(rest)
	// With fewer bytes than the first one asks for, wait: the error names them all.
	s.bad = rest[0] == 0 || len(rest) >= types.UTF8Len(rest[0])
}

// unload forgets the lines that are done and returns what is left.
func (s *scanner) unload() []byte {
	rest := s.buf[s.pos:]
	s.at, s.valid, s.pos, s.buf = s.at-s.pos, s.valid-s.pos, 0, nil
	return rest
}

// next finds the next line. final says that no more bytes will come.
func (s *scanner) next(final bool) (line []byte, f found, err error) {
	if !s.partial {
		s.no++
		if s.eol == eolLF || s.eol == eolCRLF {
			if line, f := s.quick(); f != foundMore {
				return line, f, nil
			}
		}
		s.at, s.inQuote, s.lastEsc = s.pos, false, false
	}
	s.partial = false
	return s.slow(final)
}

func (s *scanner) seek(next *int, c byte) int {
	if *next < s.pos {
		*next = s.valid
		if i := bytes.IndexByte(s.buf[s.pos:s.valid], c); i >= 0 {
			*next = s.pos + i
		}
	}
	return *next
}

// quick finds lines whose newline ends them for sure; it leaves all others, and
// all errors, to slow.
func (s *scanner) quick() ([]byte, found) {
	n := bytes.IndexByte(s.buf[s.pos:s.valid], '\n')
	if n < 0 {
		return nil, foundMore
	}
	end := s.pos + n
	stop := end
	ret := s.seek(&s.nextCR, '\r')
	if s.eol == eolCRLF {
		stop = end - 1
		if ret != stop {
			return nil, foundMore
		}
	} else if ret < end {
		return nil, foundMore
	}
	line, f := s.buf[s.pos:stop], foundPlain
	if s.seek(&s.nextSpecial, s.special) < stop {
		if s.csv || !escapesWithin(line) {
			return nil, foundMore
		}
		f = foundLine
	} else if s.csv && len(line) > 0 && line[0] == '\\' {
		return nil, foundMore
	}
	s.pos = end + 1
	return line, f
}

// escapesWithin reports whether no backslash of the line is the start of \. or
// escapes the line's end.
func escapesWithin(line []byte) bool {
	for i := 0; ; i += 2 {
		n := bytes.IndexByte(line[i:], '\\')
		if n < 0 {
			return true
		}
		if i += n; i+1 == len(line) || line[i+1] == '.' {
			return false
		}
		if i+2 == len(line) {
			return true
		}
	}
}

// take ends the line at end and goes on after skip more bytes.
func (s *scanner) take(end, skip int, f found) ([]byte, found, error) {
	line := s.buf[s.pos:end]
	s.pos = min(end+skip, s.valid)
	return line, f, nil
}

// more stops before byte i, to be resumed there.
func (s *scanner) more(i int) ([]byte, found, error) {
	s.at, s.partial = i, true
	if i-s.pos > lineBytesMax {
		return nil, foundMore, sqlerr.New(sqlerr.ProgramLimitExceeded, "line of COPY data is longer than %d bytes", lineBytesMax)
	}
	return nil, foundMore, nil
}

// slow looks at each byte of a line, as PostgreSQL's reader does.
func (s *scanner) slow(final bool) ([]byte, found, error) {
	end := s.valid
	final = final && !s.bad && end == len(s.buf)
	for i := s.at; i < end; i++ {
		if s.inQuote && s.escape == 0 {
			if i = s.skipQuoted(i); i == end {
				break
			}
		}
		c := s.buf[i]
		if (c == '\\' || c == '\r') && i+1 == end && !final {
			return s.more(i)
		}
		if s.csv {
			s.quoting(c)
			if s.inQuote && c != '\\' {
				continue
			}
		}
		switch {
		case c == '\r' && s.eol != eolLF && s.eol != eolCR && i+1 < end && s.buf[i+1] == '\n':
			s.eol = eolCRLF
			return s.take(i, 2, foundLine)
		case c == '\r':
			if s.eol == eolLF || s.eol == eolCRLF {
				return nil, foundMore, s.errLiteral("carriage return", `\r`)
			}
			s.eol = eolCR
			return s.take(i, 1, foundLine)
		case c == '\n':
			if s.eol == eolCR || s.eol == eolCRLF {
				return nil, foundMore, s.errLiteral("newline", `\n`)
			}
			s.eol = eolLF
			return s.take(i, 1, foundLine)
		case c == '\\' && (!s.csv || i == s.pos) && i+1 < end:
			if s.buf[i+1] == '.' {
				marker, more, err := s.endMarker(i+2, final)
				switch {
				case err != nil:
					return nil, foundMore, err
				case more:
					s.inQuote, s.lastEsc = false, false // as before i, which is looked at again
					return s.more(i)
				case marker:
					return s.take(i, 2, foundEnd)
				}
			}
			if !s.csv {
				i++ // what follows is escaped
			}
		}
	}
	if !final {
		return s.more(end)
	}
	if end == s.pos {
		return nil, foundMore, nil
	}
	return s.take(end, 0, foundLine)
}

// skipQuoted goes from i, within quotes, to the next quote, where nothing but
// line ends means anything.
func (s *scanner) skipQuoted(i int) int {
	text := s.buf[i:s.valid]
	if n := bytes.IndexByte(text, s.quote); n >= 0 {
		text = text[:n]
	}
	s.no += int64(bytes.Count(text, s.counted()))
	return i + len(text)
}

// counted is what ends a line within quotes, as far as line numbers go: on the
// first line, whose end is not known, only a carriage return, as PostgreSQL has it.
func (s *scanner) counted() []byte {
	if s.eol == eolLF {
		return lf
	}
	return cr
}

// quoting follows the quotes of csv, and counts the lines in them.
func (s *scanner) quoting(c byte) {
	if s.inQuote && c == s.escape && s.escape != 0 {
		s.lastEsc = !s.lastEsc
	}
	if c == s.quote && !s.lastEsc {
		s.inQuote = !s.inQuote
	}
	if c != s.escape || s.escape == 0 {
		s.lastEsc = false
	}
	if s.inQuote && c == s.counted()[0] {
		s.no++
	}
}

// endMarker looks at what follows \. at i: the marker is followed by the line's
// end. In csv anything else is data, in text it is an error.
func (s *scanner) endMarker(i int, final bool) (marker, more bool, err error) {
	need := 1
	if s.eol == eolCRLF {
		need = 2
	}
	for k := range need {
		if i+k >= s.valid && !final {
			return false, true, nil
		}
		c := byte(0)
		if i+k < s.valid {
			c = s.buf[i+k]
		}
		first := need == 2 && k == 0
		switch {
		case first && c == '\n', !first && (s.eol == eolLF || s.eol == eolCRLF) && c == '\r', !first && s.eol == eolCR && c == '\n':
			if first && s.csv {
				return false, false, nil
			}
			return false, false, errFormat("end-of-copy marker does not match previous newline style")
		case c != '\r' && c != '\n':
			if s.csv {
				return false, false, nil
			}
			return false, false, errFormat("end-of-copy marker corrupt")
		}
	}
	return true, false, nil
}

func errFormat(format string, args ...any) *sqlerr.Error {
	return sqlerr.New(sqlerr.BadCopyFileFormat, format, args...)
}

func (s *scanner) errLiteral(what, escape string) error {
	if s.csv {
		return errFormat("unquoted %s found in data", what).WithHint("Use quoted CSV field to represent %s.", what)
	}
	return errFormat("literal %s found in data", what).WithHint("Use \"%s\" to represent %s.", escape, what)
}
