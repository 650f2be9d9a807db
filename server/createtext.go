package server

import (
	"sort"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/types"
)

// createText is the canonical statement that makes an object.
func createText(snap *catalog.Snapshot, o *catalog.Object) string {
	var b strings.Builder
	name := fullName(o)
	switch o.Kind {
	case catalog.Sink:
		return createSinkText(snap, o)
	case catalog.Connection:
		return "CREATE CONNECTION " + name + " WITH (" + strings.Join(append([]string{"type = " + literal(o.Connector.Type)}, connectorOptions(snap, o.Connector)...), ", ") + ")"
	case catalog.Secret:
		return "CREATE SECRET " + name + " AS '********'"
	case catalog.View:
		return "CREATE VIEW " + name + " AS " + o.SQL
	case catalog.MatView:
		return "CREATE MATERIALIZED VIEW " + name + withText(o) + " AS " + o.SQL
	case catalog.System:
		return ""
	}
	kind := words(o.Kind)
	if o.IsSource() && o.Kind == catalog.Stream {
		kind = "SOURCE"
	}
	b.WriteString("CREATE " + kind + " " + name + " (\n")
	var lines []string
	for _, c := range o.Columns {
		if c.Hidden {
			continue
		}
		line := "  " + ast.QuoteIdent(c.Name) + " " + c.Type.String()
		if c.Default != "" {
			line += " DEFAULT " + c.Default
		}
		if c.Generated != "" {
			line += " GENERATED ALWAYS AS (" + c.Generated + ") STORED"
		}
		if c.NotNull {
			line += " NOT NULL"
		}
		lines = append(lines, line+partText(o, c))
	}
	if len(o.PrimaryKey) > 0 {
		var keys []string
		for _, k := range o.PrimaryKey {
			keys = append(keys, ast.QuoteIdent(o.Columns[k].Name))
		}
		lines = append(lines, "  CONSTRAINT "+ast.QuoteIdent(o.PrimaryKeyName)+" PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	}
	for _, c := range o.Checks {
		lines = append(lines, "  CONSTRAINT "+ast.QuoteIdent(c.Name)+" CHECK ("+c.Expr+")")
	}
	if w := o.Watermark; w != nil && !o.Columns[w.Column].Hidden {
		c := ast.QuoteIdent(o.Columns[w.Column].Name)
		line := "  WATERMARK FOR " + c + " AS " + c + " - " + micros(w.DelayMicros)
		if w.IdleMicros > 0 {
			line += " IDLE TIMEOUT " + micros(w.IdleMicros)
		}
		lines = append(lines, line)
	}
	b.WriteString(strings.Join(lines, ",\n") + "\n)")
	if o.IsSource() {
		b.WriteString("\n" + sourceText(snap, o))
	} else {
		b.WriteString(withText(o))
	}
	return b.String()
}

func fullName(o *catalog.Object) string {
	return ast.QuoteIdent(o.Schema) + "." + ast.QuoteIdent(o.Name)
}

func withText(o *catalog.Object) string {
	if len(o.Options) == 0 {
		return ""
	}
	var parts []string
	for k, v := range o.Options {
		parts = append(parts, k+" = '"+strings.ReplaceAll(v, "'", "''")+"'")
	}
	sort.Strings(parts)
	return " WITH (" + strings.Join(parts, ", ") + ")"
}

// micros is a duration as an interval literal.
func micros(us int64) string {
	iv := types.IntervalValue{Micros: us}
	d := types.String(string(types.AppendInterval(nil, iv)))
	return "INTERVAL '" + string(types.AppendText(nil, d, types.Interval, nil)) + "'"
}
