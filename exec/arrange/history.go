package arrange

import (
	"math"
	"slices"
	"sort"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/state"
)

// Superseded rows are versions. Until the next checkpoint they lie in their part's
// log and hang on the row that superseded them, then they lie in the store's
// history, in buckets of the time at which they ended. A bucket is forgotten as a
// whole.

// retention is how long versions are kept. Tables with the same retention share
// buckets.
type retention struct {
	class uint64
	keep  int64 // µs; -1 = for ever
	width int64 // of a bucket, µs; 0 = there is one
}

func retentionOf(micros int64) retention {
	switch {
	case micros < 0:
		return retention{class: math.MaxUint64, keep: -1}
	case micros == 0:
		micros = 3600e6
	}
	return retention{class: uint64(micros), keep: micros, width: max(micros/32, 1e6)}
}

// bucket of what ended at an epoch.
func (s *Space) bucket(r retention, epoch uint64) uint64 {
	if r.width == 0 || s.opts.EpochTime == nil {
		return 0
	}
	return uint64(max(s.opts.EpochTime(epoch), 0) / r.width)
}

// Horizon is the earliest epoch for which the table answers.
func (t *Table) Horizon() uint64 {
	s := t.s
	if !t.history {
		return s.epoch
	}
	s.mu.Lock()
	first := s.expired[t.retain.class]
	s.mu.Unlock()
	if first == 0 {
		return 0
	}
	lo, hi := uint64(0), s.ckpt.Load()
	for lo < hi {
		if m := lo + (hi-lo)/2; s.bucket(t.retain, m) >= first {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return lo
}

func (t *Table) answers(e uint64) error {
	if h := t.Horizon(); e < h {
		return sqlerr.New(sqlerr.SnapshotTooOld, "history before epoch %d is no longer kept", h).
			WithHint("Raise retain_history to keep more of it.")
	}
	return nil
}

// Get appends the value of key as of epoch e to dst. Tables without history
// answer for the current epoch only.
func (t *Table) Get(key []byte, hash uint64, e uint64, dst []byte) (val []byte, ok bool, err error) {
	if t.err != nil {
		return dst, false, t.err
	}
	p := t.parts[t.s.Part(hash)].Load()
	if p == nil {
		if t.known {
			return dst, false, nil
		}
		return t.storedAt(key, e, dst, false, 0)
	}
	p.lock.RLock()
	began := uint64(0)
	r := p.lookup(hash<<p.shift, key)
	if r != 0 {
		at := e
		if !t.history {
			at = math.MaxUint64
		}
		val, ok, stored, known := p.asOf(r, at)
		began = stored
		if known {
			if ok {
				dst = append(dst, val...)
			}
			p.lock.RUnlock()
			return dst, ok, nil
		}
	}
	// A row that is here but began later leaves only history to look at.
	found := r != 0
	absent := r == 0 && p.complete && (!t.history || e >= max(p.histFloor, p.completeFrom))
	p.lock.RUnlock()
	if absent || t.s.store == nil {
		return dst, false, nil
	}
	if t.history {
		if err := t.answers(e); err != nil {
			return dst, false, err
		}
	}
	return t.storedAt(key, e, dst, found, began)
}

// Version is a row as it stood from epoch From up to, not including, To.
type Version struct {
	From, To uint64 // To = 0: still current
	Val      []byte
}

// Versions returns what is kept of a key, oldest first.
func (t *Table) Versions(key []byte) (out []Version, err error) {
	s := t.s
	s.turn.RLock()
	defer s.turn.RUnlock()
	hash := Hash(key)
	found := false
	if p := t.parts[s.Part(hash)].Load(); p != nil {
		p.lock.RLock()
		r := p.lookup(hash<<p.shift, key)
		found = r != 0
		if found && rowFlags(r)&flagDeleted == 0 {
			out = append(out, Version{rowEpoch(r), 0, append([]byte{}, rowVal(r, p.header)...)})
		}
		if found && t.history {
			eachEnded(r, p.histFloor, func(v version, to uint64) bool {
				if !versionGone(v) {
					out = append(out, Version{versionFrom(v), to, append([]byte{}, versionVal(v)...)})
				}
				return true
			})
		}
		p.lock.RUnlock()
	}
	if s.store == nil {
		reverse(out)
		return out, nil
	}
	it, err := s.store.NewIter()
	if err != nil {
		return nil, err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	if !found {
		v, ok, err := it.Find(state.RowKey(nil, t.id, key))
		if err != nil {
			return nil, err
		}
		if ok {
			from, val, err := t.storedRow(v)
			if err != nil {
				return nil, err
			}
			out = append(out, Version{From: from, Val: append([]byte{}, val...)})
		}
	}
	if !t.history {
		return out, nil
	}
	for _, b := range s.slicesFrom(t.retain, 0) {
		var buf []byte
		for to := uint64(0); ; to++ {
			var entry state.Versions
			var ok bool
			if entry, buf, ok, err = t.entryFrom(it, b, key, to, buf); err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			to = entry.From
			for entry.Next() {
				out = append(out, Version{entry.From, entry.To, append([]byte{}, entry.Val...)})
			}
			if entry.Damaged() {
				return nil, t.damaged()
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].From < out[j].From })
	return out, nil
}

func reverse(vs []Version) {
	for i, j := 0, len(vs)-1; i < j; i, j = i+1, j-1 {
		vs[i], vs[j] = vs[j], vs[i]
	}
}

// slicesFrom returns the slices that exist and may hold what ended after epoch e.
func (s *Space) slicesFrom(r retention, e uint64) []state.Slice {
	s.sliceMu.Lock()
	all := s.slices[r.class]
	s.sliceMu.Unlock()
	return all[firstSlice(all, s.bucket(r, e), e):]
}

// firstSlice finds the first slice of a bucket that may hold what ended after epoch e:
// what was written before a slice that begins at e had ended.
func firstSlice(all []state.Slice, b, e uint64) int {
	return sort.Search(len(all), func(i int) bool {
		return all[i].Bucket > b || all[i].Bucket == b && (i+1 == len(all) || all[i+1].Bucket > b || all[i+1].From > e)
	})
}

// addSlices notes slices of a class that a checkpoint has filled; those of buckets
// before first are gone. Lists are replaced, not changed: readers hold them.
func (s *Space) addSlices(class uint64, filled []state.Slice, first uint64) {
	s.sliceMu.Lock()
	defer s.sliceMu.Unlock()
	all := append(slices.Clone(s.slices[class]), filled...)
	slices.SortFunc(all, state.Slice.Compare)
	all = slices.Compact(all)
	i, _ := slices.BinarySearchFunc(all, state.Slice{Bucket: first, Packed: true}, state.Slice.Compare)
	s.slices[class] = all[i:]
}

// findSlices lists the slices of a class in the store.
func (s *Space) findSlices(r retention) error {
	it, err := s.store.NewIter()
	if err != nil {
		return err
	}
	defer it.Close()
	for _, packed := range []bool{false, true} {
		from := state.BucketStart(nil, r.class, 0, packed)
		end := state.After(nil, state.BucketStart(nil, r.class, math.MaxUint64, packed))
		for {
			k, _, ok, err := it.Range(from, end)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			one, ok := state.SliceOf(k)
			if !ok {
				return sqlerr.New(sqlerr.DataCorrupted, "history entry %x is damaged", k)
			}
			s.addSlices(r.class, []state.Slice{one}, 0)
			from = state.After(from[:0], state.SliceStart(nil, r.class, one))
		}
	}
	return nil
}

// sliceBytes is how much the checkpoints of a slice write into it, keys and values: of
// a view that changes that much between two checkpoints each has a slice of its own,
// which is never compacted; those of small ones are compacted into one.
const sliceBytes = 32 << 20

// sliceFor returns where the checkpoint's slices of a class begin: the newest one
// goes on until it is full.
func (f *Frozen) sliceFor(class uint64) uint64 {
	s := f.s
	s.sliceMu.Lock()
	defer s.sliceMu.Unlock()
	newest := uint64(0)
	for _, x := range s.slices[class] {
		newest = max(newest, x.From)
	}
	if newest == 0 || s.sliced[class] >= s.opts.sliceBytes {
		return f.epoch
	}
	return newest
}

// addSliced notes that a checkpoint has written n bytes into slices from from.
func (s *Space) addSliced(class, from uint64, n int64) {
	s.sliceMu.Lock()
	defer s.sliceMu.Unlock()
	for _, x := range s.slices[class] {
		if x.From == from {
			s.sliced[class] += n
			return
		}
	}
	s.sliced[class] = n
}
