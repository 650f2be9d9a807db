package format

import (
	"context"
	"testing"
	"time"

	"github.com/tarndb/tarn/storage/topic"
)

// BenchmarkPath is what a record costs between the topics: decoded whole, one in ten
// written again (filter), or two fields decoded for an aggregate (group). The binary
// encodings should be at no more than JSON's cost: "x-JSON" is their records per
// CPU-second over its own, measured in turns.
func BenchmarkPath(b *testing.B) {
	const rows = 4096
	keep := make([]int32, 0, rows/10+1)
	for i := int32(0); i < rows; i += 10 {
		keep = append(keep, i)
	}
	jsonValue := Encoding{Name: "json"}
	for _, c := range []struct {
		name  string
		value Encoding
	}{
		{"avro", Encoding{Name: "avro", Options: map[string]string{"schema": benchAvroSchema}}},
		{"protobuf", Encoding{Name: "protobuf", Options: map[string]string{"schema": benchProtoSchema}}},
	} {
		for _, way := range []string{"filter", "group"} {
			b.Run(way+"/"+c.name, func(b *testing.B) {
				step := func(value Encoding, r *topic.Records) func() {
					cols := benchColumns
					if way == "group" {
						cols = "sku text, qty int4"
					}
					s := Spec{Columns: columnsOf(b, cols), Value: value}
					d, err := NewDecoder(s)
					if err != nil {
						b.Fatal(err)
					}
					decoded := func() *Decoded {
						out, err := d.Decode(context.Background(), r)
						if err != nil || out.Rows.N != rows {
							b.Fatal(err, out.Bad)
						}
						return out
					}
					if way == "group" {
						return func() { decoded() }
					}
					e, err := NewEncoder(s)
					if err != nil {
						b.Fatal(err)
					}
					return func() {
						if _, err := e.Encode(context.Background(), decoded().Rows.Select(keep), nil, nil); err != nil {
							b.Fatal(err)
						}
					}
				}
				mine, theirs := step(c.value, binaryBenchRecords(b, rows, c.value)), step(jsonValue, benchRecords(rows))
				var spent [2]time.Duration
				for range b.N {
					for k, f := range []func(){mine, theirs} {
						at := processTime(b)
						f()
						spent[k] += processTime(b) - at
					}
				}
				b.ReportMetric(float64(b.N)*rows/spent[0].Seconds()/1e6, "Mrec/cpu-s")
				b.ReportMetric(spent[1].Seconds()/spent[0].Seconds(), "x-JSON")
			})
		}
	}
}
