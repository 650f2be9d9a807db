package operator

import (
	"time"

	"github.com/tarndb/tarn/exec/arrange"
)

// States hands an operator the arrangements that hold its state. Each takes the
// next id, so that the same plan finds the same state after a restart:
// constructors ask for them in a fixed order, whatever the data.
type States struct {
	Space *arrange.Space
	Next  func() uint64
}

// Table takes the next id for a table.
func (s *States) Table(o arrange.TableOptions) *arrange.Table { return s.Space.Table(s.Next(), o) }

// Multi takes the next id for a multimap.
func (s *States) Multi() *arrange.Multi { return s.Space.Multi(s.Next()) }

func (s *States) multiset() *multiset { return &multiset{s.Space.Ordered(s.Next())} }

// multiset is a sorted multiset of keys per group.
type multiset struct{ o *arrange.Ordered }

func (m *multiset) add(group []byte, hash uint64, key []byte, w int64) error {
	_, _, err := m.o.Add(group, hash, key, nil, w)
	return err
}

// extreme returns the group's first or last key, nil if it is empty.
func (m *multiset) extreme(group []byte, hash uint64, last bool) ([]byte, error) {
	find := m.o.First
	if last {
		find = m.o.Last
	}
	key, _, _, ok, err := find(group, hash)
	if err != nil || !ok {
		return nil, err
	}
	return key, nil
}

// each calls fn for the group's keys, in order, until it returns false.
func (m *multiset) each(group []byte, hash uint64, fn func(key []byte, w int64) bool) error {
	return m.o.Ascend(group, hash, nil, func(key, _ []byte, w int64) bool { return fn(key, w) })
}

// once remembers, across restarts, that something has been done.
type once struct {
	table *arrange.Table
	done  bool
}

func newOnce(states *States) once { return once{table: states.Table(arrange.TableOptions{})} }

// first reports whether this is the first call ever.
func (o *once) first() (bool, error) {
	if o.done {
		return false, nil
	}
	o.done = true
	keys := arrange.Keys{Off: []uint32{0, 1}, Data: []byte{1}, Hash: []uint64{arrange.Hash([]byte{1})}}
	refs := make([]arrange.Ref, 1)
	if err := o.table.Lookup(&keys, nil, refs); err != nil || refs[0] != 0 {
		return false, err
	}
	_, err := o.table.Put(&keys, 0, 0, []byte{1})
	return true, err
}

// zone is the session's time zone.
func (s *Step) zone() *time.Location {
	if s.Ctx == nil || s.Ctx.Env == nil || s.Ctx.Env.TimeZone == nil {
		return time.UTC
	}
	return s.Ctx.Env.TimeZone
}
