package types

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
)

func TestCatalogAgainstPostgres(t *testing.T) {
	want := map[string][]string{}
	for _, r := range readTable(t, "pg_type.tsv") {
		want[r[0]] = r
	}
	for _, i := range All {
		r := want[fmt.Sprint(i.OID)]
		if r == nil {
			t.Errorf("no type %d %s in PostgreSQL", i.OID, i.Name)
			continue
		}
		tf := func(b bool) string { return fmt.Sprint(b)[:1] }
		got := []string{r[0], i.Name, fmt.Sprint(i.Len), tf(i.ByValue()), string(i.Kind), string(i.Category), tf(i.Preferred),
			fmt.Sprint(i.Elem), fmt.Sprint(i.Array), string(i.Align), string(i.Storage), i.SQLName, i.IO + "in"}
		if strings.Join(got, " ") != strings.Join(r[:len(got)], " ") {
			t.Errorf("got  %v\nwant %v", got, r)
		}
		mod := "-"
		if i.ModIO != "" {
			mod = i.ModIO + "typmodin"
		}
		if mod != r[13] {
			t.Errorf("%s: typmodin %s, want %s", i.Name, mod, r[13])
		}
	}
}

func TestCastsAgainstPostgres(t *testing.T) {
	letter := map[CastContext]string{CastExplicit: "e", CastAssignment: "a", CastImplicit: "i"}
	want := map[string]string{}
	for _, r := range readTable(t, "pg_cast.tsv") {
		want[r[0]+" "+r[1]] = r[2]
	}
	for _, c := range Casts {
		key := fmt.Sprintf("%d %d", c.From, c.To)
		if want[key] != letter[c.Context] {
			t.Errorf("cast %s: %q, want %q", key, letter[c.Context], want[key])
		}
		delete(want, key)
	}
	for key, ctx := range want {
		t.Errorf("cast %s (%s) is missing", key, ctx)
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{
		"int": "integer", "int4": "integer", "bigint": "bigint", "tinyint": "smallint", "string": "text", "double": "double precision",
		"bytes": "bytea", "varbinary": "bytea", "datetime": "timestamp without time zone", "timestamp_ltz": "timestamp with time zone",
		"timestamptz": "timestamp with time zone", "char": "character(1)", `"char"`: `"char"`, "_int4": "integer[]", "text[]": "text[]",
		"decimal": "numeric", "real": "real", "float": "double precision", "variant": "jsonb", "bpchar": "character", "string[][]": "text[]",
	} {
		got, ok := Lookup(name)
		if !ok || got.String() != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, ok := Lookup("nope"); ok {
		t.Error("nope found")
	}
}

func TestWithMods(t *testing.T) {
	for _, c := range []struct {
		t    Type
		mods []int
		want string
	}{
		{Numeric, []int{18, 2}, "numeric(18,2)"},
		{Numeric, []int{5}, "numeric(5,0)"},
		{Numeric, []int{3, -2}, "numeric(3,-2)"},
		{Numeric, []int{0}, "NUMERIC precision 0 must be between 1 and 1000"},
		{Numeric, []int{1, 2, 3}, "invalid NUMERIC type modifier"},
		{Varchar, []int{10}, "character varying(10)"},
		{Varchar, []int{0}, "length for type varchar must be at least 1"},
		{Bpchar, []int{3}, "character(3)"},
		{Timestamptz, []int{3}, "timestamp(3) with time zone"},
		{Time, []int{9}, "time(6) without time zone"},
		{Interval, []int{3}, "interval(3)"},
		{Interval, []int{IntervalDay | IntervalHour | IntervalMinute | IntervalSecond, 3}, "interval day to second(3)"},
		{Interval, []int{IntervalYear, -1}, "interval year"},
		{ArrayOf(Numeric), []int{5, 1}, "numeric(5,1)[]"},
		{Int4, []int{3}, `type modifier is not allowed for type "int4"`},
		{Float8, []int{10}, "real"},
	} {
		got, err := WithMods(c.t, c.mods)
		text := got.String()
		if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%s%v: %s, want %s", c.t, c.mods, text, c.want)
		}
	}
}

func TestCharLength(t *testing.T) {
	vc3, _ := WithMods(Varchar, []int{3})
	bc3, _ := WithMods(Bpchar, []int{3})
	for _, c := range []struct {
		t        Type
		in       string
		explicit bool
		want     string
	}{
		{vc3, "abc", false, "abc"}, {vc3, "äöü", false, "äöü"}, {vc3, "abcd", true, "abc"}, {vc3, "abc   ", false, "abc"},
		{vc3, "abcd", false, "value too long for type character varying(3)"}, {bc3, "a", false, "a  "},
		{bc3, "abcd", false, "value too long for type character(3)"}, {bc3, "äöüx", true, "äöü"},
	} {
		d, err := CoerceTypmod(String(c.in), c.t, c.explicit)
		if err != nil {
			d.S = err.Error()
			if !sqlerr.HasCode(err, sqlerr.StringDataRightTruncation) {
				t.Errorf("%s: code %s", c.in, sqlerr.CodeOf(err))
			}
		}
		if d.S != c.want {
			t.Errorf("%s %q: %q, want %q", c.t, c.in, d.S, c.want)
		}
	}
	if !Equal(String("a"), String("a  "), bc3) || Hash(String("a"), bc3) != Hash(String("a  "), bc3) {
		t.Error("blanks count in bpchar")
	}
}

func TestNarrowEntryPoints(t *testing.T) {
	v, scale, ok := ParseNumericNarrow([]byte("12.345"), NumericOf(18, 2).Mod)
	if v != 1235 || scale != 2 || !ok {
		t.Errorf("12.345 as numeric(18,2): %d %d %v", v, scale, ok)
	}
	if _, _, ok := ParseNumericNarrow([]byte("1e5"), -1); ok {
		t.Error("1e5 is not a plain decimal")
	}
	if v, err := ParseInt([]byte("-9223372036854775808")); v != -1<<63 || err != nil {
		t.Error(v, err)
	}
	if ts, ok := ParseTimestamptzISO([]byte("2000-01-01T01:00:00.5+01:00")); ts != usecSec/2 || !ok {
		t.Error(ts, ok)
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := strings.Repeat("[", 1_000_000)
	if _, err := ParseJSONB(deep); !sqlerr.HasCode(err, sqlerr.StatementTooComplex) {
		t.Errorf("jsonb: %v", err)
	}
	if err := CheckJSON(deep); !sqlerr.HasCode(err, sqlerr.StatementTooComplex) {
		t.Errorf("json: %v", err)
	}
	if _, err := ParseText(strings.Repeat("{", 100), Int4Array, nil); !sqlerr.HasCode(err, sqlerr.ProgramLimitExceeded) {
		t.Errorf("array: %v", err)
	}
}
