package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// JSON records of some 250 bytes and 7 fields, in a topic of two partitions, keyed
// by account: read, and filtered into a topic; counted by account; counted, with the
// changes in a topic. CPU-seconds are those of the process, the broker apart, from
// the first statement to the last answer; both sides are exactly once.

// paymentsTopic is the input; its name has the number of records, so that a broker
// that is kept is filled once.
func paymentsTopic(records int64) string { return fmt.Sprintf("payments-%d", records) }

// keepAmount is what the filter keeps: one record in ten.
const keepAmount = 90_000

// payment is record i; what is kept of it is its account, and its amount in cents.
func payment(dst []byte, i, account, amount int64) []byte {
	return fmt.Appendf(dst, `{"id":%d,"account":"a%07d","amount":%d,"currency":"EUR","country":"NL","at":"2026-03-01T%02d:%02d:%02d.%03dZ","note":"%s"}`,
		i, account, amount, i/3600%24, i/60%60, i%60, i%1000, paymentNote)
}

var paymentNote = strings.Repeat("0123456789", 11)

// cluster is the brokers of a run.
type cluster struct {
	brokers string
	accounts,
	records int64
	kept, sum int64 // of records with keepAmount; of all amounts
	fake      *kfake.Cluster
}

func (c *cluster) close() {
	if c.fake != nil {
		c.fake.Close()
	}
}

// startCluster finds the brokers (TARN_KAFKA, or in the process for a tiny run) and
// fills the input topic.
func (r *run) startCluster(ctx context.Context) (*cluster, error) {
	c := &cluster{brokers: os.Getenv("TARN_KAFKA"), accounts: pick[int64](r, 100, 100_000, 1_000_000), records: r.size(2000, 400_000, 4_000_000)}
	if c.brokers == "" {
		if r.scale != tiny {
			return nil, fmt.Errorf("set TARN_KAFKA to the address of a broker")
		}
		fake, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			return nil, err
		}
		c.fake, c.brokers = fake, strings.Join(fake.ListenAddrs(), ",")
	}
	return c, c.fill(ctx)
}

func (c *cluster) fill(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.brokers, ",")...), kgo.ProducerLinger(20*time.Millisecond),
		kgo.ProducerBatchMaxBytes(1<<20-1024), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		return err
	}
	defer client.Close()
	topic := paymentsTopic(c.records)
	res, err := kadm.NewClient(client).CreateTopics(ctx, 2, 1, nil, topic)
	if err != nil {
		return err
	}
	fresh := res[topic].Err == nil
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range c.records {
		account, amount := rng.Int64N(c.accounts), rng.Int64N(100_000)
		c.sum += amount
		if amount >= keepAmount {
			c.kept++
		}
		if !fresh {
			continue
		}
		client.Produce(ctx, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "a%07d", account), Value: payment(nil, i, account, amount)}, func(_ *kgo.Record, e error) {
			if e != nil && err == nil {
				err = e
			}
		})
	}
	if ferr := client.Flush(ctx); err == nil {
		err = ferr
	}
	return err
}

// committed counts the records of a topic that a read_committed reader sees.
func (c *cluster) committed(ctx context.Context, topic string) (n int64, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.brokers, ",")...), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	at := map[int32]int64{}
	for {
		left := false
		ends.Each(func(o kadm.ListedOffset) { left = left || at[o.Partition] < o.Offset-1 })
		if !left {
			return n, nil
		}
		wait, cancel := context.WithTimeout(ctx, 2*time.Second)
		fs := client.PollFetches(wait)
		cancel()
		if fs.NumRecords() == 0 {
			return n, nil // what is left are markers
		}
		fs.EachRecord(func(r *kgo.Record) { n++; at[r.Partition] = r.Offset + 1 })
	}
}

// kafkaWays are the three rows of the table.
var kafkaWays = []struct {
	mode, what string
	floor      float64
}{
	{"filter", "filter to a topic, records per CPU-s", 5},
	{"group", "GROUP BY account, records per CPU-s", 5},
	{"upsert", "the same with an upsert sink", 3},
}

func benchKafka(ctx context.Context, r *run) error {
	c, err := r.startCluster(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	java, err := r.streams(ctx)
	if err != nil {
		r.missing("Kafka Streams (Java 17, Maven)")
	}
	for _, w := range kafkaWays {
		var mine, theirs series
		for i := range r.pairs {
			out := fmt.Sprintf("out-%s-%d-%d", w.mode, i, time.Now().UnixNano())
			x, err := r.kafkaTarn(ctx, c, w.mode, out)
			if err != nil {
				return fmt.Errorf("%s: %w", w.mode, err)
			}
			mine.add(x)
			if java == nil || r.scale == tiny {
				continue
			}
			y, err := r.kafkaStreams(ctx, c, java, w.mode, out+"-peer")
			if err != nil {
				return fmt.Errorf("%s: %w", w.mode, err)
			}
			theirs.add(y)
		}
		if len(theirs) == 0 {
			r.alone(w.what, mine, "", "", true)
			continue
		}
		r.beside(w.what, mine, "", "Kafka Streams", theirs, w.floor)
	}
	return nil
}

// kafkaTarn runs one way in a fresh server and gives records per CPU-second.
func (r *run) kafkaTarn(ctx context.Context, c *cluster, mode, out string) (float64, error) {
	t, err := r.startTarn(ctx, "", "--kafka", c.brokers)
	if err != nil {
		return 0, err
	}
	defer func() { t.stop() }()
	q, err := t.connect(ctx)
	if err != nil {
		return 0, err
	}
	source := "CREATE SOURCE payment (id bigint, account text, amount bigint, currency text, country text, at timestamptz, note text) " +
		"WITH (connector = 'kafka', topic = '" + paymentsTopic(c.records) + "', scan.startup.mode = 'earliest', rate_limit = 1) FORMAT PLAIN ENCODE JSON"
	view := "CREATE MATERIALIZED VIEW totals AS SELECT account, count(*) AS n, sum(amount) AS total FROM payment GROUP BY account"
	var statements []string
	switch mode {
	case "filter":
		statements = []string{source, "CREATE SINK kept AS SELECT * FROM payment WHERE amount >= " + fmt.Sprint(keepAmount) +
			" WITH (connector = 'kafka', topic = '" + out + "') FORMAT PLAIN ENCODE JSON"}
	case "group":
		statements = []string{source, view}
	case "upsert":
		statements = []string{source, view, "CREATE SINK changes FROM totals WITH (connector = 'kafka', topic = '" + out +
			"', primary_key = 'account') FORMAT UPSERT ENCODE JSON"}
	}
	// Who comes later would read once more what was there before: all wait for the start.
	statements = append(statements, "ALTER SOURCE payment RESET (rate_limit)")
	spent, err := t.during(func() error {
		if err := q.exec(ctx, statements...); err != nil {
			return err
		}
		return c.finished(ctx, q, mode)
	})
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, t.tail())
	}
	q.close()
	rss, _ := t.status("VmHWM")
	if err := c.checked(ctx, r, &t, mode, out); err != nil {
		return 0, err
	}
	r.note("%s: tarn %.2f CPU-s, %.1f s, peak RSS %d MB", mode, spent.cpu, spent.wall, rss>>20)
	return float64(c.records) / spent.cpu, nil
}

// finished waits until all records are read and, where there is a sink, written: of
// a filter it is known how many rows that are; of changes, nothing has been behind
// for a second.
func (c *cluster) finished(ctx context.Context, q *client, mode string) error {
	calm := 0
	for {
		done, err := q.row(ctx, "SELECT coalesce(sum(records), 0)::text FROM sys.sources")
		if err != nil {
			return err
		}
		read := done == fmt.Sprint(c.records)
		switch {
		case read && mode == "group":
			return q.expect(ctx, "SELECT sum(n)::text, sum(total)::text FROM totals", fmt.Sprintf("%d|%d", c.records, c.sum))
		case read:
			var rows int64
			var behind bool
			text, err := q.row(ctx, "SELECT rows, lag_epochs + lag_rows > 0 FROM sys.sinks")
			if err != nil {
				return err
			}
			if _, err := fmt.Sscanf(strings.NewReplacer("|t", " true", "|f", " false").Replace(text), "%d %t", &rows, &behind); err != nil {
				return err
			}
			if calm++; behind || rows == 0 || mode == "filter" && rows < c.kept {
				calm = 0
			}
			if calm > 50 || mode == "filter" && calm > 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checked asks again after kill -9, and reads the sink's topic.
func (c *cluster) checked(ctx context.Context, r *run, t **tarn, mode, out string) error {
	next, err := r.restart(ctx, *t)
	if err != nil {
		return err
	}
	*t = next
	q, err := next.connect(ctx)
	if err != nil {
		return err
	}
	defer q.close()
	switch mode {
	case "filter":
		n, err := c.committed(ctx, out)
		if err == nil && n != c.kept {
			err = fmt.Errorf("%w: the topic has %d records, expected %d", errWrong, n, c.kept)
		}
		return err
	case "upsert":
		if n, err := c.committed(ctx, out); err != nil || n == 0 {
			return fmt.Errorf("%w: the topic has %d records (%v)", errWrong, n, err)
		}
	}
	for {
		err := q.expect(ctx, "SELECT sum(n)::text, sum(total)::text FROM totals", fmt.Sprintf("%d|%d", c.records, c.sum))
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55000" { // the view goes through what the checkpoint has not
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

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
	root, err := output(exec.Command("go", "list", "-m", "-f", "{{.Dir}}"))
	if err != nil {
		return nil, err
	}
	src := filepath.Join(strings.TrimSpace(root), "tests", "bench", "streams")
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
func (r *run) kafkaStreams(ctx context.Context, c *cluster, java []string, mode, out string) (float64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(c.brokers, ",")...))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopics(ctx, 2, 1, nil, out); err != nil {
		return 0, err
	}
	args := append(java[1:len(java):len(java)], c.brokers, mode, paymentsTopic(c.records), out, fmt.Sprint(c.records))
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
