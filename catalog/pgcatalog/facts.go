package pgcatalog

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// The embedded tables say what PostgreSQL 15 has: OIDs, names, column types. A
// line is one object, its fields separated by blanks; facts/README.md has the
// fields of each file.
var (
	//go:embed facts/relations.txt
	relationsText string
	//go:embed facts/types.txt
	typesText string
)

// relationFact is a line of relations.txt.
type relationFact struct {
	kind byte // relkind
}

// typeFact is what types.txt says beyond types.Info.
type typeFact struct {
	oid                               uint32
	name                              string
	kind                              byte
	input, output, receive, send      uint32 // OIDs of functions
	modIn, modOut, analyze, subscript uint32
	collation, base                   uint32
	baseMod                           int32
}

type facts struct {
	objects []*catalog.Object
	byID    map[uint32]*relationFact
	types   map[uint32]*typeFact
}

// standIns are the types that columns have in place of PostgreSQL's where those
// do not exist here: what a client does with such a column (print it, compare it
// with NULL, join an ACL to a text) works on the stand-in.
var standIns = map[string]types.Type{
	"pg_node_tree":    types.Text, // the SQL text itself
	"_aclitem":        types.TextArray,
	"xid":             types.Oid,
	"pg_lsn":          types.Text,
	"inet":            types.Text,
	"anyarray":        types.TextArray,
	"pg_dependencies": types.Text,
	"pg_ndistinct":    types.Text,
	"pg_mcv_list":     types.Text,
	"_pg_statistic":   types.TextArray,
}

var theFacts = sync.OnceValue(func() *facts {
	f := &facts{byID: map[uint32]*relationFact{}, types: map[uint32]*typeFact{}}
	typeByName := map[string]*typeFact{}
	for line := range lines(typesText) {
		t := &typeFact{oid: line.oid(0), name: line[1], kind: line[2][0],
			input: line.oid(3), output: line.oid(4), receive: line.oid(5), send: line.oid(6),
			modIn: line.oid(7), modOut: line.oid(8), analyze: line.oid(9), subscript: line.oid(10),
			collation: line.oid(11), base: line.oid(20), baseMod: int32(line.int(21))}
		f.types[t.oid] = t
		typeByName[t.name] = t
	}
	for line := range lines(relationsText) {
		schema, name, _ := strings.Cut(line[0], ".")
		o := &catalog.Object{ID: uint64(line.oid(1)), Schema: schema, Name: name, Kind: catalog.System}
		for _, c := range line[3:] {
			c, notNull := strings.CutSuffix(c, "!")
			colName, typeName, _ := strings.Cut(c, ":")
			o.Columns = append(o.Columns, catalog.Column{Name: colName, Type: columnType(typeName, typeByName), NotNull: notNull})
		}
		f.objects = append(f.objects, o)
		f.byID[uint32(o.ID)] = &relationFact{kind: line[2][0]}
	}
	return f
})

// columnType is the type of a system column: a domain's base type (which is all
// that a client sees of it), or a stand-in.
func columnType(name string, byName map[string]*typeFact) types.Type {
	if t, ok := standIns[name]; ok {
		return t
	}
	t := byName[name]
	if t.kind == 'd' {
		return types.Type{OID: t.base, Mod: t.baseMod}
	}
	return types.Type{OID: t.oid, Mod: -1}
}

// fields is one line of a table of facts.
type fields []string

// oid and int read a field; the tables are part of the program, so a bad number
// cannot come from outside.
func (f fields) oid(i int) uint32 { return uint32(f.int(i)) }

func (f fields) int(i int) int64 {
	n, err := strconv.ParseInt(f[i], 10, 64)
	if err != nil {
		panic("pgcatalog: facts: " + err.Error())
	}
	return n
}

func (f fields) bool(i int) bool { return f[i] == "1" }

// lines goes through a table line by line.
func lines(text string) func(yield func(fields) bool) {
	return func(yield func(fields) bool) {
		for line := range strings.Lines(text) {
			if w := strings.Fields(line); len(w) > 0 && !yield(w) {
				return
			}
		}
	}
}
