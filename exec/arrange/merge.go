package arrange

import (
	"bytes"

	"github.com/tarndb/tarn/storage/state"
)

// ordCursor walks the entries of one group in memory, either way.
type ordCursor struct {
	o       *orderedPart
	hash    uint64
	group   []byte
	run, at int
	step    int // +1 or -1
}

// entry returns the current entry, 0 at the end of the group.
func (c *ordCursor) entry() uintptr {
	for c.run >= 0 && c.run < len(c.o.runs) {
		r := c.o.runs[c.run]
		if c.at < 0 || c.at >= len(r) {
			c.run += c.step
			if c.run < 0 || c.run >= len(c.o.runs) {
				return 0
			}
			c.at = 0
			if c.step < 0 {
				c.at = len(c.o.runs[c.run]) - 1
			}
			continue
		}
		s := &r[c.at]
		if s.hash != c.hash {
			return 0
		}
		if bytes.Equal(ordGroup(s.e), c.group) {
			return s.e
		}
		c.at += c.step // another group of the same hash
	}
	return 0
}

// Ascend calls fn for the group's entries with key ≥ from (nil: all), in
// ascending order, until fn returns false. fn must not change the arrangement.
// key and val are valid until the next change in the part.
func (o *Ordered) Ascend(group []byte, hash uint64, from []byte, fn func(key, val []byte, weight int64) bool) error {
	p := o.at(hash)
	o.relieveAt(p)
	whole, err := o.whole(p, group, hash)
	if err != nil {
		return err
	}
	c := ordCursor{o: p.ord, hash: hash, group: group, step: 1}
	c.run, c.at, _ = p.ord.seek(hash, from, nil)
	return o.walk(&c, whole, group, from, fn)
}

// Descend calls fn for the group's entries with key ≤ from (nil: all), in
// descending order, until fn returns false. fn must not change the arrangement.
func (o *Ordered) Descend(group []byte, hash uint64, from []byte, fn func(key, val []byte, weight int64) bool) error {
	p := o.at(hash)
	o.relieveAt(p)
	whole, err := o.whole(p, group, hash)
	if err != nil {
		return err
	}
	c := ordCursor{o: p.ord, hash: hash, group: group, step: -1}
	switch {
	case from != nil:
		// The key that follows from directly is from with a zero byte.
		c.run, c.at, _ = p.ord.seek(hash, append(bytes.Clone(from), 0), nil)
	case hash == ^uint64(0):
		c.run, c.at = len(p.ord.runs), 0
	default:
		c.run, c.at, _ = p.ord.seek(hash+1, nil, nil)
	}
	if c.at--; c.at < 0 {
		if c.run--; c.run >= 0 {
			c.at = len(p.ord.runs[c.run]) - 1
		}
	}
	return o.walk(&c, whole, group, from, fn)
}

// walk merges memory and, unless all is in memory, the store.
func (o *Ordered) walk(c *ordCursor, whole bool, group, from []byte, fn func(key, val []byte, weight int64) bool) (err error) {
	if whole {
		for e := c.entry(); e != 0; e = c.entry() {
			if w := *entryWeight(e); w != 0 && !fn(ordKey(e), ordVal(e), w) {
				return nil
			}
			c.at += c.step
		}
		return nil
	}
	it, err := o.s.store.NewIter()
	if err != nil {
		return err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	pre := state.OrderedKey(nil, o.id, group)
	lo, hi := pre, state.After(nil, pre)
	next, open := it.Next, it.Range
	if c.step < 0 {
		next, open = it.Prev, it.RangeDown
		if from != nil {
			hi = append(append(bytes.Clone(pre), from...), 0)
		}
	} else if from != nil {
		lo = append(bytes.Clone(pre), from...)
	}
	k, v, ok, err := open(lo, hi)
	e := c.entry()
	for err == nil && (ok || e != 0) {
		order := 0
		switch {
		case e == 0:
			order = 1
		case !ok:
			order = -1
		default:
			order = bytes.Compare(ordKey(e), k[len(pre):]) * c.step
		}
		if order <= 0 {
			if w := *entryWeight(e); w != 0 && !fn(ordKey(e), ordVal(e), w) {
				return nil
			}
			c.at += c.step
			e = c.entry()
		}
		if order > 0 {
			w, val, err := o.storedEntry(v)
			if err != nil {
				return err
			}
			if !fn(bytes.Clone(k[len(pre):]), bytes.Clone(val), w) {
				return nil
			}
		}
		if order >= 0 {
			k, v, ok, err = next()
		}
	}
	return err
}
