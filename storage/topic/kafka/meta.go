package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// TopicID is what tells a topic from another one of the same name before or after
// it. Zero where a broker does not give them (before Kafka 2.8).
type TopicID [16]byte

// String is the id as Kafka's own tools write it.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseTopicID reads what String gave.
func ParseTopicID(s string) (id TopicID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return TopicID(b), true
}

// PartitionInfo is what a partition holds: offsets [Start, End), where End is the
// last stable offset, so that a Reader gets to it.
type PartitionInfo struct {
	ID         int32
	Start, End int64
}

// Partitions lists a topic's partitions, by id.
func (c *Client) Partitions(ctx context.Context, topic string) ([]PartitionInfo, TopicID, error) {
	d, err := c.detail(ctx, topic)
	if err != nil {
		return nil, TopicID{}, err
	}
	starts, err := c.listed(ctx, topic, c.adm.ListStartOffsets)
	if err != nil {
		return nil, TopicID{}, err
	}
	ends, err := c.listed(ctx, topic, c.adm.ListCommittedOffsets)
	if err != nil {
		return nil, TopicID{}, err
	}
	out := make([]PartitionInfo, 0, len(d.Partitions))
	for _, p := range d.Partitions.Sorted() {
		s, ok1 := starts.Lookup(topic, p.Partition)
		e, ok2 := ends.Lookup(topic, p.Partition)
		if !ok1 || !ok2 {
			return nil, TopicID{}, sqlerr.New(sqlerr.ConnectionFailure, "topic \"%s\" partition %d: its offsets are not known", topic, p.Partition)
		}
		out = append(out, PartitionInfo{ID: p.Partition, Start: s.Offset, End: max(s.Offset, e.Offset)})
	}
	return out, TopicID(d.ID), nil
}

// OffsetsAt gives for each partition the offset of the first record with a
// timestamp of at least µs (since 2000-01-01 UTC), its end if there is none.
func (c *Client) OffsetsAt(ctx context.Context, topic string, µs int64) (map[int32]int64, error) {
	if _, err := c.detail(ctx, topic); err != nil {
		return nil, err
	}
	at, err := c.listed(ctx, topic, func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
		return c.adm.ListOffsetsAfterMilli(ctx, millis(µs), topics...)
	})
	if err != nil {
		return nil, err
	}
	out := map[int32]int64{}
	for p, o := range at[topic] {
		out[p] = o.Offset
	}
	return out, nil
}

// detail is a topic's metadata; a topic that does not exist is an error.
func (c *Client) detail(ctx context.Context, topic string) (kadm.TopicDetail, error) {
	m, err := c.adm.Metadata(ctx, topic)
	if err != nil {
		return kadm.TopicDetail{}, c.cfg.wrap(err, topic)
	}
	d, ok := m.Topics[topic]
	if !ok {
		d.Err = kerr.UnknownTopicOrPartition
	}
	if d.Err != nil {
		return d, c.cfg.wrap(d.Err, topic)
	}
	return d, nil
}

// listed asks for offsets of all partitions; an error of one of them is the error of
// all. What a partition says that has just got a leader, or is about to get another,
// is no news: the client library gives up sooner than it passes.
func (c *Client) listed(ctx context.Context, topic string, ask func(context.Context, ...string) (kadm.ListedOffsets, error)) (kadm.ListedOffsets, error) {
	since := time.Now()
	for fails := 1; ; fails++ {
		l, err := ask(ctx, topic)
		if err == nil {
			err = l.Error()
		}
		if err == nil {
			return l, nil
		}
		if time.Since(since) > movingTime || ctx.Err() != nil || !moving(err) {
			return nil, c.cfg.wrap(err, topic)
		}
		pause(ctx, backoff(fails))
	}
}

// movingTime is how long a change of leaders may take before it is an error.
const movingTime = 10 * time.Second

// moving reports whether an error is a broker's that tells to ask again.
func moving(err error) bool {
	var shards *kadm.ShardErrors
	if errors.As(err, &shards) && len(shards.Errs) > 0 {
		err = shards.Errs[0].Err
	}
	var k *kerr.Error
	return errors.As(err, &k) && k.Retriable && k != kerr.UnknownTopicOrPartition
}

// Topic is a topic in a listing.
type Topic struct {
	Name        string
	ID          TopicID
	Partitions  int
	Replication int
}

// Topics lists the topics that the user may see, by name, without Kafka's own.
func (c *Client) Topics(ctx context.Context) ([]Topic, error) {
	ds, err := c.adm.ListTopics(ctx)
	if err != nil {
		return nil, c.cfg.wrap(err, "")
	}
	var out []Topic
	for _, name := range slices.Sorted(slices.Values(ds.Names())) {
		d := ds[name]
		t := Topic{Name: name, ID: TopicID(d.ID), Partitions: len(d.Partitions)}
		for _, p := range d.Partitions {
			t.Replication = max(t.Replication, len(p.Replicas))
		}
		out = append(out, t)
	}
	return out, nil
}

// CreateTopic creates a topic; partitions and replication -1 take the cluster's
// defaults. It is 42710 if there is one of this name.
func (c *Client) CreateTopic(ctx context.Context, name string, partitions int32, replication int16, config map[string]string) error {
	settings := map[string]*string{}
	for k, v := range config {
		settings[k] = &v
	}
	r, err := c.adm.CreateTopic(ctx, partitions, replication, settings, name)
	if err == nil {
		err = r.Err
	}
	out := c.cfg.wrap(err, name)
	if e := sqlerr.From(out); e != nil && r.ErrMessage != "" {
		return e.WithDetail("%s", r.ErrMessage)
	}
	return out
}

// DeleteTopic deletes a topic.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	r, err := c.adm.DeleteTopic(ctx, name)
	if err == nil {
		err = r.Err
	}
	return c.cfg.wrap(err, name)
}

// CommitGroup tells the usual lag tools how far a group is. Nothing reads it back.
func (c *Client) CommitGroup(ctx context.Context, group, topic string, offsets map[int32]int64) error {
	var os kadm.Offsets
	for p, o := range offsets {
		os.AddOffset(topic, p, o, -1)
	}
	return c.cfg.wrap(c.adm.CommitAllOffsets(ctx, group, os), topic)
}
