package copytext

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// binaryHeader is a header with the extension ext.
func binaryHeader(flags uint32, ext string) string {
	b := binary.BigEndian.AppendUint32([]byte(binarySignature), flags)
	return string(binary.BigEndian.AppendUint32(b, uint32(len(ext)))) + ext
}

// binaryRow is a row; a nil field is NULL.
func binaryRow(fields ...[]byte) string {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
	for _, f := range fields {
		if f == nil {
			b = append(b, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
	}
	return string(b)
}

const binaryTrailer = "\xff\xff"

// decodeBinary feeds data in chunks of at most so many bytes, each overwritten
// afterwards.
func decodeBinary(cols []Column, data string, most int) (batches []*vec.Batch, rows int64, err error) {
	d := NewBinaryDecoder("t", cols, nil)
	emit := func(b *vec.Batch) error { batches = append(batches, b); return nil }
	for len(data) > 0 {
		chunk := []byte(data[:min(most, len(data))])
		data = data[len(chunk):]
		if err := d.Feed(chunk, emit); err != nil {
			return nil, 0, err
		}
		clear(chunk)
	}
	rows, err = d.Finish(emit)
	return batches, rows, err
}

// Random rows of all types, sent as the types' send functions make them, are read
// as they were, wherever the data is cut.
func TestBinaryRoundTrip(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 1))
	var cols []Column
	var texts [][]string
	for name, values := range samples {
		cols = append(cols, Column{Name: name, Type: lookup(t, name)})
		texts = append(texts, values)
	}
	for round := range 40 {
		rows := 1 + rng.IntN(40)
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
		data := binaryHeader(0, strings.Repeat("x", rng.IntN(3)))
		for i := range rows {
			fields := make([][]byte, len(cols))
			for k, v := range batch.Cols {
				if !v.IsNull(i) {
					fields[k] = types.AppendBinary([]byte{}, v.Datum(i), v.Type)
				}
			}
			data += binaryRow(fields...)
		}
		if round%2 == 0 {
			data += binaryTrailer
		}
		got, n, err := decodeBinary(cols, data, 1+rng.IntN(400))
		if err != nil || n != int64(rows) {
			t.Fatalf("seed %d, round %d: %d rows, %v", seed, round, n, err)
		}
		if want, have := showRows([]*vec.Batch{batch}), showRows(got); want != have {
			t.Fatalf("seed %d, round %d:\n%s\nwant\n%s", seed, round, have, want)
		}
	}
}

func TestBinaryErrors(t *testing.T) {
	head, one := binaryHeader(0, ""), []byte{0, 0, 0, 1}
	good := binaryRow(one, []byte("x"))
	for _, c := range []struct{ data, want string }{
		{"", `ERROR 22P04 "COPY file signature not recognized" CONTEXT "COPY t, line 1"`},
		{"1\tx\n", `ERROR 22P04 "COPY file signature not recognized" CONTEXT "COPY t, line 1"`},
		{head[:13], `ERROR 22P04 "invalid COPY file header (missing flags)" CONTEXT "COPY t, line 1"`},
		{head[:17], `ERROR 22P04 "invalid COPY file header (missing length)" CONTEXT "COPY t, line 1"`},
		{binaryHeader(0, "xx")[:20], `ERROR 22P04 "invalid COPY file header (wrong length)" CONTEXT "COPY t, line 1"`},
		{head[:15] + "\x80\x00\x00\x00", `ERROR 22P04 "invalid COPY file header (missing length)" CONTEXT "COPY t, line 1"`},
		{binaryHeader(1<<16, ""), `ERROR 22P04 "invalid COPY file header (WITH OIDS)" CONTEXT "COPY t, line 1"`},
		{binaryHeader(1<<17, ""), `ERROR 22P04 "unrecognized critical flags in COPY file header" CONTEXT "COPY t, line 1"`},
		{head + good + binaryRow(one), `ERROR 22P04 "row field count is 1, expected 2" CONTEXT "COPY t, line 2"`},
		{head + good + good[:len(good)-1], `ERROR 22P04 "unexpected EOF in COPY data" CONTEXT "COPY t, line 2"`},
		{head + good + binaryTrailer + "x", `ERROR 22P04 "received copy data after EOF marker" CONTEXT "COPY t, line 2"`},
		{head + "\x00\x02\xff\xff\xff\xfe", `ERROR 22P04 "invalid field size" CONTEXT "COPY t, line 1, column a"`},
		{head + "\x00\x02\x7f\xff\xff\xff", `ERROR 54000 "row of COPY data is longer than 67108864 bytes" CONTEXT "COPY t, line 1, column a"`},
		{head + good + binaryRow([]byte{1}, []byte("x")), `ERROR 22P03 "incorrect binary data format for type integer" CONTEXT "COPY t, line 2, column a"`},
		{head + binaryRow(one, []byte("a\xff")), `ERROR 22021 "invalid byte sequence for encoding \"UTF8\": 0xff" CONTEXT "COPY t, line 1, column b"`},
		{head + binaryRow(one, []byte("a\x00")), `ERROR 22021 "invalid byte sequence for encoding \"UTF8\": 0x00" CONTEXT "COPY t, line 1, column b"`},
		{head + binaryRow(nil, []byte("a")), `ERROR 23502 "null value in column \"a\" of relation \"t\" violates not-null constraint" DETAIL "Failing row contains (null, a)." CONTEXT "COPY t, line 1"`},
		{head + good + good, "COPY 2"},
		{head + good + binaryTrailer, "COPY 1"},
		{head, "COPY 0"},
	} {
		cols := []Column{{Name: "a", Type: types.Int4, NotNull: true}, {Name: "b", Type: types.Text}}
		for _, most := range []int{len(c.data) + 1, 1} {
			_, rows, err := decodeBinary(cols, c.data, most)
			got := fmt.Sprintf("COPY %d", rows)
			if err != nil {
				got = strings.ReplaceAll(strings.TrimSpace(showError(err)), "\n", " ")
			}
			if got != c.want {
				t.Errorf("%q by %d:\n%s\nwant\n%s", c.data, most, got, c.want)
			}
		}
	}
}

// Numerics that are read without a decimal between are those that ParseBinary
// reads.
func TestNarrowBinary(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	narrow := 0
	for range 20_000 {
		b := binary.BigEndian.AppendUint16(nil, uint16(rng.IntN(6)))
		n := int(b[1])
		b = binary.BigEndian.AppendUint16(b, uint16(rng.IntN(12)-6))
		b = binary.BigEndian.AppendUint16(b, []uint16{0, 0x4000, 0xc000}[min(rng.IntN(20), 2)%3])
		b = binary.BigEndian.AppendUint16(b, uint16(rng.IntN(22)))
		for range n {
			b = binary.BigEndian.AppendUint16(b, []uint16{0, 1, 9999, uint16(rng.IntN(10_000)), uint16(rng.IntN(10_100))}[rng.IntN(5)])
		}
		v, scale, ok := narrowBinary(b)
		want, err := types.ParseBinary(b, types.Numeric)
		if !ok {
			continue
		}
		narrow++
		got := types.Datum{I: v, Scale: scale}
		if err != nil || !types.Equal(got, want, types.Numeric) || string(types.AppendText(nil, got, types.Numeric, nil)) != string(types.AppendText(nil, want, types.Numeric, nil)) {
			t.Fatalf("%x: %+v, not %+v, %v", b, got, want, err)
		}
	}
	if narrow < 1000 {
		t.Errorf("only %d numerics were narrow: the test does not test them", narrow)
	}
}

// A row of many chunks is not copied again with each of them.
func TestLongBinaryRow(t *testing.T) {
	cols := []Column{{Name: "a", Type: types.Bytea}}
	long := make([]byte, 40<<20)
	batches, rows, err := decodeBinary(cols, binaryHeader(0, "")+binaryRow(long)+binaryTrailer, 4<<10)
	if err != nil || rows != 1 || len(batches[0].Cols[0].Bytes(0)) != len(long) {
		t.Fatal(rows, err)
	}
	_, _, err = decodeBinary(cols, binaryHeader(0, "")+binaryRow(make([]byte, lineBytesMax)), 1<<20)
	if !sqlerr.HasCode(err, sqlerr.ProgramLimitExceeded) {
		t.Fatal(err)
	}
}

func FuzzDecodeBinary(f *testing.F) {
	one := []byte{0, 0, 0, 1}
	num := types.AppendBinary(nil, types.Datum{I: 1250, Scale: 2}, types.Numeric)
	f.Add([]byte(binaryHeader(0, "ext")+binaryRow(one, []byte("x"), num)+binaryRow(nil, nil, nil)+binaryTrailer), uint8(30))
	f.Add([]byte(binaryHeader(1, "")+binaryRow(one)), uint8(3))
	cols := []Column{{Name: "a", Type: types.Int4}, {Name: "b", Type: types.Text}, {Name: "c", Type: types.NumericOf(18, 2)}}
	f.Fuzz(func(t *testing.T, data []byte, most uint8) {
		whole, n, err := decodeBinary(cols, string(data), len(data)+1)
		parts, partsN, partsErr := decodeBinary(cols, string(data), int(most)+1)
		if n != partsN || (err == nil) != (partsErr == nil) || err != nil && showError(err) != showError(partsErr) || showRows(whole) != showRows(parts) {
			t.Fatalf("%q by %d: %d %v, whole: %d %v", data, int(most)+1, partsN, partsErr, n, err)
		}
	})
}
