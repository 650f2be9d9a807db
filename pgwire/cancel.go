package pgwire

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// errCanceled is what a statement ends with after a CancelRequest.
var errCanceled = sqlerr.New(sqlerr.QueryCanceled, "canceling statement due to user request")

// errGone is what a statement ends with when its client has closed the
// connection; nobody reads it, but it shows in logs.
var errGone = sqlerr.New(sqlerr.ConnectionFailure, "connection to client lost")

// aLongTimeAgo is a deadline that wakes whoever waits.
var aLongTimeAgo = time.Unix(1, 0)

// cancelByKey serves a CancelRequest. The secret is compared in constant time;
// an unknown pid takes the same road, so that the answer (none) tells nothing.
func (s *Server) cancelByKey(pid uint32, secret []byte) {
	c := s.lookup(pid)
	want := make([]byte, 4)
	if c != nil {
		copy(want, c.secret[:])
	}
	if subtle.ConstantTimeCompare(want, secret) == 1 && c != nil {
		c.cancel(errCanceled)
	}
}

// begin marks the connection as busy: from the first message that it takes up to
// ReadyForQuery, or until it has to wait for the next one. One context serves
// statement after statement until it is cancelled: making one for each would be
// an allocation, and locking for each message a cost, on the hottest path.
func (c *conn) begin() {
	if c.busy {
		return
	}
	c.busy = true
	c.idle.over()
	c.mu.Lock()
	if c.cancelled || c.ctx == nil {
		c.ctx, c.cancelCtx = context.WithCancelCause(context.Background())
		c.cancelled = false
	}
	c.running = true
	c.mu.Unlock()
	c.runSeq.Add(1)
}

// end marks the connection as idle; a cancel that comes later is ignored.
func (c *conn) end() {
	if !c.busy {
		return
	}
	c.busy = false
	c.runSeq.Add(1)
	c.push.Store(false)
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
}

// cancel ends the running statement, if there is one, with cause. From any
// goroutine.
func (c *conn) cancel(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.running || c.cancelled {
		return
	}
	c.cancelled = true
	c.cancelCtx(cause)
	if c.reading { // COPY FROM STDIN waits for data
		_ = c.nc.SetReadDeadline(aLongTimeAgo)
	}
}

// terminate ends the connection with cause as soon as no statement runs. From
// any goroutine.
func (c *conn) terminate(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = cause
	}
	if c.reading && !c.running {
		_ = c.nc.SetReadDeadline(aLongTimeAgo)
	}
}

// ended returns what ends the connection, nil if it goes on.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}
