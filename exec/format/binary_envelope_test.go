package format

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// Envelopes over binary encodings: what Debezium writes with a registry.

const debeziumAvro = `{"type":"record","name":"Envelope","namespace":"db.shop.customer","fields":[
	{"name":"before","type":["null",{"type":"record","name":"Value","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","string"],"default":null},
		{"name":"born","type":["null",{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}],"default":null},
		{"name":"seen","type":["null",{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}],"default":null},
		{"name":"at","type":["null",{"type":"string","connect.name":"io.debezium.time.ZonedTimestamp"}],"default":null},
		{"name":"owes","type":["null",{"type":"bytes","scale":2,"precision":10,"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}],"default":null}]}],"default":null},
	{"name":"after","type":["null","Value"],"default":null},
	{"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium","fields":[{"name":"db","type":"string"},{"name":"table","type":"string"}]}},
	{"name":"op","type":"string"},{"name":"ts_ms","type":["null","long"],"default":null}]}`

func TestDebeziumAvroRegistry(t *testing.T) {
	key := `{"type":"record","name":"Key","namespace":"db.shop.customer","fields":[{"name":"id","type":"long"}]}`
	reg := &fakeRegistry{schemas: map[int]*Schema{1: {ID: 1, Type: "AVRO", Text: debeziumAvro}, 2: {ID: 2, Type: "AVRO", Text: key}},
		latest: map[string]*Schema{"t-value": {Type: "AVRO", Text: debeziumAvro}, "t-key": {Type: "AVRO", Text: key}}}
	row := func(id int64, name any) map[string]any {
		return map[string]any{"id": id, "name": name, "born": int32(1), "seen": int64(1_500_000), "at": "2024-02-29T10:11:12Z", "owes": []byte{0xff, 0x38}}
	}
	value := func(op string, before, after any) string {
		return string(appendWireHead(nil, 1)) + avroImage(t, debeziumAvro, map[string]any{"before": before, "after": after, "op": op, "ts_ms": int64(5),
			"source": map[string]any{"db": "shop", "table": "customer"}})
	}
	keyOf := func(id int64) string {
		return string(appendWireHead(nil, 2)) + avroImage(t, key, map[string]any{"id": id})
	}
	s := Spec{Topic: "t", Value: Encoding{Name: "avro"}, Key: Encoding{Name: "avro"}, Envelope: Debezium, Registry: reg}
	cols, err := Infer(context.Background(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cols {
		got = append(got, fmt.Sprint(c.Name, " ", c.Type, " ", c.NotNull))
	}
	if want := "id bigint true, name text false, born date false, seen timestamp without time zone false, at text false, owes numeric(10,2) false"; strings.Join(got, ", ") != want {
		t.Errorf("inferred %s", strings.Join(got, ", "))
	}
	s.Columns, s.PK = cols, []int{0}
	r := recordsOf([]string{keyOf(1), keyOf(2), keyOf(1), keyOf(1), keyOf(1)},
		[]string{value("c", nil, row(1, "a")), value("r", nil, row(2, nil)), value("u", row(1, "a"), row(1, "b")), value("d", row(1, "b"), nil), none})
	want := `0 put 1 a 1970-01-02 1970-01-01 00:00:01.5 2024-02-29T10:11:12Z -2.00
1 put 2 NULL 1970-01-02 1970-01-01 00:00:01.5 2024-02-29T10:11:12Z -2.00
2 put 1 b 1970-01-02 1970-01-01 00:00:01.5 2024-02-29T10:11:12Z -2.00
3 delete 1 NULL NULL NULL NULL NULL
`
	if got := show(decodeAll(t, s, r), s.Columns); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// A key of one value is the column that there is, whatever its name, and a jsonb
// column without a field is the whole key.
func TestBinaryKeys(t *testing.T) {
	record := `{"type":"record","name":"k","fields":[{"name":"a","type":"int"},{"name":"b","type":"string"}]}`
	proto := `syntax = "proto3"; message K { int32 a = 1; string b = 2; }`
	for _, c := range []struct{ cols, encoding, schema, key, want string }{
		{"key:k int8", "avro", `"long"`, "\x0e", "0 put 7\n"},
		{"key:b text", "avro", record, "\x02\x02x", "0 put x\n"},
		{"key:k jsonb", "avro", record, "\x02\x02x", "0 put {\"a\": 1, \"b\": \"x\"}\n"},
		{"key:b text", "protobuf", proto, "\x08\x01\x12\x01x", "0 put x\n"},
		{"key:k jsonb", "protobuf", proto, "\x08\x01\x12\x01x", "0 put {\"a\": 1, \"b\": \"x\"}\n"},
		{"key:k int8", "avro", `"long"`, "", "0 bad 22P03 key: malformed Avro: the record ends early\n"},
	} {
		s := Spec{Topic: "t", Columns: columnsOf(t, c.cols), Value: Encoding{Name: "none"}, Key: Encoding{Name: c.encoding, Options: map[string]string{"schema": c.schema}}}
		if got := show(decodeAll(t, s, recordsOf([]string{c.key}, []string{""})), s.Columns); got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.cols, c.schema, got, c.want)
		}
	}
}

// Upserts: the key deletes.
func TestUpsertProtobuf(t *testing.T) {
	reg := &fakeRegistry{}
	s := Spec{Topic: "t", Columns: columnsOf(t, "key:id int8, name text"), PK: []int{0}, Value: Encoding{Name: "protobuf"}, Key: Encoding{Name: "protobuf"}, Envelope: Upsert, Registry: reg}
	cols := decodeAll(t, Spec{Columns: columnsOf(t, "id int8, name text"), Value: Encoding{Name: "json"}}, recordsOf(nil, []string{`{"id":1,"name":"a"}`, `{"id":2,"name":null}`}))
	enc, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := enc.Encode(context.Background(), cols.Rows, nil, []Op{Put, Delete})
	if err != nil {
		t.Fatal(err)
	}
	r := recordsOf(nil, []string{"", ""})
	r.Key, r.Value = out.Key, out.Value
	if got, want := show(decodeAll(t, s, r), s.Columns), "0 put 1 a\n1 delete 2 NULL\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if reg.latest["t-key"] == nil || reg.latest["t-value"] == nil {
		t.Errorf("registered: %v", reg.latest)
	}
}
