package format

import (
	"context"
	"fmt"
	"testing"

	"github.com/tarndb/tarn/sql/types"
)

// TestOnly: of the columns that are wanted, those who name a few get what those who
// want all get, whatever stands in the others.
func TestOnly(t *testing.T) {
	values := []string{
		`{"a":1,"b":"x","c":2.5,"d":"2024-05-01T00:00:00Z"}`,
		`[{"a":2,"b":"y"},{"d":null,"a":3}]`,
		`{"d":"2024-05-01T00:00:00Z","A":4,"b":"\u0041","c":1e2}`,
		`{}`,
	}
	asAvro := `{"type":"record","name":"r","fields":[{"name":"a","type":["null","long"]},{"name":"b","type":["null","string"]},{"name":"c","type":["null","double"]},{"name":"d","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}]}`
	asProto := `syntax = "proto3"; import "google/protobuf/timestamp.proto"; message r { optional int64 a = 1; optional string b = 2; optional double c = 3; google.protobuf.Timestamp d = 4; }`
	for _, c := range []struct{ encoding, schema string }{{"json", ""}, {"csv", ""}, {"avro", asAvro}, {"protobuf", asProto}} {
		cols := "a int8, b text, c float8, d timestamptz"
		recs := recordsOf(nil, values)
		spec := Spec{Topic: "t", Columns: columnsOf(t, cols), Value: Encoding{Name: "json"}, Envelope: Plain}
		if c.encoding != "json" {
			rows := decodeAll(t, spec, recs).Rows
			spec.Value.Name = c.encoding
			if c.schema != "" {
				spec.Value.Options = map[string]string{"schema": c.schema}
			}
			e, err := NewEncoder(spec)
			if err != nil {
				t.Fatal(c.encoding, err)
			}
			out, err := e.Encode(context.Background(), rows, nil, nil)
			if err != nil {
				t.Fatal(c.encoding, err)
			}
			again := *recordsOf(nil, make([]string, rows.N))
			again.Value = out.Value
			recs = &again
		}
		offset := Column{Name: "o", Type: types.Int8, From: FromOffset}
		spec.Columns = append(spec.Columns, offset)
		all := decodeAll(t, spec, recs)
		for _, only := range [][]int{{}, {0}, {1, 3}, {4}, {2, 4}, {0, 1, 2, 3, 4}} {
			s := spec
			s.Only = only
			some := decodeAll(t, s, recs)
			if some.Rows.N != all.Rows.N || fmt.Sprint(some.Record) != fmt.Sprint(all.Record) || len(some.Rows.Cols) != len(all.Rows.Cols) {
				t.Fatalf("%s %v: %d rows of %v", c.encoding, only, some.Rows.N, some.Record)
			}
			for i, v := range some.Rows.Cols {
				if v.N != all.Rows.N || v.Type != all.Rows.Cols[i].Type {
					t.Fatalf("%s %v: column %d has %d rows of %s", c.encoding, only, i, v.N, v.Type)
				}
			}
			for _, i := range only {
				for r := range all.Rows.N {
					if got, want := some.Rows.Cols[i].Datum(r), all.Rows.Cols[i].Datum(r); got != want {
						t.Errorf("%s %v: column %d, row %d: %v, want %v", c.encoding, only, i, r, got, want)
					}
				}
			}
		}
	}
}

// TestOnlySkips: what nobody wants is not converted, and need not fit.
func TestOnlySkips(t *testing.T) {
	cols := columnsOf(t, "a int8, b int4, c int4")
	cols[1].NotNull = true
	s := Spec{Topic: "t", Columns: cols, Value: Encoding{Name: "json"}, Envelope: Plain, Only: []int{0}}
	d := decodeAll(t, s, recordsOf(nil, []string{`{"a":1,"b":"no"}`, `{"a":2,"c":{}}`}))
	if len(d.Bad) != 0 || d.Rows.N != 2 || !d.Rows.Cols[1].IsNull(0) || d.Rows.Cols[0].Ints[1] != 2 {
		t.Errorf("%+v", d)
	}
	s.Only = nil
	if d := decodeAll(t, s, recordsOf(nil, []string{`{"a":1,"b":"no"}`, `{"a":2,"c":{}}`})); len(d.Bad) != 2 {
		t.Errorf("%+v", d.Bad)
	}
}
