package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/topic"
)

func txnClient(t *testing.T, c *Client, id string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.cfg.Brokers...), kgo.TransactionalID(id), kgo.MetadataMinAge(50*time.Millisecond), kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// txn writes records from to to-1 in one transaction and ends it.
func txn(t *testing.T, cl *kgo.Client, name, prefix string, from, to int, end kgo.TransactionEndTry) {
	t.Helper()
	ctx := inTime(t)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: name, Key: []byte(strconv.Itoa(i)), Value: []byte(prefix + strconv.Itoa(i))}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(ctx, end); err != nil {
		t.Fatal(err)
	}
}

// rangeLines reads a range.
func rangeLines(t *testing.T, c *Client, name string, p int32, from, to int64) ([]string, error) {
	t.Helper()
	var out []string
	at := from
	err := c.ReadRange(inTime(t), name, TopicID{}, p, from, to, false, func(r *topic.Records) error {
		out = append(out, lines(r)...)
		if r.Next <= at || r.Next > to {
			t.Fatalf("next is %d after %d, in a read up to %d", r.Next, at, to)
		}
		at = r.Next
		return nil
	})
	if err == nil && at != to {
		t.Fatalf("the read ends at %d, not at %d", at, to)
	}
	return out, err
}

// The law of the reader: whatever was written by committed transactions and
// without any is read, in order, nothing else, and the position goes past the
// markers.
func TestTransactions(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	a, b := txnClient(t, c, "a"), txnClient(t, c, "b")
	txn(t, a, "t", "a", 0, 3, kgo.TryCommit) // 0-2, marker 3
	txn(t, a, "t", "a", 3, 6, kgo.TryAbort)  // 4-6, marker 7
	mustProduce(t, c, "t", values("p", 6, 7))
	// Two transactions between each other, one is aborted: 9-13, markers 14 and 15.
	ctx := inTime(t)
	for _, cl := range []*kgo.Client{a, b} {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
	}
	for i, cl := range []*kgo.Client{a, b, b, a, b} {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(b.EndTransaction(ctx, kgo.TryCommit), a.EndTransaction(ctx, kgo.TryAbort)); err != nil {
		t.Fatal(err)
	}
	txn(t, a, "t", "z", 0, 2, kgo.TryAbort)
	want := []string{"0/0 0=a0", "0/1 1=a1", "0/2 2=a2", "0/8 6=p6", "0/10 -=1", "0/11 -=2", "0/13 -=4"}
	ps, _, err := c.Partitions(ctx, "t")
	if err != nil || ps[0].End != 19 {
		t.Fatal(ps, err)
	}
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	g := readTo(t, r, map[int32]int64{0: 19})
	if !slices.Equal(g.lines, want) || g.next[0] != 19 {
		t.Fatalf("got %v up to %d", g.lines, g.next[0])
	}
	for from := range int64(19) {
		for _, to := range []int64{from, from + 1, 12, 14, 16, 19} {
			if to < from {
				continue
			}
			var part []string
			for _, l := range want {
				o, _ := strconv.ParseInt(strings.Split(l[2:], " ")[0], 10, 64)
				if o >= from && o < to {
					part = append(part, l)
				}
			}
			if got, err := rangeLines(t, c, "t", 0, from, to); err != nil || !slices.Equal(got, part) {
				t.Fatalf("[%d, %d): %v, %v, want %v", from, to, got, err, part)
			}
		}
	}
}

// An open transaction holds back what comes after it, and the end that Partitions
// gives.
func TestOpenTransaction(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	a := txnClient(t, c, "a")
	mustProduce(t, c, "t", values("p", 0, 2))
	ctx := inTime(t)
	if err := errors.Join(a.BeginTransaction(), a.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr()); err != nil {
		t.Fatal(err)
	}
	mustProduce(t, c, "t", values("p", 2, 3))
	if ps, _, err := c.Partitions(ctx, "t"); err != nil || ps[0].End != 2 {
		t.Fatal(ps, err)
	}
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	if g := readTo(t, r, map[int32]int64{0: 2}); g.next[0] != 2 {
		t.Fatal(g)
	}
	if err := a.EndTransaction(ctx, kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if g := readTo(t, r, map[int32]int64{0: 5}); !slices.Equal(g.lines, []string{"0/2 -=x", "0/3 2=p2"}) {
		t.Fatal(g.lines)
	}
}

// Compaction leaves holes, in the midst and at the end; the position goes past them.
func TestCompaction(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "1000", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0"})
	for i := range 200 {
		key := fmt.Append(nil, i%5)
		if i%50 == 0 {
			key = fmt.Appendf(nil, "once %d", i)
		}
		mustProduce(t, c, "t", []Out{{Key: key, Value: fmt.Append(nil, i)}})
	}
	f.Compact()
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	g := readTo(t, r, map[int32]int64{0: 200})
	if len(g.lines) >= 200 || len(g.lines) < 5 {
		t.Fatalf("%d records are left of 200", len(g.lines))
	}
	if got := g.lines[len(g.lines)-1]; got != "0/199 4=199" {
		t.Fatal(got)
	}
	seen := map[string]string{}
	for _, l := range g.lines {
		k, v, _ := strings.Cut(l[strings.IndexByte(l, ' ')+1:], "=")
		seen[k] = v
	}
	for k := range 5 {
		if seen[strconv.Itoa(k)] != strconv.Itoa(195+k) {
			t.Fatal(seen)
		}
	}
	// Any range of it is the same as that part of the whole.
	for from := int64(0); from < 200; from += 13 {
		for to := from + 1; to <= 200; to += 29 {
			var part []string
			for _, l := range g.lines {
				o, _ := strconv.ParseInt(strings.Split(l[2:], " ")[0], 10, 64)
				if o >= from && o < to {
					part = append(part, l)
				}
			}
			if got, err := rangeLines(t, c, "t", 0, from, to); err != nil || !slices.Equal(got, part) {
				t.Fatalf("[%d, %d): %v, %v, want %v", from, to, got, err, part)
			}
		}
	}
}

// The end of a compacted log is a hole: brokers answer with nothing although the
// end is further on. The position gets there, once it is sure.
func TestHoleAtTheEnd(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("p", 0, 3))
	// kfake keeps a batch at the end; so we answer in its place.
	f.ControlKey(1, func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.FetchRequest)
		if len(q.Topics) == 0 || q.Topics[0].Partitions[0].FetchOffset < 3 {
			return nil, nil, false
		}
		resp := q.ResponseKind().(*kmsg.FetchResponse)
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = q.Topics[0].Topic, q.Topics[0].TopicID
		rp := kmsg.NewFetchResponseTopicPartition()
		rp.HighWatermark, rp.LastStableOffset = 9, 9
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	if g := readTo(t, r, map[int32]int64{0: 9}); len(g.lines) != 3 || g.next[0] != 9 {
		t.Fatal(g)
	}
	if got, err := rangeLines(t, c, "t", 0, 1, 7); err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
}

// gapOf polls until there is a gap.
func gapOf(t *testing.T, r *Reader) (got, *GapError) {
	t.Helper()
	ctx := inTime(t)
	g := got{next: map[int32]int64{}}
	for ctx.Err() == nil {
		err := g.poll(t, ctx, r)
		var gap *GapError
		if errors.As(err, &gap) {
			return g, gap
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("there is no gap: %+v", r.State())
	return g, nil
}

func TestOutOfRange(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 2, nil)
	for p := range int32(2) {
		for i := range 10 {
			mustProduce(t, c, "t", []Out{{Partition: p, Value: fmt.Append(nil, i)}})
		}
	}
	if err := f.DeleteRecords("t", 1, 5); err != nil {
		t.Fatal(err)
	}
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0, 1: 2}})
	g, gap := gapOf(t, r)
	if *gap != (GapError{Topic: "t", Partition: 1, Asked: 2, Start: 5, Kind: OutOfRange}) || !sqlerr.HasCode(gap, sqlerr.SnapshotTooOld) {
		t.Fatal(gap)
	}
	if _, ok := g.next[1]; ok {
		t.Fatal("something was read past the gap")
	}
	// The others go on; the gap is told once, and State keeps it.
	mustProduce(t, c, "t", []Out{{Partition: 0, Value: []byte("more")}})
	if readTo(t, r, map[int32]int64{0: 11}); !errors.As(r.State().Partitions[1].Err, &gap) {
		t.Fatal(r.State())
	}
	r.Add(1, gap.Start)
	if g := readTo(t, r, map[int32]int64{1: 10}); len(g.lines) != 5 || g.lines[0] != "1/5 -=5" {
		t.Fatal(g.lines)
	}
	if _, err := rangeLines(t, c, "t", 1, 2, 7); !errors.As(err, &gap) || gap.Kind != OutOfRange || gap.Start != 5 {
		t.Fatal(err)
	}
}

func TestTruncated(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("p", 0, 4))
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 7}})
	if _, gap := gapOf(t, r); gap.Kind != Truncated || gap.Start != 4 || gap.Asked != 7 {
		t.Fatal(gap)
	}
	var gap *GapError
	if _, err := rangeLines(t, c, "t", 0, 2, 6); !errors.As(err, &gap) || gap.Kind != Truncated || gap.Asked != 6 || gap.Start != 4 {
		t.Fatal(err)
	}
}

// Another leader that has less of an epoch than was read of it: records were lost,
// also where others have taken their offsets.
func TestTruncatedByEpoch(t *testing.T) {
	f := fake(t, kfake.NumBrokers(2))
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("p", 0, 4))
	first := f.LeaderFor("t", 0)
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	readTo(t, r, map[int32]int64{0: 4})
	f.ControlKey(23, func(req kmsg.Request) (kmsg.Response, error, bool) { // the new leader's answer
		q := req.(*kmsg.OffsetForLeaderEpochRequest)
		resp := q.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		rt := kmsg.NewOffsetForLeaderEpochResponseTopic()
		rt.Topic = "t"
		rp := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
		rp.LeaderEpoch, rp.EndOffset = q.Topics[0].Partitions[0].LeaderEpoch, 2
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	if err := f.MoveTopicPartition("t", 0, 1-first); err != nil {
		t.Fatal(err)
	}
	if _, gap := gapOf(t, r); gap.Kind != Truncated || gap.Start != 2 || gap.Asked != 4 {
		t.Fatal(gap)
	}
}

func TestRecreated(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("old", 0, 4))
	_, id, err := c.Partitions(inTime(t), "t")
	if err != nil {
		t.Fatal(err)
	}
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	readTo(t, r, map[int32]int64{0: 4})
	if got := r.State().TopicID; got != id || got == (TopicID{}) {
		t.Fatal(got, id)
	}
	if err := c.DeleteTopic(inTime(t), "t"); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("new", 0, 9))
	if g, gap := gapOf(t, r); gap.Kind != Recreated || gap.Asked != 4 || len(g.lines) != 0 {
		t.Fatal(gap, g)
	}
	// A reader that begins with the old id finds out too, and so does a historic read.
	r2 := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 4}, TopicID: id})
	if g, gap := gapOf(t, r2); gap.Kind != Recreated || len(g.lines) != 0 {
		t.Fatal(gap, g)
	}
	var gap *GapError
	if err := c.ReadRange(inTime(t), "t", id, 0, 0, 4, false, func(*topic.Records) error { return errors.New("read") }); !errors.As(err, &gap) || gap.Kind != Recreated {
		t.Fatal(err)
	}
}

// Whatever brokers answer for a while, nothing is lost or read twice, and State
// says what it was.
func TestFaults(t *testing.T) {
	f := fake(t, kfake.NumBrokers(3))
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 3, nil)
	for i := range 300 {
		mustProduce(t, c, "t", []Out{{Partition: int32(i % 3), Value: fmt.Append(nil, i)}})
	}
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.UnknownTopicID,
		kerr.KafkaStorageError, kerr.CorruptMessage, kerr.TopicAuthorizationFailed, kerr.UnknownServerError, kerr.OffsetOutOfRange} {
		t.Run(e.Message, func(t *testing.T) {
			h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: "t", Partitions: []int32{1}, Err: e, Count: -1})
			r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0, 1: 0, 2: 0}})
			g := readTo(t, r, map[int32]int64{0: 100, 2: 100})
			ctx := inTime(t)
			for r.State().Partitions[1].Err == nil { // may be a moment later
				if pause(ctx, time.Millisecond); ctx.Err() != nil {
					t.Fatal("the error does not show")
				}
			}
			if s := r.State(); s.Partitions[0].Err != nil || sqlerr.CodeOf(s.Err) == sqlerr.InternalError {
				t.Fatalf("%+v", s)
			}
			h.Remove()
			g2 := readTo(t, r, map[int32]int64{1: 100})
			if all := append(g.lines, g2.lines...); len(all) != 300 {
				t.Fatalf("%d records", len(all))
			}
			if err := r.State().Err; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Partitions that move from broker to broker are followed.
func TestLeadersMove(t *testing.T) {
	f := fake(t, kfake.NumBrokers(3))
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 2, nil)
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0, 1: 0}})
	var all []string
	for i := range 12 {
		mustProduce(t, c, "t", []Out{{Partition: 0, Value: fmt.Append(nil, i)}, {Partition: 1, Value: fmt.Append(nil, i)}})
		all = append(all, readTo(t, r, map[int32]int64{0: int64(i + 1), 1: int64(i + 1)}).lines...)
		for p := range int32(2) {
			if err := f.MoveTopicPartition("t", p, int32(i+int(p))%3); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(all) != 24 {
		t.Fatal(all)
	}
}

// What is not polled is bounded, and Pause stops even that.
func TestBackPressure(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 2, nil)
	rng := rand.New(rand.NewPCG(1, 1))
	var out []Out
	for i := range 200 {
		big := make([]byte, 100_000)
		for j := range big { // does not get smaller
			big[j] = byte(rng.Uint32())
		}
		out = append(out, Out{Partition: int32(i % 2), Value: big})
	}
	after := mustProduce(t, c, "t", out)
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}, BytesMax: 3 << 20})
	ctx := inTime(t)
	for r.State().Buffered < 1<<20 {
		if pause(ctx, time.Millisecond); ctx.Err() != nil {
			t.Fatal("nothing comes")
		}
	}
	h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
	for seen := h.Hits(); ; seen = h.Hits() { // until nothing more is asked for
		pause(ctx, 50*time.Millisecond)
		if h.Hits() == seen {
			break
		}
	}
	if n := r.State().Buffered; n > 3<<20 {
		t.Fatalf("%d bytes are kept", n)
	}
	r.Pause()
	r.Add(1, 0)
	if g := readTo(t, r, map[int32]int64{}); len(g.lines) != 0 {
		t.Fatal(g)
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	for { // what was fetched before
		rs, err := r.Poll(short)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) == 0 {
			break
		}
	}
	s := r.State()
	if !s.Paused || s.Buffered != 0 || s.Partitions[0].Next >= after[0] || s.Partitions[1].Next != 0 {
		t.Fatalf("%+v", s)
	}
	r.Resume()
	readTo(t, r, map[int32]int64{0: after[0], 1: after[1]})
}

// Add goes back, and what had been fetched from elsewhere does not come.
func TestAdd(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("p", 0, 50))
	r := reader(t, c, "t", ReaderOptions{})
	for _, at := range []int64{40, 10, 0, 49} {
		r.Add(0, at)
		if g := readTo(t, r, map[int32]int64{0: 50}); len(g.lines) != 50-int(at) || !strings.HasPrefix(g.lines[0], fmt.Sprintf("0/%d ", at)) {
			t.Fatalf("from %d: %v", at, g.lines)
		}
	}
	r.Close()
	if _, err := r.Poll(inTime(t)); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestOffsetsAt(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	const day = 86_400_000_000
	for i := range 10 {
		mustProduce(t, c, "t", []Out{{Value: []byte("x"), Time: 9000*day + int64(i)*1_000_000}})
	}
	for µs, want := range map[int64]int64{0: 0, 9000 * day: 0, 9000*day + 1: 1, 9000*day + 4_000_000: 4, 9000*day + 4_000_001: 5, 9001 * day: 10} {
		if got, err := c.OffsetsAt(inTime(t), "t", µs); err != nil || got[0] != want {
			t.Errorf("at %d: %v, %v, want %d", µs, got, err, want)
		}
	}
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 9}})
	rs, err := r.Poll(inTime(t))
	if err != nil || len(rs) != 1 || rs[0].Time[0] != 9000*day+9_000_000 {
		t.Fatal(rs, err)
	}
}

func TestCommitGroup(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 2, nil)
	ctx := inTime(t)
	if err := c.CommitGroup(ctx, "tarn-s", "t", map[int32]int64{0: 5, 1: 7}); err != nil {
		t.Fatal(err)
	}
	os, err := kadm.NewClient(c.cl).FetchOffsets(ctx, "tarn-s")
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range []int64{5, 7} {
		if o, _ := os.Lookup("t", int32(p)); o.At != want {
			t.Fatal(os)
		}
	}
}
