package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/embedded"
	"github.com/tarndb/tarn/storage/topic/topictest"
)

// fakeOutside is a topic outside, in memory.
type fakeOutside struct {
	mu     sync.Mutex
	types  []types.Type
	parts  map[int32][]fakeRecord // ascending offsets
	starts map[int32]int64
	away   error // what reading gives while the broker is away
	reads  int   // ranges read
	// partitions that produce makes, 0 = three.
	partitions int
	// keeps: one in so many of produce's rows are those that the stream keeps itself, 0 = none.
	keeps int
	gate  chan struct{}
	// leavesOut is LeavesOut.
	leavesOut bool
}

type fakeRecord struct {
	offset int64
	row    []types.Datum // nil: gives no row
}

func newFakeOutside(ts ...types.Type) *fakeOutside {
	return &fakeOutside{types: ts, parts: map[int32][]fakeRecord{}, starts: map[int32]int64{}}
}

func (f *fakeOutside) next(p int32) int64 {
	if rs := f.parts[p]; len(rs) > 0 {
		return rs[len(rs)-1].offset + 1
	}
	return 0
}

// add appends a record after a gap.
func (f *fakeOutside) add(p int32, gap int64, row []types.Datum) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.parts[p] = append(f.parts[p], fakeRecord{f.next(p) + gap, row})
}

// produce adds rows of two integers to some partitions and gives their cuts.
func (f *fakeOutside) produce(rng *mathrand.Rand, object uint64, b *vec.Batch) (cuts []Cut) {
	if f.keeps > 0 && b.N > 0 && rng.Intn(f.keeps) == 0 {
		return []Cut{{Object: object, Partition: KeptRows, Rows: b.N}}
	}
	for lo := 0; lo < b.N; {
		hi := min(lo+1+rng.Intn(5), b.N)
		c := Cut{Object: object, Partition: int32(rng.Intn(cmp.Or(f.partitions, 3))), Rows: hi - lo}
		c.From = f.next(c.Partition)
		for i := lo; i < hi; i++ {
			if rng.Intn(4) == 0 {
				f.add(c.Partition, 0, nil)
			}
			f.add(c.Partition, 0, []types.Datum{b.Cols[0].Datum(i), b.Cols[1].Datum(i)})
		}
		c.To = f.next(c.Partition)
		cuts = append(cuts, c)
		lo = hi
	}
	return cuts
}

// forget takes away what has not been read durably: it would be produced again.
func (f *fakeOutside) forget(next map[int32]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, rs := range f.parts {
		f.parts[p] = slices.DeleteFunc(rs, func(r fakeRecord) bool { return r.offset >= next[p] })
	}
}

func (f *fakeOutside) setAway(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = err
}

func (f *fakeOutside) LeavesOut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leavesOut
}

func (f *fakeOutside) Start(_ context.Context, p int32) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts[p], f.away
}

func (f *fakeOutside) Read(ctx context.Context, p int32, from, to int64, columns []int, yield func(*vec.Batch, []int64) error) error {
	f.mu.Lock()
	f.reads++
	records, away, gate := slices.Clone(f.parts[p]), f.away, f.gate
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if away != nil {
		return away
	}
	for len(records) > 0 {
		n := min(7, len(records))
		cols := make([]*vec.Builder, len(f.types))
		for c, t := range f.types {
			cols[c] = vec.NewBuilder(t, n)
		}
		var offsets []int64
		for _, r := range records[:n] {
			if r.row == nil || r.offset < from || r.offset >= to {
				continue
			}
			for c, d := range r.row {
				if columns != nil && !slices.Contains(columns, c) {
					d = types.NullDatum
				}
				cols[c].Datum(d)
			}
			offsets = append(offsets, r.offset)
		}
		records = records[n:]
		if len(offsets) == 0 {
			continue
		}
		b := &vec.Batch{N: len(offsets)}
		for _, c := range cols {
			b.Cols = append(b.Cols, c.Finish())
		}
		if err := yield(b, offsets); err != nil {
			return err
		}
	}
	return nil
}

// cutStore is a stream that is read through, over a journal and a log as the
// engine keeps them.
type cutStore struct {
	fs      vfs.FS
	out     *fakeOutside
	foreign Records // in its place
	journal *journal.Journal
	log     *embedded.Log
	kept    *embedded.Topic
	rel     *relation
	rng     *rand.Rand
	top     int64
}

func (s *cutStore) records() Records {
	if s.foreign != nil {
		return s.foreign
	}
	return s.out
}

func (s *cutStore) open() error {
	j, _, err := journal.Open(journal.Config{FS: s.fs, Dir: "data/journal", FileBytes: 2000}, 0, nil)
	if err != nil {
		return err
	}
	l, err := embedded.Open(embedded.Config{FS: s.fs, Dir: "data/topics", TailBytes: 300, BlockRows: 16}, j)
	if err != nil {
		return err
	}
	s.journal, s.log = j, l
	cuts, err := l.Create(5)
	if err != nil {
		return err
	}
	if s.kept, err = l.Create(5 | keptBit); err != nil {
		return err
	}
	s.rel.log = cuts
	s.rel.outside = &outsideTopic{id: 5, log: l, name: "s", types: []types.Type{types.Int8, types.Text, types.Int8}, rowtime: 2, out: s.records(), cuts: cuts, end: &s.rel.end, source: &s.rel.source, window: 40, ctx: context.Background()}
	return l.Recover()
}

// Append adds the rows as cuts of some partitions, with records between them that
// give no row. Which rows are late follows from the watermark.
func (s *cutStore) Append(epoch uint64, r *topic.Rows) error {
	r.Late = nil
	s.rel.mark.value = s.top - 3
	out := s.records()
	var cuts []Cut
	n := r.Batch.N
	times := &vec.Vec{Type: types.Int8, N: n, Ints: r.Rowtime}
	whole := &vec.Batch{N: n, Cols: append(slices.Clone(r.Batch.Cols), times)}
	var kept []*vec.Batch
	b, err := s.kept.Bounds(0)
	if err != nil {
		return err
	}
	late := func(i int) {
		s.top = max(s.top, r.Rowtime[i])
		if r.Rowtime[i] < s.rel.mark.value {
			if r.Late == nil {
				r.Late = make([]bool, n)
			}
			r.Late[i] = true
		}
	}
	for lo := 0; lo < n; {
		hi := min(lo+1+s.rng.IntN(8), n)
		if s.rng.IntN(6) == 0 { // rows that the stream keeps itself
			kept = append(kept, whole.Slice(lo, hi))
			for i := lo; i < hi; i++ {
				late(i)
			}
			cuts = append(cuts, Cut{Partition: KeptRows, From: b.End, To: b.End + int64(hi-lo), Rows: hi - lo})
			b.End += int64(hi - lo)
			lo = hi
			continue
		}
		p := int32(s.rng.IntN(3))
		c := Cut{Partition: p, From: out.Next(p)}
		if s.rng.IntN(10) == 0 {
			c.From += 6000 // more than is read through
			out.Add(p, 6000, nil)
		}
		for i := lo; i < hi; i++ {
			if s.rng.IntN(5) == 0 {
				out.Add(p, 0, nil)
			}
			t := types.Datum{I: r.Rowtime[i]}
			out.Add(p, int64(s.rng.IntN(2)), []types.Datum{r.Batch.Cols[0].Datum(i), r.Batch.Cols[1].Datum(i), t})
			late(i)
		}
		c.To, c.Rows = out.Next(p), hi-lo
		cuts = append(cuts, c)
		lo = hi
	}
	in := input{rows: whole, late: r.Late, rowtime: r.Rowtime}
	payload := appendCutRows(nil, s.rel.cutRows(cuts, []input{in}, s.rel.end.Load()))
	f := &journal.Frame{Epoch: epoch, Time: int64(epoch), Entries: []journal.Entry{{Kind: journal.KindData, Object: 5, Payload: payload}}}
	for _, rows := range kept {
		f.Entries = append(f.Entries, journal.Entry{Kind: journal.KindData, Object: 5 | keptBit, Payload: embedded.AppendPayload(nil, &topic.Rows{Batch: rows})})
	}
	if err := s.journal.Append(f); err != nil {
		return err
	}
	if err := s.log.Apply(f); err != nil {
		return err
	}
	s.rel.end.Add(int64(n))
	return nil
}

func (s *cutStore) Disturb(rng *rand.Rand) error {
	switch rng.IntN(3) {
	case 0:
		if err := s.log.Settle(s.journal.LastEpoch()); err != nil {
			return err
		}
		return s.journal.Truncate(s.log.Settled() + 1)
	case 1:
		return s.log.Maintain()
	}
	if err := s.journal.Close(); err != nil {
		return err
	}
	return s.open()
}

// Topic shows two of the three columns: the third is the rowtime.
func (s *cutStore) Topic() topic.Topic { return twoColumns{s.rel.outside} }

type twoColumns struct{ *outsideTopic }

func (t twoColumns) Read(p int, o topic.Scan, yield func(*topic.Rows) error) error {
	if o.Columns == nil {
		o.Columns = []int{0, 1}
	}
	o.Columns, o.Types = slices.Clone(o.Columns), append(slices.Clone(t.types), types.Bool)
	for i, c := range o.Columns {
		if c == 2 {
			o.Columns[i] = 3
		}
	}
	return t.outsideTopic.Read(p, o, yield)
}

func TestOutsideConformance(t *testing.T) {
	RunRecords(t, 12, func(*testing.T) Records { return newFakeOutside(types.Int8, types.Text, types.Int8) })
}

// TestOutsideWindows: a long history is read in large ranges, whatever the size of
// its cuts.
func TestOutsideWindows(t *testing.T) {
	s := &cutStore{fs: vfs.NewMem(), out: newFakeOutside(types.Int8, types.Text, types.Int8), rng: rand.New(rand.NewPCG(1, 3)),
		rel: &relation{rowtime: 2, mark: watermark{value: noWatermark}}}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	time := int64(0)
	for epoch := range uint64(300) {
		if err := s.Append(epoch+1, topictest.MakeRows(s.rng, 10, &time)); err != nil {
			t.Fatal(err)
		}
	}
	s.rel.outside.window = 1500
	if got := topictest.Read(t, s.Topic(), topic.Scan{}); len(got) != 3000 {
		t.Fatal(len(got))
	}
	gaps := 0
	for _, rs := range s.out.parts {
		for i := range rs[1:] {
			if rs[i+1].offset-rs[i].offset > coalesceGap {
				gaps++
			}
		}
	}
	if want := 3*3 + gaps; s.out.reads > want { // partitions × windows
		t.Fatalf("%d ranges were read, want at most %d", s.out.reads, want)
	}
}

// TestOutsideGone: what the topic no longer has is an error that says so.
func TestOutsideGone(t *testing.T) {
	s := &cutStore{fs: vfs.NewMem(), out: newFakeOutside(types.Int8, types.Text, types.Int8), rng: rand.New(rand.NewPCG(1, 3)),
		rel: &relation{rowtime: 2, mark: watermark{value: noWatermark}}}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	time := int64(0)
	for epoch := range uint64(20) {
		if err := s.Append(epoch+1, topictest.MakeRows(s.rng, 10, &time)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(o topic.Scan) error { return s.Topic().Read(0, o, func(*topic.Rows) error { return nil }) }
	if err := read(topic.Scan{}); err != nil {
		t.Fatal(err)
	}
	s.out.starts[1] = 1
	if err := read(topic.Scan{}); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) || err.Error() != `stream "s": partition 1 begins at offset 1, offset 0 is asked for` {
		t.Fatal(err)
	}
	if err := read(topic.Scan{From: 150}); err != nil {
		t.Fatalf("what is still there: %v", err)
	}
	s.out.starts[1] = 0
	s.rel.source.setReset(2, 100)
	if err := read(topic.Scan{}); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatal(err)
	}
	if err := read(topic.Scan{From: 110}); err != nil {
		t.Fatalf("since the partition began anew: %v", err)
	}
	s.rel.source.resets = nil
	first := slices.IndexFunc(s.out.parts[0], func(r fakeRecord) bool { return r.row != nil })
	s.out.parts[0] = s.out.parts[0][first+1:]
	if err := read(topic.Scan{}); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatalf("a record that has been compacted away: %v", err)
	}
	s.leavesOut(t)
	s.out.setAway(errors.New("the broker is away"))
	if err := read(topic.Scan{From: 150}); err == nil || err.Error() != "the broker is away" {
		t.Fatal(err)
	}
}

// leavesOut: with on_gap = 'continue' all that is still there is read, in its place.
func (s *cutStore) leavesOut(t *testing.T) {
	t.Helper()
	s.out.mu.Lock()
	s.out.leavesOut = true
	for p := range int32(3) {
		s.out.starts[p] = 6 // within a cut
	}
	want := map[string]int{}
	for _, rs := range s.out.parts {
		for _, r := range rs {
			if r.row != nil && r.offset >= 6 {
				want[string(r.row[1].S)]++
			}
		}
	}
	s.out.mu.Unlock()
	defer func() { s.out.starts = map[int32]int64{} }()
	next := int64(0)
	err := s.Topic().Read(0, topic.Scan{Rowtime: true}, func(r *topic.Rows) error {
		if r.First < next || len(r.Rowtime) != r.Batch.N {
			t.Errorf("rows of position %d after %d, %d of %d rowtimes", r.First, next, len(r.Rowtime), r.Batch.N)
		}
		next = r.End()
		for i := range r.Batch.N {
			want[string(r.Batch.Cols[1].Bytes(i))]--
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := s.Topic().Bounds(0); next != b.End {
		t.Errorf("the rows end at position %d, the stream at %d", next, b.End)
	}
	for row, n := range want {
		if n > 0 {
			t.Errorf("%q is missing %d times", row, n)
		}
	}
}

func FuzzCutRows(f *testing.F) {
	f.Add(appendCutRows(nil, []cutRow{{partition: 3, from: 5, to: 9, rows: 4, first: 100, mark: math.MinInt64, late: 1, top: 77}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := embedded.DecodePayload(b, &topic.Scan{Types: cutColumns, Rowtime: true})
		if err != nil {
			return
		}
		cuts, err := cutRowsOf(rows)
		if err != nil {
			return
		}
		rows, err = embedded.DecodePayload(appendCutRows(nil, cuts), &topic.Scan{Types: cutColumns, Rowtime: true})
		if err != nil {
			t.Fatal(err)
		}
		again, err := cutRowsOf(rows)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(cuts) {
			t.Fatalf("%v became %v, %v", cuts, again, err)
		}
	})
}
