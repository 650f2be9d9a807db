package pgwire

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/sql/types"
)

func connectPGX(t *testing.T, addr, options string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), "postgres://tarn@"+addr+"/tarn?sslmode=prefer"+options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func TestPGX(t *testing.T) {
	h := &fake{}
	_, addr := startServer(t, h, Config{})
	ctx := t.Context()
	c := connectPGX(t, addr, "")

	t.Run("prepared look-up", func(t *testing.T) {
		for i := range int64(3) {
			var k int64
			var v string
			if err := c.QueryRow(ctx, "lookup", i).Scan(&k, &v); err != nil || k != i || v != "sixteen bytes: v" {
				t.Fatalf("%d: %d, %q, %v", i, k, v, err)
			}
		}
	})
	t.Run("many rows", func(t *testing.T) {
		rows, _ := c.Query(ctx, "ints 20000")
		n := 0
		var i int32
		var s *string
		_, err := pgx.ForEachRow(rows, []any{&i, &s}, func() error {
			if int(i) != n || (s == nil) != (n%3 == 2) {
				t.Fatalf("row %d: %d, %v", n, i, s)
			}
			n++
			return nil
		})
		if err != nil || n != 20000 {
			t.Fatalf("%d rows, %v", n, err)
		}
	})
	t.Run("batch", func(t *testing.T) {
		var b pgx.Batch
		for range 50 {
			b.Queue("lookup", 5)
			b.Queue("insert 1")
		}
		if err := c.SendBatch(ctx, &b).Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("copy", func(t *testing.T) {
		tag, err := c.PgConn().CopyFrom(ctx, strings.NewReader(strings.Repeat("1\tx\n", 100_000)), "copyin")
		if err != nil || tag.RowsAffected() != 100_000 || len(h.copied) != 400_000 {
			t.Fatalf("%v, %v", tag, err)
		}
		var out strings.Builder
		if tag, err = c.PgConn().CopyTo(ctx, &out, "copyout 3"); err != nil || out.String() != "0\tx\n1\tx\n2\tx\n" {
			t.Fatalf("%v, %q, %v", tag, out.String(), err)
		}
		if _, err = c.PgConn().CopyFrom(ctx, strings.NewReader(strings.Repeat("bad\n", 1_000_000)), "copyin"); codeOf(err) != "22P04" {
			t.Fatal(err)
		}
	})
	t.Run("errors", func(t *testing.T) {
		_, err := c.Exec(ctx, "fail 22012 division by zero")
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "22012" || e.Hint != "a hint" || e.Detail != "a detail" || e.Position != 3 {
			t.Fatalf("%#v", err)
		}
		if _, err = c.Exec(ctx, "panic"); codeOf(err) != "XX000" {
			t.Fatal(err)
		}
		if _, err = c.Exec(ctx, "insert 1"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("simple protocol", func(t *testing.T) {
		rs, err := c.PgConn().Exec(ctx, "ints 2; insert 4").ReadAll()
		if err != nil || len(rs) != 2 || len(rs[0].Rows) != 2 || rs[1].CommandTag.RowsAffected() != 4 {
			t.Fatalf("%v, %v", rs, err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		ctx, stop := context.WithTimeout(ctx, 5*time.Second)
		defer stop()
		done := make(chan error, 1)
		go func() { _, err := c.Exec(ctx, "sleep"); done <- err }()
		for {
			if err := c.PgConn().CancelRequest(ctx); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-done:
				if codeOf(err) != "57014" {
					t.Fatal(err)
				}
				return
			case <-time.After(time.Millisecond): // the statement may not have begun
			}
		}
	})
	t.Run("exec modes", func(t *testing.T) {
		for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec"} {
			c := connectPGX(t, addr, "&default_query_exec_mode="+mode)
			var s string
			if err := c.QueryRow(ctx, "ints 1").Scan(nil, &s); err != nil || s != "row 0" {
				t.Errorf("%s: %q, %v", mode, s, err)
			}
		}
	})
}

func codeOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestPsql(t *testing.T) {
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("no psql")
	}
	_, addr := startServer(t, &fake{}, Config{})
	host, port, _ := net.SplitHostPort(addr)
	psql := func(input string, args ...string) string {
		args = append([]string{"-X", "-A", "-h", host, "-p", port, "-U", "tarn", "-d", "tarn"}, args...)
		cmd := exec.CommandContext(t.Context(), "psql", args...)
		cmd.Stdin = strings.NewReader(input)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	for _, c := range []struct{ input, want string }{
		{"ints 2;\n", "i|t\n0|row 0\n1|row 1\n(2 rows)\n"},
		{"insert 3\\;ddl;\n", "INSERT 0 3\nCREATE TABLE\n"},
		{"fail 22012 oops;\n", "ERROR:  outer: oops\nLINE 1: fail 22012 oops;\n          ^\nDETAIL:  a detail\nHINT:  a hint\n"},
		{"notice;\n", "NOTICE:  a notice\nHINT:  nothing to do\nDO\n"},
		{"copyout 2;\n", "0\tx\n1\tx\n"},
		{"copyin;\n1\ta\n2\tb\n\\.\n", "COPY 3\n"}, // psql sends its end marker along
		{"copyin;\nbad\n\\.\ninsert 1;\n", "ERROR:  missing data for column \"b\"\nCONTEXT:  COPY t, line 1\nINSERT 0 1\n"},
		{"set TimeZone UTC;\n\\echo :ENCODING :SERVER_VERSION_NAME\n", "SET\nUTF8 15.0 (Tarn)\n"},
	} {
		if got := psql(c.input); got != c.want {
			t.Errorf("%q: got\n%s\nwant\n%s", c.input, got, c.want)
		}
	}
	if got := psql("", "-c", "insert 1; insert 2"); got != "INSERT 0 1\nINSERT 0 2\n" {
		t.Errorf("-c: %s", got)
	}
}

// Every type goes in as text and comes out in binary, and the other way round.
func TestFormats(t *testing.T) {
	_, addr := startServer(t, &fake{}, Config{})
	c := connectPGX(t, addr, "").PgConn()
	echo := func(oid uint32, value []byte, in, out int16) ([]byte, error) {
		r := c.ExecParams(t.Context(), "echo", [][]byte{value}, []uint32{oid}, []int16{in}, []int16{out}).Read()
		if r.Err != nil {
			return nil, r.Err
		}
		if f := r.FieldDescriptions[0]; f.Format != out || f.DataTypeOID != oid {
			t.Errorf("%d: described as %d in format %d", oid, f.DataTypeOID, f.Format)
		}
		return r.Rows[0][0], nil
	}
	for _, v := range []struct {
		oid  uint32
		text string
	}{
		{types.OIDBool, "t"}, {types.OIDInt2, "-7"}, {types.OIDInt4, "2147483647"}, {types.OIDInt8, "-9223372036854775808"},
		{types.OIDOid, "4294967295"}, {types.OIDFloat4, "1.5"}, {types.OIDFloat8, "-1e+300"}, {types.OIDFloat8, "NaN"},
		{types.OIDNumeric, "-123456789012345678901234567890.50"}, {types.OIDNumeric, "0.00"}, {types.OIDNumeric, "NaN"},
		{types.OIDText, "grüß\n"}, {types.OIDVarchar, ""}, {types.OIDBpchar, "ab "}, {types.OIDName, "n"}, {types.OIDBytea, `\x00ff`},
		{types.OIDDate, "2026-03-01"}, {types.OIDDate, "infinity"}, {types.OIDTime, "23:59:59.5"},
		{types.OIDTimestamp, "1969-12-31 23:59:59.999999"}, {types.OIDTimestamptz, "2026-03-01 09:00:00+00"},
		{types.OIDTimestamptz, "-infinity"}, {types.OIDInterval, "1 year 2 mons 3 days 04:05:06.7"},
		{types.OIDUUID, "30313233-3435-3637-3839-616263646566"}, {types.OIDJSON, `{"b": 1, "a":2}`}, {types.OIDJSONB, `{"a": [1, null, "x"]}`},
		{types.OIDInt4Array, "{1,NULL,-3}"}, {types.OIDTextArray, `{a,"b c",NULL,"\"q\""}`}, {types.OIDNumericArray, "{1.50,NULL}"},
		{types.OIDTimestamptzArray, `{"2026-03-01 09:00:00+00"}`}, {types.OIDBoolArray, "{t,f}"}, {types.OIDInt8Array, "{}"},
	} {
		bin, err := echo(v.oid, []byte(v.text), formatText, formatBinary)
		if err != nil {
			t.Errorf("%d %s: %v", v.oid, v.text, err)
			continue
		}
		text, err := echo(v.oid, bin, formatBinary, formatText)
		if err != nil || string(text) != v.text {
			t.Errorf("%d %s: binary %x comes back as %s, %v", v.oid, v.text, bin, text, err)
		}
		if null, err := echo(v.oid, nil, formatText, formatBinary); err != nil || null != nil {
			t.Errorf("%d: NULL comes back as %x, %v", v.oid, null, err)
		}
	}
}
