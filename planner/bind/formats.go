package bind

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// formats is a bound FORMAT … ENCODE …, or ksqlDB's VALUE_FORMAT and KEY_FORMAT.
type formats struct {
	*catalog.Format
	registry map[string]string // options of the registry that stood among the encoding's
	secrets  map[string]uint64
	pos      int // where the registry is named, or the statement begins
}

// cluster hands the options of the registry to the connector.
func (f *formats) cluster(c *catalog.Connector) {
	for k, v := range f.registry {
		c.Options[k] = v
	}
	for k, v := range f.secrets {
		if c.Secrets == nil {
			c.Secrets = map[string]uint64{}
		}
		c.Secrets[k] = v
	}
}

// envelopes are the words of FORMAT.
var envelopes = []string{"plain", "upsert", "debezium", "maxwell", "canal", "open_protocol"}

// encodingNames are the words of ENCODE and of VALUE_FORMAT.
var encodingNames = map[string]string{"json": "json", "avro": "avro", "protobuf": "protobuf", "csv": "csv", "delimited": "csv", "text": "text",
	"bytes": "bytes", "jsonschema": "jsonschema", "json_sr": "jsonschema", "kafka": "kafka", "none": "none"}

func (b *binder) formats(f *ast.Format, g *given, table bool, pos int) (*formats, error) {
	out := &formats{Format: &catalog.Format{Envelope: "plain"}, pos: pos}
	if f == nil {
		return out, b.ksqlFormats(out, g, table, pos)
	}
	for _, key := range []string{"format", "value_format", "key_format", "value_delimiter", "key_delimiter", "wrap_single_value", "value_schema_id",
		"key_schema_id", "value_schema_full_name", "key_schema_full_name"} {
		if g.has(key) {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "%s has no effect beside FORMAT … ENCODE", key).At(g.at[key].Pos)
		}
	}
	word := strings.ToLower(f.Name)
	if !slices.Contains(envelopes, word) {
		err := sqlerr.New(sqlerr.InvalidParameterValue, "unknown format %s", f.Name).At(f.Pos)
		if encodingNames[word] != "" {
			return nil, err.WithHint("Write FORMAT PLAIN ENCODE %s.", f.Name)
		}
		return nil, hintOf(err, word, envelopes, "Formats")
	}
	out.Envelope = word
	if f.Encode == "" {
		return nil, sqlerr.New(sqlerr.SyntaxError, "FORMAT %s needs ENCODE", f.Name).At(f.Pos).WithHint("For example FORMAT %s ENCODE JSON.", f.Name)
	}
	var err error
	if out.Value.Name, err = encodingName(f.Encode, f.Pos); err != nil {
		return nil, err
	}
	if f.Key != "" {
		if out.Key.Name, err = encodingName(f.Key, f.Pos); err != nil {
			return nil, err
		}
	}
	return out, b.formatOptions(out, f.Options)
}

// formatOptions tells the encoding's own options from those of the registry. The
// encoding checks its own.
func (b *binder) formatOptions(out *formats, list []ast.Option) error {
	registry := map[string]keyword{}
	for k, v := range clusterKeywords {
		if strings.HasPrefix(k, "schema.registry") {
			registry[k] = v
		}
	}
	for _, o := range list {
		name := strings.ToLower(o.Name)
		if strings.HasPrefix(name, "schema.registry") {
			g, err := b.keywords([]ast.Option{o}, registry)
			if err != nil {
				return err
			}
			if name == "schema.registry.connection" {
				out.pos = o.ValuePos
			}
			out.registry, out.secrets = merged(out.registry, g.values), merged(out.secrets, g.secrets)
			continue
		}
		text, err := optionValue(o, name, option{kind: 't'})
		if err != nil {
			return err
		}
		into := &out.Value
		if rest, ok := strings.CutPrefix(name, "key."); ok {
			into, name = &out.Key, rest
		}
		if _, dup := into.Options[name]; dup {
			return sqlerr.New(sqlerr.SyntaxError, "parameter \"%s\" specified more than once", name).At(o.Pos)
		}
		into.Options = merged(into.Options, map[string]string{name: text})
	}
	return nil
}

func merged[V any](a, b map[string]V) map[string]V {
	if a == nil && len(b) > 0 {
		a = map[string]V{}
	}
	for k, v := range b {
		a[k] = v
	}
	return a
}

func (b *binder) ksqlFormats(out *formats, g *given, table bool, pos int) error {
	both, value, key := g.take("format"), g.take("value_format"), g.take("key_format")
	at := func(k string) int {
		if both != "" {
			return g.pos("format")
		}
		return g.pos(k)
	}
	if both != "" && (value != "" || key != "") {
		return sqlerr.New(sqlerr.InvalidParameterValue, "FORMAT stands for both VALUE_FORMAT and KEY_FORMAT").At(g.pos("format"))
	}
	if both != "" {
		value, key = both, both
	}
	if value == "" {
		return sqlerr.New(sqlerr.InvalidParameterValue, "the format of the records is missing").At(pos).
			WithHint("Add FORMAT PLAIN ENCODE JSON, or VALUE_FORMAT = 'JSON' to the options.")
	}
	envelope := "plain"
	if f, ok := flinkFormats[strings.ToLower(value)]; ok {
		envelope, value = f[0], f[1]
		if both != "" {
			key = value
		}
	}
	if key == "" {
		key = "KAFKA"
	}
	var err error
	if out.Value.Name, err = encodingName(value, at("value_format")); err != nil {
		return err
	}
	if out.Key.Name, err = encodingName(key, at("key_format")); err != nil {
		return err
	}
	switch {
	case envelope != "plain":
		out.Envelope, out.Key = envelope, catalog.Encoding{}
	case table:
		out.Envelope = "upsert"
	}
	for _, o := range []struct {
		key  string
		name string
		into *catalog.Encoding
	}{
		{"value_delimiter", "delimiter", &out.Value}, {"key_delimiter", "delimiter", &out.Key},
		{"value_schema_id", "schema.id", &out.Value}, {"key_schema_id", "schema.id", &out.Key},
		{"value_schema_full_name", "message", &out.Value}, {"key_schema_full_name", "message", &out.Key},
	} {
		if g.has(o.key) {
			if o.name == "message" && o.into.Name == "avro" {
				o.name = "schema.full.name"
			}
			o.into.Options = merged(o.into.Options, map[string]string{o.name: delimiter(o.key, g.take(o.key))})
		}
	}
	if g.has("wrap_single_value") && g.take("wrap_single_value") != "true" {
		if n := out.Value.Name; n != "json" && n != "jsonschema" {
			return unsupported(g.at["wrap_single_value"].Pos, "WRAP_SINGLE_VALUE = false with %s", strings.ToUpper(n))
		}
		out.Value.Options = merged(out.Value.Options, map[string]string{"wrap_single_value": "false"})
	}
	return nil
}

// delimiter gives ksqlDB's words for characters.
func delimiter(key, v string) string {
	if strings.HasSuffix(key, "_delimiter") {
		switch strings.ToUpper(v) {
		case "SPACE":
			return " "
		case "TAB":
			return "\t"
		}
	}
	return v
}

func encodingName(word string, pos int) (string, error) {
	if name := encodingNames[strings.ToLower(word)]; name != "" {
		return name, nil
	}
	var names []string
	for n := range encodingNames {
		names = append(names, n)
	}
	slices.Sort(names)
	return "", hintOf(sqlerr.New(sqlerr.InvalidParameterValue, "unknown encoding %s", word).At(pos), strings.ToLower(word), names, "Encodings")
}

// hintOf names what is near to word, or everything.
func hintOf(err *sqlerr.Error, word string, names []string, what string) error {
	if best := nearest(word, names); best != "" {
		return err.WithHint("Perhaps you meant %s.", strings.ToUpper(best))
	}
	return err.WithHint("%s: %s.", what, strings.ToUpper(strings.Join(names, ", ")))
}
