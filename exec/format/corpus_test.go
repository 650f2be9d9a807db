package format

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/types"
)

// The corpus of malformed records: each sort of damage in each format is a bad
// record with a reason, or the value that docs/sql/formats.md says; its neighbours
// are read, and it takes no more memory than a multiple of its length.

// jsonCorpus are objects and what becomes of them: a code, or the row. The columns
// are id int8, f float8, t text, d date, j jsonb, n numeric.
var jsonCorpus = []struct{ name, id, column, value, want string }{
	{"a duplicate name", "1", "id", "2", "2 NULL NULL NULL NULL NULL"},
	{"NaN", "1", "f", "NaN", "22P02"},
	{"Infinity", "1", "f", "Infinity", "22P02"},
	{"-Infinity", "1", "f", "-Infinity", "22P02"},
	{"NaN as a string", "1", "f", `"NaN"`, "1 NaN NULL NULL NULL NULL"},
	{"NaN in an integer", `"NaN"`, "f", "1", "22P02"},
	{"NUL in a text", "1", "t", `"a\u0000b"`, "22P05"},
	{"NUL in a jsonb", "1", "j", `{"a":"\u0000"}`, "22P05"},
	{"NUL in a name of a jsonb", "1", "j", `{"\u0000":1}`, "22P05"},
	{"a lone surrogate", "1", "t", `"\ud800"`, "22P02"},
	{"an integer out of range", "9223372036854775808", "f", "1", "22003"},
	{"a fraction in an integer", "1.5", "f", "1", "22P02"},
	{"a double out of range", "1", "f", "1e999", "22003"},
	{"a numeric out of range", "1", "n", "1e131073", "22003"},
	{"a day that is none", "1", "d", `"2024-02-30"`, "22008"},
	{"a year out of range", "1", "d", `"99999999-01-01"`, "22008"},
	{"a number of days out of range", "1", "d", "999999999999", "22008"},
	{"an object in a number", "1", "f", "{}", "22P02"},
	{"an empty text in a number", "1", "f", `""`, "22P02"},
	{"a control character", "1", "t", "\"\x01\"", "22P02"},
	{"invalid UTF-8", "1", "t", "\"\xc3\x28\"", "22021"},
	{"half a character", "1", "t", "\"\xe2\x82\"", "22021"},
	{"deep arrays", "1", "j", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "54001"},
	{"deep objects", "1", "j", strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000), "54001"},
	{"deep where nobody looks", "1", "x", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "54001"},
	{"100 MB", "1", "t", `"` + strings.Repeat("x", 100_000_000) + `"`, "54000"},
}

const corpusColumns = "id int8, f float8, t text, d date, j jsonb, n numeric"

func TestCorpusJSON(t *testing.T) {
	plain := func(id, column, value string) string { return fmt.Sprintf(`{"id":%s,"%s":%s}`, id, column, value) }
	for _, f := range []struct {
		env      Envelope
		encoding string
		options  map[string]string
		row      func(id, column, value string) string
	}{
		{Plain, "json", nil, plain},
		{Upsert, "json", nil, plain},
		{Plain, "jsonschema", map[string]string{"schema": `{"type":"object","properties":{"id":{"type":"integer"}}}`}, plain},
		{Debezium, "json", nil, func(id, c, v string) string { return `{"op":"c","after":` + plain(id, c, v) + `}` }},
		{Debezium, "json", nil, func(id, c, v string) string {
			return `{"schema":{"type":"struct","fields":[]},"payload":{"op":"u","before":null,"after":` + plain(id, c, v) + `}}`
		}},
		{Maxwell, "json", nil, func(id, c, v string) string { return `{"type":"insert","data":` + plain(id, c, v) + `}` }},
		{Canal, "json", nil, func(id, c, v string) string {
			return `{"type":"INSERT","isDdl":false,"data":[` + plain(id, c, v) + `]}`
		}},
		{OpenProtocol, "json", nil, func(id, c, v string) string {
			return fmt.Sprintf(`{"u":{"id":{"t":8,"v":%s},"%s":{"t":15,"v":%s}}}`, id, c, v)
		}},
	} {
		s := Spec{Columns: columnsOf(t, corpusColumns), Envelope: f.env, Value: Encoding{Name: f.encoding, Options: f.options}, Key: Encoding{Name: "kafka"}}
		name := fmt.Sprintf("%s %s", f.env, f.encoding)
		if f.env != Plain {
			s.PK = []int{0}
		}
		key := func(string) string { return "\x00\x00\x00\x00\x00\x00\x00\x01" }
		value := func(v string) string { return v }
		if f.env == OpenProtocol {
			s.Key = Encoding{}
			key = func(v string) string { k, _ := openMessage(openRowKey, v); return k }
			value = func(v string) string { _, v = openMessage(openRowKey, v); return v }
		}
		good := f.row("7", "t", `"x"`)
		const goodRow = "7 NULL x NULL NULL NULL"
		check := func(what, bad, want string) {
			if bad != none {
				bad = value(bad)
			}
			keys := []string{key(good), key(bad), key(good)}
			if f.env == OpenProtocol && bad != none {
				keys[1] = string(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 1), uint64(len(openRowKey)))) + openRowKey
			}
			checkCorpus(t, name+": "+what, s, keys, []string{value(good), bad, value(good)}, goodRow, want)
		}
		for _, c := range jsonCorpus {
			check(c.name, f.row(c.id, c.column, c.value), c.want)
		}
		for i := 1; i < len(good); i++ {
			check(fmt.Sprintf("truncated at %d", i), good[:i], "22P02")
		}
		check("something behind it", good+"x", "22P02")
		check("a head of a registry", "\x00\x00\x00\x00\x07"+good, "22P02")
		check("a byte-order mark", "\ufeff"+good, "22P02")
		check("NUL behind it", good+"\x00", "22P02")
		check("not an object", "7", "22P02")
		check("a text", `"x"`, "22P02")
		check("null", "null", "22P02")
		if f.env == OpenProtocol {
			check("an empty value", "", "22P03")
		} else {
			check("an empty value", "", "22P02")
			check("blanks", " \t\n", "22P02")
		}
	}
}

// checkCorpus decodes a record between two that are good.
func checkCorpus(t *testing.T, name string, s Spec, keys, values []string, goodRow, want string) {
	t.Helper()
	r := recordsOf(keys, values)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d := decodeAll(t, s, r)
	runtime.ReadMemStats(&after)
	if used, most := after.TotalAlloc-before.TotalAlloc, uint64(4<<20+16*min(len(values[1]), valueBytesMax)); used > most && len(values[1]) <= valueBytesMax || used > 256<<20 {
		t.Errorf("%s: %d bytes have taken %d", name, len(values[1]), used)
	}
	for _, bad := range d.Bad {
		if text := bad.Err.Message + bad.Err.Detail; !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			t.Errorf("%s: the reason is no text: %q", name, text)
		}
	}
	lines := strings.Split(strings.TrimSuffix(show(d, s.Columns), "\n"), "\n")
	wantLines := []string{"0 put " + goodRow, "2 put " + goodRow}
	code := ""
	if len(want) == 5 && !strings.Contains(want, " ") {
		code = want
		wantLines = append(wantLines, "1 bad "+code)
	} else {
		wantLines = []string{wantLines[0], "1 put " + want, wantLines[1]}
	}
	ok := len(lines) == len(wantLines)
	for i := range wantLines {
		ok = ok && (lines[i] == wantLines[i] || code != "" && i == 2 && strings.HasPrefix(lines[i], wantLines[i]+" ") && len(lines[i]) < 400)
	}
	if !ok {
		t.Errorf("%s: got\n%.600s\nwant %s", name, strings.Join(lines, "\n"), want)
	}
}

func TestCorpusOthers(t *testing.T) {
	avro := func(fields string) Encoding {
		return Encoding{Name: "avro", Options: map[string]string{"schema": `{"type":"record","name":"r","fields":[` + fields + `]}`}}
	}
	proto := func(fields string) Encoding {
		return Encoding{Name: "protobuf", Options: map[string]string{"schema": `syntax = "proto3"; message m { ` + fields + ` }`}}
	}
	const long, double, text, date = `{"name":"a","type":"long"}`, `{"name":"a","type":"double"}`, `{"name":"a","type":"string"}`, `{"name":"a","type":{"type":"int","logicalType":"date"}}`
	const stamp = `{"name":"a","type":{"type":"long","logicalType":"timestamp-micros"}}`
	varint := func(v int64) string { return string(binary.AppendVarint(nil, v)) }
	float := func(v float64) string { return string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))) }
	field := func(n, wire int, v string) string { return string(rune(n<<3|wire)) + v }
	of := func(v string) string { return string(appendUvarint(len(v))) + v }
	huge := strings.Repeat("x", 100_000_000)
	deep := strings.Repeat("[", 10_000)
	enc := func(name string) Encoding { return Encoding{Name: name} }
	for _, c := range []struct {
		name            string
		value           Encoding
		cols, good, row string
		bad, want       string
	}{
		{"avro: truncated", avro(text), "a text", "\x02x", "x", "\x04x", "22P03"},
		{"avro: an empty value", avro(long), "a int8", "\x0e", "7", "", "22P03"},
		{"avro: a head of a registry", avro(long), "a int8", "\x0e", "7", "\x00\x00\x00\x00\x07\x0e", "22P03"},
		{"avro: 100 MB", avro(text), "a text", "\x02x", "x", varint(100_000_000) + huge, "54000"},
		{"avro: a length of 2^40", avro(text), "a text", "\x02x", "x", varint(1<<40) + "x", "22P03"},
		{"avro: invalid UTF-8", avro(text), "a text", "\x02x", "x", "\x04\xc3\x28", "22021"},
		{"avro: NUL", avro(text), "a text", "\x02x", "x", "\x02\x00", "22021"},
		{"avro: NaN", avro(double), "a float8", float(1), "1", float(math.NaN()), "NaN"},
		{"avro: NaN in an integer", avro(double), "a int8", float(1), "1", float(math.NaN()), "22003"},
		{"avro: Infinity", avro(double), "a float8", float(1), "1", float(math.Inf(1)), "Infinity"},
		{"avro: out of range", avro(long), "a int2", "\x0e", "7", varint(1 << 40), "22003"},
		{"avro: a date out of range", avro(date), "a date", "\x00", "1970-01-01", varint(math.MinInt32), "22008"},
		{"avro: a timestamp out of range", avro(stamp), "a timestamptz", "\x00", "1970-01-01 00:00:00+00", varint(math.MinInt64), "22008"},
		{"avro: deep", avro(`{"name":"a","type":["null","r"]}`), "a jsonb", "\x00", "NULL", strings.Repeat("\x02", 10_000) + "\x00", "54001"},
		{"protobuf: truncated", proto("string a = 1;"), "a text", field(1, 2, of("x")), "x", field(1, 2, "\x02x"), "22P03"},
		{"protobuf: an empty value is a message of zeroes", proto("int64 a = 1;"), "a int8", field(1, 0, "\x07"), "7", "", "0"},
		{"protobuf: a head of a registry", proto("int64 a = 1;"), "a int8", field(1, 0, "\x07"), "7", "\x00\x00\x00\x00\x07\x00" + field(1, 0, "\x07"), "22P03"},
		{"protobuf: a field twice", proto("int64 a = 1;"), "a int8", field(1, 0, "\x07"), "7", field(1, 0, "\x01") + field(1, 0, "\x02"), "2"},
		{"protobuf: 100 MB", proto("string a = 1;"), "a text", field(1, 2, of("x")), "x", field(1, 2, of(huge)), "54000"},
		{"protobuf: invalid UTF-8", proto("string a = 1;"), "a text", field(1, 2, of("x")), "x", field(1, 2, of("\xc3\x28")), "22021"},
		{"protobuf: NUL", proto("string a = 1;"), "a text", field(1, 2, of("x")), "x", field(1, 2, of("\x00")), "22021"},
		{"protobuf: NaN", proto("double a = 1;"), "a float8", field(1, 1, float(1)), "1", field(1, 1, float(math.NaN())), "NaN"},
		{"protobuf: NaN in an integer", proto("double a = 1;"), "a int8", field(1, 1, float(1)), "1", field(1, 1, float(math.NaN())), "22003"},
		{"protobuf: out of range", proto("int64 a = 1;"), "a int2", field(1, 0, "\x07"), "7", field(1, 0, "\x80\x80\x80\x01"), "22003"},
		{"protobuf: deep", proto("m a = 1;"), "a jsonb", "", "NULL", nestedProto(10_000), "54001"},
		{"csv: truncated", enc("csv"), "a int8, b text", "7,x", "7 x", `7,"x`, "22P04"},
		{"csv: an empty value", enc("csv"), "a int8, b text", "7,x", "7 x", "", "22P04"},
		{"csv: a head of a registry", enc("csv"), "a int8, b text", "7,x", "7 x", "\x00\x00\x00\x00\x077,x", "22P02"},
		{"csv: 100 MB", enc("csv"), "a int8, b text", "7,x", "7 x", "7," + huge, "54000"},
		{"csv: invalid UTF-8", enc("csv"), "a int8, b text", "7,x", "7 x", "7,\xc3\x28", "22021"},
		{"csv: NUL", enc("csv"), "a int8, b text", "7,x", "7 x", "7,\x00", "22021"},
		{"csv: NaN", enc("csv"), "a float8, b text", "7,x", "7 x", "NaN,x", "NaN x"},
		{"csv: NaN in an integer", enc("csv"), "a int8, b text", "7,x", "7 x", "NaN,x", "22P02"},
		{"csv: out of range", enc("csv"), "a int8, b text", "7,x", "7 x", "9223372036854775808,x", "22003"},
		{"csv: a date out of range", enc("csv"), "a date, b text", "2024-02-29,x", "2024-02-29 x", "2024-02-30,x", "22008"},
		{"csv: deep JSON", enc("csv"), "a int8, b jsonb", "7,1", "7 1", "7," + deep, "54001"},
		{"csv: deep array", enc("csv"), "a int8, b int4[]", "7,{1}", "7 {1}", "7," + strings.Repeat("{", 10_000), "54000"},
		{"text: an empty value", enc("text"), "a int8", "7", "7", "", "22P02"},
		{"text: an empty text", enc("text"), "a text", "x", "x", "", ""},
		{"text: 100 MB", enc("text"), "a text", "x", "x", huge, "54000"},
		{"text: invalid UTF-8", enc("text"), "a text", "x", "x", "\xc3\x28", "22021"},
		{"text: NUL", enc("text"), "a text", "x", "x", "\x00", "22021"},
		{"text: NaN in an integer", enc("text"), "a int8", "7", "7", "NaN", "22P02"},
		{"text: out of range", enc("text"), "a int8", "7", "7", "9223372036854775808", "22003"},
		{"text: a date out of range", enc("text"), "a date", "2024-02-29", "2024-02-29", "99999999-01-01", "22008"},
		{"text: deep", enc("text"), "a jsonb", "1", "1", deep, "54001"},
		{"bytes: an empty value", enc("bytes"), "a bytea", "x", `\x78`, "", `\x`},
		{"bytes: anything", enc("bytes"), "a bytea", "x", `\x78`, "\x00\xff", `\x00ff`},
		{"bytes: 100 MB", enc("bytes"), "a bytea", "x", `\x78`, huge, "54000"},
		{"kafka: an empty value", enc("kafka"), "a int8", "\x00\x00\x00\x00\x00\x00\x00\x07", "7", "", "22P03"},
		{"kafka: truncated", enc("kafka"), "a int8", "\x00\x00\x00\x00\x00\x00\x00\x07", "7", "\x00\x00\x00\x07", "22P03"},
		{"kafka: a head of a registry", enc("kafka"), "a int8", "\x00\x00\x00\x00\x00\x00\x00\x07", "7", "\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07", "22P03"},
		{"kafka: 100 MB", enc("kafka"), "a text", "x", "x", huge, "54000"},
		{"kafka: NUL", enc("kafka"), "a text", "x", "x", "\x00", "22021"},
		{"kafka: invalid UTF-8", enc("kafka"), "a text", "x", "x", "\xc3\x28", "22021"},
		{"kafka: NaN", enc("kafka"), "a float8", "\x3f\xf0\x00\x00\x00\x00\x00\x00", "1", "\x7f\xf8\x00\x00\x00\x00\x00\x00", "NaN"},
		{"kafka: a boolean of 2", enc("kafka"), "a bool", "\x01", "t", "\x02", "22P03"},
	} {
		s := Spec{Columns: columnsOf(t, c.cols), Value: c.value}
		checkCorpus(t, c.name, s, nil, []string{c.good, c.bad, c.good}, c.row, c.want)
	}
}

// nestedProto is messages in the field 1 of one another.
func nestedProto(depth int) string {
	sizes := make([]int, depth)
	n := 0
	for i := range sizes {
		sizes[i] = n
		n += 1 + len(appendUvarint(n))
	}
	var b strings.Builder
	for i := depth - 1; i >= 0; i-- {
		b.WriteByte(0x0a)
		b.Write(appendUvarint(sizes[i]))
	}
	return b.String()
}

// TestCorpusHeads: records that a registry should have a schema for.
func TestCorpusHeads(t *testing.T) {
	schemas := map[int]*Schema{
		1: {ID: 1, Type: "AVRO", Text: `{"type":"record","name":"r","fields":[{"name":"a","type":"long"}]}`},
		2: {ID: 2, Type: "PROTOBUF", Text: `syntax = "proto3"; message m { int64 a = 1; }`},
		3: {ID: 3, Type: "JSON", Text: `{"type":"object","properties":{"a":{"type":"integer"}}}`},
		4: {ID: 4, Type: "AVRO", Text: `{"type":`},
	}
	head := func(id int, rest string) string {
		return "\x00" + string(binary.BigEndian.AppendUint32(nil, uint32(id))) + rest
	}
	goods := map[string]string{"avro": head(1, "\x0e"), "protobuf": head(2, "\x00\x08\x07"), "jsonschema": head(3, `{"a":7}`)}
	for encoding, good := range goods {
		s := Spec{Columns: []Column{{Name: "a", Type: types.Int8}}, Value: Encoding{Name: encoding}, Registry: &fakeRegistry{schemas: schemas}}
		other := head(2, "\x00\x08\x07")
		if encoding == "protobuf" {
			other = head(1, "\x0e")
		}
		for _, c := range []struct{ name, bad string }{
			{"an empty value", ""}, {"a head that ends", good[:3]}, {"a head only", good[:5]}, {"another magic byte", "\x01" + good[1:]},
			{"an unknown id", head(99, good[5:])}, {"the largest id", head(math.MaxUint32, good[5:])}, {"another type of schema", other}, {"a schema that cannot be read", head(4, good[5:])},
		} {
			checkCorpus(t, encoding+": "+c.name, s, nil, []string{good, c.bad, good}, "7", codeOf(t, s, c.bad))
		}
		// While the registry is away nothing is bad: it is asked again.
		s.Registry.(*fakeRegistry).away = true
		d, err := NewDecoder(s)
		if err == nil {
			_, err = d.Decode(t.Context(), recordsOf(nil, []string{good}))
		}
		if err == nil {
			t.Errorf("%s: a registry that is away is no error", encoding)
		}
	}
}

// codeOf is the code with which a record is refused, which must be one of data.
func codeOf(t *testing.T, s Spec, value string) string {
	d := decodeAll(t, s, recordsOf(nil, []string{value}))
	if len(d.Bad) != 1 || !strings.HasPrefix(string(d.Bad[0].Err.Code), "22") && !strings.HasPrefix(string(d.Bad[0].Err.Code), "42") {
		return "a letter with a reason of the data"
	}
	return string(d.Bad[0].Err.Code)
}
