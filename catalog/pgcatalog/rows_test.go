package pgcatalog

import (
	"testing"
	"time"
)

// TestOIDsFit: what one relation names, another has.
func TestOIDsFit(t *testing.T) {
	in := input()
	in.Sessions = []Session{{PID: 7, User: "eve", Database: "shop"}}
	ids := func(relation, column string) map[string]bool {
		out := map[string]bool{"0": true, "NULL": true}
		n := 0
		for _, r := range answer(t, relation, in) {
			if out[r[column]] {
				t.Errorf("%s: %s = %s twice", relation, column, r[column])
			}
			out[r[column]] = true
			n++
		}
		if n == 0 {
			t.Errorf("%s is empty", relation)
		}
		return out
	}
	class, schema, role, typ, proc := ids("pg_class", "oid"), ids("pg_namespace", "oid"), ids("pg_authid", "oid"), ids("pg_type", "oid"), ids("pg_proc", "oid")
	constraint, am, collation := ids("pg_constraint", "oid"), ids("pg_am", "oid"), ids("pg_collation", "oid")
	operator, attrdef, rewrite, database := ids("pg_operator", "oid"), ids("pg_attrdef", "oid"), ids("pg_rewrite", "oid"), ids("pg_database", "oid")
	family, space, language := ids("pg_opfamily", "oid"), ids("pg_tablespace", "oid"), ids("pg_language", "oid")
	ids("pg_opclass", "oid")
	ids("pg_cast", "oid")
	for _, c := range []struct {
		relation, column string
		in               map[string]bool
	}{
		{"pg_class", "relnamespace", schema}, {"pg_class", "relowner", role}, {"pg_class", "relam", am},
		{"pg_attribute", "attrelid", class}, {"pg_attribute", "atttypid", typ}, {"pg_attribute", "attcollation", collation},
		{"pg_attrdef", "adrelid", class},
		{"pg_index", "indexrelid", class}, {"pg_index", "indrelid", class},
		{"pg_constraint", "conrelid", class}, {"pg_constraint", "conindid", class}, {"pg_constraint", "connamespace", schema},
		{"pg_type", "typnamespace", schema}, {"pg_type", "typelem", typ}, {"pg_type", "typarray", typ}, {"pg_type", "typcollation", collation},
		{"pg_type", "typinput", proc}, {"pg_type", "typoutput", proc}, {"pg_type", "typreceive", proc}, {"pg_type", "typsend", proc},
		{"pg_type", "typmodin", proc}, {"pg_type", "typmodout", proc}, {"pg_type", "typanalyze", proc}, {"pg_type", "typsubscript", proc},
		{"pg_proc", "pronamespace", schema}, {"pg_proc", "prolang", language},
		{"pg_aggregate", "aggfnoid", proc},
		{"pg_operator", "oprleft", typ}, {"pg_operator", "oprright", typ}, {"pg_operator", "oprresult", typ}, {"pg_operator", "oprcom", operator},
		{"pg_operator", "oprnegate", operator},
		{"pg_cast", "castsource", typ}, {"pg_cast", "casttarget", typ},
		{"pg_opclass", "opcfamily", family}, {"pg_opclass", "opcintype", typ},
		{"pg_namespace", "nspowner", role}, {"pg_database", "datdba", role}, {"pg_database", "dattablespace", space},
		{"pg_rewrite", "ev_class", class},
		{"pg_stat_activity", "datid", database}, {"pg_stat_activity", "usesysid", role},
	} {
		for _, r := range answer(t, c.relation, in) {
			if !c.in[r[c.column]] {
				t.Errorf("%s.%s: %s is nowhere: %v", c.relation, c.column, r[c.column], r)
				break
			}
		}
	}
	classes := map[string]map[string]bool{"1259": class, "2606": constraint, "2604": attrdef, "2618": rewrite, "2615": schema, "1255": proc}
	for _, r := range answer(t, "pg_depend", in) {
		if !classes[r["classid"]][r["objid"]] || !classes[r["refclassid"]][r["refobjid"]] {
			t.Errorf("pg_depend: %v", r)
		}
	}
	for _, r := range answer(t, "pg_description", in) {
		if !classes[r["classoid"]][r["objoid"]] {
			t.Errorf("pg_description: %v", r)
		}
	}
}

// TestStreams: what PostgreSQL has no word for is shown as the nearest it has.
func TestStreams(t *testing.T) {
	in := input()
	in.Size = func(id uint64) (int64, int64) { return 1000, 16385 }
	class := only(answer(t, "pg_class", in), "relname", "transfer")
	if got, want := pick(class, "relkind", "relam", "reloptions", "reltuples", "relpages", "relhasindex"), "r|2|{retention=forever}|1000|3|f"; got != want {
		t.Errorf("pg_class: %s, want %s", got, want)
	}
	tables := only(answer(t, "information_schema.tables", in), "table_name", "transfer")
	if got, want := pick(tables, "table_type", "is_insertable_into"), "BASE TABLE|YES"; got != want {
		t.Errorf("tables: %s, want %s", got, want)
	}
	tables = only(answer(t, "information_schema.tables", in), "table_name", "balance")
	if got, want := pick(tables, "table_type", "is_insertable_into"), "MATERIALIZED VIEW|NO"; got != want {
		t.Errorf("tables: %s, want %s", got, want)
	}
	views := only(answer(t, "pg_matviews", in), "matviewname", "balance")
	if got, want := pick(views, "matviewowner", "hasindexes", "definition"), "ann|t| SELECT country, sum(amount) AS total FROM account GROUP BY country;"; got != want {
		t.Errorf("pg_matviews: %s, want %s", got, want)
	}
}

// TestGeneratedAndDefaults: both are expressions of pg_attrdef.
func TestGeneratedAndDefaults(t *testing.T) {
	in := input()
	const order = "16390"
	attributes := only(answer(t, "pg_attribute", in), "attrelid", order)
	if got, want := pick(attributes, "attname", "attnotnull", "atthasdef", "attgenerated"), "Item|f|f|\ntwice|f|t|s\nid|t|t|"; got != want {
		t.Errorf("pg_attribute: %s, want %s", got, want)
	}
	defaults := only(answer(t, "pg_attrdef", in), "adrelid", order)
	if got, want := pick(defaults, "adnum", "adbin"), "2|id * 2\n3|nextval('order_id_seq'::regclass)"; got != want {
		t.Errorf("pg_attrdef: %s, want %s", got, want)
	}
	columns := only(answer(t, "information_schema.columns", in), "table_name", "Order")
	if got, want := pick(columns, "column_default", "is_generated", "generation_expression"),
		"NULL|NEVER|NULL\nNULL|ALWAYS|id * 2\nnextval('order_id_seq'::regclass)|NEVER|NULL"; got != want {
		t.Errorf("columns: %s, want %s", got, want)
	}
}

func TestDependencies(t *testing.T) {
	in := input()
	var got []map[string]string
	for _, r := range answer(t, "pg_depend", in) {
		if r["classid"] == "2618" && r["deptype"] == "n" {
			got = append(got, r)
		}
	}
	if want := "1073758210|16385\n1073758211|16385"; pick(got, "objid", "refobjid") != want {
		t.Errorf("%s, want %s", pick(got, "objid", "refobjid"), want)
	}
}

func TestSettings(t *testing.T) {
	rows := answer(t, "pg_settings", input())
	if got, want := pick(rows, "name", "setting", "context", "vartype", "source", "boot_val"),
		"TimeZone|Europe/Amsterdam|user|string|session|UTC\nserver_version|15.18|internal|string|default|15.18"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestActivity(t *testing.T) {
	in := input()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	in.Sessions = []Session{{PID: 7, User: "ann", Database: "shop", Application: "psql", Client: "10.0.0.1", Port: 5, Started: at, State: "active", Query: "SELECT 1"},
		{PID: 8, WorkerKind: "checkpointer"}}
	in.Cursors = []Cursor{{Name: "c", Statement: "DECLARE c …", Created: at}}
	in.Prepared = []Prepared{{Name: "p", Statement: "SELECT $1", Created: at, ParameterTypes: []uint32{23}}}
	if got, want := pick(answer(t, "pg_stat_activity", in), "datname", "pid", "usename", "client_addr", "client_port", "backend_start", "state", "backend_type"),
		"shop|7|ann|10.0.0.1|5|2024-05-06 07:08:09+00|active|client backend\nNULL|8|NULL|NULL|NULL|NULL|NULL|checkpointer"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := pick(answer(t, "pg_cursors", in), "name", "creation_time"), "c|2024-05-06 07:08:09+00"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := pick(answer(t, "pg_prepared_statements", in), "name", "parameter_types"), "p|{integer}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestEmptyDatabase: a catalog without users' relations has rows too.
func TestEmptyDatabase(t *testing.T) {
	in := input()
	schemas := pick(answer(t, "pg_namespace", in), "nspname")
	if want := "Sales\ninformation_schema\npg_catalog\npublic\nsys"; schemas != want {
		t.Errorf("%s, want %s", schemas, want)
	}
	if got, want := pick(answer(t, "pg_roles", in), "rolname", "rolsuper"), "ann|t\nbob|t\ntarn|t"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func BenchmarkAttributes(b *testing.B) {
	in := input()
	o := in.Catalog.In("pg_catalog", "pg_attribute")
	for b.Loop() {
		if _, err := Rows(o, in); err != nil {
			b.Fatal(err)
		}
	}
}
