package format

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// conformanceValues are values of each type that a record can carry. JSON's null
// in a jsonb and lower bounds of arrays are not among them: no format keeps them.
var conformanceValues = []struct {
	typ    string
	values []string
}{
	{"bool", []string{"t", "f"}},
	{"int2", []string{"-32768", "32767", "0"}},
	{"int4", []string{"-2147483648", "2147483647"}},
	{"int8", []string{"-9223372036854775808", "9223372036854775807", "1234567890123456789"}},
	{"float4", []string{"1.5", "-3.4028235e38", "1e-45", "NaN", "-Infinity", "0"}},
	{"float8", []string{"0.1", "-1e-300", "1.7976931348623157e308", "NaN", "Infinity", "123456789012"}},
	{"numeric", []string{"0", "1.50", "-0.001", "123456789012345678901234567890.123456789", "1e30", "-7"}},
	{"numeric(10,2)", []string{"1.50", "-99999999.99", "0.00"}},
	{"text", []string{"", "a", "a,b\"c\"\r\n\t'é😀\\", " x ", "NULL", "\\N", "\"", "{}", "\x01\x7f"}},
	{"varchar(5)", []string{"", "12345", "ééééé"}},
	{"bytea", []string{"\\x", "\\x00ff", "\\x616263", "\\xc3a9227b"}},
	{"uuid", []string{"0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11"}},
	{"jsonb", []string{`{"a": [1, 2.50, null, "x,\"é"], "b": {}}`, `"s"`, `1`, `[]`, `true`, `""`}},
	{"json", []string{`{"b":1, "a":[ ]}`, `"s"`, `1.0`}},
	{"date", []string{"2024-02-29", "0001-01-01", "1969-12-31", "9999-12-31"}},
	{"time", []string{"00:00:00", "23:59:59.999999", "10:11:12"}},
	{"timestamp", []string{"2024-02-29 10:11:12.000001", "1900-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2000-03-01 00:00:00.1", "1600-02-29 12:00:00"}},
	{"timestamptz", []string{"2024-02-29 10:11:12.5+00", "1969-12-31 23:59:59.999999+00", "0001-01-01 00:00:00+00"}},
	{"interval", []string{"1 year 2 mons 3 days 04:05:06.789", "-1 days 00:00:00.000001", "00:00:00"}},
	{"int4[]", []string{"{1,NULL,3}", "{}"}},
	{"int8[]", []string{"{-9223372036854775808}"}},
	{"float8[]", []string{"{1.5,-0.25}"}},
	{"bool[]", []string{"{t,f}"}},
	{"numeric[]", []string{"{1.50,-123456789012345678901234567890}"}},
	{"text[]", []string{`{"a,b","q\"",NULL,"",x}`, `{"\\","{}",""}`}},
	{"bytea[]", []string{`{"\\x00ff","\\x"}`}},
	{"date[]", []string{"{2024-02-29}"}},
	{"timestamptz[]", []string{`{"2024-02-29 10:11:12+00"}`}},
	{"uuid[]", []string{"{0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11}"}},
}

// onlyJSON are values that schemas of other encodings have no type for.
var onlyText = []struct {
	typ    string
	values []string
}{
	{"date", []string{"infinity", "0044-03-15 BC"}},
	{"timestamp", []string{"-infinity"}},
	{"timestamptz", []string{"infinity", "0044-03-15 00:00:00+00 BC", "10000-01-01 00:00:00+00", "0001-12-31 23:59:59.999999+00 BC"}},
	{"numeric", []string{"NaN"}},
	{"time", []string{"24:00:00"}},
	{"int4[]", []string{"{{1,2},{3,4}}"}},
	{"char(4)", []string{"ab  "}},
	{"name", []string{"n"}},
	{"oid", []string{"4294967295"}},
}

// TestConformance: what an encoding writes it reads as the same, every type in
// every encoding that has it, alone and with others beside it.
func TestConformance(t *testing.T) {
	const all = "bool int2 int4 int8 float4 float8 numeric numeric(10,2) text varchar(5) bytea uuid jsonb json date time timestamp timestamptz interval int4[] int8[] float8[] bool[] numeric[] text[] bytea[] date[] timestamptz[] uuid[]"
	mode := func(k, v string) map[string]string { return map[string]string{k: v} }
	for _, c := range []struct {
		encoding string
		options  map[string]string
		text     bool   // onlyText too
		types    string // that it has
		single   bool
	}{
		{"json", nil, true, all, false},
		{"json", mode("timestamp.handling.mode", "micro"), true, all, false},
		{"json", mode("timestamp.handling.mode", "nano"), false, "date time timestamptz[]", false},
		{"json", mode("bytea.encoding", "hex"), false, all, false},
		{"json", mode("bytea.encoding", "latin1"), false, all, false},
		{"json", mode("wrap_single_value", "false"), true, all, true},
		{"csv", nil, true, all, false},
		{"csv", map[string]string{"delimiter": "TAB", "null": `\N`, "bytea.encoding": "latin1"}, false, all, false},
		{"text", nil, true, all, true},
		{"bytes", nil, false, "bytea", true},
		{"kafka", nil, false, "bool int2 int4 int8 float4 float8 text varchar(5) bytea uuid", true},
		{"avro", nil, false, all, false},
		{"protobuf", nil, false, all, false},
		{"jsonschema", nil, false, all, false},
	} {
		values := conformanceValues
		if c.text {
			values = append(values[:len(values):len(values)], onlyText...)
		}
		var cols []Column
		var data [][]types.Datum
		for _, v := range values {
			ty := parseColumnType(t, v.typ)
			if !c.text || !isOnlyText(v.typ) {
				if !strings.Contains(" "+c.types+" ", " "+v.typ+" ") {
					if _, err := NewEncoder(Spec{Columns: []Column{{Name: "v", Type: ty}}, Value: Encoding{Name: c.encoding, Options: c.options}}); err == nil && c.options["timestamp.handling.mode"] == "" {
						t.Errorf("%s takes %s, which is not in its list", c.encoding, v.typ)
					}
					continue
				}
			}
			// Protobuf's repeated fields have no null items, and are empty where they are
			// absent.
			repeated := c.encoding == "protobuf" && ty.IsArray()
			var ds []types.Datum
			for _, text := range v.values {
				if repeated && strings.Contains(text, "NULL") {
					continue
				}
				d, err := types.ParseText(text, ty, nil)
				if err != nil {
					t.Fatalf("%s %q: %v", v.typ, text, err)
				}
				ds = append(ds, d)
			}
			cols = append(cols, Column{Name: fmt.Sprintf("c%d", len(cols)), Type: ty})
			if !repeated {
				ds = append(ds, types.NullDatum)
			}
			data = append(data, ds)
		}
		name := c.encoding + fmt.Sprint(c.options)
		for i := range cols {
			roundTrip(t, name, Encoding{c.encoding, c.options}, cols[i:i+1], data[i:i+1])
		}
		if !c.single {
			roundTrip(t, name, Encoding{c.encoding, c.options}, cols, data)
		}
	}
}

func isOnlyText(typ string) bool {
	for _, v := range onlyText {
		if v.typ == typ {
			return true
		}
	}
	return false
}

func parseColumnType(t testing.TB, s string) types.Type {
	base, array := strings.CutSuffix(s, "[]")
	ty := parseType(t, base)
	if array {
		return types.ArrayOf(ty)
	}
	return ty
}

// roundTrip encodes columns of values, the shorter ones repeated, and decodes
// them again.
func roundTrip(t *testing.T, name string, value Encoding, cols []Column, data [][]types.Datum) {
	n := 0
	for _, ds := range data {
		n = max(n, len(ds))
	}
	rows := &vec.Batch{N: n}
	for i, c := range cols {
		b := vec.NewBuilder(c.Type, n)
		for k := range n {
			b.Datum(data[i][k%len(data[i])])
		}
		rows.Cols = append(rows.Cols, b.Finish())
	}
	s := Spec{Topic: "conformance", Columns: cols, Value: value, Registry: &fakeRegistry{}}
	e, err := NewEncoder(s)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	out, err := e.Encode(context.Background(), rows, nil, nil)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	for i := range n {
		if value.Name == "json" && !json.Valid(out.Value.Bytes(i)) {
			t.Errorf("%s: this is no JSON: %s", name, out.Value.Bytes(i))
		}
	}
	r := recordsOf(nil, make([]string, n))
	r.Value = out.Value
	d := decodeAll(t, s, r)
	for _, bad := range d.Bad {
		t.Errorf("%s: %s is bad: %s (%s)", name, out.Value.Bytes(bad.Record), bad.Err.Message, bad.Err.Detail)
	}
	if d.Rows.N != n {
		return
	}
	for i, c := range cols {
		for k := range n {
			want, got := rows.Cols[i].Datum(k), d.Rows.Cols[i].Datum(k)
			if want.Null != got.Null || !want.Null && string(types.AppendText(nil, want, c.Type, nil)) != string(types.AppendText(nil, got, c.Type, nil)) {
				t.Errorf("%s: %s %s has become %s by way of %q", name, c.Type, types.AppendText(nil, want, c.Type, nil), types.AppendText(nil, got, c.Type, nil), out.Value.Bytes(k))
			}
		}
	}
}

// TestMalformed: each of these is a bad record with a reason, whatever stands
// around it, and none of them costs more than it is long.
func TestMalformed(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	const key8 = "\x00\x00\x00\x00\x00\x00\x00\x01"
	for _, c := range []struct {
		name, encoding, cols, value, want string
		code                              sqlerr.Code
	}{
		{"truncated", "json", "a int8", `{"a":1,"b":[{"c":tr`, "expected a value", sqlerr.InvalidTextRepresentation},
		{"truncated in a string", "json", "a int8", `{"a":1,"b":"x\`, "not an escape", sqlerr.InvalidTextRepresentation},
		{"empty", "json", "a int8", "", "ends too early", sqlerr.InvalidTextRepresentation},
		{"blank", "json", "a int8", " \n", "ends too early", sqlerr.InvalidTextRepresentation},
		{"something after the end", "json", "a int8", `{"a":1} {"a":2}`, "nothing more", sqlerr.InvalidTextRepresentation},
		{"a schema id before the value", "json", "a int8", "\x00\x00\x00\x00\x07{\"a\":1}", "expected an object", sqlerr.InvalidTextRepresentation},
		{"a byte-order mark", "json", "a int8", "\ufeff{\"a\":1}", "expected an object", sqlerr.InvalidTextRepresentation},
		{"deep nesting where nobody looks", "json", "a int8", `{"b":` + deep, "nested too deeply", sqlerr.StatementTooComplex},
		{"deep nesting in a jsonb", "json", "a jsonb", `{"a":` + deep, "nested too deeply", sqlerr.StatementTooComplex},
		{"deep nesting at the top", "json", "a int8", deep, "expected an object", sqlerr.InvalidTextRepresentation},
		{"invalid UTF-8", "json", "a int8", "{\"a\":1,\"b\":\"\xc3\x28\"}", "UTF8", sqlerr.CharacterNotInRepertoire},
		{"a surrogate as UTF-8", "json", "a text", "{\"a\":\"\xed\xa0\x80\"}", "UTF8", sqlerr.CharacterNotInRepertoire},
		{"a line break in a string", "json", "a text", "{\"a\":\"\n\"}", "must be escaped", sqlerr.InvalidTextRepresentation},
		{"NaN", "json", "a float8", `{"a":NaN}`, "expected a value", sqlerr.InvalidTextRepresentation},
		{"-Infinity", "json", "a float8", `{"a":-Infinity}`, "not a number", sqlerr.InvalidTextRepresentation},
		{"hexadecimal", "json", "a int8", `{"a":0x10}`, "expected \",\" or", sqlerr.InvalidTextRepresentation},
		{"a number with a plus", "json", "a int8", `{"a":+1}`, "expected a value", sqlerr.InvalidTextRepresentation},
		{"a duplicate name whose last value does not fit", "json", "a int8", `{"a":1,"a":"x"}`, "invalid input syntax", sqlerr.InvalidTextRepresentation},
		{"a comment", "json", "a int8", `{"a":1/*x*/}`, "expected", sqlerr.InvalidTextRepresentation},
		{"single quotes", "json", "a int8", `{'a':1}`, "a name in quotes", sqlerr.InvalidTextRepresentation},
		{"an exponent beyond numeric", "json", "a numeric", `{"a":1e999999999}`, "exponent", sqlerr.NumericValueOutOfRange},
		{"an exponent beyond numeric in a jsonb", "json", "a jsonb", `{"a":{"x":1e999999999}}`, "exponent", sqlerr.NumericValueOutOfRange},
		{"many exponents", "json", "a jsonb", `{"a":[` + strings.Repeat("1e1000,", 10_000) + `1]}`, "without exponents", sqlerr.ProgramLimitExceeded},
		{"an array without end", "json", "a int4[]", `{"a":[` + strings.Repeat("1,", 300_000) + `1]}`, "elements", sqlerr.ProgramLimitExceeded},
		{"100 MB", "json", "a text", `{"a":"` + strings.Repeat("x", 100_000_000) + `"}`, "more than the limit", sqlerr.ProgramLimitExceeded},
		{"too few fields", "csv", "a int8, b text", "1", "expected 2 fields, found 1", sqlerr.BadCopyFileFormat},
		{"too many fields", "csv", "a int8, b text", "1,x,y", "expected 2 fields, found 3", sqlerr.BadCopyFileFormat},
		{"a quote without end", "csv", "a int8, b text", `1,"x`, "no end", sqlerr.BadCopyFileFormat},
		{"something after quotes", "csv", "a int8, b text", `1,"x"y`, "follows the quotes", sqlerr.BadCopyFileFormat},
		{"a quote within", "csv", "a int8, b text", `1,x"y`, "a quote within", sqlerr.BadCopyFileFormat},
		{"invalid UTF-8", "csv", "a int8, b text", "1,\xff", "UTF8", sqlerr.CharacterNotInRepertoire},
		{"NUL", "csv", "a int8, b text", "1,\x00", "UTF8", sqlerr.CharacterNotInRepertoire},
		{"not a number", "csv", "a int8, b text", "x,y", "invalid input syntax for type bigint: \"x\"", sqlerr.InvalidTextRepresentation},
		{"invalid UTF-8", "text", "a text", "\xff", "UTF8", sqlerr.CharacterNotInRepertoire},
		{"not a number", "text", "a int4", "x", "integer", sqlerr.InvalidTextRepresentation},
		{"seven bytes", "kafka", "a int8", "1234567", "8 bytes long, not 7", sqlerr.InvalidBinaryRepresentation},
		{"invalid UTF-8", "kafka", "a text", "\xff", "UTF8", sqlerr.CharacterNotInRepertoire},
	} {
		s := Spec{Columns: columnsOf(t, c.cols), Value: Encoding{Name: c.encoding}}
		good := map[string]string{"json": `{}`, "csv": "1,x", "text": "1", "kafka": key8}[c.encoding]
		if c.encoding == "kafka" && c.cols == "a text" {
			good = "x"
		}
		d := decodeAll(t, s, recordsOf(nil, []string{good, c.value, good}))
		if d.Rows.N != 2 || d.Record[0] != 0 || d.Record[1] != 2 || len(d.Bad) != 1 || d.Bad[0].Record != 1 {
			t.Errorf("%s %s: %d rows, %d bad", c.encoding, c.name, d.Rows.N, len(d.Bad))
			continue
		}
		if e := d.Bad[0].Err; e.Code != c.code || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s %s: %s %s", c.encoding, c.name, e.Code, e.Message)
		}
		if len(d.Bad[0].Err.Message) > 300 {
			t.Errorf("%s %s: the message is %d bytes long", c.encoding, c.name, len(d.Bad[0].Err.Message))
		}
	}
}

// With on_error = 'null' what does not fit is NULL, but a text that is no JSON
// stays bad, and so does a NULL where none may be.
func TestNullOnError(t *testing.T) {
	s := Spec{Columns: columnsOf(t, "a int8, b text, c int4!"), Value: Encoding{Name: "json"}, NullOnError: true}
	d := decodeAll(t, s, recordsOf(nil, []string{`{"a":"x","b":"y","c":1}`, `{"a":1`, `{"a":1,"c":"z"}`}))
	const want = "0 put NULL y 1\n1 bad 22P02 invalid JSON at byte 6: it ends too early\n2 bad 23502 null value in column \"c\" violates not-null constraint\n"
	if got := show(d, s.Columns); got != want {
		t.Errorf("got %s", got)
	}
}
