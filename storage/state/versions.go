package state

import "encoding/binary"

// An entry of history holds versions of one key that ended in one bucket and that
// one checkpoint wrote, newest first: a hot key costs the store one entry for many
// versions. The entry's key ends with the valid-to of its newest version; each
// version is
//
//	uvarint(epochs from its end to the begin of the next newer one)
//	uvarint(epochs from its begin to its end) uvarint(len value) value
//
// where the next newer one of the first is the entry's valid-to. Entries of a key
// do not overlap: the first whose valid-to is greater than an epoch is the only
// one that can hold the version of that epoch.

// AppendVersion appends a version to an entry; before is the begin of the version
// appended last, of the first the entry's valid-to.
func AppendVersion(dst []byte, before, from, to uint64, val []byte) []byte {
	dst = binary.AppendUvarint(dst, before-to)
	dst = binary.AppendUvarint(dst, to-from)
	dst = binary.AppendUvarint(dst, uint64(len(val)))
	return append(dst, val...)
}

// Versions reads an entry of history.
type Versions struct {
	From, To uint64 // of the version that Next has read
	Val      []byte // part of the entry
	rest     []byte
	damaged  bool
}

// ReadVersions begins to read the entry with the given valid-to.
func ReadVersions(to uint64, entry []byte) Versions { return Versions{From: to, rest: entry} }

// Next reads the next older version; false: there is none, or the entry is damaged.
func (v *Versions) Next() bool {
	if len(v.rest) == 0 {
		return false
	}
	var n [3]uint64
	b := v.rest
	for i := range n {
		x, w := binary.Uvarint(b)
		if w <= 0 {
			return v.fail()
		}
		n[i], b = x, b[w:]
	}
	if n[0] > v.From || n[1] > v.From-n[0] || n[2] > uint64(len(b)) {
		return v.fail()
	}
	v.To = v.From - n[0]
	v.From = v.To - n[1]
	v.Val, v.rest = b[:n[2]:n[2]], b[n[2]:]
	return true
}

func (v *Versions) fail() bool {
	v.rest, v.damaged = nil, true
	return false
}

// Damaged reports that Next ended before the entry's end.
func (v *Versions) Damaged() bool { return v.damaged }
