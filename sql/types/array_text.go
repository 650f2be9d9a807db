package types

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// arrayReader reads PostgreSQL's array syntax.
type arrayReader struct {
	in   string
	pos  int
	elem Type
	env  *Env
	a    Array
	dims []int32 // sizes seen, -1 = not yet known
}

func (r *arrayReader) bad(detail string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed array literal: \"%s\"", r.in).WithDetail(detail, args...)
}

func (r *arrayReader) skip() {
	for r.pos < len(r.in) && isSpace(r.in[r.pos]) {
		r.pos++
	}
}

func parseArray(s string, t Type, env *Env) (Datum, error) {
	r := arrayReader{in: s, elem: ElemOf(t), env: env}
	r.a.Elem = r.elem.Base()
	r.skip()
	var sizes, lower []int32
	if r.pos < len(s) && s[r.pos] == '[' {
		var err error
		if sizes, lower, err = r.bounds(); err != nil {
			return Datum{}, err
		}
	}
	if r.pos == len(s) || s[r.pos] != '{' {
		if sizes != nil {
			return Datum{}, r.bad("Array contents must start with \"{\".")
		}
		return Datum{}, r.bad("Array value must start with \"{\" or dimension information.")
	}
	if err := r.list(0); err != nil {
		return Datum{}, err
	}
	r.skip()
	if r.pos != len(s) {
		return Datum{}, r.bad("Junk after closing right brace.")
	}
	if len(r.a.Elems) == 0 {
		if sizes != nil {
			return Datum{}, r.bad("Specified array dimensions do not match array contents.")
		}
		return ArrayDatum(&r.a), nil
	}
	r.a.Dims = r.dims
	if sizes == nil {
		for range r.dims {
			lower = append(lower, 1)
		}
	} else if len(sizes) != len(r.dims) {
		return Datum{}, r.bad("Specified array dimensions do not match array contents.")
	}
	for i, n := range sizes {
		if n != r.dims[i] {
			return Datum{}, r.bad("Specified array dimensions do not match array contents.")
		}
	}
	r.a.Lower = lower
	return ArrayDatum(&r.a), nil
}

// bounds reads [l:u][l:u]=.
func (r *arrayReader) bounds() (sizes, lower []int32, err error) {
	for r.pos < len(r.in) && r.in[r.pos] == '[' {
		end := strings.IndexByte(r.in[r.pos:], ']')
		if end < 0 {
			return nil, nil, r.bad("Missing \"]\" after array dimensions.")
		}
		low, high, found := strings.Cut(r.in[r.pos+1:r.pos+end], ":")
		if !found {
			low, high = "1", low
		}
		l, err1 := strconv.ParseInt(low, 10, 32)
		u, err2 := strconv.ParseInt(high, 10, 32)
		if err1 != nil || err2 != nil {
			return nil, nil, r.bad("\"[\" must introduce explicitly-specified array dimensions.")
		}
		if u < l {
			return nil, nil, sqlerr.New(sqlerr.ArraySubscriptError, "upper bound cannot be less than lower bound")
		}
		if len(sizes) == maxDims {
			return nil, nil, errTooManyDims(len(sizes) + 1)
		}
		sizes, lower = append(sizes, int32(u-l+1)), append(lower, int32(l))
		r.pos += end + 1
		r.skip()
	}
	if r.pos == len(r.in) || r.in[r.pos] != '=' {
		return nil, nil, r.bad("Missing \"=\" after array dimensions.")
	}
	r.pos++
	r.skip()
	return sizes, lower, nil
}

func errTooManyDims(n int) error {
	return sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (%d)", n, maxDims)
}

func (r *arrayReader) unexpected() error {
	if r.pos >= len(r.in) {
		return r.bad("Unexpected end of input.")
	}
	return r.bad("Unexpected \"%c\" character.", r.in[r.pos])
}

const strayElement = "Unexpected array element."

const mixedDims = "Multidimensional arrays must have sub-arrays with matching dimensions."

// list reads {…}; its depth is bounded by maxDims.
func (r *arrayReader) list(depth int) error {
	if depth == maxDims {
		return errTooManyDims(depth + 1)
	}
	r.pos++ // {
	if depth == len(r.dims) {
		r.dims = append(r.dims, -1)
	}
	n := int32(0)
	for {
		r.skip()
		switch {
		case r.pos == len(r.in):
			return r.unexpected()
		case r.in[r.pos] == '}' && n == 0 && depth == 0:
		case r.in[r.pos] == '{':
			if depth == len(r.dims)-1 && (len(r.a.Elems) > 0 || n > 0) {
				return r.unexpected()
			}
			if err := r.list(depth + 1); err != nil {
				return err
			}
			n++
		default:
			if r.in[r.pos] == '}' {
				return r.unexpected()
			}
			if depth != len(r.dims)-1 {
				return r.bad(strayElement)
			}
			if err := r.element(); err != nil {
				return err
			}
			n++
		}
		r.skip()
		if r.pos < len(r.in) && r.in[r.pos] == ',' && n > 0 {
			r.pos++
			r.skip()
			if r.pos < len(r.in) && r.in[r.pos] == '}' {
				return r.unexpected()
			}
			continue
		}
		if r.pos < len(r.in) && r.in[r.pos] != '}' && r.in[r.pos] != '{' {
			return r.bad(strayElement)
		}
		if r.pos == len(r.in) || r.in[r.pos] != '}' {
			return r.unexpected()
		}
		r.pos++
		break
	}
	if r.dims[depth] >= 0 && r.dims[depth] != n {
		return r.bad(mixedDims)
	}
	r.dims[depth] = n
	return nil
}

// element reads a quoted or bare element.
func (r *arrayReader) element() error {
	s := r.in
	start := r.pos
	if s[r.pos] == '"' {
		var buf []byte
		r.pos++
		for {
			if r.pos >= len(s) {
				return r.unexpected()
			}
			c := s[r.pos]
			if c == '"' {
				r.pos++
				break
			}
			if c == '\\' {
				r.pos++
				if r.pos == len(s) {
					return r.unexpected()
				}
				c = s[r.pos]
			}
			buf = append(buf, c)
			r.pos++
		}
		return r.value(string(buf))
	}
	escaped := false
	for r.pos < len(s) && strings.IndexByte(`,{}"`, s[r.pos]) < 0 {
		if s[r.pos] == '\\' {
			escaped = true
			r.pos++
		}
		r.pos++
	}
	if r.pos >= len(s) {
		r.pos = len(s)
		return r.unexpected()
	}
	if s[r.pos] == '"' && r.pos > start {
		return r.bad(strayElement)
	}
	if s[r.pos] == '{' || r.pos == start {
		return r.unexpected()
	}
	text := s[start:r.pos]
	for len(text) > 0 && isSpace(text[len(text)-1]) && !strings.HasSuffix(text[:len(text)-1], "\\") {
		text = text[:len(text)-1]
	}
	if !escaped && strings.EqualFold(text, "null") {
		r.a.Elems = append(r.a.Elems, NullDatum)
		return nil
	}
	if escaped {
		buf := make([]byte, 0, len(text))
		for i := 0; i < len(text); i++ {
			if text[i] == '\\' && i+1 < len(text) {
				i++
			}
			buf = append(buf, text[i])
		}
		text = string(buf)
	}
	return r.value(text)
}

func (r *arrayReader) value(text string) error {
	d, err := ParseText(text, r.elem, r.env)
	if err != nil {
		return err
	}
	r.a.Elems = append(r.a.Elems, d)
	return nil
}

// appendArrayText writes {…}, with bounds if any is not 1.
func appendArrayText(dst []byte, image string, env *Env) []byte {
	a, err := DecodeArray(image)
	if err != nil || len(a.Elems) == 0 {
		return append(dst, "{}"...)
	}
	for _, l := range a.Lower {
		if l != 1 {
			for i, n := range a.Dims {
				dst = append(dst, '[')
				dst = strconv.AppendInt(dst, int64(a.Lower[i]), 10)
				dst = append(dst, ':')
				dst = strconv.AppendInt(dst, int64(a.Lower[i])+int64(n)-1, 10)
				dst = append(dst, ']')
			}
			dst = append(dst, '=')
			break
		}
	}
	next := 0
	return appendArrayLevel(dst, &a, 0, &next, env)
}

func appendArrayLevel(dst []byte, a *Array, depth int, next *int, env *Env) []byte {
	dst = append(dst, '{')
	for i := range a.Dims[depth] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if depth+1 < len(a.Dims) {
			dst = appendArrayLevel(dst, a, depth+1, next, env)
			continue
		}
		e := a.Elems[*next]
		*next++
		if e.Null {
			dst = append(dst, "NULL"...)
			continue
		}
		start := len(dst)
		dst = AppendText(dst, e, a.Elem, env)
		if elemNeedsQuotes(dst[start:]) {
			dst = quoteTail(dst, start, `\`)
		}
	}
	return append(dst, '}')
}

func elemNeedsQuotes(b []byte) bool {
	if len(b) == 0 || len(b) == 4 && strings.EqualFold(string(b), "null") {
		return true
	}
	for _, c := range b {
		if isSpace(c) || c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' {
			return true
		}
	}
	return false
}

// quoteTail puts dst[start:] in double quotes; quotes and backslashes in it are
// escaped by esc, or doubled if esc is "".
func quoteTail(dst []byte, start int, esc string) []byte {
	body := string(dst[start:])
	dst = append(dst[:start], '"')
	for i := 0; i < len(body); i++ {
		if c := body[i]; c == '"' || c == '\\' {
			if esc == "" {
				dst = append(dst, c)
			} else {
				dst = append(dst, esc...)
			}
		}
		dst = append(dst, body[i])
	}
	return append(dst, '"')
}

// appendRecordText writes (a,"b c",).
func appendRecordText(dst []byte, image string, env *Env) []byte {
	ts, ds, err := DecodeRecord(image)
	dst = append(dst, '(')
	if err != nil {
		return append(dst, ')')
	}
	for i, d := range ds {
		if i > 0 {
			dst = append(dst, ',')
		}
		if d.Null {
			continue
		}
		start := len(dst)
		dst = AppendText(dst, d, ts[i], env)
		quote := len(dst) == start
		for _, c := range dst[start:] {
			quote = quote || isSpace(c) || strings.IndexByte(`"\(),`, c) >= 0
		}
		if quote {
			dst = quoteTail(dst, start, "")
		}
	}
	return append(dst, ')')
}

// parseVector reads int2vector and oidvector: numbers with blanks between.
func parseVector(s string, t Type) (Datum, error) {
	a := Array{Elem: ElemOf(t).Base()}
	for _, w := range strings.Fields(s) {
		d, err := ParseText(w, a.Elem, nil)
		if err != nil {
			return Datum{}, err
		}
		a.Elems = append(a.Elems, d)
	}
	a.Dims, a.Lower = []int32{int32(len(a.Elems))}, []int32{0}
	return ArrayDatum(&a), nil
}

func appendVector(dst []byte, image string) []byte {
	a, err := DecodeArray(image)
	if err != nil {
		return dst
	}
	for i, e := range a.Elems {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = strconv.AppendInt(dst, e.I, 10)
	}
	return dst
}
