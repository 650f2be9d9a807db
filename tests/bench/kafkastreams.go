package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/tests/program"
)

// streams brings and compiles the peer, and returns its command.
func (r *run) streams(ctx context.Context) ([]string, error) {
	if r.scale == tiny {
		return nil, nil
	}
	for _, tool := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, err
		}
	}
	root, err := program.Root()
	if err != nil {
		return nil, err
	}
	src := filepath.Join(root, "tests", "bench", "streams")
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	libs := filepath.Join(cache, "tarn-tests", "streams")
	if _, err := os.Stat(filepath.Join(libs, "ready")); err != nil {
		r.note("bringing Kafka Streams (some 90 MB, once)")
		if _, err := output(exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", filepath.Join(src, "pom.xml"), "dependency:copy-dependencies",
			"-DincludeScope=runtime", "-DoutputDirectory="+libs)); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(libs, "ready"), nil, 0o644); err != nil {
			return nil, err
		}
	}
	classes, err := r.folder("classes")
	if err != nil {
		return nil, err
	}
	if _, err := output(exec.CommandContext(ctx, "javac", "-nowarn", "-d", classes, "-cp", libs+"/*",
		filepath.Join(src, "src", "main", "java", "Payments.java"))); err != nil {
		return nil, err
	}
	return []string{"java", "-Xmx2g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", classes + ":" + libs + "/*", "Payments"}, nil
}

// kafkaStreams runs the peer and gives records per CPU-second.
func (r *run) kafkaStreams(ctx context.Context, c *payments, java []string, mode, out string) (float64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.brokers, ",")...))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopics(ctx, 2, 1, nil, out); err != nil {
		return 0, err
	}
	args := append(java[1:len(java):len(java)], c.brokers, mode, paymentsTopic("json", c.records), out, fmt.Sprint(c.records))
	text, err := output(exec.CommandContext(ctx, java[0], args...))
	if err != nil {
		return 0, err
	}
	var records, count, sum int64
	var cpu, wall float64
	at := strings.LastIndex(text, "records=")
	if at < 0 {
		return 0, fmt.Errorf("kafka streams: %s", text)
	}
	if _, err := fmt.Sscanf(text[at:], "records=%d cpu=%f wall=%f count=%d sum=%d", &records, &cpu, &wall, &count, &sum); err != nil {
		return 0, fmt.Errorf("kafka streams: %s", text)
	}
	if mode != "filter" && (count != c.records || sum != c.sum) {
		return 0, fmt.Errorf("%w: kafka streams has %d records of %d", errWrong, count, sum)
	}
	r.note("%s: kafka streams %.2f CPU-s, %.1f s", mode, cpu, wall)
	return float64(records) / cpu, nil
}
