package state

import (
	"bytes"
	"cmp"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// The key space. The first byte says what follows:
//
//	meta     0x01 name
//	count    0x02 id                                → rows of a table
//	expired  0x03 class                             → first history bucket that is kept
//	row      0x10 id key                              → [valid-from] value
//	entry    0x20 id uvarint(len key) key | value     → weight (Multi)
//	ordered  0x30 id uvarint(len group) group | key   → weight value
//	history  0x40 class bucket slice id uvarint(len key) key | valid-to → versions (versions.go)
//	packs    0x41 class bucket slice id uvarint(len key) key valid-to → versions of many keys (packs.go)
//
// id, class, bucket, slice and valid-to are 8 bytes, big endian. What stands before the
// bar is the prefix that table filters see. It carries its own length, so that
// plain byte order is also the order by prefix, then suffix: Pebble demands that,
// and it would not hold for "a"|FF against "ab"|00 without the length.
const (
	kindMeta    = 0x01
	kindCount   = 0x02
	kindExpired = 0x03
	kindRow     = 0x10
	kindMulti   = 0x20
	kindOrdered = 0x30
	kindHistory = 0x40
	kindPacks   = 0x41
)

func appendID(dst []byte, kind byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), id)
}

// MetaKey appends the key of a named meta value.
func MetaKey(dst []byte, name string) []byte { return append(append(dst, kindMeta), name...) }

// CountKey appends the key of the number of rows of table id.
func CountKey(dst []byte, id uint64) []byte { return appendID(dst, kindCount, id) }

// ExpiredKey appends the key of the first kept bucket of a retention class.
func ExpiredKey(dst []byte, class uint64) []byte { return appendID(dst, kindExpired, class) }

// RowKey appends the key of a table's row; with a nil key, the start of its rows.
func RowKey(dst []byte, id uint64, key []byte) []byte {
	return append(appendID(dst, kindRow, id), key...)
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// MultiKey appends the prefix of all entries of a Multi's key; the value follows.
func MultiKey(dst []byte, id uint64, key []byte) []byte {
	return appendSized(appendID(dst, kindMulti, id), key)
}

// MultiStart appends where the entries of a Multi begin.
func MultiStart(dst []byte, id uint64) []byte { return appendID(dst, kindMulti, id) }

// OrderedKey appends the prefix of a group; the entry's key follows.
func OrderedKey(dst []byte, id uint64, group []byte) []byte {
	return appendSized(appendID(dst, kindOrdered, id), group)
}

// OrderedStart appends where the entries of an Ordered begin.
func OrderedStart(dst []byte, id uint64) []byte { return appendID(dst, kindOrdered, id) }

// HistoryStart appends where the history of a table in a slice of a bucket begins.
func HistoryStart(dst []byte, class uint64, s Slice, id uint64) []byte {
	return binary.BigEndian.AppendUint64(SliceStart(dst, class, s), id)
}

// SliceStart appends where a slice of a retention class begins.
func SliceStart(dst []byte, class uint64, s Slice) []byte {
	return binary.BigEndian.AppendUint64(BucketStart(dst, class, s.Bucket, s.Packed), s.From)
}

// Slice names a part of history that is written, compacted and read by itself: what
// ended in a bucket and was written by the checkpoints of epochs from From up to the
// next slice's. Checkpoints write the slices of a table in ascending order, and what
// is in a later one ended later. What a slice has in packs its first checkpoint wrote.
type Slice struct {
	Bucket, From uint64
	Packed       bool
}

// Compare orders slices by when what is in them ended.
func (s Slice) Compare(t Slice) int {
	c := cmp.Or(cmp.Compare(s.Bucket, t.Bucket), cmp.Compare(s.From, t.From))
	switch {
	case c != 0 || s.Packed == t.Packed:
		return c
	case s.Packed:
		return -1
	}
	return 1
}

// SliceOf reads the slice from a key of history.
func SliceOf(key []byte) (s Slice, ok bool) {
	if len(key) < sliceEnd {
		return s, false
	}
	return Slice{binary.BigEndian.Uint64(key[9:]), binary.BigEndian.Uint64(key[17:]), key[0] == kindPacks}, true
}

// sliceEnd is how long a key of history is up to the id.
const sliceEnd = 25

// BucketStart appends where a bucket of a retention class begins, in packs or not.
func BucketStart(dst []byte, class, bucket uint64, packed bool) []byte {
	kind := byte(kindHistory)
	if packed {
		kind = kindPacks
	}
	return binary.BigEndian.AppendUint64(appendID(dst, kind, class), bucket)
}

// HistoryKey appends the prefix of all versions of a key in a slice; the
// valid-to of the newest version of an entry follows (AppendEpoch).
func HistoryKey(dst []byte, class uint64, s Slice, id uint64, key []byte) []byte {
	return appendSized(HistoryStart(dst, class, s, id), key)
}

// AppendEpoch appends the suffix of a version.
func AppendEpoch(dst []byte, epoch uint64) []byte { return binary.BigEndian.AppendUint64(dst, epoch) }

// SplitSized cuts the sized part off what follows a start key: b is
// uvarint(len) bytes rest. ok = false: b is damaged.
func SplitSized(b []byte) (sized, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	return b[w : w+int(n)], b[w+int(n):], true
}

// split returns the length of the prefix that filters see. Bounds and separators
// are shortened keys; they are their own prefix.
func split(key []byte) int {
	if len(key) == 0 {
		return 0
	}
	at := 0
	switch key[0] {
	case kindMulti, kindOrdered:
		at = 9
	case kindHistory:
		at = sliceEnd + 8
	default:
		return len(key)
	}
	if len(key) <= at {
		return len(key)
	}
	_, rest, ok := SplitSized(key[at:])
	if !ok {
		return len(key)
	}
	return len(key) - len(rest)
}

var comparer = &pebble.Comparer{
	Name:                 "tarn.state.v1",
	Compare:              bytes.Compare,
	Equal:                bytes.Equal,
	ComparePointSuffixes: bytes.Compare,
	CompareRangeSuffixes: bytes.Compare,
	AbbreviatedKey:       pebble.DefaultComparer.AbbreviatedKey,
	Separator:            pebble.DefaultComparer.Separator,
	Successor:            pebble.DefaultComparer.Successor,
	ImmediateSuccessor:   pebble.DefaultComparer.ImmediateSuccessor,
	FormatKey:            pebble.DefaultComparer.FormatKey,
	Split:                split,
}

// After appends the first key behind all that begin with prefix.
func After(dst, prefix []byte) []byte {
	n := len(dst)
	dst = append(dst, prefix...)
	for i := len(dst) - 1; i >= n; i-- {
		if dst[i] != 0xFF {
			dst[i]++
			return dst[:i+1]
		}
	}
	return append(dst[:n], bytes.Repeat([]byte{0xFF}, len(prefix)+1)...)
}
