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

// castRows are the lines of casts.txt for casts that exist here; one of a type to
// itself applies its modifier. Casts by text are in no table, as in PostgreSQL.
func castRows(_ *state, w *writer) {
	type pair struct{ from, to uint32 }
	contexts := make(map[pair]byte, len(types.Casts))
	for _, c := range types.Casts {
		contexts[pair{c.From, c.To}] = " eai"[c.Context]
	}
	w.columns("oid", "castsource", "casttarget", "castfunc", "castcontext", "castmethod")
	for line := range lines(castsText) {
		from, to := line.oid(1), line.oid(2)
		context, ok := contexts[pair{from, to}]
		if from == to && types.InfoOf(from) != nil {
			context, ok = 'i', true
		}
		if ok {
			w.row(oid(line.oid(0)), oid(from), oid(to), oid(line.oid(3)), char(context), char(line[5][0]))
		}
	}
}
