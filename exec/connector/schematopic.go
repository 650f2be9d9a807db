package connector

import (
	"context"
	"errors"
	"slices"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// Debezium tells schema changes in a topic of their own, before the rows that have
// the new shape. Nothing orders the two topics, so rows wait for changes: nothing is
// committed before all has been read that stood in the schema topic after the rows
// had come. A change may thus come earlier than rows that were written before it,
// to which it does no harm, but not later than rows that need it.

// schemaPartition is the partition number under which the position in the topic of
// schema changes is journalled.
const schemaPartition int32 = -3

// schemaTopic reads the topic of schema changes; nil: there is none.
type schemaTopic struct {
	l      *sourceLife
	reader *kafka.Reader
	dec    format.Decoder
	at     int64 // where the engine stands
}

// openSchemaTopic begins where the source stands in the topic. A new source has its
// columns as the table is now: it begins at the end.
func (l *sourceLife) openSchemaTopic(ctx context.Context) (*schemaTopic, error) {
	name := l.def.SchemaTopic
	if name == "" || l.def.OnDDL == nil {
		return nil, nil
	}
	parts, _, err := l.client.Partitions(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(parts) != 1 {
		return nil, &halt{Stopped, sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "topic \"%s\" of schema changes has %d partitions, so that they have no order", name, len(parts)).
			WithHint("Debezium needs one partition for it.")}
	}
	t := &schemaTopic{l: l}
	var known bool
	if t.at, known = l.at[schemaPartition]; !known {
		t.at = parts[0].End
		if err := t.commit(ctx, t.at); err != nil {
			return nil, err
		}
	}
	if from := parts[0].Start; t.at < from {
		if err := l.gap(&kafka.GapError{Topic: name, Asked: t.at, Start: from, Kind: kafka.OutOfRange}); err != nil {
			return nil, err
		}
		if err := t.commit(ctx, from); err != nil {
			return nil, err
		}
	}
	if t.dec, err = format.NewDecoder(l.def.Spec); err != nil {
		return nil, terminal(err)
	}
	t.reader = l.client.NewReader(name, kafka.ReaderOptions{Start: map[int32]int64{0: t.at}})
	return t, nil
}

func (t *schemaTopic) close() {
	if t != nil {
		t.reader.Close()
	}
}

// commit brings the position to an offset.
func (t *schemaTopic) commit(ctx context.Context, to int64) error {
	from, known := t.l.at[schemaPartition]
	if known && to == from {
		return nil
	}
	if !known {
		from = to
	}
	txn := &exec.Txn{Cuts: []exec.Cut{{Object: t.l.def.ID, Partition: schemaPartition, From: from, To: to}}}
	if _, err := t.l.s.m.engine.Commit(ctx, txn); err != nil {
		return err
	}
	t.at, t.l.at[schemaPartition] = to, to
	return nil
}

// catchUp makes the changes that the topic holds now.
func (t *schemaTopic) catchUp(ctx context.Context) (changed bool, err error) {
	if t == nil {
		return false, nil
	}
	parts, _, err := t.l.client.Partitions(ctx, t.l.def.SchemaTopic)
	if err != nil || len(parts) == 0 {
		return false, err
	}
	for t.at < parts[0].End {
		recs, err := t.reader.Poll(ctx)
		for _, r := range recs {
			did, err := t.make(ctx, r)
			if changed = changed || did; err != nil {
				return changed, err
			}
		}
		var gap *kafka.GapError
		if errors.As(err, &gap) {
			if err = t.l.gap(gap); err == nil {
				err = t.commit(ctx, gap.Start)
			}
			return true, err // begin again there
		}
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// make makes the changes of some records. The position is made durable behind each
// of them: what is asked for again after a crash is the last one at most, which is
// then known.
func (t *schemaTopic) make(ctx context.Context, r *topic.Records) (changed bool, err error) {
	d, err := t.dec.Decode(ctx, r)
	if err != nil {
		return false, err
	}
	changes := make([]format.DDL, 0, len(d.DDL)+len(d.Bad))
	for _, b := range d.Bad { // told like a statement that is not understood
		changes = append(changes, format.DDL{Record: b.Record, Text: "?: " + b.Err.Message})
	}
	changes = append(changes, d.DDL...)
	slices.SortStableFunc(changes, func(a, b format.DDL) int { return a.Record - b.Record })
	for _, c := range changes {
		c.Apart = true
		did, err := t.l.change(ctx, []format.DDL{c})
		if changed = changed || did; err != nil {
			return changed, err
		}
		if err := t.commit(ctx, r.Offset[c.Record]+1); err != nil {
			return changed, err
		}
	}
	return changed, t.commit(ctx, r.Next)
}
