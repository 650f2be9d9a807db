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
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
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

// TestKsql: ksqlDB's statements mean the default cluster.
func TestKsql(t *testing.T) {
	w := newWorld(t, "orders")
	w.exec("CREATE STREAM orders2 (id BIGINT KEY, sku VARCHAR, qty INT) WITH (KAFKA_TOPIC = 'orders2', VALUE_FORMAT = 'JSON', PARTITIONS = 3)",
		"INSERT INTO orders2 VALUES (1, 'x', 5)")
	w.want("SELECT * FROM orders2", "1|x|5") // its own writes, without waiting
	w.exec("INSERT INTO orders2 (id, sku, qty, rowtime) VALUES (2, 'y', 500, '2026-01-01 00:00:00+00'), (3, NULL, 7, DEFAULT)")
	w.want("SELECT *, rowtime = '2026-01-01 00:00:00+00' FROM orders2 ORDER BY id", "1|x|5|f", "2|y|500|t", "3|NULL|7|f")
	w.want("SHOW TOPICS", "orders|2|1", "orders2|3|1")
	w.want("SHOW TOPICS LIKE '%2'", "orders2|3|1")
	w.exec("CREATE STREAM big AS SELECT * FROM orders2 WHERE qty > 100 PARTITION BY sku EMIT CHANGES")
	if got := w.received("big", 1); len(got) != 1 || strings.ReplaceAll(got[0], " ", "") != `y={"id":2,"qty":500}` {
		t.Errorf("topic big has %q", got)
	}
	w.until("SELECT id, sku, qty FROM big", "2|y|500")
	w.want("SELECT name, state FROM sys.sinks", "csas_big|running")
	w.exec("INSERT INTO orders2 VALUES (4, 'z', 600)")
	w.until("SELECT id, sku, qty FROM big ORDER BY id", "2|y|500", "4|z|600")
	w.want("PRINT 'big' FROM BEGINNING LIMIT 0")
	got := w.query("PRINT 'big' FROM BEGINNING LIMIT 2")
	if len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), `|y|{"id":2,"qty":500}`) {
		t.Errorf("PRINT gave %q", got)
	}
	w.fails("PRINT 'nowhere' LIMIT 1", "42704")
	w.exec("DROP STREAM big DELETE TOPIC")
	w.want("SELECT count(*) FROM sys.sinks", "0")
	w.want("SHOW TOPICS", "orders|2|1", "orders2|3|1")
	w.fails("CREATE STREAM agg AS SELECT sku, count(*) FROM orders2 GROUP BY sku EMIT CHANGES", "0A000")
	w.fails("BEGIN; INSERT INTO orders2 VALUES (9, 'x', 1)", "25001")
	w.exec("ROLLBACK")
	w.fails("BEGIN; CREATE STREAM o3 (id INT) WITH (KAFKA_TOPIC = 'orders', VALUE_FORMAT = 'JSON')", "25001")
	w.exec("ROLLBACK")
	w.fails("BEGIN; DROP STREAM orders2", "25001")
	w.exec("ROLLBACK")
	w.exec("CREATE TABLE users (id VARCHAR PRIMARY KEY, name VARCHAR) WITH (KAFKA_TOPIC = 'users', VALUE_FORMAT = 'JSON', PARTITIONS = 1)",
		"INSERT INTO users VALUES ('a', 'Anna'), ('b', 'Bert'), ('a', 'Anne')")
	w.want("SELECT * FROM users ORDER BY id", "a|Anne", "b|Bert")
	w.send("users", "b", "")
	w.until("SELECT * FROM users ORDER BY id", "a|Anne")
	w.fails("UPDATE users SET name = 'x'", "42809")
	w.fails("DELETE FROM users", "42809")
}

// TestColumnsFound: a statement without columns gets them from the records, says
// so, and prints itself with them.
func TestColumnsFound(t *testing.T) {
	w := newWorld(t, "orders", "empty")
	w.send("orders", "a", order(1, "x", 5), "a", order(2, "y", 200))
	w.exec("CREATE SOURCE found WITH (connector = 'kafka', topic = 'orders') FORMAT PLAIN ENCODE JSON")
	if len(w.notices) != 1 || !strings.HasPrefix(w.notices[0], `columns of "found" were inferred: `) {
		t.Errorf("notices %q", w.notices)
	}
	w.until("SELECT id, sku, qty FROM found ORDER BY id", "1|x|5", "2|y|200")
	w.fails("CREATE SOURCE none WITH (connector = 'kafka', topic = 'empty') FORMAT PLAIN ENCODE JSON", "55000")
	w.fails("CREATE SOURCE none (id int) WITH (connector = 'kafka', topic = 'nowhere') FORMAT PLAIN ENCODE JSON", "42704")
	w.fails("CREATE SOURCE none (id int) WITH (connector = 'kafka', topic = 'orders', properties.bootstrap.server = '127.0.0.1:1') FORMAT PLAIN ENCODE JSON", "08006")
}

// TestShowCreate: what SHOW CREATE prints makes the same object.
func TestShowCreate(t *testing.T) {
	w := newWorld(t, "orders", "raw")
	w.exec("CREATE SECRET pw AS 'hidden'",
		fmt.Sprintf("CREATE CONNECTION k TO KAFKA (BROKER '%s')", w.cfg.Kafka), ordersDDL,
		"CREATE SOURCE parts (v jsonb, h jsonb HEADERS, t bytea HEADER('trace'), CHECK (v IS NOT NULL)) WITH (connection = k, topic = 'raw', scan.startup.mode = 'latest', on_error = 'null', history = 'local', retention = '3 days') FORMAT PLAIN ENCODE JSON",
		"CREATE TABLE latest (id bigint PRIMARY KEY, name text) WITH (connection = k, topic = 'raw', schema.registry.username = 'u', schema.registry.password = SECRET pw) FORMAT UPSERT ENCODE JSON",
		"CREATE STREAM kv (a BIGINT KEY, b VARCHAR) WITH (KAFKA_TOPIC = 'raw', VALUE_FORMAT = 'DELIMITED', VALUE_DELIMITER = 'TAB')",
		"CREATE CONNECTION plain TO KAFKA (BROKER '127.0.0.1:1', SASL MECHANISM 'PLAIN', SASL USERNAME 'u', SASL PASSWORD 'hidden')",
		"CREATE TABLE copy (id bigint PRIMARY KEY, name text)",
		"CREATE SINK out AS SELECT id, sku FROM orders WHERE qty > 100 WITH (connection = k, topic = 'out', commit_interval = '1 s') FORMAT PLAIN ENCODE JSON",
		"CREATE SINK up FROM latest WITH (connection = k, topic = 'up') FORMAT UPSERT ENCODE JSON",
		"CREATE SINK inside INTO copy FROM latest")
	show := func(name string) string {
		return strings.SplitN(w.query("SHOW CREATE " + name)[0], "|", 2)[1]
	}
	names := []string{"out", "up", "inside", "kv", "latest", "parts", "orders", "CONNECTION k"}
	texts := map[string]string{}
	for _, n := range names {
		texts[n] = show(n)
		kind := strings.Fields(texts[n])[1]
		w.exec("DROP " + kind + " " + strings.TrimPrefix(n, "CONNECTION "))
	}
	for i := range names {
		n := names[len(names)-1-i]
		w.exec(texts[n])
		if got := show(n); got != texts[n] {
			t.Errorf("%s: printed\n%s\nmade it\n%s", n, texts[n], got)
		}
	}
	all := fmt.Sprint(texts, w.query("SHOW CREATE SECRET pw"), w.query("SHOW CREATE CONNECTION plain"), w.query("SELECT * FROM sys.secrets"), w.query("SELECT * FROM sys.sources"))
	if strings.Contains(all, "hidden") {
		t.Errorf("the secret is shown: %s", all)
	}
	if !strings.Contains(texts["latest"], "schema.registry.password = SECRET public.pw") {
		t.Errorf("the secret is not named: %s", texts["latest"])
	}
	w.want("DESCRIBE orders", "id|bigint|yes|", "sku|text|yes|", "qty|integer|yes|", "at|timestamp with time zone|no|rowtime",
		"k|bytea|yes|from key", "ts|timestamp with time zone|yes|from timestamp", "partition|integer|yes|from partition",
		"offset|bigint|yes|from offset", "headers|jsonb|yes|from headers")
}

// TestSecrets: without a key none can be made; with another key none can be used,
// and the server comes up all the same.
func TestSecrets(t *testing.T) {
	w := newWorld(t, "orders")
	w.exec("CREATE SECRET u AS 'user'", "CREATE SECRET pw AS 'hidden'",
		"CREATE SOURCE o (id bigint) WITH (topic = 'orders', schema.registry.username = SECRET u, schema.registry.password = SECRET pw) FORMAT PLAIN ENCODE JSON")
	w.fails("CREATE SECRET pw AS 'again'", "42710")
	w.fails("DROP SECRET pw", "2BP01")
	w.until("SELECT state FROM sys.sources", "running")
	t.Setenv("TARN_SECRET_KEY", "another key for the tests")
	w.restart()
	w.want("SELECT state, error FROM sys.sources", `error|secret "pw" cannot be opened with the server's key`)
	w.want("SELECT kind, name, code FROM sys.errors", "source|o|28000")
	t.Setenv("TARN_SECRET_KEY", "")
	w.restart()
	w.want("SELECT state, error FROM sys.sources", "error|the server has no key for secrets")
	w.fails("CREATE SECRET other AS 'x'", "55000")
	t.Setenv("TARN_SECRET_KEY", "a key for the tests of secrets")
	w.restart()
	w.until("SELECT state FROM sys.sources", "running")
}

// TestAlterSource: options, pauses that last, and dead letters that get another
// chance.
func TestAlterSource(t *testing.T) {
	w := newWorld(t, "orders")
	w.exec("CREATE SOURCE through (id bigint) WITH (topic = 'orders', scan.startup.mode = 'latest') FORMAT PLAIN ENCODE JSON")
	w.exec("ALTER SOURCE through SET (on_error = 'stop')", "DROP SOURCE through")
	w.exec("CREATE SOURCE o (id bigint, qty int, CHECK (qty > 0)) WITH (topic = 'orders', history = 'local') FORMAT PLAIN ENCODE JSON")
	w.send("orders", "a", `{"id": 1, "qty": 5}`, "a", `{"id": 2, "qty": 0}`, "a", `{"id": 3, "qty": "many"}`)
	w.until("SELECT id FROM o", "1")
	w.until("SELECT code FROM sys.dead_letters ORDER BY \"offset\"", "23514", "22P02")
	w.fails("ALTER SOURCE o SET (topic = 'x')", "0A000")
	w.fails("ALTER SOURCE o SET (on_gapp = 'stop')", "22023")
	w.fails("ALTER SOURCE nowhere SET (on_gap = 'stop')", "42P01")
	w.exec("ALTER SOURCE o SET (on_error = 'null', on_gap = 'continue')")
	w.exec("ALTER SOURCE o REDRIVE DEAD LETTERS WHERE at > now() - INTERVAL '1 hour' AND code = '22P02'")
	w.want("SELECT id, qty FROM o ORDER BY id", "1|5", "3|NULL")
	w.want("SELECT code, attempts FROM sys.dead_letters", "23514|1")
	w.exec("ALTER SOURCE o REDRIVE DEAD LETTERS")
	w.want("SELECT code, attempts FROM sys.dead_letters", "23514|2")
	w.fails("INSERT INTO sys.dead_letters (source_id) VALUES (1)", "42501")
	w.exec("CREATE MATERIALIZED VIEW per_code AS SELECT code, count(*) AS n FROM sys.dead_letters GROUP BY code")
	w.want("SELECT * FROM per_code", "23514|1")
	w.exec("DELETE FROM sys.dead_letters")
	w.want("SELECT * FROM per_code")

	w.exec("PAUSE o")
	w.send("orders", "a", `{"id": 4, "qty": 1}`)
	w.restart()
	w.want("SELECT state FROM sys.sources", "paused")
	w.exec("INSERT INTO o (id, qty) VALUES (5, 1)") // it is in the topic, and a warning says that it has not come back
	w.want("SELECT count(*) FROM o", "2")
	w.exec("RESUME o")
	w.until("SELECT id FROM o WHERE id > 3 ORDER BY id", "4", "5")
	w.fails("PAUSE per_code", "0A000")
}

// TestSinkInto: sinks into relations, and of queries that keep state.
func TestSinkInto(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE STREAM s (k text, v int)", "CREATE TABLE sums (k text PRIMARY KEY, total bigint)", "CREATE STREAM all_s (k text, v int)",
		"CREATE SINK sums_in INTO sums AS SELECT k, sum(v) FROM s GROUP BY k",
		"CREATE SINK copy_in INTO all_s FROM s",
		"CREATE SINK counts AS SELECT k, count(*) AS n FROM s GROUP BY k WITH (connector = 'kafka', topic = 'counts') FORMAT UPSERT ENCODE JSON",
		"INSERT INTO s VALUES ('a', 1), ('a', 2), ('b', 5)")
	w.until("SELECT * FROM sums ORDER BY k", "a|3", "b|5")
	w.until("SELECT * FROM all_s ORDER BY k, v", "a|1", "a|2", "b|5")
	if got := strings.ReplaceAll(fmt.Sprint(w.received("counts", 2)), " ", ""); !strings.Contains(got, `"n":2`) {
		t.Errorf("topic counts has %s", got)
	}
	w.restart()
	w.exec("INSERT INTO s VALUES ('a', 10)")
	w.until("SELECT * FROM sums ORDER BY k", "a|13", "b|5")
	w.until("SELECT count(*) FROM all_s", "4")
	w.fails("DROP STREAM s", "2BP01")
	w.fails("DROP TABLE sums", "2BP01")
	w.exec("DROP SINK sums_in", "DROP SINK copy_in", "DROP SINK counts", "DROP STREAM s", "DROP TABLE sums")
	w.want("SELECT count(*) FROM sys.views", "0")
}

// TestRegistry: columns from a schema registry, and records in its wire format.
func TestRegistry(t *testing.T) {
	w := newWorld(t)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	w.cfg.SchemaRegistry = registry.URL()
	w.restart()
	w.fails("CREATE STREAM o (id BIGINT KEY) WITH (KAFKA_TOPIC = 'avro', VALUE_FORMAT = 'AVRO', PARTITIONS = 1)", "42704")
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		t.Fatal(err)
	}
	schema := `{"type": "record", "name": "o", "fields": [{"name": "sku", "type": "string"}, {"name": "qty", "type": ["null", "int"], "default": null}]}`
	if _, err := client.CreateSchema(w.ctx(), "avro-value", sr.Schema{Schema: schema}); err != nil {
		t.Fatal(err)
	}
	w.exec("CREATE STREAM o (id BIGINT KEY) WITH (KAFKA_TOPIC = 'avro', VALUE_FORMAT = 'AVRO', PARTITIONS = 1)",
		"INSERT INTO o VALUES (1, 'x', 5), (2, 'y', NULL)")
	w.want("SELECT * FROM o ORDER BY id", "1|x|5", "2|y|NULL")
	w.exec("CREATE SINK avro_out FROM o WITH (connector = 'kafka', topic = 'avro_out', primary_key = 'id') FORMAT UPSERT ENCODE AVRO",
		"CREATE TABLE back (id bigint PRIMARY KEY, sku text, qty int) WITH (connector = 'kafka', topic = 'avro_out') FORMAT UPSERT ENCODE AVRO")
	w.until("SELECT * FROM back ORDER BY id", "1|x|5", "2|y|NULL")
}

// TestClusterAway: the server comes up and answers from what it has while the
// cluster is away; sources say so, and go on when it is back.
func TestClusterAway(t *testing.T) {
	w := newWorld(t, "orders")
	w.exec("CREATE SOURCE o (id bigint, sku text, qty int) WITH (topic = 'orders') FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW by_sku AS SELECT sku, sum(qty) AS qty FROM o GROUP BY sku")
	w.send("orders", "a", order(1, "x", 5))
	w.until("SELECT * FROM by_sku", "x|5")
	w.cluster.Close()
	w.restart()
	w.want("SELECT * FROM by_sku", "x|5")
	w.until("SELECT state FROM sys.sources", "retrying")
	w.want("SELECT kind, name FROM sys.errors", "source|o")
	w.fails("SELECT * FROM o", "08006")
	w.fails("CREATE SOURCE p (id bigint) WITH (topic = 'orders') FORMAT PLAIN ENCODE JSON", "08006")
	w.exec("DROP SOURCE o CASCADE")
}

// TestMySQL: tables as MySQL's text has them, and feeds whose schema changes.
func TestMySQL(t *testing.T) {
	w := newWorld(t, "canal")
	const text = "CREATE TABLE `t` (`id` bigint unsigned NOT NULL AUTO_INCREMENT, `v` varchar(20) NOT NULL DEFAULT '', `price` decimal(10,2), PRIMARY KEY (`id`)) ENGINE=InnoDB"
	like := "LIKE MYSQL '" + strings.ReplaceAll(text, "'", "''") + "'"
	w.exec("CREATE TABLE plain " + like)
	w.want("DESCRIBE plain", "id|numeric(20,0)|no|primary key", "v|character varying(20)|no|", "price|numeric(10,2)|yes|")
	if e := w.fails("CREATE TABLE other LIKE MYSQL 'CREATE TABLE x (g geometry)'", "0A000"); e.Position == 0 {
		t.Errorf("no position: %+v", e)
	}
	w.exec("CREATE TABLE fed " + like + " WITH (connector = 'kafka', topic = 'canal') FORMAT CANAL ENCODE JSON (source.table = 't')")
	canal := func(kind string, ddl bool, sql, data string) string {
		return fmt.Sprintf(`{"database":"d","table":"t","type":"%s","isDdl":%v,"sql":"%s","data":%s,"old":null,"es":1,"ts":1}`, kind, ddl, sql, data)
	}
	send := func(values ...string) { // in one partition, so that they come in this order
		for _, v := range values {
			w.send("canal", "same", v)
		}
	}
	row := func(id int, v string) string {
		return canal("INSERT", false, "", fmt.Sprintf(`[{"id":"%d","v":"%s","price":"1.50"}]`, id, v))
	}
	send(row(1, "a"), row(2, "b"))
	w.until("SELECT * FROM fed ORDER BY id", "1|a|1.50", "2|b|1.50")
	w.exec("CREATE MATERIALIZED VIEW copy AS SELECT * FROM fed", "CREATE VIEW all_of AS SELECT * FROM fed")
	extra := func(id int, v string, more int) string {
		return canal("INSERT", false, "", fmt.Sprintf(`[{"id":"%d","v":"%s","price":"1.50","Extra":"%d"}]`, id, v, more))
	}
	add := canal("ALTER", true, "ALTER TABLE t ADD COLUMN Extra int NOT NULL DEFAULT 0, MODIFY v varchar(40)", "null")
	send(add, extra(3, "c", 30), canal("QUERY", true, "ALTER TABLE t FLY TO THE MOON", "null"), add, extra(4, "d", 40))
	w.until("SELECT count(*) FROM fed", "4")
	w.want("SELECT id, v, extra FROM fed ORDER BY id", "1|a|NULL", "2|b|NULL", "3|c|30", "4|d|40")
	w.want("DESCRIBE fed", "id|numeric(20,0)|no|primary key", "v|character varying(40)|yes|", "price|numeric(10,2)|yes|", "extra|integer|yes|")
	w.want("SELECT kind, name, code FROM sys.errors", "schema change|fed|0A000")
	w.until("SELECT * FROM copy ORDER BY id", "1|a|1.50", "2|b|1.50", "3|c|1.50", "4|d|1.50")
	w.restart()
	w.want("SELECT kind, name, code FROM sys.errors", "schema change|fed|0A000")
	w.want("SELECT id, v, extra FROM fed ORDER BY id", "1|a|NULL", "2|b|NULL", "3|c|30", "4|d|40")
	w.want("SELECT * FROM copy ORDER BY id", "1|a|1.50", "2|b|1.50", "3|c|1.50", "4|d|1.50")
	send(canal("TRUNCATE", true, "TRUNCATE TABLE t", "null"), extra(4, "d", 41))
	w.until("SELECT id, extra FROM all_of JOIN fed USING (id)", "4|41")

	// A change that cannot be followed stops the source in front of it.
	send(canal("ALTER", true, "ALTER TABLE t MODIFY v int", "null"), extra(5, "e", 50))
	w.until("SELECT state FROM sys.sources", "stopped")
	w.want("SELECT id, v FROM fed ORDER BY id", "4|d")
	w.want("SELECT hint LIKE '%SET (schema_changes = ''ignore'')%' FROM sys.sources", "t")
	w.exec("ALTER SOURCE fed SET (schema_changes = 'ignore')")
	w.until("SELECT id, v FROM fed ORDER BY id", "4|d", "5|e")
	send(canal("ALTER", true, "ALTER TABLE t ADD COLUMN other int", "null"), extra(6, "f", 60))
	w.until("SELECT id, v FROM fed ORDER BY id", "4|d", "5|e", "6|f")
	w.fails("SELECT other FROM fed", "42703")

	// A rename is followed; what is told to stop does so even if it could.
	w.exec("DROP MATERIALIZED VIEW copy", "DROP VIEW all_of", "ALTER SOURCE fed SET (schema_changes = 'apply')")
	send(canal("ALTER", true, "ALTER TABLE t RENAME COLUMN v TO words", "null"),
		canal("INSERT", false, "", `[{"id":"7","words":"g","price":"1.50","Extra":"70"}]`))
	w.until("SELECT count(*) FROM fed", "4")
	w.until("SELECT id, words FROM fed ORDER BY id", "4|d", "5|e", "6|f", "7|g")
	w.exec("ALTER SOURCE fed SET (schema_changes = 'stop')")
	send(canal("ALTER", true, "ALTER TABLE t ADD COLUMN last int", "null"))
	w.until("SELECT state FROM sys.sources", "stopped")
	w.exec("ALTER SOURCE fed ADD COLUMN last int")
	w.until("SELECT state, lag FROM sys.sources", "running|0")
}

// TestPlainTables: a table in FORMAT PLAIN is put by its key, or, without one,
// takes every record.
func TestPlainTables(t *testing.T) {
	w := newWorld(t, "items")
	w.exec("CREATE TABLE keyed (id int PRIMARY KEY, v text) WITH (connector = 'kafka', topic = 'items') FORMAT PLAIN ENCODE JSON",
		"CREATE TABLE bag (id int, v text) WITH (connector = 'kafka', topic = 'items') FORMAT PLAIN ENCODE JSON",
		"CREATE STREAM IF NOT EXISTS bag (id int) WITH (KAFKA_TOPIC = 'items', VALUE_FORMAT = 'JSON')",
		"INSERT INTO keyed SELECT g % 2, 'v' || g FROM generate_series(1, 4) g")
	w.until("SELECT count(*) FROM bag", "4")
	w.want("SELECT count(*), count(DISTINCT id) FROM keyed", "2|2")
	w.send("items", "a", `{"id": null, "v": "x"}`)
	w.until("SELECT count(*) FROM bag", "5")
	w.until("SELECT source, code FROM sys.dead_letters", "keyed|23502")
	w.exec(fmt.Sprintf("CREATE CONNECTION k TO KAFKA (BROKER '%s')", w.cfg.Kafka))
	w.want("SHOW TOPICS FROM k", "items|2|1")
	w.want("SHOW CONNECTIONS", "public|k|kafka|"+w.cfg.Kafka)
	w.want("SHOW SOURCES LIKE 'b%'", "public|bag|items|running|0|0|NULL")
	w.fails("TRUNCATE bag", "42809")
	w.fails("COPY sys.dead_letters FROM STDIN", "42501")
	w.exec("CREATE SCHEMA s", "CREATE CONNECTION s.k TO KAFKA (BROKER 'x:1')", "CREATE SECRET s.pw AS 'x'", "DROP SCHEMA s CASCADE")
	w.fails("DROP CONNECTION s.k", "42704")
	w.exec("BEGIN", "CREATE TABLE mine (a int)")
	w.fails("CREATE SINK x FROM bag WITH (connector = 'kafka', topic = 'x', primary_key = 'id') FORMAT UPSERT ENCODE JSON", "25001")
	w.exec("ROLLBACK")
}

// TestHoldsOfDroppedSinks: what a sink held is free when it is gone, also if the
// server could not give it free itself.
func TestHoldsOfDroppedSinks(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE STREAM s (k text, v int)", "CREATE TABLE sums (k text PRIMARY KEY, total bigint)",
		"CREATE SINK sums_in INTO sums AS SELECT k, sum(v) FROM s GROUP BY k", "INSERT INTO s VALUES ('a', 1)")
	w.until("SELECT * FROM sums", "a|1")
	held := w.server.engine.Holds()
	if len(held) == 0 {
		t.Fatal("a running sink holds nothing")
	}
	w.exec("DROP SINK sums_in")
	if left := w.server.engine.Holds(); len(left) > 0 {
		t.Fatalf("held: %v", left)
	}
	stream := w.server.host.Snapshot().In("public", "s").ID
	if err := w.server.engine.Hold(fmt.Sprintf("sink 99999 %d", stream), stream, w.server.engine.Applied()); err != nil {
		t.Fatal(err)
	}
	if err := w.server.engine.Hold("another's", stream, w.server.engine.Applied()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if left := w.server.engine.Holds(); len(left) != 1 || left[0].Name != "another's" {
		t.Fatalf("held: %v", left)
	}
}
