package funcs

import (
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Whoever connects is a superuser: a privilege is held if its object exists.

// privilegeKind is one has_…_privilege function: what it is about and the words
// it knows.
type privilegeKind struct {
	name, class string
	// reg is the type whose text form names an object, the zero Type where a name
	// is looked up in another way or not at all.
	reg    types.Type
	column bool // has a column argument before the privilege
	words  []string
}

func privilegeKinds() []privilegeKind {
	table := []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "RULE"}
	column := []string{"SELECT", "INSERT", "UPDATE", "REFERENCES"}
	usage := []string{"USAGE"}
	namespace, proc := types.Type{OID: types.OIDRegnamespace, Mod: -1}, types.Type{OID: types.OIDRegproc, Mod: -1}
	return []privilegeKind{
		{"has_table_privilege", "pg_class", types.Regclass, false, table},
		{"has_any_column_privilege", "pg_class", types.Regclass, false, column},
		{"has_column_privilege", "pg_class", types.Regclass, true, column},
		{"has_sequence_privilege", "pg_class", types.Regclass, false, []string{"USAGE", "SELECT", "UPDATE"}},
		{"has_schema_privilege", "pg_namespace", namespace, false, []string{"CREATE", "USAGE"}},
		{"has_database_privilege", "pg_database", types.Type{}, false, []string{"CREATE", "CONNECT", "TEMPORARY", "TEMP"}},
		{"has_type_privilege", "pg_type", types.Regtype, false, usage},
		{"has_function_privilege", "pg_proc", proc, false, []string{"EXECUTE"}},
		{"has_language_privilege", "pg_language", types.Type{}, false, usage},
		{"has_tablespace_privilege", "pg_tablespace", types.Type{}, false, []string{"CREATE"}},
		{"has_foreign_data_wrapper_privilege", "pg_foreign_data_wrapper", types.Type{}, false, usage},
		{"has_server_privilege", "pg_foreign_server", types.Type{}, false, usage},
		{"pg_has_role", "pg_authid", types.Type{OID: types.OIDRegrole, Mod: -1}, false, []string{"MEMBER", "USAGE"}},
	}
}

func privilegeRows() (rows []Overload) {
	t, oid := types.Text, types.Oid
	for _, p := range privilegeKinds() {
		doc := "Whether the privilege is held."
		for _, object := range []types.Type{t, oid} {
			columns := [][]types.Type{nil}
			if p.column {
				columns = [][]types.Type{ts(t), ts(types.Int2)}
			}
			for _, col := range columns {
				rest := append(append(ts(object), col...), t)
				rows = append(rows, ask(p.name, rest, types.Bool, p.holds(object, 0), doc))
				for _, user := range []types.Type{types.Name, oid} {
					rows = append(rows, ask(p.name, append(ts(user), rest...), types.Bool, p.holds(object, 1), doc))
				}
			}
		}
	}
	return append(rows,
		fixed("row_security_active", ts(oid), types.Bool, types.Boolean(false), "Whether row security is in force: it never is."),
		fixed("row_security_active", ts(t), types.Bool, types.Boolean(false), "Whether row security is in force: it never is."))
}

// holds checks the object at position at and the privilege, which is the last argument.
func (p privilegeKind) holds(object types.Type, at int) func(k Catalog, a []types.Datum) (types.Datum, error) {
	return func(k Catalog, a []types.Datum) (types.Datum, error) {
		if err := p.check(a[len(a)-1].S); err != nil {
			return types.NullDatum, err
		}
		if object.OID == types.OIDOid {
			if !k.Exists(p.class, uint32(a[at].I)) {
				return types.NullDatum, nil
			}
			return types.Boolean(true), nil
		}
		return types.Boolean(true), p.named(k, a[at].S)
	}
}

func (p privilegeKind) named(k Catalog, name string) error {
	switch {
	case p.class == "pg_proc":
		// A signature: its name decides.
		name, _, _ = strings.Cut(name, "(")
		_, err := k.RegIn(p.reg, name)
		if sqlerr.HasCode(err, sqlerr.AmbiguousFunction) {
			return nil
		}
		return err
	case p.reg.OID == types.OIDRegnamespace, p.reg.OID == types.OIDRegrole:
		_, err := k.RegIn(p.reg, quoteIdent(name)) // a plain name, not an identifier
		return err
	case p.reg.OID != 0:
		_, err := k.RegIn(p.reg, name)
		return err
	case p.class == "pg_database":
		if _, ok := k.FindDatabase(name); !ok {
			return sqlerr.New(sqlerr.InvalidCatalogName, "database \"%s\" does not exist", name)
		}
	}
	return nil
}

// check reads a list of privileges, each perhaps WITH GRANT OPTION.
func (p privilegeKind) check(list string) error {
	for _, word := range strings.Split(list, ",") {
		w := strings.ToUpper(strings.TrimSpace(word))
		w = strings.TrimSuffix(strings.TrimSuffix(w, " WITH GRANT OPTION"), " WITH ADMIN OPTION")
		known := false
		for _, k := range p.words {
			known = known || k == w
		}
		if !known {
			return sqlerr.New(sqlerr.InvalidParameterValue, "unrecognized privilege type: \"%s\"", strings.TrimSpace(word))
		}
	}
	return nil
}
