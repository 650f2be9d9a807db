package main

import (
	"context"
	"strconv"
)

// benchCopyBare is COPY into a stream that no view reads, beside PostgreSQL's
// into a table: what the wire, the rows' texts, the journal and settling cost.
func benchCopyBare(ctx context.Context, r *run) error {
	rows := r.size(20_000, 2_000_000, 20_000_000)
	l := func() *load { return newLoad(1_000_000, int(rows/chunkRows), 1) }
	var ours, theirs, wall, bytes series
	for range r.pairs {
		s, b, err := r.copyBare(ctx, l(), rows)
		if err != nil {
			return err
		}
		ours.add(float64(rows) / s.cpu)
		wall.add(float64(rows) / s.wall)
		bytes.add(b / float64(rows))
		if postgresBin() == "" {
			continue
		}
		n := max(rows/5/chunkRows, 2) * chunkRows
		if s, err = r.copyPostgres(ctx, keepers[0], l(), n); err != nil {
			return err
		}
		theirs.add(float64(n) / s.cpu)
	}
	r.note("%d rows, %d a COPY; all there after kill -9", rows, chunkRows)
	r.alone("COPY, no view, wall", wall, "rows/s", "", true)
	r.alone("COPY, no view, written", bytes, "bytes/row", "", true)
	if theirs == nil {
		r.missing("PostgreSQL")
		r.alone("COPY, no view", ours, "rows/CPU-s", "", true)
		return nil
	}
	r.beside("COPY, no view", ours, "rows/CPU-s", "PostgreSQL, bare", theirs, 0)
	return nil
}

func (r *run) copyBare(ctx context.Context, l *load, rows int64) (s spent, bytes float64, err error) {
	t, err := r.startTarn(ctx, "")
	if err != nil {
		return s, 0, err
	}
	defer func() { t.stop() }()
	c, err := t.connect(ctx)
	if err != nil {
		return s, 0, err
	}
	if err := c.exec(ctx, "CREATE STREAM ev ("+rowColumns+") WITH (retention = 'forever')"); err != nil {
		return s, 0, err
	}
	if s, err = t.during(func() error { return l.sendRows(ctx, c, rows) }); err != nil {
		return s, 0, err
	}
	w, err := t.written()
	if err != nil {
		return s, 0, err
	}
	c.close()
	if t, err = r.restart(ctx, t); err != nil {
		return s, 0, err
	}
	if c, err = t.connect(ctx); err != nil {
		return s, 0, err
	}
	defer c.close()
	return s, float64(w), c.expect(ctx, "SELECT count(*) FROM ev", strconv.FormatInt(rows, 10))
}
