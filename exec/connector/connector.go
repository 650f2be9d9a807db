// Package connector moves rows between the engine and topics outside: sources
// read records, decode them and commit the rows; sinks follow a relation and
// write its changes.
//
// Invariants
//   - A source's rows, the offsets that they came from and the records that could
//     not be read are one transaction of the engine, so each record counts once
//     whatever dies.
//   - A sink's records and the epoch that they bring the topic to are one
//     transaction outside; after any doubt the position is read back from there.
//   - No connector holds the engine up: what waits is bounded in memory, and what
//     is too much is read again from where it is durable.
//   - A record that cannot be read is a dead letter or stops its source; it is
//     never passed over.
package connector

import (
	"context"
	"time"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/exec/format"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic/kafka"
)

// StartMode says where a source begins that has read nothing yet.
type StartMode uint8

// The modes; what they come to is fixed by the first transaction of the source.
const (
	Earliest StartMode = iota
	Latest
	AtTime    // the first record of each partition that is not older than Start.Time
	AtOffsets // Start.Offsets; partitions that it leaves out from their beginning
)

// Start is where a source begins.
type Start struct {
	Mode    StartMode
	Time    int64 // µs since 2000-01-01 UTC
	Offsets map[int32]int64
}

// OnError says what becomes of a record that cannot be read.
type OnError uint8

// The choices of on_error. 'null' is Spec.NullOnError; what is still bad then is a
// dead letter.
const (
	KeepLetter OnError = iota
	StopSource
)

// OnGap says what to do where records that were asked for are gone.
type OnGap uint8

// The choices of on_gap.
const (
	WaitAtGap OnGap = iota
	SkipGap
)

// SourceDef defines a source.
type SourceDef struct {
	ID    uint64 // of the stream or table
	Name  string
	Kafka kafka.Config
	Topic string
	Spec  format.Spec // its columns are the relation's
	Table bool        // records put and delete rows by key
	Group string      // that offsets are told to; "": tarn- and the name
	// ReadThrough: the stream keeps no rows of its own (exec.StreamDef.Outside).
	ReadThrough bool
	Start       Start
	OnError
	OnGap
	// DeadLetterTopic gets a copy of each dead letter, "" = none.
	DeadLetterTopic string
	RowsPerSecond   float64 // 0 = no limit
	Paused          bool
	// Verify returns what of the rows breaks the relation's constraints, in order of
	// row; nil = nothing can. It is called by several goroutines.
	Verify func(rows *vec.Batch) []BadRow
	// SchemaTopic is the topic in which the feed tells schema changes if they are not
	// among its rows, "" = none.
	SchemaTopic string
	// Ages are how records were read before the source got its newest columns.
	Ages []Age
	// OnDDL makes a schema change that the feed carries the relation's, and returns
	// how records are to be read from there on, nil = as before. What came before it
	// has been committed. It may be asked again for a change that it has made, and
	// its error stops the source. nil: schema changes mean nothing.
	OnDDL func(ctx context.Context, change format.DDL) (*format.Spec, error)
}

// BadRow is a row that breaks a constraint.
type BadRow struct {
	Row int
	Err *sqlerr.Error
}

// OnLag says what happens when a sink cannot follow.
type OnLag uint8

// The choices when a sink is more than MaxLag behind and cannot write: it goes on
// trying, it stops, or its sources wait for it.
const (
	KeepTrying OnLag = iota
	StopSink
	HoldSources
)

// SinkDef defines a sink.
type SinkDef struct {
	ID   uint64
	Name string
	// Plan is what the sink follows; its columns are Spec.Columns. Ctx is what its
	// expressions see.
	Plan plan.Node
	Ctx  *funcs.Ctx
	// Spec says how rows become records. Its envelope decides what a change becomes:
	// plain: each new row is a record, and there must be no retractions; upsert: the
	// last row of a key, or its deletion; debezium: each change with the row before it.
	Spec format.Spec
	// DropRetractions lets a plain sink leave out retractions instead of failing.
	DropRetractions bool
	// Of names what the sink follows, for messages.
	Of string
	// Headers are columns of the plan, behind those of Spec, that become headers.
	Headers []SinkHeader
	// RecordBytesMax is the largest record that may be written; 0: what the topic takes.
	RecordBytesMax int64
	// Partition is the column that says which partition a record goes to, -1 = by the key.
	Partition int

	Kafka kafka.Config
	Topic string
	// Create makes the topic if there is none; nil: it must exist.
	Create *TopicDef
	// Into is the stream or table of the engine that is written instead of a topic; 0 = none.
	Into      uint64
	IntoTable bool // Into is a table with a primary key (Spec.PK)

	// NoSnapshot: only changes after the sink's beginning.
	NoSnapshot bool
	// Since is the epoch of the sink's creation. It tells the sink from those of
	// other databases that write to the same cluster, and with NoSnapshot changes
	// after it count. 0: not known; then changes count from the first run on.
	Since          exec.Epoch
	CommitInterval time.Duration // 0 = 100 ms
	BatchBytes     int64         // one transaction's rows, roughly, in whole epochs; 0 = 8 MiB
	MaxLag         time.Duration // 0 = one hour
	OnLag
	// Sources feed the sink: those that HoldSources holds.
	Sources []uint64
	Paused  bool
}

// SinkHeader is a header of a sink's records; rows where it is NULL have none.
type SinkHeader struct {
	Name   string
	Column int
}

// TopicDef is how a topic is to be made.
type TopicDef struct {
	Partitions  int32 // 0 = the broker's default
	Replication int16 // 0 = the broker's default
	Config      map[string]string
}

// Engine is what connectors need of exec.Engine.
type Engine interface {
	Commit(ctx context.Context, txn *exec.Txn) (exec.Epoch, error)
	Offsets(object uint64) map[int32]int64
	Applied() exec.Epoch
	Since(object uint64) exec.Epoch
	Unread(object uint64, after exec.Epoch) (epochs, rows int64, ok bool)
	Size(object uint64) (rows, bytes int64)
	WaitFresh(ctx context.Context) (exec.Epoch, error)
	Read(ctx context.Context, root plan.Node, o exec.ReadOptions, emit func(*vec.Batch) error) error
	Subscribe(ctx context.Context, root plan.Node, o exec.SubscribeOptions) (*exec.Subscription, error)
	Hold(name string, object uint64, after exec.Epoch) error
	Release(name string) error
	Holds() []exec.Held
}

func (d *SourceDef) group() string {
	if d.Group != "" {
		return d.Group
	}
	return "tarn-" + d.Name
}
