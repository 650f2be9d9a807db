package format

import (
	"context"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// avroEncoding is Avro's binary encoding, with the registry's wire format where
// there is a registry. Columns are found by name, then without case, then by the
// aliases of the fields; a field that the writer had not is NULL, or the default
// of the reader's schema if the options give one. Nested records are jsonb, or
// taken apart by dotted paths; arrays of scalars are arrays.
func avroEncoding() encoding {
	return encoding{
		name:    "avro",
		options: append(schemaOptions(), timeOption(), avroNameOption()),
		nested:  true,
		nests:   true,
		decoder: newAvroDecoder,
		encoder: newAvroEncoder,
		infer:   inferAvro,
	}
}

type avroDecoder struct {
	p      part
	reader *avroNode // of the options
	asked  bool      // schema.id has been looked up
	bare   *avroProgram
	progs  bySchema[*avroProgram]
	read   avroReader
}

func newAvroDecoder(p part) (partDecoder, error) {
	p.bare()
	d := &avroDecoder{p: p}
	if err := p.checkAvroName(); err != nil {
		return nil, err
	}
	s, err := p.checkSchemaOptions("avro", "AVRO")
	if err != nil {
		return nil, err
	}
	if s == nil {
		return d, nil
	}
	if d.reader, err = avroNodeOf(s); err != nil {
		return nil, err
	}
	prog, err := compileAvro(d.reader, d.reader, p.Fields, timeCountOf(p.Options))
	if err != nil {
		return nil, err
	}
	if p.Registry == nil {
		d.bare = prog
	}
	return d, nil
}

func avroNodeOf(s *Schema) (*avroNode, error) {
	parsed, err := parseAvro(s)
	if err != nil {
		return nil, err
	}
	return avroTree(parsed)
}

func (d *avroDecoder) decode(ctx context.Context, in *vec.Vec, out *rows) error {
	if d.bare != nil {
		return eachRecord(in, out, func(i int, b []byte) error {
			d.read.decode(d.bare, b, out, i)
			return nil
		})
	}
	if err := d.readerByID(ctx); err != nil {
		return err
	}
	return eachRecord(in, out, func(i int, b []byte) error {
		id, rest, bad := cutWireHead(b)
		if bad != nil {
			out.fail(i, bad)
			return nil
		}
		prog, bad, err := d.progs.of(ctx, &d.p, "AVRO", id, d.compile)
		switch {
		case err != nil:
			return err
		case bad != nil:
			out.fail(i, bad)
		default:
			d.read.decode(prog, rest, out, i)
		}
		return nil
	})
}

func (d *avroDecoder) compile(s *Schema) (*avroProgram, error) {
	n, err := avroNodeOf(s)
	if err != nil {
		return nil, err
	}
	return compileAvro(n, d.reader, d.p.Fields, timeCountOf(d.p.Options))
}

// readerByID looks the reader's schema up where the options give its id.
func (d *avroDecoder) readerByID(ctx context.Context) error {
	if d.asked || d.reader != nil || d.p.Options["schema.id"] == "" {
		return nil
	}
	s, err := d.p.optionSchema(ctx, "AVRO")
	if err != nil {
		return err
	}
	if d.reader, err = avroNodeOf(s); err != nil {
		return err
	}
	d.asked = true
	return nil
}

// inferAvro proposes the columns of a schema's fields; a value that is no record
// is one column.
func inferAvro(ctx context.Context, p part, _ *vec.Vec) ([]Column, error) {
	s, err := p.latestSchema(ctx, "avro", "AVRO")
	if err != nil {
		return nil, err
	}
	n, err := avroNodeOf(s)
	if err != nil {
		return nil, err
	}
	for _, path := range p.Rows {
		if at := n.at(path); at != nil && at.record() != nil {
			n = at
			break
		}
	}
	r := n.record()
	if r == nil {
		if n.kind == kindNone && n.typ != avroUnion {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "columns cannot be taken from an Avro %s", n.what())
		}
		return []Column{{Name: p.what(), Type: n.natural()}}, nil
	}
	// All may be NULL: a later schema may do without a field.
	cols := make([]Column, len(r.fields))
	for i, f := range r.fields {
		cols[i] = Column{Name: f.name, Type: f.node.natural()}
	}
	return cols, nil
}
