// Package e2e runs real clients against the real binary: psql, psycopg 3, pgx.
// What they need is installed by tests/setup.sh.
package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/tarndb/tarn/tests/program"
)

// postgresEnv names a PostgreSQL ("host:port", any user let in as superuser)
// that the tests use instead of Tarn. What they expect is PostgreSQL's
// behaviour, so that they must pass there too.
const postgresEnv = "TARN_E2E_POSTGRES"

// address is a server to test against.
type address struct{ host, port string }

func (a address) dsn() string {
	return fmt.Sprintf("host=%s port=%s user=postgres sslmode=disable", a.host, a.port)
}

// start runs a server of its own until the test ends, and then checks that it
// stops in good order.
func start(t *testing.T) address {
	t.Helper()
	if at := os.Getenv(postgresEnv); at != "" {
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			t.Fatal(err)
		}
		return address{host, port}
	}
	return startAt(t, t.TempDir())
}

// startAt runs a server over the folder dir until the test ends, or until it has
// been killed; one that was not killed must stop in good order.
func startAt(t *testing.T, dir string, flags ...string) address {
	t.Helper()
	s := launch(t, dir, flags...)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("the server stopped with %v", err)
		}
	})
	return addressOf(t, s)
}

// launch runs a server over the folder dir until it is stopped; the end of the test
// kills it.
func launch(t *testing.T, dir string, flags ...string) *program.Server {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	s, err := program.Start(program.Options{Data: dir, Log: log, Flags: append([]string{"--memory", "256MiB"}, flags...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.Tail())
		}
	})
	return s
}

func addressOf(t *testing.T, s *program.Server) address {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return address{host, port}
}
