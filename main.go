// Command tarn is a streaming SQL database in one binary: events run in,
// standing SQL keeps views exact, and any Postgres client reads them now, as
// they change, and as they were.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tarndb/tarn/demo"
	"github.com/tarndb/tarn/server"
	"github.com/tarndb/tarn/sql/sqlerr"
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

type cli struct {
	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Demo    demoCmd    `cmd:"" help:"Show the main job: a server in a temporary folder, a generator of payments, and questions to ask."`
	Check   checkCmd   `cmd:"" help:"Read everything in a data folder and verify every checksum."`
	Health  healthCmd  `cmd:"" help:"Ask a running server's /readyz; exit 0 if it answers well."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

type serveCmd struct {
	Listen   string `default:"127.0.0.1:7432" help:"Address for Postgres clients; port 0 picks one." placeholder:"HOST:PORT"`
	Data     string `default:"./tarn-data" help:"Folder that holds everything." placeholder:"DIR"`
	HTTP     string `name:"http" default:"127.0.0.1:7433" help:"Address of /healthz, /readyz and /metrics; empty for none." placeholder:"HOST:PORT"`
	Memory   string `default:"2GiB" help:"Memory for state and queries." placeholder:"SIZE"`
	Kafka    string `name:"kafka" help:"Brokers of the default Kafka cluster, separated by commas." placeholder:"HOST:PORT"`
	Registry string `name:"schema-registry" help:"URL of its schema registry." placeholder:"URL"`
	KeyFile  string `name:"secret-key-file" help:"File with the key that encrypts secrets; else TARN_SECRET_KEY of the environment." placeholder:"FILE"`
	Workers  int    `default:"0" help:"Goroutines that share the work of a step; 0 = one per core."`
	// For tests: kills must meet checkpoints, settling, the ends of journal files, and
	// views that are being built.
	CheckpointEvery time.Duration `default:"10s" hidden:""`
	JournalFile     string        `default:"64MiB" hidden:""`
	InlineRows      int64         `default:"20000" hidden:""`
	PackVersions    int           `default:"0" hidden:""`

	LogLevel string `default:"info" enum:"debug,info,warn,error" help:"Least level that is logged."`
}

// ballastBytes are allocated and never touched, so they take no memory. The
// collector runs when the heap has doubled: without them, where state lies
// outside of it and the heap is small, it would run hundreds of times a second.
const ballastBytes = 32 << 20

func (c *serveCmd) Run() error {
	ballast := make([]byte, ballastBytes)
	defer runtime.KeepAlive(ballast)
	memory, err := server.ParseSize(c.Memory)
	if err != nil {
		return fmt.Errorf("--memory: %w", err)
	}
	journalFile, err := server.ParseSize(c.JournalFile)
	if err != nil {
		return fmt.Errorf("--journal-file: %w", err)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	s, err := server.Start(server.Config{
		Listen: c.Listen, Data: c.Data, HTTP: c.HTTP, MemoryBytes: memory, Workers: c.Workers, Version: version, Log: log,
		CheckpointEvery: c.CheckpointEvery, JournalFileBytes: journalFile, InlineRows: c.InlineRows, PackVersions: c.PackVersions,
		Kafka: c.Kafka, SchemaRegistry: c.Registry, SecretKeyFile: c.KeyFile,
		Fatal: func(err error) { report(err); os.Exit(1) },
	})
	if err != nil {
		return err
	}
	fmt.Printf("tarn ready on %s\n", s.Addr())
	select {
	case <-ctx.Done():
	case err = <-s.Failed():
		log.Error("stopping", "err", err)
	}
	return errors.Join(err, s.Close())
}

type demoCmd struct {
	Seconds int    `default:"0" help:"End by itself after so many seconds; 0 = until interrupted."`
	Listen  string `default:"127.0.0.1:0" help:"Address for Postgres clients." placeholder:"HOST:PORT"`
	Rate    int    `default:"200" help:"Payments per second."`
}

func (c *demoCmd) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if c.Seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.Seconds)*time.Second)
		defer cancel()
	}
	return demo.Run(ctx, os.Stdout, demo.Config{Listen: c.Listen, Rate: c.Rate, Version: version})
}

type checkCmd struct {
	Data string `default:"./tarn-data" help:"Folder to read." placeholder:"DIR"`
}

func (c *checkCmd) Run() error {
	ok, err := server.Check(os.Stdout, c.Data)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("damage found")
	}
	return nil
}

type healthCmd struct {
	HTTP string `name:"http" default:"127.0.0.1:7433" help:"Address given to serve --http." placeholder:"HOST:PORT"`
}

func (c *healthCmd) Run() error {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + c.HTTP + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", resp.Status)
	}
	return nil
}

type versionCmd struct{}

func (versionCmd) Run() error {
	fmt.Printf("tarn %s\n", version)
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Printf("built with %s\n", info.GoVersion)
	}
	return nil
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("tarn"),
		kong.Description("A streaming SQL database: standing SQL over streams, read by any Postgres client."), kong.UsageOnError())
	if err := k.Run(); err != nil {
		report(err)
		os.Exit(1)
	}
}

// report says on stderr why the process ends.
func report(err error) {
	fmt.Fprintln(os.Stderr, "tarn: "+err.Error())
	var coded *sqlerr.Error
	if errors.As(err, &coded) {
		fmt.Fprintf(os.Stderr, "SQLSTATE %s\n", coded.Code)
		if coded.Hint != "" {
			fmt.Fprintln(os.Stderr, coded.Hint)
		}
	}
}
