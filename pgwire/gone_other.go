//go:build !unix

package pgwire

import "net"

// clientGone cannot tell here; the next write finds out.
func clientGone(net.Conn) bool { return false }
