package types

import (
	"fmt"
	"testing"
)

func BenchmarkParseText(b *testing.B) {
	for _, c := range []struct {
		t  Type
		in string
	}{{Int8, "1234567890123"}, {NumericOf(18, 2), "12345678.90"}, {Float8, "12345.678"}, {Text, "a short text"},
		{Timestamptz, "2024-01-05 10:20:30.123456+00"}, {UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {JSONB, `{"a": 1, "b": "x"}`}} {
		b.Run(fmt.Sprintf("type=%s", c.t), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseText(c.in, c.t, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendText(b *testing.B) {
	for _, c := range []struct {
		t Type
		d Datum
	}{{Int8, Int(1234567890123)}, {NumericOf(18, 2), Datum{I: 1234567890, Scale: 2}}, {Float8, Float(12345.678)},
		{Timestamptz, Int(757765230123456)}, {Text, String("a short text")}} {
		b.Run(fmt.Sprintf("type=%s", c.t), func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = AppendText(buf[:0], c.d, c.t, nil)
			}
		})
	}
}

func BenchmarkNumeric(b *testing.B) {
	x, y := Datum{I: 1234567, Scale: 2}, Datum{I: 321, Scale: 1}
	for _, c := range []struct {
		name string
		f    func(a, b Datum) (Datum, error)
	}{{"add", NumericAdd}, {"mul", NumericMul}, {"div", NumericDiv}} {
		b.Run("op="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.f(x, y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
