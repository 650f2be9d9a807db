package pgwire

import (
	"net"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

var (
	errIdleInTransaction = sqlerr.New(sqlerr.IdleInTransactionSessionTimeout, "terminating connection due to idle-in-transaction timeout")
	errIdleSession       = sqlerr.New(sqlerr.IdleSessionTimeout, "terminating connection due to idle-session timeout")
)

// idle is until when the client has time for its next whole message. It is the
// deadline of the reads: where there is no limit it costs nothing.
type idle struct {
	until time.Time // zero: for ever
	cause error     // what the connection ends with after that
}

// startIdle begins the time when the connection first waits after ReadyForQuery;
// a message that comes in pieces gets no more. In a pipeline there is none, as in
// PostgreSQL.
func (c *conn) startIdle() {
	if c.session == nil || c.inPipeline || !c.idle.until.IsZero() {
		return
	}
	limit := c.session.IdleTimeout()
	if limit <= 0 {
		return
	}
	c.idle = idle{until: time.Now().Add(limit), cause: errIdleInTransaction}
	if c.session.TxStatus() == TxIdle {
		c.idle.cause = errIdleSession
	}
}

// over ends the time: a message has come.
func (i *idle) over() {
	if i.cause != nil {
		*i = idle{}
	}
}

// arm gives the read that follows its deadline, or says that it has passed.
// The caller holds mu, so that the deadline of a terminate is not overwritten.
func (i *idle) arm(nc net.Conn) error {
	if i.cause == nil {
		return nil
	}
	if !time.Now().Before(i.until) {
		return i.cause
	}
	return nc.SetReadDeadline(i.until)
}

// disarm takes back what arm has set. The caller holds mu.
func (i *idle) disarm(nc net.Conn) {
	if i.cause != nil {
		_ = nc.SetReadDeadline(time.Time{})
	}
}
