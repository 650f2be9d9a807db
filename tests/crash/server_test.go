package crash

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/tests/program"
)

// patience is how long anything may take before the test gives up on it.
const patience = 60 * time.Second

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	addr string
	done chan struct{} // closed when it has ended
	err  error         // how; valid after done
}

// launch starts the server on dir. ready is sent the address, or closed if the
// server ends before it is ready. Its log goes to dir.log.
func launch(dir string, flags ...string) (p *process, ready chan string, err error) {
	log, err := os.OpenFile(dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "", "--data", dir}, flags...)
	p = &process{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, nil, err
	}
	leash, err := program.NewLeash(p.cmd.Process.Pid) // it must not outlive a test that is killed itself
	if err != nil {
		return nil, nil, errors.Join(err, p.cmd.Process.Kill())
	}
	ready = make(chan string, 1)
	go func() {
		defer close(p.done)
		defer leash.Release()
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if addr, ok := strings.CutPrefix(lines.Text(), "tarn ready on "); ok {
				ready <- addr
			}
		}
		close(ready)
		p.err = p.cmd.Wait()
	}()
	return p, ready, nil
}

// start starts the server and waits until it is ready.
func start(dir string, flags ...string) (*process, error) {
	p, ready, err := launch(dir, flags...)
	if err != nil {
		return nil, err
	}
	select {
	case addr, ok := <-ready:
		if !ok {
			<-p.done
			return nil, fmt.Errorf("the server did not start: %v\n%s", p.err, logTail(dir))
		}
		p.addr = addr
		return p, nil
	case <-time.After(patience):
		p.kill()
		return nil, fmt.Errorf("the server was not ready in %s\n%s", patience, logTail(dir))
	}
}

// kill is kill -9; it waits until the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop is SIGTERM; it returns how the server ended and after how long.
func (p *process) stop() (time.Duration, error) {
	began := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return time.Since(began), p.err
	case <-time.After(patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		<-p.done
		return time.Since(began), fmt.Errorf("the server did not stop")
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) connect(ctx context.Context) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return pgconn.Connect(ctx, "postgres://crash@"+p.addr+"/tarn?sslmode=disable")
}

// logTail is the end of a server's log.
func logTail(dir string) string {
	b, _ := os.ReadFile(dir + ".log")
	if len(b) > 4000 {
		b = b[len(b)-4000:]
	}
	return string(b)
}

// dataFolder makes a folder that outlives a failed test.
func dataFolder(t *testing.T) string {
	parent, err := os.MkdirTemp("", "tarn-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("data and log are kept in %s", parent)
			return
		}
		os.RemoveAll(parent)
	})
	return filepath.Join(parent, "data")
}
