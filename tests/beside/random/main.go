// Command random asks Tarn and PostgreSQL the same random questions: every function
// and operator over constants, casts, queries over tables with NULLs, and the same
// queries as materialized views that follow random changes. Each must give the same
// rows or the same SQLSTATE.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/tarndb/tarn/tests/beside"
)

func main() {
	seed := flag.Int64("seed", 0, "seed; 0 = by the clock")
	queries := flag.Int("queries", 2000, "questions of each sort")
	only := flag.String("only", "", "sorts of questions, with commas: call, cast, query, view; empty = all")
	tarn := flag.String("tarn", "", "a Tarn to use; empty = start one")
	postgres := flag.String("postgres", "", "a PostgreSQL to use; empty = start one")
	flag.Parse()
	if *seed == 0 {
		*seed = time.Now().UnixNano() % 1e9
	}
	p, err := beside.Open(context.Background(), *tarn, *postgres)
	if err != nil {
		log.Fatal(err)
	}
	r := &run{p: p, rng: rand.New(rand.NewSource(*seed)), counts: map[string]int{}}
	r.setup()
	for _, s := range []struct {
		name string
		ask  func(n int)
	}{{"call", r.calls}, {"cast", r.casts}, {"query", r.queries}, {"view", r.views}} {
		if *only == "" || strings.Contains(","+*only+",", ","+s.name+",") {
			r.sort = s.name
			s.ask(*queries)
		}
	}
	p.Close()
	fmt.Printf("## seed %d: %s\n", *seed, r.tally())
	if r.different > 0 {
		os.Exit(1)
	}
}

type run struct {
	p         *beside.Pair
	rng       *rand.Rand
	sort      string
	counts    map[string]int
	different int
	tables    []*table
	serial    int
}

// setup is what both must be told so that their texts can be equal.
func (r *run) setup() {
	for _, sql := range []string{"SET timezone = 'UTC'", "SET intervalstyle = postgres", "SET extra_float_digits = 1", "SET client_min_messages = error"} {
		r.p.Tarn.Ask(context.Background(), sql)
		r.p.Postgres.Ask(context.Background(), sql)
	}
}

// ask compares one question. What Tarn says it does not support is counted alone;
// where rows may be looked at in any order, which error comes first is not compared,
// nor whether one comes that other rows or conditions would have ruled out.
func (r *run) ask(sql string, ordered, loose bool) {
	ctx := context.Background()
	a, b := r.p.Tarn.Ask(ctx, sql), r.p.Postgres.Ask(ctx, sql)
	r.judge(sql, a, b, ordered, loose)
}

func (r *run) judge(sql string, a, b beside.Answer, ordered, loose bool) bool {
	kind, what := beside.Compare(a, b, ordered)
	data := func(x beside.Answer) bool { return !x.Failed() || strings.HasPrefix(x.Code, "22") || x.Code == "0A000" }
	switch {
	case kind == beside.Same && a.Failed():
		kind = "same error"
	case kind == beside.Same:
		kind = "same"
	case kind != beside.Crash && a.Code == "0A000":
		kind = "unsupported"
	case loose && kind != beside.Row && data(a) && data(b) && (a.Failed() || b.Failed()):
		kind = "undecided"
	case kind == beside.Code && strings.HasPrefix(a.Code, "42") && strings.HasPrefix(b.Code, "42"):
		kind = "other refusal"
	default:
		r.different++
		r.counts[r.sort+" DIFFERENT"]++
		fmt.Printf("== %s %s\n%s;\n-- %s\n\n", r.sort, kind, sql, what)
		return false
	}
	r.counts[r.sort+" "+kind]++
	return true
}

func (r *run) tally() string {
	var keys []string
	for k := range r.counts {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for i, k := range keys {
		keys[i] = fmt.Sprintf("%s %d", k, r.counts[k])
	}
	return strings.Join(keys, ", ")
}

// calls asks every function at least once.
func (r *run) calls(n int) {
	all := calls()
	for _, i := range r.rng.Perm(len(all)) {
		r.ask("SELECT "+all[i].constants(r.rng), false, false)
	}
	for range n {
		r.ask("SELECT "+all[r.rng.Intn(len(all))].constants(r.rng), false, false)
	}
}

func (r *run) casts(n int) {
	for range n {
		r.ask("SELECT "+cast(r.rng), false, false)
	}
}
