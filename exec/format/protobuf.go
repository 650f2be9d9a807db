package format

import (
	"context"
	"encoding/base64"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// protobufEncoding is Protobuf, with the registry's wire format where there is a
// registry. The message type is that of the option message, by its full name or
// its own, else the first of the schema, or with a registry the one that a
// record names. Columns are found by name, then without case and underscores; a
// field that is absent is NULL where its absence can be told from zero, else
// zero, and an empty array or map where it is repeated. Nested messages are
// jsonb, or taken apart by dotted paths.
func protobufEncoding() encoding {
	return encoding{
		name:    "protobuf",
		options: append([]option{{name: "message", also: []string{"message.name", "schema.full.name", "value_schema_full_name", "key_schema_full_name"}}, timeOption()}, schemaOptions()...),
		nested:  true,
		nests:   true,
		decoder: newProtobufDecoder,
		encoder: newProtobufEncoder,
		infer:   inferProtobuf,
	}
}

type protobufDecoder struct {
	p       part
	bare    *protoProgram
	schemas bySchema[*protoFile]
	read    protoReader
	index   []int
}

// protoFile is a schema of the registry and the programs for its messages.
type protoFile struct {
	fd    protoreflect.FileDescriptor
	first madeOf[*protoProgram] // of the first message
	other map[string]madeOf[*protoProgram]
}

func newProtobufDecoder(p part) (partDecoder, error) {
	p.bare()
	d := &protobufDecoder{p: p}
	s, err := p.checkSchemaOptions("protobuf", "PROTOBUF")
	if err != nil || s == nil {
		return d, err
	}
	m, err := protoMessageOf(s, p.Options["message"])
	if err != nil {
		return nil, err
	}
	prog, err := compileProto(protoTree(m), p.Fields, timeCountOf(p.Options))
	if err != nil {
		return nil, err
	}
	if p.Registry == nil {
		d.bare = prog
	}
	return d, nil
}

func protoMessageOf(s *Schema, name string) (protoreflect.MessageDescriptor, error) {
	fd, err := parseProto(s)
	if err != nil {
		return nil, err
	}
	return protoByName(fd, name)
}

func (d *protobufDecoder) decode(ctx context.Context, in *vec.Vec, out *rows) error {
	if d.bare != nil {
		return eachRecord(in, out, func(i int, b []byte) error {
			d.read.decode(d.bare, b, out, i)
			return nil
		})
	}
	return eachRecord(in, out, func(i int, b []byte) error {
		prog, rest, bad, err := d.program(ctx, b)
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

// program is the one for the message type that a record names.
func (d *protobufDecoder) program(ctx context.Context, b []byte) (_ *protoProgram, rest []byte, bad *sqlerr.Error, err error) {
	id, rest, bad := cutWireHead(b)
	if bad != nil {
		return nil, nil, bad, nil
	}
	if d.index, rest, bad = cutMessageIndex(rest, d.index); bad != nil {
		return nil, nil, bad, nil
	}
	file, bad, err := d.schemas.of(ctx, &d.p, "PROTOBUF", id, func(s *Schema) (*protoFile, error) {
		fd, err := parseProto(s)
		return &protoFile{fd: fd}, err
	})
	if err != nil || bad != nil {
		return nil, nil, bad, err
	}
	m := d.ofIndex(file)
	return m.is, rest, m.err, nil
}

func (d *protobufDecoder) ofIndex(file *protoFile) madeOf[*protoProgram] {
	if len(d.index) == 1 && d.index[0] == 0 {
		if !file.first.set {
			file.first = d.compile(file.fd)
		}
		return file.first
	}
	key := string(appendMessageIndex(nil, d.index))
	m, ok := file.other[key]
	if !ok {
		m = d.compile(file.fd)
		if file.other == nil || len(file.other) >= madeMax {
			file.other = map[string]madeOf[*protoProgram]{}
		}
		file.other[key] = m
	}
	return m
}

func (d *protobufDecoder) compile(fd protoreflect.FileDescriptor) (m madeOf[*protoProgram]) {
	m.set = true
	msg, err := protoByIndex(fd, d.index)
	if err == nil {
		if name := d.p.Options["message"]; name != "" && name != string(msg.Name()) && name != string(msg.FullName()) {
			err = sqlerr.New(sqlerr.WrongObjectType, "the record is a message %q, not %q", string(msg.FullName()), name)
		} else {
			m.is, err = compileProto(protoTree(msg), d.p.Fields, timeCountOf(d.p.Options))
		}
	}
	if err != nil {
		m.err = sqlerr.From(err)
	}
	return m
}

// inferProtobuf proposes the columns of a message's fields, in their order.
func inferProtobuf(ctx context.Context, p part, _ *vec.Vec) ([]Column, error) {
	s, err := p.latestSchema(ctx, "protobuf", "PROTOBUF")
	if err != nil {
		return nil, err
	}
	d, err := protoMessageOf(s, p.Options["message"])
	if err != nil {
		return nil, err
	}
	for _, path := range p.Rows {
		if at := protoAt(d, path); at != nil {
			d = at
			break
		}
	}
	m := protoTree(d)
	cols := make([]Column, d.Fields().Len())
	for i := range cols {
		f := m.field(int32(d.Fields().Get(i).Number()))
		cols[i] = Column{Name: f.name, Type: f.natural()}
	}
	return cols, nil
}

// protoAt is the message type at a path, or nil.
func protoAt(d protoreflect.MessageDescriptor, path []string) protoreflect.MessageDescriptor {
	for _, name := range path {
		f := d.Fields().ByName(protoreflect.Name(name))
		if f == nil || f.Message() == nil || f.Cardinality() == protoreflect.Repeated {
			return nil
		}
		d = f.Message()
	}
	return d
}

// protoEncoder writes rows as messages of the schema of the options, or of one
// that the columns make. With a registry the schema is registered.
type protoEncoder struct {
	p      part
	tree   *fieldTree
	schema *Schema
	plan   *protoPut
	head   []byte // schema id and message index
	index  []int
	ready  bool
	cols   []*vec.Vec
	tmp    [][]byte // bodies of nested messages, by depth
}

// protoPut writes one field: column col, or the message of subs.
type protoPut struct {
	field *protoField // nil: the record
	path  string
	col   int
	subs  []*protoPut // by field number
	from  types.Type
}

func newProtobufEncoder(p part) (partEncoder, error) {
	p.bare()
	e := &protoEncoder{p: p}
	var err error
	if e.tree, err = newFieldTree(p.Fields); err != nil {
		return nil, err
	}
	if e.tree.col >= 0 { // Protobuf has no values but messages
		e.tree = &fieldTree{col: -1, kids: []*fieldTree{{name: p.what(), path: p.what(), col: 0}}}
	}
	if p.Options["schema.id"] != "" {
		_, err := p.checkSchemaOptions("protobuf", "PROTOBUF")
		return e, err
	}
	if e.schema, err = p.optionText("PROTOBUF"); err != nil {
		return nil, err
	}
	if e.schema == nil {
		text, err := generateProto(&p, e.tree)
		if err != nil {
			return nil, err
		}
		e.schema = &Schema{Type: "PROTOBUF", Text: text}
	}
	return e, e.compile()
}

func (e *protoEncoder) compile() error {
	d, err := protoMessageOf(e.schema, e.p.Options["message"])
	if err != nil {
		return err
	}
	e.index = protoIndex(d)
	e.plan = &protoPut{col: -1}
	return e.planFields(e.plan, protoTree(d), e.tree)
}

func (e *protoEncoder) planFields(p *protoPut, m *protoMessage, t *fieldTree) error {
	for _, kid := range t.kids {
		f := m.find(kid.name)
		if f == nil && kid.spare {
			continue
		}
		if f == nil {
			return sqlerr.New(sqlerr.UndefinedColumn, "message %s of the Protobuf schema has no field %q", m.name, kid.path)
		}
		sub := &protoPut{field: f, path: kid.path, col: kid.col}
		if kid.col >= 0 {
			sub.from = e.p.Fields[kid.col].Type
			if !protoTakes(f, sub.from) {
				return sqlerr.New(sqlerr.DatatypeMismatch, "column %q of type %s cannot become Protobuf %s", e.p.Fields[kid.col].Name, sub.from, f.what())
			}
		} else if f.inside() == nil {
			return sqlerr.New(sqlerr.DatatypeMismatch, "field %q of the Protobuf schema is no message", kid.path)
		} else if err := e.planFields(sub, f.msg, kid); err != nil {
			return err
		}
		p.subs = append(p.subs, sub)
	}
	slices.SortFunc(p.subs, func(a, b *protoPut) int { return int(a.field.number - b.field.number) })
	return nil
}

func (e *protoEncoder) begin(ctx context.Context, cols []*vec.Vec) (err error) {
	e.cols = cols
	if e.ready {
		return nil
	}
	id := 0
	if e.p.Options["schema.id"] != "" {
		if e.schema, err = e.p.optionSchema(ctx, "PROTOBUF"); err != nil {
			return err
		}
		if err = e.compile(); err != nil {
			return err
		}
		id = e.schema.ID
	} else if e.p.Registry != nil {
		s := *e.schema
		if !utf8.ValidString(s.Text) {
			s.Text = base64.StdEncoding.EncodeToString([]byte(s.Text))
		}
		if id, err = e.p.Registry.Register(ctx, e.p.subject(), &s); err != nil {
			return err
		}
	}
	if e.p.Registry != nil {
		e.head = appendMessageIndex(appendWireHead(nil, id), e.index)
	}
	e.ready = true
	return nil
}

func (e *protoEncoder) row(dst []byte, i int) ([]byte, error) {
	return e.putFields(append(dst, e.head...), e.plan, i, 0)
}
