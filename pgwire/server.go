package pgwire

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// startingMax bounds the sockets that have not authenticated yet, so that
// CancelRequests still get in when all connections are taken.
const startingMax = 100

// errShutdown is what connections are told when the server stops.
var errShutdown = sqlerr.New(sqlerr.AdminShutdown, "terminating connection due to administrator command")

// Server accepts connections and makes a Session for each.
type Server struct {
	handler Handler
	cfg     Config

	wg       sync.WaitGroup // connections, the watcher
	stopOnce sync.Once
	stop     chan struct{} // closed when the server begins to stop

	mu        sync.Mutex
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{} // every open socket
	byPID     map[uint32]*conn   // those past authentication
	pid       uint32
	stopping  bool
}

// New makes a Server; Serve starts it, Shutdown ends it.
func New(h Handler, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		handler:   h,
		cfg:       cfg,
		stop:      make(chan struct{}),
		listeners: map[net.Listener]struct{}{},
		conns:     map[*conn]struct{}{},
		byPID:     map[uint32]*conn{},
	}
	s.wg.Add(1)
	go s.watch()
	return s, nil
}

// Serve accepts connections from l until Shutdown, when it returns nil, or until
// l fails. It closes l.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return nil
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	for {
		nc, err := l.Accept()
		if err != nil {
			select {
			case <-s.stop:
				return nil
			default:
			}
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { // out of file descriptors, say
				s.cfg.Logger.Warn("cannot accept a connection", "err", err)
				select {
				case <-s.stop:
					return nil
				case <-time.After(50 * time.Millisecond):
				}
				continue
			}
			return err
		}
		s.ServeConn(nc)
	}
}

// ServeConn serves one connection on a goroutine of its own.
func (s *Server) ServeConn(nc net.Conn) {
	if t, ok := nc.(*net.TCPConn); ok {
		// A peer that vanished without a word is noticed after about two minutes.
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4})
		_ = t.SetNoDelay(true)
	}
	c := newConn(s, nc)
	s.mu.Lock()
	if s.stopping || len(s.conns) >= s.cfg.MaxConnections+startingMax {
		s.mu.Unlock()
		nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		defer s.forget(c)
		c.serve()
	}()
}

// admit gives c, which has authenticated, its process id, or says why it may not
// come in.
func (s *Server) admit(c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return sqlerr.New(sqlerr.CannotConnectNow, "the database system is shutting down")
	}
	if len(s.byPID) >= s.cfg.MaxConnections {
		return sqlerr.New(sqlerr.TooManyConnections, "sorry, too many clients already")
	}
	for {
		s.pid = s.pid%(1<<31-1) + 1 // clients read it as a positive int32
		if _, taken := s.byPID[s.pid]; !taken {
			break
		}
	}
	c.pid = s.pid
	s.byPID[c.pid] = c
	return nil
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	if c.pid != 0 {
		delete(s.byPID, c.pid)
	}
	s.mu.Unlock()
}

// Connections is the number of connections past authentication.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byPID)
}

// Cancel cancels the statement that the connection pid is running, if any
// (pg_cancel_backend). It reports whether there is such a connection.
func (s *Server) Cancel(pid uint32) bool {
	if c := s.lookup(pid); c != nil {
		c.cancel(errCanceled)
		return true
	}
	return false
}

// Terminate ends the connection pid: at once if it is idle, else by cancelling
// its statement (pg_terminate_backend). It reports whether there is one.
func (s *Server) Terminate(pid uint32) bool {
	if c := s.lookup(pid); c != nil {
		c.terminate(errShutdown)
		c.cancel(errShutdown)
		return true
	}
	return false
}

func (s *Server) lookup(pid uint32) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byPID[pid]
}

func (s *Server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	cs := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		cs = append(cs, c)
	}
	return cs
}

// Shutdown stops accepting, ends idle connections at once, and lets running
// statements go on until ctx ends; then they are cancelled, and what has not
// gone CancelTimeout later is cut off. It returns when every connection's
// goroutine has ended, with ctx's error if it had to cancel any; with a different
// error if a session does not come back from a call although it was cancelled.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	s.stopOnce.Do(func() { close(s.stop) }) // before Accept fails, so that Serve knows why
	for l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()

	for _, c := range s.all() {
		c.terminate(errShutdown)
	}
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range s.all() {
		c.cancel(errShutdown)
		_ = c.nc.SetWriteDeadline(time.Now().Add(s.cfg.CancelTimeout))
	}
	for range 2 {
		select {
		case <-done:
			return ctx.Err()
		case <-time.After(s.cfg.CancelTimeout):
		}
		for _, c := range s.all() {
			c.nc.Close()
		}
	}
	return errors.New("pgwire: a session does not end although its statement is cancelled")
}
