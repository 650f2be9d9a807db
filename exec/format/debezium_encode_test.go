package format

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// changed are a row that stood, one that is new, one that changed, and one that went.
func changed(s Spec) Changes {
	null := types.NullDatum
	pairs := func(rows ...[2]types.Datum) *vec.Batch {
		out := &vec.Batch{N: len(rows)}
		for c := range 2 {
			b := vec.NewBuilder(s.Columns[c].Type, len(rows))
			for _, r := range rows {
				b.Datum(r[c])
			}
			out.Cols = append(out.Cols, b.Finish())
		}
		return out
	}
	row := func(id int64, a string) [2]types.Datum { return [2]types.Datum{types.Int(id), types.String(a)} }
	none := [2]types.Datum{null, null}
	return Changes{
		Rows:   pairs(row(1, "a"), row(2, "b"), row(2, "c"), row(1, "a")),
		Before: pairs(none, none, row(2, "b"), row(1, "a")),
		Ops:    []Op{Read, Put, Put, Delete}, Time: []int64{0, 1000, 2000, 3000},
	}
}

// wantChanged is what a consumer of Debezium's records is to see of changed, in
// the field names of its envelope.
const wantChanged = `{"id":1}: null -> {"a":"a","id":1} r 946684800000 true public.t
{"id":2}: null -> {"a":"b","id":2} c 946684800001 false public.t
{"id":2}: {"a":"b","id":2} -> {"a":"c","id":2} u 946684800002 false public.t
{"id":1}: {"a":"a","id":1} -> null d 946684800003 false public.t
`

// envelopeLine spells what another reader has made of a key and a value.
func envelopeLine(t *testing.T, key, value map[string]any) string {
	t.Helper()
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	source := value["source"].(map[string]any)
	if source["connector"] != "tarn" || source["version"] != "1" || text(source["ts_ms"]) != text(value["ts_ms"]) {
		t.Errorf("source %v", source)
	}
	return text(key) + ": " + text(value["before"]) + " -> " + text(value["after"]) + " " + value["op"].(string) + " " + text(value["ts_ms"]) + " " +
		source["snapshot"].(string) + " " + source["schema"].(string) + "." + source["table"].(string) + "\n"
}

// The envelope in Avro and Protobuf is what a foreign reader with the registered
// schema expects of Debezium, and is read back as it was meant.
func TestDebeziumBinary(t *testing.T) {
	for _, encoding := range []string{"avro", "protobuf"} {
		t.Run(encoding, func(t *testing.T) {
			reg := &fakeRegistry{}
			s := Spec{Topic: "shop.t", Columns: columnsOf(t, "id int8, a text"), PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: encoding}, Key: Encoding{Name: encoding},
				Registry: reg, Origin: Origin{Version: "1", Schema: "public", Table: "t"}}
			e, err := NewEncoder(s)
			if err != nil {
				t.Fatal(err)
			}
			c := changed(s)
			out, err := e.EncodeChanges(context.Background(), c)
			if err != nil {
				t.Fatal(err)
			}
			key, value := reg.latest["shop.t-key"], reg.latest["shop.t-value"]
			if key == nil || value == nil {
				t.Fatalf("registered: %v", reg.latest)
			}
			read := avroReaderOf
			if encoding == "protobuf" {
				read = protoReaderOf
			}
			readKey, readValue := read(t, key.Text), read(t, value.Text)
			got := ""
			for i := range c.Rows.N {
				got += envelopeLine(t, readKey(out.Key.Bytes(i)), readValue(out.Value.Bytes(i)))
			}
			if got != wantChanged {
				t.Errorf("got\n%s want\n%s", got, wantChanged)
			}
			r := recordsOf(nil, make([]string, c.Rows.N))
			r.Key, r.Value = out.Key, out.Value
			if got := show(decodeAll(t, s, r), s.Columns); got != "0 put 1 a\n1 put 2 b\n2 put 2 c\n3 delete 1 NULL\n" {
				t.Errorf("read back: %s", got)
			}
		})
	}
}

// avroReaderOf reads records of the registry's wire format with a library that
// knows nothing of how they were written.
func avroReaderOf(t *testing.T, schema string) func([]byte) map[string]any {
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	return func(b []byte) map[string]any {
		var v any
		if _, err := s.Decode(b[5:], &v); err != nil {
			t.Fatal(err)
		}
		return v.(map[string]any)
	}
}

func protoReaderOf(t *testing.T, schema string) func([]byte) map[string]any {
	fd, err := parseProto(&Schema{Type: "PROTOBUF", Text: schema})
	if err != nil {
		t.Fatal(err)
	}
	d := fd.Messages().Get(0)
	return func(b []byte) map[string]any {
		m := dynamicpb.NewMessage(d)
		if err := proto.Unmarshal(b[6:], m); err != nil { // after the id and the index of the first message
			t.Fatal(err)
		}
		return protoFields(m)
	}
}

// protoFields are the fields of a message, null where it has not got them.
func protoFields(m *dynamicpb.Message) map[string]any {
	out := map[string]any{}
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		name := string(f.Name())
		switch {
		case !m.Has(f):
			out[name] = nil
		case f.Message() != nil:
			out[name] = protoFields(m.Get(f).Message().Interface().(*dynamicpb.Message))
		default:
			out[name] = m.Get(f).Interface()
		}
	}
	return out
}

// A schema that is given need not have all of what Debezium's envelope has.
func TestDebeziumGivenSchema(t *testing.T) {
	const schema = `{"type":"record","name":"Envelope","fields":[
		{"name":"before","type":["null",{"type":"record","name":"Row","fields":[{"name":"id","type":"long"},{"name":"a","type":["null","string"]}]}]},
		{"name":"after","type":["null","Row"]},{"name":"op","type":"string"}]}`
	s := Spec{Topic: "t", Columns: columnsOf(t, "id int8, a text"), PK: []int{0}, Envelope: Debezium,
		Value: Encoding{Name: "avro", Options: map[string]string{"schema": schema}}, Key: Encoding{Name: "json"}}
	e, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	c := changed(s)
	out, err := e.EncodeChanges(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	r := recordsOf(nil, make([]string, c.Rows.N))
	r.Key, r.Value = out.Key, out.Value
	if got := show(decodeAll(t, s, r), s.Columns); got != "0 put 1 a\n1 put 2 b\n2 put 2 c\n3 delete 1 NULL\n" {
		t.Errorf("read back: %s", got)
	}
	s.Value = Encoding{Name: "csv"}
	if _, err := NewEncoder(s); err == nil || errorText(err) != "FORMAT DEBEZIUM does not go with ENCODE CSV; Use ENCODE JSON, AVRO or PROTOBUF." {
		t.Errorf("CSV: %v", err)
	}
}
