package pgcatalog

import (
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/types"
)

// constraint is one row of pg_constraint.
type constraint struct {
	oid   uint32
	table *catalog.Object
	name  string
	kind  byte   // 'p' or 'c'
	expr  string // of a check
	key   []int  // indexes into the table's columns
}

// constraints lists those of o: the primary key, then the checks.
func constraints(o *catalog.Object) []constraint {
	if o.ID < catalog.FirstUserID {
		return nil
	}
	id := uint32(o.ID)
	var out []constraint
	if hasPrimaryKey(o) {
		out = append(out, constraint{constraintOID(id, 0), o, keyName(o), 'p', "", o.PrimaryKey})
	}
	for i, c := range o.Checks {
		out = append(out, constraint{constraintOID(id, i+1), o, c.Name, 'c', c.Expr, columnsIn(c.Expr, o)})
	}
	return out
}

// findConstraint returns the constraint with an OID, nil if there is none.
func findConstraint(s *catalog.Snapshot, id uint32) *constraint {
	if id < derivedBase {
		return nil
	}
	o := s.ByID(uint64((id - derivedBase) & (1<<23 - 1)))
	if o == nil {
		return nil
	}
	for _, c := range constraints(o) {
		if c.oid == id {
			return &c
		}
	}
	return nil
}

// columnsIn lists the columns that an expression names, in column order. It goes
// by the words of the text: a function of a column's name counts too, which does
// no harm where the answer only says what depends on what.
func columnsIn(expr string, o *catalog.Object) []int {
	words := map[string]bool{}
	for i := 0; i < len(expr); {
		switch c := expr[i]; {
		case c == '\'' || c == '"':
			end := i + 1
			for end < len(expr) && (expr[end] != c || end+1 < len(expr) && expr[end+1] == c) {
				if expr[end] == c {
					end++
				}
				end++
			}
			if c == '"' && end < len(expr) {
				words[strings.ReplaceAll(expr[i+1:end], `""`, `"`)] = true
			}
			i = end + 1
		case isWord(c):
			start := i
			for i < len(expr) && isWord(expr[i]) {
				i++
			}
			words[strings.ToLower(expr[start:i])] = true
		default:
			i++
		}
	}
	var out []int
	for i, c := range o.Columns {
		if words[c.Name] {
			out = append(out, i)
		}
	}
	return out
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func constraintRows(s *state, w *writer) {
	w.columns("oid", "conname", "connamespace", "contype", "convalidated", "conrelid", "conindid", "confupdtype", "confdeltype", "confmatchtype",
		"conislocal", "connoinherit", "conkey", "conbin")
	for _, r := range s.relations {
		if r.isIndex() {
			continue
		}
		for _, c := range constraints(r.object) {
			index, bin := uint32(0), null
			if c.kind == 'p' {
				index = indexOID(r.oid)
			} else {
				bin = str(c.expr)
			}
			w.row(oid(c.oid), str(c.name), oid(s.schemas[r.schema]), char(c.kind), yes(true), oid(r.oid), oid(index), char(' '), char(' '), char(' '),
				yes(true), yes(c.kind == 'p'), array(types.Int2, c.key, func(k int) types.Datum { return num(k + 1) }), bin)
		}
	}
}
