package journal

import (
	"flag"
	"testing"
)

// The benchmarks run once, so that they do not rot.
func TestBenchmarks(t *testing.T) {
	old := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("test.benchtime", old) }()
	for _, b := range []func(*testing.B){BenchmarkAppend} {
		if r := testing.Benchmark(b); r.N == 0 {
			t.Fatal("a benchmark failed")
		}
	}
}
