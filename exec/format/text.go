package format

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// The encodings whose bytes are one value: text in any type's own spelling, and
// bytes as they are.

func textEncoding() encoding {
	return encoding{name: "text", single: true, options: valueOptions(), decoder: newTextDecoder, encoder: newTextEncoder}
}

func bytesEncoding() encoding {
	return encoding{name: "bytes", single: true, decoder: newBytesDecoder, encoder: newBytesEncoder}
}

func noneEncoding() encoding {
	return encoding{name: "none", decoder: newNoneDecoder}
}

// oneField refuses parts of more than one column.
func (p *part) oneField(encoding string) error {
	if len(p.Fields) <= 1 {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidTableDefinition, "encoding %s of the %s holds one column, not %d", encoding, p.what(), len(p.Fields)).
		WithHint("Take the others from somewhere else, or use an encoding that has fields.")
}

type textDecoder struct{ tokenBlock }

func newTextDecoder(p part) (partDecoder, error) {
	d := &textDecoder{}
	if err := p.oneField("text"); err != nil {
		return nil, err
	}
	return d, d.open(p)
}

func (d *textDecoder) decode(_ context.Context, in *vec.Vec, out *rows) error {
	for i := range in.N {
		row := d.newRow(i)
		if len(row) > 0 && !in.IsNull(i) && !out.isBad(i) {
			row[0] = token{start: in.Off[i], end: in.Off[i+1], kind: tokText}
		}
		if len(d.record) >= blockRows {
			d.flush(out, in.Data)
		}
	}
	d.flush(out, in.Data)
	return nil
}

// textValue writes the values of one type as texts that newConverter's readers
// take.
type textValue struct {
	t    types.Type
	json jsonValue
}

func newTextValues(p part) ([]textValue, error) {
	out := make([]textValue, len(p.Fields))
	for i, f := range p.Fields {
		v, err := newJSONValue(f, p.Options)
		if err != nil {
			return nil, err
		}
		out[i] = textValue{t: f.Type, json: v}
	}
	return out, nil
}

// append writes value i, which is not NULL.
func (v *textValue) append(dst []byte, col *vec.Vec, i int) ([]byte, error) {
	switch v.t.OID {
	case types.OIDText, types.OIDVarchar, types.OIDBpchar, types.OIDName, types.OIDJSON, types.OIDJSONB:
		return append(dst, col.Bytes(i)...), nil
	case types.OIDBool, types.OIDInt2, types.OIDInt4, types.OIDInt8, types.OIDOid:
		return v.json.append(dst, col, i)
	case types.OIDBytea:
		if v.json.bytes == bytesLatin1 {
			for _, c := range col.Bytes(i) {
				dst = append(dst, string(rune(c))...)
			}
			return dst, nil
		}
		return unquote(v.json.append(dst, col, i))
	case types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
		v.json.stamps = false // a text of digits would be read as a date of another form
		return unquote(v.json.append(dst, col, i))
	}
	return types.AppendText(dst, col.Datum(i), v.t, jsonEnv), nil
}

// unquote takes the quotes off a JSON string without escapes that has just been
// written alone.
func unquote(b []byte, err error) ([]byte, error) {
	if err != nil || len(b) < 2 {
		return b, err
	}
	end := len(b) - 1
	start := end - 1
	for b[start] != '"' {
		start--
	}
	return append(b[:start], b[start+1:end]...), nil
}

type textEncoder struct {
	vals []textValue
	cols []*vec.Vec
}

func newTextEncoder(p part) (partEncoder, error) {
	if err := p.oneField("text"); err != nil {
		return nil, err
	}
	vals, err := newTextValues(p)
	return &textEncoder{vals: vals}, err
}

func (e *textEncoder) begin(_ context.Context, cols []*vec.Vec) error {
	e.cols = cols
	return nil
}

func (e *textEncoder) row(dst []byte, i int) ([]byte, error) {
	if len(e.vals) == 0 {
		return dst, nil
	}
	return e.vals[0].append(dst, e.cols[0], i)
}

func (e *textEncoder) absent(i int) bool { return len(e.cols) > 0 && e.cols[0].IsNull(i) }

// bytesDecoder and bytesEncoder pass bytes on.
type bytesDecoder struct{}

func newBytesDecoder(p part) (partDecoder, error) {
	if err := p.oneField("bytes"); err != nil {
		return nil, err
	}
	for _, f := range p.Fields {
		if f.Type.OID != types.OIDBytea {
			return nil, errSingleType("bytes", f, "bytea")
		}
	}
	return bytesDecoder{}, nil
}

func errSingleType(encoding string, f field, want string) error {
	return sqlerr.New(sqlerr.DatatypeMismatch, "encoding %s cannot be had as column %q of type %s", encoding, f.Name, f.Type).
		WithHint("Declare it as %s.", want)
}

func (bytesDecoder) decode(_ context.Context, in *vec.Vec, out *rows) error {
	for c := range out.cols {
		out.cols[c].Reserve(int(in.Off[in.N] - in.Off[0]))
	}
	for i := range in.N {
		for c := range out.cols {
			out.cols[c].Append(in, i)
		}
		out.done(i)
	}
	return nil
}

func newBytesEncoder(p part) (partEncoder, error) {
	if _, err := newBytesDecoder(p); err != nil {
		return nil, err
	}
	return &bytesEncoder{}, nil
}

type bytesEncoder struct{ cols []*vec.Vec }

func (e *bytesEncoder) begin(_ context.Context, cols []*vec.Vec) error {
	e.cols = cols
	return nil
}

func (e *bytesEncoder) row(dst []byte, i int) ([]byte, error) {
	if len(e.cols) == 0 {
		return dst, nil
	}
	return append(dst, e.cols[0].Bytes(i)...), nil
}

func (e *bytesEncoder) absent(i int) bool { return len(e.cols) > 0 && e.cols[0].IsNull(i) }

// noneDecoder looks at nothing.
type noneDecoder struct{}

func newNoneDecoder(p part) (partDecoder, error) {
	if len(p.Fields) > 0 {
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "column %q cannot be taken from the record's %s, whose encoding is none", p.Fields[0].Name, p.what()).
			WithHint("Say how it is encoded.")
	}
	return noneDecoder{}, nil
}

func (noneDecoder) decode(_ context.Context, in *vec.Vec, out *rows) error {
	for i := range in.N {
		out.done(i)
	}
	return nil
}
