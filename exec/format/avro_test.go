package format

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// avroSpec is a Spec whose records are bare Avro of a schema.
func avroSpec(t testing.TB, cols, schema string) Spec {
	return Spec{Topic: "t", Columns: columnsOf(t, cols), Value: Encoding{Name: "avro", Options: map[string]string{"schema": schema}}, Envelope: Plain}
}

// avroImage encodes a Go value with the library.
func avroImage(t testing.TB, schema string, v any) string {
	t.Helper()
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Encode(v)
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	return string(b)
}

func oneField(typ string) string {
	return `{"type":"record","name":"r","fields":[{"name":"a","type":` + typ + `}]}`
}

func TestAvroValues(t *testing.T) {
	nine := time.Date(2024, 2, 29, 10, 11, 12, 123_456_000, time.UTC)
	for _, c := range []struct {
		col, typ string
		v        any
		want     string
	}{
		{"int8", `"int"`, int32(-12), "-12"},
		{"int2", `"int"`, int32(40000), "bad 22003 field \"a\": smallint out of range"},
		{"int4", `"long"`, int64(1) << 40, "bad 22003 field \"a\": integer out of range"},
		{"int8", `"long"`, int64(math.MinInt64), "-9223372036854775808"},
		{"text", `"long"`, int64(7), "7"},
		{"numeric", `"long"`, int64(math.MaxInt64), "9223372036854775807"},
		{"float8", `"int"`, int32(3), "3"},
		{"bool", `"boolean"`, true, "t"},
		{"float4", `"float"`, float32(1.1), "1.1"},
		{"float8", `"float"`, float32(1.5), "1.5"},
		{"float8", `"double"`, math.Inf(1), "Infinity"},
		{"text", `"string"`, "é\n", "é\n"},
		{"text", `"string"`, "a\x00", "bad 22021 field \"a\": invalid byte sequence for encoding \"UTF8\": 0x00"},
		{"text", `"bytes"`, []byte("\xff"), `\xff`},
		{"varchar(2)", `"string"`, "éé", "éé"},
		{"varchar(2)", `"string"`, "ééé", "bad 22001 field \"a\": value too long for type character varying(2)"},
		{"int4", `"string"`, "12", "12"},
		{"int4", `"string"`, "x", "bad 22P02 field \"a\": invalid input syntax for type integer: \"x\""},
		{"timestamptz", `"string"`, "2024-02-29T10:11:12Z", "2024-02-29 10:11:12+00"},
		{"jsonb", `"string"`, `{"bb":1,"a":2}`, `{"a": 2, "bb": 1}`},
		{"bytea", `"bytes"`, []byte{1, 2}, `\x0102`},
		{"bytea", `{"type":"fixed","name":"f","size":2}`, [2]byte{1, 2}, `\x0102`},
		{"text", `{"type":"enum","name":"e","symbols":["A","B"]}`, "B", "B"},
		{"date", `{"type":"int","logicalType":"date"}`, nine, "2024-02-29"},
		{"time", `{"type":"int","logicalType":"time-millis"}`, 90 * time.Minute, "01:30:00"},
		{"time", `{"type":"long","logicalType":"time-micros"}`, time.Microsecond, "00:00:00.000001"},
		{"timestamptz", `{"type":"long","logicalType":"timestamp-millis"}`, nine, "2024-02-29 10:11:12.123+00"},
		{"timestamptz", `{"type":"long","logicalType":"timestamp-micros"}`, nine, "2024-02-29 10:11:12.123456+00"},
		{"timestamptz", `{"type":"long","logicalType":"timestamp-nanos"}`, nine, "2024-02-29 10:11:12.123456+00"},
		{"timestamptz", `{"type":"long","logicalType":"timestamp-micros"}`, int64(math.MinInt64), "bad 22008 field \"a\": timestamp out of range"},
		{"timestamp", `{"type":"long","logicalType":"local-timestamp-micros"}`, nine, "2024-02-29 10:11:12.123456"},
		{"timestamp(0)", `{"type":"long","logicalType":"local-timestamp-micros"}`, nine, "2024-02-29 10:11:12"},
		{"timestamptz", `{"type":"long","connect.name":"io.debezium.time.Timestamp"}`, int64(1), "1970-01-01 00:00:00.001+00"},
		{"timestamptz", `"long"`, int64(1709201472123), "2024-02-29 10:11:12.123+00"},
		{"timestamp", `"long"`, int64(math.MaxInt64), "bad 22008 field \"a\": timestamp out of range"},
		{"date", `"int"`, int32(19782), "2024-02-29"},
		{"time[]", `{"type":"array","items":"int"}`, []any{int32(1000)}, "{00:00:01}"},
		{"uuid", `{"type":"string","logicalType":"uuid"}`, "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11", "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11"},
		{"uuid", `{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}`, [16]byte{15: 1}, "00000000-0000-0000-0000-000000000001"},
		{"interval", `{"type":"fixed","name":"d","size":12,"logicalType":"duration"}`, avro.Duration{Months: 14, Days: 3, Milliseconds: 1500}, "1 year 2 mons 3 days 00:00:01.5"},
		{"numeric", `{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`, big.NewRat(-12345, 100), "-123.45"},
		{"numeric(10,2)", `{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`, big.NewRat(-12345, 100), "-123.45"},
		{"numeric(10,1)", `{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`, big.NewRat(-12345, 100), "-123.5"},
		{"numeric(4,2)", `{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}`, big.NewRat(-12345, 100), "bad 22003 field \"a\": numeric field overflow"},
		{"numeric", `{"type":"fixed","name":"n","size":20,"logicalType":"decimal","precision":40,"scale":3}`,
			new(big.Rat).SetFrac(new(big.Int).Neg(new(big.Int).Exp(big.NewInt(10), big.NewInt(30), nil)), big.NewInt(1000)), "-1000000000000000000000000000.000"},
		{"int4[]", `{"type":"array","items":["null","int"]}`, []any{int32(1), nil, int32(-3)}, "{1,NULL,-3}"},
		{"int4[]", `{"type":"array","items":"int"}`, []any{}, "{}"},
		{"text[]", `{"type":"array","items":"string"}`, []any{"a", "b,c"}, `{a,"b,c"}`},
		{"numeric[]", `{"type":"array","items":{"type":"bytes","logicalType":"decimal","precision":5,"scale":1}}`, []any{big.NewRat(15, 10)}, `{1.5}`},
		{"int2[]", `{"type":"array","items":"int"}`, []any{int32(1), int32(70000)}, "bad 22003 field \"a\": smallint out of range"},
		{"jsonb", `{"type":"map","values":"int"}`, map[string]any{"bb": int32(1), "a": int32(2), "c\"": int32(3)}, `{"a": 2, "bb": 1, "c\"": 3}`},
		{"jsonb", `{"type":"record","name":"n","fields":[{"name":"zz","type":["null","double"]},{"name":"b","type":{"type":"array","items":"bytes"}}]}`,
			map[string]any{"zz": 1e21, "b": []any{[]byte{1}}}, `{"b": ["\\x01"], "zz": 1000000000000000000000}`},
		{"int8", `["null","int"]`, nil, "NULL"},
		{"int8", `["int","null"]`, int32(3), "3"},
		{"text", `["null","int","string"]`, "x", "x"},
		{"text", `["null","int","string"]`, int32(5), "5"},
		{"jsonb", `["null","int","string"]`, "x", `"x"`},
		{"jsonb", `["null","int","string"]`, nil, "NULL"},
		{"int4", `["null","int","string"]`, "x", "bad 22P02 field \"a\": invalid input syntax for type integer: \"x\""},
	} {
		spec := avroSpec(t, "x int4", oneField(c.typ))
		ty := parseType(t, c.col)
		spec.Columns = []Column{{Name: "a", Type: ty}}
		d := decodeAll(t, spec, recordsOf(nil, []string{avroImage(t, oneField(c.typ), map[string]any{"a": c.v})}))
		want := "0 put " + c.want + "\n"
		if strings.HasPrefix(c.want, "bad") {
			want = "0 " + c.want + "\n"
		}
		if got := show(d, spec.Columns); got != want {
			t.Errorf("%s as %s: got %q, want %q", c.typ, c.col, got, want)
		}
	}
}

// parseType reads a type's name with modifiers.
func parseType(t testing.TB, s string) types.Type {
	t.Helper()
	name, rest, mods := strings.Cut(s, "(")
	ty, ok := types.Lookup(name)
	if !ok {
		t.Fatalf("no type %q", s)
	}
	if mods {
		var ns []int
		for _, m := range strings.Split(strings.TrimSuffix(rest, ")"), ",") {
			n, _ := strconv.Atoi(m)
			ns = append(ns, n)
		}
		var err error
		if ty, err = types.WithMods(ty, ns); err != nil {
			t.Fatal(err)
		}
	}
	return ty
}

// Columns find their fields by name, by path, without case, by alias; what the
// writer had not is NULL or the reader's default.
func TestAvroEvolution(t *testing.T) {
	old := `{"type":"record","name":"r","fields":[{"name":"Id","type":"int"},{"name":"was","type":"string"},
		{"name":"in","type":["null",{"type":"record","name":"s","namespace":"n","fields":[{"name":"x","type":"int"},{"name":"y","type":["null","s"]}]}]}]}`
	value := avroImage(t, old, map[string]any{"Id": int32(1), "was": "w",
		"in": map[string]any{"x": int32(5), "y": map[string]any{"x": int32(6), "y": nil}}})
	empty := avroImage(t, old, map[string]any{"Id": int32(2), "was": "v", "in": nil})
	reader := `{"type":"record","name":"r","fields":[{"name":"id","type":"long","aliases":["Id"]},{"name":"now","type":"string","aliases":["was"]},
		{"name":"more","type":{"type":"array","items":"int"},"default":[1,2]},{"name":"d","type":"string","default":"dflt"}]}`
	reg := &fakeRegistry{schemas: map[int]*Schema{7: {ID: 7, Type: "AVRO", Text: old}}}
	head := string(appendWireHead(nil, 7))
	for _, c := range []struct{ cols, schema, want string }{
		{"id int8, was text", "", "0 put 1 w\n1 put 2 v\n"},
		{"was text, none int4", "", "0 put w NULL\n1 put v NULL\n"},
		{"in jsonb, in.x int4, in.y.x int8", "", "0 put {\"x\": 5, \"y\": {\"x\": 6, \"y\": null}} 5 6\n1 put NULL NULL NULL\n"},
		{"in.y jsonb", "", "0 put {\"x\": 6, \"y\": null}\n1 put NULL\n"},
		{"id int8, now text, more int4[], d text, zz int4", reader, "0 put 1 w {1,2} dflt NULL\n1 put 2 v {1,2} dflt NULL\n"},
	} {
		s := Spec{Topic: "t", Columns: columnsOf(t, c.cols), Value: Encoding{Name: "avro"}, Registry: reg}
		if c.schema != "" {
			s.Value.Options = map[string]string{"schema": c.schema}
		}
		d := decodeAll(t, s, recordsOf(nil, []string{head + value, head + empty}))
		if got := show(d, s.Columns); got != c.want {
			t.Errorf("%s: got %q, want %q", c.cols, got, c.want)
		}
	}
}

// Without heads a registry is of no interest.
func TestWireFormatPlain(t *testing.T) {
	for name, schema := range map[string]string{"avro": oneField(`"int"`), "protobuf": `syntax = "proto3"; message A { sint32 a = 1; }`, "jsonschema": `{}`} {
		s := Spec{Topic: "t", Columns: columnsOf(t, "a int4"), Value: Encoding{Name: name, Options: map[string]string{"schema": schema, "wire.format": "plain"}}, Registry: &fakeRegistry{away: true}}
		enc, err := NewEncoder(s)
		if err != nil {
			t.Fatal(name, err)
		}
		out, err := enc.Encode(context.Background(), &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(types.Int4, []types.Datum{types.Int(-1)})}}, nil, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := string(out.Value.Bytes(0)); got != map[string]string{"avro": "\x01", "protobuf": "\x08\x01", "jsonschema": `{"a":-1}`}[name] {
			t.Errorf("%s: %q", name, got)
		}
		if got := show(decodeAll(t, s, recordsOf(nil, []string{string(out.Value.Bytes(0))})), s.Columns); got != "0 put -1\n" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A batch may hold records of several schemas, of unknown ones and of none.
func TestAvroRegistry(t *testing.T) {
	a := `{"type":"record","name":"r","fields":[{"name":"a","type":"int"}]}`
	b := `{"type":"record","name":"r","fields":[{"name":"b","type":"string"},{"name":"a","type":["null","common.T"]}]}`
	common := `{"type":"fixed","name":"T","namespace":"common","size":2}`
	reg := &fakeRegistry{schemas: map[int]*Schema{
		1: {ID: 1, Type: "AVRO", Text: a},
		2: {ID: 2, Type: "AVRO", Text: b, References: map[string]*Schema{"common.T": {Type: "AVRO", Text: common}}},
		3: {ID: 3, Type: "JSON", Text: `{}`},
		4: {ID: 4, Type: "AVRO", Text: `{"type":"nonsense"}`},
	}}
	s := Spec{Topic: "t", Columns: columnsOf(t, "a text, b text"), Value: Encoding{Name: "avro"}, Registry: reg}
	rec := func(id int, body string) string { return string(appendWireHead(nil, id)) + body }
	d := decodeAll(t, s, recordsOf(nil, []string{
		rec(1, "\x08"), rec(2, "\x02x\x02\x01\x02"), rec(1, "\x0a"), rec(99, "\x00"), rec(3, "{}"), rec(4, ""),
		"\x01\x00\x00\x00\x01\x08", "\x00\x00", rec(1, "\x08\x00"), rec(1, ""), none}))
	want := `0 put 4 NULL
1 put \x0102 x
2 put 5 NULL
10 put NULL NULL
3 bad 42704 the schema registry has no schema with the id 99
4 bad 42809 schema 3 is of type JSON, not AVRO
5 bad 22023 schema 4: invalid Avro schema: unknown primitive "nonsense"
6 bad 22P03 the record does not begin with a schema id: its first byte is 0x01, not 0
7 bad 22P03 the record is too short for a schema id: 2 bytes
8 bad 22P03 malformed Avro: 1 bytes are left over
9 bad 22P03 malformed Avro: the record ends early
`
	if got := show(d, s.Columns); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	reg.away = true
	dec, err := NewDecoder(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dec.Decode(context.Background(), recordsOf(nil, []string{rec(1, "\x08")})); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Errorf("a registry that is away gives %v", err)
	}
}

func TestAvroMalformed(t *testing.T) {
	list := `{"type":"record","name":"l","fields":[{"name":"next","type":["null","l"]}]}`
	array := oneField(`{"type":"array","items":"null"}`)
	for _, c := range []struct{ name, col, schema, value, want string }{
		{"truncated", "a int4", oneField(`"double"`), "\x00\x00", "the record ends early"},
		{"endless number", "a int8", oneField(`"long"`), strings.Repeat("\xff", 12), "the record ends early"},
		{"int too wide", "a int8", oneField(`"int"`), string(binary.AppendVarint(nil, 1<<40)), "1099511627776 is no int"},
		{"negative length", "a text", oneField(`"string"`), "\x01", "the length -1 is negative"},
		{"length beyond the end", "a text", oneField(`"string"`), "\x10ab", "the record ends early"},
		{"boolean of 2", "a bool", oneField(`"boolean"`), "\x02", "2 is no boolean"},
		{"branch beyond the end", "a int4", oneField(`["null","int"]`), "\x04\x02", "branch 2 of a union of 2"},
		{"symbol beyond the end", "a text", oneField(`{"type":"enum","name":"e","symbols":["A"]}`), "\x02", "symbol 1 of an enum of 1"},
		{"huge count", "a jsonb", oneField(`{"type":"array","items":"int"}`), string(binary.AppendVarint(nil, 1<<40)), "1099511627776 items in 0 bytes"},
		{"huge count of nothing", "a jsonb", array, string(binary.AppendVarint(nil, 1<<40)) + "\x00", "1099511627776 items that take no bytes"},
		{"most negative count", "a jsonb", array, string(binary.AppendVarint(nil, math.MinInt64)), "the count of a block is -9223372036854775808"},
		{"huge count skipped", "b jsonb", array, string(binary.AppendVarint(nil, 1<<40)) + "\x00", "1099511627776 items that take no bytes"},
		{"deep", "next jsonb", list, strings.Repeat("\x02", 100_000) + "\x00", "the Avro value is nested more than 256 deep"},
		{"deep skipped", "b jsonb", list, strings.Repeat("\x02", 100_000) + "\x00", "the Avro value is nested more than 256 deep"},
		{"left over", "a int8", oneField(`"int"`), "\x02\x02", "1 bytes are left over"},
	} {
		s := avroSpec(t, c.col, c.schema)
		d := decodeAll(t, s, recordsOf(nil, []string{c.value}))
		if len(d.Bad) != 1 || !strings.Contains(d.Bad[0].Err.Message, c.want) {
			t.Errorf("%s: got %s", c.name, show(d, s.Columns))
		}
	}
}

// What cannot work is refused when the decoder is made.
func TestAvroRefused(t *testing.T) {
	for _, c := range []struct {
		col     string
		options map[string]string
		want    string
	}{
		{"a int4", nil, "ENCODE AVRO of the value needs a schema"},
		{"a int4", map[string]string{"schema": `{"type":`}, "invalid Avro schema"},
		{"a int4", map[string]string{"schema": oneField(`{"type":"map","values":"int"}`)}, `field "a": Avro type map cannot become integer`},
		{"a uuid", map[string]string{"schema": oneField(`"long"`)}, `field "a": Avro type long cannot become uuid`},
		{"a int4", map[string]string{"schema.location": "/no/such/file"}, `schema.location "/no/such/file"`},
		{"a int4", map[string]string{"schema.id": "1"}, "option schema.id needs a schema registry"},
		{"a int4", map[string]string{"shema": "x"}, `unknown option "shema" of encoding avro`},
	} {
		_, err := NewDecoder(Spec{Topic: "t", Columns: columnsOf(t, c.col), Value: Encoding{Name: "avro", Options: c.options}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %s", c.options, err, c.want)
		}
	}
}

type fakeRegistry struct {
	schemas map[int]*Schema
	latest  map[string]*Schema
	away    bool
}

func (f *fakeRegistry) SchemaByID(_ context.Context, id int) (*Schema, error) {
	if f.away {
		return nil, sqlerr.New(sqlerr.ConnectionFailure, "away")
	}
	return f.schemas[id], nil
}

func (f *fakeRegistry) Latest(_ context.Context, subject string) (*Schema, error) {
	return f.latest[subject], nil
}

func (f *fakeRegistry) Register(_ context.Context, subject string, s *Schema) (int, error) {
	if f.schemas == nil {
		f.schemas, f.latest = map[int]*Schema{}, map[string]*Schema{}
	}
	for id, old := range f.schemas {
		if old.Text == s.Text {
			f.latest[subject] = old
			return id, nil
		}
	}
	c := *s
	c.ID = 100 + len(f.schemas)
	f.schemas[c.ID], f.latest[subject] = &c, &c
	return c.ID, nil
}

// avroRandom makes random schemas and values.
type avroRandom struct {
	*rand.Rand
	names int
}

func (r *avroRandom) schema(depth int) string {
	kinds := []string{`"boolean"`, `"int"`, `"long"`, `"float"`, `"double"`, `"string"`, `"bytes"`,
		`{"type":"int","logicalType":"date"}`, `{"type":"long","logicalType":"timestamp-micros"}`, `{"type":"int","logicalType":"time-millis"}`,
		`{"type":"bytes","logicalType":"decimal","precision":20,"scale":4}`, `{"type":"long","logicalType":"local-timestamp-millis"}`}
	n := r.IntN(len(kinds) + 7)
	if n < len(kinds) {
		return kinds[n]
	}
	r.names++
	name := fmt.Sprintf("n%d", r.names)
	switch n - len(kinds) {
	case 0:
		return `{"type":"fixed","name":"` + name + `","size":3}`
	case 1:
		return `{"type":"enum","name":"` + name + `","symbols":["A","B","C"]}`
	}
	if depth <= 0 {
		return `"null"`
	}
	switch n - len(kinds) {
	case 2:
		return `{"type":"array","items":` + r.schema(depth-1) + `}`
	case 3:
		return `{"type":"map","values":` + r.schema(depth-1) + `}`
	case 4:
		return `["null",` + r.plain(depth) + `]`
	case 5:
		return `[` + r.plain(depth) + `,"null"]`
	}
	return r.record(name, depth)
}

// plain is a schema that may stand in a union with null.
func (r *avroRandom) plain(depth int) string {
	for {
		if s := r.schema(depth - 1); s[0] != '[' && s != `"null"` {
			return s
		}
	}
}

func (r *avroRandom) record(name string, depth int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"type":"record","name":%q,"fields":[`, name)
	for i := range 1 + r.IntN(5) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"f%d","type":%s}`, i, r.schema(depth-1))
	}
	b.WriteString(`]}`)
	return b.String()
}

// value makes a random value of a schema as the library takes it.
func (r *avroRandom) value(n *avroNode) any {
	switch n.typ {
	case avroNull:
		return nil
	case avroUnion:
		return r.value(n.branches[r.IntN(2)])
	case avroArray:
		out := []any{}
		for range r.IntN(4) {
			out = append(out, r.value(n.items))
		}
		return out
	case avroMap:
		out := map[string]any{}
		for range r.IntN(4) {
			out[strings.Repeat("k", r.IntN(3))+string(rune('a'+r.IntN(5)))] = r.value(n.items)
		}
		return out
	case avroRecord:
		out := map[string]any{}
		for _, f := range n.fields {
			out[f.name] = r.value(f.node)
		}
		return out
	case avroEnum:
		return string(n.symbols[r.IntN(len(n.symbols))])
	case avroBool:
		return r.IntN(2) == 0
	case avroInt:
		if n.kind == kindTime {
			return time.Duration(r.IntN(86400)) * time.Second
		}
		if n.kind == kindDate {
			return int32(r.IntN(200_000) - 100_000)
		}
		return int32(r.Uint32()) >> r.IntN(31)
	case avroLong:
		if n.kind != kindLong {
			return int64(r.IntN(1 << 40))
		}
		return int64(r.Uint64()) >> r.IntN(63)
	case avroFloat:
		return float32(r.NormFloat64() * math.Pow(10, float64(r.IntN(40)-20)))
	case avroDouble:
		return r.NormFloat64() * math.Pow(10, float64(r.IntN(60)-30))
	case avroString:
		return strings.Repeat("é\"x", r.IntN(3))
	}
	if n.kind == kindDecimal {
		return big.NewRat(int64(r.Uint64())>>r.IntN(63), 10_000)
	}
	b := make([]byte, n.size)
	if n.typ == avroBytes {
		b = make([]byte, r.IntN(4))
	}
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// avroJSON writes what the library has decoded as to_jsonb writes it.
func avroJSON(b *strings.Builder, n *avroNode, v any) {
	text := func(t types.Type, d types.Datum) {
		j, err := types.ToJSON(d, t, nil)
		if err != nil {
			panic(err)
		}
		b.WriteString(j)
	}
	if inner, _, ok := n.nullable(); ok {
		if v == nil {
			b.WriteString("null")
			return
		}
		avroJSON(b, inner, v)
		return
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool, int32, int64:
		fmt.Fprint(b, v)
	case float32:
		text(types.Float4, types.Float(float64(v)))
	case float64:
		text(types.Float8, types.Float(v))
	case avro.Duration:
		text(types.Interval, types.IntervalDatum(types.IntervalValue{Months: int32(v.Months), Days: int32(v.Days), Micros: int64(v.Milliseconds) * 1000}))
	case string:
		b.Write(types.AppendJSONString(nil, v))
	case []byte:
		text(types.Bytea, types.String(string(v)))
	case time.Duration:
		text(types.Time, types.Int(v.Microseconds()))
	case time.Time:
		d := types.Int(types.TimestampOfTime(v))
		switch n.kind {
		case kindDate:
			text(types.Date, types.Int(types.TimestampToDate(d.I)))
		case kindStamp:
			text(types.Timestamp, d)
		default:
			text(types.Timestamptz, d)
		}
	case *big.Rat:
		b.WriteString(v.FloatString(n.scale))
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			avroJSON(b, n.items, e)
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(types.AppendJSONString(nil, k))
			b.WriteByte(':')
			child := n.items
			if n.typ == avroRecord {
				child = n.fields[n.find(k)].node
			}
			avroJSON(b, child, v[k])
		}
		b.WriteByte('}')
	default:
		panic(fmt.Sprintf("%T", v))
	}
}

// TestAvroOracle: random values of random schemas, encoded by the library, are
// what its own decoder makes of them; and what our encoder writes from the
// columns is what the library reads back.
func TestAvroOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := &avroRandom{Rand: rand.New(rand.NewPCG(seed, 1))}
	for round := range 200 {
		text := r.record("top", 4)
		parsed, err := avro.Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		node, err := avroTree(parsed)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		var values, want []string
		for range 5 {
			image, err := parsed.Encode(r.value(node))
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			values = append(values, string(image))
			want = append(want, avroOracle(t, parsed, node, image))
		}
		s := Spec{Topic: "t", Value: Encoding{Name: "avro", Options: map[string]string{"schema": text}}}
		avroRoundTrip(t, s, parsed, node, values, want)
		for i, f := range node.fields {
			c := Column{Name: f.name, Type: f.node.natural()}
			if r.IntN(4) == 0 {
				c.Name = fmt.Sprintf("skipped%d", i) // a field that is not wanted
			} else if c.Type.OID != types.OIDText && r.IntN(3) == 0 {
				c.Type = types.JSONB
			}
			s.Columns = append(s.Columns, c)
		}
		d := decodeAll(t, s, recordsOf(nil, values))
		if len(d.Bad) > 0 {
			t.Fatalf("seed %d round %d: %s: %v", seed, round, text, d.Bad[0].Err)
		}
		for i := range values {
			for c, col := range s.Columns {
				if strings.HasPrefix(col.Name, "skipped") {
					if !d.Rows.Cols[c].IsNull(i) {
						t.Fatalf("seed %d: a column without field is not NULL", seed)
					}
					continue
				}
				got := "null"
				if x := d.Rows.Cols[c].Datum(i); !x.Null {
					if got, err = types.ToJSONB(x, col.Type, nil); err != nil {
						t.Fatal(err)
					}
				}
				whole, _ := types.JSONBGet(want[i], col.Name)
				if got != whole {
					t.Fatalf("seed %d round %d: %s\nfield %s as %s: got %s, want %s", seed, round, text, col.Name, col.Type, got, whole)
				}
			}
		}
	}
}

// avroOracle is the record as the library reads it, as jsonb.
func avroOracle(t testing.TB, s *avro.Schema, n *avroNode, image []byte) string {
	var v any
	if _, err := s.Decode(image, &v); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	avroJSON(&b, n, v)
	j, err := types.ParseJSONB(b.String())
	if err != nil {
		t.Fatalf("%s: %v", b.String(), err)
	}
	return j
}

// avroRoundTrip decodes values into columns of the schema's own types and encodes
// these again with the same schema: the library must read the same.
func avroRoundTrip(t *testing.T, s Spec, parsed *avro.Schema, node *avroNode, values, want []string) {
	t.Helper()
	for _, f := range node.fields {
		s.Columns = append(s.Columns, Column{Name: f.name, Type: f.node.natural()})
	}
	d := decodeAll(t, s, recordsOf(nil, values))
	enc, err := NewEncoder(s)
	if err != nil {
		t.Fatalf("%s: %v", s.Value.Options["schema"], err)
	}
	out, err := enc.Encode(context.Background(), d.Rows, nil, nil)
	if err != nil {
		t.Fatalf("%s: %v", s.Value.Options["schema"], err)
	}
	for i := range values {
		if got := avroOracle(t, parsed, node, out.Value.Bytes(i)); got != want[i] {
			t.Fatalf("%s: got %s, want %s", s.Value.Options["schema"], got, want[i])
		}
	}
}

// Without a schema the columns make one, which is registered; what is written is
// read back, also by the library.
func TestAvroGenerated(t *testing.T) {
	cols := []Column{}
	var want []types.Datum
	for _, c := range []struct{ typ, text string }{
		{"bool", "t"}, {"int2", "-3"}, {"int4", "7"}, {"int8", "9223372036854775807"}, {"float4", "1.5"}, {"float8", "-1e-300"},
		{"numeric(10,2)", "-12345.67"}, {"numeric(30,5)", "-1234567890123456789012.12345"}, {"numeric(6,2)", "0.00"}, {"numeric(6,2)", "-1.28"}, {"numeric", "1e40"}, {"text", "é"}, {"varchar(9)", "v"}, {"bytea", "\\x00ff"},
		{"date", "1969-12-31"}, {"time", "23:59:59.999999"}, {"timestamp", "1900-01-01 00:00:00.000001"}, {"timestamptz", "2024-02-29 10:11:12+00"},
		{"interval", "-1 days 00:00:00.000001"}, {"uuid", "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11"}, {"jsonb", "{\"a\": 1}"}, {"int4[]", "{1,NULL}"}, {"text[]", "{}"},
		{"timestamptz[]", "{\"2024-02-29 10:11:12+00\"}"},
	} {
		base, array := strings.CutSuffix(c.typ, "[]")
		ty := parseType(t, base)
		if array {
			ty = types.ArrayOf(ty)
		}
		d, err := types.ParseText(c.text, ty, nil)
		if err != nil {
			t.Fatal(err)
		}
		cols, want = append(cols, Column{Name: fmt.Sprintf("c%d", len(cols)), Type: ty}), append(want, d)
	}
	reg := &fakeRegistry{}
	s := Spec{Topic: "shop.orders-1", Columns: cols, Value: Encoding{Name: "avro"}, Registry: reg}
	rows := &vec.Batch{N: 2}
	for i, c := range cols {
		rows.Cols = append(rows.Cols, vec.FromDatums(c.Type, []types.Datum{want[i], types.NullDatum}))
	}
	enc, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := enc.Encode(context.Background(), rows, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	schema := reg.latest["shop.orders-1-value"]
	if schema == nil || !strings.Contains(schema.Text, `"namespace":"shop.orders_1"`) {
		t.Fatalf("registered: %+v", reg.latest)
	}
	parsed, err := avro.Parse(schema.Text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		var v any
		if rest, err := parsed.Decode(out.Value.Bytes(i)[5:], &v); err != nil || len(rest) > 0 {
			t.Fatalf("row %d: %v, %d bytes left", i, err, len(rest))
		}
	}
	d := decodeAll(t, s, &topic.Records{Offset: []int64{0, 1}, Time: []int64{0, 0}, Key: out.Key, Value: out.Value, Next: 2})
	if len(d.Bad) > 0 {
		t.Fatal(d.Bad[0].Err)
	}
	for i, c := range cols {
		if got := d.Rows.Cols[i].Datum(0); !types.Equal(got, want[i], c.Type) {
			t.Errorf("%s: got %s", c.Type, types.AppendText(nil, got, c.Type, nil))
		}
		if !d.Rows.Cols[i].IsNull(1) {
			t.Errorf("%s: NULL has become something", c.Type)
		}
	}
	inferred, err := inferAvro(context.Background(), part{Topic: s.Topic, Registry: reg}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cols {
		natural := c.Type
		switch {
		case c.Type.OID == types.OIDInt2:
			natural = types.Int4
		case c.Type.OID == types.OIDNumeric && c.Type.Mod < 0, c.Type.OID == types.OIDVarchar, c.Type.OID == types.OIDInterval, c.Type.OID == types.OIDJSONB:
			natural = types.Text
		}
		if inferred[i].Name != c.Name || inferred[i].Type != natural {
			t.Errorf("%s: inferred %s %s", c.Type, inferred[i].Name, inferred[i].Type)
		}
	}
}
