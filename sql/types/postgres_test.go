package types

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// The tables in testdata hold what a real PostgreSQL 15 answered, with its zone
// set to America/New_York.

func testEnv(t testing.TB) *Env {
	t.Helper()
	env := NewEnv()
	loc, err := LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	env.TimeZone = loc
	return env
}

func readTable(t testing.TB, name string) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	return rows
}

// typeOf reads a type with its modifiers as the tables spell it.
func typeOf(t testing.TB, name string) Type {
	t.Helper()
	for _, f := range []struct {
		name string
		bits int
	}{{" day", IntervalDay}, {" hour to minute", IntervalHour | IntervalMinute}, {" year", IntervalYear}, {" minute to second", IntervalMinute | IntervalSecond},
		{" second(2)", IntervalSecond}, {" year to month", IntervalYear | IntervalMonth}, {" hour", IntervalHour}} {
		if name == "interval"+f.name {
			prec := -1
			if strings.HasSuffix(name, "(2)") {
				prec = 2
			}
			it, err := WithMods(Interval, []int{f.bits, prec})
			if err != nil {
				t.Fatal(err)
			}
			return it
		}
	}
	base, mods := name, []int(nil)
	if i := strings.IndexByte(name, '('); i >= 0 {
		j := strings.IndexByte(name, ')')
		base = name[:i] + name[j+1:]
		for _, m := range strings.Split(name[i+1:j], ",") {
			n, _ := strconv.Atoi(m)
			mods = append(mods, n)
		}
	}
	typ, ok := Lookup(base)
	if !ok {
		t.Fatalf("type %q", base)
	}
	typ, err := WithMods(typ, mods)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func errText(err error) string {
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		return "ERROR ????? " + err.Error()
	}
	s := "ERROR " + string(e.Code) + " " + e.Message
	if e.Detail != "" {
		s += " / " + e.Detail
	}
	return s
}

func flat(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", `\n`), "\t", `\t`)
}

func TestTextAgainstPostgres(t *testing.T) {
	env := testEnv(t)
	for _, r := range readTable(t, "text.tsv") {
		typ, in, want := typeOf(t, r[0]), r[1], r[2]
		d, err := ParseText(in, typ, env)
		got := ""
		if err != nil {
			got = errText(err)
		} else {
			got = flat(string(AppendText(nil, d, typ, env)))
			if typ.OID == OIDChar && got == "" && want == "<null>" {
				got = want
			}
		}
		if typ.OID == OIDVarchar || typ.OID == OIDBpchar {
			// The table has explicit casts.
			continue
		}
		if got != want {
			t.Errorf("%s %q:\n got %s\nwant %s", r[0], in, clip(got), clip(want))
		}
	}
}

func clip(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

func TestOpsAgainstPostgres(t *testing.T) {
	env := testEnv(t)
	for _, r := range readTable(t, "ops.tsv") {
		op, names, args, want := r[0], strings.Split(r[1], "|"), r[2:len(r)-1], r[len(r)-1]
		ts := make([]Type, len(names))
		ds := make([]Datum, len(names))
		var err error
		for i, n := range names {
			ts[i] = typeOf(t, n)
			if op == "cast" && i == 1 {
				continue
			}
			if ds[i], err = ParseText(args[i], ts[i], env); err != nil {
				break
			}
		}
		got := ""
		if err == nil {
			got, err = runOp(op, ds, ts, args, env)
		}
		if err != nil {
			got = errText(err)
		}
		if got = flat(got); got != want {
			t.Errorf("%s %v:\n got %s\nwant %s", op, args, clip(got), clip(want))
		}
	}
}

func atoiArg(s string) int { n, _ := strconv.Atoi(s); return n }

func pathArg(s string) (p []string) {
	d, _ := ParseText(s, TextArray, nil)
	a, _ := DecodeArray(d.S)
	for _, e := range a.Elems {
		p = append(p, e.S)
	}
	return p
}

// runOp computes one row of ops.tsv as text.
func runOp(op string, d []Datum, ts []Type, args []string, env *Env) (string, error) {
	out := func(v Datum, t Type, err error) (string, error) {
		if err != nil {
			return "", err
		}
		if v.Null {
			return "", nil
		}
		return string(AppendText(nil, v, t, env)), nil
	}
	num := func(v Datum, err error) (string, error) { return out(v, Numeric, err) }
	ival := func(v IntervalValue, err error) (string, error) { return out(IntervalDatum(v), Interval, err) }
	ts8 := func(v int64, err error) (string, error) { return out(Int(v), Timestamp, err) }
	tz8 := func(v int64, err error) (string, error) { return out(Int(v), Timestamptz, err) }
	js := func(v string, ok bool) (string, error) {
		if !ok {
			return "", nil
		}
		return v, nil
	}
	iv := func(i int) IntervalValue { return DecodeInterval(d[i].S) }
	switch op {
	case "add":
		return num(NumericAdd(d[0], d[1]))
	case "sub":
		return num(NumericSub(d[0], d[1]))
	case "mul":
		return num(NumericMul(d[0], d[1]))
	case "div":
		return num(NumericDiv(d[0], d[1]))
	case "rem":
		return num(NumericRem(d[0], d[1]))
	case "divtrunc":
		return num(NumericDivTrunc(d[0], d[1]))
	case "power":
		return num(NumericPower(d[0], d[1]))
	case "log":
		return num(NumericLog(d[0], d[1]))
	case "numcmp", "ivcmp", "jcmp":
		if Equal(d[0], d[1], ts[0]) && Hash(d[0], ts[0]) != Hash(d[1], ts[0]) {
			return "", fmt.Errorf("equal values hash differently")
		}
		return strconv.Itoa(Compare(d[0], d[1], ts[0])), nil
	case "sqrt":
		return num(NumericSqrt(d[0]))
	case "exp":
		return num(NumericExp(d[0]))
	case "ln":
		return num(NumericLn(d[0]))
	case "ceil":
		return out(NumericCeil(d[0]), Numeric, nil)
	case "floor":
		return out(NumericFloor(d[0]), Numeric, nil)
	case "abs":
		return out(NumericAbs(d[0]), Numeric, nil)
	case "sign":
		return out(NumericSign(d[0]), Numeric, nil)
	case "trim_scale":
		return out(NumericTrimScale(d[0]), Numeric, nil)
	case "scale", "min_scale":
		n, ok := NumericScale(d[0])
		if op == "min_scale" {
			n, ok = NumericMinScale(d[0])
		}
		return js(strconv.Itoa(n), ok)
	case "round":
		return out(NumericRound(d[0], atoiArg(args[1])), Numeric, nil)
	case "trunc":
		return out(NumericTrunc(d[0], atoiArg(args[1])), Numeric, nil)
	case "cast":
		if CastKind(ts[0], ts[1]) == CastNone {
			return "", errCannotCast(ts[0], ts[1])
		}
		v, err := Cast(d[0], ts[0], ts[1], env)
		return out(v, ts[1], err)
	case "tsadd":
		return ts8(TimestampAdd(d[0].I, iv(1)))
	case "tzadd":
		return tz8(TimestamptzAdd(d[0].I, iv(1), env.TimeZone))
	case "tssub":
		return ival(TimestampSub(d[0].I, d[1].I))
	case "age":
		return ival(TimestampAge(d[0].I, d[1].I))
	case "tstrunc":
		return ts8(TimestampTrunc(args[0], d[1].I))
	case "tztrunc":
		return tz8(TimestamptzTrunc(args[0], d[1].I, env.TimeZone))
	case "ivtrunc":
		return ival(IntervalTrunc(args[0], iv(1)))
	case "extract":
		return num(Extract(args[0], d[1], ts[1], env))
	case "ivadd":
		return ival(IntervalAdd(iv(0), iv(1)))
	case "ivmul":
		return ival(IntervalMul(iv(0), d[1].F))
	case "ivdiv":
		return ival(IntervalDiv(iv(0), d[1].F))
	case "justify_hours":
		return ival(JustifyHours(iv(0)))
	case "justify_days":
		return ival(JustifyDays(iv(0)))
	case "justify_interval":
		return ival(JustifyInterval(iv(0)))
	case "datebin":
		return ts8(DateBin(iv(0), d[1].I, d[2].I))
	case "to_char_tz", "to_char_iv", "to_char_num":
		return ToChar(d[0], ts[0], args[1], env)
	case "to_date":
		v, err := ToDate(args[0], args[1])
		return out(Int(v), Date, err)
	case "to_timestamp":
		return tz8(ToTimestamp(args[0], args[1], env))
	case "to_number":
		return num(ToNumber(args[0], args[1]))
	case "jcontains":
		return out(Boolean(JSONBContains(d[0].S, d[1].S)), Bool, nil)
	case "jconcat":
		return JSONBConcat(d[0].S, d[1].S)
	case "jget":
		return js(JSONBGet(d[0].S, args[1]))
	case "jidx":
		return js(JSONBIndex(d[0].S, atoiArg(args[1])))
	case "jtext":
		v, ok := JSONBGet(d[0].S, args[1])
		if !ok {
			return "", nil
		}
		s, null := JSONBText(v)
		return js(s, !null)
	case "jpath":
		return js(JSONBPath(d[0].S, pathArg(args[1])))
	case "jexists":
		return out(Boolean(JSONBExists(d[0].S, args[1])), Bool, nil)
	case "jdel":
		return JSONBDeleteKeys(d[0].S, args[1:2])
	case "jdelidx":
		return JSONBDeleteIndex(d[0].S, atoiArg(args[1]))
	case "jdelpath":
		return JSONBDeletePath(d[0].S, pathArg(args[1]))
	case "jset":
		return JSONBSet(d[0].S, pathArg(args[1]), "99", true)
	case "jins":
		return JSONBInsert(d[0].S, pathArg(args[1]), "99", false)
	case "jlen":
		n, err := JSONBArrayLen(d[0].S)
		return strconv.Itoa(n), err
	case "jtypeof":
		return JSONBTypeof(d[0].S), nil
	case "jstrip":
		return JSONBStripNulls(d[0].S), nil
	case "jpretty":
		return JSONBPretty(d[0].S), nil
	case "to_jsonb":
		return ToJSONB(d[0], ts[0], env)
	case "binary":
		b := AppendBinary(nil, d[0], ts[0])
		back, err := ParseBinary(b, ts[0])
		if err != nil {
			return "", err
		}
		if !Equal(back, d[0], ts[0]) {
			return "", fmt.Errorf("round trip gives %s", AppendText(nil, back, ts[0], env))
		}
		return `\x` + hex.EncodeToString(b), nil
	case "atz":
		loc, err := LoadZone(args[1])
		if err != nil {
			return "", err
		}
		return tz8(TimestampToTimestamptz(d[0].I, loc))
	case "format_type":
		oid, mod := atoiArg(args[0]), atoiArg(args[1])
		return FormatType(uint32(oid), int32(mod), true), nil
	}
	return "", fmt.Errorf("unknown operation %s", op)
}

func TestStylesAgainstPostgres(t *testing.T) {
	styles := map[string]IntervalStyle{"postgres": IntervalPostgres, "sql_standard": IntervalSQLStandard, "iso_8601": IntervalISO8601, "postgres_verbose": IntervalPostgresVerbose}
	orders := map[string]DateOrder{"MDY": MDY, "DMY": DMY, "YMD": YMD}
	for _, r := range readTable(t, "styles.tsv") {
		env := testEnv(t)
		switch r[1] {
		case "interval":
			env.IntervalStyle = styles[r[0]]
		case "date":
			env.DateOrder = orders[r[0]]
		case "bytea":
			env.ByteaEscape = true
		default:
			env.ExtraFloatDigits = atoiArg(r[0])
		}
		typ := typeOf(t, r[1])
		d, err := ParseText(r[2], typ, env)
		got := ""
		if err != nil {
			got = errText(err)
		} else {
			got = string(AppendText(nil, d, typ, env))
		}
		if got != r[3] {
			t.Errorf("%s %s %q:\n got %s\nwant %s", r[0], r[1], r[2], got, r[3])
		}
	}
}
