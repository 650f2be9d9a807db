package pgcatalog

import "github.com/tarndb/tarn/sql/types"

func typeRows(_ *state, w *writer) {
	w.columns("oid", "typname", "typnamespace", "typowner", "typlen", "typbyval", "typtype", "typcategory", "typispreferred", "typisdefined",
		"typdelim", "typsubscript", "typelem", "typarray", "typinput", "typoutput", "typreceive", "typsend", "typmodin", "typmodout",
		"typanalyze", "typalign", "typstorage", "typtypmod", "typcollation")
	known := theFacts().types
	for i := range types.All {
		t := &types.All[i]
		f := known[t.OID]
		if f == nil {
			f = &typeFact{oid: t.OID}
		}
		w.row(oid(t.OID), str(t.Name), oid(schemaPgCatalog), oid(roleBootstrap), num(t.Len), yes(t.ByValue()), char(t.Kind), char(t.Category),
			yes(t.Preferred), yes(true), char(','), oid(f.subscript), oid(t.Elem), oid(t.Array), oid(f.input), oid(f.output), oid(f.receive),
			oid(f.send), oid(f.modIn), oid(f.modOut), oid(f.analyze), char(t.Align), char(t.Storage), num(-1), oid(f.collation))
	}
}
