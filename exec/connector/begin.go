package connector

import (
	"context"
	"encoding/binary"
	"maps"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// identities are the partition numbers under which the halves of a source's topic
// id are journalled beside its offsets: a topic that was made anew must not be
// taken for the old one, also if that happened while the database was down.
var identities = [2]int32{-1, -2}

// withoutIdentities are the offsets of partitions that exist.
func withoutIdentities(at map[int32]int64) map[int32]int64 {
	maps.DeleteFunc(at, func(p int32, _ int64) bool { return p < 0 })
	return at
}

// begin finds out where the source stands, and where it is to begin if it has
// never stood anywhere; it brings both into the journal.
func (l *sourceLife) begin(ctx context.Context) error {
	parts, id, err := l.client.Partitions(ctx, l.def.Topic)
	if err != nil {
		return err
	}
	l.topic = id
	l.at = l.s.m.engine.Offsets(l.def.ID)
	if l.at == nil {
		l.at = map[int32]int64{}
	}
	txn := &exec.Txn{}
	move := func(partition int32, to int64) {
		from, ok := l.at[partition]
		if !ok {
			from = to
		}
		if !ok || from != to {
			txn.Cuts = append(txn.Cuts, exec.Cut{Object: l.def.ID, Partition: partition, From: from, To: to})
		}
		l.at[partition] = to
	}
	first := len(l.at) == 0
	if id != (kafka.TopicID{}) {
		if l.remade(id) {
			if err := l.gap(&kafka.GapError{Topic: l.def.Topic, Kind: kafka.Recreated}); err != nil {
				return err
			}
			for p := range withoutIdentities(maps.Clone(l.at)) {
				move(p, 0)
			}
		}
		for i, p := range identities {
			move(p, topicMark(id, i))
		}
	}
	if err := l.missing(parts); err != nil {
		return err
	}
	if first {
		start, err := l.start(ctx, parts)
		if err != nil {
			return err
		}
		for _, p := range parts {
			move(p.ID, start[p.ID])
		}
	}
	l.s.forget()
	l.s.learn(parts, l.at)
	if len(txn.Cuts) == 0 {
		return nil
	}
	_, err = l.s.m.engine.Commit(ctx, txn)
	return err
}

// missing fails if brokers leave out a partition that has been read: a topic does
// not lose partitions, so that is somebody who does not know all of it yet. To begin
// without would be to pass its records over.
func (l *sourceLife) missing(parts []kafka.PartitionInfo) error {
	there := map[int32]bool{}
	for _, p := range parts {
		there[p.ID] = true
	}
	for p, next := range l.at {
		if p >= 0 && next > 0 && !there[p] {
			return sqlerr.New(sqlerr.ConnectionFailure, "the Kafka broker knows no partition %d of topic \"%s\", which has been read up to offset %d", p, l.def.Topic, next)
		}
	}
	return nil
}

// remade reports whether the topic is another one than was read before.
func (l *sourceLife) remade(id kafka.TopicID) bool {
	for i, p := range identities {
		if was, ok := l.at[p]; ok && was != topicMark(id, i) {
			return true
		}
	}
	return false
}

// topicMark is half of a topic's id as an offset.
func topicMark(id kafka.TopicID, half int) int64 {
	return int64(binary.BigEndian.Uint64(id[8*half:]))
}

// topicOf is the id of the topic that was read, zero if it is not known.
func topicOf(at map[int32]int64) (id kafka.TopicID) {
	for i, p := range identities {
		binary.BigEndian.PutUint64(id[8*i:], uint64(at[p]))
	}
	return id
}

// start resolves the startup mode.
func (l *sourceLife) start(ctx context.Context, parts []kafka.PartitionInfo) (map[int32]int64, error) {
	out := map[int32]int64{}
	var at map[int32]int64
	if l.def.Start.Mode == AtTime {
		var err error
		if at, err = l.client.OffsetsAt(ctx, l.def.Topic, l.def.Start.Time); err != nil {
			return nil, err
		}
	}
	for _, p := range parts {
		out[p.ID] = p.Start
		switch l.def.Start.Mode {
		case Latest:
			out[p.ID] = p.End
		case AtTime:
			out[p.ID] = p.End
			if o, ok := at[p.ID]; ok && o >= 0 {
				out[p.ID] = o
			}
		case AtOffsets:
			if o, ok := l.def.Start.Offsets[p.ID]; ok {
				out[p.ID] = o
			}
		}
	}
	return out, nil
}

// readFrom is where the reader begins: known partitions where the engine stands,
// those that have come since then at their beginning.
func (l *sourceLife) readFrom() map[int32]int64 {
	out := map[int32]int64{}
	for _, p := range l.s.partitions() {
		out[p] = l.at[p]
	}
	return out
}

// gap stops the source at a gap, unless it is told to go on.
func (l *sourceLife) gap(g *kafka.GapError) error {
	if l.def.OnGap == SkipGap {
		l.s.log.Warn("source passes over a gap", "gap", g.Error())
		return nil
	}
	e := sqlerr.From(g)
	e.Hint = "ALTER SOURCE … SET (on_gap = 'continue') goes on behind the gap."
	return &halt{AtGap, e}
}

// skip moves the source behind a gap.
func (l *sourceLife) skip(ctx context.Context, g *kafka.GapError) error {
	if g.Kind == kafka.Recreated {
		return nil // the next life sees that the topic is another one
	}
	from, ok := l.at[g.Partition]
	if !ok {
		from = g.Start
	}
	_, err := l.s.m.engine.Commit(ctx, &exec.Txn{Cuts: []exec.Cut{{Object: l.def.ID, Partition: g.Partition, From: from, To: g.Start}}})
	return err
}
