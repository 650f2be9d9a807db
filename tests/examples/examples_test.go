package examples

import (
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tarndb/tarn/server"
)

var rewriting = flag.Bool("rewrite", false, "write the results into the Markdown")

// folder is where the files of \copy are; pages are what is run.
const folder = "../../docs/examples"

var pages = []string{folder + "/*.md", "../../docs/sql/*.md"}

// TestExamples runs each page on a server of its own.
func TestExamples(t *testing.T) {
	for _, pattern := range pages {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no pages in %s: %v", pattern, err)
		}
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".md"), func(t *testing.T) { runFile(t, file) })
		}
	}
}

func runFile(t *testing.T, file string) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(raw), "\n")
	all := steps(lines)
	if len(all) == 0 {
		return
	}
	s := connect(t)
	results := make([]string, len(all))
	for i, st := range all {
		got, failed, err := s.run(st.sql.text(lines))
		if err != nil {
			t.Fatalf("%s:%d: %v", file, st.sql.from+1, err)
		}
		results[i] = got
		switch {
		case failed && !st.isTold:
			t.Fatalf("%s:%d: %s", file, st.sql.from+1, got)
		case *rewriting || !st.isTold || st.varies:
		case got != trimmed(st.shown.text(lines)):
			t.Errorf("%s:%d: the result is not what is shown\ngot:\n%s\nshown:\n%s", file, st.shown.from+1, got, st.shown.text(lines))
		}
	}
	if *rewriting {
		if err := os.WriteFile(file, []byte(strings.Join(rewrite(lines, all, results), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// trimmed takes the blanks off the ends of the lines.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

// session is one connection with psql's variables.
type session struct {
	conn    *pgconn.PgConn
	vars    map[string]string
	notices strings.Builder // since the statement began
}

func connect(t *testing.T) *session {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	srv, err := server.Start(server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Kafka: strings.Join(cluster.ListenAddrs(), ",")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg, err := pgconn.ParseConfig("postgres://me@" + srv.Addr() + "/tarn?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{vars: map[string]string{}}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { printError(&s.notices, (*pgconn.PgError)(n)) }
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.conn, err = pgconn.ConnectConfig(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.conn.Close(context.Background()) })
	return s
}

// run runs a block and returns what psql would show; failed says that a
// statement gave an error, err that the block could not be run at all.
func (s *session) run(script string) (shown string, failed bool, err error) {
	list, err := split(script)
	if err != nil {
		return "", false, err
	}
	var b strings.Builder
	for _, st := range list {
		sql, err := fill(st.sql, s.vars)
		if err != nil {
			return "", false, err
		}
		s.notices.Reset()
		got, err := s.exec(st, sql)
		b.WriteString(s.notices.String())
		var bad *pgconn.PgError
		switch {
		case errors.As(err, &bad):
			printError(&b, bad)
			failed = true
		case err != nil:
			return b.String(), failed, err
		case st.gset:
			for i, f := range got.fields {
				s.vars[f.Name] = got.rows[0][i]
			}
		default:
			got.print(&b)
		}
	}
	return strings.TrimRight(b.String(), "\n"), failed, nil
}

// exec runs one statement.
func (s *session) exec(st statement, sql string) (*result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if st.file != "" {
		return s.copyIn(ctx, st, sql)
	}
	rs := s.conn.Exec(ctx, sql)
	r := &result{}
	for rs.NextResult() {
		rr := rs.ResultReader()
		if fs := rr.FieldDescriptions(); len(fs) > 0 {
			r.fields = append([]pgconn.FieldDescription(nil), fs...)
		}
		for rr.NextRow() {
			var row []string
			for _, v := range rr.Values() {
				row = append(row, string(v))
			}
			r.rows = append(r.rows, row)
		}
		tag, err := rr.Close()
		if err != nil {
			return nil, errors.Join(err, rs.Close())
		}
		r.tag = tag.String()
	}
	return r, rs.Close()
}

// copyIn sends a file of the tutorials' folder.
func (s *session) copyIn(ctx context.Context, st statement, sql string) (*result, error) {
	f, err := os.Open(filepath.Join(folder, st.file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var from io.Reader = f
	if st.gzip {
		if from, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	tag, err := s.conn.CopyFrom(ctx, from, sql)
	return &result{tag: tag.String()}, err
}
