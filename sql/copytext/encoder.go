package copytext

import (
	"bytes"
	"strconv"
	"unsafe"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// special says what a byte in a value asks of the encoder.
type special uint8

const (
	asIs   special = iota
	escape         // text: a backslash before it; csv: the escape before it, in quotes
	letter         // text: a backslash and a letter
	quoted         // csv: quotes around the value
)

// Encoder writes the lines of a COPY TO.
type Encoder struct {
	o       Options
	cols    []outColumn
	env     *types.Env
	special [256]special
	scratch []byte
}

type outColumn struct {
	Column
	forceQuote bool
	clean      bool // texts of the type never have special bytes
}

// NewEncoder makes the encoder of one COPY. o has been validated; env is read
// as long as the Encoder is used.
func NewEncoder(o Options, columns []Column, env *types.Env) *Encoder {
	e := &Encoder{o: o, env: env, cols: make([]outColumn, len(columns))}
	if o.CSV {
		for _, c := range []byte{o.Delimiter, '\n', '\r'} {
			e.special[c] = quoted
		}
		// An escape that is not the quote is no reason for quotes, so it is
		// found once there are some.
		e.special[o.Quote] = quoted
	} else {
		e.special['\\'], e.special[o.Delimiter] = escape, escape
		for _, c := range []byte("\b\f\n\r\t\v") {
			e.special[c] = letter
		}
	}
	for i, c := range columns {
		e.cols[i] = outColumn{Column: c, clean: e.clean(c.Type)}
	}
	for _, i := range o.ForceQuote {
		e.cols[i].forceQuote = true
	}
	return e
}

// clean reports whether no value of t can need escapes or quotes.
func (e *Encoder) clean(t types.Type) bool {
	alphabet := ""
	switch t.OID {
	case types.OIDInt8, types.OIDInt4, types.OIDInt2, types.OIDOid:
		alphabet = "0123456789-"
	case types.OIDNumeric, types.OIDFloat8, types.OIDFloat4:
		alphabet = "0123456789-+.eNaInfity"
	case types.OIDBool:
		alphabet = "tf"
	case types.OIDDate, types.OIDTimestamp, types.OIDTimestamptz, types.OIDTime:
		alphabet = "0123456789-+:. BCinfty"
	case types.OIDUUID:
		alphabet = "0123456789abcdef-"
	default:
		return false
	}
	for i := range len(alphabet) {
		if e.special[alphabet[i]] != asIs {
			return false
		}
	}
	return e.o.Null == "" || e.o.Null == `\N` || !e.o.CSV
}

// Header appends the header line, or nothing if HEADER is off.
func (e *Encoder) Header(dst []byte) []byte {
	if e.o.Header == HeaderOff {
		return dst
	}
	for i, c := range e.cols {
		if i > 0 {
			dst = append(dst, e.o.Delimiter)
		}
		start := len(dst)
		dst = append(dst, c.Name...)
		dst = e.protect(dst, start, false)
	}
	return append(dst, '\n')
}

// AppendRow appends the line of one row, with its line end.
func (e *Encoder) AppendRow(dst []byte, b *vec.Batch, row int) []byte {
	for i := range e.cols {
		c, v := &e.cols[i], b.Cols[i]
		if i > 0 {
			dst = append(dst, e.o.Delimiter)
		}
		if v.IsNull(row) {
			dst = append(dst, e.o.Null...)
			continue
		}
		start := len(dst)
		dst = e.appendValue(dst, v, row)
		if !c.clean || c.forceQuote {
			dst = e.protect(dst, start, c.forceQuote)
		}
	}
	return append(dst, '\n')
}

// appendValue writes the text of a value.
func (e *Encoder) appendValue(dst []byte, v *vec.Vec, row int) []byte {
	switch v.Type.Phys() {
	case types.PhysInt:
		switch v.Type.OID {
		case types.OIDInt8, types.OIDInt4, types.OIDInt2:
			return strconv.AppendInt(dst, v.Ints[row], 10)
		}
		return types.AppendText(dst, types.Int(v.Ints[row]), v.Type, e.env)
	case types.PhysFloat:
		return types.AppendText(dst, types.Float(v.Floats[row]), v.Type, e.env)
	case types.PhysBool:
		if v.Bools[row] {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case types.PhysNumeric:
		if v.Scale >= 0 {
			return types.AppendText(dst, types.Datum{I: v.Ints[row], Scale: v.Scale}, v.Type, e.env)
		}
		return types.AppendText(dst, types.Datum{S: view(v.Bytes(row)), Scale: -1}, v.Type, e.env)
	}
	switch v.Type.OID {
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDJSON, types.OIDJSONB:
		return append(dst, v.Bytes(row)...)
	}
	return types.AppendText(dst, types.String(view(v.Bytes(row))), v.Type, e.env)
}

// view is b as a string, for an output function that only reads it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// protect escapes or quotes dst[start:], where it must be.
func (e *Encoder) protect(dst []byte, start int, force bool) []byte {
	need := force
	for _, c := range dst[start:] {
		if e.special[c] != asIs {
			need = true
			break
		}
	}
	if e.o.CSV && !need {
		// The end marker alone on a line would end the data.
		value := dst[start:]
		need = string(value) == e.o.Null || len(e.cols) == 1 && string(value) == `\.`
	}
	if !need {
		return dst
	}
	e.scratch = append(e.scratch[:0], dst[start:]...)
	if e.o.CSV {
		return e.quote(dst[:start], e.scratch)
	}
	for _, c := range e.scratch {
		switch e.special[c] {
		case escape:
			dst = append(dst[:start], '\\', c)
		case letter:
			dst = append(dst[:start], '\\', "btnvfr"[c-'\b'])
		default:
			dst = append(dst[:start], c)
		}
		start = len(dst)
	}
	return dst
}

func (e *Encoder) quote(dst, value []byte) []byte {
	dst = append(dst, e.o.Quote)
	for len(value) > 0 {
		n := bytes.IndexByte(value, e.o.Quote)
		if e.o.Escape != e.o.Quote {
			n = bytes.IndexAny(value, string([]byte{e.o.Quote, e.o.Escape}))
		}
		if n < 0 {
			dst = append(dst, value...)
			break
		}
		dst = append(dst, value[:n]...)
		dst = append(dst, e.o.Escape, value[n])
		value = value[n+1:]
	}
	return append(dst, e.o.Quote)
}
