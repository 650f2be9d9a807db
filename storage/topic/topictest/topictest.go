// Package topictest is the conformance test of topic.Topic: what holds for one
// implementation holds for all.
package topictest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// Harness drives one implementation. Append adds rows as one epoch to partition
// 0; Disturb does what must not show: settles, merges, restarts. Topic is asked
// for again after each of them.
type Harness interface {
	Topic() topic.Topic
	Append(epoch uint64, rows *topic.Rows) error
	Disturb(rng *rand.Rand) error
}

var columns = []types.Type{types.Int8, types.Text}

// MakeRows gives n random rows with rowtimes that mostly grow.
func MakeRows(rng *rand.Rand, n int, time *int64) *topic.Rows {
	a, b := vec.NewBuilder(columns[0], n), vec.NewBuilder(columns[1], n)
	r := &topic.Rows{}
	for range n {
		a.Int(rng.Int64N(1000))
		if rng.IntN(4) == 0 {
			b.Null()
		} else {
			b.String(fmt.Sprintf("text %d", rng.IntN(100)))
		}
		*time += rng.Int64N(10)
		r.Rowtime = append(r.Rowtime, *time-rng.Int64N(5))
	}
	if rng.IntN(2) == 0 {
		for range n {
			r.Late = append(r.Late, rng.IntN(3) == 0)
		}
	}
	r.Batch = &vec.Batch{N: n, Cols: []*vec.Vec{a.Finish(), b.Finish()}}
	return r
}

// Line is one row as a test remembers it.
type Line struct {
	Pos     int64
	Epoch   uint64
	Late    bool
	Rowtime int64
	Values  [2]types.Datum
}

// Lines lists rows of up to two columns.
func Lines(r *topic.Rows) (out []Line) {
	for i := range r.Batch.N {
		l := Line{Pos: r.First + int64(i), Epoch: r.EpochOf(i)}
		l.Late = r.Late != nil && r.Late[i]
		if r.Rowtime != nil {
			l.Rowtime = r.Rowtime[i]
		}
		for c, v := range r.Batch.Cols {
			l.Values[c] = v.Datum(i)
		}
		out = append(out, l)
	}
	return out
}

// Read reads partition 0.
func Read(t *testing.T, tp topic.Topic, o topic.Scan) (out []Line) {
	t.Helper()
	if err := tp.Read(0, o, func(r *topic.Rows) error {
		out = append(out, Lines(r)...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Run tests an implementation; open makes an empty topic.
func Run(t *testing.T, seeds int, open func(t *testing.T) Harness) {
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			run(t, rand.New(rand.NewPCG(uint64(seed), 77)), open(t))
		})
	}
}

func run(t *testing.T, rng *rand.Rand, h Harness) {
	if got := Read(t, h.Topic(), topic.Scan{}); len(got) != 0 {
		t.Fatal("an empty topic has rows", got)
	}
	var want []Line
	epoch, time := uint64(0), int64(1000)
	for range 60 {
		switch rng.IntN(3) {
		case 0:
			if err := h.Disturb(rng); err != nil {
				t.Fatal(err)
			}
		default:
			epoch += uint64(1 + rng.IntN(2))
			r := MakeRows(rng, 1+rng.IntN(20), &time)
			if err := h.Append(epoch, r); err != nil {
				t.Fatal(err)
			}
			r.First, r.Epochs = int64(len(want)), []topic.Run{{Epoch: epoch, Rows: r.Batch.N}}
			want = append(want, Lines(r)...)
		}
		check(t, rng, h.Topic(), want, epoch)
	}
}

func check(t *testing.T, rng *rand.Rand, tp topic.Topic, want []Line, epoch uint64) {
	t.Helper()
	if tp.Partitions() < 1 {
		t.Fatal("no partitions")
	}
	b, err := tp.Bounds(0)
	if err != nil || b.Start != 0 || b.End != int64(len(want)) || b.LastEpoch != epoch {
		t.Fatalf("bounds %+v, %v; want %d rows up to epoch %d", b, err, len(want), epoch)
	}
	if got := Read(t, tp, topic.Scan{Rowtime: true}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	if len(want) == 0 {
		return
	}
	// A part of it, with one of the columns.
	o := topic.Scan{From: rng.Int64N(b.End), After: uint64(rng.IntN(int(epoch) + 1)), Columns: []int{1}}
	if rng.IntN(2) == 0 {
		o.UpTo = o.After + uint64(1+rng.IntN(5))
	}
	if rng.IntN(3) == 0 {
		o.Until = 1 + rng.Int64N(b.End)
	}
	var part []Line
	for _, l := range want {
		if l.Pos >= o.From && (o.Until == 0 || l.Pos < o.Until) && l.Epoch > o.After && (o.UpTo == 0 || l.Epoch <= o.UpTo) {
			l.Values[0], l.Values[1], l.Rowtime = l.Values[1], types.Datum{}, 0
			part = append(part, l)
		}
	}
	if got := Read(t, tp, o); !reflect.DeepEqual(got, part) {
		t.Fatalf("%+v:\ngot  %v\nwant %v", o, got, part)
	}
	// A column that was added later is NULL.
	if err := tp.Read(0, topic.Scan{Columns: []int{2}, Types: append(columns[:2:2], types.Bool)}, func(r *topic.Rows) error {
		if !r.Batch.Cols[0].IsNull(0) || r.Batch.Cols[0].Type != types.Bool {
			t.Fatal("not NULL")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stop")
	if err := tp.Read(0, topic.Scan{}, func(*topic.Rows) error { return stop }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	at := want[rng.IntN(len(want))].Rowtime + rng.Int64N(3)
	pos := b.End
	for _, l := range want {
		if l.Rowtime >= at {
			pos = l.Pos
			break
		}
	}
	if got, err := tp.PositionAt(0, at); err != nil || got != pos {
		t.Fatalf("position at %d: %d, %v, want %d", at, got, err, pos)
	}
}
