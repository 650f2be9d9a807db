package pgcatalog

import (
	_ "embed"
	"sync"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

var (
	//go:embed facts/operators.txt
	operatorsText string
	//go:embed facts/casts.txt
	castsText string
)

// theOperators are the lines of operators.txt for operators that exist here with
// just these types.
var theOperators = sync.OnceValue(func() []fields {
	var out []fields
	exists := map[uint32]bool{}
	for line := range lines(operatorsText) {
		if operatorExists(line[1], line.oid(2), line.oid(3)) {
			out = append(out, line)
			exists[line.oid(0)] = true
		}
	}
	for _, line := range out {
		for _, other := range []int{6, 7} { // commutator and negator
			if !exists[line.oid(other)] {
				line[other] = "0"
			}
		}
	}
	return out
})

func operatorExists(name string, left, right uint32) bool {
	var l *types.Type
	if left != 0 {
		if types.InfoOf(left) == nil {
			return false
		}
		l = &types.Type{OID: left, Mod: -1}
	}
	if types.InfoOf(right) == nil {
		return false
	}
	r, err := funcs.ResolveOp(name, l, types.Type{OID: right, Mod: -1})
	if err != nil || r.ArgTypes[len(r.ArgTypes)-1].OID != right {
		return false
	}
	return l == nil || r.ArgTypes[0].OID == left
}

func operatorRows(_ *state, w *writer) {
	w.columns("oid", "oprname", "oprnamespace", "oprowner", "oprkind", "oprcanmerge", "oprcanhash", "oprleft", "oprright", "oprresult",
		"oprcom", "oprnegate", "oprcode")
	for _, f := range theOperators() {
		kind := byte('b')
		if f.oid(2) == 0 {
			kind = 'l'
		}
		w.row(oid(f.oid(0)), str(f[1]), oid(schemaPgCatalog), oid(roleBootstrap), char(kind), yes(f.bool(8)), yes(f.bool(9)), oid(f.oid(2)),
			oid(f.oid(3)), oid(f.oid(4)), oid(f.oid(6)), oid(f.oid(7)), oid(f.oid(5)))
	}
}

func castRows(_ *state, w *writer) {
	type pair struct{ from, to uint32 }
	facts := map[pair]fields{}
	for line := range lines(castsText) {
		facts[pair{line.oid(1), line.oid(2)}] = line
	}
	w.columns("oid", "castsource", "casttarget", "castfunc", "castcontext", "castmethod")
	for _, c := range types.Casts {
		f, ok := facts[pair{c.From, c.To}]
		if !ok {
			continue // by text in PostgreSQL, and so not in its table
		}
		context := byte('e')
		switch c.Context {
		case types.CastAssignment:
			context = 'a'
		case types.CastImplicit:
			context = 'i'
		}
		w.row(oid(f.oid(0)), oid(c.From), oid(c.To), oid(f.oid(3)), char(context), char(f[5][0]))
	}
}
