package server

import (
	"maps"
	"slices"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// partText says which part of the record a column is, where it is not a field of
// the value. The key of an upsert is where its primary key is taken from anyway.
func partText(o *catalog.Object, c catalog.Column) string {
	switch c.From {
	case catalog.FromValue:
		return ""
	case catalog.FromKey:
		if o.Format != nil && o.Format.Envelope == "upsert" && inKey(o, c.Name) {
			return ""
		}
		return " KEY"
	case catalog.FromHeaders:
		return " HEADERS"
	case catalog.FromHeader:
		return " HEADER(" + literal(c.Path) + ")"
	}
	return " METADATA FROM " + literal(string(c.From))
}

func inKey(o *catalog.Object, column string) bool {
	return slices.ContainsFunc(o.PrimaryKey, func(k int) bool { return o.Columns[k].Name == column })
}

// sourceText is what follows the columns of a source.
func sourceText(snap *catalog.Snapshot, o *catalog.Object) string {
	opts := append([]string{"connector = 'kafka'", "topic = " + literal(o.Connector.Topic)}, connectorOptions(snap, o.Connector)...)
	for _, k := range slices.Sorted(maps.Keys(o.Options)) {
		opts = append(opts, k+" = "+literal(o.Options[k]))
	}
	opts = append(opts, timeOptions(o)...)
	return "WITH (" + strings.Join(opts, ", ") + ")\n" + formatClause(o.Format)
}

// timeOptions say of which field the hidden rowtime is read.
func timeOptions(o *catalog.Object) []string {
	i := o.Rowtime()
	if i < 0 || !o.Columns[i].Hidden || o.Columns[i].From != catalog.FromValue {
		return nil
	}
	for _, c := range o.Columns {
		if c.Hidden || c.From != catalog.FromValue || c.Name != o.Columns[i].Path && c.Path != o.Columns[i].Path {
			continue
		}
		out := []string{"timestamp = " + literal(c.Name)}
		if c.Type.OID != types.OIDInt8 {
			out = append(out, "timestamp_format = "+literal("yyyy-MM-dd'T'HH:mm:ssX"))
		}
		return out
	}
	return nil
}

// createSinkText is CREATE SINK in its canonical form.
func createSinkText(snap *catalog.Snapshot, o *catalog.Object) string {
	text := "CREATE SINK " + fullName(o)
	into := snap.ByID(o.Into)
	if into != nil {
		text += " INTO " + fullName(into)
	}
	switch from := snap.ByID(o.Follows); {
	case o.SQL != "":
		text += " AS " + o.SQL
	case from != nil:
		text += " FROM " + fullName(from)
	}
	opts := connectorOptions(snap, o.Connector)
	if into == nil {
		opts = append([]string{"connector = 'kafka'", "topic = " + literal(o.Connector.Topic)}, opts...)
		if len(o.PrimaryKey) > 0 {
			var key []string
			for _, k := range o.PrimaryKey {
				key = append(key, o.Columns[k].Name)
			}
			opts = append(opts, "primary_key = "+literal(strings.Join(key, ", ")))
		}
	}
	if len(opts) > 0 {
		text += "\nWITH (" + strings.Join(opts, ", ") + ")"
	}
	if o.Format != nil {
		text += "\n" + formatClause(o.Format)
	}
	return text
}

// connectorOptions are a connector's options as they are written; of a secret
// there is only the name.
func connectorOptions(snap *catalog.Snapshot, c *catalog.Connector) []string {
	var out []string
	if o := snap.ByID(c.Connection); o != nil {
		out = append(out, "connection = "+fullName(o))
	}
	if o := snap.ByID(c.Registry); o != nil {
		out = append(out, "schema.registry.connection = "+fullName(o))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Options)) {
		v := c.Options[k]
		if confidential(k) {
			v = "********"
		}
		out = append(out, k+" = "+literal(v))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Sealed)) {
		out = append(out, k+" = "+literal("********"))
	}
	for _, k := range slices.Sorted(maps.Keys(c.Secrets)) {
		name := "?"
		if o := snap.ByID(c.Secrets[k]); o != nil {
			name = fullName(o)
		}
		out = append(out, k+" = SECRET "+name)
	}
	return out
}

// formatClause is FORMAT … ENCODE … (…) KEY ENCODE ….
func formatClause(f *catalog.Format) string {
	text := "FORMAT " + strings.ToUpper(f.Envelope) + " ENCODE " + strings.ToUpper(f.Value.Name)
	var opts []string
	for _, k := range slices.Sorted(maps.Keys(f.Value.Options)) {
		opts = append(opts, k+" = "+literal(f.Value.Options[k]))
	}
	for _, k := range slices.Sorted(maps.Keys(f.Key.Options)) {
		opts = append(opts, "key."+k+" = "+literal(f.Key.Options[k]))
	}
	if len(opts) > 0 {
		text += " (" + strings.Join(opts, ", ") + ")"
	}
	if f.Key.Name != "" {
		text += " KEY ENCODE " + strings.ToUpper(f.Key.Name)
	}
	return text
}

func literal(v string) string { return "'" + strings.ReplaceAll(v, "'", "''") + "'" }
