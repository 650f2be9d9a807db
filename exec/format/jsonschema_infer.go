package format

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// jsonSchemaNode is what of a JSON Schema says which type values have.
type jsonSchemaNode struct {
	Ref         string                     `json:"$ref"`
	Type        json.RawMessage            `json:"type"` // a name or an array of names
	Title       string                     `json:"title"`
	Format      string                     `json:"format"`
	Content     string                     `json:"contentEncoding"`
	Connect     string                     `json:"connect.type"`
	OneOf       []json.RawMessage          `json:"oneOf"`
	AnyOf       []json.RawMessage          `json:"anyOf"`
	Properties  json.RawMessage            `json:"properties"`
	Items       json.RawMessage            `json:"items"`
	Definitions map[string]json.RawMessage `json:"definitions"`
	Defs        map[string]json.RawMessage `json:"$defs"`
}

// jsonSchema is a schema in which references are looked up.
type jsonSchema struct {
	schema *Schema
	root   jsonSchemaNode
	steps  int // references and alternatives followed, against circles
}

const jsonSchemaStepsMax = 100_000

func parseJSONSchema(s *Schema) (*jsonSchema, error) {
	j := &jsonSchema{schema: s}
	if err := json.Unmarshal([]byte(s.Text), &j.root); err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid JSON Schema: %s", err)
	}
	return j, nil
}

// inferJSONSchema proposes the columns of the properties of a schema.
func inferJSONSchema(ctx context.Context, p part, samples *vec.Vec) ([]Column, error) {
	if p.Registry == nil && p.Options["schema"] == "" && p.Options["schema.location"] == "" {
		return inferJSON(ctx, p, samples)
	}
	s, err := p.latestSchema(ctx, "jsonschema", "JSON")
	if err != nil {
		return nil, err
	}
	j, err := parseJSONSchema(s)
	if err != nil {
		return nil, err
	}
	at, in, ok := j.settle(j.root)
	for _, path := range p.Rows {
		if n, of, found := in.follow(at, path); found {
			at, in, ok = n, of, true
			break
		}
	}
	if !ok || len(at.Properties) == 0 {
		if t := in.natural(at); ok && t.OID != types.OIDJSONB {
			return []Column{{Name: p.what(), Type: t}}, nil
		}
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "the JSON Schema of the %s has no properties to make columns of", p.what()).
			WithHint("Declare the columns.")
	}
	names, values, err := jsonMembers(at.Properties)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid JSON Schema: %s", err)
	}
	cols := make([]Column, len(names))
	for i, name := range names {
		cols[i] = Column{Name: name, Type: in.naturalOf(values[i])}
	}
	return cols, nil
}

// jsonMembers are the members of an object in the order of its text.
func jsonMembers(text json.RawMessage) (names []string, values []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, sqlerr.New(sqlerr.InvalidParameterValue, "properties are no object")
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, nil, err
		}
		names, values = append(names, name.(string)), append(values, v)
	}
	return names, values, nil
}

// settle follows references and takes null out of the alternatives; ok = false:
// several are left. The answer's references are to be looked up in the second.
func (j *jsonSchema) settle(n jsonSchemaNode) (jsonSchemaNode, *jsonSchema, bool) {
	for {
		if j.steps++; j.steps > jsonSchemaStepsMax {
			return n, j, false
		}
		switch {
		case n.Ref != "":
			next, in, ok := j.lookUp(n.Ref)
			if !ok {
				return n, j, false
			}
			in.steps = j.steps
			n, j = next, in
		case len(n.OneOf) > 0 || len(n.AnyOf) > 0:
			var left []jsonSchemaNode
			for _, text := range append(n.OneOf, n.AnyOf...) {
				var a jsonSchemaNode
				if json.Unmarshal(text, &a) != nil {
					return n, j, false
				}
				if names := a.types(); len(names) != 1 || names[0] != "null" {
					left = append(left, a)
				}
			}
			if len(left) != 1 {
				return n, j, false
			}
			n = left[0]
		default:
			return n, j, true
		}
	}
}

// lookUp finds what a $ref means: a definition of this schema, or another schema.
func (j *jsonSchema) lookUp(ref string) (jsonSchemaNode, *jsonSchema, bool) {
	file, at, _ := strings.Cut(ref, "#")
	if file != "" {
		s := j.schema.References[file]
		if s == nil {
			return jsonSchemaNode{}, j, false
		}
		other, err := parseJSONSchema(s)
		if err != nil {
			return jsonSchemaNode{}, j, false
		}
		j = other
	}
	if at == "" || at == "/" {
		return j.root, j, true
	}
	var text json.RawMessage
	if name, ok := strings.CutPrefix(at, "/definitions/"); ok {
		text = j.root.Definitions[name]
	} else if name, ok := strings.CutPrefix(at, "/$defs/"); ok {
		text = j.root.Defs[name]
	}
	var n jsonSchemaNode
	return n, j, text != nil && json.Unmarshal(text, &n) == nil
}

// follow goes down a path of properties.
func (j *jsonSchema) follow(n jsonSchemaNode, path []string) (jsonSchemaNode, *jsonSchema, bool) {
	for _, name := range path {
		names, values, err := jsonMembers(n.Properties)
		if err != nil {
			return n, j, false
		}
		found := false
		for i := range names {
			if names[i] != name {
				continue
			}
			var next jsonSchemaNode
			if json.Unmarshal(values[i], &next) != nil {
				return n, j, false
			}
			n, j, found = j.settle(next)
		}
		if !found {
			return n, j, false
		}
	}
	return n, j, len(n.Properties) > 0
}

// types are the names in type.
func (n *jsonSchemaNode) types() []string {
	var one string
	if json.Unmarshal(n.Type, &one) == nil {
		return []string{one}
	}
	var all []string
	_ = json.Unmarshal(n.Type, &all) // what it is else says nothing
	return all
}

func (j *jsonSchema) naturalOf(text json.RawMessage) types.Type {
	var n jsonSchemaNode
	if json.Unmarshal(text, &n) != nil {
		return types.JSONB
	}
	n, in, ok := j.settle(n)
	if !ok {
		return types.JSONB
	}
	return in.natural(n)
}

// natural is the SQL type of the values of a node that is settled.
func (j *jsonSchema) natural(n jsonSchemaNode) types.Type {
	var names []string
	for _, name := range n.types() {
		if name != "null" {
			names = append(names, name)
		}
	}
	if t, ok := n.connect(); ok {
		return t
	}
	if len(names) != 1 {
		return types.JSONB
	}
	switch names[0] {
	case "boolean":
		return types.Bool
	case "integer":
		return types.Int8
	case "number":
		return types.Float8
	case "string":
		return n.text()
	case "array":
		if len(n.Items) > 0 {
			if t := types.ArrayOf(j.naturalOf(n.Items)); t.OID != 0 && t.OID != types.OIDJSONBArray && !types.ElemOf(t).IsArray() {
				return t
			}
		}
	}
	return types.JSONB
}

func (n *jsonSchemaNode) text() types.Type {
	switch n.Format {
	case "date-time":
		return types.Timestamptz
	case "date":
		return types.Date
	case "time":
		return types.Time
	case "uuid":
		return types.UUID
	}
	if strings.EqualFold(n.Content, "base64") {
		return types.Bytea
	}
	return types.Text
}

// connect knows the marks of Kafka Connect's types.
func (n *jsonSchemaNode) connect() (types.Type, bool) {
	switch n.Title {
	case "org.apache.kafka.connect.data.Timestamp":
		return types.Timestamptz, true
	case "org.apache.kafka.connect.data.Date":
		return types.Date, true
	case "org.apache.kafka.connect.data.Time":
		return types.Time, true
	case "org.apache.kafka.connect.data.Decimal":
		return types.Numeric, true
	}
	switch n.Connect {
	case "int8", "int16":
		return types.Int2, true
	case "int32":
		return types.Int4, true
	case "int64":
		return types.Int8, true
	case "float32":
		return types.Float4, true
	case "float64":
		return types.Float8, true
	case "bytes":
		for _, name := range n.types() {
			if name == "number" {
				return types.Numeric, true
			}
		}
		return types.Bytea, true
	}
	return types.Type{}, false
}
