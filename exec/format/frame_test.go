package format

import (
	"context"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// What a record carries besides key and value comes with each of its rows.
func TestRecordColumns(t *testing.T) {
	r := recordsOf([]string{`{"id":1,"sub":{"x":"p"}}`, `{"id":2}`}, []string{`[{"a":1},{"a":2}]`, `{"a":3}`})
	h := vec.NewBuilder(types.Bytea, 2)
	h.Bytes(topic.AppendHeader(topic.AppendHeader(topic.AppendHeader(nil, "h", []byte("old")), "h", []byte("hi")), "n", nil))
	h.Null()
	r.Headers = h.Finish()
	col := func(name string, ty types.Type, from From, path string) Column {
		return Column{Name: name, Type: ty, From: from, Path: path}
	}
	s := Spec{Topic: "orders", Key: Encoding{Name: "json"}, Value: Encoding{Name: "json"}, Columns: []Column{
		col("a", types.Int8, FromValue, ""), col("id", types.Int4, FromKey, ""), col("x", types.Text, FromKey, "sub.x"),
		col("ts", types.Timestamptz, FromTimestamp, ""), col("ms", types.Int8, FromTimestamp, ""), col("p", types.Int4, FromPartition, ""),
		col("o", types.Int8, FromOffset, ""), col("t", types.Text, FromTopic, ""), col("hs", types.JSONB, FromHeaders, ""),
		col("h", types.Text, FromHeader, ""), col("n", types.Bytea, FromHeader, "n"), col("none", types.Bytea, FromHeader, "none"),
	}}
	const headers = `[{"key": "h", "value": "b2xk"}, {"key": "h", "value": "aGk="}, {"key": "n", "value": null}]`
	const want = "0 put 1 1 p 2000-01-01 00:00:00+00 946684800000 3 100 orders " + headers + " hi NULL NULL\n" +
		"0 put 2 1 p 2000-01-01 00:00:00+00 946684800000 3 100 orders " + headers + " hi NULL NULL\n" +
		"1 put 3 2 NULL 2000-01-01 00:00:01+00 946684801000 3 101 orders NULL NULL NULL NULL\n"
	d := decodeAll(t, s, r)
	if got := show(d, s.Columns); got != want {
		t.Errorf("got\n%s want\n%s", got, want)
	}
	if j, err := types.ParseJSONB(headers); err != nil || j != headers {
		t.Errorf("headers are not as jsonb is: %s, %v", j, err)
	}
	s.Columns = []Column{col("o", types.Int4, FromOffset, "")}
	if _, err := NewDecoder(s); err == nil || errorText(err) != `column "o" cannot hold the record's offset as integer; Declare it as bigint.` {
		t.Errorf("an offset as integer: %v", err)
	}
}

// No records are no rows, of the columns that there would be.
func TestNoRecords(t *testing.T) {
	s := Spec{Columns: columnsOf(t, "a int8, b text"), PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "json"}}
	d := decodeAll(t, s, &topic.Records{Next: 7, Key: &vec.Vec{Type: types.Bytea}, Value: &vec.Vec{Type: types.Bytea}})
	if d.Rows.N != 0 || len(d.Rows.Cols) != 2 || d.Rows.Cols[1].Type != types.Text || len(d.Bad) != 0 {
		t.Errorf("got %+v", d)
	}
}

// The key of what is written is that of the columns From the key, or the
// primary key, in its own encoding.
func TestEncodeKeys(t *testing.T) {
	rows := &vec.Batch{N: 2, Cols: []*vec.Vec{
		vec.FromDatums(types.Int8, []types.Datum{types.Int(1), types.Int(2)}),
		vec.FromDatums(types.Text, []types.Datum{types.String("x"), types.NullDatum}),
	}}
	for _, c := range []struct {
		name, env, key, value string
		from                  From
		pk                    []int
		want                  [4]string // key and value of both rows
	}{
		{"a primitive, by default", "plain", "", "json", FromValue, []int{0}, [4]string{"\x00\x00\x00\x00\x00\x00\x00\x01", `{"id":1,"a":"x"}`, "\x00\x00\x00\x00\x00\x00\x00\x02", `{"id":2,"a":null}`}},
		{"taken out of the value", "plain", "json", "json", FromKey, nil, [4]string{`{"id":1}`, `{"a":"x"}`, `{"id":2}`, `{"a":null}`}},
		{"two columns", "plain", "", "json", FromValue, []int{0, 1}, [4]string{`{"id":1,"a":"x"}`, `{"id":1,"a":"x"}`, `{"id":2,"a":null}`, `{"id":2,"a":null}`}},
		{"none", "plain", "", "csv", FromValue, nil, [4]string{none, "1,x", none, "2,"}},
		{"none, although there is one", "plain", "none", "json", FromValue, []int{0}, [4]string{none, `{"id":1,"a":"x"}`, none, `{"id":2,"a":null}`}},
		{"upsert", "upsert", "text", "json", FromValue, []int{0}, [4]string{"1", `{"id":1,"a":"x"}`, "2", none}},
	} {
		s := Spec{PK: c.pk, Envelope: Envelope(c.env), Key: Encoding{Name: c.key}, Value: Encoding{Name: c.value},
			Columns: []Column{{Name: "id", Type: types.Int8, From: c.from}, {Name: "a", Type: types.Text}}}
		e, err := NewEncoder(s)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var ops []Op
		if c.env == "upsert" {
			ops = []Op{Put, Delete}
		}
		out, err := e.Encode(context.Background(), rows, nil, ops)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for i, v := range []*vec.Vec{out.Key, out.Value, out.Key, out.Value} {
			got := none
			if !v.IsNull(i / 2) {
				got = string(v.Bytes(i / 2))
			}
			if got != c.want[i] {
				t.Errorf("%s: row %d: got %q, want %q", c.name, i/2, got, c.want[i])
			}
		}
	}
	for _, c := range []struct {
		s    Spec
		want string
	}{
		{Spec{Envelope: Upsert, Value: Encoding{Name: "json"}}, "FORMAT UPSERT needs a key; Name its columns with primary_key = '…'."},
		{Spec{Envelope: Maxwell, PK: []int{0}, Value: Encoding{Name: "json"}}, "FORMAT MAXWELL cannot be written; Use FORMAT PLAIN, UPSERT or DEBEZIUM."},
		{Spec{Value: Encoding{Name: "none"}}, "ENCODE NONE cannot be written; "},
	} {
		c.s.Columns = columnsOf(t, "a int8")
		if _, err := NewEncoder(c.s); err == nil || errorText(err) != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
