package metamorphic

import (
	"fmt"
	"strings"
	"testing"
)

// TestErrors grows views whose expressions fail for some rows. Reading such a view is
// an error exactly when its query is one; read past its errors, it gives what a view
// that is made anew gives, rows and errors alike.
func TestErrors(t *testing.T) {
	eachRun(t, func(w *world) {
		w.failing = true
		w.createBases()
		for range 5 + w.rng.Intn(3) {
			w.createView(3, []string{"", " WITH (on_error = 'skip')"}[w.rng.Intn(2)])
		}
		for range 8 {
			w.transaction()
			if w.rng.Intn(6) == 0 {
				w.restart()
			}
			w.prune()
			w.compareFailing()
		}
	})
}

// compareFailing holds each view against its query and against a twin.
func (w *world) compareFailing() {
	w.t.Helper()
	for _, v := range w.views {
		twin := w.name("w")
		with := " WITH (on_error = 'skip')"
		w.must(fmt.Sprintf("CREATE MATERIALIZED VIEW %s%s AS %s", twin, with, plain(v.sql)))
		errorsOf := func(name string) string {
			return strings.Join(w.rows(fmt.Sprintf("SELECT code, message, sum(weight) FROM sys.view_errors WHERE view = '%s' GROUP BY 1, 2", name)), "\n")
		}
		mine, its := errorsOf(v.name), errorsOf(twin)
		if mine != its {
			w.fatal("%s = %s has the errors\n%s\na new one\n%s", v.name, plain(v.sql), mine, its)
		}
		got, err := ask(w.conn, "SELECT * FROM "+v.name)
		want, twinErr := ask(w.conn, "SELECT * FROM "+twin)
		if twinErr != nil {
			w.fatal("%s: %v", twin, twinErr)
		}
		if err == nil {
			if d := differ(got[0], want[0]); d != "" {
				w.fatal("%s = %s is not what a new one is:\n%s", v.name, plain(v.sql), d)
			}
		}
		over, queryErr := ask(w.conn, plain(v.sql))
		switch {
		case queryErr != nil && mine == "":
			w.fatal("%s = %s has no error, its query %v", v.name, plain(v.sql), queryErr)
		case queryErr == nil && mine != "":
			w.fatal("%s = %s has the errors\n%s\nits query has none", v.name, plain(v.sql), mine)
		case queryErr == nil:
			if d := differ(got[0], over[0]); d != "" {
				w.fatal("%s is not what its query gives:\n%s\n%s", v.name, plain(v.sql), d)
			}
		}
		w.must("DROP MATERIALIZED VIEW " + twin)
	}
}
