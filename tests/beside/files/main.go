// Command files replays psql scripts on Tarn and on PostgreSQL, statement by
// statement, and prints what they answer differently, sorted by its kind.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/tarndb/tarn/tests/beside"
)

func main() {
	tarn := flag.String("tarn", "", "a Tarn to use; empty = start one")
	postgres := flag.String("postgres", "", "a PostgreSQL to use; empty = start one")
	setup := flag.String("setup", "", "a script that both run before each file, without comparing")
	only := flag.String("only", "", "kinds to print, with commas; empty = all")
	flag.Parse()
	if err := run(*tarn, *postgres, *setup, *only, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(tarn, postgres, setup, only string, files []string) error {
	ctx := context.Background()
	stops, dsns, err := servers(tarn, postgres)
	for _, stop := range stops {
		defer stop()
	}
	if err != nil {
		return err
	}
	total := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		p, err := beside.Open(ctx, dsns[0], dsns[1])
		if err != nil {
			return err
		}
		clean(ctx, p)
		if setup != "" {
			first, err := os.ReadFile(setup)
			if err != nil {
				return err
			}
			for _, s := range beside.Split(string(first)) {
				both(ctx, p, s)
			}
		}
		counts := map[string]int{}
		for _, s := range beside.Split(string(text)) {
			kind, what := both(ctx, p, s)
			if kind == "" {
				kind = "same"
			}
			counts[kind]++
			total[kind]++
			if kind != "same" && (only == "" || strings.Contains(","+only+",", ","+kind+",")) {
				fmt.Printf("== %s %s:%d\n%s;\n-- %s\n\n", kind, file, s.Line, s.SQL, what)
			}
		}
		p.Close()
		fmt.Printf("## %s: %s\n", file, tally(counts))
	}
	fmt.Printf("## all: %s\n", tally(total))
	return nil
}

// servers starts what is not named; all files then run on one of each.
func servers(tarn, postgres string) (stops []func(), dsns [2]string, err error) {
	dsns = [2]string{tarn, postgres}
	for i, start := range []func() (func(), string, error){beside.StartTarn, beside.StartPostgres} {
		if dsns[i] != "" {
			continue
		}
		stop, dsn, err := start()
		if err != nil {
			return stops, dsns, err
		}
		stops, dsns[i] = append(stops, stop), dsn
	}
	return stops, dsns, nil
}

// clean removes what the last file left.
func clean(ctx context.Context, p *beside.Pair) {
	p.Postgres.Ask(ctx, "DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET timezone = 'UTC'; SET client_min_messages = error")
	kinds := map[string]string{"r": "TABLE", "v": "VIEW", "m": "MATERIALIZED VIEW"}
	for _, row := range p.Tarn.Ask(ctx, "SELECT relkind, relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'public' AND relkind IN ('r', 'v', 'm')").Rows {
		kind, name, _ := strings.Cut(row, "|")
		p.Tarn.Ask(ctx, fmt.Sprintf("DROP %s IF EXISTS %q CASCADE", kinds[kind], name))
	}
}

var (
	plans   = regexp.MustCompile(`(?is)^explain\b`)
	orders  = regexp.MustCompile(`(?i)\border\s+by\b`)
	copyOut = regexp.MustCompile(`(?is)^\s*copy\b.*\bto\s+stdout\b`)
)

func both(ctx context.Context, p *beside.Pair, s beside.Statement) (kind, what string) {
	ask := func(side *beside.Side) beside.Answer {
		switch {
		case s.Copy:
			return side.Copy(ctx, s.SQL, strings.NewReader(s.Data))
		case copyOut.MatchString(s.SQL):
			return side.Dump(ctx, s.SQL)
		}
		return side.Ask(ctx, s.SQL)
	}
	a, b := ask(p.Tarn), ask(p.Postgres)
	if plans.MatchString(strings.TrimSpace(beside.WithoutComments(s.SQL))) { // plans are each one's own
		a.Rows, b.Rows, a.Columns, b.Columns = nil, nil, nil, nil
	}
	kind, what = beside.Compare(a, b, orders.MatchString(s.SQL))
	switch {
	case kind == beside.Refused && a.Code == "25P02", kind == beside.Code && a.Code == "25P02", kind == beside.Code && b.Code == "25P02":
		kind = "cascade"
	case kind == beside.Refused && a.Code == "0A000":
		kind = "unsupported"
	}
	return kind, what
}

func tally(counts map[string]int) string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	n := 0
	for i, k := range keys {
		n += counts[k]
		keys[i] = fmt.Sprintf("%s %d", k, counts[k])
	}
	return fmt.Sprintf("%d statements: %s", n, strings.Join(keys, ", "))
}
