package main

import (
	"fmt"
	"math/rand"
	"strings"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
)

// call is a function or operator whose arguments can be made.
type call struct {
	name string
	args []string // kinds, or "*" for any, "elem" and "array" for one element type
	ret  string   // "" = unknown
	rest bool     // the last argument repeats
}

// left out: what tells of the server, of the time or of chance, and what costs.
var left = map[string]bool{
	"random": true, "now": true, "version": true, "pg_sleep": true, "set_config": true, "current_setting": true, "gen_random_uuid": true,
	"clock_timestamp": true, "statement_timestamp": true, "transaction_timestamp": true, "timeofday": true, "setseed": true,
	"current_catalog": true, "current_database": true, "current_schema": true, "current_schemas": true, "user": true, "getdatabaseencoding": true,
	"obj_description": true, "shobj_description": true, "col_description": true, "format_type": true, "row_security_active": true,
	"jsonb_build_object": true, "json_build_object": true, "pg_typeof": true, "to_json": true, "row_to_json": true, "json_build_array": true, // json keeps no blanks of its own here
	"subscript": true,
}

// calls are all functions and operators over the kinds.
func calls() []call {
	var out []call
	for _, name := range funcs.Names() {
		if left[name] || strings.HasPrefix(name, "pg_") || strings.HasPrefix(name, "has_") || strings.HasPrefix(name, "inet_") || strings.HasPrefix(name, "to_reg") {
			continue
		}
		for _, o := range funcs.Overloads(name) {
			if c, ok := callOf(o); ok {
				out = append(out, c)
			}
		}
	}
	return out
}

func callOf(o *funcs.Overload) (call, bool) {
	c := call{name: o.Name, rest: o.Variadic}
	if len(o.Args) == 0 || o.Volatility == funcs.Volatile {
		return c, false
	}
	for _, a := range o.Args {
		k := kindName(a)
		if k == "" {
			return c, false
		}
		c.args = append(c.args, k)
	}
	if k := kindName(o.Ret); kindOf(k) != nil && o.RetType == nil {
		c.ret = k
	}
	return c, true
}

// kindName is "" for types no values are made of.
func kindName(t types.Type) string {
	switch t.OID {
	case types.OIDAny:
		return "*"
	case types.OIDAnyElement, 5077, 2776:
		return "elem"
	case types.OIDAnyArray, 5078:
		return "array"
	}
	for _, k := range kinds {
		if k.name == shortName(t) {
			return k.name
		}
	}
	return ""
}

func shortName(t types.Type) string {
	for name, u := range map[string]types.Type{"bool": types.Bool, "int2": types.Int2, "int4": types.Int4, "int8": types.Int8, "float4": types.Float4, "float8": types.Float8,
		"numeric": types.Numeric, "text": types.Text, "bytea": types.Bytea, "date": types.Date, "time": types.Time, "timestamp": types.Timestamp,
		"timestamptz": types.Timestamptz, "interval": types.Interval, "uuid": types.UUID, "jsonb": types.JSONB} {
		if t.OID == u.OID {
			return name
		}
	}
	switch t.OID {
	case types.OIDInt4Array:
		return "int4[]"
	case types.OIDTextArray:
		return "text[]"
	case types.OIDNumericArray:
		return "numeric[]"
	}
	return ""
}

// write is the call with arguments made by arg.
func (c call) write(r *rand.Rand, arg func(k string) string) string {
	elem := []string{"int4", "text", "numeric"}[r.Intn(3)]
	args := append([]string(nil), c.args...)
	if c.rest {
		for range r.Intn(3) {
			args = append(args, args[len(args)-1])
		}
	}
	for i, k := range args {
		switch k {
		case "*":
			k = kinds[r.Intn(len(kinds))].name
		case "elem":
			k = elem
		case "array":
			k = elem + "[]"
		}
		args[i] = arg(k)
	}
	op := strings.IndexAny(c.name[:1], "+-*/<>=~!@#%^&|?`") == 0
	switch {
	case op && len(args) == 1:
		return fmt.Sprintf("(%s %s)", c.name, args[0])
	case op && len(args) == 2:
		return fmt.Sprintf("(%s %s %s)", args[0], c.name, args[1])
	}
	return fmt.Sprintf("%s(%s)", c.name, strings.Join(args, ", "))
}

// hints give texts that functions with a little language of their own understand.
var hints = map[string][]string{
	"to_char":      {"YYYY-MM-DD HH24:MI:SS", "FMDay, DDth Month", "999.99", "FM9,999.00", "S0009", "Q WW IW ID", "9.9EEEE", "MI99V9", "RN", "HH12 AM US MS", "$99 PR", "J CC Y,YYY"},
	"to_date":      {"YYYY-MM-DD", "DD Mon YYYY"},
	"to_timestamp": {"YYYY-MM-DD HH24:MI:SS", "YYYYMMDD"},
	"to_number":    {"999.99", "9,999"},
	"date_trunc":   {"year", "month", "week", "day", "hour", "minute", "second", "quarter", "decade", "century", "milliseconds", "fortnight"},
	"date_part":    {"year", "month", "week", "day", "hour", "minute", "second", "epoch", "dow", "isodow", "doy", "quarter", "century", "isoyear", "julian", "millennium", "microseconds", "timezone"},
	"extract":      {"year", "month", "week", "day", "hour", "minute", "second", "epoch", "dow", "isodow", "doy", "quarter", "century", "isoyear", "julian"},
	"encode":       {"hex", "base64", "escape"},
	"decode":       {"hex", "base64", "escape", "YWJj", "616263"},
	"timezone":     {"UTC", "Europe/Berlin", "America/New_York", "EST", "+03"},
	"format":       {"%s-%s", "%I", "%L", "%%", "%2$s %1$s", "%10s|", "%-5s|"},
	"~":            {"a.c", "^a", "(b|c)$", "[[:digit:]]+", "\\d", "a*", "("},
	"regexp":       {"a.c", "^a", "(b)(c)", "[a-z]+", "\\s", "g", "i", "gi"},
	"like":         {"a%", "%b_", "_", "%", "x\\_y%", "\\"},
}

// hint is a text for the function, "" = any.
func hint(r *rand.Rand, name string) string {
	for prefix, list := range hints {
		if strings.HasPrefix(name, prefix) || prefix == "~" && strings.HasPrefix(name, "!~") || prefix == "like" && strings.Contains(name, "~~") {
			if prefix == "~" && strings.Contains(name, "~~") {
				continue
			}
			if r.Intn(4) > 0 {
				return list[r.Intn(len(list))]
			}
		}
	}
	return ""
}

// constants is a call over constants alone.
func (c call) constants(r *rand.Rand) string {
	return c.write(r, func(k string) string {
		if k == "text" {
			if h := hint(r, c.name); h != "" {
				return quoted(h) + "::text"
			}
		}
		costly := k == "int4" && (c.name == "repeat" || c.name == "lpad" || c.name == "rpad")
		return kindOf(k).constant(r, costly)
	})
}

// cast is a cast of a constant between any two kinds.
func cast(r *rand.Rand) string {
	from, to := kinds[r.Intn(len(kinds))], kinds[r.Intn(len(kinds))]
	target := to.name
	switch {
	case target == "numeric" && r.Intn(2) == 0:
		target = []string{"numeric(5,2)", "numeric(3,0)", "numeric(10,5)", "numeric(4,-2)"}[r.Intn(4)]
	case target == "text" && r.Intn(2) == 0:
		target = []string{"varchar(3)", "char(4)", "name"}[r.Intn(3)]
	case target == "timestamp" && r.Intn(2) == 0:
		target = []string{"timestamp(0)", "timestamptz(3)", "time(2)"}[r.Intn(3)]
	}
	if r.Intn(2) == 0 { // texts of one type for another
		return quoted(from.text(r, false)) + "::" + target
	}
	return from.constant(r, false) + "::" + target
}
