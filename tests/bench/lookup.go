package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// lookupScript is what pgbench runs: one row of the view, by its key.
func lookupScript(keys int64) string {
	return fmt.Sprintf("\\set k random(0, %d)\nSELECT k, n, total FROM stats WHERE k = :k;\n", keys-1)
}

// startStats starts Tarn with the view filled with every key.
func (r *run) startStats(ctx context.Context, keys int64) (*tarn, *load, error) {
	t, err := r.startTarn(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	c, err := t.connect(ctx)
	if err != nil {
		t.stop()
		return nil, nil, err
	}
	defer c.close()
	l := newRounds(keys)
	err = createEvents(ctx, c, "")
	if err == nil {
		err = l.sendRows(ctx, c, keys)
	}
	if err == nil {
		err = l.check(ctx, c, "stats")
	}
	if err != nil {
		t.stop()
		return nil, nil, err
	}
	return t, l, nil
}

// startStatsTable is the same as a table with a primary key in PostgreSQL.
func (r *run) startStatsTable(ctx context.Context, keys int64) (*postgres, error) {
	p, err := r.startPostgres()
	if err != nil || p == nil {
		return nil, err
	}
	c, err := p.connect(ctx)
	if err != nil {
		p.stop()
		return nil, err
	}
	defer c.close()
	l := newRounds(keys)
	err = c.exec(ctx, "CREATE TABLE ev ("+rowColumns+")", "CREATE TABLE stats (k bigint PRIMARY KEY, n bigint, total bigint)")
	if err == nil {
		err = l.sendRows(ctx, c, keys)
	}
	if err == nil {
		err = c.exec(ctx, "INSERT INTO stats "+viewQuery, "VACUUM ANALYZE stats")
	}
	if err == nil {
		err = l.check(ctx, c, "stats")
	}
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// benchLookup asks for rows by key, prepared, over TCP; answers per server CPU-second.
func benchLookup(ctx context.Context, r *run) error {
	if postgresBin() == "" {
		r.missing("pgbench")
		return nil
	}
	keys := r.size(1000, 100_000, 1_000_000)
	seconds := pick(r, 1, 2, 5)
	t, _, err := r.startStats(ctx, keys)
	if err != nil {
		return err
	}
	defer t.stop()
	p, err := r.startStatsTable(ctx, keys)
	if err != nil {
		return err
	}
	defer p.stop()
	host, port := t.hostPort()
	for _, n := range pick(r, []int{2}, []int{1, 8, 64}, []int{1, 8, 64}) {
		var ours, theirs, ourWall, theirWall series
		for range r.pairs {
			for _, one := range []struct {
				usage
				b         pgbench
				cpu, wall *series
			}{
				{t.usage, pgbench{host: host, port: port, db: "tarn"}, &ours, &ourWall},
				{p.usage, pgbench{host: "127.0.0.1", port: p.port, db: "postgres"}, &theirs, &theirWall},
			} {
				b := one.b
				b.script, b.clients, b.seconds = lookupScript(keys), n, seconds
				var res result
				s, err := one.during(func() (err error) { res, err = r.pgbench(ctx, b); return err })
				if err != nil {
					return err
				}
				one.cpu.add(float64(res.done) / s.cpu)
				one.wall.add(res.tps)
			}
		}
		floor := 1.5
		if n == 1 {
			floor = 1
		}
		r.beside(fmt.Sprintf("look-up, %d clients", n), ours, "/CPU-s", "PostgreSQL", theirs, floor)
		r.beside(fmt.Sprintf("look-up, %d clients, wall", n), ourWall, "/s", "PostgreSQL", theirWall, 0)
	}
	return nil
}

// benchLookupUnderLoad compares the look-up's p99 while 100,000 rows a second
// change the view with the p99 when nothing does.
func benchLookupUnderLoad(ctx context.Context, r *run) error {
	if postgresBin() == "" {
		r.missing("pgbench")
		return nil
	}
	keys := r.size(1000, 100_000, 1_000_000)
	seconds := pick(r, 1, 4, 12)
	ckpts := pick(r, 0, 3, 3) // at least so many while it is measured
	rate := pick(r, 10_000, 100_000, 100_000)
	t, _, err := r.startStats(ctx, keys)
	if err != nil {
		return err
	}
	defer t.stop()
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	for _, n := range []int{1, 8} {
		idle, err := r.latencies(ctx, t, keys, n, seconds)
		if err != nil {
			return err
		}
		before, err := checkpoints(ctx, c)
		if err != nil {
			return err
		}
		var loaded series
		began, done := time.Now(), 0
		rows, err := r.underLoad(ctx, t, keys, rate, func() error {
			for round := 0; round == 0 || done < ckpts; round++ {
				if round == underLoadRounds {
					return fmt.Errorf("%d checkpoints in %s; %d were to be", done, time.Since(began), ckpts)
				}
				l, err := r.latencies(ctx, t, keys, n, seconds)
				if err != nil {
					return err
				}
				loaded = append(loaded, l...)
				after, err := checkpoints(ctx, c)
				if err != nil {
					return err
				}
				done = after - before
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.note("%d clients: %.0f rows/s came in, %d checkpoints", n, float64(rows)/time.Since(began).Seconds(), done)
		r.note("%d clients: p50 %.3f ms idle, %.3f ms under load", n, idle.quantile(0.5), loaded.quantile(0.5))
		i, l := idle.quantile(0.99), loaded.quantile(0.99)
		r.alone(fmt.Sprintf("look-up p99, %d clients, idle", n), series{i}, "ms", "", true)
		r.alone(fmt.Sprintf("look-up p99, %d clients, under load", n), series{l}, fmt.Sprintf("ms   itself idle %.3g   %.2fx", i, l/i), "≤ 4x", l <= 4*i)
	}
	return nil
}

// underLoadRounds bounds how often the look-ups are measured while checkpoints are
// waited for.
const underLoadRounds = 20

func checkpoints(ctx context.Context, c *client) (int, error) {
	s, err := c.row(ctx, "SELECT checkpoints FROM sys.engine")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(s)
}

// underLoad runs f while rate rows a second are copied in; it returns how many were.
func (r *run) underLoad(ctx context.Context, t *tarn, keys int64, rate int, f func() error) (rows int64, err error) {
	c, err := t.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.close()
	var wg sync.WaitGroup
	done := make(chan struct{})
	var loadErr error
	wg.Go(func() {
		l := newLoad(keys, 50, 3)
		began := time.Now()
		for {
			due := began.Add(time.Duration(float64(rows) / float64(rate) * float64(time.Second)))
			select {
			case <-done:
				return
			case <-time.After(time.Until(due)):
			}
			var n int64
			if n, loadErr = l.send(ctx, c); loadErr != nil {
				return
			}
			rows += n
		}
	})
	err = f()
	close(done)
	wg.Wait()
	if err == nil {
		err = loadErr
	}
	return rows, err
}

// latencies are those of each look-up, in ms.
func (r *run) latencies(ctx context.Context, t *tarn, keys int64, clients, seconds int) (series, error) {
	dir, err := r.folder("latencies")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	host, port := t.hostPort()
	b := pgbench{host: host, port: port, db: "tarn", script: lookupScript(keys), clients: clients, seconds: seconds, logs: filepath.Join(dir, "log")}
	if _, err := r.pgbench(ctx, b); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "log.*"))
	if err != nil {
		return nil, err
	}
	var out series
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		for in := bufio.NewScanner(f); in.Scan(); { // client, number, µs, …
			if fields := strings.Fields(in.Text()); len(fields) > 2 {
				us, _ := strconv.ParseFloat(fields[2], 64)
				out.add(us / 1000)
			}
		}
		f.Close()
	}
	return out, nil
}
