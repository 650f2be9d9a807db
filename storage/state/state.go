// Package state is the durable part of all state: one Pebble store that only
// checkpoints write.
//
// Invariants
//   - Nothing is ever written but by Ingest: sorted tables and the meta values
//     that describe them enter in one atomic version edit. The memtable and
//     Pebble's log stay empty; the journal is the log of all state.
//   - An iterator sees one checkpoint, whole, however long it lives.
//   - Damage is an error (XX001) that names the file, never an absent key.
package state

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Options of a Store; zero values mean the defaults.
type Options struct {
	CacheBytes  int64 // block cache, on the Go heap; 16 MiB
	Compactions int   // at most so many at a time; 1
	ReadOnly    bool
	Held        bool // no compaction before Release
	// Fatal is called when nobody knows any longer what the file that describes the store
	// holds: a write to it, or its sync, has failed. The store stands still from then on. It
	// must not return; nil: a panic.
	Fatal func(error)
}

// Store is an open state store. It is safe for concurrent use.
type Store struct {
	db   *pebble.DB
	fs   vfs.FS
	dir  string
	seq  atomic.Uint64 // names of files being built
	opts *pebble.Options

	idleMu  sync.Mutex
	idle    []*Iter // of the current version
	version uint64  // counts checkpoints that entered
	closed  bool

	compactions *scheduler

	waiting atomic.Int32 // writes that wait for room on the disk
	ending  atomic.Bool
}

const stagingDir = "staging"

// Open opens the store in dir, which is created if need be. fs nil = the disk.
func Open(dir string, fs vfs.FS, o Options) (*Store, error) {
	if fs == nil {
		fs = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 16 << 20
	}
	if o.Compactions == 0 {
		o.Compactions = 1
	}
	po := &pebble.Options{
		FS:                    fs,
		Comparer:              comparer,
		CacheSize:             o.CacheBytes,
		DisableWAL:            true,
		FormatMajorVersion:    pebble.FormatTableFormatV6,
		MemTableSize:          256 << 10,
		LBaseMaxBytes:         256 << 20,
		L0CompactionThreshold: 3,
		// Ingested tables do not stall; the limit is on sublevels, which the owner of
		// the checkpoints watches (Metrics).
		L0StopWritesThreshold:      1000,
		CompactionConcurrencyRange: func() (int, int) { return 1, o.Compactions },
		MaxOpenFiles:               1000,
		ReadOnly:                   o.ReadOnly,
		Logger:                     quiet{o.Fatal},
	}
	po.Experimental.DisableIngestAsFlushable = func() bool { return true }
	po.Experimental.FileCacheShards = 1
	for i := range po.Levels {
		l := &po.Levels[i]
		l.BlockSize = 8 << 10
		l.IndexBlockSize = 64 << 10
		l.FilterPolicy = bloom.FilterPolicy(10)
		l.FilterType = pebble.TableFilter
		l.Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
	}
	po.TargetFileSizes[0] = 16 << 20
	for i := 1; i < len(po.TargetFileSizes); i++ {
		po.TargetFileSizes[i] = 16 << 20
	}
	// Damage comes back as an error of the read; by default it would end the process.
	po.EventListener = &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}}
	po.EnsureDefaults() // key schemas, which files are verified with too
	s := &Store{fs: fs, dir: dir, opts: po, compactions: newScheduler(o.Held)}
	po.Experimental.CompactionScheduler = s.compactions
	po.FS = &roomFS{FS: fs, waiting: &s.waiting, ending: &s.ending}
	db, err := pebble.Open(dir, po)
	if err != nil {
		return nil, failOpen(err)
	}
	s.db = db
	if !o.ReadOnly {
		// What a crash left half built.
		staging := fs.PathJoin(dir, stagingDir)
		if err := errors.Join(fs.RemoveAll(staging), fs.MkdirAll(staging, 0o755)); err != nil {
			db.Close()
			return nil, fail(err)
		}
	}
	return s, nil
}

// Close ends all background work; a compaction that runs is given up. No iterator may
// be open.
func (s *Store) Close() error {
	s.ending.Store(true)
	return errors.Join(s.entered(true), fail(s.db.Close()))
}

// Release lets compactions begin, where Options.Held has kept them back.
func (s *Store) Release() { s.compactions.release() }

// Full reports that a checkpoint or a compaction waits for room on the disk.
func (s *Store) Full() bool { return s.waiting.Load() > 0 }

// quiet drops what Pebble logs; errors come back from its calls.
type quiet struct{ fatal func(error) }

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (q quiet) Fatalf(f string, args ...any) {
	err := sqlerr.New(sqlerr.IOError, "state store: "+f, args...).
		WithHint("Look at the disk, then restart: everything acknowledged is in the journal.")
	if q.fatal != nil {
		q.fatal(err)
	}
	panic(err)
}

// fail gives an error of Pebble its SQLSTATE.
func fail(err error) error {
	switch {
	case err == nil:
		return nil
	case pebble.IsCorruptionError(err) || strings.Contains(err.Error(), "checksum mismatch"):
		what := "the state store is damaged"
		if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
			what = fmt.Sprintf("state file %q is damaged", path.Base(info.Path))
		}
		return errDamaged(what, err)
	case errors.Is(err, syscall.ENOSPC):
		return sqlerr.New(sqlerr.DiskFull, "could not write state: %v", err).
			WithHint("Free disk space; writing resumes by itself.")
	}
	var coded *sqlerr.Error
	if errors.As(err, &coded) {
		return err
	}
	return sqlerr.New(sqlerr.IOError, "state store: %v", err)
}

// failOpen is fail for what only damage can do to a store that is opened: files that
// are gone or not as long as they were. Pebble has no type for that.
func failOpen(err error) error {
	text := err.Error()
	if errors.Is(err, pebble.ErrDBNotPristine) || errors.Is(err, os.ErrNotExist) || strings.Contains(text, "object size mismatch") {
		return errDamaged("the state store is damaged", err)
	}
	return fail(err)
}

// errDamaged leaves out what Pebble adds in further lines.
func errDamaged(what string, err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return sqlerr.New(sqlerr.DataCorrupted, "%s: %s", what, strings.TrimPrefix(text, "pebble: ")).
		WithHint("Run tarn check; restore the folder from a backup.")
}

// Meta returns a meta value of the newest checkpoint; ok = false: it has none.
func (s *Store) Meta(name string) (val []byte, ok bool, err error) {
	return s.Get(MetaKey(nil, name), nil)
}

// Metrics are figures of the store.
type Metrics struct {
	L0Sublevels int32
	L0Files     int64
	Bytes       int64 // on disk, live
	Debt        uint64
	// Written counts table bytes written since Open, by ingests and compactions.
	Ingested, Compacted uint64
}

// Metrics returns the current figures.
func (s *Store) Metrics() Metrics {
	m := s.db.Metrics()
	out := Metrics{
		L0Sublevels: m.Levels[0].Sublevels, L0Files: m.Levels[0].TablesCount,
		Bytes: int64(m.DiskSpaceUsage()), Debt: m.Compact.EstimatedDebt,
	}
	for i := range m.Levels {
		out.Ingested += m.Levels[i].TableBytesIngested
		out.Compacted += m.Levels[i].TableBytesCompacted
	}
	return out
}
