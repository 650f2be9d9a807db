package arrange

import (
	"bytes"
	"sort"

	"github.com/tarndb/tarn/storage/state"
)

// change is a row or version in memory that began or ended in the epochs asked for.
type change struct {
	r            row // names the key
	val          []byte
	from, to     uint64
	began, ended bool
}

// changesIn takes a picture of what began or ended with from < epoch ≤ to, as far
// as the checkpoint does not have it.
func (t *Table) changesIn(from, to uint64) (*picture, []change, error) {
	s := t.s
	s.turn.RLock()
	defer s.turn.RUnlock()
	v, err := t.open()
	if err != nil || v.it != nil && to < v.ckpt {
		return v, nil, err
	}
	var delta []change
	in := func(e uint64) bool { return e > from && e <= to }
	add := func(c change) {
		fresh := v.it == nil || c.from > v.ckpt // not in the checkpoint
		c.began, c.ended = in(c.from) && fresh, c.to != 0 && in(c.to)
		if c.began || c.ended {
			delta = append(delta, c)
		}
	}
	t.eachDirty(func(p *part, r row) {
		if rowFlags(r)&flagDeleted == 0 {
			add(change{r: r, val: rowVal(r, p.header), from: rowEpoch(r)})
		}
		eachEnded(r, p.histFloor, func(old version, to uint64) bool {
			if !versionGone(old) {
				add(change{r: r, val: versionVal(old), from: versionFrom(old), to: to})
			}
			return versionFrom(old) > from
		})
	})
	return v, delta, nil
}

// event is one side of a change.
type event struct {
	epoch    uint64
	key, val []byte
	old      bool
}

// Changes calls fn for every change of a row with from < epoch ≤ to, in order of
// epoch, then key. old or new is nil where the row was or became absent. Memory
// is taken in proportion to the changes.
func (t *Table) Changes(from, to uint64, fn func(epoch uint64, key, old, new []byte) error) (err error) {
	if t.err != nil {
		return t.err
	}
	if err := t.answers(from); err != nil {
		return err
	}
	v, delta, err := t.changesIn(from, to)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := v.close(); err == nil {
			err = cerr
		}
	}()
	var events []event
	in := func(e uint64) bool { return e > from && e <= to }
	if v.it != nil && from < v.ckpt {
		add := func(epoch uint64, key, val []byte, old bool) {
			events = append(events, event{epoch, bytes.Clone(key), append([]byte{}, val...), old})
		}
		lo := state.RowKey(nil, t.id, nil)
		k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
		for ; ok; k, val, ok, err = v.it.Next() {
			began, val, err := t.storedRow(val)
			if err != nil {
				return err
			}
			if in(began) {
				add(began, k[len(lo):], val, false)
			}
		}
		if err != nil {
			return err
		}
		err = v.eachVersion(from, func(key []byte, began, ended uint64, val []byte) error {
			if in(began) {
				add(began, key, val, false)
			}
			if in(ended) {
				add(ended, key, val, true)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, c := range delta {
		key := rowKey(c.r, t.header)
		if c.began {
			events = append(events, event{c.from, key, c.val, false})
		}
		if c.ended {
			events = append(events, event{c.to, key, c.val, true})
		}
	}
	sort.Slice(events, func(i, j int) bool {
		a, b := &events[i], &events[j]
		if a.epoch != b.epoch {
			return a.epoch < b.epoch
		}
		if c := bytes.Compare(a.key, b.key); c != 0 {
			return c < 0
		}
		return a.old && !b.old
	})
	for i := 0; i < len(events); i++ {
		a := &events[i]
		var was, is []byte
		if a.old {
			was = a.val
			if i+1 < len(events) && events[i+1].epoch == a.epoch && bytes.Equal(events[i+1].key, a.key) {
				i++
				is = events[i].val
			}
		} else {
			is = a.val
		}
		if was != nil && is != nil && bytes.Equal(was, is) {
			continue
		}
		if err := fn(a.epoch, a.key, was, is); err != nil {
			return err
		}
	}
	return nil
}
