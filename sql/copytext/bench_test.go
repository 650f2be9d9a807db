package copytext

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

const benchRows = 20000

var narrow = []Column{{"id", types.Int8, true}, {"account", types.Int8, false}, {"amount", types.NumericOf(18, 2), false}, {"at", types.Timestamptz, false}}

func benchCols(last types.Type) []Column {
	return append(append([]Column{}, narrow[:3]...), Column{"last", last, false})
}

func benchData(sep, null, last string) []byte {
	var b []byte
	for i := range benchRows {
		s := fmt.Sprintf(last, i/86400%28+1, i/3600%24, i/60%60, i%60)
		if null != "" && i%10 == 0 {
			s = null
		}
		b = fmt.Appendf(b, "%d%s%d%s%d.%02d%s%s\n", i+1000000, sep, i*7919%1000003, sep, i*31%100000, i%100, sep, s)
	}
	return b
}

// cpu is the processor time of the process, the collector's included: what the
// figures are about, whatever else the machine does.
func cpu() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func report(b *testing.B, before float64) {
	b.ReportMetric(float64(b.N)*benchRows/(cpu()-before)/1e6, "Mrows/cpu-s")
	b.ReportMetric(float64(b.N)*benchRows/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

func BenchmarkDecode(b *testing.B) {
	const stamp = "2026-03-%02d %02d:%02d:%02d+00"
	for _, c := range []struct {
		name string
		o    Options
		cols []Column
		data []byte
	}{
		{"text/timestamptz", Defaults(false), benchCols(types.Timestamptz), benchData("\t", "", stamp)},
		{"text/text", Defaults(false), benchCols(types.Text), benchData("\t", "", "memo %d %d %d %d")},
		{"text/nulls", Defaults(false), benchCols(types.Timestamptz), benchData("\t", `\N`, stamp)},
		{"csv/timestamptz", Defaults(true), benchCols(types.Timestamptz), benchData(",", "", stamp)},
		{"csv/quoted", Defaults(true), benchCols(types.Text), benchData(",", "", `"memo, %d %d %d %d"`)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.data)))
			before := cpu()
			for b.Loop() {
				d := NewDecoder(c.o, "t", c.cols, nil)
				emit := func(*vec.Batch) error { return nil }
				for at := 0; at < len(c.data); at += 64 << 10 {
					if err := d.Feed(c.data[at:min(at+64<<10, len(c.data))], emit); err != nil {
						b.Fatal(err)
					}
				}
				if n, err := d.Finish(emit); n != benchRows || err != nil {
					b.Fatal(n, err)
				}
			}
			report(b, before)
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name string
		o    Options
		last types.Type
		text string
	}{
		{"text/timestamptz", Defaults(false), types.Timestamptz, "2026-03-%02d %02d:%02d:%02d+00"},
		{"text/text", Defaults(false), types.Text, "memo %d %d %d %d"},
		{"csv/timestamptz", Defaults(true), types.Timestamptz, "2026-03-%02d %02d:%02d:%02d+00"},
	} {
		b.Run(c.name, func(b *testing.B) {
			cols := benchCols(c.last)
			var batches []*vec.Batch
			emit := func(x *vec.Batch) error { batches = append(batches, x); return nil }
			d := NewDecoder(Defaults(false), "t", cols, nil)
			if err := d.Feed(benchData("\t", "", c.text), emit); err != nil {
				b.Fatal(err)
			}
			if _, err := d.Finish(emit); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			e := NewEncoder(c.o, cols, nil)
			var dst []byte
			before := cpu()
			for b.Loop() {
				for _, x := range batches {
					for i := range x.N {
						dst = e.AppendRow(dst[:0], x, i)
					}
				}
			}
			report(b, before)
		})
	}
}
