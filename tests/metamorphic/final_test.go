package metamorphic

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// finals are EMIT FINAL views over one stream, beside a model of it.
type finals struct {
	w       *world
	n       int
	views   []string
	records []record
	mark    int64 // watermark, seconds; 0 = none
	late    int
	given   map[string]string // windows that have been emitted
}

type record struct {
	key  string
	x    int
	at   int64 // seconds since 1970
	late bool
}

const (
	finalDelay  = 60 // seconds
	finalWindow = 60
)

const finalQuery = "SELECT window_start, k, count(*) AS n, sum(x) AS x FROM TUMBLE(f, at, INTERVAL '60 seconds') GROUP BY window_start, k EMIT FINAL"

func (w *world) newFinals() *finals {
	w.must("CREATE STREAM f (k text, x int8, at timestamptz, WATERMARK FOR at AS at - INTERVAL '60 seconds') WITH (retention = 'forever')")
	return &finals{w: w, given: map[string]string{}}
}

// create makes a view; whenever it is created, it gives the same windows.
func (f *finals) create() {
	f.n++
	name := fmt.Sprintf("final%d", f.n)
	f.w.must(fmt.Sprintf("CREATE MATERIALIZED VIEW %s WITH (retain_history = 'forever') AS %s", name, finalQuery))
	f.views = append(f.views, name)
}

// insert adds records out of order, sometimes far behind, in one transaction.
func (f *finals) insert() {
	w := f.w
	w.t.Helper()
	w.clock += w.rng.Intn(50)
	var fresh []record
	var all []string
	for range 1 + w.rng.Intn(3) {
		var rows []string
		for range 1 + w.rng.Intn(4) {
			at := w.clock + w.rng.Intn(90)
			if w.rng.Intn(5) == 0 {
				at -= w.rng.Intn(300)
			}
			r := record{key: string(rune('a' + w.rng.Intn(3))), x: w.rng.Intn(9), at: seconds(eventTime(at))}
			fresh = append(fresh, r)
			rows = append(rows, fmt.Sprintf("('%s', %d, '%s')", r.key, r.x, eventTime(at)))
		}
		all = append(all, "INSERT INTO f VALUES "+strings.Join(rows, ", "))
	}
	end := "COMMIT"
	if w.rng.Intn(6) == 0 {
		end, fresh = "ROLLBACK", nil
	}
	w.must("BEGIN; " + strings.Join(all, "; ") + "; " + end)
	// A record is late by the watermark at the beginning of its epoch.
	top := f.mark
	for i := range fresh {
		fresh[i].late = f.mark != 0 && fresh[i].at < f.mark
		if fresh[i].late {
			f.late++
		}
		top = max(top, fresh[i].at-finalDelay)
	}
	f.mark = top
	f.records = append(f.records, fresh...)
}

func seconds(text string) int64 {
	t, err := time.Parse("2006-01-02 15:04:05-07", text)
	if err != nil {
		panic(err)
	}
	return t.Unix()
}

// model are the final windows that end by a time.
func (f *finals) model(by int64) []string {
	type sum struct{ n, x int }
	sums := map[string]sum{}
	for _, r := range f.records {
		start := r.at - r.at%finalWindow
		if r.late || start+finalWindow > min(f.mark, by) || f.mark == 0 {
			continue
		}
		key := time.Unix(start, 0).UTC().Format("2006-01-02 15:04:05+00") + "\t" + r.key
		s := sums[key]
		sums[key] = sum{s.n + 1, s.x + r.x}
	}
	var out []string
	for key, s := range sums {
		out = append(out, fmt.Sprintf("%s\t%d\t%d", key, s.n, s.x))
	}
	sort.Strings(out)
	return out
}

// compare holds all views against the model, now and at an event time, and
// remembers the answers.
func (f *finals) compare(m *memory) {
	w := f.w
	w.t.Helper()
	epoch := m.epochs[len(m.epochs)-1]
	x := w.clock + w.rng.Intn(120) - 60
	event := eventTime(x)
	now, then := f.model(1<<62), f.model(seconds(event))
	for _, name := range f.views {
		sql := "SELECT * FROM " + name
		if d := differ(w.rows(sql), now); d != "" {
			w.fatal("%s is not what the model gives, watermark %s:\n%s", sql, time.Unix(f.mark, 0).UTC(), d)
		}
		at := fmt.Sprintf("%s AS OF EVENT TIME '%s'", sql, event)
		if d := differ(w.rows(at), then); d != "" {
			w.fatal("%s is not what the model gives, watermark %s:\n%s", at, time.Unix(f.mark, 0).UTC(), d)
		}
		m.answers = append(m.answers, answer{sql, epoch, "", now}, answer{sql, epoch, event, then})
	}
	m.answers = append(m.answers, answer{finalQuery, epoch, "", now}, answer{finalQuery, epoch, event, then})
	for _, row := range now {
		cells := strings.SplitN(row, "\t", 3)
		key := cells[0] + "\t" + cells[1]
		if old, ok := f.given[key]; ok && old != cells[2] {
			w.fatal("the final window %s changed from %q to %q", key, old, cells[2])
		}
		f.given[key] = cells[2]
	}
	if got := w.rows("SELECT late FROM sys.streams WHERE name = 'f'")[0]; got != strconv.Itoa(f.late) {
		w.fatal("%s records are late, by the model %d", got, f.late)
	}
}
