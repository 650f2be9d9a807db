package arrange

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"sort"

	"github.com/tarndb/tarn/storage/state"
)

// A checkpoint is Freeze (between epochs: swaps lists), Write (beside running:
// sorts, writes files, enters the store in one step). While Write runs, and until
// the next Begin or Freeze, a frozen row is never changed nor freed: it is read
// without locks.

// Frozen is a set of changes on its way to the store.
type Frozen struct {
	s       *Space
	epoch   uint64
	gen     uint32 // the last one that is frozen
	arrs    []*arrangement
	dropped []uint64
	expire  []expiry
	filled  map[uint64]*filling // history by class
	changed map[*arrangement]*changedRows
	lists   []func()      // give their memory back
	filters []*packFilter // that have keys of its packs
}

type expiry struct{ class, first, until uint64 }

// Freeze ends the set of changes of a checkpoint. It is called between epochs,
// not before the Write of the last one has returned; writers may go on as soon
// as it returns.
func (s *Space) Freeze() *Frozen {
	if s.store == nil {
		return &Frozen{s: s}
	}
	s.settle()
	f := &Frozen{s: s, epoch: s.epoch, gen: s.gen, arrs: s.all(), filled: map[uint64]*filling{},
		changed: map[*arrangement]*changedRows{}}
	for _, a := range f.arrs {
		a.frozenN = a.count.Load()
		a.each(func(p *part) {
			p.lock.Lock()
			if p.frozen == nil && p.frozenLog.n == 0 {
				p.frozen, p.dirty = p.dirty, nil
				p.frozenLog, p.log = p.log, versionLog{}
			} else {
				a.refreeze(p)
			}
			p.logFrom = s.epoch
			p.lock.Unlock()
		})
	}
	s.gen++
	s.mu.Lock()
	defer s.mu.Unlock()
	f.dropped, s.dropped = s.dropped, nil
	f.expire = s.expiries(f.arrs)
	s.flight = f
	return f
}

// Changed is how many rows have changed since the last Freeze. It is called between
// epochs.
func (s *Space) Changed() (n int) {
	for _, a := range s.all() {
		a.each(func(p *part) { n += len(p.dirty) })
	}
	return n
}

// refreeze joins the changes of a checkpoint that failed with those since. Rows
// that were superseded meanwhile are no longer current and leave the list.
func (a *arrangement) refreeze(p *part) {
	gone := map[uintptr]bool{}
	for _, r := range p.retired {
		gone[r] = true
	}
	if a.history {
		for _, r := range p.dirty {
			if r != 0 {
				uncross(r)
			}
		}
	}
	joined := p.frozen[:0:0]
	for _, list := range [...][]uintptr{p.frozen, p.dirty} {
		for _, r := range list {
			if r != 0 && !gone[r] {
				joined = append(joined, r)
			}
		}
	}
	for _, r := range p.retired {
		p.free(a.s, r, a.classOf(r))
	}
	p.retired = nil
	p.frozen, p.dirty = joined, nil
	p.frozenLog.join(p.log)
	p.log = versionLog{}
}

// expiries says which buckets may go now. s.mu is held.
func (s *Space) expiries(arrs []*arrangement) []expiry {
	if s.opts.EpochTime == nil {
		return nil
	}
	var out []expiry
	seen := map[uint64]bool{}
	oldest := uint64(math.MaxUint64)
	for e := range s.pins {
		oldest = min(oldest, e)
	}
	for _, a := range arrs {
		r := a.retain
		if !a.history || r.keep < 0 || seen[r.class] || s.store == nil {
			continue
		}
		seen[r.class] = true
		until := uint64(max(s.opts.EpochTime(s.epoch)-r.keep, 0) / r.width)
		if oldest != math.MaxUint64 {
			until = min(until, s.bucket(r, oldest))
		}
		if first := s.expired[r.class]; until > first {
			out = append(out, expiry{r.class, first, until})
			s.expired[r.class] = until
		}
	}
	slices.SortFunc(out, func(a, b expiry) int { return cmp.Compare(a.class, b.class) })
	return out
}

func (s *Space) stop(step string) error {
	if s.opts.Stop == nil {
		return nil
	}
	return s.opts.Stop(step)
}

// Write makes the frozen changes and meta durable, all or nothing. It may run
// beside writers. After an error the changes are part of the next Freeze.
func (f *Frozen) Write(ctx context.Context, meta map[string][]byte) error {
	s := f.s
	if s.store == nil {
		return nil
	}
	g := s.store.NewIngest()
	err := f.build(ctx, g, meta)
	if err == nil {
		err = g.Finish()
	}
	if err == nil {
		err = s.stop("written")
	}
	if err == nil {
		s.turn.Lock()
		if err = g.Commit(ctx); err == nil {
			if err = s.stop("ingested"); err == nil {
				f.release()
			}
		}
		s.turn.Unlock()
	}
	if err != nil {
		g.Abort()
		s.mu.Lock()
		s.dropped = append(f.dropped, s.dropped...)
		for _, x := range f.expire {
			// The range deletion is repeated with the next one.
			s.expired[x.class] = x.first
		}
		s.mu.Unlock()
		for _, a := range f.arrs {
			a.each(func(p *part) { p.tombs = nil })
		}
		return err
	}
	return s.stop("released")
}

func (f *Frozen) build(ctx context.Context, g *state.Ingest, meta map[string][]byte) error {
	defer f.forget()
	names := make([]string, 0, len(meta))
	for n := range meta {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if err := g.Set(state.MetaKey(nil, n), meta[n]); err != nil {
			return err
		}
	}
	for _, a := range f.arrs {
		if a.kind == kindTable {
			n := binary.BigEndian.AppendUint64(nil, uint64(a.frozenN))
			n = binary.BigEndian.AppendUint64(n, f.epoch)
			if err := g.Set(state.CountKey(nil, a.id), n); err != nil {
				return err
			}
		}
	}
	for _, x := range f.expire {
		until := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, x.until), f.epoch)
		if err := g.Set(state.ExpiredKey(nil, x.class), until); err != nil {
			return err
		}
	}
	for k, write := range []writeArrangement{f.writeRows, f.writeEntries, f.writeOrdered} {
		if err := f.writeKind(ctx, g, kind(k), write); err != nil {
			return err
		}
	}
	return f.writeHistory(ctx, g)
}

type writeArrangement func(ctx context.Context, g *state.Ingest, a *arrangement) error

// writeKind writes the arrangements of one kind in order of id, dropped ones as
// range deletions in their places.
func (f *Frozen) writeKind(ctx context.Context, g *state.Ingest, k kind, write writeArrangement) error {
	dropped := slices.Clone(f.dropped)
	slices.Sort(dropped)
	for _, a := range append(slices.Clone(f.arrs), nil) {
		for len(dropped) > 0 && (a == nil || dropped[0] < a.id) {
			gone := arrangement{id: dropped[0], kind: k}
			dropped = dropped[1:]
			lo := gone.storeStart()
			if err := g.DeleteRange(lo, state.After(nil, lo)); err != nil {
				return err
			}
		}
		if a == nil || a.kind != k {
			continue
		}
		if err := write(ctx, g, a); err != nil {
			return err
		}
		if err := f.s.stop("arrangement"); err != nil {
			return err
		}
	}
	return nil
}

// gather returns what is frozen of an arrangement in the order of order, and
// notes the dead for settle. done gives the list's memory back.
func gather(a *arrangement, dead func(r uintptr) bool, order rowOrder) (out []sorted, done func(), err error) {
	n := 0
	a.each(func(p *part) { n += len(p.frozen) })
	out, done, err = a.s.pool.list(n)
	if err != nil {
		return nil, nil, err
	}
	n = 0
	a.each(func(p *part) {
		for lo := 0; lo < len(p.frozen); lo += touchRows {
			rows := p.frozen[lo:min(lo+touchRows, len(p.frozen))]
			touch(rows)
			for _, r := range rows {
				if r == 0 {
					continue
				}
				out[n].r = r
				n++
				if dead(r) {
					p.tombs = append(p.tombs, r)
				}
			}
		}
	})
	out = out[:n]
	if _, err := order.sort(a.s.pool, out); err != nil {
		done()
		return nil, nil, err
	}
	return out, done, nil
}

func (f *Frozen) writeRows(ctx context.Context, g *state.Ingest, a *arrangement) error {
	h := a.header
	rows, done, err := gather(a, func(r uintptr) bool { return rowFlags(r)&flagDeleted != 0 }, keyOrder(h))
	if err != nil {
		return err
	}
	changed := &changedRows{rows: rows, sized: true}
	if a.history { // its versions are written by the same list
		f.lists, f.changed[a] = append(f.lists, done), changed
	} else {
		defer done()
	}
	if err := f.s.stop("sorted"); err != nil {
		return err
	}
	var key, val []byte
	for i, e := range rows {
		if i%touchRows == 0 {
			touchSorted(rows[i:], rowFar(h))
		}
		changed.sized = changed.sized && rowKeyLen(e.r) == rowKeyLen(rows[0].r)
		key = state.RowKey(key[:0], a.id, rowKey(e.r, h))
		var err error
		switch {
		case rowFlags(e.r)&flagDeleted != 0:
			if rowFlags(e.r)&flagBase == 0 {
				continue // came and went between two checkpoints
			}
			err = g.Delete(key)
		case a.history:
			val = append(binary.AppendUvarint(val[:0], rowEpoch(e.r)), rowVal(e.r, h)...)
			err = g.Set(key, val)
		default:
			err = g.Set(key, rowVal(e.r, h))
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

// A checkpoint that is in the store leaves memory in two steps. release runs in
// the checkpoint's goroutine and only frees what no writer can reach; settle runs
// between epochs and changes what writers read without a lock.

// release frees the versions that the store now has.
func (f *Frozen) release() {
	s := f.s
	for class, x := range f.filled {
		s.addSliced(class, x.from, x.bytes)
		s.addSlices(class, x.slices, 0)
	}
	for _, x := range f.expire {
		s.addSlices(x.class, nil, x.until)
	}
	for _, x := range f.filters {
		x.last.Store(f.epoch)
	}
	s.ckpt.Store(f.epoch)
	for _, a := range f.arrs {
		a.each(func(p *part) {
			p.lock.Lock()
			p.histFloor = f.epoch
			p.freeLog(s, p.frozenLog)
			p.frozen, p.frozenLog = nil, versionLog{}
			p.lock.Unlock()
		})
	}
	s.written.Store(f)
}

// settle makes clean what the last checkpoint wrote, removes what stands for the
// absence of a key, and frees rows that were superseded while they were written.
func (s *Space) settle() {
	f := s.written.Swap(nil)
	if f == nil {
		return
	}
	for _, a := range f.arrs {
		a.each(func(p *part) {
			p.lock.Lock()
			p.clean = f.gen
			switch a.kind {
			case kindTable:
				a.settleRows(p)
			case kindMulti:
				a.settleEntries(p)
			case kindOrdered:
				a.settleOrdered(p)
			}
			for _, r := range p.retired {
				p.free(s, r, a.classOf(r))
			}
			p.retired, p.tombs = nil, nil
			p.lock.Unlock()
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.closing {
		a.close()
	}
	s.closing, s.flight = nil, nil
	s.starved.Store(false)
}

func (a *arrangement) settleRows(p *part) {
	for _, r := range p.tombs {
		h := Hash(rowKey(r, p.header)) << p.shift
		if p.slots.has(h, r) {
			p.slots.removeAt(p.slots.find(h, r))
			p.free(a.s, r, rowClass(r))
		}
	}
}

func (a *arrangement) classOf(r uintptr) uint8 {
	if a.kind == kindTable {
		return rowClass(r)
	}
	return entryClass(r)
}
