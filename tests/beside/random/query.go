package main

import (
	"fmt"
	"strings"
)

// query is a random SELECT with its columns.
type query struct {
	sql  string
	cols []column
}

// source is what stands behind FROM.
type source struct {
	sql   string
	scope scope
}

func (r *run) queries(n int) {
	for i := range n {
		if i%60 == 0 {
			r.fresh()
		}
		q := r.query(2)
		sql, ordered := q.sql, false
		switch r.rng.Intn(6) {
		case 0: // an order that leaves no choice
			sql, ordered = r.sorted(q), true
		case 1:
			sql, ordered = r.sorted(q)+fmt.Sprintf(" LIMIT %d", r.rng.Intn(8)), true
			if r.rng.Intn(2) == 0 {
				sql += fmt.Sprintf(" OFFSET %d", r.rng.Intn(4))
			}
		}
		r.ask(sql, ordered, true)
	}
}

// sorted orders a query by all its columns in some order.
func (r *run) sorted(q query) string {
	var by []string
	for _, i := range r.rng.Perm(len(q.cols)) {
		by = append(by, fmt.Sprintf("%d%s", i+1, []string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"}[r.rng.Intn(4)]))
	}
	return fmt.Sprintf("SELECT * FROM (%s) AS s ORDER BY %s", q.sql, strings.Join(by, ", "))
}

func (r *run) query(depth int) query {
	switch r.rng.Intn(12) {
	case 0, 1, 2:
		return r.selection(r.from(depth))
	case 3, 4:
		return r.selection(r.join(depth))
	case 5, 6:
		return r.grouped(r.from(depth))
	case 7, 8:
		return r.grouped(r.join(depth))
	case 9:
		return r.setOp(depth)
	case 10:
		return r.topN(depth)
	}
	q := r.selection(r.from(depth))
	q.sql = strings.Replace(q.sql, "SELECT ", "SELECT DISTINCT ", 1)
	return q
}

// item is a table, a derived table or a CTE under an alias.
func (r *run) item(alias string, depth int) (sql string, cols []column) {
	if depth > 0 && r.rng.Intn(4) == 0 {
		q := r.query(depth - 1)
		for _, c := range q.cols {
			cols = append(cols, column{alias + "." + c.name, c.kind})
		}
		return fmt.Sprintf("(%s) AS %s", q.sql, alias), cols
	}
	t := r.tables[r.rng.Intn(len(r.tables))]
	for _, c := range t.cols {
		cols = append(cols, column{alias + "." + c.name, c.kind})
	}
	return t.name + " AS " + alias, cols
}

func (r *run) from(depth int) source {
	sql, cols := r.item("x", depth)
	s := source{sql: " FROM " + sql, scope: scope{r, cols}}
	r.filter(&s)
	return s
}

// filter adds WHERE, sometimes with a subquery.
func (r *run) filter(s *source) {
	switch r.rng.Intn(6) {
	case 0, 1:
		s.sql += " WHERE " + s.scope.predicate(2)
	case 2:
		s.sql += " WHERE " + s.scope.expr("bool", 2)
	case 3:
		s.sql += " WHERE " + r.subquery(s.scope)
	}
}

func (r *run) subquery(outer scope) string {
	t := r.tables[r.rng.Intn(len(r.tables))]
	in := scope{r: r}
	for _, c := range t.cols {
		in.cols = append(in.cols, column{"y0." + c.name, c.kind})
	}
	c := in.cols[r.rng.Intn(len(in.cols))]
	where := ""
	if r.rng.Intn(2) == 0 {
		where = " WHERE " + in.predicate(1)
	}
	not := []string{"", "NOT "}[r.rng.Intn(2)]
	correlated := where
	for range 6 {
		o := outer.cols[r.rng.Intn(len(outer.cols))]
		i := in.cols[r.rng.Intn(len(in.cols))]
		if o.kind == i.kind {
			correlated = fmt.Sprintf(" WHERE %s = %s", o.name, i.name)
			break
		}
	}
	switch r.rng.Intn(7) {
	case 0:
		return fmt.Sprintf("%sEXISTS (SELECT 1 FROM %s AS y0%s)", not, t.name, where)
	case 1:
		return fmt.Sprintf("%sEXISTS (SELECT 1 FROM %s AS y0%s)", not, t.name, correlated)
	case 2:
		return fmt.Sprintf("(%s) >= (SELECT count(*) FROM %s AS y0%s)", outer.expr("int4", 1), t.name, correlated)
	case 3:
		return fmt.Sprintf("(%s) > ALL (SELECT id FROM %s AS y0%s)", outer.expr("int4", 1), t.name, where)
	case 4:
		return fmt.Sprintf("(%s) = (SELECT min(%s) FROM %s AS y0%s)", outer.expr("int4", 1), "y0.id", t.name, correlated)
	}
	return fmt.Sprintf("(%s) %sIN (SELECT %s FROM %s AS y0%s)", outer.expr(c.kind, 1), not, c.name, t.name, where)
}

// join is two or three items joined in any way.
func (r *run) join(depth int) source {
	sql, cols := r.item("x", depth-1)
	s := source{sql: " FROM " + sql, scope: scope{r, cols}}
	for _, alias := range []string{"y", "z"}[:1+r.rng.Intn(4)/3] {
		item, right := r.item(alias, depth-1)
		kind := []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}[r.rng.Intn(4)]
		if r.rng.Intn(6) == 0 && s.scope.has("x.a") && hasColumn(right, alias+".a") && sameKind(s.scope.cols, "x.a", right, alias+".a") && alias == "y" {
			s.sql += fmt.Sprintf(" %s %s USING (a)", kind, item)
			s.scope.cols = append(s.scope.cols, right...)
			continue
		}
		var on []string
		for try := 0; try < 10 && len(on) < 1+r.rng.Intn(2); try++ {
			a, b := s.scope.cols[r.rng.Intn(len(s.scope.cols))], right[r.rng.Intn(len(right))]
			if a.kind == b.kind || number(a.kind) && number(b.kind) {
				on = append(on, a.name+" = "+b.name)
			}
		}
		s.scope.cols = append(s.scope.cols, right...)
		if len(on) == 0 {
			s.sql += " CROSS JOIN " + item
			continue
		}
		if r.rng.Intn(3) == 0 && kind != "FULL JOIN" {
			on = append(on, s.scope.predicate(1))
		}
		s.sql += fmt.Sprintf(" %s %s ON %s", kind, item, strings.Join(on, " AND "))
	}
	r.filter(&s)
	return s
}

func (s scope) has(name string) bool { return hasColumn(s.cols, name) }

func hasColumn(cols []column, name string) bool { return kindIn(cols, name) != "" }

func kindIn(cols []column, name string) string {
	for _, c := range cols {
		if c.name == name {
			return c.kind
		}
	}
	return ""
}

func sameKind(l []column, a string, m []column, b string) bool { return kindIn(l, a) == kindIn(m, b) }

func number(kind string) bool {
	return kind == "int2" || kind == "int4" || kind == "int8" || kind == "numeric" || kind == "float8"
}

// selection projects a source.
func (r *run) selection(s source) query {
	var q query
	var list []string
	for i := range 1 + r.rng.Intn(4) {
		kind := pickKind(r.rng)
		x := s.scope.expr(kind, 2)
		switch r.rng.Intn(8) {
		case 0, 1, 2, 3:
			c := s.scope.cols[r.rng.Intn(len(s.scope.cols))]
			kind, x = c.kind, c.name
		case 4:
			t := r.tables[r.rng.Intn(len(r.tables))]
			kind, x = "int8", fmt.Sprintf("(SELECT count(*) FROM %s AS y1 WHERE y1.id = %s)", t.name, s.scope.expr("int4", 0))
		}
		q.add(&list, fmt.Sprintf("o%d", i), kind, x)
	}
	q.sql = fmt.Sprintf("SELECT %s%s", strings.Join(list, ", "), s.sql)
	return q
}

func (q *query) add(list *[]string, name, kind, x string) {
	q.cols = append(q.cols, column{name, kind})
	*list = append(*list, fmt.Sprintf("%s AS %s", x, name))
}

// grouped aggregates a source.
func (r *run) grouped(s source) query {
	var q query
	var list, by []string
	for i := range r.rng.Intn(3) {
		kind := pickKind(r.rng)
		x := s.scope.expr(kind, 1)
		if r.rng.Intn(3) > 0 {
			c := s.scope.cols[r.rng.Intn(len(s.scope.cols))]
			kind, x = c.kind, c.name
		}
		if kind == "interval" || kind == "numeric" || kind == "numeric[]" || kind == "float8" || kind == "float4" {
			continue // the group shows one of several equal texts
		}
		q.add(&list, fmt.Sprintf("g%d", i), kind, x)
		by = append(by, fmt.Sprint(len(list)))
	}
	for i := range 1 + r.rng.Intn(3) {
		kind, x := r.aggregate(s.scope)
		q.add(&list, fmt.Sprintf("h%d", i), kind, x)
	}
	q.sql = fmt.Sprintf("SELECT %s%s", strings.Join(list, ", "), s.sql)
	if len(by) > 0 {
		q.sql += " GROUP BY " + strings.Join(by, ", ")
	}
	if r.rng.Intn(4) == 0 {
		_, x := "", "count(*)"
		q.sql += fmt.Sprintf(" HAVING %s %s %d", x, []string{">", "<", "<>"}[r.rng.Intn(3)], 1+r.rng.Intn(3))
	}
	return q
}

func (r *run) aggregate(s scope) (kind, sql string) {
	filter, distinct := "", ""
	if r.rng.Intn(4) == 0 {
		filter = " FILTER (WHERE " + s.expr("bool", 1) + ")"
	}
	if r.rng.Intn(4) == 0 {
		distinct = "DISTINCT "
	}
	numbers := []string{"int2", "int4", "int8", "numeric"}
	k := numbers[r.rng.Intn(4)]
	switch r.rng.Intn(11) {
	case 0:
		return "int8", "count(*)" + filter
	case 1, 2:
		return "int8", "count(" + distinct + s.expr(pickKind(r.rng), 1) + ")" + filter
	case 3:
		return map[string]string{"int2": "int8", "int4": "int8", "int8": "numeric", "numeric": "numeric"}[k], "sum(" + distinct + s.expr(k, 1) + ")" + filter
	case 4:
		return "numeric", "avg(" + distinct + s.expr(k, 1) + ")" + filter
	case 5:
		return "bool", []string{"bool_and(", "bool_or(", "every("}[r.rng.Intn(3)] + s.expr("bool", 1) + ")" + filter
	case 6:
		x := s.expr("text", 1)
		return "text", fmt.Sprintf("string_agg(%s%s, ','%s ORDER BY %s)%s", distinct, x, "", x, filter)
	case 7:
		x := s.expr("int4", 1)
		return "int4[]", fmt.Sprintf("array_agg(%s%s ORDER BY %s)%s", distinct, x, x, filter)
	case 8:
		return "numeric", []string{"var_pop(", "stddev(", "variance("}[r.rng.Intn(3)] + s.expr(k, 1) + ")" + filter
	}
	for {
		k := pickKind(r.rng)
		switch k {
		case "bool", "uuid", "jsonb", "bytea", "numeric", "interval", "varchar(5)", "float4", "float8", "numeric[]":
			continue // no max, or one of several equal texts
		}
		return k, []string{"min(", "max("}[r.rng.Intn(2)] + s.expr(k, 1) + ")" + filter
	}
}

// setOp puts two queries of the same columns on each other.
func (r *run) setOp(depth int) query {
	a, b := r.from(depth-1), r.from(depth-1)
	var q query
	var left, right []string
	op := []string{"UNION", "INTERSECT", "EXCEPT"}[r.rng.Intn(3)] + []string{"", " ALL"}[r.rng.Intn(2)]
	for i := range 1 + r.rng.Intn(3) {
		kind := pickKind(r.rng)
		if r.rng.Intn(2) == 0 {
			kind = a.scope.cols[r.rng.Intn(len(a.scope.cols))].kind
		}
		if op != "UNION ALL" && (kind == "numeric" || kind == "interval" || kind == "numeric[]" || strings.HasPrefix(kind, "float")) {
			kind = "int4"
		}
		q.add(&left, fmt.Sprintf("o%d", i), kind, a.scope.expr(kind, 1))
		right = append(right, b.scope.expr(kind, 1))
	}
	q.sql = fmt.Sprintf("SELECT %s%s %s SELECT %s%s", strings.Join(left, ", "), a.sql, op, strings.Join(right, ", "), b.sql)
	return q
}

// topN keeps the first rows of each group.
func (r *run) topN(depth int) query {
	in := r.selection(r.from(depth - 1))
	var by []string
	for _, i := range r.rng.Perm(len(in.cols)) {
		by = append(by, in.cols[i].name+[]string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"}[r.rng.Intn(4)])
	}
	over := "ORDER BY " + strings.Join(by, ", ")
	if r.rng.Intn(3) > 0 {
		over = "PARTITION BY " + in.cols[r.rng.Intn(len(in.cols))].name + " " + over
	}
	rank := []string{"row_number", "rank", "dense_rank"}[r.rng.Intn(3)]
	return query{
		sql:  fmt.Sprintf("SELECT * FROM (SELECT p.*, %s() OVER (%s) AS place FROM (%s) AS p) AS q WHERE place <= %d", rank, over, in.sql, 1+r.rng.Intn(3)),
		cols: append(append([]column(nil), in.cols...), column{"place", "int8"}),
	}
}
