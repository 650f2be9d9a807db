package arrange

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/zeebo/xxh3"

	"github.com/tarndb/tarn/storage/state"
)

// Multi is an arrangement with a multiset of values per key. A key is a row
// whose value is the head of a chain of entries:
//
//	head value  0 u64 first entry · 8 u32 entries · 12 u32 flags
//
//	entry   0 u8 size class · 1 u8 flags · 4 u32 hash of the value
//	        8 u32 generation · 12 u32 dirty index      (as in rows)
//	       16 u32 value length
//	       24 i64 weight · 32 u64 next · 40 u64 previous · 48 u64 head row
//	       56 value
//
// The entries of a key are in memory all together or not at all. Chains longer
// than chainMax have their entries in a second table of slots too, so that a hot
// key with a million values is not searched value by value.
type Multi struct{ *arrangement }

const (
	entryHeader = 56
	chainMax    = 16
	headIndexed = 1 // flags of a head
)

func entryClass(e uintptr) uint8    { return *u8at(e) }
func entryFlags(e uintptr) *uint8   { return u8at(e + 1) }
func entryHash(e uintptr) *uint32   { return u32at(e + 4) }
func entryWeight(e uintptr) *int64  { return (*int64)(ptr(e + 24)) }
func entryNext(e uintptr) *uint64   { return u64at(e + 32) }
func entryPrev(e uintptr) *uint64   { return u64at(e + 40) }
func entryHead(e uintptr) *uint64   { return u64at(e + 48) }
func entryVal(e uintptr) []byte     { return bytesAt(e+entryHeader, int(*u32at(e + 16))) }
func headVal(r row) uintptr         { return r + rowHeader + uintptr(rowKeyLen(r)) }
func headFirst(r row) uintptr       { return uintptr(loadWord(headVal(r))) }
func headCount(r row) uint32        { return binary.LittleEndian.Uint32(bytesAt(headVal(r)+8, 4)) }
func headFlags(r row) uint32        { return binary.LittleEndian.Uint32(bytesAt(headVal(r)+12, 4)) }
func setHeadFirst(r row, e uintptr) { binary.LittleEndian.PutUint64(bytesAt(headVal(r), 8), uint64(e)) }
func setHeadCount(r row, n uint32)  { binary.LittleEndian.PutUint32(bytesAt(headVal(r)+8, 4), n) }
func setHeadFlags(r row, n uint32)  { binary.LittleEndian.PutUint32(bytesAt(headVal(r)+12, 4), n) }

func loadWord(a uintptr) uint64 { return binary.LittleEndian.Uint64(bytesAt(a, 8)) }

// Multi opens or creates the multimap with the given id.
func (s *Space) Multi(id uint64) *Multi { return &Multi{s.open(id, kindMulti, TableOptions{})} }

// Lookup finds the entries of keys; heads[i] = 0: key i has none.
func (m *Multi) Lookup(k *Keys, sel []int32, heads []Ref) error {
	return m.find(k, sel, heads, m.loadEntries)
}

// Each calls fn for the values at head, in no particular order, until fn returns
// false. fn must not change the key. Values are valid until it is changed.
func (m *Multi) Each(head Ref, fn func(val []byte, weight int64) bool) {
	if head == 0 {
		return
	}
	for e := headFirst(row(head)); e != 0; e = uintptr(*entryNext(e)) {
		if w := *entryWeight(e); w != 0 && !fn(entryVal(e), w) {
			return
		}
	}
}

// Add changes the weight of one value of key i, whose Lookup gave head, and
// returns the key's head from now on and the value's weight before and after.
func (m *Multi) Add(k *Keys, i int, head Ref, val []byte, weight int64) (newHead Ref, before, after int64, err error) {
	s := m.s
	hash := k.Hash[i]
	p := m.part(s.Part(hash))
	h := hash << p.shift
	p.lock.Lock()
	defer p.lock.Unlock()
	r := row(head)
	if !p.slots.has(h, r) {
		if r = p.lookup(h, k.Key(i)); r == 0 {
			if weight == 0 {
				return 0, 0, 0, nil
			}
			if r, err = p.newHead(s, h, k.Key(i)); err != nil {
				return 0, 0, 0, err
			}
		}
	}
	vh := uint32(xxh3.Hash(val))
	e := p.findEntry(r, h, vh, val)
	if e == 0 {
		if weight == 0 {
			return Ref(r), 0, 0, nil
		}
		e, err = p.newEntry(r, h, vh, val, weight, s)
		if err == nil && m.tracked {
			p.markDirty(e, s.gen)
		}
		return Ref(r), 0, weight, err
	}
	before = *entryWeight(e)
	after = before + weight
	if weight == 0 {
		return Ref(r), before, before, nil
	}
	if !m.tracked || *rowGen(e) == s.gen {
		*entryWeight(e) = after
		if after == 0 && *entryFlags(e)&flagBase == 0 {
			if m.tracked {
				p.dropDirty(e)
			}
			p.unlink(r, h, e)
			p.free(s, e, entryClass(e))
			if headFirst(r) == 0 {
				return m.dropEmpty(p, h, r), before, 0, nil
			}
		}
		return Ref(r), before, after, nil
	}
	if *rowGen(e) <= p.clean {
		*entryWeight(e) = after
		*entryFlags(e) |= flagBase
		p.markDirty(e, s.gen)
		return Ref(r), before, after, nil
	}
	// A checkpoint is writing the entry: put a copy in its place.
	n, err := p.copyEntry(r, h, e)
	if err != nil {
		return Ref(r), before, before, err
	}
	*entryWeight(n) = after
	*entryFlags(n) |= flagBase
	p.markDirty(n, s.gen)
	p.retired = append(p.retired, e)
	return Ref(r), before, after, nil
}

func (p *part) newHead(s *Space, h uint64, key []byte) (row, error) {
	if err := p.slots.grow(s.pool); err != nil {
		return 0, err
	}
	var zero [16]byte
	r, err := p.newRow(key, zero[:], 0, 0, 0)
	if err == nil {
		p.slots.insert(h, r)
	}
	return r, err
}

// dropEmpty removes a head without entries, or leaves that to the end of the
// checkpoint whose entries may name it.
func (m *Multi) dropEmpty(p *part, h uint64, r row) Ref {
	if m.tracked && m.s.inFlight() {
		p.empties = append(p.empties, r)
		return Ref(r)
	}
	p.slots.removeAt(p.slots.find(h, r))
	p.free(m.s, r, rowClass(r))
	return 0
}

// indexHash is where an entry of a long chain is in the second table.
func indexHash(h uint64, vh uint32) uint64 {
	return (h ^ uint64(vh)<<32 ^ uint64(vh)) * 0x9E3779B97F4A7C15
}

func (p *part) findEntry(r row, h uint64, vh uint32, val []byte) uintptr {
	if headFlags(r)&headIndexed == 0 {
		for e := headFirst(r); e != 0; e = uintptr(*entryNext(e)) {
			if *entryHash(e) == vh && bytes.Equal(entryVal(e), val) {
				return e
			}
		}
		return 0
	}
	x := &p.entries
	if x.at == 0 {
		return 0
	}
	ih := indexHash(h, vh)
	m, tag := x.mask(), ih>>addrBits
	for i := x.home(ih); ; i = (i + 1) & m {
		s := *x.slot(i)
		if s == 0 {
			return 0
		}
		if s>>addrBits == tag {
			e := addrOf(s)
			if *entryHash(e) == vh && row(*entryHead(e)) == r && bytes.Equal(entryVal(e), val) {
				return e
			}
		}
	}
}

// newEntry puts an entry at the front of r's chain.
func (p *part) newEntry(r row, h uint64, vh uint32, val []byte, weight int64, s *Space) (uintptr, error) {
	indexed := headFlags(r)&headIndexed != 0
	if !indexed && headCount(r) == chainMax {
		if err := p.indexChain(r, h, s); err != nil {
			return 0, err
		}
		indexed = true
	}
	if indexed {
		if err := p.growEntries(s); err != nil {
			return 0, err
		}
	}
	e, class, err := p.mem.alloc(entryHeader + len(val))
	if err != nil {
		return 0, err
	}
	*u64at(e) = uint64(class)
	*entryHash(e) = vh
	*rowGen(e), *rowDirty(e) = s.gen, 0
	*u32at(e + 16) = uint32(len(val))
	*entryWeight(e) = weight
	first := headFirst(r)
	*entryNext(e), *entryPrev(e), *entryHead(e) = uint64(first), 0, uint64(r)
	copy(entryVal(e), val)
	if first != 0 {
		*entryPrev(first) = uint64(e)
	}
	setHeadFirst(r, e)
	setHeadCount(r, headCount(r)+1)
	if indexed {
		p.entries.insert(indexHash(h, vh), e)
	}
	return e, nil
}

func (p *part) growEntries(s *Space) error {
	p.entries.hashOf = func(e uintptr) uint64 {
		return indexHash(p.h(Hash(rowKey(row(*entryHead(e)), rowHeader))), *entryHash(e))
	}
	return p.entries.grow(s.pool)
}

func (p *part) indexChain(r row, h uint64, s *Space) error {
	for e := headFirst(r); e != 0; e = uintptr(*entryNext(e)) {
		if err := p.growEntries(s); err != nil {
			return err
		}
		p.entries.insert(indexHash(h, *entryHash(e)), e)
	}
	setHeadFlags(r, headFlags(r)|headIndexed)
	return nil
}

func (p *part) unlink(r row, h uint64, e uintptr) {
	next, prev := uintptr(*entryNext(e)), uintptr(*entryPrev(e))
	if next != 0 {
		*entryPrev(next) = uint64(prev)
	}
	if prev != 0 {
		*entryNext(prev) = uint64(next)
	} else {
		setHeadFirst(r, next)
	}
	setHeadCount(r, headCount(r)-1)
	if headFlags(r)&headIndexed != 0 {
		p.entries.removeAt(p.entries.find(indexHash(h, *entryHash(e)), e))
	}
}

// copyEntry puts a copy of e in e's place.
func (p *part) copyEntry(r row, h uint64, e uintptr) (uintptr, error) {
	size := entryHeader + int(*u32at(e + 16))
	n, class, err := p.mem.alloc(size)
	if err != nil {
		return 0, err
	}
	copy(bytesAt(n, size), bytesAt(e, size))
	*u8at(n) = class
	if next := uintptr(*entryNext(n)); next != 0 {
		*entryPrev(next) = uint64(n)
	}
	if prev := uintptr(*entryPrev(n)); prev != 0 {
		*entryNext(prev) = uint64(n)
	} else {
		setHeadFirst(r, n)
	}
	if headFlags(r)&headIndexed != 0 {
		ih := indexHash(h, *entryHash(e))
		*p.entries.slot(p.entries.find(ih, e)) = slotOf(ih, n)
	}
	return n, nil
}

// loadEntries reads all entries of the keys that missed.
func (m *Multi) loadEntries(k *Keys, missed []int32, heads []Ref) (err error) {
	s := m.s
	it, err := s.store.NewIter()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	inKeyOrder(k, missed)
	var pre []byte
	for _, i := range missed {
		key, hash := k.Key(int(i)), k.Hash[i]
		p := m.part(s.Part(hash))
		h := hash << p.shift
		if r := p.lookup(h, key); r != 0 { // twice in the batch
			heads[i] = Ref(r)
			continue
		}
		pre = state.MultiKey(pre[:0], m.id, key)
		r := row(0)
		sk, v, ok, err := it.FindGE(pre)
		for ; ok && bytes.HasPrefix(sk, pre); sk, v, ok, err = it.Next() {
			w, n := binary.Varint(v)
			if n <= 0 || w == 0 {
				return m.damaged()
			}
			p.lock.Lock()
			if r == 0 {
				r, err = p.newHead(s, h, key)
			}
			if err == nil {
				val := sk[len(pre):]
				var e uintptr
				if e, err = p.newEntry(r, h, uint32(xxh3.Hash(val)), val, w, s); err == nil {
					*rowGen(e), *entryFlags(e) = 0, flagBase
					p.loaded++
				}
			}
			p.lock.Unlock()
			if err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		heads[i] = Ref(r)
	}
	return nil
}

func (f *Frozen) writeEntries(ctx context.Context, g *state.Ingest, a *arrangement) error {
	keyOf := func(e uintptr) []byte { return rowKey(row(*entryHead(e)), rowHeader) }
	rows, done, err := gather(a, func(e uintptr) bool { return *entryWeight(e) == 0 }, rowOrder{
		head: func(e uintptr, buf []byte) []byte { return appendHead(buf, keyOf(e)) },
		compare: func(x, y uintptr) int {
			if c := compareSized(keyOf(x), keyOf(y)); c != 0 {
				return c
			}
			return bytes.Compare(entryVal(x), entryVal(y))
		},
	})
	if err != nil {
		return err
	}
	defer done()
	if err := f.s.stop("sorted"); err != nil {
		return err
	}
	var key, val []byte
	for i, e := range rows {
		if i%touchRows == 0 {
			touchSorted(rows[i:], 0)
		}
		key = append(state.MultiKey(key[:0], a.id, keyOf(e.r)), entryVal(e.r)...)
		var err error
		if w := *entryWeight(e.r); w == 0 {
			if *entryFlags(e.r)&flagBase != 0 {
				err = g.Delete(key)
			}
		} else {
			val = binary.AppendVarint(val[:0], w)
			err = g.Set(key, val)
		}
		if err == nil {
			err = yield(ctx, i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// settleEntries removes entries of weight zero that the store no longer has, and
// heads that lost their last one.
func (a *arrangement) settleEntries(p *part) {
	s := a.s
	gone := map[uintptr]bool{}
	for _, e := range p.retired {
		gone[e] = true
	}
	heads := p.empties
	p.empties = nil
	for _, e := range p.tombs {
		if gone[e] {
			continue
		}
		r := row(*entryHead(e))
		p.unlink(r, p.h(Hash(rowKey(r, rowHeader))), e)
		p.free(s, e, entryClass(e))
		heads = append(heads, r)
	}
	done := map[row]bool{}
	for _, r := range heads {
		if done[r] || headFirst(r) != 0 {
			continue
		}
		done[r] = true
		h := p.h(Hash(rowKey(r, rowHeader)))
		p.slots.removeAt(p.slots.find(h, r))
		p.free(s, r, rowClass(r))
	}
}

// dropHead evicts a key with all its entries if they are clean.
func (a *arrangement) dropHead(p *part, r row) bool {
	if a.s.inFlight() || len(p.empties) > 0 {
		return false // retired entries may name the head
	}
	for e := headFirst(r); e != 0; e = uintptr(*entryNext(e)) {
		if *rowGen(e) > p.clean {
			return false
		}
	}
	h := p.h(Hash(rowKey(r, rowHeader)))
	for e := headFirst(r); e != 0; {
		next := uintptr(*entryNext(e))
		p.unlink(r, h, e)
		p.free(a.s, e, entryClass(e))
		e = next
	}
	p.free(a.s, r, rowClass(r))
	return true
}
