package pgcatalog

import (
	"sort"

	"github.com/tarndb/tarn/sql/types"
)

// eachRole calls f for every role, by name. Whoever connects is a superuser.
func (s *state) eachRole(f func(id types.Datum, name string)) {
	names := make([]string, 0, len(s.roles))
	for name := range s.roles {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		f(oid(s.roles[name]), name)
	}
}

func authidRows(s *state, w *writer) {
	w.columns("oid", "rolname", "rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolbypassrls", "rolconnlimit")
	s.eachRole(func(id types.Datum, name string) {
		w.row(id, str(name), yes(true), yes(true), yes(true), yes(true), yes(true), yes(true), yes(true), num(-1))
	})
}

func rolesRows(s *state, w *writer) {
	w.columns("rolname", "rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolcanlogin", "rolreplication", "rolconnlimit", "rolpassword",
		"rolbypassrls", "oid")
	s.eachRole(func(id types.Datum, name string) {
		w.row(str(name), yes(true), yes(true), yes(true), yes(true), yes(true), yes(true), num(-1), str("********"), yes(true), id)
	})
}

// userRows are pg_user and pg_shadow.
func userRows(s *state, w *writer) {
	w.columns("usename", "usesysid", "usecreatedb", "usesuper", "userepl", "usebypassrls", "passwd")
	s.eachRole(func(id types.Datum, name string) {
		w.row(str(name), id, yes(true), yes(true), yes(true), yes(true), str("********"))
	})
}

// roleNameRows are the relations of information_schema that list the roles in force.
func roleNameRows(s *state, w *writer) {
	w.columns("role_name")
	s.eachRole(func(_ types.Datum, name string) { w.row(str(name)) })
}
