// Package rowenc turns rows into bytes and back: order-preserving keys, row
// images (the value part of state), and whole batches (the journal's payload).
// Everything works on a column at a time over a batch of rows.
//
// Invariants
//   - Keys: comparing two encodings with bytes.Compare gives the SQL order of
//     the columns; each column's encoding is prefix-free, so the key of the
//     first k columns is a byte prefix of the key of all, and whatever is
//     appended to a key cannot change the order of different keys.
//   - Canonical keys are equal exactly when SQL says that the values are equal
//     (NULL equals NULL). Exact keys are equal only when the values also display
//     alike; between values that differ in SQL both modes order the same.
//   - Images and batches round-trip exactly, display scale and -0.0 included.
//   - Decoding bytes that were damaged is an error (XX001) or gives other
//     values, never a panic and never memory out of proportion to the input.
//
// The formats are described in docs/formats/rowenc.md.
package rowenc

import (
	"github.com/tarndb/tarn/sql/sqlerr"
)

// Keys is a batch of byte strings, one a row: row i is Data[Off[i]:Off[i+1]].
// A Keys is reused from batch to batch; it then allocates nothing.
type Keys struct {
	Off  []uint32
	Data []byte

	pos  []uint32 // per row: where the next column goes
	vars []Keys   // variable-width columns before they are interleaved
}

// Len is the number of rows.
func (k *Keys) Len() int { return max(len(k.Off)-1, 0) }

// Key returns row i; not to be changed, valid until k is reused.
func (k *Keys) Key(i int) []byte { return k.Data[k.Off[i]:k.Off[i+1]:k.Off[i+1]] }

// Slices appends all rows to dst; they share k's memory.
func (k *Keys) Slices(dst [][]byte) [][]byte {
	for i := range k.Len() {
		dst = append(dst, k.Key(i))
	}
	return dst
}

// reset makes k hold n rows whose bytes are still to be written.
func (k *Keys) reset(n int) {
	if cap(k.Off) < n+1 {
		k.Off = make([]uint32, n+1)
	}
	k.Off = k.Off[:n+1]
	k.Off[0] = 0
	k.Data = k.Data[:0]
}

// size gives Data its final length; what it holds is garbage to be overwritten.
func (k *Keys) size(n int) {
	if cap(k.Data) < n {
		k.Data = make([]byte, n+n/4)
	}
	k.Data = k.Data[:n]
}

// Mode says which values get equal keys.
type Mode uint8

const (
	// Canonical gives equal SQL values equal bytes: for GROUP BY, joins, DISTINCT.
	// Decoding gives one representative: numerics without trailing zeros (or with
	// the scale that the type's modifier fixes), 0.0 for -0.0, intervals as days
	// and a rest under a day.
	Canonical Mode = iota
	// Exact also keeps what only display shows (numeric scale, -0.0, the parts of
	// an interval, trailing spaces of bpchar): for the identity of whole rows.
	Exact
)

// Order is the direction of one column; the zero Order is ASC NULLS LAST.
// (SQL's DESC alone means NULLS FIRST: the caller says so.)
type Order struct {
	Desc       bool
	NullsFirst bool
}

// KeyOptions say how keys are made. The same options must be given to decode.
type KeyOptions struct {
	Mode   Mode
	Orders []Order // by column; columns beyond its length are ASC NULLS LAST
	Prefix []byte  // put before every key (an arrangement's id); skipped by DecodeKeys
}

func (o *KeyOptions) order(col int) Order {
	if col < len(o.Orders) {
		return o.Orders[col]
	}
	return Order{}
}

// The first byte of a column: NULL is apart from all values in either direction,
// values begin with 0x01 … 0xFE also when complemented for DESC.
const (
	nullFirst = 0x00
	nullLast  = 0xFF
	notNull   = 0x80
)

func (o Order) null() byte {
	if o.NullsFirst {
		return nullFirst
	}
	return nullLast
}

// mask is XORed to every byte of a value.
func (o Order) mask() byte {
	if o.Desc {
		return 0xFF
	}
	return 0
}

func corrupt(format string, args ...any) error {
	return sqlerr.New(sqlerr.DataCorrupted, "row encoding: "+format, args...)
}
