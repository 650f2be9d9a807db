package kafka

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/sql/types"
)

// Out is a record to be written.
type Out struct {
	// Partition -1: by the hash of the key, as Kafka's own producers do (murmur2), or
	// any where there is no key.
	Partition  int32
	Key, Value []byte // nil: none
	Headers    []kgo.RecordHeader
	Time       int64 // µs since 2000-01-01 UTC; 0: now
}

func (o *Out) record(topic string) *kgo.Record {
	r := &kgo.Record{}
	o.fill(r, topic)
	return r
}

func (o *Out) fill(r *kgo.Record, topic string) {
	*r = kgo.Record{Topic: topic, Partition: o.Partition, Key: o.Key, Value: o.Value, Headers: o.Headers}
	if o.Time != 0 {
		r.Timestamp = types.TimeOfTimestamp(o.Time)
	}
}

// noPartition is a partition for which no record is ever sent.
const noPartition = -2

// partitioner takes the partition that a record names, else Kafka's own choice.
type partitioner struct{}

// ForTopic makes partitioner a kgo.Partitioner.
func (partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return named{kgo.StickyKeyPartitioner(nil).ForTopic(topic)}
}

type named struct{ kgo.TopicPartitioner }

// RequiresConsistency is kgo.TopicPartitioner's.
func (n named) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || n.TopicPartitioner.RequiresConsistency(r)
}

// Partition is kgo.TopicPartitioner's.
func (n named) Partition(r *kgo.Record, count int) int {
	if r.Partition >= 0 || r.Partition == noPartition {
		return int(r.Partition) // out of range is refused by the client
	}
	return n.TopicPartitioner.Partition(r, count)
}

// OnNewBatch is kgo.TopicPartitionerOnNewBatch's.
func (n named) OnNewBatch() {
	if b, ok := n.TopicPartitioner.(kgo.TopicPartitionerOnNewBatch); ok {
		b.OnNewBatch()
	}
}

// Produce writes records (idempotently, with acks of all replicas in sync) and
// returns, for each partition written to, the offset after the last of them. After
// an error some may have been written.
func (c *Client) Produce(ctx context.Context, topic string, out []Out) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, produceTime)
	defer cancel()
	for try := 0; ; try++ {
		rs := make([]*kgo.Record, len(out))
		large := false
		for i := range out {
			rs[i] = out[i].record(topic)
			large = large || len(rs[i].Key)+len(rs[i].Value) > batchBytes-recordRoom
		}
		res, err := c.send(ctx, rs, large)
		if err != nil {
			return nil, err
		}
		after := map[int32]int64{}
		for _, r := range res {
			if r.Err != nil {
				err = errors.Join(err, r.Err)
				break
			}
			after[r.Record.Partition] = max(after[r.Record.Partition], r.Record.Offset+1)
		}
		if err == nil {
			return after, nil
		}
		// The client knows the topic by the id of an earlier one of that name, and has
		// written nothing.
		if try == 0 && allUnknown(res) {
			c.cl.PurgeTopicsFromProducing(topic)
			continue
		}
		return nil, c.cfg.wrap(produceError(err), topic)
	}
}

func allUnknown(res kgo.ProduceResults) bool {
	for _, r := range res {
		if !errors.Is(r.Err, kerr.UnknownTopicID) {
			return false
		}
	}
	return true
}

var errProduceTime = errors.New("the records were not acknowledged in time")

// produceError says what an expired time means.
func produceError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errProduceTime
	}
	return err
}

// recordRoom is more than what is around one record in a batch.
const recordRoom = 16 << 10

// send writes records. Where one of them is larger than a batch usually is, each goes
// in a batch of its own, so that only what the topic takes bounds it.
func (c *Client) send(ctx context.Context, rs []*kgo.Record, large bool) (kgo.ProduceResults, error) {
	if !large {
		return c.cl.ProduceSync(ctx, rs...), nil
	}
	opts, err := c.cfg.options()
	if err != nil {
		return nil, err
	}
	cl, err := producer(opts, kgo.ProducerBatchMaxBytes(batchBytesMost))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	var out kgo.ProduceResults
	for _, r := range rs {
		out = append(out, cl.ProduceSync(ctx, r)...)
		if out.FirstErr() != nil {
			break
		}
	}
	return out, nil
}
