package arrange

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/tarndb/tarn/storage/state"
)

// A scan is answered by the store as of its checkpoint C and by what changed in
// memory since. It takes both at one moment (a picture) and then reads without
// locks: an iterator keeps its checkpoint, and blocks freed later stay readable
// until the scan ends. Only the changes since C are copied, as references, so a
// picture costs as much as a checkpoint has dirty rows, not as the table has.
//
// This is exact because of what versions say: the rows as of e are those current
// rows that began at or before e, and those versions that began at or before e
// and ended after it; each key is in at most one of the two.

type change struct {
	r        row
	from, to uint64 // to = 0: current
	del      bool
	fresh    bool // not in the checkpoint
	prefix   uint64
}

type picture struct {
	t     *Table
	scan  uint64
	it    *state.Iter // nil: memory only
	ckpt  uint64
	delta []change // by key, then from
}

// picture of everything that began or ended after the checkpoint, up to epoch e.
func (t *Table) picture(e uint64, prefix []byte) (*picture, error) {
	s := t.s
	s.turn.RLock()
	defer s.turn.RUnlock()
	v := &picture{t: t, scan: s.startScan(), ckpt: s.ckpt.Load()}
	if s.store != nil {
		it, err := s.store.NewIter()
		if err != nil {
			s.endScan(v.scan)
			return nil, err
		}
		v.it = it
	}
	if v.it != nil && e < v.ckpt {
		return v, nil
	}
	committed := s.committed
	t.each(func(p *part) {
		p.lock.RLock()
		defer p.lock.RUnlock()
		for _, list := range [...][]uintptr{p.dirty, p.frozen, p.versions, p.frozenVersions} {
			for _, r := range list {
				if r == 0 {
					continue
				}
				c := change{r: r, from: rowEpoch(r), to: *rowValidTo(r), del: rowFlags(r)&flagDeleted != 0,
					fresh: *rowGen(r) > committed}
				if c.from > e || c.from == c.to {
					continue
				}
				key := rowKey(r, p.header)
				if !bytes.HasPrefix(key, prefix) {
					continue
				}
				c.prefix = prefixOf(key)
				v.delta = append(v.delta, c)
			}
		}
	})
	slices.SortFunc(v.delta, func(a, b change) int {
		if a.prefix != b.prefix {
			if a.prefix < b.prefix {
				return -1
			}
			return 1
		}
		if c := bytes.Compare(rowKey(a.r, t.header), rowKey(b.r, t.header)); c != 0 {
			return c
		}
		switch {
		case a.from < b.from:
			return -1
		case a.from > b.from:
			return 1
		}
		return 0
	})
	// A frozen row that was superseded since is on two lists.
	v.delta = slices.CompactFunc(v.delta, func(a, b change) bool { return a.r == b.r })
	return v, nil
}

func (v *picture) close() error {
	v.t.s.endScan(v.scan)
	if v.it != nil {
		return v.it.Close()
	}
	return nil
}

// prefixOf is the first eight bytes of a key as a number, for comparing quickly.
func prefixOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// Scan calls fn for every row as of epoch e whose key begins with prefix, in no
// particular order. key and val are valid during the call. A table without
// history is scanned as it stands, and only while nobody writes to it.
func (t *Table) Scan(e uint64, prefix []byte, fn func(key, val []byte) error) (err error) {
	if t.err != nil {
		return t.err
	}
	if !t.history {
		return t.scanNow(prefix, fn)
	}
	if err := t.answers(e); err != nil {
		return err
	}
	v, err := t.picture(e, prefix)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := v.close(); err == nil {
			err = cerr
		}
	}()
	if v.it != nil {
		if err := v.scanStored(e, prefix, fn); err != nil {
			return err
		}
		if e < v.ckpt {
			return v.eachVersion(e, func(key []byte, from, to uint64, val []byte) error {
				if from <= e && to > e && bytes.HasPrefix(key, prefix) {
					return fn(key, val)
				}
				return nil
			})
		}
	}
	for _, c := range v.delta {
		if !c.del && (c.to == 0 || c.to > e) && (v.it == nil || c.fresh) {
			if err := fn(rowKey(c.r, t.header), rowVal(c.r, t.header)); err != nil {
				return err
			}
		}
	}
	return nil
}

// scanStored passes the checkpoint's rows that hold at e: those that the delta
// does not override.
func (v *picture) scanStored(e uint64, prefix []byte, fn func(key, val []byte) error) error {
	t := v.t
	lo := state.RowKey(nil, t.id, prefix)
	skip, n := len(lo)-len(prefix), 0
	k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
	for ; ok; k, val, ok, err = v.it.Next() {
		key := k[skip:]
		changed := false
		for ; n < len(v.delta); n++ {
			c := &v.delta[n]
			cmp := bytes.Compare(rowKey(c.r, t.header), key)
			if cmp > 0 {
				break
			}
			if cmp == 0 && (c.fresh || c.to != 0 && c.to <= e) {
				changed = true
			}
		}
		if changed {
			continue
		}
		from, val, err := t.storedRow(val)
		if err != nil {
			return err
		}
		if from <= e {
			if err := fn(key, val); err != nil {
				return err
			}
		}
	}
	return err
}

// eachVersion passes the stored versions that ended after epoch e.
func (v *picture) eachVersion(e uint64, fn func(key []byte, from, to uint64, val []byte) error) error {
	t, s := v.t, v.t.s
	for _, b := range s.bucketsFrom(t.retain, e) {
		lo := state.HistoryStart(nil, t.retain.class, b, t.id)
		k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
		for ; ok; k, val, ok, err = v.it.Next() {
			key, rest, fine := state.SplitSized(k[len(lo):])
			if !fine || len(rest) != 8 {
				return t.damaged()
			}
			to := binary.BigEndian.Uint64(rest)
			if to <= e {
				continue
			}
			from, val, err := t.storedRow(val)
			if err != nil {
				return err
			}
			if err := fn(key, from, to, val); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scanNow scans a table without history.
func (t *Table) scanNow(prefix []byte, fn func(key, val []byte) error) (err error) {
	s := t.s
	if s.store != nil {
		it, err := s.store.NewIter()
		if err != nil {
			return err
		}
		defer it.Close()
		lo := state.RowKey(nil, t.id, prefix)
		skip := len(lo) - len(prefix)
		k, val, ok, err := it.Range(lo, state.After(nil, lo))
		for ; ok; k, val, ok, err = it.Next() {
			key := k[skip:]
			hash := Hash(key)
			if p := t.parts[s.Part(hash)].Load(); p != nil && p.lookup(hash<<p.shift, key) != 0 {
				continue
			}
			if err := fn(key, val); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	for i := range t.parts {
		p := t.parts[i].Load()
		if p == nil || p.slots.at == 0 {
			continue
		}
		for j := range uint64(1) << p.slots.bits {
			r := addrOf(*p.slots.slot(j))
			if r == 0 || rowFlags(r)&flagDeleted != 0 || !bytes.HasPrefix(rowKey(r, p.header), prefix) {
				continue
			}
			if err := fn(rowKey(r, p.header), rowVal(r, p.header)); err != nil {
				return err
			}
		}
	}
	return nil
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
	v, err := t.picture(to, nil)
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
	for _, c := range v.delta {
		if c.del {
			continue
		}
		key, val := rowKey(c.r, t.header), rowVal(c.r, t.header)
		if in(c.from) && (v.it == nil || c.fresh) {
			events = append(events, event{c.from, key, val, false})
		}
		if c.to != 0 && in(c.to) {
			events = append(events, event{c.to, key, val, true})
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
