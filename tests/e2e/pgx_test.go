package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func connect(t *testing.T, at address) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, at.dsn())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func mustExec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// remake drops what a test on a shared server may have left.
func remake(t *testing.T, conn *pgx.Conn, table, columns string) {
	t.Helper()
	mustExec(t, conn, "DROP TABLE IF EXISTS "+table)
	mustExec(t, conn, "CREATE TABLE "+table+" ("+columns+")")
}

func wantCode(t *testing.T, err error, code string) *pgconn.PgError {
	t.Helper()
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	return e
}

// TestPgxModes asks the same in each way that pgx has: prepared and cached,
// described each time, unnamed, and in the simple protocol.
func TestPgxModes(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		t.Run(mode.String(), func(t *testing.T) {
			for i := range 3 {
				var n int64
				var s string
				var when time.Time
				var null *string
				err := conn.QueryRow(ctx, "SELECT $1::int8 + 1, $2::text || '!', $3::timestamptz, $4::text", mode, int64(i), "é", time.Date(2026, 3, 1, 10, 0, 0, 1000, time.UTC), nil).
					Scan(&n, &s, &when, &null)
				if err != nil {
					t.Fatal(err)
				}
				if n != int64(i)+1 || s != "é!" || !when.Equal(time.Date(2026, 3, 1, 10, 0, 0, 1000, time.UTC)) || null != nil {
					t.Fatal(n, s, when, null)
				}
			}
		})
	}
}

// TestPgxTypes sends each type in binary and gets it back.
func TestPgxTypes(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	remake(t, conn, "typed", "id int4 PRIMARY KEY, a bool, b int2, c int4, d int8, e float4, f float8, g numeric(18,2), h text, i bytea, j date, k timestamp, l timestamptz, m uuid, n jsonb, o int8[], p text[], q varchar(10)")
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	noon := day.Add(12*time.Hour + 34*time.Microsecond)
	mustExec(t, conn, "INSERT INTO typed VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)",
		1, true, int16(-7), int32(1<<30), int64(-1<<62), float32(1.25), 0.1, "12.50", "tab\tand 'quote'", []byte{0, 255, '\\'}, day, noon, noon,
		"00112233-4455-6677-8899-aabbccddeeff", map[string]any{"a": []int{1, 2}}, []int64{1, -2}, []string{"x", `"y`}, "ten chars!")
	mustExec(t, conn, "INSERT INTO typed (id) VALUES (2)")
	var (
		b       bool
		i2      int16
		i4      int32
		i8      int64
		f4      float32
		f8      float64
		num     string
		s, v    string
		raw     []byte
		dt, ts  time.Time
		tz      time.Time
		uuid    [16]byte
		doc     map[string]any
		ints    []int64
		strs    []string
		nothing [17]any
	)
	err := conn.QueryRow(ctx, "SELECT a,b,c,d,e,f,g::text,h,i,j,k,l,m,n,o,p,q FROM typed WHERE id = $1", 1).
		Scan(&b, &i2, &i4, &i8, &f4, &f8, &num, &s, &raw, &dt, &ts, &tz, &uuid, &doc, &ints, &strs, &v)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(b, i2, i4, i8, f4, f8, num, s, raw, dt.Equal(day), ts.Equal(noon), tz.Equal(noon), uuid[0], uuid[15], doc, ints, strs, v)
	want := fmt.Sprint(true, -7, 1<<30, -1<<62, 1.25, 0.1, "12.50", "tab\tand 'quote'", []byte{0, 255, '\\'}, true, true, true, 0, 255, map[string]any{"a": []any{1.0, 2.0}}, []int64{1, -2}, []string{"x", `"y`}, "ten chars!")
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	into := make([]any, len(nothing))
	for i := range nothing {
		into[i] = &nothing[i]
	}
	if err := conn.QueryRow(ctx, "SELECT a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q FROM typed WHERE id = 2").Scan(into...); err != nil {
		t.Fatal(err)
	}
	for i, x := range nothing {
		if x != nil {
			t.Errorf("column %d: %v, want NULL", i, x)
		}
	}
}

// TestPgxTransactions: what is rolled back is gone, a failed block says so.
func TestPgxTransactions(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	other := connect(t, at)
	remake(t, conn, "acc", "id int8 PRIMARY KEY, n int8 NOT NULL")
	count := func(c *pgx.Conn) (n int) {
		t.Helper()
		if err := c.QueryRow(ctx, "SELECT count(*) FROM acc").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO acc VALUES (1, 1), (2, 2)"); err != nil {
		t.Fatal(err)
	}
	if n := count(other); n != 0 {
		t.Fatalf("%d rows seen before the commit", n)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if n := count(conn); n != 0 {
		t.Fatalf("%d rows after the rollback", n)
	}
	tx, err = conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO acc VALUES (3, NULL)")
	wantCode(t, err, "23502")
	_, err = tx.Exec(ctx, "SELECT 1")
	wantCode(t, err, "25P02")
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	tx, err = conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO acc VALUES (4, 4)"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n := count(other); n != 1 {
		t.Fatalf("%d rows after the commit", n)
	}
	_, err = conn.Exec(ctx, "INSERT INTO acc VALUES (4, 5)")
	wantCode(t, err, "23505")
}

// TestPgxPipeline sends several statements before it reads an answer; after the
// one that fails nothing runs until the next Sync.
func TestPgxPipeline(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	remake(t, conn, "piped", "id int8 PRIMARY KEY")
	batch := &pgx.Batch{}
	for i := range 50 {
		batch.Queue("INSERT INTO piped VALUES ($1)", i)
	}
	batch.Queue("SELECT count(*) FROM piped")
	res := conn.SendBatch(ctx, batch)
	for range 50 {
		if _, err := res.Exec(); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := res.QueryRow().Scan(&n); err != nil || n != 50 {
		t.Fatal(n, err)
	}
	if err := res.Close(); err != nil {
		t.Fatal(err)
	}
	batch = &pgx.Batch{}
	batch.Queue("INSERT INTO piped VALUES (100)")
	batch.Queue("SELECT 1/0")
	batch.Queue("INSERT INTO piped VALUES (101)")
	wantCode(t, conn.SendBatch(ctx, batch).Close(), "22012")
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM piped").Scan(&n); err != nil || n != 50 {
		t.Fatalf("%d rows, %v: nothing of a failed pipeline is kept", n, err)
	}
}

// TestPgxCopy copies in and out, in text and csv, and has its errors.
func TestPgxCopy(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	remake(t, conn, "copied", "id int8, amount numeric(18,2), note text")
	var data bytes.Buffer
	const rows = 30000
	for i := range rows {
		fmt.Fprintf(&data, "%d\t%d.%02d\tnote\\t%d\n", i, i, i%100, i)
	}
	in := data.Bytes()
	tag, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(in), "COPY copied FROM STDIN")
	if err != nil || tag.String() != fmt.Sprintf("COPY %d", rows) {
		t.Fatal(tag, err)
	}
	var n int
	var sum string
	if err := conn.QueryRow(ctx, "SELECT count(*), sum(amount)::text FROM copied").Scan(&n, &sum); err != nil || n != rows || sum != "449999850.00" {
		t.Fatal(n, sum, err)
	}
	var out bytes.Buffer
	tag, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT id, amount, note FROM copied ORDER BY id) TO STDOUT")
	if err != nil || tag.String() != fmt.Sprintf("COPY %d", rows) || !bytes.Equal(out.Bytes(), in) {
		t.Fatalf("%s %v, %d bytes out, %d in", tag, err, out.Len(), len(in))
	}
	out.Reset()
	if _, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT 1 AS a, 'x,\"y' AS b, NULL AS c) TO STDOUT (FORMAT csv, HEADER)"); err != nil || out.String() != "a,b,c\n1,\"x,\"\"y\",\n" {
		t.Fatalf("%q %v", out.String(), err)
	}
	for _, c := range []struct{ data, code, where string }{
		{"1\t2\n", "22P04", `COPY copied, line 1: "1	2"`},
		{"1\t2\tx\n1\tabc\tx\n", "22P02", `COPY copied, line 2, column amount: "abc"`},
		{"1\t2\tx\ty\n", "22P04", `COPY copied, line 1: "1	2	x	y"`},
		{"1\t2\t\xff\n", "22021", "COPY copied, line 1"},
	} {
		_, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(strings.Repeat("7\t7\t7\n", 0)+c.data), "COPY copied FROM STDIN")
		if e := wantCode(t, err, c.code); e.Where != c.where {
			t.Errorf("%q: context %q, want %q", c.data, e.Where, c.where)
		}
	}
	_, err = conn.PgConn().CopyFrom(ctx, failing{}, "COPY copied FROM STDIN")
	if err == nil {
		t.Fatal("a failing copy succeeded")
	}
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM copied").Scan(&n); err != nil || n != rows {
		t.Fatalf("%d rows, %v: nothing of a failed COPY is kept", n, err)
	}
}

// TestPgxCopyBinary copies with pgx's own CopyFrom, which is in the binary format,
// out of one table, and into another; both then hold the same.
func TestPgxCopyBinary(t *testing.T) {
	conn, ctx := connect(t, start(t)), testContext(t)
	const columns = "id int8 NOT NULL, amount numeric(18,2), note text, at timestamptz, day date, ok bool, f float8, raw bytea, doc jsonb, tags text[]"
	remake(t, conn, "copied_binary", columns)
	remake(t, conn, "copied_again", columns)
	const rows = 20_000
	when := time.Date(2026, 3, 1, 10, 0, 0, 1000, time.UTC)
	n, err := conn.CopyFrom(ctx, pgx.Identifier{"copied_binary"}, []string{"id", "amount", "note", "at", "day", "ok", "f", "raw", "doc", "tags"},
		pgx.CopyFromSlice(rows, func(i int) ([]any, error) {
			if i%7 == 0 {
				return []any{int64(i), nil, nil, nil, nil, nil, nil, nil, nil, nil}, nil
			}
			return []any{int64(i), fmt.Sprintf("-%d.%02d", i, i%100), "é\t\n", when, when, true, 0.5, []byte{0, 255}, map[string]any{"a": i}, []string{"x", "y z"}}, nil
		}))
	if err != nil || n != rows {
		t.Fatal(n, err)
	}
	var out bytes.Buffer
	tag, err := conn.PgConn().CopyTo(ctx, &out, "COPY copied_binary TO STDOUT (FORMAT binary)")
	if err != nil || tag.String() != fmt.Sprintf("COPY %d", rows) {
		t.Fatal(tag, err)
	}
	if tag, err = conn.PgConn().CopyFrom(ctx, bytes.NewReader(out.Bytes()), "COPY copied_again FROM STDIN WITH BINARY"); err != nil || tag.String() != fmt.Sprintf("COPY %d", rows) {
		t.Fatal(tag, err)
	}
	for _, q := range []string{"SELECT count(*) FROM (SELECT * FROM copied_binary EXCEPT ALL SELECT * FROM copied_again) x", "SELECT count(*) - 20000 FROM copied_again"} {
		var left int
		if err := conn.QueryRow(ctx, q).Scan(&left); err != nil || left != 0 {
			t.Errorf("%s: %d, %v", q, left, err)
		}
	}
	var sum, note string
	if err := conn.QueryRow(ctx, "SELECT sum(amount)::text, min(note) FROM copied_again").Scan(&sum, &note); err != nil || sum != "-171419914.29" || note != "é\t\n" {
		t.Error(sum, note, err)
	}
	out.Reset()
	if _, err = conn.PgConn().CopyTo(ctx, &out, "COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)"); err != nil || out.String() != "PGCOPY\n\xff\r\n\x00"+strings.Repeat("\x00", 8)+"\xff\xff" {
		t.Errorf("no rows: %q, %v", out.String(), err)
	}
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader("1\t2\n"), "COPY copied_again FROM STDIN (FORMAT binary)")
	wantCode(t, err, "22P04")
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader(""), "COPY copied_again FROM STDIN (FORMAT binary, DELIMITER ',')")
	wantCode(t, err, "42601")
	_, err = conn.PgConn().CopyFrom(ctx, strings.NewReader(""), "COPY copied_again FROM STDIN (FORMAT binary, HEADER)")
	wantCode(t, err, "0A000")
}

// failing gives some rows and then an error, which pgx sends as CopyFail.
type failing struct{}

func (failing) Read(b []byte) (int, error) {
	return copy(b, "1\t1\tx\n"), errors.New("the source failed")
}

// TestPgxCancel cancels a query that would not end by itself; the connection
// lives on.
func TestPgxCancel(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b")
		done <- err
	}()
	// A request that comes before the query has begun cancels nothing: repeat.
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			wantCode(t, err, "57014")
			var n int
			if err := conn.QueryRow(ctx, "SELECT 1").Scan(&n); err != nil || n != 1 {
				t.Fatal(n, err)
			}
			return
		case <-tick.C:
			if err := conn.PgConn().CancelRequest(ctx); err != nil {
				t.Fatal(err)
			}
		case <-ctx.Done():
			t.Fatal("not cancelled")
		}
	}
}

// TestPgxManyConnections writes and reads from many at once.
func TestPgxManyConnections(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	remake(t, conn, "shared", "who int8, n int8")
	const writers, each = 16, 20
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			c, err := pgx.Connect(ctx, at.dsn())
			if err != nil {
				errs <- err
				return
			}
			defer func() { _ = c.Close(context.Background()) }()
			for i := range each {
				if _, err := c.Exec(ctx, "INSERT INTO shared VALUES ($1, $2)", w, i); err != nil {
					errs <- err
					return
				}
				var n int
				if err := c.QueryRow(ctx, "SELECT count(*) FROM shared WHERE who = $1", w).Scan(&n); err != nil || n != i+1 {
					errs <- fmt.Errorf("writer %d sees %d of its %d rows: %v", w, n, i+1, err)
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM shared").Scan(&n); err != nil || n != writers*each {
		t.Fatal(n, err)
	}
}

// TestPgxLargeResult reads rows in portions, and closes a result half read.
func TestPgxLargeResult(t *testing.T) {
	at := start(t)
	conn, ctx := connect(t, at), testContext(t)
	rows, err := conn.Query(ctx, "SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		var g int64
		var s string
		if err := rows.Scan(&g, &s); err != nil || g != int64(n+1) || len(s) != 100 {
			t.Fatal(g, n, len(s), err)
		}
		n++
	}
	if rows.Err() != nil || n != 100000 {
		t.Fatal(n, rows.Err())
	}
	rows, err = conn.Query(ctx, "SELECT g FROM generate_series(1, 100000) g")
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	rows.Close()
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, "SELECT 1")
}

// TestRestart: what was acknowledged is there after a restart.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	t.Run("write", func(t *testing.T) {
		conn := connect(t, startAt(t, dir))
		mustExec(t, conn, "CREATE TABLE kept (id int8 PRIMARY KEY, v text)")
		mustExec(t, conn, "INSERT INTO kept SELECT g, 'v' || g FROM generate_series(1, 1000) g")
	})
	t.Run("read", func(t *testing.T) {
		conn := connect(t, startAt(t, dir))
		var n int
		var v string
		if err := conn.QueryRow(context.Background(), "SELECT count(*), max(v) FROM kept").Scan(&n, &v); err != nil || n != 1000 || v != "v999" {
			t.Fatal(n, v, err)
		}
	})
}
