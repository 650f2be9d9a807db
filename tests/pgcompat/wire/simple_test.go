package wire

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestSimple is the simple protocol: several statements, transactions, errors.
func TestSimple(t *testing.T) {
	one := func(name string, sqls ...string) Script {
		s := Script{Name: name}
		for _, q := range sqls {
			s.Messages = append(s.Messages, query(q))
		}
		return s
	}
	compare(t, []Script{
		one("several", "SELECT 1; SELECT 'a', NULL; SHOW search_path"),
		one("an error in the middle", "INSERT INTO plain VALUES (1, 'mid', 1); SELECT 1/0; SELECT 2", "SELECT count(*) FROM plain WHERE b = 'mid'"),
		one("BEGIN and COMMIT inside", "INSERT INTO plain VALUES (1, 'out', 1); BEGIN; INSERT INTO plain VALUES (1, 'in', 1); COMMIT; SELECT 1/0", "SELECT b, count(*) FROM plain WHERE b IN ('in', 'out') GROUP BY b ORDER BY b"),
		one("COMMIT, more, error", "BEGIN; INSERT INTO plain VALUES (1, 'k1', 1); COMMIT; INSERT INTO plain VALUES (1, 'k2', 1); SELECT 1/0", "SELECT b FROM plain WHERE b LIKE 'k_' ORDER BY b"),
		one("ROLLBACK inside", "INSERT INTO plain VALUES (1, 'r1', 1); ROLLBACK; INSERT INTO plain VALUES (1, 'r2', 1)", "SELECT b FROM plain WHERE b LIKE 'r_' ORDER BY b"),
		one("COMMIT inside", "INSERT INTO plain VALUES (1, 'c1', 1); COMMIT; SELECT 1/0", "SELECT b FROM plain WHERE b = 'c1'"),
		one("an open BEGIN", "BEGIN; SELECT 1", "SELECT 1/0", "SELECT 1", "COMMIT", "SELECT 1"),
		one("savepoints", "BEGIN", "INSERT INTO plain VALUES (1, 's1', 1)", "SAVEPOINT a", "SELECT 1/0", "SELECT 1", "ROLLBACK TO a", "SELECT b FROM plain WHERE b = 's1'", "ROLLBACK TO none", "ROLLBACK"),
		one("warnings", "COMMIT", "ROLLBACK", "BEGIN", "BEGIN", "COMMIT", "SAVEPOINT a", "SET LOCAL statement_timeout = 0", "SELECT 1; COMMIT", "SELECT 1; SAVEPOINT a"),
		one("a syntax error says nothing before", "SELECT 1; SELEC 2"),
		one("positions", "SELECT nocolumn FROM keyed", "SELECT * FROM notable", "SELECT nofunc(1)", "SELECT 'é' || nocolumn FROM keyed", "SELECT 1 FROM keyed WHERE", "SELECT 'abc", "SELECT \"abc", "SELECT 1 + 'x'", "SELECT 1; SELECT nothing",
			"SELECT 1::nothing", "INSERT INTO keyed(id, nothing) VALUES (1, 2)", "INSERT INTO keyed(id) VALUES (1, 2)", "SELECT id FROM keyed GROUP BY n", "SELECT 'x'::int", "SELECT '2020-13-01'::date", "SELECT true + 1", "SELECT 1 ORDER BY 5", "SELECT k.z FROM keyed k", "UPDATE keyed SET zz = 1", "SELECT id FROM keyed a, keyed b"),
		one("constraints", "INSERT INTO keyed VALUES (1, 'again', 1)", "INSERT INTO keyed VALUES (9, NULL, 1)", "INSERT INTO keyed VALUES (9, 'x', 0)", "INSERT INTO keyed VALUES (NULL, 'x', 1)", "INSERT INTO keyed VALUES (9, 'much too long', 1)", "UPDATE keyed SET n = -1 WHERE id = 2", "UPDATE keyed SET id = 1 WHERE id = 2", "UPDATE keyed SET name = NULL", "INSERT INTO plain VALUES (1, 'x', 123456)", "INSERT INTO plain VALUES (99999999999)", "INSERT INTO keyed VALUES (8, 'a', 1), (8, 'b', 1)"),
		one("existing and missing", "CREATE TABLE keyed (a int)", "CREATE TABLE IF NOT EXISTS keyed (a int)", "DROP TABLE nothing", "DROP TABLE IF EXISTS nothing", "DROP VIEW keyed", "CREATE TABLE twice (a int, a int)", "SELECT * FROM nothing.keyed", "ALTER TABLE keyed ADD COLUMN n int", "ALTER TABLE keyed DROP COLUMN nothing"),
		one("settings that are reported", "SET application_name = 'me'", "SET DateStyle = 'ISO, DMY'", "SET TimeZone = 'Europe/Berlin'", "SET IntervalStyle = 'iso_8601'", "SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on", "RESET application_name", "BEGIN", "SET LOCAL TimeZone = 'UTC'", "ROLLBACK", "SELECT set_config('application_name', 'by function', false)", "BEGIN; SET application_name = 'lost'; ROLLBACK", "SET extra_float_digits = 3", "SET default_transaction_read_only = on", "RESET DateStyle", "SET TimeZone = 'UTC'"),
		one("read only", "BEGIN READ ONLY", "INSERT INTO plain VALUES (1)", "ROLLBACK", "SET default_transaction_read_only = on", "SHOW transaction_read_only", "INSERT INTO plain VALUES (1)", "CREATE TABLE ro (a int)"),
		one("tags", "CREATE TABLE tagged (a int)", "INSERT INTO tagged VALUES (1), (2)", "UPDATE tagged SET a = 3", "DELETE FROM tagged", "SELECT 1 WHERE false", "TRUNCATE tagged", "CREATE VIEW tagged_v AS SELECT * FROM tagged", "CREATE OR REPLACE VIEW tagged_v AS SELECT * FROM tagged", "ALTER TABLE tagged ADD COLUMN b int", "DROP VIEW tagged_v", "DROP TABLE tagged", "CREATE SCHEMA sch", "DROP SCHEMA sch", "BEGIN ISOLATION LEVEL REPEATABLE READ", "END", "START TRANSACTION", "ABORT"),
		one("statement_timeout", "SET statement_timeout = '50ms'", "SELECT pg_sleep(10)", "SELECT 1", "SET statement_timeout = 0", "SELECT pg_sleep(0.1)"),
		one("statement_timeout of a string", "SET statement_timeout = '300ms'", "SELECT pg_sleep(0.2); SELECT pg_sleep(0.2); SELECT 1"),
		one("NUL and bad UTF-8", "SELECT '\xff'", "SELECT 1 \xc3("),
		{Name: "Terminate", Messages: messages{query("SELECT 1"), &pgproto3.Terminate{}, query("SELECT 2")}},
	})
}

// TestCopy is COPY in both protocols.
func TestCopy(t *testing.T) {
	const in = "COPY plain FROM STDIN"
	fail := &pgproto3.CopyFail{Message: "no more"}
	count := query("SELECT count(*), sum(a) FROM plain")
	compare(t, []Script{
		{Name: "in", Messages: messages{query(in), data("1\ta\t2.5\n2\t\\N\t\\N\n"), done, count}},
		{Name: "in, cut anywhere", Messages: messages{query(in), data("1\t"), data("a\t2.5"), data("\n2\tb"), data("\t3\n"), done, count}},
		{Name: "in, no newline at the end", Messages: messages{query(in), data("1\ta\t2.5"), done, count}},
		{Name: "in, end marker", Messages: messages{query(in), data("1\ta\t2.5\n\\.\nrest\n"), done, count}},
		{Name: "in, nothing", Messages: messages{query(in), done, count}},
		{Name: "CopyFail", Messages: messages{query(in), data("1\ta\t2.5\n"), fail, count}},
		{Name: "too few columns", Messages: messages{query(in), data("1\ta\t2.5\n2\n"), done, count}},
		{Name: "too many columns", Messages: messages{query(in), data("1\ta\t2.5\tx\n"), done, count}},
		{Name: "no int", Messages: messages{query(in), data("1\ta\t2.5\nx\ta\t2\n"), data("1\t2\t3\n"), done, count}},
		{Name: "NOT NULL", Messages: messages{query("COPY keyed FROM STDIN"), data("50\t\\N\t1\n"), done}},
		{Name: "CHECK", Messages: messages{query("COPY keyed FROM STDIN"), data("50\tx\t0\n"), done}},
		{Name: "a duplicate key", Messages: messages{query("COPY keyed FROM STDIN"), data("50\tx\t1\n50\ty\t1\n"), done}},
		{Name: "a duplicate key of the table", Messages: messages{query("COPY keyed FROM STDIN"), data("1\tx\t1\n"), done}},
		{Name: "too long", Messages: messages{query("COPY keyed FROM STDIN"), data("50\tmuch too long\t1\n"), done}},
		{Name: "columns", Messages: messages{query("COPY plain (c, a) FROM STDIN"), data("1\t2\n"), done, count}},
		{Name: "errors before it", Messages: messages{query("COPY nothing FROM STDIN"), query("COPY plain (z) FROM STDIN"), query("COPY plain (a, a) FROM STDIN"), query("COPY plain FROM STDIN (FORMAT xml)"), query("COPY plain FROM STDIN (NOTHING)"), query("COPY plain FROM STDIN (FORMAT csv, FORMAT csv)"), query("COPY plain FROM STDIN (QUOTE 'x')"), query("COPY plain FROM STDIN (DELIMITER 'xx')"), query("COPY plain TO STDOUT (FORCE_NULL (a))")}},
		{Name: "csv", Messages: messages{query("COPY plain FROM STDIN (FORMAT csv, HEADER)"), data("a,b,c\n1,\"x,\"\"y\",\n2,,3\n"), done, query("COPY (SELECT * FROM plain WHERE a < 3 ORDER BY a, b, c) TO STDOUT (FORMAT csv, HEADER)")}},
		{Name: "csv, open quote", Messages: messages{query("COPY plain FROM STDIN CSV"), data("1,\"x\n"), done, count}},
		{Name: "wrong message", Differs: "the connection ends with one message", Messages: messages{query(in), data("1\ta\t2.5\n"), parse("", "SELECT 1"), syncing}},
		{Name: "Query in it", Differs: "the connection ends with one message", Messages: messages{query(in), query("SELECT 1")}},
		{Name: "Flush and Sync in it", Messages: messages{query(in), flush, syncing, data("1\ta\t2.5\n"), flush, done, count}},
		{Name: "several statements", Messages: messages{query("SELECT 1; " + in + "; SELECT 2"), data("1\ta\t2.5\n"), done, count}},
		{Name: "two COPY in one string", Messages: messages{query(in + ";" + in), data("1\ta\t2.5\n"), done, data("2\ta\t2.5\n"), done, count}},
		{Name: "several statements, COPY fails", Messages: messages{query("INSERT INTO plain VALUES (1000); " + in + "; SELECT 2"), data("1\ta\t2.5\n"), fail, count}},
		{Name: "extended", Messages: messages{parse("", in), statement(""), bind("", ""), portal(""), execute("", 0), data("1\ta\t2.5\n"), done, syncing, count}},
		{Name: "extended, Sync ahead", Messages: messages{parse("", in), bind("", ""), execute("", 0), syncing, data("1\ta\t2.5\n"), done, syncing, count}},
		{Name: "extended, CopyFail", Messages: messages{parse("", in), bind("", ""), execute("", 0), data("1\ta\t2.5\n"), fail, syncing, count}},
		{Name: "extended, wrong line", Messages: messages{parse("", in), bind("", ""), execute("", 0), data("x\ta\t2.5\n"), done, parse("", "SELECT 1"), syncing, count}},
		{Name: "in a transaction", Messages: messages{query("BEGIN"), query(in), data("x\n"), done, query("SELECT 1"), query("ROLLBACK"), count}},
		{Name: "out", Messages: messages{query("COPY (SELECT 1, 'a\tb\\c', NULL) TO STDOUT"), query("COPY (SELECT 1, 'a,b', NULL, '') TO STDOUT CSV"), query("COPY keyed (name) TO STDOUT"), query("COPY (SELECT 1 WHERE false) TO STDOUT")}},
		{Name: "out, an error in it", Differs: "rows are computed by the thousand", Messages: messages{query("COPY (SELECT 1/(3-g) FROM generate_series(1,5) g) TO STDOUT")}},
		{Name: "out, extended", Messages: messages{parse("", "COPY (SELECT 1) TO STDOUT"), statement(""), bind("", ""), portal(""), execute("", 0), syncing}},
		{Name: "out, extended, a limit", Messages: messages{parse("", "COPY (SELECT g FROM generate_series(1,3) g) TO STDOUT"), bind("", ""), execute("", 1), execute("", 0), syncing}},
		{Name: "binary out", Messages: messages{query("COPY (SELECT 1::int2, 2::int4, 3::int8, 1.5::float8, 1.25::numeric, 'a'::text, NULL, true, '2020-01-02'::date, ARRAY[1,NULL,3], '{\"a\": 1}'::jsonb, '\\x01'::bytea) TO STDOUT BINARY"), query("COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)")}},
		{Name: "binary in", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x01q\xff\xff"), done, count}},
		{Name: "binary in, no signature", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("1\t2\n"), done, count}},
		{Name: "binary in, cut", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00"), done, count}},
		{Name: "binary in, no trailer", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x01q"), done, count}},
		{Name: "binary in, a wrong count of fields", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x07\xff\xff"), done, count}},
		{Name: "binary in, a wrong length", Differs: "there is one error for binary values of a wrong length", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02\x00\x07\x00\x00\x00\x01q\xff\xff"), done, count}},
		{Name: "binary in, oids", Messages: messages{query("COPY plain (a, b) FROM STDIN (FORMAT binary)"), data("PGCOPY\n\xff\r\n\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff"), done, count}},
	})
}

// TestStartup is what may stand in a startup packet.
func TestStartup(t *testing.T) {
	show := messages{query("SHOW statement_timeout"), query("SHOW application_name")}
	compare(t, []Script{
		{Name: "options", Startup: map[string]string{"options": "-c statement_timeout=1234 --application_name=o\\ p"}, Messages: show},
		{Name: "a setting", Startup: map[string]string{"statement_timeout": "4321", "application_name": "me"}, Messages: show},
		{Name: "a setting that is unknown", Startup: map[string]string{"nothing_ever": "1"}, Messages: show},
		{Name: "a setting in options that is unknown", Startup: map[string]string{"options": "-c nothing_ever=1"}, Messages: show},
		{Name: "a setting with a dot", Startup: map[string]string{"my.own": "1"}, Messages: messages{query("SHOW my.own")}},
		{Name: "a wrong value", Startup: map[string]string{"statement_timeout": "x"}, Messages: show},
		{Name: "options without a value", Startup: map[string]string{"options": "-c statement_timeout"}, Messages: show},
		{Name: "options that are none", Startup: map[string]string{"options": "nothing"}, Messages: show},
		{Name: "client_encoding", Startup: map[string]string{"client_encoding": "utf-8"}, Messages: messages{query("SHOW client_encoding")}},
		{Name: "client_encoding that is none", Startup: map[string]string{"client_encoding": "nothing"}, Messages: messages{query("SHOW client_encoding")}},
		{Name: "protocol 3.2", Protocol: 3<<16 | 2, Messages: show},
		{Name: "a protocol option", Startup: map[string]string{"_pq_.nothing": "1"}, Messages: show},
		{Name: "protocol 4.0", Protocol: 4 << 16},
		{Name: "no such database", Startup: map[string]string{"database": "nothing"}},
		{Name: "RESET goes back to the startup packet", Startup: map[string]string{"application_name": "me", "statement_timeout": "77"}, Messages: messages{query("SET application_name = 'x'; SET statement_timeout = 5"), query("RESET application_name; RESET statement_timeout"), query("SHOW application_name"), query("SHOW statement_timeout"), query("SET application_name = 'y'"), query("DISCARD ALL"), query("SHOW application_name")}},
	})
}
