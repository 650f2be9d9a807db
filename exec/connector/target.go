package connector

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// epochHeader carries the epoch of a record's change.
const epochHeader = "tarn.epoch"

// topicTarget is a topic of a Kafka cluster: a batch is one transaction.
type topicTarget struct {
	def  *SinkDef
	enc  format.Encoder
	sink *kafka.Sink
	id   string
}

func newTopicTarget(def *SinkDef) (*topicTarget, error) {
	enc, err := format.NewEncoder(def.Spec)
	if err != nil {
		return nil, err
	}
	return &topicTarget{def: def, enc: enc, id: sinkID(def)}, nil
}

func (t *topicTarget) open(ctx context.Context) (progress, error) {
	if t.def.Create != nil {
		if err := createTopic(ctx, t.def); err != nil {
			return progress{}, err
		}
	}
	s, position, ok, err := kafka.OpenSink(ctx, kafka.SinkConfig{Client: t.def.Kafka, Topic: t.def.Topic, ID: t.id, RecordBytesMax: t.def.RecordBytesMax, PositionHeader: epochHeader})
	if err != nil {
		return progress{}, err
	}
	t.sink = s
	if !ok {
		return progress{none: true}, nil
	}
	return noted(position, s.Note()), nil
}

// sinkID names the sink to the cluster, apart from those of other databases and
// from an earlier one of its name.
func sinkID(def *SinkDef) string {
	id := def.Name + "-" + itoa(def.ID)
	if def.Since != 0 {
		id += "-" + strconv.FormatUint(def.Since, 36)
	}
	return id
}

func createTopic(ctx context.Context, def *SinkDef) error {
	c, err := kafka.Open(def.Kafka)
	if err != nil {
		return err
	}
	defer c.Close()
	partitions, replication := def.Create.Partitions, def.Create.Replication
	if partitions == 0 {
		partitions = -1
	}
	if replication == 0 {
		replication = -1
	}
	err = c.CreateTopic(ctx, def.Topic, partitions, replication, def.Create.Config)
	if sqlerr.HasCode(err, sqlerr.DuplicateObject) {
		return nil
	}
	return err
}

func (t *topicTarget) write(ctx context.Context, us []exec.Update, to progress) error {
	out, rows, err := t.records(ctx, us)
	if err != nil {
		return err
	}
	err = t.sink.WriteNoted(ctx, out, to.epoch, to.note())
	var large *kafka.TooLargeError
	if errors.As(err, &large) {
		return t.tooLarge(large, rows, out)
	}
	return err
}

// tooLarge says which row the topic does not take. To try again would come to the
// same.
func (t *topicTarget) tooLarge(e *kafka.TooLargeError, rows *vec.Batch, out []kafka.Out) error {
	row := e.Index
	if t.def.Spec.Envelope == format.Debezium {
		for _, o := range out[:e.Index] {
			if o.Value == nil { // it came with the deletion before it
				row--
			}
		}
	}
	takes := ""
	if e.Limit > 0 {
		takes = fmt.Sprintf(", which is %d", e.Limit)
	}
	return &halt{Failed, sqlerr.New(sqlerr.ProgramLimitExceeded, "the row %s of %s takes %d bytes as a record, more than topic %q takes%s",
		t.def.rowName(rows, row), t.def.follows(), e.Bytes, t.def.Topic, takes).
		WithHint("Raise the topic's max.message.bytes, or shorten the row, then RESUME.")}
}

// rowName tells which row is meant: by its key, or by its first column.
func (d *SinkDef) rowName(b *vec.Batch, i int) string {
	cols := d.Spec.PK
	if len(cols) == 0 {
		cols = []int{0}
	}
	var names, values []string
	for _, c := range cols {
		v := "NULL"
		if col := b.Cols[c]; !col.IsNull(i) {
			v = string(types.AppendText(nil, col.Datum(i), col.Type, nil))
		}
		if len(v) > 100 {
			v = v[:100] + "…"
		}
		names, values = append(names, d.Spec.Columns[c].Name), append(values, v)
	}
	return "(" + strings.Join(names, ", ") + ")=(" + strings.Join(values, ", ") + ")"
}

// follows names what the sink follows.
func (d *SinkDef) follows() string {
	if d.Of == "" {
		return "sink \"" + d.Name + "\""
	}
	return "\"" + d.Of + "\""
}

// records encodes the changes of updates, which it returns, too.
func (t *topicTarget) records(ctx context.Context, us []exec.Update) ([]kafka.Out, *vec.Batch, error) {
	c, err := t.def.changes(us)
	if err != nil || c.rows == nil || c.rows.N == 0 {
		return nil, nil, err
	}
	times := make([]int64, len(c.epoch))
	for i, ep := range c.epoch {
		times[i] = int64(ep)
	}
	enc, err := t.enc.EncodeChanges(ctx, format.Changes{Rows: c.rows, Before: c.before, Ops: c.ops, Time: times})
	if err != nil {
		return nil, nil, err
	}
	out := make([]kafka.Out, 0, c.rows.N)
	var headers []kgo.RecordHeader
	for i := range c.rows.N {
		if i == 0 || c.epoch[i] != c.epoch[i-1] {
			headers = []kgo.RecordHeader{{Key: epochHeader, Value: strconv.AppendUint(nil, c.epoch[i], 10)}}
		}
		p, err := t.partition(c.rows, i)
		if err != nil {
			return nil, nil, err
		}
		o := kafka.Out{Partition: p, Key: bytesAt(enc.Key, i), Value: bytesAt(enc.Value, i), Headers: t.passed(headers, c.rows, i), Time: int64(c.epoch[i])}
		out = append(out, o)
		if t.def.Spec.Envelope == format.Debezium && c.ops[i] == format.Delete {
			// As Debezium does, so that a compacted topic forgets the key.
			o.Value = nil
			out = append(out, o)
		}
	}
	return out, c.rows, nil
}

// passed are the headers of row i: those that all have, and those of the record
// that it comes from.
func (t *topicTarget) passed(all []kgo.RecordHeader, b *vec.Batch, i int) []kgo.RecordHeader {
	for _, h := range t.def.Headers {
		if v := b.Cols[h.Column]; !v.IsNull(i) {
			all = append(all[:len(all):len(all)], kgo.RecordHeader{Key: h.Name, Value: v.Bytes(i)})
		}
	}
	return all
}

// partition is where row i goes: -1 = where its key belongs.
func (t *topicTarget) partition(b *vec.Batch, i int) (int32, error) {
	if t.def.Partition < 0 {
		return -1, nil
	}
	v := b.Cols[t.def.Partition]
	if v.IsNull(i) || v.Type.Phys() != types.PhysInt || v.Ints[i] < 0 || v.Ints[i] > 1<<31-1 {
		return 0, sqlerr.New(sqlerr.InvalidParameterValue, "the partition of a row is not a number of a partition")
	}
	return int32(v.Ints[i]), nil
}

func (t *topicTarget) close() {
	if t.sink != nil {
		t.sink.Close()
	}
}

// relationTarget is a stream or a table of the engine. The position is a cut of
// it, under a partition number of the sink's own.
type relationTarget struct {
	engine   Engine
	def      *SinkDef
	at, part int64 // the cuts
}

// ownPartition is the number under which a sink keeps its position: topics have
// none below zero, and objects' ids are beyond the small ones. Under ownParts it
// keeps, while it writes a snapshot, how many parts it has and how many there are.
func (t *relationTarget) ownPartition() int32 { return -int32(t.def.ID & 0x3fffffff) }

func (t *relationTarget) ownParts() int32 { return t.ownPartition() - 1<<30 }

func (t *relationTarget) open(context.Context) (progress, error) {
	cuts := t.engine.Offsets(t.def.Into)
	at, ok := cuts[t.ownPartition()]
	t.at, t.part = at, cuts[t.ownParts()]
	if !ok {
		return progress{none: true}, nil
	}
	p := progress{epoch: exec.Epoch(at), part: int(t.part & (1<<32 - 1)), parts: int(t.part >> 32)}
	if p.part == p.parts {
		p.part, p.parts = 0, 0
	}
	return p, nil
}

func (t *relationTarget) write(ctx context.Context, us []exec.Update, to progress) error {
	txn := &exec.Txn{}
	if t.def.IntoTable {
		c := netted(us, t.def.Spec.PK, false)
		if c.rows != nil {
			txn.Writes = tableWrites(t.def.Into, []*vec.Batch{c.rows}, []deeds{{ops: c.ops}})
		}
	} else {
		c, err := appended(us, t.def.DropRetractions)
		if err != nil {
			return err
		}
		if c.rows != nil && c.rows.N > 0 {
			txn.Writes = []exec.Write{{Object: t.def.Into, Rows: c.rows}}
		}
	}
	// The cut must begin where the target stands: a second writer is refused.
	from := t.at
	if from == 0 {
		from = int64(to.epoch)
	}
	txn.Cuts = []exec.Cut{{Object: t.def.Into, Partition: t.ownPartition(), From: from, To: int64(to.epoch)}}
	part := t.part
	switch {
	case to.parts > 0:
		part = int64(to.parts)<<32 | int64(to.part)
	case part != 0: // all are there
		part = part>>32<<32 | part>>32
	}
	if part != t.part {
		from := t.part
		if from == 0 {
			from = part
		}
		txn.Cuts = append(txn.Cuts, exec.Cut{Object: t.def.Into, Partition: t.ownParts(), From: from, To: part})
	}
	if _, err := t.engine.Commit(ctx, txn); err != nil {
		return err
	}
	t.at, t.part = int64(to.epoch), part
	return nil
}

func (t *relationTarget) close() {}
