package format

import (
	"strconv"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/types"
)

// TestMySQLTypes: values of each of MySQL's types as the feeds write them, in columns
// of the types that docs/sql/mysql-types.md gives them: the very value, or a dead
// letter with a reason.
func TestMySQLTypes(t *testing.T) {
	canal := func(v string) string {
		return `{"data":[{"id":"1","v":` + v + `}],"database":"s","isDdl":false,"table":"t","type":"INSERT"}`
	}
	canalOf := func(typ string) func(string) string {
		return func(v string) string {
			return strings.Replace(canal(v), `"isDdl"`, `"mysqlType":{"id":"bigint(20)","v":"`+typ+`"},"isDdl"`, 1)
		}
	}
	maxwell := func(v string) string {
		return `{"database":"s","table":"t","type":"insert","data":{"id":1,"v":` + v + `}}`
	}
	debezium := func(v string) string { return `{"before":null,"after":{"id":1,"v":` + v + `},"op":"c"}` }
	schema := func(field string) func(string) string {
		return func(v string) string {
			return wrap(`{"type":"int64","field":"id"},{`+field+`,"field":"v"}`, `{"after":{"id":1,"v":`+v+`},"op":"c"}`)
		}
	}
	feeds := map[string]Envelope{"canal": Canal, "maxwell": Maxwell, "debezium": Debezium}
	for _, c := range []struct {
		feed, typ string
		message   func(string) string
		value     string
		want      string // bad: begins so
	}{
		{"canal", "numeric(20,0)", canal, `"18446744073709551615"`, "18446744073709551615"},
		{"canal", "numeric(65,30)", canal, `"12345678901234567890123456789012345.123456789012345678901234567891"`, "12345678901234567890123456789012345.123456789012345678901234567891"},
		{"canal", "bool", canal, `"1"`, "t"},
		{"canal", "int8", canal, `"173"`, "173"},
		{"canal", "numeric(20,0)", canal, `"9223372036854775808"`, "9223372036854775808"},
		{"canal", "jsonb", canal, `"{\"a\": [1, null]}"`, `{"a": [1, null]}`},
		{"canal", "timestamp(6)", canal, `"2024-02-29 10:11:12.123456"`, "2024-02-29 10:11:12.123456"},
		{"canal", "timestamptz(0)", canal, `"2024-02-29 10:11:12"`, "2024-02-29 10:11:12+00"},
		{"canal", "time(0)", canal, `"10:11:12"`, "10:11:12"},
		{"canal", "time(0)", canal, `"-10:11:12"`, "bad 22008"},
		{"canal", "time(0)", canal, `"838:59:59"`, "bad 22008"},
		{"canal", "interval", canal, `"-838:59:59"`, "-838:59:59"},
		{"canal", "int2", canal, `"2024"`, "2024"},
		{"canal", "bytea", canal, `"\u00ff\u0000a"`, `\xff0061`},
		{"canal", "date", canal, `"0000-00-00"`, "bad 22008"},
		{"canal", "timestamp(0)", canal, `"0000-00-00 00:00:00"`, "bad 22008"},
		{"canal", "text", canal, `"ä€😀"`, "ä€😀"},
		{"canal", "real", canal, `"1.5"`, "1.5"},
		{"canal", "text", canalOf("enum('a','b''c')"), `"2"`, "b'c"},
		{"canal", "text", canalOf("enum('a','b')"), `"0"`, ""},
		{"canal", "text", canalOf("enum('a','b')"), `"3"`, "3"},
		{"canal", "text", canalOf("enum('a','b')"), `"b"`, "b"},
		{"canal", "text", canalOf("enum('a','b')"), `null`, "NULL"},
		{"canal", "text", canalOf("enum"), `"2"`, "2"},
		{"canal", "text", canalOf("varchar(10)"), `"2"`, "2"},
		{"canal", "text", canalOf("set('a','b','c')"), `"5"`, "a,c"},
		{"canal", "text", canalOf("set('a','b','c')"), `"0"`, ""},
		{"canal", "text", canalOf("set('a','b','c')"), `"8"`, "8"},
		{"canal", "int8", canalOf("enum('a','b')"), `"2"`, "2"},
		{"canal", "float8", canal, `"-1.7976931348623157E308"`, "-1.7976931348623157e+308"},

		{"maxwell", "numeric(20,0)", maxwell, `18446744073709551615`, "18446744073709551615"},
		{"maxwell", "numeric(65,30)", maxwell, `1.000000000000000000000000000001`, "1.000000000000000000000000000001"},
		{"maxwell", "bool", maxwell, `1`, "t"},
		{"maxwell", "bool", maxwell, `2`, "bad 22P02"},
		{"maxwell", "int8", maxwell, `173`, "173"},
		{"maxwell", "text", maxwell, `"b"`, "b"},
		{"maxwell", "text[]", maxwell, `["a","b"]`, "{a,b}"},
		{"maxwell", "jsonb", maxwell, `{"a":[1,null]}`, `{"a": [1, null]}`},
		{"maxwell", "jsonb", maxwell, `"text"`, `"text"`},
		{"maxwell", "timestamp(6)", maxwell, `"2024-02-29 10:11:12.123456"`, "2024-02-29 10:11:12.123456"},
		{"maxwell", "time(0)", maxwell, `"-10:11:12"`, "bad 22008"},
		{"maxwell", "int2", maxwell, `2024`, "2024"},
		{"maxwell", "bytea", maxwell, `"/wBh"`, `\xff0061`},
		{"maxwell", "date", maxwell, `"0000-00-00"`, "bad 22008"},
		{"maxwell", "date", maxwell, `null`, "NULL"},

		{"debezium", "numeric(20,0)", schema(`"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}`), `"AP//////////"`, "18446744073709551615"},
		{"debezium", "numeric(65,30)", schema(`"type":"string"`), `"1.000000000000000000000000000001"`, "1.000000000000000000000000000001"},
		{"debezium", "bool", debezium, `true`, "t"},
		{"debezium", "int8", schema(`"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":"12"}`), `"rQE="`, "429"},
		{"debezium", "numeric(20,0)", schema(`"type":"bytes","name":"io.debezium.data.Bits","parameters":{"length":"64"}`), `"//////////8="`, "18446744073709551615"},
		{"debezium", "int8", debezium, `"rQE="`, "bad 22P02"},
		{"debezium", "text", debezium, `"a,b"`, "a,b"},
		{"debezium", "jsonb", debezium, `"{\"a\":1}"`, `{"a": 1}`},
		{"debezium", "timestamp(6)", schema(`"type":"int64","name":"io.debezium.time.MicroTimestamp"`), `1709201472123456`, "2024-02-29 10:11:12.123456"},
		{"debezium", "timestamptz(0)", debezium, `"2024-02-29T10:11:12Z"`, "2024-02-29 10:11:12+00"},
		{"debezium", "time(6)", schema(`"type":"int64","name":"io.debezium.time.MicroTime"`), `36672000001`, "10:11:12.000001"},
		{"debezium", "time(6)", schema(`"type":"int64","name":"io.debezium.time.MicroTime"`), `-36672000000`, "bad 22008"},
		{"debezium", "time(6)", schema(`"type":"int64","name":"io.debezium.time.MicroTime"`), `3020399000000`, "bad 22008"},
		{"debezium", "interval", schema(`"type":"int64","name":"io.debezium.time.MicroTime"`), `-3020399000000`, "-838:59:59"},
		{"debezium", "int2", schema(`"type":"int32","name":"io.debezium.time.Year"`), `2024`, "2024"},
		{"debezium", "bytea", debezium, `"/wBh"`, `\xff0061`},
		{"debezium", "date", schema(`"type":"int32","name":"io.debezium.time.Date"`), `19782`, "2024-02-29"},
	} {
		cols := columnsOf(t, "id int8, v text")
		cols[1].Type = typeNamed(t, c.typ)
		s := Spec{Columns: cols, PK: []int{0}, Envelope: feeds[c.feed], Value: Encoding{Name: "json"}}
		got := strings.TrimSuffix(show(decodeAll(t, s, recordsOf([]string{none}, []string{c.message(c.value)})), s.Columns), "\n")
		want := "0 put 1 " + c.want
		if rest, ok := strings.CutPrefix(c.want, "bad "); ok {
			want = "0 bad " + rest
			got = got[:min(len(got), len(want))]
		}
		if got != want {
			t.Errorf("%s, %s, %s:\n got %s\nwant %s", c.feed, c.typ, c.value, got, want)
		}
	}
}

// typeNamed is a type by its name, with its digits.
func typeNamed(t *testing.T, name string) types.Type {
	base, mods, _ := strings.Cut(strings.TrimSuffix(name, "[]"), "(")
	ty, ok := types.Lookup(base)
	if strings.HasSuffix(name, "[]") {
		ty = types.ArrayOf(ty)
	}
	if !ok {
		t.Fatalf("no type %q", name)
	}
	var digits []int
	for _, m := range strings.Split(strings.TrimSuffix(mods, ")"), ",") {
		if n, err := strconv.Atoi(m); err == nil {
			digits = append(digits, n)
		}
	}
	if digits != nil {
		var err error
		if ty, err = types.WithMods(ty, digits); err != nil {
			t.Fatal(err)
		}
	}
	return ty
}

// TestCanalLabels: an enum in the key, messages of several rows with and without
// labels, in one batch: each row has the name that its own message tells.
func TestCanalLabels(t *testing.T) {
	message := func(kind, types, data, old string) string {
		return `{"data":` + data + `,"old":` + old + `,"database":"s","isDdl":false,"table":"t","type":"` + kind + `","mysqlType":` + types + `}`
	}
	cols := columnsOf(t, "k text, v text")
	s := Spec{Columns: cols, PK: []int{0}, Envelope: Canal, Value: Encoding{Name: "json"}}
	r := recordsOf([]string{none, none, none, none}, []string{
		message("INSERT", `{"k":"enum('a','b')","v":"int(11)"}`, `[{"k":"1","v":"1"},{"k":"2","v":"2"}]`, "null"),
		message("UPDATE", `{"k":"enum('a','b')","v":"int(11)"}`, `[{"k":"2","v":"3"}]`, `[{"k":"1"}]`),
		message("INSERT", `{"k":"varchar(3)","v":"SET('x','y')"}`, `[{"k":"1","v":"3"}]`, "null"),
		message("INSERT", `null`, `[{"k":"1","v":"3"}]`, "null"),
	})
	got := show(decodeAll(t, s, r), cols)
	want := "0 put a 1\n0 put b 2\n1 delete a NULL\n1 put b 3\n2 put 1 x,y\n3 put 1 3\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
