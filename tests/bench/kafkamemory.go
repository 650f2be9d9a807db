package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// benchKafkaMemory reads many records into a view of few keys and an upsert sink
// while they are written, and looks at the server's resident memory as it goes: what
// it has after a fifth of them it is to have in the end.
func benchKafkaMemory(ctx context.Context, r *run) error {
	cl, err := r.startCluster()
	if err != nil {
		return err
	}
	defer cl.end()
	c := &payments{cluster: cl, accounts: pick[int64](r, 100, 10_000, 100_000), records: r.size(5000, 2_000_000, 50_000_000)}
	client, err := c.client(kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	topic := fmt.Sprintf("memory-%d", time.Now().UnixNano())
	if _, err := c.create(ctx, client, topic); err != nil {
		return err
	}
	t, err := r.startTarn(ctx, "", "--kafka", c.brokers)
	if err != nil {
		return err
	}
	defer func() { t.stop() }()
	q, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer q.close()
	if err := q.exec(ctx, strings.NewReplacer(paymentsTopic("json", c.records), topic, ", rate_limit = 1", "").Replace(c.source("json")),
		"CREATE MATERIALIZED VIEW totals AS SELECT account, count(*) AS n, sum(amount) AS total FROM payment GROUP BY account",
		"CREATE SINK changes FROM totals WITH (connector = 'kafka', topic = '"+topic+"-out', primary_key = 'account') FORMAT UPSERT ENCODE JSON"); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	samples := pick[int64](r, 10, 50, 50)
	var rss series
	began := time.Now()
	for k := range samples {
		for i := c.records * k / samples; i < c.records*(k+1)/samples; i++ {
			account, amount := rng.Int64N(c.accounts), rng.Int64N(100_000)
			c.sum += amount
			client.Produce(ctx, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "a%07d", account), Value: paymentJSON(nil, i, account, amount)}, func(_ *kgo.Record, e error) {
				if e != nil && err == nil {
					err = e
				}
			})
		}
		if ferr := client.Flush(ctx); err == nil {
			err = ferr
		}
		if err == nil {
			err = c.caughtUp(ctx, q, c.records*(k+1)/samples)
		}
		if err != nil {
			return fmt.Errorf("%w\n%s", err, t.Tail())
		}
		bytes, err := t.status("VmRSS")
		if err != nil {
			return err
		}
		rss.add(float64(bytes) / 1e6)
		if err := c.forget(ctx, client, topic); err != nil {
			return err
		}
	}
	if err := c.finished(ctx, q, "group"); err != nil {
		return err
	}
	peak, err := t.status("VmHWM")
	if err != nil {
		return err
	}
	early, late := rss[samples/5:2*samples/5], rss[4*samples/5:]
	r.note("%d records in %.0f s; RSS in MB as they came: %.0f; peak %.0f", c.records, time.Since(began).Seconds(), rss, float64(peak)/1e6)
	ratio := late.median() / early.median()
	r.alone("RSS of the last fifth", late, "MB", "", true)
	r.alone("  beside that of the second fifth", series{ratio}, "x", "≤ 1.15x", ratio <= 1.15)
	r.alone("  its greatest beside the median", series{slices.Max(late) / late.median()}, "x", "", true)
	return nil
}

// caughtUp waits until so many records are read and in the sink's topic.
func (c *payments) caughtUp(ctx context.Context, q *client, records int64) error {
	for {
		text, err := q.row(ctx, "SELECT (SELECT coalesce(sum(records), 0) >= "+fmt.Sprint(records)+" FROM sys.sources) AND (SELECT sum(lag_rows + lag_epochs) = 0 FROM sys.sinks)")
		if err != nil || text == "t" {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// forget lets the broker delete what has been read: the disk is not what is measured.
func (c *payments) forget(ctx context.Context, client *kgo.Client, topic string) error {
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	_, err = admin.DeleteRecords(ctx, ends.Offsets())
	return err
}
