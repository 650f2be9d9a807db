package operator

import (
	"math"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Temporal keeps a row while the logical time lies within its bounds: it emits the
// row when its time has come and takes it back when its time has passed.
//
// What is still to happen lies in one arrangement in order of time: the row with
// its weight where it will come, with the opposite weight where it will go. That
// is linear in the weight, so a retraction cancels what its row had ahead of it.
type Temporal struct {
	types  []types.Type
	bounds []plan.Bound
	timers *arrange.Ordered // time ++ row
	next   int64            // the first timer; unknown before the first look
	known  bool
}

var (
	_ Operator = (*Temporal)(nil)
	_ Clocked  = (*Temporal)(nil)
)

// NewTemporal makes the operator for rows of the given types.
func NewTemporal(ts []types.Type, bounds []plan.Bound, states *States) *Temporal {
	return &Temporal{types: ts, bounds: bounds, timers: states.Space.Ordered(states.Next())}
}

// Next is the time, µs, at which rows come or go though nothing has changed;
// math.MaxInt64: at none.
func (t *Temporal) Next() (int64, error) {
	if t.known {
		return t.next, nil
	}
	key, _, _, ok, err := t.timers.First(nil, noGroupHash)
	if err != nil {
		return 0, err
	}
	t.next, t.known = math.MaxInt64, true
	if ok {
		t.next = timeOf(key)
	}
	return t.next, nil
}

// Push emits the rows whose time it is and sets timers for what is to come.
func (t *Temporal) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	var rows rowenc.Keys
	rowenc.EncodeKeys(&rows, b.Cols, b.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	now := make([]int32, 0, b.N)
	var key []byte
	set := func(at int64, row []byte, w int64) error {
		key = append(appendTime(key[:0], at), row...)
		_, _, err := t.timers.Add(nil, noGroupHash, key, nil, w)
		return err
	}
	t.known = false
	var errs []zset.Error
	for i := range b.N {
		if t.endless(b, i) {
			errs = append(errs, zset.Error{Err: errEndless(), Row: string(rows.Key(i)), Weight: b.Weight(i)})
			continue
		}
		from, until := t.span(b, i)
		if until <= from || until <= s.Time {
			continue
		}
		w := b.Weight(i)
		if from <= s.Time {
			now = append(now, int32(i))
		} else if err := set(from, rows.Key(i), w); err != nil {
			return err
		}
		if until != math.MaxInt64 {
			if err := set(until, rows.Key(i), -w); err != nil {
				return err
			}
		}
	}
	if len(errs) > 0 {
		if err := out.Errors(errs); err != nil {
			return err
		}
	}
	switch len(now) {
	case 0:
		return nil
	case b.N:
		return out.Batch(b)
	}
	return out.Batch(b.Select(now))
}

// endless reports whether row i has an infinite time where none may be.
func (t *Temporal) endless(b *vec.Batch, i int) bool {
	for _, bound := range t.bounds {
		if col := b.Cols[bound.Col]; bound.Finite && !col.IsNull(i) && (col.Ints[i] == math.MaxInt64 || col.Ints[i] == math.MinInt64) {
			return true
		}
	}
	return false
}

func errEndless() *sqlerr.Error {
	return sqlerr.New(sqlerr.DatetimeFieldOverflow, "cannot subtract infinite timestamps")
}

// span is the time of row i: [from, until), µs; empty where a bound is NULL.
func (t *Temporal) span(b *vec.Batch, i int) (from, until int64) {
	from, until = math.MinInt64, math.MaxInt64
	for _, bound := range t.bounds {
		col := b.Cols[bound.Col]
		if col.IsNull(i) {
			return 0, 0
		}
		at := bound.At(col.Ints[i])
		if bound.Until {
			until = min(until, at)
		} else {
			from = max(from, at)
		}
	}
	return from, until
}

// Flush emits what has come and gone by the step's time.
func (t *Temporal) Flush(s *Step, out Emit) error {
	if next, err := t.Next(); err != nil || next > s.Time {
		return err
	}
	t.known = false
	return takeDue(t.timers, t.types, s.Time, func(int64) bool { return true }, out)
}
