package format

import (
	"context"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// wrap puts a payload beside a schema of the table's columns, as Debezium's
// JSON converter does with schemas.enable.
func wrap(fields, payload string) string {
	row := `{"type":"struct","fields":[` + fields + `],"optional":true,"field":"`
	return `{"schema":{"type":"struct","fields":[` + row + `before"},` + row + `after"},{"type":"string","field":"op"}]},"payload":` + payload + `}`
}

func TestEnvelopes(t *testing.T) {
	const micro = `{"type":"int64","name":"io.debezium.time.MicroTimestamp","field":"at"}`
	const milli = `{"type":"int64","name":"io.debezium.time.Timestamp","field":"at"}`
	const dec = `{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"10"},"field":"d"}`
	for _, c := range []struct {
		name, env, cols string
		pk              []int
		options         map[string]string
		keys, values    []string
		want            string
	}{
		{"upsert: values put, tombstones delete by the key", "upsert", "key:id int8, a text", []int{0}, nil,
			[]string{"\x00\x00\x00\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x02", "\x00\x00\x00\x00\x00\x00\x00\x01"},
			[]string{`{"a":"x"}`, `{"a":"y"}`, none},
			"0 put 1 x\n1 put 2 y\n2 delete 1 NULL\n"},
		{"upsert: the key of a tombstone is in the key only", "upsert", "id int8, a text", []int{0}, nil,
			[]string{"?", "\x00\x00\x00\x00\x00\x00\x00\x02"}, []string{`{"id":1,"a":"x"}`, none},
			"0 put 1 x\n1 delete 2 NULL\n"},
		{"upsert: a key that cannot be read", "upsert", "key:id int8, a text", []int{0}, nil,
			[]string{"?", none, "\x00\x00\x00\x00\x00\x00\x00\x02"}, []string{`{"a":"x"}`, `{"a":"x"}`, none},
			"2 delete 2 NULL\n0 bad 22P03 key: field \"id\": a value of type bigint is 8 bytes long, not 1\n1 bad 23502 null value in column \"id\" violates not-null constraint\n"},
		{"upsert: two key columns, encoded as the value is", "upsert", "key:a int4, key:b text, c text", []int{0, 1}, nil,
			[]string{`{"a":1,"b":"x"}`, `{"a":1,"b":"x"}`}, []string{`{"c":"z"}`, none},
			"0 put 1 x z\n1 delete 1 x NULL\n"},
		{"plain: the whole key as jsonb", "plain", "key:k jsonb, a text", nil, nil,
			[]string{`{"id":1, "x":[2]}`, `7`, none, `{`}, []string{`{"a":"x"}`, `{"a":"y"}`, `{"a":"z"}`, `{"a":"z"}`},
			"0 put {\"x\": [2], \"id\": 1} x\n1 put 7 y\n2 put NULL z\n3 bad 22P02 key: invalid JSON at byte 1: it ends too early\n"},
		{"debezium: all operations", "debezium", "id int8, a text", []int{0}, nil,
			[]string{none, none, none, none, none, none, none},
			[]string{
				`{"before":null,"after":{"id":1,"a":"x"},"op":"c"}`,
				`{"before":{"id":1,"a":"x"},"after":{"id":1,"a":"y"},"op":"u"}`,
				`{"before":null,"after":{"id":1,"a":"z"},"op":"u","source":{"table":"t"}}`,
				`{"before":{"id":1,"a":"z"},"after":null,"op":"d"}`,
				none,
				`{"before":null,"after":{"id":2,"a":"s"},"op":"r"}`,
				`{"op":"t"}`,
			},
			"0 put 1 x\n1 put 1 y\n2 put 1 z\n3 delete 1 NULL\n5 put 2 s\n6 truncate NULL NULL\n"},
		{"debezium: an update that moves the key", "debezium", "id int8, a text", []int{0}, nil,
			[]string{none}, []string{`{"before":{"id":1,"a":"x"},"after":{"id":2,"a":"x"},"op":"u"}`},
			"0 delete 1 NULL\n0 put 2 x\n"},
		{"debezium: a deletion without before takes the record's key", "debezium", "id int8, a text", []int{0}, nil,
			[]string{`{"schema":{},"payload":{"id":7}}`, `{"id":8}`, `9`, `{`},
			[]string{`{"before":null,"after":null,"op":"d"}`, `{"op":"d"}`, `{"op":"d"}`, `{"op":"d"}`},
			"0 delete 7 NULL\n1 delete 8 NULL\n2 delete 9 NULL\n3 bad 22P02 key: invalid JSON at byte 1: it ends too early\n"},
		{"debezium: what is none of the table's", "debezium", "id int8, a text", []int{0}, nil,
			[]string{none, none, none, none},
			[]string{`{"status":"BEGIN","id":"571:1"}`, `{"op":"m","message":{}}`, `{"op":"x"}`, `{"id":1,"a":"flat"}`},
			"2 bad 22P02 field \"op\": \"x\" is no operation that is known\n3 bad 22P02 the record is no change event: it has no field \"op\"\n"},
		{"debezium: schema changes", "debezium", "id int8, a text", []int{0}, nil,
			[]string{none, none, none}, []string{`{"source":{"db":"shop","snapshot":"false"},"databaseName":"shop","ddl":"ALTER TABLE t ADD b int","tableChanges":[]}`,
				`{"source":{"db":"shop","snapshot":"true"},"databaseName":"shop","ddl":"DROP TABLE IF EXISTS t"}`, `{"source":{"db":"shop","snapshot":true},"ddl":"DROP TABLE IF EXISTS t"}`},
			"0 ddl shop: ALTER TABLE t ADD b int\n"},
		{"debezium: times by the schema, which may change", "debezium", "id int8, at timestamp", []int{0}, nil,
			[]string{none, none, none, none},
			[]string{
				wrap(`{"type":"int64","field":"id"},`+micro, `{"after":{"id":1,"at":1000000},"op":"c"}`),
				wrap(`{"type":"int64","field":"id"},`+milli, `{"after":{"id":2,"at":1000000},"op":"c"}`),
				wrap(`{"type":"int64","field":"id"},`+micro, `{"after":{"id":3,"at":1000000},"op":"c"}`),
				`{"after":{"id":4,"at":1709201472000000},"op":"c"}`,
			},
			"0 put 1 1970-01-01 00:00:01\n1 put 2 1970-01-01 00:16:40\n2 put 3 1970-01-01 00:00:01\n3 put 4 2024-02-29 10:11:12\n"},
		{"debezium: decimals", "debezium", "id int8, d numeric", []int{0}, nil,
			[]string{none, none, none, none},
			[]string{
				wrap(`{"type":"int64","field":"id"},`+dec, `{"after":{"id":1,"d":"ATk="},"op":"c"}`),
				wrap(`{"type":"int64","field":"id"},`+dec, `{"after":{"id":2,"d":"/w=="},"op":"c"}`),
				`{"after":{"id":3,"d":{"scale":1,"value":"fw=="}},"op":"c"}`,
				`{"after":{"id":4,"d":"12.34"},"op":"c"}`,
			},
			"0 put 1 3.13\n1 put 2 -0.01\n2 put 3 12.7\n3 put 4 12.34\n"},
		{"debezium: a database's habits", "debezium", "id int8, b bool, j jsonb, d date", []int{0}, nil,
			[]string{none, none},
			[]string{`{"after":{"id":1,"b":1,"j":"{\"x\": 1}","d":19782},"op":"c"}`, `{"after":{"id":2,"b":2},"op":"c"}`},
			"0 put 1 t {\"x\": 1} 2024-02-29\n1 bad 22P02 field \"b\": invalid input syntax for type boolean: \"2\"\n"},
		{"debezium: one table of several", "debezium", "id int8", []int{0}, map[string]string{"source.table": "a"},
			[]string{none, none, none},
			[]string{`{"after":{"id":1},"op":"c","source":{"table":"a"}}`, `{"after":{"id":2},"op":"c","source":{"table":"b"}}`, `{"op":"t","source":{"table":"b"}}`},
			"0 put 1\n"},
		{"maxwell", "maxwell", "a int4, b text, c text", []int{0, 1}, nil,
			[]string{none, none, none, none, none, none, none},
			[]string{
				`{"database":"s","table":"t","type":"insert","ts":1,"xid":1,"commit":true,"data":{"a":1,"b":"x","c":"p"}}`,
				`{"database":"s","table":"t","type":"update","data":{"a":1,"b":"x","c":"q"},"old":{"c":"p"}}`,
				`{"database":"s","table":"t","type":"update","data":{"a":2,"b":"x","c":"q"},"old":{"a":1}}`,
				`{"database":"s","table":"t","type":"delete","data":{"a":2,"b":"x","c":"q"}}`,
				`{"database":"s","table":"t","type":"bootstrap-start","data":{}}`,
				`{"database":"s","table":"t","type":"bootstrap-insert","data":{"a":3,"b":"y","c":null}}`,
				`{"type":"table-alter","database":"s","table":"t","old":{},"def":{},"sql":"ALTER TABLE t ADD d int"}`,
			},
			"0 put 1 x p\n1 put 1 x q\n2 delete 1 x NULL\n2 put 2 x q\n3 delete 2 x q\n5 put 3 y NULL\n6 ddl s: ALTER TABLE t ADD d int\n"},
		{"canal", "canal", "a int4, b text, n numeric, x bytea", []int{0}, nil,
			[]string{none, none, none, none, none, none, none},
			[]string{
				`{"data":[{"a":"1","b":"x","n":"1.50","x":"\u00ff\u0000"},{"a":"2","b":null,"n":null,"x":null}],"database":"s","isDdl":false,"old":null,"pkNames":["a"],"sql":"","table":"t","type":"INSERT"}`,
				`{"data":[{"a":"1","b":"y","n":"2"},{"a":"3","b":"z"}],"isDdl":false,"old":[{"b":"x","n":"1.50"},{"a":"2"}],"type":"UPDATE"}`,
				`{"data":[{"a":"3","b":"z"}],"isDdl":false,"type":"DELETE"}`,
				`{"data":null,"database":"s","isDdl":true,"sql":"ALTER TABLE t ADD c int","table":"t","type":"ALTER"}`,
				`{"data":null,"database":"","isDdl":false,"type":"TIDB_WATERMARK","_tidb":{"watermarkTs":1}}`,
				`{"isDdl":true,"sql":"truncate t","type":"TRUNCATE","database":"s","table":"t"}`,
				`{"data":[{"a":"x"}],"type":"INSERT"}`,
			},
			"0 put 1 x 1.50 \\xff00\n0 put 2 NULL NULL NULL\n1 put 1 y 2 NULL\n1 delete 2 NULL NULL NULL\n1 put 3 z NULL NULL\n2 delete 3 z NULL NULL\n5 truncate NULL NULL NULL NULL\n" +
				"6 bad 22P02 field \"a\": invalid input syntax for type integer: \"x\"\n3 ddl s: ALTER TABLE t ADD c int\n"},
	} {
		s := Spec{Columns: columnsOf(t, c.cols), PK: c.pk, Envelope: Envelope(c.env), Value: Encoding{Name: "json", Options: c.options}}
		r := recordsOf(c.keys, c.values)
		if got := show(decodeAll(t, s, r), s.Columns); got != c.want {
			t.Errorf("%s:\n got\n%s want\n%s", c.name, got, c.want)
		}
		// One at a time gives the same, and so does the second pass of a decoder.
		d, err := NewDecoder(s)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			var rows, bad, ddl int
			for i := range r.N() {
				one, err := d.Decode(context.Background(), r.Slice(i, i+1))
				if err != nil {
					t.Fatal(err)
				}
				rows, bad, ddl = rows+one.Rows.N, bad+len(one.Bad), ddl+len(one.DDL)
			}
			if lines := strings.Count(c.want, "\n"); rows+bad+ddl != lines {
				t.Errorf("%s: one at a time %d rows, %d bad, %d DDL; want %d lines", c.name, rows, bad, ddl, lines)
			}
		}
	}
}

// An envelope asks for fields by their paths, so that it is the same in Avro.
func TestDebeziumAvro(t *testing.T) {
	const schema = `{"type":"record","name":"Envelope","fields":[
		{"name":"before","type":["null",{"type":"record","name":"Value","fields":[
			{"name":"id","type":"long"},{"name":"a","type":["null","string"]},
			{"name":"at","type":{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTimestamp"}}]}]},
		{"name":"after","type":["null","Value"]},
		{"name":"source","type":{"type":"record","name":"Source","fields":[{"name":"db","type":"string"},{"name":"table","type":"string"}]}},
		{"name":"op","type":"string"}]}`
	row := func(id int64, a string) map[string]any {
		return map[string]any{"id": id, "a": a, "at": int64(1709201472000001)}
	}
	source := map[string]any{"db": "shop", "table": "t"}
	var values []string
	for _, v := range []map[string]any{
		{"before": nil, "after": row(1, "x"), "source": source, "op": "c"},
		{"before": row(1, "x"), "after": row(2, "y"), "source": source, "op": "u"},
		{"before": row(2, "y"), "after": nil, "source": source, "op": "d"},
	} {
		values = append(values, avroImage(t, schema, v))
	}
	s := Spec{Columns: columnsOf(t, "id int8, a text, at timestamp"), PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "avro", Options: map[string]string{"schema": schema}}}
	const want = "0 put 1 x 2024-02-29 10:11:12.000001\n1 delete 1 NULL NULL\n1 put 2 y 2024-02-29 10:11:12.000001\n2 delete 2 NULL NULL\n4 bad "
	d := decodeAll(t, s, recordsOf(nil, append(values, none, "\x09")))
	if got := show(d, s.Columns); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s want\n%s", got, want)
	}
}

// What is written as Debezium is read as it was meant.
func TestDebeziumRoundTrip(t *testing.T) {
	s := Spec{Columns: columnsOf(t, "id int8, a text"), PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "json"},
		Origin: Origin{Version: "1.2", Schema: "public", Table: "t"}}
	e, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	batch := func(rows ...[2]types.Datum) *vec.Batch {
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
	null := types.NullDatum
	rows := batch([2]types.Datum{types.Int(1), types.String("x")}, [2]types.Datum{types.Int(1), types.String("y")}, [2]types.Datum{types.Int(1), null})
	before := batch([2]types.Datum{null, null}, [2]types.Datum{types.Int(1), types.String("x")}, [2]types.Datum{types.Int(1), types.String("y")})
	const at = 1_500_000 // µs
	out, err := e.EncodeChanges(context.Background(), Changes{Rows: rows, Before: before, Ops: []Op{Put, Put, Delete}, Time: []int64{at, at, at}})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i := range rows.N {
		got.WriteString(string(out.Key.Bytes(i)) + " " + string(out.Value.Bytes(i)) + "\n")
	}
	const want = `{"id":1} {"before":null,"after":{"id":1,"a":"x"},"source":S,"op":"c","ts_ms":946684801500}
{"id":1} {"before":{"id":1,"a":"x"},"after":{"id":1,"a":"y"},"source":S,"op":"u","ts_ms":946684801500}
{"id":1} {"before":{"id":1,"a":"y"},"after":null,"source":S,"op":"d","ts_ms":946684801500}
`
	const source = `{"version":"1.2","connector":"tarn","name":"tarn","ts_ms":946684801500,"snapshot":"false","db":null,"schema":"public","table":"t"}`
	if got := strings.ReplaceAll(got.String(), source, "S"); got != want {
		t.Errorf("got\n%s want\n%s", got, want)
	}
	r := recordsOf(nil, make([]string, rows.N))
	r.Key, r.Value = out.Key, out.Value
	if got := show(decodeAll(t, s, r), s.Columns); got != "0 put 1 x\n1 put 1 y\n2 delete 1 NULL\n" {
		t.Errorf("read back: %s", got)
	}
}

// Mistakes in a Spec are named, with what would be right.
func TestSpecErrors(t *testing.T) {
	for _, c := range []struct {
		cols string
		s    Spec
		want string
	}{
		{"a int4", Spec{Value: Encoding{Name: "jsno"}}, `unknown encoding "jsno" of the value; Perhaps you meant "json".`},
		{"a int4", Spec{Value: Encoding{Name: "json"}, Envelope: "debezum"}, `unknown format "debezum"; Perhaps you meant "debezium".`},
		{"a int4", Spec{Value: Encoding{Name: "json", Options: map[string]string{"timestamp.handling.mod": "milli"}}}, `unknown option "timestamp.handling.mod" of encoding json; Perhaps you meant "timestamp.handling.mode".`},
		{"a int4", Spec{Value: Encoding{Name: "json", Options: map[string]string{"timestamp.handling.mode": "mili"}}}, `invalid value for option "timestamp.handling.mode" of encoding json: "mili"; Perhaps you meant "milli".`},
		{"a int4", Spec{Value: Encoding{Name: "csv", Options: map[string]string{"delimiter": "ab"}}}, `invalid value for option "delimiter" of encoding csv: "ab"; It is one ASCII character, SPACE or TAB.`},
		{"a int4, b int4", Spec{Value: Encoding{Name: "kafka"}}, `encoding kafka of the value holds one column, not 2; Take the others from somewhere else, or use an encoding that has fields.`},
		{"a date", Spec{Value: Encoding{Name: "kafka"}}, `encoding kafka cannot be had as column "a" of type date; Declare it as boolean, smallint, integer, bigint, real, double precision, text, uuid or bytea.`},
		{"a text", Spec{Value: Encoding{Name: "bytes"}}, `encoding bytes cannot be had as column "a" of type text; Declare it as bytea.`},
		{"a text", Spec{Value: Encoding{Name: "none"}}, `column "a" cannot be taken from the record's value, whose encoding is none; Say how it is encoded.`},
		{"a text", Spec{Value: Encoding{Name: "json"}, Envelope: Upsert}, `FORMAT UPSERT needs a primary key; Declare the columns of the record's key as PRIMARY KEY.`},
		{"a text", Spec{Value: Encoding{Name: "csv"}, Envelope: Debezium, PK: []int{0}}, `FORMAT DEBEZIUM does not go with ENCODE CSV; Use ENCODE JSON.`},
	} {
		c.s.Columns = columnsOf(t, c.cols)
		_, err := NewDecoder(c.s)
		if err == nil {
			t.Errorf("%s: no error", c.want)
			continue
		}
		if got := errorText(err); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
