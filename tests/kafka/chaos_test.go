package kafka_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/storage/topic"
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
	chaosPartitions = 4   // at first; those that come later have a key of their own
	chaosBad        = 997 // every so many records one that is no JSON
	chaosRate       = 2800
)

// chaos is a Kafka, a server that reads a topic and writes two, and a producer.
type chaos struct {
	t     *testing.T
	rng   *rand.Rand
	k     *kafkatest.Cluster
	c     *kafka.Client
	tarn  *server
	in    string
	group string // prefix of the topics that sinks write

	mu         sync.Mutex
	partitions int32
	good       map[int32]*tally // by key
	bad        int
	sent       int
}

// tally is what is known of a key.
type tally struct{ n, sum int64 }

// TestChaos kills Kafka, the server, and both, at random, while records come in
// and partitions are added. In the end the views are exact, each change is in the
// sinks' topics once and in order for its key, and the dead letters are the bad
// records.
func TestChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := kafkatest.Start(t, kafkatest.Options{})
	c := k.Open(t)
	x := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, 3)), k: k, c: c, partitions: chaosPartitions, good: map[int32]*tally{}}
	x.in = create(t, c, "in", chaosPartitions, nil)
	x.group = strings.Replace(x.in, "in", "out", 1)
	x.tarn = startServer(t, k)
	x.define()
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() { x.produce(stop) })
	func() {
		defer done.Wait()
		defer close(stop)
		x.kills(chaosTime(t))
	}()
	t.Logf("%d records, %d of them bad, %d partitions", x.sent, x.bad, x.partitions)
	x.views()
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
			x.group, strings.Join(x.k.Plain, ",")),
		`CREATE MATERIALIZED VIEW even AS SELECT id, k FROM events WHERE id % 2 = 0`,
		fmt.Sprintf(`CREATE SINK even_out FROM even WITH (connector = 'kafka', topic = '%s-even', properties.bootstrap.server = '%s') FORMAT PLAIN ENCODE JSON`,
			x.group, strings.Join(x.k.Plain, ",")),
	)
}

// produce writes numbered records until stop, each key to a partition of its own
// choice, for good.
func (x *chaos) produce(stop chan struct{}) {
	writer := func() *kgo.Client {
		return plain(x.t, x.k.Plain, kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(20_000))
	}
	p, knows := writer(), int32(chaosPartitions)
	flush := func() {
		if err := p.Flush(inTime(x.t, 2*time.Minute)); err != nil {
			x.t.Error(err)
		}
	}
	defer func() { flush() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var once sync.Once
	refused := func(_ *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { x.t.Errorf("a record was refused: %v", err) })
		}
	}
	for id := int64(0); ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		x.mu.Lock()
		if x.partitions != knows { // a new client knows the new partition
			knows = x.partitions
			flush()
			p = writer()
		}
		for range chaosRate / 100 {
			id++
			key := int32(id*7919%chaosKeys) + chaosPartitions
			partition := key % chaosPartitions
			if extra := knows - chaosPartitions; extra > 0 && id%50 == 0 {
				key = int32(id/50) % extra
				partition = chaosPartitions + key
			}
			value := fmt.Sprintf(`{"id": %d, "k": %d, "v": %d}`, id, key, id%1000)
			if x.sent++; id%chaosBad == 0 {
				value = fmt.Sprintf(`{"id": %d, "k": `, id)
				x.bad++
			} else {
				g := x.good[key]
				if g == nil {
					g = &tally{}
					x.good[key] = g
				}
				g.n, g.sum = g.n+1, g.sum+id%1000
			}
			x.mu.Unlock() // Produce may wait for room
			p.Produce(context.Background(), &kgo.Record{Topic: x.in, Partition: partition, Key: fmt.Append(nil, key), Value: []byte(value)}, refused)
			x.mu.Lock()
		}
		x.mu.Unlock()
	}
}

// kills does harm for a while; afterwards all is up.
func (x *chaos) kills(d time.Duration) {
	count := map[string]int{}
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Duration(x.rng.IntN(4000)) * time.Millisecond)
		what := []string{"server", "server", "broker", "both", "hang", "partition"}[x.rng.IntN(6)]
		switch what {
		case "server":
			x.tarn.restart()
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
			if !x.addPartition() {
				continue
			}
		}
		count[what]++
	}
	x.t.Logf("killed and so on: %v", count)
}

func (x *chaos) addPartition() bool {
	if x.partitions >= 2*chaosPartitions {
		return false
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
	return true
}

// How long the server may stand still in the end, and how long a sink may take.
const (
	stuck   = time.Minute
	settled = 3 * time.Minute
)

func (x *chaos) views() {
	x.t.Helper()
	var total, have int64
	for _, g := range x.good {
		total += g.n
	}
	for moved, was := time.Now(), have; have < total && time.Since(moved) < stuck; was = have {
		time.Sleep(50 * time.Millisecond)
		var err error
		if have, err = x.tarn.ask(`SELECT coalesce(sum(n), 0)::bigint FROM per_key`); err != nil && time.Since(moved) > stuck/2 {
			x.t.Fatal(err) // the view may be built anew at first
		}
		if have != was {
			moved = time.Now()
		}
	}
	if have != total {
		text := x.tarn.text(`SELECT name, state, error FROM sys.sources`) + "\n" + x.tarn.text(`SELECT * FROM sys.lag`)
		x.tarn.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		x.t.Fatalf("the view has %d records, not %d; %s", have, total, text)
	}
	rows := x.tarn.tallies(`SELECT k, n, s::bigint FROM per_key`)
	for key, g := range x.good {
		if rows[key] != *g {
			x.t.Errorf("key %d has %+v, not %+v", key, rows[key], *g)
		}
	}
	if len(rows) != len(x.good) {
		x.t.Errorf("the view has %d keys, not %d", len(rows), len(x.good))
	}
	if n := x.tarn.number(`SELECT count(*) FROM sys.dead_letters`); n != int64(x.bad) {
		x.t.Errorf("%d dead letters, not %d", n, x.bad)
	}
}

// sunk reads a sink's topic until enough says so.
func (x *chaos) sunk(name string, record func(key, value []byte), enough func() bool) {
	x.t.Helper()
	ctx := inTime(x.t, settled)
	at := map[int32]int64{}
	wait(x.t, ctx, "topic "+name+" is complete", func() bool {
		ps, id, err := x.c.Partitions(ctx, name)
		if err != nil {
			return false
		}
		for _, p := range ps {
			if err := x.c.ReadRange(ctx, name, id, p.ID, at[p.ID], p.End, false, func(r *topic.Records) error {
				for i := range r.N() {
					record(r.Key.Bytes(i), r.Value.Bytes(i))
				}
				return nil
			}); err != nil {
				x.t.Fatal(err)
			}
			at[p.ID] = p.End
		}
		return enough()
	})
}

// upserts: the rows of a key change at each record in no other way than upwards;
// a change that came twice would stand still, one out of order go down.
func (x *chaos) upserts() {
	x.t.Helper()
	last := map[int32]tally{}
	x.sunk(x.group+"-up", func(_, value []byte) {
		var row struct {
			K int32
			N int64
			S json.Number
		}
		if err := json.Unmarshal(value, &row); err != nil {
			x.t.Fatalf("%s: %v", value, err)
		}
		s, err := row.S.Int64()
		if err != nil {
			x.t.Fatal(err)
		}
		if row.N <= last[row.K].n {
			x.t.Errorf("key %d: n is %d after %d", row.K, row.N, last[row.K].n)
		}
		last[row.K] = tally{row.N, s}
	}, func() bool {
		for key, g := range x.good {
			if last[key] != *g {
				return false
			}
		}
		return true
	})
}

// appended: each even record is there once, and those of a key are in order.
func (x *chaos) appended() {
	x.t.Helper()
	last := map[int32]int64{}
	seen := map[int64]bool{}
	want := x.sent/2 - x.sent/(2*chaosBad)
	x.sunk(x.group+"-even", func(_, value []byte) {
		var row struct {
			ID int64
			K  int32
		}
		if err := json.Unmarshal(value, &row); err != nil {
			x.t.Fatalf("%s: %v", value, err)
		}
		if seen[row.ID] {
			x.t.Errorf("record %d is there twice", row.ID)
		}
		seen[row.ID] = true
		last[row.K] = row.ID
	}, func() bool { return len(seen) >= want })
	if len(seen) != want {
		x.t.Errorf("%d even records, not %d", len(seen), want)
	}
}

// server is the program itself.
type server struct {
	t      *testing.T
	binary string
	dir    string
	flags  []string
	cmd    *exec.Cmd
	addr   string
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tarn-chaos")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "tarn")
	out, err := exec.Command("go", "build", "-o", binary, "../..").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// startServer builds and starts it over an empty folder.
func startServer(t *testing.T, k *kafkatest.Cluster, flags ...string) *server {
	t.Helper()
	binary, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "tarn-chaos-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, binary: binary, dir: dir,
		flags: append([]string{"--kafka", strings.Join(k.Plain, ","), "--checkpoint-every", "2s", "--memory", "512MiB"}, flags...)}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("data and log are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	s.start()
	return s
}

func (s *server) start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	out, in, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	s.cmd = exec.Command(s.binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "", "--data", filepath.Join(s.dir, "data")}, s.flags...)...)
	s.cmd.Stdout, s.cmd.Stderr = in, log
	err = s.cmd.Start()
	in.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := out.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := out.Read(buf)
		text = append(text, buf[:n]...)
		if _, after, ok := strings.Cut(string(text), "tarn ready on "); ok && strings.Contains(after, "\n") {
			s.addr = strings.Fields(after)[0]
			return
		}
		if err != nil {
			s.kill()
			s.t.Fatalf("the server did not start: %v, %s; its log is in %s", err, text, s.dir)
		}
	}
}

// kill is kill -9.
func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // killed, as it should be
		s.cmd = nil
	}
}

func (s *server) restart() {
	s.t.Helper()
	s.kill()
	s.start()
}

func (s *server) connect() *pgx.Conn {
	s.t.Helper()
	c, err := pgx.Connect(inTime(s.t, time.Minute), "postgres://chaos@"+s.addr+"/tarn?sslmode=disable")
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *server) exec(statements ...string) {
	s.t.Helper()
	c := s.connect()
	defer c.Close(context.Background())
	for _, sql := range statements {
		if _, err := c.Exec(inTime(s.t, time.Minute), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			s.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// tallies is the answer to a query of keys and theirs.
func (s *server) tallies(sql string) map[int32]tally {
	s.t.Helper()
	c := s.connect()
	defer c.Close(context.Background())
	rows, err := c.Query(inTime(s.t, time.Minute), sql)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[int32]tally{}
	var key int32
	var one tally
	if _, err := pgx.ForEachRow(rows, []any{&key, &one.n, &one.sum}, func() error { out[key] = one; return nil }); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// text is the answer to a query, for messages.
func (s *server) text(sql string) string {
	s.t.Helper()
	c := s.connect()
	defer c.Close(context.Background())
	rows, err := c.Query(inTime(s.t, time.Minute), sql)
	if err != nil {
		return err.Error()
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) ([]any, error) { return r.Values() })
	return fmt.Sprint(all, err)
}

// number is the answer to a query of one number.
func (s *server) number(sql string) int64 {
	s.t.Helper()
	n, err := s.ask(sql)
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (s *server) ask(sql string) (n int64, err error) {
	s.t.Helper()
	c := s.connect()
	defer c.Close(context.Background())
	err = c.QueryRow(inTime(s.t, time.Minute), sql).Scan(&n)
	return n, err
}
