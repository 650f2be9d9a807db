// Command bench measures Tarn, mostly beside PostgreSQL 15 on the same machine
// and in the same run. Each benchmark checks its answers before it reports a
// speed; docs/PERFORMANCE.md holds the figures.
//
//	go run ./tests/bench -name copy            full size
//	go run ./tests/bench -name copy -scale small
//
// A figure is the median of alternating pairs (Tarn, peer, Tarn, peer …), with
// least and greatest in brackets. CPU-seconds are those of the server's
// processes alone; the client shares the cores.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// scale is how large a run is.
type scale int

const (
	tiny  scale = iota // the unit test: does it still run?
	small              // seconds
	full               // what docs/PERFORMANCE.md quotes
)

// benchmark is one row of the table.
type benchmark struct {
	name, what string
	run        func(ctx context.Context, r *run) error
}

// benchmarks is the table.
var benchmarks = []benchmark{
	{"copy", "COPY into a stream with one GROUP BY view", benchCopy},
	{"copy-bare", "COPY into a stream without a view", benchCopyBare},
	{"lookup", "look-up by key in a view, prepared, TCP", benchLookup},
	{"lookup-under-load", "the same while 100 k rows/s change the view", benchLookupUnderLoad},
	{"insert", "single-row INSERT, acknowledged after fsync", benchInsert},
	{"recovery", "kill -9 under load → first right answer", benchRecovery},
	{"push", "INSERT → row at a subscriber", benchPush},
	{"asof", "AS OF SYSTEM TIME look-up beside the latest", benchAsOf},
	{"plan", "bound SQL plans, batches in memory", benchPlan},
	{"memory", "RSS per key, GC's share of CPU", benchMemory},
	{"kafka", "JSON records of 250 B from a topic: filter, GROUP BY 1 M keys, upsert sink", benchKafka},
	{"kafka-latency", "produce → view → subscriber, produce → sink's topic, 1 k records/s", benchKafkaLatency},
	{"kafka-formats", "GROUP BY over JSON, Avro and Protobuf", benchKafkaFormats},
	{"kafka-memory", "RSS while 50 M records pass", benchKafkaMemory},
	{"start", "cold start, idle CPU, empty RSS, binary", benchStart},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	name := fs.String("name", "", "benchmark, or a list with commas: "+names()+", all")
	size := fs.String("scale", "full", "tiny, small or full")
	pairs := fs.Int("pairs", 0, "alternating pairs; 0 = 5 (full), 1 (small)")
	rows := fs.Int64("rows", 0, "rows or keys, where a benchmark has such a size; 0 = the scale's")
	binary := fs.String("bin", "", "tarn binary; empty = build one")
	peers := fs.Bool("peers", true, "measure the peers of copy and kafka, too")
	dir := fs.String("dir", "", "where scratch folders are made; empty = the system's")
	part := fs.String("part", "", "of kafka, only this: filter, group or upsert; empty = all")
	if err := fs.Parse(args); err != nil {
		return err
	}
	r := &run{out: out, pairs: *pairs, rows: *rows, binary: *binary, peerless: !*peers, part: *part}
	switch *size {
	case "tiny":
		r.scale = tiny
	case "small":
		r.scale = small
	case "full":
		r.scale = full
	default:
		return fmt.Errorf("no scale called %q", *size)
	}
	if r.pairs == 0 {
		r.pairs = 1
		if r.scale == full {
			r.pairs = 5
		}
	}
	chosen, err := choose(*name)
	if err != nil {
		return err
	}
	if r.scratch, err = os.MkdirTemp(*dir, "tarn-bench"); err != nil {
		return err
	}
	defer os.RemoveAll(r.scratch)
	if err := os.Chmod(r.scratch, 0o755); err != nil { // PostgreSQL runs as another user
		return err
	}
	for _, b := range chosen {
		fmt.Fprintf(out, "# %s: %s\n", b.name, b.what)
		if err := b.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

func names() string {
	var out []string
	for _, b := range benchmarks {
		out = append(out, b.name)
	}
	return strings.Join(out, ", ")
}

func choose(list string) ([]benchmark, error) {
	if list == "all" {
		return benchmarks, nil
	}
	var out []benchmark
	for _, name := range strings.Split(list, ",") {
		for _, b := range benchmarks {
			if b.name == name {
				out = append(out, b)
			}
		}
	}
	if len(out) != strings.Count(list, ",")+1 {
		return nil, errors.New("name one of: " + names() + ", all")
	}
	return out, nil
}
