package program

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

// A Leash ends a process, and removes folders, when the process of the test ends in
// whatever way: a failure, a timeout and kill -9 included.
type Leash struct {
	line io.WriteCloser
	once sync.Once
}

// watch waits on the leash's other end: a line lets go, its end without one is ours.
const watch = `read -r _ && exit; pid=$0; test "$pid" -gt 0 && kill -9 "$pid" 2>/dev/null; test $# = 0 || rm -rf "$@" 2>/dev/null || { sleep 1; rm -rf "$@"; }`

// NewLeash holds a process (0: none) and folders.
func NewLeash(pid int, folders ...string) (*Leash, error) {
	end, line, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer end.Close()
	watcher := exec.Command("sh", append([]string{"-c", watch, strconv.Itoa(pid)}, folders...)...)
	watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt in the terminal is not for it
	watcher.Stdin = end
	if err := watcher.Start(); err != nil {
		return nil, errors.Join(err, line.Close())
	}
	go func() {
		_ = watcher.Wait()
		runtime.KeepAlive(line) // the collector would close it
	}()
	return &Leash{line: line}, nil
}

// Release lets go; it may be called again, and on nil.
func (l *Leash) Release() (err error) {
	if l == nil {
		return nil
	}
	l.once.Do(func() {
		_, err = io.WriteString(l.line, "ended\n")
		err = errors.Join(err, l.line.Close())
	})
	return err
}
