package format

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// Infer proposes the columns of a Spec that has none: from the registry, or, for
// JSON, from sample records (which may be nil for the others). With FORMAT UPSERT
// the fields of the key come first and are From the key; with the formats of
// change feeds the columns that are in the key are NOT NULL.
func Infer(ctx context.Context, s Spec, sample *topic.Records) ([]Column, error) {
	env, err := findEnvelope(s.Envelope)
	if err != nil {
		return nil, err
	}
	var keys, values *vec.Vec
	if sample != nil {
		keys, values = sample.Key, sample.Value
	}
	if env.name == OpenProtocol {
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "the columns of FORMAT OPEN_PROTOCOL must be declared").
			WithHint("CREATE TABLE … LIKE MYSQL 'CREATE TABLE …' takes them from MySQL's text.")
	}
	cols, err := s.inferPart(ctx, env, s.Value, false, values)
	if err != nil {
		return nil, err
	}
	key := s.Key
	if key.Name == "" && env.open != nil {
		key.Name = s.Value.Name
	}
	if key.Name == "" || strings.EqualFold(key.Name, "none") {
		return cols, nil
	}
	keyCols, err := s.inferPart(ctx, env, key, true, keys)
	if err != nil {
		if s.Key.Name == "" { // nobody asked for it
			return cols, nil
		}
		return nil, err
	}
	if env.open != nil {
		return markKeys(cols, keyCols), nil
	}
	return withKeys(cols, keyCols), nil
}

// inferPart proposes the columns of one part.
func (s *Spec) inferPart(ctx context.Context, env envelope, enc Encoding, key bool, samples *vec.Vec) ([]Column, error) {
	p := part{Key: key, Topic: s.Topic, Envelope: env.name, Registry: s.Registry}
	e, err := findEncoding(enc.Name, p.what())
	if err != nil {
		return nil, err
	}
	options := enc.Options
	if env.open != nil && !key {
		if !e.nested {
			return nil, errEnvelopeEncoding(env.name, e.name)
		}
		_, options = splitOptions(env.name, options)
	}
	if p.Options, err = e.checkOptions(options); err != nil {
		return nil, err
	}
	if !key {
		p.Rows = env.rows
	} else if env.wrapped {
		p.Rows = [][]string{{"payload"}, nil}
	}
	switch {
	case e.infer != nil:
		return e.infer(ctx, p, samples)
	case e.name == "text":
		return []Column{{Name: p.what(), Type: types.Text}}, nil
	case e.name == "bytes" || e.name == "kafka":
		return []Column{{Name: p.what(), Type: types.Bytea}}, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "the columns of encoding %s must be declared", e.name)
}

// markKeys makes the columns of the key NOT NULL.
func markKeys(cols, keys []Column) []Column {
	for i := range cols {
		for _, k := range keys {
			if cols[i].Name == k.Name {
				cols[i].NotNull, cols[i].Key = true, true
			}
		}
	}
	return cols
}

// withKeys puts the columns of the key before the others, of which those with
// the same names are left out.
func withKeys(cols, keys []Column) []Column {
	out := make([]Column, 0, len(keys)+len(cols))
	for _, k := range keys {
		k.From, k.NotNull, k.Key = FromKey, true, true
		out = append(out, k)
	}
	for _, c := range cols {
		inKey := false
		for _, k := range keys {
			inKey = inKey || c.Name == k.Name
		}
		if !inKey {
			out = append(out, c)
		}
	}
	return out
}
