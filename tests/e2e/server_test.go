// Package e2e runs real clients against the real binary: psql, psycopg 3, pgx.
// What they need is installed by tests/setup.sh.
package e2e

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// postgresEnv names a PostgreSQL ("host:port", any user let in as superuser)
// that the tests use instead of Tarn. What they expect is PostgreSQL's
// behaviour, so that they must pass there too.
const postgresEnv = "TARN_E2E_POSTGRES"

// binary builds the server once for all tests; TARN_BIN names one that is built.
var binary = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("TARN_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	bin, err := filepath.Abs("../../bin/tarn-e2e")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", bin, "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

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

func startAt(t *testing.T, dir string) address {
	t.Helper()
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "serve", "--listen", "127.0.0.1:0", "--http", "", "--data", dir, "--memory", "256MiB")
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(t, cmd)
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("the server's log:\n%s", b)
		}
		_ = log.Close()
	})
	ready := make(chan string, 1)
	go func() { // ends when the server closes its stdout
		defer close(ready)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if at, ok := strings.CutPrefix(s.Text(), "tarn ready on "); ok {
				ready <- at
			}
		}
	}()
	select {
	case at, ok := <-ready:
		if !ok {
			t.Fatal("the server ended before it was ready")
		}
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			t.Fatal(err)
		}
		return address{host, port}
	case <-time.After(30 * time.Second):
		t.Fatal("the server is not ready after 30 s")
	}
	return address{}
}

func stop(t *testing.T, cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the server stopped with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the server has not stopped 10 s after SIGTERM")
		_ = cmd.Process.Kill()
		<-done
	}
}
