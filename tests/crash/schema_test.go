package crash

import "fmt"

// accounts are those that money is moved between.
const accounts = 24

// schema is what the load writes to. event, log and note record whole
// transactions: each row says how many rows its transaction has in the relation.
var schema = []string{
	`CREATE STREAM event (w int, tx int, parts int, k int, amount bigint, at timestamptz,
		WATERMARK FOR at AS at - INTERVAL '300 milliseconds') WITH (retention = 'forever')`,
	`CREATE TABLE log (w int, tx int, parts int, x bigint)`,
	`CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL)`,
	`CREATE TABLE note (w int, tx int, src int, dst int, amount bigint)`,
	`CREATE TABLE kv (id int PRIMARY KEY, v bigint, pad text)`,
	fmt.Sprintf(`INSERT INTO account SELECT g, 0 FROM generate_series(1, %d) g`, accounts),
}

// view is a standing query with the batch query that it must always equal.
type view struct{ name, query string }

func (v view) create() string {
	return fmt.Sprintf("CREATE MATERIALIZED VIEW %s AS %s", v.name, v.query)
}

// views name base relations only in their batch queries, so a wrong view cannot
// hide behind another one.
var views = []view{
	{"by_k", `SELECT k, sum(amount) AS total, count(*) AS n FROM event GROUP BY k`},
	{"tx_parts", `SELECT w, tx, parts, count(*) AS n FROM event GROUP BY w, tx, parts`},
	{"log_parts", `SELECT w, tx, parts, count(*) AS n FROM log GROUP BY w, tx, parts`},
	{"extremes", `SELECT v % 7 AS g, min(id) AS lo, max(id) AS hi, min(v) AS least, max(v) AS most, count(*) AS n FROM kv GROUP BY 1`},
	{"kinds", `SELECT DISTINCT v % 16 AS m, id % 4 AS q FROM kv`},
	{"joined", `SELECT a.id, a.balance, b.total, b.n FROM account a
		LEFT JOIN (SELECT k, sum(amount) AS total, count(*) AS n FROM event GROUP BY k) b ON b.k = a.id`},
	{"top", `SELECT g, id, v FROM (SELECT v % 5 AS g, id, v, row_number() OVER (PARTITION BY v % 5 ORDER BY v DESC, id) AS r FROM kv) x WHERE r <= 3`},
	{"total", `SELECT sum(balance) AS s, count(*) AS n FROM account`},
	{"flow", `SELECT id, sum(x) AS total FROM (SELECT dst AS id, amount AS x FROM note UNION ALL SELECT src, -amount FROM note) f GROUP BY id`},
	{"per_window", `SELECT window_start, k, count(*) AS n, sum(amount) AS total FROM TUMBLE(event, at, INTERVAL '500 milliseconds')
		GROUP BY window_start, k EMIT FINAL`},
	{"matched", `SELECT l.w, count(*) AS n, sum(l.x) AS x FROM log l JOIN event e ON e.w = l.w AND e.tx = l.tx GROUP BY l.w`},
}

// overViews are views over views, with the batch query over the base.
var overViews = []struct{ name, query, batch string }{
	{"joined_over", `SELECT a.id, a.balance, f.total FROM account a LEFT JOIN flow f ON f.id = a.id`,
		`SELECT a.id, a.balance, f.total FROM account a LEFT JOIN
		(SELECT id, sum(x) AS total FROM (SELECT dst AS id, amount AS x FROM note UNION ALL SELECT src, -amount FROM note) u GROUP BY id) f ON f.id = a.id`},
	{"spread", `SELECT n, count(*) AS ks, sum(total) AS total FROM by_k GROUP BY n`,
		`SELECT n, count(*) AS ks, sum(total) AS total FROM (SELECT k, sum(amount) AS total, count(*) AS n FROM event GROUP BY k) b GROUP BY n`},
}

// copies are kept by sinks, which write into relations: each row once, whenever the
// server dies.
var copies = []struct{ ddl, sink, copy, original string }{
	{`CREATE TABLE kv_copy (id int PRIMARY KEY, v bigint, pad text)`, `CREATE SINK kv_sink INTO kv_copy FROM kv WITH (commit_interval = '5 ms')`,
		`SELECT * FROM kv_copy`, `SELECT * FROM kv`},
	{`CREATE STREAM event_copy (w int, tx int, parts int, k int, amount bigint) WITH (retention = 'forever')`,
		`CREATE SINK event_sink INTO event_copy AS SELECT w, tx, parts, k, amount FROM event WITH (commit_interval = '5 ms')`,
		`SELECT * FROM event_copy`, `SELECT w, tx, parts, k, amount FROM event`},
	{`CREATE TABLE flow_copy (id int PRIMARY KEY, total numeric)`, `CREATE SINK flow_sink INTO flow_copy FROM flow WITH (commit_interval = '5 ms')`,
		`SELECT * FROM flow_copy`, `SELECT id, total FROM flow`},
}

// always are queries whose answer is the same in every state that anyone may see.
var always = []struct{ query, want string }{
	{`SELECT sum(balance), count(*) FROM account`, fmt.Sprintf("0\t%d", accounts)},
	{`SELECT s, n FROM total`, fmt.Sprintf("0\t%d", accounts)},
	{`SELECT sum(balance) FROM joined`, "0"},
	{`SELECT count(*) FROM tx_parts WHERE n <> parts`, "0"},
	{`SELECT count(*) FROM log_parts WHERE n <> parts`, "0"},
	{`SELECT count(*) FROM joined_over WHERE balance <> coalesce(total, 0)`, "0"},
	{`SELECT count(*) FROM account a LEFT JOIN flow f ON f.id = a.id WHERE a.balance <> coalesce(f.total, 0)`, "0"},
	{`SELECT count(*) FROM (SELECT w, tx FROM event GROUP BY w, tx, parts HAVING count(*) <> parts) x`, "0"},
	{`SELECT count(*) FROM (SELECT w, tx FROM event_copy GROUP BY w, tx, parts HAVING count(*) <> parts) x`, "0"},
}

// past are queries that are asked AS OF a time, and asked again after the kill.
var past = []string{
	`SELECT * FROM by_k`, `SELECT * FROM account`, `SELECT * FROM kv`, `SELECT * FROM top`, `SELECT * FROM total`,
	`SELECT count(*), sum(amount) FROM event`, `SELECT w, count(*), sum(x) FROM log GROUP BY w`, `SELECT * FROM per_window`,
	`SELECT * FROM extremes`, `SELECT * FROM joined_over`,
}
