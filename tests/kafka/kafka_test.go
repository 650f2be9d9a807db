package kafka_test

import (
	"context"
	"testing"
	"time"

	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

func TestSmoke(t *testing.T) {
	at := time.Now()
	c := kafkatest.Start(t, kafkatest.Options{})
	t.Log("up after", time.Since(at))
	cl := c.Open(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	t.Log(cl.CreateTopic(ctx, "t", 2, -1, nil))
	t.Log(cl.Partitions(ctx, "t"))
}
