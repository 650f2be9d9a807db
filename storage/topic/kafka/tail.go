package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// tailOffsets is how far from a partition's end the sink's own records are sought.
	tailOffsets = 2000
	// tailTime is for how long a group that does not know of them is asked again.
	tailTime = 5 * time.Second
)

// settled reads the position back and holds it against the topic. After brokers and a
// sink had been killed together, a group was seen to answer with the position before
// the last one while the records of that one were there; to go on from it would write
// them twice. So a position that is behind the sink's own newest committed records is
// asked for again, and if it stays behind they count: a transaction is there whole or
// not at all. Where there is none for long, it is forgotten.
func (s *Sink) settled(ctx context.Context) (at uint64, note string, ok bool, err error) {
	if at, note, ok, err = s.position(ctx); err != nil || s.cfg.PositionHeader == "" {
		return at, note, ok, err
	}
	wrote, any, err := s.tail(ctx)
	if err != nil || !any {
		return at, note, ok, err
	}
	for began, fails := time.Now(), 1; !ok || at < wrote; fails++ {
		if time.Since(began) > s.cfg.tailTime() {
			switch {
			case !ok: // the cluster has forgotten it
				return 0, "", false, nil
			case note == "":
				return wrote, "", true, nil
			}
			return 0, "", false, fmt.Errorf("the group %s has not heard of the last transaction of its sink", s.id)
		}
		if pause(ctx, backoff(fails)); ctx.Err() != nil {
			return 0, "", false, context.Cause(ctx)
		}
		if at, note, ok, err = s.position(ctx); err != nil {
			return at, note, ok, err
		}
	}
	return at, note, ok, nil
}

func (c *SinkConfig) tailTime() time.Duration {
	if c.TailTime > 0 {
		return c.TailTime
	}
	return tailTime
}

// tail is the greatest position that the sink's committed records near the ends of the
// topic's partitions carry; any false: there are none. What is the sink's own is told
// by the producer id, which a transactional id keeps. Who may not read the topic
// knows of none.
func (s *Sink) tail(ctx context.Context) (position uint64, any bool, err error) {
	own, _, err := s.cl.ProducerID(ctx)
	if err != nil {
		return 0, false, err
	}
	admin := kadm.NewClient(s.cl)
	starts, err := admin.ListStartOffsets(ctx, s.cfg.Topic)
	var ends kadm.ListedOffsets
	if err == nil {
		ends, err = admin.ListCommittedOffsets(ctx, s.cfg.Topic)
	}
	if err == nil {
		err = errors.Join(starts.Error(), ends.Error())
	}
	if err != nil {
		return 0, false, readable(err)
	}
	left, from := map[int32]int64{}, map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(end.Topic, end.Partition)
		if end.Offset > start.Offset {
			left[end.Partition] = end.Offset
			from[end.Partition] = kgo.NewOffset().At(max(start.Offset, end.Offset-tailOffsets))
		}
	})
	if len(left) == 0 {
		return 0, false, nil
	}
	opts, err := s.cfg.Client.options()
	if err != nil {
		return 0, false, err
	}
	cl, err := kgo.NewClient(append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.cfg.Topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return 0, false, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, tailTime)
	defer cancel()
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // what was there last may have been compacted away
			return position, any, nil
		}
		if err := fs.Err(); err != nil {
			return 0, false, readable(err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			if r.Offset >= left[r.Partition]-1 {
				delete(left, r.Partition)
			}
			if r.ProducerID != own || r.Attrs.IsControl() {
				return
			}
			for _, h := range r.Headers {
				if at, err := strconv.ParseUint(string(h.Value), 10, 63); err == nil && h.Key == s.cfg.PositionHeader {
					position, any = max(position, at), true
				}
			}
		})
	}
	return position, any, nil
}

// readable leaves out the error of who may write a topic and not read it.
func readable(err error) error {
	if errors.Is(err, kerr.TopicAuthorizationFailed) {
		return nil
	}
	return err
}
