package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
	"github.com/tarndb/tarn/tests/program"
)

// server is the program itself, which a test may kill. What has failed leaves its
// folder and its log.
type server struct {
	t   *testing.T
	dir string
	o   program.Options
	run *program.Server
}

// startServer starts it over an empty folder.
func startServer(t *testing.T, k *kafkatest.Cluster, flags ...string) *server {
	t.Helper()
	dir, err := os.MkdirTemp("", "tarn-kafka-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, dir: dir, o: program.Options{Data: filepath.Join(dir, "data"), Log: filepath.Join(dir, "log"),
		Flags: append([]string{"--kafka", strings.Join(k.Plain, ","), "--checkpoint-every", "2s", "--memory", "512MiB"}, flags...)}}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("data and log are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.run = nil
	run, err := program.Start(s.o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.run = run
}

// stumble starts the server and kills it after a while, be it ready or not.
func (s *server) stumble(after time.Duration) {
	s.t.Helper()
	s.run = nil
	run, err := program.Launch(s.o)
	if err != nil {
		s.t.Fatal(err)
	}
	defer run.Kill()
	select {
	case <-run.Done():
		s.t.Fatalf("the server has ended\n%s", run.Tail())
	case <-time.After(after):
	}
}

// kill is kill -9.
func (s *server) kill() {
	if s.run != nil {
		s.run.Kill()
	}
}

func (s *server) connect() (*pgx.Conn, error) {
	if s.run == nil {
		return nil, errors.New("the server does not run")
	}
	return pgx.Connect(inTime(s.t, time.Minute), "postgres://chaos@"+s.run.Addr+"/tarn?sslmode=disable")
}

func (s *server) exec(statements ...string) {
	s.t.Helper()
	c, err := s.connect()
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, sql := range statements {
		if _, err := c.Exec(inTime(s.t, time.Minute), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			s.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// query gives the rows of a query as texts, NULL as <nil>.
func (s *server) query(sql string) (out [][]string, err error) {
	c, err := s.connect()
	if err != nil {
		return nil, err
	}
	defer c.Close(context.Background())
	rows, err := c.Query(inTime(s.t, time.Minute), sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		var row []string
		for _, v := range values {
			row = append(row, fmt.Sprint(v))
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// rows is query whose error ends the test.
func (s *server) rows(sql string) [][]string {
	s.t.Helper()
	out, err := s.query(sql)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return out
}

// eventually asks until the one value is as wanted.
func (s *server) eventually(sql, want string) {
	s.t.Helper()
	ctx := inTime(s.t, 2*time.Minute)
	var got [][]string
	var err error
	for ctx.Err() == nil {
		if got, err = s.query(sql); err == nil && len(got) == 1 && got[0][0] == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("%s: %v (%v), not %s", sql, got, err, want)
}

// state is what the server says of itself, for messages.
func (s *server) state() string {
	var out strings.Builder
	for _, name := range []string{"sources", "sinks", "views", "lag", "errors", "engine"} {
		c, err := s.connect()
		if err != nil {
			return err.Error()
		}
		rows, err := c.Query(inTime(s.t, time.Minute), "SELECT * FROM sys."+name)
		if err != nil {
			fmt.Fprintf(&out, "sys.%s: %v\n", name, err)
			continue
		}
		for rows.Next() {
			values, err := rows.Values()
			fmt.Fprintf(&out, "sys.%s:", name)
			for i, f := range rows.FieldDescriptions() {
				if err == nil && values[i] != nil {
					fmt.Fprintf(&out, " %s=%v", f.Name, values[i])
				}
			}
			out.WriteString("\n")
		}
		if err := rows.Err(); err != nil {
			fmt.Fprintf(&out, "sys.%s: %v\n", name, err)
		}
		c.Close(context.Background())
	}
	return out.String()
}
