// Package metamorphic asks the same question in two ways and wants one answer:
// a view and its query, a subscription and the rows it adds up to, a time of the
// past and what was read then, an event time and a model of it. Everything is
// random; a failure prints the seed of its run and where the statements are, so
// that `go test -run TestX -seed N -runs 1` or psql shows it again.
package metamorphic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/server"
)

var (
	seedFlag = flag.Int64("seed", 0, "seed of the first run; 0 = by the clock")
	runsFlag = flag.Int("runs", 0, "runs per test; 0 = as many as fit into the test's share of time")
)

// share is how long a test begins new runs for, if -runs does not say how many.
const share = 9 * time.Second

// patience is how long a condition is waited for.
const patience = 30 * time.Second

// eachRun calls f with fresh worlds, one seed after the other.
func eachRun(t *testing.T, f func(w *world)) {
	seed, runs, until := *seedFlag, *runsFlag, time.Now().Add(share)
	if seed == 0 {
		seed = time.Now().UnixNano() % 1e9
	}
	switch {
	case runs == 0 && os.Getenv("TARN_FULL") != "":
		runs = 400
	case runs == 0 && testing.Short():
		runs = 1
	}
	n, steps, notYet := 0, 0, map[string]int{}
	for ; n < runs || runs == 0 && time.Now().Before(until); n++ {
		w := newWorld(t, seed+int64(n))
		f(w)
		w.stop()
		steps += w.steps
		for refusal, n := range w.notYet {
			notYet[refusal] += n
		}
	}
	for refusal, n := range notYet {
		t.Logf("not supported, %d times: %s", n, refusal)
	}
	t.Logf("seeds %d to %d: %d runs, %d steps", seed, seed+int64(n)-1, n, steps)
}

// world is one server with what a run knows of it.
type world struct {
	t      *testing.T
	seed   int64
	rng    *rand.Rand
	cfg    server.Config
	srv    *server.Server
	conn   *pgconn.PgConn
	script []string // all that was said on conn, and restarts
	steps  int

	bases, views []*relation
	serial       int  // of names
	clock        int  // event time of new records, seconds
	remembers    bool // all history is kept
	failing      bool // expressions may fail
	notYet       map[string]int
}

// newWorld starts a server that checkpoints, settles and evicts all the time.
func newWorld(t *testing.T, seed int64) *world {
	w := &world{t: t, seed: seed, rng: rand.New(rand.NewSource(seed)), notYet: map[string]int{}}
	w.cfg = server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Workers: 1 + 3*w.rng.Intn(2), MemoryBytes: 24 << 20,
		CheckpointEvery: 40 * time.Millisecond, JournalFileBytes: 64 << 10, PackVersions: 4 << (4 * w.rng.Intn(3))}
	w.start()
	return w
}

func (w *world) start() {
	w.t.Helper()
	s, err := server.Start(w.cfg)
	if err != nil {
		w.fatal("start: %v", err)
	}
	w.srv, w.conn = s, w.dial(s)
}

func (w *world) dial(s *server.Server) *pgconn.PgConn {
	w.t.Helper()
	c, err := pgconn.Connect(context.Background(), fmt.Sprintf("postgres://tarn@%s/tarn?sslmode=disable", s.Addr()))
	if err != nil {
		w.fatal("connect: %v", err)
	}
	return c
}

func (w *world) stop() {
	w.t.Helper()
	_ = w.conn.Close(context.Background())
	if err := w.srv.Close(); err != nil {
		w.fatal("stop: %v", err)
	}
}

// restart is a graceful one.
func (w *world) restart() {
	w.t.Helper()
	w.script = append(w.script, "-- restart")
	w.stop()
	w.start()
}

// fatal ends the test with the seed and the place of the script.
func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("metamorphic-%d.sql", w.seed))
	where := "script: " + path
	if err := os.WriteFile(path, []byte(strings.Join(w.script, ";\n")+";\n"), 0o644); err != nil {
		where = strings.Join(w.script, ";\n")
	}
	w.t.Fatalf("-seed %d -runs 1: %s\n%s", w.seed, fmt.Sprintf(format, args...), where)
}

// say runs statements that are part of the history.
func (w *world) say(sql string) ([][]string, error) {
	w.script = append(w.script, sql)
	answers, err := ask(w.conn, sql)
	switch code := codeOf(err); {
	case err != nil:
		w.script[len(w.script)-1] = "-- error " + code + "\n" + sql
		if code == "" || strings.HasPrefix(code, "XX") || strings.HasPrefix(code, "58") || code == "42601" {
			w.fatal("%s\n%v", sql, err)
		}
	}
	return answers, err
}

// must is say for what cannot fail.
func (w *world) must(sql string) {
	w.t.Helper()
	if _, err := w.say(sql); err != nil {
		w.fatal("%s\n%v", sql, err)
	}
}

// rows are the answer to one query, sorted.
func (w *world) rows(sql string) []string {
	w.t.Helper()
	answers, err := ask(w.conn, sql)
	if err != nil {
		w.fatal("%s\n%v", sql, err)
	}
	return answers[0]
}

// epoch is the newest one.
func (w *world) epoch() int64 {
	w.t.Helper()
	// A read before makes sure that all that was acknowledged is applied.
	answers, err := ask(w.conn, "BEGIN; SELECT count(*) FROM "+w.bases[0].name+"; COMMIT; SELECT applied_epoch FROM sys.engine")
	if err != nil {
		w.fatal("epoch: %v", err)
	}
	n, err := strconv.ParseInt(answers[1][0], 10, 64)
	if err != nil {
		w.fatal("epoch: %v", err)
	}
	return n
}

// ask runs a string of statements; per statement that gives rows, these, sorted,
// in COPY's text.
func ask(c *pgconn.PgConn, sql string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var out [][]string
	for _, rs := range results {
		if !rs.CommandTag.Select() { // an empty answer has no field descriptions
			continue
		}
		rows := make([]string, len(rs.Rows))
		for i, row := range rs.Rows {
			cells := make([]string, len(row))
			for j, c := range row {
				if cells[j] = canonical(string(c)); c == nil {
					cells[j] = `\N`
				}
			}
			rows[i] = strings.Join(cells, "\t")
		}
		sort.Strings(rows)
		out = append(out, rows)
	}
	return out, nil
}

func codeOf(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// differ says how two sorted lists of rows differ; "" if they do not.
func differ(got, want []string) string {
	count := map[string]int{}
	for _, r := range got {
		count[r]++
	}
	for _, r := range want {
		count[r]--
	}
	var out []string
	for r, n := range count {
		switch {
		case n > 0:
			out = append(out, fmt.Sprintf("  %d too many: %s", n, r))
		case n < 0:
			out = append(out, fmt.Sprintf("  %d missing:  %s", -n, r))
		}
	}
	sort.Strings(out)
	if len(out) > 12 {
		out = append(out[:12], "  …")
	}
	return strings.Join(out, "\n")
}
