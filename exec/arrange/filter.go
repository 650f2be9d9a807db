package arrange

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// A key that a look-up of the past has no thread to, since it is not there now or was
// not there at some time in between, is sought in all slices behind the epoch. Table
// files of packs have no filters: what is sought in them is not what names a pack. So
// memory has filters, each of the keys that up to filterSlices checkpoints in a row put
// into packs. A start makes none for what is in the store already, and of many keys the
// oldest are dropped: slices without a filter are sought.
type packFilter struct {
	first uint64        // slices from this epoch
	last  atomic.Uint64 // up to this are in it, 0 = none yet
	n     int           // slices that were added; the writer's
	room  int64         // for so many keys more; the writer's
	words []atomic.Uint64
}

const (
	// filterSlices: a key that has been changed in one of them is sought in all.
	filterSlices = 32
	// filterBits are set in one word for a key; a word has four keys when it is full.
	filterBits = 4
	filterKeys = 4
)

// newPackFilter has room for twice as many keys as it begins with.
func newPackFilter(first uint64, keys int) *packFilter {
	words := 1 << bits.Len(uint(max(keys, 1)*2/filterKeys))
	return &packFilter{first: first, room: int64(words) * filterKeys, words: make([]atomic.Uint64, words)}
}

func (f *packFilter) bytes() int64 { return int64(len(f.words)) * 8 }

func filterMask(hash uint64) (mask uint64) {
	hash *= 0x9E3779B97F4A7C15
	for range filterBits {
		mask |= 1 << (hash >> 58)
		hash <<= 6
	}
	return mask
}

// add is called beside has.
func (f *packFilter) add(hash uint64) {
	mask := filterMask(hash)
	if w := &f.words[hash&uint64(len(f.words)-1)]; w.Load()&mask != mask {
		w.Or(mask)
		f.room--
	}
}

func (f *packFilter) has(hash uint64) bool {
	mask := filterMask(hash)
	return f.words[hash&uint64(len(f.words)-1)].Load()&mask == mask
}

// filterFor returns the filter into which a checkpoint writes the keys of a table's
// packs, nil: there is no memory for it.
func (f *Frozen) filterFor(a *arrangement) *packFilter {
	keys := len(f.changed[a].rows)
	list := a.packFilters()
	if n := len(list); n > 0 {
		if last := list[n-1]; last.n < filterSlices && last.room >= int64(keys)/2 {
			return last
		}
		list[n-1].n = filterSlices // it must not go on behind a checkpoint that it does not have
	}
	left := f.s.filterBytes()
	for _, other := range f.arrs {
		for _, x := range other.packFilters() {
			if other != a {
				left -= x.bytes()
			}
		}
	}
	x := newPackFilter(f.epoch, keys)
	if left -= x.bytes(); left < 0 {
		return nil
	}
	kept := len(list)
	for ; kept > 0 && left >= list[kept-1].bytes(); kept-- {
		left -= list[kept-1].bytes()
	}
	list = append(slices.Clone(list[kept:]), x)
	a.filters.Store(&list)
	return x
}

func (a *arrangement) packFilters() []*packFilter {
	if list := a.filters.Load(); list != nil {
		return *list
	}
	return nil
}

// filterBytes is what all filters may take.
func (s *Space) filterBytes() int64 {
	if s.opts.Budget == nil {
		return 64 << 20
	}
	return s.opts.Budget.limit / 32
}

// lacks reports that packs which a checkpoint wrote have nothing of a key.
func (a *arrangement) lacks(slice, hash uint64) bool {
	list := a.packFilters()
	for i := len(list) - 1; i >= 0; i-- {
		if f := list[i]; f.first <= slice {
			return slice <= f.last.Load() && !f.has(hash)
		}
	}
	return false
}
