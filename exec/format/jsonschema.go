package format

import (
	"context"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// jsonSchemaEncoding is JSON behind the registry's head. Records are decoded as
// JSON by their columns; the schema says what these are where they are left out.
// Without a registry there is no head.
func jsonSchemaEncoding() encoding {
	j := jsonEncoding()
	return encoding{
		name:    "jsonschema",
		options: append(schemaOptions(), j.options...),
		nested:  true,
		decoder: newJSONSchemaDecoder,
		encoder: newJSONSchemaEncoder,
		infer:   inferJSONSchema,
	}
}

type jsonSchemaDecoder struct {
	p       part
	json    partDecoder
	schemas bySchema[struct{}]
}

func newJSONSchemaDecoder(p part) (partDecoder, error) {
	p.bare()
	json, err := newJSONDecoder(p)
	if err != nil || p.Registry == nil {
		return json, err
	}
	if _, err := p.checkSchemaOptions("jsonschema", "JSON"); err != nil {
		return nil, err
	}
	return &jsonSchemaDecoder{p: p, json: json}, nil
}

// decode checks the heads and puts blanks in their places, which mean nothing
// before a JSON text.
func (d *jsonSchemaDecoder) decode(ctx context.Context, in *vec.Vec, out *rows) error {
	blank := *in
	blank.Data = make([]byte, in.Off[in.N])
	copy(blank.Data[in.Off[0]:], in.Data[in.Off[0]:in.Off[in.N]])
	for i := range in.N {
		if in.IsNull(i) || out.isBad(i) {
			continue
		}
		id, rest, bad := cutWireHead(in.Bytes(i))
		if bad == nil {
			var err error
			if _, bad, err = d.schemas.of(ctx, &d.p, "JSON", id, func(*Schema) (struct{}, error) { return struct{}{}, nil }); err != nil {
				return err
			}
		}
		if bad != nil {
			out.mark(i, bad)
			continue
		}
		start := int(in.Off[i+1]) - len(rest)
		copy(blank.Data[start-wireHead:start], "     ")
	}
	return d.json.decode(ctx, &blank, out)
}

type jsonSchemaEncoder struct {
	p      part
	json   partEncoder
	schema *Schema
	head   []byte
	ready  bool
}

func newJSONSchemaEncoder(p part) (partEncoder, error) {
	p.bare()
	json, err := newJSONEncoder(p)
	if err != nil || p.Registry == nil {
		return json, err
	}
	e := &jsonSchemaEncoder{p: p, json: json}
	if p.Options["schema.id"] != "" {
		_, err := p.checkSchemaOptions("jsonschema", "JSON")
		return e, err
	}
	if e.schema, err = p.optionText("JSON"); err != nil {
		return nil, err
	}
	if e.schema == nil {
		e.schema = &Schema{Type: "JSON", Text: generateJSONSchema(&p)}
	}
	return e, nil
}

func (e *jsonSchemaEncoder) begin(ctx context.Context, cols []*vec.Vec) (err error) {
	if !e.ready {
		id := 0
		if e.p.Options["schema.id"] != "" {
			s, err := e.p.optionSchema(ctx, "JSON")
			if err != nil {
				return err
			}
			id = s.ID
		} else if id, err = e.p.Registry.Register(ctx, e.p.subject(), e.schema); err != nil {
			return err
		}
		e.head, e.ready = appendWireHead(nil, id), true
	}
	return e.json.begin(ctx, cols)
}

func (e *jsonSchemaEncoder) row(dst []byte, i int) ([]byte, error) {
	return e.json.row(append(dst, e.head...), i)
}

// generateJSONSchema writes the schema that columns have where none is given.
// It is closed, since a column more is compatible only where nobody could have
// used its name before.
// Integers tell their size as Kafka Connect does.
func generateJSONSchema(p *part) string {
	single := p.Options["wrap_single_value"] == "false"
	b := []byte(`{"$schema":"http://json-schema.org/draft-07/schema#"`)
	if single && len(p.Fields) == 1 {
		b = append(append(b, ','), jsonSchemaOf(p.Fields[0].Type, p.Options)...)
		return string(append(b, '}'))
	}
	b = append(b, `,"type":"object","properties":{`...)
	for i, f := range p.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = types.AppendJSONString(b, f.Paths[0][len(f.Paths[0])-1])
		b = append(b, `:{"oneOf":[{"type":"null"},{`...)
		b = append(b, jsonSchemaOf(f.Type, p.Options)...)
		b = append(b, `}]}`...)
	}
	return string(append(b, `},"additionalProperties":false}`...))
}

// jsonSchemaOf is the inside of the schema of a type's values.
func jsonSchemaOf(t types.Type, options map[string]string) string {
	_, numbers := options["timestamp.handling.mode"]
	if numbers {
		switch t.OID {
		case types.OIDDate, types.OIDTime, types.OIDTimestamp, types.OIDTimestamptz:
			return `"type":["integer","string"]`
		}
	}
	switch t.OID {
	case types.OIDBool:
		return `"type":"boolean"`
	case types.OIDInt2:
		return `"type":"integer","connect.type":"int16"`
	case types.OIDInt4:
		return `"type":"integer","connect.type":"int32"`
	case types.OIDInt8, types.OIDOid:
		return `"type":"integer","connect.type":"int64"`
	case types.OIDFloat4:
		return `"type":["number","string"],"connect.type":"float32"`
	case types.OIDFloat8:
		return `"type":["number","string"],"connect.type":"float64"`
	case types.OIDNumeric:
		return `"type":["number","string"],"connect.type":"bytes"`
	case types.OIDBytea:
		if bytesFormOf(options) == bytesBase64 {
			return `"type":"string","contentEncoding":"base64"`
		}
	case types.OIDDate:
		return `"type":"string","format":"date"`
	case types.OIDTime:
		return `"type":"string","format":"time"`
	case types.OIDTimestamptz:
		return `"type":"string","format":"date-time"`
	case types.OIDUUID:
		return `"type":"string","format":"uuid"`
	case types.OIDJSON, types.OIDJSONB:
		return `"type":["object","array","string","number","boolean"]`
	}
	if t.IsArray() && !t.IsVector() {
		return `"type":"array","items":{"oneOf":[{"type":"null"},{` + jsonSchemaOf(types.ElemOf(t), options) + `}]}`
	}
	return `"type":"string"`
}
