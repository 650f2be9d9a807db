package arrange

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Memory of rows lies outside the Go heap and is named by address, so that the
// collector sees neither rows nor references. A pool maps large regions and cuts
// them into chunks of 1 KiB to 1 MiB; an arena (one per part) cuts chunks into
// blocks by size class. Small beginnings matter as much as large ends: a server
// with a thousand views has a hundred thousand parts.

const (
	chunkMin  = 1 << 10
	chunkMax  = 1 << 20
	classHuge = 255 // a block with a mapping of its own
)

// ptr turns an address into a pointer. The memory is not the collector's (or, in
// the fallback, kept alive by the pool and never moved), so the rules that vet
// and checkptr hold for arithmetic do not apply.
//
//go:nocheckptr
func ptr(a uintptr) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(nil), a) }

func u64at(a uintptr) *uint64 { return (*uint64)(ptr(a)) }
func u32at(a uintptr) *uint32 { return (*uint32)(ptr(a)) }
func u8at(a uintptr) *uint8   { return (*uint8)(ptr(a)) }

func bytesAt(a uintptr, n int) []byte {
	if n == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(ptr(a)), n)
}

// pool is the memory of one Space. It is safe for concurrent use.
type pool struct {
	budget *Budget
	hard   bool // memory only: beyond the budget is an error, not a reason to evict
	heap   bool // do not map (tests under the race detector; where mapping fails)

	mapped atomic.Int64 // bytes accounted

	mu      sync.Mutex
	regions []region
	next    uintptr // the rest of the newest region
	end     uintptr
	free    [11][]uintptr // chunks by power of two from chunkMin
	huge    map[uintptr]region
}

type region struct {
	mem    []byte
	onHeap bool
}

func (p *pool) account(n int64) error {
	if p.hard {
		if err := p.budget.Reserve(n); err != nil {
			return err
		}
	} else {
		p.budget.take(n)
	}
	p.mapped.Add(n)
	return nil
}

func (p *pool) unaccount(n int64) {
	p.mapped.Add(-n)
	if p.hard {
		p.budget.Release(n)
	} else {
		p.budget.give(n)
	}
}

func (p *pool) newRegion(n int) region {
	if !p.heap {
		if mem, err := mapMemory(n); err == nil {
			return region{mem: mem}
		}
	}
	return region{mem: unsafe.Slice((*byte)(unsafe.Pointer(&make([]uint64, (n+7)/8)[0])), n), onHeap: true}
}

func (r region) unmap() {
	if !r.onHeap {
		unmapMemory(r.mem)
	}
}

// chunk returns 1<<k bytes, chunkMin ≤ 1<<k ≤ chunkMax. Its contents are undefined.
func (p *pool) chunk(size int) (uintptr, error) {
	if err := p.account(int64(size)); err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	k := bits.Len(uint(size)) - 11
	for j := k; j < len(p.free); j++ {
		n := len(p.free[j])
		if n == 0 {
			continue
		}
		a := p.free[j][n-1]
		p.free[j] = p.free[j][:n-1]
		for ; j > k; j-- { // keep the upper halves
			p.free[j-1] = append(p.free[j-1], a+uintptr(chunkMin)<<(j-1))
		}
		return a, nil
	}
	if p.end-p.next < uintptr(size) {
		// Cut the rest into chunks, then map a region: more of them at a time the
		// more there are. Untouched pages cost nothing.
		for p.end-p.next >= chunkMin {
			j := min(bits.Len(uint(p.end-p.next))-11, len(p.free)-1)
			p.free[j] = append(p.free[j], p.next)
			p.next += uintptr(chunkMin) << j
		}
		n := chunkMax
		for int64(n) < p.mapped.Load()/4 && n < 64*chunkMax {
			n *= 2
		}
		r := p.newRegion(n)
		p.regions = append(p.regions, r)
		p.next = uintptr(unsafe.Pointer(&r.mem[0]))
		p.end = p.next + uintptr(n)
	}
	a := p.next
	p.next += uintptr(size)
	return a, nil
}

func (p *pool) releaseChunk(a uintptr, size int) {
	p.unaccount(int64(size))
	p.mu.Lock()
	defer p.mu.Unlock()
	if size == chunkMax && !p.heap {
		forgetMemory(bytesAt(a, size))
	}
	k := bits.Len(uint(size)) - 11
	p.free[k] = append(p.free[k], a)
}

func (p *pool) bigBlock(n int) (uintptr, error) {
	if err := p.account(int64(n)); err != nil {
		return 0, err
	}
	r := p.newRegion(n)
	a := uintptr(unsafe.Pointer(&r.mem[0]))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.huge == nil {
		p.huge = map[uintptr]region{}
	}
	p.huge[a] = r
	return a, nil
}

func (p *pool) releaseBig(a uintptr) {
	p.mu.Lock()
	r := p.huge[a]
	delete(p.huge, a)
	p.mu.Unlock()
	p.unaccount(int64(len(r.mem)))
	r.unmap()
}

// close gives everything back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.regions {
		r.unmap()
	}
	for _, r := range p.huge {
		r.unmap()
	}
	p.regions, p.huge, p.next, p.end = nil, nil, 0, 0
	p.free = [11][]uintptr{}
	p.unaccount(p.mapped.Load())
}

// words returns zeroed memory of n words, n a power of two: slots of hash tables.
func (p *pool) words(n int) (uintptr, error) {
	size := n * 8
	if size > chunkMax {
		return p.bigBlock(size) // fresh mappings are zero
	}
	a, err := p.chunk(max(size, chunkMin))
	if err == nil {
		clear(bytesAt(a, size))
	}
	return a, err
}

func (p *pool) releaseWords(a uintptr, n int) {
	if n*8 > chunkMax {
		p.releaseBig(a)
	} else {
		p.releaseChunk(a, max(n*8, chunkMin))
	}
}

// Size classes: multiples of 8 to 256, then four to a doubling up to half a MiB.
const (
	classSmall = 32 // classes 1…32
	classes    = classSmall + 1 + 4*11
)

func classOf(n int) uint8 {
	if n <= 256 {
		return uint8((n + 7) / 8)
	}
	if n > chunkMax/2 {
		return classHuge
	}
	k := bits.Len(uint(n - 1)) // 2^(k-1) < n ≤ 2^k, k ≥ 9
	q := (n - 1) >> (k - 3)    // 4…7
	return uint8(classSmall + 1 + (k-9)*4 + q - 4)
}

func classSize(c uint8) int {
	if c <= classSmall {
		return int(c) * 8
	}
	k, q := int(c-classSmall-1)/4+9, int(c-classSmall-1)%4
	return (q + 5) << (k - 3)
}

// arena hands out the blocks of one part. It is guarded by the part's lock.
type arena struct {
	pool      *pool
	next, end uintptr
	free      []uintptr // by class, each a list through the blocks' first words
	chunks    []uintptr // address | log2 size of chunks in use
	size      int64     // bytes of chunks and huge blocks
	idle      int64     // bytes on free lists
	bigs      map[uintptr]int
}

func (a *arena) alloc(n int) (addr uintptr, class uint8, err error) {
	class = classOf(n)
	if class == classHuge {
		if addr, err = a.pool.bigBlock(n); err == nil {
			if a.bigs == nil {
				a.bigs = map[uintptr]int{}
			}
			a.bigs[addr] = n
			a.size += int64(n)
		}
		return addr, class, err
	}
	size := uintptr(classSize(class))
	if a.free != nil {
		if addr = a.free[class]; addr != 0 {
			a.free[class] = uintptr(*u64at(addr))
			a.idle -= int64(size)
			return addr, class, nil
		}
	}
	if class == classLine {
		a.alignLine()
	}
	if a.end-a.next < size {
		c := chunkMin
		for (int64(c) < a.size/4 || c < int(size)) && c < chunkMax {
			c *= 2
		}
		start, err := a.pool.chunk(c)
		if err != nil {
			return 0, class, err
		}
		a.chunks = append(a.chunks, start|uintptr(bits.Len(uint(c))-1))
		a.next, a.end = start, start+uintptr(c)
		a.size += int64(c)
	}
	addr = a.next
	a.next += size
	if class == classLine {
		a.moreLines()
	}
	return addr, class, nil
}

// classLine are the blocks that are lines of the cache.
const classLine = lineBytes / 8

const lineBytes = 64

// lineGroup is how many lines are taken side by side: what is taken between them leaves
// a gap before each group.
const lineGroup = 8

// alignLine lets the next block begin with a line; what it passes over is free.
func (a *arena) alignLine() {
	if gap := -a.next & (lineBytes - 1); gap != 0 && gap <= a.end-a.next {
		a.put(a.next, classOf(int(gap)))
		a.next += gap
	}
}

// moreLines puts the lines behind one that was taken on their list.
func (a *arena) moreLines() {
	n := min(lineGroup-1, (a.end-a.next)/lineBytes)
	for i := n; i > 0; i-- {
		a.put(a.next+(i-1)*lineBytes, classLine)
	}
	a.next += n * lineBytes
}

func (a *arena) put(addr uintptr, class uint8) {
	switch class {
	case classLog:
		a.pool.releaseLog(addr)
		return
	case classHuge:
		a.size -= int64(a.bigs[addr])
		delete(a.bigs, addr)
		a.pool.releaseBig(addr)
		return
	}
	if a.free == nil {
		a.free = make([]uintptr, classes)
	}
	*u64at(addr) = uint64(a.free[class])
	a.free[class] = addr
	a.idle += int64(classSize(class))
}

// close gives all chunks back; no block may be in use any more.
func (a *arena) close() {
	for _, c := range a.chunks {
		k := c & 63
		a.pool.releaseChunk(c-k, 1<<k)
	}
	for addr := range a.bigs {
		a.pool.releaseBig(addr)
	}
	*a = arena{pool: a.pool}
}
