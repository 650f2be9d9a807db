package crash

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// check looks at everything after a restart, while nobody writes.
func (r *round) check(ctx context.Context, c *pgconn.PgConn) error {
	if err := r.checkRows(ctx, c); err != nil {
		return err
	}
	for _, a := range always {
		if err := holds(ctx, c, a.query, a.want); err != nil {
			return err
		}
	}
	for _, v := range views {
		if err := same(ctx, c, "SELECT * FROM "+v.name, v.query); err != nil {
			return err
		}
	}
	for _, v := range overViews {
		if err := same(ctx, c, "SELECT * FROM "+v.name, v.batch); err != nil {
			return err
		}
	}
	for _, k := range copies {
		err := same(ctx, c, k.copy, k.original)
		for began := time.Now(); errors.Is(err, errWrong) && time.Since(began) < patience; time.Sleep(5 * time.Millisecond) {
			err = same(ctx, c, k.copy, k.original) // the sink is behind
		}
		if err != nil {
			return err
		}
	}
	_, err := rows(ctx, c, "SELECT count(*) FROM extra")
	for began := time.Now(); code(err) == "55000" && time.Since(began) < patience; time.Sleep(time.Millisecond) {
		_, err = rows(ctx, c, "SELECT count(*) FROM extra") // it is still being built
	}
	if err == nil {
		if err := same(ctx, c, "SELECT * FROM extra", r.model.extra); err != nil {
			return err
		}
	} else if code(err) != "42P01" {
		return err
	}
	for _, drop := range []string{"DROP MATERIALIZED VIEW IF EXISTS extra", "DROP TABLE IF EXISTS scratch"} {
		if _, err := do(ctx, c, drop, "DROP"); err != nil {
			return fmt.Errorf("%s: %w", drop, err)
		}
	}
	if err := r.answers.again(ctx, c, r.rng, 25); err != nil {
		return err
	}
	return r.checkSubscribers(ctx, c)
}

// checkRows compares base relations with what was acknowledged.
func (r *round) checkRows(ctx context.Context, c *pgconn.PgConn) error {
	var f found
	var err error
	for _, q := range []struct {
		into *map[txID]int
		from string
	}{{&f.event, "event"}, {&f.log, "log"}, {&f.note, "note"}} {
		if *q.into, err = counts(ctx, c, "SELECT w, tx, count(*) FROM "+q.from+" GROUP BY w, tx"); err != nil {
			return err
		}
	}
	if err := r.model.settle(f); err != nil {
		return err
	}
	kv, err := rows(ctx, c, "SELECT id, v FROM kv")
	if err != nil {
		return err
	}
	have := map[int]string{}
	for _, row := range kv {
		id, v, _ := strings.Cut(row, "\t")
		n, _ := strconv.Atoi(id)
		if _, twice := have[n]; twice {
			return fmt.Errorf("%w: key %d is twice in kv", errWrong, n)
		}
		have[n] = v
	}
	return r.model.settleKV(have)
}

func counts(ctx context.Context, c *pgconn.PgConn, query string) (map[txID]int, error) {
	list, err := rows(ctx, c, query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	out := map[txID]int{}
	for _, row := range list {
		var id txID
		var n int
		if _, err := fmt.Sscan(row, &id.w, &id.tx, &n); err != nil {
			return nil, err
		}
		out[id] = n
	}
	return out, nil
}

// same compares a view with its recomputation.
func same(ctx context.Context, c *pgconn.PgConn, view, batch string) error {
	got, err := rows(ctx, c, view)
	if err != nil {
		return fmt.Errorf("%s: %w", view, err)
	}
	want, err := rows(ctx, c, batch)
	if err != nil {
		return fmt.Errorf("%s: %w", batch, err)
	}
	if d := differ(got, want); d != "" {
		return fmt.Errorf("%w: %s is not %s:%s", errWrong, view, batch, d)
	}
	return nil
}

// checkSubscribers waits until the resumed subscriptions have caught up, and
// compares their copies with the relations.
func (r *round) checkSubscribers(ctx context.Context, c *pgconn.PgConn) error {
	at, err := one(ctx, c, "SELECT applied_epoch FROM sys.engine")
	if err != nil {
		return err
	}
	epoch, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	for _, s := range r.subscribers {
		if err := s.reach(ctx, epoch); err != nil {
			return err
		}
		want, err := rows(ctx, c, s.want)
		if err != nil {
			return err
		}
		s.mu.Lock()
		got := s.rows()
		s.mu.Unlock()
		if d := differ(got, want); d != "" {
			return fmt.Errorf("%w: the copy of %s by subscription is not the relation:%s", errWrong, s.what, d)
		}
	}
	return nil
}
