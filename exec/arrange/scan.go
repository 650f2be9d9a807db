package arrange

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/tarndb/tarn/storage/state"
)

// A scan is answered by the store as of its checkpoint C and by what changed in
// memory since. It takes both at one moment (a picture) and then reads without
// locks: an iterator keeps its checkpoint, and blocks freed later stay readable
// until the scan ends. Only the changes since C are copied, as references, so a
// picture costs as much as a checkpoint has dirty keys, not as the table has, nor
// as there are superseded versions.
//
// This is exact because of what versions say: of a key that is not dirty the row
// as of e is the checkpoint's; of one that is, its chain leads to the version of
// e, or to the checkpoint's row itself.

// overlay is a key that has changed since the checkpoint.
type overlay struct {
	r   row // that is or was current; names the key
	val uintptr
	n   int32 // length of the value as of the picture's epoch, -1 = absent
}

func newOverlay(p *part, r row, e uint64) overlay {
	val, ok, _, _ := p.asOf(r, e)
	if !ok {
		return overlay{r: r, n: -1}
	}
	return overlay{r, uintptr(unsafe.Pointer(unsafe.SliceData(val))), int32(len(val))}
}

type picture struct {
	t    *Table
	scan uint64
	it   *state.Iter // nil: the store has nothing of the table
	ckpt uint64
	rows []overlay
	done func()
}

// open begins a picture; the caller closes it. s.turn is held for reading.
func (t *Table) open() (*picture, error) {
	s := t.s
	v := &picture{t: t, scan: s.startScan(), ckpt: s.ckpt.Load(), done: func() {}}
	if s.store != nil {
		it, err := s.store.NewIter()
		if err != nil {
			s.endScan(v.scan)
			return nil, err
		}
		v.it = it
	}
	return v, nil
}

func (v *picture) close() error {
	v.done()
	v.t.s.endScan(v.scan)
	if v.it != nil {
		return v.it.Close()
	}
	return nil
}

// picture of the rows as of epoch e.
func (t *Table) picture(e uint64, prefix []byte) (*picture, error) {
	s := t.s
	s.turn.RLock()
	defer s.turn.RUnlock()
	v, err := t.open()
	if err != nil || v.it != nil && e < v.ckpt {
		return v, err
	}
	if len(prefix) == 0 {
		v.rows = make([]overlay, 0, t.dirtyRows())
	}
	t.eachDirty(func(p *part, r row) {
		if bytes.HasPrefix(rowKey(r, p.header), prefix) {
			v.rows = append(v.rows, newOverlay(p, r, e))
		}
	})
	return v, nil
}

// dirtyRows is about how many rows eachDirty passes.
func (t *Table) dirtyRows() (n int) {
	t.each(func(p *part) {
		p.lock.RLock()
		n += len(p.dirty) + len(p.frozen)
		p.lock.RUnlock()
	})
	return n
}

// eachDirty calls fn for the newest row of each key that has changed since the
// checkpoint. A part is locked meanwhile, so its rows are brought into the cache
// side by side.
func (t *Table) eachDirty(fn func(p *part, r row)) {
	t.each(func(p *part) {
		p.lock.RLock()
		defer p.lock.RUnlock()
		p.eachDirty(fn)
	})
}

// eachDirty is Table.eachDirty for one part, which is locked.
func (p *part) eachDirty(fn func(p *part, r row)) {
	for i, list := range [...][]uintptr{p.dirty, p.frozen} {
		for lo := 0; lo < len(list); lo += touchRows {
			rows := list[lo:min(lo+touchRows, len(list))]
			touch(rows)
			for _, r := range rows {
				// A frozen row that was superseded since has its successor on the other list.
				if r != 0 && (i == 0 || *rowGen(r) != genGone) {
					fn(p, r)
				}
			}
		}
	}
}

// orderedMax is how many keys may have changed since the checkpoint for a scan to
// come in order of the key: what people look at comes as it was written, and long
// scans are not held up by a sort.
const orderedMax = 1 << 14

// Scan calls fn for every row as of epoch e whose key begins with prefix, in order
// of the key if at most orderedMax have changed since the checkpoint. key and val
// are valid during the call. A table without history is scanned as it stands, in no
// particular order, and only while nobody writes to it.
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
	if v.it != nil && e < v.ckpt {
		return v.scanPast(e, prefix, fn)
	}
	if len(v.rows) <= orderedMax {
		return v.scanMerged(prefix, fn)
	}
	if v.it != nil {
		if err := v.scanStored(prefix, fn); err != nil {
			return err
		}
	}
	for i := range v.rows {
		if err := v.pass(i, fn); err != nil {
			return err
		}
	}
	return nil
}

// pass calls fn for changed key i, if it has a row.
func (v *picture) pass(i int, fn func(key, val []byte) error) error {
	x := v.rows[i]
	if x.n < 0 {
		return nil
	}
	return fn(rowKey(x.r, v.t.header), bytesAt(x.val, int(x.n)))
}

// scanMerged passes all rows in order of the key.
func (v *picture) scanMerged(prefix []byte, fn func(key, val []byte) error) error {
	t, n := v.t, 0
	slices.SortFunc(v.rows, func(a, b overlay) int { return bytes.Compare(rowKey(a.r, t.header), rowKey(b.r, t.header)) })
	if v.it != nil {
		lo := state.RowKey(nil, t.id, prefix)
		skip := len(lo) - len(prefix)
		k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
		for ; ok && err == nil; k, val, ok, err = v.it.Next() {
			key, cmp := k[skip:], 1
			for n < len(v.rows) {
				if cmp = bytes.Compare(rowKey(v.rows[n].r, t.header), key); cmp > 0 {
					break
				}
				if err := v.pass(n, fn); err != nil {
					return err
				}
				if n++; cmp == 0 {
					break
				}
			}
			if cmp == 0 {
				continue
			}
			if _, val, err = t.storedRow(val); err == nil {
				err = fn(key, val)
			}
			if err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	for ; n < len(v.rows); n++ {
		if err := v.pass(n, fn); err != nil {
			return err
		}
	}
	return nil
}

// scanStored passes the checkpoint's rows of keys that have not changed since.
func (v *picture) scanStored(prefix []byte, fn func(key, val []byte) error) error {
	t := v.t
	lo := state.RowKey(nil, t.id, prefix)
	skip, n := len(lo)-len(prefix), 0
	k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
	if err != nil || !ok {
		return err
	}
	changed, err := v.sorted()
	if err != nil {
		return err
	}
	for ; ok; k, val, ok, err = v.it.Next() {
		key, cmp := k[skip:], -1
		for ; n < len(changed); n++ {
			if cmp = bytes.Compare(rowKey(changed[n].r, t.header), key); cmp >= 0 {
				break
			}
		}
		if n < len(changed) && cmp == 0 {
			continue
		}
		_, val, err := t.storedRow(val)
		if err == nil {
			err = fn(key, val)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// sorted lists the keys that have changed in their order.
func (v *picture) sorted() ([]sorted, error) {
	pool := v.t.s.pool
	list, done, err := pool.list(len(v.rows))
	if err != nil {
		return nil, err
	}
	v.done = done
	for i := range v.rows {
		list[i].r = v.rows[i].r
	}
	_, err = keyOrder(v.t.header).sort(pool, list)
	return list, err
}

// scanPast scans as of an epoch before the checkpoint, which is all in the store.
func (v *picture) scanPast(e uint64, prefix []byte, fn func(key, val []byte) error) error {
	t := v.t
	lo := state.RowKey(nil, t.id, prefix)
	skip := len(lo) - len(prefix)
	k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
	for ; ok; k, val, ok, err = v.it.Next() {
		from, val, err := t.storedRow(val)
		if err == nil && from <= e {
			err = fn(k[skip:], val)
		}
		if err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return v.eachVersion(e, func(key []byte, from, to uint64, val []byte) error {
		if from <= e && to > e && bytes.HasPrefix(key, prefix) {
			return fn(key, val)
		}
		return nil
	})
}

// eachVersion passes the stored versions that ended after epoch e.
func (v *picture) eachVersion(e uint64, fn func(key []byte, from, to uint64, val []byte) error) error {
	t, s := v.t, v.t.s
	for _, b := range s.slicesFrom(t.retain, e) {
		lo := state.HistoryStart(nil, t.retain.class, b, t.id)
		k, val, ok, err := v.it.Range(lo, state.After(nil, lo))
		for ; ok; k, val, ok, err = v.it.Next() {
			if !b.Packed {
				key, rest, fine := state.SplitSized(k[len(lo):])
				if !fine || len(rest) != 8 {
					return t.damaged()
				}
				if err := t.eachOf(state.ReadVersions(binary.BigEndian.Uint64(rest), val), key, e, fn); err != nil {
					return err
				}
				continue
			}
			pack := state.ReadPack(b.From, val)
			for pack.Next() {
				if pack.To <= e {
					continue
				}
				if err := t.eachOf(state.ReadVersions(pack.To, pack.Versions), pack.Key, e, fn); err != nil {
					return err
				}
			}
			if pack.Damaged() {
				return t.damaged()
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachOf passes the versions of an entry that ended after epoch e.
func (t *Table) eachOf(entry state.Versions, key []byte, e uint64, fn func(key []byte, from, to uint64, val []byte) error) error {
	for entry.Next() && entry.To > e {
		if err := fn(key, entry.From, entry.To, entry.Val); err != nil {
			return err
		}
	}
	if entry.Damaged() {
		return t.damaged()
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
