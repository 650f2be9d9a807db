package zset

import (
	"bytes"

	"github.com/zeebo/xxh3"
)

// Index numbers distinct byte keys densely, in the order of their first
// appearance. The distinct keys lie side by side (Off, Data, Hash), ready to be
// looked up as one batch. It is reused from batch to batch and then allocates
// nothing.
//
// The table holds, per slot, 32 bits of the hash and the id + 1; ids never leave.
type Index struct {
	Off  []uint32
	Data []byte
	Hash []uint64

	slots []uint64
	mask  uint64
}

// Reset forgets all keys and makes room for about n.
func (x *Index) Reset(n int) {
	size := 64
	for size < 2*n {
		size *= 2
	}
	if len(x.slots) < size || len(x.slots) > 16*size {
		x.slots = make([]uint64, size)
	} else {
		clear(x.slots)
	}
	x.mask = uint64(len(x.slots) - 1)
	x.Off = append(x.Off[:0], 0)
	x.Data, x.Hash = x.Data[:0], x.Hash[:0]
}

// Len is the number of distinct keys.
func (x *Index) Len() int { return len(x.Hash) }

// Key returns the key with the given id; not to be changed, valid until Reset.
func (x *Index) Key(id int) []byte { return x.Data[x.Off[id]:x.Off[id+1]:x.Off[id+1]] }

// Assign appends the ids of the n keys (off, data) with their hashes to ids.
// A nil sel means all keys, else those it lists.
func (x *Index) Assign(off []uint32, data []byte, hash []uint64, sel []int32, ids []int32) []int32 {
	if sel == nil {
		for i := range hash {
			ids = append(ids, x.assign(data[off[i]:off[i+1]], hash[i]))
		}
		return ids
	}
	for _, i := range sel {
		ids = append(ids, x.assign(data[off[i]:off[i+1]], hash[i]))
	}
	return ids
}

func (x *Index) assign(key []byte, h uint64) int32 {
	tag := h >> 32 << 32
	for at := h & x.mask; ; at = (at + 1) & x.mask {
		s := x.slots[at]
		if s == 0 {
			id := len(x.Hash)
			x.slots[at] = tag | uint64(id+1)
			x.Data = append(x.Data, key...)
			x.Off = append(x.Off, uint32(len(x.Data)))
			x.Hash = append(x.Hash, h)
			if 2*(id+1) > len(x.slots) {
				x.grow()
			}
			return int32(id)
		}
		if s&^0xFFFFFFFF == tag {
			id := int(uint32(s)) - 1
			if bytes.Equal(x.Data[x.Off[id]:x.Off[id+1]], key) {
				return int32(id)
			}
		}
	}
}

// Add returns the id of one key.
func (x *Index) Add(key []byte) int32 { return x.assign(key, xxh3.Hash(key)) }

// Find returns the id of key, -1 if it has none.
func (x *Index) Find(key []byte, h uint64) int32 {
	if len(x.slots) == 0 {
		return -1
	}
	tag := h >> 32 << 32
	for at := h & x.mask; ; at = (at + 1) & x.mask {
		s := x.slots[at]
		if s == 0 {
			return -1
		}
		if s&^0xFFFFFFFF == tag {
			if id := int(uint32(s)) - 1; bytes.Equal(x.Key(id), key) {
				return int32(id)
			}
		}
	}
}

func (x *Index) grow() {
	x.slots = make([]uint64, 2*len(x.slots))
	x.mask = uint64(len(x.slots) - 1)
	for id, h := range x.Hash {
		at := h & x.mask
		for x.slots[at] != 0 {
			at = (at + 1) & x.mask
		}
		x.slots[at] = h>>32<<32 | uint64(id+1)
	}
}

// HashKeys makes dst the hashes of the keys (off, data). The function is fixed:
// which worker gets a key, and so the order of results, must not change from
// run to run.
func HashKeys(dst []uint64, off []uint32, data []byte) []uint64 {
	dst = dst[:0]
	for i := 0; i+1 < len(off); i++ {
		dst = append(dst, xxh3.Hash(data[off[i]:off[i+1]]))
	}
	return dst
}
