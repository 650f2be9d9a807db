// Package program runs the server as it is in this clone, for tests and benchmarks
// of the whole: a process that does not outlive theirs, on a port of its own.
package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Binary builds the server once a process, into a temporary folder that goes with
// the process; TARN_BIN names one that is built.
var Binary = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("TARN_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	dir, err := os.MkdirTemp("", "tarn-bin-")
	if err != nil {
		return "", err
	}
	if _, err := NewLeash(0, dir); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "tarn")
	return bin, Build(bin)
})

// Build builds the server to the file bin, with more arguments of go build.
func Build(bin string, args ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	c := exec.Command("go", append(append([]string{"build", "-o", bin}, args...), ".")...)
	c.Dir, c.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return nil
}

// Root is the clone's folder.
func Root() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go list: %w\n%s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
