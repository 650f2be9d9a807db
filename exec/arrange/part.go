package arrange

// part is one of the parts of an arrangement. Its writer works without the lock
// where it only reads; every change is made under the lock, since readers and
// the end of a checkpoint come from other goroutines.
//
// Each row (or entry) belongs to a set of changes by its generation g:
//
//	clean + inflight…: g ≤ clean          the store has it as it stands
//	frozen:            clean < g < s.gen  a checkpoint is writing it: immutable
//	dirty:             g = s.gen          changed since the last Freeze
//
// A frozen row that changes is replaced by a new one and retired: it is freed
// when the checkpoint has ended. So Freeze only swaps lists.
type part struct {
	lock   spinLock
	shift  uint8 // how many top bits of the hash chose this part
	header uintptr
	mem    arena
	slots  slots

	dirty  []uintptr // by rowDirty; 0 = withdrawn
	frozen []uintptr
	clean  uint32
	// log has the versions superseded since the last Freeze, frozenLog those that a
	// checkpoint is writing. Versions that ended at or before histFloor have been
	// freed: links to them must not be followed.
	log, frozenLog versionLog
	histFloor      uint64
	logFrom        uint64 // what ended after it is in log
	retired        []uintptr
	tombs          []uintptr // dead rows that a checkpoint has written

	limbo []limboBlock // freed while a scan was reading; also chunks of logs
	hand  uint64       // of the clock
	// complete: what is not in memory does not exist.
	complete bool
	// completeFrom: but for rows that were deleted before this epoch, of which the
	// store may have history.
	completeFrom uint64
	// When evicting found too little: it is tried again after a checkpoint, or when
	// enough has been loaded.
	stuck      bool
	stuckClean uint32
	loaded     int

	ord     *orderedPart
	entries slots // Multi: entries of long chains
	empties []uintptr
}

type limboBlock struct {
	addr  uintptr
	class uint8
	pin   uint64
}

func (p *part) h(hash uint64) uint64 { return hash << p.shift }

// free gives a block back, at once or when the scans that may read it have ended.
func (p *part) free(s *Space, addr uintptr, class uint8) {
	if s.pinned.Load() != 0 {
		p.limbo = append(p.limbo, limboBlock{addr, class, s.pinSeq.Load()})
		return
	}
	if len(p.limbo) > 0 {
		p.drain(s)
	}
	p.mem.put(addr, class)
}

func (p *part) drain(s *Space) {
	oldest := s.oldestPin()
	n := 0
	for _, b := range p.limbo {
		if b.pin < oldest {
			p.mem.put(b.addr, b.class)
		} else {
			p.limbo[n] = b
			n++
		}
	}
	p.limbo = p.limbo[:n]
}

// markDirty puts a row on the dirty list. Rows and entries have their generation
// and index at the same place.
func (p *part) markDirty(r uintptr, gen uint32) {
	*rowGen(r) = gen
	*rowDirty(r) = uint32(len(p.dirty)) | clockBit
	p.dirty = append(p.dirty, r)
}

// moveDirty lets n take the place of r on the dirty list.
func (p *part) moveDirty(r, n uintptr) {
	i := *rowDirty(r) &^ clockBit
	*rowGen(n), *rowDirty(n) = *rowGen(r), i|clockBit
	p.dirty[i] = n
}

func (p *part) dropDirty(r uintptr) { p.dirty[*rowDirty(r)&^clockBit] = 0 }
