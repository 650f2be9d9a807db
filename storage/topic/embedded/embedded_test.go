package embedded

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/storage/journal"
	"github.com/tarndb/tarn/storage/segment"
	"github.com/tarndb/tarn/storage/topic"
	"github.com/tarndb/tarn/storage/topic/topictest"
)

// store is a journal and a log over one file system, as the engine keeps them.
type store struct {
	fs      vfs.FS
	tail    int64
	stop    func(string) error
	journal *journal.Journal
	log     *Log
	txn     uint64
}

const testTopic = 5

func (s *store) open() error {
	j, rec, err := journal.Open(journal.Config{FS: s.fs, Dir: "data/journal", FileBytes: 2000, Stop: s.stop}, 0, nil)
	if err != nil {
		return err
	}
	s.txn = max(s.txn, rec.LastTxn)
	l, err := Open(Config{FS: s.fs, Dir: "data/topics", TailBytes: s.tail, BlockRows: 16, Stop: s.stop}, j)
	if err != nil {
		return err
	}
	s.journal, s.log = j, l
	for _, id := range []uint64{testTopic, testTopic + 1} {
		if _, err := l.Create(id); err != nil {
			return err
		}
	}
	return l.Recover()
}

func (s *store) Topic() topic.Topic { return s.log.Topic(testTopic) }

// append adds rows to both topics in one epoch, now and then by a big transaction.
func (s *store) Append(epoch uint64, r *topic.Rows) error {
	f := &journal.Frame{Epoch: epoch, Time: int64(epoch)}
	half := r.Batch.N / 2
	if epoch%4 == 0 {
		s.txn++
		for _, part := range []*topic.Rows{r.Slice(0, half), r.Slice(half, r.Batch.N)} {
			if err := s.journal.AppendChunk(s.txn, entries(part)); err != nil {
				return err
			}
		}
		f.Entries = []journal.Entry{{Kind: journal.KindCommit, Txn: s.txn}}
	} else {
		f.Entries = append(entries(r.Slice(0, half)), entries(r.Slice(half, r.Batch.N))...)
	}
	if err := s.journal.Append(f); err != nil {
		return err
	}
	return s.log.Apply(f)
}

func entries(r *topic.Rows) []journal.Entry {
	p := AppendPayload(nil, r)
	return []journal.Entry{{Kind: journal.KindData, Object: testTopic, Payload: p}, {Kind: journal.KindData, Object: testTopic + 1, Payload: p}}
}

func (s *store) Disturb(rng *rand.Rand) error {
	switch rng.IntN(4) {
	case 0:
		return s.log.Settle(s.journal.LastEpoch() - uint64(rng.IntN(3)))
	case 1:
		if err := s.log.Settle(s.journal.LastEpoch()); err != nil {
			return err
		}
		return s.journal.Truncate(s.log.Settled() + 1)
	case 2:
		return s.log.Maintain()
	}
	if err := s.journal.Close(); err != nil {
		return err
	}
	return s.open()
}

func TestConformance(t *testing.T) {
	for _, tail := range []int64{0, 300, 1} {
		t.Run(fmt.Sprintf("tail=%d", tail), func(t *testing.T) {
			topictest.Run(t, 12, func(t *testing.T) topictest.Harness {
				s := &store{fs: vfs.NewMem(), tail: tail}
				if err := s.open(); err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

// Stopped at any step, with any part of what was not synced lost: every
// acknowledged row is there once, and both topics agree.
func TestCrashAtEachStep(t *testing.T) {
	steps := map[string]int{}
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		mem := vfs.NewCrashableMem()
		if err := mem.MkdirAll("data", 0o755); err != nil { // the server's to make durable
			t.Fatal(err)
		}
		if err := segment.SyncDir(mem, ""); err != nil {
			t.Fatal(err)
		}
		s := &store{fs: mem}
		countdown := 3 + rng.IntN(80)
		s.stop = func(step string) error {
			if countdown--; countdown == 0 {
				steps[step]++
				return fmt.Errorf("stopped %s", step)
			}
			return nil
		}
		err := s.open()
		var want []topictest.Line
		epoch, acked, time := uint64(0), 0, int64(0)
		for err == nil {
			if rng.IntN(4) == 0 {
				if err = s.log.Settle(epoch); err == nil && rng.IntN(2) == 0 {
					err = s.journal.Truncate(s.log.Settled() + 1)
				}
				if err == nil && rng.IntN(2) == 0 {
					err = s.log.Maintain()
				}
				continue
			}
			epoch++
			r := topictest.MakeRows(rng, 1+rng.IntN(20), &time)
			r.First, r.Epochs = int64(len(want)), []topic.Run{{Epoch: epoch, Rows: r.Batch.N}}
			want = append(want, topictest.Lines(r)...)
			if err = s.Append(epoch, r); err == nil {
				acked = len(want)
			}
		}
		after := &store{fs: mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})}
		if err := after.open(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got := topictest.Read(t, after.Topic(), topic.Scan{Rowtime: true})
		if len(got) != acked && len(got) != len(want) || !reflect.DeepEqual(got, want[:len(got):len(got)]) && len(got) > 0 {
			t.Fatalf("seed %d: %d rows, %d acknowledged, %d tried", seed, len(got), acked, len(want))
		}
		if other := topictest.Read(t, after.log.Topic(testTopic+1), topic.Scan{Rowtime: true}); !reflect.DeepEqual(other, got) {
			t.Fatalf("seed %d: the topics differ: %d and %d rows", seed, len(other), len(got))
		}
		verify(t, after.fs)
	}
	if len(steps) < 8 {
		t.Fatal("too few steps were stopped at", steps)
	}
}

func verify(t *testing.T, fs vfs.FS) {
	t.Helper()
	reports, err := Verify(fs, "data/topics")
	if err != nil || len(reports) != 2 {
		t.Fatal(reports, err)
	}
	for _, r := range reports {
		if r.Damage != nil {
			t.Fatal(r.Damage)
		}
	}
}

// Whatever fails in the background, reads stay right, it works when tried
// again, and a crash right after a failure finds a whole store.
func TestFaults(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		mem := vfs.NewCrashableMem()
		if err := mem.MkdirAll("data", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := segment.SyncDir(mem, ""); err != nil {
			t.Fatal(err)
		}
		countdown := 0
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if countdown > 0 {
				if countdown--; countdown == 0 {
					return errorfs.ErrInjected
				}
			}
			return nil
		}))
		s := &store{fs: fs}
		if err := s.open(); err != nil {
			t.Fatal(err)
		}
		var want []topictest.Line
		time, failures := int64(0), 0
		for e := uint64(1); e <= 40; e++ {
			r := topictest.MakeRows(rng, 1+rng.IntN(10), &time)
			if err := s.Append(e, r); err != nil {
				t.Fatal(err)
			}
			r.First, r.Epochs = int64(len(want)), []topic.Run{{Epoch: e, Rows: r.Batch.N}}
			want = append(want, topictest.Lines(r)...)
			countdown = 1 + rng.IntN(40)
			err := s.log.Settle(e)
			if err == nil {
				err = s.log.Maintain()
			}
			countdown = 0
			if err != nil {
				failures++
			}
			if got := topictest.Read(t, s.Topic(), topic.Scan{Rowtime: true}); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, epoch %d (%v): %d rows, want %d", seed, e, err, len(got), len(want))
			}
		}
		after := &store{fs: mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})}
		if err := after.open(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := topictest.Read(t, after.Topic(), topic.Scan{Rowtime: true}); !reflect.DeepEqual(got, want) || failures == 0 {
			t.Fatalf("seed %d: %d rows after the crash, want %d; %d failures", seed, len(got), len(want), failures)
		}
		verify(t, after.fs)
	}
}

func TestRetain(t *testing.T) {
	s := &store{fs: vfs.NewMem()}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	time := int64(0)
	for e := uint64(1); e <= 6; e++ {
		if err := s.Append(e, topictest.MakeRows(rng, 10, &time)); err != nil {
			t.Fatal(err)
		}
		if err := s.log.Settle(e); err != nil {
			t.Fatal(err)
		}
	}
	tp := s.log.Topic(testTopic)
	n, err := tp.Retain(func(i segment.Info) bool { return i.LastEpoch <= 4 })
	if err != nil || n != 4 {
		t.Fatal(n, err)
	}
	if err := tp.Read(0, topic.Scan{}, nil); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatal(err)
	}
	for range 2 {
		b, _ := s.Topic().Bounds(0)
		if b.Start != 40 || b.End != 60 || b.CompleteFrom != 5 {
			t.Fatal(b)
		}
		if got := topictest.Read(t, s.Topic(), topic.Scan{From: b.Start}); len(got) != 20 {
			t.Fatal(len(got))
		}
		if got := topictest.Read(t, s.Topic(), topic.Scan{After: 4}); len(got) != 20 {
			t.Fatal(len(got))
		}
		s.journal.Close()
		if err := s.open(); err != nil {
			t.Fatal(err)
		}
	}
	names, _ := s.fs.List("data/topics/5")
	if len(names) != 3 {
		t.Fatal("files left behind", names)
	}
}

// A read that began before settling and truncating gives all rows once.
func TestReadWhileSettling(t *testing.T) {
	s := &store{fs: vfs.NewMem(), tail: 1}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	time := int64(0)
	for e := uint64(1); e <= 60; e++ {
		if err := s.Append(e, topictest.MakeRows(rng, 10, &time)); err != nil {
			t.Fatal(err)
		}
	}
	at := int64(0)
	if err := s.Topic().Read(0, topic.Scan{}, func(r *topic.Rows) error {
		if r.First != at {
			t.Fatal(r.First, at)
		}
		if at = r.End(); at == 100 {
			if err := s.log.Settle(60); err != nil {
				t.Fatal(err)
			}
			if err := s.journal.Truncate(61); err != nil {
				t.Fatal(err)
			}
			if err := s.Append(61, topictest.MakeRows(rng, 5, &time)); err != nil {
				t.Fatal(err)
			}
		}
		return nil
	}); err != nil || at != 600 {
		t.Fatal(at, err)
	}
}

func TestMergeRange(t *testing.T) {
	var ss []segment.Info
	at := int64(0)
	for range 2000 {
		ss = append(ss, segment.Info{First: at, End: at + 1000})
		at += 1000
		for {
			lo, hi := mergeRange(ss, 4<<20)
			if lo == hi {
				break
			}
			m := segment.Info{First: ss[lo].First, End: ss[hi-1].End}
			ss = append(append(append([]segment.Info(nil), ss[:lo]...), m), ss[hi:]...)
		}
	}
	if len(ss) > 40 {
		t.Fatal(len(ss), "segments")
	}
}

func FuzzPayload(f *testing.F) {
	time := int64(0)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 4 {
		f.Add(AppendPayload(nil, topictest.MakeRows(rng, 5, &time)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodePayload(data, &topic.Scan{Rowtime: true})
		if err == nil {
			_ = AppendPayload(nil, r)
		}
	})
}

// Reads beside appending, settling, merging and truncating see a prefix of the
// rows, whole and in order.
func TestConcurrentReads(t *testing.T) {
	s := &store{fs: vfs.NewMem(), tail: 2000}
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	done := make(chan error, 2)
	for range cap(done) {
		go func() {
			seen := int64(0)
			for !stop.Load() {
				at := int64(0)
				err := s.Topic().Read(0, topic.Scan{}, func(r *topic.Rows) error {
					if r.First != at {
						return fmt.Errorf("rows at %d after %d", r.First, at)
					}
					at = r.End()
					return nil
				})
				if err == nil && at < seen {
					err = fmt.Errorf("%d rows after %d were seen", at, seen)
				}
				if seen = at; err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	rng := rand.New(rand.NewPCG(1, 1))
	time := int64(0)
	for e := uint64(1); e <= 150; e++ {
		if err := s.Append(e, topictest.MakeRows(rng, 10, &time)); err != nil {
			t.Fatal(err)
		}
		if e%10 != 0 {
			continue
		}
		for _, err := range []error{s.log.Settle(e - 3), s.log.Maintain(), s.journal.Truncate(s.log.Settled() + 1)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
