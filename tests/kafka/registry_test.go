package kafka_test

import (
	"testing"
	"time"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// A real registry gives what it was given, the same id for the same schema, and
// refuses what readers of the past could not read.
func TestRegistry(t *testing.T) {
	r := format.NewRegistry(kafkatest.SharedRegistry(t).URL, "", "")
	ctx := inTime(t, time.Minute)
	one := &format.Schema{Type: "AVRO", Text: `{"type":"record","name":"r","fields":[{"name":"a","type":"long"}]}`}
	id, err := r.Register(ctx, "t-value", one)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Register(ctx, "t-value", one); err != nil || again != id {
		t.Fatal(again, id, err)
	}
	two := &format.Schema{Type: "AVRO", Text: `{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}`}
	if _, err := r.Register(ctx, "t-value", two); !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
		t.Fatal("a field without a default: ", err)
	}
	two.Text = `{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"b","type":"string","default":""}]}`
	next, err := r.Register(ctx, "t-value", two)
	if err != nil || next == id {
		t.Fatal(next, err)
	}
	latest, err := r.Latest(ctx, "t-value")
	if err != nil || latest == nil || latest.ID != next || latest.Type != "AVRO" {
		t.Fatal(latest, err)
	}
	first, err := r.SchemaByID(ctx, id)
	if err != nil || first == nil || first.ID != id {
		t.Fatal(first, err)
	}
	if s, err := r.SchemaByID(ctx, 1<<30); s != nil || err != nil {
		t.Fatal(s, err)
	}
	if s, err := r.Latest(ctx, "nobody"); s != nil || err != nil {
		t.Fatal(s, err)
	}
}
