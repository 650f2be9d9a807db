package server

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TestAlterSources: columns are added to sources of each kind while they run, and
// to what they were read without they stay NULL, whenever it is read again.
func TestAlterSources(t *testing.T) {
	w := newWorld(t, "through", "local", "upsert")
	w.exec("CREATE SOURCE through (id bigint) WITH (topic = 'through') FORMAT PLAIN ENCODE JSON",
		"CREATE SOURCE local (id bigint) WITH (topic = 'local', history = 'local') FORMAT PLAIN ENCODE JSON",
		"CREATE TABLE upsert (id bigint PRIMARY KEY, a int) WITH (topic = 'upsert') FORMAT UPSERT ENCODE JSON KEY ENCODE TEXT",
		"CREATE MATERIALIZED VIEW all_through AS SELECT * FROM through",
		"CREATE MATERIALIZED VIEW all_local AS SELECT * FROM local",
		"CREATE SINK out FROM upsert WITH (connector = 'kafka', topic = 'out', partitions = 1) FORMAT UPSERT ENCODE JSON")
	names := []string{"through", "local", "upsert"}
	row := func(id int) string { return fmt.Sprintf(`{"id":%d,"a":%d,"extra":"e%d"}`, id, id, id) }
	both := func(id int) {
		for _, n := range names {
			w.send(n, fmt.Sprint(id), row(id))
		}
		for _, n := range names {
			w.until("SELECT count(*) FROM "+n, fmt.Sprint(id))
		}
	}
	both(1)
	// What does not fit the new column must not become unreadable in the past.
	for _, n := range names {
		w.send(n, "2", `{"id":2,"a":2,"extra":{"no":"text"},"number":"none"}`)
		w.until("SELECT count(*) FROM "+n, "2")
	}
	w.exec("ALTER SOURCE through ADD COLUMN extra text, ADD number int", "ALTER SOURCE local ADD COLUMN extra text", "ALTER TABLE upsert ADD COLUMN extra text")
	both(3)
	check := func() {
		t.Helper()
		for _, n := range names {
			w.until("SELECT id, extra FROM "+n+" ORDER BY id", "1|NULL", "2|NULL", "3|e3")
		}
		w.want("SELECT * FROM through ORDER BY id", "1|NULL|NULL", "2|NULL|NULL", "3|e3|NULL")
		w.until("SELECT * FROM all_through ORDER BY id", "1", "2", "3")
		w.until("SELECT * FROM all_local ORDER BY id", "1", "2", "3")
		w.want("SELECT count(rowtime) FROM through", "3")
	}
	check()
	w.exec("CREATE MATERIALIZED VIEW newer AS SELECT id, extra, number FROM through")
	w.want("SELECT * FROM newer ORDER BY id", "1|NULL|NULL", "2|NULL|NULL", "3|e3|NULL")
	w.restart()
	check()
	w.until("SELECT * FROM newer ORDER BY id", "1|NULL|NULL", "2|NULL|NULL", "3|e3|NULL")
	w.until("SELECT state FROM sys.sinks", "running")
	got := w.received("out", 3)
	if fmt.Sprint(got) != `[{"id":1}={"id":1,"a":1} {"id":2}={"id":2,"a":2} {"id":3}={"id":3,"a":3}]` {
		t.Errorf("the sink's records have changed: %q", got)
	}
	w.fails("ALTER SOURCE through ADD COLUMN k text METADATA FROM 'key'", "0A000")
	w.fails("BEGIN; ALTER SOURCE through ADD COLUMN k text", "25001")
	w.exec("ROLLBACK")
	w.fails("ALTER SOURCE through RENAME COLUMN id TO k", "2BP01")
	w.exec("DROP MATERIALIZED VIEW all_local", "ALTER SOURCE local RENAME COLUMN extra TO more")
	w.want("SELECT id, more FROM local ORDER BY id", "1|NULL", "2|NULL", "3|e3")
	w.send("local", "4", row(4))
	w.until("SELECT id, more FROM local WHERE id = 4", "4|e4")
}

// TestFeeds: the schema changes of other feeds than Canal.
func TestFeeds(t *testing.T) {
	w := newWorld(t, "maxwell", "debezium", "ticdc")
	w.exec("CREATE TABLE maxwell (id int PRIMARY KEY, v text) WITH (topic = 'maxwell') FORMAT MAXWELL ENCODE JSON (source.database = 'd', source.table = 't')",
		"CREATE TABLE debezium (id int PRIMARY KEY, v text) WITH (topic = 'debezium') FORMAT DEBEZIUM ENCODE JSON",
		"CREATE TABLE ticdc (id int PRIMARY KEY, v text) WITH (topic = 'ticdc') FORMAT CANAL ENCODE JSON")
	const ddl = "ALTER TABLE `t` ADD COLUMN `n` decimal(5,1)"
	w.send("maxwell", "k", `{"database":"d","table":"t","type":"insert","ts":1,"data":{"id":1,"v":"a"}}`,
		"k", `{"type":"table-alter","database":"d","table":"t","old":{},"def":{},"ts":1,"sql":"`+ddl+`"}`,
		"k", `{"type":"table-alter","database":"d","table":"other","old":{},"def":{},"ts":1,"sql":"ALTER TABLE other DROP COLUMN v"}`,
		"k", `{"database":"d","table":"t","type":"insert","ts":1,"data":{"id":2,"v":"b","n":1.5}}`)
	w.send("debezium", "k", `{"before":null,"after":{"id":1,"v":"a"},"op":"c"}`,
		"k", `{"source":{"db":"d"},"databaseName":"d","ddl":"`+ddl+`","tableChanges":[]}`,
		"k", `{"before":null,"after":{"id":2,"v":"b","n":"1.5"},"op":"c"}`)
	w.send("ticdc", "k", `{"id":0,"database":"d","table":"t","pkNames":["id"],"isDdl":false,"type":"INSERT","es":1,"ts":1,"sql":"","data":[{"id":"1","v":"a"}],"old":null}`,
		"k", `{"id":0,"database":"d","table":"t","pkNames":null,"isDdl":true,"type":"ALTER","es":1,"ts":1,"sql":"`+ddl+`","data":null,"old":null}`,
		"k", `{"id":0,"database":"d","table":"t","pkNames":["id"],"isDdl":false,"type":"INSERT","es":1,"ts":1,"sql":"","data":[{"id":"2","v":"b","n":"1.5"}],"old":null}`)
	for _, n := range []string{"maxwell", "debezium", "ticdc"} {
		w.until("SELECT id, v FROM "+n+" ORDER BY id", "1|a", "2|b")
		w.want("SELECT id, v, n FROM "+n+" ORDER BY id", "1|a|NULL", "2|b|1.5")
	}
	w.send("debezium", "k", `{"source":{"db":"d"},"databaseName":"d","ddl":"DROP TABLE t","tableChanges":[]}`)
	w.until("SELECT state, hint LIKE 'DROP TABLE public.debezium; or ALTER%' FROM sys.sources WHERE name = 'debezium'", "stopped|t")
}

// TestAlterPrepared: statements that were prepared before know nothing of the new
// column and go on; a block that has written before and after must be repeated.
func TestAlterPrepared(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE bag (a int, b int)", "CREATE TABLE keyed (a int PRIMARY KEY, b int)", "INSERT INTO bag VALUES (1, 1)", "INSERT INTO keyed VALUES (1, 1)")
	other, err := pgx.ConnectConfig(w.ctx(), w.conn.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(w.ctx())
	statements := []string{"UPDATE bag SET b = b + $1", "UPDATE keyed SET b = b + $1", "INSERT INTO bag VALUES (2, $1)", "DELETE FROM bag WHERE b = $1", "SELECT * FROM keyed WHERE a = $1"}
	for _, table := range []string{"bag", "keyed"} {
		for _, sql := range statements {
			if _, err := other.Exec(w.ctx(), sql, 1); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		w.exec("ALTER TABLE " + table + " ADD COLUMN c" + table + " int")
	}
	for _, sql := range statements {
		if _, err := other.Exec(w.ctx(), sql, 1); err != nil {
			var e *pgconn.PgError // a result that has other columns is PostgreSQL's error too
			if !errors.As(err, &e) || e.Message != "cached plan must not change result type" {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	w.want("SELECT * FROM bag", "1|4|NULL")
	w.want("SELECT * FROM keyed", "1|4|NULL")

	w.exec("BEGIN", "INSERT INTO bag (a) VALUES (5)")
	if _, err := other.Exec(w.ctx(), "ALTER TABLE bag ADD COLUMN d int"); err != nil {
		t.Fatal(err)
	}
	w.want("SELECT a, d FROM bag WHERE a = 5", "5|NULL")
	w.exec("INSERT INTO bag (a, d) VALUES (6, 6)")
	w.fails("COMMIT", "40001")
	w.exec("INSERT INTO bag (a, d) VALUES (6, 6)")
	w.want("SELECT a, d FROM bag WHERE a > 4", "6|6")
}

// TestWiderTypes: columns whose types become wider while everything runs, in tables
// and streams of each kind: what was there stays what it was, also of times before
// and after a restart; a standing query goes on, and a row beyond the type that it
// knows is its error.
func TestWiderTypes(t *testing.T) {
	w := newWorld(t, "through", "local", "upsert", "keyed")
	w.exec("CREATE SOURCE through (id bigint, n smallint, f real) WITH (topic = 'through') FORMAT PLAIN ENCODE JSON",
		"CREATE SOURCE local (id bigint, n smallint, f real) WITH (topic = 'local', history = 'local') FORMAT PLAIN ENCODE JSON",
		"CREATE TABLE upsert (id bigint PRIMARY KEY, n smallint, f real) WITH (topic = 'upsert') FORMAT UPSERT ENCODE JSON KEY ENCODE TEXT",
		"CREATE TABLE keyed (n int PRIMARY KEY, id bigint, f real) WITH (topic = 'keyed') FORMAT UPSERT ENCODE JSON KEY ENCODE TEXT",
		"CREATE TABLE bag (id bigint, n smallint, f real, g int GENERATED ALWAYS AS (id + 1) STORED)")
	names := []string{"through", "local", "upsert", "keyed", "bag"}
	add := func(id int, n int64, f float64) {
		for _, name := range names[:4] {
			key := fmt.Sprint(id)
			if name == "keyed" {
				key = fmt.Sprint(n)
			}
			w.send(name, key, fmt.Sprintf(`{"id":%d,"n":%d,"f":%v,"more":"m%d"}`, id, n, f, id))
		}
		w.exec(fmt.Sprintf("INSERT INTO bag VALUES (%d, %d, %v)", id, n, f))
		for _, name := range names {
			w.until(fmt.Sprintf("SELECT count(*) FROM %s WHERE id = %d", name, id), "1")
		}
	}
	word := func(n string) string {
		if n == "bag" {
			return "TABLE "
		}
		return "SOURCE "
	}
	add(1, 100, 1.5)
	add(2, -7, 0.1)
	for _, n := range names {
		w.exec("CREATE MATERIALIZED VIEW view_"+n+" AS SELECT id, n, f FROM "+n,
			"CREATE MATERIALIZED VIEW sum_"+n+" AS SELECT id % 2 AS odd, sum(n) AS n FROM "+n+" GROUP BY id % 2",
			"CREATE MATERIALIZED VIEW join_"+n+" AS SELECT a.id, a.n, b.n AS other FROM "+n+" a JOIN bag b ON a.id = b.id",
			"CREATE VIEW plain_"+n+" AS SELECT n FROM "+n)
		if n != "keyed" {
			w.exec("ALTER " + word(n) + n + " ALTER COLUMN n TYPE int")
		}
	}
	add(3, 70000, 2.5)
	for _, n := range names {
		w.exec("ALTER "+word(n)+n+" ADD COLUMN more text", "ALTER "+word(n)+n+" ALTER n TYPE bigint")
		if n == "through" { // is read again, and then 0.1 would not be what it was
			w.fails("ALTER SOURCE through ALTER f TYPE double precision", "0A000")
			continue
		}
		w.exec("ALTER " + word(n) + n + " ALTER f TYPE double precision")
	}
	add(4, 7_000_000_000, 0.1)
	check := func() {
		t.Helper()
		for _, n := range names {
			second := map[bool]string{true: "2|-7|0.1", false: "2|-7|0.10000000149011612"}[n == "through"]
			w.until("SELECT id, n, f FROM "+n+" ORDER BY id", "1|100|1.5", second, "3|70000|2.5", "4|7000000000|0.1")
			w.want("SELECT id FROM "+n+" WHERE n > 2147483647 OR n = -7 ORDER BY id", "2", "4")
		}
		w.want("SELECT n, id FROM keyed WHERE n = 7000000000", "7000000000|4")
	}
	check()
	for _, n := range names {
		for _, view := range []string{"view_", "sum_", "join_", "plain_"} {
			if e := w.fails("SELECT * FROM "+view+n, "22003"); e.Hint == "" {
				t.Errorf("%s%s: no hint", view, n)
			}
		}
		w.exec("CREATE MATERIALIZED VIEW new_" + n + " AS SELECT a.id, a.n + b.n AS n FROM " + n + " a JOIN bag b ON a.id = b.id")
		w.until("SELECT * FROM new_"+n+" ORDER BY id", "1|200", "2|-14", "3|140000", "4|14000000000")
	}
	w.fails("ALTER TABLE bag ALTER id TYPE int", "0A000")
	w.restart()
	check()
	add(5, 5, 5)
	w.send("upsert", "3", `{"id":3,"n":3,"f":2.5}`, "4", "")
	w.exec("DELETE FROM bag WHERE id = 4", "UPDATE bag SET n = 3 WHERE id = 3")
	w.until("SELECT * FROM view_upsert ORDER BY id", "1|100|1.5", "2|-7|0.1", "3|3|2.5", "5|5|5")
	w.until("SELECT * FROM view_bag ORDER BY id", "1|100|1.5", "2|-7|0.1", "3|3|2.5", "5|5|5")
	w.until("SELECT * FROM sum_bag ORDER BY odd", "0|-7", "1|108")
	w.until("SELECT * FROM join_upsert ORDER BY id", "1|100|100", "2|-7|-7", "3|3|3", "5|5|5")
	w.until("SELECT id, n FROM new_upsert ORDER BY id", "1|200", "2|-14", "3|6", "5|10")
	w.restart()
	w.want("SELECT id, n, g FROM bag ORDER BY id", "1|100|2", "2|-7|3", "3|3|4", "5|5|6")
	w.until("SELECT id, n, more FROM upsert ORDER BY id", "1|100|NULL", "2|-7|NULL", "3|3|NULL", "5|5|m5")
	w.fails("ALTER TABLE bag ALTER COLUMN id TYPE numeric", "0A000")
}
