package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	seedFlag  = flag.Int64("seed", 0, "seed of TestKill; 0 = by the clock")
	killsFlag = flag.Int("kills", 0, "kills of TestKill; 0 = 32, 1,000 with TARN_FULL")
)

// killsARound is how many kills one folder lives through.
const killsARound = 32

// rowsARound ends a folder's life earlier: the server has 20 MiB, and to compute a
// join anew takes more than to keep it.
const rowsARound = 60_000

// TestKill kills the server at random moments under load, also while it
// recovers, and checks after each restart.
func TestKill(t *testing.T) {
	kills := *killsFlag
	if kills == 0 {
		kills = 32
		if os.Getenv("TARN_FULL") != "" {
			kills = 1000
		}
	}
	seed := *seedFlag
	if seed == 0 {
		seed = time.Now().UnixNano()
	}
	done, txs := 0, 0
	for n := int64(0); done < kills; n++ {
		r := &round{dir: dataFolder(t), rng: rand.New(rand.NewSource(seed + n)), model: newModel(), answers: &answers{}}
		err := r.run(t.Context(), min(killsARound, kills-done))
		done, txs = done+r.kills, txs+r.model.size()
		if err != nil {
			t.Fatalf("seed %d, kill %d: %v\nserver's log ends:\n%s", seed+n, r.kills, err, logTail(r.dir))
		}
		os.RemoveAll(filepath.Dir(r.dir))
	}
	t.Logf("%d kills survived, %d transactions kept", done, txs)
}

// round is the life of one folder.
type round struct {
	dir         string
	rng         *rand.Rand
	model       *model
	answers     *answers
	subscribers []*subscriber
	kills       int
}

// flags make checkpoints, settling, journal files and eviction happen all the time.
var flags = []string{"--checkpoint-every", "60ms", "--journal-file", "64KiB", "--inline-rows", "500", "--pack-versions", "100", "--memory", "20MiB", "--log-level", "warn"}

func (r *round) run(ctx context.Context, kills int) error {
	p, err := start(r.dir, flags...)
	if err != nil {
		return err
	}
	defer func() { p.kill() }()
	if err := r.create(ctx, p); err != nil {
		return err
	}
	for r.kills < kills {
		if err := r.load(ctx, p); err != nil {
			return err
		}
		p.kill()
		r.kills++
		// One in four is killed again while it recovers.
		for r.kills < kills && r.rng.Intn(4) == 0 {
			q, ready, err := launch(r.dir, flags...)
			if err != nil {
				return err
			}
			select {
			case <-time.After(time.Duration(r.rng.Intn(120)) * time.Millisecond):
			case _, ok := <-ready:
				if !ok {
					<-q.done
					return fmt.Errorf("the server did not start: %v", q.err)
				}
			}
			q.kill()
			r.kills++
		}
		if p, err = start(r.dir, flags...); err != nil {
			return err
		}
		if r.model.rows() > rowsARound {
			kills = r.kills
		}
		if err := r.verify(ctx, p, r.kills >= kills); err != nil {
			return err
		}
	}
	if took, err := p.stop(); err != nil || took > 5*time.Second {
		return fmt.Errorf("SIGTERM: ended after %s: %v", took, err)
	}
	if log := logTail(r.dir); strings.Contains(log, "panic") {
		return errors.New("the log speaks of a panic")
	}
	return nil
}

func (r *round) create(ctx context.Context, p *process) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	stmts := append([]string(nil), schema...)
	for _, v := range views {
		stmts = append(stmts, v.create())
	}
	for _, v := range overViews {
		stmts = append(stmts, view{v.name, v.query}.create())
	}
	for _, k := range copies {
		stmts = append(stmts, k.ddl, k.sink)
	}
	for _, sql := range stmts {
		if _, err := do(ctx, c, sql, ""); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	r.answers.since = time.Now()
	r.subscribers = []*subscriber{
		newSubscriber("by_k", "SELECT * FROM by_k"),
		newSubscriber("top", "SELECT * FROM top"),
		newSubscriber("account", "SELECT * FROM account"),
		newSubscriber("(SELECT w, tx, k, amount FROM event WHERE k <= 3)", "SELECT w, tx, k, amount FROM event WHERE k <= 3"),
		newSubscriber("(SELECT v % 3 AS g, count(*) AS n FROM kv GROUP BY 1)", "SELECT v % 3 AS g, count(*) AS n FROM kv GROUP BY 1"),
		newSubscriber("per_window", "SELECT * FROM per_window"),
	}
	return nil
}

// crew is goroutines with a connection each; it keeps the first wrong answer.
type crew struct {
	ctx    context.Context
	cancel context.CancelFunc
	p      *process
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error
}

func newCrew(ctx context.Context, p *process) *crew {
	c := &crew{p: p}
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// hire runs f until the crew is sent home or the server is gone.
func (c *crew) hire(f func(ctx context.Context, conn *pgconn.PgConn) error) {
	c.wg.Go(func() {
		conn, err := c.p.connect(c.ctx)
		if err == nil {
			defer func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = conn.Close(ctx)
			}()
			err = f(c.ctx, conn)
		}
		c.report(err)
	})
}

func (c *crew) report(err error) {
	if err == nil || c.ctx.Err() != nil && !errors.Is(err, errWrong) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || errors.Is(err, errWrong) && !errors.Is(c.err, errWrong) {
		c.err = err
	}
	c.cancel()
}

func (c *crew) subscribe(subs []*subscriber) {
	for _, s := range subs {
		c.hire(s.run)
	}
}

// load lets everybody work for a random time and kills the server under them.
func (r *round) load(ctx context.Context, p *process) error {
	c := newCrew(ctx, p)
	defer c.cancel()
	c.subscribe(r.subscribers)
	for id, run := range writers {
		w := &writer{id: id, m: r.model, rng: rand.New(rand.NewSource(r.rng.Int63()))}
		c.hire(func(ctx context.Context, conn *pgconn.PgConn) error {
			w.c = conn
			for ctx.Err() == nil {
				if err := run(ctx, w); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 2 {
		rng := rand.New(rand.NewSource(r.rng.Int63()))
		c.hire(func(ctx context.Context, conn *pgconn.PgConn) error {
			for ctx.Err() == nil {
				if err := reader(ctx, conn, rng); err != nil {
					return err
				}
			}
			return nil
		})
	}
	rng := rand.New(rand.NewSource(r.rng.Int63()))
	c.hire(func(ctx context.Context, conn *pgconn.PgConn) error {
		for ctx.Err() == nil {
			if err := r.answers.ask(ctx, conn, rng); err != nil {
				return err
			}
		}
		return nil
	})
	select {
	case <-time.After(time.Duration(50+r.rng.Intn(700)) * time.Millisecond):
	case <-c.ctx.Done():
	}
	alive := !p.ended()
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	p.cmd.Process.Kill() // under them, and only then are they sent home
	c.cancel()
	c.wg.Wait()
	if err == nil && errors.Is(c.err, errWrong) {
		err = c.err
	}
	if err == nil && !alive {
		err = errors.New("the server ended by itself")
	}
	return err
}

// verify checks everything, with the subscriptions resumed beside.
func (r *round) verify(ctx context.Context, p *process, last bool) error {
	c := newCrew(ctx, p)
	c.subscribe(r.subscribers)
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err = r.check(c.ctx, conn); err == nil && last {
		for _, s := range r.subscribers {
			if err = s.replay(c.ctx, conn); err != nil {
				break
			}
		}
	}
	c.mu.Lock()
	if c.err != nil {
		err = c.err
	}
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
	return err
}
