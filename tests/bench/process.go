package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// usage reads what a process and its children have used, from /proc.
type usage struct{ pid int }

// ticksPerSecond is the unit of /proc/…/stat, fixed in Linux's user interface.
const ticksPerSecond = 100

// cpu is the CPU-seconds, user and system, of the process, its children, and
// those of them that have ended and been waited for.
func (u usage) cpu() (seconds float64, err error) {
	stats := map[int][]string{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			stats[pid] = strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // state ppid …
		}
	}
	if stats[u.pid] == nil {
		return 0, fmt.Errorf("process %d is gone", u.pid)
	}
	within := func(pid int) bool {
		for pid > 1 && stats[pid] != nil {
			if pid == u.pid {
				return true
			}
			pid, _ = strconv.Atoi(stats[pid][1])
		}
		return false
	}
	ticks := 0
	for pid, f := range stats {
		if within(pid) {
			for _, i := range []int{11, 12, 13, 14} { // utime stime cutime cstime
				n, _ := strconv.Atoi(f[i])
				ticks += n
			}
		}
	}
	return float64(ticks) / ticksPerSecond, nil
}

// status is a line of /proc/…/status in bytes: VmRSS, VmHWM.
func (u usage) status(field string) (bytes int64, err error) {
	return u.line("status", field, 1024)
}

// written is how many bytes the process itself has caused to be written to disk.
func (u usage) written() (bytes int64, err error) { return u.line("io", "write_bytes", 1) }

func (u usage) line(file, field string, unit int64) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", u.pid, file))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n * unit, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/%s has no %s", u.pid, file, field)
}

// spent is what f cost the process.
type spent struct{ cpu, wall float64 }

func (u usage) during(f func() error) (spent, error) {
	before, err := u.cpu()
	if err != nil {
		return spent{}, err
	}
	began := time.Now()
	if err := f(); err != nil {
		return spent{}, err
	}
	wall := time.Since(began).Seconds()
	after, err := u.cpu()
	return spent{cpu: max(after-before, 1.0/ticksPerSecond), wall: wall}, err
}

// output runs a command and returns what it printed; an error holds it, too.
func output(c *exec.Cmd) (string, error) {
	b, err := c.CombinedOutput()
	if err != nil {
		return string(b), fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, b)
	}
	return string(b), nil
}
