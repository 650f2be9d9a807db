package format

import (
	"slices"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/topic"
)

// draft is decoded rows before their columns are put together and checked.
type draft struct {
	// images are where the rows come from, each a column for every column of the
	// Spec (nil: NULL).
	images [][]*vec.Vec
	// from and row say which row of which image each row is; nil: the rows of
	// images[0] as they are.
	from, row []int32
	record    []int32
	ops       []Op
	bad       []*sqlerr.Error
	ddl       []DDL
	// keep: the columns of each row whose values the record does not tell, nil: none.
	keep [][]int32
}

func (t *draft) mark(records, record int, err *sqlerr.Error) {
	if t.bad == nil {
		t.bad = make([]*sqlerr.Error, records)
	}
	if t.bad[record] == nil {
		t.bad[record] = err
	}
}

// add appends one row: row r of an image.
func (t *draft) add(image, r, record int, op Op) {
	t.from = append(t.from, int32(image))
	t.row = append(t.row, int32(r))
	t.record = append(t.record, int32(record))
	t.ops = append(t.ops, op)
}

// column puts column i of the rows together; those from the key come later.
func (d *decoder) column(r *topic.Records, t *draft, i int) *vec.Vec {
	c := &d.spec.Columns[i]
	if c.From == FromKey {
		return nil
	}
	if c.From != FromValue {
		return d.metaColumn(r, t, c)
	}
	if d.valueOf[i] < 0 { // it is of no interest
		return nulls(c.Type, len(t.record))
	}
	if t.from == nil {
		return t.images[0][i]
	}
	srcs := make([]*vec.Vec, len(t.images))
	for k, image := range t.images {
		if srcs[k] = image[i]; srcs[k] == nil {
			srcs[k] = vec.ConstVec(c.Type, types.NullDatum, 1)
		}
	}
	from, row := t.from, t.row
	for k, s := range srcs {
		if s.Const {
			from, row = withoutImage(from, row, int32(k))
		}
	}
	return vec.Pick(c.Type, srcs, from, row)
}

// withoutImage makes the rows of one image NULL.
func withoutImage(from, row []int32, image int32) ([]int32, []int32) {
	out, at := make([]int32, len(from)), make([]int32, len(row))
	for i, f := range from {
		out[i], at[i] = f, row[i]
		if f == image {
			out[i], at[i] = -1, 0
		}
	}
	return out, at
}

// checkNulls marks the records of rows that have no value where they must.
func (d *decoder) checkNulls(r *topic.Records, t *draft, cols []*vec.Vec) {
	pk := make([]bool, len(cols))
	for _, i := range d.spec.PK {
		pk[i] = true
	}
	for i, c := range cols {
		if c.Valid == nil || !pk[i] && !d.spec.Columns[i].NotNull || d.spec.Columns[i].From == FromValue && d.valueOf[i] < 0 {
			continue
		}
		for k := range c.N {
			if !c.IsNull(k) {
				continue
			}
			if t.keep != nil && slices.Contains(t.keep[k], int32(i)) {
				continue
			}
			if op := t.op(k); op == Put || op == Delete && pk[i] {
				name := d.spec.Columns[i].Name
				e := sqlerr.New(sqlerr.NotNullViolation, "null value in column %q violates not-null constraint", name)
				e.Column = name
				t.mark(r.N(), int(t.record[k]), e)
			}
		}
	}
}

func (t *draft) op(row int) Op {
	if t.ops == nil {
		return Put
	}
	return t.ops[row]
}

// readable is err in words that a text can hold, whatever of the record is in them.
func readable(err *sqlerr.Error) *sqlerr.Error {
	const replacement = "\ufffd"
	clean := func(s string) string {
		return strings.ReplaceAll(strings.ToValidUTF8(s, replacement), "\x00", replacement)
	}
	if clean(err.Message) == err.Message && clean(err.Detail) == err.Detail {
		return err
	}
	e := *err
	e.Message, e.Detail = clean(err.Message), clean(err.Detail)
	return &e
}

// finish leaves the rows of bad records out.
func (d *decoder) finish(t *draft, cols []*vec.Vec) *Decoded {
	out := &Decoded{Rows: &vec.Batch{N: len(t.record), Cols: cols}, Ops: t.ops, Record: t.record, DDL: t.ddl, Keep: t.keep}
	if t.bad == nil {
		return out
	}
	for i, err := range t.bad {
		if err != nil {
			out.Bad = append(out.Bad, Bad{Record: i, Err: readable(err)})
		}
	}
	keep := make([]int32, 0, len(t.record))
	for i, rec := range t.record {
		if t.bad[rec] == nil {
			keep = append(keep, int32(i))
		}
	}
	if len(keep) == len(t.record) {
		return out
	}
	out.Rows = out.Rows.Select(keep)
	record := make([]int32, len(keep))
	for i, k := range keep {
		record[i] = t.record[k]
	}
	out.Record = record
	if t.keep != nil {
		out.Keep = make([][]int32, len(keep))
		for i, k := range keep {
			out.Keep[i] = t.keep[k]
		}
	}
	if t.ops != nil {
		ops := make([]Op, len(keep))
		for i, k := range keep {
			ops[i] = t.ops[k]
		}
		out.Ops = ops
	}
	return out
}
