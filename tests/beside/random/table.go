package main

import (
	"context"
	"fmt"
	"strings"
)

// table is a base table of both sides.
type table struct {
	name string
	cols []column
}

type column struct {
	name, kind string
}

// tell runs a statement on both, which must agree on it.
func (r *run) tell(sql string) bool {
	ctx := context.Background()
	a, b := r.p.Tarn.Ask(ctx, sql), r.p.Postgres.Ask(ctx, sql)
	return r.judge(sql, a, b, false, false)
}

// fresh makes three tables with rows; those before are dropped.
func (r *run) fresh() {
	for _, t := range r.tables {
		r.tell("DROP TABLE " + t.name)
	}
	r.tables = nil
	for range 3 {
		r.serial++
		t := &table{name: fmt.Sprintf("t%d", r.serial)}
		t.cols = append(t.cols, column{"id", "int4"})
		for _, k := range []string{"a", "b"} { // in all tables, for USING
			t.cols = append(t.cols, column{k, keys[r.rng.Intn(len(keys))]})
		}
		if len(r.tables) > 0 { // of the same kind everywhere
			t.cols[1].kind = r.tables[0].cols[1].kind
		}
		for i := range 3 + r.rng.Intn(4) {
			t.cols = append(t.cols, column{fmt.Sprintf("c%d", i), kinds[r.rng.Intn(len(kinds))].name})
		}
		var defs []string
		for i, c := range t.cols {
			def := c.name + " " + c.kind
			if i == 0 {
				def += " PRIMARY KEY"
			}
			defs = append(defs, def)
		}
		r.tell(fmt.Sprintf("CREATE TABLE %s (%s)", t.name, strings.Join(defs, ", ")))
		r.tables = append(r.tables, t)
		r.insert(t, 1, 12+r.rng.Intn(12))
	}
}

// insert adds rows with keys from first on.
func (r *run) insert(t *table, first, n int) {
	var rows []string
	for i := range n {
		cells := []string{fmt.Sprint(first + i)}
		for _, c := range t.cols[1:] {
			if r.rng.Intn(5) == 0 {
				cells = append(cells, "NULL")
				continue
			}
			cells = append(cells, quoted(kindOf(c.kind).text(r.rng, c.kind == "interval" || strings.HasPrefix(c.kind, "numeric") || r.rng.Intn(5) > 0)))
		}
		rows = append(rows, "("+strings.Join(cells, ", ")+")")
	}
	r.tell(fmt.Sprintf("INSERT INTO %s VALUES %s", t.name, strings.Join(rows, ", ")))
}
