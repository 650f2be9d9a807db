// Package arrange holds arrangements: rows indexed by key, the state of all
// operators and the contents of all tables and materialized views.
//
// A Space is the set of arrangements that live and are checkpointed together:
// those of the live group, of one detached circuit, or of one one-shot query.
// There are three kinds:
//
//   - Table: key → one value; optionally with its history (exported relations).
//   - Multi: key → multiset of values (the sides of joins).
//   - Ordered: (group, key) → value and weight, in order of key within the group
//     (min/max, top-N, array_agg, timers).
//
// Keys, groups and values are opaque bytes. A key belongs to a part, the top bits
// of its hash (of the group's hash for Ordered).
//
// Invariants
//   - One goroutine at a time changes or looks up (Lookup, Put, Delete, Add, …)
//     a part of an arrangement; different parts may be worked on concurrently.
//     Get, Scan, Changes and Versions may be called from any goroutine at any time.
//   - Begin and Freeze are called between epochs, when no writer is at work.
//   - All writes until the next Begin belong to the epoch given to Begin. A
//     Table with history answers for each completed epoch down to its horizon.
//   - Same calls in, same answers out: nothing depends on addresses or time.
package arrange

import "github.com/zeebo/xxh3"

// Ref names a row in memory; 0 is absent. A Ref that a Lookup returned is valid
// until the next Lookup or Begin that concerns its part of the same arrangement,
// or until its own key is changed: then the Ref returned by that call replaces it.
// (Put, Delete and Add find a row again that an earlier change of the same key
// has moved, so a batch may have a key twice; Value and Each do not.)
type Ref uint64

// Keys is a batch of encoded keys: key i is Data[Off[i]:Off[i+1]].
type Keys struct {
	Off  []uint32
	Data []byte
	Hash []uint64 // by HashAll, or the caller's own from Hash
}

// Len is the number of keys.
func (k *Keys) Len() int { return max(len(k.Off)-1, 0) }

// Key returns key i; not to be changed.
func (k *Keys) Key(i int) []byte { return k.Data[k.Off[i]:k.Off[i+1]:k.Off[i+1]] }

// Reset empties k and keeps its memory.
func (k *Keys) Reset() { k.Off, k.Data, k.Hash = append(k.Off[:0], 0), k.Data[:0], k.Hash[:0] }

// Append adds a key with its hash.
func (k *Keys) Append(key []byte) {
	if len(k.Off) == 0 {
		k.Off = append(k.Off, 0)
	}
	k.Data = append(k.Data, key...)
	k.Off = append(k.Off, uint32(len(k.Data)))
	k.Hash = append(k.Hash, Hash(key))
}

// HashAll computes Hash from the keys.
func (k *Keys) HashAll() {
	n := k.Len()
	if cap(k.Hash) < n {
		k.Hash = make([]uint64, n)
	}
	k.Hash = k.Hash[:n]
	for i := range k.Hash {
		k.Hash[i] = xxh3.Hash(k.Data[k.Off[i]:k.Off[i+1]])
	}
}

// Hash is the hash of a key or group that all methods here expect.
func Hash(key []byte) uint64 { return xxh3.Hash(key) }
