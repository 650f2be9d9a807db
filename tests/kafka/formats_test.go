package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// foreignTypes is every type of SQL: two values, and what Confluent's deserializers
// make of the first one.
var foreignTypes = []struct {
	name, typ, one, two  string
	avro, protobuf, json string
}{
	{"b", "boolean", "true", "false", "bool:True", "bool:True", "bool:True"},
	{"i2", "smallint", "12", "-32768", "int:12", "int:12", "int:12"},
	{"i4", "integer", "-70000", "2147483647", "int:-70000", "int:-70000", "int:-70000"},
	{"i8", "bigint", "9007199254740993", "-9223372036854775808", "int:9007199254740993", "int:9007199254740993", "int:9007199254740993"},
	{"f4", "real", "1.5", "-3.25e10", "float:1.5", "float:1.5", "float:1.5"},
	{"f8", "double precision", "0.1", "-1.7976931348623157e308", "float:0.1", "float:0.1", "float:0.1"},
	{"nan", "double precision", "'NaN'", "'-Infinity'", "float:nan", "float:nan", "str:NaN"},
	{"d", "numeric(18,4)", "12345.6789", "-99999999.9999", "Decimal:12345.6789", "str:12345.6789", "float:12345.6789"},
	{"n", "numeric", "1.5", "-12345678901234567890", "str:1.5", "str:1.5", "float:1.5"},
	{"t", "text", "'é \" \\ 😀'", "''", `str:é " \ 😀`, `str:é " \ 😀`, `str:é " \ 😀`},
	{"v", "varchar(9)", "'abc'", "'x''y'", "str:abc", "str:abc", "str:abc"},
	{"by", "bytea", `'\x00ff41'`, `'\x'`, "bytes:00ff41", "bytes:00ff41", "str:AP9B"},
	{"dt", "date", "'2024-02-29'", "'1969-12-31'", "date:2024-02-29", "str:2024-02-29", "str:2024-02-29"},
	{"tm", "time", "'10:11:12.000013'", "'00:00'", "time:10:11:12.000013", "str:10:11:12.000013", "str:10:11:12.000013"},
	{"ts", "timestamp", "'2024-02-29 10:11:12.000013'", "'1969-12-31 23:59:59'", "datetime:2024-02-29T10:11:12.000013", "Timestamp:2024-02-29T10:11:12.000013Z", "str:2024-02-29T10:11:12.000013"},
	{"tz", "timestamptz", "'2024-02-29 10:11:12.5+02'", "'1969-12-31 23:59:59+00'", "datetime:2024-02-29T08:11:12.500000+00:00", "Timestamp:2024-02-29T08:11:12.500Z", "str:2024-02-29T08:11:12.5Z"},
	{"iv", "interval", "'1 mon 2 days 03:04:05'", "'-00:00:01'", "str:1 mon 2 days 03:04:05", "str:1 mon 2 days 03:04:05", "str:P1M2DT3H4M5S"},
	{"u", "uuid", "'6b1f2a52-0000-4000-8000-00000000000a'", "'00000000-0000-0000-0000-000000000000'",
		"UUID:6b1f2a52-0000-4000-8000-00000000000a", "str:6b1f2a52-0000-4000-8000-00000000000a", "str:6b1f2a52-0000-4000-8000-00000000000a"},
	{"j", "jsonb", `'{"a": [1, "x"]}'`, `'[true, {"b": {}}]'`, `str:{"a": [1, "x"]}`, `str:{"a": [1, "x"]}`, `dict:{"a": [1, "x"]}`},
	{"ab", "boolean[]", "'{t,f}'", "'{}'", "[bool:True, bool:False]", "[bool:True, bool:False]", "[bool:True, bool:False]"},
	{"ai", "bigint[]", "'{1,-2}'", "'{}'", "[int:1, int:-2]", "[int:1, int:-2]", "[int:1, int:-2]"},
	{"af", "double precision[]", "'{1.5,0}'", "'{}'", "[float:1.5, float:0.0]", "[float:1.5, float:0.0]", "[float:1.5, int:0]"},
	{"an", "numeric(9,2)[]", "'{1.50}'", "'{}'", "[Decimal:1.50]", "[str:1.50]", "[float:1.5]"},
	{"at", "text[]", `'{a,"b c"}'`, "'{}'", "[str:a, str:b c]", "[str:a, str:b c]", "[str:a, str:b c]"},
	{"ay", "bytea[]", `'{"\\x01"}'`, "'{}'", "[bytes:01]", "[bytes:01]", "[str:AQ==]"},
	{"az", "timestamptz[]", `'{"2024-02-29 10:11:12+00"}'`, "'{}'", "[datetime:2024-02-29T10:11:12+00:00]", "[Timestamp:2024-02-29T10:11:12Z]", "[str:2024-02-29T10:11:12Z]"},
	{"au", "uuid[]", `'{6b1f2a52-0000-4000-8000-00000000000a}'`, "'{}'", "[UUID:6b1f2a52-0000-4000-8000-00000000000a]", "[str:6b1f2a52-0000-4000-8000-00000000000a]", "[str:6b1f2a52-0000-4000-8000-00000000000a]"},
}

// TestForeignFormats: Confluent's deserializers read from a sink's topic what went
// in, of each type in each format of a registry, keys and deletions too; and Tarn
// reads back what Confluent's serializers write of it.
func TestForeignFormats(t *testing.T) {
	k := kafkatest.Shared(t)
	registry := kafkatest.SharedRegistry(t).URL
	c := k.Open(t)
	s := startServer(t, k)
	p := startPython(t, k, registry)
	columns, one, two, nulls := "id bigint PRIMARY KEY", "1", "2", "3"
	for _, x := range foreignTypes {
		columns += ", " + x.name + " " + x.typ
		one += ", " + x.one
		two += ", " + x.two
		if strings.HasSuffix(x.typ, "[]") {
			nulls += ", '{}'" // Protobuf knows no array that is not there
		} else {
			nulls += ", NULL"
		}
	}
	s.exec("CREATE TABLE all_types ("+columns+")",
		"INSERT INTO all_types VALUES ("+one+"), ("+two+"), ("+nulls+")")
	for _, format := range []string{"avro", "protobuf", "jsonschema"} {
		t.Run(format, func(t *testing.T) {
			s.t, p.t = t, t
			out, back := create(t, c, format+"-out", 1, nil), create(t, c, format+"-back", 1, nil)
			encode := " FORMAT UPSERT ENCODE " + format + " KEY ENCODE " + format
			s.exec("INSERT INTO all_types (id) VALUES (4) ON CONFLICT (id) DO NOTHING",
				"CREATE SINK "+format+"_out AS SELECT * FROM all_types WHERE id < 5 WITH (connector = 'kafka', topic = '"+out+"', primary_key = 'id', schema.registry = '"+registry+"')"+encode)
			s.eventually("SELECT rows FROM sys.sinks WHERE name = '"+format+"_out'", "4")
			s.exec("DELETE FROM all_types WHERE id = 4")
			s.eventually("SELECT rows FROM sys.sinks WHERE name = '"+format+"_out'", "5")
			records := p.do(map[string]any{"do": "copy", "format": format, "from": out, "to": back})
			if len(records) != 5 || records[4].Value != nil || fmt.Sprint(records[4].Key) != fmt.Sprint(records[3].Key) {
				t.Fatalf("not four rows and a deletion: %v", records)
			}
			for i, r := range records {
				if want := fmt.Sprintf("map[id:int:%d]", min(i, 3)+1); fmt.Sprint(r.Key) != want {
					t.Errorf("record %d has the key %v, not %s", i, r.Key, want)
				}
			}
			for _, x := range foreignTypes {
				want := map[string]string{"avro": x.avro, "protobuf": x.protobuf, "jsonschema": x.json}[format]
				if got := records[0].Value[x.name]; got != want {
					t.Errorf("%s: %s is read as %s, not %s", x.typ, x.one, got, want)
				}
				null := "null"
				if strings.HasSuffix(x.typ, "[]") {
					null = "[]"
				}
				if got := records[2].Value[x.name]; got != null {
					t.Errorf("%s: NULL is read as %s", x.typ, got)
				}
			}
			s.exec("CREATE TABLE " + format + "_back (" + columns + ") WITH (connector = 'kafka', topic = '" + back + "', schema.registry = '" + registry + "')" + encode)
			s.eventually("SELECT records FROM sys.sources WHERE name = '"+format+"_back'", "5")
			if letters := s.rows("SELECT error FROM sys.dead_letters WHERE source = '" + format + "_back'"); len(letters) > 0 {
				t.Error("dead letters: ", letters)
			}
			for _, x := range foreignTypes {
				q := "SELECT a.id, a." + x.name + "::text, b." + x.name + "::text FROM all_types a LEFT JOIN " + format + "_back b ON a.id = b.id WHERE a." + x.name + "::text IS DISTINCT FROM b." + x.name + "::text"
				if rows := s.rows(q); len(rows) > 0 {
					t.Errorf("%s: came back otherwise (id, sent, read): %v", x.typ, rows)
				}
			}
			if n := s.rows("SELECT count(*) FROM " + format + "_back")[0][0]; n != "3" {
				t.Errorf("%s rows came back", n)
			}
		})
	}
}

// foreignSchemas are schemas as others write them, values for them in Python, and
// what Tarn proposes as columns and reads.
var foreignSchemas = []struct {
	format, schema string
	values         []string
	columns        string
	rows           string
}{
	{"avro", `{"type":"record","name":"order","namespace":"shop","fields":[
		{"name":"id","type":"long"},
		{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
		{"name":"tax","type":["null",{"type":"fixed","name":"f8","size":8,"logicalType":"decimal","precision":10,"scale":3}],"default":null},
		{"name":"day","type":{"type":"int","logicalType":"date"}},
		{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"open","type":["null",{"type":"int","logicalType":"time-millis"}],"default":null},
		{"name":"state","type":{"type":"enum","name":"state","symbols":["NEW","PAID"]}},
		{"name":"ref","type":{"type":"string","logicalType":"uuid"}},
		{"name":"tags","type":{"type":"array","items":"string"}},
		{"name":"attrs","type":{"type":"map","values":"long"}},
		{"name":"who","type":{"type":"record","name":"person","fields":[{"name":"name","type":"string"},{"name":"age","type":["null","int"]}]}},
		{"name":"either","type":["null","string","long"]}]}`,
		[]string{
			`{"id": 1, "price": Decimal("12.50"), "tax": Decimal("-0.125"), "day": datetime.date(2024, 2, 29), "at": datetime.datetime(2024, 2, 29, 10, 11, 12, 500000, UTC), "open": datetime.time(8, 30), "state": "PAID", "ref": uuid.UUID(int=10), "tags": ["a", "b"], "attrs": {"x": 1}, "who": {"name": "Ann", "age": 7}, "either": 5}`,
			`{"id": 2, "price": Decimal("0.00"), "tax": None, "day": datetime.date(1969, 12, 31), "at": datetime.datetime(1969, 12, 31, 23, 59, 59, 0, UTC), "open": None, "state": "NEW", "ref": uuid.UUID(int=0), "tags": [], "attrs": {}, "who": {"name": "Bob", "age": None}, "either": "s"}`,
		},
		`id bigint, price numeric(12,2), tax numeric(10,3), day date, at timestamp with time zone, open time without time zone, state text, ref uuid, tags text[], attrs jsonb, who jsonb, either jsonb`,
		`(1,12.50,-0.125,2024-02-29,"2024-02-29 10:11:12.5+00",08:30:00,PAID,00000000-0000-0000-0000-00000000000a,"{a,b}","{""x"": 1}","{""age"": 7, ""name"": ""Ann""}",5)
(2,0.00,,1969-12-31,"1969-12-31 23:59:59+00",,NEW,00000000-0000-0000-0000-000000000000,{},{},"{""age"": null, ""name"": ""Bob""}","""s""")`},
	{"protobuf", `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
message Order {
  enum State { NEW = 0; PAID = 1; }
  message Person { string name = 1; optional int32 age = 2; }
  int64 id = 1;
  sint32 delta = 2;
  fixed64 big = 3;
  google.protobuf.Timestamp at = 4;
  google.protobuf.Duration took = 5;
  google.protobuf.StringValue note = 6;
  State state = 7;
  repeated int32 list = 8;
  map<string, int64> attrs = 9;
  Person who = 10;
  oneof either { string s = 11; bool b = 12; }
  bytes raw = 13;
  float f = 14;
}`,
		[]string{
			`M(id=1, delta=-5, big=18446744073709551615, at=Timestamp(seconds=1709201472, nanos=500000000), took=Duration(seconds=90), note=StringValue(value="n"), state=1, list=[1, -2], attrs={"x": 1}, who={"name": "Ann", "age": 7}, s="e", raw=b"\x00A", f=1.5)`,
			`M(id=2, b=False)`,
		},
		`id bigint, delta integer, big numeric, at timestamp with time zone, took interval, note text, state text, list integer[], attrs jsonb, who jsonb, s text, b boolean, raw bytea, f real`,
		`(1,-5,18446744073709551615,"2024-02-29 10:11:12.5+00",00:01:30,n,PAID,"{1,-2}","{""x"": 1}","{""age"": 7, ""name"": ""Ann""}",e,,"\\x0041",1.5)
(2,0,0,,,,NEW,{},{},,,f,"\\x",0)`},
	{"jsonschema", `{"$schema":"http://json-schema.org/draft-07/schema#","title":"order","type":"object","required":["id"],"properties":{
		"id":{"type":"integer"},"price":{"type":"number"},"at":{"type":"string","format":"date-time"},"ref":{"type":"string","format":"uuid"},
		"ok":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"}},"who":{"type":"object","properties":{"name":{"type":"string"}}},"note":{"type":["string","null"]}}}`,
		[]string{
			`{"id": 1, "price": 12.5, "at": "2024-02-29T10:11:12.5+02:00", "ref": str(uuid.UUID(int=10)), "ok": True, "tags": ["a", "b"], "who": {"name": "Ann"}, "note": None}`,
			`{"id": 2, "note": "n"}`,
		},
		`id bigint, price double precision, at timestamp with time zone, ref uuid, ok boolean, tags text[], who jsonb, note text`,
		`(1,12.5,"2024-02-29 08:11:12.5+00",00000000-0000-0000-0000-00000000000a,t,"{a,b}","{""name"": ""Ann""}",)
(2,,,,,,,n)`},
}

// TestForeignSchemas: what Confluent's serializers write with schemas that are not
// Tarn's gives columns and rows without a word about either.
func TestForeignSchemas(t *testing.T) {
	k := kafkatest.Shared(t)
	registry := kafkatest.SharedRegistry(t).URL
	c := k.Open(t)
	s := startServer(t, k)
	p := startPython(t, k, registry)
	for _, x := range foreignSchemas {
		t.Run(x.format, func(t *testing.T) {
			s.t, p.t = t, t
			in := create(t, c, x.format+"-foreign", 1, nil)
			p.do(map[string]any{"do": "write", "format": x.format, "to": in, "schema": x.schema, "values": x.values})
			name := x.format + "_in"
			s.exec("CREATE SOURCE " + name + " WITH (connector = 'kafka', topic = '" + in + "', schema.registry = '" + registry + "') FORMAT PLAIN ENCODE " + x.format)
			var columns []string
			for _, row := range s.rows("SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON a.attrelid = c.oid WHERE c.relname = '" + name + "' AND a.attnum > 0 ORDER BY a.attnum") {
				columns = append(columns, strings.Join(row, " "))
			}
			if got := strings.Join(columns, ", "); got != x.columns {
				t.Errorf("the columns are\n%s, not\n%s", got, x.columns)
			}
			s.eventually("SELECT records FROM sys.sources WHERE name = '"+name+"'", fmt.Sprint(len(x.values)))
			var rows []string
			for _, row := range s.rows("SELECT " + name + "::text FROM " + name + " ORDER BY id") {
				rows = append(rows, row[0])
			}
			if got := strings.Join(rows, "\n"); got != x.rows {
				t.Errorf("the rows are\n%s, not\n%s; dead letters: %v", got, x.rows, s.rows("SELECT error FROM sys.dead_letters"))
			}
		})
	}
}

// TestConsole: Kafka's own console consumer sees keys, values and deletions of a
// sink, each once, and what its console producer writes is read with its keys.
func TestConsole(t *testing.T) {
	k := kafkatest.Shared(t)
	c := k.Open(t)
	s := startServer(t, k)
	in, out := create(t, c, "console-in", 1, nil), create(t, c, "console-out", 1, nil)
	k.Tool(t, "org.apache.kafka.tools.ConsoleProducer", "1|{\"v\": \"a\"}\n2|{\"v\": \"b\"}\n1|{\"v\": \"c\"}\n2|NULL\n", "--topic", in,
		"--reader-property", "parse.key=true", "--reader-property", "key.separator=|", "--reader-property", "null.marker=NULL")
	s.exec("CREATE TABLE latest (id text PRIMARY KEY, v text) WITH (connector = 'kafka', topic = '"+in+"') FORMAT UPSERT ENCODE JSON KEY ENCODE TEXT",
		"CREATE TABLE counted (id bigint PRIMARY KEY, n int)",
		"CREATE SINK counted_out FROM counted WITH (connector = 'kafka', topic = '"+out+"', primary_key = 'id') FORMAT UPSERT ENCODE JSON KEY ENCODE KAFKA",
		"INSERT INTO counted VALUES (7, 1)")
	s.eventually("SELECT string_agg(id || v, ',') FROM latest", "1c")
	for n, sql := range []string{"UPDATE counted SET n = 2", "DELETE FROM counted", "INSERT INTO counted VALUES (8, 1)"} {
		s.eventually("SELECT rows FROM sys.sinks", []string{"1", "3", "4"}[n]) // or one change would take back the other; an update is two rows
		s.exec(sql)
	}
	s.eventually("SELECT rows FROM sys.sinks", "5")
	want := []string{`7|{"id":7,"n":1}`, `7|{"id":7,"n":2}`, "7|NULL", `8|{"id":8,"n":1}`}
	text := k.Tool(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", "", "--topic", out, "--from-beginning", "--isolation-level", "read_committed",
		"--max-messages", fmt.Sprint(len(want)), "--timeout-ms", "60000", "--key-deserializer", "org.apache.kafka.common.serialization.LongDeserializer",
		"--formatter-property", "print.key=true", "--formatter-property", "key.separator=|", "--formatter-property", "null.literal=NULL")
	if got := strings.Split(strings.TrimSpace(text), "\n"); !slices.Equal(got, want) {
		t.Fatalf("the console consumer has %q, not %q", got, want)
	}
}
