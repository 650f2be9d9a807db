package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

func produce(t testing.TB, c *kafka.Client, name string, values ...string) {
	t.Helper()
	var out []kafka.Out
	for _, v := range values {
		out = append(out, kafka.Out{Value: []byte(v)})
	}
	if _, err := c.Produce(inTime(t, time.Minute), name, out); err != nil {
		t.Fatal(err)
	}
}

// readTo polls until partition 0 is at until.
func readTo(t testing.TB, r *kafka.Reader, until int64) (values []string) {
	t.Helper()
	ctx := inTime(t, time.Minute)
	for at := int64(-1); at < until; {
		rs, err := r.Poll(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("at %d of %d: %v, %+v", at, until, err, r.State())
		}
		for _, rec := range rs {
			at = rec.Next
			for _, s := range seenOf(rec) {
				values = append(values, s.value)
			}
		}
	}
	return values
}

// committed reads all committed values of a topic's partition 0 once they are n.
func committed(t testing.TB, c *kafka.Client, name string, n int) (out []string) {
	t.Helper()
	ctx := inTime(t, time.Minute)
	wait(t, ctx, fmt.Sprintf("%d records are there", n), func() bool { // markers come later than commits are answered
		ps, id, err := c.Partitions(ctx, name)
		if err != nil {
			return false
		}
		out = nil
		err = c.ReadRange(ctx, name, id, 0, ps[0].Start, ps[0].End, false, func(r *topic.Records) error {
			for _, s := range seenOf(r) {
				out = append(out, s.value)
			}
			return nil
		})
		return err == nil && len(out) >= n
	})
	return out
}

func gap(t testing.TB, r *kafka.Reader) *kafka.GapError {
	t.Helper()
	ctx := inTime(t, time.Minute)
	for ctx.Err() == nil {
		_, err := r.Poll(ctx)
		var g *kafka.GapError
		if errors.As(err, &g) {
			return g
		}
	}
	t.Fatalf("there is no gap: %+v", r.State())
	return nil
}

func reader(t testing.TB, c *kafka.Client, name string, at int64) *kafka.Reader {
	r := c.NewReader(name, kafka.ReaderOptions{Start: map[int32]int64{0: at}})
	t.Cleanup(r.Close)
	return r
}

func TestGaps(t *testing.T) {
	k := kafkatest.Shared(t)
	c := k.Open(t)
	t.Run("deleted records", func(t *testing.T) {
		name := create(t, c, "deleted", 1, nil)
		produce(t, c, name, "0", "1", "2", "3", "4")
		var at kadm.Offsets
		at.AddOffset(name, 0, 3, -1)
		if _, err := kadm.NewClient(plain(t, k.Plain)).DeleteRecords(inTime(t, time.Minute), at); err != nil {
			t.Fatal(err)
		}
		r := reader(t, c, name, 1)
		if g := gap(t, r); g.Kind != kafka.OutOfRange || g.Asked != 1 || g.Start != 3 {
			t.Fatal(g)
		}
		r.Add(0, 3)
		if got := readTo(t, r, 5); !slices.Equal(got, []string{"3", "4"}) {
			t.Fatal(got)
		}
	})
	t.Run("beyond the end", func(t *testing.T) {
		name := create(t, c, "short", 1, nil)
		produce(t, c, name, "0")
		if g := gap(t, reader(t, c, name, 9)); g.Kind != kafka.Truncated || g.Start != 1 {
			t.Fatal(g)
		}
	})
	t.Run("recreated", func(t *testing.T) {
		name := create(t, c, "again", 1, nil)
		produce(t, c, name, "0", "1")
		r := reader(t, c, name, 0)
		readTo(t, r, 2)
		ctx := inTime(t, time.Minute)
		if err := c.DeleteTopic(ctx, name); err != nil {
			t.Fatal(err)
		}
		wait(t, ctx, "the name is free again", func() bool {
			err := c.CreateTopic(ctx, name, 1, -1, nil)
			return err == nil || !sqlerr.HasCode(err, sqlerr.DuplicateObject) && !sqlerr.HasCode(err, sqlerr.ConnectionFailure)
		})
		if g := gap(t, r); g.Kind != kafka.Recreated || g.Asked != 2 {
			t.Fatal(g)
		}
		produce(t, c, name, "new") // by a client that knew the old topic
		if got := committed(t, c, name, 1); !slices.Equal(got, []string{"new"}) {
			t.Fatal(got)
		}
	})
}

// The position is right at once after a commit, after a takeover in the midst of a
// transaction, and zombies write nothing more.
func TestSink(t *testing.T) {
	k := kafkatest.Shared(t)
	c := k.Open(t)
	name := create(t, c, "sink", 1, nil)
	cfg := kafka.SinkConfig{Client: k.Config(), Topic: name, ID: name}
	var want []string
	rounds := 10
	if kafkatest.All() {
		rounds = 50
	}
	var old *kafka.Sink
	at := uint64(0)
	for i := range rounds {
		s, position, ok, err := kafka.OpenSink(inTime(t, time.Minute), cfg)
		if err != nil || ok != (i > 0) || position != at {
			t.Fatalf("round %d: position %d (%v), %v, want %d", i, position, ok, err, at)
		}
		defer s.Close()
		if old != nil {
			if err := old.Write(inTime(t, time.Minute), []kafka.Out{{Value: []byte("zombie")}}, 1<<40); !errors.Is(err, kafka.ErrFenced) {
				t.Fatalf("round %d: the zombie gets %v", i, err)
			}
		}
		for range 1 + i%3 {
			at++
			v := fmt.Sprint("v", at)
			if err := s.Write(inTime(t, time.Minute), []kafka.Out{{Key: []byte("k"), Value: []byte(v)}}, at); err != nil {
				t.Fatal(err)
			}
			want = append(want, v)
		}
		if i%4 == 0 { // without records
			at++
			if err := s.Write(inTime(t, time.Minute), nil, at); err != nil {
				t.Fatal(err)
			}
		}
		old = s
	}
	if got := committed(t, c, name, len(want)); !slices.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	// A foreign reader sees the same.
	out := k.Tool(t, "org.apache.kafka.tools.consumer.ConsoleConsumer", "", "--topic", name, "--from-beginning", "--isolation-level", "read_committed",
		"--max-messages", fmt.Sprint(len(want)))
	if got := strings.Fields(out); !slices.Equal(got, want) {
		t.Fatalf("the console consumer got %v", got)
	}
}

// A broker that dies, hangs and comes back: what was acknowledged is read, once;
// the sink's writes are there as often as its position says.
func TestBrokerDies(t *testing.T) {
	k := kafkatest.Start(t, kafkatest.Options{})
	c := k.Open(t)
	in, out := create(t, c, "in", 1, nil), create(t, c, "out", 1, nil)
	r := reader(t, c, in, 0)
	cp := startCopy(t, k, in, out)
	rounds := 1
	if kafkatest.All() {
		rounds = 5
	}
	var sent []string
	put := func(n int) {
		var vs []string
		for range n {
			vs = append(vs, fmt.Sprint("v", len(sent)+len(vs)))
		}
		produce(t, c, in, vs...)
		sent = append(sent, vs...)
	}
	put(100)
	got := readTo(t, r, 100)
	for range rounds {
		k.Kill(t, 1)
		ctx := inTime(t, time.Minute)
		wait(t, ctx, "the reader says that the broker is away", func() bool { return sqlerr.HasCode(r.State().Err, sqlerr.ConnectionFailure) })
		k.Restart(t, 1)
		put(50)
		got = append(got, readTo(t, r, int64(len(sent)))...)
		k.Pause(t, 1)
		time.AfterFunc(300*time.Millisecond, func() { k.Resume(t, 1) })
		put(50)
		got = append(got, readTo(t, r, int64(len(sent)))...)
	}
	if !slices.Equal(got, sent) {
		t.Fatalf("read %d of %d", len(got), len(sent))
	}
	if copied := committed(t, c, out, len(sent)); !slices.Equal(copied, sent) {
		t.Fatalf("copied %d of %d:\n%v", len(copied), len(sent), copied)
	}
	t.Logf("%d records, %d transactions, sink opened %d times", len(sent), cp.commits.Load(), cp.opened.Load())
}

// Of three brokers each is killed in turn: readers and sinks go on with the others.
func TestLeadersDie(t *testing.T) {
	kafkatest.OnlyInAll(t)
	k := kafkatest.Start(t, kafkatest.Options{Brokers: 3})
	c := k.Open(t)
	in, out := create(t, c, "in", 1, nil), create(t, c, "out", 1, nil)
	r := reader(t, c, in, 0)
	cp := startCopy(t, k, in, out)
	var sent, got []string
	for id := range 4 {
		if id > 0 {
			k.Kill(t, id)
		}
		var vs []string
		for range 50 {
			vs = append(vs, fmt.Sprint("v", len(sent)+len(vs)))
		}
		produce(t, c, in, vs...)
		sent = append(sent, vs...)
		at := time.Now()
		got = append(got, readTo(t, r, int64(len(sent)))...)
		t.Logf("without broker %d: read after %v", id, time.Since(at).Round(time.Millisecond))
		if id > 0 {
			k.Restart(t, id)
		}
	}
	if !slices.Equal(got, sent) {
		t.Fatalf("read %d of %d", len(got), len(sent))
	}
	if copied := committed(t, c, out, len(sent)); !slices.Equal(copied, sent) {
		t.Fatalf("copied %d of %d:\n%v", len(copied), len(sent), copied)
	}
	t.Logf("%d transactions, sink opened %d times", cp.commits.Load(), cp.opened.Load())
}

// A foreign writer's and Kafka's own compression and console reach the reader.
func TestForeignWriter(t *testing.T) {
	k := kafkatest.Shared(t)
	c := k.Open(t)
	codecs := []string{"zstd"}
	if kafkatest.All() {
		codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}
	}
	for _, codec := range codecs {
		name := create(t, c, codec, 1, nil)
		var in strings.Builder
		var want []string
		for i := range 500 {
			want = append(want, fmt.Sprintf("value %d", i))
			fmt.Fprintf(&in, "h%d:x\tkey\t%s\n", i, want[i])
		}
		k.Tool(t, "org.apache.kafka.tools.ConsoleProducer", in.String(), "--topic", name, "--compression-codec", codec,
			"--property", "parse.key=true", "--property", "parse.headers=true")
		r := c.NewReader(name, kafka.ReaderOptions{Start: map[int32]int64{0: 0}, Headers: true})
		if got := readTo(t, r, 500); !slices.Equal(got, want) {
			t.Fatalf("%s: %v", codec, got)
		}
		r.Close()
	}
}

// Holes that compaction leaves, with the markers of transactions among them.
func TestRealCompaction(t *testing.T) {
	kafkatest.OnlyInAll(t)
	k := kafkatest.Start(t, kafkatest.Options{Set: map[string]string{"log.cleaner.backoff.ms": "200"}})
	c := k.Open(t)
	name := create(t, c, "compacted", 1, map[string]string{"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0"})
	x := plain(t, k.Plain, kgo.TransactionalID("x"))
	ctx := inTime(t, 2*time.Minute)
	latest := map[string]string{}
	for i := 0; ; i++ {
		commit := kgo.TransactionEndTry(i%3 > 0)
		if err := x.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for j := range 5 {
			key, value := fmt.Sprint("k", (i+j)%7), fmt.Sprintf("%d.%d", i, j)
			if err := x.ProduceSync(ctx, &kgo.Record{Topic: name, Key: []byte(key), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if commit {
				latest[key] = value
			}
		}
		if err := x.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
		ps, id, err := c.Partitions(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		n, next := 0, int64(0)
		got := map[string]string{}
		if err := c.ReadRange(ctx, name, id, 0, 0, ps[0].End, false, func(r *topic.Records) error {
			for j := range r.N() {
				got[string(r.Key.Bytes(j))] = string(r.Value.Bytes(j))
			}
			n, next = n+r.N(), r.Next
			return nil
		}); err != nil || next != ps[0].End {
			t.Fatalf("%v, at %d of %d", err, next, ps[0].End)
		}
		if i > 20 && n < i { // five a round, and a third aborted: most are gone
			wait(t, ctx, "the markers are written", func() bool { ps, _, err = c.Partitions(ctx, name); return err == nil && ps[0].End >= int64(6*(i+1)) })
			r := reader(t, c, name, 0)
			got := map[string]string{}
			for at := int64(0); at < ps[0].End; {
				rs, err := r.Poll(ctx)
				if err != nil || ctx.Err() != nil {
					t.Fatal(err, ctx.Err())
				}
				for _, rec := range rs {
					for j := range rec.N() {
						got[string(rec.Key.Bytes(j))] = string(rec.Value.Bytes(j))
					}
					at = rec.Next
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(latest) {
				t.Fatalf("got %v, want %v", got, latest)
			}
			t.Logf("%d records are left of %d offsets", n, ps[0].End)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Every way into a cluster with access control, and what is said where it is the
// wrong one.
func TestSecure(t *testing.T) {
	kafkatest.OnlyInAll(t)
	k := kafkatest.Start(t, kafkatest.Options{Secure: true})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(k.CA) {
		t.Fatal("no certificate")
	}
	trusted := &tls.Config{RootCAs: pool}
	login := func(mechanism, user, password string) kafka.SASL {
		return kafka.SASL{Mechanism: mechanism, User: user, Password: password}
	}
	for i, x := range []struct {
		brokers []string
		tls     *tls.Config
		sasl    kafka.SASL
		want    sqlerr.Code
		hint    string
	}{
		{k.Plain, nil, kafka.SASL{}, "", ""},
		{k.SASL, nil, login("PLAIN", "tarn", "tarn-secret"), "", ""},
		{k.SASL, nil, login("SCRAM-SHA-256", "tarn", "tarn-secret"), "", ""},
		{k.SASL, nil, login("SCRAM-SHA-512", "tarn", "tarn-secret"), "", ""},
		{k.SASL, nil, kafka.SASL{Mechanism: "OAUTHBEARER", Token: token(t)}, "", ""},
		{k.TLS, trusted, kafka.SASL{}, "", ""},
		{k.SASLTLS, trusted, login("SCRAM-SHA-512", "tarn", "tarn-secret"), "", ""},
		{k.SASL, nil, login("SCRAM-SHA-256", "tarn", "wrong"), sqlerr.InvalidPassword, "user, password"},
		{k.SASL, nil, login("PLAIN", "tarn", "wrong"), sqlerr.InvalidPassword, "user, password"},
		{k.SASL, nil, kafka.SASL{}, sqlerr.ConnectionFailure, "SASL"},
		{k.TLS, nil, kafka.SASL{}, sqlerr.ConnectionFailure, "TLS"},
		{k.TLS, &tls.Config{}, kafka.SASL{}, sqlerr.ConnectionFailure, "authority"},
		{k.Plain, trusted, kafka.SASL{}, sqlerr.ConnectionFailure, "TLS"},
		{k.SASL, nil, login("PLAIN", "guest", "guest-secret"), sqlerr.InsufficientPrivilege, "The Kafka user needs"},
	} {
		t.Run(fmt.Sprint(i, " ", x.sasl.Mechanism), func(t *testing.T) {
			c, err := kafka.Open(kafka.Config{Brokers: x.brokers, TLS: x.tls, SASL: x.sasl})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			name := fmt.Sprint("secure", i)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err = c.CreateTopic(ctx, name, 1, 1, nil)
			if x.want != "" {
				if e := sqlerr.From(err); e == nil || e.Code != x.want || !strings.Contains(e.Hint, x.hint) {
					t.Fatalf("%v, hint %q", err, sqlerr.From(err).Hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			produce(t, c, name, "x")
			if got := readTo(t, reader(t, c, name, 0), 1); len(got) != 1 {
				t.Fatal(got)
			}
		})
	}
}

// token is one that nobody has signed.
func token(t *testing.T) string {
	t.Helper()
	part := func(v map[string]any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	now := time.Now().Unix()
	return part(map[string]any{"alg": "none"}) + "." + part(map[string]any{"sub": "tarn", "iat": now, "exp": now + 3600}) + "."
}
