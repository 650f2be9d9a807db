package segment

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

var testTypes = []types.Type{types.Int8, types.Text, types.NumericOf(18, 2)}

// makeRows gives n rows from position first, some epochs after epoch.
func makeRows(rng *rand.Rand, first int64, n int, epoch *uint64) *Rows {
	ids, names, amounts := vec.NewBuilder(testTypes[0], n), vec.NewBuilder(testTypes[1], n), vec.NewBuilder(testTypes[2], n)
	r := &Rows{First: first}
	for i := range n {
		ids.Int(first + int64(i))
		if rng.IntN(5) == 0 {
			names.Null()
		} else {
			names.String(fmt.Sprintf("name-%d", rng.IntN(50)))
		}
		amounts.Numeric(rng.Int64N(100000), 2)
		r.Rowtime = append(r.Rowtime, 1000+first+int64(i))
		r.Late = append(r.Late, rng.IntN(9) == 0)
	}
	for left := n; left > 0; {
		k := 1 + rng.IntN(left)
		*epoch += uint64(1 + rng.IntN(2))
		r.Epochs = append(r.Epochs, Run{*epoch, k})
		left -= k
	}
	r.Batch = &vec.Batch{N: n, Cols: []*vec.Vec{ids.Finish(), names.Finish(), amounts.Finish()}}
	return r
}

func writeSegment(t testing.TB, fs vfs.FS, name string, blockRows int, parts []*Rows) Info {
	w, err := Create(fs, name, blockRows)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		if err := w.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// flat lists rows as text: position, epoch, late, rowtime, columns.
func flat(r *Rows) (out []string) {
	for i := range r.Batch.N {
		s := fmt.Sprintf("%d e%d", r.First+int64(i), r.EpochOf(i))
		if r.Late != nil && r.Late[i] {
			s += " late"
		}
		if r.Rowtime != nil {
			s += fmt.Sprintf(" @%d", r.Rowtime[i])
		}
		for _, c := range r.Batch.Cols {
			s += fmt.Sprintf(" %+v", c.Datum(i))
		}
		out = append(out, s)
	}
	return out
}

func scan(t testing.TB, fs vfs.FS, name string, o *Scan) []string {
	r, err := Open(fs, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	if err := r.Scan(o, func(r *Rows) error {
		out = append(out, flat(r)...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWriteAndScan(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fs := vfs.NewMem()
		var parts []*Rows
		at, epoch := int64(10), uint64(0)
		for range 1 + rng.IntN(8) {
			p := makeRows(rng, at, 1+rng.IntN(40), &epoch)
			parts, at = append(parts, p), p.End()
		}
		info := writeSegment(t, fs, "s", 1+rng.IntN(50), parts)
		r, err := Open(fs, "s")
		if err != nil || r.Info() != info || r.Verify() != nil || info.First != 10 || info.End != at || info.LastEpoch != epoch {
			t.Fatal(info, r.Info(), err)
		}
		r.Close()
		all := concat(parts)
		if got := scan(t, fs, "s", &Scan{Rowtime: true}); !reflect.DeepEqual(got, flat(all)) {
			t.Fatalf("seed %d:\n%v\n%v", seed, got, flat(all))
		}
		for range 20 {
			o := &Scan{From: rng.Int64N(at + 5), After: uint64(rng.IntN(int(epoch) + 2)), Rowtime: true, Columns: []int{2, 0, 3}, Types: append(testTypes, types.Bool)}
			if rng.IntN(2) == 0 {
				o.UpTo = 1 + uint64(rng.IntN(int(epoch)+2))
			}
			if rng.IntN(2) == 0 {
				o.Until = 1 + rng.Int64N(at+5)
			}
			want := *all
			want.Batch = &vec.Batch{N: all.Batch.N, Cols: []*vec.Vec{all.Batch.Cols[2], all.Batch.Cols[0], Nulls(types.Bool, all.Batch.N)}}
			var lines []string
			for i, line := range flat(&want) {
				pos, e := want.First+int64(i), want.EpochOf(i)
				if pos >= o.From && (o.Until == 0 || pos < o.Until) && e > o.After && (o.UpTo == 0 || e <= o.UpTo) {
					lines = append(lines, line)
				}
			}
			if got := scan(t, fs, "s", o); !reflect.DeepEqual(got, lines) {
				t.Fatalf("seed %d: %+v\n%v\n%v", seed, o, got, lines)
			}
		}
	}
}

func TestRangesSkipBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	epoch := uint64(0)
	fs := vfs.NewMem()
	rows := makeRows(rng, 0, 1000, &epoch)
	writeSegment(t, fs, "s", 100, []*Rows{rows})
	key := func(v *vec.Vec) []byte {
		var k rowenc.Keys
		rowenc.EncodeKeys(&k, []*vec.Vec{v}, 1, rowenc.KeyOptions{})
		return k.Key(0)
	}
	lo := key(vec.FromDatums(types.Int8, []types.Datum{types.Int(250)}))
	hi := key(vec.FromDatums(types.Int8, []types.Datum{types.Int(349)}))
	if got := scan(t, fs, "s", &Scan{Ranges: []Range{{Column: 0, Lo: lo, Hi: hi}}}); len(got) != 200 {
		t.Fatal(len(got))
	}
	long := bytes.Repeat([]byte("x"), 200)
	if m := shortenMax(long); bytes.Compare(m, long) < 0 || len(m) > statBytesMax {
		t.Fatal(m)
	}
	none := key(vec.FromDatums(types.Text, []types.Datum{types.String("o")}))
	if got := scan(t, fs, "s", &Scan{Ranges: []Range{{Column: 1, Lo: none}}}); len(got) != 0 {
		t.Fatal(len(got))
	}
}

// Every flipped bit and every cut is noticed, by Open or by reading all.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	epoch := uint64(0)
	fs := vfs.NewMem()
	writeSegment(t, fs, "s", 10, []*Rows{makeRows(rng, 0, 25, &epoch)})
	data, err := readAll(fs, "s", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, bad []byte) {
		f, _ := fs.Create("bad", writeCategory)
		_, _ = f.Write(bytes.Clone(bad))
		f.Close()
		r, err := Open(fs, "bad")
		if err == nil {
			err = r.Verify()
			r.Close()
		}
		if !sqlerr.HasCode(err, sqlerr.DataCorrupted) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for bit := range len(data) * 8 {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		try(fmt.Sprintf("bit %d of %d", bit, len(data)*8), bad)
	}
	for n := range data {
		try(fmt.Sprintf("cut at %d", n), data[:n])
	}
}

func TestManifest(t *testing.T) {
	fs := vfs.NewCrashableMem()
	if err := fs.MkdirAll("d", 0o755); err != nil {
		t.Fatal(err)
	}
	if m, err := LoadManifest(fs, "d"); m != nil || err != nil {
		t.Fatal(m, err)
	}
	m := &Manifest{Topic: 7, Next: 3, Settled: 99, Start: 5, End: 1 << 40, CompleteFrom: 2,
		Segments: []Info{{Number: 1, First: 5, End: 9, FirstEpoch: 2, LastEpoch: 4, RowtimeMin: -5, RowtimeMax: 5, Bytes: 100}}}
	if err := m.Store(fs, "d", nil); err != nil {
		t.Fatal(err)
	}
	got, err := LoadManifest(fs, "d")
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Fatal(got, err)
	}
	data := m.encode()
	for bit := range len(data) * 8 {
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := decodeManifest("m", bad); !sqlerr.HasCode(err, sqlerr.DataCorrupted) {
			t.Fatal(bit, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	epoch := uint64(0)
	fs := vfs.NewMem()
	writeSegment(f, fs, "s", 10, []*Rows{makeRows(rng, 0, 25, &epoch)})
	data, _ := readAll(fs, "s", 1<<20)
	r, _ := Open(fs, "s")
	f.Add(appendFooter(nil, r.blocks), data[:len(data)/2])
	f.Fuzz(func(t *testing.T, footer, body []byte) {
		// The footer alone, as if its checksum were right; then the whole file.
		if len(footer) > trailerBytes {
			_, _ = parseFooter("f", footer[:len(footer)-trailerBytes], 1<<20)
		}
		fs := vfs.NewMem()
		w, _ := fs.Create("x", writeCategory)
		_, _ = w.Write(append(bytes.Clone(body), footer...))
		w.Close()
		if r, err := Open(fs, "x"); err == nil {
			_ = r.Verify()
			r.Close()
		}
		_, _ = decodeManifest("m", body)
	})
}

func BenchmarkSegment(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	epoch := uint64(0)
	const n = 100_000
	rows := makeRows(rng, 0, n, &epoch)
	fs := vfs.NewMem()
	info := writeSegment(b, fs, "s", 0, []*Rows{rows})
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			writeSegment(b, fs, "w", 0, []*Rows{rows})
		}
		b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		b.ReportMetric(float64(info.Bytes)/n, "B/row")
	})
	for _, cols := range [][]int{{0}, {0, 1, 2}} {
		b.Run(fmt.Sprintf("scan/columns=%d", len(cols)), func(b *testing.B) {
			r, err := Open(fs, "s")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := r.Scan(&Scan{Columns: cols}, func(*Rows) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
