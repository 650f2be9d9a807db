package pgcatalog

import (
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/types"
)

// Texts of definitions, as pg_get_…def give them. A pretty text leaves out what
// is not needed to read it: parentheses, schemas in the search path.

func qualified(schema, name string) string {
	return ast.QuoteIdent(schema) + "." + ast.QuoteIdent(name)
}

// indexDef is CREATE UNIQUE INDEX of r, whose table is called table.
func indexDef(r *relation, table string) string {
	return "CREATE UNIQUE INDEX " + ast.QuoteIdent(r.name) + " ON " + table + " USING btree (" + columnList(r.object, r.key) + ")"
}

func columnList(o *catalog.Object, columns []int) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = ast.QuoteIdent(o.Columns[c].Name)
	}
	return strings.Join(names, ", ")
}

func (c *constraint) definition(pretty bool) string {
	switch {
	case c.kind == 'p':
		return "PRIMARY KEY (" + columnList(c.table, c.key) + ")"
	case pretty:
		return "CHECK (" + c.expr + ")"
	}
	return "CHECK ((" + c.expr + "))"
}

// viewDef is the query of a view with PostgreSQL's leading blank and semicolon.
func viewDef(o *catalog.Object) (text string, ok bool) {
	if o.Kind != catalog.View && o.Kind != catalog.MatView {
		return "", false
	}
	return " " + o.SQL + ";", true
}

// serialOf is the sequence in a default of the form nextval('name'…), qualified
// as PostgreSQL does; "" if there is none.
func serialOf(o *catalog.Object, c catalog.Column) string {
	rest, ok := strings.CutPrefix(c.Default, "nextval('")
	if !ok {
		return ""
	}
	name, _, ok := strings.Cut(rest, "'")
	if !ok {
		return ""
	}
	if strings.Contains(name, ".") {
		return name
	}
	return ast.QuoteIdent(o.Schema) + "." + name
}

// sqlType is a column's type in information_schema's words.
func sqlType(t types.Type) string {
	if t.IsArray() {
		return "ARRAY"
	}
	return types.FormatType(t.OID, -1, false)
}
