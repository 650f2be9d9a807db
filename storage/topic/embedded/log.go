// Package embedded is Tarn's own log as topics: newest rows in the journal,
// settled rows in segments.
//
// Invariants
//   - A row's position follows from the journal alone: rows count on in the order
//     of frames and entries. Each row is read once: from a segment if its epoch
//     is ≤ the manifest's Settled, else from the journal.
//   - Settling writes segment, folder, manifest, in this order; the journal may
//     be truncated up to Settled() afterwards. A crash in between leaves files
//     that no manifest names; Open removes them.
//
// Log.Apply is called by the engine's loop; Settle, Merge and Retain by one
// background goroutine; reads by anyone.
package embedded

import (
	"fmt"
	"log/slog"
	"sort"
	"strconv"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/segment"
)

// Config configures a Log. FS and Dir are required.
type Config struct {
	FS  vfs.FS
	Dir string // one folder a topic inside
	// TailBytes bounds the unsettled payloads kept in memory; older ones are read
	// back from the journal. 0 = 64 MiB.
	TailBytes int64
	// SegmentRows is the size up to which segments are merged; 0 = 4 Mi rows.
	SegmentRows int64
	BlockRows   int // rows of a block; 0 = segment.BlockRows
	Log         *slog.Logger
	// Stop is called before each step that a crash may come between; an error
	// ends the operation there. For tests; nil = never.
	Stop func(step string) error
}

// Log is all embedded topics.
type Log struct {
	cfg     Config
	journal *journal.Journal

	work sync.Mutex // held by what changes segments: Settle, Merge, Retain, Drop

	mu       sync.RWMutex
	topics   map[uint64]*Topic
	applied  uint64 // newest epoch given to Apply
	settled  uint64 // all topics
	inMemory int64
}

// Open opens the topics in cfg.Dir, whose unsettled rows are in j. The owner then
// creates the topics that its catalog knows, calls Recover, and from there on
// gives every new frame to Apply.
func Open(cfg Config, j *journal.Journal) (*Log, error) {
	if cfg.TailBytes == 0 {
		cfg.TailBytes = 64 << 20
	}
	if cfg.SegmentRows == 0 {
		cfg.SegmentRows = 4 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Stop == nil {
		cfg.Stop = func(string) error { return nil }
	}
	l := &Log{cfg: cfg, journal: j, topics: map[uint64]*Topic{}}
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, segment.Coded(err)
	}
	if err := segment.SyncDir(cfg.FS, cfg.FS.PathDir(cfg.Dir)); err != nil {
		return nil, err
	}
	names, err := cfg.FS.List(cfg.Dir)
	if err != nil {
		return nil, segment.Coded(err)
	}
	sort.Strings(names)
	for _, name := range names {
		id, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			continue
		}
		t, err := l.load(id)
		if err != nil {
			return nil, err
		}
		l.topics[id] = t
	}
	return l, nil
}

// Recover takes in the frames that the journal holds.
func (l *Log) Recover() error {
	r := l.journal.ReadFrom(0)
	defer r.Close()
	for {
		f, err := r.Next()
		if err != nil || f == nil {
			return err
		}
		if err := l.Apply(f); err != nil {
			return err
		}
	}
}

// Create makes a topic, or returns it if it is there (a catalog replay).
func (l *Log) Create(id uint64) (*Topic, error) {
	if t := l.Topic(id); t != nil {
		return t, nil
	}
	t := &Topic{log: l, id: id, dir: l.dir(id), man: &segment.Manifest{Topic: id, Next: 1}}
	if err := l.cfg.FS.MkdirAll(t.dir, 0o755); err != nil {
		return nil, segment.Coded(err)
	}
	if err := segment.SyncDir(l.cfg.FS, l.cfg.Dir); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics[id] = t
	return t, nil
}

func (l *Log) dir(id uint64) string {
	return l.cfg.FS.PathJoin(l.cfg.Dir, strconv.FormatUint(id, 10))
}

// Topic returns a topic, nil if there is none of that id.
func (l *Log) Topic(id uint64) *Topic {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.topics[id]
}

// Drop removes a topic and its files. Reads that run end with an error or with
// all rows.
func (l *Log) Drop(id uint64) error {
	l.work.Lock()
	defer l.work.Unlock()
	l.mu.Lock()
	t := l.topics[id]
	delete(l.topics, id)
	if t != nil {
		l.inMemory -= t.inMemory()
	}
	l.mu.Unlock()
	if t == nil {
		return nil
	}
	if err := l.cfg.FS.RemoveAll(t.dir); err != nil {
		return segment.Coded(err)
	}
	return segment.SyncDir(l.cfg.FS, l.cfg.Dir)
}

// Apply takes note of the rows in a durable frame that has just been appended.
// Frames come in order; rows of unknown topics (dropped since) are passed over.
// Payloads are copied.
func (l *Log) Apply(f *journal.Frame) error {
	if f.Epoch <= l.applied {
		return sqlerr.New(sqlerr.InternalError, "epoch %d was applied after epoch %d", f.Epoch, l.applied)
	}
	// A transaction's chunks are counted before the lock: it may be gigabytes.
	txns := map[uint64]map[uint64]int{}
	for i := range f.Entries {
		if e := &f.Entries[i]; e.Kind == journal.KindCommit {
			rows, err := l.countTxn(e.Txn)
			if err != nil {
				return err
			}
			txns[e.Txn] = rows
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.applied = f.Epoch
	for i := range f.Entries {
		e := &f.Entries[i]
		switch e.Kind {
		case journal.KindData:
			t := l.topics[e.Object]
			if t == nil || f.Epoch <= t.man.Settled {
				continue
			}
			n, err := payloadRows(e.Payload)
			if err != nil {
				return fmt.Errorf("epoch %d: %w", f.Epoch, err)
			}
			p := piece{epoch: f.Epoch, entry: i, rows: n, payload: append([]byte(nil), e.Payload...)}
			t.push(p)
			l.inMemory += int64(len(p.payload))
		case journal.KindCommit:
			rows := txns[e.Txn]
			for id, n := range rows {
				if t := l.topics[id]; t != nil && f.Epoch > t.man.Settled {
					t.push(piece{epoch: f.Epoch, entry: i, txn: e.Txn, rows: n})
				}
			}
		}
	}
	l.shedTail()
	return nil
}

// countTxn is the number of rows for each topic in a transaction's chunks.
func (l *Log) countTxn(txn uint64) (map[uint64]int, error) {
	rows := map[uint64]int{}
	err := l.journal.ReadTxn(txn, func(es []journal.Entry) error {
		for i := range es {
			if es[i].Kind != journal.KindData || l.Topic(es[i].Object) == nil {
				continue // rows of a table, or of a topic dropped since
			}
			n, err := payloadRows(es[i].Payload)
			if err != nil {
				return err
			}
			rows[es[i].Object] += n
		}
		return nil
	})
	if sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		// Chunks are truncated before the file that has the commit: all settled.
		return nil, nil
	}
	return rows, err
}

// shedTail forgets the oldest payloads in memory beyond the bound; l.mu is held.
func (l *Log) shedTail() {
	for _, t := range l.topics {
		if l.inMemory <= l.cfg.TailBytes {
			return
		}
		// Topics with much in memory lose half of it, the older half.
		if n := t.inMemory(); n > 0 {
			l.inMemory -= t.shed(n / 2)
		}
	}
	if l.inMemory > l.cfg.TailBytes {
		for _, t := range l.topics {
			l.inMemory -= t.shed(t.inMemory())
		}
	}
}

// Settled is the epoch up to which no row is needed from the journal any more.
func (l *Log) Settled() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.settled
}

// SettledUpTo is the newest epoch whose rows are in segments, of any topic.
func (l *Log) SettledUpTo() (epoch uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, t := range l.topics {
		epoch = max(epoch, t.man.Settled)
	}
	return epoch
}

// Settle moves the rows of all epochs ≤ upTo into segments.
func (l *Log) Settle(upTo uint64) error {
	l.work.Lock()
	defer l.work.Unlock()
	l.mu.RLock()
	upTo = min(upTo, l.applied)
	ids := make([]uint64, 0, len(l.topics))
	for id := range l.topics {
		ids = append(ids, id)
	}
	l.mu.RUnlock()
	sort.Slice(ids, func(a, b int) bool { return ids[a] < ids[b] })
	for _, id := range ids {
		t := l.Topic(id)
		if t == nil {
			continue
		}
		if err := t.settle(upTo); err != nil {
			return fmt.Errorf("settling topic %d: %w", id, err)
		}
	}
	l.mu.Lock()
	l.settled = max(l.settled, upTo)
	l.mu.Unlock()
	return nil
}

// Maintain merges small segments of all topics and removes files that no reader
// needs any more.
func (l *Log) Maintain() error {
	l.work.Lock()
	defer l.work.Unlock()
	l.mu.RLock()
	ts := make([]*Topic, 0, len(l.topics))
	for _, t := range l.topics {
		ts = append(ts, t)
	}
	l.mu.RUnlock()
	sort.Slice(ts, func(a, b int) bool { return ts[a].id < ts[b].id })
	for _, t := range ts {
		if err := t.merge(); err != nil {
			return fmt.Errorf("merging segments of topic %d: %w", t.id, err)
		}
	}
	return nil
}
