package pgwire

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// loginKey logs in and returns the key to cancel with.
func (w *wire) loginKey() (pid uint32, secret []byte) {
	w.t.Helper()
	w.fe.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "tarn"}})
	if err := w.fe.Flush(); err != nil {
		w.t.Fatal(err)
	}
	for {
		m, err := w.fe.Receive()
		if err != nil {
			w.t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.BackendKeyData:
			pid, secret = m.ProcessID, append(secret, m.SecretKey...)
		case *pgproto3.ReadyForQuery:
			return pid, secret
		}
	}
}

func sendCancel(t *testing.T, addr string, pid uint32, secret []byte) {
	t.Helper()
	w := dial(t, addr)
	b, err := (&pgproto3.CancelRequest{ProcessID: pid, SecretKey: secret}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.nc.Write(b)
	if n, err := w.nc.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("a CancelRequest was answered")
	}
}

// send writes a query without waiting for its end.
func (w *wire) send(sql string) {
	w.t.Helper()
	w.fe.SendQuery(&pgproto3.Query{String: sql})
	if err := w.fe.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

const canceled = "ErrorResponse ERROR 57014 canceling statement due to user request\nReadyForQuery I\n"

func TestCancel(t *testing.T) {
	h := &fake{running: make(chan string, 1)}
	_, addr := startServer(t, h, Config{})
	w := dial(t, addr)
	pid, secret := w.loginKey()

	t.Run("a statement that waits", func(t *testing.T) {
		w.send("sleep")
		<-h.running
		wrong := append([]byte(nil), secret...)
		wrong[3]++
		sendCancel(t, addr, pid, wrong)
		sendCancel(t, addr, pid, append(secret[:4:4], 0))
		sendCancel(t, addr, pid+1, secret)
		sendCancel(t, addr, pid, secret)
		if got := w.until(1, "ReadyForQuery"); got != canceled {
			t.Errorf("got %s", got)
		}
	})
	t.Run("nothing runs", func(t *testing.T) {
		sendCancel(t, addr, pid, secret)
		got := w.query("insert 1")
		<-h.running
		if !strings.Contains(got, "INSERT 0 1") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("an endless query, whose rows came at once", func(t *testing.T) {
		w.send("push")
		<-h.running
		if got := w.until(3, "DataRow"); !strings.Contains(got, `DataRow "2"`) {
			t.Errorf("got %s", got)
		}
		sendCancel(t, addr, pid, secret)
		if got := w.until(1, "ReadyForQuery"); got != canceled {
			t.Errorf("got %s", got)
		}
	})
	t.Run("COPY that waits for data", func(t *testing.T) {
		w.send("copyin")
		<-h.running
		w.until(1, "CopyInResponse")
		sendCancel(t, addr, pid, secret)
		if got := w.until(1, "ReadyForQuery"); got != canceled {
			t.Errorf("got %s", got)
		}
		w.fe.Send(&pgproto3.CopyData{Data: []byte("late")})
		w.fe.Send(&pgproto3.CopyDone{})
		got := w.query("insert 1")
		<-h.running
		if !strings.HasPrefix(got, "CommandComplete INSERT 0 1\n") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("in a pipeline", func(t *testing.T) {
		for _, q := range []string{"sleep", "insert 1"} {
			w.fe.Send(&pgproto3.Parse{Query: q})
			w.fe.Send(&pgproto3.Bind{})
			w.fe.Send(&pgproto3.Execute{})
		}
		w.fe.Send(&pgproto3.Sync{})
		_ = w.fe.Flush()
		<-h.running
		sendCancel(t, addr, pid, secret)
		if got := w.until(1, "ReadyForQuery"); got != "ParseComplete\nBindComplete\n"+canceled {
			t.Errorf("got %s", got)
		}
	})
}

func TestClientGone(t *testing.T) {
	h := &fake{running: make(chan string, 1)}
	s, addr := startServer(t, h, Config{WatchInterval: 5 * time.Millisecond})
	for _, q := range []string{"sleep", "push", "copyin"} {
		w := dial(t, addr)
		w.login()
		w.send(q)
		<-h.running
		w.nc.Close()
		waitFor(t, q+": session ended", func() bool { return s.Connections() == 0 })
	}
}

// waitFor polls for what nothing signals.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

const shutDown = "ErrorResponse FATAL 57P01 terminating connection due to administrator command\n(closed)\n"

func TestShutdown(t *testing.T) {
	h := &fake{running: make(chan string, 1)}
	s, addr := startServer(t, h, Config{CancelTimeout: 2 * time.Second})
	idle, block, busy, copying := dial(t, addr), dial(t, addr), dial(t, addr), dial(t, addr)
	for _, w := range []*wire{idle, block, busy, copying} {
		w.login()
	}
	block.query("begin")
	<-h.running
	busy.send("sleep")
	<-h.running
	copying.send("copyin")
	<-h.running
	copying.until(1, "CopyInResponse")

	ctx, endGrace := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	for _, w := range []*wire{idle, block} {
		if got := w.until(1, "(closed)"); got != shutDown {
			t.Errorf("idle: got %s", got)
		}
	}
	// A statement that ends in time is answered whole.
	copying.fe.Send(&pgproto3.CopyData{Data: []byte("1\n")})
	copying.fe.Send(&pgproto3.CopyDone{})
	if got := copying.until(1, "(closed)"); got != "CommandComplete COPY 1\nReadyForQuery I\n"+shutDown {
		t.Errorf("copying: got %s", got)
	}
	endGrace()
	if got := busy.until(1, "(closed)"); got != shutDown {
		t.Errorf("busy: got %s", got)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestTerminate(t *testing.T) {
	h := &fake{running: make(chan string, 1)}
	s, addr := startServer(t, h, Config{})
	idle, busy := dial(t, addr), dial(t, addr)
	idlePID, _ := idle.loginKey()
	busyPID, _ := busy.loginKey()
	busy.send("sleep")
	<-h.running
	if s.Terminate(idlePID+100) || !s.Terminate(idlePID) || !s.Terminate(busyPID) {
		t.Error("Terminate does not know which connections there are")
	}
	for _, w := range []*wire{idle, busy} {
		if got := w.until(1, "(closed)"); got != shutDown {
			t.Errorf("got %s", got)
		}
	}
}

// A client that does not read must not hold up cancel, shutdown, or for ever.
func TestSlowClient(t *testing.T) {
	h := &fake{running: make(chan string, 1)}
	cfg := Config{WriteTimeout: time.Hour, CancelTimeout: 20 * time.Millisecond, WatchInterval: 5 * time.Millisecond}
	t.Run("push", func(t *testing.T) {
		cfg := cfg
		cfg.WriteTimeout = 20 * time.Millisecond
		s, addr := startServer(t, h, cfg)
		w := dial(t, addr)
		w.login()
		w.send("flood")
		<-h.running
		waitFor(t, "cut off", func() bool { return s.Connections() == 0 })
	})
	t.Run("cancel", func(t *testing.T) {
		s, addr := startServer(t, h, cfg)
		w := dial(t, addr)
		pid, _ := w.loginKey()
		w.send("flood")
		<-h.running
		s.Cancel(pid)
		waitFor(t, "cut off", func() bool {
			s.Cancel(pid)
			// Either the write was blocked and is cut, or the error waits in the
			// socket's buffer and the connection is well.
			return s.Connections() == 0 || !s.lookup(pid).isRunning()
		})
	})
	t.Run("shutdown", func(t *testing.T) {
		s, addr := startServer(t, h, cfg)
		w := dial(t, addr)
		w.login()
		w.send("flood")
		<-h.running
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

func (c *conn) isRunning() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.running
}

func TestLimits(t *testing.T) {
	s, addr := startServer(t, &fake{}, Config{MaxConnections: 2, MessageBytesMax: 1000, StartupTimeout: 50 * time.Millisecond})
	one, two := dial(t, addr), dial(t, addr)
	one.login()
	two.login()

	three := dial(t, addr)
	if got := three.login(); !strings.HasSuffix(got, "ErrorResponse FATAL 53300 sorry, too many clients already\n(closed)\n") {
		t.Errorf("third connection: %s", got)
	}
	mute := dial(t, addr)
	if _, err := mute.nc.Read(make([]byte, 1)); err == nil {
		t.Error("a connection that says nothing was answered")
	}

	// The length is refused before the body is read or room for it made.
	_, _ = one.nc.Write(binary.BigEndian.AppendUint32([]byte{'Q'}, 1<<31-1))
	if got := one.until(1, "(closed)"); !strings.HasPrefix(got, "ErrorResponse FATAL 08P01 invalid message length") {
		t.Errorf("long message: %s", got)
	}
	waitFor(t, "one place free", func() bool { return s.Connections() == 1 })
	four := dial(t, addr)
	four.login()
	_, _ = four.nc.Write([]byte{'S', 0, 0, 0, 3})
	if got := four.until(1, "(closed)"); !strings.HasPrefix(got, "ErrorResponse FATAL 08P01 invalid message length") {
		t.Errorf("short message: %s", got)
	}
	_, _ = dial(t, addr).nc.Write([]byte{0, 1, 0, 0, 0, 3, 0, 0})
}

// Whatever the sizes in which input arrives, the output is the same.
func TestSplitInput(t *testing.T) {
	_, addr := startServer(t, &fake{}, Config{})
	var b []byte
	b, _ = (&pgproto3.Query{String: "ints 2"}).Encode(b)
	b, _ = (&pgproto3.Query{String: "copyin"}).Encode(b)
	b, _ = (&pgproto3.CopyData{Data: []byte("1\ta\n2")}).Encode(b)
	b, _ = (&pgproto3.CopyData{Data: []byte("\tb\n")}).Encode(b)
	b, _ = (&pgproto3.CopyDone{}).Encode(b)
	b, _ = (&pgproto3.Query{String: "insert 1 " + strings.Repeat("x", 100_000)}).Encode(b)
	var want string
	for _, size := range []int{len(b), 1, 3, 7, 4096, readBytes} {
		w := dial(t, addr)
		w.login()
		go func() {
			for rest := b; len(rest) > 0; {
				n := min(size, len(rest))
				if size < 10 && len(rest) < 99_000 { // the long tail a byte at a time shows nothing new
					n = len(rest)
				}
				if _, err := w.nc.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		got := w.until(3, "ReadyForQuery")
		if want == "" {
			want = got
		}
		if got != want || !strings.Contains(got, "COPY 2") {
			t.Errorf("in pieces of %d: %s", size, got)
		}
	}
}
