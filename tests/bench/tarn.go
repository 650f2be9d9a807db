package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/tests/program"
)

// tarn is a running server: the real binary in a process of its own.
type tarn struct {
	usage
	*program.Server
	dir     string
	errFile string
	args    []string
}

// startMax is how long a server may take to be ready, whatever it has to recover.
const startMax = 10 * time.Minute

// build builds the binary once a run, as `make build` does.
func (r *run) build() (string, error) {
	if r.binary != "" {
		return r.binary, nil
	}
	bin := filepath.Join(r.scratch, "tarn")
	if err := program.Build(bin, "-trimpath", "-ldflags", "-s -w"); err != nil {
		return "", err
	}
	r.binary = bin
	return bin, nil
}

// startTarn starts a server over dir ("" = a new folder).
func (r *run) startTarn(ctx context.Context, dir string, args ...string) (*tarn, error) {
	bin, err := r.build()
	if err != nil {
		return nil, err
	}
	if dir == "" {
		if dir, err = r.folder("data"); err != nil {
			return nil, err
		}
	}
	t := &tarn{dir: dir, args: args, errFile: dir + ".err"}
	if t.Server, err = program.Launch(program.Options{Binary: bin, Data: dir, Log: t.errFile, Flags: args, Env: r.env}); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, t.Kill)
	defer stop()
	t.pid = t.PID
	if err := t.Await(startMax); err != nil {
		return nil, err
	}
	return t, nil
}

// logged is the newest line of the log with a text in it, without its time.
func (t *tarn) logged(text string) string {
	b, _ := os.ReadFile(t.errFile)
	found := ""
	for line := range strings.Lines(string(b)) {
		if _, rest, ok := strings.Cut(line, text); ok {
			found = strings.TrimSpace(rest)
		}
	}
	return found
}

// stop ends the server as an operator would, and then removes its folder.
func (t *tarn) stop() {
	if t == nil { // a restart failed
		return
	}
	_ = t.Stop()
	_ = os.RemoveAll(t.dir)
}

// restart kills the server with -9 and starts it over the same folder.
func (r *run) restart(ctx context.Context, t *tarn) (*tarn, error) {
	t.Kill()
	return r.startTarn(ctx, t.dir, t.args...)
}

func (t *tarn) connect(ctx context.Context) (*client, error) {
	return connect(ctx, "postgres://bench@"+t.Addr+"/tarn?sslmode=disable")
}

func (t *tarn) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(t.Addr)
	return host, port
}

// client is a connection; its methods are those that the benchmarks need.
type client struct{ *pgconn.PgConn }

func connect(ctx context.Context, dsn string) (*client, error) {
	c, err := pgconn.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &client{c}, nil
}

func (c *client) close() { _ = c.Close(context.Background()) }

// exec runs statements, each on its own: DDL in one string would be one transaction.
func (c *client) exec(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// row is the one row that a query gives, its values joined by "|".
func (c *client) row(ctx context.Context, sql string) (string, error) {
	res, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", fmt.Errorf("%s: %w", sql, err)
	}
	if len(res) != 1 || len(res[0].Rows) != 1 {
		return "", fmt.Errorf("%s: not one row", sql)
	}
	var cells []string
	for _, c := range res[0].Rows[0] {
		cells = append(cells, string(c))
	}
	return strings.Join(cells, "|"), nil
}

var errWrong = errors.New("the answer is wrong")

// expect compares the one row of a query.
func (c *client) expect(ctx context.Context, sql, want string) error {
	got, err := c.row(ctx, sql)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("%w: %s gives %s, expected %s", errWrong, sql, got, want)
	}
	return nil
}
