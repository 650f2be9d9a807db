package arrange

import (
	"bytes"
	"sync"

	"github.com/tarndb/tarn/storage/state"
)

// A look-up of a few hundred keys that are not in memory reads a block of the store
// for each. Who knows many thousands of keys ahead, as recovery does, says so: they
// are read in order of key, each block once, by several goroutines.

const (
	// expectBytes is what a row may take in memory, to see whether there is room.
	expectBytes = 160
	// expectAll, expectNear: where more than one row in so many is expected, all become
	// warm, or all are passed over in order, which costs a tenth of a seek.
	expectAll  = 2
	expectNear = 16
	// expectLane is the least number of rows that pays for another goroutine.
	expectLane = 4096
)

// Cold reports whether rows of the table may be in the store and not in memory.
func (t *Table) Cold() bool {
	if t.s.store == nil || t.known || t.err != nil {
		return false
	}
	for i := range t.parts {
		if p := t.parts[i].Load(); p == nil || !p.complete {
			return true
		}
	}
	return false
}

// Expect reads rows into memory whose keys are about to be looked up, if there is
// room for them; k may have a key many times. It is called between epochs.
func (t *Table) Expect(k *Keys, workers int) error {
	if !t.Cold() {
		return nil
	}
	missing := make([]sorted, 0, k.Len())
	for i := range k.Len() {
		hash := k.Hash[i]
		p := t.part(t.s.Part(hash))
		if !p.complete && (p.slots.at == 0 || p.lookup(hash<<p.shift, k.Key(i)) == 0) {
			missing = append(missing, sorted{r: uintptr(i)})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	missing = k.inOrder(missing)
	n, rows := int64(len(missing)), t.count.Load()
	all, near := n*expectAll > rows && t.s.opts.Budget.room(rows*expectBytes), n*expectNear > rows
	if !all && !t.s.opts.Budget.room(n*expectBytes) {
		return nil
	}
	workers = max(min(workers, len(missing)/expectLane), 1)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		lo, hi := len(missing)*w/workers, len(missing)*(w+1)/workers
		wg.Go(func() {
			if !near {
				errs[w] = t.readKeys(k, missing[lo:hi])
				return
			}
			start := t.storeStart()
			from, to := start, state.After(nil, start)
			if w > 0 {
				from = state.RowKey(nil, t.id, k.Key(int(missing[lo].r)))
			}
			if w < workers-1 {
				to = state.RowKey(nil, t.id, k.Key(int(missing[hi].r)))
			}
			errs[w] = t.readRange(from, to, k, missing[lo:hi], all)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if all {
		t.allRead()
		return nil
	}
	t.noteSought(len(missing))
	return nil
}

// inOrder sorts key numbers by key; of equal keys one remains.
func (k *Keys) inOrder(is []sorted) []sorted {
	key := func(x sorted) []byte { return k.Key(int(x.r)) }
	common := key(is[0])
	for _, x := range is {
		n, b := 0, key(x)
		for n < len(common) && n < len(b) && common[n] == b[n] {
			n++
		}
		common = common[:n]
	}
	for i, x := range is {
		is[i].prefix = prefixOf(key(x)[len(common):])
	}
	radix(is, make([]sorted, len(is)))
	ties := rowOrder{compare: func(x, y uintptr) int { return bytes.Compare(k.Key(int(x)), k.Key(int(y))) }}
	out := is[:0]
	for lo := 0; lo < len(is); {
		hi := lo + 1
		for hi < len(is) && is[hi].prefix == is[lo].prefix {
			hi++
		}
		ties.ties(is[lo:hi])
		for i := lo; i < hi; i++ {
			if n := len(out); n == 0 || !bytes.Equal(key(out[n-1]), key(is[i])) {
				out = append(out, is[i])
			}
		}
		lo = hi
	}
	return out
}

// readKeys reads the rows of keys that are in order.
func (t *Table) readKeys(k *Keys, in []sorted) error {
	return t.reading(func(it *state.Iter) error {
		var buf []byte
		for _, x := range in {
			key := k.Key(int(x.r))
			buf = state.RowKey(buf[:0], t.id, key)
			v, ok, err := it.Seek(buf)
			if err == nil && ok {
				err = t.take(key, k.Hash[x.r], v, clockBit)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// readRange reads the rows between two keys of the store: those of keys that are in
// order, or all.
func (t *Table) readRange(from, to []byte, k *Keys, in []sorted, all bool) error {
	start := len(t.storeStart())
	return t.reading(func(it *state.Iter) error {
		sk, v, ok, err := it.Range(from, to)
		for ; ok; sk, v, ok, err = it.Next() {
			key := sk[start:]
			c := -1
			for len(in) > 0 {
				if c = bytes.Compare(key, k.Key(int(in[0].r))); c <= 0 {
					break
				}
				in = in[1:]
			}
			var err error
			switch {
			case len(in) > 0 && c == 0:
				err = t.take(key, k.Hash[in[0].r], v, clockBit)
			case all:
				err = t.take(key, Hash(key), v, 0)
			case len(in) == 0:
				return nil
			}
			if err != nil {
				return err
			}
		}
		return err
	})
}

func (t *Table) reading(read func(it *state.Iter) error) error {
	it, err := t.s.store.NewIter()
	if err != nil {
		return err
	}
	err = read(it)
	if cerr := it.Close(); err == nil {
		err = cerr
	}
	return err
}

// take adds a row as the store has it, unless its key is there.
func (a *arrangement) take(key []byte, hash uint64, v []byte, used uint32) error {
	epoch, val, err := a.storedRow(v)
	if err != nil {
		return err
	}
	p := a.part(a.s.Part(hash))
	_, err = p.adopt(a.s, hash<<p.shift, key, val, epoch, used)
	return err
}

// allRead notes that all rows of the store are in memory.
func (a *arrangement) allRead() {
	for i := range a.parts {
		p := a.part(i)
		p.lock.Lock()
		p.complete, p.completeFrom = true, a.s.ckpt.Load()
		p.lock.Unlock()
	}
}
