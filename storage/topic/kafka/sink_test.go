package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// mustOpen opens a sink that is to stand at position; -1: at none.
func mustOpen(t *testing.T, c *Client, cfg SinkConfig, position int64) *Sink {
	t.Helper()
	cfg.Client = c.cfg
	s, at, ok, err := OpenSink(inTime(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if ok != (position >= 0) || ok && at != uint64(position) {
		t.Fatalf("the position is %d (%v), want %d", at, ok, position)
	}
	return s
}

func mustWrite(t *testing.T, s *Sink, out []Out, position uint64) {
	t.Helper()
	if err := s.Write(inTime(t), out, position); err != nil {
		t.Fatal(err)
	}
}

// committed reads all committed values of a topic, partition after partition.
func committed(t *testing.T, c *Client, name string) (out []string) {
	t.Helper()
	ps, _, err := c.Partitions(inTime(t), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		ls, err := rangeLines(t, c, name, p.ID, p.Start, p.End)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range ls {
			out = append(out, l[strings.IndexByte(l, '=')+1:])
		}
	}
	return out
}

func TestSink(t *testing.T) {
	for name, opts := range map[string][]kfake.Opt{
		"now":            nil,
		"before KIP-890": {kfake.MaxVersions(kversion.V3_7_0())}, // the group is added by a request of its own
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, fake(t, opts...).ListenAddrs())
			mustCreate(t, c, "t", 2, nil)
			cfg := SinkConfig{Topic: "t", ID: "7"}
			s := mustOpen(t, c, cfg, -1)
			if want := name == "now"; s.implied != want {
				t.Fatal("not the transactions that were to be tried")
			}
			mustWrite(t, s, []Out{{Partition: 0, Value: []byte("a")}, {Partition: 1, Value: []byte("b"), Headers: []kgo.RecordHeader{{Key: "epoch", Value: []byte("5")}}}}, 5)
			mustWrite(t, s, []Out{{Partition: 0, Value: []byte("c")}}, 9)
			s.Close()
			s = mustOpen(t, c, cfg, 9)
			mustWrite(t, s, nil, 12) // the position alone
			mustWrite(t, s, []Out{{Partition: 1, Value: []byte("d")}}, 13)
			mustWrite(t, s, nil, 14)
			s.Close()
			if err := s.Write(inTime(t), nil, 15); !errors.Is(err, ErrClosed) {
				t.Fatal(err)
			}
			mustOpen(t, c, cfg, 14)
			mustOpen(t, c, SinkConfig{Topic: "t", ID: "8"}, -1)
			if got := committed(t, c, "t"); !slices.Equal(got, []string{"a", "c", "b", "d"}) {
				t.Fatal(got)
			}
		})
	}
}

// The first transaction of a new client is there if Write says so: the client
// library must have learnt the topic before, or it may abort in silence.
func TestFirstTransaction(t *testing.T) {
	c := open(t, fake(t).ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	for i := range int64(40) {
		s := mustOpen(t, c, SinkConfig{Topic: "t", ID: "first"}, i-1)
		mustWrite(t, s, []Out{{Value: []byte("x")}}, uint64(i))
		s.Close()
	}
	if got := committed(t, c, "t"); len(got) != 40 {
		t.Fatalf("%d of 40", len(got))
	}
}

// A sink that has been replaced, whatever it was about to do, writes nothing more,
// and harms the new one in nothing.
func TestZombie(t *testing.T) {
	for _, when := range []string{"before", "produced", "position"} {
		t.Run(when, func(t *testing.T) {
			c := open(t, fake(t).ListenAddrs())
			mustCreate(t, c, "t", 1, nil)
			cfg := SinkConfig{Topic: "t", ID: "z"}
			old := mustOpen(t, c, cfg, -1)
			mustWrite(t, old, []Out{{Value: []byte("one")}}, 1)
			ctx := inTime(t)
			if when != "before" { // it dies, or hangs, in the midst of a transaction
				if err := errors.Join(old.cl.BeginTransaction(), old.produce(ctx, []Out{{Value: []byte("zombie")}})); err != nil {
					t.Fatal(err)
				}
			}
			if when == "position" {
				if err := old.commitOffset(ctx, 2, ""); err != nil {
					t.Fatal(err)
				}
			}
			s := mustOpen(t, c, cfg, 1)
			mustWrite(t, s, []Out{{Value: []byte("two")}}, 2)
			var err error
			if when == "before" {
				err = old.Write(ctx, []Out{{Value: []byte("zombie")}}, 3)
			} else {
				old.broken = old.commitOffset(ctx, 3, "")
				err = fenced(old.broken)
				if end := old.cl.EndTransaction(ctx, kgo.TryCommit); end == nil || err == nil {
					t.Fatalf("the zombie commits: %v, %v", err, end)
				}
				err = c.cfg.wrap(err, "t")
			}
			if !errors.Is(err, ErrFenced) || !sqlerr.HasCode(err, sqlerr.ObjectInUse) {
				t.Fatalf("%v", err)
			}
			if again := old.Write(ctx, nil, 4); again == nil {
				t.Fatal("it goes on")
			}
			mustWrite(t, s, []Out{{Value: []byte("three")}}, 3)
			mustOpen(t, c, cfg, 3)
			if got := committed(t, c, "t"); !slices.Equal(got, []string{"one", "two", "three"}) {
				t.Fatal(got)
			}
		})
	}
}

// Whichever step of a transaction meets an error, or loses its answer, the next
// sink finds records and position that belong together.
func TestSinkFaults(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprint(key.Name(), " answer lost ", lost), func(t *testing.T) {
				f := fake(t)
				c := open(t, f.ListenAddrs())
				mustCreate(t, c, "t", 1, nil)
				cfg := SinkConfig{Topic: "t", ID: "f"}
				s := mustOpen(t, c, cfg, -1)
				mustWrite(t, s, []Out{{Value: []byte("1")}}, 1)
				ctx, cancel := context.WithCancel(inTime(t))
				var fault *kfake.FaultHandle
				if lost {
					// The request is done, and its answer is not seen any more: the caller goes away.
					fault = f.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, Count: 1})
					go func() { fault.Wait(ctx, 1); cancel() }()
				} else {
					fault = f.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: kerr.InvalidTxnState, Count: -1, TopLevel: key == kmsg.EndTxn})
				}
				err := s.Write(ctx, []Out{{Value: []byte("2")}}, 2)
				if !lost && err == nil {
					t.Fatal("no error")
				}
				cancel()
				fault.Remove()
				s.Close()
				s, at, ok, err := reopen(t, c, cfg)
				if err != nil || !ok {
					t.Fatal(at, ok, err)
				}
				mustWrite(t, s, values("", int(at)+1, 5), 4)
				if got := committed(t, c, "t"); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
					t.Fatalf("position was %d: %v", at, got)
				}
			})
		}
	}
}

func reopen(t *testing.T, c *Client, cfg SinkConfig) (*Sink, uint64, bool, error) {
	t.Helper()
	cfg.Client = c.cfg
	s, at, ok, err := OpenSink(inTime(t), cfg)
	if err == nil {
		t.Cleanup(s.Close)
	}
	return s, at, ok, err
}

// The group may answer only after a while that the position is stable.
func TestUnstablePosition(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	cfg := SinkConfig{Topic: "t", ID: "u"}
	mustWrite(t, mustOpen(t, c, cfg, -1), []Out{{Value: []byte("1")}}, 77)
	h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit, Count: 3})
	mustOpen(t, c, cfg, 77)
	if h.Hits() != 3 {
		t.Fatalf("asked %d times", h.Hits())
	}
}

func TestSinkErrors(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	if _, _, _, err := OpenSink(inTime(t), SinkConfig{Client: c.cfg, Topic: "none", ID: "x"}); !sqlerr.HasCode(err, sqlerr.UndefinedObject) {
		t.Fatal(err)
	}
}

// Records are as large as the topic takes, or the configuration says; what is
// larger is named and nothing of its transaction is there.
func TestLargeRecords(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "small", 1, map[string]string{"max.message.bytes": "2000"})
	mustCreate(t, c, "big", 1, map[string]string{"max.message.bytes": "5000000"})
	large := func(cfg SinkConfig, sizes ...int) *TooLargeError {
		t.Helper()
		s, _, _, err := reopen(t, c, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var out []Out
		for _, n := range sizes {
			out = append(out, Out{Value: noise(n)})
		}
		var large *TooLargeError
		if err := s.Write(inTime(t), out, 1); err != nil && (!errors.As(err, &large) || !sqlerr.HasCode(err, sqlerr.ProgramLimitExceeded)) {
			t.Fatal(err)
		}
		return large
	}
	// Many records of a transaction are more than a batch may be.
	if e := large(SinkConfig{Topic: "small", ID: "a"}, 900, 900, 900, 900); e != nil {
		t.Error(e)
	}
	if e := large(SinkConfig{Topic: "small", ID: "a"}, 10, 3000, 10); e == nil || e.Index != 1 || e.Bytes < 3000 || e.Limit != 2000 {
		t.Errorf("%+v", e)
	}
	if e := large(SinkConfig{Topic: "big", ID: "b"}, 10, 3<<20, 10); e != nil {
		t.Error(e)
	}
	if e := large(SinkConfig{Topic: "big", ID: "c", RecordBytesMax: 2 << 20}, 10, 3<<20); e == nil || e.Limit != 2<<20 {
		t.Errorf("%+v", e)
	}
	for topic, want := range map[string]int64{"small": 4, "big": 3} {
		if ps, _, err := c.Partitions(inTime(t), topic); err != nil || ps[0].End < want {
			t.Errorf("%s: %v %v", topic, ps, err)
		}
	}
}

// A limit that is raised while the sink is open is noticed; one that the cluster
// enforces although it was not known is an error that names the record.
func TestRaisedLimit(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	s := mustOpen(t, c, SinkConfig{Topic: "t", ID: "x"}, -1)
	limit := "4000000"
	if _, err := c.adm.AlterTopicConfigs(inTime(t), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &limit}}, "t"); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, []Out{{Value: noise(3 << 20)}}, 1)
	mustWrite(t, s, []Out{{Value: noise(10)}}, 2)
	if s.batch != batchBytes {
		t.Errorf("batches of %d bytes for small records", s.batch)
	}
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge, Count: 1})
	var large *TooLargeError
	if err := s.Write(inTime(t), []Out{{Value: noise(10)}, {Value: noise(20)}}, 3); !errors.As(err, &large) || large.Index != 1 || large.Limit != 0 {
		t.Errorf("%v", err)
	}
}

// A large transaction gets the time that it needs, as far as the cluster allows.
func TestLargeTransaction(t *testing.T) {
	for max, want := range map[string]time.Duration{"900000": 100 * time.Second, "60000": txnTime} {
		t.Run(max, func(t *testing.T) {
			f := fake(t)
			c := open(t, f.ListenAddrs())
			setting := kadm.AlterConfig{Name: "transaction.max.timeout.ms", Value: &max}
			if _, err := c.adm.AlterBrokerConfigs(inTime(t), []kadm.AlterConfig{setting}); err != nil {
				t.Fatal(err)
			}
			mustCreate(t, c, "t", 1, nil)
			s := mustOpen(t, c, SinkConfig{Topic: "t", ID: "x"}, -1)
			var out []Out
			value := make([]byte, 900_000)
			for range 117 {
				out = append(out, Out{Value: value})
			}
			mustWrite(t, s, out, 1)
			if s.time != want {
				t.Errorf("it may take %s", s.time)
			}
			mustWrite(t, s, out[:1], 2)
			if s.time != txnTime {
				t.Errorf("a small transaction may take %s", s.time)
			}
		})
	}
}

// What stands beside the position is read back with it.
func TestNote(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	cfg := SinkConfig{Topic: "t", ID: "x"}
	s := mustOpen(t, c, cfg, -1)
	for at, note := range []string{"part 1 of 2", ""} {
		if err := s.WriteNoted(inTime(t), []Out{{Value: []byte("x")}}, uint64(at), note); err != nil {
			t.Fatal(err)
		}
		if s = mustOpen(t, c, cfg, int64(at)); s.Note() != note {
			t.Errorf("note %q", s.Note())
		}
	}
}

// noise is bytes that cannot be compressed.
func noise(n int) []byte {
	b := make([]byte, n)
	for i, x := 0, uint32(1); i < n; i++ {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func TestProduce(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 5, nil)
	after := mustProduce(t, c, "t", []Out{{Partition: 2, Value: []byte("a")}, {Partition: 2, Value: []byte("b")}, {Partition: 0, Value: []byte("c")}})
	if fmt.Sprint(after) != "map[0:1 2:2]" {
		t.Fatal(after)
	}
	// As Kafka's own clients place them: murmur2 of the key, with the hashes that the
	// tests of its Java client hold.
	for key, hash := range map[string]uint32{"21": 3321034988, "foobar": 3504634814, "a-little-bit-long-string": 3308985760,
		"a-little-bit-longer-string": 2808662467, "abc": 479470107} {
		want := int32(hash & 0x7fffffff % 5)
		after := mustProduce(t, c, "t", []Out{{Partition: -1, Key: []byte(key)}})
		if _, ok := after[want]; !ok || len(after) != 1 {
			t.Errorf("%s is put into %v", key, after)
		}
	}
	if _, err := c.Produce(inTime(t), "none", []Out{{Partition: -1}}); !sqlerr.HasCode(err, sqlerr.UndefinedObject) {
		t.Error(err)
	}
	if err := c.DeleteTopic(inTime(t), "t"); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, c, "t", 3, nil)
	if after, err := c.Produce(inTime(t), "t", []Out{{Partition: 1, Value: []byte("new")}}); err != nil || after[1] != 1 {
		t.Fatal(after, err)
	}
	f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	short, cancel := context.WithTimeout(inTime(t), 100*time.Millisecond)
	defer cancel()
	if _, err := c.Produce(short, "t", []Out{{Partition: 1, Value: []byte("late")}}); !sqlerr.HasCode(err, sqlerr.ConnectionFailure) {
		t.Fatal(err)
	}
}
