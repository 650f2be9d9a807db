package format

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

func TestJSONSchemaRecords(t *testing.T) {
	reg := &fakeRegistry{schemas: map[int]*Schema{1: {ID: 1, Type: "JSON", Text: `{}`}, 2: {ID: 2, Type: "AVRO", Text: `"int"`}}}
	rec := func(id int, body string) string { return string(appendWireHead(nil, id)) + body }
	s := Spec{Topic: "t", Columns: columnsOf(t, "a int4, b text"), Value: Encoding{Name: "jsonschema"}, Registry: reg}
	r := recordsOf(nil, []string{rec(1, `{"a":1,"b":"x"}`), `{"a":1}`, rec(2, `{}`), rec(9, `{}`), none, "\x00", rec(1, `{"a":"y"}`), rec(1, ``), rec(1, ` {"a":2}`)})
	before := string(r.Value.Data)
	want := `0 put 1 x
4 put NULL NULL
8 put 2 NULL
1 bad 22P03 the record does not begin with a schema id: its first byte is 0x7b, not 0
2 bad 42809 schema 2 is of type AVRO, not JSON
3 bad 42704 the schema registry has no schema with the id 9
5 bad 22P03 the record is too short for a schema id: 1 bytes
6 bad 22P02 field "a": invalid input syntax for type integer: "y"
7 bad 22P02 invalid JSON at byte 5: it ends too early
`
	if got := show(decodeAll(t, s, r), s.Columns); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if string(r.Value.Data) != before {
		t.Error("the records have been changed")
	}
	// A slice of records begins in the middle of their bytes.
	if got := show(decodeAll(t, s, r.Slice(8, 9)), s.Columns); got != "0 put 2 NULL\n" {
		t.Errorf("slice: %s", got)
	}
	s.Registry = nil
	if got := show(decodeAll(t, s, recordsOf(nil, []string{`{"a":1}`})), s.Columns); got != "0 put 1 NULL\n" {
		t.Errorf("without registry: %s", got)
	}
}

func TestJSONSchemaInfer(t *testing.T) {
	text := `{"type":"object","properties":{
		"z":{"type":"integer"}, "small":{"type":"integer","connect.type":"int16"}, "i":{"oneOf":[{"type":"null"},{"type":"integer","connect.type":"int32"}]},
		"n":{"type":["number","null"]}, "dec":{"type":"number","title":"org.apache.kafka.connect.data.Decimal","connect.type":"bytes"},
		"s":{"type":"string"}, "at":{"type":"string","format":"date-time"}, "raw":{"type":"string","connect.type":"bytes"},
		"list":{"type":"array","items":{"type":"string"}}, "objects":{"type":"array","items":{"type":"object"}}, "o":{"$ref":"#/definitions/O"},
		"e":{"$ref":"#/$defs/E"}, "other":{"$ref":"other.json"}, "loop":{"$ref":"#/definitions/L"}, "any":{}, "two":{"anyOf":[{"type":"string"},{"type":"integer"}]}},
		"definitions":{"O":{"type":"object"},"L":{"$ref":"#/definitions/L"}},"$defs":{"E":{"type":"string","enum":["a"]}}}`
	reg := &fakeRegistry{latest: map[string]*Schema{"t-value": {Type: "JSON", Text: text, References: map[string]*Schema{"other.json": {Text: `{"type":"boolean"}`}}}}}
	cols, err := Infer(context.Background(), Spec{Topic: "t", Value: Encoding{Name: "jsonschema"}, Registry: reg}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cols {
		got = append(got, c.Name+" "+c.Type.String())
	}
	want := "z bigint, small smallint, i integer, n double precision, dec numeric, s text, at timestamp with time zone, raw bytea, list text[], objects jsonb, o jsonb, e text, other boolean, loop jsonb, any jsonb, two jsonb"
	if strings.Join(got, ", ") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, ", "), want)
	}
}

// What the columns make of a schema is registered, proposes them again, and the
// records are read back.
func TestJSONSchemaGenerated(t *testing.T) {
	reg := &fakeRegistry{}
	s := Spec{Topic: "t", Value: Encoding{Name: "jsonschema"}, Registry: reg}
	rows := &vec.Batch{N: 2}
	for i, c := range []struct{ typ, text string }{
		{"bool", "t"}, {"int2", "-3"}, {"int4", "7"}, {"int8", "9223372036854775807"}, {"float4", "1.5"},
		{"float8", "-1e-300"}, {"numeric", "1e40"}, {"text", "é"}, {"bytea", "\\x00ff"}, {"date", "1969-12-31"},
		{"time", "23:59:59.999999"}, {"timestamptz", "2024-02-29 10:11:12+00"}, {"uuid", "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11"},
		{"jsonb", "{\"a\": 1}"}, {"_int4", "{1,NULL}"},
	} {
		base, array := strings.CutPrefix(c.typ, "_")
		ty := parseType(t, base)
		if array {
			ty = types.ArrayOf(ty)
		}
		d, err := types.ParseText(c.text, ty, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Columns = append(s.Columns, Column{Name: fmt.Sprintf("c%d", i), Type: ty})
		rows.Cols = append(rows.Cols, vec.FromDatums(ty, []types.Datum{d, types.NullDatum}))
	}
	enc, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := enc.Encode(context.Background(), rows, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := reg.latest["t-value"].Text; !json.Valid([]byte(text)) {
		t.Fatalf("no JSON: %s", text)
	}
	d := decodeAll(t, s, &topic.Records{Offset: []int64{0, 1}, Time: []int64{0, 0}, Key: out.Key, Value: out.Value, Next: 2})
	if len(d.Bad) > 0 {
		t.Fatal(d.Bad[0].Err)
	}
	cols, err := Infer(context.Background(), Spec{Topic: "t", Value: s.Value, Registry: reg}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range s.Columns {
		if got := d.Rows.Cols[i].Datum(0); !types.Equal(got, rows.Cols[i].Datum(0), c.Type) || !d.Rows.Cols[i].IsNull(1) {
			t.Errorf("%s: got %s", c.Type, types.AppendText(nil, got, c.Type, nil))
		}
		if cols[i] != c {
			t.Errorf("%s %s: inferred %s %s", c.Name, c.Type, cols[i].Name, cols[i].Type)
		}
	}
}
