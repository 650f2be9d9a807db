package connector

import (
	"context"
	"slices"
	"sync"

	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// Outside reads the records of a source again: the history of a stream that is
// read through. It connects when it is first asked.
type Outside struct {
	def SourceDef
	at  func(object uint64) map[int32]int64

	mu     sync.Mutex
	client *kafka.Client
}

// NewOutside makes the history of a source. offsets are the engine's
// (Engine.Offsets); they also know which topic it was that was read.
func NewOutside(def SourceDef, offsets func(object uint64) map[int32]int64) *Outside {
	return &Outside{def: def, at: offsets}
}

// Close ends its connections.
func (o *Outside) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.client != nil {
		o.client.Close()
		o.client = nil
	}
}

func (o *Outside) open() (*kafka.Client, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var err error
	if o.client == nil {
		o.client, err = kafka.Open(o.def.Kafka)
	}
	return o.client, err
}

// LeavesOut implements exec.Outside.
func (o *Outside) LeavesOut() bool { return o.def.OnGap == SkipGap }

// Start is the first offset that a partition still has.
func (o *Outside) Start(ctx context.Context, partition int32) (int64, error) {
	c, err := o.open()
	if err != nil {
		return 0, err
	}
	parts, _, err := c.Partitions(ctx, o.def.Topic)
	if err != nil {
		return 0, err
	}
	for _, p := range parts {
		if p.ID == partition {
			return p.Start, nil
		}
	}
	return 0, sqlerr.New(sqlerr.SnapshotTooOld, "topic %q has no partition %d any more", o.def.Topic, partition)
}

// Read decodes columns of the records [from, to) of a partition as they were decoded
// first; nil: all.
// The cuts leave out those that became dead letters, so that of all others it is
// known that they gave rows: no constraint is looked at, and a value that does not
// fit is one that on_error = 'null' let pass at the time.
func (o *Outside) Read(ctx context.Context, partition int32, from, to int64, columns []int, yield func(rows *vec.Batch, offsets []int64) error) error {
	c, err := o.open()
	if err != nil {
		return err
	}
	at, def := o.at(o.def.ID), o.def
	def.Ages, def.Verify, def.Spec.NullOnError = agesOf(def.Ages, at), nil, true
	def.Spec.Only = columns
	dec, err := newAged(&def)
	if err != nil {
		return err
	}
	return c.ReadRange(ctx, o.def.Topic, topicOf(at), partition, from, to, takesHeaders(&def.Spec), func(recs *topic.Records) error {
		for lo := 0; lo < recs.N(); lo += vec.BatchRows {
			part := recs.Slice(lo, min(lo+vec.BatchRows, recs.N()))
			err := dec.decode(ctx, part, func(part *topic.Records, d *format.Decoded) error {
				if d.Rows == nil || d.Rows.N == 0 {
					return nil
				}
				offsets := make([]int64, d.Rows.N)
				for i, r := range d.Record {
					offsets[i] = part.Offset[r]
				}
				return yield(d.Rows, offsets)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func takesHeaders(s *format.Spec) bool {
	for i, c := range s.Columns {
		if (c.From == format.FromHeaders || c.From == format.FromHeader) && (s.Only == nil || slices.Contains(s.Only, i)) {
			return true
		}
	}
	return false
}
