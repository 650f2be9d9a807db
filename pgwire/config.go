package pgwire

import (
	"errors"
	"log/slog"
	"time"
)

// Config bounds what connections may use. The zero value of a field is its
// default.
type Config struct {
	// MaxConnections beyond which clients are told 53300. Default 200.
	MaxConnections int
	// MessageBytesMax bounds the body of one message. Default 64 MiB.
	MessageBytesMax int
	// StartupTimeout bounds the time until a connection has authenticated.
	// Default 30 s.
	StartupTimeout time.Duration
	// WriteTimeout bounds how long one write of a push query (a statement that
	// has flushed) may block before the connection is cut. Default 30 s. Other
	// results may wait for their reader as long as they like: a client that reads
	// a result slowly is no fault, and nothing but its own connection waits.
	WriteTimeout time.Duration
	// CancelTimeout bounds how long a write may go on blocking once the statement
	// is cancelled or the server stops. Default 3 s.
	CancelTimeout time.Duration
	// WatchInterval is how often blocked writes, and clients that have gone away
	// during a statement, are looked for. Default 500 ms.
	WatchInterval time.Duration
	// ServerVersion is what server_version says. Default "15.0 (Tarn)".
	ServerVersion string
	// Logger; nil is slog.Default().
	Logger *slog.Logger
}

// Validate fills in the defaults and reports what cannot be.
func (c *Config) Validate() error {
	if c.MaxConnections < 0 || c.MessageBytesMax < 0 || c.StartupTimeout < 0 || c.WriteTimeout < 0 ||
		c.CancelTimeout < 0 || c.WatchInterval < 0 {
		return errors.New("pgwire: limits must not be negative")
	}
	orDefault(&c.MaxConnections, 200)
	orDefault(&c.MessageBytesMax, 64<<20)
	orDefault(&c.StartupTimeout, 30*time.Second)
	orDefault(&c.WriteTimeout, 30*time.Second)
	orDefault(&c.CancelTimeout, 3*time.Second)
	orDefault(&c.WatchInterval, 500*time.Millisecond)
	orDefault(&c.ServerVersion, "15.0 (Tarn)")
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

func orDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
