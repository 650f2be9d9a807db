package format

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// openMessage is a message of the Open Protocol: pairs of an event's key and value.
func openMessage(events ...string) (key, value string) {
	k := binary.BigEndian.AppendUint64(nil, 1)
	var v []byte
	for i, e := range events {
		to := &k
		if i%2 == 1 {
			to = &v
		}
		*to = append(binary.BigEndian.AppendUint64(*to, uint64(len(e))), e...)
	}
	return string(k), string(v)
}

const (
	openRowKey = `{"ts":415508856908021766,"scm":"s","tbl":"t","t":1}`
	openDDLKey = `{"ts":415508856908021766,"scm":"s","tbl":"t","t":2}`
)

func TestOpenProtocol(t *testing.T) {
	type message []string
	for _, c := range []struct {
		name, cols string
		pk         []int
		options    map[string]string
		messages   []message
		want       string
	}{
		{"rows put and deleted, several in one message", "id int8, a text", []int{0}, nil, []message{
			{openRowKey, `{"u":{"id":{"t":8,"h":true,"f":11,"v":1},"a":{"t":15,"f":64,"v":"x"}}}`, openRowKey, `{"u":{"id":{"t":8,"v":2},"a":{"t":15,"v":null}}}`},
			{openRowKey, `{"u":{"id":{"t":8,"v":1},"a":{"t":15,"v":"y"}},"p":{"id":{"t":8,"v":1},"a":{"t":15,"v":"x"}}}`},
			{openRowKey, `{"d":{"id":{"t":8,"v":1},"a":{"t":15,"v":"y"}}}`},
		}, "0 put 1 x\n0 put 2 NULL\n1 put 1 y\n2 delete 1 y\n"},
		{"an update that moves the key, of which only the changed part is told", "a int4, b text, c text", []int{0, 1}, nil, []message{
			{openRowKey, `{"u":{"a":{"t":3,"v":2},"b":{"t":15,"v":"x"},"c":{"t":15,"v":"z"}},"p":{"a":{"t":3,"v":1}}}`},
		}, "0 delete 1 x NULL\n0 put 2 x z\n"},
		{"schema changes and resolved events", "id int8", []int{0}, nil, []message{
			{openDDLKey, `{"q":"ALTER TABLE t ADD a int","t":5}`},
			{`{"ts":415508881038376963,"t":3}`, ``},
			{openRowKey, `{"u":{"id":{"t":8,"v":1}}}`, `{"ts":1,"t":3}`, ``},
		}, "2 put 1\n0 ddl s: ALTER TABLE t ADD a int\n"},
		{"one table of several", "id int8", []int{0}, map[string]string{"source.database": "s", "source.table": "t"}, []message{
			{openRowKey, `{"u":{"id":{"t":8,"v":1}}}`, `{"scm":"s","tbl":"u","t":1}`, `{"u":{"id":{"t":15,"v":"x"}}}`, `{"scm":"x","tbl":"t","t":1}`, `{"u":{}}`},
			{`{"scm":"s","tbl":"u","t":2}`, `{"q":"RENAME TABLE u TO T","t":14}`, `{"scm":"s","tbl":"u","t":2}`, `{"q":"DROP TABLE u","t":4}`, `{"scm":"x","tbl":"t","t":2}`, `{"q":"DROP TABLE t"}`},
		}, "0 put 1\n1 ddl s: RENAME TABLE u TO T\n"},
		{"types", "id int8, t text, c text, b bytea, v bytea, n numeric, f float8, d date, ts timestamp, ti time, y int2, j jsonb, bit bool, e int4, u numeric", []int{0}, nil, []message{
			{openRowKey, `{"u":{"id":{"t":8,"v":1},"t":{"t":252,"v":"` + base64.StdEncoding.EncodeToString([]byte("5é\"")) + `"},"c":{"t":254,"f":0,"v":"a\\x41é"},
				"b":{"t":249,"f":1,"v":"/wA="},"v":{"t":15,"f":1,"v":` + goQuoted("\xff\x00\"\\é") + `},"n":{"t":246,"v":"129012.1230000"},"f":{"t":5,"v":153.123},
				"d":{"t":10,"v":"2000-01-01"},"ts":{"t":12,"v":"2015-12-20 23:58:58"},"ti":{"t":11,"v":"23:59:59"},"y":{"t":13,"v":1970},
				"j":{"t":245,"v":"{\"key1\": \"value1\"}"},"bit":{"t":16,"v":1},"e":{"t":247,"v":2},"u":{"t":8,"f":128,"v":18446744073709551615}}}`},
		}, `0 put 1 5é" a\x41é \xff00 \xff00225cc3a9 129012.1230000 153.123 2000-01-01 2015-12-20 23:58:58 23:59:59 1970 {"key1": "value1"} t 2 18446744073709551615` + "\n"},
		{"a date that is none, and a missing column", "id int8, d date, x text", []int{0}, nil, []message{
			{openRowKey, `{"u":{"id":{"t":8,"v":1},"d":{"t":10,"v":"0000-00-00"}}}`},
			{openRowKey, `{"u":{"id":{"t":8,"v":2}}}`},
		}, "1 put 2 NULL NULL\n0 bad 22008 field \"d\": date out of range: \"0000-00-00\"\n"},
		{"a bad row makes its message bad", "id int8, a text", []int{0}, nil, []message{
			{openRowKey, `{"u":{"id":{"t":8,"v":1}}}`, openRowKey, `{"u":{"id":{"t":8,"v":"x"}}}`},
			{openRowKey, `{"u":{"id":{"t":8,"v":2}}}`},
		}, "1 put 2 NULL\n0 bad 22P02 field \"id\": invalid input syntax for type bigint: \"x\"\n"},
	} {
		s := Spec{Columns: columnsOf(t, c.cols), PK: c.pk, Envelope: OpenProtocol, Value: Encoding{Name: "json", Options: c.options}}
		var keys, values []string
		for _, m := range c.messages {
			k, v := openMessage(m...)
			keys, values = append(keys, k), append(values, v)
		}
		got := show(decodeAll(t, s, recordsOf(keys, values)), s.Columns)
		if got != c.want {
			t.Errorf("%s:\n got\n%s want\n%s", c.name, got, c.want)
		}
	}
}

// goQuoted is a JSON string of what TiCDC writes for bytes of a varbinary.
func goQuoted(b string) string {
	q := strconv.Quote(b)
	out, _ := json.Marshal(q[1 : len(q)-1])
	return string(out)
}

// TestOpenProtocolMalformed: what is no message of the protocol is a bad record
// with a reason, and the next one is read.
func TestOpenProtocolMalformed(t *testing.T) {
	s := Spec{Columns: columnsOf(t, "id int8, a text, b bytea"), PK: []int{0}, Envelope: OpenProtocol, Value: Encoding{Name: "json"}}
	goodKey, goodValue := openMessage(openRowKey, `{"u":{"id":{"t":8,"v":1}}}`)
	row := func(value string) [2]string {
		k, v := openMessage(openRowKey, value)
		return [2]string{k, v}
	}
	event := func(key, value string) [2]string {
		k, v := openMessage(key, value)
		return [2]string{k, v}
	}
	long := string(binary.BigEndian.AppendUint64(nil, 1<<63))
	for _, c := range []struct {
		name   string
		record [2]string
		code   sqlerr.Code
		want   string
	}{
		{"no key", [2]string{none, goodValue}, sqlerr.InvalidBinaryRepresentation, "the key is 0 bytes long"},
		{"an empty key", [2]string{"", goodValue}, sqlerr.InvalidBinaryRepresentation, "the key is 0 bytes long"},
		{"no value", [2]string{goodKey, none}, sqlerr.InvalidBinaryRepresentation, "the value of event 1 ends too early"},
		{"an empty value", [2]string{goodKey, ""}, sqlerr.InvalidBinaryRepresentation, "the value of event 1 ends too early"},
		{"JSON", [2]string{`{"id":1}`, `{"id":1}`}, sqlerr.InvalidBinaryRepresentation, "the key begins with version"},
		{"a version only", [2]string{goodKey[:8], ""}, sqlerr.InvalidBinaryRepresentation, "it has no events"},
		{"a truncated key", [2]string{goodKey[:30], goodValue}, sqlerr.InvalidBinaryRepresentation, "the key of event 1 ends too early"},
		{"a truncated value", [2]string{goodKey, goodValue[:30]}, sqlerr.InvalidBinaryRepresentation, "the value of event 1 ends too early"},
		{"a length beyond all", [2]string{goodKey[:8] + long, long}, sqlerr.InvalidBinaryRepresentation, "the key of event 1 ends too early"},
		{"a value too many", [2]string{goodKey, goodValue + goodValue}, sqlerr.InvalidBinaryRepresentation, "goes on for"},
		{"a value too few", [2]string{goodKey + goodKey[8:], goodValue}, sqlerr.InvalidBinaryRepresentation, "the value of event 2 ends too early"},
		{"a million events", [2]string{goodKey[:8] + strings.Repeat("\x00\x00\x00\x00\x00\x00\x00\x00", 1<<20+1), strings.Repeat("\x00", 8<<20+8)}, sqlerr.ProgramLimitExceeded, "too many events"},
		{"an event without type", event(`{"scm":"s"}`, `{}`), sqlerr.InvalidBinaryRepresentation, `"" is no type of event that is known`},
		{"another type of event", event(`{"t":9}`, `{}`), sqlerr.InvalidBinaryRepresentation, `"9" is no type of event that is known`},
		{"a key that is no JSON", event(`{"t":1`, `{}`), sqlerr.InvalidTextRepresentation, "key: invalid JSON at byte 6: it ends too early"},
		{"a row left out", event(`{"t":1,"ohk":true}`, `{"u":{"id":{"t":8,"v":1}}}`), sqlerr.InvalidBinaryRepresentation, "a row is not in its event"},
		{"a row elsewhere", event(`{"t":1,"ccl":"s3://x"}`, `{"u":{}}`), sqlerr.InvalidBinaryRepresentation, "a row is not in its event"},
		{"a row event without value", event(openRowKey, ``), sqlerr.InvalidBinaryRepresentation, "a row is not in its event"},
		{"no row", row(`{}`), sqlerr.NotNullViolation, "null value in column \"id\""},
		{"a value without box", row(`{"u":{"id":1}}`), sqlerr.InvalidTextRepresentation, `field "id": a value with its type was expected, not "1"`},
		{"a value that does not fit", row(`{"u":{"id":{"t":8,"v":9223372036854775808}}}`), sqlerr.NumericValueOutOfRange, `out of range`},
		{"NaN", row(`{"u":{"id":{"t":8,"v":NaN}}}`), sqlerr.InvalidTextRepresentation, "expected a value"},
		{"deep nesting", row(`{"u":{"id":` + strings.Repeat(`{"v":`, 10_000)), sqlerr.StatementTooComplex, "nested too deeply"},
		{"invalid UTF-8", row("{\"u\":{\"id\":{\"t\":8,\"v\":1},\"a\":{\"t\":15,\"v\":\"\xff\"}}}"), sqlerr.CharacterNotInRepertoire, "UTF8"},
		{"NUL in a text", row(`{"u":{"id":{"t":8,"v":1},"a":{"t":15,"v":"\u0000"}}}`), sqlerr.UntranslatableCharacter, "cannot be converted to text"},
		{"NUL in base64", row(`{"u":{"id":{"t":8,"v":1},"a":{"t":252,"v":"AA=="}}}`), sqlerr.CharacterNotInRepertoire, "UTF8"},
		{"invalid UTF-8 in base64", row(`{"u":{"id":{"t":8,"v":1},"a":{"t":252,"v":"/w=="}}}`), sqlerr.CharacterNotInRepertoire, "UTF8"},
		{"bad base64", row(`{"u":{"id":{"t":8,"v":1},"a":{"t":252,"v":"!"}}}`), sqlerr.InvalidTextRepresentation, "invalid input syntax"},
		{"a bad escape", row(`{"u":{"id":{"t":8,"v":1},"b":{"t":15,"f":1,"v":"\\q"}}}`), sqlerr.InvalidTextRepresentation, "invalid input syntax"},
		{"100 MB", row(`{"u":{"a":{"t":15,"v":"` + strings.Repeat("x", 100_000_000) + `"}}}`), sqlerr.ProgramLimitExceeded, "more than the limit"},
	} {
		d := decodeAll(t, s, recordsOf([]string{goodKey, c.record[0], goodKey}, []string{goodValue, c.record[1], goodValue}))
		if d.Rows.N != 2 || d.Record[0] != 0 || d.Record[1] != 2 || len(d.Bad) != 1 || d.Bad[0].Record != 1 {
			t.Errorf("%s: %d rows, %d bad", c.name, d.Rows.N, len(d.Bad))
			continue
		}
		if e := d.Bad[0].Err; e.Code != c.code || !strings.Contains(e.Message, c.want) || len(e.Message) > 300 {
			t.Errorf("%s: %s %s", c.name, e.Code, e.Message)
		}
	}
	// A record of nothing says nothing.
	if d := decodeAll(t, s, recordsOf([]string{none}, []string{none})); d.Rows.N != 0 || len(d.Bad) != 0 {
		t.Errorf("a record of nothing: %d rows, %d bad", d.Rows.N, len(d.Bad))
	}
	if _, err := NewDecoder(Spec{Columns: columnsOf(t, "id int8, key:k text"), PK: []int{0}, Envelope: OpenProtocol, Value: Encoding{Name: "json"}}); !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
		t.Errorf("a column from the key: %v", err)
	}
}

// FuzzOpenProtocol: whatever the bytes, each message gives its rows or is bad, twice
// the same; and the events of one that is taken apart are those that were put in.
func FuzzOpenProtocol(f *testing.F) {
	for _, events := range [][]string{
		{openRowKey, `{"u":{"id":{"t":8,"h":true,"f":11,"v":1},"a":{"t":15,"f":64,"v":"x"},"b":{"t":15,"f":1,"v":"\\x00\\\\"}}}`},
		{openRowKey, `{"u":{"id":{"t":8,"v":2},"a":{"t":252,"v":"eA=="}},"p":{"id":{"t":8,"v":1}}}`, openRowKey, `{"d":{"id":{"t":8,"v":1}}}`},
		{openDDLKey, `{"q":"ALTER TABLE t ADD a int","t":5}`, `{"ts":1,"t":3}`, ``},
		{`{"t":1,"ohk":true}`, `{"u":{}}`}, {`{"t":9}`, `{}`}, {openRowKey, `{"u":{"id":1,"j":{"t":245,"v":"{\"x\":1}"},"n":{"t":246,"v":"1.5"}}}`},
	} {
		k, v := openMessage(events...)
		f.Add([]byte(k), []byte(v))
		f.Add([]byte(k)[:len(k)/2], []byte(v))
	}
	goodKey, goodValue := openMessage(openRowKey, `{"u":{"id":{"t":8,"v":7}}}`)
	s := Spec{Columns: columnsOf(f, "id int8, a text, b bytea, j jsonb, n numeric, d date"), PK: []int{0}, Envelope: OpenProtocol, Value: Encoding{Name: "json"}}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		d, err := NewDecoder(s)
		if err != nil {
			t.Fatal(err)
		}
		first := ""
		for range 2 {
			out, err := d.Decode(t.Context(), recordsOf([]string{goodKey, string(key), goodKey}, []string{goodValue, string(value), goodValue}))
			if err != nil {
				t.Fatal(err)
			}
			got := show(out, s.Columns)
			if first == "" {
				first = got
			}
			if n := out.Rows.N; got != first || n < 2 || out.Record[0] != 0 || out.Record[n-1] != 2 || len(out.Bad) > 1 {
				t.Fatalf("%q %q gives\n%s and then\n%s", key, value, first, got)
			}
			for _, bad := range out.Bad {
				if bad.Record != 1 || bad.Err.Message == "" || bad.Err.Code == "" || bad.Err.Code == "XX000" {
					t.Fatalf("%q %q: %+v", key, value, bad)
				}
			}
		}
		var b openBatch
		if b.split(0, key, value) == nil {
			keys, values := b.keys.vec(), b.values.vec()
			var events []string
			for i := range b.record {
				v := ""
				if !values.IsNull(i) {
					v = string(values.Bytes(i))
				}
				events = append(events, string(keys.Bytes(i)), v)
			}
			if k, v := openMessage(events...); k != string(key) || v != string(value) {
				t.Fatalf("%q %q has become %q %q", key, value, k, v)
			}
		}
	})
}
