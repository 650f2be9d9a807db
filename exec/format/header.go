package format

import (
	"encoding/base64"
	"iter"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// headerColumn is the headers of records that have some, or the last one of a name, a
// value a record. A header whose bytes are no text is NULL in a text column.
func headerColumn(r *topic.Records, c *Column) *vec.Vec {
	name := c.Path
	if name == "" {
		name = c.Name
	}
	out := vec.NewBuilder(c.Type, r.N())
	var buf []byte
	for i := range r.N() {
		if r.Headers.IsNull(i) {
			out.Null()
			continue
		}
		var ok bool
		if buf, ok = appendHeaders(buf[:0], r.Headers.Bytes(i), c, name); !ok {
			out.Null()
			continue
		}
		out.Bytes(buf)
	}
	return out.Finish()
}

// nulls is a column of n NULLs.
func nulls(t types.Type, n int) *vec.Vec {
	if t.Phys() == types.PhysBytes {
		return &vec.Vec{Type: t, N: n, Off: make([]uint32, n+1), Valid: vec.NewBitmap(n, false)}
	}
	return vec.Flatten(vec.ConstVec(t, types.NullDatum, n))
}

func appendHeaders(dst, headers []byte, c *Column, name string) (out []byte, ok bool) {
	if c.From == FromHeaders {
		return headersJSON(dst, headers), true
	}
	for key, value := range each(headers) {
		if key == name {
			ok = value != nil && (c.Type.OID == types.OIDBytea || utf8.Valid(value))
			dst = append(dst[:0], value...)
		}
	}
	return dst, ok
}

// each walks the headers of a record up to where they are malformed.
func each(headers []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for len(headers) > 0 {
			key, value, rest, err := topic.NextHeader(headers)
			if err != nil || !yield(string(key), value) {
				return
			}
			headers = rest
		}
	}
}

// headersJSON writes headers as jsonb spells arrays of objects.
func headersJSON(dst, headers []byte) []byte {
	dst = append(dst, '[')
	first := true
	for key, value := range each(headers) {
		if !first {
			dst = append(dst, ", "...)
		}
		first = false
		dst = append(dst, `{"key": `...)
		dst = types.AppendJSONString(dst, jsonbText(key))
		dst = append(dst, `, "value": `...)
		if value == nil {
			dst = append(dst, "null}"...)
			continue
		}
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, value)
		dst = append(dst, `"}`...)
	}
	return append(dst, ']')
}

// jsonbText is s with what jsonb cannot hold replaced.
func jsonbText(s string) string {
	out := []byte(nil)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == 0 {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
		i += n
	}
	return string(out)
}
