package main

import (
	"fmt"
	"math/rand"
	"strings"
)

// scope is what an expression may name.
type scope struct {
	r    *run
	cols []column
}

// named are operators and functions that do not fail on plain values, by result;
// their arguments are kinds in braces.
var named = map[string][]string{
	"bool":        {"NOT {bool}", "({bool} AND {bool})", "({bool} OR {bool})", "({int4} < {int8})", "({numeric} >= {int4})", "({text} LIKE '%a%')", "({text} IN ('a', 'b', {text}))", "({date} BETWEEN {date} AND {date})", "({int4} = ANY({int4[]}))", "({jsonb} @> {jsonb})", "({text} IS DISTINCT FROM {varchar(5)})", "({float8} > {numeric})", "({timestamp} < {date})", "({text[]} && {text[]})", "({int4[]} = {int4[]})", "({interval} > {interval})", "({bool}) IS NOT TRUE", "({jsonb} ? 'a')", "({int4}, {text}) < ({int4}, {text})", "({int4}, {text}) IN ((1, 'a'), (2, 'b'))", "({varchar(5)} ~ '^a')", "(NOT ({numeric} IN (1, {numeric}, NULL)))", "({bytea} < {bytea})", "({uuid} <= {uuid})"},
	"int4":        {"({int4} % 7)", "length({text})", "abs({int4} % 100)", "coalesce({int4}, 0)", "position('a' in {text})", "array_length({int4[]}, 1)", "({int4[]})[1]", "ascii({text})", "cardinality({text[]})", "jsonb_array_length('[1,2]'::jsonb)", "({date} - '2020-01-01'::date)", "extract(month from {date})::int4", "sign({int4})::int4", "octet_length({bytea})", "strpos({text}, 'b')", "(({bool})::int4)"},
	"int2":        {"({int2} % 5::int2)"},
	"int8":        {"({int8} % 1000)", "({int4}::int8 * 3)", "({int2}::int8 + {int4})", "greatest({int8}, {int4})", "({int8} & 255)", "width_bucket({int4}, 0, 10, 5)::int8", "abs({int8} % 77)"},
	"float8":      {"({int4}::float8 / 4)", "greatest({float8}, 1)", "round({float8})", "floor({int4} / 3.0::float8)", "abs({float8})"},
	"float4":      {"abs({float4})"},
	"numeric":     {"({numeric} + {int4})", "({numeric} * 2)", "round({numeric}, 1)", "trunc({numeric})", "({int4} / 4.0)", "-{numeric}", "abs({numeric})", "({numeric})::numeric(40,2)", "least({numeric}, {int8})", "({numeric} / 3)", "extract(day from {timestamp})", "mod({numeric}, 7)"},
	"text":        {"({text} || {varchar(5)})", "upper({text})", "lower({varchar(5)})", "substr({text}, 2, 3)", "left({text}, 2)", "{int4}::text", "{numeric}::text", "{bool}::text", "{date}::text", "{timestamp}::text", "{interval}::text", "{jsonb}::text", "{int4[]}::text", "replace({text}, 'a', 'xy')", "trim({text})", "coalesce({text}, 'none')", "concat({text}, {int4}, {bool})", "lpad({text}, 4, '*')", "({jsonb} ->> 'a')", "array_to_string({int4[]}, '-', '?')", "to_char({date}, 'YYYY Mon')", "split_part({text}, 'b', 1)", "{uuid}::text", "{float8}::text", "md5({text})", "({jsonb} #>> '{b,c}')", "reverse({text})", "initcap({text})", "string_agg_free"},
	"varchar(5)":  {"{text}::varchar(5)"},
	"date":        {"({date} + {int2} % 100::int2)", "{timestamp}::date", "greatest({date}, '2022-01-01')", "coalesce({date}, '2021-05-05')"},
	"timestamp":   {"({timestamp} + {interval})", "date_trunc('month', {timestamp})", "{date}::timestamp", "({date} + interval '1 hour')", "({timestamptz} AT TIME ZONE 'Europe/Berlin')"},
	"timestamptz": {"({timestamptz} + interval '1 day')", "date_trunc('hour', {timestamptz})", "{timestamp}::timestamptz"},
	"interval":    {"({interval} * 2)", "justify_days({interval})", "({interval} + {interval})", "-{interval}"},
	"jsonb":       {"to_jsonb({int4})", "to_jsonb({text})", "({jsonb} -> 'a')", "jsonb_build_array({int4}, {text}, {bool})", "({jsonb} -> 0)", "jsonb_build_object('k', {numeric})", "to_jsonb({int4[]})", "to_jsonb({timestamp})"},
	"int4[]":      {"ARRAY[{int4}, {int4}]", "array_append({int4[]}, {int4})", "coalesce({int4[]}, '{}')", "array_remove({int4[]}, 1)"},
	"text[]":      {"string_to_array({text}, 'b')", "ARRAY[{text}, 'q']"},
	"numeric[]":   {"ARRAY[{numeric}, {int4}]"},
}

// expr is a random expression of a kind.
func (s scope) expr(kind string, depth int) string {
	rng := s.r.rng
	if depth <= 0 || rng.Intn(3) == 0 {
		return s.leaf(kind)
	}
	switch rng.Intn(8) {
	case 0:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", s.expr("bool", depth-1), s.expr(kind, depth-1), s.expr(kind, depth-1))
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", s.expr(kind, depth-1), s.expr(kind, depth-1))
	case 2:
		return fmt.Sprintf("nullif(%s, %s)", s.expr(kind, depth-1), s.expr(kind, 0))
	case 3:
		return fmt.Sprintf("CASE %s WHEN %s THEN %s WHEN %s THEN %s END", s.expr("int4", depth-1), s.leaf("int4"), s.expr(kind, depth-1), s.leaf("int4"), s.leaf(kind))
	}
	forms := named[kind]
	if len(forms) == 0 {
		return s.leaf(kind)
	}
	if kind == "bool" && rng.Intn(2) == 0 {
		return s.predicate(depth - 1)
	}
	return s.fill(forms[rng.Intn(len(forms))], depth-1)
}

// fill puts expressions for the kinds in braces.
func (s scope) fill(form string, depth int) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(form, '{')
		if i < 0 {
			break
		}
		j := i + strings.IndexByte(form[i:], '}')
		if name := form[i+1 : j]; kindOf(name) != nil {
			b.WriteString(form[:i] + s.expr(name, depth))
		} else {
			b.WriteString(form[:j+1])
		}
		form = form[j+1:]
	}
	b.WriteString(form)
	if b.String() == "string_agg_free" {
		return "'x'::text"
	}
	return b.String()
}

// leaf is a column of the kind, or a constant.
func (s scope) leaf(kind string) string {
	var own []string
	for _, c := range s.cols {
		if c.kind == kind {
			own = append(own, c.name)
		}
	}
	if len(own) > 0 && s.r.rng.Intn(6) > 0 {
		return own[s.r.rng.Intn(len(own))]
	}
	return kindOf(kind).constant(s.r.rng, true)
}

// predicate is a condition, rather on a column.
func (s scope) predicate(depth int) string {
	rng := s.r.rng
	kind, x := pickKind(rng), ""
	if len(s.cols) > 0 && rng.Intn(4) > 0 {
		c := s.cols[rng.Intn(len(s.cols))]
		kind, x = c.kind, c.name
	} else {
		x = s.expr(kind, depth)
	}
	switch rng.Intn(9) {
	case 0:
		return fmt.Sprintf("(%s) IS %sNULL", x, []string{"", "NOT "}[rng.Intn(2)])
	case 1:
		return fmt.Sprintf("(%s) %sIN (%s, %s)", x, []string{"", "NOT "}[rng.Intn(2)], s.leaf(kind), s.leaf(kind))
	case 2:
		return fmt.Sprintf("(%s) BETWEEN %s AND %s", x, s.leaf(kind), s.leaf(kind))
	case 3:
		return fmt.Sprintf("(%s) IS %sDISTINCT FROM (%s)", x, []string{"", "NOT "}[rng.Intn(2)], s.expr(kind, depth))
	case 4:
		return fmt.Sprintf("NOT ((%s) = (%s))", x, s.expr(kind, depth))
	case 5:
		return fmt.Sprintf("((%s) %s %s OR %s)", x, []string{"<", ">=", "="}[rng.Intn(3)], s.leaf(kind), s.expr("bool", depth))
	}
	return fmt.Sprintf("(%s) %s (%s)", x, []string{"=", "<>", "<", "<=", ">", ">="}[rng.Intn(6)], s.expr(kind, depth))
}

func pickKind(rng *rand.Rand) string { return kinds[rng.Intn(len(kinds))].name }
