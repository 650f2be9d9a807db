package arrange

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"sort"

	"github.com/tarndb/tarn/storage/state"
)

// Ordered is an arrangement of entries in order of key within a group. An entry
// has a value, fixed when it appears, and a weight; at weight zero it is gone.
//
//	entry   0 u8 size class · 1 u8 flags · 4 u32 group length
//	        8 u32 generation · 12 u32 dirty index      (as in rows)
//	       16 u32 key length · 20 u32 value length · 24 i64 weight
//	       32 group, key, value
//
// Entries in memory are sorted by (hash of the group, key, group): groups with
// the same hash lie mixed, and are told apart when read. What is in memory
// overrides what the store has under the same key. A group that is wholly in
// memory has a row in slots, unless the part is complete; any other is read as
// the merge of memory and store.
type Ordered struct{ *arrangement }

const (
	ordHeader = 32
	runMax    = 128 // slots in a run
	// loadMax is how many entries of a group are read at a time in the hope that
	// this is all of it; a larger group's allowance grows as it is used.
	loadMax = 1024
)

func ordGroup(e uintptr) []byte { return bytesAt(e+ordHeader, int(*u32at(e + 4))) }
func ordKey(e uintptr) []byte {
	return bytesAt(e+ordHeader+uintptr(*u32at(e + 4)), int(*u32at(e + 16)))
}
func ordVal(e uintptr) []byte {
	return bytesAt(e+ordHeader+uintptr(*u32at(e + 4))+uintptr(*u32at(e + 16)), int(*u32at(e + 20)))
}

// orderedPart is a sorted list in two levels: runs of slots. It has no pointers
// below the list of runs.
type orderedPart struct {
	runs  [][]ordSlot
	n     int
	bytes int64
	taken int64 // accounted
}

type ordSlot struct {
	hash, prefix uint64
	e            uintptr
}

// Ordered opens or creates the ordered arrangement with the given id.
func (s *Space) Ordered(id uint64) *Ordered { return &Ordered{s.open(id, kindOrdered, TableOptions{})} }

func (o *orderedPart) close(s *Space) {
	s.pool.unaccount(o.taken)
	*o = orderedPart{}
}

// account charges the runs to the budget, in steps so that it is rarely done.
func (o *orderedPart) account(s *Space, delta int64) error {
	o.bytes += delta
	if o.bytes > o.taken || o.bytes < o.taken/2-1<<16 {
		want := o.bytes + o.bytes/8
		if err := s.pool.account(want - o.taken); err != nil {
			return err
		}
		o.taken = want
	}
	return nil
}

func compareOrd(s *ordSlot, hash, prefix uint64, key, group []byte) int {
	if s.hash != hash {
		return cmp.Compare(s.hash, hash)
	}
	if s.prefix != prefix {
		return cmp.Compare(s.prefix, prefix)
	}
	if c := bytes.Compare(ordKey(s.e), key); c != 0 {
		return c
	}
	return bytes.Compare(ordGroup(s.e), group)
}

// seek returns the position of the first slot not less than the given entry;
// group nil is less than all groups.
func (o *orderedPart) seek(hash uint64, key, group []byte) (run, at int, found bool) {
	prefix := prefixOf(key)
	run = sort.Search(len(o.runs), func(i int) bool {
		r := o.runs[i]
		return compareOrd(&r[len(r)-1], hash, prefix, key, group) >= 0
	})
	if run == len(o.runs) {
		return run, 0, false
	}
	r := o.runs[run]
	lo, hi := 0, len(r)
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		c := compareOrd(&r[m], hash, prefix, key, group)
		if c == 0 {
			found = true
		}
		if c < 0 {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return run, lo, found
}

const slotBytes = 24

func (o *orderedPart) insert(s *Space, run, at int, slot ordSlot) error {
	if run == len(o.runs) {
		if run == 0 {
			if err := o.account(s, 4*slotBytes+24); err != nil {
				return err
			}
			o.runs = append(o.runs, make([]ordSlot, 0, 4))
		} else {
			run--
			at = len(o.runs[run])
		}
	}
	r := o.runs[run]
	if len(r) == runMax {
		// Split at the middle, or at the end where entries arrive in order.
		cut := runMax / 2
		if at == runMax && run == len(o.runs)-1 {
			cut = runMax - runMax/8
		}
		if err := o.account(s, runMax*slotBytes+24); err != nil {
			return err
		}
		tail := append(make([]ordSlot, 0, runMax), r[cut:]...)
		o.runs[run] = r[:cut]
		o.runs = slices.Insert(o.runs, run+1, tail)
		if at > cut || at == cut && cut > runMax/2 {
			run, at = run+1, at-cut
		}
		r = o.runs[run]
	}
	if len(r) == cap(r) {
		grown := min(2*cap(r), runMax)
		if err := o.account(s, int64(grown-cap(r))*slotBytes); err != nil {
			return err
		}
		r = append(make([]ordSlot, 0, grown), r...)
	}
	o.runs[run] = slices.Insert(r, at, slot)
	o.n++
	return nil
}

func (o *orderedPart) remove(s *Space, run, at int) {
	r := o.runs[run]
	r = slices.Delete(r, at, at+1)
	o.runs[run] = r
	o.n--
	if len(r) == 0 {
		_ = o.account(s, -int64(cap(r))*slotBytes-24)
		o.runs = slices.Delete(o.runs, run, run+1)
	}
}

func (o *Ordered) at(hash uint64) *part { return o.part(o.s.Part(hash)) }

// whole makes sure that the group is in memory, if it is not too large, and
// reports whether it is.
func (o *Ordered) whole(p *part, group []byte, hash uint64) (bool, error) {
	if o.err != nil {
		return false, o.err
	}
	if p.complete {
		return true, nil
	}
	h := hash << p.shift
	allowed := loadMax
	g := p.lookup(h, group)
	if g != 0 {
		state := rowVal(g, rowHeader)
		n := binary.LittleEndian.Uint32(state)
		if n == 0 {
			return true, nil
		}
		// Too large so far: try again when it has been used as often as it costs.
		used := binary.LittleEndian.Uint32(state[4:]) + 1
		binary.LittleEndian.PutUint32(state[4:], used)
		if used < n/8 || o.s.opts.Budget.over() {
			return false, nil
		}
		allowed = int(n) * 8
	}
	return o.loadGroup(p, h, group, hash, g, allowed)
}

// loadGroup reads a group into memory. Its row's value is how many entries were
// not enough (0: all are here), and how often it was used since.
func (o *Ordered) loadGroup(p *part, h uint64, group []byte, hash uint64, g row, allowed int) (whole bool, err error) {
	s := o.s
	it, err := s.store.NewIter()
	if err != nil {
		return false, err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	pre := state.OrderedKey(nil, o.id, group)
	k, v, ok, err := it.FindGE(pre)
	n := 0
	p.lock.Lock()
	defer p.lock.Unlock()
	for ; ok && bytes.HasPrefix(k, pre) && n < allowed; k, v, ok, err = it.Next() {
		n++
		w, val, err := o.storedEntry(v)
		if err != nil {
			return false, err
		}
		run, at, found := p.ord.seek(hash, k[len(pre):], group)
		p.loaded++
		if found {
			continue // memory knows better
		}
		e, err := p.newOrd(group, k[len(pre):], val, w, 0, flagBase)
		if err != nil {
			return false, err
		}
		if err := p.ord.insert(s, run, at, ordSlot{hash, prefixOf(k[len(pre):]), e}); err != nil {
			return false, err
		}
	}
	if err != nil {
		return false, err
	}
	whole = !ok || !bytes.HasPrefix(k, pre)
	var st [8]byte
	if !whole {
		binary.LittleEndian.PutUint32(st[:], uint32(n))
	}
	if g != 0 {
		copy(rowVal(g, rowHeader), st[:])
		return whole, nil
	}
	if err := p.slots.grow(s.pool); err != nil {
		return false, err
	}
	if g, err = p.newRow(group, st[:], 0, 0, 0); err != nil {
		return false, err
	}
	p.slots.insert(h, g)
	return whole, nil
}

func (o *Ordered) storedEntry(v []byte) (weight int64, val []byte, err error) {
	w, n := binary.Varint(v)
	if n <= 0 || w == 0 {
		return 0, nil, o.damaged()
	}
	return w, v[n:], nil
}

func (p *part) newOrd(group, key, val []byte, weight int64, gen uint32, flags uint8) (uintptr, error) {
	e, class, err := p.mem.alloc(ordHeader + len(group) + len(key) + len(val))
	if err != nil {
		return 0, err
	}
	*u64at(e) = uint64(class) | uint64(flags)<<8 | uint64(len(group))<<32
	*rowGen(e), *rowDirty(e) = gen, 0
	*u32at(e + 16), *u32at(e + 20) = uint32(len(key)), uint32(len(val))
	*entryWeight(e) = weight
	copy(ordGroup(e), group)
	copy(ordKey(e), key)
	copy(ordVal(e), val)
	return e, nil
}

// relieveAt evicts in a part before it is worked on.
func (o *Ordered) relieveAt(p *part) {
	if o.s.store != nil && o.s.opts.Budget.over() {
		o.evict(p)
	}
}

// Add changes the weight of an entry; val is kept if the entry is new. hash is
// the group's.
func (o *Ordered) Add(group []byte, hash uint64, key, val []byte, weight int64) (before, after int64, err error) {
	p := o.at(hash)
	o.relieveAt(p)
	whole, err := o.whole(p, group, hash)
	if err != nil {
		return 0, 0, err
	}
	return o.add(p, group, hash, key, val, weight, whole)
}

func (o *Ordered) add(p *part, group []byte, hash uint64, key, val []byte, weight int64, whole bool) (before, after int64, err error) {
	s := o.s
	run, at, found := p.ord.seek(hash, key, group)
	if !found && !whole {
		stored, w, err := o.storedGet(group, key)
		if err != nil {
			return 0, 0, err
		}
		if w != 0 {
			p.lock.Lock()
			e, err := p.newOrd(group, key, stored, w, 0, flagBase)
			if err == nil {
				err = p.ord.insert(s, run, at, ordSlot{hash, prefixOf(key), e})
			}
			p.lock.Unlock()
			if err != nil {
				return 0, 0, err
			}
			run, at, found = p.ord.seek(hash, key, group)
		}
	}
	if weight == 0 && !found {
		return 0, 0, nil
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	if !found {
		e, err := p.newOrd(group, key, val, weight, s.gen, 0)
		if err != nil {
			return 0, 0, err
		}
		if err := p.ord.insert(s, run, at, ordSlot{hash, prefixOf(key), e}); err != nil {
			return 0, 0, err
		}
		if o.tracked {
			p.markDirty(e, s.gen)
		}
		return 0, weight, nil
	}
	e := p.ord.runs[run][at].e
	before = *entryWeight(e)
	after = before + weight
	if weight == 0 {
		return before, before, nil
	}
	gen := *rowGen(e)
	inPlace := !o.tracked || gen == s.gen || gen <= p.clean
	if before == 0 && !bytes.Equal(ordVal(e), val) || !inPlace {
		// An entry that comes back has a new value; one that a checkpoint is
		// writing stays as it is.
		v := ordVal(e)
		if before == 0 {
			v = val
		}
		n, err := p.newOrd(group, key, v, after, s.gen, *entryFlags(e))
		if err != nil {
			return before, before, err
		}
		p.ord.runs[run][at].e = n
		switch {
		case !o.tracked:
			p.free(s, e, entryClass(e))
		case gen == s.gen:
			p.moveDirty(e, n)
			p.free(s, e, entryClass(e))
		case gen <= p.clean:
			*entryFlags(n) |= flagBase
			p.markDirty(n, s.gen)
			p.free(s, e, entryClass(e))
		default:
			*entryFlags(n) |= flagBase
			p.markDirty(n, s.gen)
			p.retired = append(p.retired, e)
		}
		return before, after, nil
	}
	*entryWeight(e) = after
	if o.tracked && gen != s.gen {
		*entryFlags(e) |= flagBase
		p.markDirty(e, s.gen)
	}
	if after == 0 && *entryFlags(e)&flagBase == 0 {
		if o.tracked {
			p.dropDirty(e)
		}
		p.ord.remove(s, run, at)
		p.free(s, e, entryClass(e))
	}
	return before, after, nil
}

// storedGet reads one entry of a group that is too large to be in memory.
func (o *Ordered) storedGet(group, key []byte) (val []byte, weight int64, err error) {
	v, ok, err := o.s.store.Get(append(state.OrderedKey(nil, o.id, group), key...), nil)
	if err != nil || !ok {
		return nil, 0, err
	}
	weight, val, err = o.storedEntry(v)
	return val, weight, err
}

// Get returns an entry's value and weight; weight 0: there is none.
func (o *Ordered) Get(group []byte, hash uint64, key []byte) (val []byte, weight int64, err error) {
	p := o.at(hash)
	whole, err := o.whole(p, group, hash)
	if err != nil {
		return nil, 0, err
	}
	if run, at, found := p.ord.seek(hash, key, group); found {
		e := p.ord.runs[run][at].e
		return ordVal(e), *entryWeight(e), nil
	}
	if whole {
		return nil, 0, nil
	}
	return o.storedGet(group, key)
}

// First returns the group's first entry; ok = false: the group is empty. key and
// val are valid until the next change in the part.
func (o *Ordered) First(group []byte, hash uint64) (key, val []byte, weight int64, ok bool, err error) {
	err = o.Ascend(group, hash, nil, func(k, v []byte, w int64) bool {
		key, val, weight, ok = k, v, w, true
		return false
	})
	return
}

// Last returns the group's last entry, as First does.
func (o *Ordered) Last(group []byte, hash uint64) (key, val []byte, weight int64, ok bool, err error) {
	err = o.Descend(group, hash, nil, func(k, v []byte, w int64) bool {
		key, val, weight, ok = k, v, w, true
		return false
	})
	return
}

// DeleteRange removes the group's entries with from ≤ key < to (nil: no bound)
// and returns how many there were.
func (o *Ordered) DeleteRange(group []byte, hash uint64, from, to []byte) (n int, err error) {
	type doomed struct {
		key []byte
		w   int64
	}
	p := o.at(hash)
	for {
		// In bites, so that a large range needs no large list.
		var list []doomed
		err := o.Ascend(group, hash, from, func(k, _ []byte, w int64) bool {
			if to != nil && bytes.Compare(k, to) >= 0 {
				return false
			}
			list = append(list, doomed{bytes.Clone(k), w})
			return len(list) < 4096
		})
		if err != nil {
			return n, err
		}
		for _, d := range list {
			whole, err := o.whole(p, group, hash)
			if err != nil {
				return n, err
			}
			if _, _, err := o.add(p, group, hash, d.key, nil, -d.w, whole); err != nil {
				return n, err
			}
		}
		n += len(list)
		if len(list) < 4096 {
			return n, nil
		}
	}
}

func (f *Frozen) writeOrdered(ctx context.Context, g *state.Ingest, a *arrangement) error {
	rows, done, err := gather(a, func(e uintptr) bool { return *entryWeight(e) == 0 }, rowOrder{
		head: func(e uintptr, buf []byte) []byte {
			group, key := ordGroup(e), ordKey(e)
			buf = appendHead(buf, group)
			if len(group) < headMax/2 {
				buf = append(buf, key[:min(len(key), headMax/2)]...)
			}
			return buf
		},
		compare: func(x, y uintptr) int {
			if c := compareSized(ordGroup(x), ordGroup(y)); c != 0 {
				return c
			}
			return bytes.Compare(ordKey(x), ordKey(y))
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
		key = append(state.OrderedKey(key[:0], a.id, ordGroup(e.r)), ordKey(e.r)...)
		var err error
		if w := *entryWeight(e.r); w == 0 {
			if *entryFlags(e.r)&flagBase != 0 {
				err = g.Delete(key)
			}
		} else {
			val = append(binary.AppendVarint(val[:0], w), ordVal(e.r)...)
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

// settleOrdered removes entries of weight zero that the store no longer has.
func (a *arrangement) settleOrdered(p *part) {
	for _, e := range p.tombs {
		group := ordGroup(e)
		run, at, found := p.ord.seek(Hash(group), ordKey(e), group)
		if found && p.ord.runs[run][at].e == e {
			p.ord.remove(a.s, run, at)
			p.free(a.s, e, entryClass(e))
		}
	}
}

// evictOrdered drops all clean entries of a part, and what it knew of groups.
func (a *arrangement) evictOrdered(p *part) {
	old := p.ord.runs
	kept := 0
	for _, r := range old {
		for _, s := range r {
			if *rowGen(s.e) > p.clean {
				kept++
			}
		}
	}
	if kept == p.ord.n {
		return
	}
	s := a.s
	p.ord.close(s)
	for _, r := range old {
		for _, x := range r {
			if *rowGen(x.e) > p.clean {
				_ = p.ord.insert(s, len(p.ord.runs), 0, x)
			} else {
				p.free(s, x.e, entryClass(x.e))
			}
		}
	}
	if p.slots.at != 0 {
		for i := range uint64(1) << p.slots.bits {
			if g := addrOf(*p.slots.slot(i)); g != 0 {
				p.free(s, g, rowClass(g))
			}
		}
		p.slots.close(s.pool)
	}
	p.complete = false
}
