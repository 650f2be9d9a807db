package metamorphic

import (
	"fmt"
	"strings"
)

// query is a random SELECT with the kinds of its columns.
type query struct {
	sql   string
	cols  []column
	reads []*relation
	size  float64
}

// sizeMax bounds what a query may come to, by estimate.
const sizeMax = 1500

// query makes a random query over relations up to a depth.
func (w *world) query(depthMax int) query {
	for {
		q := w.form(depthMax)
		if q.size > sizeMax || len(q.cols) == 0 {
			continue
		}
		if w.rng.Intn(8) == 0 {
			q.sql = "WITH c AS (" + q.sql + ") SELECT * FROM c"
		}
		return q
	}
}

func (w *world) form(depthMax int) query {
	switch w.rng.Intn(11) {
	case 0, 1:
		return w.selection(w.from(depthMax))
	case 2, 3:
		return w.selection(w.join(depthMax))
	case 4, 5:
		return w.grouped(w.from(depthMax))
	case 6:
		return w.grouped(w.join(depthMax))
	case 7:
		return w.setOp(depthMax)
	case 8:
		return w.topN(w.from(depthMax))
	case 9:
		return w.windowed()
	}
	q := w.selection(w.from(depthMax))
	q.sql = strings.Replace(q.sql, "SELECT ", "SELECT DISTINCT ", 1)
	return q
}

// source is a FROM clause, a WHERE clause, and the columns that stand there.
type source struct {
	from, where string
	scope       scope
	reads       []*relation
	size        float64
}

func (w *world) pick(depthMax int) *relation {
	rs := w.relations(depthMax)
	if w.rng.Intn(3) > 0 { // rather views, or nothing becomes deep
		if vs := rs[len(w.bases):]; len(vs) > 0 {
			return vs[w.rng.Intn(len(vs))]
		}
	}
	return rs[w.rng.Intn(len(rs))]
}

func (w *world) scopeOf(alias string, r *relation) scope {
	s := scope{w: w}
	for _, c := range r.cols {
		s.cols = append(s.cols, column{alias + "." + c.name, c.kind})
	}
	return s
}

// from is one relation, often filtered, sometimes by a subquery.
func (w *world) from(depthMax int) source {
	r := w.pick(depthMax)
	s := source{from: fmt.Sprintf("{%s} AS x", r.name), scope: w.scopeOf("x", r), reads: []*relation{r}, size: r.size}
	switch w.rng.Intn(6) {
	case 0, 1:
		s.where = " WHERE " + s.scope.predicate(2)
		s.size *= 0.7
	case 2:
		w.subquery(&s, depthMax)
	}
	return s
}

// subquery filters by IN, EXISTS or a scalar.
func (w *world) subquery(s *source, depthMax int) {
	r := w.pick(depthMax)
	in := w.scopeOf("y", r)
	c := in.cols[w.rng.Intn(len(in.cols))]
	filter := ""
	if w.rng.Intn(2) == 0 {
		filter = " WHERE " + in.predicate(1)
	}
	not := []string{"", "NOT "}[w.rng.Intn(2)]
	switch w.rng.Intn(5) {
	case 0:
		s.where = fmt.Sprintf(" WHERE %sEXISTS (SELECT 1 FROM {%s} AS y%s)", not, r.name, filter)
	case 1:
		x := s.scope.cols[w.rng.Intn(len(s.scope.cols))]
		if x.kind != c.kind && !(x.kind.numeric() && c.kind.numeric()) {
			return
		}
		s.where = fmt.Sprintf(" WHERE %sEXISTS (SELECT 1 FROM {%s} AS y WHERE %s = %s)", not, r.name, c.name, x.name)
	case 2:
		if c.kind == boolean || c.kind == json {
			return
		}
		s.where = fmt.Sprintf(" WHERE (%s) >= (SELECT max(%s) FROM {%s} AS y%s)", s.scope.expr(c.kind, 1), c.name, r.name, filter)
	default:
		s.where = fmt.Sprintf(" WHERE (%s) %sIN (SELECT %s FROM {%s} AS y%s)", s.scope.expr(c.kind, 1), not, c.name, r.name, filter)
	}
	s.reads = append(s.reads, r)
}

// join is two relations, sometimes three, joined in any way.
func (w *world) join(depthMax int) source {
	a := w.pick(depthMax)
	s := source{from: fmt.Sprintf("{%s} AS x", a.name), scope: w.scopeOf("x", a), reads: []*relation{a}, size: a.size}
	for _, alias := range []string{"y", "z"}[:1+w.rng.Intn(5)/4] {
		b := w.pick(depthMax)
		right := w.scopeOf(alias, b)
		var on []string
		for try := 0; try < 8 && len(on) < 1+w.rng.Intn(2); try++ {
			l, r := s.scope.cols[w.rng.Intn(len(s.scope.cols))], right.cols[w.rng.Intn(len(right.cols))]
			if l.kind == r.kind && l.kind != boolean || l.kind.numeric() && r.kind.numeric() {
				on = append(on, fmt.Sprintf("%s = %s", l.name, r.name))
			}
		}
		s.scope.cols = append(s.scope.cols, right.cols...)
		s.reads = append(s.reads, b)
		kind := []string{"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}[w.rng.Intn(4)]
		if len(on) == 0 {
			s.from += fmt.Sprintf(" CROSS JOIN {%s} AS %s", b.name, alias)
			s.size *= b.size
			continue
		}
		if w.rng.Intn(3) == 0 && kind != "FULL JOIN" {
			on = append(on, s.scope.predicate(1))
		}
		s.from += fmt.Sprintf(" %s {%s} AS %s ON %s", kind, b.name, alias, strings.Join(on, " AND "))
		s.size = max(s.size*b.size/5, s.size, b.size)
	}
	if w.rng.Intn(3) == 0 {
		s.where = " WHERE " + s.scope.predicate(1)
	}
	return s
}

// selection projects a source.
func (w *world) selection(s source) query {
	q := query{reads: s.reads, size: s.size}
	var list []string
	for i := range 2 + w.rng.Intn(3) {
		k := kind(w.rng.Intn(int(kinds)))
		x := s.scope.expr(k, w.rng.Intn(3))
		if w.rng.Intn(3) > 0 { // rather a bare column
			c := s.scope.cols[w.rng.Intn(len(s.scope.cols))]
			k, x = c.kind, c.name
		}
		q.add(&list, i, k, x)
	}
	q.sql = fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), s.from, s.where)
	return q
}

func (q *query) add(list *[]string, i int, k kind, x string) {
	name := fmt.Sprintf("o%d", i)
	q.cols = append(q.cols, column{name, k})
	*list = append(*list, result(k, x)+" AS "+name)
}

// grouped aggregates a source, with or without keys.
func (w *world) grouped(s source) query {
	q := query{reads: s.reads, size: max(s.size/2, 1)}
	var list, keys []string
	n := 0
	for range w.rng.Intn(3) {
		k := kind(w.rng.Intn(int(kinds)))
		x := result(k, s.scope.expr(k, 1))
		q.add(&list, n, k, x)
		keys = append(keys, fmt.Sprint(n+1))
		n++
	}
	for range 1 + w.rng.Intn(4) {
		k, x := w.aggregate(s.scope)
		q.add(&list, n, k, x)
		n++
	}
	q.sql = fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), s.from, s.where)
	if len(keys) > 0 {
		q.sql += " GROUP BY " + strings.Join(keys, ", ")
	} else {
		q.size = 1
	}
	if w.rng.Intn(4) == 0 {
		q.sql += fmt.Sprintf(" HAVING count(*) %s %d", []string{">", "<", "<>"}[w.rng.Intn(3)], 1+w.rng.Intn(3))
	}
	return q
}

// aggregate is a random aggregate call.
func (w *world) aggregate(s scope) (kind, string) {
	filter, distinct := "", ""
	if w.rng.Intn(4) == 0 {
		filter = " FILTER (WHERE " + s.predicate(1) + ")"
	}
	if w.rng.Intn(4) == 0 {
		distinct = "DISTINCT "
	}
	some := func(k kind) string { return s.expr(k, w.rng.Intn(2)) }
	any := kind(w.rng.Intn(int(kinds)))
	switch w.rng.Intn(10) {
	case 0:
		return integer, "count(*)" + filter
	case 1, 2:
		return integer, "count(" + distinct + some(any) + ")" + filter
	case 3:
		return number, "sum(" + distinct + some(kind(w.rng.Intn(2))) + ")" + filter
	case 4:
		k := []kind{float, free, span}[w.rng.Intn(3)]
		if k == span && distinct != "" {
			k = free // 1 mon and 30 days are one: which of them is added, shows
		}
		f := "sum("
		if k != span && w.rng.Intn(3) == 0 {
			f = "avg("
		}
		return k, f + distinct + some(k) + ")" + filter
	case 5:
		return number, "avg(" + distinct + some(kind(w.rng.Intn(2))) + ")" + filter
	case 6:
		return boolean, []string{"bool_and(", "bool_or("}[w.rng.Intn(2)] + some(boolean) + ")" + filter
	case 7:
		if w.rng.Intn(3) == 0 {
			x := some(integer)
			return list, fmt.Sprintf("array_agg(%s%s ORDER BY %s DESC)%s", distinct, x, x, filter)
		}
		if any == boolean || any >= plainKinds {
			any = str
		}
		x := some(any)
		return str, fmt.Sprintf("left(array_agg(%s%s ORDER BY %s)%s::text, 30)", distinct, x, x, filter)
	case 8:
		x := some(str)
		return str, fmt.Sprintf("left(string_agg(%s%s, '-'::text ORDER BY %s)%s, 12)", distinct, x, x, filter)
	}
	if any == boolean || any == json {
		any = integer
	}
	return any, []string{"min(", "max("}[w.rng.Intn(2)] + some(any) + ")" + filter
}

// setOp puts two queries of the same columns on each other.
func (w *world) setOp(depthMax int) query {
	a, b := w.from(depthMax), w.from(depthMax)
	q := query{reads: append(append([]*relation(nil), a.reads...), b.reads...), size: a.size + b.size}
	var left, right []string
	for i := range 1 + w.rng.Intn(3) {
		k := kind(w.rng.Intn(int(kinds)))
		q.add(&left, i, k, a.scope.expr(k, 1))
		right = append(right, result(k, b.scope.expr(k, 1)))
	}
	op := []string{"UNION", "INTERSECT", "EXCEPT"}[w.rng.Intn(3)] + []string{"", " ALL"}[w.rng.Intn(2)]
	q.sql = fmt.Sprintf("SELECT %s FROM %s%s %s SELECT %s FROM %s%s", strings.Join(left, ", "), a.from, a.where, op, strings.Join(right, ", "), b.from, b.where)
	return q
}

// topN keeps the first rows of each group; where rows are counted, in an order
// that leaves no choice.
func (w *world) topN(s source) query {
	in := w.selection(s)
	q := query{reads: s.reads, size: max(s.size/3, 1)}
	var order []string
	for _, i := range w.rng.Perm(len(in.cols)) {
		order = append(order, in.cols[i].name+[]string{"", " DESC", " NULLS FIRST", " DESC NULLS LAST"}[w.rng.Intn(4)])
	}
	rank := []string{"row_number", "rank", "dense_rank"}[w.rng.Intn(3)]
	if rank != "row_number" { // ties have one rank
		order = order[:1+w.rng.Intn(len(order))]
	}
	over := "ORDER BY " + strings.Join(order, ", ")
	if w.rng.Intn(4) > 0 {
		over = "PARTITION BY " + in.cols[w.rng.Intn(len(in.cols))].name + " " + over
	}
	q.cols = in.cols
	list := "q.*"
	if w.rng.Intn(2) == 0 {
		list = ""
		for i, c := range in.cols {
			if i > 0 {
				list += ", "
			}
			list += c.name
		}
	} else {
		q.cols = append(append([]column(nil), in.cols...), column{"place", integer})
	}
	q.sql = fmt.Sprintf("SELECT %s FROM (SELECT p.*, %s() OVER (%s) AS place FROM (%s) AS p) AS q WHERE place <= %d", list, rank, over, in.sql, 1+w.rng.Intn(3))
	return q
}

// anyTime stands where a query over a window table is bounded to an event time.
const anyTime = " WHERE true"

// windowed groups a stream with event time by windows; without such a stream it
// gives nothing.
func (w *world) windowed() query {
	for _, i := range w.rng.Perm(len(w.bases)) {
		r := w.bases[i]
		if !r.stream || r.cols[len(r.cols)-1].name != "at" {
			continue
		}
		s := w.scopeOf("x", r)
		q := query{reads: []*relation{r}, size: r.size}
		var list []string
		q.add(&list, 0, timestamp, "x.window_start")
		q.add(&list, 1, str, "x.b")
		for i := range 1 + w.rng.Intn(3) {
			k, x := w.aggregate(s)
			q.add(&list, 2+i, k, x)
		}
		window := fmt.Sprintf("TUMBLE({!%s}, at, INTERVAL '2 minutes')", r.name)
		if w.rng.Intn(3) == 0 {
			window = fmt.Sprintf("HOP({!%s}, at, INTERVAL '1 minute', INTERVAL '3 minutes')", r.name)
			q.size *= 3
		}
		q.sql = fmt.Sprintf("SELECT %s FROM %s AS x%s GROUP BY x.window_start, x.b", strings.Join(list, ", "), window, anyTime)
		return q
	}
	return query{}
}
