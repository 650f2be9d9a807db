package state

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// fileBytes is where a table under construction is ended: large files, so that a
// checkpoint is a few of them, small enough for compactions to move them whole, and
// for their filters, which are read as a whole, to be some hundred kB.
const fileBytes = 16 << 20

// Ingest builds one checkpoint: Set, Delete and DeleteRange in ascending order of
// key (a range: of its start), then Commit, or Abort at any time.
type Ingest struct {
	s     *Store
	w     *sstable.Writer
	paths []string
	// until is the end of the last deleted range: a file must not end inside it.
	until []byte
	// plain: the file that is begun next is not compressed.
	plain bool
	// unseen is how much has come since the file's size was last asked for: to ask
	// costs a tenth of what writing a row does.
	unseen int
	// Rows and Bytes count what was put in.
	Rows  int64
	Bytes int64
}

// NewIngest starts a checkpoint. Several may be under construction at a time as
// long as their keys are apart.
func (s *Store) NewIngest() *Ingest { return &Ingest{s: s} }

// sizeEvery is after how many bytes a file's size is looked at.
const sizeEvery = 1 << 20

// writer makes sure that there is a file for a key and n bytes in all.
func (g *Ingest) writer(key []byte, n int) error {
	g.unseen += n
	if g.w != nil && g.unseen >= sizeEvery && string(key) >= string(g.until) {
		g.unseen = 0
		if g.w.Raw().EstimatedSize() >= fileBytes {
			if err := g.end(); err != nil {
				return err
			}
		}
	}
	if g.w != nil {
		return nil
	}
	name := g.s.fs.PathJoin(g.s.dir, stagingDir, fmt.Sprintf("%06d.sst", g.s.seq.Add(1)))
	f, err := g.s.fs.Create(name, "tarn-checkpoint")
	if err != nil {
		return fail(err)
	}
	g.paths = append(g.paths, name)
	wo := g.s.opts.MakeWriterOptions(0, g.s.db.TableFormat())
	if g.plain {
		wo.Compression = sstable.NoCompression
	}
	g.w = sstable.NewWriter(objstorageprovider.NewFileWritable(f), wo)
	return nil
}

// Cut ends the current file if that or the about next bytes that follow are worth a
// file of their own: a file whose range of keys no other overlaps is never compacted,
// and those of both may be overlapped by different ones.
func (g *Ingest) Cut(next int64) error {
	if g.w == nil || next < cutBytes && g.w.Raw().EstimatedSize() < cutBytes {
		return nil
	}
	g.unseen = 0
	return g.end()
}

// Plain says whether files that are begun from now on are left as they are, not
// compressed: for what is compact as it comes, and not read often.
func (g *Ingest) Plain(plain bool) { g.plain = plain }

// cutBytes is the least size of a file for which Cut ends one: small ones are better
// compacted together.
const cutBytes = 1 << 20

// end finishes the current file; the writer syncs it.
func (g *Ingest) end() error {
	if g.w == nil {
		return nil
	}
	err := g.w.Close()
	g.w = nil
	return fail(err)
}

// Set writes a key.
func (g *Ingest) Set(key, val []byte) error {
	if err := g.writer(key, len(key)+len(val)); err != nil {
		return err
	}
	g.Rows++
	g.Bytes += int64(len(key) + len(val))
	return fail(g.w.Set(key, val))
}

// Delete writes the absence of a key.
func (g *Ingest) Delete(key []byte) error {
	if err := g.writer(key, len(key)); err != nil {
		return err
	}
	g.Rows++
	g.Bytes += int64(len(key))
	return fail(g.w.Delete(key))
}

// DeleteRange removes what earlier checkpoints hold in [lo, hi).
func (g *Ingest) DeleteRange(lo, hi []byte) error {
	if err := g.writer(lo, len(lo)); err != nil {
		return err
	}
	g.until = append(g.until[:0], hi...)
	return fail(g.w.DeleteRange(lo, hi))
}

// Finish ends the last file; all is then on disk, but not yet in the store. It
// fails if there is no room left to tell the store of it: Commit might have to
// wait for room then, and readers with it.
func (g *Ingest) Finish() error {
	if err := g.end(); err != nil {
		return err
	}
	return g.s.probeRoom()
}

// Commit makes the checkpoint part of the store, all or nothing.
func (g *Ingest) Commit(ctx context.Context) error {
	if err := g.end(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || len(g.paths) == 0 {
		return err
	}
	if err := g.s.db.Ingest(ctx, g.paths); err != nil {
		return fail(err)
	}
	g.paths = nil
	return g.s.entered(false)
}

// Abort removes what was built. It does nothing after Commit.
func (g *Ingest) Abort() {
	_ = g.end()
	for _, p := range g.paths {
		_ = g.s.fs.Remove(p)
	}
	g.paths = nil
}
