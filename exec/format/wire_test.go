package format

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/types"
)

// validText is UTF-8 without zero bytes, wherever the odd byte stands.
func TestValidText(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				b := bytes.Repeat([]byte("\x01"), length)
				b[at] = byte(c)
				if got, want := validText(b), utf8.Valid(b) && c != 0; got != want {
					t.Fatalf("%x: %v", b, got)
				}
			}
		}
	}
	for _, s := range []string{"éé日本語 and more 😀", "1234567é", "12345678é", "123456é\x00"} {
		if got, want := validText([]byte(s)), !bytes.Contains([]byte(s), []byte{0}); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// Members come in jsonb's order, and of equal ones the last stays.
func TestJSONTextObjects(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var j jsonText
	for range 1000 {
		j.reset(100)
		var want bytes.Buffer
		want.WriteByte('{')
		mark, at := j.begin(), len(j.buf)
		for i := range r.IntN(6) {
			key := []byte([]string{"a", "bb", "b", "é", "q\"", "", "long name"}[r.IntN(7)])
			if i > 0 {
				want.WriteByte(',')
			}
			want.Write(types.AppendJSONString(nil, string(key)))
			want.WriteString(":1")
			seg := len(j.segs)
			j.member(key)
			j.buf = append(j.buf, '1')
			j.done(seg)
		}
		want.WriteByte('}')
		if err := j.end(mark, at); err != nil {
			t.Fatal(err)
		}
		if norm, err := types.ParseJSONB(want.String()); err != nil || norm != string(j.buf) {
			t.Fatalf("got %s, want %s (%v)", j.buf, norm, err)
		}
	}
	j.reset(0)
	for len(j.buf) <= j.max {
		j.buf = append(j.buf, "xxxxxxxxxxxxxxxxxxxx"...)
	}
	if j.check() == nil {
		t.Error("a text grows without bound")
	}
}

// Arrays have the image that types gives them.
func TestArrayImage(t *testing.T) {
	for _, c := range []struct {
		elem types.Type
		d    []types.Datum
	}{
		{types.Int4, []types.Datum{types.Int(-5), types.NullDatum, types.Int(1 << 30)}},
		{types.Bool, []types.Datum{types.Boolean(true), types.Boolean(false)}},
		{types.Float8, []types.Datum{types.Float(-1.5)}},
		{types.Text, []types.Datum{types.String(""), types.String("abc"), types.NullDatum}},
		{types.Numeric, []types.Datum{types.NumericFromUnscaled(-125, 2), types.NullDatum}},
		{types.Int8, nil},
	} {
		var a arrayImage
		a.reset(c.elem)
		for _, d := range c.d {
			if d.Null {
				a.null()
			} else {
				a.value(d)
			}
		}
		if want := types.AppendArray(nil, types.NewArray(c.elem, c.d)); !bytes.Equal(a.bytes(), want) {
			t.Errorf("%s: got %x, want %x", c.elem, a.bytes(), want)
		}
	}
}
