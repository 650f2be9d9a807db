package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// errWrong is a wrong answer, as opposed to a connection that broke.
var errWrong = errors.New("wrong")

// reader asks what must always hold.
func reader(ctx context.Context, c *pgconn.PgConn, rng *rand.Rand) error {
	a := always[rng.Intn(len(always))]
	if rng.Intn(4) == 0 { // both in one snapshot
		b := always[rng.Intn(len(always))]
		if _, err := do(ctx, c, "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN"); err != nil {
			return wrongIfRefused(b.query, err)
		}
		if err := holds(ctx, c, b.query, b.want); err != nil {
			return err
		}
		if err := holds(ctx, c, a.query, a.want); err != nil {
			return err
		}
		_, err := do(ctx, c, "COMMIT", "COMMIT")
		return wrongIfRefused("COMMIT", err)
	}
	return holds(ctx, c, a.query, a.want)
}

func holds(ctx context.Context, c *pgconn.PgConn, query, want string) error {
	got, err := one(ctx, c, query)
	if err != nil {
		return wrongIfRefused(query, err)
	}
	if got != want {
		return fmt.Errorf("%w: %s: got %q, wanted %q", errWrong, query, got, want)
	}
	return nil
}

// wrongIfRefused makes an error of the server a wrong answer.
func wrongIfRefused(sql string, err error) error {
	if refused(err) {
		return fmt.Errorf("%w: %s: %w", errWrong, sql, err)
	}
	return err
}

// answers are those given AS OF a time: they must never change.
type answers struct {
	mu    sync.Mutex
	since time.Time // when the relations were there
	list  []answer
}

type answer struct {
	query string
	rows  []string
}

// answersMax bounds how many answers are kept; beyond it a random one goes.
const answersMax = 400

// ask takes an answer as of some time until now.
func (a *answers) ask(ctx context.Context, c *pgconn.PgConn, rng *rand.Rand) error {
	t := time.Now()
	if rng.Intn(2) == 0 {
		t = t.Add(-time.Duration(rng.Int63n(int64(t.Sub(a.since)))))
	}
	q := past[rng.Intn(len(past))] + t.UTC().Format(" AS OF SYSTEM TIME '2006-01-02 15:04:05.999999+00'")
	got, err := rows(ctx, c, q)
	if err != nil {
		return wrongIfRefused(q, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.list) < answersMax {
		a.list = append(a.list, answer{q, got})
	} else {
		a.list[rng.Intn(len(a.list))] = answer{q, got}
	}
	return nil
}

// again asks a sample of n of the questions again.
func (a *answers) again(ctx context.Context, c *pgconn.PgConn, rng *rand.Rand, n int) error {
	a.mu.Lock()
	var ask []answer
	for _, i := range rng.Perm(len(a.list))[:min(n, len(a.list))] {
		ask = append(ask, a.list[i])
	}
	a.mu.Unlock()
	for _, old := range ask {
		got, err := rows(ctx, c, old.query)
		if err != nil {
			return fmt.Errorf("%s: %w", old.query, err)
		}
		if d := differ(got, old.rows); d != "" {
			return fmt.Errorf("%w: %s: the answer has changed:%s", errWrong, old.query, d)
		}
	}
	return nil
}
