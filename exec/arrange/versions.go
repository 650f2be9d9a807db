package arrange

// versionLog holds the superseded versions of one part since the last Freeze, side
// by side in the order in which they ended: superseding a row appends its old
// contents here and changes the row where it lies. A version has the form of a
// row; its generation is the one that the row had. The log is read in one piece
// by a checkpoint and freed as a whole.
type versionLog struct {
	chunks    []logChunk
	next, end uintptr // the rest of the last chunk
	n         int     // versions
	bytes     int64   // of chunks
}

// logChunk is one piece of a log.
type logChunk struct {
	start, end uintptr // end of what is used; of the last chunk of a log, see next
	block      uintptr // as limbo and arena.put know it: address | log2 size, huge: the address
}

// classLog is the class of a chunk of a log.
const classLog = 254

// addVersion copies row r, which ends at epoch to, into the log, and returns the
// link to it.
func (p *part) addVersion(r row, to uint64) (uint64, error) {
	l := &p.log
	size := rowSize(r)
	prev, depth := row(0), chainDepth(r)
	if rowEpoch(r) > p.logFrom {
		prev = prevOf(r)
	} else {
		depth = 0 // what came before is not in this log
	}
	deep := depth >= jumpDepth && prev != 0
	room := size
	if deep {
		room += 8
	}
	if l.end-l.next < room {
		if err := l.grow(p.mem.pool, room); err != nil {
			return 0, err
		}
	}
	v := l.next
	l.next += room
	l.n++
	copy(bytesAt(v, int(size)), bytesAt(r, int(size)))
	*rowValidTo(v) = to
	*rowDirty(v) = 0
	if deep {
		setJump(v, size, prev)
	}
	return uint64(v) | min(depth+1, jumpDepth)<<prevBits, nil
}

// A key that changes in each epoch has a long chain, so versions that have
// jumpDepth or more before them in their log also name one further back, placed so
// that any is reached in a logarithm of steps (Myers, "An applicative random-access
// stack", 1983). Such a version is longer by a word; its word 12, unused otherwise,
// counts the versions with a jump before it, and itself.
const (
	jumpDepth = 16
	prevBits  = 48
	prevMask  = 1<<prevBits - 1
)

// prevOf is the version before r. The link's upper bits count how many are behind
// it in the log, up to jumpDepth.
func prevOf(r row) row        { return row(*rowPrev(r) & prevMask) }
func chainDepth(r row) uint64 { return *rowPrev(r) >> prevBits }
func jumpCount(v row) uint32  { return *rowDirty(v) }
func jumpOf(v row) row        { return row(*u64at(v + rowSize(v))) }

// setJump gives v, of the given size, a jump; prev is the version before it.
func setJump(v row, size uintptr, prev row) {
	count, jump := uint32(1), prev
	if c := jumpCount(prev); c > 0 {
		count = c + 1
		if j := jumpOf(prev); jumpCount(j) > 0 && c-jumpCount(j) == jumpCount(j)-jumpCount(jumpOf(j)) {
			jump = jumpOf(j)
		}
	}
	*rowDirty(v) = count
	*u64at(v + size) = uint64(jump)
}

// older is a version before r, current or itself a version: the one before, or one
// further back if that is still later than epoch e. It has been freed if r began at
// or before histFloor.
func older(r row, e uint64) row {
	if v := r; *rowValidTo(v) != 0 && jumpCount(v) > 0 {
		if j := jumpOf(v); rowEpoch(j) > e {
			return j
		}
	}
	return prevOf(r)
}

// rowSize is the length of a row; its block may be longer.
func rowSize(r row) uintptr {
	return (rowHeaderHist + uintptr(rowKeyLen(r)) + uintptr(*u32at(r + 20)) + 7) &^ 7
}

// versionSize is the length of a version.
func versionSize(v row) uintptr {
	if jumpCount(v) > 0 {
		return rowSize(v) + 8
	}
	return rowSize(v)
}

func (l *versionLog) grow(p *pool, size uintptr) error {
	l.seal()
	if size > chunkMax/2 {
		a, err := p.bigBlock(int(size))
		if err != nil {
			return err
		}
		l.chunks = append(l.chunks, logChunk{start: a, block: a})
		l.next, l.end = a, a+size
		l.bytes += int64(size)
		return nil
	}
	n, k := chunkMin, uintptr(10)
	for (int64(n) < l.bytes/4 || n < int(size)) && n < chunkMax {
		n, k = 2*n, k+1
	}
	a, err := p.chunk(n)
	if err != nil {
		return err
	}
	l.chunks = append(l.chunks, logChunk{start: a, block: a | k})
	l.next, l.end = a, a+uintptr(n)
	l.bytes += int64(n)
	return nil
}

// seal notes how far the last chunk is used.
func (l *versionLog) seal() {
	if n := len(l.chunks); n > 0 {
		l.chunks[n-1].end = l.next
	}
}

// each calls fn for the versions, oldest first.
func (l *versionLog) each(fn func(v row)) {
	for i, c := range l.chunks {
		end := c.end
		if i == len(l.chunks)-1 {
			end = l.next
		}
		for v := c.start; v < end; v += versionSize(v) {
			fn(v)
		}
	}
}

// join appends a later log.
func (l *versionLog) join(m versionLog) {
	if m.n == 0 {
		return
	}
	l.seal()
	l.chunks = append(l.chunks, m.chunks...)
	l.next, l.end = m.next, m.end
	l.n += m.n
	l.bytes += m.bytes
}

// releaseLog gives a chunk of a log back.
func (p *pool) releaseLog(block uintptr) {
	if k := block & 63; k != 0 {
		p.releaseChunk(block-k, 1<<k)
		return
	}
	p.releaseBig(block)
}

// freeLog frees a log's chunks.
func (p *part) freeLog(s *Space, l versionLog) {
	for _, c := range l.chunks {
		p.free(s, c.block, classLog)
	}
}
