package kafka

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/sql/sqlerr"
)

const (
	backoffMin = 50 * time.Millisecond
	backoffMax = time.Second
	// recreatedAfter: a topic's id has to be another one for so long before we believe
	// it, since a broker may be late in hearing of a new topic.
	recreatedAfter = 300 * time.Millisecond
)

// backoff is how long to wait after the n-th failure in succession.
func backoff(n int) time.Duration {
	d := backoffMin << min(max(n-1, 0), 8)
	d = min(d, backoffMax)
	return d/2 + rand.N(d/2)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// run finds the partitions' leaders, again and again, and keeps a fetcher for each
// broker that leads one.
func (r *Reader) run(ctx context.Context) {
	fetching := map[int32]bool{}
	fails := 0
	for ctx.Err() == nil {
		r.mu.Lock()
		changed, needed := r.changed, r.leaderless()
		r.mu.Unlock()
		if !needed {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		leaders, err := r.findLeaders(ctx)
		for _, node := range leaders {
			if !fetching[node] {
				fetching[node] = true
				r.mu.Lock()
				r.brokers++
				r.mu.Unlock()
				r.done.Go(func() { r.fetch(ctx, node) })
			}
		}
		if err == nil {
			fails = 0
			pause(ctx, backoffMin)
			continue
		}
		fails++
		pause(ctx, backoff(fails))
	}
}

// leaderless reports whether a partition waits for its leader; r.mu is held.
func (r *Reader) leaderless() bool {
	for _, p := range r.parts {
		if p.leader < 0 && p.gap == nil {
			return true
		}
	}
	return false
}

// findLeaders asks for the topic's metadata and returns the brokers that lead
// partitions of it. The error says that some are not to be had yet.
func (r *Reader) findLeaders(ctx context.Context) ([]int32, error) {
	t, err := topicMetadata(ctx, r.cl, r.topic)
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	defer r.tell()
	if r.err = r.cfg.wrap(err, r.topic); err != nil {
		return nil, err
	}
	if r.id == (TopicID{}) {
		r.id = t.TopicID
	}
	if r.id != TopicID(t.TopicID) {
		return nil, r.recreated()
	}
	r.other = time.Time{}
	led := map[int32]kmsg.MetadataResponseTopicPartition{}
	for _, tp := range t.Partitions {
		led[tp.Partition] = tp
	}
	var nodes []int32
	for _, p := range r.parts {
		tp, ok := led[p.id]
		switch {
		case !ok:
			p.err = sqlerr.New(sqlerr.UndefinedObject, "topic \"%s\" has no partition %d", r.topic, p.id)
			err = p.err
		case tp.Leader < 0:
			p.err = sqlerr.New(sqlerr.ConnectionFailure, "topic \"%s\" partition %d has no leader", r.topic, p.id).
				WithHint("None of the brokers that hold the partition runs.")
			err = p.err
		default:
			p.lead(tp.Leader, tp.LeaderEpoch)
			nodes = append(nodes, tp.Leader)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), err
}

// lead takes in who leads p.
func (p *part) lead(node, epoch int32) {
	if epoch < p.leaderAt { // a broker that is late in hearing of a new leader
		epoch = p.leaderAt
	}
	if epoch != p.leaderAt && p.epoch >= 0 && p.epoch < epoch {
		p.validate = true
	}
	p.leader, p.leaderAt = node, epoch
}

// recreated takes in that the topic's id is another one; r.mu is held.
func (r *Reader) recreated() error {
	now := time.Now()
	if r.other.IsZero() {
		r.other = now
	}
	if now.Sub(r.other) < recreatedAfter {
		return errors.New("the topic may be another one")
	}
	for _, p := range r.parts {
		r.stopAt(p, 0, Recreated)
	}
	return nil
}

// stopAt ends reading p with a gap; r.mu is held.
func (r *Reader) stopAt(p *part, start int64, kind GapKind) {
	if p.gap == nil {
		p.gap = &GapError{Topic: r.topic, Partition: p.id, Asked: p.next, Start: start, Kind: kind}
		p.gen++
		r.gaps = true
	}
}

// failed takes in that p cannot be fetched now; r.mu is held.
func (r *Reader) failed(p *part, err error) {
	p.err = err
	p.fails++
	p.empty.none()
	p.retryAt = time.Now().Add(backoff(p.fails))
	p.leader = -1
}

// want is a partition in a request.
type want struct {
	id, leaderEpoch, epoch int32
	gen                    int
	from                   int64
	validate               bool
}

// order is what to ask a broker for.
type order struct {
	wants []want
	id    TopicID
	bytes int // reserved for the answer
	wait  waiting
}

// fetch is a broker's fetcher: it asks for whatever the broker leads and there is
// room for.
func (r *Reader) fetch(ctx context.Context, node int32) {
	turn := 0
	for ctx.Err() == nil {
		o := r.order(node)
		if len(o.wants) == 0 {
			r.await(ctx, o.wait)
			continue
		}
		if i := slices.IndexFunc(o.wants, func(w want) bool { return w.validate }); i >= 0 {
			r.validate(ctx, node, o, o.wants[i])
			continue
		}
		turn++
		k := turn % len(o.wants) // a broker fills its answer in order: each comes first once
		o.wants = append(slices.Clone(o.wants[k:]), o.wants[:k]...)
		resp, err := fetchRecords(ctx, r.cl, node, r.topic, o.id, o.wants, int32(o.bytes))
		r.fetched(ctx, o, resp, err)
	}
}

// waiting says when to look for work again.
type waiting struct {
	changed <-chan struct{}
	until   time.Time // zero: only when something has changed
}

func (r *Reader) await(ctx context.Context, w waiting) {
	var due <-chan time.Time
	if !w.until.IsZero() {
		t := time.NewTimer(time.Until(w.until))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-w.changed:
	case <-due:
	case <-ctx.Done():
	}
}

// order says what to ask a broker for and reserves room for the answer; where it
// is nothing, it says how long that holds.
func (r *Reader) order(node int32) order {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := order{id: r.id, wait: waiting{changed: r.changed}, bytes: max(min(fetchBytes, r.opts.BytesMax/(r.brokers+1)), fetchBytesMin)}
	// Whatever BytesMax says, one answer may always come.
	if used := r.queued + r.asked; r.paused || used > 0 && used+o.bytes > r.opts.BytesMax {
		return o
	}
	now := time.Now()
	for _, id := range slices.Sorted(maps.Keys(r.parts)) {
		p := r.parts[id]
		switch {
		case p.leader != node || p.gap != nil:
		case now.Before(p.retryAt):
			if o.wait.until.IsZero() || p.retryAt.Before(o.wait.until) {
				o.wait.until = p.retryAt
			}
		default:
			o.wants = append(o.wants, want{id: id, leaderEpoch: p.leaderAt, epoch: p.epoch, gen: p.gen, from: p.next, validate: p.validate})
		}
	}
	if len(o.wants) > 0 {
		r.asked += o.bytes
	}
	return o
}

// fetched takes in the answer to o.
func (r *Reader) fetched(ctx context.Context, o order, resp *kmsg.FetchResponse, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.tell()
	r.asked -= o.bytes
	if ctx.Err() != nil {
		return
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		for _, w := range o.wants {
			if p := r.current(w); p != nil {
				r.failed(p, r.cfg.wrap(err, r.topic))
			}
		}
		return
	}
	whole := answerBytes(resp) < o.bytes/2 && resp.ThrottleMillis == 0
	for i, w := range o.wants {
		p := r.current(w)
		if p == nil {
			continue
		}
		rp := partitionOf(resp, w.id)
		switch {
		case rp == nil:
			r.failed(p, sqlerr.New(sqlerr.ConnectionFailure, "the Kafka broker left partition %d out of its answer", w.id))
		case rp.ErrorCode == kerr.OffsetOutOfRange.Code:
			r.done.Go(func() { r.outOfRange(ctx, w) })
			p.retryAt = time.Now().Add(backoffMax) // meanwhile
		case rp.ErrorCode != 0:
			r.failed(p, r.cfg.wrap(kerr.ErrorForCode(rp.ErrorCode), r.topic))
		default:
			r.arrived(p, rp, whole && i == 0)
		}
	}
}

// current is the partition of w, nil if w is about the past; r.mu is held.
func (r *Reader) current(w want) *part {
	if p := r.parts[w.id]; p != nil && p.gen == w.gen && !r.closed {
		return p
	}
	return nil
}

// arrived queues what came of p; all: the answer had room for any batch of it. r.mu
// is held.
func (r *Reader) arrived(p *part, rp *kmsg.FetchResponseTopicPartition, all bool) {
	raw, next, epoch, err := scan(rp.RecordBatches, p.next)
	if err != nil {
		r.failed(p, r.cfg.wrapDamage(err, r.topic, p.id))
		return
	}
	p.end = stable(rp)
	p.err, p.fails = nil, 0
	if len(raw) == 0 {
		if next = p.afterEmpty(rp, all, time.Now()); next == p.next {
			return
		}
	}
	p.empty.none()
	p.epoch = max(p.epoch, epoch)
	r.queue = append(r.queue, &chunk{partition: p.id, raw: raw, next: p.next, after: next, limit: noLimit, aborted: abortedOf(rp)})
	r.queued += len(raw)
	p.next = next
}

// wrapDamage gives damage its SQLSTATE.
func (cfg Config) wrapDamage(err error, topic string, partition int32) error {
	return sqlerr.New(sqlerr.DataCorrupted, "topic \"%s\" partition %d: %v", topic, partition, err)
}

// answerBytes is the size of an answer's records.
func answerBytes(resp *kmsg.FetchResponse) (n int) {
	for _, t := range resp.Topics {
		for i := range t.Partitions {
			n += len(t.Partitions[i].RecordBatches)
		}
	}
	return n
}

func partitionOf(resp *kmsg.FetchResponse, id int32) *kmsg.FetchResponseTopicPartition {
	for t := range resp.Topics {
		for i := range resp.Topics[t].Partitions {
			if p := &resp.Topics[t].Partitions[i]; p.Partition == id {
				return p
			}
		}
	}
	return nil
}

// stable is the last stable offset.
func stable(rp *kmsg.FetchResponseTopicPartition) int64 {
	if rp.LastStableOffset >= 0 {
		return rp.LastStableOffset
	}
	return rp.HighWatermark
}

// abortedOf lists the aborted transactions in an answer by their first offset.
func abortedOf(rp *kmsg.FetchResponseTopicPartition) []aborted {
	var out []aborted
	for _, a := range rp.AbortedTransactions {
		out = append(out, aborted{a.ProducerID, a.FirstOffset})
	}
	slices.SortFunc(out, func(a, b aborted) int { return cmp.Compare(a.first, b.first) })
	return out
}

var _ kgo.PoolDecompressBytes = (*keptBuffer)(nil)
