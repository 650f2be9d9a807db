package arrange

import "bytes"

// A row is a block:
//
//	 0  u64  first epoch (56 bits: microseconds last until 4253) | size class (8)
//	 8  u32  generation: in which set of changes it is, see part
//	12  u32  its index in the part's dirty list | clock bit
//	16  u32  key length (30 bits) | flags (2)
//	20  u32  value length
//	24  u64  link to the previous version, only in tables with history
//	    key, value
//
// Multi keeps its keys and Ordered its groups in rows too.
type row = uintptr

const (
	rowHeader     = 24
	rowHeaderHist = 32

	flagDeleted = 1 // stands for the absence of the key
	flagBase    = 2 // the store has, or will soon have, something under the key

	// genGone is the generation of a frozen row that has been superseded: scans pass
	// over it.
	genGone = 0

	clockBit = 1 << 31
	keyBits  = 30
	keyMax   = 1<<keyBits - 1
)

func rowEpoch(r row) uint64  { return *u64at(r) >> 8 }
func rowClass(r row) uint8   { return uint8(*u64at(r)) }
func rowFlags(r row) uint8   { return uint8(*u32at(r + 16) >> keyBits) }
func rowKeyLen(r row) int    { return int(*u32at(r + 16) & keyMax) }
func rowGen(r row) *uint32   { return u32at(r + 8) }
func rowDirty(r row) *uint32 { return u32at(r + 12) }
func rowPrev(r row) *uint64  { return u64at(r + 24) }

func setRowWord(r row, epoch uint64, class, flags uint8) {
	*u64at(r) = epoch<<8 | uint64(class)
	*u32at(r + 16) = *u32at(r + 16)&keyMax | uint32(flags)<<keyBits
}

// rowFar is where every row has a word whose place in the cache is likely to be that
// of the end of its key and of its value.
func rowFar(header uintptr) uintptr { return header + 8 }

func rowKey(r row, header uintptr) []byte { return bytesAt(r+header, rowKeyLen(r)) }

func rowVal(r row, header uintptr) []byte {
	return bytesAt(r+header+uintptr(rowKeyLen(r)), int(*u32at(r + 20)))
}

// rowSize is what a row with so many bytes of key and value takes. Rows of tables with
// history that are about as long as a line of the cache are one: such tables have a
// version or more for each row, so that what this adds is little.
func rowSize(header uintptr, n int) int {
	n = max(int(header)+n, int(rowFar(header))+8)
	if header == rowHeaderHist && n <= lineBytes {
		n = lineBytes
	}
	return n
}

// newRow makes a row of generation gen that is on no dirty list.
func (p *part) newRow(key, val []byte, epoch uint64, gen uint32, flags uint8) (row, error) {
	r, class, err := p.mem.alloc(rowSize(p.header, len(key)+len(val)))
	if err != nil {
		return 0, err
	}
	*u32at(r + 16) = uint32(len(key))
	setRowWord(r, epoch, class, flags)
	*rowGen(r) = gen
	*rowDirty(r) = clockBit
	*u32at(r + 20) = uint32(len(val))
	if p.header == rowHeaderHist {
		*rowPrev(r) = 0
	}
	copy(bytesAt(r+p.header, len(key)), key)
	copy(bytesAt(r+p.header+uintptr(len(key)), len(val)), val)
	return r, nil
}

// fits reports whether r's block can hold a value of n bytes without waste.
func (p *part) fits(r row, n int) bool {
	c := rowClass(r)
	need := classOf(rowSize(p.header, rowKeyLen(r)+n))
	return c != classHuge && need <= c && need+need/2+2 >= c
}

// lookup finds the row of key, deleted or not; 0 = none.
func (p *part) lookup(h uint64, key []byte) row {
	x := &p.slots
	if x.at == 0 {
		return 0
	}
	m, tag := x.mask(), h>>addrBits
	for i := x.home(h); ; i = (i + 1) & m {
		s := *x.slot(i)
		if s == 0 {
			return 0
		}
		if s>>addrBits == tag {
			if r := addrOf(s); bytes.Equal(rowKey(r, p.header), key) {
				return r
			}
		}
	}
}
