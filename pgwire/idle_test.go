package pgwire

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	fatalIdleInTransaction = "ErrorResponse FATAL 25P03 terminating connection due to idle-in-transaction timeout\n(closed)\n"
	fatalIdleSession       = "ErrorResponse FATAL 57P05 terminating connection due to idle-session timeout\n(closed)\n"
)

// ends expects the end of the connection.
func (w *wire) ends(want string) {
	w.t.Helper()
	if got := w.until(2, "ErrorResponse"); got != want {
		w.t.Errorf("got %s, want %s", got, want)
	}
}

func TestIdleSessionTimeout(t *testing.T) {
	_, addr := startServer(t, &fake{idle: 10 * time.Millisecond}, Config{})
	w := dial(t, addr)
	w.login()
	w.ends(fatalIdleSession)

	w = dial(t, addr)
	w.login()
	_, _ = w.nc.Write([]byte("Q\x00")) // the beginning of a message is none
	w.ends(fatalIdleSession)
}

func TestIdleInTransactionTimeout(t *testing.T) {
	_, addr := startServer(t, &fake{idleInBlock: 10 * time.Millisecond}, Config{})
	// One whose time begins later is at its end: it would have struck before.
	timePasses := func() {
		t.Helper()
		w := dial(t, addr)
		w.login()
		w.query("begin")
		w.ends(fatalIdleInTransaction)
	}

	t.Run("not outside of a block", func(t *testing.T) {
		w := dial(t, addr)
		w.login()
		timePasses()
		if got := w.query("insert 1"); got != "CommandComplete INSERT 0 1\nReadyForQuery I\n" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("a failed block", func(t *testing.T) {
		w := dial(t, addr)
		w.login()
		w.query("begin; fail 22012 x")
		w.ends(fatalIdleInTransaction)
	})
	t.Run("not while COPY waits for data", func(t *testing.T) {
		w := dial(t, addr)
		w.login()
		w.send("begin; copyin")
		w.until(1, "CopyInResponse")
		timePasses()
		w.fe.Send(&pgproto3.CopyDone{})
		if got := w.until(1, "ReadyForQuery"); got != "CommandComplete COPY 0\nReadyForQuery T\n" {
			t.Errorf("got %s", got)
		}
		w.ends(fatalIdleInTransaction)
	})
	t.Run("not while an endless query runs", func(t *testing.T) {
		w := dial(t, addr)
		pid, secret := w.loginKey()
		w.send("begin; push")
		w.until(3, "DataRow")
		timePasses()
		sendCancel(t, addr, pid, secret)
		if got, want := w.until(1, "ReadyForQuery"), "ErrorResponse ERROR 57014 canceling statement due to user request\nReadyForQuery E\n"; got != want {
			t.Errorf("got %s", got)
		}
		w.ends(fatalIdleInTransaction)
	})
	t.Run("not within a pipeline", func(t *testing.T) {
		w := dial(t, addr)
		w.login()
		w.fe.Send(&pgproto3.Parse{Query: "begin"})
		w.fe.Send(&pgproto3.Bind{})
		w.fe.Send(&pgproto3.Execute{})
		w.fe.Send(&pgproto3.Flush{})
		w.until(1, "CommandComplete")
		timePasses()
		w.fe.Send(&pgproto3.Sync{})
		if got := w.until(1, "ReadyForQuery"); got != "ReadyForQuery T\n" {
			t.Errorf("got %s", got)
		}
		w.ends(fatalIdleInTransaction)
	})
}
