// Package server is the assembly: it opens the engine, keeps the catalog, and
// turns each connection's statements into plans, reads and transactions.
//
// Invariants
//   - The catalog changes only on the engine's loop (host.go), so it is always
//     that of an epoch.
//   - A statement belongs to one session and one goroutine; what sessions share is
//     the engine and the current catalog snapshot.
//   - Every statement is a row of the dispatch table (dispatch.go).
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/pgwire"
)

// shutdownGrace is how long running statements may go on after a stop was asked for.
const shutdownGrace = 2 * time.Second

// Server is a running server.
type Server struct {
	cfg      Config
	lock     *os.File
	host     *host
	engine   *exec.Engine
	wire     *pgwire.Server
	listener net.Listener
	http     *httpServer
	started  time.Time
	metrics  *prometheus.Registry
	sealer   *sealer
	workers  *supervisor // of the connectors
	served   chan error
	once     sync.Once
	closeErr error

	sessions registry
	ddl      sync.Mutex // one catalog change at a time, from binding to its epoch
}

// Start opens the folder, recovers, and serves. When it returns, clients can
// connect and every answer is exact.
func Start(cfg Config) (_ *Server, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, started: time.Now(), served: make(chan error, 1)}
	s.metrics = newMetrics(s)
	key, err := readSecretKey(cfg.SecretKeyFile)
	if err != nil {
		return nil, err
	}
	if s.sealer, err = newSealer(key); err != nil {
		return nil, err
	}
	if s.lock, err = lockFolder(cfg.Data); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	// The ports first: a server that cannot listen should say so before it recovers.
	if s.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if cfg.HTTP != "" {
		if s.http, err = startHTTP(cfg.HTTP, s); err != nil {
			return nil, fmt.Errorf("--http: %w", err)
		}
	}
	s.host = newHost(cfg.Log)
	s.host.history.define = s.sourceDef
	s.engine, err = exec.Open(exec.Config{
		FS: vfs.Default, Dir: cfg.Data, Host: s.host, Now: nowMicros, MemoryBytes: cfg.MemoryBytes, Workers: cfg.Workers,
		CheckpointEvery: cfg.CheckpointEvery, JournalFileBytes: cfg.JournalFileBytes, InlineRows: cfg.InlineRows, PackVersions: cfg.PackVersions, Log: cfg.Log, Fatal: cfg.Fatal,
	})
	if err != nil {
		return nil, err
	}
	s.host.history.engine.Store(s.engine)
	s.workers = newSupervisor(s, connector.NewManager(s.engine, connector.Config{Now: nowMicros, Log: cfg.Log, Metrics: s.metrics, SinkBytes: sinkBytes(cfg.MemoryBytes)}))
	s.host.changed = s.workers.notify
	s.workers.notify() // what the host restored before it could tell
	if s.wire, err = pgwire.New(s, pgwire.Config{MaxConnections: 1000, ServerVersion: serverVersion, Logger: cfg.Log}); err != nil {
		return nil, err
	}
	go func() { s.served <- s.wire.Serve(s.listener) }()
	if s.http != nil {
		s.http.ready.Store(true)
	}
	return s, nil
}

// Addr is where clients connect.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Failed gets the reason if the server has to stop by itself.
func (s *Server) Failed() <-chan error { return s.engine.Failed() }

// Close lets running statements end, writes a checkpoint, and closes everything.
func (s *Server) Close() error {
	s.once.Do(func() {
		var errs []error
		if s.http != nil {
			s.http.ready.Store(false)
		}
		if s.wire != nil {
			ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
			if err := s.wire.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				errs = append(errs, err)
			}
			cancel()
		} else if s.listener != nil {
			_ = s.listener.Close()
		}
		if s.workers != nil {
			s.workers.close()
		}
		if s.engine != nil {
			errs = append(errs, s.engine.Close())
		}
		if s.host != nil {
			s.host.history.close()
		}
		if s.http != nil {
			s.http.close()
		}
		if s.lock != nil {
			_ = s.lock.Close()
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// lockFolder makes this process the folder's only server. The kernel drops the
// lock with the process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the folder %s is in use by another tarn server; stop it first, or give --data another folder", dir)
	}
	return f, nil
}

// pgEpoch is 2000-01-01 in µs since 1970: where PostgreSQL's times begin.
const pgEpoch = 946684800 * 1_000_000

func nowMicros() int64 { return time.Now().UnixMicro() - pgEpoch }

// NewSession makes the session of a connection.
func (s *Server) NewSession(_ context.Context, info pgwire.StartupInfo, client pgwire.Client) (pgwire.Session, error) {
	return newSession(s, info, client)
}
