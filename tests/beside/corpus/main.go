// Command corpus sends statements captured from clients to Tarn, one session per
// file, and counts what they give. Files hold blocks that end with a line of \; and
// say which protocol they came by; parameters are sent as NULL.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tarndb/tarn/tests/beside"
)

func main() {
	verbose := flag.Bool("v", false, "print what fails in another way than as not supported or not there")
	setup := flag.String("setup", "", "statements to run first, what they give aside")
	dsn := flag.String("tarn", "", "a Tarn to use; empty = start one")
	flag.Parse()
	if err := run(*dsn, *setup, flag.Args(), *verbose); err != nil {
		log.Fatal(err)
	}
}

// expected are the ways in which a statement may fail here: what it wants is not
// supported, or an object is missing that no statement could make.
var expected = map[string]bool{"0A000": true, "42P01": true, "3F000": true, "42704": true, "3D000": true, "25P02": true, "26000": true, "34000": true}

func run(dsn, setup string, files []string, verbose bool) error {
	if dsn == "" {
		stop, own, err := beside.StartTarn()
		if err != nil {
			return err
		}
		defer stop()
		dsn = own
	}
	ctx := context.Background()
	if setup != "" {
		text, err := os.ReadFile(setup)
		if err != nil {
			return err
		}
		s := &session{dsn: dsn}
		for _, st := range beside.Split(string(text)) {
			s.say(ctx, st.SQL, false)
		}
	}
	total, fine, other, serious := 0, 0, 0, 0
	codes := map[string]int{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		s := &session{dsn: dsn}
		blocks := strings.Split(string(text), "\n\\;\n")
		for _, block := range blocks[:len(blocks)-1] {
			total++
			code, msg := s.say(ctx, block, strings.Contains(block, "-- protocol: extended"))
			switch {
			case code == "":
				fine++
				continue
			case code == beside.Hung || code == beside.Gone || strings.HasPrefix(code, "XX"):
				serious++
			case !expected[code]:
				other++
			}
			codes[code]++
			if verbose && (!expected[code] || code == "42P01" || code == "0A000") {
				fmt.Printf("== %s %s: %s\n%s\n\n", filepath.Base(f), code, msg, block)
			}
		}
		s.close()
	}
	var list []string
	for c, n := range codes {
		list = append(list, fmt.Sprintf("%s %d", c, n))
	}
	sort.Strings(list)
	fmt.Printf("## %d statements: %d answered, %d other errors, %d serious; errors: %s\n", total, fine, other, serious, strings.Join(list, ", "))
	if serious > 0 {
		os.Exit(1)
	}
	return nil
}

type session struct {
	dsn  string
	conn *pgconn.PgConn
}

func (s *session) close() {
	if s.conn != nil {
		_ = s.conn.Close(context.Background())
	}
}

// say runs one block and returns the SQLSTATE and the text of its error.
func (s *session) say(ctx context.Context, sql string, extended bool) (code, msg string) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if s.conn == nil || s.conn.IsClosed() {
		c, err := pgconn.Connect(ctx, s.dsn)
		if err != nil {
			return beside.Gone, err.Error()
		}
		s.conn = c
	}
	var err error
	if extended {
		var d *pgconn.StatementDescription
		if d, err = s.conn.Prepare(ctx, "", sql, nil); err == nil {
			err = s.conn.ExecPrepared(ctx, "", make([][]byte, len(d.ParamOIDs)), nil, nil).Read().Err
		}
	} else {
		_, err = s.conn.Exec(ctx, sql).ReadAll()
	}
	var e *pgconn.PgError
	switch {
	case errors.As(err, &e):
		code, msg = e.Code, e.Message
	case err != nil && ctx.Err() != nil:
		code, msg = beside.Hung, err.Error()
	case err != nil:
		code, msg = beside.Gone, err.Error()
	}
	if code != "" && !s.conn.IsClosed() && s.conn.TxStatus() == 'E' {
		_, _ = s.conn.Exec(ctx, "ROLLBACK").ReadAll()
	}
	return code, msg
}
