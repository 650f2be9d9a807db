package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLeash: what a leash holds is gone when its process is killed, and stays when
// the leash is released.
func TestLeash(t *testing.T) {
	if role := os.Getenv("LEASH_ROLE"); role != "" {
		held(t, role)
		return
	}
	for _, role := range []string{"dies", "releases"} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLeash$")
		cmd.Env = append(os.Environ(), "LEASH_ROLE="+role, "LEASH_DIR="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := await(t, filepath.Join(dir, "ready"))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if role == "releases" {
			err := exec.Command("ps", "-p", pid).Run()
			if _, ferr := os.Stat(filepath.Join(dir, "folder")); ferr != nil || err != nil {
				t.Errorf("what was released is gone: %v, process %v", ferr, err)
			}
			_ = exec.Command("kill", "-9", pid).Run()
			continue
		}
		for end := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
			_, ferr := os.Stat(filepath.Join(dir, "folder"))
			victim, err := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
			if (err != nil || strings.HasPrefix(string(victim), "Z")) && os.IsNotExist(ferr) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("process %s is in state %q, the folder: %v", pid, victim, ferr)
			}
		}
	}
}

// held is the process that is killed: it holds a sleeper and a folder.
func held(t *testing.T, role string) {
	dir := os.Getenv("LEASH_DIR")
	sleeper := exec.Command("sleep", "600")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	l, err := NewLeash(sleeper.Process.Pid, folder)
	if err != nil {
		t.Fatal(err)
	}
	if role == "releases" {
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "ready")
	err = os.WriteFile(name+".part", []byte(strconv.Itoa(sleeper.Process.Pid)), 0o644)
	if err == nil {
		err = os.Rename(name+".part", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(Patience) // until it is killed
}

// await waits for a file and gives what is in it.
func await(t *testing.T, name string) string {
	t.Helper()
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(name); err == nil {
			return string(b)
		}
	}
	t.Fatalf("%s does not come", name)
	return ""
}
