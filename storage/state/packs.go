package state

import "encoding/binary"

// What a checkpoint that supersedes very many rows writes of a table's history lies in
// packs: each is one entry of the store with the versions of many keys, in order of
// length of key, key and valid-to, so that writing a key costs what appending to a
// buffer does. A pack is named by the last key and valid-to that it has: the first
// whose name is not less than a key and a valid-to is the only one that can hold the
// first versions of the key from there on. It is, of each key,
//
//	uvarint(bytes in common with the key before) uvarint(len rest) rest
//	uvarint(epochs from valid-to to the slice) uvarint(len versions) versions (versions.go)
//
// where valid-to is that of the newest of the versions.

// PackBytes is when a pack is full: a look-up passes over half of it.
const PackBytes = 4 << 10

// Packer makes packs.
type Packer struct {
	Slice   uint64 // the epoch after which it is called
	buf     []byte
	last    []byte
	lastTo  uint64
	entries int
}

// Add appends versions of a key, the newest of which ended at to.
func (p *Packer) Add(key []byte, to uint64, versions []byte) {
	shared := 0
	if p.entries > 0 {
		for shared < min(len(key), len(p.last)) && key[shared] == p.last[shared] {
			shared++
		}
	}
	b := binary.AppendUvarint(p.buf, uint64(shared))
	b = binary.AppendUvarint(b, uint64(len(key)-shared))
	b = append(b, key[shared:]...)
	b = binary.AppendUvarint(b, p.Slice-to)
	b = binary.AppendUvarint(b, uint64(len(versions)))
	p.buf = append(b, versions...)
	p.last, p.lastTo = append(p.last[:0], key...), to
	p.entries++
}

// Full reports that the pack is to be taken.
func (p *Packer) Full() bool { return len(p.buf) >= PackBytes }

// Take ends the pack and returns the last key and valid-to that name it, valid until
// the next Add; ok = false: it is empty.
func (p *Packer) Take() (last []byte, to uint64, pack []byte, ok bool) {
	pack, ok = p.buf, p.entries > 0
	p.buf, p.entries = p.buf[:0], 0
	return p.last, p.lastTo, pack, ok
}

// Pack reads a pack.
type Pack struct {
	Key      []byte // of the versions that Next has read; valid until the next Next
	To       uint64
	Versions []byte
	slice    uint64
	rest     []byte
	damaged  bool
}

// ReadPack begins to read a pack of a slice.
func ReadPack(slice uint64, pack []byte) Pack { return Pack{slice: slice, rest: pack} }

// Next reads the next key; false: there is none, or the pack is damaged.
func (p *Pack) Next() bool {
	if len(p.rest) == 0 {
		return false
	}
	shared, ok1 := p.uvarint()
	rest, ok2 := p.bytes()
	back, ok3 := p.uvarint()
	versions, ok4 := p.bytes()
	if !ok1 || !ok2 || !ok3 || !ok4 || shared > uint64(len(p.Key)) || back > p.slice {
		p.rest, p.damaged = nil, true
		return false
	}
	p.Key = append(p.Key[:shared], rest...)
	p.To, p.Versions = p.slice-back, versions
	return true
}

func (p *Pack) uvarint() (uint64, bool) {
	if len(p.rest) > 0 && p.rest[0] < 0x80 {
		x := p.rest[0]
		p.rest = p.rest[1:]
		return uint64(x), true
	}
	x, w := binary.Uvarint(p.rest)
	if w <= 0 {
		return 0, false
	}
	p.rest = p.rest[w:]
	return x, true
}

func (p *Pack) bytes() ([]byte, bool) {
	n, ok := p.uvarint()
	if !ok || n > uint64(len(p.rest)) {
		return nil, false
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b, true
}

// Damaged reports that Next ended before the pack's end.
func (p *Pack) Damaged() bool { return p.damaged }
