package state

import (
	"context"
	"encoding/binary"
	"sort"

	"github.com/cockroachdb/pebble/v2/objstorage"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Damage is one file that does not read back as it was written.
type Damage struct {
	File string
	Err  error
}

// Report is what Verify found.
type Report struct {
	Files   int
	Bytes   int64
	Rows    int64 // in tables, current
	History int64 // superseded rows
	Damaged []Damage
}

// Verify reads every block of every live file and checks its checksum, then counts
// what is there if nothing is damaged. The error is about reading at all; damage
// is in the report.
func (s *Store) Verify(ctx context.Context) (Report, error) {
	var rep Report
	// While an iterator is open, compaction deletes none of the files that it may read.
	it, iterErr := s.NewIter()
	if iterErr == nil {
		defer it.Close()
	}
	levels, err := s.db.SSTables()
	if err != nil {
		return rep, fail(err)
	}
	seen := map[string]bool{}
	for _, level := range levels {
		for _, info := range level {
			if err := ctx.Err(); err != nil {
				return rep, err
			}
			name := info.BackingSSTNum.String() + ".sst"
			if seen[name] {
				continue
			}
			seen[name] = true
			rep.Files++
			n, err := s.verifyFile(name)
			rep.Bytes += n
			if err != nil {
				rep.Damaged = append(rep.Damaged, Damage{name, err})
			}
		}
	}
	sort.Slice(rep.Damaged, func(i, j int) bool { return rep.Damaged[i].File < rep.Damaged[j].File })
	if len(rep.Damaged) > 0 {
		return rep, nil
	}
	if iterErr != nil {
		return rep, iterErr
	}
	return rep, rep.count(ctx, it)
}

func (rep *Report) count(ctx context.Context, it *Iter) error {
	for _, kind := range []byte{kindRow, kindHistory, kindPacks} {
		k, v, ok, err := it.Range([]byte{kind}, []byte{kind + 1})
		for n := 1; ok; k, v, ok, err = it.Next() {
			if n++; n%65536 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if kind == kindRow {
				rep.Rows++
				continue
			}
			n, fine := versionsIn(k, v)
			if !fine {
				return sqlerr.New(sqlerr.DataCorrupted, "history entry %x is damaged", k)
			}
			rep.History += n
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// versionsIn counts the versions of an entry of history, in packs or not.
func versionsIn(k, v []byte) (n int64, ok bool) {
	slice, ok := SliceOf(k)
	if !ok || len(k) < sliceEnd+16 {
		return 0, false
	}
	count := func(entry Versions) bool {
		for entry.Next() {
			n++
		}
		return !entry.Damaged()
	}
	if !slice.Packed {
		return n, count(ReadVersions(binary.BigEndian.Uint64(k[len(k)-8:]), v))
	}
	pack := ReadPack(slice.From, v)
	for pack.Next() {
		if !count(ReadVersions(pack.To, pack.Versions)) {
			return 0, false
		}
	}
	return n, !pack.Damaged()
}

func (s *Store) verifyFile(name string) (int64, error) {
	damaged := func(err error) error {
		return sqlerr.New(sqlerr.DataCorrupted, "state file %q is damaged: %v", name, err)
	}
	f, err := s.fs.Open(s.fs.PathJoin(s.dir, name))
	if err != nil {
		return 0, damaged(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return 0, damaged(err)
	}
	ro := s.opts.MakeReaderOptions()
	ro.KeySchemas = s.opts.KeySchemas
	ro.Comparer = comparer
	var src objstorage.Readable
	if src, err = sstable.NewSimpleReadable(f); err != nil {
		f.Close()
		return info.Size(), damaged(err)
	}
	r, err := sstable.NewReader(context.Background(), src, ro)
	if err != nil {
		src.Close()
		return info.Size(), damaged(err)
	}
	err = r.ValidateBlockChecksums()
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return info.Size(), damaged(err)
	}
	return info.Size(), nil
}
