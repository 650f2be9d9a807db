package e2e

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestPgxAsOf runs prepared statements again and again: each execution reads as
// of its own time, be it a parameter, the time of the statement, or an epoch.
func TestPgxAsOf(t *testing.T) {
	conn, ctx := connect(t, start(t)), testContext(t)
	remake(t, conn, "told", "id int8 PRIMARY KEY, v int4")
	mustExec(t, conn, "CREATE MATERIALIZED VIEW told_v WITH (retain_history = 'forever') AS SELECT id, v FROM told")
	t.Cleanup(func() { mustExec(t, conn, "DROP MATERIALIZED VIEW told_v") })
	clock := func() time.Time {
		var at time.Time
		if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	const (
		one   = "SELECT v FROM told_v WHERE id = $1 AS OF SYSTEM TIME $2"
		all   = "SELECT sum(v) FROM told_v WHERE $1 > 0 AS OF SYSTEM TIME $2"
		ago   = "SELECT v FROM told_v WHERE id = $1 AS OF SYSTEM TIME now() - $2::interval"
		epoch = "SELECT v FROM told_v WHERE id = $1 AS OF SYSTEM TIME $2::int8"
	)
	check := func(sql string, when any, want int64) {
		t.Helper()
		var got int64
		if err := conn.QueryRow(ctx, sql, int64(1), when).Scan(&got); err != nil || got != want {
			t.Fatalf("%s at %v: %d, %v; want %d", sql, when, got, err, want)
		}
	}
	mustExec(t, conn, "INSERT INTO told VALUES (1, 10)")
	times := []time.Time{clock()}
	check(ago, "0 s", 10)
	for v := range 3 {
		mustExec(t, conn, "UPDATE told SET v = $1", int32(20+10*v))
		times = append(times, clock())
		check(ago, "0 s", int64(20+10*v))
	}
	since := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, i := range []int{3, 0, 2, 1, 0, 3} {
		want := int64(10 + 10*i)
		check(one, times[i], want)
		check(all, times[i], want)
		check(epoch, times[i].Sub(since).Microseconds(), want)
	}
	var v int64
	wantCode(t, conn.QueryRow(ctx, one, int64(1), nil).Scan(&v), "22004")
	wantCode(t, conn.QueryRow(ctx, epoch, int64(1), int64(-1)).Scan(&v), "22023")
	// The settings of the session are those of each execution, too.
	mustExec(t, conn, "SET as_of_system_time = '"+times[1].UTC().Format("2006-01-02 15:04:05.999999")+"+00'")
	if err := conn.QueryRow(ctx, "SELECT v FROM told_v WHERE id = $1", int64(1)).Scan(&v); err != nil || v != 20 {
		t.Errorf("under the setting: %d, %v; want 20", v, err)
	}
	mustExec(t, conn, "RESET as_of_system_time")
	if err := conn.QueryRow(ctx, "SELECT v FROM told_v WHERE id = $1", pgx.QueryExecModeCacheStatement, int64(1)).Scan(&v); err != nil || v != 40 {
		t.Errorf("after RESET: %d, %v; want 40", v, err)
	}
}
