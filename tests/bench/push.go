package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// pushRate is events a second; pushConns connections send them.
const (
	pushRate  = 1000
	pushConns = 16
)

// benchPush measures how long after an INSERT was sent (its fsync included) and
// after it was acknowledged its row is at a subscriber, first over few keys, then
// while a checkpoint writes as many dirty keys as there are.
func benchPush(ctx context.Context, r *run) error {
	keys := r.size(1000, 100_000, 1_000_000)
	window := time.Duration(pick(r, 200, 3000, 15_000)) * time.Millisecond
	t, err := r.startTarn(ctx, "")
	if err != nil {
		return err
	}
	defer t.stop()
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	err = c.exec(ctx, "CREATE STREAM ev ("+rowColumns+")",
		"CREATE MATERIALIZED VIEW stats AS SELECT k, count(*) AS n, max(id) AS last_id FROM ev GROUP BY k")
	if err != nil {
		return err
	}
	report := func(what string, p *pushes) {
		sent, acked := p.delays()
		r.note("%s: %d events, p50 %.2f ms and p99 %.2f ms after the INSERT was sent", what, len(sent), sent.quantile(0.5), sent.quantile(0.99))
		p50, p99 := acked.quantile(0.5), acked.quantile(0.99)
		r.alone("push p50, "+what, series{p50}, "ms after the acknowledgement", "≤ 3 ms", p50 <= 3)
		r.alone("push p99, "+what, series{p99}, "ms after the acknowledgement", "≤ 30 ms", p99 <= 30)
	}
	p, err := r.push(ctx, t, 1<<40, window)
	if err != nil {
		return err
	}
	report("1 k events/s", p)

	l := newRounds(keys) // ids below those of the events
	if err := l.sendRows(ctx, c, keys); err != nil {
		return err
	}
	before, err := checkpoints(ctx, c)
	if err != nil {
		return err
	}
	if p, err = r.push(ctx, t, 1<<41, window); err != nil {
		return err
	}
	after, err := checkpoints(ctx, c)
	if err != nil {
		return err
	}
	if after == before && r.scale == full {
		return fmt.Errorf("no checkpoint came within %s", window)
	}
	report(fmt.Sprintf("checkpoint of %s keys", short(float64(keys))), p)
	return nil
}

// pushes holds when each event was sent, acknowledged and seen.
type pushes struct {
	mu                sync.Mutex
	first             int64
	sent, acked, seen []time.Time
}

// push sends events first, first+1 … and waits until the subscriber has them all.
func (r *run) push(ctx context.Context, t *tarn, first int64, window time.Duration) (*pushes, error) {
	n := int(window.Seconds() * pushRate)
	p := &pushes{first: first, sent: make([]time.Time, n), acked: make([]time.Time, n), seen: make([]time.Time, n)}
	ctx, cancel := context.WithTimeout(ctx, window+time.Minute)
	defer cancel()
	sub, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer sub.close()
	out, in := io.Pipe()
	var wg sync.WaitGroup
	errs := make(chan error, pushConns+2)
	done := make(chan struct{})
	wg.Go(func() {
		_, err := sub.CopyTo(ctx, in, "COPY (SUBSCRIBE TO stats WITH (SNAPSHOT = false)) TO STDOUT")
		_ = in.CloseWithError(err)
	})
	wg.Go(func() { defer close(done); p.read(out) })
	time.Sleep(300 * time.Millisecond) // the subscription has begun: its first rows cannot be waited for
	began := time.Now()
	var senders sync.WaitGroup
	for w := range pushConns {
		senders.Go(func() {
			if err := p.write(ctx, t, began, w); err != nil {
				errs <- err
				cancel()
			}
		})
	}
	senders.Wait()
	select {
	case <-done:
	case <-ctx.Done():
	}
	cancel()
	_ = out.Close()
	wg.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
	}
	for i := range p.seen {
		if p.seen[i].IsZero() {
			return nil, fmt.Errorf("%w: event %d of %d did not reach the subscriber", errWrong, i, n)
		}
	}
	return p, nil
}

// write sends each pushConns-th event when it is due.
func (p *pushes) write(ctx context.Context, t *tarn, began time.Time, from int) error {
	c, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.Prepare(ctx, "ins", "INSERT INTO ev VALUES ($1, $1, 1, '2026-03-01 09:00+00')", nil); err != nil {
		return err
	}
	for i := from; i < len(p.sent); i += pushConns {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / pushRate)))
		sent := time.Now()
		id := []byte(strconv.FormatInt(p.first+int64(i), 10))
		if res := c.ExecPrepared(ctx, "ins", [][]byte{id}, nil, nil).Read(); res.Err != nil {
			return res.Err
		}
		acked := time.Now()
		p.mu.Lock()
		p.sent[i], p.acked[i] = sent, acked
		p.mu.Unlock()
	}
	return nil
}

// read notes rows as they come: _epoch, _diff, k, n, last_id.
func (p *pushes) read(in io.Reader) {
	buf := make([]byte, 0, 1<<16)
	left := len(p.seen)
	for left > 0 {
		n, err := in.Read(buf[len(buf):cap(buf)])
		now := time.Now()
		buf = buf[:len(buf)+n]
		text := string(buf)
		end := strings.LastIndexByte(text, '\n') + 1
		p.mu.Lock()
		for line := range strings.Lines(text[:end]) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(f) != 5 || f[1] != "1" {
				continue
			}
			id, _ := strconv.ParseInt(f[4], 10, 64)
			if i := id - p.first; i >= 0 && i < int64(len(p.seen)) && p.seen[i].IsZero() {
				p.seen[i] = now
				left--
			}
		}
		p.mu.Unlock()
		buf = append(buf[:0], text[end:]...)
		if err != nil {
			return
		}
	}
}

// delays are in ms; a row that was seen before its writer had the answer counts as 0.
func (p *pushes) delays() (sent, acked series) {
	for i := range p.seen {
		sent.add(millis(p.seen[i].Sub(p.sent[i])))
		acked.add(max(0, millis(p.seen[i].Sub(p.acked[i]))))
	}
	return sent, acked
}
