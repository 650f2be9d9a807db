package exec

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Epoch numbers an epoch. It is also the epoch's logical time, µs since
// 2000-01-01 UTC, strictly increasing: so a system time is an epoch, and AS OF
// needs no table from one to the other.
type Epoch = uint64

// Config configures an engine. FS, Dir, Now and Host are required.
type Config struct {
	FS  vfs.FS
	Dir string
	// Host is the floor above: it knows the catalog.
	Host Host
	// Now is the wall clock, µs since 2000-01-01 UTC. The engine reads no other
	// for what users see.
	Now func() int64
	// MemoryBytes is the budget of all state, queries and queues; 0 = 2 GiB.
	MemoryBytes int64
	// Workers is how many goroutines a step may use; 0 = one per core.
	Workers int
	// CheckpointEvery is the longest time between checkpoints while there are
	// changes; 0 = 10 s. Negative: only when memory asks, and at Close.
	CheckpointEvery time.Duration
	// DebtMost is how long a start after a crash may take to step what no checkpoint has,
	// by estimate: writers of much wait while it would take longer. 0 = 2.5 s; negative,
	// or no CheckpointEvery: nobody waits.
	DebtMost time.Duration
	// CloseWait is how long Close writes checkpoints; 0 = 3 s. What they would have held
	// is in the journal too, and the next start steps it again.
	CloseWait time.Duration
	// JournalFileBytes is the size of one journal file; 0 = 64 MiB. Whole files are
	// cut off behind a checkpoint.
	JournalFileBytes int64
	// ChunkBytes: rows of more bytes than this, one after the other in an epoch, go into
	// the journal ahead of it in pieces of that size; 0 = 64 MiB.
	ChunkBytes int64
	// InlineRows: a new view over at most so many input rows is built inside the
	// epoch of its CREATE; over more it is built beside the live group. 0 = 20,000.
	InlineRows int64
	// PackVersions: a checkpoint that supersedes as many rows of a table writes them in
	// packs; 0 = 262,144.
	PackVersions int
	// FeedBytesMax bounds what one slow subscriber may have waiting; 0 = 64 MiB.
	FeedBytesMax int64
	// CatchUpWait is how long Open waits for views over streams that are read through
	// to be where they were; 0 = 5 s, negative: not at all.
	CatchUpWait time.Duration
	// AheadMicros bounds how far a watermark may run ahead of arrival; 0 = one minute.
	AheadMicros int64
	// RetainMicros is how long superseded rows are kept where a relation does not
	// say otherwise; 0 = one hour.
	RetainMicros int64
	// Fatal ends the process: files are in a state that only a start can find out about. It
	// must not return; nil: a panic.
	Fatal func(error)
	Log   *slog.Logger // nil = discard
	// Stop is called at each step of what must survive a crash. For tests.
	Stop func(point string) error
}

func (c *Config) withDefaults() Config {
	d := *c
	if d.MemoryBytes == 0 {
		d.MemoryBytes = 2 << 30
	}
	if d.Workers == 0 {
		d.Workers = runtime.GOMAXPROCS(0)
	}
	if d.CheckpointEvery == 0 {
		d.CheckpointEvery = 10 * time.Second
	}
	if d.DebtMost == 0 {
		d.DebtMost = debtMost
	}
	if d.CloseWait == 0 {
		d.CloseWait = 3 * time.Second
	}
	if d.ChunkBytes == 0 {
		d.ChunkBytes = 64 << 20
	}
	if d.InlineRows == 0 {
		d.InlineRows = 20_000
	}
	if d.FeedBytesMax == 0 {
		d.FeedBytesMax = 64 << 20
	}
	if d.CatchUpWait == 0 {
		d.CatchUpWait = 5 * time.Second
	}
	if d.AheadMicros == 0 {
		d.AheadMicros = int64(time.Minute / time.Microsecond)
	}
	if d.RetainMicros == 0 {
		d.RetainMicros = int64(time.Hour / time.Microsecond)
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

// Host is what the engine asks of the floor above. Apply and Restore run on the
// engine's loop, at an epoch boundary, and must not wait for it.
type Host interface {
	// Apply makes catalog changes, as the journal holds them, take effect: through
	// setup it creates and drops the engine's relations. The same changes over the
	// same catalog do the same thing; recovery relies on it.
	Apply(setup *Setup, epoch Epoch, changes []byte) error
	// Restore sets the catalog to a checkpoint's image (nil: an empty database)
	// and creates its relations.
	Restore(setup *Setup, image []byte) error
	// Image is the catalog as a checkpoint keeps it.
	Image() []byte
}

// TableDef defines a base table. Without a Key the table is a bag, and its
// stored rows have one more column at the end: the row number, which is its key.
type TableDef struct {
	ID      uint64
	Name    string
	Types   []types.Type
	Columns []string
	Key     []int
	KeyName string // constraint name in errors
	Rowtime int    // event-time column, -1 = none
	Created Epoch  // of the CREATE: before it there is no version to be missing
	// RetainMicros: how long superseded rows are kept; 0 = the default, -1 = for ever.
	RetainMicros int64
	// Base is how many columns the table began with, where others have been added
	// since; 0 = all.
	Base int
	// Grown are the types that have become wider since the table began, oldest first.
	Grown []rowenc.Grown
}

// StreamDef defines a stream.
type StreamDef struct {
	ID          uint64
	Name        string
	Types       []types.Type
	Columns     []string
	Rowtime     int   // event-time column, -1 = arrival
	DelayMicros int64 // watermark = greatest rowtime - delay
	IdleMicros  int64 // 0 = never idle
	// RetainMicros: how long records are kept; -1 = for ever.
	RetainMicros int64
	// Outside: the records stay where they are and are read again when they are needed
	// (read-through); nil: Tarn keeps them.
	Outside Outside
	// Base is as in TableDef.
	Base int
}

// ViewDef defines a materialized view.
type ViewDef struct {
	ID           uint64
	Name         string
	Plan         plan.Node
	Columns      []string
	Env          *types.Env // settings that the query's meaning depends on
	RetainMicros int64      // as in TableDef
	SkipErrors   bool       // WITH (on_error = 'skip')
}

// Write is rows for one relation, as a transaction wants them.
type Write struct {
	Object uint64
	// Rows: for a table its stored columns with weights (-1 the old row, +1 the
	// new one; new rows of a bag may leave out the row number column); for a
	// stream its columns, weights all +1. nil = none.
	Rows *vec.Batch
	// Upsert: rows of a table with a primary key from one who does not know what
	// stands there: +1 puts a row in the place of the one of its key, -1 deletes by
	// key (no other column is looked at). They take effect in order, so that of one
	// key the last counts; a row that stands already changes nothing.
	Upsert bool
	// Truncate removes all rows of the table first; Rows are then as with Upsert.
	Truncate bool
	// Keep, of an upsert: the columns of each row in which what stands is to stay,
	// nil: none. Where no row of the key stands the write fails (22000).
	Keep [][]int32
}

// Cut is how far the records of one partition of a source are in an epoch.
// It must begin where the source stands (40001); a partition that has not been
// read yet may begin anywhere.
type Cut struct {
	Object uint64
	// Partition: those of a topic are ≥ 0. A reader may keep positions of its own under
	// negative numbers. KeptRows: rows that a stream that is read through keeps itself.
	Partition int32
	// From, To: offsets [From, To). A cut without rows may also go back, when the
	// topic outside has begun anew.
	From, To int64
	// Rows is how many rows of the object's writes came from this cut. For a stream
	// that is read through (StreamDef.Outside) the rows are in the order of the
	// transaction's cuts, and there are no others.
	Rows int
}

// Txn is what one transaction asks for: all of it in one epoch, or nothing.
type Txn struct {
	Writes []Write
	// Cuts say how far the sources have been read with it.
	Cuts []Cut
	// Catalog is an encoded catalog change, nil = none.
	Catalog []byte
}

// DeadLettersID is the id of the table that the Host keeps for records that could
// not be read. It lies below all ids that users' objects get.
const DeadLettersID = 9000
