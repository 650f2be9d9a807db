package metamorphic

import (
	"fmt"
	"sort"
	"strings"
)

// timed is a table with an event time, beside a model of its versions.
type timed struct {
	w        *world
	versions []version
}

// version is a row that stood after some epoch.
type version struct {
	key, at, row string
}

func (w *world) newTimed() *timed {
	w.must("CREATE TABLE timed (k int8 PRIMARY KEY, v int8, at timestamptz, WATERMARK FOR at AS at) WITH (retain_history = 'forever')")
	return &timed{w: w}
}

// change inserts, updates or deletes some rows.
func (t *timed) change() {
	w := t.w
	w.t.Helper()
	for range 1 + w.rng.Intn(2) {
		k, v, at := w.rng.Intn(8), w.rng.Intn(100), eventTime(w.clock+w.rng.Intn(400))
		switch w.rng.Intn(6) {
		case 0:
			w.must(fmt.Sprintf("DELETE FROM timed WHERE k = %d", k))
		case 1:
			w.must(fmt.Sprintf("UPDATE timed SET v = v + %d WHERE k < %d", v, k)) // a correction: the time stays
		case 2:
			w.must(fmt.Sprintf("UPDATE timed SET v = %d, at = '%s' WHERE k = %d", v, at, k))
		default:
			w.must(fmt.Sprintf("INSERT INTO timed VALUES (%d, %d, '%s') ON CONFLICT (k) DO UPDATE SET v = excluded.v, at = excluded.at", k, v, at))
		}
		t.look()
	}
}

// look adds what stands now to the versions.
func (t *timed) look() []string {
	t.w.t.Helper()
	rows := t.w.rows("SELECT k, v, at FROM timed")
	for _, row := range rows {
		f := strings.Split(row, "\t")
		t.versions = append(t.versions, version{f[0], f[2], row})
	}
	return rows
}

// model are the rows of the keys that stand now, as they were at an event time: of
// each the newest version with the greatest time that is not after it.
func (t *timed) model(event string) []string {
	best := map[string]version{}
	for _, v := range t.versions {
		if v.at <= event && v.at >= best[v.key].at {
			best[v.key] = v
		}
	}
	var out []string
	for _, row := range t.look() {
		key, _, _ := strings.Cut(row, "\t")
		if v, ok := best[key]; ok {
			out = append(out, v.row)
		}
	}
	sort.Strings(out)
	return out
}

func (t *timed) compare(m *memory) {
	w := t.w
	w.t.Helper()
	event := eventTime(w.clock + w.rng.Intn(500) - 200)
	want := t.model(event)
	sql := "SELECT k, v, at FROM timed"
	at := fmt.Sprintf("%s AS OF EVENT TIME '%s'", sql, event)
	if d := differ(w.rows(at), want); d != "" {
		w.fatal("%s is not what the model gives:\n%s", at, d)
	}
	m.answers = append(m.answers, answer{sql, m.epochs[len(m.epochs)-1], event, want})
}
