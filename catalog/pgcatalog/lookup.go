package pgcatalog

import (
	"strconv"
	"strings"
	"sync"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Lookup answers the functions over the catalog and the reg types for one
// snapshot and one search path. It is safe for concurrent use.
type Lookup struct {
	in      Input
	path    []string
	schemas func() map[string]uint32
	roles   func() map[string]uint32
}

var _ funcs.Catalog = (*Lookup)(nil)

// NewLookup makes one; path is the search path without the implicit pg_catalog.
// Nothing is computed before it is asked for.
func NewLookup(in Input, path []string) *Lookup {
	return &Lookup{in: in, path: path,
		schemas: sync.OnceValue(func() map[string]uint32 { return schemaOIDs(in.Catalog) }),
		roles:   sync.OnceValue(func() map[string]uint32 { return roleOIDs(in) })}
}

func nameOf(names map[string]uint32, id uint32) (string, bool) {
	for name, n := range names {
		if n == id {
			return name, true
		}
	}
	return "", false
}

// RegIn finds what the text of a reg type names.
func (l *Lookup) RegIn(t types.Type, text string) (int64, error) {
	s := strings.TrimSpace(text)
	if s == "-" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return int64(n), nil
	}
	switch t.OID {
	case types.OIDRegclass:
		return l.regclassIn(s)
	case types.OIDRegproc:
		return l.regprocIn(s)
	case types.OIDRegtype:
		return regtypeIn(s)
	case types.OIDRegnamespace:
		return named(l.schemas(), s, sqlerr.InvalidSchemaName, "schema")
	case types.OIDRegrole:
		return named(l.roles(), s, sqlerr.UndefinedObject, "role")
	}
	return 0, sqlerr.New(sqlerr.InternalError, "type %s has no names", t)
}

func named(names map[string]uint32, s string, code sqlerr.Code, what string) (int64, error) {
	parts, err := splitName(s)
	if err != nil {
		return 0, err
	}
	if len(parts) != 1 {
		return 0, sqlerr.New(sqlerr.InvalidName, "invalid name syntax")
	}
	id, ok := names[parts[0]]
	if !ok {
		return 0, sqlerr.New(code, what+" \"%s\" does not exist", parts[0])
	}
	return int64(id), nil
}

func (l *Lookup) regclassIn(s string) (int64, error) {
	schema, name, err := l.schemaAndName(s, "relation")
	if err != nil {
		return 0, err
	}
	if o := l.in.Catalog.Find(schema, name, l.path); o != nil && o.Kind.Readable() {
		return int64(o.ID), nil
	}
	for _, o := range l.in.Catalog.Objects() {
		if i := indexOf(o); i != nil && i.name == name && (i.schema == schema || schema == "" && l.inPath(i.schema)) {
			return int64(i.oid), nil
		}
	}
	full := name
	if schema != "" {
		full = schema + "." + name
	}
	return 0, sqlerr.New(sqlerr.UndefinedTable, "relation \"%s\" does not exist", full)
}

func (l *Lookup) regprocIn(s string) (int64, error) {
	schema, name, err := l.schemaAndName(s, "function")
	if err != nil {
		return 0, err
	}
	var found []*function
	if schema == "" || schema == "pg_catalog" {
		found = theFunctions().byName[name]
	}
	switch len(found) {
	case 1:
		return int64(found[0].oid), nil
	case 0:
		return 0, sqlerr.New(sqlerr.UndefinedFunction, "function \"%s\" does not exist", s)
	}
	return 0, sqlerr.New(sqlerr.AmbiguousFunction, "more than one function named \"%s\"", s)
}

// regtypeIn reads a type as a cast names it; a modifier is read and forgotten.
func regtypeIn(s string) (int64, error) {
	name := strings.TrimPrefix(foldType(s), "pg_catalog.")
	if open := strings.IndexByte(name, '('); open >= 0 {
		if end := strings.IndexByte(name, ')'); end > open {
			name = strings.TrimSpace(name[:open]) + name[end+1:]
		}
	}
	if t, ok := types.Lookup(name); ok {
		return int64(t.OID), nil
	}
	return 0, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", s)
}

// foldType brings a type's name into the form of types.Lookup: lower case, one
// blank between words, quotes only where they make another type ("char").
func foldType(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		if strings.HasPrefix(w, `"`) || strings.Contains(w, `."`) {
			if w != `"char"` && w != `"char"[]` {
				words[i] = strings.ReplaceAll(w, `"`, "")
			}
			continue
		}
		words[i] = strings.ToLower(w)
	}
	return strings.Join(words, " ")
}

// RegOut is the text of a reg value: its name, qualified where the bare name
// does not find it; a number that means nothing is shown as it is.
func (l *Lookup) RegOut(t types.Type, id int64) string {
	if id == 0 {
		return "-"
	}
	n := uint32(id)
	switch t.OID {
	case types.OIDRegclass:
		if r := find(l.in.Catalog, n); r != nil {
			return l.relationName(r)
		}
	case types.OIDRegproc:
		if s, ok := procName(n); ok {
			return s
		}
	case types.OIDRegtype:
		if types.InfoOf(n) != nil {
			return types.FormatType(n, -1, false)
		}
	case types.OIDRegnamespace:
		if s, ok := nameOf(l.schemas(), n); ok {
			return ast.QuoteIdent(s)
		}
	case types.OIDRegrole:
		if s, ok := nameOf(l.roles(), n); ok {
			return ast.QuoteIdent(s)
		}
	}
	return strconv.FormatUint(uint64(n), 10)
}

// procName is a function's name; the schema stands before one that has overloads.
func procName(id uint32) (string, bool) {
	f := theFunctions()
	if p := f.byOID[id]; p != nil {
		if len(f.byName[p.name]) > 1 {
			return "pg_catalog." + ast.QuoteIdent(p.name), true
		}
		return ast.QuoteIdent(p.name), true
	}
	name, ok := f.known[id]
	return name, ok
}

func (l *Lookup) relationName(r *relation) string {
	if l.finds(r) {
		return ast.QuoteIdent(r.name)
	}
	return qualified(r.schema, r.name)
}

func (l *Lookup) inPath(schema string) bool {
	if schema == "pg_catalog" {
		return true
	}
	for _, p := range l.path {
		if p == schema {
			return true
		}
	}
	return false
}

// finds reports whether r's bare name finds r.
func (l *Lookup) finds(r *relation) bool {
	o := l.in.Catalog.Find("", r.name, l.path)
	if r.isIndex() {
		return o == nil && l.inPath(r.schema)
	}
	return o != nil && o.ID == r.object.ID
}

// Exists reports whether class has the OID.
func (l *Lookup) Exists(class string, id uint32) bool {
	_, ok := l.Visible(class, id)
	return ok
}

// Visible reports whether the bare name of an object finds it.
func (l *Lookup) Visible(class string, id uint32) (visible, ok bool) {
	switch class {
	case "pg_class":
		r := find(l.in.Catalog, id)
		return r != nil && l.finds(r), r != nil
	case "pg_type":
		ok = types.InfoOf(id) != nil
	case "pg_proc":
		ok = theFunctions().byOID[id] != nil
	case "pg_namespace":
		_, ok = nameOf(l.schemas(), id)
	case "pg_authid":
		_, ok = nameOf(l.roles(), id)
	case "pg_database":
		ok = id == databaseOID
	case "pg_tablespace":
		ok = id == tablespaceDefault || id == tablespaceGlobal
	case "pg_language":
		ok = id == languageInternal
	case "pg_collation":
		ok = id == collationDefault || id == collationC || id == collationPosix
	case "pg_operator":
		ok = hasLine(theOperators(), id)
	case "pg_opclass", "pg_opfamily":
		for _, c := range theOpclasses() {
			ok = ok || c.usable() && (class == "pg_opclass" && c.oid == id || class == "pg_opfamily" && c.family == id)
		}
	}
	return ok, ok // all of these are in pg_catalog, which is always searched
}

func hasLine(table []fields, id uint32) bool {
	for _, f := range table {
		if f.oid(0) == id {
			return true
		}
	}
	return false
}

// FindDatabase knows the one database.
func (l *Lookup) FindDatabase(name string) (uint32, bool) { return databaseOID, name == l.in.Database }

// RoleName is the name of a role.
func (l *Lookup) RoleName(id uint32) (string, bool) { return nameOf(l.roles(), id) }

// IndexDef is CREATE INDEX of an index, or the name of one of its columns.
func (l *Lookup) IndexDef(id uint32, column int, pretty bool) (string, bool) {
	r := find(l.in.Catalog, id)
	if r == nil || !r.isIndex() {
		return "", false
	}
	if column > 0 {
		if column > len(r.key) {
			return "", true
		}
		return ast.QuoteIdent(r.object.Columns[r.key[column-1]].Name), true
	}
	table := qualified(r.schema, r.object.Name)
	if pretty {
		table = l.relationName(relationOf(r.object))
	}
	return indexDef(r, table), true
}

// ConstraintDef is a constraint's definition.
func (l *Lookup) ConstraintDef(id uint32, pretty bool) (string, bool) {
	c := findConstraint(l.in.Catalog, id)
	if c == nil {
		return "", false
	}
	return c.definition(pretty), true
}

// ViewDef is a view's query; it has one form only.
func (l *Lookup) ViewDef(id uint32, _ bool) (string, bool) {
	if o := l.in.Catalog.ByID(uint64(id)); o != nil {
		return viewDef(o)
	}
	return "", false
}

// FunctionArguments lists a function's arguments.
func (l *Lookup) FunctionArguments(id uint32) (string, bool) {
	if p := theFunctions().byOID[id]; p != nil {
		return p.arguments(), true
	}
	return "", false
}

// FunctionResult is a function's result type.
func (l *Lookup) FunctionResult(id uint32) (string, bool) {
	if p := theFunctions().byOID[id]; p != nil {
		return p.result(), true
	}
	return "", false
}

// Comment is what pg_description says.
func (l *Lookup) Comment(class string, id uint32, sub int) (string, bool) {
	if class == "" || class == "pg_class" {
		if o := l.in.Catalog.ByID(uint64(id)); o != nil {
			text := o.Comment
			if sub > 0 {
				text = ""
				if sub <= len(o.Columns) {
					text = o.Columns[sub-1].Comment
				}
			}
			return text, text != ""
		}
	}
	if class == "" || class == "pg_proc" {
		if p := theFunctions().byOID[id]; p != nil && sub == 0 {
			return p.doc, p.doc != ""
		}
	}
	return "", false
}

// Serial is the sequence of a column's default.
func (l *Lookup) Serial(table uint32, column string) (string, bool, error) {
	o := l.in.Catalog.ByID(uint64(table))
	if o == nil {
		return "", false, nil
	}
	for _, c := range o.Columns {
		if c.Name == column {
			s := serialOf(o, c)
			return s, s != "", nil
		}
	}
	return "", false, sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", column, o.Name)
}

// SizeBytes is the size of a relation, or of all for OID 0.
func (l *Lookup) SizeBytes(id uint32) (int64, bool) {
	size := func(o *catalog.Object) int64 {
		if l.in.Size == nil || o.ID < catalog.FirstUserID || o.Kind == catalog.View {
			return 0
		}
		_, bytes := l.in.Size(o.ID)
		return bytes
	}
	if id == 0 {
		total := int64(0)
		for _, o := range l.in.Catalog.Objects() {
			total += size(o)
		}
		return total, true
	}
	r := find(l.in.Catalog, id)
	switch {
	case r == nil:
		return 0, false
	case r.isIndex():
		return 0, true
	}
	return size(r.object), true
}

// Updatable says what can be done to a relation: rows of streams are only added.
func (l *Lookup) Updatable(id uint32) int64 {
	const update, insert, remove = 4, 8, 16
	o := l.in.Catalog.ByID(uint64(id))
	switch {
	case o == nil:
		return 0
	case o.IsSource():
		return insert
	case o.Kind == catalog.Table:
		return update + insert + remove
	case o.Kind == catalog.Stream:
		return insert
	}
	return 0
}
