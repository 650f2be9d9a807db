// Command mutate sends broken variants of real statements to a Tarn inside this
// process, from several connections: each must end in time, in an answer or in an
// error that is not an internal one.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/tarndb/tarn/tests/beside"
	"github.com/tarndb/tarn/tests/slt"
)

func main() {
	seed := flag.Int64("seed", 0, "seed; 0 = by the clock")
	span := flag.Duration("for", time.Minute, "how long")
	clients := flag.Int("clients", 3, "connections")
	flag.Parse()
	if *seed == 0 {
		*seed = time.Now().UnixNano() % 1e9
	}
	if err := run(*seed, *span, *clients, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// run takes its statements from .slt files and psql scripts.
func run(seed int64, span time.Duration, clients int, files []string) error {
	stop, dsn, err := beside.StartTarn()
	if err != nil {
		return err
	}
	defer stop()
	var pool []string
	for _, f := range files {
		some, err := statements(f)
		if err != nil {
			return err
		}
		pool = append(pool, some...)
	}
	if len(pool) == 0 {
		return fmt.Errorf("usage: mutate [flags] FILES; .slt files or scripts")
	}
	m := &mutations{pool: pool, codes: map[string]int{}}
	until := time.Now().Add(span)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m.client(dsn, rand.New(rand.NewSource(seed+int64(i))), until)
		}()
	}
	wg.Wait()
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	fmt.Printf("## seed %d: %d statements, %d serious, heap at the end %d MB, taken from the system %d MB; %s\n", seed, m.n, m.serious, mem.HeapAlloc>>20, mem.Sys>>20, m.tally())
	if m.serious > 0 {
		os.Exit(1)
	}
	return nil
}

func statements(file string) (out []string, err error) {
	if strings.HasSuffix(file, ".slt") {
		records, err := slt.Parse(file)
		for _, r := range records {
			out = append(out, r.SQL)
		}
		return out, err
	}
	text, err := os.ReadFile(file)
	for _, s := range beside.Split(string(text)) {
		out = append(out, s.SQL)
	}
	return out, err
}

type mutations struct {
	pool []string

	mu         sync.Mutex
	n, serious int
	codes      map[string]int
}

func (m *mutations) client(dsn string, rng *rand.Rand, until time.Time) {
	ctx := context.Background()
	s, err := beside.Connect(ctx, dsn)
	if err != nil {
		log.Print(err)
		return
	}
	defer s.Close()
	for n := 0; time.Now().Before(until); n++ {
		sql := m.pool[rng.Intn(len(m.pool))]
		if n%4 > 0 { // whole ones too, so that there are tables
			for range 1 + rng.Intn(3) {
				sql = m.mutate(rng, sql)
			}
		}
		if patient.MatchString(sql) {
			continue
		}
		a := s.Ask(ctx, sql)
		if s.Failed() { // of a transaction, in which nothing more would be tried
			s.Ask(ctx, "ROLLBACK")
		}
		bad := a.Code == beside.Hung || a.Code == beside.Gone || strings.HasPrefix(a.Code, "XX")
		m.mu.Lock()
		m.n++
		m.codes[a.Code]++
		if bad {
			m.serious++
			fmt.Printf("== %s %s\n%s\n\n", a.Code, a.Text, sql)
		}
		m.mu.Unlock()
	}
}

// patient is what waits by its nature.
var patient = regexp.MustCompile(`(?i)subscribe|emit\s+changes|pg_sleep|copy\b.*\bstdin`)

var token = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]*"|[A-Za-z_][A-Za-z_0-9]*|[0-9.]+|\s+|[-+*/<>=~!@#%^&|:]+|.`)

var odd = []string{"NULL", "''", "-1", "9223372036854775808", "1e400", "'\\x'", "ARRAY[]", "(", ")", ",", "*", "::", "::jsonb", "::int[]", "::interval", "$1", "NOT", "DISTINCT", "ALL", "ANY", "OVER ()",
	"FILTER (WHERE true)", "GROUP BY 1", "ORDER BY 99", "LIMIT -1", "UNION SELECT", "WITH x AS (SELECT 1)", "CASE WHEN", "END", "IS NOT DISTINCT FROM", "ROW(1, NULL)", "(SELECT 1)", "(SELECT NULL WHERE false)", "VALUES (1)",
	"LATERAL", "USING (a)", "NATURAL JOIN", "FULL JOIN", "EXISTS (SELECT)", "interval '1 mon'", "'infinity'::timestamp", "'NaN'::float8", "'{1,NULL}'::int[]", "'{\"a\":[1]}'::jsonb", "AS OF SYSTEM TIME 0", "generate_series(1, 3)", "unnest(ARRAY[1,2])", "row_number() OVER (ORDER BY 1)", "U&'\\0'", "E'\\u12'", "$$", "--", "/*", ";", " "}

func (m *mutations) mutate(rng *rand.Rand, sql string) string {
	parts := token.FindAllString(sql, -1)
	if len(parts) == 0 {
		return odd[rng.Intn(len(odd))]
	}
	i := rng.Intn(len(parts))
	switch rng.Intn(8) {
	case 0:
		parts[i] = ""
	case 1:
		parts[i] = " " + odd[rng.Intn(len(odd))] + " "
	case 2:
		parts[i] += " " + odd[rng.Intn(len(odd))] + " "
	case 3:
		j := rng.Intn(len(parts))
		parts[i], parts[j] = parts[j], parts[i]
	case 4: // a piece of another one
		other := token.FindAllString(m.pool[rng.Intn(len(m.pool))], -1)
		if len(other) > 0 {
			from := rng.Intn(len(other))
			parts[i] = strings.Join(other[from:min(len(other), from+1+rng.Intn(12))], "")
		}
	case 5:
		parts[i] = strings.Repeat(parts[i], 1+rng.Intn(4))
	case 6:
		parts = parts[:i+1]
	case 7: // the same kind of word from elsewhere in the statement
		for range 10 {
			if j := rng.Intn(len(parts)); class(parts[j]) == class(parts[i]) && parts[j] != parts[i] {
				parts[i] = parts[j]
				break
			}
		}
	}
	return strings.Join(parts, "")
}

func class(t string) byte {
	switch c := t[0]; {
	case c == '\'', c >= '0' && c <= '9':
		return 'v'
	case c == '"', c == '_', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		return 'w'
	case strings.TrimSpace(t) == "":
		return ' '
	}
	return 'o'
}

func (m *mutations) tally() string {
	var list []string
	for c, n := range m.codes {
		if c == "" {
			c = "answered"
		}
		list = append(list, fmt.Sprintf("%s %d", c, n))
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}
