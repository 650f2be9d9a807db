package connector

import (
	"context"
	"strconv"

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

func (t *topicTarget) open(ctx context.Context) (exec.Epoch, bool, error) {
	if t.def.Create != nil {
		if err := createTopic(ctx, t.def); err != nil {
			return 0, false, err
		}
	}
	s, position, ok, err := kafka.OpenSink(ctx, kafka.SinkConfig{Client: t.def.Kafka, Topic: t.def.Topic, ID: t.id})
	if err != nil {
		return 0, false, err
	}
	t.sink = s
	return position, !ok, nil
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

func (t *topicTarget) write(ctx context.Context, us []exec.Update, position exec.Epoch) error {
	out, err := t.records(ctx, us)
	if err != nil {
		return err
	}
	return t.sink.Write(ctx, out, position)
}

// records encodes the changes of updates.
func (t *topicTarget) records(ctx context.Context, us []exec.Update) ([]kafka.Out, error) {
	c, err := t.def.changes(us)
	if err != nil || c.rows == nil || c.rows.N == 0 {
		return nil, err
	}
	enc, err := t.enc.Encode(ctx, c.rows, c.before, c.ops)
	if err != nil {
		return nil, err
	}
	out := make([]kafka.Out, c.rows.N)
	var headers []kgo.RecordHeader
	for i := range out {
		if i == 0 || c.epoch[i] != c.epoch[i-1] {
			headers = []kgo.RecordHeader{{Key: epochHeader, Value: strconv.AppendUint(nil, c.epoch[i], 10)}}
		}
		p, err := t.partition(c.rows, i)
		if err != nil {
			return nil, err
		}
		out[i] = kafka.Out{Partition: p, Key: bytesAt(enc.Key, i), Value: bytesAt(enc.Value, i), Headers: headers, Time: int64(c.epoch[i])}
	}
	return out, nil
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
	engine Engine
	def    *SinkDef
	at     int64
}

// ownPartition is the number under which a sink keeps its position: topics have
// none below zero, and objects' ids are beyond the small ones.
func (t *relationTarget) ownPartition() int32 { return -int32(t.def.ID & 0x7fffffff) }

func (t *relationTarget) open(context.Context) (exec.Epoch, bool, error) {
	at, ok := t.engine.Offsets(t.def.Into)[t.ownPartition()]
	t.at = at
	return exec.Epoch(at), !ok, nil
}

func (t *relationTarget) write(ctx context.Context, us []exec.Update, position exec.Epoch) error {
	txn := &exec.Txn{}
	if t.def.IntoTable {
		c := netted(us, t.def.Spec.PK, false)
		if c.rows != nil {
			txn.Writes = tableWrites(t.def.Into, []*vec.Batch{c.rows}, [][]format.Op{c.ops})
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
		from = int64(position)
	}
	txn.Cuts = []exec.Cut{{Object: t.def.Into, Partition: t.ownPartition(), From: from, To: int64(position)}}
	if _, err := t.engine.Commit(ctx, txn); err != nil {
		return err
	}
	t.at = int64(position)
	return nil
}

func (t *relationTarget) close() {}
