package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestTransactionMemory: what a transaction writes counts to the budget until it ends;
// in parts it all gets in, and queries are answered beside state that has overrun it.
func TestTransactionMemory(t *testing.T) {
	if os.Getenv(postgresEnv) != "" {
		t.Skip("the budget is Tarn's")
	}
	conn := connect(t, startAt(t, t.TempDir(), "--memory", "16MiB"))
	mustExec(t, conn, "CREATE STREAM s (k bigint, v bigint)")
	mustExec(t, conn, "CREATE MATERIALIZED VIEW w AS SELECT k, sum(v) AS v FROM s GROUP BY k")
	_, err := conn.PgConn().CopyFrom(testContext(t), strings.NewReader(strings.Repeat("1\t2\n", 4_000_000)), "COPY s FROM STDIN")
	if e := wantCode(t, err, "53200"); !strings.Contains(e.Hint, "several COPY") {
		t.Errorf("hint %q", e.Hint)
	}
	_, err = conn.Exec(testContext(t), "INSERT INTO s SELECT n, n FROM generate_series(1, 4000000) AS g(n)")
	wantCode(t, err, "53200")
	const parts, rows = 8, 50_000
	for i := range parts {
		mustExec(t, conn, "INSERT INTO s SELECT n, 1 FROM generate_series($1::bigint, $2) AS g(n)", i*rows, (i+1)*rows-1)
	}
	var n, sum int64
	if err := conn.QueryRow(testContext(t), "SELECT count(*), sum(v)::bigint FROM w").Scan(&n, &sum); err != nil {
		t.Fatal(err)
	}
	if n != parts*rows || sum != n {
		t.Errorf("%d keys, sum %d; want %d", n, sum, parts*rows)
	}
}
