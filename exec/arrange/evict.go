package arrange

// Rows that the store has as they stand may leave memory at any time that their
// owner holds no Ref: at Begin, and at the start of a Lookup in the parts that it
// concerns. A clock decides: a row that was looked up since the hand passed stays.

// relieve evicts in the parts that a Lookup concerns.
func (a *arrangement) relieve(k *Keys, sel []int32) {
	var seen [1024 / 64]uint64
	visit := func(i int) {
		n := a.s.Part(k.Hash[i])
		if n < 1024 && seen[n/64]&(1<<(n%64)) == 0 {
			seen[n/64] |= 1 << (n % 64)
			if p := a.parts[n].Load(); p != nil {
				a.evict(p)
			}
		}
	}
	if sel == nil {
		for i := range k.Len() {
			visit(i)
		}
		return
	}
	for _, i := range sel {
		visit(int(i))
	}
}

// evictAll evicts everywhere, until the budget is kept.
func (s *Space) evictAll() {
	found := false
	for _, a := range s.all() {
		a.each(func(p *part) {
			if a.evict(p) {
				found = true
			}
		})
	}
	if !found {
		s.starved.Store(true)
	}
}

// evict frees clean rows of a part until an eighth of its memory is idle, and
// reports whether it found room. Slabs stay with the part: what is freed serves
// its next rows.
func (a *arrangement) evict(p *part) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.mem.size == 0 && (p.ord == nil || p.ord.n == 0) {
		return false
	}
	want := p.mem.size / 8
	if p.mem.idle >= want && want > 0 {
		return true
	}
	if p.stuck && p.stuckClean == p.clean && p.loaded < 64+p.slots.n/8 {
		return false
	}
	p.loaded, p.stuck = 0, false
	p.drain(a.s)
	switch a.kind {
	case kindTable:
		a.evictRows(p, want, a.dropRow)
	case kindMulti:
		a.evictRows(p, want, a.dropHead)
	case kindOrdered:
		a.evictOrdered(p)
	}
	if p.mem.idle < want {
		p.stuck, p.stuckClean = true, p.clean
		a.s.starved.Store(true)
		return false
	}
	return true
}

// Relieve gives memory back where more than the budget is in use: parts of which the
// store has everything leave memory as a whole, until a quarter of the budget is free.
// It is called between epochs, as Begin is.
func (s *Space) Relieve() {
	if s.store == nil || !s.opts.Budget.over() {
		return
	}
	s.settle()
	all := s.all()
	for n := range s.opts.Parts { // all arrangements alike
		for _, a := range all {
			if p := a.parts[n].Load(); p != nil {
				if s.opts.Budget.ample() {
					return
				}
				a.unload(p)
			}
		}
	}
}

// unload lets a part leave memory if the store has all of it and nobody is reading.
func (a *arrangement) unload(p *part) {
	p.lock.Lock()
	defer p.lock.Unlock()
	if p.mem.size == 0 || a.s.pinned.Load() != 0 || a.s.inFlight() {
		return
	}
	p.drain(a.s)
	if len(p.dirty)+len(p.frozen)+len(p.retired)+len(p.tombs)+len(p.limbo)+len(p.empties) > 0 || p.log.n+p.frozenLog.n > 0 {
		return
	}
	p.slots.close(a.s.pool)
	p.entries.close(a.s.pool)
	if p.ord != nil {
		p.ord.close(a.s)
	}
	p.mem.close()
	p.complete, p.hand, p.stuck, p.loaded = false, 0, false, 0
	a.warm.evicted.Store(true)
}

// evictRows moves the clock's hand over the slots. drop frees a row and returns
// true, if it may go; the slot is then removed.
func (a *arrangement) evictRows(p *part, want int64, drop func(p *part, r row) bool) {
	x := &p.slots
	if x.at == 0 {
		return
	}
	for n := 2 << x.bits; n > 0 && p.mem.idle < want; n-- {
		p.hand &= x.mask()
		r := addrOf(*x.slot(p.hand))
		switch {
		case r == 0:
		case *rowDirty(r)&clockBit != 0 && *rowGen(r) <= p.clean:
			*rowDirty(r) &^= clockBit
		case drop(p, r):
			p.complete = false
			a.warm.evicted.Store(true)
			x.removeAt(p.hand)
			continue // another may have moved here
		}
		p.hand++
	}
}

func (a *arrangement) dropRow(p *part, r row) bool {
	if *rowGen(r) > p.clean {
		return false
	}
	p.free(a.s, r, rowClass(r))
	return true
}
