package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// benchRecovery kills the server with -9 at a random moment under 300,000 rows a
// second and measures how long it is until the last acknowledged key, and then a
// sum over the whole view, are answered right by the next process.
func benchRecovery(ctx context.Context, r *run) error {
	sizes := pick(r, []int64{1000}, []int64{10_000, 100_000}, []int64{100_000, 1_000_000, 10_000_000})
	if r.rows > 0 {
		sizes = []int64{r.rows}
	}
	first := 0.0
	for _, keys := range sizes {
		var key, whole, again series
		for range r.pairs {
			if err := r.recoverOnce(ctx, keys, &key, &whole, &again); err != nil {
				return fmt.Errorf("%d keys: %w", keys, err)
			}
		}
		if first == 0 {
			first = key.median()
		}
		what := fmt.Sprintf("kill -9, %s keys", short(float64(keys)))
		r.alone(what+": last key", key, "s", "≤ 3 s, flat within 2x", key.median() <= 3 && key.median() <= 2*first)
		r.alone(what+": and an aggregate", whole, "s", "", true)
		r.alone(what+": first 10 s beside warm", again, "", "≥ 0.2", again.median() >= 0.2)
	}
	return nil
}

func (r *run) recoverOnce(ctx context.Context, keys int64, key, whole, again *series) error {
	t, l, err := r.startStats(ctx, keys)
	if err != nil {
		return err
	}
	defer func() { t.stop() }() // of whichever runs then
	window := time.Duration(pick(r, 100, 2000, 10_000)) * time.Millisecond
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	warm, err := l.full(ctx, c, window)
	if err != nil {
		return err
	}
	// The kill comes while a COPY is on its way, after up to another 12 s of load.
	kill := time.After(time.Duration(rand.Float64() * float64(window) * 1.2))
	sent, last, err := l.untilKilled(ctx, c, t, kill, 300_000)
	if err != nil {
		return err
	}
	began := time.Now()
	if t, err = r.startTarn(ctx, t.dir, t.args...); err != nil {
		return err
	}
	if c, err = t.connect(ctx); err != nil {
		return err
	}
	defer c.close()
	l.expected()
	got, err := c.row(ctx, fmt.Sprintf("SELECT n, total FROM stats WHERE k = %d", last))
	if err != nil {
		return err
	}
	key.add(time.Since(began).Seconds())
	cpu, err := t.cpu()
	if err != nil {
		return err
	}
	r.note("%s keys: ready after %.2f s, last key %.2f s, %.2f CPU-s; %s", short(float64(keys)), t.Took.Seconds(), (*key)[len(*key)-1], cpu, t.logged("msg=recovered"))
	total, err := c.row(ctx, "SELECT sum(n) FROM stats")
	if err != nil {
		return err
	}
	whole.add(time.Since(began).Seconds())
	// The COPY in flight is there whole or not at all.
	rows := int64(0)
	for i, n := range l.sent {
		rows += n * int64(len(l.ks[i]))
	}
	flight := int64(len(l.ks[sent]))
	switch total {
	case fmt.Sprint(rows):
	case fmt.Sprint(rows + flight):
		l.sent[sent]++
		l.expected()
	default:
		return fmt.Errorf("%w: %s rows in the view; %d acknowledged, %d in flight", errWrong, total, rows, flight)
	}
	if want := fmt.Sprintf("%d|%d", l.counts[last], l.totals[last]); got != want {
		return fmt.Errorf("%w: key %d has %s, expected %s", errWrong, last, got, want)
	}
	speed, err := l.full(ctx, c, window)
	if err != nil {
		return err
	}
	again.add(speed / warm)
	return l.check(ctx, c, "stats")
}

// full copies as fast as it goes for a while: rows a second.
func (l *load) full(ctx context.Context, c *client, d time.Duration) (float64, error) {
	began, rows := time.Now(), int64(0)
	for time.Since(began) < d {
		n, err := l.send(ctx, c)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return float64(rows) / time.Since(began).Seconds(), nil
}

// untilKilled copies at a rate until the server is killed. It returns the chunk
// that was in flight and a key of the last acknowledged one.
func (l *load) untilKilled(ctx context.Context, c *client, t *tarn, kill <-chan time.Time, rate int) (flight int, last int32, err error) {
	var killed atomic.Bool
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		<-kill
		killed.Store(true)
		t.Kill()
	}()
	defer func() { <-gone }()
	began, rows := time.Now(), int64(0)
	last = l.ks[(l.at+len(l.ks)-1)%len(l.ks)][0]
	for {
		time.Sleep(time.Until(began.Add(time.Duration(float64(rows) / float64(rate) * float64(time.Second)))))
		i := l.at % len(l.texts)
		l.at++
		tag, err := c.CopyFrom(ctx, bytes.NewReader(l.texts[i]), "COPY ev FROM STDIN")
		if err != nil {
			if killed.Load() {
				return i, last, nil
			}
			return i, last, err
		}
		l.sent[i]++
		rows += tag.RowsAffected()
		last = l.ks[i][len(l.ks[i])-1]
	}
}
