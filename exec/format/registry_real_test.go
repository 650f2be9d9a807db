package format_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// TestRealRegistry: the schemas that columns make are taken by a real registry,
// propose the columns again, and read the records back; columns that are added
// are compatible, and a record may come before its schema.
func TestRealRegistry(t *testing.T) {
	kafkatest.OnlyInAll(t)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	url := kafkatest.StartRegistry(t).URL
	cols := []format.Column{{Name: "id", Type: types.Int8}, {Name: "name", Type: types.Text}, {Name: "at", Type: types.Timestamptz},
		{Name: "tags", Type: types.TextArray}, {Name: "ok", Type: types.Bool}, {Name: "x", Type: types.Float8}}
	batch := func(n int) *vec.Batch {
		b := &vec.Batch{N: 1}
		for i, d := range []types.Datum{types.Int(7), types.String("é"), types.Int(762257472000001),
			types.ArrayDatum(types.NewArray(types.Text, []types.Datum{types.String("a")})), types.Boolean(true), types.Float(1.5)}[:n] {
			b.Cols = append(b.Cols, vec.FromDatums(cols[i].Type, []types.Datum{d}))
		}
		return b
	}
	for _, name := range []string{"avro", "protobuf", "jsonschema"} {
		s := format.Spec{Topic: "t." + name, Value: format.Encoding{Name: name}, Registry: format.NewRegistry(url, "", "")}
		var values []*vec.Vec
		for _, n := range []int{4, len(cols)} {
			s.Columns = cols[:n]
			enc, err := format.NewEncoder(s)
			if err != nil {
				t.Fatal(name, err)
			}
			out, err := enc.Encode(ctx, batch(n), nil, nil)
			if err != nil {
				t.Fatal(name, err)
			}
			values = append(values, out.Value)
		}
		fresh := s
		fresh.Columns, fresh.Registry = nil, format.NewRegistry(url, "", "")
		inferred, err := format.Infer(ctx, fresh, nil)
		if err != nil || len(inferred) != len(cols) {
			t.Fatal(name, inferred, err)
		}
		for i, c := range inferred {
			if c != cols[i] {
				t.Errorf("%s: inferred %s %s, want %s %s", name, c.Name, c.Type, cols[i].Name, cols[i].Type)
			}
		}
		fresh.Columns = inferred
		dec, err := format.NewDecoder(fresh)
		if err != nil {
			t.Fatal(name, err)
		}
		for k, n := range []int{4, len(cols)} {
			d, err := dec.Decode(ctx, records(values[k]))
			if err != nil || len(d.Bad) > 0 {
				t.Fatal(name, err, d)
			}
			for i, c := range cols {
				got, want := d.Rows.Cols[i].Datum(0), types.NullDatum
				if i < n {
					want = batch(n).Cols[i].Datum(0)
				}
				if got.Null != want.Null || !got.Null && !types.Equal(got, want, c.Type) {
					t.Errorf("%s %d: %s is %v, want %v", name, n, c.Name, got, want)
				}
			}
		}
		unknown := vec.FromDatums(types.Bytea, []types.Datum{types.String("\x00\x3f\x00\x00\x00\x00")})
		d, err := dec.Decode(ctx, records(unknown))
		if err != nil || len(d.Bad) != 1 || !strings.Contains(d.Bad[0].Err.Message, "has no schema") {
			t.Errorf("%s: an unknown id: %v, %v", name, d, err)
		}
	}
	// What is incompatible is the user's error.
	bad := format.Spec{Topic: "t.avro", Columns: []format.Column{{Name: "id", Type: types.Text}}, Value: format.Encoding{Name: "avro"}, Registry: format.NewRegistry(url, "", "")}
	enc, err := format.NewEncoder(bad)
	if err != nil {
		t.Fatal(err)
	}
	rows := &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(types.Text, []types.Datum{types.String("x")})}}
	if _, err := enc.Encode(ctx, rows, nil, nil); !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
		t.Errorf("an incompatible schema: %v", err)
	}
}

func records(values *vec.Vec) *topic.Records {
	none := vec.FromDatums(types.Bytea, []types.Datum{types.NullDatum})
	return &topic.Records{Offset: []int64{0}, Time: []int64{0}, Key: none, Value: values, Next: 1}
}
