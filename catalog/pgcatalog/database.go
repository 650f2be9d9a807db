package pgcatalog

func databaseRows(s *state, w *writer) {
	w.columns("oid", "datname", "datdba", "encoding", "datlocprovider", "datallowconn", "datconnlimit", "dattablespace", "datcollate", "datctype")
	w.row(oid(databaseOID), str(s.in.Database), oid(roleBootstrap), num(encodingUTF8), char('c'), yes(true), num(-1), oid(tablespaceDefault), str("C"), str("C"))
}

func tablespaceRows(_ *state, w *writer) {
	w.columns("oid", "spcname", "spcowner")
	w.row(oid(tablespaceDefault), str("pg_default"), oid(roleBootstrap))
	w.row(oid(tablespaceGlobal), str("pg_global"), oid(roleBootstrap))
}

// collationRows: text is ordered by its bytes, whatever collation is named.
func collationRows(_ *state, w *writer) {
	w.columns("oid", "collname", "collnamespace", "collowner", "collprovider", "collisdeterministic", "collencoding", "collcollate", "collctype")
	w.row(oid(collationDefault), str("default"), oid(schemaPgCatalog), oid(roleBootstrap), char('d'), yes(true), num(-1), null, null)
	w.row(oid(collationC), str("C"), oid(schemaPgCatalog), oid(roleBootstrap), char('c'), yes(true), num(-1), str("C"), str("C"))
	w.row(oid(collationPosix), str("POSIX"), oid(schemaPgCatalog), oid(roleBootstrap), char('c'), yes(true), num(-1), str("POSIX"), str("POSIX"))
}

func languageRows(_ *state, w *writer) {
	w.columns("oid", "lanname", "lanowner")
	w.row(oid(languageInternal), str("internal"), oid(roleBootstrap))
}
