package exec_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/connector"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// kafkaRecords is a topic of a Kafka, read as sources read theirs. What gives no row
// is a record that is no JSON.
type kafkaRecords struct {
	*connector.Outside
	t      *testing.T
	client *kgo.Client
	topic  string
	next   map[int32]int64
}

func (k *kafkaRecords) Next(p int32) int64 { return k.next[p] }

func (k *kafkaRecords) Add(p int32, gap int64, row []types.Datum) {
	for range gap {
		k.send(p, "bad")
	}
	if row == nil {
		k.send(p, "bad")
		return
	}
	text := "null"
	if !row[1].Null {
		text = fmt.Sprintf("%q", row[1].S)
	}
	k.send(p, fmt.Sprintf(`{"a": %d, "b": %s, "t": %d}`, row[0].I, text, row[2].I))
}

func (k *kafkaRecords) send(p int32, value string) {
	want := k.next[p]
	k.next[p]++
	k.client.Produce(context.Background(), &kgo.Record{Topic: k.topic, Partition: p, Value: []byte(value)}, func(r *kgo.Record, err error) {
		if errors.Is(err, kgo.ErrClientClosed) {
			return // the test has failed
		}
		if err != nil || r.Offset != want {
			k.t.Errorf("record %d of partition %d got offset %d: %v", want, p, r.Offset, err)
		}
	})
}

// Read reads when all that was sent is there.
func (k *kafkaRecords) Read(ctx context.Context, p int32, from, to int64, columns []int, yield func(*vec.Batch, []int64) error) error {
	if err := k.client.Flush(ctx); err != nil {
		return err
	}
	return k.Outside.Read(ctx, p, from, to, columns, yield)
}

var madeTopics atomic.Int64

func newKafkaRecords(t *testing.T, brokers []string) *kafkaRecords {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	k := &kafkaRecords{t: t, topic: fmt.Sprintf("conformance-%d-%d", time.Now().UnixNano(), madeTopics.Add(1)), next: map[int32]int64{}}
	var err error
	if k.client, err = kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.UnknownTopicRetries(-1)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.client.Close)
	if r, err := kadm.NewClient(k.client).CreateTopics(ctx, 3, 1, nil, k.topic); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	columns := []format.Column{{Name: "a", Type: types.Int8}, {Name: "b", Type: types.Text}, {Name: "t", Type: types.Int8}}
	k.Outside = connector.NewOutside(connector.SourceDef{ID: 5, Name: "s", Kafka: kafka.Config{Brokers: brokers}, Topic: k.topic,
		Spec: format.Spec{Topic: k.topic, Columns: columns, Value: format.Encoding{Name: "json"}}, ReadThrough: true},
		func(uint64) map[int32]int64 { return nil })
	t.Cleanup(k.Close)
	for p := int32(0); p < 3; { // a new topic has no leaders at first
		if _, err := k.Start(ctx, p); err == nil {
			p++
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	return k
}

// TestKafkaConformance is TestOutsideConformance with topics of a Kafka.
func TestKafkaConformance(t *testing.T) {
	seeds := 1
	if kafkatest.All() {
		seeds = 3
	}
	t.Run("kfake", func(t *testing.T) {
		exec.RunRecords(t, seeds, func(t *testing.T) exec.Records {
			c, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			return newKafkaRecords(t, c.ListenAddrs())
		})
	})
	t.Run("real", func(t *testing.T) {
		kafkatest.OnlyInAll(t)
		k := kafkatest.Shared(t)
		exec.RunRecords(t, seeds, func(t *testing.T) exec.Records { return newKafkaRecords(t, k.Plain) })
	})
}
