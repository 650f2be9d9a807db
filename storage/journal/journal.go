// Package journal is the write-ahead log of everything embedded: one frame is
// one epoch, and a frame that is synced is the moment an epoch exists.
//
// Invariants
//   - Append returns nil only when the frame is durable. Readers see a frame only
//     then.
//   - Epochs and times grow strictly. Recovery gives back the same frames, or
//     says what it cut: only bytes after the last whole frame of the last file
//     can be cut; damage anywhere else is an error naming file and offset (XX001).
//   - A full disk (53100) leaves the journal at its last whole frame; writing
//     goes on when there is room. After a failed sync nobody knows what the disk
//     holds (the kernel drops the dirty pages, a second sync would lie), so the
//     journal refuses everything until it is opened again.
//   - Frames are chained by checksum, across files too: a file that lost its end
//     is noticed.
//
// One goroutine appends (the engine's loop, which has grouped the commits);
// readers may run beside it.
package journal

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Config configures a journal. FS and Dir are required.
type Config struct {
	FS  vfs.FS
	Dir string
	// FileBytes is the size at which a new file is begun; 0 = 64 MiB.
	FileBytes int64
	// FrameBytesMax bounds one frame that is written; 0 = 1 GiB.
	FrameBytesMax int64
	// Log receives what recovery cut; nil = nowhere.
	Log *slog.Logger
	// Stop is called at each step of what must survive a crash; an error from it
	// ends the operation there. For tests; nil = never.
	Stop func(step string) error
}

func (c *Config) withDefaults() Config {
	d := *c
	if d.FileBytes == 0 {
		d.FileBytes = 64 << 20
	}
	if d.FrameBytesMax == 0 {
		d.FrameBytesMax = 1 << 30
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}

func (c *Config) stop(step string) error {
	if c.Stop == nil {
		return nil
	}
	return c.Stop(step)
}

// Journal appends frames. Append, AppendNoSync, AppendChunk, Sync and Truncate
// are for one goroutine; readers and the getters may run beside them.
type Journal struct {
	cfg    Config
	file   vfs.File
	buf    []byte
	offset int64  // where the next frame goes
	filled int64  // the file's size: what lies beyond offset is zeros
	chain  uint32 // crc of the last frame written
	epoch  uint64 // last written
	time   int64

	mu     sync.Mutex
	files  []*logFile // the last one is being written; its end is what is synced
	chunks map[uint64]*txn
	failed error // not nil: refuses everything
	closed bool
	synced uint64 // last durable epoch
	ahead  []chunkAt
}

// txn is where the chunks of one big transaction are.
type txn struct {
	chunks []chunkAt
	commit uint64 // epoch, 0 = not yet
}

type chunkAt struct {
	txn    uint64
	file   uint64
	offset int64
}

// Append writes f and makes it durable, with everything before it.
func (j *Journal) Append(f *Frame) error {
	if err := j.AppendNoSync(f); err != nil {
		return err
	}
	return j.Sync()
}

// AppendNoSync writes f; it counts, and readers see it, after the next Sync.
func (j *Journal) AppendNoSync(f *Frame) error {
	if f.Epoch <= j.epoch || f.Epoch == 0 {
		return sqlerr.New(sqlerr.InternalError, "journal: epoch %d after epoch %d", f.Epoch, j.epoch)
	}
	if f.Time <= j.time && j.epoch != 0 {
		return sqlerr.New(sqlerr.InternalError, "journal: time of epoch %d does not follow that of epoch %d", f.Epoch, j.epoch)
	}
	if err := j.write(frameEpoch, f); err != nil {
		return err
	}
	j.epoch, j.time = f.Epoch, f.Time
	return nil
}

// AppendChunk writes entries of a big transaction ahead of its commit, without
// sync. They count once a later frame holds a KindCommit entry for txn; a
// transaction that never commits costs only space. Ids must not be used again,
// not even after recovery: begin above Recovery.LastTxn.
func (j *Journal) AppendChunk(txn uint64, entries []Entry) error {
	return j.write(frameChunk, &Frame{Epoch: txn, Entries: entries})
}

func (j *Journal) write(kind byte, f *Frame) error {
	if err := j.Err(); err != nil {
		return err
	}
	size := int64(frameHeader)
	for i := range f.Entries {
		size += int64(len(f.Entries[i].Payload)) + 31
	}
	if size > j.cfg.FrameBytesMax {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "a journal frame of %d bytes exceeds the limit of %d", size, j.cfg.FrameBytesMax)
	}
	if j.offset > fileHeader && j.offset+size > j.cfg.FileBytes {
		if err := j.roll(); err != nil {
			return err
		}
	}
	cur := j.current()
	buf, crc := appendFrame(j.buf[:0], kind, f, cur.salt, j.chain)
	frame := int64(len(buf))
	buf = j.fill(buf)
	// WriteAt may use its argument as scratch; the buffer is ours.
	j.buf = buf
	if cap(buf) > 16<<20 {
		j.buf = nil // one huge frame must not pin its memory
	}
	n, err := j.file.WriteAt(buf, j.offset)
	if sqlerr.HasCode(coded(err), sqlerr.DiskFull) && len(buf) > int(frame) { // there may be room for the frame alone
		buf = buf[:frame]
		var again int
		again, err = j.file.WriteAt(buf, j.offset)
		n = max(n, again)
	}
	if err != nil {
		return j.writeFailed(err, n)
	}
	j.filled = max(j.filled, j.offset+int64(len(buf)))
	if kind == frameChunk {
		j.ahead = append(j.ahead, chunkAt{f.Epoch, cur.number, j.offset})
	}
	j.mu.Lock()
	if kind == frameEpoch {
		if cur.first == 0 {
			cur.first = f.Epoch
		}
		cur.last = f.Epoch
		for i := range f.Entries {
			if e := &f.Entries[i]; e.Kind == KindCommit {
				j.commitTxn(e.Txn, f.Epoch)
			}
		}
	}
	j.mu.Unlock()
	j.offset += frame
	j.chain = crc
	return nil
}

// fillBytes are written as zeros beyond a small frame that makes the file longer:
// the frames after it then change no metadata, and a sync is half the price.
// Large frames have their own way of paying for it.
const (
	fillBytes     = 256 << 10
	fillFrameMost = 32 << 10
)

// fill appends the zeros that are to be written with the frame in buf.
func (j *Journal) fill(buf []byte) []byte {
	end := j.offset + int64(len(buf))
	zeros := min(fillBytes, j.cfg.FileBytes-end)
	if end <= j.filled || len(buf) > fillFrameMost || zeros <= 0 {
		return buf
	}
	n := len(buf)
	buf = slices.Grow(buf, int(zeros))[:n+int(zeros)]
	clear(buf[n:])
	return buf
}

// commitTxn is called with j.mu held.
func (j *Journal) commitTxn(id, epoch uint64) {
	for _, c := range j.ahead {
		j.addChunk(c)
	}
	j.ahead = j.ahead[:0]
	if t := j.chunks[id]; t != nil {
		t.commit = epoch
	}
}

func (j *Journal) addChunk(c chunkAt) {
	t := j.chunks[c.txn]
	if t == nil {
		t = &txn{}
		j.chunks[c.txn] = t
	}
	t.chunks = append(t.chunks, c)
}

// writeFailed decides what a failed write of a frame leaves behind. A full disk
// has only refused to grow the file: the bytes that did get in are wiped, and
// the next frame goes to the same place. Anything else poisons.
func (j *Journal) writeFailed(err error, n int) error {
	err = coded(err)
	if !sqlerr.HasCode(err, sqlerr.DiskFull) {
		return j.poison(err)
	}
	if n > 0 {
		if _, werr := j.file.WriteAt(make([]byte, n), j.offset); werr != nil {
			return j.poison(coded(werr))
		}
	}
	return err
}

// poison makes err the answer to everything until the journal is opened again.
func (j *Journal) poison(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed == nil {
		j.failed = sqlerr.New(sqlerr.CodeOf(err), "the journal takes no writes after an I/O failure: %v", err).
			WithHint("What the disk holds is uncertain; restart the server so that it is read again.")
	}
	return j.failed
}

// Sync makes everything written durable and shows it to readers.
func (j *Journal) Sync() error {
	if err := j.Err(); err != nil {
		return err
	}
	if err := j.cfg.stop("journal: before sync"); err != nil {
		return j.poison(err)
	}
	if err := j.file.SyncData(); err != nil {
		return j.poison(coded(err))
	}
	j.mu.Lock()
	for _, c := range j.ahead {
		j.addChunk(c)
	}
	j.ahead = j.ahead[:0]
	j.files[len(j.files)-1].end = j.offset
	j.synced = j.epoch
	j.mu.Unlock()
	if err := j.cfg.stop("journal: after sync"); err != nil {
		return j.poison(err)
	}
	return nil
}

// roll ends the current file and begins the next.
func (j *Journal) roll() error {
	if err := j.Sync(); err != nil {
		return err
	}
	if err := j.cfg.stop("journal: before roll"); err != nil {
		return j.poison(err)
	}
	lf, f, err := j.createFile(j.current().number+1, j.chain)
	if err != nil {
		// The old file is whole and stays current.
		if err = coded(err); sqlerr.HasCode(err, sqlerr.DiskFull) {
			return err
		}
		return j.poison(err)
	}
	if err := j.file.Close(); err != nil {
		f.Close()
		return j.poison(coded(err))
	}
	j.mu.Lock()
	j.files = append(j.files, lf)
	j.mu.Unlock()
	j.file, j.offset, j.filled = f, fileHeader, fileHeader
	if err := j.cfg.stop("journal: after roll"); err != nil {
		return j.poison(err)
	}
	return nil
}

func (j *Journal) current() *logFile { return j.files[len(j.files)-1] }

// Err is nil while the journal takes writes.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return sqlerr.New(sqlerr.AdminShutdown, "the journal is closed")
	}
	return j.failed
}

// LastEpoch is the newest durable epoch, 0 if there is none.
func (j *Journal) LastEpoch() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced
}

// FirstEpoch is the oldest epoch that is still there, 0 if there is none.
func (j *Journal) FirstEpoch() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, lf := range j.files {
		if lf.first != 0 {
			return lf.first
		}
	}
	return 0
}

// Bytes is the size of all frames on disk.
func (j *Journal) Bytes() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := int64(0)
	for _, lf := range j.files {
		n += lf.end
	}
	return n
}

// Forget drops a transaction that was rolled back, so that its chunks no longer
// keep files from being removed.
func (j *Journal) Forget(txn uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.chunks, txn)
	j.ahead = slices.DeleteFunc(j.ahead, func(c chunkAt) bool { return c.txn == txn })
}

// Truncate removes the whole files that hold only epochs before the given one
// and no chunk of a transaction that is open or committed later.
func (j *Journal) Truncate(before uint64) error {
	j.mu.Lock()
	keep := j.files[len(j.files)-1].number
	for _, t := range j.chunks {
		if t.commit == 0 || t.commit >= before {
			keep = min(keep, t.chunks[0].file)
		}
	}
	var drop []*logFile
	for len(j.files) > 1 && j.files[0].number < keep && j.files[0].last < before {
		drop = append(drop, j.files[0])
		j.files = j.files[1:]
	}
	first := j.files[0].number
	for id, t := range j.chunks {
		if t.commit != 0 && t.commit < before && t.chunks[0].file < first {
			delete(j.chunks, id)
		}
	}
	j.mu.Unlock()
	// One by one, each removal durable before the next: what is left must never have
	// a gap. What cannot be removed now is the first to go next time.
	for i, lf := range drop {
		err := j.cfg.stop("journal: before remove")
		if err == nil {
			err = j.cfg.FS.Remove(lf.name)
		}
		if err == nil {
			i++
			err = syncDir(j.cfg.FS, j.cfg.Dir)
		}
		if err != nil {
			j.mu.Lock()
			j.files = append(drop[i:len(drop):len(drop)], j.files...)
			j.mu.Unlock()
			return coded(err)
		}
	}
	return nil
}

// Close closes the file; what was not synced may be lost.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	return coded(j.file.Close())
}
