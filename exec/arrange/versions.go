package arrange

import "cmp"

// versionLog holds the superseded versions of one part since the last Freeze, side
// by side in the order in which they ended: superseding a row appends its old value
// here and changes the row where it lies. Each names the one before it, and the
// newest hangs on the row that superseded it: keys are the rows', and a version
// ended where the next newer one began. The log is freed as a whole.
type versionLog struct {
	chunks    []logChunk
	next, end uintptr // the rest of the last chunk
	n         int     // versions
	bytes     int64   // of chunks
	last      uint64  // epoch in which the last one ended
	ends      []bucketEnds
}

// logChunk is one piece of a log, as limbo and arena.put know it: address | log2
// size, huge: the address.
type logChunk = uintptr

// bucketEnds says that versions of a log ended in a bucket of history, the earliest
// of them at epoch first.
type bucketEnds struct{ bucket, first uint64 }

// classLog is the class of a chunk of a log.
const classLog = 254

// A version is a block:
//
//	 0  u64  first epoch (56 bits) | flags (8)
//	 8  u64  link to the version before, see prevOf
//	16  u32  value length
//	    value, to a multiple of 8
//	    u64  jump, u64 count: only with versionJump
type version = uintptr

const (
	versionHeader = 20

	versionDeleted = 1 // stands for the absence of the key
	versionJump    = 2
	// versionCross: the version before it lies in the log of an earlier checkpoint.
	versionCross = 4
)

func versionFrom(v version) uint64        { return *u64at(v) >> 8 }
func versionGone(v version) bool          { return *u64at(v)&versionDeleted != 0 }
func versionLen(v version) int            { return int(*u32at(v + 16)) }
func versionVal(v version) []byte         { return bytesAt(v+versionHeader, versionLen(v)) }
func versionSize(val int) uintptr         { return (versionHeader + uintptr(val) + 7) &^ 7 }
func versionBefore(v version) version     { return version(*u64at(v + 8) & prevMask) }
func (l *versionLog) room(n uintptr) bool { return l.end-l.next >= n }

// addVersion copies row r of table a, which ends with this epoch, into the log, and
// returns the link to it.
func (p *part) addVersion(a *arrangement, r row) (uint64, error) {
	l := &p.log
	val := rowVal(r, p.header)
	link, gen := *rowPrev(r), *rowGen(r)
	cross := link&linkCross != 0 || gen != a.s.gen
	if gen <= p.clean {
		link = 0 // freed
	}
	prev, depth := version(0), uint64(0) // what came before, if it is in this log
	if !cross {
		prev, depth = prevOf(r), chainDepth(r)
	}
	deep := depth >= jumpDepth && prev != 0
	size := versionSize(len(val))
	room := size
	if deep {
		room += 16
	}
	if !l.room(room) {
		if err := l.grow(p.mem.pool, room); err != nil {
			return 0, err
		}
	}
	v := l.next
	l.next += room
	l.n++
	if to := a.s.epoch; to != l.last {
		l.note(a.s.bucket(a.retain, to), to)
	}
	flags := uint64(0)
	if rowFlags(r)&flagDeleted != 0 {
		flags = versionDeleted
	}
	if cross {
		flags |= versionCross
	}
	*u64at(v + 8) = link
	*u32at(v + 16) = uint32(len(val))
	copy(bytesAt(v+versionHeader, len(val)), val)
	if deep {
		flags |= versionJump
		setJump(v+size, prev)
	}
	*u64at(v) = rowEpoch(r)<<8 | flags
	return uint64(v) | min(depth+1, jumpDepth)<<prevBits, nil
}

// note says that the next versions end at epoch to, in the given bucket.
func (l *versionLog) note(bucket, to uint64) {
	l.last = to
	if n := len(l.ends); n == 0 || l.ends[n-1].bucket != bucket {
		l.ends = append(l.ends, bucketEnds{bucket, to})
	}
}

// A key that changes in each epoch has a long chain, so versions that have
// jumpDepth or more before them in their log also name one further back, placed so
// that any is reached in a logarithm of steps (Myers, "An applicative random-access
// stack", 1983); they count the versions with a jump before them, and themselves.
const (
	jumpDepth = 16
	prevBits  = 48
	prevMask  = 1<<prevBits - 1
	// linkCross, in a row's link: what it names lies in the log of an earlier checkpoint.
	linkCross = 1 << 63
)

// prevOf is the version before row r. The link's upper bits count how many are
// behind it in the log, up to jumpDepth.
func prevOf(r row) version     { return version(*rowPrev(r) & prevMask) }
func chainDepth(r row) uint64  { return *rowPrev(r) &^ linkCross >> prevBits }
func jumpAt(v version) uintptr { return v + versionSize(versionLen(v)) }
func jumpOf(v version) version { return version(*u64at(jumpAt(v))) }

func jumpCount(v version) uint64 {
	if *u64at(v)&versionJump == 0 {
		return 0
	}
	return *u64at(jumpAt(v) + 8)
}

// setJump writes at at the jump of a version; prev is the version before it.
func setJump(at uintptr, prev version) {
	count, jump := uint64(1), prev
	if c := jumpCount(prev); c > 0 {
		count = c + 1
		if j := jumpOf(prev); jumpCount(j) > 0 && c-jumpCount(j) == jumpCount(j)-jumpCount(jumpOf(j)) {
			jump = jumpOf(j)
		}
	}
	*u64at(at), *u64at(at + 8) = uint64(jump), count
}

// older is the version before v, or one further back if that is still later than
// epoch e. It has been freed if v began at or before histFloor.
func older(v version, e uint64) version {
	if jumpCount(v) > 0 {
		if j := jumpOf(v); versionFrom(j) > e {
			return j
		}
	}
	return versionBefore(v)
}

// asOf is what stood under r's key at epoch e, ok = false: nothing. known = false:
// it is not in memory; what is in the store ended in epoch stored at the latest, 0: that
// is not known either. The part is locked; val lies in the row or in the log.
func (p *part) asOf(r row, e uint64) (val []byte, ok bool, stored uint64, known bool) {
	from := rowEpoch(r)
	if from <= e {
		return rowVal(r, p.header), rowFlags(r)&flagDeleted == 0, 0, true
	}
	for v := prevOf(r); ; v = older(v, e) {
		if from <= p.histFloor {
			return nil, false, from, false
		}
		if v == 0 { // the key's first, or the first since it was read from the store
			return nil, false, 0, e >= p.histFloor
		}
		if from = versionFrom(v); from <= e {
			return versionVal(v), !versionGone(v), 0, true
		}
	}
}

// eachEnded calls fn for the versions that memory has of r's key, newest first, with
// the epoch in which each ended, until fn returns false. floor is the part's
// histFloor.
func eachEnded(r row, floor uint64, fn func(v version, to uint64) bool) {
	to := rowEpoch(r)
	for v := prevOf(r); v != 0 && to > floor; v = versionBefore(v) {
		if !fn(v, to) {
			return
		}
		to = versionFrom(v)
	}
}

// A checkpoint follows links within its own log alone, whatever the epochs: a view that
// lags behind writes those of the past.
func sameLog(r row) version {
	if *rowPrev(r)&linkCross != 0 {
		return 0
	}
	return prevOf(r)
}

func sameLogBefore(v version) version {
	if *u64at(v)&versionCross != 0 {
		return 0
	}
	return versionBefore(v)
}

// uncross lets the chain of a row that has changed since a checkpoint that failed lead
// on into the log of that: the next one writes both.
func uncross(r row) {
	if *rowPrev(r)&linkCross != 0 {
		*rowPrev(r) &^= linkCross
		return
	}
	for v := prevOf(r); v != 0; v = versionBefore(v) {
		if *u64at(v)&versionCross != 0 {
			*u64at(v) &^= versionCross
			return
		}
	}
}

func (l *versionLog) grow(p *pool, size uintptr) error {
	if size > chunkMax/2 {
		a, err := p.bigBlock(int(size))
		if err != nil {
			return err
		}
		l.chunks = append(l.chunks, a)
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
	l.chunks = append(l.chunks, a|k)
	l.next, l.end = a, a+uintptr(n)
	l.bytes += int64(n)
	return nil
}

// join appends a later log.
func (l *versionLog) join(m versionLog) {
	if m.n == 0 {
		return
	}
	l.chunks = append(l.chunks, m.chunks...)
	l.next, l.end, l.last = m.next, m.end, m.last
	l.n += m.n
	l.bytes += m.bytes
	for _, e := range m.ends {
		l.note(e.bucket, e.first)
	}
	l.last = m.last
}

// mergeEnds joins the buckets of several logs, in order.
func mergeEnds(into, more []bucketEnds) []bucketEnds {
	out := make([]bucketEnds, 0, max(len(into), len(more)))
	for len(into) > 0 || len(more) > 0 {
		c := 0
		switch {
		case len(into) == 0:
			c = 1
		case len(more) == 0:
			c = -1
		default:
			c = cmp.Compare(into[0].bucket, more[0].bucket)
		}
		switch {
		case c < 0:
			out, into = append(out, into[0]), into[1:]
		case c > 0:
			out, more = append(out, more[0]), more[1:]
		default:
			out = append(out, bucketEnds{into[0].bucket, min(into[0].first, more[0].first)})
			into, more = into[1:], more[1:]
		}
	}
	return out
}

// releaseLog gives a chunk of a log back.
func (p *pool) releaseLog(block logChunk) {
	if k := block & 63; k != 0 {
		p.releaseChunk(block-k, 1<<k)
		return
	}
	p.releaseBig(block)
}

// freeLog frees a log's chunks.
func (p *part) freeLog(s *Space, l versionLog) {
	for _, c := range l.chunks {
		p.free(s, c, classLog)
	}
}
