package format

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// tree is fields by their paths: what an encoder writes.
type fieldTree struct {
	name string
	path string // of names from the top, for messages and type names
	col  int    // -1: a record of kids
	kids []*fieldTree
	// spare: a schema that is given need not have it.
	spare bool
}

// newFieldTree groups fields by their first paths. A single field at the empty
// path is the whole value.
func newFieldTree(fields []field) (*fieldTree, error) {
	root := &fieldTree{col: -1}
	for i, f := range fields {
		var path []string
		if len(f.Paths) > 0 {
			path = f.Paths[0]
		}
		if len(path) == 0 {
			if len(fields) != 1 {
				return nil, sqlerr.New(sqlerr.InvalidParameterValue, "a value without name cannot stand beside others")
			}
			return &fieldTree{col: 0}, nil
		}
		at := root
		for k, name := range path {
			var next *fieldTree
			for _, kid := range at.kids {
				if kid.name == name {
					next = kid
				}
			}
			if last := k == len(path)-1; next == nil {
				next = &fieldTree{name: name, path: strings.Join(path[:k+1], "."), col: -1, spare: f.Spare}
				if last {
					next.col = i
				}
				at.kids = append(at.kids, next)
			} else if last || next.col >= 0 {
				return nil, sqlerr.New(sqlerr.DuplicateColumn, "field %q is written twice", next.path)
			}
			at = next
		}
	}
	return root, nil
}

// generateAvro writes the schema that columns have where none is given. All
// fields may be null, so that later schemas stay compatible. What Avro has no
// type for is a string of its text: numeric without precision, interval, jsonb.
func generateAvro(p *part, tree *fieldTree) (string, error) {
	g := avroGenerator{p: p, space: avroNamespace(p.Topic)}
	if full := p.Options[avroName]; full != "" {
		g.space = full[:max(strings.LastIndexByte(full, '.'), 0)]
	}
	b, err := g.value(nil, tree)
	return string(b), err
}

type avroGenerator struct {
	p     *part
	space string
}

// avroName is the option that says what the record of a generated schema is called.
const avroName = "schema.full.name"

func avroNameOption() option {
	return option{name: avroName, also: []string{"value_avro_schema_full_name", "value_schema_full_name", "key_schema_full_name"}}
}

// checkAvroName refuses a name that is none, or that names nothing.
func (p *part) checkAvroName() error {
	full := p.Options[avroName]
	if full == "" {
		return nil
	}
	for _, part := range strings.Split(full, ".") {
		if !isAvroName(part) {
			return sqlerr.New(sqlerr.InvalidParameterValue, "%q is no name of a record in Avro", full).
				WithHint("Write names of letters, digits and underscores with dots between them, as in 'com.example.Order'.")
		}
	}
	if p.Options["schema"] != "" || p.Options["schema.id"] != "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "%s has no effect beside a schema, which has a name of its own", avroName)
	}
	return nil
}

// avroNamespace makes a namespace of a topic's name.
func avroNamespace(topic string) string {
	var parts []string
	for _, s := range strings.FieldsFunc(topic, func(r rune) bool { return r == '.' }) {
		b := []byte(s)
		for i, c := range b {
			if !isAvroNameByte(c, true) {
				b[i] = '_'
			}
		}
		if !isAvroNameByte(b[0], false) {
			b = append([]byte{'_'}, b...)
		}
		parts = append(parts, string(b))
	}
	return strings.Join(parts, ".")
}

func isAvroNameByte(c byte, digit bool) bool {
	return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || digit && c >= '0' && c <= '9'
}

func isAvroName(s string) bool {
	for i := range len(s) {
		if !isAvroNameByte(s[i], i > 0) {
			return false
		}
	}
	return s != ""
}

func (g *avroGenerator) value(dst []byte, t *fieldTree) ([]byte, error) {
	if t.col >= 0 {
		return appendAvroType(dst, g.p.Fields[t.col].Type)
	}
	name, known := g.p.recordName(t.path)
	if known {
		return types.AppendJSONString(dst, name), nil
	}
	dst = append(dst, `{"type":"record","name":`...)
	dst = types.AppendJSONString(dst, name)
	if t.path == "" && g.space != "" {
		dst = append(dst, `,"namespace":`...)
		dst = types.AppendJSONString(dst, g.space)
	}
	dst = append(dst, `,"fields":[`...)
	for i, kid := range t.kids {
		if !isAvroName(kid.name) {
			return nil, sqlerr.New(sqlerr.InvalidName, "column %q cannot be a field of Avro", kid.name).
				WithHint("Names in Avro are letters, digits and underscores. Give the column another name with AS.")
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"name":`...)
		dst = types.AppendJSONString(dst, kid.name)
		open, end := `,"type":["null",`, `],"default":null}`
		if g.p.always(kid.path) {
			open, end = `,"type":`, `}`
		}
		dst = append(dst, open...)
		var err error
		if dst, err = g.value(dst, kid); err != nil {
			return nil, err
		}
		dst = append(dst, end...)
	}
	return append(dst, `]}`...), nil
}

// recordName is what the record at a path is called in a generated schema, known
// if it has been described before. The names of the envelope's records are those
// of Debezium.
func (p *part) recordName(path string) (name string, known bool) {
	if full := p.Options[avroName]; full != "" && path == "" {
		return full[strings.LastIndexByte(full, '.')+1:], false
	}
	if p.Envelope == Debezium && !p.Key {
		switch path {
		case "":
			return "Envelope", false
		case "before":
			return "Value", false
		case "after":
			return "Value", true
		case "source":
			return "Source", false
		}
	}
	name = "Value"
	if p.Key {
		name = "Key"
	}
	if path != "" {
		name += "_" + strings.ReplaceAll(path, ".", "_")
	}
	return name, false
}

// always reports a field of Debezium's envelope that is never null.
func (p *part) always(path string) bool {
	if p.Envelope != Debezium || p.Key {
		return false
	}
	switch path {
	case "op", "source", "source.version", "source.connector", "source.name":
		return true
	}
	return false
}

// appendAvroType writes the type that a column has in a generated schema.
func appendAvroType(dst []byte, t types.Type) ([]byte, error) {
	if t.IsArray() && !t.IsVector() {
		dst = append(dst, `{"type":"array","items":["null",`...)
		dst, err := appendAvroType(dst, types.ElemOf(t))
		return append(dst, `]}`...), err
	}
	logical := func(typ, name, more string) ([]byte, error) {
		return append(dst, `{"type":"`+typ+`","logicalType":"`+name+`"`+more+`}`...), nil
	}
	switch t.OID {
	case types.OIDBool:
		return append(dst, `"boolean"`...), nil
	case types.OIDInt2, types.OIDInt4:
		return append(dst, `"int"`...), nil
	case types.OIDInt8, types.OIDOid:
		return append(dst, `"long"`...), nil
	case types.OIDFloat4:
		return append(dst, `"float"`...), nil
	case types.OIDFloat8:
		return append(dst, `"double"`...), nil
	case types.OIDBytea:
		return append(dst, `"bytes"`...), nil
	case types.OIDNumeric:
		if p, s, ok := types.NumericMod(t); ok && s >= 0 && s <= p {
			return logical("bytes", "decimal", `,"precision":`+strconv.Itoa(p)+`,"scale":`+strconv.Itoa(s))
		}
	case types.OIDDate:
		return logical("int", "date", "")
	case types.OIDTime:
		return logical("long", "time-micros", "")
	case types.OIDTimestamp:
		return logical("long", "local-timestamp-micros", "")
	case types.OIDTimestamptz:
		return logical("long", "timestamp-micros", "")
	case types.OIDUUID:
		return logical("string", "uuid", "")
	}
	return append(dst, `"string"`...), nil
}
