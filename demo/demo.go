// Package demo shows the main job in a terminal: an embedded server in a
// temporary folder, a generator of payments that writes through the Postgres
// protocol as any application would, and what the standing views say meanwhile.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tarndb/tarn/server"
)

// Config configures the demo.
type Config struct {
	Listen  string
	Rate    int // payments per second
	Version string
}

var setup = []string{
	`CREATE TABLE account (id text PRIMARY KEY, owner text NOT NULL, country text, opened date)`,
	`CREATE STREAM transfer (
  id bigint, src text, dst text, amount numeric(18,2), note jsonb, at timestamptz,
  WATERMARK FOR at AS at - INTERVAL '10 seconds'
) WITH (retention = 'forever')`,
	`CREATE VIEW entry AS
  SELECT dst AS account, amount AS delta, at FROM transfer UNION ALL SELECT src, -amount, at FROM transfer`,
	`CREATE MATERIALIZED VIEW balance WITH (retain_history = 'forever') AS
  SELECT account, sum(delta) AS balance, count(*) AS entries, max(at) AS last_at FROM entry GROUP BY account`,
	`CREATE MATERIALIZED VIEW country_total AS
  SELECT a.country, count(*) AS accounts, sum(b.balance) AS total
  FROM account a LEFT JOIN balance b ON b.account = a.id GROUP BY a.country`,
	`CREATE MATERIALIZED VIEW per_minute AS
  SELECT window_start, dst, count(*) AS n, sum(amount) AS amount
  FROM TUMBLE(transfer, at, INTERVAL '1 minute') GROUP BY window_start, dst EMIT FINAL`,
}

var people = []struct{ id, owner, country string }{
	{"alice", "Alice", "NL"}, {"bob", "Bob", "DE"}, {"carol", "Carol", "FR"}, {"dave", "Dave", "NL"},
	{"erin", "Erin", "DE"}, {"frank", "Frank", "FR"}, {"grace", "Grace", "IT"}, {"heidi", "Heidi", "IT"},
}

// Run shows the demo until ctx ends.
func Run(ctx context.Context, out io.Writer, cfg Config) error {
	dir, err := os.MkdirTemp("", "tarn-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv, err := server.Start(server.Config{Listen: cfg.Listen, Data: dir, MemoryBytes: 1 << 30, Version: cfg.Version})
	if err != nil {
		return err
	}
	defer srv.Close()
	d := &demo{out: out, addr: srv.Addr(), started: time.Now()}
	err = d.run(ctx, cfg.Rate)
	if ctx.Err() != nil { // the end that was asked for
		fmt.Fprintln(out, "\nThe demo has ended; its folder is removed.")
		return nil
	}
	return err
}

type demo struct {
	out     io.Writer
	addr    string
	started time.Time
	sent    int
}

func (d *demo) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, "postgres://demo@"+d.addr+"/tarn?sslmode=disable")
}

func (d *demo) run(ctx context.Context, rate int) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	fmt.Fprintf(d.out, "A server runs on %s, in a temporary folder. Standing queries are created:\n\n", d.addr)
	for _, sql := range setup {
		fmt.Fprintln(d.out, sql+";")
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", strings.SplitN(sql, "\n", 2)[0], err)
		}
	}
	for _, p := range people {
		if _, err := conn.Exec(ctx, "INSERT INTO account VALUES ($1, $2, $3, current_date)", p.id, p.owner, p.country); err != nil {
			return err
		}
	}
	host, port, _ := strings.Cut(d.addr, ":")
	fmt.Fprintf(d.out, `
Payments run in now. Connect from another terminal:

    psql -h %s -p %s -U demo tarn

and ask, for example:

    SELECT * FROM balance ORDER BY balance DESC;                                   -- now
    SELECT * FROM balance ORDER BY 1 AS OF SYSTEM TIME now() - INTERVAL '5 seconds';  -- what the screen showed
    SELECT * FROM balance ORDER BY 1 AS OF EVENT TIME now() - INTERVAL '5 seconds';   -- by the payments' own time
    SELECT country, total FROM country_total ORDER BY 1;                           -- a view over a view
    COPY (SUBSCRIBE TO balance) TO STDOUT;                                         -- as they change (Ctrl-C ends it)
    SELECT sum(balance) FROM balance;                                              -- double entry: always 0.00

`, host, port)
	go d.watch(ctx)
	return d.pay(ctx, conn, rate)
}

// pay sends payments, one transaction each, at a steady rate.
func (d *demo) pay(ctx context.Context, conn *pgx.Conn, rate int) error {
	rng := rand.New(rand.NewPCG(1, 2))
	tick := time.NewTicker(time.Second / time.Duration(max(rate, 1)))
	defer tick.Stop()
	report := time.NewTicker(2 * time.Second)
	defer report.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-report.C:
			if err := d.report(ctx, conn); err != nil {
				return err
			}
		case <-tick.C:
			src, dst := people[rng.IntN(len(people))].id, people[rng.IntN(len(people))].id
			if rng.IntN(4) == 0 {
				src = "bank"
			}
			if src == dst {
				continue
			}
			amount := fmt.Sprintf("%d.%02d", 1+rng.IntN(500), rng.IntN(100))
			at := time.Now().Add(-time.Duration(rng.IntN(3000)) * time.Millisecond) // some come late
			d.sent++
			_, err := conn.Exec(ctx, "INSERT INTO transfer VALUES ($1, $2, $3, $4::numeric, $5, $6)",
				d.sent, src, dst, amount, `{"why":"demo"}`, at)
			if err != nil {
				return err
			}
		}
	}
}

// report shows what the views say now.
func (d *demo) report(ctx context.Context, conn *pgx.Conn) error {
	var sum string
	if err := conn.QueryRow(ctx, "SELECT sum(balance)::text FROM balance").Scan(&sum); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	}
	fmt.Fprintf(d.out, "%5.1fs  %6d payments acknowledged; sum of all balances %s; by country:", time.Since(d.started).Seconds(), d.sent, sum)
	rows, err := conn.Query(ctx, "SELECT country, coalesce(total, 0)::text FROM country_total ORDER BY 1")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var country, total string
		if err := rows.Scan(&country, &total); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "  %s %s", country, total)
	}
	fmt.Fprintln(d.out)
	return rows.Err()
}

// watch subscribes to one account and shows a few of its changes as they come.
func (d *demo) watch(ctx context.Context) {
	conn, err := d.connect(ctx)
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(ctx, "SUBSCRIBE (SELECT account, balance::text FROM balance WHERE account = 'alice') WITH (SNAPSHOT = false)", pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return
	}
	defer rows.Close()
	for n := 0; n < 6 && rows.Next(); n++ {
		vals, err := rows.Values()
		if err != nil {
			return
		}
		fmt.Fprintf(d.out, "        pushed to a subscriber of alice's balance: epoch %v, diff %v, balance %v\n", vals[0], vals[1], vals[len(vals)-1])
	}
}
