package arrange

import (
	"bytes"
	"encoding/binary"
	"sort"
	"time"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/state"
)

// Rows that are not in memory are read from the store the first time they are
// looked up, all those of a batch in order of key.

func inKeyOrder(k *Keys, missed []int32) {
	sort.Slice(missed, func(a, b int) bool { return bytes.Compare(k.Key(int(missed[a])), k.Key(int(missed[b]))) < 0 })
}

// loadRows reads rows into the table as clean ones. The iterator is opened after
// memory was searched: what left memory since is in it.
func (t *Table) loadRows(k *Keys, missed []int32, refs []Ref) (err error) {
	it, err := t.s.store.NewIter()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	defer t.s.noteLoad(time.Now())
	inKeyOrder(k, missed)
	var buf []byte
	found := 0
	defer func() { t.noteSought(found) }()
	for _, i := range missed {
		key := k.Key(int(i))
		buf = state.RowKey(buf[:0], t.id, key)
		v, ok, err := it.Find(buf)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		epoch, val, err := t.storedRow(v)
		if err != nil {
			return err
		}
		hash := k.Hash[i]
		p := t.part(t.s.Part(hash))
		found++
		r, err := p.adopt(t.s, hash<<p.shift, key, val, epoch, clockBit)
		if err != nil {
			return err
		}
		refs[i] = Ref(r)
	}
	return nil
}

// adopt adds a clean row, unless its key is there: a batch may have it twice. used
// is the clock's bit, where the row is wanted now.
func (p *part) adopt(s *Space, h uint64, key, val []byte, epoch uint64, used uint32) (row, error) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if r := p.lookup(h, key); r != 0 {
		return r, nil
	}
	if err := p.slots.grow(s.pool); err != nil {
		return 0, err
	}
	r, err := p.newRow(key, val, epoch, 0, flagBase)
	if err == nil {
		*rowDirty(r) = used
		p.slots.insert(h, r)
		p.loaded++
	}
	return r, err
}

// storedRow takes a stored value apart: rows with history carry their epoch.
func (a *arrangement) storedRow(v []byte) (epoch uint64, val []byte, err error) {
	if !a.history {
		return 0, v, nil
	}
	epoch, n := binary.Uvarint(v)
	if n <= 0 {
		return 0, nil, a.damaged()
	}
	return epoch, v[n:], nil
}

func (a *arrangement) damaged() error {
	return sqlerr.New(sqlerr.DataCorrupted, "state of arrangement %d is damaged", a.id)
}
