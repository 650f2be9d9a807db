package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/bits"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tarndb/tarn/storage/topic"
)

// Places in the header of a record batch, version 2 (Kafka 0.11 and newer;
// kafka.apache.org/documentation/#recordbatch).
const (
	atLength     = 8
	atEpoch      = 12
	atMagic      = 16
	atCRC        = 17
	atAttributes = 21 // the checksum covers all from here on
	atLastDelta  = 23
	atFirstTime  = 27
	atMaxTime    = 35
	atProducer   = 43
	atCount      = 57
	headerBytes  = 61
)

// Bits of a batch's attributes.
const (
	codecBits     = 0x07
	appendTimeBit = 0x08
	txnBit        = 0x10
	controlBit    = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// damage is a batch that is not as it must be.
type damage struct {
	offset int64
	what   string
}

func (d *damage) Error() string {
	return fmt.Sprintf("the record batch at offset %d is damaged: %s", d.offset, d.what)
}

// batch is one record batch with its header, of which scan has seen that it is
// whole.
type batch []byte

func (b batch) base() int64       { return int64(binary.BigEndian.Uint64(b)) }
func (b batch) last() int64       { return b.base() + int64(b.lastDelta()) }
func (b batch) lastDelta() int32  { return int32(binary.BigEndian.Uint32(b[atLastDelta:])) }
func (b batch) epoch() int32      { return int32(binary.BigEndian.Uint32(b[atEpoch:])) }
func (b batch) attributes() int16 { return int16(binary.BigEndian.Uint16(b[atAttributes:])) }
func (b batch) producer() int64   { return int64(binary.BigEndian.Uint64(b[atProducer:])) }
func (b batch) count() int32      { return int32(binary.BigEndian.Uint32(b[atCount:])) }
func (b batch) control() bool     { return b.attributes()&controlBit != 0 }

// first takes the first batch off raw; nil: what is left is not a whole one.
func first(raw []byte) (b batch, rest []byte) {
	if len(raw) < headerBytes {
		return nil, nil
	}
	size := int64(binary.BigEndian.Uint32(raw[atLength:])) + atEpoch
	if size < headerBytes || size > int64(len(raw)) {
		return nil, nil
	}
	return raw[:size:size], raw[size:]
}

// scan checks the whole batches at the start of raw, as a fetch from offset next
// brought them, and returns them, the offset after the last of them, and their
// newest leader epoch (-1: there is none). A batch that was cut off is left out;
// batches that end before next are too.
func scan(raw []byte, next int64) (whole []byte, after int64, epoch int32, err error) {
	after, epoch = next, -1
	start, end := 0, 0
	for at := 0; ; at = end {
		b, _ := first(raw[at:])
		if b == nil {
			if len(raw)-at >= headerBytes && raw[at+atMagic] != 2 {
				return nil, next, -1, &damage{after, fmt.Sprintf("it has message format %d, of before Kafka 0.11", raw[at+atMagic])}
			}
			return raw[start:end], after, epoch, nil
		}
		if b[atMagic] != 2 {
			return nil, next, -1, &damage{after, fmt.Sprintf("it has message format %d, of before Kafka 0.11", b[atMagic])}
		}
		if crc32.Checksum(b[atAttributes:], castagnoli) != binary.BigEndian.Uint32(b[atCRC:]) {
			return nil, next, -1, &damage{b.base(), "its checksum does not match"}
		}
		if b.base() < 0 || b.lastDelta() < 0 || b.count() < 0 || b.last() < b.base() || b.last() == math.MaxInt64 || end > start && b.base() < after {
			return nil, next, -1, &damage{b.base(), "its offsets do not fit"}
		}
		end = at + len(b)
		if b.last() < next {
			start = end
			continue
		}
		after, epoch = b.last()+1, max(epoch, b.epoch())
	}
}

// aborted says that a producer's transaction, whose first record is at offset
// first, came to nothing.
type aborted struct{ producer, first int64 }

// chunk is batches of one partition that scan has passed, and what is to be left
// out of them.
type chunk struct {
	partition int32
	raw       []byte
	next      int64 // records below it are not wanted, and it is where reading goes on
	after     int64 // next once raw is walked
	limit     int64 // records from it on are not wanted
	aborted   []aborted
	skipping  map[int64]struct{} // producers in the midst of such a transaction
}

// walker turns chunks into columns. It is for one goroutine.
type walker struct {
	kgo.Decompressor
	buf   keptBuffer
	ratio float64 // of the last batch's decompressed to its compressed size
}

// keptBuffer is the memory that batches are decompressed into, one after another.
type keptBuffer struct{ b []byte }

// bufferBytes is as much as is kept for the next batch.
const bufferBytes = 16 << 20

// GetDecompressBytes makes keptBuffer a kgo.PoolDecompressBytes.
func (k *keptBuffer) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte { return k.b[:0] }

// PutDecompressBytes is called where decompression failed.
func (k *keptBuffer) PutDecompressBytes([]byte) {}

func newWalker() *walker {
	w := &walker{ratio: 4}
	w.Decompressor = kgo.DefaultDecompressor(&w.buf)
	return w
}

// expect is how many records c has, and bytes of values, about, if nothing more is
// taken once there are enough: columns that have room for them need not grow batch by
// batch.
func (w *walker) expect(c *chunk, enough int) (n, size int) {
	for b, rest := first(c.raw); b != nil && size < enough; b, rest = first(rest) {
		body := float64(len(b) - headerBytes)
		if b.attributes()&codecBits != 0 {
			body *= w.ratio
		}
		if !b.control() {
			n, size = n+int(b.count()), size+int(body)
		}
	}
	size = min(size+size/16, 2*enough)
	return min(n, size, pollRecords), size
}

// step appends the records of the chunk's first batch to cols, and takes it off
// the chunk.
func (w *walker) step(c *chunk, cols *columns) error {
	b, rest := first(c.raw)
	if b == nil {
		return &damage{c.next, "it is cut off"}
	}
	drop := c.drops(b)
	if !drop && b.last() >= c.next && b.base() < c.limit {
		if err := w.records(b, c, cols); err != nil {
			return err
		}
	}
	c.raw, c.next = rest, max(c.next, min(b.last()+1, c.limit))
	return nil
}

// drops reports whether b holds nothing for readers: it is a marker that ends a
// transaction, or part of one that was aborted. Batches must come in order.
func (c *chunk) drops(b batch) bool {
	for len(c.aborted) > 0 && c.aborted[0].first <= b.last() {
		if c.skipping == nil {
			c.skipping = map[int64]struct{}{}
		}
		c.skipping[c.aborted[0].producer] = struct{}{}
		c.aborted = c.aborted[1:]
	}
	if b.control() {
		if b.endsAborted() {
			delete(c.skipping, b.producer())
		}
		return true
	}
	if b.attributes()&txnBit == 0 {
		return false
	}
	_, skip := c.skipping[b.producer()]
	return skip
}

// endsAborted reports whether a control batch is the marker of an aborted
// transaction: its record's key is a version and the type 0, two bytes each.
func (b batch) endsAborted() bool {
	var r record
	_, err := r.cut(b[headerBytes:], b.base())
	return err == nil && len(r.key) >= 4 && r.key[2] == 0 && r.key[3] == 0
}

// records appends the records of b that the chunk wants.
func (w *walker) records(b batch, c *chunk, cols *columns) error {
	body := []byte(b[headerBytes:])
	if codec := b.attributes() & codecBits; codec != 0 {
		var err error
		if body, err = w.Decompress(body, kgo.CompressionCodecType(codec)); err != nil {
			return &damage{b.base(), err.Error()}
		}
		w.ratio = float64(len(body)) / float64(len(b)-headerBytes+1)
		if cap(body) <= bufferBytes {
			w.buf.b = body
		}
	}
	n := int(b.count())
	if n > len(body) {
		return &damage{b.base(), "it says to hold more records than it has bytes"}
	}
	cols.grow(n, len(body))
	firstTime, maxTime := int64(binary.BigEndian.Uint64(b[atFirstTime:])), int64(binary.BigEndian.Uint64(b[atMaxTime:]))
	appendTime := b.attributes()&appendTimeBit != 0
	before, lastDelta := int64(-1), int64(b.lastDelta())
	var r record
	for range n {
		rest, err := r.cut(body, b.base())
		if err != nil {
			return err
		}
		if r.delta <= before || r.delta > lastDelta {
			return &damage{b.base(), "its records' offsets do not fit"}
		}
		body, before = rest, r.delta
		offset := b.base() + r.delta
		if offset < c.next || offset >= c.limit {
			continue
		}
		ms := maxTime
		if !appendTime {
			ms = firstTime + r.time
		}
		if err := cols.add(offset, micros(ms), &r); err != nil {
			return &damage{offset, err.Error()}
		}
	}
	if len(body) != 0 {
		return &damage{b.base(), "bytes are left after its last record"}
	}
	return nil
}

// record is the parts of one record; key and value are nil where it has none.
type record struct {
	time, delta int64 // against the batch's first
	key, value  []byte
	headers     []byte // as topic.AppendHeader makes them, unchecked
	count       int64  // of headers
}

// varint is binary.Varint, without a loop where it has at most four bytes.
func varint(b []byte) (int64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return int64(b[0]>>1) ^ -int64(b[0]&1), 1
	}
	if len(b) < 4 {
		return binary.Varint(b)
	}
	w := binary.LittleEndian.Uint32(b)
	ends := ^w & 0x80808080
	if ends == 0 {
		return binary.Varint(b)
	}
	n := bits.TrailingZeros32(ends)>>3 + 1
	w &= ^uint32(0) >> (32 - 8*n)
	u := w&0x7f | w>>1&0x3f80 | w>>2&0x1fc000 | w>>3&0xfe00000
	return int64(u>>1) ^ -int64(u&1), n
}

// cut takes a record off body.
func (r *record) cut(body []byte, base int64) (rest []byte, err error) {
	size, k := varint(body)
	if k <= 0 || size < 0 || size > int64(len(body)-k) {
		return nil, &damage{base, "a record's length does not fit"}
	}
	rec, rest := body[k:k+int(size)], body[k+int(size):]
	if len(rec) == 0 {
		return nil, &damage{base, "a record is empty"}
	}
	at := 1 // its attributes, all unused
	if r.time, k = varint(rec[at:]); k <= 0 {
		return nil, &damage{base, "a record is cut off"}
	}
	at += k
	if r.delta, k = varint(rec[at:]); k <= 0 {
		return nil, &damage{base, "a record is cut off"}
	}
	at += k
	if r.key, at = sized(rec, at); at < 0 {
		return nil, &damage{base, "a record's key or value does not fit"}
	}
	if r.value, at = sized(rec, at); at < 0 {
		return nil, &damage{base, "a record's key or value does not fit"}
	}
	r.headers, r.count = nil, 0
	if at < len(rec) && rec[at] == 0 {
		return rest, nil
	}
	if r.count, k = varint(rec[at:]); k <= 0 || r.count < 0 {
		return nil, &damage{base, "a record's headers do not fit"}
	}
	if r.count > 0 {
		r.headers = rec[at+k:]
	}
	return rest, nil
}

// sized is the key or value at a place of a record, nil if there is none, and where it
// ends, -1: it does not fit.
func sized(rec []byte, at int) ([]byte, int) {
	n, k := varint(rec[at:])
	if k <= 0 || n < -1 || n > int64(len(rec)-at-k) {
		return nil, -1
	}
	if at += k; n < 0 {
		return nil, at
	}
	end := at + int(n)
	return rec[at:end:end], end
}

// checkHeaders sees that r's headers are as many as it says, from end to end.
func (r *record) checkHeaders() error {
	raw, n := r.headers, r.count
	for ; len(raw) > 0; n-- {
		var err error
		if _, _, raw, err = topic.NextHeader(raw); err != nil {
			return err
		}
	}
	if n != 0 {
		return errHeaders
	}
	return nil
}

var errHeaders = errors.New("a record's headers are not as many as it says")

// epochMillis is 2000-01-01 UTC in ms since 1970.
const epochMillis = 946_684_800_000

// micros turns a record's timestamp, ms since 1970, into µs since 2000. What
// cannot be told so (producers may write any number) becomes the nearest that can.
func micros(ms int64) int64 {
	const far = math.MaxInt64/1000 - epochMillis - 1
	return (min(max(ms, -far), far) - epochMillis) * 1000
}

// millis is the first ms since 1970 that is not before µs since 2000.
func millis(µs int64) int64 {
	ms := µs / 1000
	if µs%1000 > 0 {
		ms++
	}
	return ms + epochMillis
}
