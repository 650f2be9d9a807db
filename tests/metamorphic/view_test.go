package metamorphic

import (
	"strings"
	"testing"
)

// TestViews grows random DAGs of views under random transactions. After each one,
// every view holds what its query over the base relations gives.
func TestViews(t *testing.T) {
	eachRun(t, func(w *world) {
		w.createBases()
		subs := &subscribers{w: w}
		for range 6 + w.rng.Intn(3) {
			w.createView(4, "")
		}
		for range 14 {
			if w.rng.Intn(5) == 0 {
				w.contend()
			} else {
				w.transaction()
			}
			switch w.rng.Intn(10) {
			case 0, 1:
				if len(w.views) < 10 {
					w.createView(4, []string{"", " WITH (retain_history = 'forever')"}[w.rng.Intn(2)])
				}
			case 2:
				if len(w.views) > 4 {
					subs.dropView(w.views[w.rng.Intn(len(w.views))])
				}
			case 3, 4:
				subs.begin()
			case 5:
				subs.pause()
				w.restart()
				subs.resume()
			}
			w.prune()
			w.compareViews()
			subs.compare()
		}
		subs.end()
	})
}

// compareViews reads all views and their queries, over what they name and over
// base relations alone, at one epoch.
func (w *world) compareViews() {
	w.t.Helper()
	ask3 := []string{"BEGIN ISOLATION LEVEL REPEATABLE READ"}
	for _, v := range w.views {
		ask3 = append(ask3, "SELECT * FROM "+v.name, plain(v.sql), w.deep(v.sql, nil))
	}
	answers, err := ask(w.conn, strings.Join(append(ask3, "COMMIT"), "; "))
	if err != nil {
		w.findError(err)
	}
	for i, v := range w.views {
		got, over, deep := answers[3*i], answers[3*i+1], answers[3*i+2]
		if d := differ(got, over); d != "" {
			w.fatal("%s is not what its query gives:\n%s\n%s", v.name, plain(v.sql), d)
		}
		if d := differ(got, deep); d != "" {
			w.fatal("%s is not what its query over base relations gives:\n%s\n%s", v.name, w.deep(v.sql, nil), d)
		}
	}
}

// findError tells whose answer is the error.
func (w *world) findError(whole error) {
	w.t.Helper()
	_, _ = ask(w.conn, "ROLLBACK")
	for _, v := range w.views {
		for _, sql := range []string{"SELECT * FROM " + v.name, plain(v.sql), w.deep(v.sql, nil)} {
			if _, err := ask(w.conn, sql); err != nil {
				w.fatal("%s = %s\n%s\n%v", v.name, plain(v.sql), sql, err)
			}
		}
	}
	w.fatal("reading all views: %v", whole)
}
