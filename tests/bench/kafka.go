package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// JSON records of some 250 bytes and 7 fields, in a topic of two partitions, keyed
// by account: read, and filtered into a topic; counted by account; counted, with the
// changes in a topic. CPU-seconds are those of the process, the broker apart, from
// the first statement to the last answer; both sides are exactly once.

// kafkaWays are the three rows of the table.
var kafkaWays = []struct {
	mode, what string
	floor      float64
}{
	{"filter", "filter to a topic, records per CPU-s", 5},
	{"group", "GROUP BY account, records per CPU-s", 5},
	{"upsert", "the same with an upsert sink", 3},
}

func benchKafka(ctx context.Context, r *run) error {
	cl, err := r.startCluster()
	if err != nil {
		return err
	}
	defer cl.end()
	c := &payments{cluster: cl, accounts: pick[int64](r, 100, 100_000, 1_000_000), records: r.size(2000, 400_000, 4_000_000)}
	if err := c.fill(ctx, "json"); err != nil {
		return err
	}
	var java []string
	if !r.peerless {
		if java, err = r.streams(ctx); err != nil {
			r.missing("Kafka Streams (Java 17, Maven)")
		}
	}
	for _, w := range kafkaWays {
		if r.part != "" && r.part != w.mode {
			continue
		}
		var mine, theirs series
		for i := range r.pairs {
			out := fmt.Sprintf("out-%s-%d-%d", w.mode, i, time.Now().UnixNano())
			x, err := r.kafkaTarn(ctx, c, "json", w.mode, out)
			if err != nil {
				return fmt.Errorf("%s: %w", w.mode, err)
			}
			mine.add(x)
			if java == nil || r.scale == tiny {
				continue
			}
			y, err := r.kafkaStreams(ctx, c, java, w.mode, out+"-peer")
			if err != nil {
				return fmt.Errorf("%s: %w", w.mode, err)
			}
			theirs.add(y)
		}
		if len(theirs) == 0 {
			r.alone(w.what, mine, "", "", true)
			continue
		}
		r.beside(w.what, mine, "", "Kafka Streams", theirs, w.floor)
	}
	return nil
}

// kafkaTarn runs one way in a fresh server and gives records per CPU-second.
func (r *run) kafkaTarn(ctx context.Context, c *payments, format, mode, out string) (float64, error) {
	t, err := r.startTarn(ctx, "", "--kafka", c.brokers)
	if err != nil {
		return 0, err
	}
	defer func() { t.stop() }()
	q, err := t.connect(ctx)
	if err != nil {
		return 0, err
	}
	source := c.source(format)
	view := "CREATE MATERIALIZED VIEW totals AS SELECT account, count(*) AS n, sum(amount) AS total FROM payment GROUP BY account"
	var statements []string
	switch mode {
	case "filter":
		statements = []string{source, "CREATE SINK kept AS SELECT * FROM payment WHERE amount >= " + fmt.Sprint(keepAmount) +
			" WITH (connector = 'kafka', topic = '" + out + "') FORMAT PLAIN ENCODE JSON"}
	case "group":
		statements = []string{source, view}
	case "upsert":
		statements = []string{source, view, "CREATE SINK changes FROM totals WITH (connector = 'kafka', topic = '" + out +
			"', primary_key = 'account') FORMAT UPSERT ENCODE JSON"}
	}
	statements = append(statements, "ALTER SOURCE payment RESET (rate_limit)")
	spent, err := t.during(func() error {
		if err := q.exec(ctx, statements...); err != nil {
			return err
		}
		return c.finished(ctx, q, mode)
	})
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, t.Tail())
	}
	q.close()
	rss, _ := t.status("VmHWM")
	if err := c.checked(ctx, r, &t, mode, out); err != nil {
		return 0, err
	}
	r.note("%s, %s: tarn %.2f CPU-s, %.1f s, peak RSS %d MB", format, mode, spent.cpu, spent.wall, rss>>20)
	return float64(c.records) / spent.cpu, nil
}

// finished waits until all records are read and, where there is a sink, written: of
// a filter it is known how many rows that are; of changes, nothing has been behind
// for a second.
func (c *payments) finished(ctx context.Context, q *client, mode string) error {
	calm := 0
	for {
		done, err := q.row(ctx, "SELECT coalesce(sum(records), 0)::text FROM sys.sources")
		if err != nil {
			return err
		}
		read := done == fmt.Sprint(c.records)
		switch {
		case read && mode == "group":
			return q.expect(ctx, "SELECT sum(n)::text, sum(total)::text FROM totals", fmt.Sprintf("%d|%d", c.records, c.sum))
		case read:
			var rows int64
			var behind bool
			text, err := q.row(ctx, "SELECT rows, lag_epochs + lag_rows > 0 FROM sys.sinks")
			if err != nil {
				return err
			}
			if _, err := fmt.Sscanf(strings.NewReplacer("|t", " true", "|f", " false").Replace(text), "%d %t", &rows, &behind); err != nil {
				return err
			}
			if calm++; behind || rows == 0 || mode == "filter" && rows < c.kept {
				calm = 0
			}
			if calm > 50 || mode == "filter" && calm > 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checked asks again after kill -9, and reads the sink's topic.
func (c *payments) checked(ctx context.Context, r *run, t **tarn, mode, out string) error {
	next, err := r.restart(ctx, *t)
	if err != nil {
		return err
	}
	*t = next
	q, err := next.connect(ctx)
	if err != nil {
		return err
	}
	defer q.close()
	switch mode {
	case "filter":
		n, err := c.committed(ctx, out)
		if err == nil && n != c.kept {
			err = fmt.Errorf("%w: the topic has %d records, expected %d", errWrong, n, c.kept)
		}
		return err
	case "upsert":
		if n, err := c.committed(ctx, out); err != nil || n == 0 {
			return fmt.Errorf("%w: the topic has %d records (%v)", errWrong, n, err)
		}
	}
	for {
		err := q.expect(ctx, "SELECT sum(n)::text, sum(total)::text FROM totals", fmt.Sprintf("%d|%d", c.records, c.sum))
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55000" { // the view goes through what the checkpoint has not
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
