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
// 10,000 rows a COPY, each acknowledged after its fsync. The server is killed at
// the end and the answer read again.
func benchCopy(ctx context.Context, r *run) error {
	rows := r.size(20_000, 2_000_000, 50_000_000)
	keys := pick(r, int64(1000), 100_000, 1_000_000)
	l := func() *load { return newLoad(keys, int(rows/chunkRows), 1) }
	var ours, wall, bytes series
	theirs := map[string]*series{}
	for range r.pairs {
		s, b, err := r.copyTarn(ctx, l(), rows)
		if err != nil {
			return err
		}
		ours.add(float64(rows) / s.cpu)
		wall.add(float64(rows) / s.wall)
		bytes.add(b / float64(rows))
		if postgresBin() == "" {
			continue
		}
		for _, k := range keepers {
			n := max(rows/k.share/chunkRows, 2) * chunkRows
			s, err := r.copyPostgres(ctx, k, l(), n)
			if err != nil {
				return fmt.Errorf("PostgreSQL, %s: %w", k.name, err)
			}
			if theirs[k.name] == nil {
				theirs[k.name] = &series{}
			}
			theirs[k.name].add(float64(n) / s.cpu)
		}
	}
	r.note("%d rows, %d a COPY, %d keys; answers right, after kill -9 too", rows, chunkRows, keys)
	r.alone("COPY, wall", wall, "rows/s", "", true)
	r.alone("COPY, written", bytes, "bytes/row", "", true)
	if len(theirs) == 0 {
		r.missing("PostgreSQL")
		r.alone("COPY", ours, "rows/CPU-s", "", true)
	}
	for _, k := range keepers {
		if p := theirs[k.name]; p != nil {
			r.beside("COPY", ours, "rows/CPU-s", "PostgreSQL, "+k.name, *p, k.floor)
		}
	}
	return nil
}

func (r *run) copyTarn(ctx context.Context, l *load, rows int64) (s spent, bytes float64, err error) {
	t, err := r.startTarn(ctx, "")
	if err != nil {
		return s, 0, err
	}
	defer func() { t.stop() }()
	c, err := t.connect(ctx)
	if err != nil {
		return s, 0, err
	}
	if err := createEvents(ctx, c, ""); err != nil {
		return s, 0, err
	}
	s, err = t.during(func() error {
		if err := l.sendRows(ctx, c, rows); err != nil {
			return err
		}
		_, err := c.row(ctx, "SELECT count(*) FROM stats WHERE k = 1") // the view has caught up
		return err
	})
	if err != nil {
		return s, 0, err
	}
	w, err := t.written()
	if err != nil {
		return s, 0, err
	}
	if err := l.check(ctx, c, "stats"); err != nil {
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
	if err := l.check(ctx, c, "stats"); err != nil {
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
