package format

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Protobuf schemas are parsed by github.com/bufbuild/protocompile, the compiler
// inside of buf: the one maintained parser of .proto text that needs no protoc
// and gives the descriptors of google.golang.org/protobuf. That module's dynamic
// messages are the oracle of the tests; rows are decoded by protoProgram.

// protoWire is how a field stands on the wire.
type protoWire uint8

const (
	protoVarint protoWire = iota // int32, int64, uint32, uint64, bool, enum
	protoZigzag                  // sint32, sint64
	protoFixed32
	protoFixed64
	protoBlob  // string, bytes, messages
	protoGroup // messages between two tags
)

// protoWell is a message type with a meaning of its own.
type protoWell uint8

const (
	wellNone protoWell = iota
	wellTimestamp
	wellDuration
	wellWrapper // a message of one scalar, which may be absent
	wellStruct
	wellValue
	wellList
)

// protoMessage is a message type; recursive ones are cycles.
type protoMessage struct {
	name     string
	fields   []*protoField // in the order of jsonb's keys
	byNumber map[int32]*protoField
	small    [32]*protoField // those with small numbers once more
	well     protoWell
}

type protoField struct {
	number   int32
	name     string
	key      []byte // `"name": `
	rank     int    // index in the message's fields
	wire     protoWire
	kind     wireKind // of scalars and of messages that stand for one
	bits32   bool     // the number has 32 bits
	unsigned bool
	enum     *protoEnum
	msg      *protoMessage
	repeated bool
	isMap    bool // msg is the entry
	presence bool // absent is not the same as zero
	oneof    int  // index in the message, -1: in none
	zero     raw  // what an absent field is
}

type protoEnum struct {
	names   map[int32][]byte
	numbers map[string]int32
}

// parseProto compiles a schema and those it imports; a text may also be a compiled
// file in base64, and the schema's a descriptor set, as it is or in base64.
func parseProto(s *Schema) (protoreflect.FileDescriptor, error) {
	if fd, ok := protoDescriptorSet(s.Text); ok {
		return fd, nil
	}
	const root = "the schema"
	texts := map[string]string{root: s.Text}
	if err := protoImports(s, texts, 0); err != nil {
		return nil, err
	}
	for _, text := range texts {
		if err := checkProtoText(text); err != nil {
			return nil, err
		}
	}
	compiler := protocompile.Compiler{
		MaxParallelism: 1,
		Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			return compilable(texts, path)
		})),
	}
	files, err := compiler.Compile(context.Background(), root)
	if err != nil {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "invalid Protobuf schema: %s", err)
	}
	return files[0], nil
}

// protoNestingMax bounds the braces of a schema, through which the compiler goes
// by recursion (protoc's own bound of nested messages is 32); other brackets,
// which may stand unpaired in comments, its length does.
const (
	protoNestingMax = 200
	protoTextMax    = 1 << 20
)

func checkProtoText(text string) error {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth > protoNestingMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "the Protobuf schema is nested more than %d deep", protoNestingMax)
		}
	}
	if len(text) > protoTextMax {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "the Protobuf schema has more than %d bytes", protoTextMax)
	}
	return nil
}

func protoImports(s *Schema, texts map[string]string, depth int) error {
	if depth > referenceDepthMax {
		return errReferenceDepth
	}
	for _, name := range referenceNames(s) {
		if _, ok := texts[name]; ok {
			continue
		}
		texts[name] = s.References[name].Text
		if err := protoImports(s.References[name], texts, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// protoDescriptorSet reads a set of compiled files, of which the last is meant.
func protoDescriptorSet(text string) (protoreflect.FileDescriptor, bool) {
	b := []byte(text)
	if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err == nil {
		b = decoded
	}
	var set descriptorpb.FileDescriptorSet
	if proto.Unmarshal(b, &set) != nil || len(set.File) == 0 || set.File[0].GetName() == "" {
		return nil, false
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, false
	}
	fd, err := files.FindFileByPath(set.File[len(set.File)-1].GetName())
	return fd, err == nil
}

// protoByName finds a message type by its full name, or by its own where that
// says which; "" is the first of the file.
func protoByName(fd protoreflect.FileDescriptor, name string) (protoreflect.MessageDescriptor, error) {
	if fd.Messages().Len() == 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "the Protobuf schema has no message type")
	}
	if name == "" {
		return fd.Messages().Get(0), nil
	}
	var found []protoreflect.MessageDescriptor
	var names []string
	seen := map[string]bool{}
	var look func(m protoreflect.MessageDescriptors)
	look = func(m protoreflect.MessageDescriptors) {
		for i := range m.Len() {
			d := m.Get(i)
			if d.IsMapEntry() {
				continue
			}
			full := string(d.FullName())
			names = append(names, full)
			if full == name || string(d.Name()) == name || strings.HasSuffix(full, "."+name) {
				found = append(found, d)
			}
			look(d.Messages())
		}
	}
	var files func(fd protoreflect.FileDescriptor)
	files = func(fd protoreflect.FileDescriptor) {
		if seen[fd.Path()] {
			return
		}
		seen[fd.Path()] = true
		look(fd.Messages())
		for i := range fd.Imports().Len() {
			files(fd.Imports().Get(i).FileDescriptor)
		}
	}
	files(fd)
	for _, d := range found {
		if string(d.FullName()) == name {
			return d, nil
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "message %q of the Protobuf schema is ambiguous", name).
			WithHint("Use its full name, such as %q.", string(found[0].FullName()))
	}
	return nil, sqlerr.New(sqlerr.UndefinedObject, "the Protobuf schema has no message %q", name).
		WithHint("%s", suggest(name, names, "Messages"))
}

// protoByIndex finds a message type by the indexes in a record.
func protoByIndex(fd protoreflect.FileDescriptor, index []int) (protoreflect.MessageDescriptor, error) {
	in := fd.Messages()
	var d protoreflect.MessageDescriptor
	for _, i := range index {
		if i >= in.Len() {
			return nil, sqlerr.New(sqlerr.InvalidBinaryRepresentation, "the Protobuf schema has no message at index %v", index)
		}
		d = in.Get(i)
		in = d.Messages()
	}
	return d, nil
}

// protoIndex is the path of indexes to a message type.
func protoIndex(d protoreflect.MessageDescriptor) []int {
	var index []int
	for at := protoreflect.Descriptor(d); ; at = at.Parent() {
		if _, ok := at.(protoreflect.MessageDescriptor); !ok {
			slices.Reverse(index)
			return index
		}
		index = append(index, at.Index())
	}
}

// protoTree makes the tree of a message type.
func protoTree(d protoreflect.MessageDescriptor) *protoMessage {
	return protoBuilder{}.message(d)
}

type protoBuilder map[protoreflect.FullName]*protoMessage

func (b protoBuilder) message(d protoreflect.MessageDescriptor) *protoMessage {
	if m, ok := b[d.FullName()]; ok {
		return m
	}
	m := &protoMessage{name: string(d.FullName()), byNumber: map[int32]*protoField{}, well: protoWells[d.FullName()]}
	b[d.FullName()] = m
	for i := range d.Fields().Len() {
		m.fields = append(m.fields, b.field(d.Fields().Get(i)))
	}
	slices.SortFunc(m.fields, func(a, b *protoField) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	for i, f := range m.fields {
		f.rank = i
		m.byNumber[f.number] = f
		if int(f.number) < len(m.small) {
			m.small[f.number] = f
		}
	}
	return m
}

var protoWells = map[protoreflect.FullName]protoWell{
	"google.protobuf.Timestamp": wellTimestamp, "google.protobuf.Duration": wellDuration,
	"google.protobuf.BoolValue": wellWrapper, "google.protobuf.Int32Value": wellWrapper, "google.protobuf.Int64Value": wellWrapper,
	"google.protobuf.UInt32Value": wellWrapper, "google.protobuf.UInt64Value": wellWrapper, "google.protobuf.FloatValue": wellWrapper,
	"google.protobuf.DoubleValue": wellWrapper, "google.protobuf.StringValue": wellWrapper, "google.protobuf.BytesValue": wellWrapper,
	"google.protobuf.Struct": wellStruct, "google.protobuf.Value": wellValue, "google.protobuf.ListValue": wellList,
}

func (m *protoMessage) field(number int32) *protoField {
	if uint32(number) < uint32(len(m.small)) {
		return m.small[number]
	}
	return m.byNumber[number]
}

func (b protoBuilder) field(d protoreflect.FieldDescriptor) *protoField {
	f := &protoField{number: int32(d.Number()), name: string(d.Name()), repeated: d.Cardinality() == protoreflect.Repeated,
		isMap: d.IsMap(), presence: d.HasPresence(), oneof: -1}
	f.key = append(types.AppendJSONString(nil, f.name), ": "...)
	if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
		f.oneof = o.Index()
	}
	f.scalar(d)
	switch d.Kind() {
	case protoreflect.EnumKind:
		f.enum = &protoEnum{names: map[int32][]byte{}, numbers: map[string]int32{}}
		for i := range d.Enum().Values().Len() {
			v := d.Enum().Values().Get(i)
			f.enum.numbers[string(v.Name())] = int32(v.Number())
			if _, alias := f.enum.names[int32(v.Number())]; !alias {
				f.enum.names[int32(v.Number())] = []byte(v.Name())
			}
		}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		f.msg = b.message(d.Message())
		switch f.msg.well {
		case wellTimestamp:
			f.kind = kindInstant
		case wellDuration:
			f.kind = kindInterval
		case wellWrapper:
			f.kind = f.msg.fields[0].kind
		}
		return f
	}
	f.setZero(d)
	return f
}

func (f *protoField) scalar(d protoreflect.FieldDescriptor) {
	switch d.Kind() {
	case protoreflect.BoolKind:
		f.kind = kindBool
	case protoreflect.EnumKind:
		f.kind = kindText
	case protoreflect.Int32Kind:
		f.kind, f.bits32 = kindInt, true
	case protoreflect.Sint32Kind:
		f.kind, f.bits32, f.wire = kindInt, true, protoZigzag
	case protoreflect.Uint32Kind:
		f.kind, f.bits32, f.unsigned = kindLong, true, true
	case protoreflect.Int64Kind:
		f.kind = kindLong
	case protoreflect.Sint64Kind:
		f.kind, f.wire = kindLong, protoZigzag
	case protoreflect.Uint64Kind:
		f.kind = kindUint
	case protoreflect.Sfixed32Kind:
		f.kind, f.wire = kindInt, protoFixed32
	case protoreflect.Fixed32Kind:
		f.kind, f.wire, f.unsigned = kindLong, protoFixed32, true
	case protoreflect.FloatKind:
		f.kind, f.wire = kindFloat, protoFixed32
	case protoreflect.Sfixed64Kind:
		f.kind, f.wire = kindLong, protoFixed64
	case protoreflect.Fixed64Kind:
		f.kind, f.wire = kindUint, protoFixed64
	case protoreflect.DoubleKind:
		f.kind, f.wire = kindDouble, protoFixed64
	case protoreflect.StringKind:
		f.kind, f.wire = kindText, protoBlob
	case protoreflect.BytesKind:
		f.kind, f.wire = kindBytes, protoBlob
	case protoreflect.MessageKind:
		f.wire = protoBlob
	case protoreflect.GroupKind:
		f.wire = protoGroup
	}
}

// setZero sets what the field is where it is absent: its default, declared or
// not. An enum's is its number.
func (f *protoField) setZero(d protoreflect.FieldDescriptor) {
	if f.repeated {
		return
	}
	if d.HasDefault() {
		f.presence = false // absent is the declared default
	}
	v := d.Default()
	switch {
	case f.enum != nil:
		if f.zero.i = int64(d.Enum().Values().Get(0).Number()); d.HasDefault() {
			f.zero.i = int64(v.Enum())
		}
	case f.kind == kindBool:
		if v.Bool() {
			f.zero.i = 1
		}
	case f.kind == kindFloat || f.kind == kindDouble:
		f.zero.f = v.Float()
	case f.kind == kindText:
		f.zero.b = []byte(v.String())
	case f.kind == kindBytes:
		f.zero.b = bytes.Clone(v.Bytes())
	default:
		switch x := v.Interface().(type) {
		case uint32:
			f.zero.i = int64(x)
		case uint64:
			f.zero.i = int64(x)
		default:
			f.zero.i = v.Int()
		}
	}
}

// natural is the SQL type of the column that a field proposes.
func (f *protoField) natural() types.Type {
	if f.isMap || f.kind == kindNone {
		return types.JSONB
	}
	t := naturalType(f.kind, 0, 0)
	if f.repeated {
		return types.ArrayOf(t)
	}
	return t
}

// what names a field's type in messages.
func (f *protoField) what() string {
	switch {
	case f.isMap:
		return "map"
	case f.msg != nil:
		return "message " + f.msg.name
	case f.enum != nil:
		return "enum"
	}
	return naturalType(f.kind, 0, 0).String()
}
