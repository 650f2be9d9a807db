// Package beside puts the same SQL to Tarn and to a PostgreSQL, and tells what they
// answer differently.
package beside

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/server"
)

// StartPostgres starts a PostgreSQL of its own in a temporary folder, reached by a
// socket in it. stop ends it and removes the folder.
func StartPostgres() (stop func(), dsn string, err error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		return nil, "", fmt.Errorf("no PostgreSQL found; on Debian: apt-get install postgresql")
	}
	bin := bins[len(bins)-1]
	dir, err := os.MkdirTemp("", "tarn-beside-pg")
	if err != nil {
		return nil, "", err
	}
	as := func(args ...string) *exec.Cmd {
		if os.Getuid() == 0 { // PostgreSQL refuses to run as root
			args = append([]string{"runuser", "-u", "postgres", "--"}, args...)
		}
		return exec.Command(args[0], args[1:]...)
	}
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			return nil, "", fmt.Errorf("chown: %s", out)
		}
	}
	data := filepath.Join(dir, "data")
	if out, err := as(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--lc-collate=C", "--lc-ctype=C.UTF-8").CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("initdb: %s", out)
	}
	opts := fmt.Sprintf("-c listen_addresses= -c unix_socket_directories=%s -c fsync=off", dir)
	if out, err := as(filepath.Join(bin, "pg_ctl"), "-D", data, "-o", opts, "-l", filepath.Join(data, "log"), "-w", "start").CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("pg_ctl: %s", out)
	}
	stop = func() {
		// -w: the folder can go when nothing writes to it.
		_ = as(filepath.Join(bin, "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop").Run()
		_ = os.RemoveAll(dir)
	}
	return stop, fmt.Sprintf("host=%s user=postgres dbname=postgres", dir), nil
}

// StartTarn starts a server inside this process, in a temporary folder.
func StartTarn() (stop func(), dsn string, err error) {
	dir, err := os.MkdirTemp("", "tarn-beside")
	if err != nil {
		return nil, "", err
	}
	s, err := server.Start(server.Config{Listen: "127.0.0.1:0", Data: dir, Workers: 1, MemoryBytes: 256 << 20, CheckpointEvery: 2 * time.Second})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, "", err
	}
	stop = func() {
		_ = s.Close()
		_ = os.RemoveAll(dir)
	}
	return stop, fmt.Sprintf("postgres://tarn@%s/tarn?sslmode=disable", s.Addr()), nil
}

// Pair are connections to both.
type Pair struct {
	Tarn, Postgres *Side
	stops          []func()
}

// Open connects to the servers named, and starts those whose dsn is empty.
func Open(ctx context.Context, tarn, postgres string) (*Pair, error) {
	p := &Pair{}
	for _, w := range []struct {
		dsn   string
		start func() (func(), string, error)
		side  **Side
	}{{postgres, StartPostgres, &p.Postgres}, {tarn, StartTarn, &p.Tarn}} {
		dsn := w.dsn
		if dsn == "" {
			stop, own, err := w.start()
			if err != nil {
				p.Close()
				return nil, err
			}
			p.stops = append(p.stops, stop)
			dsn = own
		}
		s, err := Connect(ctx, dsn)
		if err != nil {
			p.Close()
			return nil, err
		}
		*w.side = s
	}
	return p, nil
}

// Close ends both connections, and the servers that Open started.
func (p *Pair) Close() {
	for _, s := range []*Side{p.Tarn, p.Postgres} {
		if s != nil {
			s.Close()
		}
	}
	for _, stop := range p.stops {
		stop()
	}
}

// Side is a connection to one of the two.
type Side struct {
	dsn  string
	conn *pgconn.PgConn
}

// Close ends the connection.
func (s *Side) Close() { _ = s.conn.Close(context.Background()) }

// Failed reports whether a transaction has failed and waits for its end.
func (s *Side) Failed() bool { return !s.conn.IsClosed() && s.conn.TxStatus() == 'E' }

// Connect opens a connection.
func Connect(ctx context.Context, dsn string) (*Side, error) {
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &Side{dsn, c}, nil
}
