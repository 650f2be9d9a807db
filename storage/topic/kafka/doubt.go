package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a reader does where a broker's answer does not say for sure that records are
// missing: it asks again, and stops or goes on only when it is sure.

// afterEmpty says where to go on after an answer without a batch. The end of a
// compacted log may be a hole: then such answers come although there should be
// records. But a broker also leaves out a batch for which there is no room unless it
// is the first of its answer, and may for a moment after it has started know how far
// its log goes without finding what it has; to take that for a hole would lose
// records. So only answers that could have held any batch count (all), several over a
// while.
func (p *part) afterEmpty(rp *kmsg.FetchResponseTopicPartition, all bool, now time.Time) int64 {
	if p.end <= p.next || len(rp.RecordBatches) > 0 {
		p.empty.none()
		return p.next
	}
	if !all {
		return p.next
	}
	if p.empty.another(now) {
		return p.end
	}
	p.retryAt = now.Add(emptyPause)
	return p.next
}

// empties are answers in succession that may be of a moment only, as those without a
// batch although there should be records.
type empties struct {
	n     int
	since time.Time
}

const (
	emptyAnswers = 4
	emptyTime    = 2 * time.Second
	emptyPause   = 200 * time.Millisecond
)

// another counts one more; true: they are so many for so long that there is nothing.
func (e *empties) another(now time.Time) bool {
	if e.n == 0 {
		e.since = now
	}
	e.n++
	return e.n >= emptyAnswers && now.Sub(e.since) >= emptyTime
}

func (e *empties) none() { e.n = 0 }

// outOfRange finds out what became of an offset that a broker does not have.
func (r *Reader) outOfRange(ctx context.Context, w want) {
	start, end, err := offsetBounds(ctx, r.cl, r.topic, w.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.current(w)
	if p == nil || ctx.Err() != nil {
		return
	}
	defer r.tell()
	switch {
	case err != nil:
		r.failed(p, r.cfg.wrap(err, r.topic))
	case w.from < start:
		r.stopAt(p, start, OutOfRange)
	case w.from > end:
		r.stopAt(p, end, Truncated)
	default: // it is there after all
		r.failed(p, r.cfg.wrap(kerr.OffsetNotAvailable, r.topic))
	}
}

// validate asks a new leader whether it has the records that were read.
func (r *Reader) validate(ctx context.Context, node int32, o order, w want) {
	end, err := epochEnd(ctx, r.cl, node, r.topic, w)
	known, goOn := end >= 0, end
	if err == nil && !known { // where the log parted from what was read cannot be told
		if _, goOn, err = offsetBounds(ctx, r.cl, r.topic, w.id); err == nil {
			goOn = min(goOn, w.from)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.tell()
	r.asked -= o.bytes
	p := r.current(w)
	switch {
	case p == nil || ctx.Err() != nil:
	case err != nil:
		r.failed(p, r.cfg.wrap(err, r.topic))
	case !known && !p.unknown.another(time.Now()):
		// A leader that has just come may not have heard of the epoch yet.
		r.failed(p, r.cfg.wrap(kerr.UnknownLeaderEpoch, r.topic))
	case end < w.from:
		r.stopAt(p, goOn, Truncated)
	default:
		p.validate = false
		p.unknown.none()
	}
}
