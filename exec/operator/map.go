package operator

import (
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/rowenc"
)

// Map is a filter and a projection in one pass, either of which may be absent. A
// row whose condition or expression fails is an error instead of a row.
type Map struct {
	Cond  *expr.Program // nil: all rows
	Exprs *expr.Program // nil: all columns
}

var _ Operator = (*Map)(nil)

// Push emits what remains of b.
func (m *Map) Push(s *Step, port int, b *vec.Batch, out Emit) error {
	o, errs := m.Apply(s.Ctx, b)
	if len(errs) > 0 {
		if err := out.Errors(errs); err != nil {
			return err
		}
	}
	if o == nil {
		return nil
	}
	return out.Batch(o)
}

// Flush does nothing: rows go through as they come.
func (m *Map) Flush(*Step, Emit) error { return nil }

// Apply computes the rows that b becomes, nil if none remain.
func (m *Map) Apply(c *funcs.Ctx, b *vec.Batch) (*vec.Batch, []zset.Error) {
	var errs []zset.Error
	var sel []int32 // the rows that pass; nil: all
	if m.Cond != nil {
		var failed []funcs.RowError
		sel, failed = m.Cond.EvalFilter(c, b)
		errs = rowErrors(errs, failed, b)
		switch {
		case len(sel) == 0:
			return nil, errs
		case len(sel) == b.N:
			sel = nil
		case m.Exprs == nil:
			return b.Select(sel), errs
		}
	}
	if m.Exprs == nil {
		return b, errs
	}
	if sel == nil {
		cols, failed := m.Exprs.Eval(c, b)
		return finish(errs, failed, b, &vec.Batch{N: b.N, Cols: cols, Weights: b.Weights})
	}
	cols, failed := m.Exprs.EvalRows(c, b, sel) // only the columns that it reads are gathered
	o := &vec.Batch{N: len(sel), Cols: cols}
	if b.Weights != nil {
		o.Weights = make([]int64, len(sel))
		for i, s := range sel {
			o.Weights[i] = b.Weights[s]
		}
	}
	if len(failed) > 0 {
		b = b.Select(sel)
	}
	return finish(errs, failed, b, o)
}

// finish takes the rows that failed out of o, which was computed from b.
func finish(errs []zset.Error, failed []funcs.RowError, b, o *vec.Batch) (*vec.Batch, []zset.Error) {
	if len(failed) == 0 {
		return o, errs
	}
	return Without(o, failed), rowErrors(errs, failed, b)
}

// Without returns b without the rows that failed, nil if none remain. Those that
// failed may be listed more than once and in any order.
func Without(b *vec.Batch, failed []funcs.RowError) *vec.Batch {
	if len(failed) == 0 {
		return b
	}
	bad := make(map[int32]bool, len(failed))
	for _, f := range failed {
		bad[f.Row] = true
	}
	sel := make([]int32, 0, b.N)
	for i := range int32(b.N) {
		if !bad[i] {
			sel = append(sel, i)
		}
	}
	if len(sel) == 0 {
		return nil
	}
	return b.Select(sel)
}

// rowErrors appends the errors of b's rows with the rows' weights.
func rowErrors(dst []zset.Error, failed []funcs.RowError, b *vec.Batch) []zset.Error {
	if len(failed) == 0 {
		return dst
	}
	sel := make([]int32, len(failed))
	for i, f := range failed {
		sel[i] = f.Row
	}
	rows := b.Select(sel)
	var keys rowenc.Keys
	rowenc.EncodeKeys(&keys, rows.Cols, rows.N, rowenc.KeyOptions{Mode: rowenc.Exact})
	for i, f := range failed {
		dst = append(dst, zset.Error{Err: f.Err, Row: string(keys.Key(i)), Weight: rows.Weight(i)})
	}
	return dst
}
