package server

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Config is how a server is started.
type Config struct {
	Listen      string // host:port for Postgres clients; port 0 picks one
	Data        string // folder; made if it is not there
	HTTP        string // host:port of health and metrics, "" = none
	MemoryBytes int64  // budget of state and queries; 0 = 2 GiB
	Workers     int    // goroutines of a step; 0 = one per core
	Version     string
	Log         *slog.Logger // nil = discard
	// Fatal ends the process where closing is not possible any more; nil: a panic.
	Fatal func(error)

	Kafka          string // brokers of the default cluster, separated by commas; "" = none
	SchemaRegistry string // URL of its schema registry, "" = none
	SecretKeyFile  string // key of secrets; "" = TARN_SECRET_KEY of the environment, if any

	// CheckpointEvery is the longest time between checkpoints while there is
	// something to write; 0 = 10 s.
	CheckpointEvery time.Duration
	// JournalFileBytes is the size of one journal file; 0 = 64 MiB.
	JournalFileBytes int64
	// InlineRows: a new view over more history is built beside the live group; 0 = 20,000.
	InlineRows int64
	// PackVersions: a checkpoint that supersedes as many rows of a table writes them in
	// packs; 0 = 262,144.
	PackVersions int
}

// Validate fills in defaults and refuses what cannot work.
func (c *Config) Validate() error {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:7432"
	}
	if c.MemoryBytes == 0 {
		c.MemoryBytes = 2 << 30
	}
	if c.MemoryBytes < 16<<20 {
		return fmt.Errorf("--memory must be at least 16MiB")
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for flag, addr := range map[string]string{"--listen": c.Listen, "--http": c.HTTP} {
		if addr == "" {
			continue
		}
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return fmt.Errorf("%s %s: %w", flag, addr, err)
		}
		if !loopback(host) {
			return fmt.Errorf("%s %s: only loopback addresses are allowed, because there is no authentication yet; use 127.0.0.1 or [::1], "+
				"and a tunnel for access from elsewhere", flag, addr)
		}
	}
	return os.MkdirAll(c.Data, 0o755)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// sinkBytes bounds what waits in memory for one sink: a new cluster takes seconds for its
// first transaction, and what does not wait is read and decoded once more.
func sinkBytes(memory int64) int64 { return max(32<<20, memory/16) }

// ParseSize reads a memory size: a number with B, KiB, MiB, GiB, TiB or the
// decimal kB, MB, GB, TB; without unit it is bytes.
func ParseSize(text string) (int64, error) {
	t := strings.TrimSpace(text)
	i := len(t)
	for i > 0 && (t[i-1] < '0' || t[i-1] > '9') {
		i--
	}
	unit, ok := map[string]float64{"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
		"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
		"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12}[strings.ToLower(strings.TrimSpace(t[i:]))]
	n, err := strconv.ParseFloat(strings.TrimSpace(t[:i]), 64)
	if err != nil || !ok || n <= 0 {
		return 0, fmt.Errorf("%q is not a size; write for example 512MiB or 2GiB", text)
	}
	return int64(n * unit), nil
}
