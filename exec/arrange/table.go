package arrange

import (
	"bytes"
	"runtime"
)

// HistoryMode says whether superseded rows are kept.
type HistoryMode uint8

const (
	HistoryNone HistoryMode = iota // operator state
	HistoryKeep                    // exported relations
)

// TableOptions of a Table. They must be the same whenever the table is opened.
type TableOptions struct {
	History HistoryMode
	// RetainMicros is how long superseded rows are kept; 0 = an hour, -1 = for ever.
	RetainMicros int64
}

// Table is an arrangement with one value per key.
type Table struct{ *arrangement }

// Table opens or creates the table with the given id.
func (s *Space) Table(id uint64, o TableOptions) *Table {
	return &Table{s.open(id, kindTable, o)}
}

// Len is the number of current rows.
func (t *Table) Len() int64 { return t.count.Load() }

// Bytes is the memory that the arrangement holds for rows.
func (a *arrangement) Bytes() int64 {
	n := int64(0)
	a.each(func(p *part) {
		p.lock.RLock()
		n += p.mem.size + p.log.bytes + p.frozenLog.bytes
		if p.slots.at != 0 {
			n += 8 << p.slots.bits
		}
		if p.ord != nil {
			n += p.ord.bytes
		}
		p.lock.RUnlock()
	})
	return n
}

// block is how many keys are looked up side by side: enough to have many cache
// misses under way, few enough that what was touched is still in the first cache.
const block = 128

// Lookup finds the rows of keys (sel: of those it lists) and puts their Refs into
// refs[i], i the key's index; 0 = absent.
func (t *Table) Lookup(k *Keys, sel []int32, refs []Ref) error {
	return t.find(k, sel, refs, t.loadRows)
}

// find is Lookup over the slots; load reads the keys that missed in parts that
// are not complete.
func (a *arrangement) find(k *Keys, sel []int32, refs []Ref, load func(k *Keys, missed []int32, refs []Ref) error) error {
	if a.err != nil {
		return a.err
	}
	if a.s.store != nil && a.s.opts.Budget.over() {
		a.relieve(k, sel)
	}
	n := k.Len()
	if sel != nil {
		n = len(sel)
	}
	var missed []int32
	for from := 0; from < n; from += block {
		missed = a.findBlock(k, sel, from, min(from+block, n), refs, missed)
	}
	if len(missed) > 0 {
		return load(k, missed, refs)
	}
	return nil
}

func (a *arrangement) findBlock(k *Keys, sel []int32, from, to int, refs []Ref, missed []int32) []int32 {
	var (
		ps   [block]*part
		word [block]uint64
		at   [block]uint64
		sum  uint64
	)
	// Touch all slots, then the rows of those whose tag fits, then compare.
	for j := from; j < to; j++ {
		i := j
		if sel != nil {
			i = int(sel[j])
		}
		hash := k.Hash[i]
		p := a.parts[a.s.Part(hash)].Load()
		b := j - from
		ps[b] = p
		if p == nil || p.slots.at == 0 {
			continue
		}
		at[b] = p.slots.home(hash << p.shift)
		word[b] = *p.slots.slot(at[b])
	}
	far := rowFar(a.header)
	for b := range to - from {
		if word[b] != 0 {
			r := addrOf(word[b])
			sum += *u64at(r) + *u64at(r + far)
		}
	}
	runtime.KeepAlive(sum) // the loads are the point
	for j := from; j < to; j++ {
		i := j
		if sel != nil {
			i = int(sel[j])
		}
		b := j - from
		refs[i] = 0
		p := ps[b]
		if p == nil {
			if !a.known {
				missed = append(missed, int32(i))
			}
			continue
		}
		if p.slots.at != 0 {
			key, tag, m := k.Key(i), k.Hash[i]<<p.shift>>addrBits, p.slots.mask()
			s := word[b]
			for s != 0 {
				if s>>addrBits == tag {
					if r := addrOf(s); bytes.Equal(rowKey(r, p.header), key) {
						break
					}
				}
				at[b] = (at[b] + 1) & m
				s = *p.slots.slot(at[b])
			}
			if s != 0 {
				r := addrOf(s)
				if rowFlags(r)&flagDeleted == 0 {
					if *rowDirty(r)&clockBit == 0 {
						*rowDirty(r) |= clockBit
					}
					refs[i] = Ref(r)
				}
				continue
			}
		}
		if !p.complete {
			missed = append(missed, int32(i))
		}
	}
	return missed
}

// Value returns a row's value, valid until the next Put or Delete in its part.
func (t *Table) Value(r Ref) []byte { return rowVal(row(r), t.header) }

// Put inserts or replaces the row of key i, whose Lookup gave r.
func (t *Table) Put(k *Keys, i int, r Ref, val []byte) (Ref, error) {
	hash := k.Hash[i]
	p := t.part(t.s.Part(hash))
	h := hash << p.shift
	p.lock.Lock()
	defer p.lock.Unlock()
	old := row(r)
	if !p.slots.has(h, old) {
		// Absent, or moved by an earlier change of the same key in this batch.
		old = p.lookup(h, k.Key(i))
	}
	if old == 0 {
		n, err := t.insert(p, h, k.Key(i), val)
		if err == nil {
			t.count.Add(1)
		}
		return Ref(n), err
	}
	wasDeleted := rowFlags(old)&flagDeleted != 0
	n, err := t.change(p, h, old, val, false)
	if err == nil && wasDeleted {
		t.count.Add(1)
	}
	return Ref(n), err
}

// Change gives key Key of a batch a value; an empty one removes its row.
type Change struct {
	Key int
	Val []byte
}

// Update makes changes of different keys, whose Lookup just before has given refs. It
// is cheaper than one call for each, most of all where keys of a part are
// neighbours.
func (t *Table) Update(k *Keys, refs []Ref, changes []Change) error {
	for len(changes) > 0 {
		c := changes[0]
		switch r := refs[c.Key]; {
		case len(c.Val) == 0:
			if err := t.Delete(k, c.Key, r); err != nil {
				return err
			}
		case r == 0:
			if _, err := t.Put(k, c.Key, 0, c.Val); err != nil {
				return err
			}
		default:
			n, err := t.replaceSome(k, refs, changes)
			if err != nil {
				return err
			}
			changes = changes[n:]
			continue
		}
		changes = changes[1:]
	}
	return nil
}

// heldRows is how many rows are changed under one hold of a part's lock: readers wait
// no longer than a microsecond or two.
const heldRows = 16

// replaceSome makes the first changes, as far as they replace rows of one part.
func (t *Table) replaceSome(k *Keys, refs []Ref, changes []Change) (n int, err error) {
	at := t.s.Part(k.Hash[changes[0].Key])
	p := t.parts[at].Load()
	p.lock.Lock()
	defer p.lock.Unlock()
	for n < min(heldRows, len(changes)) {
		c := &changes[n]
		hash := k.Hash[c.Key]
		if n > 0 && (refs[c.Key] == 0 || len(c.Val) == 0 || t.s.Part(hash) != at) {
			break
		}
		if _, err = t.change(p, hash<<p.shift, row(refs[c.Key]), c.Val, false); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Delete removes the row of key i, whose Lookup gave r; absent rows are no error.
func (t *Table) Delete(k *Keys, i int, r Ref) error {
	if r == 0 {
		return nil
	}
	hash := k.Hash[i]
	p := t.part(t.s.Part(hash))
	h := hash << p.shift
	p.lock.Lock()
	defer p.lock.Unlock()
	old := row(r)
	if !p.slots.has(h, old) {
		old = p.lookup(h, k.Key(i))
	}
	if old == 0 || rowFlags(old)&flagDeleted != 0 {
		return nil
	}
	t.count.Add(-1)
	if !t.tracked || rowFlags(old)&flagBase == 0 && *rowGen(old) == t.s.gen && (!t.history || rowEpoch(old) == t.s.epoch && *rowPrev(old) == 0) {
		// Nobody else knows of it.
		p.slots.removeAt(p.slots.find(h, old))
		if t.tracked {
			p.dropDirty(old)
		}
		p.free(t.s, old, rowClass(old))
		return nil
	}
	_, err := t.change(p, h, old, nil, true)
	return err
}

// insert adds a row for a key that has none, in memory or (its Lookup said so) in
// the store.
func (t *Table) insert(p *part, h uint64, key, val []byte) (row, error) {
	if err := p.slots.grow(t.s.pool); err != nil {
		return 0, err
	}
	r, err := p.newRow(key, val, t.s.epoch, t.s.gen, 0)
	if err != nil {
		return 0, err
	}
	if t.tracked {
		p.markDirty(r, t.s.gen)
	}
	p.slots.insert(h, r)
	return r, nil
}

// change gives the row another value, or makes it stand for absence. What a
// checkpoint or history still needs of the old row is left as it is.
func (t *Table) change(p *part, h uint64, old row, val []byte, del bool) (row, error) {
	s := t.s
	gen := *rowGen(old)
	flags := uint8(0)
	if rowFlags(old)&flagBase != 0 || gen != s.gen {
		flags = flagBase
	}
	if del {
		flags |= flagDeleted
	}
	if !t.tracked {
		flags = 0
	}
	frozen := t.tracked && gen != s.gen && gen > p.clean
	version := t.history && rowEpoch(old) != s.epoch
	prev := uint64(0)
	if t.history {
		prev = *rowPrev(old)
		if version {
			v, err := p.addVersion(t.arrangement, old)
			if err != nil {
				return 0, err
			}
			prev = v
		} else if gen <= p.clean {
			prev = 0 // freed
		} else if gen != s.gen {
			prev |= linkCross
		}
	}
	// A scan that has taken its picture reads rows without locks. It passes over
	// those of the epoch in progress, so these may change under it.
	shared := version && s.pinned.Load() != 0
	if !frozen && !shared && p.fits(old, len(val)) {
		setRowWord(old, s.epoch, rowClass(old), flags)
		*u32at(old + 20) = uint32(len(val))
		copy(rowVal(old, p.header), val)
		if t.history {
			*rowPrev(old) = prev
		}
		if t.tracked && gen != s.gen {
			p.markDirty(old, s.gen)
		}
		return old, nil
	}
	n, err := p.newRow(rowKey(old, p.header), val, s.epoch, s.gen, flags)
	if err != nil {
		return 0, err
	}
	if t.history {
		*rowPrev(n) = prev
	}
	switch {
	case !t.tracked:
	case gen == s.gen:
		p.moveDirty(old, n)
	default:
		p.markDirty(n, s.gen)
	}
	*p.slots.slot(p.slots.find(h, old)) = slotOf(h, n)
	if frozen {
		if t.history {
			*rowGen(old) = genGone
		}
		p.retired = append(p.retired, old)
	} else {
		p.free(s, old, rowClass(old))
	}
	return n, nil
}
