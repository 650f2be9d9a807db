package operator

import (
	"math"
	"testing"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// tally counts rows and the largest batch.
type tally struct{ rows, largest int }

func (c *tally) Batch(b *vec.Batch) error {
	c.rows += b.N
	c.largest = max(c.largest, b.N)
	return nil
}

func (c *tally) Errors([]zset.Error) error { return nil }

// A row that meets 100,000 matches streams them out in batches of usual size,
// and so do the 100,000 rows that get their first match at once.
func TestJoinHotKey(t *testing.T) {
	const hot = 100_000
	space := arrange.NewSpace(arrange.Options{})
	defer space.Close()
	space.Begin(1)
	id := uint64(0)
	j := NewJoin(JoinSpec{Kind: plan.Left, Types: [2][]types.Type{kv, kv}, Keys: [2][]int{{0}, {0}}},
		&States{Space: space, Next: func() uint64 { id++; return id }})
	s := &Step{Epoch: 1, Watermark: math.MinInt64, Ctx: &funcs.Ctx{Env: types.NewEnv()}, Workers: 1}
	left := zset.NewBuilder(kv, func(b *vec.Batch) error { return j.Push(s, 0, b, &tally{}) })
	for i := range hot {
		if err := left.Datums(1, types.String("hot"), types.Int(int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := left.Flush(); err != nil {
		t.Fatal(err)
	}
	c := &tally{}
	one := zset.NewBuilder(kv, nil)
	if err := one.Datums(1, types.String("hot"), types.Int(7)); err != nil {
		t.Fatal(err)
	}
	if err := j.Push(s, 1, one.Batch(), c); err != nil {
		t.Fatal(err)
	}
	if c.rows != 2*hot || c.largest > vec.BatchRows {
		t.Errorf("%d rows, the largest batch has %d", c.rows, c.largest)
	}
}
