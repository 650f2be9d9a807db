package pgcatalog

import (
	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

func attributeRows(s *state, w *writer) {
	w.columns("attrelid", "attname", "atttypid", "attstattarget", "attlen", "attnum", "attndims", "attcacheoff", "atttypmod",
		"attbyval", "attalign", "attstorage", "attnotnull", "atthasdef", "attgenerated", "attislocal", "attcollation")
	for _, r := range s.relations {
		for i, c := range r.columns() {
			if c.Hidden {
				continue
			}
			t := c.Type
			info := typeInfo(t)
			dims := 0
			if t.IsArray() && !t.IsVector() {
				dims = 1
			}
			generated := byte(0)
			if c.Generated != "" {
				generated = 's'
			}
			w.row(oid(r.oid), str(c.Name), oid(t.OID), num(-1), num(info.Len), num(i+1), num(dims), num(-1), num(t.Mod),
				yes(info.ByValue()), char(info.Align), char(info.Storage), yes(notNull(r, i)), yes(defaultText(c) != ""),
				char(generated), yes(true), oid(collationOf(t)))
		}
	}
}

// typeInfo is the table row of a column's type; every column has a built-in one.
func typeInfo(t types.Type) *types.Info {
	if i := types.InfoOf(t.OID); i != nil {
		return i
	}
	return types.InfoOf(types.OIDText)
}

func collationOf(t types.Type) uint32 {
	if f := theFacts().types[t.OID]; f != nil {
		return f.collation
	}
	return 0
}

// notNull reports whether column i of r is NOT NULL; the columns of a primary key
// are, whatever their definition says.
func notNull(r *relation, i int) bool {
	if r.isIndex() {
		return false
	}
	return columnNotNull(r.object, i)
}

func columnNotNull(o *catalog.Object, i int) bool {
	if o.Columns[i].NotNull {
		return true
	}
	if hasPrimaryKey(o) {
		for _, k := range o.PrimaryKey {
			if k == i {
				return true
			}
		}
	}
	return false
}

// defaultText is the expression of pg_attrdef: a default or what generates the
// column.
func defaultText(c catalog.Column) string {
	if c.Generated != "" {
		return c.Generated
	}
	return c.Default
}

func attrdefRows(s *state, w *writer) {
	w.columns("oid", "adrelid", "adnum", "adbin")
	for _, r := range s.relations {
		for i, c := range r.columns() {
			if d := defaultText(c); d != "" {
				w.row(oid(attrdefOID(r.oid, i+1)), oid(r.oid), num(i+1), str(d))
			}
		}
	}
}
