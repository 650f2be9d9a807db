package kafkatest

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

//go:embed broker.pom.xml
var brokerPOM []byte

//go:embed registry.pom.xml
var registryPOM []byte

//go:embed log4j2.xml
var log4jXML []byte

// software is something brought once per machine: a folder of its own, named after
// the versions that its project asks for, in the user's cache.
type software struct {
	name string
	pom  []byte
	// bring fills dir/part, from where it moves to dir/files.
	bring func(dir string) error
	// train starts the program and ends it in an orderly way, with the given options
	// for the JVM: it then leaves an archive of the classes it has loaded, with which
	// the next starts take half the time.
	train func(dir string, options ...string) error
}

// leaveOut is the variable that leaves out what needs a real Kafka; else a test that
// cannot have one fails.
const leaveOut = "TARN_NO_KAFKA"

// All reports whether everything is to be tested that a real Kafka is needed for
// (make kafka), and not only what takes two minutes.
func All() bool { return os.Getenv("TARN_KAFKA") != "" || os.Getenv("TARN_FULL") != "" }

// OnlyInAll leaves the test to All.
func OnlyInAll(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skip("make kafka runs it")
	}
}

// brought is fetch for a test.
func (p software) brought(t testing.TB) string {
	t.Helper()
	if os.Getenv(leaveOut) != "" {
		t.Skip(leaveOut + " is set")
	}
	dir, err := p.fetch()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// fetch brings the program unless it is there, and returns its folder.
func (p software) fetch() (string, error) {
	dir, err := p.bringOnce()
	if err != nil {
		return "", fmt.Errorf("no real %s: %w; it needs Java 17 or newer and Maven, which tests/setup.sh installs, and Maven Central for the first time; %s=1 leaves out what needs it", p.name, err, leaveOut)
	}
	return dir, nil
}

func (p software) bringOnce() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "tarn-tests", fmt.Sprintf("%s-%08x", p.name, crc32.ChecksumIEEE(p.pom)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "files")); err != nil {
		if err := p.make(dir); err != nil {
			return "", err
		}
	}
	archive, err := classArchive(dir) // asks for Java
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(archive); err != nil {
		if err := p.train(dir, "-XX:ArchiveClassesAtExit="+archive+".part"); err != nil {
			return "", fmt.Errorf("the first start of %s: %w", p.name, err)
		}
		if err := os.Rename(archive+".part", archive); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func (p software) make(dir string) error {
	part := filepath.Join(dir, "part")
	if _, err := exec.LookPath("mvn"); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755), os.WriteFile(filepath.Join(dir, "pom.xml"), p.pom, 0o644),
		os.WriteFile(filepath.Join(dir, "log4j2.xml"), log4jXML, 0o644)); err != nil {
		return err
	}
	if err := p.bring(dir); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(dir, "files"))
}

// maven runs goal on the project in dir.
func maven(dir, goal string, args ...string) error {
	out, err := exec.Command("mvn", append([]string{"-q", "-B", "-f", filepath.Join(dir, "pom.xml"), goal}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mvn %s in %s: %w\n%s", goal, dir, err, lastLines(out, 5))
	}
	return nil
}

// classArchive is the file for the Java that is installed: one of another build
// would be of no use.
func classArchive(dir string) (string, error) {
	out, err := exec.Command("java", "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("java -version: %w: %s", err, out)
	}
	return filepath.Join(dir, fmt.Sprintf("classes-%08x.jsa", crc32.ChecksumIEEE(out))), nil
}

// jvm is the options that every JVM gets.
func jvm(dir, heap string, options ...string) []string {
	out := []string{"-Xmx" + heap, "-Djava.awt.headless=true", "-Xlog:disable", "-Xlog:all=error:stderr"}
	if len(options) > 0 {
		return append(out, options...)
	}
	if archive, err := classArchive(dir); err == nil {
		out = append(out, "-XX:SharedArchiveFile="+archive)
	}
	return out
}

func lastLines(out []byte, n int) string {
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
