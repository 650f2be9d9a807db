package server

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"
)

// TestMaterialize: sources, sinks and connections in Materialize's spelling, from
// records to records, with the registry named by a connection of its own.
func TestMaterialize(t *testing.T) {
	w := newWorld(t, "docs", "people", "lines")
	registry := srfake.New()
	t.Cleanup(registry.Close)
	w.exec("CREATE CONNECTION k TO KAFKA (BROKER '"+strings.Join(w.cluster.ListenAddrs(), ",")+"', SECURITY PROTOCOL = 'PLAINTEXT') WITH (VALIDATE = false)",
		"CREATE SECRET pw AS 'p'",
		"CREATE CONNECTION r TO CONFLUENT SCHEMA REGISTRY (URL '"+registry.URL()+"', USERNAME = 'u', PASSWORD = SECRET pw)")
	w.send("docs", "a", `{"id": 1, "tags": ["x"]}`, "b", `[1, 2]`, "c", `"text"`)
	w.exec("CREATE SOURCE docs FROM KAFKA CONNECTION k (TOPIC 'docs') KEY FORMAT TEXT VALUE FORMAT JSON INCLUDE KEY AS who, OFFSET")
	w.until("SELECT who, data, \"offset\" >= 0 FROM docs ORDER BY who", `a|{"id": 1, "tags": ["x"]}|t`, `b|[1, 2]|t`, `c|"text"|t`)
	w.want("SELECT data ->> 'id' FROM docs WHERE who = 'a'", "1")

	w.send("people", "a", `{"n": 1}`, "b", `{"n": 2}`, "a", `{"n": 3}`)
	w.exec("CREATE SOURCE people FROM KAFKA CONNECTION k (TOPIC 'people') KEY FORMAT TEXT VALUE FORMAT JSON ENVELOPE UPSERT")
	w.until("SELECT * FROM people ORDER BY key", `a|{"n": 3}`, `b|{"n": 2}`)
	w.exec("CREATE SOURCE ids FROM KAFKA CONNECTION k (TOPIC 'ids') KEY FORMAT JSON VALUE FORMAT JSON INCLUDE KEY AS id ENVELOPE UPSERT WITH (partitions = 1)")
	w.send("ids", `{"a": 1}`, `1`, `2`, `null`, `{"a":1}`, `2`)
	w.until("SELECT id FROM ids ORDER BY id::text", `2`, `{"a": 1}`)

	w.send("lines", "", "1;x", "", "2;y")
	w.exec("CREATE SOURCE lines (id, name) FROM KAFKA CONNECTION k (TOPIC 'lines') FORMAT CSV WITH 2 COLUMNS DELIMITED BY ';'")
	w.until("SELECT * FROM lines ORDER BY id", "1|x", "2|y")

	w.exec("CREATE MATERIALIZED VIEW sums AS SELECT name, sum(id::bigint)::bigint AS n FROM lines GROUP BY name",
		"CREATE SINK sums_out FROM sums INTO KAFKA CONNECTION k (TOPIC 'sums', TOPIC PARTITION COUNT 1) KEY (name) FORMAT AVRO USING CONFLUENT SCHEMA REGISTRY CONNECTION r ENVELOPE UPSERT")
	w.consume("sums", 2)
	w.exec("CREATE SOURCE back FROM KAFKA CONNECTION k (TOPIC 'sums') FORMAT AVRO USING CONFLUENT SCHEMA REGISTRY CONNECTION r ENVELOPE UPSERT")
	w.until("SELECT name, n FROM back ORDER BY name", "x|1", "y|2")
	w.want("DESCRIBE back", "name|text|no|primary key from key", "n|bigint|yes|")

	w.exec("CREATE SINK deb FROM sums INTO KAFKA CONNECTION k (TOPIC 'deb', TOPIC PARTITION COUNT 1) KEY (name) FORMAT AVRO USING CONFLUENT SCHEMA REGISTRY CONNECTION r ENVELOPE DEBEZIUM")
	w.consume("deb", 2)
	w.exec("CREATE SOURCE changes FROM KAFKA CONNECTION k (TOPIC 'deb') FORMAT AVRO USING CONFLUENT SCHEMA REGISTRY CONNECTION r ENVELOPE DEBEZIUM")
	w.until("SELECT name, n FROM changes ORDER BY name", "x|1", "y|2")

	text := w.query("SHOW CREATE SOURCE back")[0]
	if !strings.Contains(text, "connection = public.k, schema.registry.connection = public.r") {
		t.Errorf("SHOW CREATE: %s", text)
	}
	if text := w.query("SHOW CREATE CONNECTION r")[0]; !strings.Contains(text, "type = 'schema_registry'") || !strings.Contains(text, "schema.registry.password = SECRET public.pw") {
		t.Errorf("SHOW CREATE: %s", text)
	}
	w.want("SELECT name, type FROM sys.connections ORDER BY name", "k|kafka", "r|schema_registry")
	w.fails("DROP CONNECTION r", "2BP01")
	w.fails("SHOW TOPICS FROM r", "42809")
	w.restart()
	w.send("lines", "", "5;x")
	w.until("SELECT name, n FROM back ORDER BY name", "x|6", "y|2")

	client, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := client.SchemaByVersion(w.ctx(), "sums-value", -1); err != nil || !strings.Contains(s.Schema.Schema, `"n"`) {
		t.Errorf("the registry has %v, %v", s, err)
	}
}
