package format

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// TestAvroName: schema.full.name says what the record of a schema that Tarn makes is
// called; a name that is none, or has nothing to name, is refused.
func TestAvroName(t *testing.T) {
	rows := &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(types.Int8, []types.Datum{types.Int(1)})}}
	for _, c := range []struct{ full, name, namespace string }{
		{"com.example.Order", "Order", "com.example"}, {"Order", "Order", ""}, {"", "Value", "t"},
	} {
		reg := &fakeRegistry{}
		s := Spec{Topic: "t", Columns: columnsOf(t, "a int8"), Value: Encoding{Name: "avro"}, Registry: reg}
		if c.full != "" {
			s.Value.Options = map[string]string{"schema.full.name": c.full}
		}
		enc, err := NewEncoder(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := enc.Encode(context.Background(), rows, nil, nil); err != nil {
			t.Fatal(err)
		}
		var got struct{ Name, Namespace string }
		if err := json.Unmarshal([]byte(reg.latest["t-value"].Text), &got); err != nil || got.Name != c.name || got.Namespace != c.namespace {
			t.Errorf("%q: %+v, %v", c.full, got, err)
		}
	}
	for _, options := range []map[string]string{
		{"schema.full.name": "com..Order"}, {"schema.full.name": "a-b"}, {"schema.full.name": ".a"},
		{"schema.full.name": "a", "schema": `"long"`}, {"schema.full.name": "a", "schema.id": "1"},
	} {
		s := Spec{Topic: "t", Columns: columnsOf(t, "a int8"), Value: Encoding{Name: "avro", Options: options}, Registry: &fakeRegistry{}}
		if _, err := NewEncoder(s); !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
			t.Errorf("%v, encoder: %v", options, err)
		}
		if _, err := NewDecoder(s); !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
			t.Errorf("%v, decoder: %v", options, err)
		}
	}
}
