package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// jsonRandom makes random documents, mostly right.
type jsonRandom struct{ *rand.Rand }

func (r *jsonRandom) document() string {
	var b strings.Builder
	r.object(&b, 0)
	text := b.String()
	if r.IntN(6) == 0 { // cut or change a byte
		i := r.IntN(len(text))
		if r.IntN(2) == 0 {
			return text[:i]
		}
		return text[:i] + string("{}[],:\"\\0aeE.-+ \n"[r.IntN(17)]) + text[i+1:]
	}
	return text
}

func (r *jsonRandom) blank(b *strings.Builder) {
	if r.IntN(8) == 0 {
		b.WriteString([]string{" ", "\n", "\t", "  ", "\r\n"}[r.IntN(5)])
	}
}

func (r *jsonRandom) object(b *strings.Builder, depth int) {
	b.WriteByte('{')
	for i := range r.IntN(6) {
		if i > 0 {
			b.WriteByte(',')
		}
		r.blank(b)
		b.WriteString([]string{`"a"`, `"b"`, `"c"`, `"A"`, `"nested"`, `"\u0061"`, `"x y"`, `"d"`}[r.IntN(8)])
		r.blank(b)
		b.WriteByte(':')
		r.value(b, depth+1)
	}
	r.blank(b)
	b.WriteByte('}')
}

func (r *jsonRandom) value(b *strings.Builder, depth int) {
	r.blank(b)
	switch n := r.IntN(12); {
	case n == 0 && depth < 5:
		r.object(b, depth)
	case n == 1 && depth < 5:
		b.WriteByte('[')
		for i := range r.IntN(4) {
			if i > 0 {
				b.WriteByte(',')
			}
			r.value(b, depth+1)
		}
		b.WriteByte(']')
	case n == 2:
		b.WriteString("null")
	case n == 3:
		b.WriteString(strconv.FormatBool(r.IntN(2) == 0))
	case n < 7:
		fmt.Fprintf(b, "%d", r.Int64()>>r.IntN(64)*int64(1-2*r.IntN(2)))
	case n == 7:
		fmt.Fprintf(b, "%g", (r.Float64()-0.5)*float64(r.Int64N(1<<40)))
	case n == 8:
		b.WriteString([]string{"0", "-0", "1e5", "1E-3", "0.10", "123456789012345678901234567890", "-1.5e+10"}[r.IntN(7)])
	default:
		b.WriteByte('"')
		for range r.IntN(20) {
			b.WriteString([]string{"a", "é", "😀", `\n`, `\"`, `\\`, `\u00e9`, `\ud83d\ude00`, "long text without anything", `\/`, "{", "]", ","}[r.IntN(13)])
		}
		b.WriteByte('"')
	}
	r.blank(b)
}

// What encoding/json makes of a document, the decoder makes of it too: the same
// documents are valid, and each field is the same value.
func TestJSONOracle(t *testing.T) {
	seed := rand.Uint64()
	r := &jsonRandom{rand.New(rand.NewPCG(seed, 1))}
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	docs := make([]string, n)
	for i := range docs {
		docs[i] = r.document()
	}
	s := Spec{Columns: columnsOf(t, "a json, b json, nested.b json, d jsonb"), Value: Encoding{Name: "json"}}
	d := decodeAll(t, s, recordsOf(nil, docs))
	row, bad := 0, 0
	for i, doc := range docs {
		want, ok := jsonOracle(doc)
		if bad < len(d.Bad) && d.Bad[bad].Record == i {
			// Half of a surrogate pair is JSON, but no jsonb, and so is 1e100000.
			err := d.Bad[bad].Err
			if ok && err.Code != sqlerr.NumericValueOutOfRange && !(strings.Contains(err.Message, "surrogate") && strings.Contains(doc, `\ud`)) {
				t.Fatalf("seed %d: %s is valid, but: %v", seed, doc, d.Bad[bad].Err)
			}
			bad++
			continue
		}
		if !ok {
			t.Fatalf("seed %d: %s is not valid, but taken", seed, doc)
		}
		for c := range want {
			if got := sameJSON(d.Rows.Cols[c].Datum(row)); got != want[c] {
				t.Fatalf("seed %d: column %s of %s\n got %s\nwant %s", seed, s.Columns[c].Name, doc, got, want[c])
			}
		}
		row++
	}
	if row != d.Rows.N || bad != len(d.Bad) || bad == 0 {
		t.Errorf("seed %d: %d of %d rows, %d of %d bad", seed, row, d.Rows.N, bad, len(d.Bad))
	}
}

// jsonOracle reads a document by encoding/json.
func jsonOracle(doc string) (fields [4]string, ok bool) {
	if !json.Valid([]byte(doc)) || !utf8.ValidString(doc) || !strings.HasPrefix(strings.TrimLeft(doc, " \t\r\n"), "{") {
		return fields, false
	}
	var m map[string]json.RawMessage
	if json.Unmarshal([]byte(doc), &m) != nil {
		return fields, false
	}
	get := func(m map[string]json.RawMessage, name, fold string) string {
		v, ok := m[name]
		if !ok && fold != "" {
			v, ok = m[fold]
		}
		if !ok || string(v) == "null" {
			return "NULL"
		}
		return canonicalJSON(v)
	}
	fields[0] = get(m, "a", "A")
	fields[1] = get(m, "b", "")
	fields[2] = nestedField(doc)
	fields[3] = get(m, "d", "")
	return fields, true
}

// nestedField is nested.b: of objects of the same name the last one that has it,
// since the paths of each are followed as they come.
func nestedField(doc string) string {
	dec := json.NewDecoder(strings.NewReader(doc))
	dec.UseNumber()
	out := "NULL"
	if _, err := dec.Token(); err != nil {
		return out
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return out
		}
		var v json.RawMessage
		if dec.Decode(&v) != nil {
			return out
		}
		var inner map[string]json.RawMessage
		if name == "nested" && json.Unmarshal(v, &inner) == nil {
			if b, ok := inner["b"]; ok && string(b) != "null" {
				out = canonicalJSON(b)
			} else if ok {
				out = "NULL"
			}
		}
	}
	return out
}

func sameJSON(d types.Datum) string {
	if d.Null {
		return "NULL"
	}
	return canonicalJSON([]byte(d.S))
}

// canonicalJSON spells a value as encoding/json does, numbers exactly.
func canonicalJSON(b []byte) string {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "?" + string(b)
	}
	out, err := json.Marshal(plainNumbers(v))
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// plainNumbers writes numbers without exponents, as jsonb does.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		d, err := types.ParseText(string(v), types.Numeric, nil)
		if err != nil {
			return v
		}
		return json.Number(types.AppendText(nil, types.NumericTrimScale(d), types.Numeric, nil))
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

// jsonb is written as its own parser would.
func TestJSONBWriter(t *testing.T) {
	seed := rand.Uint64()
	r := &jsonRandom{rand.New(rand.NewPCG(seed, 2))}
	var w jsonbWriter
	for range 5_000 {
		doc := r.document()
		want, err := types.ParseJSONB(doc)
		if err != nil {
			continue
		}
		got, err := w.append(nil, &jsonScan{data: []byte(doc), end: len(doc)})
		if err != nil && sqlerr.CodeOf(err) == sqlerr.NumericValueOutOfRange {
			continue
		}
		if err != nil || string(got) != want {
			t.Fatalf("seed %d: %s\n got %s, %v\nwant %s", seed, doc, got, err, want)
		}
	}
}

// fuzz decodes b by a Spec, twice and beside good neighbours: there are no more
// outcomes than a row or a reason, the same each time.
func fuzz(t *testing.T, s Spec, b []byte, good string) {
	d, err := NewDecoder(s)
	if err != nil {
		t.Fatal(err)
	}
	first := ""
	for range 2 {
		out, err := d.Decode(context.Background(), recordsOf([]string{good, string(b), good}, []string{good, string(b), good}))
		if err != nil {
			t.Fatal(err)
		}
		got := show(out, s.Columns)
		if first == "" {
			first = got
		}
		if got != first {
			t.Fatalf("%q gives\n%s and then\n%s", b, first, got)
		}
		if (s.Envelope == "" || s.Envelope == Plain) && (out.Rows.N < 2 || out.Record[0] != 0 || int(out.Record[out.Rows.N-1]) != 2) {
			t.Fatalf("%q disturbs its neighbours: %s", b, got)
		}
		for _, bad := range out.Bad {
			if bad.Err.Message == "" || bad.Err.Code == "" || bad.Err.Code == "XX000" {
				t.Fatalf("%q: a bad record without a reason: %+v", b, bad.Err)
			}
		}
	}
}

const fuzzColumns = "a int8, b text, n numeric, f float8, t timestamptz, d date, j jsonb, l int4[], x bytea, u uuid, o bool, i interval, nested.a text"

func FuzzJSON(f *testing.F) {
	r := &jsonRandom{rand.New(rand.NewPCG(1, 1))}
	for range 20 {
		f.Add([]byte(r.document()))
	}
	f.Add([]byte(`{"a":1,"b":"x","n":1.5,"f":1e5,"t":"2024-01-01T00:00:00Z","d":"2024-01-01","j":{"k":[1,{}]},"l":[1,null,[2]],"x":"aGk=","u":"0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11","o":true,"i":"P1D","nested":{"a":"\u0041"}}`))
	f.Add([]byte(`[{"a":1},{"t":1700000000000}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzz(t, Spec{Columns: columnsOf(t, fuzzColumns), Value: Encoding{Name: "json"}}, b, "{}")
		s := Spec{Columns: columnsOf(t, "j json"), Value: Encoding{Name: "json", Options: map[string]string{"wrap_single_value": "false"}}}
		out := decodeAll(t, s, recordsOf(nil, []string{string(b)}))
		if valid := json.Valid(b) && bytes.Equal(bytes.ToValidUTF8(b, nil), b); valid != (len(out.Bad) == 0) {
			if len(out.Bad) == 0 || out.Bad[0].Err.Code != "54001" {
				t.Fatalf("%q: encoding/json says %v, the decoder %v", b, valid, out.Bad)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"1,x,,1.5,2024-01-01", `"1","a ""b""",,,`, "1,2\n3,4\r\n", `"`, ",,,,", "1,\"x\ny\",0,1,now"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzz(t, Spec{Columns: columnsOf(t, "a int8, b text, n numeric, f float8, d date"), Value: Encoding{Name: "csv"}}, b, "1,,,,")
	})
}

func FuzzEnvelopes(f *testing.F) {
	for _, s := range []string{
		`{"before":null,"after":{"a":1,"b":"x"},"op":"c"}`, `{"before":{"a":1},"after":{"a":2},"op":"u"}`, `{"op":"d"}`, `{"op":"t"}`,
		wrap(`{"type":"int64","field":"a"},{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"},"field":"n"}`, `{"after":{"a":1,"n":"AQ=="},"op":"c"}`),
		`{"type":"update","data":{"a":2,"b":"x"},"old":{"a":1}}`, `{"type":"table-alter","sql":"x","database":"d"}`,
		`{"type":"UPDATE","data":[{"a":"1"},{"a":"2"}],"old":[{"a":"3"},null]}`, `{"type":"ALTER","isDdl":true,"sql":"x"}`, `{"schema":{"fields":1},"payload":{"a":{"scale":1,"value":"/w=="}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, env := range []Envelope{Debezium, Maxwell, Canal, Upsert} {
			s := Spec{Columns: columnsOf(t, "a int8, b text, n numeric, t timestamp, j jsonb"), PK: []int{0}, Envelope: env, Key: Encoding{Name: "json"}, Value: Encoding{Name: "json"}}
			fuzz(t, s, b, `{"a":1,"op":"c","type":"insert","after":{"a":1},"data":{"a":1}}`)
		}
	})
}

// TestASCII: a byte beyond ASCII is found wherever it stands.
func TestASCII(t *testing.T) {
	for n := range 200 {
		b := bytes.Repeat([]byte{'a'}, n)
		if !ascii(b) {
			t.Fatalf("%d bytes", n)
		}
		for i := range b {
			b[i] = 0x80
			if ascii(b) {
				t.Fatalf("%d bytes, byte %d", n, i)
			}
			b[i] = 'a'
		}
	}
}

// TestSpecial: of eight bytes the first that a string cannot just hold is found,
// whatever the others are.
func TestSpecial(t *testing.T) {
	for c := range 256 {
		for at := range 8 {
			for _, other := range []byte{'a', ' ', '!', '#', 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
				b := bytes.Repeat([]byte{other}, 8)
				b[at] = byte(c)
				want := 8
				if c < 0x20 || c == '"' || c == '\\' {
					want = at
				}
				if got := bits.TrailingZeros64(special(binary.LittleEndian.Uint64(b))) >> 3; got != want {
					t.Fatalf("%x: %d, want %d", b, got, want)
				}
			}
		}
	}
}
