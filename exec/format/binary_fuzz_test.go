package format

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tarndb/tarn/sql/types"
)

const fuzzAvroSchema = `{"type":"record","name":"r","namespace":"n","fields":[
	{"name":"a","type":"int"},{"name":"b","type":["null","string"]},{"name":"c","type":{"type":"array","items":["long","null"]}},
	{"name":"d","type":{"type":"map","values":"double"}},{"name":"e","type":["null","r"]},
	{"name":"f","type":{"type":"enum","name":"en","symbols":["A","B"]}},{"name":"g","type":{"type":"fixed","name":"fx","size":3}},
	{"name":"h","type":{"type":"bytes","logicalType":"decimal","precision":30,"scale":3}},{"name":"i","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"j","type":{"type":"fixed","name":"du","size":12,"logicalType":"duration"}},{"name":"k","type":["boolean","int","string"]},
	{"name":"l","type":{"type":"array","items":"null"}},{"name":"m","type":"float"},{"name":"o","type":{"type":"array","items":{"type":"array","items":"bytes"}}}]}`

// checkDecoded fails for what no input may do: rows of unequal length, values that
// their column cannot hold, records that are neither rows nor bad.
func checkDecoded(t *testing.T, s Spec, d *Decoded, records int) {
	t.Helper()
	seen := make([]bool, records)
	for _, r := range d.Record {
		seen[r] = true
	}
	for _, b := range d.Bad {
		if seen[b.Record] || b.Err.Code == "" || b.Err.Code == "XX000" || b.Err.Code == "XX001" {
			t.Fatalf("bad record %d: %v (%s)", b.Record, b.Err, b.Err.Code)
		}
		seen[b.Record] = true
	}
	for i, ok := range seen {
		if !ok {
			t.Fatalf("record %d is gone", i)
		}
	}
	for c, col := range d.Rows.Cols {
		if col.N != d.Rows.N {
			t.Fatalf("column %d has %d rows of %d", c, col.N, d.Rows.N)
		}
		for i := range col.N {
			x := col.Datum(i)
			if x.Null {
				continue
			}
			ty := s.Columns[c].Type
			if ty.OID == types.OIDJSONB {
				if j, err := types.ParseJSONB(x.S); err != nil || j != x.S {
					t.Fatalf("column %d: %q is no jsonb: %q, %v", c, x.S, j, err)
				}
				continue
			}
			text := string(types.AppendText(nil, x, ty, nil))
			back, err := types.ParseText(text, ty, nil)
			if err != nil || !types.Equal(back, x, ty) {
				t.Fatalf("column %d: %q is no %s: %v", c, text, ty, err)
			}
		}
	}
}

// FuzzAvro: whatever the bytes, each record is a row or bad; and what the library
// reads to the end we read as the same.
func FuzzAvro(f *testing.F) {
	parsed := avro.MustParse(fuzzAvroSchema)
	node, err := avroTree(parsed)
	if err != nil {
		f.Fatal(err)
	}
	whole := Spec{Topic: "t", Value: Encoding{Name: "avro", Options: map[string]string{"schema": fuzzAvroSchema}}}
	for _, x := range node.fields {
		whole.Columns = append(whole.Columns, Column{Name: x.name, Type: x.node.natural()})
	}
	some := whole
	some.Columns = columnsOf(f, "e.e jsonb, e.b text, k int4, a int2, c _int4, none int4, e.e.a int8, h text, i text")
	one, err := parsed.Encode(map[string]any{"a": 1, "b": "x", "c": []any{int64(1), nil}, "d": map[string]any{"k": 1.5}, "e": nil, "f": "B", "g": [3]byte{1},
		"h": []byte{255, 1}, "i": int64(1), "j": [12]byte{1}, "k": "s", "l": []any{nil, nil}, "m": float32(1), "o": []any{[]any{[]byte{1}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(one)
	f.Add(one[:len(one)/2])
	f.Add([]byte("\x02\x00\x01\x10\x02\x02\x00"))
	var decs []Decoder
	for _, s := range []Spec{whole, some} {
		d, err := NewDecoder(s)
		if err != nil {
			f.Fatal(err)
		}
		decs = append(decs, d)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := recordsOf(nil, []string{string(one), string(b), string(one)})
		for i, s := range []Spec{whole, some} {
			d, err := decs[i].Decode(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			checkDecoded(t, s, d, 3)
			if i > 0 || len(d.Bad) > 0 {
				continue
			}
			var v any
			rest, err := parsed.Decode(b, &v)
			if err != nil && strings.Contains(err.Error(), "zero-byte items") {
				t.Skip("the library takes fewer nulls in a row")
			}
			if err != nil || len(rest) > 0 {
				t.Fatalf("the library refuses %x: %v", b, err)
			}
			want := avroOracle(t, parsed, node, b)
			for c, col := range s.Columns {
				whole, _ := types.JSONBGet(want, col.Name)
				got := "null"
				if x := d.Rows.Cols[c].Datum(1); !x.Null {
					if got, err = types.ToJSONB(x, col.Type, nil); err != nil {
						t.Fatal(err)
					}
				}
				if got != whole {
					t.Fatalf("%s of %x: got %s, want %s", col.Name, b, got, whole)
				}
			}
		}
	})
}

// FuzzProtobuf: as FuzzAvro.
func FuzzProtobuf(f *testing.F) {
	d := protoOf(f, protoSample, "")
	whole := Spec{Topic: "t", Value: Encoding{Name: "protobuf", Options: map[string]string{"schema": protoSample}}}
	for _, x := range protoTree(d).fields {
		whole.Columns = append(whole.Columns, Column{Name: x.name, Type: x.natural()})
	}
	some := whole
	some.Columns = columnsOf(f, "one.next.sku text, line.qty int2, kind int4, packed _int2, u64 int8, at text, any text, lines json, i32 text, line.tags _text")
	for _, seed := range []string{"", "\x08\x01", "\xaa\x01\x02\x10\x07\xaa\x01\x03\x0a\x01y", "\x9b\x3e\x08\x01\x9c\x3e", "\xba\x01\x02\x01\x02\xb8\x01\x03",
		"\xd2\x01\x05\x0a\x01k\x10\x01", "\xd2\x01\x05\n\x010\b0", "\x92\x13\x0b\x0a\x09\x0a\x01a\x12\x04\x2a\x02\x0a\x00", "\xe2\x01\x02\x08\x01\xea\x01\x02\x10\x01"} {
		f.Add([]byte(seed))
	}
	var decs []Decoder
	for _, s := range []Spec{whole, some} {
		dec, err := NewDecoder(s)
		if err != nil {
			f.Fatal(err)
		}
		decs = append(decs, dec)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := recordsOf(nil, []string{"\x08\x01", string(b), ""})
		for i, s := range []Spec{whole, some} {
			got, err := decs[i].Decode(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			checkDecoded(t, s, got, 3)
			if i > 0 || len(got.Bad) > 0 {
				continue
			}
			if !libraryReads(b, d) {
				t.Skip("the library is stricter") // nested messages that are replaced are not looked at
			}
			compareProto(t, s, got, protoOracle(t, d, b))
		}
	})
}

// libraryReads reports whether the oracle can read b. It panics at a map's entry
// whose key is there with another wire type alone.
func libraryReads(b []byte, d protoreflect.MessageDescriptor) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return proto.Unmarshal(b, dynamicpb.NewMessage(d)) == nil
}

func compareProto(t *testing.T, s Spec, d *Decoded, want string) {
	for c, col := range s.Columns {
		whole, _ := types.JSONBGet(want, col.Name)
		got := "null"
		if x := d.Rows.Cols[c].Datum(1); !x.Null {
			var err error
			if got, err = types.ToJSONB(x, col.Type, nil); err != nil {
				t.Fatal(err)
			}
		}
		if got != whole {
			t.Fatalf("%s: got %s, want %s", col.Name, got, whole)
		}
	}
}

// FuzzWireHead: records of registries, with heads of any kind.
func FuzzWireHead(f *testing.F) {
	reg := &fakeRegistry{schemas: map[int]*Schema{
		1: {ID: 1, Type: "AVRO", Text: oneField(`"int"`)}, 2: {ID: 2, Type: "PROTOBUF", Text: `syntax = "proto3"; message A { int32 a = 1; message B { string a = 1; } }`},
		3: {ID: 3, Type: "JSON", Text: `{}`}}}
	f.Add([]byte("\x00\x00\x00\x00\x01\x02"))
	f.Add([]byte("\x00\x00\x00\x00\x02\x00\x08\x01"))
	f.Add([]byte("\x00\x00\x00\x00\x02\x04\x00\x00\x0a\x01x"))
	f.Add([]byte("\x00\x00\x00\x00\x03{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"avro", "protobuf", "jsonschema"} {
			s := Spec{Topic: "t", Columns: columnsOf(t, "a text"), Value: Encoding{Name: name}, Registry: reg}
			r := recordsOf(nil, []string{string(b)})
			d := decodeAll(t, s, r)
			if name != "jsonschema" { // an array is several rows, or none
				checkDecoded(t, s, d, 1)
			}
		}
	})
}
