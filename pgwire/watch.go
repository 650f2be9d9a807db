package pgwire

import "time"

// watched is what the watcher remembers of a connection: since when its write,
// and its statement, have been going on.
type watched struct {
	writeSeq, runSeq     uint64
	writeSince, runSince time.Time
}

// watch looks at all connections every WatchInterval, for writes that have been
// blocked too long and for clients that went away while their statement runs. One
// goroutine for the server, so that the connections need neither a timer a write
// nor a reader beside a running statement.
func (s *Server) watch() {
	defer s.wg.Done()
	seen := map[*conn]watched{}
	tick := time.NewTicker(s.cfg.WatchInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return // Shutdown sets deadlines of its own
		case now := <-tick.C:
			conns := s.all()
			for _, c := range conns {
				seen[c] = c.watch(seen[c], now)
			}
			if len(seen) > 2*len(conns) {
				clear(seen)
			}
		}
	}
}

// watch compares c with what it was at the last look. A sequence number that is
// odd and unchanged since then belongs to the same, still unfinished, call.
func (c *conn) watch(w watched, now time.Time) watched {
	if seq := c.writeSeq.Load(); seq != w.writeSeq || w.writeSince.IsZero() {
		w.writeSeq, w.writeSince = seq, now
	} else if seq%2 == 1 && now.Sub(w.writeSince) >= c.writeLimit() {
		_ = c.nc.SetWriteDeadline(aLongTimeAgo)
	}
	if seq := c.runSeq.Load(); seq != w.runSeq || w.runSince.IsZero() {
		w.runSeq, w.runSince = seq, now
	} else if seq%2 == 1 && clientGone(c.nc) {
		c.cancel(errGone)
	}
	return w
}

// writeLimit is how long the current write may block; very long means for ever.
func (c *conn) writeLimit() time.Duration {
	c.mu.Lock()
	hurry := c.cancelled || c.ending != nil
	c.mu.Unlock()
	switch {
	case hurry:
		return c.srv.cfg.CancelTimeout
	case c.push.Load():
		return c.srv.cfg.WriteTimeout
	}
	return 1<<63 - 1
}
