package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
)

// rangeTime is how long a historic read goes without getting further before it
// gives up; unknownTime, where the brokers say that there is no such topic, as they
// do for a moment after it was created.
const (
	rangeTime   = 30 * time.Second
	unknownTime = 3 * time.Second
)

// ReadRange reads the committed records of a partition with offsets in [from, to)
// again, in order, and hands them to yield, whose error ends it. The Next of the
// last Records is to. Records that are no longer there are a *GapError; to must
// not be after what a Reader has reached. id is the topic's, zero where any will do.
func (c *Client) ReadRange(ctx context.Context, topicName string, id TopicID, partition int32, from, to int64, headers bool, yield func(*topic.Records) error) error {
	x := &ranged{c: c, topic: topicName, id: id, partition: partition, headers: headers, walk: newWalker()}
	return x.read(ctx, from, to, yield)
}

// ranged is one historic read.
type ranged struct {
	c         *Client
	topic     string
	id        TopicID
	partition int32
	headers   bool
	walk      *walker
	leader    int32
	epoch     int32
	found     bool // leader is known
}

func (x *ranged) read(ctx context.Context, from, to int64, yield func(*topic.Records) error) error {
	since, fails := time.Now(), 0
	var empty empties
	var other time.Time
	for from < to {
		next, records, err := x.fetch(ctx, from, to)
		var gap *GapError
		switch {
		case errors.Is(err, errOtherTopic):
			if other.IsZero() {
				other = time.Now()
			}
			if time.Since(other) > recreatedAfter {
				return &GapError{Topic: x.topic, Partition: x.partition, Asked: from, Kind: Recreated}
			}
		case errors.As(err, &gap) || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case err == nil && next == from: // a hole at the end of a compacted log, or just nothing now
			if empty.another(time.Now()) {
				next = to
				records = newColumns(x.partition, x.headers).records(to)
			}
		}
		if next > from {
			if err := yield(records); err != nil {
				return err
			}
			from, since, fails = next, time.Now(), 0
			empty.none()
			continue
		}
		if err == nil {
			pause(ctx, emptyPause)
			continue
		}
		x.found = false
		gone := errors.Is(err, kerr.UnknownTopicOrPartition) && time.Since(since) > unknownTime
		if fails++; time.Since(since) > rangeTime || gone || !passing(err) {
			return x.c.cfg.wrap(err, x.topic)
		}
		pause(ctx, backoff(fails))
	}
	return nil
}

var errOtherTopic = errors.New("the topic's id is another one")

// passing reports whether trying again may help.
func passing(err error) bool {
	var k *kerr.Error
	var d *damage
	switch {
	case errors.As(err, &d):
		return false
	case errors.As(err, &k):
		return k.Retriable || k == kerr.UnknownTopicID || k == kerr.FencedLeaderEpoch
	}
	return sqlerr.CodeOf(err) == sqlerr.InternalError || sqlerr.HasCode(err, sqlerr.ConnectionFailure)
}

// fetch reads some of [from, to).
func (x *ranged) fetch(ctx context.Context, from, to int64) (next int64, out *topic.Records, err error) {
	if !x.found {
		if err := x.findLeader(ctx); err != nil {
			return from, nil, err
		}
	}
	w := want{id: x.partition, leaderEpoch: x.epoch, from: from}
	resp, err := fetchRecords(ctx, x.c.cl, x.leader, x.topic, x.id, []want{w}, fetchBytes)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return from, nil, err
	}
	rp := partitionOf(resp, x.partition)
	switch {
	case rp == nil:
		return from, nil, errAnswer
	case rp.ErrorCode == kerr.OffsetOutOfRange.Code:
		return from, nil, x.outOfRange(ctx, from)
	case rp.ErrorCode != 0:
		return from, nil, kerr.ErrorForCode(rp.ErrorCode)
	case len(rp.RecordBatches) == 0 && stable(rp) < to:
		return from, nil, x.tooShort(ctx, from, to, stable(rp))
	case len(rp.RecordBatches) == 0 && resp.ThrottleMillis > 0:
		return from, nil, kerr.ThrottlingQuotaExceeded
	}
	return x.records(rp, from, to)
}

// rangeBytes is about how much of an answer is walked at once, decompressed.
const rangeBytes = 8 << 20

// records walks an answer.
func (x *ranged) records(rp *kmsg.FetchResponseTopicPartition, from, to int64) (int64, *topic.Records, error) {
	raw, after, _, err := scan(rp.RecordBatches, from)
	if err != nil {
		return from, nil, err
	}
	c := &chunk{partition: x.partition, raw: raw, next: from, after: min(after, to), limit: to, aborted: abortedOf(rp)}
	cols := newColumns(x.partition, x.headers)
	cols.grow(x.walk.expect(c, rangeBytes))
	for len(c.raw) > 0 && c.next < to {
		n := len(cols.offset)
		if err := x.walk.step(c, cols); err != nil {
			cols.cutTo(n)
			if c.next > from { // first what comes before the damage
				return c.next, cols.records(c.next), nil
			}
			return from, nil, err
		}
		if cols.bytes() > rangeBytes { // the rest is fetched again: it is rare, a batch that grows a lot
			return c.next, cols.records(c.next), nil
		}
	}
	return c.after, cols.records(c.after), nil
}

func (x *ranged) findLeader(ctx context.Context) error {
	t, err := topicMetadata(ctx, x.c.cl, x.topic)
	if err != nil {
		return err
	}
	if x.id == (TopicID{}) {
		x.id = t.TopicID
	}
	if x.id != TopicID(t.TopicID) {
		return errOtherTopic
	}
	for _, p := range t.Partitions {
		if p.Partition == x.partition {
			if p.Leader < 0 {
				return kerr.LeaderNotAvailable
			}
			x.leader, x.epoch, x.found = p.Leader, p.LeaderEpoch, true
			return nil
		}
	}
	return sqlerr.New(sqlerr.UndefinedObject, "topic \"%s\" has no partition %d", x.topic, x.partition)
}

func (x *ranged) outOfRange(ctx context.Context, from int64) error {
	start, end, err := offsetBounds(ctx, x.c.cl, x.topic, x.partition)
	switch {
	case err != nil:
		return err
	case from < start:
		return &GapError{Topic: x.topic, Partition: x.partition, Asked: from, Start: start, Kind: OutOfRange}
	case from > end:
		return &GapError{Topic: x.topic, Partition: x.partition, Asked: from, Start: end, Kind: Truncated}
	}
	return kerr.OffsetNotAvailable
}

// tooShort: the log's last stable offset is before to, and a Reader was there.
func (x *ranged) tooShort(ctx context.Context, from, to, stable int64) error {
	_, end, err := offsetBounds(ctx, x.c.cl, x.topic, x.partition)
	if err != nil {
		return err
	}
	if end < to {
		return &GapError{Topic: x.topic, Partition: x.partition, Asked: to, Start: end, Kind: Truncated}
	}
	return kerr.OffsetNotAvailable // a new leader that has yet to hear how far all have it
}
