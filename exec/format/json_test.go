package format

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// none stands for an absent key or value in tests.
const none = "\x00none"

// recordsOf makes records with the given keys (nil: none) and values.
func recordsOf(keys, values []string) *topic.Records {
	r := &topic.Records{Partition: 3, Key: bytesOf(keys, len(values)), Value: bytesOf(values, len(values)), Next: int64(100 + len(values))}
	for i := range values {
		r.Offset = append(r.Offset, int64(100+i))
		r.Time = append(r.Time, int64(i)*1_000_000)
	}
	return r
}

func bytesOf(texts []string, n int) *vec.Vec {
	b := vec.NewBuilder(types.Bytea, n)
	for i := range n {
		if texts == nil || texts[i] == none {
			b.Null()
		} else {
			b.String(texts[i])
		}
	}
	return b.Finish()
}

// show prints what records have become, a line a row and then the bad ones.
func show(d *Decoded, cols []Column) string {
	var b strings.Builder
	for i := range d.Rows.N {
		op := Put
		if d.Ops != nil {
			op = d.Ops[i]
		}
		fmt.Fprintf(&b, "%d %s", d.Record[i], []string{"put", "delete", "truncate"}[op])
		for c, col := range d.Rows.Cols {
			x := col.Datum(i)
			text := "NULL"
			if !x.Null {
				text = string(types.AppendText(nil, x, cols[c].Type, nil))
			}
			fmt.Fprintf(&b, " %s", text)
		}
		b.WriteByte('\n')
	}
	for _, x := range d.Bad {
		fmt.Fprintf(&b, "%d bad %s %s\n", x.Record, x.Err.Code, x.Err.Message)
	}
	for _, x := range d.DDL {
		fmt.Fprintf(&b, "%d ddl %s: %s\n", x.Record, x.Database, x.Text)
	}
	return b.String()
}

func columnsOf(t testing.TB, list string) []Column {
	var out []Column
	for _, part := range strings.Split(list, ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(part), " ")
		notNull := strings.HasSuffix(typ, "!")
		ty, ok := types.Lookup(strings.TrimSuffix(typ, "!"))
		if !ok {
			t.Fatalf("no type %q", typ)
		}
		c := Column{Name: name, Type: ty, NotNull: notNull}
		if rest, ok := strings.CutPrefix(name, "key:"); ok {
			c.Name, c.From = rest, FromKey
		}
		out = append(out, c)
	}
	return out
}

func decodeAll(t testing.TB, s Spec, r *topic.Records) *Decoded {
	d, err := NewDecoder(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Decode(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJSONValues(t *testing.T) {
	for _, c := range []struct{ cols, value, want string }{
		{"a int8, b text", `{"a":1,"b":"x"}`, "0 put 1 x\n"},
		{"a int8, b text", ` { "b" : "x" , "c":[1,{"d":2}], "a" : -12 } `, "0 put -12 x\n"},
		{"a int8, b text", `{}`, "0 put NULL NULL\n"},
		{"a int8, b text", `{"A":1,"B":"x"}`, "0 put 1 x\n"},
		{"a int8", `{"a":1,"A":2}`, "0 put 1\n"},
		{"a int8", `{"A":2,"a":1,"A":3}`, "0 put 1\n"},
		{"a int8", `{"a":1,"a":2}`, "0 put 2\n"},
		{"a int8", `[{"a":1},{"a":2},{}]`, "0 put 1\n0 put 2\n0 put NULL\n"},
		{"a int8", `[]`, ""},
		{"a int4", `{"a":2147483648}`, "0 bad 22003 field \"a\": value \"2147483648\" is out of range for type integer\n"},
		{"a int4", `{"a":"x"}`, "0 bad 22P02 field \"a\": invalid input syntax for type integer: \"x\"\n"},
		{"a int4", `{"a":" 12"}`, "0 put 12\n"},
		{"a int4", `{"a":1.0}`, "0 put 1\n"},
		{"a int4", `{"a":12e2}`, "0 put 1200\n"},
		{"a int4", `{"a":1.5}`, "0 bad 22P02 field \"a\": invalid input syntax for type integer: \"1.5\"\n"},
		{"a int4", `{"a":true}`, "0 bad 22P02 field \"a\": invalid input syntax for type integer: \"true\"\n"},
		{"a int4", `{"a":{"b":1}}`, "0 bad 22P02 field \"a\": invalid input syntax for type integer: \"{\"b\":1}\"\n"},
		{"a numeric", `{"a":123456789012345678901234567890.123456789}`, "0 put 123456789012345678901234567890.123456789\n"},
		{"a numeric", `{"a":1e30}`, "0 put 1000000000000000000000000000000\n"},
		{"a float8", `{"a":1e999}`, "0 bad 22003 field \"a\": \"1e999\" is out of range for type double precision\n"},
		{"a float8", `{"a":"NaN"}`, "0 put NaN\n"},
		{"a float8", `{"a":NaN}`, "0 bad 22P02 invalid JSON at byte 5: expected a value\n"},
		{"a text", `{"a":[1, 2]}`, "0 put [1, 2]\n"},
		{"a text", `{"a":{"x":null}}`, "0 put {\"x\":null}\n"},
		{"a text", `{"a":1.50}`, "0 put 1.50\n"},
		{"a text", `{"a":"q\"\u00e9\ud83d\ude00\n"}`, "0 put q\"é😀\n\n"},
		{"a text", `{"a":"\u0000"}`, "0 bad 22P05 field \"a\": \\u0000 cannot be converted to text\n"},
		{"a text", `{"a":"\ud83d"}`, "0 bad 22P02 field \"a\": half of a surrogate pair cannot be converted to text\n"},
		{"a text", "{\"a\":\"\xff\"}", "0 bad 22021 invalid byte sequence for encoding \"UTF8\": 0xff at byte 6\n"},
		{"a jsonb", `{"a":{"bb":1,"a":[1,2]}}`, "0 put {\"a\": [1, 2], \"bb\": 1}\n"},
		{"a jsonb", `{"a":"x"}`, "0 put \"x\"\n"},
		{"a jsonb", `{"a":null}`, "0 put NULL\n"},
		{"a json", `{"a":{"bb":1,"a":[1,2]}}`, "0 put {\"bb\":1,\"a\":[1,2]}\n"},
		{"a bool", `{"a":false}`, "0 put f\n"},
		{"a bytea", `{"a":"aGk="}`, "0 put \\x6869\n"},
		{"a bytea", `{"a":"aGk"}`, "0 put \\x6869\n"},
		{"a bytea", `{"a":"?"}`, "0 bad 22P02 field \"a\": invalid input syntax for type bytea: \"?\"\n"},
		{"a date", `{"a":"2024-02-29"}`, "0 put 2024-02-29\n"},
		{"a date", `{"a":19782}`, "0 put 2024-02-29\n"},
		{"a time", `{"a":"10:11:12.5"}`, "0 put 10:11:12.5\n"},
		{"a time", `{"a":1000}`, "0 put 00:00:01\n"},
		{"a timestamptz", `{"a":"2024-02-29T10:11:12.123456789+02:00"}`, "0 put 2024-02-29 08:11:12.123457+00\n"},
		{"a timestamptz", `{"a":1709201472000}`, "0 put 2024-02-29 10:11:12+00\n"},
		{"a timestamptz", `{"a":1709201472000.25}`, "0 put 2024-02-29 10:11:12.00025+00\n"},
		{"a timestamp", `{"a":"2024-02-29T10:11:12"}`, "0 put 2024-02-29 10:11:12\n"},
		{"a timestamptz", `{"a":"now"}`, "0 bad 22P02 field \"a\": invalid input syntax for type timestamp with time zone: \"now\"\n"},
		{"a timestamptz", `{"a":9e18}`, "0 bad 22008 field \"a\": timestamp with time zone out of range: \"9e18\"\n"},
		{"a interval", `{"a":"P1DT2H"}`, "0 put 1 day 02:00:00\n"},
		{"a uuid", `{"a":"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}`, "0 put a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\n"},
		{"a int4[]", `{"a":[1,null,3]}`, "0 put {1,NULL,3}\n"},
		{"a text[]", `{"a":["a\nb","\u0041","c"]}`, "0 put {\"a\nb\",A,c}\n"},
		{"a int4[]", `{"a":[]}`, "0 put {}\n"},
		{"a int4[]", `{"a":[[1,2],[3,4]]}`, "0 put {{1,2},{3,4}}\n"},
		{"a int4[]", `{"a":[[1,2],[3]]}`, "0 bad 22P02 field \"a\": invalid input syntax for type integer[]: \"[3]]\"\n"},
		{"a int4[]", `{"a":[1,"x"]}`, "0 bad 22P02 field \"a\": invalid input syntax for type integer: \"x\"\n"},
		{"a.b int4", `{"a":{"b":7,"c":[]}}`, "0 put 7\n"},
		{"a.b int4", `{"a.b":7}`, "0 put 7\n"},
		{"a.b int4, a jsonb", `{"a":{"b":7}}`, "0 put 7 {\"b\": 7}\n"},
		{"a.b int4", `{"a":null}`, "0 put NULL\n"},
		{"a int4!", `{"a":null}`, "0 bad 23502 null value in column \"a\" violates not-null constraint\n"},
		{"a int4", `{"a":1}}`, "0 bad 22P02 invalid JSON at byte 7: nothing more should follow the value\n"},
		{"a int4", `{"a":1`, "0 bad 22P02 invalid JSON at byte 6: it ends too early\n"},
		{"a int4", `{"a":01}`, "0 bad 22P02 invalid JSON at byte 5: this is not a number\n"},
		{"a int4", `{"a" 1}`, "0 bad 22P02 invalid JSON at byte 5: expected \":\"\n"},
		{"a int4", `{"a":1,}`, "0 bad 22P02 invalid JSON at byte 7: expected a name in quotes\n"},
		{"a int4", `{"b":"`, "0 bad 22P02 invalid JSON at byte 6: a string has no end\n"},
		{"a int4", "", "0 bad 22P02 invalid JSON at byte 0: it ends too early\n"},
		{"a int4", `7`, "0 bad 22P02 invalid JSON at byte 0: expected an object\n"},
		{"a int4", `[{"a":1},2]`, "0 bad 22P02 invalid JSON at byte 9: expected an object\n"},
		{"a int4", none, "0 put NULL\n"},
	} {
		s := Spec{Columns: columnsOf(t, c.cols), Value: Encoding{Name: "json"}}
		// The second time the names are known already.
		for range 2 {
			if got := show(decodeAll(t, s, recordsOf(nil, []string{c.value})), s.Columns); got != c.want {
				t.Errorf("%s of %s:\n got %s want %s", c.cols, c.value, got, c.want)
			}
		}
	}
}

// Bad records do not disturb their neighbours, however the rows fall into blocks.
func TestJSONBadAmongGood(t *testing.T) {
	var values []string
	var want strings.Builder
	bad := ""
	for i := range 1000 {
		switch {
		case i%7 == 3:
			values = append(values, `{"a":"no"}`)
			bad += fmt.Sprintf("%d bad 22P02 field \"a\": invalid input syntax for type bigint: \"no\"\n", i)
		case i%11 == 5:
			values = append(values, fmt.Sprintf(`[{"a":%d},{"a":%d}]`, i, -i))
			fmt.Fprintf(&want, "%d put %d\n%d put %d\n", i, i, i, -i)
		default:
			values = append(values, fmt.Sprintf(`{"x":null,"a":%d}`, i))
			fmt.Fprintf(&want, "%d put %d\n", i, i)
		}
	}
	s := Spec{Columns: columnsOf(t, "a int8"), Value: Encoding{Name: "json"}}
	if got := show(decodeAll(t, s, recordsOf(nil, values)), s.Columns); got != want.String()+bad {
		t.Errorf("got %s", got)
	}
}

// errorText is an error's message and hint.
func errorText(err error) string {
	e := sqlerr.From(err)
	return e.Message + "; " + e.Hint
}

// TestWordByWord: what is read eight bytes at a time is what is read byte by byte, wherever
// it stands.
func TestWordByWord(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		n := 1 + rng.IntN(20)
		text := make([]byte, 0, 64)
		for range rng.IntN(12) {
			text = append(text, "09 -\":,}\xff"[rng.IntN(9)])
		}
		start := len(text)
		if rng.IntN(4) == 0 {
			text = append(text, '-')
		}
		for range n {
			text = append(text, byte('0'+rng.IntN(10)))
		}
		end := len(text)
		for range rng.IntN(12) {
			text = append(text, "09 -\":,}\xff.eE/:"[rng.IntN(14)])
		}
		got, ok := shortIntAt(text, start, end)
		if want, err := strconv.ParseInt(string(text[start:end]), 10, 64); ok != (n <= 18) || ok && (err != nil || got != want) {
			t.Fatalf("%q[%d:%d] is %d %v", text, start, end, got, ok)
		}
		i := start
		if text[i] == '-' {
			i++
		}
		first := i
		for i < len(text) && text[i]-'0' <= 9 {
			i++
		}
		if text[first] == '0' && i > first+1 || i < len(text) && (text[i] == '.' || text[i]|0x20 == 'e') {
			i = -1
		}
		if got := plainInt(text, start); got != i {
			t.Fatalf("the integer at %d of %q ends at %d, not %d", start, text, got, i)
		}
	}
	for n := range 40 {
		name := bytes.Repeat([]byte("x"), n)
		m := jsonMember{raw: "\"" + string(name) + "\":"}
		m.mark()
		text := []byte("  " + m.raw + "1234567890")
		end := 2 + len(m.raw)
		if !m.stands(text, 2, end) {
			t.Errorf("a name of %d letters does not stand in %q", n, text)
		}
		for i := 2; i < end; i++ {
			other := bytes.Clone(text)
			other[i]++
			if m.stands(other, 2, end) {
				t.Errorf("a name of %d letters stands in %q", n, other)
			}
		}
	}
}
