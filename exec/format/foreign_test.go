package format

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// foreign is a library that reads a record of one field, a, and writes it again.
type foreign struct {
	encoding string
	read     func(t *testing.T, reg *fakeRegistry, record []byte) (value any, again []byte)
}

func foreigners() []foreign {
	return []foreign{
		{"json", func(t *testing.T, _ *fakeRegistry, record []byte) (any, []byte) {
			var m map[string]any
			d := json.NewDecoder(bytes.NewReader(record))
			d.UseNumber()
			if err := d.Decode(&m); err != nil {
				t.Fatalf("%s: %v", record, err)
			}
			again, err := json.MarshalIndent(m, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			return m["a"], again
		}},
		{"csv", func(t *testing.T, _ *fakeRegistry, record []byte) (any, []byte) {
			fields, err := csv.NewReader(bytes.NewReader(record)).Read()
			if err != nil || len(fields) != 2 {
				t.Fatalf("%q: %q, %v", record, fields, err)
			}
			var b bytes.Buffer
			w := csv.NewWriter(&b)
			_ = w.Write(fields)
			w.Flush()
			return fields[0], b.Bytes()
		}},
		{"avro", func(t *testing.T, reg *fakeRegistry, record []byte) (any, []byte) {
			parsed, err := avro.Parse(reg.latest["t-value"].Text)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if rest, err := parsed.Decode(record[5:], &v); err != nil || len(rest) > 0 {
				t.Fatalf("%x: %v, %d bytes left", record, err, len(rest))
			}
			again, err := parsed.Encode(v)
			if err != nil {
				t.Fatal(err)
			}
			return v.(map[string]any)["a"], append(record[:5:5], again...)
		}},
		{"protobuf", func(t *testing.T, reg *fakeRegistry, record []byte) (any, []byte) {
			d := protoOf(t, reg.latest["t-value"].Text, "")
			m := dynamicpb.NewMessage(d)
			if err := proto.Unmarshal(record[6:], m); err != nil {
				t.Fatalf("%x: %v", record, err)
			}
			again, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			f := d.Fields().ByName("a")
			if f.HasPresence() && !m.Has(f) {
				return nil, append(record[:6:6], again...)
			}
			return protoAny(f, m.Get(f)), append(record[:6:6], again...)
		}},
	}
}

// protoAny is a field's value as plain Go.
func protoAny(f protoreflect.FieldDescriptor, v protoreflect.Value) any {
	if f.IsList() {
		list := []any{}
		for i := range v.List().Len() {
			list = append(list, protoOne(v.List().Get(i)))
		}
		return list
	}
	return protoOne(v)
}

func protoOne(v protoreflect.Value) any {
	m, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return v.Interface()
	}
	fs := m.Descriptor().Fields()
	seconds, nanos := m.Get(fs.ByName("seconds")).Int(), m.Get(fs.ByName("nanos")).Int()
	return time.Unix(seconds, nanos).UTC() // google.protobuf.Timestamp
}

// TestForeign: each value of each type is to libraries of others what it is here,
// and what they write of it is read as the same.
func TestForeign(t *testing.T) {
	for _, f := range foreigners() {
		for _, v := range conformanceValues {
			ty := parseColumnType(t, v.typ)
			for _, text := range append(v.values[:len(v.values):len(v.values)], none) {
				if f.encoding == "protobuf" && ty.IsArray() && (text == none || strings.Contains(text, "NULL")) {
					continue // repeated fields have no nulls
				}
				foreignRoundTrip(t, f, ty, v.typ, text)
			}
		}
	}
}

func foreignRoundTrip(t *testing.T, f foreign, ty types.Type, typ, text string) {
	t.Helper()
	name := fmt.Sprintf("%s %s %s", f.encoding, typ, text)
	d := types.NullDatum
	if text != none {
		var err error
		if d, err = types.ParseText(text, ty, nil); err != nil {
			t.Fatal(err)
		}
	}
	reg := &fakeRegistry{}
	s := Spec{Topic: "t", Columns: []Column{{Name: "a", Type: ty}}, Value: Encoding{Name: f.encoding}, Registry: reg}
	rows := &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(ty, []types.Datum{d})}}
	if f.encoding == "csv" { // a line with one field that is NULL is none
		s.Columns = append(s.Columns, Column{Name: "b", Type: types.Int4})
		rows.Cols = append(rows.Cols, vec.FromDatums(types.Int4, []types.Datum{types.Int(1)}))
	}
	e, err := NewEncoder(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out, err := e.Encode(context.Background(), rows, nil, nil)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	value, again := f.read(t, reg, out.Value.Bytes(0))
	want := "nothing"
	if text != none {
		want = meaning(t, ty, text)
	}
	got := "nothing"
	if value != nil && !(f.encoding == "csv" && value == "" && text == none) {
		got = meaning(t, ty, value)
	}
	if f.encoding == "csv" { // encoding/csv makes of each line break the short one
		want = strings.ReplaceAll(want, "\r\n", "\n")
	}
	if got != want {
		t.Errorf("%s: it is %s to others, by way of %q", name, got, out.Value.Bytes(0))
	}
	if f.encoding == "csv" && len(fmt.Sprint(value)) == 0 {
		return // encoding/csv writes no quotes around nothing, which is NULL here
	}
	back := decodeAll(t, s, recordsOf(nil, []string{string(again)}))
	if len(back.Bad) > 0 || back.Rows.N != 1 {
		t.Errorf("%s: %q: %v", name, again, back.Bad)
		return
	}
	x := back.Rows.Cols[0].Datum(0)
	if x.Null != d.Null {
		t.Errorf("%s: NULL? %v, by way of %q", name, x.Null, again)
	} else if text := string(types.AppendText(nil, x, ty, nil)); !x.Null && meaning(t, ty, text) != want {
		t.Errorf("%s: it has come back as %s, by way of %q", name, text, again)
	}
}

// iso are the intervals of the table as others know them.
var iso = map[string]string{"P1Y2M3DT4H5M6.789S": "1 year 2 mons 3 days 04:05:06.789", "P-1DT0.000001S": "-1 days +00:00:00.000001",
	"-1 days 00:00:00.000001": "-1 days +00:00:00.000001", "PT0S": "00:00:00"}

// meaning is a value of another library, or the text of one of ours, in words that
// are the same for the same value.
func meaning(t *testing.T, ty types.Type, v any) string {
	t.Helper()
	if text, ok := v.(string); ok && ty.IsArray() { // only texts and CSV write arrays so
		d, err := types.ParseText(text, ty, nil)
		if err != nil {
			t.Fatal(err)
		}
		j, err := types.ToJSON(d, ty, nil)
		if err != nil {
			t.Fatal(err)
		}
		var list []any
		dec := json.NewDecoder(strings.NewReader(j))
		dec.UseNumber()
		if err := dec.Decode(&list); err != nil {
			t.Fatal(err)
		}
		v = list
	}
	if list, ok := v.([]any); ok && (ty.IsArray() || ty.OID != types.OIDJSON && ty.OID != types.OIDJSONB) {
		var out []string
		for _, x := range list {
			if x == nil {
				out = append(out, "nothing")
				continue
			}
			out = append(out, meaning(t, types.ElemOf(ty), x))
		}
		return "[" + strings.Join(out, " ") + "]"
	}
	stamp := func(x time.Time) string {
		if ty.OID == types.OIDDate {
			return x.UTC().Format("2006-01-02")
		}
		return x.UTC().Format("2006-01-02T15:04:05.999999999")
	}
	switch x := v.(type) {
	case []byte:
		if ty.OID == types.OIDBytea {
			return hex.EncodeToString(x)
		}
		return fmt.Sprint(x)
	case time.Time:
		return stamp(x)
	case time.Duration:
		return time.Time{}.Add(x).Format("15:04:05.999999")
	case *big.Rat:
		return x.RatString()
	}
	text := fmt.Sprint(v)
	switch ty.OID {
	case types.OIDBool:
		return strings.TrimSuffix(strings.TrimSuffix(text, "rue"), "alse")
	case types.OIDFloat4, types.OIDFloat8:
		bits := 64
		if ty.OID == types.OIDFloat4 {
			bits = 32
		}
		x, err := strconv.ParseFloat(text, bits)
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatFloat(x, 'g', -1, bits)
	case types.OIDNumeric:
		x, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("numeric %q", text)
		}
		return x.RatString()
	case types.OIDBytea:
		if digits, ok := strings.CutPrefix(text, `\x`); ok {
			return digits
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(b)
	case types.OIDTimestamp, types.OIDTimestamptz:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999"} {
			if x, err := time.Parse(layout, text); err == nil {
				return stamp(x)
			}
		}
		t.Fatalf("time %q", text)
	case types.OIDInterval:
		if long, ok := iso[text]; ok {
			return long
		}
	case types.OIDJSON, types.OIDJSONB:
		if text, ok := v.(string); ok {
			d := json.NewDecoder(strings.NewReader(text))
			d.UseNumber()
			if err := d.Decode(&v); err != nil {
				v = text // a string that has been taken out of its quotes
			}
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	return text
}

// TestPrimitives: what Kafka's own serializers write, in both directions.
func TestPrimitives(t *testing.T) {
	for _, c := range []struct{ typ, text, bytes string }{
		{"int2", "-2", "\xff\xfe"}, {"int4", "7", "\x00\x00\x00\x07"}, {"int8", "-9223372036854775808", "\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"float4", "1.5", "\x3f\xc0\x00\x00"}, {"float8", "-2", "\xc0\x00\x00\x00\x00\x00\x00\x00"}, {"float8", "NaN", "\x7f\xf8\x00\x00\x00\x00\x00\x01"},
		{"bool", "t", "\x01"}, {"bool", "f", "\x00"}, {"text", "é", "\xc3\xa9"}, {"text", "", ""}, {"bytea", "\\x00ff", "\x00\xff"},
		{"uuid", "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11", "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11"},
	} {
		s := Spec{Columns: []Column{{Name: "a", Type: parseColumnType(t, c.typ)}}, Value: Encoding{Name: "kafka"}}
		if got := show(decodeAll(t, s, recordsOf(nil, []string{c.bytes})), s.Columns); got != "0 put "+c.text+"\n" {
			t.Errorf("%s %q is read as %s", c.typ, c.bytes, got)
		}
		d, err := types.ParseText(c.text, s.Columns[0].Type, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := NewEncoder(s)
		if err != nil {
			t.Fatal(err)
		}
		out, err := e.Encode(context.Background(), &vec.Batch{N: 1, Cols: []*vec.Vec{vec.FromDatums(s.Columns[0].Type, []types.Datum{d})}}, nil, nil)
		if err != nil || c.text != "NaN" && string(out.Value.Bytes(0)) != c.bytes {
			t.Errorf("%s %s is written as %q, %v", c.typ, c.text, out.Value.Bytes(0), err)
		}
	}
}
