package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// benchKafkaLatency measures, at pushRate records a second, how long after it was
// handed to a Kafka client a record has changed a view and is at the view's
// subscriber; and how long after it a read_committed consumer has it from the topic
// of a sink with the default commit interval.
func benchKafkaLatency(ctx context.Context, r *run) error {
	c, err := r.startCluster()
	if err != nil {
		return err
	}
	defer c.end()
	t, err := r.startTarn(ctx, "", "--kafka", c.brokers)
	if err != nil {
		return err
	}
	defer t.stop()
	q, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer q.close()
	window := time.Duration(pick(r, 500, 5000, 60_000)) * time.Millisecond
	warm := pick(r, 0, 3, 15) // seconds: a fresh JVM compiles itself first
	for _, w := range []struct {
		what  string
		floor float64 // ms
		sink  bool
	}{
		{"produce → view → subscriber", 50, false},
		{"produce → sink's topic, read_committed", 300, true},
	} {
		p, err := r.hops(ctx, c, t, q, w.sink, window+time.Duration(warm)*time.Second)
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", w.what, err, t.Tail())
		}
		sent, acked := p.delays()
		sent, acked = sent[warm*pushRate:], acked[warm*pushRate:]
		r.note("%s: %d records, p50 %.1f ms, greatest %.1f ms; p99 %.1f ms after Kafka's acknowledgement", w.what, len(sent), sent.quantile(0.5), sent.quantile(1), acked.quantile(0.99))
		p99 := sent.quantile(0.99)
		r.alone(w.what+", p99", series{p99}, "ms", fmt.Sprintf("≤ %g ms", w.floor), p99 <= w.floor)
	}
	return nil
}

// hops sends records, takes note of when they are at the other end, and checks that
// all of them are, and in the view.
func (r *run) hops(ctx context.Context, c *cluster, t *tarn, q *client, sink bool, window time.Duration) (*pushes, error) {
	n := int(window.Seconds() * pushRate)
	name := fmt.Sprintf("hops%d", time.Now().UnixNano())
	ctx, cancel := context.WithTimeout(ctx, window+time.Minute)
	defer cancel()
	producer, err := c.client(kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	for _, topic := range []string{name, name + "-out"} {
		if _, err := c.create(ctx, producer, topic); err != nil {
			return nil, err
		}
	}
	statements := []string{"CREATE SOURCE " + name + " (id bigint) WITH (connector = 'kafka', topic = '" + name + "') FORMAT PLAIN ENCODE JSON",
		"CREATE MATERIALIZED VIEW " + name + "_view AS SELECT id AS k, count(*) AS n, max(id) AS last_id FROM " + name + " GROUP BY id"}
	if sink {
		statements = append(statements, "CREATE SINK "+name+"_out AS SELECT id FROM "+name+" WITH (connector = 'kafka', topic = '"+name+"-out') FORMAT PLAIN ENCODE JSON")
	}
	if err := q.exec(ctx, statements...); err != nil {
		return nil, err
	}
	p := &pushes{first: 1, sent: make([]time.Time, n), acked: make([]time.Time, n), seen: make([]time.Time, n)}
	var ends sync.WaitGroup
	done := make(chan error, 1)
	if sink {
		ends.Go(func() { done <- c.arrivals(ctx, name+"-out", p) })
	} else {
		sub, err := t.connect(ctx)
		if err != nil {
			return nil, err
		}
		defer sub.close()
		out, in := io.Pipe()
		defer out.Close()
		ends.Go(func() {
			_, err := sub.CopyTo(ctx, in, "COPY (SUBSCRIBE TO "+name+"_view WITH (SNAPSHOT = false)) TO STDOUT")
			_ = in.CloseWithError(err)
		})
		ends.Go(func() { p.read(out); done <- nil })
	}
	// The first records, which are not of those that count, show that all is under way.
	if err := c.warm(ctx, producer, name, q); err != nil {
		return nil, err
	}
	for i, began := 0, time.Now(); i < n && ctx.Err() == nil; i++ {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / pushRate)))
		p.mu.Lock()
		p.sent[i] = time.Now()
		p.mu.Unlock()
		producer.Produce(ctx, &kgo.Record{Topic: name, Value: fmt.Appendf(nil, `{"id":%d}`, p.first+int64(i))}, func(_ *kgo.Record, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.acked[i] = time.Now(); err != nil {
				cancel()
			}
		})
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err == nil {
		err = q.expect(ctx, "SELECT count(*), sum(n)::text FROM "+name+"_view WHERE k > 0", fmt.Sprintf("%d|%d", n, n))
	}
	cancel()
	ends.Wait()
	return p, err
}

// warm sends records with ids below those that count until one is in the view.
func (c *cluster) warm(ctx context.Context, producer *kgo.Client, name string, q *client) error {
	for id := int64(0); ; id-- {
		if err := producer.ProduceSync(ctx, &kgo.Record{Topic: name, Value: fmt.Appendf(nil, `{"id":%d}`, id)}).FirstErr(); err != nil {
			return err
		}
		if n, err := q.row(ctx, "SELECT count(*) FROM "+name+"_view"); err != nil || n != "0" && id < -20 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// arrivals notes when a consumer has each record, and that it has it once.
func (c *cluster) arrivals(ctx context.Context, topic string, p *pushes) error {
	client, err := c.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return err
	}
	defer client.Close()
	for left := len(p.seen); left > 0; {
		fs := client.PollFetches(ctx)
		now := time.Now()
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %d records did not arrive", errWrong, left)
		}
		p.mu.Lock()
		fs.EachRecord(func(r *kgo.Record) {
			var row struct{ ID int64 }
			if e := json.Unmarshal(r.Value, &row); e != nil && err == nil {
				err = e
			}
			i := row.ID - p.first
			switch {
			case i < 0:
			case i >= int64(len(p.seen)) || !p.seen[i].IsZero():
				err = fmt.Errorf("%w: record %s came twice or was not sent", errWrong, strings.TrimSpace(string(r.Value)))
			default:
				p.seen[i] = now
				left--
			}
		})
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
