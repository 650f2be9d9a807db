package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// The cheap benchmarks run tiny, against a binary built once, so that they do not
// rot. Their figures mean nothing here; their answers must be right.
func TestBenchmarksRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	r := &run{out: io.Discard, scratch: t.TempDir(), binary: filepath.Join(t.TempDir(), "tarn")}
	// Without -trimpath: the packages are then those that other tests have built.
	build := exec.Command("go", "build", "-o", r.binary, "github.com/tarndb/tarn")
	if _, err := output(build); err != nil {
		t.Fatal(err)
	}
	names := []string{"start", "plan", "push", "asof", "memory", "recovery", "kafka", "kafka-latency", "kafka-formats", "kafka-memory"}
	if postgresBin() != "" {
		names = append(names, "lookup")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			args := []string{"-name", name, "-scale", "tiny", "-bin", r.binary}
			if err := command(context.Background(), args, testWriter{t}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", b)
	return len(b), nil
}

func TestSeries(t *testing.T) {
	for _, c := range []struct {
		in     series
		median float64
		text   string
	}{
		{nil, 0, "0"},
		{series{3}, 3, "3"},
		{series{5, 1, 3}, 3, "3 [1 … 5]"},
		{series{4e6, 1e6, 2e6, 3e6}, 2.5e6, "2.5 M [1 M … 4 M]"},
		{series{20_500, 120_000}, 70_250, "70.2 k [20.5 k … 120 k]"},
	} {
		if got := c.in.median(); got != c.median {
			t.Errorf("median of %v is %v, expected %v", []float64(c.in), got, c.median)
		}
		if got := c.in.String(); got != c.text {
			t.Errorf("%v prints as %q, expected %q", []float64(c.in), got, c.text)
		}
	}
}

func TestUsageSeesChildren(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	u := usage{os.Getpid()}
	if _, err := u.cpu(); err != nil {
		t.Error(err)
	}
	if n, err := u.status("VmRSS"); err != nil || n < 1<<20 {
		t.Errorf("VmRSS is %d, %v", n, err)
	}
}

func TestGCShare(t *testing.T) {
	file := filepath.Join(t.TempDir(), "err")
	text := "gc 1 @0.004s 2%: 0.01+0.2 ms clock\nlevel=INFO\ngc 2 @1.5s 11%: 0.01+0.2 ms clock\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := gcShare(file); err != nil || got != 11 {
		t.Errorf("share %v, %v", got, err)
	}
}

func TestChoose(t *testing.T) {
	if got, err := choose("copy,start"); err != nil || len(got) != 2 || got[1].name != "start" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := choose("copy,nothing"); err == nil {
		t.Error("an unknown name was accepted")
	}
	if !slices.ContainsFunc(benchmarks, func(b benchmark) bool { return b.name == "plan" }) {
		t.Error("plan is missing")
	}
}
