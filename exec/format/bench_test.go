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

func BenchmarkDecode(b *testing.B) {
	r := benchRecords(4096)
	for _, c := range []struct{ name, encoding, cols string }{
		{"json/7of7", "json", benchColumns},
		{"json/2of7", "json", "id int8, qty int4"},
	} {
		b.Run(c.name, func(b *testing.B) {
			d, err := NewDecoder(Spec{Columns: columnsOf(b, c.cols), Value: Encoding{Name: c.encoding}})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(r.Value.Data)))
			b.ReportAllocs()
			for range b.N {
				out, err := d.Decode(context.Background(), r)
				if err != nil || out.Rows.N != r.N() {
					b.Fatal(err, out.Bad)
				}
			}
			b.ReportMetric(float64(b.N)*float64(r.N())/b.Elapsed().Seconds()/1e6, "Mrec/s")
		})
	}
}
