package funcs

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// testType is a type as the test files write it.
func testType(t *testing.T, name string) types.Type {
	if name == "unknown" {
		return types.Unknown
	}
	base, array := strings.CutSuffix(name, "[]")
	typ, ok := types.Lookup(base)
	if !ok {
		t.Fatalf("type %q", name)
	}
	if array {
		typ = types.ArrayOf(typ)
	}
	return types.Type{OID: typ.OID, Mod: -1}
}

// testdata/operators.txt lists what PostgreSQL 15 resolves for every pair of
// the types in it: the result's type, or the error. Pairs that are not listed do
// not exist there (42883). Literals beside @>, <@, && and ?| that are ambiguous there
// because of ranges and geometric types, which do not exist here, are left out.
func TestOperatorsResolveAsPostgreSQL(t *testing.T) {
	f, err := os.Open("testdata/operators.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]string{}
	tys, ops := map[string]bool{}, map[string]bool{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		left, res, _ := strings.Cut(sc.Text(), " = ")
		if p := strings.Fields(sc.Text()); p[1] == "=" { // the operator itself
			left, res = strings.Join(p[:3], " "), strings.Join(p[4:], " ")
		}
		p := strings.Fields(left)
		want[left] = res
		tys[p[0]], ops[p[1]], tys[p[2]] = true, true, true
	}
	for op := range ops {
		for l := range tys {
			for r := range tys {
				lt := testType(t, l)
				res, err := ResolveOp(op, &lt, testType(t, r))
				got := ""
				if err != nil {
					if got = string(sqlerr.CodeOf(err)); got == "42883" {
						got = ""
					}
				} else {
					got = res.Ret.String()
				}
				key := l + " " + op + " " + r
				if got != want[key] {
					t.Errorf("%s: %q, in PostgreSQL %q (%v)", key, got, want[key], err)
				}
			}
		}
	}
}

func TestResolutionErrors(t *testing.T) {
	_, err := ResolveOp("+", &types.Int4, types.Text)
	if e := sqlerr.From(err); e.Code != "42883" || e.Message != "operator does not exist: integer + text" ||
		e.Hint != "No operator matches the given name and argument types. You might need to add explicit type casts." {
		t.Errorf("%+v", e)
	}
	_, err = ResolveFunc("nope", []types.Type{types.Int4, types.Unknown})
	if e := sqlerr.From(err); e.Message != "function nope(integer, unknown) does not exist" ||
		e.Hint != "No function matches the given name and argument types. You might need to add explicit type casts." {
		t.Errorf("%+v", e)
	}
	_, err = ResolveOp("+", &types.Unknown, types.Unknown)
	if e := sqlerr.From(err); e.Code != "42725" || e.Message != "operator is not unique: unknown + unknown" {
		t.Errorf("%+v", e)
	}
	_, err = CommonType("UNION", []types.Type{types.Int4, types.Text})
	if e := sqlerr.From(err); e.Code != "42804" || e.Message != "UNION types integer and text cannot be matched" {
		t.Errorf("%+v", e)
	}
	_, err = ResolveAgg("sum", []types.Type{types.Text}, false, false)
	if e := sqlerr.From(err); e.Message != "function sum(text) does not exist" {
		t.Errorf("%+v", e)
	}
}

func TestCommonType(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"int4 int8", "bigint"}, {"int8 int4 numeric", "numeric"}, {"numeric float8 int4", "double precision"},
		{"unknown unknown", "text"}, {"unknown date", "date"}, {"varchar text", "character varying"}, {"text varchar", "text"},
		{"date timestamp", "timestamp without time zone"}, {"date timestamptz timestamp", "timestamp with time zone"},
		{"float4 int8", "real"}, {"int2 unknown int4", "integer"},
	} {
		var ts []types.Type
		for _, n := range strings.Fields(c.in) {
			ts = append(ts, testType(t, n))
		}
		got, err := CommonType("CASE", ts)
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %s, %v; want %s", c.in, got, err, c.want)
		}
	}
}
