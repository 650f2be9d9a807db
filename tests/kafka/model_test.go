// Package kafka_test holds storage/topic/kafka against a real Kafka. `go test` runs
// a part that takes a minute; TARN_KAFKA=1 (make kafka) all of it.
package kafka_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

func inTime(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB, brokers []string) *kafka.Client {
	t.Helper()
	c, err := kafka.Open(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// create creates a topic of the test's own and waits until all know it.
func create(t testing.TB, c *kafka.Client, name string, partitions int32, config map[string]string) string {
	t.Helper()
	name = fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	ctx := inTime(t, time.Minute)
	if err := c.CreateTopic(ctx, name, partitions, -1, config); err != nil {
		t.Fatal(err)
	}
	wait(t, ctx, "the new topic appears", func() bool {
		ps, _, err := c.Partitions(ctx, name)
		return err == nil && len(ps) == int(partitions)
	})
	return name
}

// wait waits for a condition.
func wait(t testing.TB, ctx context.Context, what string, is func() bool) {
	t.Helper()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("it did not come to pass that %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func plain(t testing.TB, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(brokers...), kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// seen is a record that is, or may be, in the topic.
type seen struct {
	partition int32
	offset    int64
	value     string
}

func sorted(s []seen) []seen {
	return slices.SortedFunc(slices.Values(s), func(a, b seen) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
}

func seenOf(r *topic.Records) (out []seen) {
	for i := range r.N() {
		out = append(out, seen{r.Partition, r.Offset[i], string(r.Value.Bytes(i))})
	}
	return out
}

// model is a random history of a topic and what readers must make of it.
type model struct {
	t         *testing.T
	rng       *rand.Rand
	c         *kafka.Client
	topic     string
	writers   []*kgo.Client // the first one without transactions
	open      [][]seen      // of each writer's transaction
	committed []seen
	n         int
}

const modelPartitions = 3

func (m *model) produce(w int) {
	var rs []*kgo.Record
	for range 1 + m.rng.IntN(5) {
		m.n++
		rs = append(rs, &kgo.Record{Topic: m.topic, Partition: m.rng.Int32N(modelPartitions), Value: []byte(strconv.Itoa(m.n))})
	}
	res := m.writers[w].ProduceSync(inTime(m.t, 30*time.Second), rs...)
	if err := res.FirstErr(); err != nil {
		m.t.Fatal(err)
	}
	for _, r := range rs {
		m.open[w] = append(m.open[w], seen{r.Partition, r.Offset, string(r.Value)})
	}
}

func (m *model) step() {
	w := m.rng.IntN(len(m.writers))
	switch {
	case w == 0:
		m.produce(0)
		m.committed, m.open[0] = append(m.committed, m.open[0]...), nil
	case m.open[w] == nil:
		if err := m.writers[w].BeginTransaction(); err != nil {
			m.t.Fatal(err)
		}
		m.produce(w)
	case m.rng.IntN(2) == 0:
		m.produce(w)
	default:
		m.end(w, kgo.TransactionEndTry(m.rng.IntN(3) > 0))
	}
}

func (m *model) end(w int, commit kgo.TransactionEndTry) {
	if m.open[w] == nil {
		return
	}
	if err := m.writers[w].EndTransaction(inTime(m.t, 30*time.Second), commit); err != nil {
		m.t.Fatal(err)
	}
	if commit {
		m.committed = append(m.committed, m.open[w]...)
	}
	m.open[w] = nil
}

// testModel: a Reader, closed and opened again in between, reads what was
// committed, once, in order; and so does each historic read.
func testModel(t *testing.T, brokers []string, seed uint64, steps int) {
	m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 5)), c: open(t, brokers)}
	m.topic = create(t, m.c, "model", modelPartitions, nil)
	m.writers = []*kgo.Client{plain(t, brokers)}
	for _, id := range []string{"a", "b"} {
		m.writers = append(m.writers, plain(t, brokers, kgo.TransactionalID(m.topic+id)))
	}
	m.open = make([][]seen, len(m.writers))
	next := map[int32]int64{0: 0, 1: 0, 2: 0}
	r := m.c.NewReader(m.topic, kafka.ReaderOptions{Start: next})
	defer func() { r.Close() }()
	var got []seen
	poll := func(d time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		rs, err := r.Poll(ctx)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, rec := range rs {
			got = append(got, seenOf(rec)...)
			next[rec.Partition] = rec.Next
		}
	}
	for range steps {
		m.step()
		poll(time.Millisecond)
		if m.rng.IntN(8) == 0 {
			r.Close()
			r = m.c.NewReader(m.topic, kafka.ReaderOptions{Start: maps.Clone(next), TopicID: r.State().TopicID})
		}
	}
	for w := range m.writers[1:] {
		m.end(w+1, kgo.TryCommit)
	}
	for deadline := time.Now().Add(30 * time.Second); len(got) < len(m.committed) && time.Now().Before(deadline); {
		poll(100 * time.Millisecond)
	}
	want := sorted(m.committed)
	if s := sorted(got); !slices.Equal(s, want) {
		t.Fatalf("seed %d: got %d records, want %d\ngot  %v\nwant %v", seed, len(s), len(want), s, want)
	}
	for range 20 {
		p := m.rng.Int32N(modelPartitions)
		to := m.rng.Int64N(next[p] + 1)
		from := m.rng.Int64N(to + 1)
		var part, in []seen
		if err := m.c.ReadRange(inTime(t, 30*time.Second), m.topic, kafka.TopicID{}, p, from, to, false, func(r *topic.Records) error {
			part = append(part, seenOf(r)...)
			return nil
		}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, s := range want {
			if s.partition == p && s.offset >= from && s.offset < to {
				in = append(in, s)
			}
		}
		if !slices.Equal(part, in) {
			t.Fatalf("seed %d: partition %d [%d, %d): %v, want %v", seed, p, from, to, part, in)
		}
	}
}

func TestModel(t *testing.T) {
	seeds, steps := uint64(2), 60
	if kafkatest.All() {
		seeds, steps = 10, 300
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("kfake/", seed), func(t *testing.T) {
			f, err := kfake.NewCluster(kfake.NumBrokers(2))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			testModel(t, f.ListenAddrs(), seed, steps)
		})
		t.Run(fmt.Sprint("real/", seed), func(t *testing.T) { testModel(t, kafkatest.Shared(t).Plain, seed, steps) })
	}
}
