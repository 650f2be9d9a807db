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

// add copies row r, which ends at epoch to, into the log.
func (p *part) addVersion(r row, to uint64) (row, error) {
	l := &p.log
	size := versionSize(r)
	if l.end-l.next < size {
		if err := l.grow(p.mem.pool, size); err != nil {
			return 0, err
		}
	}
	v := l.next
	l.next += size
	l.n++
	copy(bytesAt(v, int(size)), bytesAt(r, int(size)))
	*rowValidTo(v) = to
	return v, nil
}

// versionSize is the length of a row, its block may be longer.
func versionSize(r row) uintptr {
	return (rowHeaderHist + uintptr(rowKeyLen(r)) + uintptr(*u32at(r + 20)) + 7) &^ 7
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
