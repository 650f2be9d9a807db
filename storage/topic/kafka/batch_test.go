package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// made is a batch for tests, with whatever is wrong with it.
type made struct {
	base     int64
	attrs    int16
	producer int64
	records  []kmsg.Record
	last     int32 // delta; 0: that of the last record
	count    int   // 0: as many as there are
	first    int64 // timestamp
	max      int64
}

func (m made) bytes() []byte {
	b := kmsg.RecordBatch{FirstOffset: m.base, PartitionLeaderEpoch: 3, Magic: 2, Attributes: m.attrs, LastOffsetDelta: m.last,
		FirstTimestamp: m.first, MaxTimestamp: m.max, ProducerID: m.producer, NumRecords: int32(len(m.records))}
	if m.count != 0 {
		b.NumRecords = int32(m.count)
	}
	for _, r := range m.records {
		r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of 0 takes one byte
		b.Records = r.AppendTo(b.Records)
		if m.last == 0 {
			b.LastOffsetDelta = r.OffsetDelta
		}
	}
	if m.attrs&codecBits == 2 {
		b.Records = s2.EncodeSnappy(nil, b.Records)
	}
	return seal(b.AppendTo(nil))
}

// seal sets length and checksum.
func seal(raw []byte) []byte {
	binary.BigEndian.PutUint32(raw[atLength:], uint32(len(raw)-atEpoch))
	binary.BigEndian.PutUint32(raw[atCRC:], crc32.Checksum(raw[atAttributes:], castagnoli))
	return raw
}

func rec(delta int32, value string) kmsg.Record {
	return kmsg.Record{OffsetDelta: delta, Value: []byte(value)}
}

func marker(base, producer int64, commit byte) []byte {
	return made{base: base, attrs: controlBit | txnBit, producer: producer, records: []kmsg.Record{{Key: []byte{0, 0, 0, commit}, Value: make([]byte, 6)}}}.bytes()
}

// walked is what a fetch from offset next that brought raw gives.
func walked(raw []byte, next, limit int64, ab ...aborted) (out []string, after int64, err error) {
	whole, after, _, err := scan(raw, next)
	if err != nil {
		return nil, next, err
	}
	c := &chunk{raw: whole, next: next, after: after, limit: limit, aborted: ab}
	cols, w := newColumns(0, true), newWalker()
	for len(c.raw) > 0 {
		if err := w.step(c, cols); err != nil {
			return nil, c.next, err
		}
	}
	return lines(cols.records(c.after)), c.after, nil
}

func TestWalk(t *testing.T) {
	plain := made{base: 10, records: []kmsg.Record{rec(0, "a"), rec(1, "b"), rec(4, "c")}}
	holes := made{base: 20, records: []kmsg.Record{rec(2, "d")}, last: 9}
	empty := made{base: 30, last: 5}
	txn := func(base, producer int64, value string) []byte {
		return made{base: base, attrs: txnBit, producer: producer, records: []kmsg.Record{rec(0, value)}}.bytes()
	}
	cut := plain.bytes()
	for _, c := range []struct {
		name        string
		raw         [][]byte
		next, limit int64
		aborted     []aborted
		want        string
		after       int64
	}{
		{"nothing", nil, 7, noLimit, nil, "", 7},
		{"from its begin", [][]byte{plain.bytes()}, 10, noLimit, nil, "10a 11b 14c", 15},
		{"from within", [][]byte{plain.bytes()}, 11, noLimit, nil, "11b 14c", 15},
		{"from a hole", [][]byte{plain.bytes()}, 12, noLimit, nil, "14c", 15},
		{"with a limit", [][]byte{plain.bytes()}, 10, 14, nil, "10a 11b", 15},
		{"before it", [][]byte{plain.bytes()}, 3, noLimit, nil, "10a 11b 14c", 15},
		{"after it", [][]byte{plain.bytes()}, 15, noLimit, nil, "", 15},
		{"compressed", [][]byte{made{base: 10, attrs: 2, records: plain.records}.bytes()}, 11, noLimit, nil, "11b 14c", 15},
		{"holes within and between", [][]byte{plain.bytes(), holes.bytes()}, 10, noLimit, nil, "10a 11b 14c 22d", 30},
		{"a batch without records", [][]byte{empty.bytes()}, 30, noLimit, nil, "", 36},
		{"cut off", [][]byte{plain.bytes(), cut[:len(cut)-1]}, 10, noLimit, nil, "10a 11b 14c", 15},
		{"cut off within the header", [][]byte{plain.bytes(), cut[:30]}, 10, noLimit, nil, "10a 11b 14c", 15},
		{"committed", [][]byte{txn(1, 5, "x"), marker(2, 5, 1)}, 1, noLimit, nil, "1x", 3},
		{"aborted", [][]byte{txn(1, 5, "x"), marker(2, 5, 0), txn(3, 5, "y"), marker(4, 5, 1)}, 1, noLimit, []aborted{{5, 1}}, "3y", 5},
		{"aborted, from within", [][]byte{txn(2, 5, "x"), marker(3, 5, 0), txn(4, 5, "y")}, 2, noLimit, []aborted{{5, 1}}, "4y", 5},
		{"aborted twice", [][]byte{txn(1, 5, "x"), marker(2, 5, 0), txn(3, 5, "y"), marker(4, 5, 0), txn(5, 5, "z")}, 1, noLimit, []aborted{{5, 1}, {5, 3}}, "5z", 6},
		{"of two, one aborted", [][]byte{txn(1, 5, "x"), txn(2, 6, "y"), txn(3, 5, "z"), marker(4, 6, 1), marker(5, 5, 0), txn(6, 5, "w")}, 1, noLimit, []aborted{{5, 1}}, "2y 6w", 7},
		{"records of no transaction among them", [][]byte{txn(1, 5, "x"), made{base: 2, producer: 5, records: []kmsg.Record{rec(0, "y")}}.bytes()}, 1, noLimit, []aborted{{5, 1}}, "2y", 3},
	} {
		got, after, err := walked(slices.Concat(c.raw...), c.next, c.limit, c.aborted...)
		var short []string
		for _, l := range got {
			short = append(short, strings.NewReplacer("0/", "", " -=", "").Replace(l))
		}
		if err != nil || strings.Join(short, " ") != c.want || after != c.after {
			t.Errorf("%s: %v up to %d, %v; want %s up to %d", c.name, short, after, err, c.want, c.after)
		}
	}
}

func TestTimestamps(t *testing.T) {
	m := made{first: 1_700_000_000_000, max: 1_700_000_005_000, records: []kmsg.Record{{TimestampDelta64: 7}, {OffsetDelta: 1, TimestampDelta64: -3}}}
	at := func() []int64 {
		c, cols := &chunk{raw: m.bytes(), limit: noLimit}, newColumns(0, false)
		if err := newWalker().step(c, cols); err != nil {
			t.Fatal(err)
		}
		return cols.records(2).Time
	}
	const day = 946_684_800_000
	if got := at(); !slices.Equal(got, []int64{(1_700_000_000_007 - day) * 1000, (1_699_999_999_997 - day) * 1000}) {
		t.Error(got)
	}
	m.attrs = appendTimeBit // the brokers' time, for all
	if got := at(); !slices.Equal(got, []int64{(1_700_000_005_000 - day) * 1000, (1_700_000_005_000 - day) * 1000}) {
		t.Error(got)
	}
	for _, ms := range []int64{-1 << 63, -1, 0, 1<<63 - 1} {
		if got := micros(ms); (got < 0) != (ms < day) {
			t.Errorf("%d ms become %d µs", ms, got)
		}
	}
}

// Each kind of damage is an error that names the offset; none is passed over.
func TestDamage(t *testing.T) {
	good := made{base: 10, records: []kmsg.Record{rec(0, "a"), rec(1, "b")}}
	edit := func(at int, b byte) []byte {
		raw := good.bytes()
		raw[at] = b
		return seal(raw)
	}
	flipped := good.bytes()
	flipped[len(flipped)-1] ^= 1
	old := good.bytes()
	old[atMagic] = 1
	for name, raw := range map[string][]byte{
		"checksum":            flipped,
		"old format":          old,
		"old format, short":   old[:62],
		"offsets fall":        append(made{base: 20, records: good.records}.bytes(), good.bytes()...),
		"offsets overlap":     append(made{base: 9, records: good.records}.bytes(), good.bytes()...),
		"negative base":       edit(0, 0x80),
		"negative delta":      edit(atLastDelta, 0x80),
		"negative count":      edit(atCount, 0x80),
		"too many records":    made{base: 10, records: good.records, count: 1 << 30}.bytes(),
		"one record too many": made{base: 10, records: good.records, count: 3}.bytes(),
		"bytes left":          made{base: 10, records: good.records, count: 1}.bytes(),
		"deltas fall":         made{base: 10, records: []kmsg.Record{rec(1, "a"), rec(0, "b")}, last: 3}.bytes(),
		"deltas repeat":       made{base: 10, records: []kmsg.Record{rec(1, "a"), rec(1, "b")}}.bytes(),
		"delta beyond":        made{base: 10, records: []kmsg.Record{rec(5, "a")}, last: 3}.bytes(),
		"codec":               edit(atAttributes+1, 7),
		"not compressed":      edit(atAttributes+1, 4),
		"record length":       edit(headerBytes, 0xff),
		"record empty":        edit(headerBytes, 0),
		"value length":        edit(headerBytes+5, 0x7e),
		"headers":             edit(headerBytes+7, 2),
	} {
		got, after, err := walked(raw, 9, noLimit)
		var d *damage
		if !errors.As(err, &d) || after > 10 {
			t.Errorf("%s: %v up to %d, %v", name, got, after, err)
		}
	}
}

// Whatever the bytes, the walk ends without a panic, in order and within its
// bounds; and what the client library makes of undamaged ones is the same.
func FuzzWalk(f *testing.F) {
	f.Add(made{base: 5, records: []kmsg.Record{rec(0, "a"), rec(3, "b")}}.bytes(), int64(5), int64(0))
	f.Add(append(made{base: 5, attrs: txnBit, producer: 1, records: []kmsg.Record{rec(0, "a")}}.bytes(), marker(6, 1, 0)...), int64(5), int64(5))
	f.Add(made{base: 5, attrs: 2, records: []kmsg.Record{{Key: []byte("k"), Headers: []kmsg.Header{{Key: "h", Value: []byte("v")}, {Key: "n"}}}}}.bytes(), int64(0), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, next, abort int64) {
		// A checksum is hard to guess: set the ones of whole batches right.
		for at := 0; ; {
			b, _ := first(raw[at:])
			if b == nil {
				break
			}
			binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], castagnoli))
			if at += len(b); b.base() < abort && abort <= b.last() {
				abort = b.base() // a batch is of one transaction: none begins within it
			}
		}
		if len(raw) > 1<<16 || next < 0 {
			return
		}
		ab := []aborted{{1, abort}}
		whole, after, _, err := scan(raw, next)
		if err != nil {
			return
		}
		if after < next {
			t.Fatalf("goes back from %d to %d", next, after)
		}
		c := &chunk{raw: whole, next: next, after: after, limit: noLimit, aborted: ab}
		cols, w := newColumns(0, true), newWalker()
		for len(c.raw) > 0 {
			if err := w.step(c, cols); err != nil {
				return
			}
		}
		r := cols.records(c.after)
		for i, o := range r.Offset {
			if o < next || o >= after || i > 0 && o <= r.Offset[i-1] {
				t.Fatalf("offsets %v of [%d, %d)", r.Offset, next, after)
			}
		}
		compare(t, raw, next, ab, lines(r))
	})
}

// compare holds what was walked against the client library's own reading.
func compare(t *testing.T, raw []byte, next int64, ab []aborted, got []string) {
	t.Helper()
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.RecordBatches, rp.LastStableOffset, rp.HighWatermark = bytes.Clone(raw), noLimit, noLimit
	for _, a := range ab {
		rp.AbortedTransactions = append(rp.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.producer, FirstOffset: a.first})
	}
	fp, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: next, IsolationLevel: kgo.ReadCommitted(), Topic: "t"}, &rp, kgo.DefaultDecompressor(), nil)
	if fp.Err != nil {
		return // it is stricter here and there
	}
	var want []string
	for _, r := range fp.Records {
		l := fmt.Sprintf("0/%d %s=%s", r.Offset, orDash(r.Key), orDash(r.Value))
		for _, h := range r.Headers {
			l += fmt.Sprintf(" %s:%s", h.Key, h.Value)
		}
		want = append(want, l)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}
