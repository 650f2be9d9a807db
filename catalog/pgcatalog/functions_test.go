package pgcatalog

import (
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// call runs name(args) as a statement would: 'text' is a literal without a type,
// a number an int4, a word a boolean or NULL, @name the OID of a relation or a constraint.
func call(t *testing.T, in Input, name, args string) string {
	t.Helper()
	l := NewLookup(in, []string{"public"})
	var ts []types.Type
	var ds []types.Datum
	for _, a := range strings.Split(args, " ") {
		switch {
		case a == "":
			continue
		case a == "NULL":
			ts, ds = append(ts, types.Unknown), append(ds, null)
		case a == "true" || a == "false":
			ts, ds = append(ts, types.Bool), append(ds, yes(a == "true"))
		case a[0] == '\'':
			ts, ds = append(ts, types.Unknown), append(ds, str(strings.Trim(a, "'")))
		case a[0] == '@':
			ts, ds = append(ts, types.Oid), append(ds, oidOf(t, in, l, a[1:]))
		default:
			d, err := types.ParseText(a, types.Int4, nil)
			if err != nil {
				t.Fatal(err)
			}
			ts, ds = append(ts, types.Int4), append(ds, d)
		}
	}
	f, err := funcs.ResolveFunc(name, ts)
	if err != nil {
		return err.Error()
	}
	c := &funcs.Ctx{Env: types.NewEnv(), Session: l}
	vecs := make([]*vec.Vec, len(ds))
	for i, d := range ds {
		out, done, err := funcs.CastReg(c, d, ts[i], f.ArgTypes[i])
		if !done {
			out, err = types.Cast(d, ts[i], f.ArgTypes[i], nil)
		}
		if err != nil {
			return err.Error()
		}
		if out.Null && !f.NotStrict {
			return "NULL"
		}
		vecs[i] = vec.FromDatums(f.ArgTypes[i], []types.Datum{out})
	}
	k := f.Kernel
	if f.Bind != nil {
		k = f.Bind(f.ArgTypes, f.Ret)
	}
	d := k(c, 1, vecs).Datum(0)
	if errs := c.TakeErrors(); len(errs) > 0 {
		return errs[0].Err.Error()
	}
	if d.Null {
		return "NULL"
	}
	if funcs.IsReg(f.Ret) {
		return l.RegOut(f.Ret, d.I)
	}
	return string(types.AppendText(nil, d, f.Ret, nil))
}

func oidOf(t *testing.T, in Input, l *Lookup, name string) types.Datum {
	if id, err := l.RegIn(types.Regclass, name); err == nil {
		return types.Int(id)
	}
	rows := only(answer(t, "pg_constraint", in), "conname", name)
	if len(rows) != 1 {
		t.Fatalf("no %s", name)
	}
	d, _ := types.ParseText(rows[0]["oid"], types.Oid, nil)
	return d
}

// TestFunctions: what PostgreSQL 15 answers over schema.sql, but for OIDs that
// stand for other things here.
func TestFunctions(t *testing.T) {
	in := input()
	for _, c := range []struct{ name, args, want string }{
		{"pg_get_constraintdef", "@pos true", "CHECK (amount >= 0)"},
		{"pg_get_constraintdef", "@account_n_check", "CHECK ((n > 0))"},
		{"pg_get_constraintdef", "1", "NULL"},
		{"pg_get_indexdef", "@pair_pkey", "CREATE UNIQUE INDEX pair_pkey ON public.pair USING btree (b, a)"},
		{"pg_get_indexdef", "@pair_pkey 0 true", "CREATE UNIQUE INDEX pair_pkey ON pair USING btree (b, a)"},
		{"pg_get_indexdef", "@pair_pkey 2 true", "a"},
		{"pg_get_indexdef", "1", "NULL"},
		{"pg_get_viewdef", "@entry true", " SELECT id, amount, note FROM account;"},
		{"pg_get_viewdef", "'entry'", " SELECT id, amount, note FROM account;"},
		{"pg_get_viewdef", "@account", "NULL"},
		{"pg_get_expr", "'0' @account true", "0"},
		{"pg_get_userbyid", "10", "tarn"},
		{"pg_get_userbyid", "7", "unknown (OID=7)"},
		{"pg_table_is_visible", "@account", "t"},
		{"pg_table_is_visible", "@information_schema.tables", "f"},
		{"pg_table_is_visible", "1", "NULL"},
		{"pg_type_is_visible", "23", "t"},
		{"pg_function_is_visible", "1397", "t"},
		{"format_type", "1700 1179654", "numeric(18,2)"},
		{"format_type", "0 NULL", "-"},
		{"format_type", "9999 NULL", "???"},
		{"format_type", "1042 NULL", "character"},
		{"format_type", "1042 -1", "bpchar"},
		{"format_type", "NULL 3", "NULL"},
		{"obj_description", "@account 'pg_class'", "Accounts"},
		{"obj_description", "@account", "Accounts"},
		{"obj_description", "@account 'pg_type'", "NULL"},
		{"col_description", "@account 2", "Who"},
		{"col_description", "@account 0", "NULL"},
		{"shobj_description", "5 'pg_database'", "NULL"},
		{"to_regclass", "'account'", "account"},
		{"to_regclass", "'nope'", "NULL"},
		{"to_regclass", "'1259'", "NULL"},
		{"to_regclass", "'a..b'", "invalid name syntax"},
		{"to_regtype", "'numeric(3,2)'", "numeric"},
		{"to_regtype", "'nope'", "NULL"},
		{"to_regnamespace", "'public'", "public"},
		{"to_regrole", "'ann'", "ann"},
		{"to_regproc", "'abs'", "NULL"},
		{"has_table_privilege", "'account' 'select'", "t"},
		{"has_table_privilege", "'ann' 'account' 'select,insert'", "t"},
		{"has_table_privilege", "'nope' 'select'", `relation "nope" does not exist`},
		{"has_table_privilege", "1 'select'", "NULL"},
		{"has_table_privilege", "@account 'foo'", `unrecognized privilege type: "foo"`},
		{"has_database_privilege", "'shop' 'connect'", "t"},
		{"has_database_privilege", "'nope' 'connect'", `database "nope" does not exist`},
		{"has_schema_privilege", "'public' 'usage'", "t"},
		{"has_schema_privilege", "'Sales' 'usage'", "t"},
		{"has_schema_privilege", "'nope' 'usage'", `schema "nope" does not exist`},
		{"has_function_privilege", "'abs(integer)' 'execute'", "t"},
		{"has_column_privilege", "'account' 'id' 'select'", "t"},
		{"has_type_privilege", "'int4' 'usage'", "t"},
		{"pg_has_role", "'ann' 'member'", "t"},
		{"pg_relation_size", "1", "NULL"},
		{"pg_relation_size", "'account'", "0"},
		{"pg_total_relation_size", "'account_pkey'", "0"},
		{"pg_database_size", "'shop'", "0"},
		{"pg_database_size", "'nope'", `database "nope" does not exist`},
		{"pg_relation_is_updatable", "'account' true", "28"},
		{"pg_relation_is_updatable", "'balance' true", "0"},
		{"pg_relation_is_publishable", "'account'", "f"},
		{"pg_get_serial_sequence", "'account' 'id'", "NULL"},
		{"pg_get_serial_sequence", "'account' 'nope'", `column "nope" of relation "account" does not exist`},
		{"pg_get_function_arguments", "1397", "integer"},
		{"pg_get_function_result", "1397", "integer"},
		{"pg_get_function_identity_arguments", "1067", "integer, integer"},
		{"pg_get_partkeydef", "@account", "NULL"},
		{"pg_get_statisticsobjdef_columns", "1", "NULL"},
		{"pg_encoding_to_char", "6", "UTF8"},
		{"pg_encoding_to_char", "99", ""},
		{"pg_char_to_encoding", "'latin1'", "8"},
		{"pg_char_to_encoding", "'x'", "-1"},
		{"pg_is_in_recovery", "", "f"},
		{"pg_my_temp_schema", "", "0"},
		{"pg_tablespace_location", "1663", ""},
		{"oidvectortypes", "'23\t25'", "integer, text"},
	} {
		if got := call(t, in, c.name, c.args); got != c.want {
			t.Errorf("%s(%s): %q, want %q", c.name, c.args, got, c.want)
		}
	}
}

// TestFunctionsWithoutCatalog: in a view there is nobody to ask.
func TestFunctionsWithoutCatalog(t *testing.T) {
	f, err := funcs.ResolveFunc("pg_table_is_visible", []types.Type{types.Oid})
	if err != nil {
		t.Fatal(err)
	}
	v := f.Kernel(&funcs.Ctx{}, 1, []*vec.Vec{vec.FromDatums(types.Oid, []types.Datum{types.Int(1259)})})
	if !v.IsNull(0) {
		t.Error("an answer without a catalog")
	}
}
