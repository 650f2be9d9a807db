package program

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Server is a running server.
type Server struct {
	Addr string        // host:port, once it is ready
	PID  int           //
	Took time.Duration // from its start until it was ready

	cmd   *exec.Cmd
	log   string
	ready chan string
	done  chan struct{} // closed when it has ended
	err   error         // how; valid after done
	leash *Leash
}

// Options is how a server runs.
type Options struct {
	Binary string // "": Binary()
	Data   string // its folder
	Log    string // the file that its log is appended to; "": Data with .log behind
	Flags  []string
	Env    []string // beside the test's own
}

// Patience is how long a server may take to stop, and a small one to be ready.
const Patience = time.Minute

// Start starts a server and waits until it is ready. One that is not does not run.
func Start(o Options) (*Server, error) {
	s, err := Launch(o)
	if err == nil {
		err = s.Await(Patience)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Launch starts a server and does not wait.
func Launch(o Options) (*Server, error) {
	var err error
	if o.Binary == "" {
		if o.Binary, err = Binary(); err != nil {
			return nil, err
		}
	}
	if o.Log == "" {
		o.Log = o.Data + ".log"
	}
	log, err := os.OpenFile(o.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "", "--data", o.Data}, o.Flags...)
	s := &Server{cmd: exec.Command(o.Binary, args...), log: o.Log, ready: make(chan string, 1), done: make(chan struct{})}
	s.cmd.Stderr = log
	s.cmd.Env = append(os.Environ(), o.Env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt in the terminal is the test's
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		defer close(s.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if addr, ok := strings.CutPrefix(lines.Text(), "tarn ready on "); ok {
				s.Took = time.Since(began)
				s.ready <- addr
			}
		}
		close(s.ready)
		s.err = s.cmd.Wait()
	}()
	if s.leash, err = NewLeash(s.PID); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// Await waits until the server is ready; one that is not in time is killed.
func (s *Server) Await(within time.Duration) error {
	select {
	case addr, ok := <-s.ready:
		if !ok {
			s.Kill()
			return fmt.Errorf("the server did not start: %v\n%s", s.err, s.Tail())
		}
		s.Addr = addr
		return nil
	case <-time.After(within):
		s.Kill()
		return fmt.Errorf("the server was not ready in %s\n%s", within, s.Tail())
	}
}

// Kill is kill -9; it waits until the process is gone.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
	_ = s.leash.Release() // the watcher finds nobody otherwise
}

// Stop is SIGTERM. A server that does not end leaves its goroutines in its log.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	err := errors.New("the server did not stop")
	select {
	case <-s.done:
		err = s.err
	case <-time.After(Patience):
		s.Dump()
		select {
		case <-s.done:
		case <-time.After(Patience):
		}
	}
	s.Kill()
	return err
}

// Dump ends a server that hangs: its goroutines go to its log.
func (s *Server) Dump() { _ = s.cmd.Process.Signal(syscall.SIGQUIT) }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} { return s.done }

// Tail is the end of its log, without the collector's trace.
func (s *Server) Tail() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	var lines []string
	for line := range strings.Lines(string(b)) {
		if !strings.HasPrefix(line, "gc ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-30):], "")
}
