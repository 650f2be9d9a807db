package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// world is a server with a Kafka cluster, both in this process.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	server  *Server
	cfg     Config
	conn    *pgx.Conn
	notices []string
	kafka   *kgo.Client
}

func newWorld(t *testing.T, topics ...string) *world {
	t.Helper()
	opts := []kfake.Opt{kfake.NumBrokers(1)}
	if len(topics) > 0 {
		opts = append(opts, kfake.SeedTopics(2, topics...))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	t.Setenv("TARN_SECRET_KEY", "a key for the tests of secrets")
	w := &world{t: t, cluster: c, cfg: Config{Listen: "127.0.0.1:0", Data: t.TempDir(), MemoryBytes: 256 << 20, Kafka: strings.Join(c.ListenAddrs(), ",")}}
	w.start()
	if w.kafka, err = kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.AllowAutoTopicCreation()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kafka.Close)
	t.Cleanup(func() {
		if err := w.server.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.server, err = Start(w.cfg); err != nil {
		w.t.Fatal(err)
	}
	cfg, err := pgx.ParseConfig("postgres://postgres@" + w.server.Addr() + "/tarn?sslmode=disable")
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { w.notices = append(w.notices, n.Message) }
	if w.conn, err = pgx.ConnectConfig(w.ctx(), cfg); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.conn.Close(context.Background()) })
}

// restart stops the server and starts it over the same folder.
func (w *world) restart() {
	w.t.Helper()
	_ = w.conn.Close(w.ctx())
	if err := w.server.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	w.t.Cleanup(cancel)
	return ctx
}

// exec runs statements, each by itself.
func (w *world) exec(statements ...string) {
	w.t.Helper()
	for _, sql := range statements {
		if _, err := w.conn.Exec(w.ctx(), sql); err != nil {
			w.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// fails wants an error with a code.
func (w *world) fails(sql, code string) *pgconn.PgError {
	w.t.Helper()
	_, err := w.conn.Exec(w.ctx(), sql)
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code {
		w.t.Fatalf("%s: got %v, want %s", sql, err, code)
	}
	return e
}

// query gives the rows as text, columns divided by |.
func (w *world) query(sql string) []string {
	w.t.Helper()
	rows, err := w.conn.Query(w.ctx(), sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	var out []string
	for rows.Next() {
		var cells []string
		for _, raw := range rows.RawValues() {
			if raw == nil {
				cells = append(cells, "NULL")
			} else {
				cells = append(cells, string(raw))
			}
		}
		out = append(out, strings.Join(cells, "|"))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func (w *world) want(sql string, want ...string) {
	w.t.Helper()
	if got := w.query(sql); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Fatalf("%s:\n got %q\nwant %q", sql, got, want)
	}
}

// until asks again until the answer is as wanted.
func (w *world) until(sql string, want ...string) {
	w.t.Helper()
	var got []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = w.query(sql); fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
	}
	w.t.Fatalf("%s:\n got %q\nwant %q\nsources: %q\nsinks: %q", sql, got, want, w.query("SELECT name, state, error FROM sys.sources"),
		w.query("SELECT name, state, error, last_error FROM sys.sinks"))
}

// send writes records to a topic.
func (w *world) send(topic string, kvs ...string) {
	w.t.Helper()
	for i := 0; i < len(kvs); i += 2 {
		r := &kgo.Record{Topic: topic, Value: []byte(kvs[i+1])}
		if kvs[i] != "" {
			r.Key = []byte(kvs[i])
		}
		if kvs[i+1] == "" {
			r.Value = nil
		}
		if err := w.kafka.ProduceSync(w.ctx(), r).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// received reads n records of a topic, committed ones only.
func (w *world) received(topic string, n int) []string {
	w.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	var out []string
	ctx := w.ctx()
	for len(out) < n {
		fs := c.PollFetches(ctx)
		if ctx.Err() != nil {
			w.t.Fatalf("topic %s has %q, want %d records; sinks: %q", topic, out, n, w.query("SELECT name, state, error, last_error FROM sys.sinks"))
		}
		fs.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Key)+"="+string(r.Value)) })
	}
	return out
}

const ordersDDL = `CREATE SOURCE orders (id bigint, sku text, qty int, at timestamptz, WATERMARK FOR at AS at - INTERVAL '5 s')
  INCLUDE KEY AS k INCLUDE TIMESTAMP AS ts INCLUDE PARTITION INCLUDE OFFSET INCLUDE HEADERS
  WITH (connector = 'kafka', topic = 'orders', connection = k, scan.startup.mode = 'earliest')
  FORMAT PLAIN ENCODE JSON`

func order(id int, sku string, qty int) string {
	return fmt.Sprintf(`{"id": %d, "sku": "%s", "qty": %d, "at": "2026-01-01 00:00:%02d+00"}`, id, sku, qty, id%60)
}

// TestSourceToSink: a topic in, a view, a topic out, as the first statements that
// a user tries.
func TestSourceToSink(t *testing.T) {
	w := newWorld(t, "orders")
	w.send("orders", "a", order(1, "x", 5), "a", order(2, "y", 200), "b", order(3, "x", 7))
	w.exec(fmt.Sprintf("CREATE CONNECTION k TO KAFKA (BROKER '%s')", w.cfg.Kafka), ordersDDL,
		"CREATE MATERIALIZED VIEW by_sku AS SELECT sku, sum(qty) AS qty FROM orders GROUP BY sku",
		"CREATE SINK by_sku_out FROM by_sku WITH (connector = 'kafka', topic = 'by_sku', primary_key = 'sku', connection = k) FORMAT UPSERT ENCODE JSON")
	w.until("SELECT * FROM by_sku ORDER BY 1", "x|12", "y|200")
	w.want("SELECT id, k, headers FROM orders WHERE id = 3", `3|\x62|NULL`)
	got := w.received("by_sku", 2)
	for _, want := range []string{`{"sku":"x"}={"sku":"x","qty":12}`, `{"sku":"y"}={"sku":"y","qty":200}`} {
		if !strings.Contains(strings.ReplaceAll(strings.Join(got, "\n"), " ", ""), want) {
			t.Errorf("topic by_sku has %q, want %s", got, want)
		}
	}
	w.send("orders", "a", "not json", "a", order(4, "x", 1))
	w.until("SELECT * FROM by_sku ORDER BY 1", "x|13", "y|200")
	w.want("SELECT source, topic, value, attempts FROM sys.dead_letters", `orders|orders|\x6e6f74206a736f6e|1`)
	w.until("SELECT sum(next_offset), sum(lag) FROM sys.lag", "5|0")
	w.want("SELECT name, state, dead_letters_now FROM sys.sources", "orders|running|1")

	w.restart()
	w.send("orders", "a", order(5, "y", 1))
	w.until("SELECT * FROM by_sku ORDER BY 1", "x|13", "y|201")
	w.want("SELECT count(*) FROM sys.dead_letters", "1")
	w.fails("DROP SOURCE orders", "2BP01")
	w.fails("DROP CONNECTION k", "2BP01")
	w.fails("SELECT * FROM by_sku_out", "42809")
	w.exec("DROP SINK by_sku_out", "DROP SOURCE orders CASCADE", "DROP CONNECTION k")
	w.want("SELECT count(*) FROM sys.sources", "0")
}
