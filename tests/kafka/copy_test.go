package kafka_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// copier copies partition 0 of a topic to another, exactly once: the sink's
// position is the offset up to which it has copied. After an error it begins anew
// at that.
type copier struct {
	t       *testing.T
	k       *kafkatest.Cluster
	in, out string
	commits atomic.Int64
	opened  atomic.Int64
}

// startCopy copies until the test ends.
func startCopy(t *testing.T, k *kafkatest.Cluster, in, out string) *copier {
	t.Helper()
	c := &copier{t: t, k: k, in: in, out: out}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := c.run(ctx)
			if err != nil && ctx.Err() == nil && !errors.Is(err, kafka.ErrFenced) && !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
				t.Logf("copy: %v", err)
			}
		}
	}()
	return c
}

func (c *copier) run(ctx context.Context) error {
	cl, err := kafka.Open(c.k.Config())
	if err != nil {
		return err
	}
	defer cl.Close()
	s, at, _, err := kafka.OpenSink(ctx, kafka.SinkConfig{Client: c.k.Config(), Topic: c.out, ID: "copy-" + c.out})
	if err != nil {
		return err
	}
	defer s.Close()
	c.opened.Add(1)
	r := cl.NewReader(c.in, kafka.ReaderOptions{Start: map[int32]int64{0: int64(at)}})
	defer r.Close()
	for ctx.Err() == nil {
		rs, err := r.Poll(ctx)
		if err != nil {
			return err
		}
		var out []kafka.Out
		for _, rec := range rs {
			for i := range rec.N() {
				out = append(out, kafka.Out{Value: rec.Value.Bytes(i)})
			}
			at = uint64(rec.Next)
		}
		if len(rs) == 0 {
			continue
		}
		short, cancel := context.WithTimeout(ctx, 20*time.Second)
		err = s.Write(short, out, at)
		cancel()
		if err != nil {
			return err
		}
		c.commits.Add(1)
	}
	return nil
}
