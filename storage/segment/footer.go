package segment

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// On disk; docs/formats/segment.md. The file ends with the footer's length, its
// checksum, the version and the magic.
const (
	fileMagic     = "TARNSEG\x00"
	endMagic      = "TSGE"
	fileVersion   = 1
	trailerBytes  = 16
	footerMax     = 256 << 20
	statBytesMax  = 48 // longer min and max keys are shortened, outwards
	blocksMax     = 1 << 20
	columnsMax    = 1 << 14
	chunkBytesMax = 1 << 31
	chunkSysCount = 4
)

// System chunks come before those of the columns in each block.
const (
	sysEpochs = iota
	sysLate
	sysRowtime
	sysWeights
)

// Info is what a segment holds; the manifest repeats it, so that most questions
// open no file.
type Info struct {
	Number                 uint64 // file number
	First, End             int64  // positions [First, End)
	FirstEpoch, LastEpoch  uint64
	RowtimeMin, RowtimeMax int64 // RowtimeMin > RowtimeMax: no rowtimes
	Bytes                  int64
}

// block is the footer's entry for one block.
type block struct {
	rows                  int
	first                 int64
	firstEpoch, lastEpoch uint64
	rowtimeMin            int64
	rowtimeMax            int64
	chunks                []chunk // system chunks, then columns
}

// chunk is one column of one block. A chunk without bytes (length 0) has nothing
// to say: none late, no rowtimes, all weights +1.
type chunk struct {
	off    int64
	length uint32 // on disk
	raw    uint32 // unpacked; equal to length: stored as it is
	crc    uint32 // of the bytes on disk
	nulls  uint32
	min    []byte // canonical keys of the values that are not NULL; nil: none or unordered
	max    []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (b *block) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(b.rows))
	dst = binary.AppendVarint(dst, b.first)
	dst = binary.AppendUvarint(dst, b.firstEpoch)
	dst = binary.AppendUvarint(dst, b.lastEpoch)
	dst = binary.AppendVarint(dst, b.rowtimeMin)
	dst = binary.AppendVarint(dst, b.rowtimeMax)
	dst = binary.AppendUvarint(dst, uint64(len(b.chunks)))
	for i := range b.chunks {
		c := &b.chunks[i]
		dst = binary.AppendUvarint(dst, uint64(c.off))
		dst = binary.AppendUvarint(dst, uint64(c.length))
		dst = binary.AppendUvarint(dst, uint64(c.raw))
		dst = binary.LittleEndian.AppendUint32(dst, c.crc)
		dst = binary.AppendUvarint(dst, uint64(c.nulls))
		dst = append(binary.AppendUvarint(dst, uint64(len(c.min))), c.min...)
		dst = append(binary.AppendUvarint(dst, uint64(len(c.max))), c.max...)
	}
	return dst
}

// parser takes numbers off the front of b; ok turns false at the first that is
// not there.
type parser struct {
	b  []byte
	ok bool
}

func (p *parser) take(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.b, p.ok = nil, false
		return nil
	}
	out := p.b[:n:n]
	p.b = p.b[n:]
	return out
}

func (p *parser) uvarint(limit uint64) uint64 {
	x, n := binary.Uvarint(p.b)
	if n <= 0 || x > limit {
		p.b, p.ok = nil, false
		return 0
	}
	p.b = p.b[n:]
	return x
}

func (p *parser) varint() int64 {
	x, n := binary.Varint(p.b)
	if n <= 0 {
		p.b, p.ok = nil, false
		return 0
	}
	p.b = p.b[n:]
	return x
}

func (p *parser) uint32() uint32 {
	if b := p.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (p *parser) block() block {
	b := block{
		rows:       int(p.uvarint(1 << 20)),
		first:      p.varint(),
		firstEpoch: p.uvarint(math.MaxUint64),
		lastEpoch:  p.uvarint(math.MaxUint64),
		rowtimeMin: p.varint(),
		rowtimeMax: p.varint(),
	}
	n := p.uvarint(columnsMax + chunkSysCount)
	for i := uint64(0); i < n && p.ok; i++ {
		c := chunk{
			off:    int64(p.uvarint(math.MaxInt64)),
			length: uint32(p.uvarint(math.MaxUint32)),
			raw:    uint32(p.uvarint(math.MaxUint32)),
			crc:    p.uint32(),
			nulls:  uint32(p.uvarint(math.MaxUint32)),
		}
		c.min = p.take(p.uvarint(statBytesMax))
		c.max = p.take(p.uvarint(statBytesMax))
		b.chunks = append(b.chunks, c)
	}
	if len(b.chunks) < chunkSysCount {
		p.ok = false
	}
	return b
}

func appendFooter(dst []byte, blocks []block) []byte {
	at := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(blocks)))
	for i := range blocks {
		dst = blocks[i].append(dst)
	}
	footer := dst[at:]
	n, crc := len(footer), crc32.Checksum(footer, castagnoli)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	dst = binary.LittleEndian.AppendUint32(dst, crc)
	dst = binary.LittleEndian.AppendUint32(dst, fileVersion)
	return append(dst, endMagic...)
}

// parseTrailer reads the last bytes of a file of the given size.
func parseTrailer(name string, b []byte, size int64) (footer int64, crc uint32, err error) {
	at := size - trailerBytes
	if string(b[12:]) != endMagic {
		return 0, 0, corrupt(name, at+12, "the file has no end")
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != fileVersion {
		return 0, 0, sqlerr.New(sqlerr.DataCorrupted, "segment file %s has format version %d at offset %d, this program reads %d", name, v, at+8, fileVersion)
	}
	footer = int64(binary.LittleEndian.Uint32(b))
	if footer > footerMax || footer > at-int64(len(fileMagic)) {
		return 0, 0, corrupt(name, at, "bad footer length")
	}
	return footer, binary.LittleEndian.Uint32(b[4:]), nil
}

func parseFooter(name string, b []byte, off int64) ([]block, error) {
	p := parser{b: b, ok: true}
	n := p.uvarint(blocksMax)
	var blocks []block
	for i := uint64(0); i < n && p.ok; i++ {
		blocks = append(blocks, p.block())
	}
	if !p.ok || len(p.b) != 0 {
		return nil, corrupt(name, off, "bad footer")
	}
	for _, b := range blocks {
		for _, c := range b.chunks {
			if c.off < 0 || c.off > off || int64(c.length) > off-c.off {
				return nil, corrupt(name, off, "the footer points outside of the file")
			}
		}
	}
	return blocks, nil
}
