package kafka

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/storage/topic"
)

// fake starts a cluster in this process. Tests with one of their own run beside
// each other: they mostly wait.
func fake(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	t.Parallel()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func open(t *testing.T, brokers []string) *Client {
	t.Helper()
	c, err := Open(Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func inTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// mustCreate creates a topic and waits until it is known.
func mustCreate(t *testing.T, c *Client, name string, partitions int32, config map[string]string) {
	t.Helper()
	ctx := inTime(t)
	if err := c.CreateTopic(ctx, name, partitions, -1, config); err != nil {
		t.Fatal(err)
	}
	for {
		ps, _, err := c.Partitions(ctx, name)
		if err == nil && len(ps) == int(partitions) {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("the new topic does not appear: ", err)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func values(prefix string, from, to int) (out []Out) {
	for i := from; i < to; i++ {
		out = append(out, Out{Key: []byte(strconv.Itoa(i)), Value: []byte(prefix + strconv.Itoa(i))})
	}
	return out
}

func mustProduce(t *testing.T, c *Client, name string, out []Out) map[int32]int64 {
	t.Helper()
	after, err := c.Produce(inTime(t), name, out)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

// line is a record as tests compare it.
func line(r *topic.Records, i int) string {
	part := func(null bool, b func(int) []byte) string {
		if null {
			return "-"
		}
		return string(b(i))
	}
	s := fmt.Sprintf("%d/%d %s=%s", r.Partition, r.Offset[i], part(r.Key.IsNull(i), r.Key.Bytes), part(r.Value.IsNull(i), r.Value.Bytes))
	if r.Headers != nil {
		for raw := r.Headers.Bytes(i); len(raw) > 0; {
			k, v, rest, err := topic.NextHeader(raw)
			if err != nil {
				return err.Error()
			}
			s += fmt.Sprintf(" %s:%s", k, v)
			raw = rest
		}
	}
	return s
}

func lines(r *topic.Records) (out []string) {
	for i := range r.N() {
		out = append(out, line(r, i))
	}
	return out
}

// got gathers what a reader gives until each partition is at until.
type got struct {
	lines []string
	next  map[int32]int64
}

func (g *got) poll(t *testing.T, ctx context.Context, r *Reader) error {
	t.Helper()
	rs, err := r.Poll(ctx)
	for _, rec := range rs {
		if was, ok := g.next[rec.Partition]; ok && rec.N() > 0 && rec.Offset[0] < was {
			t.Fatalf("partition %d goes back from %d to %d", rec.Partition, was, rec.Offset[0])
		}
		for i := 1; i < rec.N(); i++ {
			if rec.Offset[i] <= rec.Offset[i-1] {
				t.Fatalf("offsets do not grow: %v", rec.Offset)
			}
		}
		if n := rec.N(); n > 0 && rec.Next <= rec.Offset[n-1] {
			t.Fatalf("next is %d after offset %d", rec.Next, rec.Offset[n-1])
		}
		g.lines = append(g.lines, lines(rec)...)
		g.next[rec.Partition] = rec.Next
	}
	return err
}

// readTo polls until each partition is at until[p].
func readTo(t *testing.T, r *Reader, until map[int32]int64) got {
	t.Helper()
	ctx := inTime(t)
	g := got{next: map[int32]int64{}}
	for {
		done := true
		for p, at := range until {
			done = done && g.next[p] >= at
		}
		if done {
			return g
		}
		if err := g.poll(t, ctx, r); err != nil {
			t.Fatal(err)
		}
		if ctx.Err() != nil {
			t.Fatalf("at %v of %v: %+v", g.next, until, r.State())
		}
	}
}

func reader(t *testing.T, c *Client, name string, o ReaderOptions) *Reader {
	r := c.NewReader(name, o)
	t.Cleanup(r.Close)
	return r
}

func TestCodecs(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	for name, codec := range map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		t.Run(name, func(t *testing.T) {
			mustCreate(t, c, name, 1, nil)
			p, err := kgo.NewClient(kgo.SeedBrokers(c.cfg.Brokers...), kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(4000))
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			var want []string
			var rs []*kgo.Record
			for i := range 1000 {
				r := &kgo.Record{Topic: name, Key: fmt.Appendf(nil, "k%d", i%7), Value: fmt.Appendf(nil, "value %d", i), Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i))}
				if i%10 == 1 {
					r.Key = nil
				}
				if i%10 == 2 {
					r.Value = nil
				}
				if i%10 == 3 {
					r.Headers = []kgo.RecordHeader{{Key: "h", Value: []byte("x")}, {Key: "", Value: nil}}
				}
				if i%10 == 4 {
					r.Key, r.Value = []byte{}, []byte{}
				}
				rs = append(rs, r)
			}
			if err := p.ProduceSync(inTime(t), rs...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			for i, r := range rs {
				w := fmt.Sprintf("0/%d %s=%s", i, orDash(r.Key), orDash(r.Value))
				for _, h := range r.Headers {
					w += fmt.Sprintf(" %s:%s", h.Key, h.Value)
				}
				want = append(want, w)
			}
			r := reader(t, c, name, ReaderOptions{Start: map[int32]int64{0: 0}, Headers: true})
			g := readTo(t, r, map[int32]int64{0: 1000})
			if !slices.Equal(g.lines, want) {
				t.Fatalf("got %q", g.lines)
			}
		})
	}
}

func orDash(b []byte) string {
	if b == nil {
		return "-"
	}
	return string(b)
}
