package server

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/exec"
)

// Check reads everything in a data folder, verifies every checksum, and says
// what is there and what is damaged. ok is false if anything is. It changes
// nothing; the folder must not be in use.
func Check(out io.Writer, dir string) (ok bool, err error) {
	if _, err := os.Stat(dir); err != nil {
		return false, err
	}
	if _, err := os.Stat(filepath.Join(dir, "LOCK")); err != nil {
		return false, fmt.Errorf("%s is not a data folder of tarn: it has no file LOCK", dir)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	report, err := exec.Check(vfs.Default, dir)
	if err != nil {
		return false, err
	}
	for _, line := range report.Lines {
		fmt.Fprintln(out, line)
	}
	for _, d := range report.Damage {
		fmt.Fprintln(out, "damage: "+d.Error())
	}
	if len(report.Damage) == 0 {
		fmt.Fprintln(out, "no damage found")
	}
	return len(report.Damage) == 0, nil
}
