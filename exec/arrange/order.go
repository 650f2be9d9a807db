package arrange

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"runtime"
	"slices"
	"unsafe"
)

// sorted is a row with eight bytes of what it is sorted by: those behind what all
// rows of the list have in common.
type sorted struct {
	prefix uint64
	r      uintptr
}

// rowOrder is an order of rows, entries or versions.
type rowOrder struct {
	// head returns the bytes that r is sorted by, or as many of the first as are
	// likely to tell rows apart; it may use buf.
	head func(r uintptr, buf []byte) []byte
	// compare orders rows whose heads do not tell them apart.
	compare func(x, y uintptr) int
	// stable: rows with the same head, if it is shorter than headMax, are in order as
	// they come.
	stable bool
	// far is what is touched of a row beside its head, 0 = nothing.
	far uintptr
}

// keyOrder is the order of the keys.
func keyOrder(header uintptr) rowOrder {
	return rowOrder{
		far:     rowFar(header),
		head:    func(r uintptr, _ []byte) []byte { return rowKey(r, header) },
		compare: func(x, y uintptr) int { return bytes.Compare(rowKey(x, header), rowKey(y, header)) },
	}
}

// list returns memory for n rows, outside the Go heap like the rows themselves.
func (p *pool) list(n int) (rows []sorted, done func(), err error) {
	if n == 0 {
		return nil, func() {}, nil
	}
	a, err := p.bigBlock(n * int(unsafe.Sizeof(sorted{})))
	if err != nil {
		return nil, nil, err
	}
	return unsafe.Slice((*sorted)(ptr(a)), n), func() { p.releaseBig(a) }, nil
}

// sort orders rows; equal ones keep their order. whole: rows with the same prefix
// have the same head.
func (o rowOrder) sort(p *pool, rows []sorted) (whole bool, err error) {
	if len(rows) < 2 {
		return false, nil
	}
	whole = o.prefixes(rows)
	if len(rows) < 512 {
		slices.SortStableFunc(rows, func(x, y sorted) int {
			switch {
			case x.prefix < y.prefix:
				return -1
			case x.prefix > y.prefix:
				return 1
			}
			return o.compare(x.r, y.r)
		})
		return whole, nil
	}
	tmp, done, err := p.list(len(rows))
	if err != nil {
		return false, err
	}
	defer done()
	radix(rows, tmp)
	if whole && o.stable {
		return whole, nil
	}
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && rows[j].prefix == rows[i].prefix {
			j++
		}
		if j > i+1 {
			o.ties(rows[i:j])
		}
		i = j
	}
	return whole, nil
}

// ties orders rows of one prefix. They are mostly in order: versions of one key.
func (o rowOrder) ties(rows []sorted) {
	compare := func(x, y sorted) int { return o.compare(x.r, y.r) }
	if !slices.IsSortedFunc(rows, compare) {
		slices.SortStableFunc(rows, compare)
	}
}

// prefixes fills in each row's prefix. What the heads have in common is found on
// the way: a head that has less of it begins the pass again, which happens once a
// byte at most. whole: all heads have one length, and what they do not have in
// common fits into the prefix.
func (o rowOrder) prefixes(rows []sorted) (whole bool) {
	var bufs [2][2 * headMax]byte
	first := slices.Clone(o.head(rows[0].r, bufs[0][:0]))
	common, whole := len(first), len(first) < headMax
	for i := 0; i < len(rows); i++ {
		if i%touchRows == 0 {
			touchSorted(rows[i:], o.far)
		}
		head := o.head(rows[i].r, bufs[1][:0])
		if len(head) < common || string(head[:common]) != string(first[:common]) {
			for common > 0 && (len(head) < common || string(head[:common]) != string(first[:common])) {
				common--
			}
			i = -1
			continue
		}
		whole = whole && len(head) == len(first)
		rows[i].prefix = prefixOf(head[common:])
	}
	return whole && len(first) <= common+8
}

// prefixOf is the first eight bytes of a key as a number, for comparing quickly.
func prefixOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// radix sorts rows by prefix, a byte at a time from the last; bytes in which all
// are alike cost nothing. It is stable.
func radix(rows, tmp []sorted) {
	var counts [8][256]uint32
	for i := range rows {
		x := rows[i].prefix
		for b := range counts {
			counts[b][byte(x>>(8*b))]++
		}
	}
	from, to := rows, tmp
	for b := range counts {
		c := &counts[b]
		shift := 8 * b
		if int(c[byte(from[0].prefix>>shift)]) == len(rows) {
			continue
		}
		sum := uint32(0)
		for i, n := range c {
			c[i], sum = sum, sum+n
		}
		for lo := 0; lo < len(from); lo += 1 << 14 { // in bites: other goroutines want the core
			for _, x := range from[lo:min(lo+1<<14, len(from))] {
				k := byte(x.prefix >> shift)
				to[c[k]] = x
				c[k]++
			}
			runtime.Gosched()
		}
		from, to = to, from
	}
	if &from[0] != &rows[0] {
		copy(rows, from)
	}
}

// touchRows is how many rows are brought into the cache side by side.
const touchRows = 64

// touch loads the first word of rows; 0 stands for none.
func touch(rows []uintptr) {
	sum := uint64(0)
	for _, r := range rows {
		if r != 0 {
			sum += uint64(*u32at(r + 16))
		}
	}
	runtime.KeepAlive(sum) // the loads are the point
}

// touchSorted is touch for the next rows of a list, and loads the word at far too.
func touchSorted(rows []sorted, far uintptr) {
	sum := uint64(0)
	for i := range min(touchRows, len(rows)) {
		r := rows[i].r
		sum += uint64(*u32at(r + 16)) + uint64(*u32at(r + far))
	}
	runtime.KeepAlive(sum)
}

// compareSized orders as uvarint(len) bytes does.
func compareSized(a, b []byte) int {
	if len(a) != len(b) {
		x := binary.AppendUvarint(nil, uint64(len(a)))
		y := binary.AppendUvarint(nil, uint64(len(b)))
		return bytes.Compare(x, y)
	}
	return bytes.Compare(a, b)
}

// uvarintLen is how many bytes the uvarint of n has.
func uvarintLen(n int) int { return max(bits.Len(uint(n))+6, 7) / 7 }

// headMax is how much of a key goes into a head that is copied.
const headMax = 40

// appendHead appends uvarint(len k) and the first bytes of k.
func appendHead(dst, k []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(k))), k[:min(len(k), headMax)]...)
}
