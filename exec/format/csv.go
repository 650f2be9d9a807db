package format

import (
	"bytes"
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

func csvEncoding() encoding {
	return encoding{
		name: "csv",
		options: append([]option{
			{name: "delimiter", also: []string{"value_delimiter", "key_delimiter"}},
			{name: "null"},
			{name: "without_header", values: booleans},
		}, valueOptions()...),
		decoder: newCSVDecoder,
		encoder: newCSVEncoder,
	}
}

// csvForm is what the options say of the text.
type csvForm struct {
	delimiter byte
	null      string // how NULL is written: not in quotes
	header    bool   // the first line has the names
}

func csvFormOf(p part) (csvForm, error) {
	f := csvForm{delimiter: ',', null: p.Options["null"], header: p.Options["without_header"] == "false"}
	switch d := p.Options["delimiter"]; {
	case d == "":
	case d == "SPACE" || d == "space":
		f.delimiter = ' '
	case d == "TAB" || d == "tab" || d == `\t`:
		f.delimiter = '\t'
	case len(d) != 1 || d[0] == '"' || d[0] == '\n' || d[0] == '\r' || d[0] >= 0x80:
		return f, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option \"delimiter\" of encoding csv: %q", d).
			WithHint("It is one ASCII character, SPACE or TAB.")
	default:
		f.delimiter = d[0]
	}
	return f, nil
}

// csvDecoder reads lines of fields in the order of the columns. A field may
// stand in quotes, two of which mean one; an empty one without them is NULL. Each
// line is a row.
type csvDecoder struct {
	tokenBlock
	form csvForm
}

func newCSVDecoder(p part) (partDecoder, error) {
	d := &csvDecoder{}
	var err error
	if d.form, err = csvFormOf(p); err != nil {
		return nil, err
	}
	return d, d.open(p)
}

func (d *csvDecoder) decode(_ context.Context, in *vec.Vec, out *rows) error {
	for i := range in.N {
		if in.IsNull(i) || out.isBad(i) {
			d.newRow(i)
		} else if err := d.text(in.Data, int(in.Off[i]), int(in.Off[i+1]), i, out); err != nil {
			out.mark(i, err)
		}
		if len(d.record) >= blockRows {
			d.flush(out, in.Data)
		}
	}
	d.flush(out, in.Data)
	return nil
}

func (d *csvDecoder) text(data []byte, at, end, record int, out *rows) *sqlerr.Error {
	for line := 0; ; line++ {
		if line > rowsMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "it has too many rows")
		}
		if len(d.record) >= blockRows {
			d.flush(out, data)
		}
		row := d.newRow(record)
		next, err := d.line(data, at, end, row)
		if err != nil {
			err.Detail = "It is line " + string(types.AppendText(nil, types.Int(int64(line+1)), types.Int8, nil)) + "."
			return err
		}
		if line == 0 && d.form.header {
			d.drop()
		}
		if at = next; at >= end {
			return nil
		}
	}
}

// line reads one line into row and returns where the next one begins.
func (d *csvDecoder) line(data []byte, at, end int, row []token) (int, *sqlerr.Error) {
	for n := 0; ; n++ {
		t, next, err := d.field(data, at, end)
		if err != nil {
			return 0, err
		}
		if n < len(row) {
			row[n] = t
		}
		if next < end && data[next] == d.form.delimiter {
			at = next + 1
			continue
		}
		if n+1 != len(row) && !(n == 0 && len(row) == 0) {
			return 0, sqlerr.New(sqlerr.BadCopyFileFormat, "expected %d fields, found %d", len(row), n+1)
		}
		if next < end && data[next] == '\r' {
			next++
		}
		if next < end && data[next] == '\n' {
			next++
		}
		return next, nil
	}
}

// field reads the field at at and returns where it ends: at a delimiter or at
// the end of the line.
func (d *csvDecoder) field(data []byte, at, end int) (t token, next int, err *sqlerr.Error) {
	if at < end && data[at] == '"' {
		return d.quoted(data, at+1, end)
	}
	next = at
	for next < end && data[next] != d.form.delimiter && data[next] != '\n' {
		if data[next] == '"' {
			return t, 0, sqlerr.New(sqlerr.BadCopyFileFormat, "a quote within a field that does not begin with one")
		}
		next++
	}
	stop := next
	if stop > at && data[stop-1] == '\r' && (next == end || data[next] == '\n') {
		stop--
		next = stop
	}
	t = token{start: uint32(at), end: uint32(stop), kind: tokText}
	if string(data[at:stop]) == d.form.null {
		t.kind = tokNull
	}
	return t, next, nil
}

func (d *csvDecoder) quoted(data []byte, at, end int) (t token, next int, err *sqlerr.Error) {
	t = token{start: uint32(at), kind: tokText}
	for next = at; ; {
		q := bytes.IndexByte(data[next:end], '"')
		if q < 0 {
			return t, 0, sqlerr.New(sqlerr.BadCopyFileFormat, "a quoted field has no end")
		}
		next += q
		if next+1 < end && data[next+1] == '"' {
			t.kind = tokQuoted
			next += 2
			continue
		}
		t.end = uint32(next)
		next++
		break
	}
	if next < end && data[next] != d.form.delimiter && data[next] != '\n' && data[next] != '\r' {
		return t, 0, sqlerr.New(sqlerr.BadCopyFileFormat, "something follows the quotes of a field")
	}
	return t, next, nil
}

// undouble appends a quoted field's text.
func undouble(dst, raw []byte) []byte {
	for {
		q := bytes.IndexByte(raw, '"')
		if q < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:q+1]...)
		raw = raw[q+2:]
	}
}

// csvEncoder writes a row as one line without its end.
type csvEncoder struct {
	form csvForm
	vals []textValue
	cols []*vec.Vec
	buf  []byte
}

func newCSVEncoder(p part) (partEncoder, error) {
	e := &csvEncoder{}
	var err error
	if e.form, err = csvFormOf(p); err != nil {
		return nil, err
	}
	e.vals, err = newTextValues(p)
	return e, err
}

func (e *csvEncoder) begin(_ context.Context, cols []*vec.Vec) error {
	e.cols = cols
	return nil
}

func (e *csvEncoder) row(dst []byte, i int) ([]byte, error) {
	for c := range e.vals {
		if c > 0 {
			dst = append(dst, e.form.delimiter)
		}
		if e.cols[c].IsNull(i) {
			dst = append(dst, e.form.null...)
			continue
		}
		var err error
		if e.buf, err = e.vals[c].append(e.buf[:0], e.cols[c], i); err != nil {
			return dst, err
		}
		dst = e.appendField(dst, e.buf)
	}
	return dst, nil
}

func (e *csvEncoder) appendField(dst, text []byte) []byte {
	quote := string(text) == e.form.null || len(text) == 0
	for _, c := range text {
		quote = quote || c == e.form.delimiter || c == '"' || c == '\n' || c == '\r'
	}
	if !quote {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		q := bytes.IndexByte(text, '"')
		if q < 0 {
			break
		}
		dst = append(append(dst, text[:q+1]...), '"')
		text = text[q+1:]
	}
	return append(append(dst, text...), '"')
}
