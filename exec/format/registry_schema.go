package format

import (
	"context"
	"encoding/base64"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// Where the encodings with a schema take it from: the options of the encoding,
// or the registry by the id in each record.

// schemaOptions are those that Avro, Protobuf and JSON Schema have in common.
//
//	schema           the schema's text
//	schema.location  a file that holds it
//	schema.id        its id in the registry
//	subject          the registry's name of it: "topic-value" or "topic-key"
//	wire.format      plain: no head, also where there is a registry
//
// Without a registry records are bare and schema or schema.location says what
// they are. With one each record names its schema; one in the options is then
// the reader's: Avro takes aliases and defaults from it.
func schemaOptions() []option {
	return []option{
		{name: "schema", also: []string{"schema.text"}},
		{name: "schema.location", also: []string{"schema_location", "location"}},
		{name: "schema.id", also: []string{"schema_id"}},
		{name: "subject", also: []string{"schema.registry.subject"}},
		{name: "wire.format", also: []string{"wire_format"}, values: []string{"confluent", "plain"}},
	}
}

// timeOption says what plain numbers count that become times, as for JSON.
func timeOption() option { return valueOptions()[0] }

const schemaBytesMax = 16 << 20

// InlineSchema replaces the option schema.location by the text of the file, so
// that the encoding means the same for ever.
func InlineSchema(e Encoding) (Encoding, error) {
	for name, path := range e.Options {
		switch strings.ToLower(name) {
		case "schema.location", "schema_location", "location":
		default:
			continue
		}
		if _, both := e.Options["schema"]; both {
			return e, sqlerr.New(sqlerr.InvalidParameterValue, "schema and schema.location exclude each other")
		}
		text, err := readSchemaFile(path)
		if err != nil {
			return e, err
		}
		options := make(map[string]string, len(e.Options))
		for k, v := range e.Options {
			if k != name {
				options[k] = v
			}
		}
		if !utf8.ValidString(text) { // a compiled descriptor set
			text = base64.StdEncoding.EncodeToString([]byte(text))
		}
		options["schema"] = text
		e.Options = options
		return e, nil
	}
	return e, nil
}

func readSchemaFile(path string) (string, error) {
	if i := strings.Index(path, "://"); i >= 0 {
		if path[:i] != "file" {
			return "", sqlerr.New(sqlerr.FeatureNotSupported, "schema.location %q: only files can be read", path).
				WithHint("Put the schema's text into the option schema.")
		}
		path = path[i+3:]
	}
	st, err := os.Stat(path)
	if err == nil && st.Size() > schemaBytesMax {
		return "", sqlerr.New(sqlerr.ProgramLimitExceeded, "schema.location %q: the file has more than %d bytes", path, schemaBytesMax)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", sqlerr.New(sqlerr.IOError, "schema.location %q: %s", path, err)
	}
	return string(b), nil
}

// optionSchema is the schema that the options give, nil if they give none. It
// may be a registered one, for which the registry is asked.
func (p *part) optionSchema(ctx context.Context, typ string) (*Schema, error) {
	id, ok := p.Options["schema.id"]
	if !ok {
		return p.optionText(typ)
	}
	n, err := p.schemaID(id)
	if err != nil {
		return nil, err
	}
	s, err := p.Registry.SchemaByID(ctx, n)
	if err != nil {
		return nil, err
	}
	if s == nil || s.Type != typ {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "option schema.id: the registry has no %s schema with the id %d", typ, n)
	}
	return s, nil
}

func (p *part) schemaID(id string) (int, error) {
	n, err := strconv.ParseInt(id, 10, 32)
	if err != nil || n < 0 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option schema.id: %q", id)
	}
	if p.Registry == nil {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "option schema.id needs a schema registry").
			WithHint("Set the option schema.registry to its URL.")
	}
	return int(n), nil
}

// optionText is the schema given by text or file.
func (p *part) optionText(typ string) (*Schema, error) {
	text, inline := p.Options["schema"]
	path, file := p.Options["schema.location"]
	switch {
	case inline && file:
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "options schema and schema.location exclude each other")
	case file:
		var err error
		if text, err = readSchemaFile(path); err != nil {
			return nil, err
		}
	case !inline:
		return nil, nil
	}
	return &Schema{Type: typ, Text: text}, nil
}

// checkSchemaOptions checks what can be checked without asking the registry, and
// returns the schema that is given by text.
func (p *part) checkSchemaOptions(encoding, typ string) (*Schema, error) {
	if id, ok := p.Options["schema.id"]; ok {
		_, err := p.schemaID(id)
		return nil, err
	}
	s, err := p.optionText(typ)
	if err == nil && s == nil && p.Registry == nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "ENCODE %s of the %s needs a schema", strings.ToUpper(encoding), p.what()).
			WithHint("Set schema.registry to the URL of a schema registry, or give the schema by the option schema or schema.location.")
	}
	return s, err
}

// bare forgets the registry where the records have no head.
func (p *part) bare() {
	if p.Options["wire.format"] == "plain" {
		p.Registry = nil
	}
}

// subject is the registry's name for the schema of the part.
func (p *part) subject() string {
	if s := p.Options["subject"]; s != "" {
		return s
	}
	return p.Topic + "-" + p.what()
}

// latestSchema is the newest schema of the part's subject.
func (p *part) latestSchema(ctx context.Context, encoding, typ string) (*Schema, error) {
	if s, err := p.checkSchemaOptions(encoding, typ); s != nil || err != nil {
		return s, err
	}
	if s, err := p.optionSchema(ctx, typ); s != nil || err != nil {
		return s, err
	}
	s, err := p.Registry.Latest(ctx, p.subject())
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "the schema registry has no subject %q", p.subject()).
			WithHint("Name the columns, or the subject by the option subject.")
	}
	if s.Type != typ {
		return nil, sqlerr.New(sqlerr.WrongObjectType, "the schema of subject %q is of type %s, not %s", p.subject(), s.Type, typ)
	}
	return s, nil
}

// bySchema keeps what decoders have made of each registered schema.
type bySchema[T any] struct {
	made map[int]madeOf[T]
	id   int // of the last one
	last madeOf[T]
}

// madeOf is a T, or what is wrong with its schema or the columns wanted of it.
type madeOf[T any] struct {
	is  T
	err *sqlerr.Error
	set bool
}

// madeMax bounds the number of schemas kept: records name them.
const madeMax = 1000

// of returns what make has made, or makes, of the schema with an id. bad is what
// is wrong with records of that schema; err is of the surroundings.
func (b *bySchema[T]) of(ctx context.Context, p *part, typ string, id int, make_ func(*Schema) (T, error)) (is T, bad *sqlerr.Error, err error) {
	if b.last.set && b.id == id {
		return b.last.is, b.last.err, nil
	}
	m, ok := b.made[id]
	if !ok {
		s, err := p.Registry.SchemaByID(ctx, id)
		switch {
		case err != nil:
			return is, nil, err
		case s == nil:
			// Not kept: it may be registered later.
			return is, sqlerr.New(sqlerr.UndefinedObject, "the schema registry has no schema with the id %d", id), nil
		case s.Type != typ:
			m.err = sqlerr.New(sqlerr.WrongObjectType, "schema %d is of type %s, not %s", id, s.Type, typ)
		default:
			if m.is, err = make_(s); err != nil {
				e := *sqlerr.From(err)
				e.Message = "schema " + strconv.Itoa(id) + ": " + e.Message
				m.err = &e
			}
		}
		m.set = true
		if b.made == nil || len(b.made) >= madeMax {
			b.made = map[int]madeOf[T]{}
		}
		b.made[id] = m
	}
	b.id, b.last = id, m
	return m.is, m.err, nil
}

// eachRecord calls one for every record that has a value and is not bad, and keeps the
// rows in step for the others.
func eachRecord(in *vec.Vec, out *rows, one func(record int, b []byte) error) error {
	for i := range in.N {
		if i == sampleRows {
			out.reserve(i, in)
		}
		if in.IsNull(i) || out.isBad(i) {
			out.absent(i)
			continue
		}
		if err := one(i, in.Bytes(i)); err != nil {
			return err
		}
	}
	return nil
}

// sampleRows is the number of rows after which it is known how long texts are.
const sampleRows = 64

// reserve makes room for all rows, taken to be as long as the first n, so that
// columns need not be moved while they grow.
func (r *rows) reserve(n int, in *vec.Vec) {
	most := int(in.Off[in.N] - in.Off[0])
	for i := range r.cols {
		if size := r.cols[i].DataLen(); size > 0 {
			r.cols[i].Reserve(min((size/n+1)*(in.N-n)*9/8+64, most))
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
