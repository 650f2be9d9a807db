package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// cluster is the brokers of a run.
type cluster struct {
	brokers string
	end     func()
}

// startCluster finds brokers: those of TARN_KAFKA (HOST:PORT,…), else one of its own,
// in this process for a tiny run.
func (r *run) startCluster() (*cluster, error) {
	c := &cluster{brokers: os.Getenv("TARN_KAFKA"), end: func() {}}
	switch {
	case c.brokers != "":
	case r.scale == tiny:
		fake, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			return nil, err
		}
		c.brokers, c.end = strings.Join(fake.ListenAddrs(), ","), fake.Close
	default:
		dir, err := r.folder("kafka")
		if err != nil {
			return nil, err
		}
		k, err := kafkatest.StartIn(dir, kafkatest.Options{})
		if err != nil {
			return nil, err
		}
		c.brokers, c.end = strings.Join(k.Plain, ","), k.Close
	}
	return c, nil
}

// client is one for the benchmark's own records, big batches by default.
func (c *cluster) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(strings.Split(c.brokers, ",")...), kgo.ProducerLinger(20 * time.Millisecond),
		kgo.ProducerBatchMaxBytes(1<<20 - 1024), kgo.MaxBufferedRecords(200_000), kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)...)
}

// create makes a topic of two partitions, and says whether it is new.
func (c *cluster) create(ctx context.Context, client *kgo.Client, topic string) (fresh bool, err error) {
	res, err := kadm.NewClient(client).CreateTopics(ctx, 2, 1, nil, topic)
	return err == nil && res[topic].Err == nil, err
}

// payments is a topic of records, and what is to come out of it.
type payments struct {
	*cluster
	accounts,
	records int64
	kept, sum int64 // of records with keepAmount; of all amounts
}

// paymentsTopic is the input; its name has the number of records, so that a broker
// that is kept is filled once.
func paymentsTopic(format string, records int64) string {
	return fmt.Sprintf("payments-%s-%d", format, records)
}

// keepAmount is what the filter keeps: one record in ten.
const keepAmount = 90_000

// fill makes the topic of a format unless it is there, and adds up.
func (c *payments) fill(ctx context.Context, format string) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	topic := paymentsTopic(format, c.records)
	fresh, err := c.create(ctx, client, topic)
	if err != nil {
		return err
	}
	c.kept, c.sum = 0, 0
	encode := paymentFormats[format].encode
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range c.records {
		account, amount := rng.Int64N(c.accounts), rng.Int64N(100_000)
		c.sum += amount
		if amount >= keepAmount {
			c.kept++
		}
		if !fresh {
			continue
		}
		client.Produce(ctx, &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "a%07d", account), Value: encode(nil, i, account, amount)}, func(_ *kgo.Record, e error) {
			if e != nil && err == nil {
				err = e
			}
		})
	}
	if ferr := client.Flush(ctx); err == nil {
		err = ferr
	}
	return err
}

// source is the statement that reads the records of a format. It waits for the
// start: who comes later would read once more what was there before.
func (c *payments) source(format string) string {
	return "CREATE SOURCE payment (" + paymentColumns + ") WITH (connector = 'kafka', topic = '" + paymentsTopic(format, c.records) +
		"', scan.startup.mode = 'earliest', rate_limit = 1) FORMAT PLAIN ENCODE " + paymentFormats[format].encoding
}

// committed counts the records of a topic that a read_committed reader sees.
func (c *cluster) committed(ctx context.Context, topic string) (n int64, err error) {
	client, err := c.client(kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	at := map[int32]int64{}
	for {
		left := false
		ends.Each(func(o kadm.ListedOffset) { left = left || at[o.Partition] < o.Offset-1 })
		if !left {
			return n, nil
		}
		wait, cancel := context.WithTimeout(ctx, 2*time.Second)
		fs := client.PollFetches(wait)
		cancel()
		if fs.NumRecords() == 0 {
			return n, nil // what is left are markers
		}
		fs.EachRecord(func(r *kgo.Record) { n++; at[r.Partition] = r.Offset + 1 })
	}
}
