package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/tests/program"
)

// killable runs a server with a Kafka cluster that the test may kill.
func killable(t *testing.T, dir, brokers string) (*program.Server, *pgx.Conn) {
	t.Helper()
	s := launch(t, dir, "--kafka", brokers, "--checkpoint-every", "300ms")
	return s, connect(t, addressOf(t, s))
}

// until asks again until the answer is as wanted.
func until(t *testing.T, conn *pgx.Conn, sql, want string) {
	t.Helper()
	var got string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var answer *string
		if err := conn.QueryRow(context.Background(), sql).Scan(&answer); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if answer != nil {
			if got = *answer; got == want {
				return
			}
		}
	}
	t.Fatalf("%s: got %s, want %s", sql, got, want)
}

// TestKafkaKills: each record counts once, in the view and in the topic that the
// sink writes, however often the server is killed while they come.
func TestKafkaKills(t *testing.T) {
	if os.Getenv(postgresEnv) != "" {
		t.Skip("PostgreSQL reads no topics")
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "numbers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	brokers := strings.Join(cluster.ListenAddrs(), ",")
	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	dir := t.TempDir()
	srv, conn := killable(t, dir, brokers)
	for _, sql := range []string{
		"CREATE SOURCE numbers (n bigint, g int) WITH (connector = 'kafka', topic = 'numbers') FORMAT PLAIN ENCODE JSON",
		"CREATE SOURCE kept (n bigint, g int) WITH (connector = 'kafka', topic = 'numbers', history = 'local') FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW totals AS SELECT g, count(*) AS c, sum(n) AS s FROM numbers GROUP BY g",
		"CREATE SINK odd AS SELECT n FROM numbers WHERE n % 2 = 1 WITH (connector = 'kafka', topic = 'odd', partitions = 1) FORMAT PLAIN ENCODE JSON",
	} {
		mustExec(t, conn, sql)
	}
	const records, kills = 6000, 4
	total := 0
	for n := range records {
		r := &kgo.Record{Topic: "numbers", Value: fmt.Appendf(nil, `{"n": %d, "g": %d}`, n, n%7)}
		if n%100 == 99 {
			r.Value = []byte("bad")
		} else {
			total += n
		}
		producer.Produce(context.Background(), r, nil)
		if n > 0 && n%(records/(kills+1)) == 0 {
			if err := producer.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
			// In the middle of what has come.
			until(t, conn, fmt.Sprintf("SELECT (sum(c) > %d)::text FROM totals", n*9/10), "true")
			srv.Kill()
			srv, conn = killable(t, dir, brokers)
		}
	}
	if err := producer.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	good := records - records/100
	want := fmt.Sprint(good, " ", total)
	until(t, conn, "SELECT sum(c) || ' ' || sum(s) FROM totals", want)
	until(t, conn, "SELECT count(*) || ' ' || sum(n) FROM numbers", want)
	until(t, conn, "SELECT count(*) || ' ' || sum(n) FROM kept", want)
	until(t, conn, "SELECT count(*)::text FROM sys.dead_letters WHERE source = 'numbers'", fmt.Sprint(records/100))
	seen := map[string]int{}
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumeTopics("odd"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	// Of the numbers ending in 99 the odd ones were bad: all of them.
	wantOdd := records/2 - records/100
	for got, ctx := 0, testContext(t); got < wantOdd; {
		fs := reader.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("the sink's topic has %d records, want %d", got, wantOdd)
		}
		fs.EachRecord(func(r *kgo.Record) { got++; seen[string(r.Value)]++ })
	}
	for v, n := range seen {
		if n != 1 {
			t.Errorf("%s came %d times", v, n)
		}
	}
	if len(seen) != wantOdd {
		t.Errorf("the sink's topic has %d different records, want %d", len(seen), wantOdd)
	}
	// The cluster goes, and the server with it: it comes up all the same, and answers
	// from what it keeps itself.
	srv.Kill()
	cluster.Close()
	_, conn = killable(t, dir, brokers)
	until(t, conn, "SELECT count(*) || ' ' || sum(n) FROM kept", want)
	_, err = conn.Exec(testContext(t), "SELECT * FROM numbers")
	wantCode(t, err, "08006")
}
