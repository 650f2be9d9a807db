package pgwire

import "github.com/jackc/pgx/v5/pgproto3"

// authenticate lets everyone in. It runs before the connection counts against
// MaxConnections and under StartupTimeout, and is the place where a SASL exchange
// will read its 'p' messages; an error is sent as FATAL (28P01).
func (c *conn) authenticate(StartupInfo) error {
	c.out.message(&pgproto3.AuthenticationOk{})
	return nil
}
