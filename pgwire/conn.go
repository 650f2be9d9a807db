package pgwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// conn is one connection. Fields above mu belong to its goroutine.
type conn struct {
	srv     *Server
	nc      net.Conn
	in      reader
	out     outBuffer
	session Session
	names   *Names
	params  paramStatus
	result  result // the one ResultWriter, reused

	pid    uint32
	secret [4]byte

	busy       bool     // between begin and end
	inRun      bool     // in Portal.Run
	sql        string   // the text that error positions point into; "" if unknown
	inPipeline bool     // extended messages since the last Sync
	skipping   bool     // an error was sent: skip to Sync
	dying      bool     // the statement was cancelled to end the connection
	oids       []uint32 // scratch for Parse
	ioErr      error    // the socket is dead: nothing more is read or written
	idle       idle     // the client's time for its next message

	mu        sync.Mutex
	ctx       context.Context // of statements; replaced once cancelled
	cancelCtx context.CancelCauseFunc
	cancelled bool
	running   bool  // busy, for other goroutines
	reading   bool  // in a read of the socket
	ending    error // terminate's cause

	// For the watcher: odd while a write, or a statement, is on.
	writeSeq, runSeq atomic.Uint64
	push             atomic.Bool // the running statement has flushed
}

var _ Client = (*conn)(nil)

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc, names: newNames()}
	c.in = reader{src: c, bodyBytesMax: s.cfg.MessageBytesMax}
	c.out.open = noMessageOpen
	c.result.c = c
	return c
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.nc.Close()
	if err := c.startup(); err != nil {
		c.farewell(err)
		return
	}
	c.ready()
	c.serveMessages()
}

// serveMessages serves what the client sends after its login.
func (c *conn) serveMessages() {
	defer c.closeSession()
	for c.ioErr == nil {
		if !c.inPipeline {
			if cause := c.ended(); cause != nil {
				c.farewell(cause)
				return
			}
		}
		typ, body, err := c.in.message()
		if err != nil {
			c.farewell(err)
			return
		}
		if typ == 'X' {
			return
		}
		if c.skipping && typ != 'S' {
			continue
		}
		if err := c.handle(typ, body); err != nil {
			c.farewell(err)
			return
		}
		if len(c.out.buf) >= flushBytes { // small messages can ask for large answers
			c.flush()
		}
	}
}

// handle serves one message. Errors of statements are sent from here; an error
// returned ends the connection.
func (c *conn) handle(typ byte, body []byte) (fatal error) {
	defer func() {
		if r := recover(); r != nil {
			fatal = c.recovered(typ, r)
		}
	}()
	c.begin()
	switch typ {
	case 'Q':
		c.query(body)
		return nil
	case 'S':
		c.sync()
		return nil
	case 'H':
		c.flush()
		return nil
	case 'd', 'c', 'f':
		return nil // the client had not yet heard that its COPY has failed
	case 'F':
		c.fail(sqlerr.New(sqlerr.FeatureNotSupported, "the function call message is not supported").
			WithHint("Use SELECT function(...)."))
		c.ready()
		return nil
	}
	c.inPipeline = true
	var err error
	switch typ {
	case 'P':
		err = c.parse(body)
	case 'B':
		err = c.bind(body)
	case 'D':
		err = c.describe(body)
	case 'E':
		err = c.execute(body)
	case 'C':
		err = c.closeNamed(body)
	default:
		return sqlerr.New(sqlerr.ProtocolViolation, "invalid frontend message type %d", typ)
	}
	if err != nil {
		c.skipping = true
		c.fail(err)
	}
	return nil
}

// recovered turns a panic into the error of its statement. A second panic,
// while cleaning up, costs the connection.
func (c *conn) recovered(typ byte, r any) (fatal error) {
	c.srv.cfg.Logger.Error("panic in a statement", "pid", c.pid, "message", string(typ), "panic", r, "stack", string(debug.Stack()))
	internal := sqlerr.New(sqlerr.InternalError, "internal error: %v", r)
	defer func() {
		if recover() != nil {
			fatal = internal
		}
	}()
	c.out.abandon()
	c.fail(internal)
	switch typ {
	case 'Q', 'S':
		c.inPipeline, c.skipping = false, false
		c.ready()
	default:
		c.skipping = true
	}
	return nil
}

// fail sends err and lets the session roll back.
func (c *conn) fail(err error) {
	c.inRun = false
	c.result.stop()
	c.names.ranOut()
	e := c.flat(err)
	if cause := c.ended(); cause != nil && errors.Is(e, cause) {
		// The FATAL that follows says it; no more of the client's input is served.
		c.inPipeline, c.dying = false, true
	} else {
		c.out.error("ERROR", e)
	}
	c.session.Abort()
}

// flat is err for the wire; a context's error gives way to why it was cancelled.
func (c *conn) flat(err error) *sqlerr.Error {
	if c.ctx != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		if cause := context.Cause(c.ctx); cause != nil {
			err = cause
		}
	}
	e := sqlerr.From(err)
	if e.Position > 1 && e.Position <= len(c.sql)+1 {
		at := *e
		at.Position = utf8.RuneCountInString(c.sql[:e.Position-1]) + 1 // the protocol counts characters
		return &at
	}
	return e
}

// farewell sends err as FATAL, if there is still someone to tell, before the
// connection closes.
func (c *conn) farewell(err error) {
	var e *sqlerr.Error
	if c.ioErr != nil || !errors.As(err, &e) {
		return // the client is gone
	}
	c.out.error("FATAL", sqlerr.From(err))
	// Nothing of this may hold up a shutdown.
	_ = c.nc.SetWriteDeadline(time.Now().Add(c.srv.cfg.CancelTimeout))
	c.flush()
}

// ready sends ReadyForQuery with all that is buffered.
func (c *conn) ready() {
	if c.dying {
		return
	}
	c.params.send(&c.out)
	c.out.ready(c.session.TxStatus())
	c.sql = ""
	// Before the client can know that its statement has ended, so that a cancel
	// sent after that hits nothing.
	c.end()
	c.flush()
}

// flush writes the buffer to the socket. An error sticks.
func (c *conn) flush() error {
	if c.ioErr != nil {
		return c.ioErr
	}
	if len(c.out.buf) == 0 {
		return nil
	}
	c.writeSeq.Add(1)
	_, err := c.nc.Write(c.out.buf)
	c.writeSeq.Add(1)
	c.out.sent()
	if err != nil {
		c.ioErr = fmt.Errorf("write to client: %w", err)
		c.cancel(errGone)
	}
	return c.ioErr
}

// Read is where the connection waits for its client: what is buffered goes out
// before. It wakes for terminate when no statement runs, for cancel when one does,
// and when an idle client's time is over.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	if !c.inRun {
		c.end()
		c.startIdle()
	}
	for {
		if err := c.enterRead(); err != nil {
			return 0, err
		}
		n, err := c.nc.Read(p)
		c.mu.Lock()
		c.reading = false
		c.idle.disarm(c.nc)
		c.mu.Unlock()
		if n > 0 || err == nil {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.session == nil {
			if !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read from client: %w", err)
			}
			c.ioErr = err
			return 0, err
		}
		// Woken: enterRead says why.
		_ = c.nc.SetReadDeadline(time.Time{})
	}
}

func (c *conn) enterRead() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.running && c.cancelled:
		return context.Cause(c.ctx)
	case !c.running && c.ending != nil:
		return c.ending
	}
	if err := c.idle.arm(c.nc); err != nil {
		return err
	}
	c.reading = true
	return nil
}

// closeSession releases what the session holds. It may run after a panic, so it
// survives another.
func (c *conn) closeSession() {
	defer func() {
		if r := recover(); r != nil {
			c.srv.cfg.Logger.Error("panic while closing a session", "pid", c.pid, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	c.mu.Lock()
	if c.cancelCtx != nil {
		c.cancelCtx(errGone)
	}
	c.mu.Unlock()
	defer c.session.Close()
	c.names.ranOut()
	c.names.DropPortals()
	c.names.DropStatements()
}
