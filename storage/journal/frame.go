package journal

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Kind says what an entry is.
type Kind uint8

// The kinds of entries. The journal itself acts only on KindCommit.
const (
	KindData      Kind = 1 + iota // rows of Object (a rowenc batch)
	KindCommit                    // makes the chunks of Txn part of this epoch
	KindCatalog                   // a catalog change
	KindWatermark                 // watermark of Object
	KindOffsets                   // external positions of Object
	KindMeta                      // anything else the engine records
)

// Entry is one thing that a frame records.
type Entry struct {
	Kind    Kind
	Object  uint64 // stream, table or source id; 0 where there is none
	Txn     uint64 // transaction; 0 where it does not matter
	Payload []byte
}

// Frame is one epoch.
type Frame struct {
	Epoch   uint64
	Time    int64 // µs since 2000-01-01 UTC, strictly increasing
	Entries []Entry
}

// Frames on disk; docs/formats/journal.md. All integers are little-endian.
const (
	frameMagic    = 0x72466e54 // "TnFr"
	frameVersion  = 1
	frameHeader   = 40
	frameEpoch    = 1 // kind byte: an epoch
	frameChunk    = 2 // kind byte: part of a big transaction, the id in the epoch's place
	entryBytesMin = 4 // kind, and three varints of at least one byte
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is a frame's fixed part.
type header struct {
	kind    byte
	body    uint32
	crc     uint32
	epoch   uint64
	time    int64
	chain   uint32 // crc of the frame before it
	entries uint32
}

// appendFrame appends the bytes of a frame. salt makes the checksum the file's
// own: bytes of another file, or bytes that a client stored, are not a frame here.
func appendFrame(dst []byte, kind byte, f *Frame, salt [8]byte, chain uint32) (out []byte, crc uint32) {
	at := len(dst)
	dst = append(dst, make([]byte, frameHeader)...)
	for i := range f.Entries {
		e := &f.Entries[i]
		dst = append(dst, byte(e.Kind))
		dst = binary.AppendUvarint(dst, e.Object)
		dst = binary.AppendUvarint(dst, e.Txn)
		dst = binary.AppendUvarint(dst, uint64(len(e.Payload)))
		dst = append(dst, e.Payload...)
	}
	b := dst[at:]
	binary.LittleEndian.PutUint32(b, frameMagic)
	b[4], b[5] = frameVersion, kind
	binary.LittleEndian.PutUint32(b[8:], uint32(len(b)-frameHeader))
	binary.LittleEndian.PutUint64(b[16:], f.Epoch)
	binary.LittleEndian.PutUint64(b[24:], uint64(f.Time))
	binary.LittleEndian.PutUint32(b[32:], chain)
	binary.LittleEndian.PutUint32(b[36:], uint32(len(f.Entries)))
	crc = frameCRC(b[:frameHeader], b[frameHeader:], salt)
	binary.LittleEndian.PutUint32(b[12:], crc)
	return dst, crc
}

// frameCRC covers all of the frame but the checksum's own four bytes.
func frameCRC(head, body []byte, salt [8]byte) uint32 {
	crc := crc32.Checksum(salt[:], castagnoli)
	crc = crc32.Update(crc, castagnoli, head[:12])
	crc = crc32.Update(crc, castagnoli, head[16:])
	return crc32.Update(crc, castagnoli, body)
}

const unknownVersion = "unknown frame version"

// parseHeader reads a frame's fixed part; a reason other than "" says why it is none.
func parseHeader(b []byte) (h header, reason string) {
	if binary.LittleEndian.Uint32(b) != frameMagic {
		return h, "no frame"
	}
	if b[4] != frameVersion {
		return h, unknownVersion
	}
	h = header{
		kind:    b[5],
		body:    binary.LittleEndian.Uint32(b[8:]),
		crc:     binary.LittleEndian.Uint32(b[12:]),
		epoch:   binary.LittleEndian.Uint64(b[16:]),
		time:    int64(binary.LittleEndian.Uint64(b[24:])),
		chain:   binary.LittleEndian.Uint32(b[32:]),
		entries: binary.LittleEndian.Uint32(b[36:]),
	}
	if uint64(h.entries)*entryBytesMin > uint64(h.body) {
		return h, "more entries than bytes"
	}
	return h, ""
}

// parseEntries takes a body apart; payloads share its memory.
func parseEntries(body []byte, n uint32) ([]Entry, error) {
	entries := make([]Entry, 0, n)
	for range n {
		if len(body) == 0 {
			return nil, errEntry
		}
		e := Entry{Kind: Kind(body[0])}
		body = body[1:]
		var size uint64
		for _, p := range []*uint64{&e.Object, &e.Txn, &size} {
			x, k := binary.Uvarint(body)
			if k <= 0 {
				return nil, errEntry
			}
			*p, body = x, body[k:]
		}
		if size > uint64(len(body)) {
			return nil, errEntry
		}
		e.Payload, body = body[:size:size], body[size:]
		entries = append(entries, e)
	}
	if len(body) != 0 {
		return nil, errEntry
	}
	return entries, nil
}

var errEntry = sqlerr.New(sqlerr.DataCorrupted, "journal frame has damaged entries")
