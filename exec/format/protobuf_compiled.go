package format

import (
	"encoding/base64"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// compiledProto reads one compiled file in base64: what Confluent's clients register
// whose programs have no text of their messages. Confluent's registry gives the
// text back, others what they were given.
func compiledProto(text string) (*descriptorpb.FileDescriptorProto, bool) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(b) == 0 {
		return nil, false
	}
	file := &descriptorpb.FileDescriptorProto{}
	if (proto.UnmarshalOptions{RecursionLimit: protoNestingMax}).Unmarshal(b, file) != nil {
		return nil, false
	}
	return file, len(file.MessageType) > 0 || len(file.EnumType) > 0
}

// compilable finds one of the files of a schema for the compiler, be it text or
// compiled.
func compilable(texts map[string]string, path string) (protocompile.SearchResult, error) {
	text, ok := texts[path]
	if !ok {
		return protocompile.SearchResult{}, sqlerr.New(sqlerr.UndefinedObject, "no schema is referred to as %q", path)
	}
	if file, ok := compiledProto(text); ok {
		file.Name = &path // it had the one of its writer
		return protocompile.SearchResult{Proto: file}, nil
	}
	return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
}
