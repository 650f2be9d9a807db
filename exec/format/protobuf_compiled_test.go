package format

import (
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
)

// TestProtobufCompiled: a schema and what it refers to may have been registered
// compiled, each on its own, under names that only their writer knows.
func TestProtobufCompiled(t *testing.T) {
	common := "syntax = \"proto3\"; package c; message T { string x = 1; }"
	main := "syntax = \"proto3\"; import \"common.proto\"; import \"google/protobuf/timestamp.proto\"; message A { c.T t = 1; google.protobuf.Timestamp at = 2; }"
	refs := map[string]*Schema{"common.proto": {Text: common}}
	compiled := func(s *Schema) string {
		fd, err := parseProto(s)
		if err != nil {
			t.Fatal(err)
		}
		file := protodesc.ToFileDescriptorProto(fd)
		file.Name = proto.String("writers/own.proto")
		b, err := proto.Marshal(file)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	both := compiled(&Schema{Text: main, References: refs})
	for name, s := range map[string]*Schema{
		"schema":    {Text: both, References: refs},
		"reference": {Text: main, References: map[string]*Schema{"common.proto": {Text: compiled(&Schema{Text: common})}}},
		"both":      {Text: both, References: map[string]*Schema{"common.proto": {Text: compiled(&Schema{Text: common})}}},
	} {
		m, err := protoMessageOf(s, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f := m.Fields()
		if m.Name() != "A" || f.Len() != 2 || f.Get(0).Message().FullName() != "c.T" || f.Get(1).Message().FullName() != "google.protobuf.Timestamp" {
			t.Errorf("%s: %v", name, m)
		}
	}
	for _, text := range []string{both, strings.Repeat("A", 8), base64.StdEncoding.EncodeToString([]byte("\x22\x01"))} {
		if _, err := parseProto(&Schema{Text: text}); err == nil {
			t.Errorf("%q: no error without what it refers to", text)
		}
	}
}
