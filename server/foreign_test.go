package server

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestForeignOptions: options in the words of ksqlDB, RisingWave and Flink do what
// they do there.
func TestForeignOptions(t *testing.T) {
	w := newWorld(t, "flink")
	w.exec("CREATE STREAM timed (id BIGINT KEY, v VARCHAR, at BIGINT) WITH (KAFKA_TOPIC = 'timed', VALUE_FORMAT = 'JSON', TIMESTAMP = 'at', PARTITIONS = 1)",
		"CREATE STREAM spelled (v VARCHAR, at VARCHAR) WITH (KAFKA_TOPIC = 'spelled', VALUE_FORMAT = 'JSON', TIMESTAMP = 'at', TIMESTAMP_FORMAT = 'yyyy-MM-dd HH:mm:ss', PARTITIONS = 1)",
		"CREATE STREAM bare (v VARCHAR) WITH (KAFKA_TOPIC = 'bare', VALUE_FORMAT = 'JSON', WRAP_SINGLE_VALUE = false, PARTITIONS = 1)",
		"INSERT INTO timed VALUES (1, 'a', 1700000000123)", "INSERT INTO spelled VALUES ('b', '2024-02-29 10:11:12')", "INSERT INTO bare VALUES ('c')")
	w.want("SELECT id, v, at, rowtime FROM timed", "1|a|1700000000123|2023-11-14 22:13:20.123+00")
	w.want("SELECT v, at, rowtime FROM spelled", "b|2024-02-29 10:11:12|2024-02-29 10:11:12+00")
	w.want("SELECT v FROM bare", "c")
	if got := w.received("timed", 1); got[0] != "\x00\x00\x00\x00\x00\x00\x00\x01="+`{"v":"a","at":1700000000123}` {
		t.Errorf("INSERT wrote %q", got)
	}
	if got := w.received("bare", 1); got[0] != `="c"` {
		t.Errorf("INSERT wrote %q", got)
	}
	w.send("timed", "\x00\x00\x00\x00\x00\x00\x00\x02", `{"v":"no time","at":"x"}`)
	w.until("SELECT count(*) FROM sys.dead_letters", "1")
	for _, n := range []string{"timed", "spelled"} {
		text := strings.SplitN(w.query("SHOW CREATE STREAM " + n)[0], "|", 2)[1]
		before := w.query("SELECT *, rowtime FROM " + n)
		w.exec("DROP STREAM "+n, text)
		w.until("SELECT *, rowtime FROM "+n, before...)
	}

	w.exec("CREATE TABLE fl (id BIGINT, v STRING) WITH ('connector' = 'kafka', 'topic' = 'flink', 'properties.group.id' = 'mine', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json')",
		"CREATE TABLE last (id BIGINT, v STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = 'flink', 'key.format' = 'json', 'value.format' = 'json')",
		"CREATE SOURCE prefixed (id bigint) WITH (connector = 'kafka', topic = 'flink', group.id.prefix = 'pre') FORMAT PLAIN ENCODE JSON")
	w.send("flink", "5", `{"id":5,"v":"x"}`, "5", `{"id":5,"v":"y"}`)
	w.until("SELECT * FROM fl ORDER BY v", "5|x", "5|y")
	w.until("SELECT * FROM last", "5|y")
	adm := kadm.NewClient(w.kafka)
	for _, group := range []string{"mine", "pre-prefixed"} {
		for ctx := w.ctx(); ; {
			at, err := adm.FetchOffsets(ctx, group)
			if ctx.Err() != nil {
				t.Fatalf("group %s has offsets %v (%v)", group, at, err)
			}
			if err == nil && len(at["flink"]) > 0 {
				break
			}
		}
	}
	w.exec("CREATE SINK packed FROM last WITH (connector = 'kafka', topic = 'packed', partitions = 1, properties.compression.codec = 'zstd', properties.acks = 'all') FORMAT UPSERT ENCODE JSON")
	if got := w.received("packed", 1); got[0] != `{"id":5}={"id":5,"v":"y"}` {
		t.Errorf("the sink wrote %q", got)
	}
}

// TestLargeInsert: INSERT writes records as large as the topic takes.
func TestLargeInsert(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE STREAM big (id BIGINT KEY, v VARCHAR) WITH (KAFKA_TOPIC = 'big', VALUE_FORMAT = 'JSON', PARTITIONS = 1)")
	adm := kadm.NewClient(w.kafka)
	large := "5000000"
	if _, err := adm.AlterTopicConfigs(w.ctx(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &large}}, "big"); err != nil {
		t.Fatal(err)
	}
	w.exec("INSERT INTO big SELECT i, repeat(md5(i::text), 1000 * i) FROM generate_series(1, 100, 33) i")
	w.want("SELECT id, length(v) FROM big ORDER BY id", "1|32000", "34|1088000", "67|2144000", "100|3200000")
	if e := w.fails("INSERT INTO big SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 200000) i", "54000"); !strings.Contains(e.Hint, "max.message.bytes") {
		t.Errorf("hint %q", e.Hint)
	}
	w.want("SELECT count(*) FROM big", "4")
}
