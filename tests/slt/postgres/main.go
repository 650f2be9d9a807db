// Command postgres replays the SQL files of tests/slt on a scratch PostgreSQL:
// where the SQL is PostgreSQL's, so must be the rows. With -rewrite it writes
// PostgreSQL's rows into the files (records marked notpg keep theirs).
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/tests/beside"
	"github.com/tarndb/tarn/tests/slt"
)

func main() {
	dsn := flag.String("dsn", "", "a PostgreSQL to use; empty = start a scratch one")
	pattern := flag.String("files", "tests/slt/testdata/*.slt", "files to replay")
	rewrite := flag.Bool("rewrite", false, "write PostgreSQL's rows into the files")
	flag.Parse()
	if err := run(*dsn, *pattern, *rewrite); err != nil {
		log.Fatal(err)
	}
}

func run(dsn, pattern string, rewrite bool) error {
	ctx := context.Background()
	if dsn == "" {
		stop, scratch, err := beside.StartPostgres()
		if err != nil {
			return err
		}
		defer stop()
		dsn = scratch
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	sort.Strings(files)
	queries, failures := 0, 0
	for _, file := range files {
		records, err := slt.Parse(file)
		if err != nil {
			return err
		}
		conn, err := pgconn.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		setup := "DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET timezone = 'UTC'; SET intervalstyle = postgres"
		if _, err := conn.Exec(ctx, setup).ReadAll(); err != nil {
			return err
		}
		t := &slt.Target{Conn: conn, PG: true}
		if rewrite {
			if err := t.Fill(ctx, records); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if err := slt.Write(file, records); err != nil {
				return err
			}
		} else {
			res, err := t.Run(ctx, file, records)
			if err != nil {
				return err
			}
			queries += res.Queries
			failures += len(res.Failures)
			for _, f := range res.Failures {
				fmt.Println(f)
			}
		}
		_ = conn.Close(ctx)
	}
	fmt.Printf("%d files, %d queries replayed on PostgreSQL, %d failures\n", len(files), queries, failures)
	if failures > 0 {
		os.Exit(1)
	}
	return nil
}
