package main

import (
	"context"
	"fmt"
)

// keeper is how PostgreSQL keeps the view up.
type keeper struct {
	name  string
	floor float64 // Tarn's rows per CPU-second are to be so many times its own
	share int64   // it gets 1/share of the rows: slow ones need not run for an hour
	ddl   []string
}

const statsTable = "CREATE TABLE stats (k bigint PRIMARY KEY, n bigint, total bigint) WITH (fillfactor = 50)"

var keepers = []keeper{
	{name: "bare", floor: 1.5, share: 5},
	{name: "statement trigger", floor: 2, share: 10, ddl: []string{statsTable, `
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO stats AS s SELECT k, count(*), sum(amount) FROM fresh GROUP BY k ORDER BY k
  ON CONFLICT (k) DO UPDATE SET n = s.n + excluded.n, total = s.total + excluded.total;
  RETURN NULL;
END $$`,
		"CREATE TRIGGER keep AFTER INSERT ON ev REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION keep()"}},
	{name: "row trigger", floor: 10, share: 25, ddl: []string{statsTable, `
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO stats AS s VALUES (new.k, 1, new.amount)
  ON CONFLICT (k) DO UPDATE SET n = s.n + 1, total = s.total + excluded.total;
  RETURN NULL;
END $$`,
		"CREATE TRIGGER keep AFTER INSERT ON ev FOR EACH ROW EXECUTE FUNCTION keep()"}},
}

// benchCopy is rows per server CPU-second of COPY into a stream with one view,
// 10,000 rows a COPY, each acknowledged after its fsync.
func benchCopy(ctx context.Context, r *run) error {
	return r.copies(ctx, copyRun{what: "COPY", rows: r.size(20_000, 2_000_000, 50_000_000), keys: pick(r, int64(1000), 100_000, 1_000_000), view: true, beside: keepers})
}

// benchCopyBare is COPY into a stream that no view reads, beside PostgreSQL's
// into a table: what the wire, the rows' texts, the journal and settling cost.
func benchCopyBare(ctx context.Context, r *run) error {
	return r.copies(ctx, copyRun{what: "COPY, no view", rows: r.size(20_000, 2_000_000, 20_000_000), keys: 1_000_000, beside: []keeper{{name: "bare", share: 5}}})
}

// copyRun is what is copied, and the ways of PostgreSQL beside it.
type copyRun struct {
	what       string
	rows, keys int64
	view       bool
	beside     []keeper
}

func (r *run) copies(ctx context.Context, x copyRun) error {
	l := func() *load { return newLoad(x.keys, int(x.rows/chunkRows), 1) }
	var ours, wall, bytes series
	theirs := make([]series, len(x.beside))
	for range r.pairs {
		s, b, err := r.copyTarn(ctx, l(), x)
		if err != nil {
			return err
		}
		ours.add(float64(x.rows) / s.cpu)
		wall.add(float64(x.rows) / s.wall)
		bytes.add(b / float64(x.rows))
		if r.without() {
			continue
		}
		for i, k := range x.beside {
			n := max(x.rows/k.share/chunkRows, 2) * chunkRows
			s, err := r.copyPostgres(ctx, k, l(), n)
			if err != nil {
				return fmt.Errorf("PostgreSQL, %s: %w", k.name, err)
			}
			theirs[i].add(float64(n) / s.cpu)
		}
	}
	r.note("%d rows, %d a COPY, %d keys; answers right, after kill -9 too", x.rows, chunkRows, x.keys)
	r.alone(x.what+", wall", wall, "rows/s", "", true)
	r.alone(x.what+", written", bytes, "bytes/row", "", true)
	if r.without() {
		if !r.peerless {
			r.missing("PostgreSQL")
		}
		r.alone(x.what, ours, "rows/CPU-s", "", true)
		return nil
	}
	for i, k := range x.beside {
		r.beside(x.what, ours, "rows/CPU-s", "PostgreSQL, "+k.name, theirs[i], k.floor)
	}
	return nil
}

// copyTarn copies in a fresh server, looks at the answers, kills the server, and
// looks again.
func (r *run) copyTarn(ctx context.Context, l *load, x copyRun) (s spent, bytes float64, err error) {
	t, err := r.startTarn(ctx, "")
	if err != nil {
		return s, 0, err
	}
	defer func() { t.stop() }()
	c, err := t.connect(ctx)
	if err != nil {
		return s, 0, err
	}
	check := func() error { return c.expect(ctx, "SELECT count(*) FROM ev", fmt.Sprint(x.rows)) }
	if x.view {
		err = createEvents(ctx, c, "")
		check = func() error { return l.check(ctx, c, "stats") }
	} else {
		err = c.exec(ctx, eventsStream)
	}
	if err != nil {
		return s, 0, err
	}
	s, err = t.during(func() error {
		err := l.sendRows(ctx, c, x.rows)
		if err == nil && x.view {
			_, err = c.row(ctx, "SELECT count(*) FROM stats WHERE k = 1") // the view has caught up
		}
		return err
	})
	if err != nil {
		return s, 0, err
	}
	w, err := t.written()
	if err != nil {
		return s, 0, err
	}
	if err := check(); err != nil {
		return s, 0, err
	}
	if n, err := c.row(ctx, "SELECT checkpoints, epochs, memory_bytes / 1048576 FROM sys.engine"); err == nil {
		r.note("checkpoints|epochs|MiB: %s; %.1f s, %.1f CPU-s", n, s.wall, s.cpu)
	}
	c.close()
	if t, err = r.restart(ctx, t); err != nil {
		return s, 0, err
	}
	if c, err = t.connect(ctx); err != nil {
		return s, 0, err
	}
	defer c.close()
	if err := check(); err != nil {
		return s, 0, fmt.Errorf("after kill -9: %w", err)
	}
	return s, float64(w), nil
}

func (r *run) copyPostgres(ctx context.Context, k keeper, l *load, rows int64) (s spent, err error) {
	p, err := r.startPostgres()
	if err != nil {
		return s, err
	}
	defer p.stop()
	c, err := p.connect(ctx)
	if err != nil {
		return s, err
	}
	defer c.close()
	if err := c.exec(ctx, append([]string{"CREATE TABLE ev (" + rowColumns + ")"}, k.ddl...)...); err != nil {
		return s, err
	}
	s, err = p.during(func() error { return l.sendRows(ctx, c, rows) })
	if err != nil {
		return s, err
	}
	relation := "stats"
	if k.ddl == nil {
		relation = "(" + viewQuery + ") x"
	}
	return s, l.check(ctx, c, relation)
}
