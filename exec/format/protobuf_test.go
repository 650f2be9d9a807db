package format

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

const protoSample = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
message Order {
  int32 i32 = 1; sint32 s32 = 2; uint32 u32 = 3; fixed32 f32 = 4; sfixed32 sf32 = 5;
  int64 i64 = 6; sint64 s64 = 7; uint64 u64 = 8; fixed64 f64 = 9; sfixed64 sf64 = 10;
  bool b = 11; float fl = 12; double d = 13; string s = 14; bytes by = 15;
  enum Kind { NONE = 0; BIG = 1; SMALL = -5; }
  Kind kind = 16;
  optional int32 maybe = 17;
  oneof pick { string left = 18; int64 right = 19; Line line = 20; }
  message Line { string sku = 1; int32 qty = 2; Line next = 3; repeated string tags = 4; }
  Line one = 21;
  repeated Line lines = 22;
  repeated int32 packed = 23;
  repeated sint64 loose = 24 [packed = false];
  repeated string texts = 25;
  map<string, int32> counts = 26;
  map<int64, Line> by_id = 27;
  google.protobuf.Timestamp at = 28;
  google.protobuf.Duration took = 29;
  google.protobuf.Int64Value wrapped = 30;
  google.protobuf.StringValue wrapped_text = 300;
  repeated google.protobuf.Timestamp ats = 301;
  google.protobuf.Struct any = 302;
  repeated Kind kinds = 303;
  map<bool, double> flags = 304;
}
message Other { int32 i32 = 1; message In { string x = 2; } }
`

func protoOf(t testing.TB, schema, message string) protoreflect.MessageDescriptor {
	t.Helper()
	d, err := protoMessageOf(&Schema{Type: "PROTOBUF", Text: schema}, message)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func protoSpec(t testing.TB, cols, schema string) Spec {
	return Spec{Topic: "t", Columns: columnsOf(t, cols), Value: Encoding{Name: "protobuf", Options: map[string]string{"schema": schema}}}
}

// protoImage encodes a message given in the library's JSON.
func protoText(t testing.TB, d protoreflect.MessageDescriptor, fill func(m protoreflect.Message)) string {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	fill(m)
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// An absent field is NULL where that can be told from zero.
func TestProtobufAbsent(t *testing.T) {
	for _, c := range []struct{ cols, value, want string }{
		{"i32 int4, s text, b bool, kind text, by bytea", "", "0 put 0  f NONE \\x\n"},
		{"maybe int4, \"left\" text, right int8, one jsonb, at timestamptz, wrapped int8, wrapped_text text, any jsonb", "", "0 put NULL NULL NULL NULL NULL NULL NULL NULL\n"},
		{"packed int4[], texts text[], lines jsonb, counts jsonb, ats timestamptz[]", "", "0 put {} {} [] {} {}\n"},
		{"one.sku text, one.next.qty int4, one.qty int4", "", "0 put NULL NULL NULL\n"},
		{"one.sku text, one.next.qty int4, one.qty int4", "\xaa\x01\x02\x10\x07", "0 put  NULL 7\n"},
		{"wrapped int8, at timestamptz, took interval", "\xf2\x01\x00\xe2\x01\x00\xea\x01\x00", "0 put 0 1970-01-01 00:00:00+00 00:00:00\n"},
		{"nothing int4, i32 text", "\x08\x05", "0 put NULL 5\n"},
		{"I32 int8, byid jsonb", "\x08\x05", "0 put 5 {}\n"},
	} {
		s := protoSpec(t, strings.ReplaceAll(c.cols, `"`, ""), protoSample)
		if got := show(decodeAll(t, s, recordsOf(nil, []string{c.value})), s.Columns); got != c.want {
			t.Errorf("%s of %x: got %q, want %q", c.cols, c.value, got, c.want)
		}
	}
}

// Values by hand: the wire's forms that an encoder would not choose.
func TestProtobufWire(t *testing.T) {
	for _, c := range []struct{ cols, value, want string }{
		{"i32 int4", "\x08\x01\x08\x02", "0 put 2\n"},                                                                               // the last holds
		{"i32 int4", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "0 put -1\n"},                                                  // ten bytes
		{"i32 int4", "\x0d\x01\x00\x00\x00", "0 put 0\n"},                                                                           // of another type: unknown
		{"packed int4[]", "\xba\x01\x02\x01\x02\xb8\x01\x03", "0 put {1,2,3}\n"},                                                    // packed and not
		{"loose int8[]", "\xc2\x01\x02\x01\x02", "0 put {-1,1}\n"},                                                                  // packed though it need not be
		{"left text, right int8, line jsonb", "\x92\x01\x01x\x98\x01\x05", "0 put NULL 5 NULL\n"},                                   // the last member
		{"left text, line jsonb", "\x92\x01\x01x\x98\x01\x05", "0 put NULL NULL\n"},                                                 // of which one is not wanted
		{"line.qty int4, left text", "\xa2\x01\x02\x10\x07\x92\x01\x01x\xa2\x01\x03\x0a\x01y", "0 put 0 NULL\n"},                    // a new message
		{"one jsonb", "\xaa\x01\x02\x10\x07\xaa\x01\x03\x0a\x01y", `0 put {"qty": 7, "sku": "y", "next": null, "tags": []}` + "\n"}, // one message
		{"one.qty int4, one.sku text", "\xaa\x01\x02\x10\x07\xaa\x01\x03\x0a\x01y", "0 put 7 y\n"},
		{"kind text, kinds text[]", "\x80\x01\x07\xfa\x12\x02\x01\x63", "0 put 7 {BIG,99}\n"}, // numbers without names
		{"kind int4, kinds int8[]", "\x80\x01\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01\xfa\x12\x02\x01\x63", "0 put -5 {1,99}\n"},
		{"u64 numeric, u32 int8", "\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\xff\xff\xff\xff\x0f", "0 put 18446744073709551615 4294967295\n"},
		{"u64 int8", "\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "0 bad 22003 field \"u64\": bigint out of range\n"},
		{"s text", "\x72\x01\xff", "0 bad 22021 field \"s\": invalid byte sequence for encoding \"UTF8\": 0xff\n"},
		{"at timestamptz", "\xe2\x01\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\x00", "0 bad 22008 field \"at\": timestamp out of range\n"},
		{"i32 int4", "\x9b\x3e\x08\x01\x9b\x3e\x9c\x3e\x9c\x3e\x08\x09", "0 put 9\n"}, // groups are skipped
		{"i32 int4, by bytea", "\xd0\x7f\x01\xd2\x7f\x02ab\xd5\x7f1234\xd1\x7f12345678\x08\x09", "0 put 9 \\x\n"},
	} {
		s := protoSpec(t, c.cols, protoSample)
		if got := show(decodeAll(t, s, recordsOf(nil, []string{c.value})), s.Columns); got != c.want {
			t.Errorf("%s of %x: got %q, want %q", c.cols, c.value, got, c.want)
		}
	}
}

func TestProtobufMalformed(t *testing.T) {
	deep := ""
	for range protoDepthMax + 1 {
		deep = string(append(append([]byte{0x1a}, appendUvarint(len(deep))...), deep...))
	}
	for _, c := range []struct{ name, cols, value, want string }{
		{"truncated number", "i32 int4", "\x08", "the record ends early"},
		{"endless number", "i32 int4", "\x08" + strings.Repeat("\xff", 11), "the record ends early"},
		{"truncated tag", "i32 int4", "\x80", "no valid number or type"},
		{"field 0", "i32 int4", "\x00\x01", "no valid number or type"},
		{"type 7", "i32 int4", "\x0f\x01", "no valid number or type"},
		{"length beyond the end", "s text", "\x72\x05a", "the record ends early"},
		{"huge length", "s text", "\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "the record ends early"},
		{"unwanted field beyond the end", "i32 int4", "\x72\x05a", "the record ends early"},
		{"open group", "i32 int4", "\x9b\x3e\x08\x01", "a group does not end"},
		{"group with another's end", "i32 int4", "\x9b\x3e\x0c", "a group does not end"},
		{"end without group", "i32 int4", "\x0c", "no valid number or type"},
		{"deep groups", "i32 int4", strings.Repeat("\x0b", 100_000), "nested more than"},
		{"deep messages", "one jsonb", "\xaa\x01" + string(appendUvarint(len(deep))) + deep, "nested more than"},
		{"packed beyond the end", "packed int4[]", "\xba\x01\x01\xff", "the record ends early"},
		{"malformed inside", "one jsonb", "\xaa\x01\x01\x08", "the record ends early"},
		{"malformed timestamp", "at timestamptz", "\xe2\x01\x01\x08", "the record ends early"},
	} {
		s := protoSpec(t, c.cols, protoSample)
		d := decodeAll(t, s, recordsOf(nil, []string{c.value}))
		if len(d.Bad) != 1 || !strings.Contains(d.Bad[0].Err.Message, c.want) {
			t.Errorf("%s: got %s", c.name, show(d, s.Columns))
		}
	}
}

func appendUvarint(n int) []byte {
	var b []byte
	for n >= 0x80 {
		b, n = append(b, byte(n)|0x80), n>>7
	}
	return append(b, byte(n))
}

// The message type is the option's, the record's, or the first.
func TestProtobufRegistry(t *testing.T) {
	common := "syntax = \"proto3\"; package c; message T { string x = 1; }"
	main := "syntax = \"proto3\"; import \"common.proto\"; message A { int32 a = 1; c.T t = 2; } message B { string a = 1; message In { bool a = 1; } }"
	reg := &fakeRegistry{schemas: map[int]*Schema{
		1: {ID: 1, Type: "PROTOBUF", Text: main, References: map[string]*Schema{"common.proto": {Text: common}}},
		2: {ID: 2, Type: "PROTOBUF", Text: "message {"},
	}}
	rec := func(id int, index []int, body string) string {
		return string(appendMessageIndex(appendWireHead(nil, id), index)) + body
	}
	values := []string{rec(1, []int{0}, "\x08\x05\x12\x03\x0a\x01z"), rec(1, []int{1}, "\x0a\x01x"), rec(1, []int{1, 0}, "\x08\x01"),
		rec(1, []int{7}, ""), rec(2, []int{0}, ""), rec(3, []int{0}, ""), "\x00\x00\x00\x00\x01", rec(1, []int{0}, "\x08\x06")}
	want := `0 put 5 z
1 put x NULL
2 put true NULL
7 put 6 NULL
3 bad 22P03 the Protobuf schema has no message at index [7]
4 bad 22023 schema 2: invalid Protobuf schema: the schema:1:9: syntax error: unexpected '{'
5 bad 42704 the schema registry has no schema with the id 3
6 bad 22P03 the record has no valid message index
`
	s := Spec{Topic: "t", Columns: columnsOf(t, "a text, t.x text"), Value: Encoding{Name: "protobuf"}, Registry: reg}
	if got := show(decodeAll(t, s, recordsOf(nil, values)), s.Columns); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	s.Value.Options = map[string]string{"message": "B"}
	if got, want := show(decodeAll(t, s, recordsOf(nil, values[:2])), s.Columns), "1 put x NULL\n0 bad 42809 the record is a message \"A\", not \"B\"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for name, want := range map[string]string{"": "shop.Order", "Order": "shop.Order", "shop.Other": "shop.Other", "In": "shop.Other.In", "google.protobuf.Timestamp": "google.protobuf.Timestamp"} {
		if d := protoOf(t, protoSample, name); string(d.FullName()) != want {
			t.Errorf("%q is %s", name, d.FullName())
		}
	}
	if _, err := protoMessageOf(&Schema{Text: protoSample}, "Ordr"); err == nil || !strings.Contains(err.Error(), `no message "Ordr"`) {
		t.Errorf("unknown message: %v", err)
	}
}

// protoRandom fills messages at random.
type protoRandom struct{ *rand.Rand }

func (r protoRandom) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if r.IntN(3) == 0 || f.Message() != nil && depth <= 0 {
			continue
		}
		switch {
		case f.IsMap():
			for range r.IntN(4) {
				v := m.Mutable(f).Map().NewValue()
				if f.MapValue().Message() != nil {
					r.fill(v.Message(), depth-1)
				} else {
					v = r.scalar(f.MapValue())
				}
				m.Mutable(f).Map().Set(r.scalar(f.MapKey()).MapKey(), v)
			}
		case f.IsList():
			for range r.IntN(4) {
				v := m.Mutable(f).List().NewElement()
				if f.Message() != nil {
					r.fill(v.Message(), depth-1)
				} else {
					v = r.scalar(f)
				}
				m.Mutable(f).List().Append(v)
			}
		case f.Message() != nil:
			r.fill(m.Mutable(f).Message(), depth-1)
		default:
			m.Set(f, r.scalar(f))
		}
	}
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		m.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(r.Int64N(1<<36)-1<<35))
		m.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(r.Int32N(1_000_000_000)))
	case "google.protobuf.Duration":
		m.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(r.Int64N(1<<36)))
		m.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(r.Int32N(1_000_000_000)))
	case "google.protobuf.Value":
		if m.WhichOneof(m.Descriptor().Oneofs().Get(0)) == nil {
			m.Set(fields.ByName("bool_value"), protoreflect.ValueOfBool(true))
		}
	}
}

func (r protoRandom) scalar(f protoreflect.FieldDescriptor) protoreflect.Value {
	n := int64(r.Uint64()) >> r.IntN(63)
	switch f.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(n&1 == 0)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum([]protoreflect.EnumNumber{0, 1, -5, 77}[r.IntN(4)])
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(r.NormFloat64()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(r.NormFloat64() * math.Pow(10, float64(r.IntN(60)-30)))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat("é\"x", r.IntN(3)) + string(rune('a'+r.IntN(4))))
	}
	return protoreflect.ValueOfBytes([]byte(strings.Repeat("\x00\xff", r.IntN(3))))
}

// protoJSON writes what the library has read as messages become jsonb.
func protoJSON(b *strings.Builder, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	text := func(t types.Type, d types.Datum) {
		j, err := types.ToJSON(d, t, nil)
		if err != nil {
			panic(err)
		}
		b.WriteString(j)
	}
	switch name := m.Descriptor().FullName(); name {
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		secs, nanos := m.Get(fields.ByNumber(1)).Int(), m.Get(fields.ByNumber(2)).Int()
		if name == "google.protobuf.Timestamp" {
			text(types.Timestamptz, types.Int(types.TimestampOfTime(time.Unix(secs, nanos))))
		} else {
			text(types.Interval, types.IntervalDatum(types.IntervalValue{Micros: secs*1_000_000 + nanos/1000}))
		}
		return
	case "google.protobuf.Int64Value", "google.protobuf.StringValue":
		protoScalar(b, fields.ByNumber(1), m.Get(fields.ByNumber(1)))
		return
	case "google.protobuf.Struct", "google.protobuf.ListValue":
		protoFieldJSON(b, m, fields.ByNumber(1))
		return
	case "google.protobuf.Value":
		if f := m.WhichOneof(m.Descriptor().Oneofs().Get(0)); f == nil || f.Name() == "null_value" {
			b.WriteString("null")
		} else {
			protoFieldJSON(b, m, f)
		}
		return
	}
	b.WriteByte('{')
	for i := range fields.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(types.AppendJSONString(nil, string(fields.Get(i).Name())))
		b.WriteByte(':')
		protoFieldJSON(b, m, fields.Get(i))
	}
	b.WriteByte('}')
}

func protoFieldJSON(b *strings.Builder, m protoreflect.Message, f protoreflect.FieldDescriptor) {
	v := m.Get(f)
	switch {
	case f.IsMap():
		b.WriteByte('{')
		first := true
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			if !first {
				b.WriteByte(',')
			}
			first = false
			b.Write(types.AppendJSONString(nil, k.String()))
			b.WriteByte(':')
			if f.MapValue().Message() != nil {
				protoJSON(b, v.Message())
			} else {
				protoScalar(b, f.MapValue(), v)
			}
			return true
		})
		b.WriteByte('}')
	case f.IsList():
		b.WriteByte('[')
		for i := range v.List().Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if f.Message() != nil {
				protoJSON(b, v.List().Get(i).Message())
			} else {
				protoScalar(b, f, v.List().Get(i))
			}
		}
		b.WriteByte(']')
	case f.HasPresence() && !m.Has(f):
		b.WriteString("null")
	case f.Message() != nil:
		protoJSON(b, v.Message())
	default:
		protoScalar(b, f, v)
	}
}

func protoScalar(b *strings.Builder, f protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch f.Kind() {
	case protoreflect.EnumKind:
		name := strconv.Itoa(int(v.Enum()))
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			name = string(d.Name())
		}
		b.Write(types.AppendJSONString(nil, name))
	case protoreflect.StringKind:
		b.Write(types.AppendJSONString(nil, v.String()))
	case protoreflect.BytesKind:
		j, _ := types.ToJSON(types.String(string(v.Bytes())), types.Bytea, nil)
		b.WriteString(j)
	case protoreflect.FloatKind:
		j, _ := types.ToJSON(types.Float(v.Float()), types.Float4, nil)
		b.WriteString(j)
	case protoreflect.DoubleKind:
		j, _ := types.ToJSON(types.Float(v.Float()), types.Float8, nil)
		b.WriteString(j)
	default:
		fmt.Fprint(b, v.Interface())
	}
}

func protoOracle(t testing.TB, d protoreflect.MessageDescriptor, image []byte) string {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	if err := proto.Unmarshal(image, m); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	protoJSON(&b, m)
	j, err := types.ParseJSONB(b.String())
	if err != nil {
		t.Fatalf("%s: %v", b.String(), err)
	}
	return j
}

// TestProtobufOracle: what random messages are to the library they are to the
// columns, also where a record is two messages in a row, which are one; and what
// is encoded from the columns is the same to the library.
func TestProtobufOracle(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := protoRandom{rand.New(rand.NewPCG(seed, 2))}
	d := protoOf(t, protoSample, "")
	tree := protoTree(d)
	for round := range 100 {
		var values, want []string
		for range 4 {
			image := ""
			for range 1 + r.IntN(2) {
				image += protoText(t, d, func(m protoreflect.Message) { r.fill(m, 4) })
			}
			values, want = append(values, image), append(want, protoOracle(t, d, []byte(image)))
		}
		s := Spec{Topic: "t", Value: Encoding{Name: "protobuf", Options: map[string]string{"schema": protoSample}}}
		for _, f := range tree.fields {
			c := Column{Name: f.name, Type: f.natural()}
			if r.IntN(3) == 0 && f.natural().OID != types.OIDText {
				c.Type = types.JSONB
			}
			s.Columns = append(s.Columns, c)
		}
		for _, path := range []string{"one.sku", "one.next.qty", "line.next.next.tags", "line.qty"} {
			c := Column{Name: "p" + path, Path: path, Type: types.Text}
			if strings.HasSuffix(path, "tags") {
				c.Type = types.TextArray
			}
			s.Columns = append(s.Columns, c)
		}
		out := decodeAll(t, s, recordsOf(nil, values))
		if len(out.Bad) > 0 {
			t.Fatalf("seed %d round %d: %v", seed, round, out.Bad[0].Err)
		}
		for i := range values {
			for c, col := range s.Columns {
				got := "null"
				if x := out.Rows.Cols[c].Datum(i); !x.Null {
					var err error
					if got, err = types.ToJSONB(x, col.Type, nil); err != nil {
						t.Fatal(err)
					}
				}
				path := []string{col.Name}
				if col.Path != "" {
					path = strings.Split(col.Path, ".")
				}
				whole, ok := types.JSONBPath(want[i], path)
				if !ok {
					whole = "null"
				}
				if strings.HasSuffix(col.Path, "qty") && whole != "null" {
					whole = `"` + whole + `"`
				}
				if got != whole {
					t.Fatalf("seed %d round %d: %x\nfield %s as %s: got %s, want %s", seed, round, values[i], col.Name, col.Type, got, whole)
				}
			}
		}
		protoRoundTrip(t, s, d, out, want)
	}
}

func protoRoundTrip(t *testing.T, s Spec, d protoreflect.MessageDescriptor, in *Decoded, want []string) {
	t.Helper()
	n := len(s.Columns) - 4 // without the paths
	s.Columns = s.Columns[:n]
	enc, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := enc.Encode(context.Background(), &vec.Batch{N: in.Rows.N, Cols: in.Rows.Cols[:n]}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got := protoOracle(t, d, out.Value.Bytes(i)); got != want[i] {
			t.Fatalf("got  %s\nwant %s", got, want[i])
		}
	}
}

// Without a schema the columns make one, which is registered.
func TestProtobufGenerated(t *testing.T) {
	reg := &fakeRegistry{}
	s := Spec{Topic: "shop.orders-1", Value: Encoding{Name: "protobuf"}, Registry: reg}
	var want []types.Datum
	for i, c := range []struct{ typ, text string }{
		{"bool", "f"}, {"int2", "-3"}, {"int4", "0"}, {"int8", "-9223372036854775808"}, {"float4", "1.5"}, {"float8", "-1e-300"},
		{"numeric", "1234567890123456789012.12345"}, {"text", ""}, {"bytea", "\\x00ff"}, {"date", "1969-12-31"}, {"time", "23:59:59.999999"},
		{"timestamp", "1900-01-01 00:00:00.000001"}, {"timestamptz", "2024-02-29 10:11:12+00"}, {"interval", "-1 mons 2 days"},
		{"uuid", "0b0e8c5e-6f2b-4e59-8f6e-0a5a5d6f7a11"}, {"jsonb", "{\"a\": 1}"}, {"_int4", "{1,2}"}, {"_text", "{a}"}, {"_timestamptz", "{\"2024-02-29 10:11:12+00\"}"},
	} {
		base, array := strings.CutPrefix(c.typ, "_")
		ty := parseType(t, base)
		if array {
			ty = types.ArrayOf(ty)
		}
		d, err := types.ParseText(c.text, ty, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.Columns, want = append(s.Columns, Column{Name: fmt.Sprintf("c%d", i), Type: ty}), append(want, d)
	}
	rows := &vec.Batch{N: 2}
	for i, c := range s.Columns {
		rows.Cols = append(rows.Cols, vec.FromDatums(c.Type, []types.Datum{want[i], types.NullDatum}))
	}
	enc, err := NewEncoder(s)
	if err != nil {
		t.Fatal(err)
	}
	out, err := enc.Encode(context.Background(), rows, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := decodeAll(t, s, &topic.Records{Offset: []int64{0, 1}, Time: []int64{0, 0}, Key: out.Key, Value: out.Value, Next: 2})
	if len(d.Bad) > 0 {
		t.Fatal(d.Bad[0].Err)
	}
	for i, c := range s.Columns {
		if got := d.Rows.Cols[i].Datum(0); !types.Equal(got, want[i], c.Type) {
			t.Errorf("%s: got %s", c.Type, types.AppendText(nil, got, c.Type, nil))
		}
		if absent := d.Rows.Cols[i].Datum(1); !absent.Null && !c.Type.IsArray() {
			t.Errorf("%s: NULL has become something", c.Type)
		}
	}
	inferred, err := inferProtobuf(context.Background(), part{Topic: s.Topic, Registry: reg}, nil)
	if err != nil || len(inferred) != len(s.Columns) || inferred[12].Type != types.Timestamptz || inferred[16].Type != types.Int4Array || inferred[3].Name != "c3" {
		t.Errorf("inferred %v, %v", inferred, err)
	}
}
