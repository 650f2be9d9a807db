package format

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A file's schema becomes part of the options, a compiled one as text too.
func TestInlineSchema(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := `syntax = "proto3"; package p; message A { int32 a = 1; string é = 2; }`
	fd, err := parseProto(&Schema{Text: strings.Replace(text, "é", "b", 1)})
	if err != nil {
		t.Fatal(err)
	}
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{protodesc.ToFileDescriptorProto(fd)}})
	if err != nil {
		t.Fatal(err)
	}
	set = append(set, 0x9a, 0x06, 0x01, 0xff) // an unknown field whose bytes are no text
	for _, path := range []string{write("a.proto", strings.Replace(text, "é", "b", 1)), "file://" + write("a.desc", string(set))} {
		given := Encoding{Name: "protobuf", Options: map[string]string{"Schema.Location": path, "message": "A"}}
		e, err := InlineSchema(given)
		if err != nil || e.Options["schema"] == "" || len(e.Options) != 2 || len(given.Options) != 2 || given.Options["schema"] != "" {
			t.Fatal(e, given, err)
		}
		s := Spec{Topic: "t", Columns: columnsOf(t, "a int4, b text"), Value: e}
		if got := show(decodeAll(t, s, recordsOf(nil, []string{"\x08\x07\x12\x01x"})), s.Columns); got != "0 put 7 x\n" {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"http://x/y", filepath.Join(dir, "none")} {
		if _, err := InlineSchema(Encoding{Name: "avro", Options: map[string]string{"schema.location": path}}); err == nil {
			t.Errorf("%s is read", path)
		}
	}
	if _, err := InlineSchema(Encoding{Name: "avro", Options: map[string]string{"schema": "x", "location": filepath.Join(dir, "a.proto")}}); err == nil {
		t.Error("two schemas are one too many")
	}
	if e, err := InlineSchema(Encoding{Name: "avro", Options: map[string]string{"schema": "x"}}); err != nil || e.Options["schema"] != "x" {
		t.Error(e, err)
	}
}

// Schemas that would send a parser down without end are refused.
func TestDeepSchemas(t *testing.T) {
	deep := "syntax = \"proto3\";" + strings.Repeat("message A {", 100_000) + strings.Repeat("}", 100_000)
	if _, err := parseProto(&Schema{Text: deep}); err == nil {
		t.Error("a deep .proto is taken")
	}
	if _, err := parseAvro(&Schema{Text: strings.Repeat(`{"type":"array","items":`, 100_000) + `"int"` + strings.Repeat("}", 100_000)}); err == nil {
		t.Error("a deep Avro schema is taken")
	}
	if _, err := parseJSONSchema(&Schema{Text: strings.Repeat(`{"items":`, 100_000) + `{}` + strings.Repeat("}", 100_000)}); err == nil {
		t.Error("a deep JSON Schema is taken")
	}
	round := &Schema{Text: `"int"`}
	round.References = map[string]*Schema{"a": round}
	if _, err := parseAvro(round); err != nil && !strings.Contains(err.Error(), "nested") {
		t.Error(err)
	}
}
