package kafkatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tarndb/tarn/tests/program"
)

// process is a JVM that does not outlive this process, however that ends.
type process struct {
	cmd    *exec.Cmd
	log    string
	ended  chan struct{}
	leash  *program.Leash
	paused atomic.Bool
}

// launch starts java; its output is appended to the file log.
func launch(log, dir string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{cmd: exec.Command("java", args...), log: log, ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt in the terminal is for us only
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is told by its log
		close(p.ended)
	}()
	if p.leash, err = program.NewLeash(p.cmd.Process.Pid); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// end sends a signal and waits until the process is gone.
func (p *process) end(sig syscall.Signal, within time.Duration) error {
	if p.running() {
		if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		if err := p.resume(); err != nil {
			return err
		}
		select {
		case <-p.ended:
		case <-time.After(within):
			return fmt.Errorf("process %d did not end in %v", p.cmd.Process.Pid, within)
		}
	}
	return p.leash.Release()
}

func (p *process) kill() error { return p.end(syscall.SIGKILL, 20*time.Second) }

func (p *process) pause() error {
	p.paused.Store(true)
	return p.cmd.Process.Signal(syscall.SIGSTOP)
}

func (p *process) resume() error {
	if !p.paused.Swap(false) {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// tail is the end of the log, for error messages.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return lastLines(b, 6)
}

// freePorts finds n ports, from below the range out of which the system lends ports
// to clients, so that they are still free when a broker comes back to them.
func freePorts(n int) ([]int, error) {
	var out []int
	for range 1000 {
		port := 10_000 + rand.IntN(20_000)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		if out = append(out, port); len(out) == n {
			return out, nil
		}
	}
	return nil, errors.New("there are no free ports")
}
