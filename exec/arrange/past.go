package arrange

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/storage/state"
)

// storedAt answers from the store; later: the current row is known to be later, and
// what the store has of the key ended in epoch began at the latest, if that is not 0.
func (t *Table) storedAt(key []byte, e uint64, dst []byte, later bool, began uint64) (val []byte, ok bool, err error) {
	it, err := t.s.store.NewIter()
	if err != nil {
		return dst, false, err
	}
	defer func() {
		if cerr := it.Close(); err == nil {
			err = cerr
		}
	}()
	buf := make([]byte, 0, 64+len(key))
	if !later {
		buf = state.RowKey(buf, t.id, key)
		v, ok, err := it.Find(buf)
		if err != nil {
			return dst, false, err
		}
		if ok {
			epoch, val, err := t.storedRow(v)
			if err != nil || !t.history || epoch <= e {
				return append(dst, val...), err == nil, err
			}
			began = epoch
		}
		if !t.history {
			return dst, false, nil
		}
	}
	look := past{t: t, it: it, key: key, e: e, buf: buf}
	if err := look.search(began); err != nil || !look.ok {
		return dst, false, err
	}
	return append(dst, look.val...), true, nil
}

// past looks for the version of a key that stood at epoch e.
type past struct {
	t   *Table
	it  *state.Iter
	key []byte
	e   uint64
	buf []byte

	val    []byte // valid until the iterator moves
	ok     bool
	sought int // slices
}

// search looks for the version that stood before what began at epoch began; 0 = that
// is not known.
//
// It goes through the slices from both ends. From the old one it takes one slice after
// the other: the first that has an entry of the key has the one that counts. That is
// soon for a key that changes often, and never for one that has not changed in between.
// From the new one it goes from version to version: each says where the one before it
// ended. That is soon for a key that changes seldom. Where a key was absent in between,
// the thread is lost, and what is left is the first way, and filters (filter.go).
func (p *past) search(began uint64) error {
	t := p.t
	all, hash := t.s.slicesFrom(t.retain, p.e), Hash(p.key)
	for lo, hi := 0, len(all); lo < hi; lo++ {
		if all[lo].Packed && t.lacks(all[lo].From, hash) {
			continue
		}
		if from, done, err := p.seek(all[lo]); done || err != nil || from < math.MaxUint64 {
			return err // nothing ended earlier, so the key was absent before from
		}
		if began == 0 {
			continue
		}
		ended := began
		began = 0
		b := t.s.bucket(t.retain, ended)
		i := max(lo+1, firstSlice(all, b, ended-1))
		for j := i; j < min(hi, i+3) && all[j].Bucket == b; j++ {
			if all[j].Packed && all[j].From < ended {
				continue // it has what its first checkpoint wrote, and no more
			}
			from, done, err := p.seek(all[j])
			if done || err != nil {
				return err
			}
			if from < math.MaxUint64 {
				began, hi = from, j
				break
			}
		}
	}
	return nil
}

// seek looks for the oldest entry of the key in a slice that ended after e. It says
// what stood at e (done), or in which epoch the entry's oldest version began.
func (p *past) seek(x state.Slice) (from uint64, done bool, err error) {
	p.sought++
	entry, buf, ok, err := p.t.entryFrom(p.it, x, p.key, p.e+1, p.buf)
	p.buf = buf
	if err != nil || !ok {
		return math.MaxUint64, false, err
	}
	for entry.Next() {
		if entry.To <= p.e { // absent in between
			return 0, true, nil
		}
		if entry.From <= p.e {
			p.val, p.ok = entry.Val, true
			return 0, true, nil
		}
	}
	if entry.Damaged() {
		return 0, false, p.t.damaged()
	}
	return entry.From, false, nil
}

// entryFrom returns a key's first entry in a slice whose valid-to is not less than to;
// before Next, its From is its valid-to. buf is lent.
func (t *Table) entryFrom(it *state.Iter, x state.Slice, key []byte, to uint64, buf []byte) (entry state.Versions, newBuf []byte, ok bool, err error) {
	buf = state.HistoryKey(buf[:0], t.retain.class, x, t.id, key)
	n := len(buf)
	buf = state.AppendEpoch(buf, to)
	if !x.Packed {
		k, v, ok, err := it.FindGE(buf)
		if err != nil || !ok || len(k) != n+8 || !bytes.Equal(k[:n], buf[:n]) {
			return entry, buf, false, err
		}
		return state.ReadVersions(binary.BigEndian.Uint64(k[n:]), v), buf, true, nil
	}
	k, v, ok, err := it.First(buf)
	start := n - len(key) - uvarintLen(len(key))
	if err != nil || !ok || len(k) < start || !bytes.Equal(k[:start], buf[:start]) {
		return entry, buf, false, err
	}
	pack := state.ReadPack(x.From, v)
	for pack.Next() {
		c := compareSized(pack.Key, key)
		if c == 0 && pack.To >= to {
			return state.ReadVersions(pack.To, pack.Versions), buf, true, nil
		}
		if c > 0 {
			break
		}
	}
	if pack.Damaged() {
		err = t.damaged()
	}
	return entry, buf, false, err
}
