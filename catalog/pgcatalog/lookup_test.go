package pgcatalog

import (
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

func reg(oid uint32) types.Type { return types.Type{OID: oid, Mod: -1} }

var (
	regproc      = reg(types.OIDRegproc)
	regnamespace = reg(types.OIDRegnamespace)
	regrole      = reg(types.OIDRegrole)
)

// TestRegIn and its inverse: what PostgreSQL 15 answers for the same names.
func TestRegIn(t *testing.T) {
	l := NewLookup(input(), []string{"public"})
	for _, c := range []struct {
		typ  types.Type
		text string
		want string // text of the value, or the SQLSTATE and the message
	}{
		{types.Regclass, "account", "account"},
		{types.Regclass, "Account", "account"},
		{types.Regclass, "public.account", "account"},
		{types.Regclass, "shop.public.account", "account"},
		{types.Regclass, " account ", "account"},
		{types.Regclass, "16385", "account"},
		{types.Regclass, "account_pkey", "account_pkey"},
		{types.Regclass, "balance_key", "balance_key"},
		{types.Regclass, "pg_class", "pg_class"},
		{types.Regclass, "information_schema.tables", "information_schema.tables"},
		{types.Regclass, `"Sales"."Order"`, `"Sales"."Order"`},
		{types.Regclass, "-", "-"},
		{types.Regclass, "999999", "999999"},
		{types.Regclass, "nope", `42P01 relation "nope" does not exist`},
		{types.Regclass, "public.nope", `42P01 relation "public.nope" does not exist`},
		{types.Regclass, `"A b"`, `42P01 relation "A b" does not exist`},
		{types.Regclass, "nope.x", `3F000 schema "nope" does not exist`},
		{types.Regclass, "a b", "42602 invalid name syntax"},
		{types.Regclass, "", "42602 invalid name syntax"},
		{types.Regclass, `"`, "42602 invalid name syntax"},
		{types.Regclass, "a..b", "42602 invalid name syntax"},
		{types.Regclass, "x.y.z.w", "42601 improper relation name (too many dotted names): x.y.z.w"},
		{types.Regclass, "other.public.account", `0A000 cross-database references are not implemented: "other.public.account"`},
		{regproc, "array_recv", "array_recv"},
		{regproc, "pg_catalog.array_recv", "array_recv"},
		{regproc, "1242", "boolin"},
		{regproc, "abs", `42725 more than one function named "abs"`},
		{regproc, "nope", `42883 function "nope" does not exist`},
		{types.Regtype, "int", "integer"},
		{types.Regtype, "numeric(3,2)", "numeric"},
		{types.Regtype, "TIMESTAMP  WITH TIME ZONE", "timestamp with time zone"},
		{types.Regtype, "timestamp(3) with time zone", "timestamp with time zone"},
		{types.Regtype, "pg_catalog.int4", "integer"},
		{types.Regtype, "int[]", "integer[]"},
		{types.Regtype, "varchar(3)[]", "character varying[]"},
		{types.Regtype, `"char"`, `"char"`},
		{types.Regtype, `"int4"`, "integer"},
		{types.Regtype, "nope", `42704 type "nope" does not exist`},
		{regnamespace, "public", "public"},
		{regnamespace, `"Sales"`, `"Sales"`},
		{regnamespace, "nope", `3F000 schema "nope" does not exist`},
		{regrole, "ann", "ann"},
		{regrole, "nope", `42704 role "nope" does not exist`},
	} {
		id, err := l.RegIn(c.typ, c.text)
		got := ""
		if e, ok := err.(*sqlerr.Error); ok {
			got = string(e.Code) + " " + e.Message
		} else {
			got = l.RegOut(c.typ, id)
		}
		if got != c.want {
			t.Errorf("%q::%s: %s, want %s", c.text, c.typ, got, c.want)
		}
	}
}

func TestVisible(t *testing.T) {
	in := input()
	for _, c := range []struct {
		path        []string
		class, name string
		visible, ok bool
	}{
		{[]string{"public"}, "pg_class", "public.account", true, true},
		{[]string{"public"}, "pg_class", "public.account_pkey", true, true},
		{nil, "pg_class", "public.account", false, true},
		{nil, "pg_class", "public.account_pkey", false, true},
		{nil, "pg_class", "pg_catalog.pg_class", true, true},
		{[]string{"public"}, "pg_class", "information_schema.tables", false, true},
		{[]string{"public"}, "pg_class", `"Sales"."Order"`, false, true},
		{[]string{"Sales"}, "pg_class", `"Sales"."Order"`, true, true},
	} {
		l := NewLookup(in, c.path)
		id, err := l.RegIn(types.Regclass, c.name)
		if err != nil {
			t.Fatal(err)
		}
		if visible, ok := l.Visible(c.class, uint32(id)); visible != c.visible || ok != c.ok {
			t.Errorf("%s in %v: %v %v", c.name, c.path, visible, ok)
		}
	}
	l := NewLookup(in, nil)
	for class, ids := range map[string][2]uint32{"pg_type": {23, 99999}, "pg_proc": {1242, 99999}, "pg_namespace": {11, 99999}, "pg_authid": {10, 99999},
		"pg_database": {5, 99999}, "pg_operator": {96, 99999}, "pg_opclass": {1978, 99999}, "pg_opfamily": {1976, 99999}, "pg_collation": {100, 99999}, "pg_class": {1259, 99999}} {
		if !l.Exists(class, ids[0]) || l.Exists(class, ids[1]) {
			t.Errorf("%s: Exists(%d), Exists(%d)", class, ids[0], ids[1])
		}
	}
}

func TestDefinitions(t *testing.T) {
	in := input()
	in.Size = func(id uint64) (int64, int64) { return 7, int64(id) }
	l := NewLookup(in, []string{"public"})
	rel := func(name string) uint32 {
		id, err := l.RegIn(types.Regclass, name)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(id)
	}
	con := func(name string, pretty bool) func() (string, bool) {
		return func() (string, bool) {
			for _, r := range only(answer(t, "pg_constraint", in), "conname", name) {
				d, _ := types.ParseText(r["oid"], types.Oid, nil)
				return l.ConstraintDef(uint32(d.I), pretty)
			}
			return "", false
		}
	}
	for _, c := range []struct {
		name string
		f    func() (string, bool)
		want string
	}{
		{"index", func() (string, bool) { return l.IndexDef(rel("pair_pkey"), 0, false) }, "CREATE UNIQUE INDEX pair_pkey ON public.pair USING btree (b, a)"},
		{"index, pretty", func() (string, bool) { return l.IndexDef(rel("pair_pkey"), 0, true) }, "CREATE UNIQUE INDEX pair_pkey ON pair USING btree (b, a)"},
		{"column of an index", func() (string, bool) { return l.IndexDef(rel("pair_pkey"), 1, true) }, "b"},
		{"column beyond an index", func() (string, bool) { return l.IndexDef(rel("pair_pkey"), 3, true) }, ""},
		{"check", con("account_n_check", false), "CHECK ((n > 0))"},
		{"check, pretty", con("account_n_check", true), "CHECK (n > 0)"},
		{"key", con("pair_pkey", false), "PRIMARY KEY (b, a)"},
		{"view", func() (string, bool) { return l.ViewDef(rel("entry"), true) }, " SELECT id, amount, note FROM account;"},
		{"arguments", func() (string, bool) { return l.FunctionArguments(1397) }, "integer"},
		{"result", func() (string, bool) { return l.FunctionResult(1397) }, "integer"},
		{"result of a table function", func() (string, bool) { return l.FunctionResult(1067) }, "SETOF integer"},
		{"comment", func() (string, bool) { return l.Comment("pg_class", rel("account"), 0) }, "Accounts"},
		{"comment of a column", func() (string, bool) { return l.Comment("", rel("account"), 2) }, "Who"},
		{"role", func() (string, bool) { return l.RoleName(10) }, BootstrapRole},
		{"sequence", func() (string, bool) { s, ok, _ := l.Serial(rel(`"Sales"."Order"`), "id"); return s, ok }, `"Sales".order_id_seq`},
	} {
		if got, ok := c.f(); !ok || got != c.want {
			t.Errorf("%s: %q %v, want %q", c.name, got, ok, c.want)
		}
	}
	for name, ok := range map[string]func() bool{
		"index of a table": func() bool { _, ok := l.IndexDef(rel("pair"), 0, false); return ok },
		"view of a table":  func() bool { _, ok := l.ViewDef(rel("pair"), false); return ok },
		"no constraint":    func() bool { _, ok := l.ConstraintDef(1<<30+1, false); return ok },
		"no comment":       func() bool { _, ok := l.Comment("pg_class", rel("account"), 1); return ok },
		"no sequence":      func() bool { _, ok, _ := l.Serial(rel("account"), "id"); return ok },
	} {
		if ok() {
			t.Errorf("%s: an answer", name)
		}
	}
	if n, _ := l.SizeBytes(rel("pair")); n != 16388 {
		t.Errorf("size: %d", n)
	}
	if n, _ := l.SizeBytes(0); n != 16385+16387+16388+16389+16390 {
		t.Errorf("size of all: %d", n)
	}
	if _, ok := l.SizeBytes(99999); ok {
		t.Error("size of nothing")
	}
	if l.Updatable(rel("account")) != 28 || l.Updatable(rel("transfer")) != 8 || l.Updatable(rel("entry")) != 0 {
		t.Error("Updatable")
	}
}
