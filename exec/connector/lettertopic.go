package connector

import (
	"context"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// letterTopicWait is how long a topic of dead letters may hold its source up.
const letterTopicWait = 10 * time.Second

// produceLetters copies letters to the source's dead_letter_topic, before they
// are durable here: each is there at least once. A topic that cannot be written
// stops nothing, since the letters are in sys.dead_letters in any case; the
// source's status says so.
func (s *source) produceLetters(ctx context.Context, c *kafka.Client, ls []letter) {
	topic := s.definition().DeadLetterTopic
	if topic == "" {
		return
	}
	out := make([]kafka.Out, len(ls))
	for i := range ls {
		l := &ls[i]
		out[i] = kafka.Out{Partition: -1, Key: l.key, Value: l.value, Time: l.time, Headers: []kgo.RecordHeader{
			{Key: "tarn.source", Value: []byte(l.name)},
			{Key: "tarn.topic", Value: []byte(l.topic)},
			{Key: "tarn.partition", Value: strconv.AppendInt(nil, int64(l.at.Partition), 10)},
			{Key: "tarn.offset", Value: strconv.AppendInt(nil, l.at.Offset, 10)},
			{Key: "tarn.error", Value: []byte(l.reason)},
			{Key: "tarn.code", Value: []byte(l.code)},
		}}
	}
	ctx, cancel := context.WithTimeout(ctx, letterTopicWait)
	defer cancel()
	_, err := c.Produce(ctx, topic, out)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.letterTopicErr = ""
	if err != nil {
		s.counts.letterTopicErr = sqlerr.From(err).Message
	}
}
