package pgcatalog

import "sort"

// schemaNames lists all schemas: those of the system and those of users.
func (s *state) schemaNames() []string {
	out := make([]string, 0, len(s.schemas))
	for name := range s.schemas {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func namespaceRows(s *state, w *writer) {
	w.columns("oid", "nspname", "nspowner")
	for _, name := range s.schemaNames() {
		w.row(oid(s.schemas[name]), str(name), oid(roleBootstrap))
	}
}
