package slt

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"sort"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/server"
)

var rewrite = flag.Bool("rewrite", false, "write the rows of the oneshot mode back into the files")

// modes are the ways in which every file must give the same rows.
var modes = []struct {
	name    string
	views   bool
	restart int // restart the server after so many records; 0 = never
	workers int
	memory  int64
}{
	{name: "oneshot", workers: 1},
	{name: "view", views: true, workers: 1},
	{name: "restart", views: true, restart: 7, workers: 1},
	{name: "workers=4", views: true, workers: 4},
	{name: "memory-tight", views: true, workers: 1, memory: 24 << 20},
}

func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.slt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	sort.Strings(files)
	total := map[string]Result{}
	for _, m := range modes {
		if testing.Short() && m.name != "oneshot" && m.name != "view" {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			for _, file := range files {
				t.Run(filepath.Base(file), func(t *testing.T) {
					records, err := Parse(file)
					if err != nil {
						t.Fatal(err)
					}
					if *rewrite && m.name == "oneshot" {
						rewriteFile(t, file, records)
						return
					}
					cfg := server.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Workers: m.workers, MemoryBytes: m.memory}
					run := &harness{cfg: cfg}
					run.start(t)
					defer run.stop(t)
					target := &Target{Conn: run.conn, Views: m.views}
					if m.restart > 0 {
						target.Between = func(ctx context.Context, i int) (*pgconn.PgConn, error) {
							if i%m.restart == 0 {
								run.stop(t)
								run.start(t)
							}
							return run.conn, nil
						}
					}
					res, err := target.Run(t.Context(), file, records)
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range res.Failures {
						t.Error(f)
					}
					sum := total[m.name]
					sum.Queries += res.Queries
					sum.Viewed += res.Viewed
					total[m.name] = sum
				})
			}
		})
	}
	for _, m := range modes {
		t.Logf("%-12s %d queries, %d of them answered by a view", m.name, total[m.name].Queries, total[m.name].Viewed)
	}
}

type harness struct {
	cfg  server.Config
	srv  *server.Server
	conn *pgconn.PgConn
}

func (h *harness) start(t *testing.T) {
	t.Helper()
	s, err := server.Start(h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.srv = s
	h.conn, err = pgconn.Connect(t.Context(), fmt.Sprintf("postgres://tarn@%s/tarn?sslmode=disable", s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
}

func (h *harness) stop(t *testing.T) {
	t.Helper()
	_ = h.conn.Close(context.Background())
	if err := h.srv.Close(); err != nil {
		t.Fatal(err)
	}
}

func rewriteFile(t *testing.T, file string, records []Record) {
	run := &harness{cfg: server.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}}
	run.start(t)
	defer run.stop(t)
	if err := (&Target{Conn: run.conn}).Fill(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if err := Write(file, records); err != nil {
		t.Fatal(err)
	}
}
