package copytext

import (
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

const (
	batchRowsMax  = 2 * vec.BatchRows
	batchBytesMax = 8 << 20 // of data; keeps columns of long texts small
)

// batching makes batches of decoded rows, in either kind of format.
type batching struct {
	table      string
	env        *types.Env
	cols       []column
	rows       int64
	batchN     int // rows in the columns
	batchBytes int
	nullAt     int // the first NOT NULL column that is NULL in this row, or -1
}

func newBatching(table string, columns []Column, env *types.Env) batching {
	b := batching{table: table, env: env, cols: make([]column, len(columns)), nullAt: -1}
	for i, c := range columns {
		b.cols[i] = newColumn(c, env)
	}
	return b
}

// begin makes room for the first batch, guessing its rows from the size of the
// first chunk: small inserts shall not pay for 8192 of them.
func (b *batching) begin(chunk int) { b.reset(min(max(chunk/8, 16), batchRowsMax)) }

func (b *batching) reset(rows int) {
	for i := range b.cols {
		b.cols[i].b.Reset(b.cols[i].Type, rows)
	}
}

// rowDone counts a row that took so many bytes; full batches are emitted.
func (b *batching) rowDone(bytes int, emit func(*vec.Batch) error) error {
	b.batchN++
	b.rows++
	b.batchBytes += bytes
	if b.batchN < batchRowsMax && b.batchBytes <= batchBytesMax {
		return nil
	}
	if err := b.flush(emit); err != nil {
		return err
	}
	b.reset(batchRowsMax)
	return nil
}

// flush emits the rows there are.
func (b *batching) flush(emit func(*vec.Batch) error) error {
	out := &vec.Batch{N: b.batchN, Cols: make([]*vec.Vec, len(b.cols))}
	for i := range b.cols {
		out.Cols[i] = b.cols[i].b.Finish()
	}
	b.batchN, b.batchBytes = 0, 0
	return emit(out)
}

func (b *batching) setNull(i int) {
	c := &b.cols[i]
	if c.NotNull && b.nullAt < 0 {
		b.nullAt = i
	}
	c.b.Null()
}

// errNull is 23502 for the row that was decoded last; nothing can be decoded
// after it.
func (b *batching) errNull() error {
	e := sqlerr.New(sqlerr.NotNullViolation, "null value in column \"%s\" of relation \"%s\" violates not-null constraint", b.cols[b.nullAt].Name, b.table)
	detail := []byte("Failing row contains (")
	for i := range b.cols {
		if i > 0 {
			detail = append(detail, ", "...)
		}
		v := b.cols[i].b.Finish()
		if v.IsNull(v.N - 1) {
			detail = append(detail, "null"...)
			continue
		}
		detail = append(detail, clip(types.AppendText(nil, v.Datum(v.N-1), v.Type, b.env), 64)...)
	}
	e.Detail, e.Table, e.Column = string(append(detail, ")."...)), b.table, b.cols[b.nullAt].Name
	return e
}
