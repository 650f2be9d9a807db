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

// TestErrorSubscription: an error of a view, or of a view below, ends a subscription as
// that of its own query does; once it has been taken back the subscription goes on
// from before it.
func TestErrorSubscription(t *testing.T) {
	w := newWorld(t, 1)
	w.bases = []*relation{{name: "t"}}
	w.must("CREATE TABLE t (a int PRIMARY KEY, b int)")
	w.must("CREATE MATERIALIZED VIEW v AS SELECT a, 10 / b AS q FROM t")
	w.must("CREATE MATERIALIZED VIEW above AS SELECT a, q FROM v")
	w.must("CREATE MATERIALIZED VIEW past WITH (on_error = 'skip') AS SELECT a, 10 / b AS q FROM t")
	w.must("INSERT INTO t VALUES (1, 5)")
	start := w.epoch()
	failing := []string{"v", "above", "(SELECT a, 10 / b AS q FROM t)", "(SELECT a, max(q) AS q FROM above GROUP BY a)"}
	all := append([]string{"past"}, failing...)
	live := map[string]*subscriber{}
	for _, what := range all {
		s := &subscriber{what: what, whole: -1}
		(&subscribers{w: w}).watch(s)
		if err := s.reach(start); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		live[what] = s
	}
	w.must("INSERT INTO t VALUES (2, 0), (3, 2)")
	bad := w.epoch()
	for _, what := range failing {
		if err := live[what].reach(bad); codeOf(err) != "22012" {
			t.Errorf("%s goes on past its error: %v", what, err)
		}
		again := fmt.Sprintf("COPY (SUBSCRIBE TO %s WITH (SNAPSHOT = false) AS OF %d UP TO %d) TO STDOUT", what, start, bad+1)
		if _, err := ask(w.conn, again); codeOf(err) != "22012" {
			t.Errorf("%s resumes past its error: %v", what, err)
		}
	}
	if err := live["past"].reach(bad); err != nil {
		t.Errorf("past errors: %v", err)
	}
	w.must("UPDATE t SET b = 1 WHERE a = 2")
	good := w.epoch()
	for _, what := range all {
		s := &subscriber{what: what, whole: start, rows: map[string]int{"1\t2": 1}}
		(&subscribers{w: w}).watch(s)
		if err := s.reach(good); err != nil {
			t.Fatalf("%s does not go on after its error: %v", what, err)
		}
		s.mu.Lock()
		got, err := s.have()
		s.mu.Unlock()
		if d := differ(got, []string{"1\t2", "2\t10", "3\t5"}); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", what, err, d)
		}
		s.close()
		live[what].close()
	}
	w.stop()
}
