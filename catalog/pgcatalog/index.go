package pgcatalog

import (
	_ "embed"
	"sync"

	"github.com/tarndb/tarn/sql/types"
)

//go:embed facts/opclasses.txt
var opclassesText string

// opclass is a line of opclasses.txt.
type opclass struct {
	oid, method, family, input, key uint32
	name, familyName                string
	isDefault                       bool
}

var theOpclasses = sync.OnceValue(func() []opclass {
	var out []opclass
	for line := range lines(opclassesText) {
		out = append(out, opclass{oid: line.oid(0), method: line.oid(1), name: line[2], family: line.oid(3), familyName: line[4],
			input: line.oid(5), isDefault: line.bool(6), key: line.oid(7)})
	}
	return out
})

// btreeOpclass is the default operator class that orders values of type t.
func btreeOpclass(t types.Type) uint32 {
	want := t.OID
	switch {
	case t.OID == types.OIDVarchar:
		want = types.OIDText
	case t.IsArray() && !t.IsVector():
		want = types.OIDAnyArray
	}
	for _, c := range theOpclasses() {
		if c.method == amBtree && c.isDefault && c.input == want {
			return c.oid
		}
	}
	return 0
}

func indexRows(s *state, w *writer) {
	w.columns("indexrelid", "indrelid", "indnatts", "indnkeyatts", "indisunique", "indisprimary", "indimmediate", "indisvalid", "indisready",
		"indislive", "indkey", "indcollation", "indclass", "indoption")
	for _, r := range s.relations {
		if !r.isIndex() {
			continue
		}
		n := len(r.key)
		columns := r.columns()
		attnum := func(k int) types.Datum { return num(k + 1) }
		collation := func(i int) types.Datum { return oid(collationOf(columns[i].Type)) }
		class := func(i int) types.Datum { return oid(btreeOpclass(columns[i].Type)) }
		upTo := make([]int, n)
		for i := range upTo {
			upTo[i] = i
		}
		w.row(oid(r.oid), oid(uint32(r.object.ID)), num(n), num(n), yes(true), yes(hasPrimaryKey(r.object)), yes(true), yes(true), yes(true),
			yes(true), vector(types.Int2, r.key, attnum), vector(types.Oid, upTo, collation), vector(types.Oid, upTo, class),
			vector(types.Int2, upTo, func(int) types.Datum { return num(0) }))
	}
}

func opclassRows(_ *state, w *writer) {
	w.columns("oid", "opcmethod", "opcname", "opcnamespace", "opcowner", "opcfamily", "opcintype", "opcdefault", "opckeytype")
	for _, c := range theOpclasses() {
		if c.usable() {
			w.row(oid(c.oid), oid(c.method), str(c.name), oid(schemaPgCatalog), oid(roleBootstrap), oid(c.family), oid(c.input), yes(c.isDefault), oid(c.key))
		}
	}
}

func opfamilyRows(_ *state, w *writer) {
	w.columns("oid", "opfmethod", "opfname", "opfnamespace", "opfowner")
	seen := map[uint32]bool{}
	for _, c := range theOpclasses() {
		if c.usable() && !seen[c.family] {
			seen[c.family] = true
			w.row(oid(c.family), oid(c.method), str(c.familyName), oid(schemaPgCatalog), oid(roleBootstrap))
		}
	}
}

// usable reports whether c belongs to a type and an access method that exist here.
func (c *opclass) usable() bool { return c.method == amBtree && types.InfoOf(c.input) != nil }
