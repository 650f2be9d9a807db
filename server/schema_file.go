package server

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/format"
)

// inlineSchemas puts the text of the files that a format's schemas are in into the
// format: what CREATE has checked is what records are read by, also when the file is
// another one later.
func inlineSchemas(f *catalog.Format, pos int) error {
	if f == nil {
		return nil
	}
	for _, e := range []*catalog.Encoding{&f.Key, &f.Value} {
		if e.Name != "avro" && e.Name != "protobuf" && e.Name != "jsonschema" {
			continue
		}
		in, err := format.InlineSchema(format.Encoding{Name: e.Name, Options: e.Options})
		if err != nil {
			return placed(err, pos)
		}
		e.Options = in.Options
	}
	return nil
}
