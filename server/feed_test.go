package server

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// openEvent is a message of TiCDC's Open Protocol with one event.
func openEvent(key, value string) []string {
	k := binary.BigEndian.AppendUint64(nil, 1)
	k = append(binary.BigEndian.AppendUint64(k, uint64(len(key))), key...)
	return []string{string(k), string(append(binary.BigEndian.AppendUint64(nil, uint64(len(value))), value...))}
}

// TestOpenProtocol: a table of TiDB by way of TiCDC's Open Protocol, which is
// altered in between.
func TestOpenProtocol(t *testing.T) {
	w := newWorld(t, "tidb")
	w.exec("CREATE TABLE fed LIKE MYSQL 'CREATE TABLE t (id bigint PRIMARY KEY, v varchar(20))' WITH (connector = 'kafka', topic = 'tidb') FORMAT OPEN_PROTOCOL ENCODE JSON (source.table = 't')")
	const row = `{"ts":1,"scm":"d","tbl":"t","t":1}`
	send := func(key, value string) {
		for i, kv := 0, openEvent(key, value); i < len(kv); i += 2 {
			w.send("tidb", kv[i], kv[i+1])
		}
	}
	send(row, `{"u":{"id":{"t":8,"h":true,"f":11,"v":1},"v":{"t":15,"v":"a"}}}`)
	send(`{"ts":2,"t":3}`, ``)
	w.until("SELECT * FROM fed", "1|a")
	send(`{"ts":3,"scm":"d","tbl":"t","t":2}`, `{"q":"ALTER TABLE t ADD COLUMN n int","t":5}`)
	w.until("SELECT count(*) FROM information_schema.columns WHERE table_name = 'fed'", "3")
	send(row, `{"u":{"id":{"t":8,"v":2},"v":{"t":15,"v":"b"},"n":{"t":3,"v":5}}}`)
	send(row, `{"d":{"id":{"t":8,"v":1}}}`)
	w.until("SELECT id, v, n FROM fed ORDER BY id", "2|b|5")
	w.send("tidb", "no key", "no value")
	w.until("SELECT source, code FROM sys.dead_letters", "fed|22P03")
	w.want("SHOW CREATE TABLE fed", "fed|CREATE TABLE public.fed (\n  id bigint NOT NULL,\n  v character varying(20),\n  n integer,\n  CONSTRAINT fed_pkey PRIMARY KEY (id)\n)\nWITH (connector = 'kafka', topic = 'tidb')\nFORMAT OPEN_PROTOCOL ENCODE JSON (source.table = 't')")
	w.fails("CREATE TABLE more (PRIMARY KEY (id)) WITH (connector = 'kafka', topic = 'tidb') FORMAT OPEN_PROTOCOL ENCODE JSON", "42P16")
	w.fails("CREATE TABLE more (id int PRIMARY KEY) WITH (connector = 'kafka', topic = 'tidb') FORMAT OPEN_PROTOCOL ENCODE AVRO", "0A000")
}

// TestUnavailableValues: what PostgreSQL has not sent stays as it stands, also over
// several changes in one transaction; where nothing stands the record is a dead
// letter, which can be fed again once there is a row.
func TestUnavailableValues(t *testing.T) {
	w := newWorld(t, "pg")
	w.exec("CREATE TABLE docs (id bigint PRIMARY KEY, title text, body text NOT NULL, meta jsonb) WITH (connector = 'kafka', topic = 'pg') FORMAT DEBEZIUM ENCODE JSON",
		"CREATE MATERIALIZED VIEW lengths AS SELECT id, title, length(body) AS n FROM docs")
	const gone = `"__debezium_unavailable_value"`
	send := func(values ...string) {
		for _, v := range values {
			w.send("pg", "same", v)
		}
	}
	send(`{"op":"c","after":{"id":1,"title":"a","body":"long","meta":"{\"x\": 1}"}}`,
		`{"op":"u","after":{"id":1,"title":"b","body":`+gone+`,"meta":`+gone+`}}`,
		`{"op":"u","after":{"id":1,"title":"c","body":"longer","meta":`+gone+`}}`,
		`{"op":"u","after":{"id":2,"title":"x","body":`+gone+`}}`,
		`{"op":"u","after":{"id":1,"title":"d","body":`+gone+`,"meta":null}}`,
		`{"op":"c","after":{"id":3,"title":"e","body":"last"}}`)
	w.until("SELECT id, title, body, meta FROM docs ORDER BY id", "1|d|longer|NULL", "3|e|last|NULL")
	w.until("SELECT * FROM lengths ORDER BY id", "1|d|6", "3|e|4")
	w.until("SELECT source, code FROM sys.dead_letters", "docs|22000")
	send(`{"op":"c","after":{"id":2,"title":"w","body":"there"}}`)
	w.until("SELECT count(*) FROM docs", "3")
	w.exec("ALTER SOURCE docs REDRIVE DEAD LETTERS")
	w.until("SELECT id, title, body FROM docs WHERE id = 2", "2|x|there")
	w.want("SELECT count(*) FROM sys.dead_letters", "0")
}

// TestSchemaFile: a schema in a file is read and checked when CREATE is run, and
// from there on the file is not needed any more.
func TestSchemaFile(t *testing.T) {
	w := newWorld(t, "raw", "out")
	file := filepath.Join(t.TempDir(), "r.avsc")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	create := "CREATE SOURCE s (id bigint) WITH (connector = 'kafka', topic = 'raw') FORMAT PLAIN ENCODE AVRO (schema.location = '" + file + "')"
	w.fails(create, "58030")
	write(`{"type":`)
	w.fails(create, "22023")
	write(`{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}`)
	w.fails("CREATE SOURCE s (id uuid) WITH (connector = 'kafka', topic = 'raw') FORMAT PLAIN ENCODE AVRO (schema.location = '"+file+"')", "42804")
	write(`{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}`)
	w.exec(create, "CREATE SINK k FROM s WITH (connector = 'kafka', topic = 'out') FORMAT PLAIN ENCODE AVRO (schema.location = '"+file+"')")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	w.send("raw", "", "\x0e")
	w.until("SELECT id FROM s", "7")
	w.restart()
	w.send("raw", "", "\x10")
	w.until("SELECT id FROM s ORDER BY id", "7", "8")
	w.until("SELECT state, lag FROM sys.sources", "running|0")
	w.until("SELECT state FROM sys.sinks", "running")
	w.fails(create, "42P07")
}

// TestSchemaTopic: schema changes in a topic of their own are made before the rows
// that need them, each once, and those of other tables and of snapshots are none.
func TestSchemaTopic(t *testing.T) {
	w := newWorld(t, "rows")
	w.exec("CREATE SOURCE topic (x text) WITH (connector = 'kafka', topic = 'changes', partitions = 1) FORMAT PLAIN ENCODE JSON", "DROP SOURCE topic")
	change := func(snapshot, table, ddl string) {
		w.send("changes", `{"databaseName":"shop"}`, `{"source":{"snapshot":"`+snapshot+`","db":"shop","table":"`+table+`"},"databaseName":"shop","ddl":"`+ddl+`","tableChanges":[]}`)
	}
	row := func(fields string) {
		w.send("rows", "same", `{"op":"c","source":{"db":"shop","table":"t"},"after":{`+fields+`}}`)
	}
	with := " WITH (connector = 'kafka', topic = 'rows', schema_changes.topic = 'changes') FORMAT DEBEZIUM ENCODE JSON"
	w.fails("CREATE TABLE fed (id bigint PRIMARY KEY)"+with, "22023")
	w.fails("CREATE TABLE fed (id bigint PRIMARY KEY) WITH (connector = 'kafka', topic = 'rows', schema_changes.topic = 'changes') FORMAT CANAL ENCODE JSON (source.table = 't')", "22023")
	change("false", "t", "ALTER TABLE t ADD COLUMN old int") // the columns are as the table is now
	w.exec("CREATE TABLE fed (id bigint PRIMARY KEY, v varchar(5))" + with + " (source.database = 'shop', source.table = 't')")
	row(`"id":1,"v":"a"`)
	w.until("SELECT * FROM fed", "1|a")
	change("false", "t", "ALTER TABLE t ADD COLUMN n int, MODIFY v varchar(10)")
	change("true", "t", "DROP TABLE IF EXISTS `shop`.`t`")
	change("false", "u", "DROP TABLE u")
	change("false", "t", "TRUNCATE TABLE t")
	w.send("changes", "", "no change at all")
	row(`"id":2,"v":"longer","n":5`)
	w.until("SELECT count(*) FROM information_schema.columns WHERE table_name = 'fed'", "3")
	w.until("SELECT id, v, n FROM fed ORDER BY id", "1|a|NULL", "2|longer|5")
	w.want("SELECT count(*) FROM sys.errors WHERE kind = 'schema change' AND name = 'fed'", "2")
	w.want("SELECT count(*) FROM sys.dead_letters", "0")
	w.restart()
	change("false", "u", "CREATE TABLE u (id int)")
	row(`"id":3,"v":"c","n":6`)
	w.until("SELECT id, v, n FROM fed ORDER BY id", "1|a|NULL", "2|longer|5", "3|c|6")
	w.want("SELECT count(*) FROM information_schema.columns WHERE table_name = 'fed'", "3")

	// What cannot be followed stops the source with its rows unread.
	change("false", "t", "ALTER TABLE t MODIFY v json")
	row(`"id":4,"v":"{}","n":7`)
	w.until("SELECT state FROM sys.sources", "stopped")
	w.want("SELECT count(*) FROM fed", "3")
	w.exec("ALTER SOURCE fed SET (schema_changes = 'ignore')", "RESUME fed")
	w.until("SELECT id, v, n FROM fed WHERE id > 2 ORDER BY id", "3|c|6", "4|{}|7")
	w.until("SELECT state, lag FROM sys.sources", "running|0")
}

// TestStatementsOfStops: a source that cannot follow a change says by which
// statements it can.
func TestStatementsOfStops(t *testing.T) {
	w := newWorld(t, "feed")
	w.exec("CREATE TABLE fed (id int PRIMARY KEY, n int, \"Old\" text NOT NULL) WITH (connector = 'kafka', topic = 'feed') FORMAT MAXWELL ENCODE JSON")
	send := func(values ...string) {
		for _, v := range values {
			w.send("feed", "same", v)
		}
	}
	ddl := func(text string) string {
		return `{"type":"table-alter","database":"d","table":"t","sql":"` + text + `"}`
	}
	send(`{"type":"insert","data":{"id":1,"n":1,"Old":"x"}}`, ddl("ALTER TABLE t MODIFY n bigint unsigned"), `{"type":"insert","data":{"id":2,"n":5000000000,"Old":"y"}}`)
	w.until("SELECT state FROM sys.sources", "stopped")
	w.want("SELECT * FROM fed", "1|1|x")
	hint := func() string { return w.query("SELECT hint FROM sys.sources")[0] }
	resolve, _, ok := strings.Cut(hint(), "; or ")
	drop, create, two := strings.Cut(resolve, "; ")
	if !ok || !two {
		t.Fatalf("hint %q", hint())
	}
	w.exec(drop, create)
	w.until("SELECT * FROM fed ORDER BY id", "1|1|x", "2|5000000000|y")

	w.exec("CREATE TABLE named (id int PRIMARY KEY) WITH (connector = 'kafka', topic = 'feed') FORMAT MAXWELL ENCODE JSON (source.table = 't', source.database = 'd')")
	w.until("SELECT state, lag FROM sys.sources WHERE name = 'named'", "running|0")
	send(ddl("RENAME TABLE t TO `Orders 2`"), `{"type":"insert","database":"d","table":"Orders 2","data":{"id":9}}`)
	w.until("SELECT state FROM sys.sources WHERE name = 'named'", "stopped")
	resolve, _, ok = strings.Cut(w.query("SELECT hint FROM sys.sources WHERE name = 'named'")[0], "; or ")
	drop, create, two = strings.Cut(resolve, "; ")
	if !ok || !two {
		t.Fatalf("hint %q", resolve)
	}
	w.exec(drop, create)
	w.until("SELECT * FROM named WHERE id = 9", "9")
	w.want("SELECT count(*) FROM sys.dead_letters", "0")
}

// TestFollowed: changes of a table in MySQL that its source follows while views and
// sinks read it: wider types, columns that go, come back and are renamed.
func TestFollowed(t *testing.T) {
	w := newWorld(t, "feed", "quiet")
	w.exec("CREATE TABLE fed (id int PRIMARY KEY, n int NOT NULL, \"Old\" text NOT NULL, d decimal(5,1)) WITH (connector = 'kafka', topic = 'feed') FORMAT MAXWELL ENCODE JSON",
		"CREATE TABLE quiet (id int PRIMARY KEY, n int) WITH (connector = 'kafka', topic = 'quiet') FORMAT MAXWELL ENCODE JSON",
		"CREATE MATERIALIZED VIEW v AS SELECT id, n, \"Old\" AS old FROM fed",
		"CREATE SINK s FROM fed WITH (connector = 'kafka', topic = 'out', partitions = 1) FORMAT UPSERT ENCODE JSON")
	send := func(topic string, values ...string) {
		for _, v := range values {
			w.send(topic, "same", v)
		}
	}
	ddl := func(text string) string {
		return `{"type":"table-alter","database":"d","table":"t","sql":"` + text + `"}`
	}
	send("feed", `{"type":"insert","data":{"id":1,"n":1,"Old":"x","d":1.5}}`,
		ddl("ALTER TABLE t MODIFY n bigint NOT NULL, MODIFY d decimal(20,4), MODIFY id bigint"),
		`{"type":"insert","data":{"id":3000000000,"n":5000000000,"Old":"y","d":123456.7891}}`,
		ddl("ALTER TABLE t DROP COLUMN Old"), `{"type":"insert","data":{"id":3,"n":3,"d":null}}`)
	w.until("SELECT * FROM fed ORDER BY id", "1|1|x|1.5", "3|3|NULL|NULL", "3000000000|5000000000|y|123456.7891")
	if got := w.received("out", 3); !slices.Contains(got, `{"id":3000000000}={"id":3000000000,"n":5000000000,"Old":"y","d":123456.7891}`) {
		t.Errorf("the sink wrote %q", got)
	}
	w.fails("SELECT * FROM v", "22003")
	send("feed", `{"type":"delete","data":{"id":3000000000,"n":5000000000}}`)
	w.until("SELECT count(*) FROM fed", "2")
	w.until("SELECT * FROM v ORDER BY id", "1|1|x", "3|3|NULL")
	w.until("SELECT count(*) FROM sys.errors WHERE kind = 'schema change' AND message LIKE '%\"Old\" was dropped%stays here%'", "1")

	send("feed", ddl("ALTER TABLE t ADD COLUMN Old varchar(9), RENAME COLUMN n TO Number"), `{"type":"insert","data":{"id":4,"Number":4,"Old":"back"}}`)
	w.until("SELECT id, n, \"Old\" FROM fed WHERE id > 3", "4|4|back")
	w.until("SELECT * FROM v WHERE id > 3", "4|4|back")
	w.want("SELECT state FROM sys.sinks", "running")
	send("quiet", `{"type":"insert","data":{"id":1,"n":1}}`, ddl("ALTER TABLE t CHANGE n Number bigint"), `{"type":"insert","data":{"id":2,"Number":5000000000}}`)
	w.until("SELECT count(*) FROM information_schema.columns WHERE table_name = 'quiet' AND column_name = 'number'", "1")
	w.until("SELECT id, number FROM quiet ORDER BY id", "1|1", "2|5000000000")
	w.restart()
	send("quiet", `{"type":"insert","data":{"id":3,"Number":3}}`)
	send("feed", `{"type":"insert","data":{"id":5,"Number":5,"Old":"z"}}`)
	w.until("SELECT * FROM v WHERE id > 3 ORDER BY id", "4|4|back", "5|5|z")
	w.until("SELECT id, number FROM quiet ORDER BY id", "1|1", "2|5000000000", "3|3")

	send("feed", ddl("ALTER TABLE t ADD COLUMN gone int, DROP COLUMN gone, MODIFY d json"))
	w.until("SELECT state FROM sys.sources WHERE name = 'fed'", "stopped")
	w.want("SELECT hint LIKE 'DROP TABLE public.fed; CREATE TABLE%' FROM sys.sources WHERE name = 'fed'", "t")
	w.exec("ALTER SOURCE fed SET (schema_changes = 'stop')", "ALTER SOURCE quiet SET (schema_changes = 'stop')")
	send("quiet", ddl("ALTER TABLE t DROP COLUMN Number"))
	w.until("SELECT state FROM sys.sources WHERE name = 'quiet'", "stopped")
	w.want("SELECT count(*) FROM sys.dead_letters", "0")
}
