package server

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestIdleTimeouts: a client that is silent for longer than its settings allow
// loses its connection and its transaction.
func TestIdleTimeouts(t *testing.T) {
	w := newWorld(t)
	w.exec("CREATE TABLE held (id int PRIMARY KEY)", "INSERT INTO held VALUES (1)")
	ends := func(options, sql, code string) {
		t.Helper()
		c, err := pgconn.Connect(w.ctx(), "postgres://postgres@"+w.server.Addr()+"/tarn?sslmode=disable"+options)
		if err != nil {
			t.Fatal(err)
		}
		if sql != "" { // one string: nothing of it is waited for
			if _, err := c.Exec(w.ctx(), sql).ReadAll(); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		var e *pgconn.PgError
		if err := c.WaitForNotification(w.ctx()); !errors.As(err, &e) || e.Code != code || e.Severity != "FATAL" {
			t.Errorf("%s %s: got %v, want %s", options, sql, err, code)
		}
	}
	ends("", "SET idle_in_transaction_session_timeout = '10ms'; BEGIN; INSERT INTO held VALUES (2); DELETE FROM held WHERE id = 1", "25P03")
	w.exec("SET lock_timeout = '20s'", "INSERT INTO held VALUES (2)") // what it held is free
	w.want("SELECT id FROM held ORDER BY id", "1", "2")
	ends("", "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 10", "25P03")
	ends("", "SET idle_session_timeout = '1h'; BEGIN; SET LOCAL idle_in_transaction_session_timeout = '0.01 s'", "25P03")
	ends("", "SET idle_session_timeout = '10ms'", "57P05")
	ends("", "SET idle_session_timeout = '10ms'; BEGIN; SET LOCAL idle_session_timeout = 0; COMMIT", "57P05")
	ends("&options=-c%20idle_session_timeout%3D10ms", "", "57P05")
	ends("&idle_in_transaction_session_timeout=10", "SET idle_in_transaction_session_timeout = 0; RESET idle_in_transaction_session_timeout; BEGIN", "25P03")

	w.exec("SET idle_session_timeout = '90min'")
	w.want("SHOW idle_session_timeout", "90min")
	w.exec("RESET idle_session_timeout")
	w.want("SHOW idle_session_timeout", "0")
	for _, wrong := range []string{"'-1'", "'x'", "'10 y'", "'25d'", "'1000000d'"} {
		w.fails("SET idle_session_timeout = "+wrong, "22023")
		w.fails("SET idle_in_transaction_session_timeout = "+wrong, "22023")
	}
}
