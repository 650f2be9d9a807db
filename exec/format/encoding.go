package format

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// encoding is one way in which bytes stand for values. Each lives in a file of
// its own and has a line in encodings.
type encoding struct {
	name    string
	options []option
	// decoder and encoder check the part they are asked for: a type or a number of
	// fields that the encoding cannot carry is an error of the user. nil: the
	// encoding does not go in that direction.
	decoder func(p part) (partDecoder, error)
	encoder func(p part) (partEncoder, error)
	// infer proposes the fields of keys or values, from the registry or from
	// samples (a bytea column, or nil); nil: it cannot.
	infer func(ctx context.Context, p part, samples *vec.Vec) ([]Column, error)
	// nested: fields may lie deeper than one level, which envelopes need.
	nested bool
	// nests: the encoder writes fields that lie deeper than one level.
	nests bool
	// single: the bytes are one value, which has no name.
	single bool
}

// encodings lists them all.
func encodings() []encoding {
	return []encoding{
		jsonEncoding(),
		csvEncoding(),
		textEncoding(),
		bytesEncoding(),
		kafkaEncoding(),
		noneEncoding(),
		avroEncoding(),
		protobufEncoding(),
		jsonSchemaEncoding(),
	}
}

// option is one option of an encoding.
type option struct {
	name   string
	also   []string // other spellings
	values []string // what it may be; nil: any text
}

// part is what is asked of one side, the keys or the values, of records.
type part struct {
	Key         bool
	Topic       string
	Envelope    Envelope
	Fields      []field
	Options     map[string]string // checked, by their canonical names
	Registry    Registry
	NullOnError bool
	// Rows leads to where an envelope keeps the row, for infer: the first that is
	// there; an empty path or none at all is the whole value.
	Rows [][]string
}

// what names the part in messages and, with -, in the subjects of a registry.
func (p *part) what() string {
	if p.Key {
		return "key"
	}
	return "value"
}

// field is one value that is wanted out of a part, or goes into it.
type field struct {
	Name string // the column's, for messages
	Type types.Type
	// Paths lead to the value by the names of nested records, exact match before
	// case-insensitive; each is as good as the other. Encoders use the first. A
	// single value without name is at the empty path.
	Paths [][]string
	// Spare: an encoder whose schema is given leaves it out if the schema has no such
	// field.
	Spare bool
	// unavailable is the text that stands for a value left out, "": none.
	unavailable string
}

// partDecoder decodes one part of many records.
type partDecoder interface {
	// decode appends the rows of each record of in, a bytea column, to out: one row
	// of NULLs for a record that is NULL. The error is of the surroundings; what is
	// wrong with a record goes to out.
	decode(ctx context.Context, in *vec.Vec, out *rows) error
}

// partEncoder encodes one part of many rows.
type partEncoder interface {
	// begin takes the columns of the part's fields. The error may be of the
	// surroundings.
	begin(ctx context.Context, cols []*vec.Vec) error
	// row appends row i.
	row(dst []byte, i int) ([]byte, error)
}

// findEncoding looks a name up; who says whose it is, for the message.
func findEncoding(name, who string) (encoding, error) {
	name = strings.ToLower(name)
	if full, ok := encodingAliases[name]; ok {
		name = full
	}
	all := encodings()
	names := make([]string, len(all))
	for i, e := range all {
		if e.name == name {
			return e, nil
		}
		names[i] = e.name
	}
	return encoding{}, sqlerr.New(sqlerr.InvalidParameterValue, "unknown encoding %q of the %s", name, who).
		WithHint("%s", suggest(name, names, "Encodings"))
}

var encodingAliases = map[string]string{
	"json_sr":     "jsonschema",
	"delimited":   "csv",
	"string":      "text",
	"raw":         "bytes",
	"proto":       "protobuf",
	"json_schema": "jsonschema",
}

// checkOptions gives the options their canonical names and refuses what e does
// not have.
func (e *encoding) checkOptions(given map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(given))
	for name, value := range given {
		o := e.findOption(name)
		if o == nil {
			var names []string
			for _, o := range e.options {
				names = append(names, o.name)
			}
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "unknown option %q of encoding %s", name, e.name).
				WithHint("%s", suggest(name, names, "Options"))
		}
		if o.values == nil {
			out[o.name] = value
			continue
		}
		lower := strings.ToLower(value)
		if !contains(o.values, lower) {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q of encoding %s: %q", o.name, e.name, value).
				WithHint("%s", suggest(lower, o.values, "Values"))
		}
		out[o.name] = lower
	}
	return out, nil
}

func (e *encoding) findOption(name string) *option {
	name = strings.ToLower(name)
	for i := range e.options {
		if o := &e.options[i]; o.name == name || contains(o.also, name) {
			return o
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// suggest names the nearest of names, or all of them where none is near.
func suggest(name string, names []string, what string) string {
	best, at := 1+len(name)/2, -1
	for i, n := range names {
		if d := distance(name, n); d < best {
			best, at = d, i
		}
	}
	switch {
	case at >= 0:
		return "Perhaps you meant \"" + names[at] + "\"."
	case len(names) == 0:
		return "It has none."
	}
	return what + " are: " + strings.Join(names, ", ") + "."
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next++
			}
			diagonal = row[j+1]
			row[j+1] = min(next, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
