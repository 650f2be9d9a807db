package format

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unsafe"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// block is some rows of tokens.
type block struct {
	data   []byte
	tokens []token // row after row
	stride int
	record []int32 // of each row
}

// converter makes the values of one field out of tokens.
type converter struct {
	t     types.Type
	elem  *converter // of an array
	unit  timeCount  // of numbers that are times
	bytes bytesForm
	// cdc: a boolean may be 0 or 1, and a string may hold the text of a jsonb.
	cdc bool
	// nested: a jsonb is the very value, also where it is a string.
	nested bool
	// bits: strings are base64 of a number's bytes, the least first.
	bits bool
	// decimal: strings are base64 of integers that count 10^-scale.
	decimal bool
	scale   int32
	// buf and out hold the text and the bytes of the value under way.
	buf, out []byte
	writer   *jsonbWriter // of jsonb
	minute   isoMinute    // of timestamps
	// open: values are in boxes that tell their types, nil: they are not.
	open *openCell
	// unavailable is the text that stands for a value left out, "": none.
	unavailable string
}

// valueOptions say how values are read and written that JSON and texts have no
// form of their own for.
func valueOptions() []option {
	return []option{
		{name: "timestamp.handling.mode", also: []string{"timestamptz.handling.mode", "timestamp_handling_mode"}, values: timeModes},
		{name: "bytea.encoding", also: []string{"bytes.encoding", "bytea_encoding"}, values: []string{"base64", "hex", "latin1"}},
	}
}

// bytesForm is how bytes are written as text.
type bytesForm uint8

const (
	bytesBase64 bytesForm = iota
	bytesHex              // with or without \x
	bytesLatin1           // each character is a byte
)

func bytesFormOf(options map[string]string) bytesForm {
	switch options["bytea.encoding"] {
	case "hex":
		return bytesHex
	case "latin1":
		return bytesLatin1
	}
	return bytesBase64
}

// newConverter refuses types that have no text form that says it all.
func newConverter(f field, options map[string]string) (converter, error) {
	c := converter{t: f.Type, unit: timeCountOf(options), bytes: bytesFormOf(options)}
	if !carried(f.Type) {
		return c, sqlerr.New(sqlerr.FeatureNotSupported, "column %q: a value of type %s cannot be read from or written to a record", f.Name, f.Type)
	}
	if f.Type.IsArray() {
		elem, err := newConverter(field{Name: f.Name, Type: types.ElemOf(f.Type)}, options)
		if err != nil {
			return c, err
		}
		c.elem = &elem
	}
	return c, nil
}

// carried reports whether values of a type can be in a record.
func carried(t types.Type) bool {
	switch t.OID {
	case types.OIDBool, types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid, types.OIDFloat4, types.OIDFloat8, types.OIDNumeric,
		types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDBytea, types.OIDUUID, types.OIDJSON, types.OIDJSONB,
		types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz, types.OIDInterval:
		return true
	}
	return t.IsArray() && !t.IsVector() && carried(types.ElemOf(t))
}

// column appends the values of the block's rows to column c of out.
func (c *converter) column(out *rows, col int, b block) {
	if c.open != nil {
		c.others(out, col, b)
		return
	}
	switch c.t.OID {
	case types.OIDInt8, types.OIDInt4, types.OIDInt2:
		c.ints(out, col, b)
	case types.OIDText, types.OIDVarchar:
		c.texts(out, col, b)
	case types.OIDFloat8:
		c.floats(out, col, b)
	case types.OIDNumeric:
		c.numerics(out, col, b)
	case types.OIDTimestamptz, types.OIDTimestamp:
		c.times(out, col, b)
	case types.OIDUUID:
		c.uuids(out, col, b)
	default:
		c.others(out, col, b)
	}
}

// view is b as a string that lives no longer than b stays as it is.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// reserve makes room in an empty column, so that it need not be moved while it
// grows: the rows to come are taken to be as long as those of the first block.
func (b *block) reserve(to *vec.Builder, col, records int) {
	if to.Len() > 0 || records <= len(b.record) {
		return
	}
	n := 0
	for i := col; i < len(b.tokens); i += b.stride {
		n += int(b.tokens[i].end - b.tokens[i].start)
	}
	to.Reserve(min(n/len(b.record)*records*9/8+64, len(b.data)))
}

// slow appends a value that the loops have no short way for.
func (c *converter) slow(out *rows, col int, b block, row int, t token) {
	d, err := c.datum(b.data, t)
	if err != nil {
		out.misfit(col, int(b.record[row]), err)
		return
	}
	out.cols[col].Datum(d)
}

func (c *converter) others(out *rows, col int, b block) {
	if c.t.Phys() == types.PhysBytes {
		b.reserve(&out.cols[col], col, out.records)
	}
	for row, i := 0, col; row < len(b.record); row, i = row+1, i+b.stride {
		c.slow(out, col, b, row, b.tokens[i])
	}
}

// datum converts one token. Strings of the result may share its memory.
func (c *converter) datum(data []byte, t token) (types.Datum, error) {
	if c.open != nil && t.kind != tokNone && t.kind != tokNull {
		return c.openDatum(data, t)
	}
	return c.plain(data, t)
}

func (c *converter) plain(data []byte, t token) (types.Datum, error) {
	raw := data[t.start:t.end]
	switch t.kind {
	case tokNone, tokNull:
		return types.NullDatum, nil
	case tokEscaped:
		if c.t.OID == types.OIDJSON || c.t.OID == types.OIDJSONB {
			break
		}
		text, err := unescapeString(c.buf[:0], raw, c.bytes == bytesLatin1 && c.t.OID == types.OIDBytea)
		if c.buf = text; err != nil {
			return types.NullDatum, err
		}
		raw = text
	case tokQuoted:
		c.buf = undouble(c.buf[:0], raw)
		raw, t.kind = c.buf, tokText
	}
	switch c.t.OID {
	case types.OIDJSON:
		if t.kind == tokText {
			return c.jsonText(raw)
		}
		if c.cdc && !c.nested && (t.kind == tokString || t.kind == tokEscaped) {
			text, err := unescape(c.buf[:0], raw)
			if c.buf = text; err != nil {
				return types.NullDatum, err
			}
			return c.jsonText(text)
		}
		return types.String(tokenJSON(data, t)), nil
	case types.OIDJSONB:
		if t.kind == tokText {
			return c.jsonbText(raw)
		}
		if c.cdc && !c.nested && (t.kind == tokString || t.kind == tokEscaped) {
			text, err := unescape(c.buf[:0], raw)
			if c.buf = text; err != nil {
				return types.NullDatum, err
			}
			return c.jsonbText(text)
		}
		return c.jsonb(data, t)
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName:
		if c.decimal && t.kind == tokString {
			return c.unscaled(raw, c.scale)
		}
		return types.ParseText(view(raw), c.t, nil)
	}
	switch t.kind {
	case tokTrue, tokFalse:
		if c.t.OID == types.OIDBool {
			return types.Boolean(t.kind == tokTrue), nil
		}
	case tokInt, tokNumber:
		return c.number(raw, t.kind)
	case tokObject:
		if c.cdc && c.t.OID == types.OIDNumeric {
			return c.variableScale(data, t)
		}
	case tokArray:
		if c.elem != nil {
			return c.array(data, t)
		}
	case tokString, tokEscaped, tokText:
		return c.text(raw, t.kind)
	}
	return types.NullDatum, c.wrong(raw)
}

func (c *converter) wrong(raw []byte) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid input syntax for type %s: \"%s\"", c.t.Base(), excerpt(raw))
}

// number converts a JSON number.
func (c *converter) number(raw []byte, k tokenKind) (types.Datum, error) {
	switch c.t.OID {
	case types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		if k == tokInt {
			return types.ParseText(view(raw), c.t, nil)
		}
		return c.integral(raw)
	case types.OIDFloat4, types.OIDFloat8:
		return types.ParseText(view(raw), c.t, nil)
	case types.OIDNumeric:
		return c.exact(raw, c.t)
	case types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		return c.timeNumber(raw)
	case types.OIDBool:
		if c.cdc && len(raw) == 1 && (raw[0] == '0' || raw[0] == '1') {
			return types.Boolean(raw[0] == '1'), nil
		}
	case types.OIDInterval:
		if c.cdc { // io.debezium.time.MicroDuration
			v, ok := shortInt(raw)
			if k == tokInt && ok {
				return types.IntervalDatum(types.IntervalValue{Micros: v}), nil
			}
		}
	}
	return types.NullDatum, c.wrong(raw)
}

// exact reads a number as a numeric.
func (c *converter) exact(raw []byte, t types.Type) (types.Datum, error) {
	for i, b := range raw {
		if b|0x20 == 'e' {
			if err := checkExponent(raw[i+1:]); err != nil {
				return types.NullDatum, err
			}
		}
	}
	return types.ParseText(view(raw), t, nil)
}

// integral reads 1.0 and 1e3 as the integers that they are.
func (c *converter) integral(raw []byte) (types.Datum, error) {
	d, err := c.exact(raw, types.Numeric)
	if err != nil {
		return d, err
	}
	v, err := types.NumericToInt(d, c.t)
	if err != nil {
		return d, err
	}
	if types.Compare(d, types.NumericFromInt(v), types.Numeric) != 0 {
		return d, c.wrong(raw)
	}
	return types.Int(v), nil
}

// text converts the text of a string by the rules of the type's input.
func (c *converter) text(raw []byte, k tokenKind) (types.Datum, error) {
	switch c.t.OID {
	case types.OIDBytea:
		return c.byteText(raw)
	case types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		if movesWithClock(raw) {
			return types.NullDatum, c.wrong(raw)
		}
		if c.cdc && len(raw) >= 10 && string(raw[:10]) == "0000-00-00" { // MySQL's date that is none
			return types.NullDatum, c.outOfRange(raw)
		}
		if c.t.OID == types.OIDTime && len(raw) > 0 && raw[0] == '-' {
			return types.NullDatum, c.outOfRange(raw) // it would be read as a time with a zone
		}
	}
	if c.decimal {
		return c.unscaled(raw, c.scale)
	}
	if c.bits && (c.t.OID == types.OIDNumeric || c.t.Phys() == types.PhysInt) {
		return c.bitText(raw)
	}
	if c.elem != nil && k != tokText {
		return types.NullDatum, c.wrong(raw)
	}
	var d types.Datum
	var err error
	if c.t.OID == types.OIDNumeric {
		d, err = c.exact(raw, c.t)
	} else {
		d, err = types.ParseText(view(raw), c.t, nil)
	}
	if err != nil && len(raw) > excerptBytes {
		e := *sqlerr.From(err)
		e.Message = strings.Replace(e.Message, string(raw), excerpt(raw), 1)
		err = &e
	}
	return d, err
}

func (c *converter) byteText(raw []byte) (types.Datum, error) {
	var err error
	out := c.out[:0] // raw may be in buf
	switch c.bytes {
	case bytesHex:
		digits := raw
		if len(raw) >= 2 && raw[0] == '\\' && raw[1] == 'x' {
			digits = raw[2:]
		}
		out, err = hex.AppendDecode(out, digits)
	case bytesLatin1:
		for _, r := range view(raw) {
			if r > 0xff {
				return types.NullDatum, c.wrong(raw)
			}
			out = append(out, byte(r))
		}
	default:
		out, err = base64.StdEncoding.AppendDecode(out, raw)
		if err != nil && len(raw)%4 != 0 {
			out, err = base64.RawStdEncoding.AppendDecode(out[:0], raw)
		}
	}
	if c.out = out; err != nil {
		return types.NullDatum, c.wrong(raw)
	}
	return types.String(view(out)), nil
}
