package format

import (
	"fmt"
	"strings"
	"testing"
)

// keeps writes a line for each row: its record and the columns that it keeps.
func keeps(d *Decoded, cols []Column) string {
	var b strings.Builder
	for i := range d.Rows.N {
		fmt.Fprintf(&b, "%d", d.Record[i])
		if d.Keep != nil {
			for _, c := range d.Keep[i] {
				if !d.Rows.Cols[c].IsNull(i) {
					b.WriteString(" not NULL:")
				}
				b.WriteString(" " + cols[c].Name)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestUnavailable: a value that PostgreSQL has not sent is none of the record's,
// whatever Debezium writes for it in the column's type.
func TestUnavailable(t *testing.T) {
	const cols = "id int8, a text!, b bytea, j jsonb, k json, v varchar, n int4, ta text[], ia int4[], ba bytea[], ua uuid[]"
	const p = `"__debezium_unavailable_value"`
	const inBase64 = `"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="`
	list := make([]string, 0, len(unavailableText))
	for _, c := range []byte(unavailableText) {
		list = append(list, fmt.Sprint(c))
	}
	s := Spec{Columns: columnsOf(t, cols), PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "json"}}
	d := decodeAll(t, s, recordsOf(nil, []string{
		`{"op":"c","after":{"id":1,"a":"x","b":"AA==","j":"{}","k":"{}","v":"y","n":1}}`,
		`{"op":"u","after":{"id":1,"a":` + p + `,"b":` + inBase64 + `,"j":` + p + `,"k":` + p + `,"v":` + p + `,"n":2,"ta":[` + p + `],"ia":[` + strings.Join(list, ",") + `],"ba":[` + inBase64 + `],"ua":["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]}}`,
		`{"op":"u","after":{"id":1,"a":null,"b":` + inBase64 + `}}`,
		`{"op":"d","before":{"id":1,"a":` + p + `}}`,
		`{"op":"u","after":{"id":1,"a":"` + unavailableText + `x","ta":[` + p + `,"y"],"n":` + p + `}}`,
		`{"op":"u","after":{"id":2,"a":` + p + `}}`,
	}))
	if got, want := keeps(d, s.Columns), "0\n1 a b j k v ta ia ba ua\n3\n5 a\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if len(d.Bad) != 2 || d.Bad[0].Err.Code != "23502" || d.Bad[1].Err.Code != "22P02" {
		t.Errorf("bad: %+v", d.Bad)
	}
	// Another placeholder; then the usual one is a value.
	s.Value.Options = map[string]string{"unavailable.value.placeholder": "?"}
	d = decodeAll(t, s, recordsOf(nil, []string{`{"op":"u","after":{"id":1,"a":"?","v":` + p + `}}`}))
	if got := keeps(d, s.Columns); got != "0 a\n" || string(d.Rows.Cols[5].Bytes(0)) != unavailableText {
		t.Errorf("another placeholder: %s", got)
	}
	// What no feed of Debezium's has said is a value.
	s = Spec{Columns: columnsOf(t, "id int8, a text"), PK: []int{0}, Envelope: Maxwell, Value: Encoding{Name: "json"}}
	d = decodeAll(t, s, recordsOf(nil, []string{`{"type":"insert","data":{"id":1,"a":` + p + `}}`}))
	if d.Keep != nil || d.Rows.Cols[1].IsNull(0) {
		t.Error("Maxwell's record leaves nothing out")
	}
}

func TestUnavailableAvro(t *testing.T) {
	const schema = `{"type":"record","name":"Envelope","fields":[{"name":"after","type":["null",{"type":"record","name":"Value","fields":[
		{"name":"id","type":"long"},{"name":"a","type":["null","string"]},{"name":"b","type":["null","bytes"]},
		{"name":"j","type":["null",{"type":"string","connect.name":"io.debezium.data.Json"}]}]}]},{"name":"op","type":"string"}]}`
	s := Spec{Columns: columnsOf(t, "id int8, a text, b bytea, j jsonb"), PK: []int{0}, Envelope: Debezium, Value: Encoding{Name: "avro", Options: map[string]string{"schema": schema}}}
	row := func(a, b, j string) string {
		return avroImage(t, schema, map[string]any{"op": "u", "after": map[string]any{"id": int64(1), "a": a, "b": []byte(b), "j": j}})
	}
	d := decodeAll(t, s, recordsOf(nil, []string{row(unavailableText, unavailableText, unavailableText), row("x", "y", `{"z":1}`)}))
	if got, want := keeps(d, s.Columns), "0 a b j\n1\n"; got != want || len(d.Bad) > 0 {
		t.Errorf("got\n%swant\n%s, bad %v", got, want, d.Bad)
	}
}
