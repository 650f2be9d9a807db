package copytext

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// samples has values of every type that a column can have, odd ones first.
var samples = map[string][]string{
	"bool":          {"t", "f"},
	"int2":          {"-32768", "32767", "0"},
	"int4":          {"-2147483648", "7"},
	"int8":          {"-9223372036854775808", "9223372036854775807", "12"},
	"float4":        {"NaN", "-Infinity", "1.1", "-0"},
	"float8":        {"NaN", "Infinity", "1e-300", "0.1"},
	"numeric":       {"NaN", "-Infinity", "0.00", "-12.50", "123456789012345678901234567890.5"},
	"numeric(18,2)": {"NaN", "-0.01", "9999999999999999.99", "12.50"},
	"text":          {"", `\N`, `\.`, "a\tb\nc\rd\\e\"f,g", "é😀", " ", "NULL"},
	"varchar(5)":    {"", "ééééé", "a\nb"},
	"char(4)":       {"a", "ab\\c"},
	"name":          {"x"},
	"bytea":         {`\x`, `\x00ff5c`},
	"date":          {"-infinity", "0044-03-15 BC", "2026-03-01"},
	"time":          {"00:00:00", "24:00:00", "10:11:12.000001"},
	"timestamp":     {"infinity", "2026-03-01 10:00:00.5", "0044-03-15 00:00:00 BC"},
	"timestamptz":   {"-infinity", "2026-07-01 10:00:00.000001+00", "12026-03-01 10:00:00+00"},
	"interval":      {"1 year -3 mons 2 days -04:05:06.7", "00:00:00"},
	"uuid":          {"00112233-4455-6677-8899-aabbccddeeff"},
	"json":          {`{"a" : "x\ty"}`},
	"jsonb":         {`{"a": "x\ty\"z"}`, "null"},
	"int4[]":        {"{}", "{1,NULL,-3}", "{{1,2},{3,4}}"},
	"text[]":        {`{"a b","c\"d","e\\f",NULL,"NULL"}`},
	"timestamptz[]": {`{"2026-03-01 10:00:00+00"}`},
}

func lookup(t testing.TB, name string) types.Type {
	base, array := strings.CutSuffix(name, "[]")
	c := copyCase{columns: "a " + base}
	typ := c.cols(t)[0].Type
	if array {
		typ = types.ArrayOf(typ)
	}
	return typ
}

// TestRoundTrip writes random rows of all types and reads them again, in all
// formats and two zones, cut at random places.
func TestRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	zone, err := types.LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	var cols []Column
	var texts [][]string
	for name, values := range samples {
		cols = append(cols, Column{Name: name, Type: lookup(t, name)})
		texts = append(texts, values)
	}
	for round := range 60 {
		env := types.NewEnv()
		if round%2 == 1 {
			env.TimeZone = zone
		}
		o := Defaults(round%3 > 0)
		if round%3 == 2 {
			o.Quote, o.Escape, o.Delimiter, o.Null = '\'', '\\', '|', "NULL"
		}
		if round%5 == 0 {
			o.Header = HeaderMatch
		}
		const rows = 30
		batch := &vec.Batch{N: rows}
		for i, c := range cols {
			b := vec.NewBuilder(c.Type, rows)
			for range rows {
				if rng.IntN(5) == 0 {
					b.Null()
					continue
				}
				d, err := types.ParseText(texts[i][rng.IntN(len(texts[i]))], c.Type, types.NewEnv())
				if err != nil {
					t.Fatal(c.Name, err)
				}
				b.Datum(d)
			}
			batch.Cols = append(batch.Cols, b.Finish())
		}
		out := o
		if o.Header == HeaderMatch {
			out.Header = HeaderOn
		}
		e := NewEncoder(out, cols, env)
		data := e.Header(nil)
		for i := range rows {
			data = e.AppendRow(data, batch, i)
		}
		var got []*vec.Batch
		d := NewDecoder(o, "t", cols, env)
		emit := func(b *vec.Batch) error { got = append(got, b); return nil }
		for rest := data; len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 200))
			if err := d.Feed(rest[:n:n], emit); err != nil {
				t.Fatalf("seed %d, round %d: %v, %s\n%s", seed, round, err, sqlerr.From(err).Where, data)
			}
			rest = rest[n:]
		}
		if n, err := d.Finish(emit); n != rows || err != nil {
			t.Fatalf("seed %d, round %d: %d rows, %v", seed, round, n, err)
		}
		want, have := showRows([]*vec.Batch{batch}), showRows(got)
		if want != have {
			t.Fatalf("seed %d, round %d:\n%s\nwant\n%s\ndata\n%s", seed, round, have, want, data)
		}
	}
}

func TestBatches(t *testing.T) {
	cols := []Column{{Name: "a", Type: types.Int8}, {Name: "b", Type: types.Text}}
	var data []byte
	const rows = 3*batchRowsMax + 5
	for i := range rows {
		if i%7 == 0 {
			data = append(data, "\\N\tx\n"...)
		} else {
			data = append(data, "12345678\tsome \\\\ text\n"...)
		}
	}
	batches, n, err := decodeAll(Defaults(false), cols, data[:100], data[100:70000], data[70000:])
	if err != nil || n != rows || len(batches) != 4 {
		t.Fatal(len(batches), n, err)
	}
	row := 0
	for _, b := range batches {
		for i := range b.N {
			want, text := "12345678", `some \ text`
			if row%7 == 0 {
				want, text = "", "x"
			}
			if null := b.Cols[0].IsNull(i); null != (want == "") || !null && b.Cols[0].Ints[i] != 12345678 || string(b.Cols[1].Bytes(i)) != text {
				t.Fatalf("row %d: %v %q", row, b.Cols[0].Datum(i), b.Cols[1].Bytes(i))
			}
			row++
		}
	}
}

// An error of emit comes back as it is, and ends the decode.
func TestEmitError(t *testing.T) {
	boom := errors.New("boom")
	d := NewDecoder(Defaults(false), "t", []Column{{Name: "a", Type: types.Int4}}, nil)
	emit := func(*vec.Batch) error { return boom }
	if err := d.Feed(bytes.Repeat([]byte("1\n"), batchRowsMax+1), emit); err != boom {
		t.Fatal(err)
	}
	if err := d.Feed([]byte("1\n"), emit); err != boom {
		t.Fatal(err)
	}
	if _, err := d.Finish(emit); err != boom {
		t.Fatal(err)
	}
}

func TestLineTooLong(t *testing.T) {
	for _, csv := range []bool{false, true} {
		d := NewDecoder(Defaults(csv), "t", []Column{{Name: "a", Type: types.Text}}, nil)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		var err error
		for i := 0; err == nil && i < 70; i++ {
			err = d.Feed(chunk, func(*vec.Batch) error { return nil })
		}
		if !sqlerr.HasCode(err, sqlerr.ProgramLimitExceeded) || sqlerr.From(err).Where != "COPY t, line 1" {
			t.Fatal(err)
		}
	}
}

// Large values take time in proportion, also in small chunks.
func TestLongLine(t *testing.T) {
	d := NewDecoder(Defaults(true), "t", []Column{{Name: "a", Type: types.Text}}, nil)
	n := 0
	emit := func(b *vec.Batch) error { n += len(b.Cols[0].Data); return nil }
	chunk := bytes.Repeat([]byte("line\n"), 1000)
	_ = d.Feed([]byte(`"`), emit)
	for range 4000 {
		if err := d.Feed(chunk, emit); err != nil {
			t.Fatal(err)
		}
	}
	_ = d.Feed([]byte("\"\n"), emit)
	if rows, err := d.Finish(emit); rows != 1 || err != nil || n != 4000*len(chunk) {
		t.Fatal(rows, err, n)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"1\tx\n", "1,\"x\ny\"\r\n\\.\r\n", "\\N\t\\x41\\\n", "\"a\"\"b\",\\.\n"} {
		f.Add([]byte(s), uint8(3), uint8(0))
		f.Add([]byte(s), uint8(1), uint8(1))
	}
	cols := []Column{{Name: "a", Type: types.Text}, {Name: "b", Type: types.Text, NotNull: true}}
	f.Fuzz(func(t *testing.T, data []byte, cut, mode uint8) {
		o := Defaults(mode&1 == 1)
		if mode&2 != 0 && o.CSV {
			o.Escape = '\\'
		}
		if mode&4 != 0 {
			o.Delimiter = '|'
		}
		if mode&8 != 0 {
			o.Null = ""
		}
		whole, n, err := decodeAll(o, cols, data)
		k := min(int(cut), len(data))
		cutBatches, cutN, cutErr := decodeAll(o, cols, data[:k], data[k:])
		if n != cutN || (err == nil) != (cutErr == nil) || err != nil && showError(err) != showError(cutErr) || showRows(whole) != showRows(cutBatches) {
			t.Fatalf("%q cut at %d: %d %v, whole: %d %v", data, k, cutN, cutErr, n, err)
		}
		if err != nil {
			return
		}
		// What was read is written so that it reads the same.
		again, _, err := decodeAll(o, cols, encodeAll(o, cols, whole))
		if err != nil || showRows(again) != showRows(whole) {
			t.Fatalf("%q: %v\n%s\nthen\n%s", data, err, showRows(whole), showRows(again))
		}
	})
}
