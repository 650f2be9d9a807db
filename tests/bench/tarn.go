package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// tarn is a running server: the real binary in a process of its own.
type tarn struct {
	usage
	dir     string
	addr    string
	cmd     *exec.Cmd
	errFile string
	args    []string
	took    time.Duration // from exec to the ready line
}

// build builds the binary once a run, as `make build` does.
func (r *run) build() (string, error) {
	if r.binary != "" {
		return r.binary, nil
	}
	root, err := output(exec.Command("go", "list", "-m", "-f", "{{.Dir}}"))
	if err != nil {
		return "", err
	}
	bin := filepath.Join(r.scratch, "tarn")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".")
	c.Dir, c.Env = strings.TrimSpace(root), append(os.Environ(), "CGO_ENABLED=0")
	if _, err := output(c); err != nil {
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
	all := append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "", "--data", dir}, args...)
	t.cmd = exec.CommandContext(ctx, bin, all...)
	stderr, err := os.OpenFile(t.errFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	t.cmd.Stderr = stderr
	t.cmd.Env = append(os.Environ(), r.env...)
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	t.pid = t.cmd.Process.Pid
	line, err := bufio.NewReader(out).ReadString('\n')
	t.took = time.Since(began)
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "tarn ready on ")
	if err != nil || !ok {
		t.kill()
		return nil, fmt.Errorf("tarn did not start: %q\n%s", line, t.tail())
	}
	t.addr = addr
	return t, nil
}

// tail is the end of what the server logged.
func (t *tarn) tail() string {
	b, _ := os.ReadFile(t.errFile)
	var lines []string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "gc ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-20):], "")
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

// kill is kill -9.
func (t *tarn) kill() {
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait()
}

// stop ends the server as an operator would, and then removes its folder.
func (t *tarn) stop() {
	if t == nil { // a restart failed
		return
	}
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(20*time.Second, func() { _ = t.cmd.Process.Kill() })
	_ = t.cmd.Wait()
	timer.Stop()
	_ = os.RemoveAll(t.dir)
}

// restart kills the server with -9 and starts it over the same folder.
func (r *run) restart(ctx context.Context, t *tarn) (*tarn, error) {
	t.kill()
	return r.startTarn(ctx, t.dir, t.args...)
}

func (t *tarn) connect(ctx context.Context) (*client, error) {
	return connect(ctx, "postgres://bench@"+t.addr+"/tarn?sslmode=disable")
}

func (t *tarn) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(t.addr)
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
