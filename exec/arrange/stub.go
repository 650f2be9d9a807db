package arrange

import (
	"context"
	"sort"

	"github.com/tarndb/tarn/storage/state"
)

// Options of a Space.
type Options struct {
	Store  *state.Store // nil: memory only (one-shot queries)
	Budget *Budget      // nil: unbounded
	Parts  int          // a power of two; default 64
	// EpochTime gives the logical time of an epoch, µs; nondecreasing. It decides
	// when history expires; nil: never.
	EpochTime func(epoch uint64) int64
	// Stop, if not nil, is called at each step of a checkpoint; an error from it
	// ends the checkpoint there (crash tests).
	Stop func(step string) error
}

// HistoryMode says whether superseded rows are kept.
type HistoryMode uint8

const (
	HistoryNone HistoryMode = iota // operator state
	HistoryKeep                    // exported relations
)

// TableOptions of a Table.
type TableOptions struct {
	History HistoryMode
	// RetainMicros is how long superseded rows are kept; 0 = an hour, -1 = for ever.
	RetainMicros int64
}

// Space is a set of arrangements under one budget and one checkpoint.
type Space struct {
	opts   Options
	epoch  uint64
	tables map[uint64]*Table
	multis map[uint64]*Multi
	orders map[uint64]*Ordered
}

// NewSpace returns an empty Space, or one over what opts.Store holds.
func NewSpace(opts Options) *Space {
	if opts.Parts == 0 {
		opts.Parts = 64
	}
	return &Space{opts: opts, tables: map[uint64]*Table{}, multis: map[uint64]*Multi{}, orders: map[uint64]*Ordered{}}
}

// Parts is the number of parts.
func (s *Space) Parts() int { return s.opts.Parts }

// Part returns the part of a hash.
func (s *Space) Part(hash uint64) int { return int(hash >> 32 * uint64(s.opts.Parts) >> 32) }

// Begin starts an epoch: all writes until the next Begin belong to it. Epochs ascend.
func (s *Space) Begin(epoch uint64) { s.epoch = epoch }

// Drop removes an arrangement, in memory now, in the store with the next checkpoint.
func (s *Space) Drop(id uint64) {
	delete(s.tables, id)
	delete(s.multis, id)
	delete(s.orders, id)
}

// NeedCheckpoint reports that memory is over the budget and only a checkpoint can relieve it.
func (s *Space) NeedCheckpoint() bool { return false }

// Bytes is the memory held by the Space.
func (s *Space) Bytes() int64 { return 0 }

// Pin holds back the history that a read at epoch e needs, until release is called.
func (s *Space) Pin(e uint64) (release func()) { return func() {} }

// Close returns all memory. Nothing of the Space may be used after it.
func (s *Space) Close() {}

// Freeze ends the set of changes of a checkpoint. It is called between epochs;
// writers may go on as soon as it returns.
func (s *Space) Freeze() *Frozen { return &Frozen{} }

// Frozen is a set of changes on its way to the store.
type Frozen struct{}

// Write makes the frozen changes and meta durable, all or nothing. It may run
// beside writers. After an error the changes are part of the next Freeze.
func (f *Frozen) Write(ctx context.Context, meta map[string][]byte) error { return nil }

// Table is an arrangement with one value per key.
type Table struct {
	s    *Space
	o    TableOptions
	rows map[string]*stubRow
	refs []*stubRow
}

type stubRow struct {
	key  string
	ref  Ref
	vers []Version
}

// Version is a row as it stood from epoch From up to, not including, To.
type Version struct {
	From, To uint64 // To = 0: still current
	Val      []byte
}

// Table opens or creates the table with the given id.
func (s *Space) Table(id uint64, o TableOptions) *Table {
	t := s.tables[id]
	if t == nil {
		t = &Table{s: s, o: o, rows: map[string]*stubRow{}, refs: []*stubRow{nil}}
		s.tables[id] = t
	}
	return t
}

// Lookup finds the rows of keys (sel: of those it lists) and puts their Refs into
// refs[i], i the key's index; 0 = absent.
func (t *Table) Lookup(k *Keys, sel []int32, refs []Ref) error {
	one := func(i int) {
		refs[i] = 0
		if r := t.rows[string(k.Key(i))]; r != nil && r.vers[len(r.vers)-1].Val != nil {
			refs[i] = r.ref
		}
	}
	if sel == nil {
		for i := range k.Len() {
			one(i)
		}
		return nil
	}
	for _, i := range sel {
		one(int(i))
	}
	return nil
}

// Value returns a row's value, valid until the next Put or Delete in its part.
func (t *Table) Value(r Ref) []byte { v := t.refs[r].vers; return v[len(v)-1].Val }

// Put inserts or replaces the row of key i, whose Lookup gave r.
func (t *Table) Put(k *Keys, i int, r Ref, val []byte) (Ref, error) {
	return t.set(k.Key(i), append([]byte{}, val...)), nil
}

// Delete removes the row of key i, whose Lookup gave r; absent rows are no error.
func (t *Table) Delete(k *Keys, i int, r Ref) error {
	if r != 0 {
		t.set(k.Key(i), nil)
	}
	return nil
}

func (t *Table) set(key []byte, val []byte) Ref {
	r := t.rows[string(key)]
	if r == nil {
		r = &stubRow{key: string(key), ref: Ref(len(t.refs))}
		t.refs = append(t.refs, r)
		t.rows[r.key] = r
	}
	if n := len(r.vers); n > 0 {
		if r.vers[n-1].From == t.s.epoch {
			r.vers[n-1].Val = val
			return r.ref
		}
		r.vers[n-1].To = t.s.epoch
	}
	r.vers = append(r.vers, Version{From: t.s.epoch, Val: val})
	return r.ref
}

func (r *stubRow) at(e uint64) []byte {
	for i := len(r.vers) - 1; i >= 0; i-- {
		if r.vers[i].From <= e {
			return r.vers[i].Val
		}
	}
	return nil
}

// Get appends the value of key as of epoch e to dst.
func (t *Table) Get(key []byte, hash uint64, e uint64, dst []byte) (val []byte, ok bool, err error) {
	if r := t.rows[string(key)]; r != nil {
		if v := r.at(e); v != nil {
			return append(dst, v...), true, nil
		}
	}
	return dst, false, nil
}

func (t *Table) sorted() []*stubRow {
	out := append([]*stubRow{}, t.refs[1:]...)
	sort.Slice(out, func(i, j int) bool { return out[i].key < out[j].key })
	return out
}

// Scan calls fn for every row as of epoch e whose key begins with prefix, in no
// particular order. key and val are valid during the call.
func (t *Table) Scan(e uint64, prefix []byte, fn func(key, val []byte) error) error {
	for _, r := range t.sorted() {
		if len(r.key) < len(prefix) || r.key[:len(prefix)] != string(prefix) {
			continue
		}
		if v := r.at(e); v != nil {
			if err := fn([]byte(r.key), v); err != nil {
				return err
			}
		}
	}
	return nil
}

// Changes calls fn for every change of a row with from < epoch ≤ to, in order of
// epoch, then key. old or new is nil where the row was or became absent.
func (t *Table) Changes(from, to uint64, fn func(epoch uint64, key, old, new []byte) error) error {
	for e := from + 1; e <= to; e++ {
		for _, r := range t.sorted() {
			o, n := r.at(e-1), r.at(e)
			if string(o) != string(n) || (o == nil) != (n == nil) {
				if err := fn(e, []byte(r.key), o, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Versions returns what is kept of a key, oldest first.
func (t *Table) Versions(key []byte) ([]Version, error) {
	if r := t.rows[string(key)]; r != nil {
		return r.vers, nil
	}
	return nil, nil
}

// Horizon is the earliest epoch for which the table answers.
func (t *Table) Horizon() uint64 { return 0 }

// Len is the number of rows that are current.
func (t *Table) Len() int64 { return int64(len(t.rows)) }

// Bytes is the memory that the table holds.
func (t *Table) Bytes() int64 { return 0 }

// Multi is an arrangement with a multiset of values per key.
type Multi struct {
	rows  map[string]Ref
	heads []map[string]int64
}

// Multi opens or creates the multimap with the given id.
func (s *Space) Multi(id uint64) *Multi {
	m := s.multis[id]
	if m == nil {
		m = &Multi{rows: map[string]Ref{}, heads: make([]map[string]int64, 1)}
		s.multis[id] = m
	}
	return m
}

// Lookup finds the entries of keys; heads[i] = 0: key i has none.
func (m *Multi) Lookup(k *Keys, sel []int32, heads []Ref) error {
	if sel == nil {
		for i := range k.Len() {
			heads[i] = m.rows[string(k.Key(i))]
		}
		return nil
	}
	for _, i := range sel {
		heads[i] = m.rows[string(k.Key(int(i)))]
	}
	return nil
}

// Add changes the weight of one value of key i, whose Lookup gave head, and
// returns the key's head from now on and the value's weight before and after.
func (m *Multi) Add(k *Keys, i int, head Ref, val []byte, weight int64) (newHead Ref, before, after int64, err error) {
	if head == 0 {
		if head = m.rows[string(k.Key(i))]; head == 0 {
			m.heads = append(m.heads, map[string]int64{})
			head = Ref(len(m.heads) - 1)
			m.rows[string(k.Key(i))] = head
		}
	}
	h := m.heads[head]
	before = h[string(val)]
	after = before + weight
	if after == 0 {
		delete(h, string(val))
	} else {
		h[string(val)] = after
	}
	return head, before, after, nil
}

// Each calls fn for the values at head, in an order that depends only on the
// history of the key, until fn returns false. fn must not change the key.
func (m *Multi) Each(head Ref, fn func(val []byte, weight int64) bool) {
	if head == 0 {
		return
	}
	h := m.heads[head]
	vals := make([]string, 0, len(h))
	for v := range h {
		vals = append(vals, v)
	}
	sort.Strings(vals)
	for _, v := range vals {
		if !fn([]byte(v), h[v]) {
			return
		}
	}
}

// Ordered is an arrangement of entries in order of key within a group. An entry
// has a value, fixed when it appears, and a weight; at weight zero it is gone.
type Ordered struct {
	groups map[string]map[string]*stubEntry
}

type stubEntry struct {
	val    []byte
	weight int64
}

// Ordered opens or creates the ordered arrangement with the given id.
func (s *Space) Ordered(id uint64) *Ordered {
	o := s.orders[id]
	if o == nil {
		o = &Ordered{groups: map[string]map[string]*stubEntry{}}
		s.orders[id] = o
	}
	return o
}

// Add changes the weight of an entry; val is kept if the entry is new. hash is
// the group's.
func (o *Ordered) Add(group []byte, hash uint64, key, val []byte, weight int64) (before, after int64, err error) {
	g := o.groups[string(group)]
	if g == nil {
		g = map[string]*stubEntry{}
		o.groups[string(group)] = g
	}
	e := g[string(key)]
	if e == nil {
		e = &stubEntry{val: append([]byte{}, val...)}
		g[string(key)] = e
	}
	before = e.weight
	e.weight += weight
	if e.weight == 0 {
		delete(g, string(key))
	}
	return before, before + weight, nil
}

// Get returns an entry's value and weight; weight 0: there is none.
func (o *Ordered) Get(group []byte, hash uint64, key []byte) (val []byte, weight int64, err error) {
	if e := o.groups[string(group)][string(key)]; e != nil {
		return e.val, e.weight, nil
	}
	return nil, 0, nil
}

// Ascend calls fn for the group's entries with key ≥ from (nil: all), in
// ascending order, until fn returns false. fn must not change the arrangement.
func (o *Ordered) Ascend(group []byte, hash uint64, from []byte, fn func(key, val []byte, weight int64) bool) error {
	g := o.groups[string(group)]
	keys := make([]string, 0, len(g))
	for k := range g {
		if k >= string(from) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	for _, k := range keys {
		if !fn([]byte(k), g[k].val, g[k].weight) {
			break
		}
	}
	return nil
}

// Descend calls fn for the group's entries with key ≤ from (nil: all), in
// descending order, until fn returns false. fn must not change the arrangement.
func (o *Ordered) Descend(group []byte, hash uint64, from []byte, fn func(key, val []byte, weight int64) bool) error {
	g := o.groups[string(group)]
	keys := make([]string, 0, len(g))
	for k := range g {
		if from == nil || k <= string(from) {
			keys = append(keys, k)
		}
	}
	sort.Sort(sort.Reverse(sort.StringSlice(keys)))
	for _, k := range keys {
		if !fn([]byte(k), g[k].val, g[k].weight) {
			break
		}
	}
	return nil
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

// Last returns the group's last entry.
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
	g := o.groups[string(group)]
	for k := range g {
		if k >= string(from) && (to == nil || k < string(to)) {
			delete(g, k)
			n++
		}
	}
	return n, nil
}
