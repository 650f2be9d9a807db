package exec

import (
	"context"
	"fmt"
	"time"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/state"
	"github.com/tarndb/tarn/storage/topic/embedded"
)

// Folders inside Config.Dir.
const (
	journalDir = "journal"
	stateDir   = "state"
	topicsDir  = "topics"
)

// Open opens the database in cfg.Dir, or makes an empty one, and recovers: the
// newest checkpoint is opened, not loaded, and the frames after it are stepped
// again. When it returns, reads are exact for everything acknowledged before.
func Open(cfg Config) (e *Engine, err error) {
	cfg = cfg.withDefaults()
	now := time.Now()
	what := &recovered{began: now, last: now}
	e = &Engine{
		cfg: cfg, log: cfg.Log, locks: NewLocks(),
		submit: make(chan *pending, 1024), requests: make(chan *request), truncate: make(chan Epoch, 1),
		closing: make(chan struct{}), stopped: make(chan struct{}), failed: make(chan error, 1),
		waiters: make(chan struct{}), holds: map[string]*hold{},
		ck: checkpoints{ended: make(chan struct{}, 1)}, readers: map[uint64]*reader{},
	}
	e.life, e.endLife = context.WithCancel(context.Background())
	e.writing, e.endWriting = context.WithCancel(context.Background())
	e.opened = cfg.Now()
	e.alarm = time.NewTimer(time.Hour)
	e.due.Store(noAlarm)
	e.rels.Store(&map[uint64]*relation{})
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := segment.SyncDir(cfg.FS, cfg.FS.PathDir(cfg.Dir)); err != nil {
		return nil, err
	}
	dir := func(name string) string { return cfg.FS.PathJoin(cfg.Dir, name) }
	if e.store, err = state.Open(dir(stateDir), cfg.FS, state.Options{Held: true, Fatal: cfg.Fatal, CacheBytes: max(16<<20, cfg.MemoryBytes/32)}); err != nil {
		return nil, err
	}
	e.budget = arrange.NewBudget(cfg.MemoryBytes)
	e.space = arrange.NewSpace(arrange.Options{Store: e.store, Budget: e.budget,
		EpochTime: func(ep uint64) int64 { return int64(ep) }, Stop: cfg.Stop, PackVersions: cfg.PackVersions})
	m, image, err := e.loadMeta()
	if err != nil {
		return nil, err
	}
	jcfg := journal.Config{FS: cfg.FS, Dir: dir(journalDir), Log: cfg.Log, Stop: cfg.Stop, FileBytes: cfg.JournalFileBytes}
	var rec journal.Recovery
	what.store = what.lap()
	if e.journal, rec, err = journal.Open(jcfg, 0, func(*journal.Frame) error { return nil }); err != nil {
		return nil, err
	}
	e.txns = rec.LastTxn
	tcfg := embedded.Config{FS: cfg.FS, Dir: dir(topicsDir), Log: cfg.Log, Stop: cfg.Stop}
	if e.topics, err = embedded.Open(tcfg, e.journal); err != nil {
		return nil, err
	}
	if err := segment.SyncDir(cfg.FS, cfg.Dir); err != nil { // the folders in it
		return nil, err
	}
	if err := gap(m, rec, e.topics.SettledUpTo()); err != nil {
		return nil, err
	}
	what.journal = what.lap()
	if err := e.recover(m, image, what); err != nil {
		return nil, fmt.Errorf("recovery: %w", err)
	}
	what.steps = what.lap()
	what.report(e)
	e.store.Release()
	e.setAlarm()
	all, awaited := e.leftBehind()
	go e.run()
	e.pursueAll(all, awaited)
	return e, nil
}

// Close stops the loop, writes a last checkpoint, and closes the files.
func (e *Engine) Close() error {
	e.once.Do(func() { close(e.closing) })
	late := time.AfterFunc(e.cfg.CloseWait, e.endWriting)
	defer late.Stop()
	<-e.stopped
	e.endLife()
	e.pursuits.Wait()
	full := !e.waitUnlessFull()
	if e.dead == nil && !full && e.writing.Err() == nil {
		e.checkpoint()
		full = !e.waitUnlessFull()
	}
	if full {
		_ = e.journal.Close() // it holds everything; the store's writer cannot be stopped
		return sqlerr.New(sqlerr.DiskFull, "the last checkpoint could not be written").
			WithHint("Free disk space; the next start reads what is missing from the journal.")
	}
	if e.writing.Err() != nil && e.ck.epoch != e.applied.Load() {
		e.log.Info("the last checkpoint was given up; the next start reads what is missing from the journal", "after", e.cfg.CloseWait)
		e.ck.err = nil
	}
	if e.dead == nil {
		e.cutJournal()
	}
	e.feedMu.Lock()
	for _, f := range e.feeds {
		f.fail(errShutdown())
	}
	e.feedMu.Unlock()
	err := e.journal.Close()
	e.space.Close()
	if cerr := e.store.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = e.ck.err
	}
	return err
}
