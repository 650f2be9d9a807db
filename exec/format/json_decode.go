package format

import (
	"context"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

func jsonEncoding() encoding {
	return encoding{
		name:    "json",
		nested:  true,
		options: append([]option{{name: "wrap_single_value", also: []string{"wrap.single.value"}, values: booleans}}, valueOptions()...),
		decoder: newJSONDecoder,
		encoder: newJSONEncoder,
		infer:   inferJSON,
	}
}

var booleans = []string{"true", "false"}

// jsonDecoder scans objects by names that are known beforehand, notes where the
// wanted values are, and then converts them a column at a time.
type jsonDecoder struct {
	tokenBlock
	p    part
	root *jsonNode
	// whole is the field that a text which is no object stands for, -1: none.
	whole int32
	// unwrapped: the whole text is the field even where it is an object.
	unwrapped bool
	wholeNode jsonNode

	schema *schemaPart // of Debezium's records, nil: there is none

	scan jsonScan
}

func newJSONDecoder(p part) (partDecoder, error) {
	d := &jsonDecoder{p: p, root: newJSONTree(p.Fields), whole: -1}
	if err := d.open(p); err != nil {
		return nil, err
	}
	d.unwrapped = p.Options["wrap_single_value"] == "false"
	if d.unwrapped && len(p.Fields) != 1 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "wrap_single_value = false needs exactly one column in the %s, not %d", p.what(), len(p.Fields))
	}
	if len(p.Fields) == 1 && (p.Key || d.unwrapped) {
		d.whole = 0
	}
	if p.Envelope == Debezium {
		d.schema = &schemaPart{fields: p.Fields, plain: append([]converter(nil), d.conv...)}
		d.extra = 1
		n := d.root.child("schema")
		n.cols = append(n.cols, int32(len(p.Fields)))
	}
	d.wholeNode.cols = []int32{0}
	return d, nil
}

func (d *jsonDecoder) decode(_ context.Context, in *vec.Vec, out *rows) error {
	d.scan.data = in.Data
	// One check for all; only if it fails are the texts checked one by one. A
	// sequence cannot go from one text into the next, as each ends with ASCII.
	all := in.Data[in.Off[0]:in.Off[in.N]]
	valid := ascii(all) || utf8.Valid(all)
	for i := range in.N {
		start := int(in.Off[i])
		d.scan.pos, d.scan.end, d.scan.depth = start, int(in.Off[i+1]), 0
		switch {
		case in.IsNull(i) || out.isBad(i):
			d.newRow(i)
		case !valid && !utf8.Valid(in.Data[start:d.scan.end]):
			d.newRow(i)
			out.mark(i, errUTF8(in.Data[start:d.scan.end]))
		case !d.text(i, out):
			out.mark(i, d.scan.err(start))
		case d.schema != nil && len(d.record) > 0:
			d.followSchema(out)
		}
		if len(d.record) >= blockRows {
			d.flush(out, d.scan.data)
		}
	}
	d.flush(out, d.scan.data)
	d.scan.data = nil
	return nil
}

func errUTF8(b []byte) *sqlerr.Error {
	at := 0
	for at < len(b) {
		r, n := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && n <= 1 {
			break
		}
		at += n
	}
	return sqlerr.New(sqlerr.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\": 0x%02x at byte %d", b[min(at, len(b)-1)], at)
}

// text reads one text: an object, an array of objects or, where it is a single
// value, anything.
func (d *jsonDecoder) text(record int, out *rows) bool {
	s := &d.scan
	s.space()
	c := byte(0)
	if s.pos < s.end {
		c = s.data[s.pos]
	}
	ok := false
	switch {
	case d.unwrapped, c != '{' && d.whole >= 0:
		d.scan.row = d.newRow(record)
		ok = s.value(&d.wholeNode, false)
	case c == '{':
		d.scan.row = d.newRow(record)
		ok = s.value(d.root, false)
	case c == '[' && !d.p.Key:
		ok = d.list(record, out)
	default:
		d.newRow(record)
		return s.expected("an object")
	}
	if !ok {
		return false
	}
	s.space()
	if s.pos < s.end {
		return s.fail("nothing more should follow the value")
	}
	return true
}

// list reads an array of objects, each of which is a row. One bad row makes the
// record bad; an empty array has no rows.
func (d *jsonDecoder) list(record int, out *rows) bool {
	s := &d.scan
	s.pos++
	s.depth++
	s.space()
	if s.pos < s.end && s.data[s.pos] == ']' {
		s.pos++
		return true
	}
	for n := 1; ; n++ {
		s.space()
		if len(d.record) >= blockRows {
			d.flush(out, d.scan.data)
		}
		d.scan.row = d.newRow(record)
		if n > rowsMax {
			s.fail("it has too many rows")
			s.code = sqlerr.ProgramLimitExceeded
			return false
		}
		if s.pos < s.end && s.data[s.pos] != '{' {
			return s.expected("an object")
		}
		if !s.value(d.root, false) {
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
		return true
	}
}

// followSchema looks at the schema of the row just read.
func (d *jsonDecoder) followSchema(out *rows) {
	t := d.tokens[len(d.tokens)-1]
	text := ""
	if t.kind == tokObject {
		text = view(d.scan.data[t.start:t.end])
	}
	if text != d.schema.current {
		d.flushOthers(out, d.scan.data)
		d.schema.changed(text, d.conv)
	}
}
