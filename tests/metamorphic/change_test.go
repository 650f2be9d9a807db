package metamorphic

import (
	"context"
	"fmt"
	"strings"
)

// rowsMax is how many rows a table may grow to, and streamMax a stream.
const (
	rowsMax   = 90
	streamMax = 220
)

// statement is a random INSERT, UPDATE or DELETE.
func (w *world) statement() string {
	r := w.bases[w.rng.Intn(len(w.bases))]
	for r.full {
		r = w.bases[w.rng.Intn(len(w.bases))]
	}
	s := scope{w: w, cols: r.cols}
	if r.stream {
		w.clock += w.rng.Intn(60)
		return w.insert(r, 1+w.rng.Intn(5))
	}
	switch w.rng.Intn(10) {
	case 0, 1, 2, 3:
		return w.insert(r, 1+w.rng.Intn(6))
	case 4, 5, 6:
		c := r.cols[w.rng.Intn(len(r.cols))]
		sets := fmt.Sprintf("%s = %s", c.name, s.expr(c.kind, 2))
		if d := r.cols[w.rng.Intn(len(r.cols))]; d.name != c.name {
			sets += fmt.Sprintf(", %s = %s", d.name, s.expr(d.kind, 1))
		}
		return fmt.Sprintf("UPDATE %s SET %s WHERE %s", r.name, sets, s.predicate(1))
	case 7:
		return fmt.Sprintf("DELETE FROM %s WHERE %s", r.name, s.predicate(1))
	case 8:
		return fmt.Sprintf("DELETE FROM %s WHERE a = %d", r.name, w.rng.Intn(9))
	}
	from := w.bases[w.rng.Intn(len(w.bases))]
	in := scope{w: w, cols: from.cols}
	var list []string
	for _, c := range r.cols {
		list = append(list, result(c.kind, in.expr(c.kind, 1)))
	}
	return fmt.Sprintf("INSERT INTO %s SELECT %s FROM %s WHERE a = %d%s", r.name, strings.Join(list, ", "), from.name, w.rng.Intn(9), w.onConflict(r))
}

func (w *world) insert(r *relation, n int) string {
	rows := make([]string, n)
	for i := range rows {
		cells := make([]string, len(r.cols))
		for j, c := range r.cols {
			cells[j] = w.literal(c.kind, c.name != "at" && !w.isKey(r, c.name))
			switch {
			case w.isKey(r, c.name) && c.kind == integer:
				cells[j] = fmt.Sprint(w.rng.Intn(40))
			case c.name == "at":
				cells[j] = "'" + eventTime(w.clock+w.rng.Intn(400)) + "'"
			}
		}
		rows[i] = "(" + strings.Join(cells, ", ") + ")"
	}
	if n > 2 && w.rng.Intn(4) == 0 && len(r.key) == 0 {
		rows[1] = rows[0] // duplicates
	}
	return fmt.Sprintf("INSERT INTO %s VALUES %s%s", r.name, strings.Join(rows, ", "), w.onConflict(r))
}

func (w *world) isKey(r *relation, col string) bool {
	for _, k := range r.key {
		if k == col {
			return true
		}
	}
	return false
}

func (w *world) onConflict(r *relation) string {
	if len(r.key) == 0 {
		return ""
	}
	switch w.rng.Intn(4) {
	case 0:
		return ""
	case 1:
		return " ON CONFLICT DO NOTHING"
	}
	c := r.cols[len(r.cols)-1]
	if w.isKey(r, c.name) {
		return " ON CONFLICT DO NOTHING"
	}
	return fmt.Sprintf(" ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s", strings.Join(r.key, ", "), c.name, c.name)
}

// refusals are the errors that data may bring.
var refusals = map[string]bool{"23505": true, "23502": true, "21000": true, "22003": true, "40001": true, "40P01": true}

// refused reports an expected error; others end the run.
func (w *world) refused(sql string, err error) bool {
	w.t.Helper()
	if err == nil {
		return false
	}
	if !refusals[codeOf(err)] && !(w.failing && strings.HasPrefix(codeOf(err), "22")) {
		w.fatal("%s\n%v", sql, err)
	}
	return true
}

// transaction runs one: statement by statement, with savepoints and rollbacks.
func (w *world) transaction() {
	w.t.Helper()
	w.steps++
	if w.rng.Intn(4) == 0 {
		sql := w.statement()
		_, err := w.say(sql)
		w.refused(sql, err)
		return
	}
	w.must("BEGIN" + []string{"", " ISOLATION LEVEL REPEATABLE READ"}[w.rng.Intn(2)])
	saved, n := false, 1+w.rng.Intn(5)
	if w.rng.Intn(10) == 0 { // the same keys again and again
		n = 30
	}
	for range n {
		switch {
		case w.rng.Intn(5) == 0:
			w.must("SAVEPOINT p")
			saved = true
		case saved && w.rng.Intn(4) == 0:
			w.must("ROLLBACK TO SAVEPOINT p")
		}
		sql := w.statement()
		_, err := w.say(sql)
		if !w.refused(sql, err) {
			continue
		}
		if !saved {
			w.must("ROLLBACK")
			return
		}
		w.must("ROLLBACK TO SAVEPOINT p")
	}
	if w.rng.Intn(8) == 0 {
		w.must("ROLLBACK")
		return
	}
	_, err := w.say("COMMIT")
	w.refused("COMMIT", err)
}

// contend runs transactions on two connections at once; which of them win is not
// up to the seed.
func (w *world) contend() {
	w.t.Helper()
	w.steps++
	var both [2]string
	for i := range both {
		sql := []string{"BEGIN" + []string{"", " ISOLATION LEVEL REPEATABLE READ"}[w.rng.Intn(2)]}
		for range 1 + w.rng.Intn(3) {
			sql = append(sql, w.statement())
		}
		both[i] = strings.Join(append(sql, "COMMIT"), "; ")
	}
	w.script = append(w.script, "-- at the same time as the next\n"+both[1])
	other := w.dial(w.srv)
	ended := make(chan error, 1)
	go func() {
		_, err := ask(other, both[1])
		_ = other.Close(context.Background()) // lets go of its locks
		ended <- err
	}()
	_, err := w.say(both[0])
	if w.refused(both[0], err) {
		w.must("ROLLBACK")
	}
	w.refused(both[1], <-ended)
}

// prune keeps relations small.
func (w *world) prune() {
	w.t.Helper()
	for _, r := range w.bases {
		n := len(w.rows("SELECT 1 FROM " + r.name))
		r.full = r.stream && n > streamMax
		if !r.stream && n > rowsMax {
			w.must(fmt.Sprintf("DELETE FROM %s WHERE a %% 2 = %d OR a IS NULL", r.name, w.rng.Intn(2)))
		}
	}
}
