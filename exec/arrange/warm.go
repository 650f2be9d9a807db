package arrange

import (
	"sync/atomic"
	"time"

	"github.com/tarndb/tarn/storage/state"
)

// A restart loads nothing: rows come into memory as they are looked up, a seek in
// the store each. Where that has happened to a good part of a table, the rest is
// worth reading in order, which costs a twentieth to a thirtieth a row: between epochs,
// so much at a time as seeks have cost since, until the table is in memory as a whole
// or memory is short.

const (
	// warmShare: a table is read in when one row in so many has been sought.
	warmShare = 32
	// warmRows are read for each row that was sought since, at least warmMin, a
	// millisecond, and at most warmMax at a time.
	warmRows = 24
	warmMin  = 1 << 12
	warmMax  = 1 << 18
)

// warmth is how far a table has been read in.
type warmth struct {
	sought  atomic.Int64 // rows by seeks, since the last slice
	total   atomic.Int64 // rows by seeks
	waits   atomic.Bool  // in Space.cold
	evicted atomic.Bool  // something has left memory since the table was opened
	next    []byte       // where to go on in the store; nil: at the start
}

// noteSought counts rows that seeks have read, and asks for the rest where it is
// time.
func (t *Table) noteSought(n int) {
	w := &t.warm
	w.sought.Add(int64(n))
	if total := w.total.Add(int64(n)); total < 1024 || total*warmShare < t.count.Load() || w.evicted.Load() || w.waits.Swap(true) {
		return
	}
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.s.cold = append(t.s.cold, t.arrangement)
}

// noteLoad counts time that has gone into reading rows of tables since began.
func (s *Space) noteLoad(began time.Time) { s.loads.Add(int64(time.Since(began))) }

// Loads is how much time has gone into reading rows of tables that were not in memory,
// in all goroutines that did.
func (s *Space) Loads() time.Duration { return time.Duration(s.loads.Load()) }

// warmUp reads on in the tables that wait for it. No writer is at work.
func (s *Space) warmUp() {
	s.mu.Lock()
	cold := s.cold
	s.cold = nil
	s.mu.Unlock()
	if len(cold) == 0 {
		return
	}
	defer s.noteLoad(time.Now())
	for _, a := range cold {
		s.mu.Lock()
		gone := s.byID[a.id] != a
		s.mu.Unlock()
		n := a.warm.sought.Swap(0)
		if gone || a.warm.evicted.Load() {
			continue
		}
		if n > 0 && s.opts.Budget.ample() {
			done, err := a.readOn(int(min(max(n*warmRows, warmMin), warmMax)))
			if done || err != nil { // what cannot be read, a seek reports when it is wanted
				continue
			}
		}
		s.mu.Lock()
		s.cold = append(s.cold, a)
		s.mu.Unlock()
	}
}

// readOn reads the next n rows in the store into memory; done: those were the last.
func (a *arrangement) readOn(n int) (done bool, err error) {
	it, err := a.s.store.NewIter()
	if err != nil {
		return false, err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	start := a.storeStart()
	from := start
	if a.warm.next != nil {
		from = a.warm.next
	}
	k, v, ok, err := it.Range(from, state.After(nil, start))
	for ; ok; k, v, ok, err = it.Next() {
		if n--; n < 0 {
			a.warm.next = append(a.warm.next[:0], k...)
			return false, nil
		}
		if err := a.take(k[len(start):], Hash(k[len(start):]), v, 0); err != nil {
			return false, err
		}
	}
	if err != nil {
		return false, err
	}
	a.allRead()
	return true, nil
}
