package metamorphic

import (
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"
)

// answer is what a query gave once.
type answer struct {
	sql   string
	epoch int64
	event string // an event time, "" = none
	rows  []string
}

// memory holds answers to be asked for again.
type memory struct {
	w       *world
	answers []answer
	epochs  []int64
}

// TestAsOf remembers answers after each transaction and asks for them again as of
// that epoch, as of times between it and the next, as of event times, and as of
// both, also after restarts.
func TestAsOf(t *testing.T) {
	eachRun(t, func(w *world) {
		w.remembers = true
		w.createBases()
		m := &memory{w: w}
		f := w.newFinals()
		tt := w.newTimed()
		for range 4 {
			w.createView(3, " WITH (retain_history = 'forever')")
		}
		f.create()
		subs := &subscribers{w: w}
		subs.watch(&subscriber{what: "final1", query: "SELECT * FROM final1", whole: -1})
		adhoc := []query{w.query(3), w.query(3)}
		for range 12 {
			w.transaction()
			f.insert()
			tt.change()
			switch w.rng.Intn(8) {
			case 0:
				w.createView(3, " WITH (retain_history = 'forever')")
			case 1:
				f.create()
			case 2:
				subs.pause()
				w.restart()
				subs.resume()
			case 3:
				if len(subs.list) < 3 {
					subs.watch(&subscriber{what: "(" + finalQuery + ")", query: "SELECT * FROM final1", whole: -1})
				}
			}
			w.prune()
			epoch := w.epoch()
			m.epochs = append(m.epochs, epoch)
			m.remember(adhoc)
			f.compare(m)
			tt.compare(m)
			m.check(12)
			subs.compare()
		}
		subs.end()
		w.restart()
		m.check(60)
	})
}

// remember asks all relations, some queries, and some of both at an event time.
func (m *memory) remember(adhoc []query) {
	w := m.w
	w.t.Helper()
	epoch := m.epochs[len(m.epochs)-1]
	add := func(sql, event string, rows []string) {
		m.answers = append(m.answers, answer{sql, epoch, event, rows})
	}
	var all []query
	for _, r := range w.relations(9) {
		all = append(all, query{sql: "SELECT * FROM {" + r.name + "}"})
	}
	for _, q := range append(all, adhoc...) {
		sql := plain(q.sql)
		add(sql, "", w.rows(sql))
		if w.rng.Intn(3) == 0 {
			x := eventTime(w.clock + w.rng.Intn(600) - 200)
			add(sql, x, w.rows(w.until(q.sql, x)))
		}
	}
}

// until is a query over the records with event times up to x: the naive model.
func (w *world) until(sql, x string) string {
	deep := w.deep(sql, func(r *relation) string {
		switch {
		case !r.stream:
			return r.name
		case r.cols[len(r.cols)-1].name == "at":
			return fmt.Sprintf("(SELECT * FROM %s WHERE at <= '%s')", r.name, x)
		}
		return fmt.Sprintf("(SELECT * FROM %s WHERE false)", r.name) // its event time is its arrival
	})
	return strings.ReplaceAll(deep, anyTime, fmt.Sprintf(" WHERE x.at <= '%s'", x))
}

// check asks for some of what is remembered.
func (m *memory) check(n int) {
	w := m.w
	w.t.Helper()
	for range n {
		a := m.answers[w.rng.Intn(len(m.answers))]
		system := fmt.Sprint(a.epoch)
		if w.rng.Intn(2) == 0 {
			system = m.timeAt(a.epoch)
		}
		before, sql, after := "", a.sql, ""
		asOf := " AS OF SYSTEM TIME " + system
		if a.event != "" {
			asOf = fmt.Sprintf(" AS OF EVENT TIME '%s'", a.event) + asOf
		}
		switch {
		case strings.HasPrefix(system, "'") && w.rng.Intn(3) == 0:
			before, after = "SET as_of_system_time = "+system, "RESET as_of_system_time"
			if a.event != "" {
				before += fmt.Sprintf("; SET as_of_event_time = '%s'", a.event)
				after += "; RESET as_of_event_time"
			}
			before, after = before+"; ", "; "+after
		case sql == finalQuery:
			sql += asOf
		case strings.HasPrefix(sql, "SELECT * FROM ") && !strings.ContainsAny(sql, "("):
			sql += asOf
		default:
			sql = "SELECT * FROM (" + sql + ") AS q" + asOf
		}
		if d := differ(w.rows(before+sql+after), a.rows); d != "" {
			w.fatal("%s\nis not what %s gave at epoch %d (event time %q):\n%s", before+sql, a.sql, a.epoch, a.event, d)
		}
		if a.event != "" && a.sql != finalQuery && a.epoch == m.epochs[len(m.epochs)-1] { // one clock alone
			sql := fmt.Sprintf("SELECT * FROM (%s) AS q AS OF EVENT TIME '%s'", a.sql, a.event)
			if d := differ(w.rows(sql), a.rows); d != "" {
				w.fatal("%s\nis not what the records up to then give:\n%s", sql, d)
			}
		}
	}
}

// timeAt is a time at which an epoch that was looked at was the newest: its own,
// or one before its successor's. Nothing was written from epoch to the look, but
// something may have been soon after it.
func (m *memory) timeAt(epoch int64) string {
	i := sort.Search(len(m.epochs), func(i int) bool { return m.epochs[i] >= epoch })
	t := epoch
	if i+1 < len(m.epochs) && m.epochs[i+1] > epoch && m.w.rng.Intn(2) == 0 {
		t += min(m.w.rng.Int63n(m.epochs[i+1]-epoch), m.w.rng.Int63n(20))
	}
	return "'" + time.UnixMicro(t+pgEpoch).UTC().Format("2006-01-02 15:04:05.000000") + "+00'"
}

// pgEpoch is 2000-01-01 in µs since 1970.
const pgEpoch = 946684800 * 1_000_000
