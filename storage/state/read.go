package state

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"
)

// Get appends the value of key to dst.
func (s *Store) Get(key, dst []byte) (val []byte, ok bool, err error) {
	v, c, err := s.db.Get(key)
	if err == pebble.ErrNotFound {
		return dst, false, nil
	}
	if err != nil {
		return dst, false, fail(err)
	}
	dst = append(dst, v...)
	return dst, true, fail(c.Close())
}

// Iter reads one checkpoint. It is used by one goroutine.
type Iter struct {
	s       *Store
	version uint64
	it      *pebble.Iterator
	lo      []byte // copies of the bounds
	hi      []byte
}

// NewIter returns an iterator over what is in the store now. Making one costs as
// much as a read from cache, so those that are closed are kept for the next
// caller, until a checkpoint enters.
func (s *Store) NewIter() (*Iter, error) {
	s.idleMu.Lock()
	version := s.version
	if n := len(s.idle); n > 0 {
		i := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.idleMu.Unlock()
		return i, nil
	}
	s.idleMu.Unlock()
	it, err := s.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return nil, fail(err)
	}
	return &Iter{s: s, version: version, it: it}, nil
}

// idleMax bounds the iterators that are kept.
const idleMax = 16

// Close releases the checkpoint.
func (i *Iter) Close() error {
	s := i.s
	if i.it.Error() == nil {
		s.idleMu.Lock()
		if i.version == s.version && len(s.idle) < idleMax && !s.closed {
			if i.hi != nil {
				i.lo, i.hi = nil, nil
				i.it.SetBounds(nil, nil)
			}
			s.idle = append(s.idle, i)
			s.idleMu.Unlock()
			return nil
		}
		s.idleMu.Unlock()
	}
	return fail(i.it.Close())
}

// entered closes the idle iterators of the checkpoint before.
func (s *Store) entered(closed bool) error {
	s.idleMu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, closed
	s.version++
	s.idleMu.Unlock()
	var err error
	for _, i := range idle {
		if cerr := i.it.Close(); err == nil {
			err = cerr
		}
	}
	return fail(err)
}

// Find returns the value of key, valid until the next call. It is fast for keys
// in ascending order and for keys that are absent.
func (i *Iter) Find(key []byte) (val []byte, ok bool, err error) {
	if !i.it.SeekPrefixGE(key) {
		return nil, false, fail(i.it.Error())
	}
	if !bytes.Equal(i.it.Key(), key) {
		return nil, false, nil
	}
	v, err := i.it.ValueAndErr()
	return v, err == nil, fail(err)
}

// Seek is Find for many keys in ascending order, a good part of which are there: it
// asks no filters. They are read as a whole, one for each file, and where they do not
// stay in the cache that costs more than a hundred blocks of rows.
func (i *Iter) Seek(key []byte) (val []byte, ok bool, err error) {
	if !i.it.SeekGE(key) {
		return nil, false, fail(i.it.Error())
	}
	if !bytes.Equal(i.it.Key(), key) {
		return nil, false, nil
	}
	v, err := i.it.ValueAndErr()
	return v, err == nil, fail(err)
}

// FindGE returns the first entry at or behind key that shares its prefix.
func (i *Iter) FindGE(key []byte) (k, v []byte, ok bool, err error) {
	if !i.it.SeekPrefixGE(key) {
		return nil, nil, false, fail(i.it.Error())
	}
	v, err = i.it.ValueAndErr()
	return i.it.Key(), v, err == nil, fail(err)
}

// First returns the first entry at or behind key, whatever its prefix.
func (i *Iter) First(key []byte) (k, v []byte, ok bool, err error) {
	if !i.it.SeekGE(key) {
		return nil, nil, false, fail(i.it.Error())
	}
	v, err = i.it.ValueAndErr()
	return i.it.Key(), v, err == nil, fail(err)
}

// Next goes on from FindGE or Range.
func (i *Iter) Next() (k, v []byte, ok bool, err error) {
	if !i.it.Next() {
		return nil, nil, false, fail(i.it.Error())
	}
	v, err = i.it.ValueAndErr()
	return i.it.Key(), v, err == nil, fail(err)
}

func (i *Iter) bounds(lo, hi []byte) {
	i.lo, i.hi = append(i.lo[:0], lo...), append(i.hi[:0], hi...)
	i.it.SetBounds(i.lo, i.hi)
}

// Range returns the first entry with lo ≤ key < hi; Next goes on from it.
func (i *Iter) Range(lo, hi []byte) (k, v []byte, ok bool, err error) {
	i.bounds(lo, hi)
	if !i.it.First() {
		return nil, nil, false, fail(i.it.Error())
	}
	v, err = i.it.ValueAndErr()
	return i.it.Key(), v, err == nil, fail(err)
}

// RangeDown returns the last entry with lo ≤ key < hi; Prev goes on from it.
func (i *Iter) RangeDown(lo, hi []byte) (k, v []byte, ok bool, err error) {
	i.bounds(lo, hi)
	if !i.it.Last() {
		return nil, nil, false, fail(i.it.Error())
	}
	v, err = i.it.ValueAndErr()
	return i.it.Key(), v, err == nil, fail(err)
}

// Prev goes on from RangeDown.
func (i *Iter) Prev() (k, v []byte, ok bool, err error) {
	if !i.it.Prev() {
		return nil, nil, false, fail(i.it.Error())
	}
	v, err = i.it.ValueAndErr()
	return i.it.Key(), v, err == nil, fail(err)
}

// Empty reports whether there is nothing that begins with prefix.
func (s *Store) Empty(prefix []byte) (bool, error) {
	it, err := s.NewIter()
	if err != nil {
		return false, err
	}
	_, _, ok, err := it.Range(prefix, After(nil, prefix))
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	return !ok && err == nil, err
}
