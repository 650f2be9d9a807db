package e2e

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestPgxStandingCursor: a cursor over a subscription needs no transaction block. Outside
// of one it goes on, from statement to statement, until it is closed.
func TestPgxStandingCursor(t *testing.T) {
	conn, ctx := connect(t, start(t)), testContext(t)
	remake(t, conn, "stood", "id int4 PRIMARY KEY")
	fetch := func(want ...int64) {
		t.Helper()
		rows, err := conn.Query(ctx, "FETCH 10 c WITH (timeout = '200ms')", pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for rows.Next() {
			vs, err := rows.Values()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, int64(vs[len(vs)-1].(int32)))
		}
		if rows.Err() != nil || len(got) != len(want) {
			t.Fatalf("got %v, want %v: %v", got, want, rows.Err())
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	}
	for _, over := range []string{"SUBSCRIBE TO stood", "SELECT * FROM stood EMIT CHANGES"} {
		mustExec(t, conn, "DECLARE c CURSOR FOR "+over)
		fetch()
		mustExec(t, conn, "INSERT INTO stood VALUES (1)")
		fetch(1)
		_, err := conn.Exec(ctx, "INSERT INTO stood VALUES (1)") // what fails leaves it alone
		wantCode(t, err, "23505")
		mustExec(t, conn, "BEGIN")
		mustExec(t, conn, "INSERT INTO stood VALUES (2)")
		mustExec(t, conn, "COMMIT")
		fetch(2)
		mustExec(t, conn, "CLOSE c")
		mustExec(t, conn, "DELETE FROM stood")
	}
	_, err := conn.Exec(ctx, "DECLARE c CURSOR FOR SELECT * FROM stood")
	wantCode(t, err, "25P01")
}
