package format

import (
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/types"
)

// jsonb converts any JSON.
func (c *converter) jsonb(data []byte, t token) (types.Datum, error) {
	s := jsonScan{data: data, pos: int(t.start), end: int(t.end)}
	if t.kind == tokString || t.kind == tokEscaped {
		s.pos, s.end = s.pos-1, s.end+1
	}
	if c.writer == nil {
		c.writer = &jsonbWriter{}
	}
	out, err := c.writer.append(c.out[:0], &s)
	if c.out = out; err != nil {
		return types.NullDatum, err
	}
	return types.String(view(out)), nil
}

// jsonbText converts a text that may be JSON.
func (c *converter) jsonbText(raw []byte) (types.Datum, error) {
	raw = c.available(raw)
	if err := checkJSON(raw); err != nil {
		return types.NullDatum, err
	}
	return c.jsonb(raw, token{end: uint32(len(raw))})
}

// jsonText is jsonbText of a json, whose text is kept.
func (c *converter) jsonText(raw []byte) (types.Datum, error) {
	raw = c.available(raw)
	return types.String(view(raw)), checkJSON(raw)
}

// available is a text that may be JSON, and a JSON string where it is the one that
// stands for a value left out.
func (c *converter) available(raw []byte) []byte {
	if c.unavailable != "" && string(raw) == c.unavailable {
		return []byte(jsonString(c.unavailable))
	}
	return raw
}

// checkJSON reports what is wrong with a text that should be JSON.
func checkJSON(raw []byte) error {
	if !utf8.Valid(raw) {
		return errUTF8(raw)
	}
	s := jsonScan{data: raw, end: len(raw)}
	if !s.value(nil, false) {
		return s.err(0)
	}
	if s.space(); s.pos < s.end {
		s.fail("nothing more should follow the value")
		return s.err(0)
	}
	return nil
}

// tokenJSON is the JSON of a token.
func tokenJSON(data []byte, t token) string {
	if t.kind == tokString || t.kind == tokEscaped {
		return view(data[t.start-1 : t.end+1])
	}
	return view(data[t.start:t.end])
}
