package operator

import (
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Once marks operators that emit something of their own in the first step of a
// circuit's life, input or not. They are flushed until Started is true.
type Once interface{ Started() bool }

// Values emits constant rows, once.
type Values struct {
	types []types.Type
	rows  [][]expr.Expr
	once  once
}

var (
	_ Operator = (*Values)(nil)
	_ Once     = (*Values)(nil)
)

// NewValues makes the operator; rows hold expressions without columns.
func NewValues(ts []types.Type, rows [][]expr.Expr, states *States) *Values {
	return &Values{types: ts, rows: rows, once: newOnce(states)}
}

// Started reports whether the rows have been emitted.
func (v *Values) Started() bool { return v.once.done }

// Push is not called: there is no input.
func (v *Values) Push(*Step, int, *vec.Batch, Emit) error { return nil }

// Flush emits the rows in the first step.
func (v *Values) Flush(s *Step, out Emit) error {
	if first, err := v.once.first(); err != nil || !first {
		return err
	}
	b := zset.NewBuilder(v.types, out.Batch)
	for _, row := range v.rows {
		ds := make([]types.Datum, len(row))
		var failed error
		for c, e := range row {
			d, err := expr.EvalDatum(s.Ctx, e)
			if err != nil {
				failed = err
				break
			}
			ds[c] = d
		}
		if failed != nil {
			if err := out.Errors([]zset.Error{{Err: sqlerr.From(failed), Weight: 1}}); err != nil {
				return err
			}
			continue
		}
		if err := b.Datums(1, ds...); err != nil {
			return err
		}
	}
	return b.Flush()
}

// Series emits generate_series(From, To, Step), once. A NULL bound gives no rows.
type Series struct {
	from, to, step expr.Expr
	typ            types.Type
	once           once
}

var (
	_ Operator = (*Series)(nil)
	_ Once     = (*Series)(nil)
)

// NewSeries makes the operator; step nil is 1.
func NewSeries(t types.Type, from, to, step expr.Expr, states *States) *Series {
	return &Series{from: from, to: to, step: step, typ: t, once: newOnce(states)}
}

// Started reports whether the rows have been emitted.
func (v *Series) Started() bool { return v.once.done }

// Push is not called: there is no input.
func (v *Series) Push(*Step, int, *vec.Batch, Emit) error { return nil }

// Flush emits the series in the first step.
func (v *Series) Flush(s *Step, out Emit) error {
	if first, err := v.once.first(); err != nil || !first {
		return err
	}
	err := v.emit(s, out)
	if e, ok := err.(*sqlerr.Error); ok {
		return out.Errors([]zset.Error{{Err: e, Weight: 1}})
	}
	return err
}

func (v *Series) emit(s *Step, out Emit) error {
	bounds := make([]types.Datum, 3)
	for i, e := range []expr.Expr{v.from, v.to, v.step} {
		if e == nil {
			bounds[i] = types.Int(1)
			if v.typ.Phys() == types.PhysNumeric {
				bounds[i] = types.NumericFromInt(1)
			}
			continue
		}
		d, err := expr.EvalDatum(s.Ctx, e)
		if err != nil {
			return sqlerr.From(err)
		}
		if d.Null {
			return nil
		}
		bounds[i] = d
	}
	if err := funcs.CheckSeries(v.typ, bounds[0], bounds[1], bounds[2]); err != nil {
		return err
	}
	b := zset.NewBuilder([]types.Type{v.typ}, out.Batch)
	add, down, err := v.stepper(s, bounds[2])
	if err != nil {
		return err
	}
	for at := bounds[0]; ; {
		if cmp := types.Compare(at, bounds[1], v.typ); !down && cmp > 0 || down && cmp < 0 {
			break
		}
		if err := b.Datums(1, at); err != nil {
			return err
		}
		if s.cancelled() {
			return Cancelled()
		}
		next, ok, err := add(at)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		at = next
	}
	return b.Flush()
}

// stepper returns what takes a value to the next (ok false: past the end of the
// type) and whether the series goes down.
func (v *Series) stepper(s *Step, step types.Datum) (add func(types.Datum) (types.Datum, bool, error), down bool, err error) {
	zero := sqlerr.New(sqlerr.InvalidParameterValue, "step size cannot equal zero")
	switch v.typ.OID {
	case types.OIDTimestamp, types.OIDTimestamptz:
		st := v.step
		if st == nil {
			return nil, false, sqlerr.New(sqlerr.InternalError, "generate_series over times needs a step")
		}
		iv := types.DecodeInterval(step.S)
		order := int64(iv.Months)*30*86400e6 + int64(iv.Days)*86400e6 + iv.Micros
		if order == 0 {
			return nil, false, zero
		}
		loc := s.zone()
		return func(d types.Datum) (types.Datum, bool, error) {
			var t int64
			var err error
			if v.typ.OID == types.OIDTimestamptz {
				t, err = types.TimestamptzAdd(d.I, iv, loc)
			} else {
				t, err = types.TimestampAdd(d.I, iv)
			}
			return types.Int(t), true, err
		}, order < 0, nil
	}
	switch v.typ.Phys() {
	case types.PhysInt:
		if step.I == 0 {
			return nil, false, zero
		}
		return func(d types.Datum) (types.Datum, bool, error) {
			n := d.I + step.I
			return types.Int(n), n > d.I == (step.I > 0), nil
		}, step.I < 0, nil
	case types.PhysNumeric:
		sign := types.Compare(step, types.NumericFromInt(0), v.typ)
		if sign == 0 {
			return nil, false, zero
		}
		return func(d types.Datum) (types.Datum, bool, error) {
			n, err := types.NumericAdd(d, step)
			return n, true, err
		}, sign < 0, nil
	}
	return nil, false, sqlerr.New(sqlerr.FeatureNotSupported, "generate_series over type %s is not supported", v.typ)
}
