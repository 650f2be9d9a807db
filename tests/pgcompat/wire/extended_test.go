package wire

import (
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// TestExtended is the extended protocol's edges.
func TestExtended(t *testing.T) {
	compare(t, []Script{
		{Name: "an unknown oid", Differs: "the type is needed only where the parameter is used", Messages: messages{parse("", "SELECT $1", 999999), syncing}},
		{Name: "oid 0 is inferred", Messages: messages{parse("", "SELECT $1::int, $2", 0, 0), statement(""), syncing}},
		{Name: "more oids than parameters", Messages: messages{parse("", "SELECT $1", 23, 25, 1700), statement(""), syncing}},
		{Name: "a parameter that is not determined", Messages: messages{parse("", "SELECT $2::int"), statement(""), syncing}},
		{Name: "an oid that contradicts", Messages: messages{parse("", "SELECT $1 + 1", 25), statement(""), syncing}},
		{Name: "too few parameters", Messages: messages{parse("", "SELECT $1::int + $2::int"), bind("", "", "1"), execute("", 0), syncing}},
		{Name: "too many parameters", Messages: messages{parse("", "SELECT $1::int"), bind("", "", "1", "2"), execute("", 0), syncing}},
		{Name: "too many parameters of a named one", Messages: messages{parse("x", "SELECT $1::int"), bind("", "x", "1", "2"), syncing}},
		{Name: "parameter formats of a wrong count", Messages: messages{parse("", "SELECT $1::int, $2::int, $3::int"),
			&pgproto3.Bind{ParameterFormatCodes: []int16{0, 0}, Parameters: [][]byte{[]byte("1"), []byte("2"), []byte("3")}}, syncing}},
		{Name: "result formats of a wrong count", Messages: messages{parse("", "SELECT 1, 2, 3"), &pgproto3.Bind{ResultFormatCodes: []int16{0, 0}}, execute("", 0), syncing}},
		{Name: "a format code that is none", Messages: messages{parse("", "SELECT $1::int"), &pgproto3.Bind{ParameterFormatCodes: []int16{7}, Parameters: [][]byte{[]byte("1")}}, syncing}},
		{Name: "a result format that is none", Differs: "formats are checked when they come", Messages: messages{parse("", "SELECT 1"), &pgproto3.Bind{ResultFormatCodes: []int16{7}}, portal(""), execute("", 0), syncing}},
		{Name: "one result format for all", Messages: messages{parse("", "SELECT 1, 2::bigint, 'a'"), &pgproto3.Bind{ResultFormatCodes: []int16{1}}, portal(""), execute("", 0), syncing}},
		{Name: "result formats of a statement without rows", Messages: messages{parse("", "SET search_path = public"), &pgproto3.Bind{ResultFormatCodes: []int16{1, 1}}, portal(""), execute("", 0), syncing}},
		{Name: "one result format of a statement without rows", Messages: messages{parse("", "SET search_path = public"), &pgproto3.Bind{ResultFormatCodes: []int16{1}}, portal(""), execute("", 0), syncing}},
		{Name: "a binary int of a wrong length", Differs: "there is one error for binary values of a wrong length", Messages: messages{parse("", "SELECT $1::int"), &pgproto3.Bind{ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{0, 1}}}, execute("", 0), syncing}},
		{Name: "a binary int that is too long", Differs: "there is one error for binary values of a wrong length", Messages: messages{parse("", "SELECT $1::int"), &pgproto3.Bind{ParameterFormatCodes: []int16{1}, Parameters: [][]byte{{0, 0, 0, 0, 1}}}, execute("", 0), syncing}},
		{Name: "a text that is no int", Messages: messages{parse("", "SELECT $1::int"), bind("", "", "x"), execute("", 0), syncing}},
		{Name: "a text that is no int, in a named portal", Messages: messages{parse("s", "SELECT $1::int"), bind("p", "s", "x"), execute("", 0), syncing}},
		{Name: "NULL", Messages: messages{parse("", "SELECT $1::int, $2::text IS NULL, $3::int[]"), bind("", "", nil, nil, nil), execute("", 0), syncing}},
		{Name: "a portal ends with Sync", Messages: messages{parse("s", "SELECT g FROM generate_series(1,5) g"), bind("p", "s"), execute("p", 2), syncing, execute("p", 2), syncing}},
		{Name: "a portal lives in its transaction", Messages: messages{query("BEGIN"), parse("s", "SELECT g FROM generate_series(1,5) g"), bind("p", "s"), execute("p", 2), syncing, execute("p", 2), syncing, execute("p", 2), execute("p", 2), syncing, query("COMMIT"), execute("p", 1), syncing}},
		{Name: "rows that end at the limit", Messages: messages{parse("", "SELECT g FROM generate_series(1,4) g"), bind("", ""), execute("", 2), execute("", 2), execute("", 2), execute("", 0), syncing}},
		{Name: "Close of a suspended portal", Messages: messages{parse("", "SELECT g FROM generate_series(1,4) g"), bind("p", ""), execute("p", 2), closing('P', "p"), execute("p", 2), syncing}},
		{Name: "a finished portal again", Messages: messages{parse("", "SELECT 1"), bind("", ""), execute("", 0), execute("", 0), syncing}},
		{Name: "an INSERT again", Messages: messages{query("BEGIN"), parse("", "INSERT INTO plain VALUES (1, 'a', 1)"), bind("", ""), execute("", 0), execute("", 0), syncing, query("ROLLBACK")}},
		{Name: "INSERT RETURNING with a limit", Messages: messages{query("BEGIN"), parse("", "INSERT INTO plain SELECT g FROM generate_series(1,3) g RETURNING a"), bind("", ""), execute("", 2), execute("", 2), execute("", 0), syncing, query("ROLLBACK")}},
		{Name: "INSERT with a limit", Messages: messages{query("BEGIN"), parse("", "INSERT INTO plain SELECT g FROM generate_series(1,3) g"), bind("", ""), execute("", 2), syncing, query("ROLLBACK")}},
		{Name: "the unnamed statement replaced", Messages: messages{parse("", "SELECT 1"), parse("", "SELECT 2"), bind("", ""), execute("", 0), syncing}},
		{Name: "the unnamed statement survives Sync", Messages: messages{parse("", "SELECT 1"), syncing, bind("", ""), execute("", 0), syncing}},
		{Name: "the unnamed statement ends with Query", Messages: messages{parse("", "SELECT 1"), syncing, query("SELECT 2"), bind("", ""), execute("", 0), syncing}},
		{Name: "the unnamed statement after a failed Parse", Messages: messages{parse("", "SELECT 1"), syncing, parse("", "SELEC"), syncing, bind("", ""), execute("", 0), syncing}},
		{Name: "a statement twice", Messages: messages{parse("s", "SELECT 1"), parse("s", "SELECT 2"), syncing, bind("", "s"), execute("", 0), syncing}},
		{Name: "a portal twice", Messages: messages{parse("s", "SELECT 1"), bind("p", "s"), bind("p", "s"), syncing}},
		{Name: "no such statement", Messages: messages{bind("", "none"), syncing, statement("none"), syncing, closing('S', "none"), syncing}},
		{Name: "no such unnamed statement", Messages: messages{bind("", ""), syncing, statement(""), syncing}},
		{Name: "no such portal", Messages: messages{portal("none"), syncing, execute("none", 0), syncing, closing('P', "none"), syncing, execute("", 0), syncing, portal(""), syncing}},
		{Name: "closing a statement ends its portals", Messages: messages{parse("s", "SELECT 1"), bind("p", "s"), closing('S', "s"), execute("p", 0), syncing}},
		{Name: "Flush", Messages: messages{parse("", "SELECT 1"), flush, bind("", ""), flush, execute("", 0), flush, syncing}},
		{Name: "an error skips to Sync", Messages: messages{parse("", "SELECT 1/0"), bind("", ""), execute("", 0), parse("x", "SELECT 1"), bind("", "x"), execute("", 0), syncing, bind("", "x"), syncing}},
		{Name: "an error takes the pipeline's INSERT back", Messages: messages{
			parse("i", "INSERT INTO plain VALUES ($1, 'pipeline', 0)"), bind("", "i", "1"), execute("", 0), bind("", "i", "x"), execute("", 0), syncing,
			query("SELECT count(*) FROM plain WHERE b = 'pipeline'")}},
		{Name: "a Query within an error's pipeline is skipped", Messages: messages{parse("", "SELEC"), query("SELECT 5"), syncing}},
		{Name: "Syncs without anything", Messages: messages{syncing, syncing, flush, syncing}},
		{Name: "an empty query", Messages: messages{query(""), query("  ;; -- nothing"), parse("", ""), statement(""), bind("", ""), portal(""), execute("", 0), syncing}},
		{Name: "two statements in one Parse", Messages: messages{parse("", "SELECT 1; SELECT 2"), syncing}},
		{Name: "one statement and semicolons", Messages: messages{parse("", ";SELECT 1;;"), bind("", ""), execute("", 0), syncing}},
		{Name: "Close of a wrong kind", Messages: messages{closing('Z', ""), syncing}},
		{Name: "Describe of a wrong kind", Messages: messages{&pgproto3.Describe{ObjectType: 'Z'}, syncing}},
		{Name: "the function call message", Messages: messages{&pgproto3.FunctionCall{Function: 1598}, syncing}},
		{Name: "COPY data outside of COPY", Messages: messages{data("x\n"), done, &pgproto3.CopyFail{Message: "x"}, query("SELECT 1")}},
		{Name: "statements in a failed transaction", Messages: messages{query("BEGIN; SELECT 1/0"), parse("", "SELECT 1"), syncing, parse("", "ROLLBACK"), bind("", ""), execute("", 0), syncing}},
		{Name: "Bind in a failed transaction", Messages: messages{parse("s", "SELECT 1"), syncing, query("BEGIN; SELECT 1/0"), bind("", "s"), execute("", 0), syncing, query("ROLLBACK")}},
		{Name: "BEGIN and COMMIT in a pipeline", Messages: messages{
			parse("", "BEGIN"), bind("", ""), execute("", 0), parse("", "INSERT INTO plain VALUES (7, 'inner', 0)"), bind("", ""), execute("", 0), parse("", "COMMIT"), bind("", ""), execute("", 0),
			parse("", "SELECT 1/0"), bind("", ""), execute("", 0), syncing, query("SELECT count(*) FROM plain WHERE b = 'inner'")}},
		{Name: "FETCH from no cursor", Differs: "a cursor must exist when its FETCH is prepared", Messages: messages{parse("", "FETCH 1 FROM c"), statement(""), syncing}},
		{Name: "EXECUTE of no statement", Differs: "a statement must exist when its EXECUTE is prepared", Messages: messages{parse("", "EXECUTE nothing"), statement(""), syncing}},
		{Name: "PREPARE and the protocol share names", Messages: messages{query("PREPARE q AS SELECT $1::int + 1"), bind("", "q", "2"), execute("", 0), statement("q"), syncing, parse("r", "SELECT 9"), syncing, query("EXECUTE r"), query("DEALLOCATE r"), bind("", "r"), syncing, query("DEALLOCATE ALL"), bind("", "q"), syncing}},
		{Name: "a cursor's portal", Messages: messages{query("BEGIN; DECLARE c CURSOR FOR SELECT g FROM generate_series(1,5) g"), portal("c"), execute("c", 2), syncing, query("FETCH 1 FROM c"), query("CLOSE c; COMMIT")}},
		{Name: "a portal as a cursor", Messages: messages{query("BEGIN"), parse("", "SELECT g FROM generate_series(1,5) g"), bind("p", ""), execute("p", 1), syncing, query("FETCH 2 FROM p"), query("CLOSE p"), execute("p", 1), syncing, query("ROLLBACK")}},
		{Name: "a table that changed under a statement", Messages: messages{query("CREATE TABLE moving (a int)"), parse("s", "SELECT * FROM moving"), syncing, query("ALTER TABLE moving ADD COLUMN b int"), bind("", "s"), execute("", 0), syncing, query("DROP TABLE moving"), bind("", "s"), execute("", 0), syncing}},
	})
}

// TestDescribe describes each kind of statement, and runs it.
func TestDescribe(t *testing.T) {
	var scripts []Script
	for _, sql := range []string{
		"SELECT * FROM keyed", "SELECT id + 1, name, n AS m FROM keyed k", "TABLE keyed", "VALUES (1, 'a'), (2, NULL)", "WITH x AS (SELECT 1 AS a) SELECT * FROM x",
		"INSERT INTO plain VALUES ($1, $2, $3)", "INSERT INTO plain(b) VALUES ($1) RETURNING *", "UPDATE keyed SET name = $1 WHERE id = $2", "UPDATE keyed SET n = n + $1 RETURNING n",
		"DELETE FROM keyed WHERE id = $1", "DELETE FROM keyed WHERE name = $1 RETURNING id, name", "SELECT FROM keyed", "SELECT $1 LIMIT $2", "SELECT * FROM keyed WHERE id = ANY($1)",
		"SELECT * FROM keyed WHERE name LIKE $1 AND n BETWEEN $2 AND $3", "SELECT coalesce($1, 1), $2 || 'x', CASE WHEN $3 THEN 1 END",
		"CREATE TABLE described (a int)", "CREATE VIEW described AS SELECT 1", "BEGIN", "COMMIT", "ROLLBACK", "SET application_name = 'x'", "SET LOCAL statement_timeout = 0", "RESET ALL",
		"SHOW search_path", "SHOW ALL", "SHOW transaction_isolation", "EXPLAIN SELECT 1", "EXPLAIN (FORMAT JSON) SELECT 1", "PREPARE described_p AS SELECT 1", "DEALLOCATE ALL", "DISCARD ALL", "LISTEN x", "UNLISTEN *", "NOTIFY x", "CHECKPOINT",
		"DECLARE c CURSOR FOR SELECT 1", "CLOSE c", "CLOSE ALL", "SAVEPOINT a", "RELEASE a", "VACUUM", "ANALYZE", "ANALYZE keyed", "TRUNCATE plain", "LOCK TABLE keyed", "COMMENT ON TABLE keyed IS 'x'",
		"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "START TRANSACTION READ ONLY", "DO 'x'", "COPY keyed TO STDOUT", "GRANT SELECT ON keyed TO postgres",
		"ALTER TABLE keyed ADD COLUMN z int", "DROP TABLE nothing", "DROP TABLE IF EXISTS nothing", "CREATE TABLE IF NOT EXISTS keyed (a int)", "REINDEX TABLE keyed", "CALL nothing()", "CREATE INDEX ON keyed(n)",
		"SELECT pg_sleep(0)", "SELECT 1 INTO described_into", "CREATE TABLE described_as AS SELECT 1 AS a", "CREATE TEMP TABLE described_temp (a int)", "CREATE SCHEMA described_schema", "CREATE SEQUENCE described_seq",
	} {
		scripts = append(scripts, Script{Name: sql, Messages: messages{parse("s", sql), statement("s"), syncing}})
	}
	for _, sql := range []string{
		"BEGIN", "COMMIT", "ROLLBACK", "SET application_name = 'x'", "SET LOCAL statement_timeout = 0", "SHOW search_path", "DEALLOCATE ALL", "DISCARD ALL", "LISTEN x", "UNLISTEN *", "CLOSE ALL", "SAVEPOINT a", "RELEASE a", "VACUUM", "ANALYZE keyed",
		"LOCK TABLE keyed", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "DROP TABLE IF EXISTS nothing", "CREATE TABLE IF NOT EXISTS keyed (a int)", "ROLLBACK TO a", "RESET ALL", "SELECT FROM keyed",
		"COMMIT AND CHAIN", "ABORT", "END", "PREPARE TRANSACTION 'x'", "UPDATE keyed SET n = 1 WHERE id = 99", "DELETE FROM keyed WHERE id = 99", "DECLARE c CURSOR FOR SELECT 1", "SET nothing.ever = 'x'", "SET nothing_ever = 'x'", "SHOW nothing.ever", "SET statement_timeout = 'x'",
	} {
		scripts = append(scripts, Script{Name: "run " + sql, Messages: messages{parse("", sql), bind("", ""), portal(""), execute("", 0), syncing}},
			Script{Name: "simply " + sql, Messages: messages{query(sql)}})
	}
	compare(t, scripts)
}
