package format

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/avro"

	"github.com/tarndb/tarn/storage/topic"
)

// The rows of benchRecords in the binary encodings, for a comparison with
// BenchmarkDecode.

const benchAvroSchema = `{"type":"record","name":"order","fields":[{"name":"id","type":"long"},{"name":"sku","type":"string"},
	{"name":"qty","type":["null","int"]},{"name":"price","type":"double"},{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},
	{"name":"customer","type":["null","string"]},{"name":"note","type":"string"}]}`

const benchProtoSchema = `syntax = "proto3"; import "google/protobuf/timestamp.proto";
message Order { int64 id = 1; string sku = 2; optional int32 qty = 3; double price = 4; google.protobuf.Timestamp at = 5; string customer = 6; string note = 7; }`

func binaryBenchRecords(b testing.TB, n int, value Encoding) *topic.Records {
	cols := columnsOf(b, benchColumns)
	d := decodeAll(b, Spec{Columns: cols, Value: Encoding{Name: "json"}}, benchRecords(n))
	enc, err := NewEncoder(Spec{Columns: cols, Value: value})
	if err != nil {
		b.Fatal(err)
	}
	out, err := enc.Encode(context.Background(), d.Rows, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := benchRecords(n)
	r.Value = out.Value
	return r
}

// perCPU reports records per second of the process's own time, which says more
// than the clock where others use the machine too.
func perCPU(b *testing.B, records int) func() {
	start := processTime(b)
	return func() {
		b.ReportMetric(float64(b.N)*float64(records)/(processTime(b)-start).Seconds()/1e6, "Mrec/cpu-s")
	}
}

func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkBinary(b *testing.B) {
	avroValue := Encoding{Name: "avro", Options: map[string]string{"schema": benchAvroSchema}}
	protoValue := Encoding{Name: "protobuf", Options: map[string]string{"schema": benchProtoSchema}}
	r, p := binaryBenchRecords(b, 4096, avroValue), binaryBenchRecords(b, 4096, protoValue)
	for _, c := range []struct {
		name, cols string
		value      Encoding
		r          *topic.Records
	}{
		{"avro/7of7", benchColumns, avroValue, r}, {"avro/2of7", "id int8, qty int4", avroValue, r},
		{"protobuf/7of7", benchColumns, protoValue, p}, {"protobuf/2of7", "id int8, qty int4", protoValue, p},
		{"json/7of7", benchColumns, Encoding{Name: "json"}, benchRecords(r.N())},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := c.r
			d, err := NewDecoder(Spec{Columns: columnsOf(b, c.cols), Value: c.value})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(r.Value.Data)))
			b.ReportAllocs()
			defer perCPU(b, r.N())()
			for range b.N {
				out, err := d.Decode(context.Background(), r)
				if err != nil || out.Rows.N != r.N() {
					b.Fatal(err, out.Bad)
				}
			}
		})
	}
	b.Run("avro/library", func(b *testing.B) {
		s, err := avro.Parse(benchAvroSchema)
		if err != nil {
			b.Fatal(err)
		}
		defer perCPU(b, r.N())()
		for range b.N {
			for i := range r.N() {
				var v any
				if _, err := s.Decode(r.Value.Bytes(i), &v); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
