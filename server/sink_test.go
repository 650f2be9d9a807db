package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// consume reads n committed records of a topic.
func (w *world) consume(topic string, n int) []*kgo.Record {
	w.t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	var out []*kgo.Record
	for ctx := w.ctx(); len(out) < n; {
		out = append(out, c.PollFetches(ctx).Records()...)
		if ctx.Err() != nil {
			w.t.Fatalf("topic %s has %d records, want %d; sinks: %q", topic, len(out), n, w.query("SELECT name, state, error, last_error FROM sys.sinks"))
		}
	}
	return out
}

// headers spells the headers of a record, without the epoch's.
func headers(r *kgo.Record) string {
	var out []string
	for _, h := range r.Headers {
		if h.Key != "tarn.epoch" {
			out = append(out, h.Key+"="+string(h.Value))
		}
	}
	return strings.Join(out, " ")
}

// TestTraceContext: what a stateless query writes has the trace headers of the
// record that it is made of, whether the source names them or not; others have
// none.
func TestTraceContext(t *testing.T) {
	for _, include := range []string{"", `INCLUDE HEADER 'traceparent' AS trace INCLUDE HEADER 'tracestate' bytea AS state`} {
		t.Run(include, func(t *testing.T) { testTraceContext(t, include) })
	}
}

func testTraceContext(t *testing.T, include string) {
	w := newWorld(t, "in")
	w.exec(`CREATE SOURCE s (id int, v text) `+include+`
		WITH (connector = 'kafka', topic = 'in') FORMAT PLAIN ENCODE JSON`,
		`CREATE SINK a FROM s WITH (connector = 'kafka', topic = 'all') FORMAT PLAIN ENCODE JSON`,
		`CREATE SINK b AS SELECT upper(v) AS u FROM s WHERE id > 1 WITH (connector = 'kafka', topic = 'some') FORMAT PLAIN ENCODE JSON`,
		`CREATE STREAM c AS SELECT id, v FROM s PARTITION BY id EMIT CHANGES`,
		`CREATE SINK d AS SELECT v, count(*) AS n FROM s GROUP BY v WITH (connector = 'kafka', topic = 'counts', primary_key = 'v') FORMAT UPSERT ENCODE JSON`)
	send := func(id int, hs ...kgo.RecordHeader) {
		t.Helper()
		r := &kgo.Record{Topic: "in", Partition: 0, Key: []byte("k"), Value: []byte(fmt.Sprintf(`{"id":%d,"v":"x"}`, id)), Headers: hs}
		if err := w.kafka.ProduceSync(w.ctx(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	send(1, kgo.RecordHeader{Key: "traceparent", Value: []byte("00-1")})
	send(2, kgo.RecordHeader{Key: "traceparent", Value: []byte("00-2")}, kgo.RecordHeader{Key: "tracestate", Value: []byte("t=2")})
	send(3)
	for topic, want := range map[string][]string{
		"all":    {"traceparent=00-1", "traceparent=00-2 tracestate=t=2", ""},
		"some":   {"traceparent=00-2 tracestate=t=2", ""},
		"c":      {"traceparent=00-1", "traceparent=00-2 tracestate=t=2", ""},
		"counts": {""},
	} {
		got := map[string]int{}
		for _, r := range w.consume(topic, len(want)) {
			got[headers(r)]++
		}
		for _, h := range want {
			if got[h]--; got[h] < 0 {
				t.Errorf("%s: no record with the headers %q: %v", topic, h, got)
			}
		}
	}
	w.restart() // the plan is made anew
	send(4, kgo.RecordHeader{Key: "traceparent", Value: []byte("00-4")})
	rs := w.consume("some", 3)
	found := false
	for _, r := range rs {
		found = found || headers(r) == "traceparent=00-4"
	}
	if !found {
		t.Error("after a restart the header is not passed on")
	}
}

// TestSinkOptions: what is said twice, contradicts itself or would have no effect
// is an error that says what to write.
func TestSinkOptions(t *testing.T) {
	w := newWorld(t, "in")
	w.exec(`CREATE TABLE v (id int PRIMARY KEY, v text)`, `CREATE TABLE copy (id int PRIMARY KEY, v text)`, `CREATE STREAM s (id int, v text)`,
		`CREATE SINK ok FROM v WITH (connector = 'kafka', topic = 'ok', type = 'upsert', cleanup.policy = 'compact', max.request.size = 2000000, partitions = 3) FORMAT UPSERT ENCODE JSON`,
		`CREATE SINK ok2 FROM v WITH (connector = 'kafka', topic = 'ok2', type = 'append-only', force_append_only = 'true') FORMAT PLAIN ENCODE JSON`,
		`CREATE SINK ok3 INTO copy FROM v WITH (type = 'upsert')`)
	info := w.cluster.TopicInfo("ok")
	if policy := info.Configs["cleanup.policy"]; policy == nil || *policy != "compact" || len(w.cluster.PartitionInfos("ok")) != 3 {
		t.Errorf("topic %+v", info)
	}
	const kafka = `connector = 'kafka', topic = 'x'`
	for _, c := range []struct{ sql, code, message string }{
		{`CREATE SINK x FROM v WITH (` + kafka + `, type = 'append-only') FORMAT UPSERT ENCODE JSON`, "22023", "type = 'append-only' and FORMAT UPSERT contradict each other"},
		{`CREATE SINK x FROM v WITH (` + kafka + `, type = 'upsert')`, "22023", "type = 'upsert' does not say how records are written"},
		{`CREATE SINK x FROM v WITH (` + kafka + `, compaction = true, cleanup.policy = 'delete') FORMAT UPSERT ENCODE JSON`, "22023",
			"compaction = true and cleanup.policy = 'delete' contradict each other"},
		{`CREATE SINK x FROM s WITH (` + kafka + `, cleanup.policy = 'compact') FORMAT PLAIN ENCODE JSON`, "22023", "records without a key cannot be in a compacted topic"},
		{`CREATE SINK x FROM v WITH (` + kafka + `, max_lag = '1 min') FORMAT UPSERT ENCODE JSON`, "22023", "max_lag has no effect without on_backlog"},
		{`CREATE SINK x FROM v WITH (` + kafka + `, commit_interval = 'forever') FORMAT UPSERT ENCODE JSON`, "22023", `invalid value for parameter "commit_interval": "forever"`},
		{`CREATE SINK x INTO copy FROM v WITH (primary_key = 'id')`, "22023", "primary_key has no effect on a sink into a relation"},
		{`CREATE SINK x INTO copy FROM v WITH (compaction = true)`, "22023", "compaction has no effect on a sink into a relation"},
		{`CREATE SINK x INTO copy FROM v WITH (force_append_only = true)`, "22023", "force_append_only has no effect on a table with a primary key, which follows all changes"},
		{`CREATE SINK x INTO copy FROM v WITH (type = 'append-only')`, "22023", `a sink into "copy" is not of type 'append-only'`},
		{`CREATE SINK x INTO v FROM v`, "42P17", `the sink would feed itself: "x" already reads "v"`},
		{`CREATE SINK x INTO v FROM copy`, "42P17", `the sink would feed itself: "copy" already reads "v"`},
		{`CREATE SINK x INTO s AS SELECT id, v FROM s`, "42P17", `the sink would feed itself: "x" already reads "s"`},
		{`CREATE SINK x FROM v WITH (` + kafka + `) FORMAT DEBEZIUM ENCODE CSV`, "0A000", "FORMAT DEBEZIUM does not go with ENCODE CSV"},
	} {
		if e := w.fails(c.sql, c.code); e.Message != c.message {
			t.Errorf("%s:\ngot  %s\nwant %s", c.sql, e.Message, c.message)
		}
	}
}

// TestSinkStatus: sys.sinks tells what is behind while a sink reads history or
// cannot write, and names the row that the topic does not take.
func TestSinkStatus(t *testing.T) {
	w := newWorld(t)
	w.exec(`CREATE TABLE v (id int PRIMARY KEY, v text)`, `INSERT INTO v VALUES (1, 'a')`,
		`CREATE SINK k FROM v WITH (connector = 'kafka', topic = 'out', partitions = 1) FORMAT UPSERT ENCODE JSON`)
	w.consume("out", 1)
	w.exec(`INSERT INTO v VALUES (7, repeat('x', 2000000))`)
	const status = `SELECT state, last_error FROM sys.sinks WHERE state = 'error'`
	w.until(status, `error|the row (id)=(7) of "public.v" takes 2000186 bytes as a record, more than topic "out" takes, which is 1048588`)
}

// TestContinuousTable: ksqlDB's CREATE TABLE … AS is a materialized view, and with its
// options the last row of each key in a topic, too.
func TestContinuousTable(t *testing.T) {
	w := newWorld(t, "old")
	w.exec(`CREATE STREAM s (id int, sku text, qty int)`, `INSERT INTO s VALUES (1, 'a', 5), (2, 'b', 7), (3, 'a', 1)`,
		`CREATE TABLE plain AS SELECT sku, sum(qty) AS qty FROM s GROUP BY sku EMIT CHANGES`,
		`CREATE TABLE t WITH (KAFKA_TOPIC = 'by_sku', VALUE_FORMAT = 'JSON', PARTITIONS = 1) AS SELECT sku, sum(qty) AS qty FROM s GROUP BY sku EMIT CHANGES`,
		`CREATE TABLE implied WITH (VALUE_FORMAT = 'JSON', PARTITIONS = 1, RETENTION_MS = 7000000) AS SELECT sku, count(*) AS n FROM s GROUP BY sku`,
		`CREATE STREAM kept WITH (KAFKA_TOPIC = 'kept', RETENTION_MS = 7000000) AS SELECT id FROM s EMIT CHANGES`)
	w.want(`SELECT * FROM plain ORDER BY 1`, "a|6", "b|7")
	w.want(`SELECT * FROM t ORDER BY 1`, "a|6", "b|7")
	got := w.received("by_sku", 2)
	slices.Sort(got)
	if fmt.Sprint(got) != `[a={"qty":6} b={"qty":7}]` {
		t.Errorf("topic %q", got)
	}
	w.exec(`INSERT INTO s VALUES (4, 'a', 1)`)
	if got := w.received("by_sku", 3); got[2] != `a={"qty":7}` {
		t.Errorf("topic %q", got)
	}
	if got := w.received("implied", 2); !slices.Contains(got, `b={"n":1}`) {
		t.Errorf("topic %q", got)
	}
	for _, topic := range []string{"implied", "kept"} {
		if r := w.cluster.TopicInfo(topic).Configs["retention.ms"]; r == nil || *r != "7000000" {
			t.Errorf("retention of %s: %v", topic, r)
		}
	}
	w.restart()
	w.exec(`INSERT INTO s VALUES (5, 'b', 1)`)
	if got := w.received("by_sku", 4); got[3] != `b={"qty":8}` {
		t.Errorf("topic %q", got)
	}
	w.exec(`DROP MATERIALIZED VIEW t`)
	w.want(`SELECT name FROM sys.sinks ORDER BY 1`, "csas_kept", "ctas_implied")

	// What is asked of a topic that is there already is not ignored.
	for _, c := range []struct{ sql, code, message string }{
		{`CREATE SINK x FROM plain WITH (connector = 'kafka', topic = 'old', partitions = 5) FORMAT UPSERT ENCODE JSON`, "22023",
			`topic "old" is there already, with partitions 2, not 5`},
		{`CREATE SINK x FROM plain WITH (connector = 'kafka', topic = 'old', replicas = 3) FORMAT UPSERT ENCODE JSON`, "22023",
			`topic "old" is there already, with replicas 1, not 3`},
		{`CREATE SINK x FROM plain WITH (connector = 'kafka', topic = 'old', compaction = true) FORMAT UPSERT ENCODE JSON`, "22023",
			`topic "old" is there already, with cleanup.policy delete, not compact`},
		{`CREATE TABLE x WITH (KAFKA_TOPIC = 'x') AS SELECT id, sku FROM s EMIT CHANGES`, "22023", "FORMAT UPSERT needs primary_key"},
		{`CREATE OR REPLACE STREAM kept AS SELECT id FROM s EMIT CHANGES`, "0A000", "CREATE OR REPLACE STREAM is not supported yet"},
		{`CREATE OR REPLACE TABLE plain AS SELECT id FROM s EMIT CHANGES`, "0A000", "replacing a materialized view is not supported"},
	} {
		if e := w.fails(c.sql, c.code); e.Message != c.message {
			t.Errorf("%s:\ngot  %s\nwant %s", c.sql, e.Message, c.message)
		}
	}
	w.exec(`CREATE SINK same FROM plain WITH (connector = 'kafka', topic = 'old', partitions = 2, replicas = 1, compaction = false) FORMAT UPSERT ENCODE JSON`,
		`CREATE SINK rw FROM plain WITH (connector = 'kafka', topic = 'rw') FORMAT PLAIN ENCODE JSON (force_append_only = 'true')`)
	if got := w.received("rw", 2); len(got) != 2 {
		t.Errorf("topic %q", got)
	}
}
