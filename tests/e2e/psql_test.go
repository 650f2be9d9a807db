package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestPsql runs the scripts in testdata/psql. Each case is a psql session's
// input, and what psql shows; all cases of a file share a server. They are
// recorded from a PostgreSQL 15 with TARN_E2E_POSTGRES=host:port and -rewrite.
// A case that "differs" has PostgreSQL's answer, which Tarn does not give yet.
func TestPsql(t *testing.T) {
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatal("psql is missing: run tests/setup.sh")
	}
	datadriven.Walk(t, "testdata/psql", func(t *testing.T, path string) {
		at := start(t)
		dir := t.TempDir()
		run := func(script string) string { return runPsql(t, psql, at, dir, script) }
		if os.Getenv(postgresEnv) != "" {
			t.Cleanup(func() { run("drop schema public cascade; create schema public;") })
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out := run(d.Input)
			if d.Cmd == "differs" && os.Getenv(postgresEnv) == "" {
				if out == d.Expected {
					t.Errorf("%s: now as PostgreSQL, so that it can be a psql case", d.Pos)
				}
				return d.Expected
			}
			return out
		})
	})
}

func runPsql(t *testing.T, psql string, at address, dir, script string) string {
	t.Helper()
	cmd := exec.Command(psql, "-X", "--no-password", "-v", "VERBOSITY=default", "-f", "-", at.dsn()+" dbname=postgres")
	if os.Getenv(postgresEnv) == "" {
		cmd.Args[len(cmd.Args)-1] = at.dsn()
	}
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "PGTZ=UTC", "PGCLIENTENCODING=UTF8")
	cmd.Stdin = strings.NewReader(script + "\n")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		return out.String() + "psql has not ended after 60 s\n"
	}
	if err != nil && out.Len() == 0 {
		return err.Error() + "\n"
	}
	lines := strings.Split(strings.ReplaceAll(out.String(), "psql:<stdin>:", ""), "\n")
	for i, l := range lines { // datadriven wants no blanks at the end
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// TestPsycopg runs each script in testdata/psycopg with the server's address.
func TestPsycopg(t *testing.T) {
	python, err := filepath.Abs("../../bin/venv/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Fatal("psycopg is missing: run tests/setup.sh")
	}
	scripts, err := filepath.Glob("testdata/psycopg/*.py")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, s := range scripts {
		if filepath.Base(s) == "harness.py" {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(s), ".py"), func(t *testing.T) {
			at := start(t)
			cmd := exec.Command(python, s, at.dsn())
			cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
			err := cmd.Wait()
			timer.Stop()
			if err != nil {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}
