package metamorphic

import "fmt"

// scope is what expressions may name.
type scope struct {
	w    *world
	cols []column
}

// expr is a random expression of a kind. Unless the world is a failing one it cannot
// fail: no division, no cast of text, small numbers.
func (s scope) expr(k kind, depth int) string {
	rng := s.w.rng
	var own []string
	for _, c := range s.cols {
		if c.kind == k {
			own = append(own, c.name)
		}
	}
	if depth <= 0 || rng.Intn(3) == 0 {
		if len(own) > 0 && rng.Intn(8) > 0 {
			return own[rng.Intn(len(own))]
		}
		return s.w.literal(k, rng.Intn(3) == 0)
	}
	sub := func(k kind) string { return s.expr(k, depth-1) }
	if s.w.failing && rng.Intn(3) == 0 {
		switch k {
		case integer:
			return fmt.Sprintf([]string{"(%s / %s)", "(%s * 4611686018427387904 / (1 + abs(%s)))", "(%s %% %s)"}[rng.Intn(3)], sub(integer), sub(integer))
		case number:
			return fmt.Sprintf("(%s / %s)::numeric(20,4)", sub(number), sub(number))
		case str:
			return fmt.Sprintf("substr(%s, 1, (%s)::int4)", sub(str), sub(integer))
		}
	}
	switch rng.Intn(6) {
	case 0:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", sub(boolean), sub(k), sub(k))
	case 1:
		return fmt.Sprintf("coalesce(%s, %s)", sub(k), sub(k))
	case 2:
		return fmt.Sprintf("nullif(%s, %s)", sub(k), sub(k))
	}
	pick := func(forms ...string) string { return forms[rng.Intn(len(forms))] }
	switch k {
	case integer:
		switch rng.Intn(4) {
		case 0:
			return fmt.Sprintf("(%s %% %d)", sub(integer), 2+rng.Intn(5))
		case 1:
			return fmt.Sprintf("length(%s)::int8", sub(str))
		case 2:
			return fmt.Sprintf("%s(%s)", pick("abs", "-", "+"), sub(integer))
		}
		return fmt.Sprintf("(%s %s %s)", sub(integer), pick("+", "-"), sub(integer))
	case number:
		if rng.Intn(3) == 0 {
			return fmt.Sprintf("(%s)::numeric(20,4)", sub(integer))
		}
		return fmt.Sprintf("(%s %s %s)", sub(number), pick("+", "-"), sub(number))
	case str:
		if rng.Intn(2) == 0 {
			return fmt.Sprintf("%s(%s)", pick("upper", "lower", "trim"), sub(str))
		}
		return fmt.Sprintf("substr(%s || %s, 1, 5)", sub(str), sub(str))
	case timestamp:
		if rng.Intn(2) == 0 {
			return fmt.Sprintf("date_trunc('hour', %s)", sub(timestamp))
		}
		return fmt.Sprintf("(%s + INTERVAL '5 minutes')", sub(timestamp))
	case float:
		if rng.Intn(3) == 0 {
			return fmt.Sprintf("((%s)::float8 / 4)", sub(integer))
		}
		return fmt.Sprintf(pick("(%s + %s)", "(%s - %s)", "greatest(%s, %s)"), sub(float), sub(float))
	case free:
		if rng.Intn(3) == 0 {
			return fmt.Sprintf("trim_scale(%s)", sub(number)) // four digits are of the kind number
		}
		return fmt.Sprintf(pick("(%s + %s)", "(%s - %s)", "least(%s, %s)"), sub(free), sub(free))
	case span:
		if rng.Intn(3) == 0 {
			return fmt.Sprintf("((%s) - (%s))", sub(timestamp), sub(timestamp))
		}
		return fmt.Sprintf("(%s + %s)", sub(span), sub(span))
	case json:
		return fmt.Sprintf(pick("(%s -> 'a')", "(%s -> 0)", "jsonb_build_array(%s)"), sub(json))
	case list:
		if rng.Intn(2) == 0 {
			return fmt.Sprintf("array_append(%s, %s)", sub(list), sub(integer))
		}
		return fmt.Sprintf("ARRAY[%s, %s]", sub(integer), sub(integer))
	}
	return s.predicate(depth - 1)
}

// predicate is a random condition.
func (s scope) predicate(depth int) string {
	rng := s.w.rng
	k := kind(rng.Intn(int(kinds)))
	x := s.expr(k, depth)
	if len(s.cols) > 0 && rng.Intn(4) > 0 { // rather a column
		c := s.cols[rng.Intn(len(s.cols))]
		k, x = c.kind, c.name
	}
	switch rng.Intn(9) {
	case 0:
		return fmt.Sprintf("(%s) IS %sNULL", x, []string{"", "NOT "}[rng.Intn(2)])
	case 1:
		return fmt.Sprintf("(%s) %sIN (%s, %s, %s)", x, []string{"", "NOT "}[rng.Intn(2)], s.w.literal(k, true), s.w.literal(k, false), s.w.literal(k, false))
	case 2:
		return fmt.Sprintf("(%s) IS DISTINCT FROM (%s)", x, s.expr(k, depth-1))
	case 3:
		if depth > 0 {
			return fmt.Sprintf("(%s %s %s)", s.predicate(depth-1), []string{"AND", "OR"}[rng.Intn(2)], s.predicate(depth-1))
		}
	case 4:
		if depth > 0 {
			return fmt.Sprintf("NOT (%s)", s.predicate(depth-1))
		}
	case 5:
		if k != boolean {
			return fmt.Sprintf("(%s) BETWEEN %s AND %s", x, s.w.literal(k, false), s.w.literal(k, false))
		}
	case 6:
		if k == str {
			return fmt.Sprintf("(%s) LIKE '%s'", x, []string{"a%", "%b%", "_", ""}[rng.Intn(4)])
		}
	}
	return fmt.Sprintf("(%s) %s (%s)", x, []string{"=", "<>", "<>", "<", "<=", "<=", ">", ">=", ">="}[rng.Intn(9)], s.expr(k, depth-1))
}

// literal is a value of a small domain, so that rows meet.
func (w *world) literal(k kind, null bool) string {
	if null && w.rng.Intn(6) == 0 {
		return "NULL::" + typeOf[k]
	}
	switch k {
	case integer:
		return fmt.Sprintf("%d::int8", w.rng.Intn(10)-1)
	case number:
		return fmt.Sprintf("%d.%02d::numeric(20,4)", w.rng.Intn(6), 25*w.rng.Intn(4))
	case str:
		return "'" + []string{"", "a", "b", "ab", "A", "abc", "é"}[w.rng.Intn(7)] + "'::text"
	case boolean:
		return []string{"true", "false"}[w.rng.Intn(2)]
	case float, free, span, json, list:
		texts := odd[k]
		return "'" + texts[w.rng.Intn(len(texts))] + "'::" + typeOf[k]
	}
	return "'" + eventTime(w.rng.Intn(600)) + "'::timestamptz"
}

// odd are values of which some are equal and look different. Sums of the floats
// are exact.
var odd = map[kind][]string{
	float: {"0", "-0", "0.5", "-1.25", "3", "NaN", "Infinity", "-Infinity"},
	free:  {"0", "0.0", "1", "1.0", "1.00", "2.50", "2.5", "-1.5", "3", "NaN", "Infinity"},
	span:  {"0", "1 day", "24:00:00", "1 mon", "30 days", "720:00:00", "-00:30:00", "1 day -24:00:00"},
	json:  {"1", "1.0", "1.00", `{"a": 1}`, `{"a": 1.0}`, "[1, 2]", "[1.0, 2]", "null", `"x"`, "true", "{}"},
	list:  {"{}", "{1 }", "{1,NULL}", "{1,2}", "{NULL }"}, // {1} would be a relation
}

// eventTime is a time some seconds after a fixed one, far enough in the past that
// the wall clock bounds no watermark.
func eventTime(seconds int) string {
	seconds = max(seconds, 0)
	return fmt.Sprintf("2024-03-01 %02d:%02d:%02d+00", 9+seconds/3600, seconds/60%60, seconds%60)
}

// result is an expression as a column of its kind's type.
func result(k kind, x string) string {
	if k == number {
		return "(" + x + ")::numeric(20,4)"
	}
	return "(" + x + ")::" + typeOf[k]
}
