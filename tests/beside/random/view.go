package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/tarndb/tarn/tests/beside"
)

// views makes queries materialized views, changes the tables, and asks the views
// what PostgreSQL answers to their queries.
func (r *run) views(n int) {
	ctx := context.Background()
	for done := 0; done < n; {
		r.fresh()
		type view struct {
			name string
			q    query
		}
		var views []view
		for len(views) < 8 && done < n {
			done++
			q := r.query(2)
			r.serial++
			v := view{fmt.Sprintf("v%d", r.serial), q}
			a := r.p.Tarn.Ask(ctx, fmt.Sprintf("CREATE MATERIALIZED VIEW %s AS %s", v.name, q.sql))
			b := r.p.Postgres.Ask(ctx, q.sql)
			switch {
			case !a.Failed():
				views = append(views, v)
			case a.Code == "0A000":
				r.counts["view unsupported"]++
			case b.Failed():
				r.counts["view refused by both"]++
			default:
				r.judge("CREATE MATERIALIZED VIEW AS "+q.sql, a, b, false, false)
			}
		}
		for range 4 {
			r.change()
			for _, v := range views {
				a, b := r.p.Tarn.Ask(ctx, "SELECT * FROM "+v.name), r.p.Postgres.Ask(ctx, v.q.sql)
				r.judge(fmt.Sprintf("-- the view %s is\n%s", v.name, v.q.sql), typed(a, b), b, false, true)
			}
		}
		for _, v := range views {
			r.p.Tarn.Ask(ctx, "DROP MATERIALIZED VIEW "+v.name)
		}
	}
}

// typed gives the answer the tag and columns of the other: those of a view are not
// in question.
func typed(a, b beside.Answer) beside.Answer {
	a.Columns, a.Tag = b.Columns, b.Tag
	return a
}

// change is a random INSERT, UPDATE or DELETE of some rows.
func (r *run) change() {
	t := r.tables[r.rng.Intn(len(r.tables))]
	s := scope{r, t.cols}
	r.serial++
	switch r.rng.Intn(4) {
	case 0:
		r.insert(t, 1000+10*r.serial, 1+r.rng.Intn(4))
	case 1:
		r.tell(fmt.Sprintf("DELETE FROM %s WHERE id %% %d = %d", t.name, 3+r.rng.Intn(5), r.rng.Intn(3)))
	default:
		var sets []string
		seen := map[string]bool{}
		for range 1 + r.rng.Intn(2) {
			c := t.cols[1+r.rng.Intn(len(t.cols)-1)]
			if seen[c.name] {
				continue
			}
			seen[c.name] = true
			sets = append(sets, c.name+" = "+s.leaf(c.kind))
		}
		r.tell(fmt.Sprintf("UPDATE %s SET %s WHERE id %% %d = %d", t.name, strings.Join(sets, ", "), 2+r.rng.Intn(4), r.rng.Intn(3)))
	}
}
