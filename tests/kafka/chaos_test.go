package kafka_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// chaosTime is how long TestChaos kills: a little, or as long as TARN_CHAOS says.
func chaosTime(t *testing.T) time.Duration {
	text := os.Getenv("TARN_CHAOS")
	if text == "" {
		return 15 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal("TARN_CHAOS: ", err)
	}
	return d
}

const (
	chaosKeys       = 200
	chaosPartitions = 4    // at first; those that come later have a key of their own
	chaosBad        = 997  // every so many records one that is no JSON
	chaosRate       = 2800 // records a second: 5 M in half an hour
)

// chaos is a Kafka, a server that reads a topic and writes two, and a producer.
type chaos struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	k    *kafkatest.Cluster
	c    *kafka.Client
	tarn *server
	in   string
	out  string // prefix of the topics that sinks write

	mu         sync.Mutex
	partitions int32
	// What was sent: records 1 to sent; of the good ones of each key what the first
	// one, two, three … add up to; the others' values.
	sent int64
	good map[int32][]int64
	bad  map[string]bool
}

// TestChaos kills Kafka, the server, and both, at random, while records come in
// and partitions are added. In the end the views are exact, each change is in the
// sinks' topics once and in order for its key, and the dead letters are the bad
// records.
func TestChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := kafkatest.Start(t, kafkatest.Options{})
	c := k.Open(t)
	x := &chaos{t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 3)), k: k, c: c, partitions: chaosPartitions, good: map[int32][]int64{}, bad: map[string]bool{}}
	x.in = create(t, c, "in", chaosPartitions, nil)
	x.out = strings.Replace(x.in, "in", "out", 1)
	x.tarn = startServer(t, k)
	t.Cleanup(x.report) // before the server goes
	x.define()
	d := chaosTime(t)
	done := make(chan struct{})
	gone, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		x.produce(gone, int64(d.Seconds()*chaosRate))
	}()
	func() {
		defer func() {
			if t.Failed() {
				cancel()
			}
			<-done
			cancel()
		}()
		x.kills(d)
	}()
	t.Logf("%d records, %d of them bad, %d partitions", x.sent, len(x.bad), x.partitions)
	if t.Failed() {
		return
	}
	x.views()
	x.letters()
	x.upserts()
	x.appended()
}

func (x *chaos) define() {
	x.t.Helper()
	x.tarn.exec(
		fmt.Sprintf(`CREATE SOURCE events (id bigint, k int, v bigint) WITH (connector = 'kafka', topic = '%s', properties.bootstrap.server = '%s', scan.startup.mode = 'earliest') FORMAT PLAIN ENCODE JSON`,
			x.in, strings.Join(x.k.Plain, ",")),
		`CREATE MATERIALIZED VIEW per_key AS SELECT k, count(*) AS n, sum(v) AS s FROM events GROUP BY k`,
		fmt.Sprintf(`CREATE SINK per_key_out FROM per_key WITH (connector = 'kafka', topic = '%s-up', primary_key = 'k', properties.bootstrap.server = '%s') FORMAT UPSERT ENCODE JSON`,
			x.out, strings.Join(x.k.Plain, ",")),
		`CREATE MATERIALIZED VIEW even AS SELECT id, k FROM events WHERE id % 2 = 0`,
		fmt.Sprintf(`CREATE SINK even_out FROM even WITH (connector = 'kafka', topic = '%s-even', properties.bootstrap.server = '%s') FORMAT PLAIN ENCODE JSON`,
			x.out, strings.Join(x.k.Plain, ",")),
	)
}

// produce writes n numbered records at chaosRate, each key to a partition of its
// own choice, for good. What an outage has held up is sent faster afterwards.
func (x *chaos) produce(ctx context.Context, n int64) {
	var p *kgo.Client
	flush := func() {
		if p == nil {
			return
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		if err := p.Flush(short); err != nil {
			x.t.Error("flushing what was sent: ", err)
		}
		p.Close()
	}
	defer func() { flush() }()
	var once sync.Once
	refused := func(_ *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { x.t.Errorf("a record was refused: %v", err) })
		}
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	knows, began := int32(0), time.Now()
	for id := int64(0); id < n; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		x.mu.Lock()
		partitions := x.partitions
		x.mu.Unlock()
		if partitions != knows { // a new client knows the new partition
			flush()
			knows = partitions
			var err error
			if p, err = kgo.NewClient(kgo.SeedBrokers(x.k.Plain...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond),
				kgo.MaxBufferedRecords(20_000), kgo.MetadataMinAge(50*time.Millisecond)); err != nil {
				x.t.Error(err)
				return
			}
		}
		for due := min(n, int64(time.Since(began).Seconds()*chaosRate)); id < due && ctx.Err() == nil; {
			id++
			key := int32(id*7919%chaosKeys) + chaosPartitions
			partition := key % chaosPartitions
			if extra := knows - chaosPartitions; extra > 0 && id%50 == 0 {
				key = int32(id/50) % extra
				partition = chaosPartitions + key
			}
			value := fmt.Sprintf(`{"id": %d, "k": %d, "v": %d}`, id, key, id%1000)
			if id%chaosBad == 0 {
				value = fmt.Sprintf(`{"id": %d, "k": `, id)
				x.bad[value] = true
			} else {
				sum := id % 1000
				if s := x.good[key]; len(s) > 0 {
					sum += s[len(s)-1]
				}
				x.good[key] = append(x.good[key], sum)
			}
			x.sent = id
			p.Produce(ctx, &kgo.Record{Topic: x.in, Partition: partition, Key: fmt.Append(nil, key), Value: []byte(value)}, refused) // waits for room
		}
	}
}

// kills does harm for a while; afterwards all is up.
func (x *chaos) kills(d time.Duration) {
	count := map[string]int{}
	kinds := []string{"server", "starting", "broker", "both", "hang", "partition"}
	for i, end := 0, time.Now().Add(d); time.Now().Before(end) && !x.t.Failed(); i++ {
		if i%len(kinds) == 0 { // each kind comes in each round
			x.rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		}
		time.Sleep(time.Duration(x.rng.IntN(4000)) * time.Millisecond)
		what := kinds[i%len(kinds)]
		switch what {
		case "server":
			x.tarn.kill()
			x.tarn.start()
		case "starting":
			x.tarn.kill()
			x.tarn.stumble(time.Duration(x.rng.IntN(800)) * time.Millisecond)
			x.tarn.start()
		case "broker":
			x.k.Kill(x.t, 1)
			time.Sleep(time.Duration(x.rng.IntN(2000)) * time.Millisecond)
			x.k.Restart(x.t, 1)
		case "both":
			x.tarn.kill()
			x.k.Kill(x.t, 1)
			x.k.Restart(x.t, 1)
			x.tarn.start()
		case "hang":
			x.k.Pause(x.t, 1)
			time.Sleep(time.Duration(x.rng.IntN(1500)) * time.Millisecond)
			x.k.Resume(x.t, 1)
		case "partition":
			x.addPartition() // or there are enough
		}
		count[what]++
	}
	x.t.Logf("killed and so on: %v", count)
}

func (x *chaos) addPartition() {
	if x.partitions >= 2*chaosPartitions {
		return
	}
	cl := plain(x.t, x.k.Plain)
	defer cl.Close()
	r, err := kadm.NewClient(cl).UpdatePartitions(inTime(x.t, time.Minute), int(x.partitions)+1, x.in)
	if err == nil {
		err = r.Error()
	}
	if err != nil {
		x.t.Fatal("adding a partition: ", err)
	}
	ctx := inTime(x.t, time.Minute)
	wait(x.t, ctx, "the partition is there", func() bool {
		ps, _, err := x.c.Partitions(ctx, x.in)
		return err == nil && len(ps) == int(x.partitions)+1
	})
	x.mu.Lock()
	x.partitions++
	x.mu.Unlock()
}
