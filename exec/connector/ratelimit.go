package connector

import (
	"context"
	"time"
)

// bucket limits rows per second: it holds at most a tenth of a second's rows, so
// that a source that was idle does not burst.
type bucket struct {
	perSecond float64
	tokens    float64
	at        time.Time
}

// chunk is the most rows that should be taken at once.
func (b *bucket) chunk() int {
	if b.perSecond <= 0 {
		return 1 << 30
	}
	return max(1, int(b.perSecond/10))
}

// take takes n rows at a time and returns how long to wait before they may go on.
func (b *bucket) take(now time.Time, n int) time.Duration {
	if b.perSecond <= 0 {
		return 0
	}
	if !b.at.IsZero() {
		b.tokens += now.Sub(b.at).Seconds() * b.perSecond
	}
	b.at = now
	b.tokens = min(b.tokens, max(1, b.perSecond/10)) - float64(n)
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.perSecond * float64(time.Second))
}

// wait waits for d or the end of ctx.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
