package arrange

// slots is an open-addressing table of addresses with linear probing. A slot
// holds 20 bits of the hash and 44 bits of the address (blocks are aligned to 8,
// addresses have 47 bits); 0 = empty. The home of a slot is given by the top bits
// of its tag, so that growing and removing read no rows up to a million slots.
//
// The hash h is the key's hash without the bits that chose the part, shifted up.
type slots struct {
	at   uintptr
	bits uint8 // log2 of the number of slots; at = 0: none yet
	n    int   // in use
	// hashOf is h of a row, for tables beyond 2^tagBits slots.
	hashOf func(addr uintptr) uint64
}

const (
	tagBits  = 20
	addrBits = 64 - tagBits
	addrMask = 1<<addrBits - 1
)

func slotOf(h uint64, addr uintptr) uint64 { return h>>addrBits<<addrBits | uint64(addr)>>3 }
func addrOf(slot uint64) uintptr           { return uintptr(slot&addrMask) << 3 }

func (x *slots) slot(i uint64) *uint64 { return u64at(x.at + uintptr(i)*8) }
func (x *slots) mask() uint64          { return 1<<x.bits - 1 }
func (x *slots) home(h uint64) uint64  { return h >> (64 - x.bits) }

func (x *slots) homeOf(slot uint64) uint64 {
	if x.bits <= tagBits {
		return slot >> (64 - x.bits)
	}
	return x.home(x.hashOf(addrOf(slot)))
}

// grow makes room for one more.
func (x *slots) grow(p *pool) error {
	if x.at != 0 && x.n < 3<<x.bits>>2 {
		return nil
	}
	old := *x
	x.bits++
	if old.at == 0 {
		x.bits = 4
	}
	at, err := p.words(1 << x.bits)
	if err != nil {
		*x = old
		return err
	}
	x.at = at
	if old.at == 0 {
		return nil
	}
	for i := range uint64(1) << old.bits {
		if s := *old.slot(i); s != 0 {
			x.place(s)
		}
	}
	p.releaseWords(old.at, 1<<old.bits)
	return nil
}

func (x *slots) place(s uint64) {
	m := x.mask()
	i := x.homeOf(s)
	for *x.slot(i) != 0 {
		i = (i + 1) & m
	}
	*x.slot(i) = s
}

// insert adds an address that is not there; grow was called.
func (x *slots) insert(h uint64, addr uintptr) {
	m := x.mask()
	i := x.home(h)
	for *x.slot(i) != 0 {
		i = (i + 1) & m
	}
	*x.slot(i) = slotOf(h, addr)
	x.n++
}

// find returns the index of the slot of addr, which must be there.
func (x *slots) find(h uint64, addr uintptr) uint64 {
	m, want := x.mask(), slotOf(h, addr)
	i := x.home(h)
	for *x.slot(i) != want {
		i = (i + 1) & m
	}
	return i
}

// has reports whether addr is there.
func (x *slots) has(h uint64, addr uintptr) bool {
	if x.at == 0 || addr == 0 {
		return false
	}
	m, want := x.mask(), slotOf(h, addr)
	for i := x.home(h); ; i = (i + 1) & m {
		switch *x.slot(i) {
		case want:
			return true
		case 0:
			return false
		}
	}
}

// removeAt empties slot i and closes the gap.
func (x *slots) removeAt(i uint64) {
	m := x.mask()
	x.n--
	for j := (i + 1) & m; ; j = (j + 1) & m {
		s := *x.slot(j)
		if s == 0 {
			break
		}
		// s may move to i unless its home lies behind i on the way to j.
		if (j-x.homeOf(s))&m >= (j-i)&m {
			*x.slot(i) = s
			i = j
		}
	}
	*x.slot(i) = 0
}

func (x *slots) close(p *pool) {
	if x.at != 0 {
		p.releaseWords(x.at, 1<<x.bits)
	}
	x.at, x.n = 0, 0
}
