package main

import (
	"fmt"
	"math/rand"
	"strings"
)

// kind is a type that values are made of.
type kind struct {
	name   string
	values []string // texts, with the odd ones
	spread func(r *rand.Rand) string
	order  bool // has < and =
}

// quoted is a text as a constant.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

var kinds = []*kind{
	{name: "bool", values: []string{"t", "f"}, order: true},
	{name: "int2", values: []string{"0", "1", "-1", "7", "32767", "-32768"}, spread: ints(9), order: true},
	{name: "int4", values: []string{"0", "1", "-1", "2", "10", "2147483647", "-2147483648"}, spread: ints(12), order: true},
	{name: "int8", values: []string{"0", "1", "-1", "3", "4567890123456789", "9223372036854775807", "-9223372036854775808"}, spread: ints(30), order: true},
	{name: "float4", values: []string{"0", "-0", "1.5", "-2.25", "0.1", "1e30", "-1e-30", "NaN", "Infinity", "-Infinity"}, spread: decimals(1), order: true},
	{name: "float8", values: []string{"0", "-0", "1.5", "-2.25", "0.1", "1e200", "-1e-200", "123456789.123456789", "NaN", "Infinity", "-Infinity"}, spread: decimals(2), order: true},
	{name: "numeric", values: []string{"0", "0.00", "1", "-1.50", "2.5", "3.5", "99999999999999999999.9999", "0.000000000123", "1e20", "-7.77e-9", "NaN", "Infinity", "-Infinity"}, spread: decimals(2), order: true},
	{name: "text", values: []string{"", "a", "B", "abc", "Straße", "日本語", "x_y%z", " pad ", "it's", "12", "-3.5", "true", `back\slash`, "a,b,,c", "Hello World"}, spread: words, order: true},
	{name: "varchar(5)", values: []string{"", "a", "ab", "héllo", "12", " x "}, spread: words, order: true},
	{name: "bytea", values: []string{`\x`, `\x00`, `\xdeadbeef`, `\x616263`}, order: true},
	{name: "date", values: []string{"2000-01-01", "1970-01-01", "2024-02-29", "2026-12-31", "0001-01-01", "4713-01-01 BC", "9999-12-31", "infinity", "-infinity"}, spread: days, order: true},
	{name: "time", values: []string{"00:00:00", "12:34:56.789", "23:59:59.999999", "24:00:00"}, order: true},
	{name: "timestamp", values: []string{"2000-01-01 00:00:00", "2024-02-29 23:59:59.999999", "1969-12-31 12:00:00.5", "0044-03-15 10:00:00 BC", "infinity", "-infinity"}, spread: moments, order: true},
	{name: "timestamptz", values: []string{"2000-01-01 00:00:00+00", "2024-03-31 01:30:00+02", "1969-12-31 12:00:00.123456-08", "infinity", "-infinity"}, spread: moments, order: true},
	{name: "interval", values: []string{"0", "1 day", "-1 mon", "1 year 2 mons 3 days 04:05:06.789", "24:00:00", "30 days", "-00:00:00.000001", "100 years", "1 mon -1 day"}, spread: spans, order: true},
	{name: "uuid", values: []string{"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "ffffffff-ffff-ffff-ffff-ffffffffffff"}, order: true},
	{name: "jsonb", values: []string{"null", "true", "1", "1.25", `"str"`, `""`, "[]", "{}", `[1, 2, [3, "x"], null]`, `{"a": 1, "b": {"c": [1, 2]}, "d": null}`, `{"a": "text", "k é": -1e3}`, `[{"a": 1}, {"a": 2}]`}, order: true},
	{name: "int4[]", values: []string{"{}", "{1}", "{1,2,3}", "{3,NULL,1}", "{{1,2},{3,4}}", "[0:1]={5,6}", "{2,2,2}"}, order: true},
	{name: "text[]", values: []string{"{}", "{a}", "{a,b,NULL}", `{"",NULL,"NULL","x y"}`, "{{a,b},{c,d}}"}, order: true},
	{name: "numeric[]", values: []string{"{}", "{1.5,2.25}", "{NULL,-1}"}, order: true},
}

// keys are the kinds that tables are joined by.
var keys = []string{"int2", "int4", "int8", "numeric", "text", "varchar(5)", "date", "bool"}

func kindOf(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

func ints(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return fmt.Sprint(r.Intn(2*n) - n/2) }
}

// decimals end in no zero, for the same reason.
func decimals(digits int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		text := fmt.Sprintf("%.*f", r.Intn(digits+1), r.Float64()*20-5)
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
		if text == "-0" {
			return "0"
		}
		return text
	}
}

func words(r *rand.Rand) string {
	return []string{"a", "b", "ab", "abc", "b c", "Zz", "", "é"}[r.Intn(8)]
}

func days(r *rand.Rand) string {
	return fmt.Sprintf("20%02d-%02d-%02d", 20+r.Intn(6), 1+r.Intn(12), 1+r.Intn(28))
}

func moments(r *rand.Rand) string {
	return fmt.Sprintf("%s %02d:%02d:%02d.%d", days(r), r.Intn(24), r.Intn(60), r.Intn(60), r.Intn(1000))
}

// spans are intervals that no other text means: equal ones look alike.
func spans(r *rand.Rand) string { return fmt.Sprintf("%d days", 2+r.Intn(20)) }

// text is a random value; plain ones are small, so that sums and joins work.
func (k *kind) text(r *rand.Rand, plain bool) string {
	if k.spread != nil && (plain || r.Intn(2) == 0) {
		return k.spread(r)
	}
	n := len(k.values)
	if plain {
		n = min(n, 5)
	}
	return k.values[r.Intn(n)]
}

// constant is a typed value, now and then NULL.
func (k *kind) constant(r *rand.Rand, plain bool) string {
	if r.Intn(12) == 0 {
		return "NULL::" + k.name
	}
	t := k.text(r, plain)
	if plain && k.name == "int4" && r.Intn(2) == 0 {
		return "(" + t + ")"
	}
	return quoted(t) + "::" + k.name
}
