package format

import (
	"context"
	"fmt"
	"testing"

	"github.com/tarndb/tarn/storage/topic"
)

// benchRecords are values of about 250 bytes with 7 fields.
func benchRecords(n int) *topic.Records {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf(`{"id":%d,"sku":"item-%06d","qty":%d,"price":%d.%02d,"at":"2024-05-%02dT12:%02d:%02d.%03dZ","customer":"customer name number %08d of the north","note":"a longer text that stands for what people write in such fields, about ninety bytes long %d"}`,
			1000000+i, i%5000, i%97, i%1000, i%100, 1+i%28, i%60, i%60, i%1000, i*7919%100000000, i%10)
	}
	return recordsOf(nil, values)
}

const benchColumns = "id int8, sku text, qty int4, price float8, at timestamptz, customer text, note text"

// envelopeRecords are benchRecords as the changes that a feed tells of.
func envelopeRecords(b *testing.B, before, after string) *topic.Records {
	r := benchRecords(4096)
	values := make([]string, r.N())
	for i := range values {
		values[i] = before + string(r.Value.Bytes(i)) + after
	}
	return recordsOf(nil, values)
}

func BenchmarkDecode(b *testing.B) {
	plain := benchRecords(4096)
	csv := encodeBench(b, plain, "csv")
	for _, c := range []struct {
		name, cols string
		s          Spec
		r          *topic.Records
	}{
		{"json/7of7", benchColumns, Spec{Value: Encoding{Name: "json"}}, plain},
		{"json/2of7", "id int8, qty int4", Spec{Value: Encoding{Name: "json"}}, plain},
		{"json/numeric", "id int8, price numeric", Spec{Value: Encoding{Name: "json"}}, plain},
		{"csv/7of7", benchColumns, Spec{Value: Encoding{Name: "csv"}}, csv},
		{"debezium/7of7", benchColumns, Spec{Value: Encoding{Name: "json"}, Envelope: Debezium, PK: []int{0}},
			envelopeRecords(b, `{"before":null,"after":`, `,"source":{"version":"2.7","connector":"mysql","name":"shop","ts_ms":1700000000000,"db":"shop","table":"orders","file":"bin.000003","pos":154},"op":"c","ts_ms":1700000000001}`)},
		{"canal/7of7", benchColumns, Spec{Value: Encoding{Name: "json"}, Envelope: Canal, PK: []int{0}},
			envelopeRecords(b, `{"id":0,"database":"shop","table":"orders","pkNames":["id"],"isDdl":false,"type":"INSERT","es":1,"ts":2,"sql":"","data":[`, `],"old":null}`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.s.Columns = columnsOf(b, c.cols)
			d, err := NewDecoder(c.s)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(c.r.Value.Data)))
			b.ReportAllocs()
			report := perCPU(b, c.r.N())
			for range b.N {
				out, err := d.Decode(context.Background(), c.r)
				if err != nil || out.Rows.N != c.r.N() {
					b.Fatal(err, out.Bad)
				}
			}
			report()
		})
	}
}

// encodeBench writes the rows of r in another encoding.
func encodeBench(b *testing.B, r *topic.Records, encoding string) *topic.Records {
	s := Spec{Columns: columnsOf(b, benchColumns), Value: Encoding{Name: "json"}}
	rows := decodeAll(b, s, r).Rows
	s.Value.Name = encoding
	e, err := NewEncoder(s)
	if err != nil {
		b.Fatal(err)
	}
	out, err := e.Encode(context.Background(), rows, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := *r
	c.Value = out.Value
	return &c
}

func BenchmarkEncode(b *testing.B) {
	r := benchRecords(4096)
	rows := decodeAll(b, Spec{Columns: columnsOf(b, benchColumns), Value: Encoding{Name: "json"}}, r).Rows
	for _, encoding := range []string{"json", "csv"} {
		b.Run(encoding, func(b *testing.B) {
			e, err := NewEncoder(Spec{Columns: columnsOf(b, benchColumns), PK: []int{0}, Value: Encoding{Name: encoding}})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			report := perCPU(b, rows.N)
			for range b.N {
				if _, err := e.Encode(context.Background(), rows, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			report()
		})
	}
}
